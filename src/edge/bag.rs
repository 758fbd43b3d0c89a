//! Words of a text by their hash, so that a list of words costs one look at each instead of one search for each of the text's.

use super::wordpiece::fnv;

/// A power of two. A text of 280 characters has some fifty words; a long one has several in a place.
const PLACES: usize = 512;
/// Where FNV-1a begins.
const BEGIN: u32 = 0x811C_9DC5;

/// Different words, and how often each has come.
#[derive(Debug)]
pub struct Bag {
    /// The number of the last word in each place, plus one; 0 where there is none.
    last: [u32; PLACES],
    words: Vec<Word>,
    /// One after the other, without spaces.
    texts: String,
}

#[derive(Debug)]
struct Word {
    hash: u32,
    /// Where it lies in `texts`.
    begin: usize,
    end: usize,
    times: usize,
    /// The number of the word before it in its place, plus one.
    before: u32,
}

impl Bag {
    /// An empty one, with room for the words of a text of so many bytes.
    pub fn for_text(bytes: usize) -> Self {
        Self { last: [0; PLACES], words: Vec::with_capacity(bytes.div_euclid(4)), texts: String::with_capacity(bytes) }
    }

    /// Adds a word.
    pub fn add(&mut self, word: &str) {
        let hash = word.as_bytes().iter().fold(BEGIN, fnv);
        if let Some(known) = self.find(hash, word.as_bytes()).and_then(|at| self.words.get_mut(at)) {
            known.times = known.times.saturating_add(1);
            return;
        }
        let begin = self.texts.len();
        self.texts.push_str(word);
        let Some(last) = self.last.get_mut(place(hash)) else { return };
        self.words.push(Word { hash, begin, end: self.texts.len(), times: 1, before: *last });
        *last = u32::try_from(self.words.len()).unwrap_or(0);
    }

    /// How many different words there are.
    pub fn different(&self) -> usize {
        self.words.len()
    }

    /// How many words of the text are in a list, whose words each have one space behind them.
    pub fn among(&self, list: &str) -> usize {
        let list = list.as_bytes();
        let (mut hash, mut begin, mut found) = (BEGIN, 0, 0_usize);
        for (at, byte) in list.iter().enumerate() {
            if *byte == b' ' {
                let known = list.get(begin..at).and_then(|word| self.find(hash, word)).and_then(|known| self.words.get(known));
                found = found.saturating_add(known.map_or(0, |known| known.times));
                (hash, begin) = (BEGIN, at.saturating_add(1));
            } else {
                hash = fnv(hash, byte);
            }
        }
        found
    }

    /// The number of a word.
    fn find(&self, hash: u32, word: &[u8]) -> Option<usize> {
        let mut next = *self.last.get(place(hash))?;
        loop {
            // 0 ends the row.
            let at = usize::try_from(next.checked_sub(1)?).ok()?;
            let known = self.words.get(at)?;
            if known.hash == hash && self.texts.as_bytes().get(known.begin..known.end) == Some(word) {
                return Some(at);
            }
            next = known.before;
        }
    }
}

/// The place of a hash. The multiplication of FNV mixes upwards only, so the high half is folded in.
fn place(hash: u32) -> usize {
    (hash ^ (hash >> 15)) as usize & PLACES.wrapping_sub(1)
}

/// Adds a text in lower case.
pub fn push_lower(lower: &mut String, text: &str) {
    if text.is_ascii() {
        lower.push_str(text);
        let begin = lower.len().saturating_sub(text.len());
        if let Some(added) = lower.get_mut(begin..) {
            added.make_ascii_lowercase();
        }
    } else {
        // Not letter by letter: a sigma at a word's end is another.
        lower.push_str(&text.to_lowercase());
    }
}

/// The characters of a text that ASCII has not.
pub fn beyond_ascii(text: &str) -> impl Iterator<Item = char> {
    let plain = text.is_ascii();
    text.chars().filter(move |character| !plain && !character.is_ascii())
}
