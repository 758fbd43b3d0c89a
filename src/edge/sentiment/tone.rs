//! Emotional tone, by a small lexicon of the project's own: words and emoji that name or show an emotion.
//!
//! A hint, not a model: it was not measured against people. It knows English words and emoji; what names no emotion is neutral. The
//! seven tones are Ekman's six basic emotions and trust, which Plutchik adds and which matters to a brand.

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

fn of_word(word: &str) -> Option<Tone> {
    let fits = |beginning: &&&str| match beginning.strip_suffix('=') {
        Some(whole) => word == whole,
        None => word.starts_with(**beginning),
    };
    // The longest beginning tells most: "scared" is not "scar", "disrespect" not "respect".
    let found = BEGINNINGS.iter().flat_map(|(tone, words)| words.iter().filter(fits).map(move |beginning| (beginning.len(), *tone)));
    found.max_by_key(|(length, _)| *length).map(|(_, tone)| tone)
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
    for word in text.split(|character: char| !(character.is_alphanumeric() || character == '\'' || character == '’')) {
        if word.is_empty() {
            continue;
        }
        let lower = word.to_lowercase().replace('’', "'");
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
    text.chars().filter_map(of_emoji).for_each(count);
    let all: u32 = words.iter().fold(0, |sum, count| sum.saturating_add(*count));
    let most = words.iter().copied().max().unwrap_or(0);
    let main = TONES.iter().zip(&words).find(|(_, count)| most > 0 && **count == most).map_or(Tone::Neutral, |(tone, _)| *tone);
    let confidence = if most == 0 { 0.5 } else { (f64::from(most) + 1.0) / (f64::from(all) + 2.0) };
    Tones { main, words, confidence }
}
