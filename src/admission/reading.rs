//! Bodies of administration as typed values; what is wrong in one is named by its path.

use std::borrow::Cow;

use serde::de::{Deserialize, DeserializeOwned, Deserializer};

use crate::error::Error;
use crate::protocol::json::typed::typed;
use crate::protocol::json::{Document, Kind, Value, push_key};
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

/// Reads one field of an object, which must be there.
///
/// # Errors
/// As for [`read`], with the field's name in front of the path.
pub fn required<T: DeserializeOwned>(object: Value<'_>, name: &'static str) -> Result<T, Error> {
    let missing = || Error::invalid("missing_field", name, format!("`{name}` is missing: give it."));
    let found = object.get(name).filter(|found| !found.is_null()).ok_or_else(missing)?;
    typed(found).map_err(|misfit| {
        let joint = if misfit.path.is_empty() || misfit.path.starts_with('[') { "" } else { "." };
        told(&format!("{name}{joint}{}", misfit.path), &misfit.said)
    })
}

/// An object within a body, read field by field. For an object of optional texts and numbers derived code is several times larger.
pub struct Fields<'d> {
    object: Value<'d>,
    path: String,
}

impl<'d> Fields<'d> {
    /// The object at a path, which knows some fields.
    ///
    /// # Errors
    /// 400 for what is no object, and for a field that it does not know.
    pub fn of(object: Value<'d>, path: String, known: &[&str]) -> Result<Self, Error> {
        if object.kind() != Kind::Object {
            return Err(told(&path, "expected a map"));
        }
        let strange = object.members().find(|(key, _)| !known.iter().any(|name| key.is(name)));
        if let Some((key, _)) = strange {
            let mut path = path;
            push_key(&mut path, &key.text().unwrap_or_default());
            return Err(told(&path, &format!("unknown field `…`, expected one of {}", known.join(", "))));
        }
        Ok(Self { object, path })
    }

    /// The path of a field.
    pub fn at(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    /// A field's value; none when it is missing or null.
    pub fn get(&self, name: &str) -> Option<Value<'d>> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// A text.
    ///
    /// # Errors
    /// 400 for anything else.
    pub fn text(&self, name: &str) -> Result<Option<String>, Error> {
        self.get(name).map(|value| text(value, &self.at(name))).transpose()
    }

    /// A list of texts; empty when there is none.
    ///
    /// # Errors
    /// 400 for anything else.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, Error> {
        let Some(list) = self.get(name) else { return Ok(Vec::new()) };
        let path = self.at(name);
        elements(list, &path)?.enumerate().map(|(place, value)| text(value, &format!("{path}[{place}]"))).collect()
    }

    /// A whole number.
    ///
    /// # Errors
    /// 400 for anything else.
    pub fn number(&self, name: &str) -> Result<Option<u32>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.number().and_then(|literal| literal.parse().ok());
        number.map(Some).ok_or_else(|| told(&self.at(name), "expected u32"))
    }
}

/// A value as a text.
///
/// # Errors
/// 400 for anything else.
pub fn text(value: Value<'_>, path: &str) -> Result<String, Error> {
    value.text().map(Cow::into_owned).ok_or_else(|| told(path, "expected a string"))
}

/// The values of a list.
///
/// # Errors
/// 400 for anything else.
pub fn elements<'d>(list: Value<'d>, path: &str) -> Result<impl Iterator<Item = Value<'d>> + use<'d>, Error> {
    if list.kind() == Kind::Array { Ok(list.elements()) } else { Err(told(path, "expected a sequence")) }
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
