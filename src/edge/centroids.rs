//! A tenant's own intents, from a few examples each: the nearest mean of the examples, by embedding and grams together.

use super::embedding::{DIMENSIONS, Vector, cosine};
use super::features::Features;
use super::linear::{Calibration, Classified};
use super::ngrams::BUCKETS;

/// How much the grams weigh against the embedding. Less than for a trained classifier, which learns what grams to pass over. Chosen over random
/// choices of ten examples an intent (`models/cards/intents.md`).
const GRAMS_WEIGHT: f32 = 0.3;

/// How cosines become probabilities: chosen for tenants of 1 to 16 intents with 3 to 20 examples each, on other choices of examples than the
/// one that is measured (`edge-eval few` prints it; `models/cards/intents.md` tells the rule).
pub const CALIBRATION: Calibration = Calibration { temperature: 0.048, none: 0.1, least: 0.8 };

/// The classes of a tenant.
#[derive(Clone, Debug, Default)]
pub struct Centroids {
    classes: Vec<Class>,
}

#[derive(Clone, Debug)]
struct Class {
    /// Both parts together have length 1, with the grams at their weight.
    embedding: Vector,
    /// Places and weights, sorted by place.
    grams: Vec<(u16, f32)>,
}

impl Centroids {
    /// Classes from their examples, in the order given. A class without a known word is never guessed before others. Takes about as long as
    /// reading the examples.
    pub fn of<'e>(classes: impl IntoIterator<Item = &'e [Features]>) -> Self {
        Self { classes: classes.into_iter().map(Class::of).collect() }
    }

    /// The score of each class: the cosine with its centre.
    pub fn scores(&self, features: &Features) -> Vec<f32> {
        // Laid out once, so that a class costs no search.
        let mut laid = vec![0.0f32; BUCKETS];
        for (place, weight) in &features.grams {
            if let Some(at) = laid.get_mut(usize::from(*place)) {
                *at = *weight;
            }
        }
        let score = |class: &Class| {
            let grams: f32 = class.grams.iter().map(|(place, weight)| weight * laid.get(usize::from(*place)).copied().unwrap_or(0.0)).sum();
            (cosine(&class.embedding, &features.embedding) + GRAMS_WEIGHT * grams) / (1.0 + GRAMS_WEIGHT).sqrt()
        };
        self.classes.iter().map(score).collect()
    }

    /// The class of a text, by its number.
    pub fn classify(&self, features: &Features) -> Classified<usize> {
        Classified::from_scores(self.scores(features).into_iter().enumerate(), CALIBRATION)
    }
}

impl Class {
    fn of(examples: &[Features]) -> Self {
        let (mut embedding, mut laid) = ([0.0f32; DIMENSIONS], vec![0.0f32; BUCKETS]);
        for example in examples {
            embedding.iter_mut().zip(&example.embedding).for_each(|(sum, value)| *sum += value);
            for (place, weight) in &example.grams {
                if let Some(sum) = laid.get_mut(usize::from(*place)) {
                    *sum += weight;
                }
            }
        }
        let mut grams: Vec<(u16, f32)> = (0_u16..).zip(laid).filter(|(_, weight)| *weight != 0.0).collect();
        let length = (cosine(&embedding, &embedding) + GRAMS_WEIGHT * grams.iter().map(|(_, weight)| weight * weight).sum::<f32>()).sqrt();
        let factor = if length > 1e-9 { length.recip() } else { 0.0 };
        embedding.iter_mut().for_each(|value| *value *= factor);
        grams.iter_mut().for_each(|(_, weight)| *weight *= factor);
        Self { embedding, grams }
    }
}
