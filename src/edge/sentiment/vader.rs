//! VADER: sentiment by a lexicon and rules (Hutto and Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social
//! Media Text", ICWSM 2014).
//!
//! The same numbers as the reference, the package vaderSentiment 3.3.2 (MIT), its oddities included: `tests/edge_text.rs` compares.
//! Where a rule looks strange, it is the reference's, and is said so.

use super::lexicon;

/// What a booster adds to a word's strength.
const BOOST: f64 = 0.293;
/// What capitals add, when not everything is in capitals.
const CAPITALS: f64 = 0.733;
/// What a negation makes of a strength.
const NEGATION: f64 = -0.74;
/// The constant of the normalisation x / √(x² + α).
const ALPHA: f64 = 15.0;

/// Shares of the text's words by sentiment, and the score of the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// Share of what is negative, 0 to 1.
    pub negative: f64,
    /// Share of what is neutral, 0 to 1.
    pub neutral: f64,
    /// Share of what is positive, 0 to 1.
    pub positive: f64,
    /// −1 (most negative) to 1 (most positive).
    pub compound: f64,
}

struct Word {
    lower: String,
    capitals: bool,
    valence: Option<f64>,
}

impl Word {
    fn new(token: &str) -> Self {
        let lower = token.to_lowercase();
        let valence = lexicon::valence(&lower).map(|tenths| f64::from(tenths) / 10.0);
        Self { capitals: all_capitals(token), lower, valence }
    }

    fn is(&self, word: &str) -> bool {
        self.lower == word
    }
}

/// Python's `str.isupper`: there is a cased character, and none is in lower or title case.
fn all_capitals(token: &str) -> bool {
    let mut any = false;
    for character in token.chars() {
        if character.is_uppercase() {
            any = true;
        } else if character.is_lowercase() || !character.is_ascii() && !character.to_lowercase().eq([character]) {
            // The second: a letter in title case, which is neither upper nor lower and has a lower form.
            return false;
        }
    }
    any
}

/// What Python's `str.split` takes for a space.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// A token without the punctuation around it; one that would be left with two characters or fewer was an emoticon.
fn stripped(token: &str) -> &str {
    let inner = token.trim_matches(|character: char| character.is_ascii_punctuation());
    if inner.chars().nth(2).is_none() { token } else { inner }
}

/// The scores of a text.
pub fn scores(text: &str) -> Scores {
    let spelled = spell_emoji(text);
    let text = spelled.trim_matches(is_space);
    let words: Vec<Word> = text.split(is_space).filter(|token| !token.is_empty()).map(|token| Word::new(stripped(token))).collect();
    if words.is_empty() {
        return Scores::default();
    }
    let capitals = words.iter().filter(|word| word.capitals).count();
    let mixed = capitals > 0 && capitals < words.len();
    let mut strengths: Vec<f64> = (0..words.len()).map(|at| strength(&words, at, mixed)).collect();
    if let Some(but) = words.iter().position(|word| word.is("but")) {
        shift_at_but(&mut strengths, but);
    }
    valued(&strengths, emphasis(text))
}

/// Emoji as their names. A space goes before a name that follows something, none after it: the reference's way.
fn spell_emoji(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut after_space = true;
    for character in text.chars() {
        if let Some(name) = lexicon::emoji(character) {
            if !after_space {
                out.push(' ');
            }
            out.push_str(name);
            after_space = false;
        } else {
            out.push(character);
            after_space = character == ' ';
        }
    }
    out
}

fn strength(words: &[Word], at: usize, mixed: bool) -> f64 {
    let after = |steps: usize| at.checked_add(steps).and_then(|at| words.get(at));
    let before = |steps: usize| at.checked_sub(steps).and_then(|at| words.get(at));
    let is_before = |steps: usize, word: &str| before(steps).is_some_and(|found| found.is(word));
    let Some(word) = words.get(at) else { return 0.0 };
    let Some(plain) = word.valence else { return 0.0 };
    if boost(&word.lower) != 0.0 || word.is("kind") && after(1).is_some_and(|next| next.is("of")) {
        return 0.0;
    }
    let mut value = plain;
    // "no" in front of a word of the lexicon negates it and counts for nothing itself.
    if word.is("no") && after(1).is_some_and(|next| next.valence.is_some()) {
        value = 0.0;
    }
    if is_before(1, "no") || is_before(2, "no") || is_before(3, "no") && (is_before(1, "or") || is_before(1, "nor")) {
        value = plain * NEGATION;
    }
    if word.capitals && mixed {
        value += if value > 0.0 { CAPITALS } else { -CAPITALS };
    }
    for (steps, fading) in [(1, 1.0), (2, 0.95), (3, 0.9)] {
        let Some(earlier) = before(steps).filter(|earlier| earlier.valence.is_none()) else { continue };
        value += scaled(earlier, value, mixed) * fading;
        value = negated(&before, steps, value);
        if steps == 3 {
            value = idioms(&before, &after, value);
        }
    }
    if before(1).is_some_and(|earlier| earlier.is("least") && earlier.valence.is_none()) && !is_before(2, "at") && !is_before(2, "very") {
        value *= NEGATION;
    }
    value
}

/// What an earlier word adds to a strength.
fn scaled(earlier: &Word, value: f64, mixed: bool) -> f64 {
    let mut scalar = boost(&earlier.lower);
    if scalar == 0.0 {
        return 0.0;
    }
    if value < 0.0 {
        scalar = -scalar;
    }
    if earlier.capitals && mixed {
        scalar += if value > 0.0 { CAPITALS } else { -CAPITALS };
    }
    scalar
}

/// What the word so many steps before makes of a strength by negating it.
fn negated<'w>(before: &impl Fn(usize) -> Option<&'w Word>, steps: usize, value: f64) -> f64 {
    let is = |steps: usize, word: &str| before(steps).is_some_and(|found| found.is(word));
    let so = |steps: usize| is(steps, "so") || is(steps, "this");
    match steps {
        2 if is(2, "never") && so(1) => return value * 1.25,
        2 if is(2, "without") && is(1, "doubt") => return value,
        // The last condition stands alone in the reference, for want of a bracket.
        3 if is(3, "never") && so(2) || steps == 3 && so(1) => return value * 1.25,
        3 if is(3, "without") && (is(2, "doubt") || is(1, "doubt")) => return value,
        _ => {}
    }
    if before(steps).is_some_and(|earlier| negates(&earlier.lower)) { value * NEGATION } else { value }
}

/// Phrases with a strength of their own.
const SPECIAL: [(&[&str], f64); 8] = [
    (&["the", "shit"], 3.0),
    (&["the", "bomb"], 3.0),
    (&["bad", "ass"], 1.5),
    (&["bus", "stop"], 0.0),
    (&["yeah", "right"], -2.0),
    (&["kiss", "of", "death"], -1.5),
    (&["to", "die", "for"], 3.0),
    (&["beating", "heart"], 3.5),
];

/// Dampeners of two words.
const DAMPENERS: [(&[&str], f64); 3] = [(&["just", "enough"], -BOOST), (&["kind", "of"], -BOOST), (&["sort", "of"], -BOOST)];

fn phrase(table: &[(&[&str], f64)], words: &[Option<&Word>]) -> Option<f64> {
    let same = |phrase: &&[&str]| {
        phrase.len() == words.len() && phrase.iter().zip(words).all(|(part, word)| word.is_some_and(|word| word.is(part)))
    };
    table.iter().find(|(phrase, _)| same(phrase)).map(|(_, value)| *value)
}

/// Phrases around a word that has three words before it; the reference looks for them only there.
fn idioms<'w>(before: &impl Fn(usize) -> Option<&'w Word>, after: &impl Fn(usize) -> Option<&'w Word>, value: f64) -> f64 {
    let (third, second, first, word) = (before(3), before(2), before(1), after(0));
    let sequences: [&[Option<&Word>]; 5] =
        [&[first, word], &[second, first, word], &[second, first], &[third, second, first], &[third, second]];
    let mut value = sequences.iter().find_map(|sequence| phrase(&SPECIAL, sequence)).unwrap_or(value);
    value = phrase(&SPECIAL, &[word, after(1)]).unwrap_or(value);
    value = phrase(&SPECIAL, &[word, after(1), after(2)]).unwrap_or(value);
    value + phrase(&DAMPENERS, &[third, second]).unwrap_or(0.0) + phrase(&DAMPENERS, &[second, first]).unwrap_or(0.0)
}

/// Halves what stands before "but" and raises what stands after it. The reference finds the place of each strength by its value, so
/// of equal strengths the first is changed again and again.
fn shift_at_but(strengths: &mut [f64], but: usize) {
    for at in 0..strengths.len() {
        let Some(value) = strengths.get(at).copied() else { break };
        // An equal strength is here at the latest.
        let Some(place) = strengths.iter().position(|other| *other == value) else { continue };
        if let Some(strength) = strengths.get_mut(place) {
            match place.cmp(&but) {
                std::cmp::Ordering::Less => *strength = value * 0.5,
                std::cmp::Ordering::Greater => *strength = value * 1.5,
                std::cmp::Ordering::Equal => {}
            }
        }
    }
}

/// What exclamation and question marks add.
fn emphasis(text: &str) -> f64 {
    let exclamations = text.bytes().filter(|byte| *byte == b'!').take(4).fold(0.0, |sum, _| sum + 0.292);
    let questions = match text.bytes().filter(|byte| *byte == b'?').take(4).count() {
        0 | 1 => 0.0,
        2 => 0.36,
        3 => 0.54,
        _ => 0.96,
    };
    exclamations + questions
}

fn valued(strengths: &[f64], emphasis: f64) -> Scores {
    let mut sum: f64 = strengths.iter().sum();
    if sum > 0.0 {
        sum += emphasis;
    } else if sum < 0.0 {
        sum -= emphasis;
    }
    let (mut positive, mut negative, mut neutral) = (0.0_f64, 0.0_f64, 0.0_f64);
    for strength in strengths {
        // One more each, because a neutral word counts one.
        if *strength > 0.0 {
            positive += strength + 1.0;
        } else if *strength < 0.0 {
            negative += 1.0 - strength;
        } else {
            neutral += 1.0;
        }
    }
    if positive > negative {
        positive += emphasis;
    } else if positive < negative {
        negative += emphasis;
    }
    let total = positive + negative + neutral;
    let rounded = |value: f64, steps: f64| (value * steps).round() / steps;
    let share = |part: f64| rounded(part / total, 1000.0);
    let compound = rounded((sum / (sum * sum + ALPHA).sqrt()).clamp(-1.0, 1.0), 10_000.0);
    Scores { negative: share(negative), neutral: share(neutral), positive: share(positive), compound }
}

/// Adverbs of degree.
#[rustfmt::skip]
fn boost(word: &str) -> f64 {
    match word {
        "absolutely" | "amazingly" | "awfully" | "completely" | "considerable" | "considerably" | "decidedly" | "deeply" | "effing"
        | "enormous" | "enormously" | "entirely" | "especially" | "exceptional" | "exceptionally" | "extreme" | "extremely"
        | "fabulously" | "flipping" | "flippin" | "frackin" | "fracking" | "fricking" | "frickin" | "frigging" | "friggin" | "fully"
        | "fuckin" | "fucking" | "fuggin" | "fugging" | "greatly" | "hella" | "highly" | "hugely" | "incredible" | "incredibly"
        | "intensely" | "major" | "majorly" | "more" | "most" | "particularly" | "purely" | "quite" | "really" | "remarkably" | "so"
        | "substantially" | "thoroughly" | "total" | "totally" | "tremendous" | "tremendously" | "uber" | "unbelievably" | "unusually"
        | "utter" | "utterly" | "very" => BOOST,
        "almost" | "barely" | "hardly" | "kinda" | "kindof" | "kind-of" | "less" | "little" | "marginal" | "marginally" | "occasional"
        | "occasionally" | "partly" | "scarce" | "scarcely" | "slight" | "slightly" | "somewhat" | "sorta" | "sortof"
        | "sort-of" => -BOOST,
        _ => 0.0,
    }
}

/// Whether a word negates what follows it.
#[rustfmt::skip]
pub fn negates(word: &str) -> bool {
    // Most words are told by their ends, without a comparison.
    match word.as_bytes() {
        [.., b't'] => matches!(word,
            "aint" | "arent" | "cannot" | "cant" | "couldnt" | "darent" | "didnt" | "doesnt" | "dont" | "hadnt" | "hasnt" | "havent"
            | "isnt" | "mightnt" | "mustnt" | "neednt" | "not" | "oughtnt" | "shant" | "shouldnt" | "wasnt" | "werent" | "without" | "wont"
            | "wouldnt") || word.contains("n't"),
        [b'n', ..] if matches!(word, "neither" | "never" | "none" | "nope" | "nor" | "nothing" | "nowhere") => true,
        [b'u' | b'r' | b's' | b'd', ..] if matches!(word, "uhuh" | "uh-uh" | "rarely" | "seldom" | "despite") => true,
        bytes => bytes.contains(&b'\'') && word.contains("n't"),
    }
}
