//! A text made plain by rule: what can go or be said plainly without knowing what the text is about.

use super::phrases::{Plain, phrases};
use super::rhythm::dashes;
use super::{Kind, score};
use crate::content::entities::{Entity, entities};
use crate::content::facts::{invented, lost};
use crate::content::platform::Platform;

/// A text with fewer stock phrases and dashes. Never scores worse than what was given, and keeps its facts: a change that would not is not
/// made.
pub fn plain(text: &str) -> String {
    let mut best = text.to_owned();
    let mut least = score(text);
    for change in [replaced, without_dashes] {
        let changed = change(&best);
        if changed == best || changed.trim().is_empty() {
            continue;
        }
        let scored = score(&changed);
        if scored <= least && lost(text, &changed).is_empty() && invented(text, &changed).is_empty() {
            (best, least) = (changed, scored);
        }
    }
    best
}

/// Whether a sentence begins at the end of what is written and what is kept behind it.
fn begins(written: &str, kept: &str) -> bool {
    const OPENING: [char; 7] = [' ', '"', '“', '‘', '(', '*', '_'];
    let kept = kept.trim_end_matches(OPENING);
    let before = if kept.is_empty() { written.trim_end_matches(OPENING) } else { kept };
    before.is_empty() || before.ends_with(['.', '!', '?', '…', '\n', ':'])
}

fn push_capital(written: &mut String, text: &str) {
    let mut characters = text.chars();
    if let Some(first) = characters.next() {
        written.extend(first.to_uppercase());
        written.push_str(characters.as_str());
    }
}

fn replaced(text: &str) -> String {
    let (mut written, mut at) = (String::with_capacity(text.len()), 0_usize);
    for (start, end, phrase) in phrases(text) {
        if start < at {
            continue;
        }
        let given = text.get(start..end).unwrap_or_default();
        // What is shouted, or a title, is meant as it is.
        let second_upper = given.chars().nth(1).is_some_and(char::is_uppercase);
        let titled = given.split(' ').skip(1).any(|word| word.chars().next().is_some_and(char::is_uppercase));
        if second_upper || titled {
            continue;
        }
        match phrase.plain {
            Plain::Stays => {}
            Plain::Becomes(plain) => {
                written.push_str(text.get(at..start).unwrap_or_default());
                let capital = given.starts_with(char::is_uppercase);
                let rest = text.get(end..).unwrap_or_default();
                // `an unparalleled view` is `a great view`.
                agree(&mut written, plain);
                // `Furthermore, it` is `Also, it`.
                if capital {
                    push_capital(&mut written, plain)
                } else {
                    written.push_str(plain)
                }
                at = text.len().saturating_sub(rest.len());
            }
            Plain::Goes => {
                let before = text.get(at..start).unwrap_or_default();
                let rest = text.get(end..).unwrap_or_default();
                let first = begins(&written, before);
                let opening = rest.strip_prefix(',').unwrap_or(rest).trim_start_matches(' ');
                // What is a whole sentence, or stands before a point, says something by itself.
                if !opening.starts_with(char::is_alphanumeric) || !rest.starts_with([',', ' ']) {
                    continue;
                }
                // Within a sentence only adverbs go, and at its start only what ends in a comma or leads into a sentence.
                let adverb = phrase.kind == Kind::Superlative;
                if !adverb && !(first && (rest.starts_with(',') || phrase.words.ends_with(" that")))
                    || adverb && (first || rest.starts_with(','))
                {
                    continue;
                }
                written.push_str(before);
                if adverb {
                    agree(&mut written, opening);
                }
                at = text.len().saturating_sub(opening.len());
                let letter = opening.chars().next().filter(|_| first && !has_own_spelling(opening));
                if let Some(letter) = letter {
                    written.extend(letter.to_uppercase());
                    at = at.saturating_add(letter.len_utf8());
                }
            }
        }
    }
    written.push_str(text.get(at..).unwrap_or_default());
    written
}

/// The article before what follows, as that sounds.
fn agree(written: &mut String, following: &str) {
    let vowel = following.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']);
    // `use` and `used` sound as `you` does.
    let vowel = vowel && !following.starts_with("us") && !following.starts_with("uni") && !following.starts_with("one");
    let whole = |word: &str| written.strip_suffix(word).is_some_and(|before| !before.ends_with(char::is_alphanumeric));
    if !vowel && (whole("an ") || whole("An ")) {
        written.truncate(written.len().saturating_sub(2));
        written.push(' ');
    } else if vowel && (whole("a ") || whole("A ")) {
        written.truncate(written.len().saturating_sub(1));
        written.push_str("n ");
    }
}

/// Whether the first word of a text is written in a way of its own, as `iPhone`.
fn has_own_spelling(text: &str) -> bool {
    let word = text.split_whitespace().next().unwrap_or_default();
    word.chars().skip(1).any(|character| character.is_uppercase() || character == '.' || character == '_')
}

fn without_dashes(text: &str) -> String {
    let found = entities(&Platform::Bluesky.published(), text);
    let within = |at: usize| found.iter().any(|entity: &Entity| entity.start <= at && at < entity.end);
    let (mut written, mut at) = (String::with_capacity(text.len()), 0_usize);
    for (start, end) in dashes(text) {
        let before = text.get(at..start).unwrap_or_default().trim_end_matches(' ');
        let after = text.get(end..).unwrap_or_default().trim_start_matches(' ');
        // Between letters a comma does; numbers, quotes and lines keep their dash.
        let joins = before.ends_with(char::is_alphabetic) && after.starts_with(char::is_alphabetic);
        if within(start) || !joins {
            continue;
        }
        written.push_str(before);
        written.push_str(", ");
        at = text.len().saturating_sub(after.len());
    }
    written.push_str(text.get(at..).unwrap_or_default());
    written
}
