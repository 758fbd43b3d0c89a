//! A text for listening, in English: figures, signs, dates and abbreviations as they are said, pauses, and how long it takes.
//!
//! The model of duration: words of what is spoken, at a rate in words a minute, and the pauses. 150 words a minute is the middle of what
//! recorded books are read at (Williams, "Guidelines for the use of multimedia in instruction", 1998: 150 to 160).

mod spoken;

use serde::Serialize;

use super::entities::{Kind, entities};
use super::platform::Platform;
use super::sentences::{is_end, sentences};

/// The usual rate, in words a minute.
pub const WORDS_A_MINUTE: u32 = 150;
/// The slowest and the fastest rate that is taken, in words a minute.
pub const RATES: (u32, u32) = (80, 300);
/// The pause behind a sentence, in ms.
pub const SENTENCE_MS: u32 = 400;
/// The pause behind a paragraph, in ms.
pub const PARAGRAPH_MS: u32 = 800;

/// A text for listening.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Script {
    /// What is said, as plain text: a line a sentence, an empty line between paragraphs.
    pub text: String,
    /// The same as SSML 1.1, with its pauses.
    pub ssml: String,
    /// Words of it, as they are said.
    pub words: usize,
    /// How long it takes, pauses included, in ms.
    #[serde(skip)]
    pub milliseconds: u64,
    /// The same in seconds, to a tenth.
    pub seconds: f64,
    /// The rate that this is for, in words a minute.
    pub words_a_minute: u32,
}

/// A text as it is said, at a rate in words a minute, which is kept within [`RATES`].
///
/// Links become the name of their host, mentions and hashtags words; emoji are not said.
pub fn script(text: &str, words_a_minute: u32) -> Script {
    let rate = words_a_minute.clamp(RATES.0, RATES.1);
    let (mut plain, mut ssml) =
        (String::new(), String::from("<speak version=\"1.1\" xmlns=\"http://www.w3.org/2001/10/synthesis\" xml:lang=\"en\">"));
    let (mut words, mut pauses) = (0_usize, 0_u32);
    let readable = readable(text);
    for paragraph in readable.split("\n\n") {
        let said: Vec<String> = sentences(paragraph)
            .into_iter()
            .filter_map(|range| paragraph.get(range))
            .map(spoken::sentence)
            .filter(|sentence| sentence.chars().any(char::is_alphanumeric))
            .collect();
        if said.is_empty() {
            continue;
        }
        if !plain.is_empty() {
            plain.push_str("\n\n");
            ssml.push_str(&format!("<break time=\"{PARAGRAPH_MS}ms\"/>"));
            pauses = pauses.saturating_add(PARAGRAPH_MS);
        }
        ssml.push_str("<p>");
        for (place, sentence) in said.iter().enumerate() {
            if place > 0 {
                plain.push('\n');
                ssml.push_str(&format!("<break time=\"{SENTENCE_MS}ms\"/>"));
                pauses = pauses.saturating_add(SENTENCE_MS);
            }
            words = words.saturating_add(count(sentence));
            plain.push_str(sentence);
            ssml.push_str("<s>");
            escape(sentence, &mut ssml);
            ssml.push_str("</s>");
        }
        ssml.push_str("</p>");
    }
    ssml.push_str("</speak>");
    let spoken = u64::try_from(words).unwrap_or(u64::MAX).saturating_mul(60_000).checked_div(u64::from(rate)).unwrap_or_default();
    let milliseconds = spoken.saturating_add(u64::from(pauses));
    let tenths = u32::try_from(milliseconds.saturating_add(50) / 100).unwrap_or(u32::MAX);
    Script { text: plain, ssml, words, milliseconds, seconds: f64::from(tenths) / 10.0, words_a_minute: rate }
}

/// Words of what is said: a hyphen joins two. Where no spaces stand between words, two characters count as one.
fn count(said: &str) -> usize {
    let unspaced = |character: &char| matches!(character, '\u{e00}'..='\u{eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}');
    let words = said.split(|character: char| character.is_whitespace() || character == '-');
    let of = |word: &str| {
        let without = word.chars().filter(unspaced).count();
        let spaced = word.chars().any(|character| character.is_alphanumeric() && !unspaced(&character));
        without.div_ceil(2).saturating_add(usize::from(spaced))
    };
    words.map(of).fold(0, usize::saturating_add)
}

/// Links, mentions and hashtags as words.
fn readable(text: &str) -> String {
    let (mut written, mut at) = (String::with_capacity(text.len()), 0_usize);
    for entity in entities(&Platform::Bluesky.published(), text) {
        written.push_str(text.get(at..entity.start).unwrap_or_default());
        let own = entity.of(text);
        match entity.kind {
            Kind::Link => {
                let rest = own.split_once("://").map_or(own, |(_, rest)| rest);
                let host = rest.split(['/', '?', '#', ':']).next().unwrap_or_default();
                written.push_str(&host.strip_prefix("www.").unwrap_or(host).replace('.', " dot "));
            }
            Kind::Email => written.push_str(&own.replace('@', " at ").replace('.', " dot ")),
            Kind::Mention | Kind::Hashtag => written.push_str(&apart(own.trim_start_matches(['@', '＠', '#', '＃']))),
        }
        at = entity.end;
    }
    written.push_str(text.get(at..).unwrap_or_default());
    written
}

/// `BlackFriday_sale.x` as words.
fn apart(name: &str) -> String {
    let (mut written, mut before) = (String::new(), None::<char>);
    for character in name.chars() {
        if matches!(character, '_' | '.' | '-') {
            written.push(' ');
        } else {
            if character.is_uppercase() && before.is_some_and(char::is_lowercase) {
                written.push(' ');
            }
            written.push(character);
        }
        before = Some(character);
    }
    written
}

fn escape(text: &str, written: &mut String) {
    for character in text.chars() {
        match character {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            // What XML 1.0 has no way to say.
            _ if character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}') => written.push(' '),
            _ => written.push(character),
        }
    }
}

/// Whether what is said ends as a sentence does, so that a voice falls.
fn falls(text: &str) -> bool {
    is_end(text) || text.ends_with(['.', ':', ',', ';'])
}
