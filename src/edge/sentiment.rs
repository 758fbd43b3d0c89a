//! Sentiment of English text: VADER ([`vader`]) and, above it, a linear model of hashed word n-grams and VADER's scores.
//!
//! The model is `models/sentiment.bin`; `models/sentiment_train.py` makes it and tells its layout, `models/cards/sentiment.md` what it
//! is good for. Other languages get a score too, but it says little: ask [`super::language`] first.

mod lexicon;
mod tone;
pub mod vader;

pub use tone::{Tone, Tones};

use lexicon::{FNV_START, fnv};

static MODEL: &[u8] = include_bytes!("../../models/sentiment.bin");

/// Buckets of n-grams.
const BUCKETS: u32 = 1 << 15;
/// Scores that stand beside the n-grams, the constant one included.
const DENSE: usize = 13;
/// Where the file's parts begin.
const TEMPERATURE: usize = 16;
const DENSE_WEIGHTS: usize = 20;
const WEIGHTS: usize = DENSE_WEIGHTS + 3 * DENSE * 4;

/// A text's sentiment in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// A reader would rate it below −0.5 on a scale from −4 to 4.
    Negative,
    /// Between −0.5 and 0.5.
    Neutral,
    /// Above 0.5.
    Positive,
}

impl Label {
    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Negative => "negative",
            Self::Neutral => "neutral",
            Self::Positive => "positive",
        }
    }
}

/// The sentiment of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sentiment {
    /// −1 (negative) to 1 (positive): the probability of positive less that of negative.
    pub score: f64,
    /// The likeliest label.
    pub label: Label,
    /// The label's probability, 0 to 1, its temperature fitted on kinds of text that the model had not seen.
    pub confidence: f64,
    /// The emotional tone, from words: a hint.
    pub tone: Tones,
    /// VADER's compound score, −1 to 1.
    pub vader: f64,
}

fn float(at: usize) -> f64 {
    let bytes = at.checked_add(4).and_then(|end| MODEL.get(at..end)).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0.0, |bytes| f64::from(f32::from_le_bytes(bytes)))
}

/// The `index`-th of a row of numbers.
fn nth(row: usize, index: usize) -> f64 {
    float(row.saturating_add(index.saturating_mul(4)))
}

/// The sentiment of a text.
pub fn analyze(text: &str) -> Sentiment {
    let scores = vader::scores(text);
    let margins = margins(text, &scores);
    let temperature = float(TEMPERATURE).max(0.1);
    let most = margins.iter().copied().fold(f64::MIN, f64::max);
    let [negative, neutral, positive] = margins.map(|margin| ((margin - most) / temperature).exp());
    let total = negative + neutral + positive;
    let (label, top) = if neutral >= negative && neutral >= positive {
        (Label::Neutral, neutral)
    } else if positive >= negative {
        (Label::Positive, positive)
    } else {
        (Label::Negative, negative)
    };
    Sentiment { score: (positive - negative) / total, label, confidence: top / total, tone: tone::of(text), vader: scores.compound }
}

/// How far the model leans to negative, neutral and positive.
fn margins(text: &str, scores: &vader::Scores) -> [f64; 3] {
    let buckets = buckets(text);
    // Every n-gram counts the same, all together as a vector of length one.
    let weight = f64::from(u32::try_from(buckets.len().max(1)).unwrap_or(u32::MAX)).sqrt().recip();
    let mut sums = [0_i64; 3];
    for bucket in &buckets {
        let at = usize::try_from(*bucket).unwrap_or(0).saturating_mul(3).saturating_add(WEIGHTS);
        for (sum, byte) in sums.iter_mut().zip(MODEL.get(at..).unwrap_or_default()) {
            *sum = sum.saturating_add(i64::from(i8::from_le_bytes([*byte])));
        }
    }
    let dense = dense(text, scores);
    let mut class = 0_usize;
    sums.map(|sum| {
        let scale = nth(4, class);
        let row = DENSE_WEIGHTS.saturating_add(class.saturating_mul(DENSE).saturating_mul(4));
        class = class.saturating_add(1);
        let beside: f64 = dense.iter().enumerate().map(|(index, value)| value * nth(row, index)).sum();
        f64::from(i32::try_from(sum).unwrap_or(i32::MAX)) * scale * weight + beside
    })
}

/// The scores beside the n-grams, in the order of the script's `dense`.
fn dense(text: &str, scores: &vader::Scores) -> [f64; DENSE] {
    let compound = scores.compound;
    let yes = |whether: bool| if whether { 1.0 } else { 0.0 };
    let count = |found: usize, most: u32| f64::from(u32::try_from(found).unwrap_or(most).min(most)) / f64::from(most);
    [
        compound,
        compound.abs(),
        scores.positive,
        scores.negative,
        yes(scores.positive + scores.negative == 0.0),
        count(text.matches('!').take(4).count(), 4),
        count(text.matches('?').take(3).count(), 3),
        count(words(text).take(40).count(), 40),
        yes(compound > 0.05),
        yes(compound < -0.05),
        yes(text.contains("http")),
        yes(text.contains('@')),
        1.0,
    ]
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(vader::is_space).filter(|word| !word.is_empty())
}

/// A text's n-grams, each bucket once: words, those behind a negation apart, and pairs.
fn buckets(text: &str) -> Vec<u32> {
    let mut found = Vec::new();
    let mut last: Option<String> = None;
    let mut negated = 0_u32;
    for word in words(text) {
        let token = token(word);
        let kind: &[u8] = if negated > 0 { b"n" } else { b"u" };
        found.push(fnv(fnv(FNV_START, kind), token.as_bytes()) % BUCKETS);
        if let Some(last) = &last {
            let pair = fnv(fnv(fnv(fnv(FNV_START, b"b"), last.as_bytes()), b" "), token.as_bytes());
            found.push(pair % BUCKETS);
        }
        negated = negated.saturating_sub(1);
        let negates = token.ends_with("n't")
            || matches!(token.as_str(), "not" | "no" | "never" | "cannot" | "without" | "nothing" | "none" | "neither" | "nor");
        if negates {
            negated = 3;
        }
        last = Some(token);
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// A word as the model knows it: names and links are all the same to it.
fn token(word: &str) -> String {
    let lower = word.to_lowercase();
    if lower.len() > 1 && lower.starts_with('@') {
        return "@".to_owned();
    }
    if lower.starts_with("http") || lower.starts_with("www.") {
        return "#url".to_owned();
    }
    let inner = lower.trim_matches(|character: char| character.is_ascii_punctuation());
    if inner.is_empty() { lower } else { inner.to_owned() }
}
