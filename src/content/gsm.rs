//! Text messages: the alphabet GSM-7 with its extension, and how long a message is in parts (3GPP TS 23.038, 6.2.1; TS 23.040, 9.2.3.24).

use serde::Serialize;

/// The default alphabet, one septet each; a line feed and a carriage return as well.
const BASIC: &str =
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Its extension, two septets each.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// The longest single message, in septets.
pub const SINGLE: usize = 160;
/// The same when a character is not in GSM-7, in units of UTF-16.
pub const SINGLE_UCS2: usize = 70;
/// A part of a longer one, in septets.
pub const PART: usize = 153;
/// The same in units of UTF-16.
pub const PART_UCS2: usize = 67;

/// How a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Parts {
    /// Whether every character is in GSM-7.
    pub gsm7: bool,
    /// Septets, or units of UTF-16.
    pub units: usize,
    /// How many messages are sent and paid.
    pub parts: usize,
}

/// Septets of a character.
pub fn septets(character: char) -> Option<usize> {
    if BASIC.contains(character) { Some(1) } else { EXTENSION.contains(character).then_some(2) }
}

/// Septets of a text; none when a character is not in GSM-7.
pub fn length(text: &str) -> Option<usize> {
    text.chars().try_fold(0_usize, |sum, character| Some(sum.saturating_add(septets(character)?)))
}

/// How a text is sent. A part is not cut within a character of two units.
pub fn parts(text: &str) -> Parts {
    let (gsm7, units) = match length(text) {
        Some(septets) => (true, septets),
        None => (false, text.encode_utf16().count()),
    };
    let (single, part) = if gsm7 { (SINGLE, PART) } else { (SINGLE_UCS2, PART_UCS2) };
    if units <= single {
        return Parts { gsm7, units, parts: 1 };
    }
    let (mut parts, mut filled) = (1_usize, 0_usize);
    for character in text.chars() {
        let size = if gsm7 { septets(character).unwrap_or(1) } else { character.len_utf16() };
        filled = filled.saturating_add(size);
        if filled > part {
            parts = parts.saturating_add(1);
            filled = size;
        }
    }
    Parts { gsm7, units, parts }
}
