//! Text as the teacher's tokenizer sees it: BERT's normalisation (Devlin et al. 2018, `tokenization.py`, uncased), then WordPiece's greedy longest
//! match over the kept tokens.
//!
//! One rule is the project's own: symbols such as emoji stand for themselves, as punctuation does. In BERT "great🔥" is an unknown word.

use super::tables::{TABLES, pair, short};

/// A longer word is unknown, in characters. BERT's own limit.
const LONGEST_WORD: usize = 100;
/// No kept token is longer, in bytes; a test holds it.
pub const LONGEST_TOKEN: usize = 24;

/// Words parted by one space: lower case, without accents, punctuation and symbols each a word of their own.
pub fn normalise(text: &str) -> String {
    let mut words = String::with_capacity(text.len().saturating_add(16));
    let mut gap = false;
    let mut put = |c: char, alone: bool, gap: &mut bool| {
        if (*gap || alone) && !words.is_empty() {
            words.push(' ');
        }
        words.push(c);
        *gap = alone;
    };
    for c in text.chars() {
        match c {
            'a'..='z' | '0'..='9' => put(c, false, &mut gap),
            'A'..='Z' => put(c.to_ascii_lowercase(), false, &mut gap),
            ' ' | '\t' | '\n' | '\r' => gap = true,
            '!'..='~' => put(c, true, &mut gap),
            _ if within(TABLES.dropped, c) => {}
            _ if c.is_whitespace() => gap = true,
            _ if within(TABLES.apart, c) => put(c, true, &mut gap),
            _ => match plain(c) {
                Some(c) => put(c, within(TABLES.apart, c), &mut gap),
                None => c.to_lowercase().filter(|c| !within(TABLES.dropped, *c)).for_each(|c| put(c, false, &mut gap)),
            },
        }
    }
    words
}

/// The numbers of the tokens of normalised words, unknown words left out.
pub fn tokens(words: &str) -> Vec<u16> {
    let mut found = Vec::with_capacity(words.len().div_euclid(4).saturating_add(4));
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        let known = found.len();
        if word.len() > LONGEST_WORD && word.chars().count() > LONGEST_WORD || !split(word.as_bytes(), &mut found) {
            found.truncate(known);
        }
    }
    found
}

/// Adds the tokens of a word; false when a part of it is in no token. What has been added then has to be taken back.
fn split(word: &[u8], found: &mut Vec<u16>) -> bool {
    let mut rest = word;
    while !rest.is_empty() {
        let prefix: &[u8] = if rest.len() == word.len() { b"" } else { b"##" };
        let Some((token, length)) = longest(prefix, rest) else { return false };
        found.push(token);
        rest = rest.get(length..).unwrap_or_default();
    }
    true
}

/// The longest token that a text begins with, and how many of the text's bytes it takes. Tokens end at characters, so matches do.
fn longest(prefix: &[u8], text: &[u8]) -> Option<(u16, usize)> {
    let mut hashes = [0; LONGEST_TOKEN];
    let mut hash = prefix.iter().fold(0x811C_9DC5, fnv);
    for (slot, byte) in hashes.iter_mut().zip(text) {
        hash = fnv(hash, byte);
        *slot = hash;
    }
    // From the whole downwards: most words are a token, and found at once.
    let lengths = (1..=text.len().min(LONGEST_TOKEN)).rev();
    lengths.zip(hashes.iter().rev().skip(LONGEST_TOKEN.saturating_sub(text.len()))).find_map(|(length, hash)| {
        let token = find(*hash, prefix, text.get(..length)?)?;
        Some((token, length))
    })
}

/// A step of FNV-1a, 32 bit.
pub(super) fn fnv(hash: u32, byte: &u8) -> u32 {
    (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
}

/// The token of a text. The table has free slots, so the search ends.
fn find(hash: u32, prefix: &[u8], text: &[u8]) -> Option<u16> {
    let mask = TABLES.slots.len().wrapping_sub(1);
    let mut at = (hash ^ (hash >> 15)) as usize & mask;
    loop {
        let token = short(*TABLES.slots.get(at)?).checked_sub(1)?;
        if token_text(token)?.strip_prefix(prefix) == Some(text) {
            return u16::try_from(token).ok();
        }
        at = at.wrapping_add(1) & mask;
    }
}

/// The text of a token, with `##` when it goes on within a word.
pub fn token_text(token: usize) -> Option<&'static [u8]> {
    let (begin, end) = (TABLES.offsets.get(token)?, TABLES.offsets.get(token.checked_add(1)?)?);
    TABLES.texts.get(short(*begin)..short(*end))
}

/// What a character becomes without its accents.
fn plain(c: char) -> Option<char> {
    let code = u32::from(c);
    let at = TABLES.changed.binary_search_by_key(&code, |entry| pair(*entry).0).ok()?;
    TABLES.changed.get(at).and_then(|entry| char::from_u32(pair(*entry).1))
}

/// Whether a character lies in one of sorted ranges.
fn within(ranges: &[[u8; 8]], c: char) -> bool {
    let code = u32::from(c);
    let at = ranges.partition_point(|range| pair(*range).1 < code);
    ranges.get(at).is_some_and(|range| pair(*range).0 <= code)
}
