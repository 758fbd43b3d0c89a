//! A completion request: its bytes decoded, and what it asks for.

use std::borrow::Cow;
use std::io::Read;

use bytes::Bytes;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use serde_json::{Map, Value};

use crate::errors::Problem;
use crate::faults::Faults;
use crate::shape;

/// No body may be longer, before or after unpacking.
pub const MOST_BYTES: usize = 64 << 20;

/// The two completion endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/v1/chat/completions`
    Chat,
    /// `/v1/completions`
    Text,
}

/// Undoes gzip and MessagePack: what comes out is JSON text and its value.
pub fn decode(headers: &HeaderMap, body: Bytes) -> Result<(Bytes, Value), Problem> {
    let text = |name| headers.get(name).and_then(|value: &hyper::header::HeaderValue| value.to_str().ok()).unwrap_or("");
    let body = match text(CONTENT_ENCODING).trim().to_ascii_lowercase().as_str() {
        "" | "identity" => body,
        "gzip" | "x-gzip" => unzip(&body)?,
        _ => return Err(Problem::unreadable_encoding()),
    };
    let kind = text(CONTENT_TYPE).split(';').next().unwrap_or("").trim();
    if matches!(kind, "application/vnd.msgpack" | "application/msgpack" | "application/x-msgpack") {
        let value: Value = rmp_serde::from_slice(&body).map_err(|error| Problem::validation(&format!("body: {error}")))?;
        return Ok((value.to_string().into(), value));
    }
    let value = serde_json::from_slice(&body).map_err(|error| Problem::validation(&format!("body: JSON decode error: {error}")))?;
    Ok((body, value))
}

fn unzip(body: &[u8]) -> Result<Bytes, Problem> {
    let mut plain = Vec::new();
    let read = flate2::read::MultiGzDecoder::new(body).take(MOST_BYTES as u64 + 1).read_to_end(&mut plain);
    match read {
        Err(_) => Err(Problem::validation("body: not valid gzip")),
        Ok(_) if plain.len() > MOST_BYTES => Err(Problem::too_large()),
        Ok(_) => Ok(plain.into()),
    }
}

/// Calls `visit` with every text of a message's content.
fn each_text<'v>(content: &'v Value, mut visit: impl FnMut(&'v str)) {
    match content {
        Value::String(text) => visit(text),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).for_each(visit),
        _ => {}
    }
}

/// A content's text, its parts joined.
pub fn text_of(content: &Value) -> Cow<'_, str> {
    match content {
        Value::String(text) => Cow::Borrowed(text),
        other => {
            let mut joined = String::new();
            each_text(other, |text| {
                if !joined.is_empty() {
                    joined.push('\n');
                }
                joined.push_str(text);
            });
            Cow::Owned(joined)
        }
    }
}

/// Adds the faults that the prompt of a body asks for. Works on bodies of any shape, since faults come before the schema.
pub fn read_faults(body: &Value, faults: &mut Faults) {
    for message in body["messages"].as_array().into_iter().flatten() {
        each_text(&message["content"], |text| faults.read_text(text));
    }
    match &body["prompt"] {
        Value::String(text) => faults.read_text(text),
        Value::Array(items) => items.iter().filter_map(Value::as_str).for_each(|text| faults.read_text(text)),
        _ => {}
    }
}

/// The shape of an answer.
#[derive(Clone, Copy, Debug)]
pub enum Wants<'a> {
    /// Any text.
    Text,
    /// Any JSON object.
    Object,
    /// JSON that fits a schema.
    Schema(&'a Value),
}

/// A request that fits its schema, with its fields at hand.
#[derive(Debug)]
pub struct Ask<'a> {
    /// Where it came in.
    pub endpoint: Endpoint,
    /// The whole body.
    pub body: &'a Map<String, Value>,
    /// The model's id.
    pub model: &'a str,
    /// Messages of a chat; empty for a text completion.
    pub messages: &'a [Value],
    /// Prompts of a text completion; token ids become a text of the same length.
    pub prompts: Vec<Cow<'a, str>>,
    /// Longest answer, if the request sets one.
    pub max_tokens: Option<usize>,
    /// Choices per prompt.
    pub n: usize,
    /// Whether to stream.
    pub stream: bool,
    /// Alternatives per token, when log probabilities are wanted.
    pub logprobs: Option<usize>,
    /// Where the text stops.
    pub stops: Vec<&'a str>,
    /// The tools.
    pub tools: &'a [Value],
    /// The shape of the answer.
    pub wants: Wants<'a>,
}

/// A property that is there and not null.
fn given<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    body.get(name).filter(|value| !value.is_null())
}

impl<'a> Ask<'a> {
    /// Reads a body that has been checked against its schema.
    pub fn of(endpoint: Endpoint, body: &'a Map<String, Value>) -> Self {
        let count = |name| given(body, name).and_then(shape::whole).and_then(|number| usize::try_from(number).ok());
        let list = |name| given(body, name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let logprobs = match (endpoint, given(body, "logprobs")) {
            (Endpoint::Chat, Some(Value::Bool(true))) => Some(count("top_logprobs").unwrap_or(0)),
            (Endpoint::Text, Some(_)) => count("logprobs"),
            _ => None,
        };
        let wants = match given(body, "response_format").and_then(|format| format["type"].as_str()) {
            Some("json_object") => Wants::Object,
            Some("json_schema") => match &body["response_format"]["json_schema"]["schema"] {
                Value::Null => Wants::Object,
                schema => Wants::Schema(schema),
            },
            _ => Wants::Text,
        };
        let stops = match given(body, "stop") {
            Some(Value::String(stop)) => vec![stop.as_str()],
            Some(Value::Array(stops)) => stops.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        Self {
            endpoint,
            body,
            model: given(body, "model").and_then(Value::as_str).unwrap_or(""),
            messages: if endpoint == Endpoint::Chat { list("messages") } else { &[] },
            prompts: if endpoint == Endpoint::Text { prompts(given(body, "prompt")) } else { Vec::new() },
            max_tokens: count("max_completion_tokens").or_else(|| count("max_tokens")),
            n: count("n").unwrap_or(1),
            stream: given(body, "stream") == Some(&Value::Bool(true)),
            logprobs,
            stops,
            tools: list("tools"),
            wants,
        }
    }

    /// A property that is there and not null.
    pub fn given(&self, name: &str) -> Option<&'a Value> {
        given(self.body, name)
    }

    /// A string property.
    pub fn word(&self, name: &str) -> Option<&'a str> {
        self.given(name).and_then(Value::as_str)
    }

    /// How many pictures the messages hold.
    pub fn images(&self) -> usize {
        self.messages
            .iter()
            .filter_map(|message| message["content"].as_array())
            .flatten()
            .filter(|part| part["type"] == "image_url" || part["type"] == "image")
            .count()
    }
}

fn prompts(prompt: Option<&Value>) -> Vec<Cow<'_, str>> {
    // Four letters for each token id keep the token counts right; there is no topic in them.
    let ids = |count: usize| Cow::Owned("... ".repeat(count));
    match prompt {
        Some(Value::String(text)) => vec![Cow::Borrowed(text)],
        Some(Value::Array(items)) => match items.first() {
            Some(Value::Number(_)) => vec![ids(items.len())],
            _ => items
                .iter()
                .map(|item| match item {
                    Value::String(text) => Cow::Borrowed(text.as_str()),
                    other => ids(other.as_array().map_or(0, Vec::len)),
                })
                .collect(),
        },
        _ => Vec::new(),
    }
}
