//! Where sentences end, and where a text may be cut.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::entities::Entity;

/// Words that end in a point without ending a sentence, in lower case.
const ABBREVIATIONS: &str = " mr mrs ms dr prof st jr sr vs etc e.g i.e a.m p.m no nos vol fig approx dept est inc ltd co corp u.s u.k jan feb mar \
     apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun z.b bzw usw ca nr ";

const CLOSING: [char; 14] = ['"', '\'', ')', ']', '}', '”', '’', '»', '›', '」', '』', '）', '*', '_'];

/// Whether a sentence has ended with a text; what follows it must be a space, or the end.
pub fn is_end(text: &str) -> bool {
    let text = text.trim_end_matches(CLOSING);
    let Some(last) = text.chars().next_back() else { return false };
    match last {
        '!' | '?' | '…' | '。' | '！' | '？' | '‼' | '⁉' | '।' | '؟' | '۔' => true,
        '.' => {
            let word = text.rsplit(|character: char| character.is_whitespace() || "(\"'“‘".contains(character)).next().unwrap_or_default();
            let word = word.trim_end_matches('.').to_lowercase();
            // An initial, and the number of a list, end none.
            let initial = word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
            !initial && !ABBREVIATIONS.contains(&format!(" {word} ")) || text.ends_with("..")
        }
        _ => false,
    }
}

/// Whether a sentence ends without a space after it, as in Chinese and Japanese.
fn ends_unspaced(text: &str) -> bool {
    text.ends_with(['。', '！', '？'])
}

/// The sentences of a text, without the spaces between; a line's end ends one.
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut start, mut previous) = (None::<usize>, 0_usize);
    for (at, character) in text.char_indices() {
        let before = start.and_then(|start: usize| text.get(start..at)).unwrap_or_default();
        if let Some(begun) = start
            && (character == '\n' || character.is_whitespace() && is_end(before) || ends_unspaced(before) && !CLOSING.contains(&character))
        {
            found.push(begun..previous);
            start = None;
        }
        if !character.is_whitespace() {
            start = start.or(Some(at));
            previous = at.saturating_add(character.len_utf8());
        }
    }
    if let Some(begun) = start {
        found.push(begun..previous);
    }
    found
}

/// What ends where a text may be cut, the best last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ends {
    /// A character as people see it.
    Cluster,
    /// A word.
    Word,
    /// A sentence, or a line.
    Sentence,
    /// A paragraph.
    Paragraph,
}

/// A place where a text may be cut, before the spaces that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The place, in bytes.
    pub at: usize,
    /// What ends there.
    pub ends: Ends,
}

/// All places where a text may be cut: between clusters, but within no entity.
pub fn cuts(text: &str, found: &[Entity]) -> Vec<Cut> {
    let mut cuts = Vec::new();
    let mut entities = found.iter().peekable();
    let (mut sentence, mut blank) = (0_usize, true);
    for (begin, cluster) in text.grapheme_indices(true) {
        let at = begin.saturating_add(cluster.len());
        let after = text.get(at..).unwrap_or_default();
        while entities.next_if(|entity| entity.end <= at).is_some() {}
        blank = blank && cluster.trim().is_empty();
        if cluster.trim().is_empty() || entities.peek().is_some_and(|entity| entity.start < at) {
            continue;
        }
        let spaces = after.get(..after.find(|character: char| !character.is_whitespace()).unwrap_or(after.len())).unwrap_or_default();
        let current = text.get(sentence..at).unwrap_or_default();
        let ends = if after.len() == spaces.len() || spaces.matches('\n').count() > 1 {
            Ends::Paragraph
        } else if spaces.contains('\n') || !spaces.is_empty() && is_end(current) || ends_unspaced(current) && !after.starts_with(CLOSING) {
            Ends::Sentence
        } else if spaces.is_empty() {
            Ends::Cluster
        } else {
            Ends::Word
        };
        if ends >= Ends::Sentence {
            sentence = at;
        }
        cuts.push(Cut { at, ends });
    }
    cuts
}

/// How many of the first cuts are possible, when what is possible for a later one is so for those before. What nearly always holds is
/// made to hold by going back.
pub fn most(cuts: &[Cut], possible: impl Fn(&Cut) -> bool) -> usize {
    // A text may be much longer than what fits, so the search begins in front.
    let mut ahead = 32_usize;
    while ahead.checked_sub(1).and_then(|place| cuts.get(place)).is_some_and(&possible) {
        ahead = ahead.saturating_mul(2);
    }
    let mut count = cuts.get(..ahead).unwrap_or(cuts).partition_point(&possible);
    let mut tries = 0_u32;
    while let Some(last) = count.checked_sub(1).and_then(|place| cuts.get(place)) {
        if possible(last) {
            break;
        }
        tries = tries.saturating_add(1);
        // What goes back a long way does so in strides.
        count = count.saturating_sub(if tries > 64 { (count / 8).max(1) } else { 1 });
    }
    count
}

/// A text of at most so many characters: cut behind a sentence or a word, with a mark of it.
pub fn shortened(text: &str, most: usize) -> String {
    let text = text.trim();
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let cuts = cuts(text, &[]);
    let room = most.saturating_sub(1);
    let fits = self::most(&cuts, |cut| text.get(..cut.at).is_some_and(|part| part.chars().count() <= room));
    let cut = best(cuts.get(..fits).unwrap_or_default()).and_then(|cut| text.get(..cut.at)).unwrap_or_default();
    if cut.is_empty() { String::new() } else { format!("{}…", cut.trim_end_matches([',', ';', ':', '.'])) }
}

/// The cut to take of those that are possible: the last one, or a better one that is not much before it.
pub fn best(possible: &[Cut]) -> Option<Cut> {
    let last = possible.last()?;
    let start = possible.first()?.at;
    let span = last.at.saturating_sub(start);
    // A paragraph's or a sentence's end in the second half, a word's in the last three quarters.
    let within = |ends: Ends, share: usize| {
        let from = start.saturating_add(span.checked_div(share).unwrap_or_default());
        possible.iter().rev().take_while(|cut| cut.at >= from).find(|cut| cut.ends >= ends).copied()
    };
    within(Ends::Sentence, 2).or_else(|| within(Ends::Word, 4)).or(Some(*last))
}
