//! Names, by their capitals.

use std::collections::BTreeSet;

use super::{Fact, Kind, bare, folded};
use crate::content::emoji::is_emoji;
use crate::content::sentences::sentences;

/// Words that are often written with a capital and are no names.
const COMMON: &str = " i i'm i'll i've i'd the a an in on at we our you your it its this that these those here and but so or if for from to of by with as my me he she they their his her what \
     why how when who where no not yes new now today pro tip ps ok okay faq tldr dm rt ceo cta rsvp vip diy btw fyi ";

/// The names of a text.
pub(super) fn names(text: &str) -> Vec<Fact> {
    let (mut words, mut capital, mut inner) = (Vec::<(String, bool, bool)>::new(), 0_usize, 0_usize);
    for range in sentences(text) {
        let (mut starts, mut goes_on) = (true, false);
        for word in text.get(range).unwrap_or_default().split(|character: char| character.is_whitespace() || "–—/".contains(character))
        {
            let own = bare(word);
            let own = own.strip_suffix("'s").or_else(|| own.strip_suffix("’s")).unwrap_or(own);
            if !own.chars().any(char::is_alphabetic) {
                // A break in a run of names; after it a sentence may begin, as after a bullet, and after an emoji one mostly does.
                starts = starts || word.chars().any(is_emoji);
                words.push((String::new(), starts, false));
                continue;
            }
            let begins = starts || word.starts_with(['"', '“', '«', '„']);
            starts = word.ends_with([':', '•', '!', '?']);
            if !begins {
                inner = inner.saturating_add(1);
                let upper = own.chars().next().is_some_and(char::is_uppercase);
                // A name of several words counts once.
                capital = capital.saturating_add(usize::from(upper && !goes_on));
                goes_on = upper;
            }
            words.push((own.to_owned(), begins, word.ends_with([',', ';', ':', '.', '!', '?', ')'])));
        }
        words.push((String::new(), true, false));
    }
    // Where more than a quarter of the words within sentences begins with a capital, capitals tell nothing.
    let telling = capital.saturating_mul(4) <= inner || inner < 8;
    // In a text that shouts, a word in capitals is no abbreviation.
    let is_loud = |word: &str| word.chars().nth(1).is_some() && !word.chars().any(char::is_lowercase);
    let loud = words.iter().filter(|(word, ..)| is_loud(word)).count().saturating_mul(2)
        > words.iter().filter(|(word, ..)| !word.is_empty()).count();
    let is_special = |word: &str| {
        let letters = word.chars().filter(|character| character.is_alphabetic()).count();
        let upper = word.chars().skip(1).filter(|character| character.is_uppercase()).count();
        let digits = word.chars().any(|character| character.is_ascii_digit());
        let lower = word.chars().any(char::is_lowercase);
        let starts = word.starts_with(char::is_alphabetic);
        starts && letters > 0 && (digits || upper > 0 && (lower || letters <= 5 && !loud))
    };
    let is_common = |word: &str| COMMON.contains(&format!(" {} ", word.to_lowercase().replace('’', "'")));
    // A first word is a name when it stands with its capital elsewhere.
    let elsewhere: BTreeSet<String> = words.iter().filter(|(_, begins, _)| !begins).map(|(word, _, _)| word.clone()).collect();
    let (mut found, mut run) = (Vec::<Fact>::new(), Vec::<String>::new());
    let following: Vec<bool> =
        words.iter().skip(1).map(|(word, begins, _)| !begins && !is_common(word) && word.starts_with(char::is_uppercase)).collect();
    for (place, (word, begins, ends)) in words.into_iter().enumerate() {
        let upper = word.starts_with(char::is_uppercase);
        let shouted = word.chars().count() > 5 && !word.chars().any(char::is_lowercase);
        // `New` is a part of `New York` and otherwise no name.
        let common = is_common(&word) && (begins || ends || !following.get(place).is_some_and(|follows| *follows));
        let named =
            !word.is_empty() && !common && !shouted && (is_special(&word) || telling && upper && (!begins || elsewhere.contains(&word)));
        if named {
            run.push(word);
        }
        if (!named || ends) && !run.is_empty() {
            let written = run.join(" ");
            let meaning = folded(&written).trim().to_owned();
            if !meaning.is_empty() {
                found.push(Fact { kind: Kind::Name, text: written, meanings: vec![meaning] });
            }
            run.clear();
        }
    }
    found
}
