//! A request as an arm wants it.

use serde_json::Value;

use super::definition::{Arm, PREFIX};
use crate::error::Error;
use crate::protocol::json;
use crate::protocol::request::{CompletionRequest, Endpoint};

/// The body of a completion as an arm wants it: the model and the temperature that it names in place of the caller's, and its prompt as a
/// first message. Every other byte stays. `None` when nothing changes.
///
/// # Errors
/// 400 when neither the arm nor the caller names a model, and when a text completion, which has no messages, meets an arm with a prompt.
pub fn varied(request: &CompletionRequest<'_>, arm: &Arm) -> Result<Option<Vec<u8>>, Error> {
    let root = request.root();
    let mut edits = Vec::new();
    match (&arm.model, root.get("model")) {
        (Some(model), Some(given)) if model != request.model() => edits.push((given.span(), Value::from(model.as_str()).to_string())),
        (None, _) if request.model().starts_with(PREFIX) => return Err(no_model()),
        _ => {}
    }
    let mut added = String::new();
    if let Some(temperature) = arm.temperature {
        match root.get("temperature") {
            Some(given) => edits.push((given.span(), temperature.to_string())),
            None => added.push_str(&format!(",\"temperature\":{temperature}")),
        }
    }
    if let Some(prompt) = &arm.prompt {
        if request.endpoint() == Endpoint::Text {
            let message =
                "An arm of the experiment has a prompt, which is a message, and this endpoint has none. Use /v1/chat/completions.";
            return Err(Error::invalid("experiment_needs_messages", "prompt", message));
        }
        if let Some(messages) = root.get("messages") {
            // There is at least one message, or the request would not have been read.
            let at = messages.span().start.saturating_add(1);
            let content = Value::from(prompt.as_str());
            edits.push((at..at, format!("{{\"role\":\"system\",\"content\":{content}}},")));
        }
    }
    if !added.is_empty() {
        // The closing brace is the last byte of the object, and the object is not empty: it has a model.
        let end = root.span().end.saturating_sub(1);
        edits.push((end..end, added));
    }
    Ok((!edits.is_empty()).then(|| json::edited(request.text(), edits)))
}

/// What is said of a request that names an experiment in a model's place, when an arm of it needs one.
pub fn no_model() -> Error {
    let message =
        "An arm of the experiment names no model. Give each arm one, or name a model here and the experiment in `x-maya-experiment`.";
    Error::invalid("experiment_without_model", "model", message)
}
