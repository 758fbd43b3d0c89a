//! An experiment as it is written down.

use serde::{Deserialize, Serialize, Serializer};

use crate::error::Error;
use crate::ledger::terms::Span;

/// The kind of document that an experiment is.
pub const KIND: &str = "experiment";
/// The most experiments of a tenant.
pub const MOST_EXPERIMENTS: u64 = 64;
/// The most arms of an experiment.
pub const MOST_ARMS: usize = 8;
/// The most guards of an experiment.
const MOST_GUARDS: usize = 4;
/// The longest text of an arm, in characters.
const LONGEST_PROMPT: usize = 4000;
/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 500;
/// The most subjects that an experiment may count.
const MOST_SUBJECTS: u64 = 1_000_000;
/// The longest half-life: what was seen of a person who is erased fades with it.
const LONGEST_HALF_LIFE_MS: u64 = 90 * 86_400_000;
/// The share that the even split gives is the most that a floor can promise.
const WHOLE: f64 = 1.0;

/// What is measured of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The share of thumbs that are up.
    ThumbsUp,
    /// The share of answers that were published.
    Published,
    /// The share of answers that were approved.
    Approved,
    /// The mean rating, 1 to 5.
    Rating,
    /// Engagements an impression.
    EngagementRate,
    /// Clicks an impression.
    ClickRate,
    /// The gateway's own score of posts, 0 to 100.
    Score,
    /// The time to the whole answer, in ms.
    LatencyMs,
    /// What an answer cost, in micro-dollars.
    Cost,
    /// The share of calls without a usable answer.
    ErrorRate,
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Metric {
    /// All of them, in the order by which stored figures refer to them: a new one comes last.
    pub const ALL: [Self; 10] = [
        Self::ThumbsUp,
        Self::Published,
        Self::Approved,
        Self::Rating,
        Self::EngagementRate,
        Self::ClickRate,
        Self::Score,
        Self::LatencyMs,
        Self::Cost,
        Self::ErrorRate,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ThumbsUp => "thumbs_up",
            Self::Published => "published",
            Self::Approved => "approved",
            Self::Rating => "rating",
            Self::EngagementRate => "engagement_rate",
            Self::ClickRate => "click_rate",
            Self::Score => "score",
            Self::LatencyMs => "latency_ms",
            Self::Cost => "cost",
            Self::ErrorRate => "error_rate",
        }
    }

    /// Whether each value is 0 or 1.
    pub const fn is_rate(self) -> bool {
        matches!(self, Self::ThumbsUp | Self::Published | Self::Approved | Self::ErrorRate)
    }

    /// Whether less is better.
    pub const fn less_is_better(self) -> bool {
        matches!(self, Self::LatencyMs | Self::Cost | Self::ErrorRate)
    }

    /// Whether an answer counts as 0 until somebody says otherwise; other metrics count only what they are told.
    pub const fn counts_silence(self) -> bool {
        matches!(self, Self::Published | Self::Approved)
    }

    /// A difference of two arms as a gain of the first: above 0 when that is better.
    pub const fn gain(self) -> f64 {
        if self.less_is_better() { -1.0 } else { 1.0 }
    }
}

/// One way to answer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// The model that answers, or `auto`; the caller's own when there is none.
    #[serde(default)]
    pub model: Option<String>,
    /// What the model is told before everything else.
    #[serde(default)]
    pub prompt: Option<String>,
    /// In place of the caller's.
    #[serde(default)]
    pub temperature: Option<f64>,
    /// Whether posts are humanized, in place of the caller's word.
    #[serde(default)]
    pub humanize: Option<bool>,
    /// Its part of a fixed split, and of the first one otherwise.
    #[serde(default = "one")]
    pub weight: f64,
}

/// How arms get their shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assignment {
    /// As their weights say.
    #[default]
    Fixed,
    /// By Thompson sampling: as often as each is likely to be the best.
    Thompson,
}

/// A metric that must not become worse.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// Which.
    pub metric: Metric,
    /// How much worse than the control an arm may be, as a part of the control's mean.
    #[serde(default)]
    pub tolerance: f64,
}

/// When an experiment ends by itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Whether it ends when an arm is better than all others.
    #[serde(default = "yes")]
    pub at_winner: bool,
    /// The chance that it ends with a winner when all arms are alike; of guards, that one stops an arm that is not worse.
    #[serde(default = "chance")]
    pub chance: f64,
    /// How many subjects each arm needs before anything is concluded.
    #[serde(default = "least_subjects")]
    pub least_subjects: u64,
    /// With how many subjects it ends without a winner.
    #[serde(default = "most_subjects")]
    pub most_subjects: u64,
}

impl Default for Stop {
    fn default() -> Self {
        Self { at_winner: true, chance: chance(), least_subjects: least_subjects(), most_subjects: most_subjects() }
    }
}

/// An experiment.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// What it is about.
    #[serde(default)]
    pub description: String,
    /// Its arms.
    pub arms: Vec<Arm>,
    /// The arm that others are held against; the first, unless it is said.
    #[serde(default)]
    pub control: Option<String>,
    /// What is to become better.
    pub goal: Metric,
    /// What must not become worse.
    #[serde(default)]
    pub guards: Vec<Guard>,
    /// How arms get their shares.
    #[serde(default)]
    pub assignment: Assignment,
    /// The least share of each arm, with Thompson sampling.
    #[serde(default = "floor")]
    pub floor: f64,
    /// After how long what was seen weighs half, with Thompson sampling.
    #[serde(default = "half_life")]
    pub half_life: Span,
    /// How often shares may move, with Thompson sampling, and how often guards and the end are looked at.
    #[serde(default = "renew")]
    pub renew: Span,
    /// When it ends.
    #[serde(default)]
    pub stop: Stop,
}

const fn one() -> f64 {
    1.0
}

const fn yes() -> bool {
    true
}

const fn chance() -> f64 {
    0.05
}

const fn floor() -> f64 {
    0.05
}

const fn least_subjects() -> u64 {
    100
}

const fn most_subjects() -> u64 {
    100_000
}

const fn half_life() -> Span {
    Span(14 * 86_400_000)
}

const fn renew() -> Span {
    Span(3_600_000)
}

/// Whether a text can be the name of an experiment or an arm.
pub fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

impl Definition {
    /// Checks what is to be written down.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |path: String, what: &str| Err(Error::invalid("wrong_value", path.clone(), format!("`{path}` {what}.")));
        if self.description.chars().count() > LONGEST_DESCRIPTION {
            return wrong("description".to_owned(), &format!("is longer than {LONGEST_DESCRIPTION} characters"));
        }
        if !(2..=MOST_ARMS).contains(&self.arms.len()) {
            return wrong("arms".to_owned(), &format!("must hold 2 to {MOST_ARMS} arms"));
        }
        for (place, arm) in self.arms.iter().enumerate() {
            let path = |field: &str| format!("arms[{place}].{field}");
            if !is_name(&arm.name) {
                return wrong(path("name"), "must be 1 to 64 of `a` to `z`, `0` to `9`, `-` and `_`");
            }
            if self.arms.iter().take(place).any(|other| other.name == arm.name) {
                return wrong(path("name"), "is the name of an arm before it. Give each its own");
            }
            if arm.model.as_ref().is_some_and(|model| model.is_empty() || model.len() > 200 || model.starts_with(PREFIX)) {
                return wrong(path("model"), "must be the id or alias of a model, or `auto`");
            }
            if arm.prompt.as_ref().is_some_and(|prompt| !(1..=LONGEST_PROMPT).contains(&prompt.chars().count())) {
                return wrong(path("prompt"), &format!("must have 1 to {LONGEST_PROMPT} characters"));
            }
            if arm.temperature.is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
                return wrong(path("temperature"), "must be 0 to 2");
            }
            if !(arm.weight > 0.0 && arm.weight <= 1000.0) {
                return wrong(path("weight"), "must be above 0, at most 1000");
            }
        }
        if self.control.as_ref().is_some_and(|control| self.place(control).is_none()) {
            return wrong("control".to_owned(), "must be the name of an arm");
        }
        if self.guards.len() > MOST_GUARDS {
            return wrong("guards".to_owned(), &format!("has more than {MOST_GUARDS} entries"));
        }
        for (place, guard) in self.guards.iter().enumerate() {
            if guard.metric == self.goal || self.guards.iter().take(place).any(|other| other.metric == guard.metric) {
                return wrong(format!("guards[{place}].metric"), "is the goal, or stands in a guard before it");
            }
            if !(0.0..=10.0).contains(&guard.tolerance) {
                return wrong(
                    format!("guards[{place}].tolerance"),
                    "must be 0 to 10: the part of the control's mean that an arm may be worse",
                );
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "eight at the most")]
        let most_floor = WHOLE / self.arms.len() as f64;
        if !(0.0..=most_floor).contains(&self.floor) {
            return wrong("floor".to_owned(), &format!("must be 0 to {most_floor:.3}: all arms' floors have to fit"));
        }
        if self.renew < Span(1000) {
            return wrong("renew".to_owned(), "must be at least \"1s\"");
        }
        if !(Span(60_000)..=Span(LONGEST_HALF_LIFE_MS)).contains(&self.half_life) {
            return wrong("half_life".to_owned(), "must be \"1m\" to \"90d\"");
        }
        if !(0.001..=0.2).contains(&self.stop.chance) {
            return wrong("stop.chance".to_owned(), "must be 0.001 to 0.2");
        }
        if !(20..=MOST_SUBJECTS).contains(&self.stop.least_subjects) {
            return wrong("stop.least_subjects".to_owned(), &format!("must be 20 to {MOST_SUBJECTS}: the statistics hold for no fewer"));
        }
        if !(self.stop.least_subjects..=MOST_SUBJECTS).contains(&self.stop.most_subjects) {
            return wrong("stop.most_subjects".to_owned(), &format!("must be `stop.least_subjects` to {MOST_SUBJECTS}"));
        }
        Ok(())
    }

    /// The place of an arm.
    pub fn place(&self, arm: &str) -> Option<usize> {
        self.arms.iter().position(|other| other.name == arm)
    }

    /// The place of the control.
    pub fn control(&self) -> usize {
        self.control.as_ref().and_then(|control| self.place(control)).unwrap_or_default()
    }

    /// Whether what was seen with another definition says something of this one: the same arms and the same goal.
    pub fn continues(&self, other: &Self) -> bool {
        let ways = |definition: &Self| -> Vec<Arm> {
            // A weight is no way to answer.
            definition.arms.iter().map(|arm| Arm { weight: 1.0, ..arm.clone() }).collect()
        };
        ways(self) == ways(other) && self.goal == other.goal && self.control() == other.control() && self.assignment == other.assignment
    }

    /// Whether it says itself how much an arm may fail.
    pub fn watches_errors(&self) -> bool {
        self.goal == Metric::ErrorRate || self.guards.iter().any(|guard| guard.metric == Metric::ErrorRate)
    }

    /// The metrics that count as 0 until somebody says otherwise.
    pub fn silent(&self) -> impl Iterator<Item = Metric> {
        std::iter::once(self.goal).chain(self.guards.iter().map(|guard| guard.metric)).filter(|metric| metric.counts_silence())
    }

    /// The shares of the first split.
    pub fn weights(&self) -> Vec<f64> {
        let whole: f64 = self.arms.iter().map(|arm| arm.weight).sum();
        self.arms.iter().map(|arm| arm.weight / whole).collect()
    }

    /// After how long what was seen weighs half, in ms; none for never.
    pub fn half_life_ms(&self) -> Option<u64> {
        (self.assignment == Assignment::Thompson).then_some(self.half_life.0)
    }
}

/// What stands before an experiment's id in place of a model.
pub const PREFIX: &str = "experiment:";
