//! A distribution as a sketch (DDSketch, Masson and others, VLDB 2019): quantiles within one per cent of the true value, and two sketches
//! merged are the sketch of both.

use sketches_ddsketch::{Config, DDSketch};

/// The largest relative error of a quantile. A little below one per cent, so that rounding leads to no more.
pub const ACCURACY: f64 = 0.0095;
/// The most bins, as the stored form has them.
const BINS: u32 = 2048;
/// What the stored form takes for the smallest value: sketches are merged with those that were read from it.
const SMALLEST: f64 = 1e-9;
/// What is smaller counts as 0, and what is larger as this: between the two there are fewer bins than the most.
const RANGE: (f64, f64) = (0.001, 1e12);

/// How far a limit may be off for its rounding, relatively.
const ROUNDING: f64 = 1e-9;

/// A distribution of values from 0 on.
#[derive(Clone)]
pub struct Sketch(DDSketch);

impl Default for Sketch {
    fn default() -> Self {
        Self(DDSketch::new(Config::new(ACCURACY, BINS, SMALLEST)))
    }
}

impl std::fmt::Debug for Sketch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Sketch").field("count", &self.count()).finish()
    }
}

impl Sketch {
    /// Adds a value; what is no number or below a thousandth is 0.
    pub fn add(&mut self, value: f64) {
        let (least, most) = RANGE;
        self.0.add(if value >= least { value.min(most) } else { 0.0 });
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        u64::try_from(self.0.count()).unwrap_or(u64::MAX)
    }

    /// The sum of the values, exact as far as a float is.
    pub fn sum(&self) -> f64 {
        self.0.sum().unwrap_or_default()
    }

    /// The mean of the values; none without one.
    pub fn mean(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a count far below 2^53")]
        let count = self.count() as f64;
        (count > 0.0).then(|| self.sum() / count)
    }

    /// The value that a share (0 to 1) of the others does not exceed; none without one.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        self.0.quantile(share).ok().flatten()
    }

    /// How many values do not exceed `limit`, as far as the sketch tells them apart: the limit's whole bin counts, up to two per cent more.
    /// Bins are compared, and not values: the largest value is known as it is, others as their bin's, so one that is within the limit could
    /// come to lie above it when a larger one is added, and a histogram's bucket must not fall.
    pub fn at_most(&self, limit: f64) -> u64 {
        let count = self.count();
        let config = Config::new(ACCURACY, BINS, SMALLEST);
        // A little more, so that no rounding of the limit, as of 0.64 times 1000, leads to another bin.
        let bin = (limit > 0.0).then(|| config.key(limit * (1.0 + ROUNDING)));
        let within = |value: f64| value <= 0.0 && limit >= 0.0 || value > 0.0 && bin.is_some_and(|bin| config.key(value) <= bin);
        let (mut low, mut high) = (0_u64, count);
        // The values in order: the first that exceeds the limit is as many as do not.
        while low < high {
            let middle = low.midpoint(high);
            if self.ranked(middle, count).is_some_and(within) {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        low
    }

    /// The value with so many before it.
    fn ranked(&self, rank: u64, count: u64) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a count far below 2^53")]
        let (rank, last) = (rank as f64, count.saturating_sub(1) as f64);
        // Between two ranks, so that no rounding leads to another; the last has no room above it.
        self.quantile(if last > rank { (rank + 0.5) / last } else { 1.0 })
    }

    /// Adds another's values.
    pub fn merge(&mut self, other: &Self) {
        // All have the same accuracy, so it cannot fail; what was written with another, before a change, is left out rather than wrong.
        let _ = self.0.merge(&other.0);
    }

    /// As bytes: the form that DataDog's libraries share.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.to_java_bytes()
    }

    /// From [`Self::bytes`]; none when they are not.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        DDSketch::from_java_bytes(bytes).ok().map(Self)
    }
}
