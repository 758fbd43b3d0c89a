//! A tenant's own words in a text, also in one that comes in pieces.
//!
//! A word is found as a whole word, whatever its case, with or without accents, with invisible characters within, in full-width forms,
//! and with those letters of other alphabets that look like Latin ones. Its plural is another word. Scripts without spaces have no
//! whole words: each of their characters is one.

use std::collections::BTreeMap;

use super::policy::{Action, At, Guardrails};
use crate::edge::pii::is_invisible;

/// What stands in the place of a word that was taken out.
pub const REMOVED: &str = "[REMOVED]";

/// The most characters between two words of a phrase.
const WIDEST_GAP: usize = 16;

/// What a character is to words.
enum Class {
    /// Nothing to see.
    Invisible,
    /// A part of a word, in its plainest form.
    Letter(char),
    /// A word by itself.
    Word(char),
    /// Parts words.
    Between,
}

fn class(character: char) -> Class {
    if character.is_ascii() {
        return if character.is_ascii_alphanumeric() { Class::Letter(character.to_ascii_lowercase()) } else { Class::Between };
    }
    if is_invisible(character) || matches!(character, '\u{300}'..='\u{36f}') {
        return Class::Invisible;
    }
    let narrow = match character {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(character).saturating_sub(0xfee0)).unwrap_or(character),
        _ => character,
    };
    if !narrow.is_alphanumeric() {
        return Class::Between;
    }
    // Chinese, Japanese and Korean; Thai, Lao, Burmese and Khmer.
    let alone = matches!(narrow, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}');
    if alone {
        return Class::Word(narrow);
    }
    Class::Letter(plain(narrow.to_lowercase().next().unwrap_or(narrow)))
}

/// A small letter without its accent, and a letter that looks like a Latin one as that one.
fn plain(letter: char) -> char {
    match letter {
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'ǎ' | 'а' | 'α' => 'a',
        'в' | 'β' => 'b',
        'ç' | 'ć' | 'č' | 'с' => 'c',
        'ď' | 'đ' => 'd',
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' | 'е' | 'ё' | 'ε' => 'e',
        'ğ' | 'ģ' => 'g',
        'һ' => 'h',
        'ì'..='ï' | 'ī' | 'į' | 'ı' | 'і' | 'ї' | 'ι' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'ł' | 'ľ' | 'ļ' | 'ӏ' => 'l',
        'м' => 'm',
        'ñ' | 'ń' | 'ň' | 'ņ' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' | 'о' | 'ο' => 'o',
        'р' | 'ρ' => 'p',
        'ř' => 'r',
        'ś' | 'š' | 'ş' | 'ș' | 'ѕ' => 's',
        'ť' | 'ţ' | 'ț' | 'т' | 'τ' => 't',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' | 'ų' | 'υ' => 'u',
        'ν' => 'v',
        'х' | 'χ' => 'x',
        'ý' | 'ÿ' | 'у' => 'y',
        'ź' | 'ž' | 'ż' => 'z',
        other => other,
    }
}

/// The words of a phrase as they are compared.
pub fn tokens(phrase: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut word = String::new();
    for character in phrase.chars() {
        match class(character) {
            Class::Invisible => {}
            Class::Letter(letter) => word.push(letter),
            Class::Word(_) | Class::Between if word.is_empty() => {}
            Class::Word(_) | Class::Between => out.push(std::mem::take(&mut word)),
        }
        if let Class::Word(letter) = class(character) {
            out.push(letter.to_string());
        }
    }
    out.extend(Some(word).filter(|word| !word.is_empty()));
    out
}

#[derive(Debug)]
struct Phrase {
    tokens: Vec<String>,
    list: String,
    action: Action,
}

/// Phrases to look for, by their first character.
#[derive(Debug)]
pub struct Phrases {
    phrases: Vec<Phrase>,
    by_first: BTreeMap<char, Vec<usize>>,
}

impl Phrases {
    /// Those of the lists for a kind of texts that do one of some things; none when there is none. Those that take out belong apart from
    /// the others: what they take, the others no longer see.
    pub fn of(policy: &Guardrails, at: At, actions: &[Action]) -> Option<Self> {
        let mut phrases: Vec<Phrase> = Vec::new();
        let mut by_first: BTreeMap<char, Vec<usize>> = BTreeMap::new();
        for list in policy.words.iter().filter(|list| list.at.contains(&at) && actions.contains(&list.action)) {
            for word in &list.words {
                let tokens = tokens(word);
                if let Some(first) = tokens.first().and_then(|token| token.chars().next()) {
                    by_first.entry(first).or_default().push(phrases.len());
                    phrases.push(Phrase { tokens, list: list.name.clone(), action: list.action });
                }
            }
        }
        (!phrases.is_empty()).then_some(Self { phrases, by_first })
    }

    fn token(&self, live: &Live) -> &str {
        self.phrases.get(live.phrase).and_then(|phrase| phrase.tokens.get(live.place)).map_or("", String::as_str)
    }
}

/// A phrase that a text may be in the midst of.
#[derive(Clone, Copy)]
struct Live {
    phrase: usize,
    /// How many of its words have come.
    place: usize,
    /// Where in the held text it begins.
    start: usize,
}

/// A phrase that was found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'g> {
    /// The list's name.
    pub list: &'g str,
    /// What is to happen.
    pub action: Action,
}

/// Looks for phrases in a text that comes character by character. It holds back what may still become one.
pub struct WordSearch<'g> {
    phrases: &'g Phrases,
    /// Whether what stands in the place of a word is to be a string of JSON by itself.
    pub quoted: bool,
    held: String,
    /// The word that has begun.
    word: String,
    /// Whether the word that has begun can be none of a phrase.
    idle: bool,
    gap: usize,
    live: Vec<Live>,
}

impl<'g> WordSearch<'g> {
    /// At the beginning of a text.
    pub fn new(phrases: &'g Phrases) -> Self {
        Self { phrases, quoted: false, held: String::new(), word: String::new(), idle: false, gap: 0, live: Vec::new() }
    }

    /// Takes a character, adds to `out` what is safe to let through, and tells `note` what it finds. What is to be taken out is; the
    /// caller blocks and flags.
    pub fn push(&mut self, character: char, out: &mut String, mut note: impl FnMut(Found<'g>)) {
        match class(character) {
            Class::Invisible => self.keep(character, out),
            Class::Letter(letter) => self.letter(character, letter, out),
            Class::Word(letter) => {
                self.end_word(out, &mut note);
                self.letter(character, letter, out);
                self.end_word(out, &mut note);
            }
            Class::Between => {
                self.end_word(out, &mut note);
                self.gap = self.gap.saturating_add(1);
                if self.gap > WIDEST_GAP {
                    self.live.clear();
                    self.release(out);
                }
                self.keep(character, out);
            }
        }
    }

    /// Adds what was held back: nothing can be found beyond this place.
    pub fn finish(&mut self, out: &mut String, mut note: impl FnMut(Found<'g>)) {
        self.end_word(out, &mut note);
        self.live.clear();
        self.release(out);
    }

    fn keep(&mut self, character: char, out: &mut String) {
        if self.held.is_empty() { out.push(character) } else { self.held.push(character) }
    }

    fn letter(&mut self, character: char, letter: char, out: &mut String) {
        if self.idle {
            out.push(character);
            return;
        }
        if self.word.is_empty() {
            let start = self.held.len();
            let beginning = self.phrases.by_first.get(&letter).into_iter().flatten();
            self.live.extend(beginning.map(|phrase| Live { phrase: *phrase, place: 0, start }));
        }
        self.held.push(character);
        self.word.push(letter);
        let (phrases, word) = (self.phrases, &self.word);
        self.live.retain(|live| phrases.token(live).starts_with(word.as_str()));
        self.idle = self.live.is_empty();
        self.release(out);
    }

    fn end_word(&mut self, out: &mut String, note: &mut impl FnMut(Found<'g>)) {
        if std::mem::take(&mut self.idle) || self.word.is_empty() {
            self.word.clear();
            return;
        }
        self.gap = 0;
        let (phrases, word) = (self.phrases, std::mem::take(&mut self.word));
        self.live.retain(|live| phrases.token(live) == word);
        let mut taken = None;
        self.live.retain_mut(|live| {
            live.place = live.place.saturating_add(1);
            let whole = phrases.phrases.get(live.phrase).filter(|phrase| phrase.tokens.len() == live.place);
            if let Some(phrase) = whole {
                // Of several that are to be taken out, the one that began first; the one that ends first is enough.
                if phrase.action != Action::Redact || taken.is_none() {
                    note(Found { list: &phrase.list, action: phrase.action });
                }
                taken = taken.or((phrase.action == Action::Redact).then_some(live.start));
            }
            whole.is_none()
        });
        if let Some(start) = taken {
            self.live.clear();
            self.held.truncate(start);
            let quote = if self.quoted { "\"" } else { "" };
            self.held.extend([quote, REMOVED, quote]);
        }
        self.release(out);
    }

    /// Lets go what stands before the first phrase that is still possible.
    fn release(&mut self, out: &mut String) {
        let start = self.live.iter().map(|live| live.start).min().unwrap_or(self.held.len());
        if start == 0 {
            return;
        }
        out.push_str(self.held.get(..start).unwrap_or_default());
        self.held.replace_range(..start.min(self.held.len()), "");
        for live in &mut self.live {
            live.start = live.start.saturating_sub(start);
        }
    }
}
