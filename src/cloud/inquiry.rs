//! A question of the gateway's own, put to a model on a caller's behalf, which answers in JSON by a strict schema.

use std::rc::Rc;

use serde_json::{Value, json};

use super::fit;
use super::models::{Capability, Resolved};
use crate::error::Error;
use crate::protocol::answer::{Identity, Quality, judged};
use crate::protocol::usage::Usage;

/// How much answers in prose vary.
const PROSE_TEMPERATURE: f64 = 0.7;

/// What is asked. Texts of callers are data: they belong in `parts`, as JSON, and never in `system`.
#[derive(Clone, Debug, Default)]
pub struct Inquiry {
    /// The id or alias of the model.
    pub model: String,
    /// What is to be done: the gateway's own words.
    pub system: String,
    /// What it is to be done with: parts of one message.
    pub parts: Vec<String>,
    /// Pictures behind them, as `data:` URLs.
    pub pictures: Rc<[String]>,
    /// The schema's name: letters, digits, `_` and `-`.
    pub name: &'static str,
    /// The schema, within the limits of strict mode: 5,000 characters, `additionalProperties: false` in every object, no `pattern`, `format`,
    /// `minItems` or `maxItems`.
    pub schema: Value,
    /// The longest answer, reasoning included, in tokens.
    pub max_tokens: u32,
    /// The end user that the caller names.
    pub user: Option<String>,
    /// Whether the call may be kept: in the usage by end user, and in the audit of calls.
    pub kept: bool,
    /// How long one asking may take, in ms.
    pub within_ms: u32,
    /// Whether prose is wanted: the answer may vary from one asking to the next, and its asker mends what is broken. So it comes as it is: as
    /// JSON, as a text where it is none, as null where there is nothing.
    pub prose: bool,
    /// How much the answer may vary, where that is not as usual.
    pub temperature: Option<f64>,
}

/// What came of an inquiry.
#[derive(Clone, Debug)]
pub struct Inquired<T> {
    /// The answer, as the asker has read it.
    pub content: T,
    /// What all askings together used.
    pub usage: Usage,
    /// The id of the model that answered.
    pub model: String,
    /// How long it took, waits included, in ms.
    pub elapsed_ms: u32,
}

/// An answer of Cerebras to an inquiry.
#[derive(Debug)]
pub struct Said {
    /// What it used, when it tells.
    pub usage: Option<Usage>,
    /// What it tells of itself.
    pub identity: Identity,
    /// The JSON that it holds, or what is wrong with it.
    pub content: Result<Value, Unfit>,
}

/// Why an answer is of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is not an answer of the API.
    Unreadable,
    /// It is refused, filtered, empty or cut by its length.
    Incomplete,
    /// It is not what the schema asks for; in words for the model.
    Wrong(String),
}

impl Inquiry {
    /// The body for a model. `fault` is what was wrong with the answer before.
    pub fn body(&self, model: Resolved<'_>, fault: Option<&str>) -> Vec<u8> {
        let text = |text: &str| json!({"type": "text", "text": text});
        let mut parts: Vec<Value> = self.parts.iter().map(|part| text(part)).collect();
        parts.extend(self.pictures.iter().map(|url| json!({"type": "image_url", "image_url": {"url": url}})));
        if let Some(fault) = fault {
            parts.push(text(&format!("Your last answer could not be used: {fault}. Answer again, exactly by the schema.")));
        }
        let mut body = json!({
            "model": model.id,
            "messages": [{"role": "system", "content": self.system}, {"role": "user", "content": parts}],
            "response_format": {"type": "json_schema", "json_schema": {"name": self.name, "strict": true, "schema": self.schema}},
            "max_completion_tokens": self.max_tokens,
            "temperature": self.temperature.unwrap_or(if self.prose { PROSE_TEMPERATURE } else { 0.0 }),
        });
        // What is asked is short work. A model that does not reason refuses the field.
        let reasons = model.row.is_some_and(|row| row.capabilities.contains(&Capability::Reasoning));
        if let (true, Some(fields)) = (reasons, body.as_object_mut()) {
            fields.insert("reasoning_effort".to_owned(), "low".into());
        }
        body.to_string().into_bytes()
    }

    /// Reads a body that came with status 200.
    pub fn read(&self, body: &[u8]) -> Said {
        let (quality, usage, identity) = judged(body);
        let content = match quality {
            Quality::Unreadable => Err(Unfit::Unreadable),
            _ if self.prose => Ok(as_it_is(body)),
            Quality::Passing => Err(Unfit::Incomplete),
            Quality::Keepable => self.content(body),
        };
        Said { usage, identity, content }
    }

    fn content(&self, body: &[u8]) -> Result<Value, Unfit> {
        let body = std::str::from_utf8(body).map_err(|_| Unfit::Unreadable)?;
        let answer: Value = serde_json::from_str(body).map_err(|_| Unfit::Unreadable)?;
        let text = answer.pointer("/choices/0/message/content").and_then(Value::as_str).ok_or(Unfit::Incomplete)?;
        let content: Value = serde_json::from_str(text).map_err(|_| Unfit::Wrong("it is not JSON".to_owned()))?;
        fit::fault(&self.schema, &content).map_or(Ok(content), |fault| Err(Unfit::Wrong(fault)))
    }
}

/// What an answer says, whatever that is.
fn as_it_is(body: &[u8]) -> Value {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    match answer.pointer("/choices/0/message/content").and_then(Value::as_str) {
        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        None => Value::Null,
    }
}

impl From<Unfit> for Error {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Unreadable => crate::error::upstream::unreadable(),
            Unfit::Incomplete => {
                let message = "The model did not finish its answer, or refused to give one. Try again, or with other texts.";
                Self::new(502, "inquiry_incomplete", message)
            }
            Unfit::Wrong(_) => {
                Self::new(502, "inquiry_unfit", "The model answered twice with something that does not fit its schema. Try again.")
            }
        }
    }
}

/// The error of an inquiry that Cerebras refused with a status. Its own message is for the gateway, which wrote the question: the caller
/// can change nothing about that.
pub fn refused(status: u16) -> Error {
    match status {
        429 => {
            let message = "Cerebras takes no more calls of the gateway for the moment. Try again.";
            Error::new(429, "upstream_busy", message).about("quota").with("retry-after", "1".to_owned())
        }
        500.. => {
            let own = if matches!(status, 503 | 504) { status } else { 502 };
            Error::new(own, "upstream_error", format!("Cerebras failed with status {status}. Try again."))
        }
        _ => {
            let message = format!(
                "Cerebras refused the gateway's own question with status {status}. The operator has to see to the key and the models."
            );
            Error::new(502, "inquiry_refused", message)
        }
    }
}

/// The error of an inquiry that took too long.
pub fn late(within_ms: u32) -> Error {
    Error::new(504, "upstream_timeout", format!("Cerebras did not answer the gateway's own question within {within_ms} ms. Try again."))
}
