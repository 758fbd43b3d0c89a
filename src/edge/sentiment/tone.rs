//! Emotional tone, by a small lexicon of the project's own: words and emoji that name or show an emotion.
//!
//! A hint, not a model: it was not measured against people. It knows English words and emoji; what names no emotion is neutral. The
//! seven tones are Ekman's six basic emotions and trust, which Plutchik adds and which matters to a brand.

use super::super::bag::{beyond_ascii, push_lower};
use super::vader::negates;

/// An emotional tone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// Gladness, love, gratitude, excitement.
    Joy,
    /// Annoyance to rage.
    Anger,
    /// Grief, loneliness, disappointment.
    Sadness,
    /// Worry to terror.
    Fear,
    /// Astonishment, glad or not.
    Surprise,
    /// Revulsion.
    Disgust,
    /// Reliance, confidence in somebody.
    Trust,
    /// None of them.
    Neutral,
}

impl Tone {
    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Joy => "joy",
            Self::Anger => "anger",
            Self::Sadness => "sadness",
            Self::Fear => "fear",
            Self::Surprise => "surprise",
            Self::Disgust => "disgust",
            Self::Trust => "trust",
            Self::Neutral => "neutral",
        }
    }
}

/// Every tone that words can have.
const TONES: [Tone; 7] = [Tone::Joy, Tone::Anger, Tone::Sadness, Tone::Fear, Tone::Surprise, Tone::Disgust, Tone::Trust];

/// The tone of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tones {
    /// The tone of most of the words that have one; of several with as many, the first in [`Tone`]'s order.
    pub main: Tone,
    /// Words of each tone, in the order of [`Tone`] without neutral.
    pub words: [u32; 7],
    /// The main tone's share of those words, 0 to 1, drawn to a half when they are few: (n + 1) / (all + 2). For neutral, 0.5.
    pub confidence: f64,
}

/// Beginnings of words by tone; `=` ends those that must be the whole word.
#[rustfmt::skip]
const BEGINNINGS: [(Tone, &[&str]); 7] = [
    (Tone::Joy, &[
        "happ", "joy", "glad=", "delight", "excit", "thrill", "love", "loving", "adore", "cheer", "celebrat", "laugh", "smil", "fun=",
        "funny", "yay", "woohoo", "hooray", "wonderful", "fantastic", "amazing", "awesome", "great=", "best=", "grateful", "thank",
        "thx", "congrat", "blessed", "proud", "enjoy", "ecsta", "bliss", "lol=", "haha", "sweet=", "lovely", "beautiful", "win=",
        "won=", "winning", "hope", "optimis",
    ]),
    (Tone::Anger, &[
        "angr", "anger", "furious", "fury", "rage=", "raging", "mad=", "hate", "hating", "annoy", "irritat", "outrag", "livid", "pissed",
        "frustrat", "infuriat", "resent", "hostil", "fuming", "damn", "stupid", "idiot", "wtf", "unacceptable", "ridiculous", "scam",
        "rude", "disrespect", "liar", "lies=",
    ]),
    (Tone::Sadness, &[
        "sad=", "sadd", "sadly", "sadness", "unhapp", "cry=", "crying", "cried", "tears=", "tearful", "grie", "mourn", "heartbr", "lonel",
        "depress", "miser", "sorrow", "hopeless", "disappoint", "regret", "miss=", "missing=", "lost=", "loss=", "gloom", "hurt", "sorry",
        "rip=", "goodbye", "devastat", "unfortunate",
    ]),
    (Tone::Fear, &[
        "afraid", "fear", "scar", "terrif", "terror", "panic", "anxi", "worr", "nervous", "dread", "horror", "threat", "danger", "risk",
        "alarm", "nightmare", "frighten", "phobi", "insecur", "emergency", "creep",
    ]),
    (Tone::Surprise, &[
        "surpris", "astonish", "amaze", "shock", "stun", "unexpect", "wow", "omg", "whoa", "unbelievabl", "incredibl", "sudden",
        "speechless", "startl", "plot twist", "jaw=", "unreal",
    ]),
    (Tone::Disgust, &[
        "disgust", "gross=", "nasty", "vile", "revolt", "repuls", "sicken", "yuck", "ew=", "eww", "filth", "puke", "vomit", "stink",
        "rotten", "nause", "creepy", "loath", "icky", "awful",
    ]),
    (Tone::Trust, &[
        "trust", "reliab", "honest", "loyal", "faith", "depend", "confiden", "safe=", "secure", "sincer", "authentic", "genuine",
        "promise", "guarantee", "commit", "transparen", "respect", "integrity", "believe in=", "proven",
    ]),
];

/// How many beginnings there are.
const COUNT: usize = count();

/// Runs at compile time alone.
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "evaluated at compile time, where a fault is a compile error")]
const fn count() -> usize {
    let (mut count, mut at) = (0, 0);
    while at < BEGINNINGS.len() {
        count += BEGINNINGS[at].1.len();
        at += 1;
    }
    count
}

/// The beginnings by their first letter, and where each letter's begin: a word is compared with a twentieth of them.
static BY_LETTER: ([(Tone, &str); COUNT], [u8; 27]) = by_letter();

/// Runs at compile time alone: a beginning that does not begin with a small letter stops the build there.
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "evaluated at compile time, where a fault is a compile error")]
const fn by_letter() -> ([(Tone, &'static str); COUNT], [u8; 27]) {
    const { assert!(COUNT <= 255, "the places of the beginnings are bytes") };
    let (mut sorted, mut begins) = ([(Tone::Neutral, ""); COUNT], [0; 27]);
    let (mut letter, mut place) = (0, 0);
    while letter < 26 {
        let mut at = 0;
        while at < BEGINNINGS.len() {
            let (tone, words) = BEGINNINGS[at];
            let mut word = 0;
            while word < words.len() {
                if words[word].as_bytes()[0] - b'a' == letter {
                    sorted[place] = (tone, words[word]);
                    place += 1;
                }
                word += 1;
            }
            at += 1;
        }
        letter += 1;
        begins[letter as usize] = place as u8;
    }
    assert!(place == COUNT);
    (sorted, begins)
}

fn of_word(word: &str) -> Option<Tone> {
    let letter = usize::from(word.as_bytes().first()?.checked_sub(b'a')?);
    let (begin, end) = (BY_LETTER.1.get(letter)?, BY_LETTER.1.get(letter.checked_add(1)?)?);
    let fits = |beginning: &&str| match beginning.strip_suffix('=') {
        Some(whole) => word == whole,
        None => word.starts_with(*beginning),
    };
    // The longest beginning tells most: "scared" is not "scar", "disrespect" not "respect".
    let beginnings = BY_LETTER.0.get(usize::from(*begin)..usize::from(*end))?.iter();
    beginnings.filter(|(_, beginning)| fits(beginning)).max_by_key(|(_, beginning)| beginning.len()).map(|(tone, _)| *tone)
}

fn of_emoji(character: char) -> Option<Tone> {
    Some(match character {
        '😀'..='😆' | '😊' | '😍' | '🥰' | '🤣' | '❤' | '💕' | '💖' | '💛' | '💚' | '💙' | '💜' | '🎉' | '🥳' | '🙌' | '👏' | '😘' => {
            Tone::Joy
        }
        '😠' | '😡' | '🤬' | '👿' | '😤' | '🖕' => Tone::Anger,
        '😢' | '😭' | '😞' | '😔' | '😿' | '💔' | '🥺' | '☹' | '🙁' => Tone::Sadness,
        '😨' | '😰' | '😱' | '😧' | '😟' | '🫣' => Tone::Fear,
        '😮' | '😯' | '😲' | '🤯' | '😳' => Tone::Surprise,
        '🤢' | '🤮' | '💩' => Tone::Disgust,
        '🤝' | '🙏' | '💯' | '✅' => Tone::Trust,
        _ => return None,
    })
}

/// The tone of a text. A word within three after a negation counts for nothing.
pub fn of(text: &str) -> Tones {
    let mut words = [0_u32; 7];
    let mut count = |tone: Tone| {
        if let Some(slot) = TONES.iter().position(|other| *other == tone).and_then(|at| words.get_mut(at)) {
            *slot = slot.saturating_add(1);
        }
    };
    let mut negated = 0_u32;
    let mut lower = String::new();
    for word in text.split(|character: char| !(character.is_alphanumeric() || character == '\'' || character == '’')) {
        if word.is_empty() {
            continue;
        }
        lower.clear();
        if word.contains('’') {
            push_lower(&mut lower, &word.replace('’', "'"));
        } else {
            push_lower(&mut lower, word);
        }
        if negates(&lower) || lower == "no" {
            negated = 3;
            continue;
        }
        if negated == 0
            && let Some(tone) = of_word(&lower)
        {
            count(tone);
        }
        negated = negated.saturating_sub(1);
    }
    beyond_ascii(text).filter_map(of_emoji).for_each(count);
    let all: u32 = words.iter().fold(0, |sum, count| sum.saturating_add(*count));
    let most = words.iter().copied().max().unwrap_or(0);
    let main = TONES.iter().zip(&words).find(|(_, count)| most > 0 && **count == most).map_or(Tone::Neutral, |(tone, _)| *tone);
    let confidence = if most == 0 { 0.5 } else { (f64::from(most) + 1.0) / (f64::from(all) + 2.0) };
    Tones { main, words, confidence }
}
