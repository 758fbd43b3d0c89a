//! What can be counted in a text: length, readability, marks.

use unicode_segmentation::UnicodeSegmentation;

use super::bag::{Bag, push_lower};

/// Adults' silent reading of English non-fiction, in words a minute (Brysbaert, "How many words do we read per minute?", Journal of
/// Memory and Language 109, 2019).
const WORDS_A_MINUTE: f64 = 238.0;

/// Readers of scripts without spaces between words, in characters a minute: the slower of the means for Chinese (255) and Japanese
/// (357) in Trauzettel-Klosinski and Dietz, "Standardized Assessment of Reading Performance", IOVS 53, 2012.
const CHARACTERS_A_MINUTE: f64 = 255.0;

/// The measures of a text. Shares are from 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measures {
    /// Extended grapheme clusters (UAX 29): what a person takes for characters.
    pub graphemes: usize,
    /// Words (UAX 29), links, mentions and hashtags counted as one each.
    pub words: usize,
    /// Sentences: parts ended by `.`, `!`, `?`, `…` or `。` before a space, or by a line's end, with a word in them.
    pub sentences: usize,
    /// Words a sentence; none without a sentence.
    pub words_per_sentence: Option<f64>,
    /// Syllables by rule; English only.
    pub syllables: Option<usize>,
    /// Flesch, 1948: 206.835 − 1.015 words/sentences − 84.6 syllables/words. 100 is very easy, 0 very hard, both may be passed. English
    /// only.
    pub reading_ease: Option<f64>,
    /// Kincaid and others, 1975: 0.39 words/sentences + 11.8 syllables/words − 15.59, in years of American school. English only.
    pub grade: Option<f64>,
    /// Silent reading, in seconds.
    pub reading_seconds: f64,
    /// Capitals among letters that have a case; none when there are none.
    pub capitals: Option<f64>,
    /// Words of two or more letters written in capitals, among all words of two or more letters that have a case.
    pub shouted_words: Option<f64>,
    /// Exclamation marks, the full-width and the Spanish one included.
    pub exclamations: usize,
    /// Question marks, likewise.
    pub questions: usize,
    /// Emoji, a sequence that shows as one counted once.
    pub emoji: usize,
    /// Hashtags: `#` and a word that is not a number.
    pub hashtags: usize,
    /// Mentions: `@` and a name, not within an address of mail.
    pub mentions: usize,
    /// Links: `http://`, `https://` or `www.`.
    pub links: usize,
    /// Different words among words (type–token ratio), in lower case; it falls with a text's length, so compare like with like. None
    /// without words.
    pub lexical_diversity: Option<f64>,
}

/// What a piece between spaces is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Link,
    Mention,
    Hashtag,
    Text,
}

fn piece(token: &str) -> Piece {
    let token = token.trim_start_matches(['(', '"', '\'', '[', '.', '¿', '¡', '“', '‘', '«']);
    let starts = |prefix: &str| token.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    let names =
        |mark: char| token.strip_prefix(mark).is_some_and(|name| name.starts_with(|first: char| first.is_alphanumeric() || first == '_'));
    if starts("http://") || starts("https://") || starts("www.") {
        Piece::Link
    } else if names('@') {
        Piece::Mention
    } else if names('#') && token.chars().skip(1).any(|character| character.is_alphabetic() || character == '_') {
        Piece::Hashtag
    } else {
        Piece::Text
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| count(part) / count(whole))
}

/// Measures a text; `language` is its BCP 47 code where it is known.
pub fn measure(text: &str, language: Option<&str>) -> Measures {
    let english = language.is_some_and(|code| code == "en" || code.starts_with("en-"));
    let (graphemes, emoji) = clusters(text);
    let mut found = Measures { graphemes, emoji, ..Measures::default() };
    let (mut syllables, mut shouted, mut cased_words, mut unspaced) = (0_usize, 0_usize, 0_usize, 0_usize);
    let mut different = Bag::for_text(text.len());
    let mut lower = String::new();
    for token in text.split_whitespace() {
        let kind = piece(token);
        match kind {
            Piece::Link => found.links = found.links.saturating_add(1),
            Piece::Mention => found.mentions = found.mentions.saturating_add(1),
            Piece::Hashtag => found.hashtags = found.hashtags.saturating_add(1),
            Piece::Text => {}
        }
        if kind != Piece::Text {
            found.words = found.words.saturating_add(1);
            lower.clear();
            push_lower(&mut lower, token);
            different.add(&lower);
            // A hashtag is read as a word; a link and a name have no syllables that a rule could count.
            syllables = syllables.saturating_add(1);
            continue;
        }
        for word in token.unicode_words() {
            found.words = found.words.saturating_add(1);
            unspaced = unspaced.saturating_add(word.chars().filter(|character| is_unspaced(*character)).count());
            lower.clear();
            push_lower(&mut lower, word);
            if english {
                syllables = syllables.saturating_add(syllables_of(&lower));
            }
            if word.chars().filter(|character| is_cased(*character)).nth(1).is_some() {
                cased_words = cased_words.saturating_add(1);
                if !word.chars().any(char::is_lowercase) {
                    shouted = shouted.saturating_add(1);
                }
            }
            different.add(&lower);
        }
    }
    let (mut cased, mut upper) = (0_usize, 0_usize);
    for character in text.chars() {
        match character {
            '!' | '！' | '¡' => found.exclamations = found.exclamations.saturating_add(1),
            '?' | '？' | '¿' | '؟' => found.questions = found.questions.saturating_add(1),
            _ if is_cased(character) => {
                cased = cased.saturating_add(1);
                upper = upper.saturating_add(usize::from(character.is_uppercase()));
            }
            _ => {}
        }
    }
    found.sentences = sentences(text);
    found.capitals = share(upper, cased);
    found.shouted_words = share(shouted, cased_words);
    found.lexical_diversity = share(different.different(), found.words);
    found.words_per_sentence = share(found.words, found.sentences);
    let spaced = found.words.saturating_sub(unspaced);
    found.reading_seconds = count(spaced) / WORDS_A_MINUTE * 60.0 + count(unspaced) / CHARACTERS_A_MINUTE * 60.0;
    if english && found.words > 0 {
        found.syllables = Some(syllables);
        if let (Some(long), Some(heavy)) = (found.words_per_sentence, share(syllables, found.words)) {
            found.reading_ease = Some(206.835 - 1.015 * long - 84.6 * heavy);
            found.grade = Some(0.39 * long + 11.8 * heavy - 15.59);
        }
    }
    found
}

/// Extended grapheme clusters, and how many of them show as emoji.
///
/// Between two characters of ASCII there is a border, but within a line's end (UAX 29, GB3). So only what touches another character is
/// given to the segmentation, which costs more than all else here.
fn clusters(text: &str) -> (usize, usize) {
    let (mut graphemes, mut emoji) = (0_usize, 0_usize);
    let mut rest = text;
    while !rest.is_empty() {
        let plain = rest.bytes().take_while(u8::is_ascii).count();
        // The last before another character may belong to a cluster with it, unless it ends a line.
        let ends_line = rest.as_bytes().get(plain.saturating_sub(1)) == Some(&b'\n');
        let plain = if plain < rest.len() && !ends_line { plain.saturating_sub(1) } else { plain };
        let (head, tail) = rest.split_at_checked(plain).unwrap_or((rest, ""));
        let ends = head.as_bytes().windows(2).filter(|pair| *pair == b"\r\n").count();
        graphemes = graphemes.saturating_add(head.len().saturating_sub(ends));
        // Up to two characters of ASCII together: the first of them may belong to what is before it.
        let border = |pair: &[u8]| pair.is_ascii() && pair != b"\r\n";
        let end = tail.as_bytes().windows(2).skip(1).position(border).map_or(tail.len(), |at| at.saturating_add(2));
        let (mixed, after) = tail.split_at_checked(end).unwrap_or((tail, ""));
        for cluster in mixed.graphemes(true) {
            graphemes = graphemes.saturating_add(1);
            emoji = emoji.saturating_add(usize::from(is_emoji(cluster)));
        }
        rest = after;
    }
    (graphemes, emoji)
}

fn is_cased(character: char) -> bool {
    character.is_lowercase() || character.is_uppercase()
}

/// Scripts that put no spaces between words: Han, kana, Thai, Lao, Khmer, Burmese. UAX 29 gives Han and hiragana one word a character.
fn is_unspaced(character: char) -> bool {
    matches!(character, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

/// Whether a cluster shows as an emoji: a pictograph by itself or with U+FE0F, a flag, a keycap. By blocks, not by the whole table of
/// Unicode's `Emoji_Presentation`, which would cost more than the rest of this file.
fn is_emoji(cluster: &str) -> bool {
    let pictured = |character: char| matches!(character, '\u{1f1e6}'..='\u{1f1ff}' | '\u{1f300}'..='\u{1faff}' | '\u{1f004}' | '\u{1f0cf}' | '\u{1f18e}' | '\u{1f191}'..='\u{1f19a}' | '\u{231a}' | '\u{231b}' | '\u{23e9}'..='\u{23f3}' | '\u{2614}' | '\u{2615}' | '\u{26a1}' | '\u{26bd}' | '\u{26be}' | '\u{2705}' | '\u{270a}' | '\u{270b}' | '\u{2728}' | '\u{274c}' | '\u{2753}'..='\u{2757}' | '\u{2795}'..='\u{2797}' | '\u{2b50}' | '\u{2b55}');
    let shown = cluster.contains('\u{fe0f}') && cluster.chars().next().is_some_and(|first| !first.is_alphabetic());
    cluster.chars().next().is_some_and(pictured) || shown || cluster.contains('\u{20e3}')
}

fn sentences(text: &str) -> usize {
    let mut ended = 0_usize;
    let (mut has_word, mut at_end) = (false, false);
    for character in text.chars() {
        let is_line = matches!(character, '\n' | '\u{2028}' | '\u{2029}');
        // A mark ends a sentence when a space follows, so that 3.5 and maya.example do not; the ideographic ones end it at once.
        if has_word && (is_line || at_end && character.is_whitespace() || matches!(character, '。' | '！' | '？' | '।')) {
            ended = ended.saturating_add(1);
            (has_word, at_end) = (false, false);
        } else if matches!(character, '.' | '!' | '?' | '…' | '؟') {
            at_end = true;
        } else if character.is_alphanumeric() {
            (has_word, at_end) = (true, false);
        }
        // Quotes, brackets and emoji after a mark change nothing.
    }
    ended.saturating_add(usize::from(has_word))
}

/// Syllables of an English word in lower case: groups of vowels, less what is silent at the end. About nine words of ten come out right.
fn syllables_of(word: &str) -> usize {
    let is_vowel = |character: char| matches!(character, 'a' | 'e' | 'i' | 'o' | 'u' | 'y' | 'é' | 'è' | 'ï' | 'ö' | 'ü' | 'á' | 'ä');
    let (mut groups, mut within) = (0_usize, false);
    // The last letters. A word that has fewer than three has one group of vowels at most, or none that is silent.
    let mut last = ['\0'; 3];
    for letter in word.chars().filter(|character| character.is_alphabetic()) {
        let vowel = is_vowel(letter);
        groups = groups.saturating_add(usize::from(vowel && !within));
        within = vowel;
        let [_, second, third] = last;
        last = [second, third, letter];
    }
    let silent = match last {
        [before, 'l', 'e'] => is_vowel(before),
        ['t' | 'd', 'e', 'd'] => false,
        [before, 'e', 'd'] => !is_vowel(before),
        ['s' | 'x' | 'z' | 'c' | 'g' | 'h', 'e', 's'] => false,
        [before, 'e', 's'] | [_, before, 'e'] => !is_vowel(before),
        _ => false,
    };
    let syllables = groups.saturating_sub(usize::from(silent && groups > 1));
    // Two vowels that are spoken apart, each pair once, unless they are glued. Most words have none, and are not searched for the others.
    let has = |part: &&&str| word.contains(**part);
    let vowels = word.as_bytes().windows(2).any(|pair| matches!(pair, b"ia" | b"io" | b"iu" | b"eo" | b"ua" | b"uo"));
    if !vowels {
        return syllables.max(1);
    }
    let apart = ["ia", "io", "iu", "eo", "ua", "uo"].iter().filter(has).count();
    let glued =
        ["tion", "sion", "cia", "tia", "gio", "cio", "qua", "quo", "gua", "eou", "iou", "peo", "lion", "nion"].iter().filter(has).count();
    syllables.saturating_add(apart.saturating_sub(glued)).max(1)
}
