//! Hashed character 2–4-grams: what an embedding of whole words loses, such as endings, typing errors and names.

use super::wordpiece::fnv;

/// Grams share so many places.
pub const BUCKETS: usize = 8192;
/// Grams of a longer text tell no more, in characters.
const READ: usize = 600;

/// Places and weights of the grams of normalised words, sorted by place, together at length 1. A gram that repeats weighs its logarithm.
pub fn grams(words: &str) -> Vec<(u16, f32)> {
    let edged: Vec<char> = std::iter::once(' ').chain(words.chars().take(READ)).chain(std::iter::once(' ')).collect();
    let mut places = Vec::with_capacity(edged.len().saturating_mul(3));
    for begin in 0..edged.len() {
        let mut hash = 0x811C_9DC5;
        for (before, c) in edged.iter().skip(begin).take(4).enumerate() {
            hash = c.encode_utf8(&mut [0; 4]).as_bytes().iter().fold(hash, fnv);
            if before > 0 {
                // The multiplication mixes upwards only, so the high half is folded in.
                let mixed = (hash ^ (hash >> 15)).wrapping_mul(0x2C1B_3C6D);
                places.push(u16::try_from((mixed >> 16) as usize & BUCKETS.wrapping_sub(1)).unwrap_or(0));
            }
        }
    }
    places.sort_unstable();
    let mut grams: Vec<(u16, f32)> = places
        .chunk_by(|a, b| a == b)
        .filter_map(|same| Some((*same.first()?, 1.0 + f32::from(u16::try_from(same.len()).unwrap_or(u16::MAX)).ln())))
        .collect();
    let length = grams.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt();
    grams.iter_mut().for_each(|(_, weight)| *weight /= length);
    grams
}
