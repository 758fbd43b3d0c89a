//! Whether subjects came to the arms as they should have.
//!
//! When one arm loses subjects (a page that fails, a client that gives up), those who are left are no fair sample, and no statistic of the rest
//! helps. The test is sequential, so that it may be looked at any time: a bet against the shares that should have been, whose winnings exceed
//! 1/p with a chance of at most p when they were (Ville's inequality). It bets as Lindon and Malek do (Anytime-valid inference for multinomial
//! count data, NeurIPS 2022) on what was seen before, here relative to what was to be expected, so that weights may move meanwhile.

/// How many subjects the bet's first word counts for: that all is as it should be.
const PRIOR: f64 = 100.0;
/// From which p-value on a mismatch is said.
pub const MISMATCH: f64 = 0.001;

/// What was seen of subjects' first arms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SampleRatio {
    /// How many came to each arm.
    pub observed: Vec<f64>,
    /// How many should have.
    pub expected: Vec<f64>,
    /// The logarithm of what the bet has won.
    pub won: f64,
    /// The most that it ever was.
    pub most: f64,
}

impl SampleRatio {
    /// Of so many arms.
    pub fn of(arms: usize) -> Self {
        Self { observed: vec![0.0; arms], expected: vec![0.0; arms], won: 0.0, most: 0.0 }
    }

    /// Counts a new subject that came to an arm when the shares were these.
    pub fn count(&mut self, arm: usize, shares: &[f64]) {
        let whole: f64 = shares.iter().sum();
        let theirs = shares.get(arm).copied().unwrap_or_default();
        if shares.len() != self.observed.len() || whole <= 0.0 || theirs <= 0.0 {
            // An arm that nobody was to come to: its subject was sent when it still had a share.
            return;
        }
        let lean = |place: usize| {
            let of = |counts: &[f64]| counts.get(place).copied().unwrap_or_default() + PRIOR;
            of(&self.observed) / of(&self.expected)
        };
        let bet: f64 = shares.iter().enumerate().map(|(place, share)| share * lean(place)).sum();
        self.won += (lean(arm) * whole / bet).ln();
        self.most = self.most.max(self.won);
        for (expected, share) in self.expected.iter_mut().zip(shares) {
            *expected += share / whole;
        }
        if let Some(observed) = self.observed.get_mut(arm) {
            *observed += 1.0;
        }
    }

    /// The p-value, which holds at any time.
    pub fn p_value(&self) -> f64 {
        (-self.most).exp().min(1.0)
    }

    /// Whether they did not come as they should have.
    pub fn is_mismatch(&self) -> bool {
        self.p_value() < MISMATCH
    }
}
