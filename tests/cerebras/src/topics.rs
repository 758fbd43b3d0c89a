//! What a prompt is about: its content words, names, asked-for length and kind of answer.

/// Words that carry no topic; sorted, for binary search.
static EMPTY_WORDS: [&str; 171] = [
    "a",
    "about",
    "above",
    "after",
    "again",
    "all",
    "also",
    "am",
    "an",
    "and",
    "another",
    "answer",
    "any",
    "are",
    "as",
    "ask",
    "at",
    "be",
    "because",
    "been",
    "before",
    "being",
    "best",
    "better",
    "between",
    "both",
    "brief",
    "briefly",
    "but",
    "by",
    "call",
    "can",
    "could",
    "define",
    "describe",
    "detail",
    "detailed",
    "did",
    "difference",
    "discuss",
    "do",
    "does",
    "each",
    "exactly",
    "explain",
    "few",
    "find",
    "first",
    "five",
    "for",
    "four",
    "from",
    "get",
    "give",
    "good",
    "had",
    "has",
    "have",
    "he",
    "hello",
    "help",
    "her",
    "hey",
    "hi",
    "his",
    "how",
    "i",
    "if",
    "in",
    "into",
    "is",
    "it",
    "its",
    "json",
    "just",
    "know",
    "last",
    "let",
    "like",
    "list",
    "long",
    "main",
    "make",
    "many",
    "may",
    "me",
    "mean",
    "means",
    "might",
    "more",
    "most",
    "much",
    "must",
    "my",
    "need",
    "no",
    "not",
    "of",
    "on",
    "one",
    "only",
    "or",
    "other",
    "our",
    "out",
    "over",
    "paragraph",
    "paragraphs",
    "please",
    "point",
    "points",
    "reply",
    "respond",
    "return",
    "say",
    "see",
    "sentence",
    "sentences",
    "shall",
    "she",
    "short",
    "should",
    "show",
    "so",
    "some",
    "steps",
    "summarise",
    "summarize",
    "summary",
    "talk",
    "tell",
    "ten",
    "than",
    "thanks",
    "that",
    "the",
    "their",
    "them",
    "then",
    "there",
    "these",
    "they",
    "this",
    "three",
    "to",
    "today",
    "two",
    "up",
    "us",
    "use",
    "using",
    "very",
    "want",
    "was",
    "we",
    "were",
    "what",
    "when",
    "where",
    "which",
    "who",
    "why",
    "will",
    "with",
    "word",
    "words",
    "work",
    "would",
    "write",
    "you",
    "your",
];

/// True for words that say something by themselves.
fn carries_topic(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    (word.len() > 2 || !word.is_ascii()) && EMPTY_WORDS.binary_search(&lower.as_str()).is_err() && word.chars().any(char::is_alphabetic)
}

/// A prompt, looked through once.
#[derive(Debug, Default)]
pub struct Topics {
    /// Runs of neighbouring content words, at most three each.
    pub phrases: Vec<String>,
    /// Capitalised words inside sentences: cities, people and the like.
    pub names: Vec<String>,
}

/// So much of a prompt is enough to know its topic.
const LOOKED_AT: usize = 2000;
const MOST_PHRASES: usize = 6;

impl Topics {
    /// Looks a prompt through.
    pub fn of(prompt: &str) -> Self {
        let mut topics = Self::default();
        let mut run = String::new();
        let mut length = 0;
        let mut begins_sentence = true;
        for raw in shortened(prompt).split_whitespace() {
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

fn shortened(prompt: &str) -> &str {
    if prompt.len() <= LOOKED_AT { prompt } else { &prompt[..prompt.floor_char_boundary(LOOKED_AT)] }
}

/// The content words of a text, in small letters.
pub fn content_words(text: &str) -> impl Iterator<Item = String> {
    shortened(text)
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

/// Guesses the kind of answer.
pub fn wanted(prompt: &str) -> Wanted {
    let lower = shortened(prompt).to_lowercase();
    let mut words = lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let has = |list: &[&str]| lower.split(|letter: char| !letter.is_alphanumeric()).any(|word| list.contains(&word));
    if words.next().is_some_and(|word| matches!(word, "hi" | "hello" | "hey")) && words.count() < 3 {
        Wanted::Greeting
    } else if has(&["code", "script", "snippet", "python", "javascript", "rust"]) && has(&["write", "show", "implement", "give"]) {
        Wanted::Code
    } else if has(&["list", "steps", "bullets", "ideas", "tips", "reasons"]) {
        Wanted::List
    } else {
        Wanted::Prose
    }
}

/// The length that a prompt asks for, in words.
pub fn asked_length(prompt: &str) -> Option<usize> {
    let lower = shortened(prompt).to_ascii_lowercase();
    let mut before = None;
    for word in lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        match (before, word) {
            (Some(number), "words" | "word") => return Some(number),
            (Some(number), "sentences" | "sentence") => return Some(number * 14),
            (Some(number), "paragraphs" | "paragraph") => return Some(number * 60),
            (_, "briefly" | "brief" | "short") => return Some(20),
            (_, "essay" | "detailed") => return Some(160),
            _ => {}
        }
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
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_words_are_sorted() {
        assert!(EMPTY_WORDS.is_sorted());
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
        assert_eq!(asked_length("Write about bees in 50 words"), Some(50));
        assert_eq!(asked_length("a 120-word text"), Some(120));
        assert_eq!(asked_length("Answer in two sentences."), Some(28));
        assert_eq!(asked_length("What is a bee?"), None);
    }

    #[test]
    fn kinds_of_answers() {
        assert_eq!(wanted("Hello!"), Wanted::Greeting);
        assert_eq!(wanted("Write a Python function"), Wanted::Code);
        assert_eq!(wanted("List the steps"), Wanted::List);
        assert_eq!(wanted("Why is the sky blue?"), Wanted::Prose);
    }
}
