//! Stock phrases, in English: what they are, what they weigh, and what stands in their place when a text is made plain.

use super::{Found, Kind};

/// What making plain does with a phrase.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Plain {
    /// Leaves it: what it would take to say it plainly needs a writer.
    Stays,
    /// Takes it out, with the comma behind it.
    Goes,
    /// Puts another in its place.
    Becomes(&'static str),
}

use Plain::{Becomes, Goes, Stays};

/// A phrase: in lower case, words between single spaces, `'` for every apostrophe.
pub(super) struct Phrase {
    pub words: &'static str,
    pub kind: Kind,
    pub plain: Plain,
}

const fn phrase(words: &'static str, kind: Kind, plain: Plain) -> Phrase {
    Phrase { words, kind, plain }
}

/// The phrases. Those that go are complete when what is around them stays a sentence.
#[rustfmt::skip]
pub(super) const PHRASES: &[Phrase] = &[
    // Beginnings.
    phrase("in today's fast-paced world", Kind::Opener, Goes),
    phrase("in today's fast-paced digital world", Kind::Opener, Goes),
    phrase("in today's digital age", Kind::Opener, Goes),
    phrase("in today's digital world", Kind::Opener, Goes),
    phrase("in today's digital landscape", Kind::Opener, Goes),
    phrase("in today's world", Kind::Opener, Goes),
    phrase("in today's competitive landscape", Kind::Opener, Goes),
    phrase("in the ever-evolving landscape of", Kind::Opener, Becomes("in")),
    phrase("in the ever-changing landscape of", Kind::Opener, Becomes("in")),
    phrase("in the ever-evolving world of", Kind::Opener, Becomes("in")),
    phrase("in the world of", Kind::Opener, Becomes("in")),
    phrase("in the realm of", Kind::Opener, Becomes("in")),
    phrase("in an era where", Kind::Opener, Stays),
    phrase("in a world where", Kind::Opener, Stays),
    phrase("have you ever wondered", Kind::Opener, Stays),
    phrase("are you ready to", Kind::Opener, Stays),
    phrase("ready to take your", Kind::Opener, Stays),
    phrase("imagine a world where", Kind::Opener, Stays),
    phrase("picture this", Kind::Opener, Stays),
    phrase("let's dive in", Kind::Opener, Stays),
    phrase("let's dive into", Kind::Opener, Becomes("here is")),
    phrase("let's face it", Kind::Opener, Goes),
    phrase("let's be honest", Kind::Opener, Goes),
    phrase("say goodbye to", Kind::Opener, Stays),
    phrase("we are thrilled to announce", Kind::Opener, Becomes("we announce")),
    phrase("we're thrilled to announce", Kind::Opener, Becomes("we announce")),
    phrase("we are excited to announce", Kind::Opener, Becomes("we announce")),
    phrase("we're excited to announce", Kind::Opener, Becomes("we announce")),
    phrase("i'm thrilled to announce", Kind::Opener, Becomes("I announce")),
    phrase("i'm excited to announce", Kind::Opener, Becomes("I announce")),
    phrase("exciting news", Kind::Opener, Stays),
    phrase("look no further", Kind::Opener, Stays),
    phrase("here's the thing", Kind::Opener, Stays),
    // Caution that says nothing.
    phrase("it's important to note that", Kind::Hedge, Goes),
    phrase("it is important to note that", Kind::Hedge, Goes),
    phrase("it's worth noting that", Kind::Hedge, Goes),
    phrase("it is worth noting that", Kind::Hedge, Goes),
    phrase("it's worth mentioning that", Kind::Hedge, Goes),
    phrase("it is worth mentioning that", Kind::Hedge, Goes),
    phrase("it's crucial to remember that", Kind::Hedge, Goes),
    phrase("it's important to remember that", Kind::Hedge, Goes),
    phrase("it should be noted that", Kind::Hedge, Goes),
    phrase("needless to say", Kind::Hedge, Goes),
    phrase("it goes without saying that", Kind::Hedge, Goes),
    phrase("generally speaking", Kind::Hedge, Goes),
    phrase("when it comes to", Kind::Hedge, Becomes("for")),
    phrase("at the end of the day", Kind::Hedge, Goes),
    phrase("in order to", Kind::Hedge, Becomes("to")),
    phrase("due to the fact that", Kind::Hedge, Becomes("because")),
    phrase("in terms of", Kind::Hedge, Stays),
    phrase("a wide range of", Kind::Hedge, Becomes("many")),
    phrase("a plethora of", Kind::Hedge, Becomes("many")),
    phrase("a myriad of", Kind::Hedge, Becomes("many")),
    // Emptiness with force.
    phrase("game-changing", Kind::Superlative, Stays),
    phrase("game-changer", Kind::Superlative, Stays),
    phrase("game changer", Kind::Superlative, Stays),
    phrase("groundbreaking", Kind::Superlative, Becomes("new")),
    phrase("revolutionary", Kind::Superlative, Becomes("new")),
    phrase("revolutionize", Kind::Superlative, Becomes("change")),
    phrase("revolutionizes", Kind::Superlative, Becomes("changes")),
    phrase("revolutionizing", Kind::Superlative, Becomes("changing")),
    phrase("cutting-edge", Kind::Superlative, Becomes("new")),
    phrase("state-of-the-art", Kind::Superlative, Becomes("new")),
    phrase("world-class", Kind::Superlative, Becomes("good")),
    phrase("best-in-class", Kind::Superlative, Becomes("good")),
    phrase("next-level", Kind::Superlative, Becomes("better")),
    phrase("unparalleled", Kind::Superlative, Becomes("great")),
    phrase("unmatched", Kind::Superlative, Becomes("great")),
    phrase("transformative", Kind::Superlative, Stays),
    phrase("seamless", Kind::Superlative, Becomes("smooth")),
    phrase("seamlessly", Kind::Superlative, Becomes("smoothly")),
    phrase("effortlessly", Kind::Superlative, Becomes("easily")),
    phrase("truly", Kind::Superlative, Goes),
    phrase("incredibly", Kind::Superlative, Becomes("very")),
    phrase("absolutely", Kind::Superlative, Goes),
    // Stock.
    phrase("delve into", Kind::Stock, Becomes("look at")),
    phrase("delves into", Kind::Stock, Becomes("looks at")),
    phrase("delving into", Kind::Stock, Becomes("looking at")),
    phrase("leverage", Kind::Stock, Becomes("use")),
    phrase("leverages", Kind::Stock, Becomes("uses")),
    phrase("leveraging", Kind::Stock, Becomes("using")),
    phrase("utilize", Kind::Stock, Becomes("use")),
    phrase("utilizes", Kind::Stock, Becomes("uses")),
    phrase("utilizing", Kind::Stock, Becomes("using")),
    phrase("harness the power of", Kind::Stock, Becomes("use")),
    phrase("harnessing the power of", Kind::Stock, Becomes("using")),
    phrase("unlock the power of", Kind::Stock, Becomes("use")),
    phrase("unlock the potential of", Kind::Stock, Becomes("use")),
    phrase("unlock the full potential of", Kind::Stock, Becomes("use all of")),
    phrase("unleash the power of", Kind::Stock, Becomes("use")),
    phrase("take it to the next level", Kind::Stock, Stays),
    phrase("to the next level", Kind::Stock, Stays),
    phrase("elevate your", Kind::Stock, Becomes("improve your")),
    phrase("supercharge your", Kind::Stock, Becomes("improve your")),
    phrase("navigate the complexities of", Kind::Stock, Becomes("handle")),
    phrase("navigating the complexities of", Kind::Stock, Becomes("handling")),
    phrase("rich tapestry of", Kind::Stock, Stays),
    phrase("tapestry of", Kind::Stock, Stays),
    phrase("a testament to", Kind::Stock, Stays),
    phrase("stands as a testament to", Kind::Stock, Becomes("shows")),
    phrase("serves as a testament to", Kind::Stock, Becomes("shows")),
    phrase("plays a crucial role in", Kind::Stock, Becomes("matters in")),
    phrase("plays a vital role in", Kind::Stock, Becomes("matters in")),
    phrase("plays a pivotal role in", Kind::Stock, Becomes("matters in")),
    phrase("foster a sense of", Kind::Stock, Stays),
    phrase("embark on a journey", Kind::Stock, Stays),
    phrase("embark on", Kind::Stock, Becomes("begin")),
    phrase("ever-evolving", Kind::Stock, Becomes("changing")),
    phrase("ever-changing", Kind::Stock, Becomes("changing")),
    phrase("fast-paced", Kind::Stock, Becomes("fast")),
    phrase("treasure trove", Kind::Stock, Stays),
    phrase("beacon of", Kind::Stock, Stays),
    phrase("bustling", Kind::Stock, Becomes("busy")),
    phrase("meticulously", Kind::Stock, Becomes("carefully")),
    phrase("intricate", Kind::Stock, Becomes("complex")),
    phrase("multifaceted", Kind::Stock, Becomes("complex")),
    phrase("furthermore", Kind::Stock, Becomes("also")),
    phrase("moreover", Kind::Stock, Becomes("also")),
    phrase("additionally", Kind::Stock, Becomes("also")),
    phrase("whether you're a", Kind::Stock, Stays),
    phrase("whether you are a", Kind::Stock, Stays),
    phrase("but wait, there's more", Kind::Stock, Stays),
    phrase("as an ai language model", Kind::Stock, Stays),
    // Endings.
    phrase("in conclusion", Kind::Closer, Goes),
    phrase("to sum up", Kind::Closer, Goes),
    phrase("in summary", Kind::Closer, Goes),
    phrase("to wrap things up", Kind::Closer, Goes),
    phrase("the possibilities are endless", Kind::Closer, Stays),
    phrase("the future is here", Kind::Closer, Stays),
    phrase("the future is now", Kind::Closer, Stays),
    phrase("what do you think? let us know", Kind::Closer, Stays),
    phrase("drop a comment below", Kind::Closer, Stays),
    phrase("stay tuned for more", Kind::Closer, Stays),
    phrase("don't miss out", Kind::Closer, Stays),
    phrase("join us on this journey", Kind::Closer, Stays),
    // Contrasts that nobody asked for.
    phrase("it's not just about", Kind::Pattern, Stays),
    phrase("it's not just a", Kind::Pattern, Stays),
    phrase("it isn't just a", Kind::Pattern, Stays),
    phrase("isn't just about", Kind::Pattern, Stays),
    phrase("not only that", Kind::Pattern, Stays),
    phrase("more than just a", Kind::Pattern, Stays),
    phrase("the best part?", Kind::Pattern, Stays),
    phrase("the result?", Kind::Pattern, Stays),
    phrase("the secret?", Kind::Pattern, Stays),
    phrase("and the best part?", Kind::Pattern, Stays),
    phrase("no fluff", Kind::Pattern, Stays),
];

/// What a kind weighs, and why it is one.
pub(super) fn weight(kind: Kind) -> (f64, &'static str) {
    match kind {
        Kind::Opener => (5.0, "A beginning that could stand before any text: begin with what is new."),
        Kind::Hedge => (3.0, "A phrase that adds no meaning: leave it out."),
        Kind::Superlative => (3.0, "Praise without a fact: say what it does, or how much."),
        Kind::Stock => (3.0, "A stock phrase: say it in plain words."),
        Kind::Closer => (4.0, "An ending that could stand behind any text: end with the last thing you have to say."),
        Kind::Pattern => (4.0, "A contrast or question that is only there for effect: say the second half."),
        Kind::Triad => (2.0, "Three of a kind in a row: keep the one or two that matter."),
        Kind::Dash => (1.5, "A dash where a comma or a point would do."),
        Kind::Emoji => (1.5, "Emoji as bullets or in crowds: one says as much."),
        Kind::Uniform => (6.0, "Sentences of nearly the same length: let some be short."),
    }
}

/// The bytes at which a phrase that begins at a place has ended; ASCII letters of whatever case, `’` as `'`.
fn matches(text: &str, at: usize, words: &str) -> Option<usize> {
    let mut rest = text.get(at..)?.chars();
    let mut end = at;
    for wanted in words.chars() {
        let given = rest.next()?;
        let same = given.eq_ignore_ascii_case(&wanted)
            || wanted == '\'' && matches!(given, '’' | 'ʼ')
            || wanted == '-' && given == '‑'
            || wanted == ' ' && given == '\u{a0}';
        if !same {
            return None;
        }
        end = end.saturating_add(given.len_utf8());
    }
    // A phrase ends where a word ends.
    let goes_on =
        words.ends_with(|last: char| last.is_alphanumeric()) && rest.next().is_some_and(|next| next.is_alphanumeric() || next == '_');
    (!goes_on).then_some(end)
}

/// The phrases of a text, the longest at each place, none within another, a link or a hashtag.
pub(super) fn phrases(text: &str) -> Vec<(usize, usize, &'static Phrase)> {
    let mut found = Vec::new();
    let (mut free, mut before) = (0_usize, None::<char>);
    let mut token = 0_usize;
    for (at, character) in text.char_indices() {
        if character.is_whitespace() {
            token = at.saturating_add(character.len_utf8());
        }
        let starts =
            character.is_ascii_alphabetic() && !before.is_some_and(|before| before.is_alphanumeric() || "#@_/.-&".contains(before));
        before = Some(character);
        if !starts || at < free {
            continue;
        }
        // Nothing within an address.
        let head = text.get(token..at).unwrap_or_default();
        if head.contains("://") || head.contains(['@', '#']) {
            continue;
        }
        let letter = character.to_ascii_lowercase();
        let longest = PHRASES
            .iter()
            .filter(|phrase| phrase.words.starts_with(letter))
            .filter_map(|phrase| Some((matches(text, at, phrase.words)?, phrase)))
            .max_by_key(|(end, _)| *end);
        if let Some((end, phrase)) = longest {
            // `leverage.com` is no word.
            let dotted = text
                .get(end..)
                .is_some_and(|rest| rest.strip_prefix(['.', '-', '@', '/']).is_some_and(|rest| rest.starts_with(char::is_alphanumeric)));
            if !dotted {
                found.push((at, end, phrase));
                free = end;
            }
        }
    }
    found
}

pub(super) fn find(text: &str) -> Vec<Found> {
    phrases(text)
        .into_iter()
        .map(|(start, end, phrase)| {
            let (weight, reason) = weight(phrase.kind);
            Found { kind: phrase.kind, start, end, weight, reason }
        })
        .collect()
}
