//! What a request asks of the model that is to answer it.

use serde_json::{Value as Json, json};

use crate::edge::language;
use crate::edge::task::{self, Found};
use crate::protocol::json::Value;
use crate::protocol::request::CompletionRequest;

/// What a request asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The kind of work, by what the user said last.
    pub task: Found,
    /// The language of that; none when it is not sure.
    pub language: Option<&'static str>,
    /// About how many tokens the model reads.
    pub input_tokens: u64,
    /// The most that it may write, in tokens; none when the caller leaves it open.
    pub output_tokens: Option<u64>,
    /// Whether it may call tools.
    pub tools: bool,
    /// Whether the answer has to keep to a schema, strictly.
    pub schema: bool,
    /// Whether there are pictures.
    pub pictures: bool,
    /// Whether a stream is wanted.
    pub stream: bool,
}

/// A language that is less sure than this is taken for unknown.
const SURE: f64 = 0.5;

impl Ask {
    /// Reads a request.
    pub fn of(request: &CompletionRequest<'_>) -> Self {
        let root = request.root();
        let said = last_said(root);
        let language = language::detect(&said);
        let filled = |name: &str| root.get(name).is_some_and(|value| value.elements().next().is_some());
        Self {
            task: task::find(&said),
            language: Some(language.code).filter(|code| *code != language::UNKNOWN && language.confidence >= SURE),
            input_tokens: request.input_tokens(),
            output_tokens: request.own_cap(),
            tools: filled("tools"),
            schema: root.get("response_format").is_some_and(strict),
            pictures: request.pictures(),
            stream: request.stream(),
        }
    }

    /// What `POST /v1/route` tells of it.
    pub fn told(&self) -> Json {
        json!({
            "task": {
                "kind": self.task.task.name(),
                "confidence": self.task.confidence,
                "signs": self.task.signs,
                "intent": self.task.intent.map(crate::edge::intents::Intent::name),
                "constraints": self.task.constraints,
                "answered_by": "edge",
            },
            "language": self.language.unwrap_or(language::UNKNOWN),
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "tools": self.tools,
            "schema": self.schema,
            "pictures": self.pictures,
            "stream": self.stream,
        })
    }
}

/// `{"type": "json_schema", "json_schema": {"strict": true, …}}`.
fn strict(format: Value<'_>) -> bool {
    let is_schema = format.get("type").is_some_and(|kind| kind.is("json_schema"));
    is_schema && format.get("json_schema").and_then(|schema| schema.get("strict")).and_then(Value::boolean) == Some(true)
}

/// What the user said last; of a text completion, the prompt.
fn last_said(root: Value<'_>) -> String {
    if let Some(prompt) = root.get("prompt") {
        return spoken(prompt);
    }
    let messages = root.get("messages").into_iter().flat_map(Value::elements);
    let last = messages.filter(|message| message.get("role").is_some_and(|role| role.is("user"))).last();
    last.and_then(|message| message.get("content")).map(spoken).unwrap_or_default()
}

/// A text, or the texts of an array's parts.
fn spoken(value: Value<'_>) -> String {
    if let Some(text) = value.text() {
        return text.into_owned();
    }
    let part = |part: Value<'_>| part.text().or_else(|| part.get("text").and_then(Value::text)).map(std::borrow::Cow::into_owned);
    value.elements().filter_map(part).collect::<Vec<String>>().join("\n")
}
