//! What is believed of each arm after what was seen, and the chance that it is the best.

use super::distributions::{beta_below, ln_beta_density, normal_below};

/// How many points of a posterior are looked at to find the chance that it is the best.
const POINTS: u32 = 64;
/// How far from its mean, in standard deviations.
const REACH: f64 = 6.0;
/// What lies within an interval of 95 % of a normal distribution, in standard deviations.
const NINETY_FIVE: f64 = 1.959_964;
/// The least standard deviation: of an arm whose values are all the same.
const LEAST: f64 = 1e-9;

/// What an arm's values come to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Belief {
    /// Their mean.
    pub mean: f64,
    /// Of how many strangers' values they are worth.
    pub worth: f64,
    /// The variance of one.
    pub variance: f64,
}

fn worth(seen: &[Belief]) -> f64 {
    seen.iter().map(|belief| belief.worth).sum()
}

/// What is believed of an arm's mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Posterior {
    /// Of a rate: Beta.
    Beta {
        /// Successes, with the prior's.
        a: f64,
        /// Failures, with the prior's.
        b: f64,
    },
    /// Of a mean: normal, from a prior that is worth one value at the mean of all arms.
    Normal {
        /// The mean.
        mean: f64,
        /// Its standard deviation.
        deviation: f64,
    },
}

impl Posterior {
    /// What is believed of rates, from a prior that is worth two values at the rate of all arms: who knows nothing of an arm expects of it what
    /// all do.
    pub fn of_rates(seen: &[Belief]) -> Vec<Self> {
        let successes: f64 = seen.iter().map(|belief| belief.worth * belief.mean).sum();
        let middle = (successes + 1.0) / (worth(seen) + 2.0);
        let of = |belief: &Belief| {
            let rate = belief.mean.clamp(0.0, 1.0);
            Self::Beta { a: 2.0 * middle + belief.worth * rate, b: 2.0 * (1.0 - middle) + belief.worth * (1.0 - rate) }
        };
        seen.iter().map(of).collect()
    }

    /// What is believed of the means of all arms.
    pub fn of_means(seen: &[Belief]) -> Vec<Self> {
        let values = worth(seen);
        if values <= 0.0 {
            return seen.iter().map(|_| Self::Normal { mean: 0.0, deviation: 1.0 }).collect();
        }
        let weighed = |of: fn(&Belief) -> f64| seen.iter().map(|belief| belief.worth * of(belief)).sum::<f64>() / values;
        // The spread within arms: that between them is what is to be found out.
        let (middle, variance) = (weighed(|belief| belief.mean), weighed(|belief| belief.variance));
        let of = |belief: &Belief| Self::Normal {
            mean: (middle + belief.worth * belief.mean) / (1.0 + belief.worth),
            deviation: (variance / (1.0 + belief.worth)).sqrt().max(LEAST),
        };
        seen.iter().map(of).collect()
    }

    /// Its mean.
    pub fn mean(&self) -> f64 {
        match self {
            Self::Beta { a, b } => a / (a + b),
            Self::Normal { mean, .. } => *mean,
        }
    }

    /// Its standard deviation.
    pub fn deviation(&self) -> f64 {
        match self {
            Self::Beta { a, b } => (a * b / (a + b + 1.0)).sqrt() / (a + b),
            Self::Normal { deviation, .. } => *deviation,
        }
    }

    /// The chance that the value is below another.
    pub fn below(&self, value: f64) -> f64 {
        match self {
            Self::Beta { a, b } => beta_below(*a, *b, value),
            Self::Normal { mean, deviation } => normal_below((value - mean) / deviation),
        }
    }

    /// Where the value lies with 95 %, by what is believed now. It makes no promise about later looks.
    pub fn interval(&self) -> (f64, f64) {
        match self {
            Self::Beta { .. } => (self.quantile(0.025), self.quantile(0.975)),
            Self::Normal { mean, deviation } => (mean - NINETY_FIVE * deviation, mean + NINETY_FIVE * deviation),
        }
    }

    /// The share below which the value lies with a chance, by halving.
    fn quantile(&self, chance: f64) -> f64 {
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..40 {
            let middle = (low + high) / 2.0;
            if self.below(middle) < chance {
                low = middle;
            } else {
                high = middle;
            }
        }
        (low + high) / 2.0
    }

    /// Points where the value may lie, with their weights; the weights' sum is 1.
    fn points(&self) -> Vec<(f64, f64)> {
        let (mean, reach) = (self.mean(), REACH * self.deviation());
        let (mut low, mut high) = (mean - reach, mean + reach);
        if matches!(self, Self::Beta { .. }) {
            (low, high) = (low.max(0.0), high.min(1.0));
        }
        let step = (high - low) / f64::from(POINTS);
        let at = |place: u32| low + step * (f64::from(place) + 0.5);
        let weight = |value: f64| match self {
            Self::Beta { a, b } => ln_beta_density(*a, *b, value).exp(),
            Self::Normal { mean, deviation } => (-0.5 * ((value - mean) / deviation).powi(2)).exp(),
        };
        let points: Vec<(f64, f64)> = (0..POINTS).map(at).map(|value| (value, weight(value))).collect();
        let whole: f64 = points.iter().map(|(_, weight)| weight).sum();
        points.into_iter().map(|(value, weight)| (value, weight / whole)).collect()
    }
}

/// The chance of each arm to be the best: the largest, or the smallest where less is better. By integration over each posterior, so the same
/// figures always follow from the same sums.
pub fn chances(posteriors: &[Posterior], less_is_better: bool) -> Vec<f64> {
    let chance = |(place, posterior): (usize, &Posterior)| {
        let beats = |value: f64| {
            let others = posteriors.iter().enumerate().filter(|(other, _)| *other != place);
            others.map(|(_, other)| if less_is_better { 1.0 - other.below(value) } else { other.below(value) }).product::<f64>()
        };
        posterior.points().into_iter().map(|(value, weight)| weight * beats(value)).sum::<f64>()
    };
    let chances: Vec<f64> = posteriors.iter().enumerate().map(chance).collect();
    let whole: f64 = chances.iter().sum();
    if whole > 0.0 {
        chances.into_iter().map(|chance| chance / whole).collect()
    } else {
        // Two certainties of the same value.
        #[expect(clippy::cast_precision_loss, reason = "eight at the most")]
        let even = 1.0 / posteriors.len().max(1) as f64;
        vec![even; posteriors.len()]
    }
}
