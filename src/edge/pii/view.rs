//! A segment as the scanner sees it: one byte a character, without what is invisible, with full-width forms as ASCII.

use std::borrow::Cow;
use std::ops::Range;

/// A letter outside ASCII, of a script that has upper and lower case.
pub const LETTER: u8 = 0x80;
/// Any other character outside ASCII. It parts words.
pub const OTHER: u8 = 0x81;

/// Whether a character has no form: soft hyphen, combining grapheme joiner, Mongolian vowel separator, zero-width characters and marks
/// of direction, variation selectors, tags.
pub fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// What a character is to the scanner; none when it is invisible.
pub fn normal(character: char) -> Option<u8> {
    if character.is_ascii() {
        return u8::try_from(character).ok();
    }
    match character {
        _ if is_invisible(character) => None,
        // Full-width forms stand in the order of ASCII.
        '\u{ff01}'..='\u{ff5e}' => u8::try_from(u32::from(character).saturating_sub(0xfee0)).ok(),
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Some(b' '),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' => Some(b'-'),
        _ if character.is_whitespace() => Some(b'\n'),
        _ if character.is_lowercase() || character.is_uppercase() => Some(LETTER),
        _ => Some(digit(character).unwrap_or(OTHER)),
    }
}

/// Decimal digits of other scripts: the blocks that are in use on keyboards.
fn digit(character: char) -> Option<u8> {
    let zero = match character {
        '\u{660}'..='\u{669}' => '\u{660}',
        '\u{6f0}'..='\u{6f9}' => '\u{6f0}',
        '\u{966}'..='\u{96f}' => '\u{966}',
        '\u{9e6}'..='\u{9ef}' => '\u{9e6}',
        '\u{e50}'..='\u{e59}' => '\u{e50}',
        '\u{1d7ce}'..='\u{1d7ff}' => {
            // Mathematical digits: five alphabets of ten.
            let place = u32::from(character).saturating_sub(0x1d7ce) % 10;
            return u8::try_from(place).ok().map(|place| b'0'.saturating_add(place));
        }
        _ => return None,
    };
    let place = u32::from(character).saturating_sub(u32::from(zero));
    u8::try_from(place).ok().map(|place| b'0'.saturating_add(place))
}

/// Whether a byte of a view belongs to a word.
pub fn is_word(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == LETTER || byte == b'_')
}

/// The byte before a place.
pub fn before(bytes: &[u8], at: usize) -> Option<u8> {
    at.checked_sub(1).and_then(|at| bytes.get(at)).copied()
}

/// The bytes from a place on.
pub fn from(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or_default()
}

/// How many bytes from a place on are of a kind.
pub fn run(bytes: &[u8], at: usize, kind: impl Fn(u8) -> bool) -> usize {
    from(bytes, at).iter().take_while(|byte| kind(**byte)).count()
}

/// A segment's bytes, and where each stands in it.
pub struct View<'t> {
    bytes: Cow<'t, [u8]>,
    /// Begin and end of each byte's character; none when they are the bytes themselves.
    places: Option<Vec<(usize, usize)>>,
}

impl<'t> View<'t> {
    /// The view of a segment.
    pub fn new(segment: &'t str) -> Self {
        if segment.is_ascii() {
            return Self { bytes: Cow::Borrowed(segment.as_bytes()), places: None };
        }
        let (mut bytes, mut places) = (Vec::with_capacity(segment.len()), Vec::with_capacity(segment.len()));
        for (at, character) in segment.char_indices() {
            if let Some(byte) = normal(character) {
                bytes.push(byte);
                places.push((at, at.saturating_add(character.len_utf8())));
            }
        }
        Self { bytes: Cow::Owned(bytes), places: Some(places) }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where in the segment the bytes from `begin` to before `end` stand.
    pub fn span(&self, begin: usize, end: usize) -> Range<usize> {
        let Some(places) = &self.places else { return begin..end };
        let last = end.checked_sub(1).and_then(|last| places.get(last));
        match (places.get(begin), last) {
            (Some((from, _)), Some((_, to))) => *from..*to,
            _ => 0..0,
        }
    }
}
