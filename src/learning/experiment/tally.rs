//! Sums from which an arm's mean and its error follow.
//!
//! The calls of one person are alike, and a test that takes them for strangers' finds differences that are none. So sums are kept by subject:
//! the error is that of a ratio of two sums over subjects (the linearised variance of a cluster sample; Cochran, Sampling Techniques, 1977,
//! chapter 6). With one value a subject it is the usual one.

/// What one subject has brought to an arm, of one metric.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Part {
    /// How many values.
    pub values: f64,
    /// Their sum.
    pub sum: f64,
}

/// What all subjects have brought to an arm, of one metric.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// How many subjects have brought something.
    pub subjects: f64,
    /// How many values.
    pub values: f64,
    /// Their sum.
    pub sum: f64,
    /// The sum over subjects of the square of how many values each has.
    pub values_squared: f64,
    /// The sum over subjects of how many values times their sum.
    pub crossed: f64,
    /// The sum over subjects of the square of the sum of each.
    pub sums_squared: f64,
}

/// A mean, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// The square of its standard error.
    pub error: f64,
    /// How many subjects it is of.
    pub subjects: f64,
}

impl Tally {
    /// Puts what a subject has brought in place of what it had brought before.
    pub fn replace(&mut self, before: Part, after: Part) {
        let there = |part: Part| if part.values > 0.0 { 1.0 } else { 0.0 };
        self.subjects += there(after) - there(before);
        self.values += after.values - before.values;
        self.sum += after.sum - before.sum;
        self.values_squared += after.values * after.values - before.values * before.values;
        self.crossed += after.values * after.sum - before.values * before.sum;
        self.sums_squared += after.sum * after.sum - before.sum * before.sum;
    }

    /// The mean and its error; none of fewer than two subjects. What is 0 or 1 has a spread even when all values so far are the same: that of
    /// one more of each.
    pub fn estimate(&self, is_rate: bool) -> Option<Estimate> {
        if self.subjects < 2.0 || self.values < 2.0 {
            return None;
        }
        let mean = self.sum / self.values;
        let spread = self.sums_squared - 2.0 * mean * self.crossed + mean * mean * self.values_squared;
        let error = spread.max(0.0) / (self.values * self.values) * (self.subjects / (self.subjects - 1.0));
        let least = if is_rate {
            let share = (self.sum + 1.0) / (self.values + 2.0);
            share * (1.0 - share) / self.values
        } else {
            0.0
        };
        Some(Estimate { mean, error: error.max(least), subjects: self.subjects })
    }
}

/// Sums of values that count less the older they are: half as much after each half-life.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Recent {
    /// Until when they are discounted, in ms since 1970.
    pub at_ms: u64,
    /// How many values, discounted.
    pub values: f64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub squares: f64,
}

impl Recent {
    /// The sums as they are at a time; `half_life_ms` none for values that never count less.
    #[must_use]
    pub fn at(self, now_ms: u64, half_life_ms: Option<u64>) -> Self {
        let age_ms = now_ms.saturating_sub(self.at_ms);
        #[expect(clippy::cast_precision_loss, reason = "spans of time in ms are below 2^53")]
        let left = half_life_ms.map_or(1.0, |half| (-(age_ms as f64) / half.max(1) as f64).exp2());
        let Self { values, sum, squares, .. } = self;
        Self { at_ms: self.at_ms.max(now_ms), values: values * left, sum: sum * left, squares: squares * left }
    }

    /// Adds so many values, their sum and the sum of their squares; what is taken back is below 0. Nothing falls below 0 that cannot.
    pub fn add(&mut self, values: f64, sum: f64, squares: f64) {
        self.values = (self.values + values).max(0.0);
        self.sum += sum;
        self.squares = (self.squares + squares).max(0.0);
    }
}
