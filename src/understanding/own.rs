//! A tenant's own intents: how they are written down, and what an isolate remembers of them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::admission::memory::REMEMBERED_MS;
use crate::edge::centroids::Centroids;
use crate::edge::embedding::embed;
use crate::edge::features::Features;
use crate::edge::intents::Intent;
use crate::edge::linear::Classified;
use crate::error::Error;
use crate::protocol::json::typed;

/// The kind of document that an own intent is.
pub const KIND: &str = "intent";
/// The most intents of a tenant.
pub const MOST_INTENTS: u64 = 64;
/// How many examples an intent has.
const EXAMPLES: std::ops::RangeInclusive<usize> = 2..=64;
/// The longest example, in characters.
const LONGEST_EXAMPLE: usize = 500;
/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 200;
/// How many examples of all tenants an isolate remembers before it lets all go: 16 MB of embeddings.
const MOST_REMEMBERED: usize = 32_768;

/// An own intent as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnIntent {
    /// Texts that mean it.
    pub examples: Vec<String>,
    /// What it is, in a few words; the cloud is told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// An own intent with its name, as KV has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its name.
    pub name: String,
    /// When it was changed, in ms since 1970.
    #[serde(default)]
    pub changed_ms: u64,
    /// What it says.
    pub body: OwnIntent,
}

impl OwnIntent {
    /// Checks what is to be written down.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |path: String, what: &str| Err(Error::invalid("wrong_value", path.clone(), format!("`{path}` {what}.")));
        if !EXAMPLES.contains(&self.examples.len()) {
            let (least, most) = (EXAMPLES.start(), EXAMPLES.end());
            return wrong("examples".to_owned(), &format!("must hold {least} to {most} texts that mean the intent"));
        }
        if self.description.chars().count() > LONGEST_DESCRIPTION {
            return wrong("description".to_owned(), &format!("is longer than {LONGEST_DESCRIPTION} characters"));
        }
        for (place, example) in self.examples.iter().enumerate() {
            let path = format!("examples[{place}]");
            if !(1..=LONGEST_EXAMPLE).contains(&example.chars().count()) {
                return wrong(path, &format!("must have 1 to {LONGEST_EXAMPLE} characters"));
            }
            if embed(example).iter().all(|value| *value == 0.0) {
                return wrong(path, "has no word that the gateway's embedding knows, which knows English. Say it in other words");
            }
        }
        Ok(())
    }
}

/// Checks the name of an own intent.
///
/// # Errors
/// 400 for one that cannot be, or is a built-in intent's.
pub fn check_name(name: &str) -> Result<(), Error> {
    let well_formed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !(1..=64).contains(&name.len()) || !name.bytes().all(well_formed) {
        return Err(Error::invalid("wrong_value", "name", "The name in the path must be 1 to 64 of `a` to `z`, `0` to `9` and `_`."));
    }
    if Intent::named(name).is_some() {
        let message = "The name in the path is that of a built-in intent, which cannot be changed. Choose another.";
        return Err(Error::invalid("wrong_value", "name", message));
    }
    Ok(())
}

/// A tenant's own intents, ready to classify with.
#[derive(Clone, Debug, Default)]
pub struct Own {
    names: Vec<String>,
    descriptions: Vec<String>,
    centroids: Centroids,
    examples: usize,
}

impl Own {
    /// From what is written down.
    pub fn of(documents: &[Document]) -> Self {
        let read = |document: &Document| document.body.examples.iter().map(|example| Features::of(example)).collect();
        let features: Vec<Vec<Features>> = documents.iter().map(read).collect();
        Self {
            names: documents.iter().map(|document| document.name.clone()).collect(),
            descriptions: documents.iter().map(|document| document.body.description.clone()).collect(),
            centroids: Centroids::of(features.iter().map(Vec::as_slice)),
            examples: features.iter().map(Vec::len).fold(0, usize::saturating_add),
        }
    }

    /// Their names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Names and descriptions.
    pub fn described(&self) -> impl Iterator<Item = (&str, &str)> {
        self.names.iter().map(String::as_str).zip(self.descriptions.iter().map(String::as_str))
    }

    /// Which of them a text means, by its features.
    pub fn classify(&self, features: &Features) -> Classified<usize> {
        if self.names.is_empty() {
            return Classified { answer: None, guesses: Vec::new(), none: 1.0 };
        }
        self.centroids.classify(features)
    }
}

/// What an isolate remembers of tenants' own intents. What KV had is read again after a while, and embedded again only when it is
/// something else.
#[derive(Debug, Default)]
pub struct Remembered(RefCell<HashMap<String, Known>>);

#[derive(Debug)]
struct Known {
    own: Rc<Own>,
    sha256: [u8; 32],
    until_ms: u64,
}

impl Remembered {
    /// Those of a tenant, while they count as fresh.
    pub fn fresh(&self, tenant: &str, now_ms: u64) -> Option<Rc<Own>> {
        self.0.borrow().get(tenant).filter(|known| now_ms < known.until_ms).map(|known| known.own.clone())
    }

    /// Those of a tenant, however old.
    pub fn last(&self, tenant: &str) -> Option<Rc<Own>> {
        self.0.borrow().get(tenant).map(|known| known.own.clone())
    }

    /// Remembers what KV had at a time, in ms since 1970; nothing is the same as none.
    pub fn put(&self, tenant: &str, bytes: &[u8], now_ms: u64) -> Rc<Own> {
        let mut known = self.0.borrow_mut();
        let sha256: [u8; 32] = Sha256::digest(bytes).into();
        let until_ms = now_ms.saturating_add(REMEMBERED_MS);
        if let Some(same) = known.get_mut(tenant).filter(|known| known.sha256 == sha256) {
            same.until_ms = until_ms;
            return same.own.clone();
        }
        // What cannot be read was written by another version: the tenant has none until it is written again.
        let read = std::str::from_utf8(bytes).ok().and_then(|text| typed::read(text).ok());
        let documents: Vec<Document> = read.unwrap_or_default();
        let own = Rc::new(Own::of(&documents));
        let held = known.values().map(|known| known.own.examples.saturating_add(1)).fold(own.examples, usize::saturating_add);
        if held > MOST_REMEMBERED {
            known.clear();
        }
        known.insert(tenant.to_owned(), Known { own: own.clone(), sha256, until_ms });
        own
    }
}
