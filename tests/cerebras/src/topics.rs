//! What a prompt is about: its content words, names, asked-for length and kind of answer.

use std::sync::LazyLock;

/// Words that carry no topic.
#[rustfmt::skip]
static EMPTY_WORDS: [&str; 181] = [
    "a", "about", "above", "after", "again", "all", "also", "am", "an", "and", "another", "answer", "any", "are", "as", "ask", "at", "be",
    "because", "been", "before", "being", "best", "better", "between", "both", "brief", "briefly", "but", "by", "call", "can", "code",
    "could", "define", "describe", "detail", "detailed", "did", "difference", "discuss", "do", "does", "each", "exactly", "example",
    "examples", "explain", "few", "find", "first", "five", "for", "four", "from", "function", "get", "give", "good", "had", "has", "have",
    "he", "hello", "help", "her", "hey", "hi", "his", "how", "i", "if", "in", "into", "is", "it", "its", "javascript", "json", "just",
    "know", "last", "let", "like", "list", "long", "main", "make", "many", "may", "me", "mean", "means", "might", "more", "most", "much",
    "must", "my", "need", "no", "not", "of", "on", "one", "only", "or", "other", "our", "out", "over", "paragraph", "paragraphs",
    "please", "point", "points", "program", "python", "reply", "respond", "return", "say", "script", "see", "sentence", "sentences",
    "shall", "she", "short", "should", "show", "snippet", "so", "some", "steps", "summarise", "summarize", "summary", "talk", "tell",
    "ten", "than", "thanks", "that", "the", "their", "them", "then", "there", "these", "they", "this", "three", "to", "today", "two",
    "up", "us", "use", "using", "very", "want", "was", "we", "were", "what", "when", "where", "which", "who", "why", "will", "with",
    "word", "words", "work", "works", "would", "write", "you", "your",
];

/// A short word as a number, small letters and capitals alike: much quicker to compare than text.
fn packed(word: &[u8]) -> Option<u128> {
    (word.len() <= 16).then(|| word.iter().fold(0, |number, letter| number << 8 | u128::from(letter.to_ascii_lowercase())))
}

static PACKED_EMPTY_WORDS: LazyLock<Vec<u128>> = LazyLock::new(|| {
    let mut numbers: Vec<u128> = EMPTY_WORDS.iter().filter_map(|word| packed(word.as_bytes())).collect();
    numbers.sort_unstable();
    numbers
});

/// True for words that say something by themselves.
fn carries_topic(word: &str) -> bool {
    (word.len() > 2 || !word.is_ascii())
        && word.chars().any(char::is_alphabetic)
        && packed(word.as_bytes()).is_none_or(|number| PACKED_EMPTY_WORDS.binary_search(&number).is_err())
}

/// A prompt, looked through once.
#[derive(Debug, Default)]
pub struct Topics {
    /// Runs of neighbouring content words, at most three each.
    pub phrases: Vec<String>,
    /// Capitalised words inside sentences: cities, people and the like.
    pub names: Vec<String>,
}

/// So many bytes of a prompt are enough to know its topic,
const TOPIC_IN: usize = 600;
/// and so many to know what kind of answer it wants.
const WISH_IN: usize = 2000;
const MOST_PHRASES: usize = 6;

impl Topics {
    /// Looks a prompt through.
    pub fn of(prompt: &str) -> Self {
        let mut topics = Self::default();
        let mut run = String::new();
        let mut length = 0;
        let mut begins_sentence = true;
        for raw in shortened(prompt, TOPIC_IN).split_whitespace() {
            let word = raw.trim_matches(|letter: char| !letter.is_alphanumeric());
            let ends = raw.ends_with(|letter: char| letter.is_ascii_punctuation());
            if carries_topic(word) {
                let capital = word.starts_with(char::is_uppercase);
                let name = capital && !begins_sentence;
                if name && !topics.names.iter().any(|known| known == word) {
                    topics.names.push(word.to_owned());
                }
                if !run.is_empty() {
                    run.push(' ');
                }
                let acronym = word.len() > 1 && word.bytes().all(|letter| !letter.is_ascii_lowercase());
                if name || acronym {
                    run.push_str(word);
                } else {
                    run.push_str(&word.to_lowercase());
                }
                length += 1;
            } else if !word.is_empty() {
                topics.end_run(&mut run, &mut length);
            }
            if ends || length == 3 {
                topics.end_run(&mut run, &mut length);
            }
            begins_sentence = raw.ends_with(['.', '!', '?', ':']);
            if topics.phrases.len() >= MOST_PHRASES {
                break;
            }
        }
        topics.end_run(&mut run, &mut length);
        topics
    }

    fn end_run(&mut self, run: &mut String, length: &mut usize) {
        if !run.is_empty() && !self.phrases.contains(run) {
            self.phrases.push(std::mem::take(run));
        }
        run.clear();
        *length = 0;
    }

    /// The main topic, or something that fits everywhere.
    pub fn main(&self) -> &str {
        self.phrases.first().map_or("this question", String::as_str)
    }

    /// A second topic.
    pub fn second(&self) -> &str {
        self.phrases.get(1).map_or("a simpler case", String::as_str)
    }
}

fn shortened(prompt: &str, bytes: usize) -> &str {
    if prompt.len() <= bytes { prompt } else { &prompt[..prompt.floor_char_boundary(bytes)] }
}

/// The content words of a text, in small letters.
pub fn content_words(text: &str) -> impl Iterator<Item = String> {
    shortened(text, WISH_IN)
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| word.len() > 2 && carries_topic(word))
        .map(str::to_lowercase)
}

/// What kind of answer a prompt wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Only a greeting came.
    Greeting,
    /// A numbered list.
    List,
    /// Some program text.
    Code,
    /// Prose.
    Prose,
}

/// What a prompt wishes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The kind of answer.
    pub wanted: Wanted,
    /// Its length in words, if the prompt says so.
    pub length: Option<usize>,
}

/// Guesses the wish of a prompt.
pub fn wish(prompt: &str) -> Wish {
    let lower = shortened(prompt, WISH_IN).to_ascii_lowercase();
    let (mut greets, mut program, mut makes, mut lists) = (false, false, false, false);
    let mut length = None;
    let mut before = None;
    let mut count = 0;
    for word in lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        count += 1;
        match word {
            "hi" | "hello" | "hey" => greets |= count == 1,
            "code" | "script" | "snippet" | "python" | "javascript" | "rust" => program = true,
            "write" | "show" | "implement" | "give" => makes = true,
            "list" | "steps" | "bullets" | "ideas" | "tips" | "reasons" => lists = true,
            _ => {}
        }
        length = length.or(match (before, word) {
            (Some(number), "words" | "word") => Some(number),
            (Some(number), "sentences" | "sentence") => Some(number * 14),
            (Some(number), "paragraphs" | "paragraph") => Some(number * 60),
            (_, "briefly" | "brief" | "short") => Some(20),
            (_, "essay" | "detailed") => Some(160),
            _ => None,
        });
        before = match word {
            "one" | "a" | "single" => Some(1),
            "two" => Some(2),
            "three" => Some(3),
            "four" => Some(4),
            "five" => Some(5),
            "ten" => Some(10),
            _ => word.parse().ok().filter(|number| (1..=20_000).contains(number)),
        };
    }
    let wanted = match () {
        () if greets && count < 4 => Wanted::Greeting,
        () if program && makes => Wanted::Code,
        () if lists => Wanted::List,
        () => Wanted::Prose,
    };
    Wish { wanted, length }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_words_are_known_in_any_case() {
        assert!(EMPTY_WORDS.iter().all(|word| packed(word.as_bytes()).is_some()));
        assert!(!carries_topic("The") && !carries_topic("between") && carries_topic("bee") && carries_topic("internationalisation"));
    }

    #[test]
    fn phrases_and_names() {
        let topics = Topics::of("Explain how solar panels work, and what the weather in Oslo does to them.");
        assert_eq!(topics.phrases, ["solar panels", "weather", "Oslo"]);
        assert_eq!(topics.names, ["Oslo"]);
        assert_eq!(Topics::of("").main(), "this question");
    }

    #[test]
    fn lengths() {
        let length = |prompt| wish(prompt).length;
        assert_eq!(length("Write about bees in 50 words"), Some(50));
        assert_eq!(length("a 120-word text"), Some(120));
        assert_eq!(length("Answer in two sentences."), Some(28));
        assert_eq!(length("What is a bee?"), None);
    }

    #[test]
    fn kinds_of_answers() {
        let wanted = |prompt| wish(prompt).wanted;
        assert_eq!(wanted("Hello!"), Wanted::Greeting);
        assert_eq!(wanted("Write a Python function"), Wanted::Code);
        assert_eq!(wanted("List the steps"), Wanted::List);
        assert_eq!(wanted("Why is the sky blue?"), Wanted::Prose);
    }
}
