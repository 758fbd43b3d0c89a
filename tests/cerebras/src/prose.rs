//! Plausible English about the topics of a prompt, of an asked-for length, from a small grammar.
//!
//! In the patterns `{t}` is the main topic and `{o}` another one, `{n}` a noun phrase, `{g}` something to do and `{r}` a reason.
//! They are worded so that a topic may be singular or plural.

use crate::seed::Dice;
use crate::topics::{Topics, Wanted, Wish};

static OPENERS: [&str; 6] = [
    "The heart of {t} is {n}, together with {n}.",
    "A good way into {t} is to begin with {n}.",
    "With {t}, the first thing to get right is {n}.",
    "Most of what matters in {t} can be explained by {n} and {n}.",
    "The short answer on {t} has two parts: {n}, and then {n}.",
    "To understand {t}, look first at {n} and then at {n}.",
];

static MIDDLES: [&str; 17] = [
    "In practice, {g} makes the largest difference, because {r}.",
    "A common mistake with {t} is to skip {n}.",
    "For {t}, {n} usually matters more than {n}.",
    "It helps to compare {t} with {o}, since {r}.",
    "That is why {g} is worth the effort.",
    "When {n} changes, the picture of {t} changes with it.",
    "Experts point to {n} as the reason that {t} can be hard to judge at first.",
    "Start small, check the result, and only then move on to {n}.",
    "Without {n}, {t} would be far less useful.",
    "Over time, {g} pays off, because {r}.",
    "Two questions help here: what role does {n} play, and how does it change {t}?",
    "There is also a practical side, namely {n}.",
    "What is known of {o} suggests that {g} is a sound first step.",
    "With {n} in place, the rest of {t} tends to follow.",
    "This also explains why {n} is mentioned so often next to {t}.",
    "A simple test is to look at {n} before and after.",
    "It is worth remembering that {r}.",
];

static CLOSERS: [&str; 3] = [
    "Taken together, these points give a clear picture of {t}.",
    "With that in mind, {t} should be much easier to work with.",
    "So the best next step is {g}.",
];

/// Sentences of one word, two words and so on: with them a text comes out at exactly its length.
static TAILS: [&str; 12] = [
    "Indeed.",
    "That helps.",
    "That is all.",
    "The rest will follow.",
    "With practice, it gets easier.",
    "Small steps lead to good results.",
    "It pays to look at details twice.",
    "In the end, patience is the best tool.",
    "A second look at the basics never does harm.",
    "Most people find that the second attempt goes much better.",
    "None of this is hard once the first step is taken.",
    "As so often, the simple way turns out to be the best.",
];

static THOUGHTS: [&str; 6] = [
    "The user asks about {t}.",
    "I should cover {n} and {n}.",
    "A short example with {o} may help.",
    "I must not forget {n}, since {r}.",
    "The answer should stay close to {t}.",
    "It may be best to suggest {g}.",
];

static ITEMS: [&str; 8] = [
    "Begin with {n}, since {r}.",
    "Look at {n} next.",
    "Try {g}.",
    "Compare {t} with {o}.",
    "Keep an eye on {n}.",
    "Ask someone who knows {t} about {n}.",
    "Leave room for {n}.",
    "Finish by {g}.",
];

#[rustfmt::skip]
static NOUNS: [&str; 17] = [
    "the underlying structure", "the order of the steps", "a steady supply of energy", "the wider setting",
    "careful measurement", "the available time", "a clear goal", "the quality of the first attempt",
    "the balance between cost and benefit", "the history behind it", "the way the parts interact", "regular practice",
    "the choice of materials", "a realistic schedule", "the feedback from earlier results", "the local context",
    "a shared vocabulary",
];

static ACTIONS: [&str; 7] = [
    "checking the basics twice",
    "breaking the problem into small parts",
    "writing down the assumptions",
    "comparing several examples",
    "keeping the first version simple",
    "testing one change at a time",
    "planning for the slowest part",
];

static REASONS: [&str; 7] = [
    "small differences add up quickly",
    "each part depends on the one before it",
    "the effects are easy to underestimate",
    "most problems show up early",
    "it keeps the work easy to follow",
    "the details rarely stay the same for long",
    "good habits are hard to add later",
];

/// Words that break whatever counts bytes, code units or code points as letters.
#[rustfmt::skip]
static WIDE: [&str; 16] = [
    "👩‍👩‍👧‍👦", "東京", "cafe\u{301}", "🏳️‍🌈", "日本語", "nai\u{308}ve", "👍🏽", "中文", "한국어", "mañana", "🇳🇴", "Zürich", "नमस्ते", "🧑🏿‍🚀",
    "Ελλάδα", "e\u{301}\u{323}tude",
];

/// Named in a prompt, they say how a program is to be written, not what it is to do.
static LANGUAGES: [&str; 5] = ["rust", "python", "javascript", "java", "go"];

/// Deals things in a mixed order, none twice before all are dealt.
struct Deck<'a> {
    things: &'a [&'static str],
    at: usize,
    stride: usize,
}

impl<'a> Deck<'a> {
    fn new(things: &'a [&'static str], dice: &mut Dice) -> Self {
        let at = dice.below(things.len());
        let mut stride = dice.between(1, things.len());
        // Only a stride without a common divisor comes by everything.
        while divisor(stride, things.len()) != 1 {
            stride += 1;
        }
        Self { things, at, stride }
    }

    fn deal(&mut self) -> &'static str {
        self.at = (self.at + self.stride) % self.things.len();
        self.things[self.at]
    }
}

fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// Writes sentences on one prompt.
pub struct Writer<'a> {
    dice: Dice,
    topics: &'a Topics,
    nouns: Deck<'static>,
    actions: Deck<'static>,
    reasons: Deck<'static>,
    text: String,
    words: usize,
    unicode: bool,
}

impl<'a> Writer<'a> {
    /// A writer on these topics.
    pub fn new(mut dice: Dice, topics: &'a Topics, unicode: bool) -> Self {
        let nouns = Deck::new(&NOUNS, &mut dice);
        let actions = Deck::new(&ACTIONS, &mut dice);
        let reasons = Deck::new(&REASONS, &mut dice);
        Self { dice, topics, nouns, actions, reasons, text: String::with_capacity(512), words: 0, unicode }
    }

    fn sentence(&mut self, pattern: &str) {
        let mut rest = pattern;
        while let Some(at) = rest.find('{') {
            self.text.push_str(&rest[..at]);
            let filling = match rest.as_bytes()[at + 1] {
                b't' => self.topics.main(),
                b'o' => self.topics.second(),
                b'n' => self.nouns.deal(),
                b'g' => self.actions.deal(),
                _ => self.reasons.deal(),
            };
            self.text.push_str(filling);
            rest = &rest[at + 3..];
        }
        self.text.push_str(rest);
        if self.unicode {
            self.text.push(' ');
            self.text.push_str(WIDE[self.dice.below(WIDE.len())]);
            self.text.push(' ');
            self.text.push_str(WIDE[self.dice.below(WIDE.len())]);
        }
    }

    /// Adds a sentence and counts its words.
    fn add(&mut self, gap: &str, pattern: &str) {
        if !self.text.is_empty() {
            self.text.push_str(gap);
        }
        let before = self.text.len();
        self.sentence(pattern);
        self.words += self.text[before..].split_whitespace().count();
    }

    /// Prose of exactly so many words.
    pub fn prose(mut self, words: usize) -> String {
        if words == 0 {
            return String::new();
        }
        let opener = *self.dice.pick(&OPENERS);
        let closer = *self.dice.pick(&CLOSERS);
        let mut middles = Deck::new(&MIDDLES, &mut self.dice);
        self.add(" ", opener);
        if self.words > words && !self.unicode {
            // Too short for a sentence on the topic: it is at least named.
            (self.text, self.words) = (String::new(), 0);
            self.add(" ", "On {t}:");
            self.fill(" ", words);
        }
        let mut sentences = 1;
        while self.words < words {
            let gap = if sentences % 5 == 0 { "\n\n" } else { " " };
            let before = (self.text.len(), self.words);
            let ending = sentences > 2 && words - self.words <= 12;
            self.add(gap, if ending { closer } else { middles.deal() });
            sentences += 1;
            if self.words > words && !self.unicode {
                // It doesn't fit: sentences of known length do.
                self.text.truncate(before.0);
                self.words = before.1;
                self.fill(gap, words);
            }
        }
        cut_to_words(self.text, words, self.unicode)
    }

    /// Brings the text to exactly so many words.
    fn fill(&mut self, gap: &str, words: usize) {
        let mut gap = gap;
        while self.words < words {
            let tail = TAILS[(words - self.words).min(TAILS.len()) - 1];
            self.add(gap, tail);
            gap = " ";
        }
    }

    /// A numbered list of about so many words.
    pub fn list(mut self, words: usize) -> String {
        let mut items = Deck::new(&ITEMS, &mut self.dice);
        self.add("", "Here is a short plan for {t}:");
        let mut number = 1;
        while self.words < words || number < 4 {
            let gap = format!("{}{number}. ", if number == 1 { "\n\n" } else { "\n" });
            self.add(&gap, items.deal());
            number += 1;
        }
        self.text
    }

    /// A few lines of program text with an explanation.
    pub fn code(mut self, words: usize) -> String {
        let task = self.topics.phrases.iter().map(String::as_str).find(|phrase| !LANGUAGES.contains(phrase)).unwrap_or("items");
        let small = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
        let name: String = task.chars().map(small).collect();
        self.add("", "Here is a small function to start from:");
        self.text.push_str("\n\n```python\ndef ");
        self.text.push_str(&name);
        self.text.push_str("(items):\n    result = []\n    for item in items:\n        if item is not None:\n            result.append(item)\n    return result\n```\n\n");
        self.words += 20;
        let mut middles = Deck::new(&MIDDLES, &mut self.dice);
        self.sentence("It keeps the order of its input, because {r}.");
        self.words += 11;
        while self.words < words {
            self.add(" ", middles.deal());
        }
        self.text
    }

    /// What a model thinks before it answers, of about so many words.
    pub fn thoughts(mut self, words: usize) -> String {
        for round in 0.. {
            self.add(" ", THOUGHTS[round % THOUGHTS.len()]);
            if self.words >= words {
                break;
            }
        }
        self.text
    }
}

/// The first `words` words, closed with a full stop.
fn cut_to_words(mut text: String, words: usize, unicode: bool) -> String {
    let mut count = 0;
    let mut inside = false;
    let mut end = text.len();
    for (at, letter) in text.char_indices() {
        if letter.is_whitespace() {
            if inside && count == words {
                end = at;
                break;
            }
            inside = false;
        } else if !inside {
            inside = true;
            count += 1;
        }
    }
    if end < text.len() {
        text.truncate(end);
        if !unicode {
            let kept = text.trim_end_matches([',', ':', ';', '.', '?']).len();
            text.truncate(kept);
            text.push('.');
        }
    }
    text
}

/// An answer as wished for. An exact length is always prose.
pub fn answer(mut dice: Dice, topics: &Topics, wish: Wish, exact: Option<usize>, unicode: bool) -> String {
    let usual = dice.between(32, 48);
    let writer = Writer::new(dice, topics, unicode);
    match (exact, wish.wanted) {
        (Some(words), _) => writer.prose(words),
        (None, Wanted::Greeting) => "Hello! How can I help you today?".to_owned(),
        (None, Wanted::List) => writer.list(wish.length.unwrap_or(usual)),
        (None, Wanted::Code) => writer.code(wish.length.unwrap_or(usual + 20)),
        (None, Wanted::Prose) => writer.prose(wish.length.unwrap_or(usual)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prose(seed: u64, words: usize, unicode: bool) -> String {
        Writer::new(Dice::new(seed), &Topics::of("Explain solar panels and heat pumps"), unicode).prose(words)
    }

    #[test]
    fn exactly_the_number_of_words() {
        for words in [0, 1, 2, 7, 20, 40, 133, 1000] {
            for seed in 0..20 {
                let text = prose(seed, words, seed % 2 == 0);
                assert_eq!(text.split_whitespace().count(), words, "{text}");
            }
        }
    }

    #[test]
    fn tails_have_their_number_of_words() {
        for (number, tail) in TAILS.iter().enumerate() {
            assert_eq!(tail.split_whitespace().count(), number + 1, "{tail}");
        }
    }

    #[test]
    fn it_is_about_the_topic_and_well_formed() {
        for seed in 0..50 {
            let text = prose(seed, 40, false);
            assert!(text.contains("solar panels"), "{text}");
            assert!(text.starts_with(char::is_uppercase) && text.ends_with(['.', '?']), "{text}");
            assert!(!text.contains(['{', '}']) && !text.contains("  "), "{text}");
        }
    }

    #[test]
    fn unicode_text_holds_what_is_hard() {
        let text = prose(3, 200, true);
        assert!(text.contains('\u{200d}') && text.contains('\u{301}'), "{text}");
        assert!(text.chars().any(|letter| ('\u{4e00}'..'\u{9fff}').contains(&letter)));
    }

    #[test]
    fn lists_code_and_thoughts() {
        let topics = Topics::of("bread");
        let writer = || Writer::new(Dice::new(5), &topics, false);
        assert!(writer().list(40).contains("\n3. "));
        assert!(writer().code(40).contains("```python\ndef bread(items):"));
        assert!(writer().thoughts(14).starts_with("The user asks about bread. "));
    }

    #[test]
    fn a_deck_deals_everything_once() {
        let mut dice = Dice::new(1);
        for _ in 0..20 {
            let mut deck = Deck::new(&MIDDLES, &mut dice);
            let mut dealt: Vec<_> = (0..MIDDLES.len()).map(|_| deck.deal()).collect();
            dealt.sort_unstable();
            dealt.dedup();
            assert_eq!(dealt.len(), MIDDLES.len());
        }
    }
}
