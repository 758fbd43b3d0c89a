//! Normalisation Form C (UAX 15): letters joined with their accents, as X counts. The crate's own iterator would bring the tables of compatibility
//! along, which are half of all.

use std::borrow::Cow;

use unicode_normalization::char::{canonical_combining_class, compose, decompose_canonical};

/// A text in Normalisation Form C.
pub fn composed(text: &str) -> Cow<'_, str> {
    // Below the first combining mark nothing joins and nothing comes apart.
    if text.chars().all(|character| character < '\u{300}') {
        return Cow::Borrowed(text);
    }
    let mut apart: Vec<(char, u8)> = Vec::with_capacity(text.len());
    for character in text.chars() {
        decompose_canonical(character, |part| {
            let class = canonical_combining_class(part);
            apart.push((part, class));
            // Marks stand in the order of their classes, behind a letter.
            let mut at = apart.len().saturating_sub(1);
            while class > 0
                && let Some(before) = at.checked_sub(1)
                && apart.get(before).is_some_and(|other| other.1 > class)
            {
                apart.swap(before, at);
                at = before;
            }
        });
    }
    let mut joined: Vec<(char, u8)> = Vec::with_capacity(apart.len());
    let mut starter: Option<usize> = None;
    for (character, class) in apart {
        // A mark is blocked from its letter by one of its own class or a higher one between them.
        let open = starter
            .is_some_and(|at| joined.len() == at.saturating_add(1) || joined.last().is_some_and(|last| last.1 < class && last.1 > 0));
        let place = starter.filter(|_| open).and_then(|at| joined.get_mut(at));
        if let Some(letter) = place
            && let Some(both) = compose(letter.0, character)
        {
            letter.0 = both;
            continue;
        }
        if class == 0 {
            starter = Some(joined.len());
        }
        joined.push((character, class));
    }
    Cow::Owned(joined.into_iter().map(|(character, _)| character).collect())
}
