//! Bodies of administration as typed values; what is wrong in one is named by its path.

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::Value;
use serde_path_to_error::Segment;

use crate::error::Error;
use crate::protocol::json::Document;
use crate::protocol::request::refusal;

/// What a body says of a field: nothing, `null`, or a value.
pub type Given<T> = Option<Option<T>>;

/// Tells `null` from nothing.
///
/// # Errors
/// Those of the value.
pub fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Given<T>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Reads a body.
///
/// # Errors
/// 400 naming the field: text that is not JSON, keys that stand twice, unknown and missing fields, wrong values.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let document = Document::read(body).map_err(refusal)?;
    let value: Value = serde_json::from_str(document.text()).map_err(|_| Error::invalid("invalid_json", "", "The body is not JSON."))?;
    if let Some(path) = list_for_object(&value) {
        return Err(told(&path, "expected an object"));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = written(error.path());
        told(&path, &error.into_inner().to_string())
    })
}

/// Where a list stands in an object's place. serde takes its elements for the fields, in their order; nobody means that.
fn list_for_object(body: &Value) -> Option<String> {
    let within = |path: &str| body.pointer(path).is_some_and(Value::is_array).then(|| path.trim_start_matches('/').replace('/', "."));
    let limits = body.get("limits").and_then(Value::as_array).into_iter().flatten();
    let limit = limits.enumerate().find(|(_, limit)| limit.is_array()).map(|(at, _)| format!("limits[{at}]"));
    let words = body.pointer("/guardrails/words").and_then(Value::as_array).into_iter().flatten();
    let list = words.enumerate().find(|(_, list)| list.is_array()).map(|(at, _)| format!("guardrails.words[{at}]"));
    const OBJECTS: [&str; 11] = [
        "",
        "/budget",
        "/budget/day",
        "/budget/month",
        "/cache",
        "/retention",
        "/guardrails",
        "/guardrails/pii",
        "/guardrails/injection",
        "/guardrails/offence",
        "/guardrails/cloud",
    ];
    OBJECTS.into_iter().find_map(within).or(limit).or(list)
}

/// A path as people write it: `limits[0].window`; empty at the root.
fn written(path: &serde_path_to_error::Path) -> String {
    path.iter().fold(String::new(), |mut text, segment| {
        match segment {
            Segment::Seq { index } => text.push_str(&format!("[{index}]")),
            Segment::Map { key } if text.is_empty() => text.push_str(key),
            Segment::Map { key } => text.push_str(&format!(".{key}")),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
        text
    })
}

/// What serde said, without what it found: the value may be a secret in the wrong place.
fn told(path: &str, said: &str) -> Error {
    let expected = said.rsplit_once("expected ").map_or("another value", |(_, expected)| expected);
    if let Some(field) = said.strip_prefix("missing field ") {
        let field = field.trim_matches('`');
        let path = if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") };
        let message = format!("`{path}` is missing: give it.");
        return Error::invalid("missing_field", path, message);
    }
    let place = if path.is_empty() { "The body".to_owned() } else { format!("`{path}`") };
    if said.starts_with("unknown field ") {
        return Error::invalid("unknown_field", path, format!("{place} is not known here. Use {expected}."));
    }
    let expected = match expected {
        "u64" | "u32" => "a whole number, not below 0",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "string or map" => "a string",
        kind if kind == "a map" || kind.starts_with("struct ") => "an object",
        other => other,
    };
    Error::invalid("wrong_value", path, format!("{place} must be {expected}."))
}
