//! Habits of form: triads, dashes, emoji, and sentences of one length.

use super::phrases::weight;
use super::{Found, Kind};
use crate::content::emoji;
use crate::content::sentences::sentences;

/// Fewer sentences have no rhythm.
const LEAST_SENTENCES: usize = 5;
/// Below this spread (standard deviation by mean) of words a sentence, lengths are uniform.
const LEAST_SPREAD: f64 = 0.25;

pub(super) fn find(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut push = |kind: Kind, start: usize, end: usize| {
        let (weight, reason) = weight(kind);
        found.push(Found { kind, start, end, weight, reason });
    };
    let ranges = sentences(text);
    for range in &ranges {
        if let Some((start, end)) = triad(text.get(range.clone()).unwrap_or_default()) {
            push(Kind::Triad, range.start.saturating_add(start), range.start.saturating_add(end));
        }
    }
    // One dash is a choice, from the second on it is a habit.
    for (start, end) in dashes(text).into_iter().skip(1) {
        push(Kind::Dash, start, end);
    }
    for (start, end) in crowds(text) {
        push(Kind::Emoji, start, end);
    }
    let lengths: Vec<f64> = ranges
        .iter()
        .map(|range| text.get(range.clone()).unwrap_or_default().split_whitespace().count())
        .map(|count| f64::from(u32::try_from(count).unwrap_or(u32::MAX)))
        .collect();
    if let (Some(first), Some(last)) = (ranges.first(), ranges.last())
        && lengths.len() >= LEAST_SENTENCES
        && spread(&lengths) < LEAST_SPREAD
    {
        push(Kind::Uniform, first.start, last.end);
    }
    found
}

fn spread(lengths: &[f64]) -> f64 {
    let count = f64::from(u32::try_from(lengths.len()).unwrap_or(u32::MAX));
    let mean = lengths.iter().sum::<f64>() / count;
    let variance = lengths.iter().map(|length| (length - mean).powi(2)).sum::<f64>() / count;
    if mean > 0.0 { variance.sqrt() / mean } else { f64::INFINITY }
}

/// `a, b, and c` with one or two words each, the first in a sentence.
fn triad(sentence: &str) -> Option<(usize, usize)> {
    let mut words = Vec::new();
    let mut at = 0_usize;
    for word in sentence.split_inclusive(char::is_whitespace) {
        words.push((at, word.trim()));
        at = at.saturating_add(word.len());
    }
    for (place, (_, word)) in words.iter().enumerate() {
        if !(word.eq_ignore_ascii_case("and") || word.eq_ignore_ascii_case("or")) {
            continue;
        }
        let before = words.get(..place).unwrap_or_default();
        let commas: Vec<usize> = before.iter().enumerate().filter(|(_, (_, word))| word.ends_with(',')).map(|(place, _)| place).collect();
        let after = place.checked_add(1).and_then(|place| words.get(place));
        let [.., first, second] = commas.as_slice() else { continue };
        // Both commas close by: the last right before, the one before it a word or two earlier.
        let near = second.checked_add(1) == Some(place) && second.saturating_sub(*first) <= 2;
        let listed = commas.iter().rev().take_while(|comma| place.saturating_sub(**comma) <= 5).count() == 2;
        if let (true, true, Some((begin, last)), Some((start, _))) = (near, listed, after, before.get(*first)) {
            return Some((*start, begin.saturating_add(last.len())));
        }
    }
    None
}

/// Long dashes, and short ones or hyphens between spaces, that join parts of a sentence; not those of ranges.
pub(super) fn dashes(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    // What begins a line is a bullet.
    let (mut bullet, mut before) = (true, None::<char>);
    for (at, character) in text.char_indices() {
        let end = at.saturating_add(character.len_utf8());
        let after = text.get(end..).and_then(|after| after.chars().next());
        let between = |kind: fn(char) -> bool| before.is_some_and(kind) && after.is_some_and(kind);
        let is_dash = match character {
            '—' => !between(|character| character.is_ascii_digit()),
            '–' | '-' => between(|character| character == ' '),
            _ => false,
        };
        if is_dash && !bullet {
            found.push((at, end));
        }
        bullet = character == '\n' || bullet && character.is_whitespace();
        before = Some(character);
    }
    found
}

/// Emoji in threes and more, and each line after the first that begins with one.
fn crowds(text: &str) -> Vec<(usize, usize)> {
    let (mut found, mut at) = (Vec::new(), 0_usize);
    let (mut row, mut bullets) = (Vec::<(usize, usize)>::new(), 0_usize);
    let mut line_begins = true;
    let mut close = |row: &mut Vec<(usize, usize)>| {
        if row.len() > 2
            && let (Some((start, _)), Some((_, end))) = (row.first(), row.last())
        {
            found.push((*start, *end));
        }
        row.clear();
    };
    let mut bulleted = Vec::new();
    for (is_emoji, part) in emoji::split(text) {
        let end = at.saturating_add(part.len());
        if is_emoji {
            row.push((at, end));
            if line_begins {
                bullets = bullets.saturating_add(1);
                if bullets > 1 {
                    bulleted.push((at, end));
                }
            }
        } else if !part.trim().is_empty() {
            close(&mut row);
        }
        if part == "\n" {
            close(&mut row);
        }
        line_begins = part == "\n" || line_begins && !is_emoji && part.trim().is_empty();
        at = end;
    }
    close(&mut row);
    found.extend(bulleted);
    found
}
