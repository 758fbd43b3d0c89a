//! How the models are: which ones fail or are slow, and which have no quota left, as an isolate knows it.
//!
//! Each attempt is recorded; whoever is about to ask a model looks here first, in memory. What isolates tell each other goes through
//! the gateway's own ledger, after answers (`shared`).

pub mod breaker;
pub mod quota;
pub mod shared;

use std::cell::{Cell, RefCell};

use serde_json::{Map, Value};

use breaker::{Blame, Breaker, Counts, Mark, Passage, Seen};
use quota::{Answer, Lack, Of, Quota};

use super::models::Resolved;
use crate::error::Error;

/// What an operator can set of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Whether models that fail are left alone.
    pub breakers: bool,
    /// Whether models without quota are left alone.
    pub quotas: bool,
    /// The span over which calls are judged, in ms.
    pub window_ms: u32,
    /// How many calls there must be in it.
    pub least_calls: u32,
    /// Which share of them must have failed, more than 0, up to 1.
    pub failure_rate: f64,
    /// From how many ms on a first byte is late.
    pub slow_ms: u32,
    /// How long a breaker stays open the first time, in ms.
    pub open_ms: u32,
    /// How long at the most, in ms.
    pub longest_open_ms: u32,
    /// How often an isolate tells the others, in ms.
    pub share_ms: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            breakers: true,
            quotas: true,
            window_ms: 30_000,
            least_calls: 10,
            failure_rate: 0.5,
            slow_ms: 10_000,
            open_ms: 5_000,
            longest_open_ms: 60_000,
            share_ms: 10_000,
        }
    }
}

/// The longest of all spans that can be set, in ms: a day.
const LONGEST_MS: u32 = 86_400_000;

impl Settings {
    /// Reads a table. What is left out keeps its default.
    ///
    /// # Errors
    /// Which field must be what; one that is not known is not named, for it may be anything.
    pub fn read(mut table: Map<String, Value>) -> Result<Self, String> {
        let mut settings = Self::default();
        for (name, flag) in [("breakers", &mut settings.breakers), ("quotas", &mut settings.quotas)] {
            match table.remove(name) {
                None => {}
                Some(Value::Bool(given)) => *flag = given,
                Some(_) => return Err(format!("`{name}` must be true or false")),
            }
        }
        for (name, number, least, most) in [
            ("window_ms", &mut settings.window_ms, 1, LONGEST_MS),
            ("slow_ms", &mut settings.slow_ms, 1, LONGEST_MS),
            ("open_ms", &mut settings.open_ms, 1, LONGEST_MS),
            ("longest_open_ms", &mut settings.longest_open_ms, 1, LONGEST_MS),
            ("share_ms", &mut settings.share_ms, 1, LONGEST_MS),
            // One call tells nothing.
            ("least_calls", &mut settings.least_calls, 2, u32::MAX),
        ] {
            let Some(given) = table.remove(name) else { continue };
            let given = given.as_u64().and_then(|given| u32::try_from(given).ok()).filter(|given| (least..=most).contains(given));
            *number = given.ok_or_else(|| format!("`{name}` must be a whole number from {least} to {most}"))?;
        }
        if let Some(given) = table.remove("failure_rate") {
            let given = given.as_f64().filter(|rate| *rate > 0.0 && *rate <= 1.0);
            settings.failure_rate = given.ok_or("`failure_rate` must be more than 0, and 1 at the most")?;
        }
        if settings.longest_open_ms < settings.open_ms {
            return Err("`longest_open_ms` must not be less than `open_ms`".to_owned());
        }
        if table.is_empty() { Ok(settings) } else { Err("it has a field that is not known; docs/reliability.md lists them all".to_owned()) }
    }
}

/// Whether a model is to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Usable,
    /// It failed, and this call may find out whether it still does.
    Probing,
    /// Its breaker is open.
    Open {
        /// Until when, in ms since 1970.
        until_ms: u64,
    },
    /// Its quota does not hold the call.
    Exhausted {
        /// Until when, in ms since 1970.
        until_ms: u64,
    },
}

impl Standing {
    /// Whether it is to be asked.
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Usable | Self::Probing)
    }

    /// Until when it is not to be asked, in ms since 1970.
    pub fn until_ms(self) -> Option<u64> {
        match self {
            Self::Open { until_ms } | Self::Exhausted { until_ms } => Some(until_ms),
            Self::Usable | Self::Probing => None,
        }
    }
}

/// Which of several models to ask, by their standings in the order in which they are preferred: the first that is usable. When none
/// is, the first whose breaker is open is asked all the same: when all fail, it is hardly their own fault, and a refusal helps nobody.
/// None when all lack quota.
pub fn choose(standings: impl IntoIterator<Item = Standing>) -> Option<usize> {
    let mut open = None;
    for (place, standing) in standings.into_iter().enumerate() {
        match standing {
            Standing::Usable | Standing::Probing => return Some(place),
            Standing::Open { .. } => open = open.or(Some(place)),
            Standing::Exhausted { .. } => {}
        }
    }
    open
}

/// The longest `Retry-After` that is said, in seconds.
const LONGEST_WAIT: u64 = 60;

/// Until when, in whole seconds from now, 1 at the least.
fn seconds_until(until_ms: u64, now_ms: u64) -> u64 {
    until_ms.saturating_sub(now_ms).div_ceil(1000).max(1)
}

/// Models that are not asked, as `x-maya-health` says it: `gpt-oss-120b;state=open;retry=12`, in seconds, with commas between.
pub fn told<'m>(models: impl Iterator<Item = (Resolved<'m>, Standing)>, now_ms: u64) -> String {
    let mut told = String::new();
    for (model, standing) in models {
        let state = match standing {
            Standing::Exhausted { .. } => "exhausted",
            Standing::Open { .. } => "open",
            Standing::Usable | Standing::Probing => continue,
        };
        let retry = seconds_until(standing.until_ms().unwrap_or_default(), now_ms);
        let comma = if told.is_empty() { "" } else { ", " };
        told.push_str(&format!("{comma}{};state={state};retry={retry}", model.id));
    }
    told
}

/// The refusal of a call that no model has quota for; `lack` is of the one that has some soonest.
pub fn refusal(model: &str, lack: Lack, now_ms: u64) -> Error {
    let (code, what, less) = match lack.of {
        Of::Tokens => ("token_quota_exceeded", "limit of tokens", " or ask for fewer, such as by a lower `max_completion_tokens`,"),
        Of::Requests => ("request_quota_exceeded", "limit of requests", ""),
        Of::Queue => ("queue_exceeded", "queue", ""),
    };
    let seconds = seconds_until(lack.until_ms, now_ms);
    let message =
        format!("Cerebras's {what} for `{model}` has no room for this call yet, so it was not made. Try again{less} in {seconds} s.");
    Error::new(429, code, message).about("quota").with("retry-after", seconds.min(LONGEST_WAIT).to_string())
}

/// What is known of a model.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    breaker: Breaker,
    quota: Quota,
    /// Calls that other isolates have not heard of.
    untold: Counts,
    /// To whom the bad ones of them fall.
    unblamed: Blame,
}

impl Watch {
    /// Its breaker.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Its quota.
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    fn standing(&self, tokens: u64, now_ms: u64) -> Standing {
        match (self.quota.lack(tokens, now_ms), self.breaker.passage(now_ms)) {
            (Some(Lack { until_ms, .. }), _) => Standing::Exhausted { until_ms },
            (None, Passage::Closed) => Standing::Usable,
            (None, Passage::Probe) => Standing::Probing,
            (None, Passage::Open { until_ms }) => Standing::Open { until_ms },
        }
    }
}

/// What is known of some models: few, so they are looked through.
#[derive(Debug, Default)]
struct Watches(Vec<(String, Watch)>);

impl Watches {
    fn get(&self, model: &str) -> Option<&Watch> {
        self.0.iter().find(|(id, _)| id == model).map(|(_, watch)| watch)
    }

    fn get_mut(&mut self, model: &str) -> Option<&mut Watch> {
        self.0.iter_mut().find(|(id, _)| id == model).map(|(_, watch)| watch)
    }

    /// What a model that was not known before is known from now on by.
    fn add(&mut self, model: &str) {
        if self.get(model).is_none() {
            self.0.push((model.to_owned(), Watch::default()));
        }
    }
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// How it went.
    pub seen: Seen,
    /// Whose call it was for.
    pub whose: Mark,
    /// What its answer says of quotas.
    pub answer: Answer<'a>,
    /// A random number in 0..1.
    pub jitter: f64,
}

/// What an isolate knows of the models of the table. Others are not watched: a caller may name any.
#[derive(Debug, Default)]
pub struct Health {
    models: RefCell<Watches>,
    /// When others were last told, in ms since 1970.
    told_ms: Cell<u64>,
    /// Whether there is something to tell, and whether that is urgent.
    untold: Cell<bool>,
    urgent: Cell<bool>,
}

impl Health {
    /// Whether a model is to be asked for so many tokens (prompt and longest answer) at a time, in ms since 1970.
    pub fn standing(&self, model: &str, tokens: u64, now_ms: u64) -> Standing {
        self.models.borrow().get(model).map_or(Standing::Usable, |watch| watch.standing(tokens, now_ms))
    }

    /// What a model lacks for a call of so many tokens.
    pub fn lack(&self, model: &str, tokens: u64, now_ms: u64) -> Option<Lack> {
        self.models.borrow().get(model).and_then(|watch| watch.quota.lack(tokens, now_ms))
    }

    /// A model is about to be asked.
    pub fn begin(&self, model: &str, now_ms: u64, settings: &Settings) {
        if let Some(watch) = self.models.borrow_mut().get_mut(model) {
            watch.breaker.begin(now_ms, settings);
        }
    }

    /// Records what became of an attempt with a model of the table.
    pub fn record(&self, model: &str, report: &Report<'_>, settings: &Settings) {
        let mut models = self.models.borrow_mut();
        models.add(model);
        let Some(watch) = models.get_mut(model) else { return };
        let Report { seen, whose, answer, jitter } = report;
        if settings.breakers {
            watch.untold.add(Counts::one(*seen));
            watch.unblamed.add(Blame::one(*seen, *whose));
            if watch.breaker.record(*seen, *whose, answer.asked_ms, answer.now_ms, *jitter, settings) {
                self.urgent.set(true);
            }
        }
        if settings.quotas {
            watch.quota.hear(answer);
            if answer.refused.is_some() {
                self.urgent.set(true);
            }
        }
        self.untold.set(true);
    }

    /// A tenant's stream broke off that had begun well. `jitter` is a random number in 0..1.
    pub fn broke_off(&self, model: &str, whose: Mark, now_ms: u64, jitter: f64, settings: &Settings) {
        let mut models = self.models.borrow_mut();
        if let Some(watch) = models.get_mut(model).filter(|_| settings.breakers) {
            // Its call is counted already.
            let failure = Counts { failures: 1, ..Counts::default() };
            let blame = Blame::one(Seen::Failed, whose);
            watch.untold.add(failure);
            watch.unblamed.add(blame);
            if watch.breaker.count(failure, blame, now_ms, jitter, settings) {
                self.urgent.set(true);
            }
            self.untold.set(true);
        }
    }

    /// Shows what is known of a model.
    pub fn watch(&self, model: &str) -> Watch {
        self.models.borrow().get(model).cloned().unwrap_or_default()
    }
}
