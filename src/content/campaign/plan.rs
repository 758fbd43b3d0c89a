//! A campaign as it is asked for, and the order for each of its posts.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::strategy::Theme;
use crate::admission::calendar;
use crate::content::order::{Order, Task, wrong};
use crate::content::platform::Platform;
use crate::error::Error;
use crate::ledger::calendar::{DAY_MS, begins_ms, day_of, written};
use crate::protocol::json::{Document, typed};
use crate::protocol::request::refusal;

/// The most posts of a campaign: platforms times times.
pub const MOST_SLOTS: usize = 200;
/// The most times of a timeline: each has a key in the schema of the strategy, which may have 5,000 characters.
const MOST_TIMES: usize = 60;
/// The longest brief, in characters: an instruction holds it with its theme, and with the post that it must not be like.
const LONGEST_BRIEF: usize = 4000;
/// The longest name, in characters.
const LONGEST_NAME: usize = 100;
/// The most characters of another post that a writer is shown.
const SHOWN_OF_POST: usize = 1500;
/// When a post goes out whose time is a date alone: 09:00 UTC, in ms from midnight.
const MORNING_MS: u64 = 9 * 3_600_000;
/// The largest budget, in micro-dollars: a million dollars.
const LARGEST_BUDGET: u64 = 1_000_000_000_000;

/// Fields that are a campaign's own; the others are those of an order for posts.
const OWN: [&str; 5] = ["name", "brief", "timeline", "budget", "budget_micro_dollars"];
/// Fields that go into every order as they are.
const SHARED: [&str; 9] = ["platforms", "brand", "tone", "language", "audience", "links", "hashtags", "model", "user"];

/// A campaign as it is asked for, checked.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What its owner calls it.
    pub name: String,
    /// What it is about.
    pub brief: String,
    /// When posts go out, in ms since 1970, in order.
    pub times: Vec<u64>,
    /// The most that it may cost, in micro-dollars.
    pub budget: Option<u64>,
    /// The order that all posts have in common: its subject is the brief.
    pub order: Order,
    shared: Map<String, Value>,
    written: Value,
}

/// The fields of a body that are read again when its strategy is asked for.
const KEPT: [&str; 3] = ["name", "brief", "timeline"];

/// A time in ms since 1970 by RFC 3339, in UTC.
pub fn instant(at_ms: u64) -> String {
    let seconds = at_ms % DAY_MS / 1000;
    format!("{}T{:02}:{:02}:{:02}Z", written(day_of(at_ms)), seconds / 3600, seconds / 60 % 60, seconds % 60)
}

impl Plan {
    /// Reads a body.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn read(body: &[u8]) -> Result<Self, Error> {
        let document = Document::read(body).map_err(refusal)?;
        if let Some((key, _)) = document.root().members().find(|(key, _)| !OWN.iter().chain(&SHARED).any(|known| key.is(known))) {
            let shown: String = key.text().unwrap_or_default().chars().take(64).collect();
            let known: Vec<&str> = OWN.iter().chain(&SHARED).copied().collect();
            let message = format!("`{shown}` is not known here. Use one of {}.", known.join(", "));
            return Err(Error::invalid("unknown_field", shown, message));
        }
        let body: Value = typed::typed(document.root()).map_err(|_| Error::invalid("wrong_value", "", "The body must be an object."))?;
        let brief = required_text(&body, "brief")?;
        if brief.chars().count() > LONGEST_BRIEF {
            return Err(wrong("brief", &format!("is longer than {LONGEST_BRIEF} characters")));
        }
        let name = match body.get("name").filter(|name| !name.is_null()) {
            None => String::new(),
            Some(name) => name
                .as_str()
                .filter(|name| name.chars().count() <= LONGEST_NAME)
                .ok_or_else(|| wrong("name", &format!("must be a text of at most {LONGEST_NAME} characters")))?
                .to_owned(),
        };
        let times = timeline(body.get("timeline"))?;
        let budget = budget(&body)?;
        let shared: Map<String, Value> = SHARED.iter().filter_map(|name| Some(((*name).to_owned(), body.get(*name)?.clone()))).collect();
        let mut order = shared.clone();
        order.insert("instruction".to_owned(), brief.clone().into());
        let of_brief = |error: Error| if error.param == "instruction" { error.about("brief") } else { error };
        let order = Order::read(Task::Posts, Value::Object(order).to_string().as_bytes()).map_err(of_brief)?;
        let slots = times.len().saturating_mul(order.platforms.len());
        if slots > MOST_SLOTS {
            let message = format!("has {slots} posts with these platforms, and a campaign may have {MOST_SLOTS}. Make several campaigns");
            return Err(wrong("timeline", &message));
        }
        let mut written = shared.clone();
        written.extend(KEPT.iter().filter_map(|name| Some(((*name).to_owned(), body.get(*name)?.clone()))));
        Ok(Self { name, brief, times, budget, order, shared, written: Value::Object(written) })
    }

    /// As it is kept: a body that reads as the same plan. Its budget is the course's.
    pub fn written(&self) -> &Value {
        &self.written
    }

    /// What is posted where, and when (ms since 1970): by time, and by platform within.
    pub fn slots(&self) -> Vec<(Platform, u64)> {
        self.times.iter().flat_map(|at| self.order.platforms.iter().map(|platform| (*platform, *at))).collect()
    }

    /// The place of a slot's time in the timeline.
    pub fn time_of(&self, slot: usize) -> usize {
        slot.checked_div(self.order.platforms.len()).unwrap_or_default()
    }

    /// What the writer of a slot is told: the brief, the theme, and a post that it must not be like.
    fn instruction(&self, theme: &Theme, unlike: Option<&str>) -> String {
        let mut told = format!("{}\n\nThis post's theme: {}\nIts angle: {}", self.brief, theme.theme, theme.angle);
        if let Some(other) = unlike {
            let other: String = other.chars().take(SHOWN_OF_POST).collect();
            told.push_str("\n\nAnother post of the campaign says the following. Say something else, from another side, in other words:\n");
            told.push_str(&other);
        }
        told
    }

    /// The body for `/v1/posts` of a slot, which may cost so much, in micro-dollars.
    pub fn body(&self, slot: usize, theme: &Theme, unlike: Option<&str>, most: Option<u64>) -> Vec<u8> {
        let mut body = self.shared.clone();
        let platform = self.slots().get(slot).map_or("", |(platform, _)| platform.name());
        body.insert("platforms".to_owned(), Value::from(vec![platform]));
        body.insert("instruction".to_owned(), self.instruction(theme, unlike).into());
        // What is wanted is known.
        body.insert("steps".to_owned(), serde_json::json!({"intent": false}));
        if let Some(most) = most {
            body.insert("most_micro_dollars".to_owned(), most.into());
        }
        Value::Object(body).to_string().into_bytes()
    }

    /// The order whose question is the longest that a slot can have: its cost is what a slot is given.
    pub fn longest_order(&self) -> Order {
        let theme = Theme::longest();
        let filler = "x".repeat(SHOWN_OF_POST);
        Order { subject: self.instruction(&theme, Some(&filler)), ..self.order.clone() }
    }
}

fn required_text(body: &Value, name: &'static str) -> Result<String, Error> {
    match body.get(name) {
        None | Some(Value::Null) => Err(Error::invalid("missing_field", name, format!("`{name}` is missing: give it."))),
        Some(value) => value.as_str().map(str::to_owned).ok_or_else(|| wrong(name, "must be a text")),
    }
}

fn timeline(given: Option<&Value>) -> Result<Vec<u64>, Error> {
    let Some(given) = given.filter(|given| !given.is_null()) else {
        return Err(Error::invalid("missing_field", "timeline", "`timeline` is missing: give dates or times."));
    };
    let list = given.as_array().filter(|list| (1..=MOST_TIMES).contains(&list.len()));
    let list = list.ok_or_else(|| wrong("timeline", &format!("must be a list of 1 to {MOST_TIMES} dates or times")))?;
    let mut times: Vec<u64> = Vec::with_capacity(list.len());
    for (place, entry) in list.iter().enumerate() {
        let path = format!("timeline[{place}]");
        let text = entry.as_str().map_or(Cow::Borrowed(""), Cow::Borrowed);
        let at = match calendar::day(&text) {
            Some(day) => Some(begins_ms(day).saturating_add(MORNING_MS)),
            // A second is what calendars know.
            None => calendar::instant(&text).map(|at| at.div_euclid(1000).saturating_mul(1000)),
        };
        let at =
            at.ok_or_else(|| wrong(path.clone(), "must be a date such as 2026-12-01, or a time such as 2026-12-01T09:00:00Z (RFC 3339)"))?;
        if times.contains(&at) {
            return Err(wrong(path, "is a time that stands before already"));
        }
        times.push(at);
    }
    times.sort_unstable();
    Ok(times)
}

/// The budget in micro-dollars, which may be written in US dollars.
fn budget(body: &Value) -> Result<Option<u64>, Error> {
    let given = |name: &str| body.get(name).filter(|value| !value.is_null());
    match (given("budget"), given("budget_micro_dollars")) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(wrong("budget", "and `budget_micro_dollars` say the same: give one of them")),
        (None, Some(value)) => match value.as_u64().filter(|value| (1..=LARGEST_BUDGET).contains(value)) {
            Some(value) => Ok(Some(value)),
            None => Err(wrong("budget_micro_dollars", &format!("must be a whole number from 1 to {LARGEST_BUDGET}"))),
        },
        (Some(value), None) => {
            let dollars = value.as_f64().unwrap_or_default() * 1_000_000.0;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float becomes the nearest number that there is")]
            let micro_dollars = (dollars + 0.001).floor() as u64;
            if (1..=LARGEST_BUDGET).contains(&micro_dollars) {
                Ok(Some(micro_dollars))
            } else {
                Err(wrong("budget", "must be a number of US dollars from 0.000001 to 1000000"))
            }
        }
    }
}
