//! A linear classifier with weights of a byte, and how sure it may be.
//!
//! Layout of its file, little endian: `"MAYALIN1"`; u32 classes K; f32 temperature, none, least; f32 × 3K: each class's step of its gram weights,
//! step of its embedding weights, and bias; i8 × K × 8192: the gram weights, a row a place; i8 × K × 128: the embedding weights, a row a dimension.

use super::embedding::DIMENSIONS;
use super::features::{EMBEDDING_WEIGHT, Features};
use super::ngrams::BUCKETS;

/// How scores become probabilities, and which are enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// Scores are divided by it.
    pub temperature: f32,
    /// The score that "none of these" has in every text; very low when there is a class for it.
    pub none: f32,
    /// The probability from which an answer is given.
    pub least: f32,
}

/// A class and its probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guess<C> {
    /// Which.
    pub class: C,
    /// From 0 to 1.
    pub probability: f32,
}

/// What a classifier says of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Classified<C> {
    /// The class, when the first guess is probable enough; the classifier abstains otherwise.
    pub answer: Option<C>,
    /// The three most probable classes, the first first.
    pub guesses: Vec<Guess<C>>,
    /// The probability of none of the classes. With those of all classes it sums to 1.
    pub none: f32,
}

impl<C: Copy> Classified<C> {
    /// From the scores of all classes.
    pub fn from_scores(scores: impl Iterator<Item = (C, f32)>, calibration: Calibration) -> Self {
        let (mut guesses, none) = probabilities(scores, calibration);
        guesses.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        guesses.truncate(3);
        let answer = guesses.first().filter(|first| first.probability >= calibration.least).map(|first| first.class);
        Self { answer, guesses, none }
    }
}

/// The probability of every class, in the order of the scores, and of none.
pub fn probabilities<C>(scores: impl Iterator<Item = (C, f32)>, calibration: Calibration) -> (Vec<Guess<C>>, f32) {
    let heat = |score: f32| score / calibration.temperature.max(1e-6);
    let mut guesses: Vec<Guess<C>> = scores.map(|(class, score)| Guess { class, probability: heat(score) }).collect();
    let highest = guesses.iter().map(|guess| guess.probability).fold(heat(calibration.none), f32::max);
    let none = (heat(calibration.none) - highest).exp();
    guesses.iter_mut().for_each(|guess| guess.probability = (guess.probability - highest).exp());
    let sum = none + guesses.iter().map(|guess| guess.probability).sum::<f32>();
    guesses.iter_mut().for_each(|guess| guess.probability /= sum);
    (guesses, none / sum)
}

/// The classifier, as it lies in its file.
#[derive(Clone, Copy, Debug)]
pub struct Linear<'b> {
    /// How sure it may be.
    pub calibration: Calibration,
    /// Each class's steps and bias.
    classes: &'b [[u8; 12]],
    grams: &'b [u8],
    embedding: &'b [u8],
}

impl<'b> Linear<'b> {
    /// Finds the parts of a file; none when it is not one.
    pub const fn read(bytes: &'b [u8]) -> Option<Self> {
        let Some((magic, rest)) = bytes.split_first_chunk::<8>() else { return None };
        let Some((head, rest)) = rest.split_first_chunk::<16>() else { return None };
        let (words, _) = head.as_chunks::<4>();
        let [classes, temperature, none, least] = words else { return None };
        let calibration = Calibration {
            temperature: f32::from_le_bytes(*temperature),
            none: f32::from_le_bytes(*none),
            least: f32::from_le_bytes(*least),
        };
        let count = u32::from_le_bytes(*classes) as usize;
        if u64::from_le_bytes(*magic) != u64::from_le_bytes(*b"MAYALIN1") || count > 65_536 {
            return None;
        }
        let Some((classes, rest)) = rest.split_at_checked(count.saturating_mul(12)) else { return None };
        let Some((grams, rest)) = rest.split_at_checked(count.saturating_mul(BUCKETS)) else { return None };
        let Some((embedding, _)) = rest.split_at_checked(count.saturating_mul(DIMENSIONS)) else { return None };
        Some(Self { calibration, classes: classes.as_chunks().0, grams, embedding })
    }

    /// How many classes it knows.
    pub const fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether it knows none.
    pub const fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// The score of each class.
    pub fn scores(&self, features: &Features) -> Vec<f32> {
        let count = self.len();
        let row = |weights: &'b [u8], at: usize| {
            let begin = at.saturating_mul(count);
            weights.get(begin..begin.saturating_add(count)).unwrap_or_default()
        };
        let (mut grams, mut embedding) = (vec![0.0f32; count], vec![0.0f32; count]);
        for (place, weight) in &features.grams {
            add(&mut grams, row(self.grams, usize::from(*place)), *weight);
        }
        for (dimension, value) in features.embedding.iter().enumerate() {
            add(&mut embedding, row(self.embedding, dimension), *value * EMBEDDING_WEIGHT);
        }
        let sums = grams.iter().zip(&embedding).zip(self.classes);
        sums.map(|((grams, embedding), [a, b, c, d, e, f, g, h, i, j, k, l])| {
            let (step, other) = (f32::from_le_bytes([*a, *b, *c, *d]), f32::from_le_bytes([*e, *f, *g, *h]));
            grams * step + embedding * other + f32::from_le_bytes([*i, *j, *k, *l])
        })
        .collect()
    }

    /// What it says of a text: classes are numbered as in the file.
    pub fn classify(&self, features: &Features) -> Classified<usize> {
        Classified::from_scores(self.scores(features).into_iter().enumerate(), self.calibration)
    }
}

/// Adds a row of weights.
fn add(sums: &mut [f32], row: &[u8], factor: f32) {
    for (sum, weight) in sums.iter_mut().zip(row) {
        *sum += factor * f32::from(weight.cast_signed());
    }
}
