//! Sums from which an arm's mean and its error follow.
//!
//! A value weighs as much as its call was unlikely to come to the arm (inverse propensity; Horvitz and Thompson 1952, with Hájek's
//! denominator). So arms whose shares have moved are means over the same times, and a change that comes to all of them alike is no difference.
//!
//! The calls of one person are alike, and a test that takes them for strangers' finds differences that are none. So sums are kept by subject:
//! the error is that of a ratio of two sums over subjects (the linearised variance of a cluster sample; Cochran, Sampling Techniques, 1977,
//! chapter 6). With one value a subject, and shares that stay, it is the usual one.

/// The least share that a weight is made of: an arm that nobody should come to weighs no more than that.
const LEAST_SHARE: f64 = 0.001;

/// What a value weighs that came to an arm when the shares were these: 1 with an even split.
pub fn weight(arm: usize, shares: &[f64]) -> f64 {
    let whole: f64 = shares.iter().sum();
    match shares.get(arm) {
        #[expect(clippy::cast_precision_loss, reason = "eight at the most")]
        Some(share) if whole > 0.0 && *share > 0.0 => 1.0 / (shares.len() as f64 * (share / whole).max(LEAST_SHARE)),
        // An arm that lost its share since: its subject was sent when it still had one.
        _ => 1.0,
    }
}

/// What one subject has brought to an arm, of one metric.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Part {
    /// How many values.
    pub values: f64,
    /// What they weigh.
    pub weight: f64,
    /// The sum of the squares of what each weighs.
    pub evidence: f64,
    /// The sum of values, as each weighs.
    pub sum: f64,
}

impl Part {
    /// With one value more, or less.
    #[must_use]
    pub fn with(self, values: f64, weight: f64, sum: f64) -> Self {
        Self {
            values: (self.values + values).max(0.0),
            weight: (self.weight + values * weight).max(0.0),
            evidence: (self.evidence + values * weight * weight).max(0.0),
            sum: self.sum + weight * sum,
        }
    }
}

/// What all subjects have brought to an arm, of one metric.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// How many subjects have brought something.
    pub subjects: f64,
    /// The sums of all parts.
    pub total: Part,
    /// The sum over subjects of the square of what their values weigh.
    pub weights_squared: f64,
    /// The sum over subjects of what their values weigh times their sum.
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
    /// The squares of what its values weigh: how many there are, with an even split.
    pub evidence: f64,
    /// Of how many values of an even split they are worth (Kish 1965).
    pub worth: f64,
}

impl Tally {
    /// Puts what a subject has brought in place of what it had brought before.
    pub fn replace(&mut self, before: Part, after: Part) {
        let there = |part: Part| if part.values > 0.0 { 1.0 } else { 0.0 };
        self.subjects += there(after) - there(before);
        let total = &mut self.total;
        total.values += after.values - before.values;
        total.weight += after.weight - before.weight;
        total.evidence += after.evidence - before.evidence;
        total.sum += after.sum - before.sum;
        self.weights_squared += after.weight * after.weight - before.weight * before.weight;
        self.crossed += after.weight * after.sum - before.weight * before.sum;
        self.sums_squared += after.sum * after.sum - before.sum * before.sum;
    }

    /// The mean; none when nothing was seen.
    pub fn mean(&self) -> Option<f64> {
        (self.total.values > 0.0 && self.total.weight > 0.0).then(|| self.total.sum / self.total.weight)
    }

    /// The mean and its error; none of fewer than two subjects. What is 0 or 1 has a spread even when all values so far are the same: that of
    /// one more of each.
    pub fn estimate(&self, is_rate: bool) -> Option<Estimate> {
        let Part { values, weight, evidence, sum } = self.total;
        if self.subjects < 2.0 || values < 2.0 || evidence <= 0.0 {
            return None;
        }
        let mean = self.mean()?;
        let spread = self.sums_squared - 2.0 * mean * self.crossed + mean * mean * self.weights_squared;
        let error = spread.max(0.0) / (weight * weight) * (self.subjects / (self.subjects - 1.0));
        let worth = weight * weight / evidence;
        let least = if is_rate {
            let share = (sum + 1.0) / (weight + 2.0);
            share * (1.0 - share) / worth
        } else {
            0.0
        };
        Some(Estimate { mean, error: error.max(least), subjects: self.subjects, evidence, worth })
    }
}

/// Sums of values that count less the older they are: half as much after each half-life.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Recent {
    /// Until when they are discounted, in ms since 1970.
    pub at_ms: u64,
    /// What values weigh, discounted.
    pub weight: f64,
    /// The squares of what each weighs.
    pub evidence: f64,
    /// The sum of values, as each weighs.
    pub sum: f64,
    /// The sum of their squares, as each weighs.
    pub squares: f64,
}

/// How much is left of what was seen so long ago.
fn left(age_ms: u64, half_life_ms: Option<u64>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "spans of time in ms are below 2^53")]
    half_life_ms.map_or(1.0, |half| (-(age_ms as f64) / half.max(1) as f64).exp2())
}

impl Recent {
    /// The sums as they are at a time; `half_life_ms` none for values that never count less.
    #[must_use]
    pub fn at(self, now_ms: u64, half_life_ms: Option<u64>) -> Self {
        let left = left(now_ms.saturating_sub(self.at_ms), half_life_ms);
        let Self { weight, evidence, sum, squares, .. } = self;
        Self { at_ms: self.at_ms.max(now_ms), weight: weight * left, evidence: evidence * left, sum: sum * left, squares: squares * left }
    }

    /// Puts a value of an answer in place of another, none of which may be there: both count as much as the answer is old. Nothing falls below
    /// 0 that cannot.
    pub fn replace(&mut self, (before, after): (Option<f64>, Option<f64>), weight: f64, age_ms: u64, half_life_ms: Option<u64>) {
        let left = left(age_ms, half_life_ms);
        for (value, sign) in [(before, -left), (after, left)] {
            let Some(value) = value else { continue };
            self.weight = (self.weight + sign * weight).max(0.0);
            self.evidence = (self.evidence + sign * weight * weight).max(0.0);
            self.sum += sign * weight * value;
            self.squares = (self.squares + sign * weight * value * value).max(0.0);
        }
    }

    /// The mean; none when nothing was seen.
    pub fn mean(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }

    /// Of how many values of an even split it is worth (Kish 1965).
    pub fn worth(&self) -> f64 {
        if self.evidence > 0.0 { self.weight * self.weight / self.evidence } else { 0.0 }
    }
}
