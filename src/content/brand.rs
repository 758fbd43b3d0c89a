//! A brand: how it speaks, what it never says, and how its links are tracked. Its words are enforced by code in every text.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::entities::{Entity, Kind, entities};
use super::platform::Platform;
use super::tracking::Tracking;
use crate::error::Error;
use crate::learning::examples::Approved;

/// The kind of document that a brand is.
pub const KIND: &str = "brand";
/// The most brands of a tenant.
pub const MOST_BRANDS: u64 = 256;
/// The longest text that a brand says of itself, in characters.
const LONGEST: usize = 2000;
/// The longest banned word or phrase, and the longest word of the vocabulary, in characters.
const LONGEST_WORD: usize = 60;
/// The most entries of a list.
const MOST_ENTRIES: usize = 100;

/// A brand as it is written down.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Brand {
    /// What it is called.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// How it speaks, in a few sentences.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub voice: String,
    /// What its posts do.
    #[serde(rename = "do")]
    pub does: Vec<String>,
    /// What its posts do not.
    #[serde(rename = "dont")]
    pub avoids: Vec<String>,
    /// Words, and what it says in their place.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub vocabulary: BTreeMap<String, String>,
    /// Words and phrases that no post of it has, but within links and mentions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub banned: Vec<String>,
    /// Posts as it would write them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
    /// Posts that people have approved: they are no part of what is written down.
    #[serde(skip)]
    pub approved: Vec<Approved>,
    /// Links that every post has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// Hashtags that every post has where the platform has room for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hashtags: Vec<String>,
    /// The parameters that its links carry; none without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utm: Option<Utm>,
    /// The languages that it writes in (BCP 47), the usual one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// The model that writes for it, in place of the gateway's choice; the id of a fine-tuned one, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// How links are tracked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Utm {
    /// `utm_source`; the platform's name when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// `utm_medium`; `social` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub medium: Option<String>,
    /// `utm_campaign`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// `utm_term`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub term: Option<String>,
    /// `utm_content`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Hosts whose links are tracked; all when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

/// Checks the id of a brand.
///
/// # Errors
/// 400 for one that cannot be.
pub fn check_id(id: &str) -> Result<(), Error> {
    let well_formed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    if (1..=64).contains(&id.len()) && id.bytes().all(well_formed) {
        return Ok(());
    }
    Err(Error::invalid("wrong_value", "brand", "The id of a brand must be 1 to 64 of `a` to `z`, `0` to `9`, `_` and `-`."))
}

/// Whether a text is the code of a language, as `en` or `pt-BR`.
pub fn is_language(code: &str) -> bool {
    (2..=35).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether a text is one whole link with a scheme.
pub fn is_link(text: &str) -> bool {
    let found = entities(&Platform::Bluesky.published(), text);
    let whole = |entity: &Entity| entity.kind == Kind::Link && entity.start == 0 && entity.end == text.len();
    (text.starts_with("https://") || text.starts_with("http://")) && found.len() == 1 && found.iter().all(whole)
}

/// A hashtag as it is written, of a word with or without its sign; none when nothing of it can stand in one.
pub fn hashtag(word: &str) -> Option<String> {
    let kept: String = word.chars().filter(|character| character.is_alphanumeric() || *character == '_').take(60).collect();
    kept.chars().any(char::is_alphabetic).then(|| format!("#{kept}"))
}

impl Brand {
    /// Checks what is to be written down.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |path: String, what: &str| Err(Error::invalid("wrong_value", path.clone(), format!("`{path}` {what}.")));
        for (name, text) in [("name", &self.name), ("voice", &self.voice)] {
            if text.chars().count() > LONGEST {
                return wrong(name.to_owned(), &format!("is longer than {LONGEST} characters"));
            }
        }
        let lists: [(&str, &[String], usize); 7] = [
            ("do", &self.does, LONGEST),
            ("dont", &self.avoids, LONGEST),
            ("banned", &self.banned, LONGEST_WORD),
            ("examples", &self.examples, LONGEST),
            ("links", &self.links, LONGEST),
            ("hashtags", &self.hashtags, LONGEST_WORD),
            ("languages", &self.languages, 35),
        ];
        for (name, list, longest) in lists {
            if list.len() > MOST_ENTRIES {
                return wrong(name.to_owned(), &format!("has more than {MOST_ENTRIES} entries"));
            }
            for (place, entry) in list.iter().enumerate() {
                let path = format!("{name}[{place}]");
                if entry.trim().is_empty() || entry.chars().count() > longest {
                    return wrong(path, &format!("must have 1 to {longest} characters"));
                }
                match name {
                    "banned" if !entry.chars().any(char::is_alphanumeric) => return wrong(path, "must have a letter or a digit"),
                    "links" if !is_link(entry) => return wrong(path, "must be one link that begins with https:// or http://"),
                    "hashtags" if hashtag(entry).is_none() => return wrong(path, "must have a letter"),
                    "languages" if !is_language(entry) => return wrong(path, "must be a code such as `en` or `pt-BR` (BCP 47)"),
                    _ => {}
                }
            }
        }
        if self.vocabulary.len() > MOST_ENTRIES {
            return wrong("vocabulary".to_owned(), &format!("has more than {MOST_ENTRIES} entries"));
        }
        for (word, instead) in &self.vocabulary {
            let sound = |text: &String| text.chars().any(char::is_alphanumeric) && text.chars().count() <= LONGEST_WORD;
            if !sound(word) || !sound(instead) {
                return wrong(
                    "vocabulary".to_owned(),
                    &format!("must hold words of 1 to {LONGEST_WORD} characters, each with what stands in its place"),
                );
            }
            if self.banned_in(instead).is_some() {
                return wrong("vocabulary".to_owned(), "puts a banned word in the place of another");
            }
        }
        if let Some(utm) = &self.utm {
            let values = [&utm.source, &utm.medium, &utm.campaign, &utm.term, &utm.content];
            if values.into_iter().flatten().chain(&utm.hosts).any(|value| value.is_empty() || value.len() > 200)
                || utm.hosts.len() > MOST_ENTRIES
            {
                return wrong("utm".to_owned(), "must hold values of 1 to 200 bytes");
            }
        }
        let is_model = |id: &String| (1..=200).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        if self.model.as_ref().is_some_and(|id| !is_model(id)) {
            return wrong("model".to_owned(), "must be the id or alias of a model");
        }
        Ok(())
    }

    /// What a model is told of it: all but what code sees to alone. `examples` are those that were chosen.
    pub fn told(&self, examples: &[&str]) -> Value {
        let mut told = serde_json::Map::new();
        let mut tell = |name: &str, value: Value| {
            let empty = matches!(&value, Value::String(text) if text.is_empty()) || value.as_array().is_some_and(Vec::is_empty);
            if !empty {
                told.insert(name.to_owned(), value);
            }
        };
        tell("name", json!(self.name));
        tell("voice", json!(self.voice));
        tell("do", json!(self.does));
        tell("dont", json!(self.avoids));
        tell("never_say", json!(self.banned));
        let vocabulary: Vec<String> = self.vocabulary.iter().map(|(word, instead)| format!("{instead}, not {word}")).collect();
        tell("say", json!(vocabulary));
        tell("examples", json!(examples));
        Value::Object(told)
    }

    /// How its links are tracked.
    pub fn tracking(&self) -> Option<Tracking> {
        self.utm.as_ref().map(|utm| Tracking {
            source: utm.source.clone(),
            medium: utm.medium.clone(),
            campaign: utm.campaign.clone(),
            term: utm.term.clone(),
            content: utm.content.clone(),
            hosts: utm.hosts.clone(),
        })
    }

    /// The first banned word that a text has.
    pub fn banned_in(&self, text: &str) -> Option<&str> {
        if self.banned.is_empty() {
            return None;
        }
        let spelled = Spelled::of(text);
        self.banned.iter().find(|word| spelled.find(word).is_some()).map(String::as_str)
    }

    /// A text in its words: the vocabulary's in the place of others, and without the banned ones. What is left may be nothing.
    pub fn enforced(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if !self.vocabulary.is_empty() {
            let spelled = Spelled::of(&text);
            let there: Vec<_> = self.vocabulary.iter().filter(|(word, _)| spelled.find(word).is_some()).collect();
            for (word, instead) in there {
                text = replaced(&text, word, Some(instead));
            }
        }
        // Taking a word out may bring others together.
        while let Some(word) = self.banned_in(&text) {
            text = tidy(&replaced(&text, word, None));
        }
        text
    }
}

/// A text's characters in lower case, each with its place, and which of them are open to change.
struct Spelled {
    letters: Vec<(char, usize, usize)>,
    closed: Vec<(usize, usize)>,
}

impl Spelled {
    fn of(text: &str) -> Self {
        let found = entities(&Platform::Bluesky.published(), text);
        let closed = found.iter().filter(|entity| entity.kind != Kind::Hashtag).map(|entity| (entity.start, entity.end)).collect();
        let letters = text.char_indices().flat_map(|(at, character)| {
            let end = at.saturating_add(character.len_utf8());
            character.to_lowercase().map(move |lower| (if lower.is_whitespace() { ' ' } else { lower }, at, end))
        });
        Self { letters: letters.collect(), closed }
    }

    /// Where a word or phrase stands by itself, in bytes.
    fn find(&self, phrase: &str) -> Option<(usize, usize)> {
        let wanted: Vec<char> =
            phrase.trim().chars().flat_map(char::to_lowercase).map(|letter| if letter.is_whitespace() { ' ' } else { letter }).collect();
        let (first, last) = (*wanted.first()?, *wanted.last()?);
        self.letters.windows(wanted.len()).enumerate().find_map(|(place, window)| {
            if !window.iter().map(|letter| letter.0).eq(wanted.iter().copied()) {
                return None;
            }
            let (start, end) = (window.first()?.1, window.last()?.2);
            let before = place.checked_sub(1).and_then(|before| self.letters.get(before)).map(|letter| letter.0);
            let after = self.letters.get(place.saturating_add(wanted.len())).map(|letter| letter.0);
            let joined = |edge: char, beside: Option<char>| is_spaced(edge) && beside.is_some_and(is_spaced);
            let open = !self.closed.iter().any(|(from, to)| *from < end && start < *to);
            (open && !joined(first, before) && !joined(last, after)).then_some((start, end))
        })
    }
}

/// Whether a character is a letter or a digit of a script that puts spaces between words.
fn is_spaced(character: char) -> bool {
    let unspaced = matches!(character, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}');
    character.is_alphanumeric() && !unspaced
}

/// A text with every standing of a phrase replaced, or taken out with the sign of a hashtag before it.
fn replaced(text: &str, phrase: &str, instead: Option<&str>) -> String {
    let (mut written, mut rest) = (String::with_capacity(text.len()), text.to_owned());
    while let Some((start, end)) = Spelled::of(&rest).find(phrase) {
        let before = rest.get(..start).unwrap_or_default();
        match instead {
            Some(instead) => {
                written.push_str(before);
                let capital = rest.get(start..end).is_some_and(|given| given.starts_with(char::is_uppercase));
                let mut letters = instead.chars();
                match letters.next().filter(|_| capital) {
                    Some(first) => {
                        written.extend(first.to_uppercase());
                        written.push_str(letters.as_str());
                    }
                    None => written.push_str(instead),
                }
            }
            None => written.push_str(before.trim_end_matches(['#', '＃'])),
        }
        rest = rest.get(end..).unwrap_or_default().to_owned();
    }
    written.push_str(&rest);
    written
}

/// A text without the gaps that words have left.
fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, ' ' | ',' | '.' | '!' | '?' | ';' | ':' | '\n') && tidied.ends_with(' ') {
            tidied.truncate(tidied.trim_end_matches(' ').len());
        }
        let opening = tidied.is_empty() || tidied.ends_with('\n');
        if !(opening && matches!(character, ' ' | ',' | ';')) {
            tidied.push(character);
        }
    }
    tidied.trim().to_owned()
}
