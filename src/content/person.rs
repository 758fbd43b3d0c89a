//! One person, as an order describes them: a profile, and a history of what they have seen and done. What is used of it is decided here, and what a text
//! has used of it is found here; a model's word counts for neither. Nothing of it is kept.

pub mod interest;
pub mod privacy;
pub mod sensitive;

use serde_json::{Map, Value, json};

use super::brand::is_language;
use super::facts::folded;
use super::order::wrong;
use crate::admission::reading::{self, Fields};
use crate::error::Error;
use crate::protocol::json;
use interest::{Affinity, LIKED, LONGEST_TOPIC, affinities};

/// The longest value, in characters.
const LONGEST: usize = 200;
/// The longest name of an attribute, in bytes.
const LONGEST_NAME: usize = 40;
/// The most interests, and the most attributes.
const MOST: usize = 20;
/// The most topics that a model is told as liked.
const MOST_LIKED: usize = 5;

/// The fields of a profile.
const FIELDS: [&str; 7] = ["name", "interests", "language", "location", "occupation", "segment", "attributes"];

/// Something that is known of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Datum {
    field: String,
    value: String,
}

/// Something that was given and is not used, for it is of a protected kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Where it stood.
    pub field: String,
    /// The kind: `health`, `religion`, `politics`, `union`, `ethnicity`, `sexuality`, `biometrics` or `crime`.
    pub kind: &'static str,
}

/// A person.
#[derive(Clone, Debug, Default)]
pub struct Person {
    data: Vec<Datum>,
    language: Option<String>,
    affinities: Vec<Affinity>,
    ignored: Vec<Ignored>,
    told: Map<String, Value>,
}

impl Person {
    /// Reads `profile` and `history` of a body.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn read(body: json::Value<'_>) -> Result<Self, Error> {
        let given = |name: &str| body.get(name).filter(|value| !value.is_null());
        let (profile, history) = (given("profile"), given("history"));
        if profile.is_none() && history.is_none() {
            return Err(Error::invalid("missing_field", "profile", "`profile` is missing: give it, or `history`, or both."));
        }
        let mut person = Self::default();
        if let Some(profile) = profile {
            person.know(&Fields::of(profile, "profile".to_owned(), &FIELDS)?)?;
        }
        if let Some(history) = history {
            let interests: Vec<String> =
                person.data.iter().filter(|datum| datum.field.starts_with("profile.interests")).map(|datum| datum.value.clone()).collect();
            person.affinities = affinities(history, &interests, &mut person.ignored)?;
        }
        let likes: Vec<&str> = person.liked().map(|one| one.topic.as_str()).collect();
        if !likes.is_empty() {
            let likes = json!(likes);
            person.told.insert("likes".to_owned(), likes);
        }
        if person.data.is_empty() && person.language.is_none() && person.affinities.is_empty() && person.ignored.is_empty() {
            return Err(wrong("profile", "says nothing: give at least one of its fields, or `history`"));
        }
        Ok(person)
    }

    fn know(&mut self, profile: &Fields<'_>) -> Result<(), Error> {
        for field in ["name", "location", "occupation", "segment"] {
            let value = profile.text(field)?;
            let Some(value) = value else { continue };
            checked(&format!("profile.{field}"), &value, LONGEST)?;
            // Names are taken as they are: `Christian` is one.
            let kind = if field == "name" { None } else { sensitive::first(&value) };
            if self.take(format!("profile.{field}"), &value, kind) {
                self.told.insert(field.to_owned(), json!(value));
            }
        }
        let interests = profile.texts("interests")?;
        if interests.len() > MOST {
            return Err(wrong("profile.interests", &format!("has more than {MOST} entries")));
        }
        let mut kept = Vec::new();
        for (place, value) in interests.into_iter().enumerate() {
            let field = format!("profile.interests[{place}]");
            checked(&field, &value, LONGEST_TOPIC)?;
            if self.take(field, &value, sensitive::first(&value)) {
                kept.push(value);
            }
        }
        if !kept.is_empty() {
            self.told.insert("interests".to_owned(), json!(kept));
        }
        let attributes = profile.get("attributes");
        if attributes.is_some_and(|given| given.kind() != json::Kind::Object) {
            return Err(wrong("profile.attributes", "must be an object"));
        }
        let attributes = || attributes.into_iter().flat_map(json::Value::members);
        if attributes().count() > MOST {
            return Err(wrong("profile.attributes", &format!("has more than {MOST} entries")));
        }
        let mut kept = Map::new();
        for (name, value) in attributes() {
            let name = name.text().unwrap_or_default().into_owned();
            let well_formed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b' ');
            if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(well_formed) {
                let what = format!("must have names of 1 to {LONGEST_NAME} letters, digits, `_`, `-`, `.` and spaces");
                return Err(wrong("profile.attributes", &what));
            }
            let field = format!("profile.attributes.{name}");
            let value = reading::text(value, &field)?;
            checked(&field, &value, LONGEST)?;
            if self.take(field, &value, sensitive::of_name(&name).or_else(|| sensitive::first(&value))) {
                kept.insert(name, json!(value));
            }
        }
        if !kept.is_empty() {
            self.told.insert("attributes".to_owned(), Value::Object(kept));
        }
        let language = profile.text("language")?;
        if language.as_deref().is_some_and(|code| !is_language(code)) {
            return Err(wrong("profile.language", "must be a code such as `en` or `pt-BR` (BCP 47)"));
        }
        self.language = language;
        Ok(())
    }

    /// Takes a datum, unless it is of a protected kind.
    fn take(&mut self, field: String, value: &str, kind: Option<&'static str>) -> bool {
        match kind {
            Some(kind) => self.ignored.push(Ignored { field, kind }),
            None => self.data.push(Datum { field, value: value.to_owned() }),
        }
        kind.is_none()
    }

    /// The language that they read.
    pub fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    fn liked(&self) -> impl Iterator<Item = &Affinity> {
        self.affinities.iter().filter(|one| one.affinity > LIKED).take(MOST_LIKED)
    }

    /// What a model is told of them: nothing protected, and of the history only the topics that they like.
    pub fn told(&self) -> Value {
        Value::Object(self.told.clone())
    }

    /// All that a model was told of them, as a text whose facts a post may have.
    pub fn given(&self) -> String {
        // An attribute's name tells something, too: that there is a `dog`.
        let names = self.data.iter().filter_map(|datum| datum.field.strip_prefix("profile.attributes."));
        let values = self.data.iter().map(|datum| datum.value.as_str()).chain(names);
        values.chain(self.liked().map(|one| one.topic.as_str())).collect::<Vec<&str>>().join("\n")
    }

    /// What an answer says of what was used in posts, given with their texts: all of it found by code.
    pub fn tell(&self, posts: &[String], in_their_language: bool, answer: &mut Map<String, Value>) {
        let spaced: Vec<String> = posts.iter().map(|text| folded(text)).collect();
        let places = |value: &str, name: bool| -> Vec<usize> {
            let has = |text: &&String| if name { stands_name(value, text) } else { stands(value, text) };
            spaced.iter().enumerate().filter(|(_, text)| has(text)).map(|(place, _)| place).collect()
        };
        let (mut used, mut unused): (Vec<Value>, Vec<&str>) = (Vec::new(), Vec::new());
        for Datum { field, value } in &self.data {
            let found = places(value, field == "profile.name");
            if found.is_empty() {
                unused.push(field);
            } else {
                used.push(json!({"field": field, "how": "in_text", "why": "It stands in these posts.", "posts": found}));
            }
        }
        if self.language.is_some() {
            if in_their_language {
                let all: Vec<usize> = (0..posts.len()).collect();
                used.push(json!({"field": "profile.language", "how": "language", "why": "The posts were asked for in it.", "posts": all}));
            } else {
                unused.push("profile.language");
            }
        }
        for one in self.liked() {
            let found = places(&one.topic, false);
            if !found.is_empty() {
                let why = format!(
                    "It stands in these posts, and its affinity of {} by {} of the history is above {LIKED}.",
                    one.affinity,
                    if one.cites.len() == 1 { "one entry".to_owned() } else { format!("{} entries", one.cites.len()) }
                );
                used.push(
                    json!({"field": "history", "topic": one.topic, "how": "in_text", "why": why, "posts": found, "cites": one.cites}),
                );
            }
        }
        let affinity =
            |one: &Affinity| json!({"topic": one.topic, "affinity": one.affinity, "liked": one.affinity > LIKED, "cites": one.cites});
        let ignored = |one: &Ignored| json!({"field": one.field, "kind": one.kind, "why": "Data of this kind are not used for posts, even when they are given."});
        answer.insert("used".to_owned(), Value::from(used));
        answer.insert("unused".to_owned(), json!(unused));
        answer.insert("ignored".to_owned(), self.ignored.iter().map(ignored).collect());
        answer.insert("affinities".to_owned(), self.affinities.iter().map(affinity).collect());
    }
}

fn checked(field: &str, value: &str, longest: usize) -> Result<(), Error> {
    if value.trim().is_empty() || value.chars().count() > longest {
        return Err(wrong(field, &format!("must have 1 to {longest} characters, not only spaces")));
    }
    Ok(())
}

/// Whether a value stands in a text that is folded: as it is, or with all its words that are not small, in singular or plural.
fn stands(value: &str, spaced: &str) -> bool {
    let value = folded(value);
    if value.trim().is_empty() {
        return false;
    }
    let has = |word: &str| {
        let stem = word.strip_suffix('s').unwrap_or(word);
        spaced.contains(&format!(" {stem} ")) || spaced.contains(&format!(" {stem}s "))
    };
    let mut words = value.split(' ').filter(|word| word.chars().count() > 2).peekable();
    spaced.contains(&value) || words.peek().is_some() && words.all(has)
}

/// Whether somebody is called by a name, or by the first word of it.
fn stands_name(name: &str, spaced: &str) -> bool {
    let name = folded(name);
    let first = name.split(' ').find(|word| !word.is_empty()).unwrap_or_default();
    !first.is_empty() && (spaced.contains(&name) || spaced.contains(&format!(" {first} ")))
}
