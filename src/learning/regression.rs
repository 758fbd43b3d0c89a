//! Bayesian linear regression with a conjugate prior (normal-inverse-gamma; Murphy, "Machine Learning: A Probabilistic Perspective", 7.6.3):
//! what is learnt is a few sums, to which an observation can be added and from which it can be taken out again, in any order.

use serde::{Deserialize, Serialize};

/// What is believed before anything was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Prior {
    /// Each weight's mean.
    pub means: Vec<f64>,
    /// Each weight's precision, in units of that of an observation.
    pub precisions: Vec<f64>,
    /// The variance of an observation, as it is expected.
    pub variance: f64,
    /// How many observations that expectation is worth.
    pub strength: f64,
}

/// What was seen, summed up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sums {
    /// How many observations.
    pub count: f64,
    /// The sum of x·xᵀ: the lower triangle, row by row.
    pub products: Vec<f64>,
    /// The sum of x·y.
    pub moments: Vec<f64>,
    /// The sum of y².
    pub squares: f64,
}

/// What is believed afterwards.
#[derive(Clone, Debug)]
pub struct Posterior {
    /// Each weight's mean.
    pub means: Vec<f64>,
    /// The Cholesky factor of the weights' precision: lower triangle, row by row.
    factor: Vec<f64>,
    /// The variance of an observation.
    pub variance: f64,
    /// Degrees of freedom of what is predicted.
    pub freedom: f64,
}

/// Where the lower triangle has a row and a column, the row being the larger.
fn place(row: usize, column: usize) -> usize {
    row.saturating_mul(row.saturating_add(1)).wrapping_div(2).saturating_add(column)
}

fn at(values: &[f64], index: usize) -> f64 {
    values.get(index).copied().unwrap_or_default()
}

impl Sums {
    /// Adds an observation, or takes it out again with a `times` of -1.
    pub fn add(&mut self, x: &[f64], y: f64, times: f64) {
        let size = x.len();
        self.products.resize(place(size, 0), 0.0);
        self.moments.resize(size, 0.0);
        self.count += times;
        self.squares += times * y * y;
        let mut cells = self.products.iter_mut();
        for (row, one) in x.iter().enumerate() {
            if let Some(moment) = self.moments.get_mut(row) {
                *moment += times * one * y;
            }
            for other in x.iter().take(row.saturating_add(1)) {
                if let Some(cell) = cells.next() {
                    *cell += times * one * other;
                }
            }
        }
    }
}

impl Posterior {
    /// What is believed after what was seen. None when the sums are of no observations that there can be.
    pub fn of(prior: &Prior, sums: &Sums) -> Option<Self> {
        let size = prior.means.len();
        let mut factor = vec![0.0; place(size, 0)];
        let mut target = Vec::with_capacity(size);
        for row in 0..size {
            let (precision, mean) = (at(&prior.precisions, row), at(&prior.means, row));
            target.push(precision * mean + at(&sums.moments, row));
            for column in 0..=row {
                let mut sum = at(&sums.products, place(row, column));
                if row == column {
                    sum += precision;
                }
                for inner in 0..column {
                    sum -= at(&factor, place(row, inner)) * at(&factor, place(column, inner));
                }
                let value = if row == column {
                    if sum <= 0.0 {
                        return None;
                    }
                    sum.sqrt()
                } else {
                    sum / at(&factor, place(column, column))
                };
                if let Some(cell) = factor.get_mut(place(row, column)) {
                    *cell = value;
                }
            }
        }
        let half = forward(&factor, &target);
        let means = backward(&factor, &half);
        let before: f64 = prior.means.iter().zip(&prior.precisions).map(|(mean, precision)| precision * mean * mean).sum();
        let after: f64 = half.iter().map(|value| value * value).sum();
        let freedom = prior.strength + sums.count.max(0.0);
        let left = (sums.squares + before - after).max(0.0);
        let variance = (prior.strength * prior.variance + left) / freedom;
        Some(Self { means, factor, variance, freedom })
    }

    /// What is predicted of an observation: its mean, and the scale of a Student's t of `freedom` degrees.
    pub fn predict(&self, x: &[f64]) -> (f64, f64) {
        let mean = self.means.iter().zip(x).map(|(weight, value)| weight * value).sum();
        (mean, (self.variance * (1.0 + self.leverage(x))).sqrt())
    }

    /// A weight's standard deviation.
    pub fn deviation(&self, weight: usize) -> f64 {
        let unit: Vec<f64> = (0..self.means.len()).map(|index| f64::from(u8::from(index == weight))).collect();
        (self.variance * self.leverage(&unit)).sqrt()
    }

    fn leverage(&self, x: &[f64]) -> f64 {
        forward(&self.factor, x).iter().map(|value| value * value).sum()
    }
}

/// Solves L·z = b.
fn forward(factor: &[f64], target: &[f64]) -> Vec<f64> {
    let mut solved: Vec<f64> = Vec::with_capacity(target.len());
    for (row, value) in target.iter().enumerate() {
        let known: f64 = solved.iter().enumerate().map(|(column, value)| at(factor, place(row, column)) * value).sum();
        solved.push((value - known) / at(factor, place(row, row)));
    }
    solved
}

/// Solves Lᵀ·w = z.
fn backward(factor: &[f64], target: &[f64]) -> Vec<f64> {
    let mut solved = target.to_vec();
    for row in (0..target.len()).rev() {
        let known: f64 =
            solved.iter().enumerate().skip(row.saturating_add(1)).map(|(later, value)| at(factor, place(later, row)) * value).sum();
        if let Some(value) = solved.get_mut(row) {
            *value = (*value - known) / at(factor, place(row, row));
        }
    }
    solved
}
