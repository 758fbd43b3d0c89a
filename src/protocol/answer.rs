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

/// Judges a whole answer.
pub fn judge(body: &[u8]) -> Quality {
    judged(body).0
}

/// Judges a whole answer, and reads what it says that it used.
pub fn judged(body: &[u8]) -> (Quality, Option<Usage>) {
    match Document::read(body) {
        Ok(document) => (quality(document.root()), Usage::within(document.root())),
        Err(_) => (Quality::Unreadable, None),
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
