//! Intervals that hold at all times at once.
//!
//! An interval of 95 % that is looked at once leaves out the truth in 5 % of experiments; one that is looked at again and again until it leaves
//! out zero does so in most. A confidence sequence keeps its promise however often it is looked at, and whenever one stops. These are the
//! asymptotic ones with Robbins's normal mixture (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Time-uniform central limit theory and
//! asymptotic confidence sequences, Annals of Statistics 2024, equation 6; Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon 2021):
//! asymptotic means that the first few dozen subjects are not to be relied upon, which is why an experiment has a least number of them.
//!
//! Their clock is the evidence, not the subjects: many calls of few people are many chances to be fooled. As values weigh by how unlikely they
//! were to come to their arm, the difference of two arms is a martingale whatever moves the shares, and needs one sequence.

use super::tally::Estimate;

/// With how much evidence the sequence is narrowest. It holds for any.
const NARROWEST: f64 = 1000.0;

/// Where a value lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// Half the width of a sequence around an estimate, that leaves out the truth at any time with at most a chance.
pub fn half_width(error: f64, evidence: f64, chance: f64) -> f64 {
    let doubled = -2.0 * chance.ln();
    let rho_squared = (doubled + (doubled + 1.0).ln()) / NARROWEST;
    let grown = evidence * rho_squared + 1.0;
    (error * 2.0 * grown / (evidence * rho_squared) * (grown.sqrt() / chance).ln()).sqrt()
}

/// Where the mean of one arm lies less so many times that of another, at all times, but for a chance.
pub fn difference(one: &Estimate, times: f64, other: &Estimate, chance: f64) -> Interval {
    let (middle, error) = (one.mean - times * other.mean, one.error + times * times * other.error);
    let half = half_width(error, one.evidence + other.evidence, chance);
    Interval { low: middle - half, high: middle + half }
}
