//! Warnings about a text: offensive words, and attempts to turn a model against its instructions.
//!
//! A warning, not a filter: lists of words find about a third of what people call offensive, and who wants past them gets past them.
//! What must be kept out is the cloud's to judge.

mod injection;
mod words;

use std::ops::Range;

pub use injection::injections;
pub use words::offences;

/// Something that was noticed.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Which rule noticed it.
    pub rule: &'static str,
    /// Where, in bytes of the text; both ends lie on characters.
    pub span: Range<usize>,
    /// How grave, 0 to 1: an estimate.
    pub weight: f32,
}

/// The categories of OpenAI's `/v1/moderations`, in the order of its documentation.
pub const CATEGORIES: [&str; 13] = [
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];

/// From here on a category is flagged.
const FLAGGED: f32 = 0.5;

/// What lists of words say of a text, in the shape of a moderation's answer. They cannot judge every category: one of which no word was
/// found has score 0, which does not mean that it was ruled out.
#[derive(Clone, Debug, PartialEq)]
pub struct Moderation {
    /// Whether any category is.
    pub flagged: bool,
    /// Each of [`CATEGORIES`] with whether it is flagged and its score, 0 to 1.
    pub categories: [(&'static str, bool, f32); 13],
}

/// Warnings by category.
pub fn moderate(text: &str) -> Moderation {
    let notices = offences(text);
    let categories = CATEGORIES.map(|category| {
        // Each further notice takes away a part of what is left to 1.
        let left = notices.iter().filter(|notice| notice.rule == category).fold(1.0_f32, |left, notice| left * (1.0 - notice.weight));
        let score = 1.0 - left;
        (category, score >= FLAGGED, score)
    });
    Moderation { flagged: categories.iter().any(|(_, flagged, _)| *flagged), categories }
}

/// A word in lower case, and where it stands.
pub(crate) struct Token {
    pub(crate) word: String,
    pub(crate) span: Range<usize>,
}

/// A text's words: letters, digits and apostrophes, full-width forms as ASCII, without what is invisible.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    let mut word = String::new();
    let (mut begin, mut end) = (0, 0);
    for (at, character) in text.char_indices() {
        let plain = match character {
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => continue,
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(character).saturating_sub(0xfee0)).unwrap_or(character),
            '’' => '\'',
            _ => character,
        };
        // These stand for letters within a word.
        let within = matches!(plain, '\'' | '@' | '$' | '*') && !(word.is_empty() && plain == '\'');
        if plain.is_alphanumeric() || within {
            if word.is_empty() {
                begin = at;
            }
            word.extend(plain.to_lowercase());
            end = at.saturating_add(character.len_utf8());
        } else if !word.is_empty() {
            out.push(Token { word: std::mem::take(&mut word), span: begin..end });
        }
    }
    if !word.is_empty() {
        out.push(Token { word, span: begin..end });
    }
    out
}
