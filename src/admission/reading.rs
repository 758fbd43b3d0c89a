//! Bodies of administration as typed values; what is wrong in one is named by its path.

use serde::de::{Deserialize, DeserializeOwned, Deserializer};

use crate::error::Error;
use crate::protocol::json::typed::typed;
use crate::protocol::json::{Document, Value};
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
    value(document.root())
}

/// Reads a value of a body that was parsed before.
///
/// # Errors
/// As for [`read`].
pub fn value<T: DeserializeOwned>(value: Value<'_>) -> Result<T, Error> {
    typed(value).map_err(|misfit| told(&misfit.path, &misfit.said))
}

/// Reads one field of an object, if it is there.
///
/// # Errors
/// As for [`read`], with the field's name in front of the path.
pub fn field<T: DeserializeOwned>(object: Value<'_>, name: &str) -> Result<Option<T>, Error> {
    let Some(found) = object.get(name).filter(|found| !found.is_null()) else { return Ok(None) };
    typed(found).map(Some).map_err(|misfit| {
        let joint = if misfit.path.is_empty() || misfit.path.starts_with('[') { "" } else { "." };
        told(&format!("{name}{joint}{}", misfit.path), &misfit.said)
    })
}

/// Reads one field of an object, which must be there.
///
/// # Errors
/// As for [`field`], and 400 when it is missing.
pub fn required<T: DeserializeOwned>(object: Value<'_>, name: &'static str) -> Result<T, Error> {
    field(object, name)?.ok_or_else(|| Error::invalid("missing_field", name, format!("`{name}` is missing: give it.")))
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
