//! Random numbers that cost no call of the runtime: for ids of spans and for sampling, not for secrets. Seeded once an isolate from a random
//! UUID, then SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).

use std::cell::Cell;

/// What the state grows by: 2^64 divided by the golden ratio, odd.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A source of numbers.
#[derive(Debug, Default)]
pub struct Draw(Cell<Option<u64>>);

impl Draw {
    /// The next number; `uuid` gives the seed of the first.
    pub fn next(&self, uuid: impl FnOnce() -> String) -> u64 {
        let state = self.0.get().unwrap_or_else(|| seed(&uuid())).wrapping_add(GOLDEN);
        self.0.set(Some(state));
        mixed(state)
    }

    /// Whether one of so many, a share from 0 to 1, is taken.
    pub fn takes(&self, share: f64, uuid: impl FnOnce() -> String) -> bool {
        if share <= 0.0 || share >= 1.0 {
            return share >= 1.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "53 bits")]
        let drawn = (self.next(uuid) >> 11) as f64 / (1_u64 << 53) as f64;
        drawn < share
    }
}

/// Both halves of a UUID in one number: its 122 random bits are enough to tell isolates apart in 64.
fn seed(uuid: &str) -> u64 {
    let digits = uuid.bytes().filter_map(|byte| char::from(byte).to_digit(16));
    digits.fold(0, |seed, digit| mixed(seed.rotate_left(4) ^ u64::from(digit)).wrapping_add(GOLDEN))
}

/// A number whose bits all depend on all bits of another; different for different ones.
pub fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
