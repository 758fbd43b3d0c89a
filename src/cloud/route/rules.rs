//! Rules of routing, as operators write them: when one holds, and what it does.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ask::Ask;
use super::score::Preference;
use crate::edge::intents::Intent;
use crate::edge::task::Task;

/// A rule: what it is called, when it holds, and one of `model`, `among` and `prefer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Rule {
    /// What answers and headers call it.
    pub name: String,
    /// When it holds.
    pub when: When,
    /// What it does.
    pub effect: Effect,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// This model answers, by id or alias.
    Model(String),
    /// One of these answers.
    Among(Vec<String>),
    /// This is preferred; later rules go on from there.
    Prefer(Preference),
}

/// A rule as it is written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    name: String,
    #[serde(skip_serializing_if = "When::is_empty")]
    when: When,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    among: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefer: Option<Preference>,
}

/// The longest name of a rule, in bytes: it stands in a header.
const LONGEST_NAME: usize = 64;

impl TryFrom<Written> for Rule {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { name, when, model, among, prefer } = written;
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(|c| matches!(c, ' '..='~')) {
            return Err(format!("expected a `name` of 1 to {LONGEST_NAME} printable ASCII characters in each rule"));
        }
        let effect = match (model, among, prefer) {
            (Some(model), None, None) if !model.is_empty() => Effect::Model(model),
            (None, Some(among), None) if !among.is_empty() && among.iter().all(|model| !model.is_empty()) => Effect::Among(among),
            (None, None, Some(prefer)) => Effect::Prefer(prefer),
            _ => return Err(format!("expected one of `model`, `among` and `prefer` in the rule `{name}`")),
        };
        Ok(Self { name, when, effect })
    }
}

impl From<Rule> for Written {
    fn from(Rule { name, when, effect }: Rule) -> Self {
        let (model, among, prefer) = match effect {
            Effect::Model(model) => (Some(model), None, None),
            Effect::Among(among) => (None, Some(among), None),
            Effect::Prefer(prefer) => (None, None, Some(prefer)),
        };
        Self { name, when, model, among, prefer }
    }
}

/// When a rule holds: all that is given must be so. Nothing given holds always.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// The kind of work is one of these, and that is more likely than not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Vec<Named<Task>>>,
    /// A social-media manager is asked for one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intents: Option<Vec<Named<Intent>>>,
    /// The text is in one of these languages (BCP 47; `und` for unknown).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub languages: Option<Vec<String>>,
    /// The tenant is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenants: Option<Vec<String>>,
    /// The tenant's tier is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Vec<String>>,
    /// One of these is preferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefer: Option<Vec<Preference>>,
    /// Whether there are tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<bool>,
    /// Whether a strict schema is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<bool>,
    /// Whether there are pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pictures: Option<bool>,
    /// Whether a stream is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// The input has at least so many tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens_from: Option<u64>,
    /// The input has fewer tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens_below: Option<u64>,
    /// At these hours of a day, UTC: `22:00-06:00`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// On these days, UTC: `mon` to `sun`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<Vec<Day>>,
}

/// Where and when a request is routed.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The tenant's name.
    pub tenant: &'a str,
    /// Its tier.
    pub tier: Option<&'a str>,
    /// Minutes since the week began, on Monday at 0:00 UTC.
    pub minute_of_week: u32,
}

const MINUTES_OF_DAY: u32 = 24 * 60;
const MINUTES_OF_WEEK: u64 = 7 * 24 * 60;

impl When {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether all that is given is so.
    pub fn holds(&self, ask: &Ask, prefer: Preference, place: &Place<'_>) -> bool {
        fn among<T>(list: Option<&Vec<T>>, holds: impl Fn(&T) -> bool) -> bool {
            list.is_none_or(|list| list.iter().any(holds))
        }
        let same = |given: Option<bool>, is: bool| given.is_none_or(|given| given == is);
        let language = ask.language.unwrap_or(crate::edge::language::UNKNOWN);
        let day = place.minute_of_week.div_euclid(MINUTES_OF_DAY);
        among(self.tasks.as_ref(), |task| task.0 == ask.task.task && ask.task.confidence > 0.5)
            && among(self.intents.as_ref(), |intent| Some(intent.0) == ask.task.intent)
            && among(self.languages.as_ref(), |code| code == language)
            && among(self.tenants.as_ref(), |tenant| tenant == place.tenant)
            && among(self.tiers.as_ref(), |tier| Some(tier.as_str()) == place.tier)
            && among(self.prefer.as_ref(), |preference| *preference == prefer)
            && same(self.tools, ask.tools)
            && same(self.schema, ask.schema)
            && same(self.pictures, ask.pictures)
            && same(self.stream, ask.stream)
            && self.input_tokens_from.is_none_or(|least| ask.input_tokens >= least)
            && self.input_tokens_below.is_none_or(|most| ask.input_tokens < most)
            && self.hours.is_none_or(|hours| hours.hold(place.minute_of_week.rem_euclid(MINUTES_OF_DAY)))
            && among(self.days.as_ref(), |given| *given as u32 == day)
    }
}

/// A day of the week; the first is Monday, as in ISO 8601.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is named for its day")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// Hours of a day, in minutes since midnight; they may reach over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from: u32,
    to: u32,
}

impl Hours {
    /// From 22:00 to 06:00.
    pub const NIGHT: Self = Self { from: 22 * 60, to: 6 * 60 };

    /// Reads `HH:MM-HH:MM`; none for anything else, and for hours that never come.
    pub fn parse(text: &str) -> Option<Self> {
        let minute = |text: &str| {
            let (hours, minutes) = text.trim().split_once(':')?;
            let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.len() == 2);
            let (hours, minutes) = (number(hours)?, number(minutes)?);
            (minutes < 60).then_some(hours.checked_mul(60)?.checked_add(minutes)?).filter(|minute| *minute <= MINUTES_OF_DAY)
        };
        let (from, to) = text.split_once('-')?;
        let (from, to) = (minute(from)?, minute(to)?);
        (from != to && from < MINUTES_OF_DAY).then_some(Self { from, to })
    }

    /// Whether a minute of the day is among them. The first minute is, the last is not.
    pub fn hold(self, minute: u32) -> bool {
        if self.from < self.to { (self.from..self.to).contains(&minute) } else { minute >= self.from || minute < self.to }
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let clock = |minute: u32| format!("{:02}:{:02}", minute.div_euclid(60), minute.rem_euclid(60));
        serializer.serialize_str(&format!("{}-{}", clock(self.from), clock(self.to)))
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("expected hours of a day in UTC such as \"22:00-06:00\""))
    }
}

/// Something of a closed list, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named<T>(pub T);

macro_rules! named {
    ($kind:ty, $what:literal) => {
        impl Serialize for Named<$kind> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.name())
            }
        }

        impl<'de> Deserialize<'de> for Named<$kind> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = String::deserialize(deserializer)?;
                let known = || <$kind>::ALL.map(<$kind>::name).join(", ");
                <$kind>::named(&name).map(Named).ok_or_else(|| serde::de::Error::custom(format!("expected {}: one of {}", $what, known())))
            }
        }
    };
}

named!(Task, "a kind of work");
named!(Intent, "an intent");

/// Minutes since the week began, on Monday at 0:00 UTC, of a time in ms since 1970.
pub fn minute_of_week(now_ms: u64) -> u32 {
    // 1970 began on a Thursday.
    let minutes = (now_ms / 60_000).saturating_add(3 * MINUTES_OF_WEEK / 7);
    u32::try_from(minutes % MINUTES_OF_WEEK).unwrap_or_default()
}
