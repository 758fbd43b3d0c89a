//! Intervals that hold at all times at once.
//!
//! An interval of 95 % that is looked at once leaves out the truth in 5 % of experiments; one that is looked at again and again until it leaves
//! out zero does so in most. A confidence sequence keeps its promise however often it is looked at, and whenever one stops. These are the
//! asymptotic ones with Robbins's normal mixture (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Time-uniform central limit theory and
//! asymptotic confidence sequences, Annals of Statistics 2024, equation 6; Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon 2021):
//! asymptotic means that the first few dozen subjects are not to be relied upon, which is why an experiment has a least number of them.

use super::tally::Estimate;

/// For how many subjects of an arm the sequence is narrowest. It holds for every number.
const NARROWEST: f64 = 1000.0;

/// Where a value lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    fn around(middle: f64, half: f64) -> Self {
        Self { low: middle - half, high: middle + half }
    }
}

/// How subjects come to arms, which decides how two arms may be held against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shares {
    /// By a split that does not depend on what was seen. The difference of two arms is one sequence of its own.
    Fixed,
    /// By what was seen. Each arm has a sequence in its own subjects, which holds whatever made them come; the difference lies between those of
    /// two arms.
    Adaptive,
}

/// Half the width of a sequence around an estimate, that leaves out the truth at any time with at most a chance.
pub fn half_width(error: f64, subjects: f64, chance: f64) -> f64 {
    let doubled = -2.0 * chance.ln();
    let rho_squared = (doubled + (doubled + 1.0).ln()) / NARROWEST;
    let grown = subjects * rho_squared + 1.0;
    // The variance of one subject is `error * subjects`.
    (error * 2.0 * grown / (subjects * rho_squared) * (grown.sqrt() / chance).ln()).sqrt()
}

/// Where the difference of two arms' means lies (the first less the second), at all times and for all pairs of so many arms at once, but for a
/// chance.
pub fn difference(shares: Shares, one: &Estimate, other: &Estimate, arms: f64, chance: f64) -> Interval {
    let half = match shares {
        Shares::Fixed => {
            let pairs = (arms * (arms - 1.0) / 2.0).max(1.0);
            half_width(one.error + other.error, one.subjects + other.subjects, chance / pairs)
        }
        Shares::Adaptive => {
            let each = chance / arms.max(1.0);
            half_width(one.error, one.subjects, each) + half_width(other.error, other.subjects, each)
        }
    };
    Interval::around(one.mean - other.mean, half)
}
