//! The bodies of what is asked of texts.

use serde::Deserialize;
use serde_json::Value;

use super::{Mode, Subject};
use crate::admission::reading;
use crate::error::Error;

/// The most texts of a body.
pub const MOST_TEXTS: usize = 256;
/// The most texts of a body that asks for embeddings: as many as OpenAI takes.
pub const MOST_EMBEDDED: usize = 2048;
/// The longest text, in bytes of UTF-8.
pub const LONGEST_TEXT: usize = 32 * 1024;
/// The longest id of an end user, in bytes.
const LONGEST_USER: usize = 256;
/// The longest code of a language, in bytes.
const LONGEST_LANGUAGE: usize = 35;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Of what kind.
    pub subject: Subject,
    /// The texts.
    pub texts: Vec<String>,
    /// Who may answer.
    pub mode: Mode,
    /// The end user that the caller names.
    pub user: Option<String>,
    /// Whether the call may be kept.
    pub stored: bool,
    /// Personal data: whether the text is wanted without them.
    pub redact: bool,
    /// Personal data: whether it is wanted what the placeholders stand for.
    pub replacements: bool,
    /// Measures: the language that the texts are in, when the caller knows it.
    pub language: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfTexts {
    input: Value,
    #[serde(default)]
    edge: Option<Mode>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    store: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfPii {
    input: Value,
    #[serde(default)]
    edge: Option<Mode>,
    #[serde(default)]
    redact: Option<bool>,
    #[serde(default)]
    replacements: Option<bool>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    store: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfMeasures {
    input: Value,
    #[serde(default)]
    edge: Option<Mode>,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    store: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfModerations {
    input: Value,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    edge: Option<Mode>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    store: Option<bool>,
}

impl Asked {
    /// Reads a body.
    ///
    /// # Errors
    /// 400 naming the field, 404 for a model that is not there.
    pub fn read(subject: Subject, body: &[u8]) -> Result<Self, Error> {
        let asked = |input: &Value, edge: Option<Mode>, user: Option<String>, store: Option<bool>| -> Result<Self, Error> {
            let texts = match subject {
                Subject::Moderations => texts(&parts(input)?, MOST_TEXTS)?,
                _ => texts(input, MOST_TEXTS)?,
            };
            let (redact, replacements, language) = (false, false, None);
            let (mode, stored) = (edge.unwrap_or_default(), store != Some(false));
            Ok(Self { subject, texts, mode, user: end_user(user)?, stored, redact, replacements, language })
        };
        let asked = match subject {
            Subject::Intents | Subject::Sentiments | Subject::Languages => {
                let OfTexts { input, edge, user, store } = reading::read(body)?;
                asked(&input, edge, user, store)?
            }
            Subject::Pii => {
                let OfPii { input, edge, redact, replacements, user, store } = reading::read(body)?;
                let (redact, replacements) = (redact == Some(true), replacements == Some(true));
                if replacements && !redact {
                    let message = "`replacements` tells what the placeholders of a redacted text stand for: set `redact`, too.";
                    return Err(Error::invalid("wrong_value", "replacements", message));
                }
                Self { redact, replacements, ..asked(&input, edge, user, store)? }
            }
            Subject::Measures => {
                let OfMeasures { input, edge, language, user, store } = reading::read(body)?;
                let is_code = |code: &String| {
                    (2..=LONGEST_LANGUAGE).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                };
                if language.as_ref().is_some_and(|code| !is_code(code)) {
                    return Err(Error::invalid("wrong_value", "language", "`language` must be a code such as `en` or `pt-BR` (BCP 47)."));
                }
                Self { language, ..asked(&input, edge, user, store)? }
            }
            Subject::Moderations => {
                let OfModerations { input, model, edge, user, store } = reading::read(body)?;
                known_moderation(model.as_deref())?;
                asked(&input, edge, user, store)?
            }
        };
        if asked.mode == Mode::Never && !subject.has_cloud() {
            let message = "The cloud is not asked for this: texts do not leave the gateway for it. Leave `edge` out, or say `only`.";
            return Err(Error::invalid("wrong_value", "edge", message).final_word());
        }
        Ok(asked)
    }
}

/// Checks the end user that a body names.
///
/// # Errors
/// 400 when the id is too long.
pub fn end_user(user: Option<String>) -> Result<Option<String>, Error> {
    if user.as_ref().is_some_and(|user| user.len() > LONGEST_USER) {
        return Err(Error::invalid("wrong_value", "user", format!("`user` is longer than {LONGEST_USER} bytes. Use a shorter id.")));
    }
    Ok(user.filter(|user| !user.is_empty()))
}

/// The texts of `input`: one, or a list of them.
///
/// # Errors
/// 400 naming the text: none, too many, empty, too long, or something else than a text.
pub fn texts(input: &Value, most: usize) -> Result<Vec<String>, Error> {
    match input {
        Value::Array(list) if list.is_empty() => Err(wrong("input", "is an empty list: give at least one text")),
        Value::Array(list) if list.len() > most => {
            Err(wrong("input", &format!("holds {} texts, and at most {most} are taken. Send several requests", list.len())))
        }
        Value::Array(list) => list.iter().enumerate().map(|(place, item)| text(item, &format!("input[{place}]"))).collect(),
        one => text(one, "input").map(|text| vec![text]),
    }
}

fn text(value: &Value, path: &str) -> Result<String, Error> {
    match value {
        Value::String(text) if text.is_empty() => Err(wrong(path, "is empty: give a text")),
        Value::String(text) if text.len() > LONGEST_TEXT => {
            Err(wrong(path, &format!("is longer than {LONGEST_TEXT} bytes. Cut it into parts")))
        }
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) => Err(wrong(path, "must be a text, not a number: tokens are not taken")),
        Value::Array(_) => Err(wrong(path, "must be a text, not a list: tokens are not taken")),
        Value::Null => Err(wrong(path, "must be a text, not null")),
        Value::Bool(_) => Err(wrong(path, "must be a text, not true or false")),
        Value::Object(_) => Err(wrong(path, "must be a text, not an object")),
    }
}

/// The input of a moderation in its plain form: `[{"type": "text", "text": …}]` are texts, too.
fn parts(input: &Value) -> Result<Value, Error> {
    let Some(list) = input.as_array() else { return Ok(input.clone()) };
    let part = |(place, item): (usize, &Value)| {
        let Some(part) = item.as_object() else { return Ok(item.clone()) };
        let kind = part.get("type").and_then(Value::as_str);
        match (kind, part.get("text")) {
            (Some("text"), Some(text)) if part.len() == 2 => Ok(text.clone()),
            (Some("text"), Some(_)) => Err(wrong(&format!("input[{place}]"), "may hold `type` and `text` alone")),
            (Some("text"), None) => Err(wrong(&format!("input[{place}].text"), "is missing: give a text")),
            (Some("image_url"), _) => {
                Err(wrong(&format!("input[{place}].type"), "is `image_url`, and pictures are not judged here. Send texts"))
            }
            _ => Err(wrong(&format!("input[{place}].type"), "must be `text`")),
        }
    };
    list.iter().enumerate().map(part).collect::<Result<Vec<_>, _>>().map(Value::Array)
}

/// A program that was written for OpenAI names one of its models; there is one here.
fn known_moderation(model: Option<&str>) -> Result<(), Error> {
    let known =
        |name: &str| name == Subject::Moderations.model() || name.starts_with("omni-moderation") || name.starts_with("text-moderation");
    if model.is_none_or(known) {
        return Ok(());
    }
    let message = "There is no such model for moderations. Use `maya-edge-moderation`, or leave `model` out.";
    Err(Error::new(404, "model_not_found", message).about("model").final_word())
}

fn wrong(path: &str, what: &str) -> Error {
    Error::invalid("wrong_value", path, format!("`{path}` {what}."))
}
