//! Plausible English about the topics of a prompt, of an asked-for length, from a small grammar.
//!
//! In the patterns `{t}` is the main topic and `{o}` another one, `{n}` a noun phrase, `{g}` something to do and `{r}` a reason.
//! They are worded so that a topic may be singular or plural.

use crate::seed::Dice;
use crate::topics::{Topics, Wanted};

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
    "Once {n} is clear, the rest of {t} tends to follow.",
    "This also explains why {n} is mentioned so often next to {t}.",
    "A simple test is to look at {n} before and after.",
    "It is worth remembering that {r}.",
];

static CLOSERS: [&str; 3] = [
    "Taken together, these points give a clear picture of {t}.",
    "With that in mind, {t} should be much easier to work with.",
    "So the best next step is {g}.",
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

static NOUNS: [&str; 17] = [
    "the underlying structure",
    "the order of the steps",
    "a steady supply of energy",
    "the surrounding conditions",
    "careful measurement",
    "the available time",
    "a clear goal",
    "the quality of the first attempt",
    "the balance between cost and benefit",
    "the history behind it",
    "the way the parts interact",
    "regular practice",
    "the choice of materials",
    "a realistic schedule",
    "the feedback from earlier results",
    "the local context",
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
static WIDE: [&str; 16] = [
    "👩‍👩‍👧‍👦",
    "東京",
    "cafe\u{301}",
    "🏳️‍🌈",
    "日本語",
    "nai\u{308}ve",
    "👍🏽",
    "中文",
    "한국어",
    "mañana",
    "🇳🇴",
    "Zürich",
    "नमस्ते",
    "🧑🏿‍🚀",
    "Ελλάδα",
    "e\u{301}\u{323}tude",
];

/// Deals things in a mixed order, none twice before all are dealt.
struct Deck<'a> {
    things: &'a [&'static str],
    at: usize,
    stride: usize,
}

impl<'a> Deck<'a> {
    fn new(things: &'a [&'static str], dice: &mut Dice) -> Self {
        let coprime: Vec<usize> = (1..things.len().max(2)).filter(|stride| divisor(*stride, things.len()) == 1).collect();
        Self { things, at: dice.below(things.len()), stride: *dice.pick(&coprime) }
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
        let mut sentences = 1;
        while self.words < words {
            let gap = if sentences % 5 == 0 { "\n\n" } else { " " };
            let pattern = if sentences > 2 && words.saturating_sub(self.words) <= 12 { closer } else { middles.deal() };
            self.add(gap, pattern);
            sentences += 1;
        }
        cut_to_words(self.text, words, self.unicode)
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
        let name: String = self
            .topics
            .main()
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' })
            .collect();
        self.add("", "Here is a small function for {t}:");
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

/// An answer of the wanted kind. An exact length is always prose.
pub fn answer(mut dice: Dice, topics: &Topics, wanted: Wanted, exact: Option<usize>, asked: Option<usize>, unicode: bool) -> String {
    let usual = dice.between(32, 48);
    let writer = Writer::new(dice, topics, unicode);
    match (exact.or(asked), wanted) {
        (Some(words), Wanted::Prose | Wanted::Greeting) => writer.prose(words),
        (_, _) if exact.is_some() => writer.prose(exact.unwrap_or(usual)),
        (None, Wanted::Greeting) => "Hello! How can I help you today?".to_owned(),
        (asked, Wanted::List) => writer.list(asked.unwrap_or(usual)),
        (asked, Wanted::Code) => writer.code(asked.unwrap_or(usual + 20)),
        (None, Wanted::Prose) => writer.prose(usual),
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
