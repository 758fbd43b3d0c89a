//! What a caller may spend: limits in sliding windows, and budgets by the calendar. The JSON of these types is what an administrator
//! writes in a key's or a tenant's record.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::cloud::models::MicroDollars;

/// A length of time in ms, written as `"500ms"`, `"60s"`, `"5m"`, `"1h"`, `"30d"`, or as a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub u64);

/// Units of time and their ms, the largest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

const TWO_MINUTES: u64 = 120_000;

impl Span {
    /// The longest that is accepted: 366 days.
    pub const LONGEST: Self = Self(366 * 86_400_000);

    /// Reads a length of time.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits)?;
        let (_, ms) = UNITS.iter().find(|(name, _)| *name == unit)?;
        Some(Self(number.parse::<u64>().ok()?.checked_mul(*ms)?)).filter(|span| *span > Self(0) && *span <= Self::LONGEST)
    }

    /// Whole seconds, rounded up.
    pub fn seconds(self) -> u64 {
        self.0.div_ceil(1000)
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // People say 60 seconds, not one minute.
        let fits = |ms: u64| self.0.checked_rem(ms) == Some(0) && (ms <= 1000 || self.0 > TWO_MINUTES);
        let (unit, ms) = UNITS.into_iter().find(|(_, ms)| fits(*ms)).unwrap_or(("ms", 1));
        write!(formatter, "{}{unit}", self.0.checked_div(ms).unwrap_or_default())
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a length of time such as \"60s\", \"5m\", \"1h\" or \"30d\"")]
        enum Written {
            Seconds(u64),
            Text(String),
        }
        let span = match Written::deserialize(deserializer)? {
            Written::Seconds(seconds) => Self::parse(&format!("{seconds}s")),
            Written::Text(text) => Self::parse(&text),
        };
        span.ok_or_else(|| de::Error::custom("expected a length of time such as \"60s\", \"5m\", \"1h\" or \"30d\", at most 366 days"))
    }
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Calls.
    Requests,
    /// Tokens of prompts and answers.
    Tokens,
    /// Money.
    MicroDollars,
}

impl Measure {
    /// Its name in records and headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::MicroDollars => "micro_dollars",
        }
    }
}

/// For whom a limit counts apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// All calls of the record's owner (a key, a token or a tenant) together.
    #[default]
    Owner,
    /// Each key.
    Key,
    /// Each end user; calls that name none count together.
    User,
    /// Each model.
    Model,
}

impl Per {
    fn is_owner(&self) -> bool {
        *self == Self::Owner
    }
}

/// A limit: any span of time as long as the window holds at most the amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What is counted.
    pub measure: Measure,
    /// How much may be.
    pub amount: u64,
    /// In how long.
    pub window: Span,
    /// For whom apart.
    pub per: Per,
}

/// A limit as it is written: `{"requests": 5, "window": "60s"}`, with `tokens` or `micro_dollars` in place of `requests`, and `per`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requests: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    micro_dollars: Option<u64>,
    window: Span,
    #[serde(default, skip_serializing_if = "Per::is_owner")]
    per: Per,
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let of = |measure| (self.measure == measure).then_some(self.amount);
        Written {
            requests: of(Measure::Requests),
            tokens: of(Measure::Tokens),
            micro_dollars: of(Measure::MicroDollars),
            window: self.window,
            per: self.per,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { requests, tokens, micro_dollars, window, per } = Written::deserialize(deserializer)?;
        let (measure, amount) = match (requests, tokens, micro_dollars) {
            (Some(amount), None, None) => (Measure::Requests, amount),
            (None, Some(amount), None) => (Measure::Tokens, amount),
            (None, None, Some(amount)) => (Measure::MicroDollars, amount),
            _ => return Err(de::Error::custom("expected exactly one of `requests`, `tokens` and `micro_dollars`")),
        };
        Ok(Self { measure, amount, window, per })
    }
}

/// What may be spent in a day or a month (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    /// From here on answers carry a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft_micro_dollars: Option<MicroDollars>,
    /// Nothing is spent beyond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_micro_dollars: Option<MicroDollars>,
}

/// A budget by the calendar (UTC).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// From midnight to midnight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<Ceiling>,
    /// From the first of a month to the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<Ceiling>,
}

/// Limits and budget of one owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// All hold at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// What may be spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}
