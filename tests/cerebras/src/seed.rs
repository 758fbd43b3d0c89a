//! Everything that looks random in an answer comes from the bytes of its request: the same request always gets the same text and ids.

/// Multiplies to 128 bits and folds the halves; the mixing step of both the digest and the dice.
fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a).wrapping_mul(u128::from(b));
    (wide as u64) ^ ((wide >> 64) as u64)
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
const MIX: u64 = 0xd6e8_feb8_6659_fd93;

/// A quick 64-bit digest. Not for secrets: it only has to spread well.
pub fn digest(bytes: &[u8]) -> u64 {
    let mut state = STEP ^ bytes.len() as u64;
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let mut eight = [0u8; 8];
        eight.copy_from_slice(word);
        state = fold(state ^ u64::from_le_bytes(eight), MIX);
    }
    let mut last = [0u8; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    fold(state ^ u64::from_le_bytes(last), STEP)
}

/// Joins two digests, in order.
pub fn join(a: u64, b: u64) -> u64 {
    fold(a ^ STEP, b ^ MIX)
}

/// A small generator of pseudo-random numbers.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that always fall the same way for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        fold(self.0, self.0 ^ MIX)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.roll() % end as u64) as usize }
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// One of the given things.
    pub fn pick<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len())]
    }

    /// True `part` times in `whole`.
    pub fn chance(&mut self, part: usize, whole: usize) -> bool {
        self.below(whole) < part
    }
}

/// A version-4 style UUID of a digest.
pub fn uuid(seed: u64) -> String {
    let mut dice = Dice::new(seed);
    let (a, b) = (dice.roll(), dice.roll());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        0x8000 | (b >> 48) & 0x3fff,
        b & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_depends_on_every_byte_and_the_length() {
        let base = digest(b"0123456789abcdef!");
        assert_eq!(base, digest(b"0123456789abcdef!"));
        assert_ne!(base, digest(b"0123456789abcdef?"));
        assert_ne!(base, digest(b"1123456789abcdef!"));
        assert_ne!(digest(b"a"), digest(b"a\0"));
    }

    #[test]
    fn ids_have_the_shape_of_version_four() {
        for seed in 0..500 {
            let id = uuid(seed);
            assert_eq!(id.len(), 36);
            assert_eq!(id.as_bytes()[14], b'4');
            assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        }
    }

    #[test]
    fn dice_stay_within_their_bounds() {
        let mut dice = Dice::new(7);
        for _ in 0..1000 {
            let number = dice.between(3, 5);
            assert!((3..=5).contains(&number));
        }
        assert_eq!(dice.below(0), 0);
    }
}
