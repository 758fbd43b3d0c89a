//! What a classifier sees of a text: its embedding beside its grams.

use super::embedding::{self, Vector};
use super::{ngrams, wordpiece};

/// How much the embedding weighs against the grams, which have length 1. Chosen by cross-validation on the examples (`models/cards/intents.md`).
pub const EMBEDDING_WEIGHT: f32 = 1.0;

/// Embedding and grams of a text.
#[derive(Clone, Debug)]
pub struct Features {
    /// At length 1, or zero.
    pub embedding: Vector,
    /// Places and weights, at length 1.
    pub grams: Vec<(u16, f32)>,
}

impl Features {
    /// Reads a text once for both.
    pub fn of(text: &str) -> Self {
        let words = wordpiece::normalise(text);
        Self { embedding: embedding::of_words(&words), grams: ngrams::grams(&words) }
    }
}
