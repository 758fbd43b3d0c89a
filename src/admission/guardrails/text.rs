//! One text under guardrails, as it comes: searched, taken out of, put back into.
//!
//! A text runs through four steps, character by character: known placeholders are set apart, words are looked for, then offensive
//! words, then personal data. Each step holds back only what may still become a match, and depends on nothing but the characters so
//! far. So a stream, cut in any way, gives the same as the whole text: there is one way through, and a whole text takes it, too.
//!
//! A placeholder is a wall. What is put back for it is the caller's own and is not searched, and no match reaches across it.

use super::inspection::Inspection;
use super::json_text::{Json, Piece, escaped};
use super::policy::{Action, At};
use super::words::{Phrases, WordSearch};
use crate::edge::pii::segments::LONGEST_PLACEHOLDER;
use crate::edge::pii::{Kind, Scanner};
use crate::edge::safety::offences;

/// What is done to a text.
#[derive(Clone, Copy, Debug)]
pub struct Treatment<'g> {
    /// Which side of the call it is on.
    pub at: At,
    /// Whether personal data is looked for.
    pub scans: bool,
    /// What happens to it; nothing when it only is to be known that the caller has sent it.
    pub pii: Option<Action>,
    /// Which kinds.
    pub kinds: &'g [Kind],
    /// The words to look for that block or flag, and those that are taken out.
    pub words: [Option<&'g Phrases>; 2],
    /// From which weight on an offensive word blocks.
    pub offence: Option<f32>,
    /// Whether placeholders are replaced by what they stand for.
    pub restores: bool,
}

impl Treatment<'_> {
    /// Whether anything is done.
    pub fn is_any(&self) -> bool {
        self.scans || self.words.iter().any(Option::is_some) || self.offence.is_some() || self.restores
    }
}

/// A text under treatment.
pub struct Text<'g> {
    treatment: Treatment<'g>,
    json: Option<Json>,
    /// Whether what goes out next stands within a string of the JSON.
    in_string: bool,
    pieces: Vec<Piece>,
    /// The beginning of what may be a placeholder.
    bracket: String,
    words: [Option<WordSearch<'g>>; 2],
    offence: Option<OffenceSearch>,
    scanner: Scanner,
    /// The first half of a character that has come as two escapes (UTF-16).
    half: Option<u32>,
    /// What a step lets through, kept for the next time.
    buffers: [String; 4],
}

impl<'g> Text<'g> {
    /// A text that is about to begin. `json` is for one that is JSON itself: escapes within it hide nothing, and what is put into it is
    /// escaped.
    pub fn new(treatment: Treatment<'g>, json: bool) -> Self {
        Self {
            treatment,
            json: json.then(Json::default),
            in_string: false,
            pieces: Vec::new(),
            bracket: String::new(),
            words: treatment.words.map(|phrases| phrases.map(WordSearch::new)),
            offence: treatment.offence.map(OffenceSearch::from_weight),
            scanner: Scanner::default(),
            half: None,
            buffers: Default::default(),
        }
    }

    /// Takes the next piece, in UTF-8 with lone halves of characters as WTF-8 has them, and adds to `out` what is safe to let through.
    pub fn feed(&mut self, piece: &[u8], known: &mut Inspection, out: &mut String) {
        for point in points(piece) {
            match (point, self.half.take()) {
                (0xd800..=0xdbff, before) => {
                    if before.is_some() {
                        self.character(char::REPLACEMENT_CHARACTER, known, out);
                    }
                    self.half = Some(point);
                }
                (0xdc00..=0xdfff, Some(high)) => {
                    let whole = char::from_u32(0x1_0000_u32.saturating_add((high & 0x3ff) << 10 | point & 0x3ff));
                    self.character(whole.unwrap_or(char::REPLACEMENT_CHARACTER), known, out);
                }
                (_, before) => {
                    if before.is_some() {
                        self.character(char::REPLACEMENT_CHARACTER, known, out);
                    }
                    self.character(char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER), known, out);
                }
            }
        }
    }

    /// The text has ended: what was held back is judged and let through.
    pub fn finish(&mut self, known: &mut Inspection, out: &mut String) {
        if self.half.take().is_some() {
            self.character(char::REPLACEMENT_CHARACTER, known, out);
        }
        let mut pieces = std::mem::take(&mut self.pieces);
        if let Some(json) = &mut self.json {
            json.finish(&mut pieces);
        }
        for piece in pieces {
            self.piece(piece, known, out);
        }
        self.wall(known, out);
        self.in_string = false;
    }

    fn character(&mut self, character: char, known: &mut Inspection, out: &mut String) {
        let Some(json) = &mut self.json else { return self.mark(character, known, out) };
        let mut pieces = std::mem::take(&mut self.pieces);
        json.push(character, &mut pieces);
        for piece in pieces.drain(..) {
            self.piece(piece, known, out);
        }
        self.pieces = pieces;
    }

    fn piece(&mut self, piece: Piece, known: &mut Inspection, out: &mut String) {
        match piece {
            Piece::Character(character) => self.mark(character, known, out),
            Piece::Fixed(fixed) => {
                self.wall(known, out);
                out.push_str(&fixed);
                if fixed == "\"" {
                    self.in_string = !self.in_string;
                }
            }
        }
    }

    /// Sets known placeholders apart.
    fn mark(&mut self, character: char, known: &mut Inspection, out: &mut String) {
        if !self.treatment.restores || self.bracket.is_empty() && character != '[' {
            return self.search(0, character, known, out);
        }
        let inside = character.is_ascii_uppercase() || character.is_ascii_digit() || character == '_';
        if !self.bracket.is_empty() && inside && self.bracket.len() < LONGEST_PLACEHOLDER {
            self.bracket.push(character);
            return;
        }
        let mut bracket = std::mem::take(&mut self.bracket);
        if !bracket.is_empty() && character == ']' {
            bracket.push(character);
            if let Some(original) = known.original(&bracket) {
                let original = if self.json.is_some() { escaped(original) } else { original.to_owned() };
                self.wall(known, out);
                out.push_str(&original);
                return;
            }
            return bracket.chars().for_each(|held| self.search(0, held, known, out));
        }
        bracket.chars().for_each(|held| self.search(0, held, known, out));
        if character == '[' {
            self.bracket.push(character);
        } else {
            self.search(0, character, known, out);
        }
    }

    /// Looks for words, and hands on what they let through.
    fn search(&mut self, step: usize, character: char, known: &mut Inspection, out: &mut String) {
        let next = step.saturating_add(1);
        match self.words.get_mut(step) {
            None => self.judge(character, known, out),
            Some(None) => self.search(next, character, known, out),
            Some(Some(words)) => {
                let mut through = self.buffers.get_mut(step).map(std::mem::take).unwrap_or_default();
                words.quoted = self.json.is_some() && !self.in_string;
                words.push(character, &mut through, |found| known.word(self.treatment.at, found));
                through.chars().for_each(|character| self.search(next, character, known, out));
                self.put_back(step, through);
            }
        }
    }

    /// Looks for offensive words.
    fn judge(&mut self, character: char, known: &mut Inspection, out: &mut String) {
        let Some(offence) = &mut self.offence else { return self.scan(character, known, out) };
        let mut through = self.buffers.get_mut(2).map(std::mem::take).unwrap_or_default();
        known.offence(self.treatment.at, offence.push(character, &mut through));
        through.chars().for_each(|character| self.scan(character, known, out));
        self.put_back(2, through);
    }

    /// Looks for personal data.
    fn scan(&mut self, character: char, known: &mut Inspection, out: &mut String) {
        let Self { treatment, scanner, json, in_string, buffers: [_, _, _, through], .. } = self;
        if !treatment.scans {
            return give(character, json.is_some() && *in_string, out);
        }
        if json.is_some() && *in_string {
            scanner.push(character, through, |kind, found| known.personal(treatment, kind, found));
            through.chars().for_each(|character| give(character, true, out));
            through.clear();
        } else {
            scanner.push(character, out, |kind, found| bare(json, known.personal(treatment, kind, found)));
        }
    }

    fn put_back(&mut self, step: usize, mut through: String) {
        through.clear();
        if let Some(buffer) = self.buffers.get_mut(step) {
            *buffer = through;
        }
    }

    /// Nothing matches beyond this place: everything that is held back is judged and let through.
    fn wall(&mut self, known: &mut Inspection, out: &mut String) {
        let bracket = std::mem::take(&mut self.bracket);
        bracket.chars().for_each(|held| self.search(0, held, known, out));
        for step in 0..self.words.len() {
            if let Some(Some(words)) = self.words.get_mut(step) {
                let mut through = String::new();
                words.quoted = self.json.is_some() && !self.in_string;
                words.finish(&mut through, |found| known.word(self.treatment.at, found));
                through.chars().for_each(|character| self.search(step.saturating_add(1), character, known, out));
            }
        }
        if let Some(offence) = &mut self.offence {
            let mut through = String::new();
            known.offence(self.treatment.at, offence.finish(&mut through));
            through.chars().for_each(|character| self.scan(character, known, out));
        }
        let Self { treatment, scanner, json, in_string, .. } = self;
        if treatment.scans {
            let mut through = String::new();
            scanner.finish(&mut through, |kind, found| {
                let other = known.personal(treatment, kind, found);
                if *in_string { other } else { bare(json, other) }
            });
            through.chars().for_each(|character| give(character, json.is_some() && *in_string, out));
        }
    }
}

/// What stands in the place of a number that was no string: a string, in JSON.
fn bare(json: &Option<Json>, other: Option<String>) -> Option<String> {
    other.map(|other| if json.is_some() { format!("\"{other}\"") } else { other })
}

/// Adds a character to what goes out. Within a JSON string a line end stands as its escape, as it came.
fn give(character: char, in_json_string: bool, out: &mut String) {
    match character {
        '\n' if in_json_string => out.push_str("\\n"),
        '\r' if in_json_string => out.push_str("\\r"),
        '\t' if in_json_string => out.push_str("\\t"),
        _ => out.push(character),
    }
}

/// The code points of a text in WTF-8.
fn points(text: &[u8]) -> impl Iterator<Item = u32> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (first, mut after) = rest.split_first()?;
        let (mut point, more) = match first {
            0..=0x7f => (u32::from(*first), 0),
            0x80..=0xdf => (u32::from(first & 0x1f), 1),
            0xe0..=0xef => (u32::from(first & 0x0f), 2),
            _ => (u32::from(first & 0x07), 3),
        };
        for _ in 0..more {
            if let Some((byte, next)) = after.split_first() {
                point = point << 6 | u32::from(byte & 0x3f);
                after = next;
            }
        }
        rest = after;
        Some(point)
    })
}

/// How many words are looked at together: more than the longest offensive phrase has.
const WINDOW: usize = 6;
/// The most bytes of a window: a text without spaces is looked at in pieces of this length.
const LONGEST_WINDOW: usize = 512;

/// Looks for offensive words in a text that comes character by character. It holds back the last few words.
struct OffenceSearch {
    threshold: f32,
    held: String,
    words: usize,
    in_word: bool,
}

impl OffenceSearch {
    fn from_weight(threshold: f32) -> Self {
        Self { threshold, held: String::new(), words: 0, in_word: false }
    }

    fn push(&mut self, character: char, out: &mut String) -> Option<&'static str> {
        let ends = character.is_whitespace();
        self.held.push(character);
        let mut found = None;
        if ends && std::mem::take(&mut self.in_word) {
            self.words = self.words.saturating_add(1);
            found = self.found();
        } else if !ends {
            self.in_word = true;
        }
        if self.held.len() > LONGEST_WINDOW {
            found = found.or_else(|| self.found());
            self.release(self.held.len(), out);
            self.words = 0;
        }
        while self.words > WINDOW {
            let word = self.held.find(|character: char| !character.is_whitespace()).unwrap_or_default();
            let space = self.held.get(word..).and_then(|rest| rest.find(char::is_whitespace)).unwrap_or_default();
            self.release(word.saturating_add(space), out);
            self.words = self.words.saturating_sub(1);
        }
        found
    }

    fn finish(&mut self, out: &mut String) -> Option<&'static str> {
        let found = self.found();
        self.release(self.held.len(), out);
        (self.words, self.in_word) = (0, false);
        found
    }

    fn found(&self) -> Option<&'static str> {
        offences(&self.held).into_iter().find(|notice| notice.weight >= self.threshold).map(|notice| notice.rule)
    }

    fn release(&mut self, end: usize, out: &mut String) {
        if let Some(through) = self.held.get(..end) {
            out.push_str(through);
            self.held.drain(..end);
        }
    }
}
