//! The parts of `models/embedding.bin`, found at compile time. Its layout is told in `models/layout.py`.

/// The table of the static embedding and of its tokenizer.
#[derive(Debug)]
pub struct Tables {
    /// Hash table: a token's number plus one, or 0.
    pub slots: &'static [[u8; 2]],
    /// Where each token's text begins, and where the last one ends.
    pub offsets: &'static [[u8; 2]],
    /// A token's scale.
    pub scales: &'static [u8],
    /// Two values a byte; a row a token.
    pub rows: &'static [[u8; HALF]],
    /// A character and what it becomes.
    pub changed: &'static [[u8; 8]],
    /// Ranges of characters that are dropped.
    pub dropped: &'static [[u8; 8]],
    /// Ranges of characters that stand for themselves.
    pub apart: &'static [[u8; 8]],
    /// The texts of the tokens.
    pub texts: &'static [u8],
}

/// Bytes of a row: half as many as dimensions.
pub const HALF: usize = 64;

/// The distilled table that is shipped.
pub static TABLES: Tables = lay(include_bytes!("../../models/embedding.bin"));

/// A little-endian pair of bytes.
pub fn short(bytes: [u8; 2]) -> usize {
    usize::from(u16::from_le_bytes(bytes))
}

/// Two little-endian words of four bytes.
pub fn pair([a, b, c, d, e, f, g, h]: [u8; 8]) -> (u32, u32) {
    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
}

/// Runs at compile time alone: a file of another layout stops the build there.
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "evaluated at compile time, where a fault is a compile error")]
const fn lay(bytes: &'static [u8]) -> Tables {
    let (head, rest) = bytes.split_at(32);
    let (words, _) = head.as_chunks::<4>();
    let tokens = u32::from_le_bytes(words[2]) as usize;
    assert!(u32::from_le_bytes(words[0]) == u32::from_le_bytes(*b"MAYA") && u32::from_le_bytes(words[1]) == u32::from_le_bytes(*b"EMB1"));
    assert!(u32::from_le_bytes(words[3]) as usize == 2 * HALF, "another number of dimensions");
    let slots = u32::from_le_bytes(words[4]) as usize;
    assert!(slots.is_power_of_two() && slots > tokens, "the hash table is too small");
    let (slots, rest) = rest.split_at(2 * slots);
    let (offsets, rest) = rest.split_at(2 * (tokens + 1));
    let (scales, rest) = rest.split_at(tokens);
    let (rows, rest) = rest.split_at(tokens * HALF);
    let (changed, rest) = rest.split_at(8 * u32::from_le_bytes(words[5]) as usize);
    let (dropped, rest) = rest.split_at(8 * u32::from_le_bytes(words[6]) as usize);
    let (apart, texts) = rest.split_at(8 * u32::from_le_bytes(words[7]) as usize);
    Tables {
        slots: slots.as_chunks().0,
        offsets: offsets.as_chunks().0,
        scales,
        rows: rows.as_chunks().0,
        changed: changed.as_chunks().0,
        dropped: dropped.as_chunks().0,
        apart: apart.as_chunks().0,
        texts,
    }
}
