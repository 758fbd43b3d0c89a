//! How a tenant's posts do, learnt from how its published posts did.
//!
//! The unit is the point of `content::score`: 20 points are a factor of e in engagement, so that the prior's half interval of 25 points holds
//! what posts of the same features usually do. What is explained is 20 times the logarithm of a post's engagement: a rate where impressions
//! are known, else a count, each with a level of its own for each platform. What explains it are the effects of the score's own rules, each
//! with a weight that is 1 before anything was seen: then the model says what the rules say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::experiment::distributions::normal_below;
use super::feedback::Engagement;
use super::regression::{Posterior, Prior, Sums};
use crate::content::platform::{PLATFORMS, Platform};
use crate::content::score::Effect;
use crate::understanding::rounded;

/// The features of the score's rules, in the order of what is learnt.
pub const FEATURES: [&str; 13] = [
    "length",
    "first_line",
    "question",
    "number",
    "wording",
    "feeling",
    "shouting",
    "exclamations",
    "readability",
    "emoji",
    "hashtags",
    "link",
    "fault",
];
/// Points of a factor of e.
const POINTS: f64 = 20.0;
/// The standard deviation of posts of the same features, in points: 25 at either side hold eight of ten.
const DEVIATION: f64 = 19.5;
/// How many posts that expectation is worth.
const STRENGTH: f64 = 10.0;
/// The standard deviation of a rule's weight around 1.
const WEIGHT_DEVIATION: f64 = 1.0;
/// The standard deviation of a platform's level, in points.
const LEVEL_DEVIATION: f64 = 40.0;
/// The usual rate and the usual count before anything was seen, and what bounds the influence of a single post.
const USUAL_RATE: f64 = 0.02;
const RATES: (f64, f64) = (0.0005, 0.5);
const USUAL_COUNT: f64 = 20.0;
const MOST_COUNT: f64 = 2_000.0;
/// Impressions that a rate is drawn to the usual one by.
const DRAWN: f64 = 25.0;
/// How many ratings count half.
const FEW_RATINGS: f64 = 20.0;
/// The most models whose ratings are kept.
const MOST_MODELS: usize = 64;
/// How the names of the gateway's own models begin.
const OWN_MODELS: &str = "maya-edge-";
/// From how many posts on the calibration is told.
const LEAST_TOLD: u64 = 10;
/// Parts of the scale of chances, to see whether they come true.
const BINS: usize = 10;
/// The share of posts that the interval is to hold.
const COVERAGE: f64 = 0.8;

/// What is known of a published post.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Post {
    /// The platform.
    pub platform: String,
    /// The effects of the rules, in points, in the order of [`FEATURES`].
    pub effects: Vec<f64>,
}

impl Post {
    /// A post by its platform and the rules' effects.
    pub fn of(platform: Platform, effects: &[Effect]) -> Self {
        let sum = |feature: &&str| effects.iter().filter(|effect| effect.feature == *feature).map(|effect| effect.points).sum();
        Self { platform: platform.name().to_owned(), effects: FEATURES.iter().map(sum).collect() }
    }

    /// What explains its engagement: effects, then a level for each platform, of rates and of counts. None for a platform that is not known.
    fn explained_by(&self, by_rate: bool) -> Option<Vec<f64>> {
        let place = PLATFORMS.iter().position(|platform| platform.name() == self.platform)?;
        let mut x: Vec<f64> = self.effects.iter().copied().chain(std::iter::repeat(0.0)).take(FEATURES.len()).collect();
        for rate in [true, false] {
            x.extend((0..PLATFORMS.len()).map(|level| f64::from(u8::from(level == place && rate == by_rate))));
        }
        Some(x)
    }
}

/// The engagement in points, and whether it is a rate; none when nothing is known of what people did.
pub fn outcome(engagement: &Engagement) -> Option<(f64, bool)> {
    if !engagement.is_known() {
        return None;
    }
    let done = engagement.weighed();
    Some(match engagement.impressions {
        Some(impressions) if impressions > 0 => {
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            let rate = (done + USUAL_RATE * DRAWN) / (impressions as f64 + DRAWN);
            (POINTS * rate.clamp(RATES.0, RATES.1).ln(), true)
        }
        _ => (POINTS * done.min(MOST_COUNT).ln_1p(), false),
    })
}

fn prior() -> Prior {
    let variance = DEVIATION * DEVIATION;
    let (weight, level) = (variance / (WEIGHT_DEVIATION * WEIGHT_DEVIATION), variance / (LEVEL_DEVIATION * LEVEL_DEVIATION));
    let levels = [POINTS * USUAL_RATE.ln(), POINTS * USUAL_COUNT.ln_1p()];
    let repeated = |value: f64| std::iter::repeat_n(value, PLATFORMS.len());
    Prior {
        means: std::iter::repeat_n(1.0, FEATURES.len()).chain(levels.into_iter().flat_map(repeated)).collect(),
        precisions: std::iter::repeat_n(weight, FEATURES.len()).chain(repeated(level)).chain(repeated(level)).collect(),
        variance,
        strength: STRENGTH,
    }
}

/// Whether what was predicted came true: each post is predicted before it is learnt from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Calibration {
    /// Posts that were predicted.
    pub posts: u64,
    /// Those that lay in the interval of eight of ten.
    pub within: u64,
    /// Those whose outcome had a chance of less than a tenth, two tenths, … to be lower.
    pub bins: Vec<u64>,
}

impl Calibration {
    fn add(&mut self, below: f64) {
        self.bins.resize(BINS, 0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 9")]
        let bin = (below * 10.0).clamp(0.0, 9.0) as usize;
        if let Some(count) = self.bins.get_mut(bin) {
            *count = count.saturating_add(1);
        }
        self.posts = self.posts.saturating_add(1);
        let half = COVERAGE / 2.0;
        self.within = self.within.saturating_add(u64::from((below - 0.5).abs() <= half));
    }

    /// By how much chances and what came true differ, on average over the nine tenths; none before there are ten posts.
    pub fn error(&self) -> Option<f64> {
        if self.posts < LEAST_TOLD {
            return None;
        }
        let (mut seen, mut sum) = (0_u64, 0.0);
        for (tenth, count) in (1_u32..).zip(self.bins.iter().take(BINS - 1)) {
            seen = seen.saturating_add(*count);
            sum += (share(seen, self.posts) - f64::from(tenth) / 10.0).abs();
        }
        Some(sum / 9.0)
    }

    /// Which share of posts lay in the interval; none before there are ten.
    pub fn coverage(&self) -> Option<f64> {
        (self.posts >= LEAST_TOLD).then(|| share(self.within, self.posts))
    }
}

fn share(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts")]
    let share = part as f64 / whole.max(1) as f64;
    share
}

/// What a tenant's feedback has taught.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Learnt {
    /// What was seen.
    pub sums: Sums,
    /// Whether it was foreseen.
    pub calibration: Calibration,
    /// How models were rated: how often, and the sum of ratings from 0 to 1.
    pub ratings: BTreeMap<String, (u32, f64)>,
    /// Whether it rests on the feedback that is kept, and on nothing else: what earlier versions have learnt may not.
    pub exact: bool,
}

impl Learnt {
    /// Learns how a post does. `before` is what was known of it until now, whose place this takes. A post is foreseen once, before the first
    /// word of it.
    pub fn see(&mut self, post: &Post, before: Option<&Engagement>, now: Option<&Engagement>) {
        self.see_anew((post, before), (post, now));
    }

    /// As [`Self::see`], of a post that was another until now: somebody has edited it.
    pub fn see_anew(&mut self, before: (&Post, Option<&Engagement>), now: (&Post, Option<&Engagement>)) {
        let (post, new) = (now.0, now.1.and_then(outcome));
        let old = before.1.and_then(outcome);
        if old == new && before.0 == post {
            return;
        }
        match old {
            Some((y, by_rate)) => {
                if let Some(x) = before.0.explained_by(by_rate) {
                    self.sums.add(&x, y, -1.0);
                }
            }
            None => self.foresee(post, new),
        }
        if let Some((y, by_rate)) = new
            && let Some(x) = post.explained_by(by_rate)
        {
            self.sums.add(&x, y, 1.0);
        }
    }

    fn foresee(&mut self, post: &Post, outcome: Option<(f64, bool)>) {
        if let Some((y, by_rate)) = outcome
            && let Some(x) = post.explained_by(by_rate)
            && let Some(posterior) = Posterior::of(&prior(), &self.sums)
        {
            let (mean, scale) = posterior.predict(&x);
            self.calibration.add(below((y - mean) / scale, posterior.freedom));
        }
    }

    /// Learns how an answer of a model was rated, from 0 to 1. `before` is the rating until now, whose place this takes.
    pub fn rate(&mut self, model: &str, before: Option<f64>, now: Option<f64>) {
        if before == now || model.is_empty() || self.ratings.len() >= MOST_MODELS && !self.ratings.contains_key(model) {
            return;
        }
        let (count, sum) = self.ratings.entry(model.to_owned()).or_default();
        if let Some(before) = before {
            (*count, *sum) = (count.saturating_sub(1), *sum - before);
        }
        if let Some(now) = now {
            (*count, *sum) = (count.saturating_add(1), *sum + now);
        }
        // Whose last rating is gone is as if it had never been rated.
        if *count == 0 {
            self.ratings.remove(model);
        }
    }

    /// How models were rated, for people: those that were rated most first.
    pub fn models_told(&self) -> Value {
        let mut models: Vec<(&String, &(u32, f64))> = self.ratings.iter().filter(|(_, (count, _))| *count > 0).collect();
        models.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        let told = |(model, (count, sum)): (&String, &(u32, f64))| {
            let mean = (1000.0 * sum / f64::from(*count)).round() / 1000.0;
            json!({"model": model, "ratings": count, "mean": mean.clamp(0.0, 1.0)})
        };
        models.into_iter().map(told).collect()
    }

    /// How many posts it rests on.
    pub fn posts(&self) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let posts = self.sums.count.round().max(0.0) as u64;
        posts
    }

    /// The model as it is asked.
    pub fn model(&self) -> Option<Model> {
        let posterior = Posterior::of(&prior(), &self.sums)?;
        let (error, coverage) = (self.calibration.error(), self.calibration.coverage());
        Some(Model { posterior, posts: self.posts(), error, coverage, ratings: self.ratings.clone() })
    }

    /// What was learnt, for people: each rule's weight with its standard deviation, and how well it foresees.
    pub fn told(&self) -> Value {
        let weights: Vec<Value> = match self.model() {
            Some(Model { posterior, .. }) => FEATURES
                .iter()
                .enumerate()
                .map(|(place, feature)| {
                    let weight = posterior.means.get(place).copied().unwrap_or(1.0);
                    json!({"feature": feature, "weight": rounded(weight), "deviation": rounded(posterior.deviation(place))})
                })
                .collect(),
            None => Vec::new(),
        };
        json!({
            "posts": self.posts(),
            "calibration_error": self.calibration.error().map(rounded),
            "coverage": self.calibration.coverage().map(rounded),
            "foreseen": self.calibration.posts,
            "weights": weights,
        })
    }
}

/// A model, ready to be asked.
#[derive(Clone, Debug)]
pub struct Model {
    posterior: Posterior,
    /// How many posts it rests on.
    pub posts: u64,
    /// By how much its chances and what came true differ.
    pub error: Option<f64>,
    /// Which share of posts lay in its intervals of eight of ten.
    pub coverage: Option<f64>,
    ratings: BTreeMap<String, (u32, f64)>,
}

impl Model {
    /// A post's score, and what it lies in, in eight of ten cases. 50 is a usual post of the tenant on the platform.
    pub fn score(&self, post: &Post) -> (f64, (f64, f64)) {
        let x: Vec<f64> = post.effects.iter().copied().chain(std::iter::repeat(0.0)).take(self.posterior.means.len()).collect();
        let (sum, scale) = self.posterior.predict(&x);
        let score = (50.0 + sum).clamp(5.0, 95.0);
        let half = scale * quantile_of_nine_tenths(self.posterior.freedom);
        (score, ((score - half).max(0.0), (score + half).min(100.0)))
    }

    /// How much better a model's answers were rated than all: -1 to 1, drawn to 0 while ratings are few.
    pub fn liked(&self, model: &str) -> f64 {
        let (count, sum) = self.ratings.get(model).copied().unwrap_or_default();
        // How well the gateway's own models find, say, a language tells nothing of those that write.
        let others = self.ratings.iter().filter(|(name, _)| !name.starts_with(OWN_MODELS));
        let (all, whole) = others.fold((0.0, 0.0), |(all, whole), (_, (count, sum))| (all + f64::from(*count), whole + sum));
        if count == 0 || all == 0.0 {
            return 0.0;
        }
        let count = f64::from(count);
        ((sum / count - whole / all) * count / (count + FEW_RATINGS)).clamp(-1.0, 1.0)
    }

    /// By how much a rule counts: 1 as it stands.
    pub fn weight(&self, feature: &str) -> f64 {
        let place = FEATURES.iter().position(|known| *known == feature);
        place.and_then(|place| self.posterior.means.get(place)).copied().unwrap_or(1.0)
    }
}

/// The chance that a Student's t is below a value: Abramowitz and Stegun, 26.7.8, good to a thousandth from ten degrees of freedom on.
fn below(value: f64, freedom: f64) -> f64 {
    normal_below(value * (1.0 - 1.0 / (4.0 * freedom)) / (1.0 + value * value / (2.0 * freedom)).sqrt())
}

/// What nine of ten values of a Student's t are below: Abramowitz and Stegun, 26.7.5.
fn quantile_of_nine_tenths(freedom: f64) -> f64 {
    const Z: f64 = 1.281_551_6;
    Z + (Z.powi(3) + Z) / (4.0 * freedom) + (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / (96.0 * freedom * freedom)
}
