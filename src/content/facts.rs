//! What a text says that must survive rewriting: links, mentions, numbers and names; and whether it did.
//!
//! What is equal:
//! * links without regard to the scheme, `www.`, a slash at the end, the host's case, and `utm_` parameters
//! * mentions without regard to case
//! * numbers of the same value and unit: `1,000`, `1000`, `1 000` and `1k`; `1.000` is one or a thousand; `2.5M` and `2.5 million`; `5%` and
//!   `5 percent`; `$5`, `5 USD` and `5 dollars`; `24h` and `24 hours`; `3` and `three`, up to twelve. A unit that is gone is a loss
//! * dates and times in figures as they are written, without leading zeros
//! * names without regard to case, also within a hashtag
//!
//! Names are found by their capitals, so a word that only begins a sentence is none, and in a text where capitals are common (German, or
//! titles) only words such as `NASA`, `OpenAI` and `H100` are.

mod names;
mod numbers;

use std::collections::BTreeSet;

use serde::Serialize;

use super::entities::{Entity, Kind as EntityKind, entities};
use super::platform::{Platform, Rules};
use names::names;
use numbers::numbers;

/// What a fact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A link.
    Link,
    /// Somebody's handle, or an address of mail.
    Mention,
    /// A number with its unit, a date or a time in figures.
    Number,
    /// A name.
    Name,
}

/// Something that a text says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What it is.
    pub kind: Kind,
    /// As it is written.
    pub text: String,
    /// What it can mean; it is equal to what shares one meaning.
    #[serde(skip)]
    meanings: Vec<String>,
}

/// The rules by which links and mentions are found: the widest.
fn widest() -> Rules {
    Platform::Bluesky.published()
}

/// The facts of a text, in the order of kinds, each once.
pub fn facts(text: &str) -> Vec<Fact> {
    let found = entities(&widest(), text);
    let masked = masked(text, &found);
    let mut facts: Vec<Fact> = Vec::new();
    for entity in &found {
        let (written, fact) = (entity.of(text), |kind, meaning| Fact { kind, text: entity.of(text).to_owned(), meanings: vec![meaning] });
        match entity.kind {
            EntityKind::Link => facts.push(fact(Kind::Link, plain_link(written))),
            EntityKind::Mention | EntityKind::Email => {
                facts.push(fact(Kind::Mention, written.trim_start_matches(['@', '＠']).to_lowercase()));
            }
            EntityKind::Hashtag => {}
        }
    }
    facts.extend(numbers(&masked).into_iter().filter(|number| number.certain).map(|number| number.fact));
    facts.extend(names(&masked));
    let mut known = BTreeSet::new();
    facts.retain(|fact| known.insert((fact.kind, fact.meanings.clone())));
    facts.sort_by_key(|fact| fact.kind);
    facts
}

/// The facts of a text that an adaptation of it has no more.
pub fn lost(source: &str, adapted: &str) -> Vec<Fact> {
    missing(source, adapted)
}

/// Links, mentions, numbers and names of an adaptation that its source does not have.
pub fn invented(source: &str, adapted: &str) -> Vec<Fact> {
    missing(adapted, source)
}

/// The facts of one text that another does not have.
fn missing(of: &str, from: &str) -> Vec<Fact> {
    let wanted = facts(of);
    if wanted.is_empty() {
        return wanted;
    }
    let found = entities(&widest(), from);
    let mut there: Vec<Fact> = facts(from);
    // Also numbers in words, which are never asked for.
    there.extend(numbers(&masked(from, &found)).into_iter().map(|number| number.fact));
    let there: BTreeSet<(Kind, &str)> =
        there.iter().flat_map(|fact| fact.meanings.iter().map(|meaning| (fact.kind, meaning.as_str()))).collect();
    let spaced = folded(from);
    let joined: String = spaced.split(' ').collect();
    let has = |fact: &Fact| {
        let same = fact.meanings.iter().any(|meaning| there.contains(&(fact.kind, meaning.as_str())));
        // A name may stand within a hashtag or beside a hyphen.
        let named = || {
            fact.meanings
                .iter()
                .any(|name| !name.is_empty() && (spaced.contains(&format!(" {name} ")) || joined.contains(&name.replace(' ', ""))))
        };
        same || fact.kind == Kind::Name && named()
    };
    wanted.into_iter().filter(|fact| !has(fact)).collect()
}

/// The same text with spaces in place of entities, so that places stay.
fn masked(text: &str, found: &[Entity]) -> String {
    let (mut masked, mut at) = (String::with_capacity(text.len()), 0_usize);
    for entity in found {
        masked.push_str(text.get(at..entity.start).unwrap_or_default());
        masked.push_str(&" ".repeat(entity.end.saturating_sub(entity.start)));
        at = entity.end;
    }
    masked.push_str(text.get(at..).unwrap_or_default());
    masked
}

/// A link without what does not change where it leads.
fn plain_link(link: &str) -> String {
    let rest = link.split_once("://").map_or(link, |(_, rest)| rest);
    let (rest, fragment) = rest.split_once('#').map_or((rest, ""), |(rest, fragment)| (rest, fragment));
    let (path, query) = rest.split_once('?').map_or((rest, ""), |(path, query)| (path, query));
    let (host, path) = path.split_once('/').map_or((path, ""), |(host, path)| (host, path));
    let host = host.to_lowercase();
    let query: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("utm_")).collect();
    format!("{}/{}?{}#{fragment}", host.strip_prefix("www.").unwrap_or(&host), path.trim_end_matches('/'), query.join("&"))
}

/// A text in lower case, whose words stand between single spaces.
pub(super) fn folded(text: &str) -> String {
    let mut folded = String::from(" ");
    for character in text.chars().flat_map(char::to_lowercase) {
        if character.is_alphanumeric() {
            folded.push(character);
        } else if !folded.ends_with(' ') {
            folded.push(' ');
        }
    }
    folded.push(' ');
    folded
}

/// What stands around a word.
fn bare(word: &str) -> &str {
    word.trim_matches(|character: char| "\"'()[]{}“”‘’«»‹›,;!?…*_".contains(character)).trim_end_matches(['.', ':'])
}
