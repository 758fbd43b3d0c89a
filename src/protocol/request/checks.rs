//! What is wrong in the fields of a completion request, and how that is said.

use std::borrow::Cow;

use super::Endpoint;
use crate::error::Error;
use crate::protocol::json::{self, Kind, Offence, Reason, Value};

/// The fields that Cerebras documents, on either endpoint, and the one that SDKs send by mistake. A key that differs from one of
/// these only in case is refused: a reader that ignores case would take it for the real one.
pub(super) const KNOWN_FIELDS: [&str; 44] = [
    "model",
    "messages",
    "max_completion_tokens",
    "max_tokens",
    "min_completion_tokens",
    "min_tokens",
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "n",
    "seed",
    "stop",
    "stream",
    "stream_options",
    "response_format",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "prediction",
    "reasoning_effort",
    "reasoning_format",
    "clear_thinking",
    "disable_reasoning",
    "service_tier",
    "prompt_cache_key",
    "model_parameters",
    "user",
    "prompt",
    "best_of",
    "echo",
    "grammar_root",
    "return_raw_tokens",
    "suffix",
    "extra_body",
    "store",
    "metadata",
    "thinking",
    "max_output_tokens",
    "verbosity",
    "modalities",
];

/// The fields of a message, for the same check.
const MESSAGE_FIELDS: [&str; 6] = ["role", "content", "name", "tool_calls", "tool_call_id", "reasoning"];

/// What the sender of a body that is not the JSON it should be gets.
pub fn refusal(offence: Offence) -> Error {
    let Offence { reason, path, offset } = offence;
    let place = if path.is_empty() { format!("at byte {offset}") } else { format!("at byte {offset}, in `{path}`") };
    match reason {
        Reason::NotUtf8 => Error::invalid("invalid_json", path, format!("The body is not UTF-8 {place}. Send JSON in UTF-8.")),
        Reason::Expected(what) => Error::invalid("invalid_json", path, format!("The body is not JSON: expected {what} {place}.")),
        Reason::TooDeep => {
            Error::invalid("too_deep", path, format!("The body is nested deeper than {} levels {place}. Flatten it.", json::MAX_DEPTH))
        }
        Reason::DuplicateKey => {
            let message = format!("The key `{path}` stands twice in its object. Keep the one that you mean.");
            Error::invalid("duplicate_key", path, message)
        }
    }
}

pub(super) fn missing(path: &str, what: &str) -> Error {
    Error::invalid("missing_field", path, format!("`{path}` is missing: give {what}."))
}

pub(super) fn wrong_type(path: &str, wanted: &str, value: Value<'_>) -> Error {
    let what = if path.is_empty() { Cow::Borrowed("The body") } else { Cow::Owned(format!("`{path}`")) };
    let given = if value.kind() == Kind::String && wanted == "a string" { "text that is not Unicode" } else { value.kind().named() };
    Error::invalid("wrong_type", path, format!("{what} must be {wanted}, not {given}."))
}

pub(super) fn optional(value: Value<'_>, kind: Kind, path: &str) -> Result<(), Error> {
    if value.is_null() || value.kind() == kind { Ok(()) } else { Err(wrong_type(path, &format!("{} or null", kind.named()), value)) }
}

pub(super) fn optional_boolean(value: Option<Value<'_>>, path: &str) -> Result<bool, Error> {
    match value {
        Some(value) => optional(value, Kind::Bool, path).map(|()| value.boolean() == Some(true)),
        None => Ok(false),
    }
}

pub(super) fn check_cap(key: Value<'_>, value: Value<'_>) -> Result<(), Error> {
    let name = key.text().unwrap_or_default();
    optional(value, Kind::Number, &name)?;
    let whole = value.number().is_none_or(|literal| literal.parse::<i64>().is_ok_and(|tokens| tokens >= -1));
    if whole {
        Ok(())
    } else {
        Err(Error::invalid("wrong_value", &*name, format!("`{name}` must be a whole number of tokens, or -1 for the model's limit.")))
    }
}

pub(super) fn refuse_look_alike(key: Value<'_>, known: &[&str], path: &str) -> Result<(), Error> {
    let bytes = key.bytes();
    match known.iter().find(|name| bytes.eq_ignore_ascii_case(name.as_bytes()) && *bytes != *name.as_bytes()) {
        None => Ok(()),
        Some(name) => {
            let mut path = path.to_owned();
            json::push_key(&mut path, &String::from_utf8_lossy(&bytes));
            let message = format!("`{path}` differs from `{name}` only in case: write `{name}`.");
            Err(Error::invalid("ambiguous_key", path, message))
        }
    }
}

/// Checks what the gateway reads of the messages or the prompt, and tells whether there is a picture.
pub(super) fn check_input(endpoint: Endpoint, input: Option<Value<'_>>) -> Result<bool, Error> {
    let name = endpoint.input_field();
    let Some(value) = input else {
        return Err(missing(name, if endpoint == Endpoint::Chat { "at least one message" } else { "the text to complete" }));
    };
    if endpoint == Endpoint::Text {
        return match value.kind() {
            Kind::String | Kind::Array => Ok(false),
            _ => Err(wrong_type(name, "a string or an array", value)),
        };
    }
    if value.kind() != Kind::Array {
        return Err(wrong_type(name, "an array of messages", value));
    }
    let mut pictures = false;
    let mut count = 0_usize;
    for message in value.elements() {
        let path = || format!("messages[{count}]");
        if message.kind() != Kind::Object {
            return Err(wrong_type(&path(), "an object", message));
        }
        for (key, value) in message.members() {
            if key.is("content") {
                pictures |= value.elements().any(|part| part.get("type").is_some_and(|kind| kind.is("image_url") || kind.is("image")));
            } else if !MESSAGE_FIELDS.iter().any(|name| key.is(name)) {
                refuse_look_alike(key, &MESSAGE_FIELDS, &path())?;
            }
        }
        count = count.saturating_add(1);
    }
    if count == 0 { Err(missing("messages[0]", "at least one message")) } else { Ok(pictures) }
}
