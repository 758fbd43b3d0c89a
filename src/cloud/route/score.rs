//! What a model is worth for a request.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::ask::Ask;
use crate::cloud::models::{MicroDollars, Model};
use crate::edge::task::Task;
use crate::ledger::price;
use crate::protocol::usage::Usage;

/// What a caller prefers where models differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preference {
    /// The stronger model where it gains something, else the fast and cheap one.
    #[default]
    Balanced,
    /// The strongest model.
    Quality,
    /// The fastest.
    Latency,
    /// The cheapest.
    Cost,
}

impl Preference {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Balanced, Self::Quality, Self::Latency, Self::Cost];

    /// The name in headers and rules.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::Quality => "quality",
            Self::Latency => "latency",
            Self::Cost => "cost",
        }
    }

    /// The preference of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preference| preference.name() == name)
    }

    pub(super) const fn spoken(self) -> &'static str {
        match self {
            Self::Balanced => "quality, speed and cost are balanced",
            Self::Quality => "quality counts",
            Self::Latency => "speed counts",
            Self::Cost => "cost counts",
        }
    }
}

/// What the three sides weigh, each not below 0.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weight {
    /// How much better the model is, times what the work gains from that.
    pub quality: f64,
    /// How fast it writes.
    pub speed: f64,
    /// How cheap it is.
    pub cost: f64,
}

/// What each preference weighs. The defaults make the work's kind decide when balanced, and one side when one is preferred.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weights {
    balanced: Weight,
    quality: Weight,
    latency: Weight,
    cost: Weight,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            balanced: Weight { quality: 1.0, speed: 0.2, cost: 0.2 },
            quality: Weight { quality: 1.0, speed: 0.02, cost: 0.02 },
            latency: Weight { quality: 0.1, speed: 1.0, cost: 0.05 },
            cost: Weight { quality: 0.1, speed: 0.05, cost: 1.0 },
        }
    }
}

impl Weights {
    /// The weight of a preference.
    pub const fn of(&self, preference: Preference) -> Weight {
        match preference {
            Preference::Balanced => self.balanced,
            Preference::Quality => self.quality,
            Preference::Latency => self.latency,
            Preference::Cost => self.cost,
        }
    }

    /// Whether all of them are numbers that can weigh.
    pub fn are_sound(&self) -> bool {
        let sound = |weight: Weight| [weight.quality, weight.speed, weight.cost].iter().all(|number| number.is_finite() && *number >= 0.0);
        Preference::ALL.into_iter().all(|preference| sound(self.of(preference)))
    }
}

/// A model's worth, and its sides: each 0 to 1, relative to the other models that can answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// The weighted sum.
    pub total: f64,
    /// How much stronger it is, times how much the work gains.
    pub quality: f64,
    /// How fast.
    pub speed: f64,
    /// How cheap.
    pub cost: f64,
    /// What the call is expected to cost; none without a price.
    pub micro_dollars: Option<MicroDollars>,
    /// The operator's rating, for what is equal otherwise.
    rating: u8,
}

impl Score {
    /// Which of two is better: equals by the operator's rating. The models' order in the table decides the rest.
    pub fn order(&self, other: &Self) -> Ordering {
        self.total.total_cmp(&other.total).then(self.rating.cmp(&other.rating))
    }
}

/// Tokens of an answer whose length the caller leaves open.
const USUAL_ANSWER: u64 = 500;

/// How much the work gains from a stronger model, 0 to 1. As far as its kind is unsure it counts as a question of knowledge; each demand
/// and a long input make mistakes likelier.
pub fn gain(ask: &Ask) -> f64 {
    let of_kind = ask.task.task.gain() * ask.task.confidence + Task::Knowledge.gain() * (1.0 - ask.task.confidence);
    let demands = 0.1 * f64::from(u32::try_from(ask.task.constraints.min(5)).unwrap_or_default());
    let long = if ask.input_tokens > 4000 { 0.3 } else { 0.0 };
    ((of_kind + demands + long) / Task::Coding.gain()).min(1.0)
}

/// The scores of the models that can answer.
pub fn scores(ask: &Ask, weight: Weight, models: &[(&str, &Model)]) -> Vec<(String, Score)> {
    let usage = Usage { prompt_tokens: ask.input_tokens, completion_tokens: ask.output_tokens.unwrap_or(USUAL_ANSWER).min(USUAL_ANSWER) };
    let rating = |row: &Model| row.quality.unwrap_or_default();
    let speed = |row: &Model| row.tokens_per_second.map(f64::from);
    #[expect(clippy::cast_precision_loss, reason = "a ratio of prices")]
    let dollars = |row: &Model| price::cost(Some(row), usage).map(|cost| cost.0 as f64);
    let ratings = || models.iter().map(|(_, row)| rating(row));
    let (weakest, strongest) = (ratings().min().unwrap_or_default(), ratings().max().unwrap_or_default());
    let fastest = models.iter().filter_map(|(_, row)| speed(row)).fold(0.0, f64::max);
    let cheapest = models.iter().filter_map(|(_, row)| dollars(row)).fold(f64::INFINITY, f64::min);
    let gain = gain(ask);
    let score = |row: &Model| {
        let spread = strongest.saturating_sub(weakest);
        let strength = if spread == 0 { 0.0 } else { f64::from(rating(row).saturating_sub(weakest)) / f64::from(spread) };
        // What is unknown counts as nothing: a model that is told to be fast or cheap comes before one that may be.
        let quick = speed(row).filter(|_| fastest > 0.0).map_or(0.0, |speed| speed / fastest);
        let cheap = dollars(row).map_or(0.0, |dollars| if dollars > 0.0 { (cheapest / dollars).min(1.0) } else { 1.0 });
        let quality = strength * gain;
        let total = weight.quality * quality + weight.speed * quick + weight.cost * cheap;
        Score { total, quality, speed: quick, cost: cheap, micro_dollars: price::cost(Some(row), usage), rating: rating(row) }
    };
    models.iter().map(|(id, row)| ((*id).to_owned(), score(row))).collect()
}
