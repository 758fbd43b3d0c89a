//! Which arm a subject is in: the same in every isolate, without asking anybody.
//!
//! By weighted rendezvous: each arm draws a number for the subject from a keyed hash, an exponential one whose rate is the arm's weight, and the
//! smallest wins. So arms get their weights' shares; a subject stays while weights stay; and when they move, it moves only to an arm whose weight
//! has grown in proportion to that of the arm which it leaves. Of two arms, the share of subjects that move is the share of weight that does.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What a subject draws in an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw([u8; 32]);

impl Draw {
    /// What a subject draws with the key of one run of an experiment: who lacks that can neither tell its arm nor find the subject by what is
    /// kept of it.
    pub fn of(key: &str, subject: &str) -> Self {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return Self([0; 32]) };
        mac.update(b"maya-edge experiment 1\0");
        mac.update(subject.as_bytes());
        Self(mac.finalize().into_bytes().into())
    }

    /// The name under which a subject is known in this run, and nowhere else: 32 hexadecimal digits.
    pub fn name(&self) -> String {
        let half = self.0.get(..16).unwrap_or_default();
        crate::admission::keys::hex(half)
    }

    /// The place of its arm among at most eight with these weights; none when no arm has one.
    pub fn arm(&self, weights: &[f64]) -> Option<usize> {
        let numbers = self.0.chunks_exact(4).map(|chunk| {
            let number = chunk.iter().fold(0.0, |sum, byte| sum * 256.0 + f64::from(*byte));
            // Never 0 and never 1.
            (number + 0.5) / 4_294_967_296.0
        });
        let drawn = weights.iter().zip(numbers).enumerate().filter(|(_, (weight, _))| **weight > 0.0);
        let times = drawn.map(|(place, (weight, number))| (place, -number.ln() / weight));
        times.min_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(place, _)| place)
    }
}
