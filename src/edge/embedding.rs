//! A static embedding: a text's vector is the sum of its tokens', distilled from all-MiniLM-L6-v2 (`models/distil.py`, `models/cards/embedding.md`).
//!
//! It is for choosing examples, suggestions and finding drafts that are nearly the same. It does not know the order of words, and "is it safe" is
//! near "is it not safe": nothing may be answered from likeness alone.

use super::tables::{HALF, TABLES};
use super::wordpiece::{normalise, tokens};

/// Dimensions of a vector, in order of how much they tell.
pub const DIMENSIONS: usize = 2 * HALF;

/// A vector of length 1, or all zero when no word is known.
pub type Vector = [f32; DIMENSIONS];

/// 2^(i/8).
const EIGHTHS: [f32; 8] = [1.0, 1.090_507_7, 1.189_207_1, 1.296_839_6, std::f32::consts::SQRT_2, 1.542_210_8, 1.681_792_9, 1.834_008_1];

/// The vector of a text.
pub fn embed(text: &str) -> Vector {
    of_words(&normalise(text))
}

/// The vector of words that `normalise` has made.
pub fn of_words(words: &str) -> Vector {
    // Two halves, since the halves of a byte belong to dimensions that lie half a row apart: loops without shuffles, which compilers vectorise.
    let (mut low, mut high) = ([0.0f32; HALF], [0.0f32; HALF]);
    let mut steps = 0.0;
    for token in tokens(words) {
        let (Some(row), Some(scale)) = (TABLES.rows.get(usize::from(token)), TABLES.scales.get(usize::from(token))) else { continue };
        let step = step(*scale);
        steps += step;
        for (sum, byte) in low.iter_mut().zip(row) {
            *sum += step * f32::from(byte & 15);
        }
        for (sum, byte) in high.iter_mut().zip(row) {
            *sum += step * f32::from(byte >> 4);
        }
    }
    // Values are stored from 0 to 15 and stand for -7.5 to 7.5.
    let middle = 7.5 * steps;
    let mut vector = [0.0; DIMENSIONS];
    vector.iter_mut().zip(low.iter().chain(&high)).for_each(|(value, sum)| *value = sum - middle);
    unit(&mut vector);
    vector
}

/// The first dimensions alone, at length 1 again.
pub fn truncated(vector: &Vector, dimensions: usize) -> Vec<f32> {
    let mut first: Vec<f32> = vector.iter().copied().take(dimensions).collect();
    unit(&mut first);
    first
}

/// The cosine of two vectors of length 1; of different lengths, over what both have.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0f32; 8];
    for (a, b) in a.iter().zip(b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// Brings a vector to length 1, or to zero when it has no direction.
pub fn unit(vector: &mut [f32]) {
    let length = cosine(vector, vector).sqrt();
    let factor = if length.is_finite() && length > 1e-9 { length.recip() } else { 0.0 };
    vector.iter_mut().for_each(|value| *value *= factor);
}

/// 2^(scale/8 - 24).
fn step(scale: u8) -> f32 {
    // 127 is the bias of a float's exponent: 103 to 134 here, never out of range.
    let power = f32::from_bits(103u32.wrapping_add(u32::from(scale >> 3)) << 23);
    power * EIGHTHS.get(usize::from(scale & 7)).copied().unwrap_or(1.0)
}
