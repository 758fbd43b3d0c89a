//! Writing that reads as a machine's: found by fixed rules, scored, and made plain where that is safe.
//!
//! This measures habits of wording. It says nothing on who wrote a text, and nothing here is made to deceive detectors.

mod phrases;
mod plain;
mod rhythm;

use serde::Serialize;

pub use plain::plain;

/// What kind of habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A beginning that says nothing: `In today's fast-paced world`.
    Opener,
    /// A phrase that stands for caution: `it's important to note`.
    Hedge,
    /// Three of the same kind in a row: `fast, simple, and reliable`.
    Triad,
    /// Dashes in place of commas and points.
    Dash,
    /// Emoji as bullets or in crowds.
    Emoji,
    /// A superlative without a fact: `game-changing`.
    Superlative,
    /// A stock phrase or word: `delve into`.
    Stock,
    /// A pattern: `not just X, but Y`, a question that is answered at once.
    Pattern,
    /// An ending that says nothing: `What do you think?`, `In conclusion`.
    Closer,
    /// Sentences of nearly the same length.
    Uniform,
}

/// A place in a text, in bytes and in characters (code points).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it has ended, in bytes.
    pub end: usize,
    /// Where it begins, in characters.
    pub start_character: usize,
    /// Where it has ended, in characters.
    pub end_character: usize,
}

/// A habit that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hit {
    /// What kind.
    pub kind: Kind,
    /// Where.
    pub span: Span,
    /// What it adds to the points of the text.
    pub weight: f64,
    /// Why it reads as a machine's, in a sentence.
    pub reason: &'static str,
}

/// What was measured of a text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Wording {
    /// 0 to 100; lower is plainer. `100 × (1 − e^(−points/40))`, so that each habit tells, and none fills the scale alone.
    pub score: f64,
    /// The weights of all hits, scaled to a text of 500 words. A text of less than 100 words counts as one of 100: in a short post a single
    /// phrase is no habit yet.
    pub points: f64,
    /// Words of the text.
    pub words: usize,
    /// What was found, in the order of the text.
    pub hits: Vec<Hit>,
}

/// The length that points are stated for, in words.
const STATED_WORDS: f64 = 500.0;
/// Shorter texts count as this long, in words.
const LEAST_WORDS: f64 = 100.0;
/// So many points for 500 words are a score of 63.
const SCALE: f64 = 40.0;

/// A hit before its place in characters is known.
struct Found {
    kind: Kind,
    start: usize,
    end: usize,
    weight: f64,
    reason: &'static str,
}

/// Measures a text.
pub fn measure(text: &str) -> Wording {
    let mut found = phrases::find(text);
    found.extend(rhythm::find(text));
    found.sort_by_key(|hit| (hit.start, hit.end));
    let words = text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count();
    let points = points(&found, words);
    let (mut at, mut characters) = (0_usize, 0_usize);
    let mut place = |to: usize| {
        let (from, back) = if to >= at { (at, false) } else { (to, true) };
        let passed = text.get(from..to.max(at)).map_or(0, |part| part.chars().count());
        characters = if back { characters.saturating_sub(passed) } else { characters.saturating_add(passed) };
        at = to;
        characters
    };
    let hits = found
        .into_iter()
        .map(|hit| {
            let (start_character, end_character) = (place(hit.start), place(hit.end));
            let span = Span { start: hit.start, end: hit.end, start_character, end_character };
            Hit { kind: hit.kind, span, weight: hit.weight, reason: hit.reason }
        })
        .collect();
    Wording { score: score_of(points), points, words, hits }
}

/// The score of a text alone.
pub fn score(text: &str) -> f64 {
    measure(text).score
}

fn points(found: &[Found], words: usize) -> f64 {
    let words = f64::from(u32::try_from(words).unwrap_or(u32::MAX)).max(LEAST_WORDS);
    // The sum of nothing is -0.
    (found.iter().map(|hit| hit.weight).sum::<f64>() + 0.0) * STATED_WORDS / words
}

fn score_of(points: f64) -> f64 {
    // Two decimals: more would pretend precision.
    ((100.0 * (1.0 - (-points / SCALE).exp())) * 100.0).round() / 100.0
}
