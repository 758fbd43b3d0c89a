//! Answers of Cerebras: whether they are answers at all, whether they may be kept, and errors made readable for every client.

use std::borrow::Cow;

use super::json::{Document, Kind, Value};
use super::sse;
use super::usage::Usage;

/// The finish reasons of an answer that is complete in itself: not cut by a length, not filtered.
const COMPLETE: [&str; 2] = ["stop", "tool_calls"];

/// What a whole (not streamed) answer with status 200 is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// Complete, and may be kept.
    Keepable,
    /// An answer, but not one to give again: cut by its length, filtered, refused, empty or without a finish reason.
    Passing,
    /// Not an answer of this API.
    Unreadable,
}

/// What an answer tells of itself beside its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The id in its body; empty when there is none.
    pub id: String,
    /// The model that it names; empty when it names none.
    pub model: String,
    /// The finish reason of each choice, in their order, as far as they have one.
    pub finish_reasons: Vec<String>,
}

impl Identity {
    /// From an answer, or a chunk of one.
    pub fn within(root: Value<'_>) -> Self {
        let reasons = root.get("choices").into_iter().flat_map(Value::elements);
        let reasons = reasons.filter_map(|choice| choice.get("finish_reason").and_then(Value::text).map(Cow::into_owned));
        Self { finish_reasons: reasons.collect(), ..Self::named(root) }
    }

    /// Of a stream: its first chunk's id and model, with the reasons that its end told.
    pub fn of_stream(stream: &[u8], finish_reasons: Vec<String>) -> Self {
        let first = sse::events(stream).next();
        let named = first.and_then(|data| Document::read(&data).ok().map(|chunk| Self::named(chunk.root()))).unwrap_or_default();
        Self { finish_reasons, ..named }
    }

    fn named(root: Value<'_>) -> Self {
        let text = |name: &str| root.get(name).and_then(Value::text).filter(|text| text.len() <= LONGEST_NAME);
        let text = |name: &str| text(name).unwrap_or_default().into_owned();
        Self { id: text("id"), model: text("model"), finish_reasons: Vec::new() }
    }
}

/// The longest id and the longest name of a model that are taken over, in bytes.
const LONGEST_NAME: usize = 200;

/// Judges a whole answer.
pub fn judge(body: &[u8]) -> Quality {
    Document::read(body).map_or(Quality::Unreadable, |document| quality(document.root()))
}

/// Judges a whole answer, and reads what it says that it used, and of itself.
pub fn judged(body: &[u8]) -> (Quality, Option<Usage>, Identity) {
    match Document::read(body) {
        Ok(document) => (quality(document.root()), Usage::within(document.root()), Identity::within(document.root())),
        Err(_) => (Quality::Unreadable, None, Identity::default()),
    }
}

fn quality(root: Value<'_>) -> Quality {
    if root.kind() != Kind::Object {
        return Quality::Unreadable;
    }
    if sse::is_error(root) {
        return Quality::Passing;
    }
    let keepable = root.get("choices").is_some_and(|choices| {
        let mut any = false;
        choices.elements().all(|choice| {
            any = true;
            keepable_choice(choice)
        }) && any
    });
    if keepable { Quality::Keepable } else { Quality::Passing }
}

fn keepable_choice(choice: Value<'_>) -> bool {
    let said = |value: Option<Value<'_>>| value.is_some_and(|value| value.kind() == Kind::String && value.raw() != "\"\"");
    let finished = choice.get("finish_reason").is_some_and(|reason| COMPLETE.iter().any(|complete| reason.is(complete)));
    let answered = match choice.get("message") {
        Some(message) => {
            let calls = message.get("tool_calls").is_some_and(|calls| calls.elements().next().is_some());
            !said(message.get("refusal")) && (calls || said(message.get("content")))
        }
        None => said(choice.get("text")),
    };
    finished && answered
}

/// An error body with both envelopes: the flat fields beside a nested `error`, or the nested ones beside flat fields, whichever
/// half is missing. Bytes that are there stay; values that are not strings come as strings in the copy. `None` when the body is
/// not a JSON object with either.
pub fn both_envelopes(body: &[u8]) -> Option<Cow<'_, [u8]>> {
    const FIELDS: [&str; 4] = ["message", "type", "param", "code"];
    let document = Document::read(body).ok()?;
    let root = document.root();
    if root.kind() != Kind::Object {
        return None;
    }
    let text = |object: Value<'_>, field: &str| -> serde_json::Value {
        let value = object.get(field);
        match value.and_then(Value::text) {
            Some(text) => text.into_owned().into(),
            None => value.filter(|value| !value.is_null()).map(Value::raw).unwrap_or_default().into(),
        }
    };
    let added = match (root.get("error"), root.get("message")) {
        (Some(_), Some(_)) => return Some(Cow::Borrowed(body)),
        (None, None) => return None,
        (None, Some(_)) => {
            let copy: serde_json::Map<_, _> = FIELDS.iter().map(|field| ((*field).to_owned(), text(root, field))).collect();
            format!(",\"error\":{}", serde_json::Value::from(copy))
        }
        (Some(error), None) => {
            let missing = FIELDS.iter().filter(|field| root.get(field).is_none());
            let said = |field: &str| match error.text() {
                // An error that is a text alone says its message.
                Some(message) if field == "message" => message.into_owned().into(),
                _ => text(error, field),
            };
            missing.map(|field| format!(",\"{field}\":{}", said(field))).collect()
        }
    };
    let end = root.span().end.checked_sub(1)?;
    let (head, tail) = body.split_at_checked(end)?;
    Some(Cow::Owned([head, added.as_bytes(), tail].concat()))
}
