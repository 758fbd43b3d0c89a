//! Where a text may be cut so that no match reaches over the cut.
//!
//! A cut lies before the first character after white space, except where a match may go on: between groups of digits or of an
//! IBAN, and inside a private key. Another lies before what no match can hold: a quotation mark or an angle bracket, and a character of
//! a script without spaces, so that neither minified JSON nor Chinese waits for a space that never comes. It is decided by what was
//! read so far and the character that comes, so it is the same however a stream is chunked.

use super::view::{LETTER, OTHER, normal};

/// The longest segment, in bytes: what a stream holds back at the most. The longest private keys in use (RSA, 8192 bits) have 6.4 kB.
pub const LONGEST: usize = 8192;

/// No match of several words is longer, but for a private key: 34 characters of an IBAN and the spaces among them, with room.
const LONGEST_GROUPS: usize = 96;

/// The longest placeholder: `[LITERAL_` and twenty digits and `]`.
pub const LONGEST_PLACEHOLDER: usize = 30;

const BEGIN: &[u8; 10] = b"-----BEGIN";
const END: &[u8; 8] = b"-----END";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Key {
    #[default]
    None,
    /// After `-----BEGIN`.
    Inside,
    /// After `-----END`; the count of visible characters since.
    Ending(usize),
}

/// Reads a text character by character and tells where segments begin.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    /// Bytes since the cut.
    length: usize,
    /// The visible characters at the end, newest in the lowest byte.
    recent: u128,
    /// The last visible character that is not white space.
    last: u8,
    /// White space since then: none, one space, or more.
    spaces: usize,
    /// Whether what came since the cut has a digit.
    has_digit: bool,
    key: Key,
    /// Whether `://` came since the cut: what follows may be of any script.
    url: bool,
    /// Bytes since a `[` from which a placeholder may come.
    bracket: Option<usize>,
}

impl Segments {
    /// Takes the next character; true when a segment begins with it.
    pub fn cuts_before(&mut self, character: char) -> bool {
        let cuts = self.length > 0 && self.decide(character);
        if cuts {
            *self = Self::default();
        }
        self.take(character);
        cuts
    }

    fn decide(&self, character: char) -> bool {
        let whole = self.length.saturating_add(character.len_utf8());
        if whole > LONGEST {
            // A forced cut must not tear a placeholder: it waits for its end.
            return self.bracket.is_none() || whole > LONGEST.saturating_add(LONGEST_PLACEHOLDER);
        }
        if self.key != Key::None {
            return false;
        }
        let Some(byte) = normal(character) else { return false };
        if matches!(byte, b'"' | b'<' | b'>' | b'`') || byte == OTHER && !self.url {
            return true;
        }
        if self.spaces == 0 {
            return false;
        }
        if byte == b' ' || byte.is_ascii_whitespace() {
            return false;
        }
        !(self.spaces == 1 && self.length < LONGEST_GROUPS && self.joins(byte))
    }

    /// Whether a group that ends in the last character may go on, after one space, with the one that comes.
    fn joins(&self, byte: u8) -> bool {
        let left = self.last.is_ascii_digit() || self.last == b')' || self.last.is_ascii_uppercase() && self.has_digit;
        left && (byte.is_ascii_digit() || byte == b'(' || byte.is_ascii_uppercase())
    }

    fn take(&mut self, character: char) {
        self.length = self.length.saturating_add(character.len_utf8());
        let Some(byte) = normal(character) else {
            self.bracket = None;
            return;
        };
        self.bracket = match self.bracket {
            _ if character == '[' => Some(1),
            Some(count)
                if count < LONGEST_PLACEHOLDER && (character.is_ascii_uppercase() || character.is_ascii_digit() || character == '_') =>
            {
                Some(count.saturating_add(1))
            }
            _ => None,
        };
        if byte == b' ' {
            self.spaces = self.spaces.saturating_add(1);
        } else if byte.is_ascii_whitespace() {
            self.spaces = self.spaces.saturating_add(2);
        } else {
            self.spaces = 0;
            self.last = byte;
            self.has_digit |= byte.is_ascii_digit();
        }
        self.recent = self.recent << 8 | u128::from(byte);
        self.url |= byte == b'/' && self.ends_with(b"://");
        self.key = match self.key {
            Key::None if self.ends_with(BEGIN) => Key::Inside,
            Key::Inside if self.ends_with(END) => Key::Ending(0),
            Key::Ending(count) if count >= 5 && self.ends_with(b"-----") => Key::None,
            Key::Ending(count) => Key::Ending(count.saturating_add(1)),
            key => key,
        };
    }

    fn ends_with(&self, bytes: &[u8]) -> bool {
        // A letter of another script fills a byte like any other.
        debug_assert!(bytes.len() <= 16 && !bytes.contains(&LETTER));
        bytes.iter().rev().enumerate().all(|(place, byte)| {
            let shift = u32::try_from(place).unwrap_or(0).saturating_mul(8);
            self.recent.checked_shr(shift).unwrap_or(0) & 0xff == u128::from(*byte)
        })
    }

    /// Bytes since the last cut.
    pub fn length(&self) -> usize {
        self.length
    }
}
