//! One entry for both kinds of callers: a whole answer as a stream, and a stream as a whole answer.
//!
//! A stored stream is given to streaming callers in its own chunks, and a stored whole answer to others in its own bytes. Only a
//! caller of the other kind gets a made form, which means the same: texts joined or given in one piece, tool calls, reasoning,
//! log probabilities, usage and every field that this page does not know.

use serde_json::{Map, Value, json};

use crate::protocol::request::Endpoint;
use crate::protocol::sse;

const DONE_EVENT: &[u8] = b"data: [DONE]\n\n";

/// A stored stream for a streaming caller: as it was, less a chunk of usage alone when the caller has not asked for one.
/// (Cerebras puts the usage into the last chunk with choices, asked or not; that stays.)
pub fn stream(stored: &[u8], include_usage: bool) -> Vec<u8> {
    if include_usage {
        return stored.to_vec();
    }
    let alone = |data: &[u8]| {
        let chunk: Option<Value> = parsed(data);
        chunk.is_some_and(|chunk| {
            chunk.get("usage").is_some_and(Value::is_object) && chunk.get("choices").and_then(Value::as_array).is_none_or(Vec::is_empty)
        })
    };
    // Only the last chunk can be of usage alone.
    let last = sse::events(stored).filter(|data| !data.starts_with(b"[DONE]")).last();
    if !last.is_some_and(|data| alone(&data)) {
        return stored.to_vec();
    }
    sse::events(stored).filter(|data| !alone(data)).flat_map(|data| event(&data)).collect()
}

fn event(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len().saturating_add(8));
    for line in data.split(|byte| *byte == b'\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
    out
}

/// A whole answer as a stream, in the chunks that Cerebras would use for an answer that is ready at once. `None` when it is not an
/// answer.
pub fn whole_to_stream(stored: &[u8], endpoint: Endpoint) -> Option<Vec<u8>> {
    let Value::Object(mut answer) = parsed(stored)? else { return None };
    let Some(Value::Array(choices)) = answer.shift_remove("choices") else { return None };
    let object = match endpoint {
        Endpoint::Chat => "chat.completion.chunk",
        Endpoint::Text => "text_completion",
    };
    // What tells the answer stands in each chunk; what is known at its end only, in the last.
    let (mut each, mut last) = (Map::new(), Map::new());
    for (name, value) in answer {
        match name.as_str() {
            "object" => {}
            "id" | "created" | "model" | "system_fingerprint" => drop(each.insert(name, value)),
            _ => drop(last.insert(name, value)),
        }
    }
    let mut out = Vec::with_capacity(stored.len().saturating_mul(2));
    let mut chunk = |choice: Value, end: Option<&Map<String, Value>>| {
        let mut chunk = Map::new();
        for name in ["id"] {
            if let Some(value) = each.get(name) {
                chunk.insert(name.to_owned(), value.clone());
            }
        }
        chunk.insert("choices".to_owned(), Value::Array(vec![choice]));
        chunk.extend(each.iter().filter(|(name, _)| *name != "id").map(|(name, value)| (name.clone(), value.clone())));
        chunk.insert("object".to_owned(), object.into());
        if let Some(end) = end {
            chunk.extend(end.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(Value::Object(chunk).to_string().as_bytes());
        out.extend_from_slice(b"\n\n");
    };
    let count = choices.len();
    for (place, choice) in choices.into_iter().enumerate() {
        let Value::Object(mut choice) = choice else { return None };
        let index = choice.shift_remove("index").unwrap_or_else(|| place.into());
        let finish = choice.shift_remove("finish_reason");
        let end = (place.saturating_add(1) == count).then_some(&last);
        let mut closing = Map::new();
        match endpoint {
            Endpoint::Chat => {
                let Some(Value::Object(mut message)) = choice.shift_remove("message") else { return None };
                if let Some(role) = message.shift_remove("role") {
                    chunk(json!({"delta": {"role": role}, "index": index}), None);
                }
                // Reasoning comes before what it leads to; tool calls come last.
                let calls = message.shift_remove("tool_calls");
                let reasoning = message.shift_remove_entry("reasoning");
                for (name, value) in reasoning.into_iter().chain(message) {
                    // The log probabilities are those of the content's tokens.
                    let logprobs = if name == "content" { choice.shift_remove("logprobs") } else { None };
                    let mut piece = json!({"delta": {name: value}, "index": index});
                    if let (Some(logprobs), Value::Object(piece)) = (logprobs, &mut piece) {
                        piece.insert("logprobs".to_owned(), logprobs);
                    }
                    chunk(piece, None);
                }
                if let Some(calls) = calls {
                    let calls = match calls {
                        Value::Array(calls) => Value::Array(calls.into_iter().enumerate().map(numbered).collect()),
                        other => other,
                    };
                    chunk(json!({"delta": {"tool_calls": calls}, "index": index}), None);
                }
                closing.insert("delta".to_owned(), Value::Object(Map::new()));
            }
            Endpoint::Text => {
                let text = choice.shift_remove("text").unwrap_or_else(|| "".into());
                closing.insert("text".to_owned(), text);
            }
        }
        // What else the choice holds is said at its end.
        closing.extend(choice);
        if let Some(finish) = finish {
            closing.insert("finish_reason".to_owned(), finish);
        }
        closing.insert("index".to_owned(), index);
        chunk(Value::Object(closing), end);
    }
    out.extend_from_slice(DONE_EVENT);
    Some(out)
}

/// A tool call in a delta says which it is.
fn numbered((index, call): (usize, Value)) -> Value {
    match call {
        Value::Object(mut call) => {
            call.insert("index".to_owned(), index.into());
            Value::Object(call)
        }
        other => other,
    }
}

/// A stream as the whole answer that it spelled. `None` when it is not one.
pub fn stream_to_whole(stored: &[u8], endpoint: Endpoint) -> Option<Vec<u8>> {
    let mut answer = Map::new();
    let mut choices: Vec<(u64, Map<String, Value>)> = Vec::new();
    for data in sse::events(stored) {
        if data.starts_with(b"[DONE]") {
            break;
        }
        let Value::Object(chunk) = parsed(&data)? else { return None };
        for (name, value) in chunk {
            match (name.as_str(), value) {
                ("choices", Value::Array(pieces)) => {
                    for piece in pieces {
                        let Value::Object(piece) = piece else { return None };
                        let index = piece.get("index").and_then(Value::as_u64).unwrap_or(0);
                        if !choices.iter().any(|(known, _)| *known == index) {
                            choices.push((index, Map::new()));
                        }
                        let (_, choice) = choices.iter_mut().find(|(known, _)| *known == index)?;
                        gather(choice, piece);
                    }
                    // The place of the choices in the answer is where they first stood.
                    answer.entry("choices").or_insert(Value::Null);
                }
                ("choices" | "object", _) => {}
                (_, Value::Null) => drop(answer.entry(name).or_insert(Value::Null)),
                (_, value) => drop(answer.insert(name, value)),
            }
        }
    }
    if choices.is_empty() {
        return None;
    }
    choices.sort_by_key(|(index, _)| *index);
    let finished = choices.into_iter().map(|(_, choice)| Value::Object(unnumbered(choice))).collect();
    answer.insert("choices".to_owned(), Value::Array(finished));
    let object = match endpoint {
        Endpoint::Chat => "chat.completion",
        Endpoint::Text => "text_completion",
    };
    answer.insert("object".to_owned(), object.into());
    Some(Value::Object(answer).to_string().into_bytes())
}

/// Adds a chunk's piece of a choice to what is known of it.
fn gather(choice: &mut Map<String, Value>, piece: Map<String, Value>) {
    for (name, value) in piece {
        match (name.as_str(), value) {
            ("delta", Value::Object(delta)) => {
                if let Value::Object(message) = choice.entry("message").or_insert_with(|| Value::Object(Map::new())) {
                    gather_message(message, delta);
                }
            }
            ("text", Value::String(text)) => join_text(choice, name, text),
            ("logprobs" | "reasoning_logprobs", Value::Object(logprobs)) => {
                if let Value::Object(known) = choice.entry(name).or_insert_with(|| Value::Object(Map::new())) {
                    join_lists(known, logprobs);
                }
            }
            // A null says nothing that was not known: chunks carry `"finish_reason": null` until the last.
            (_, Value::Null) => drop(choice.entry(name).or_insert(Value::Null)),
            (_, value) => drop(choice.insert(name, value)),
        }
    }
}

fn gather_message(message: &mut Map<String, Value>, delta: Map<String, Value>) {
    for (name, value) in delta {
        match (name.as_str(), value) {
            ("role", value) => drop(message.insert(name, value)),
            ("tool_calls", Value::Array(pieces)) => {
                if let Value::Array(calls) = message.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
                    pieces.into_iter().for_each(|piece| gather_call(calls, piece));
                }
            }
            (_, Value::String(text)) => join_text(message, name, text),
            (_, Value::Null) => drop(message.entry(name).or_insert(Value::Null)),
            (_, value) => drop(message.insert(name, value)),
        }
    }
}

/// Calls come whole from Cerebras, but their arguments may come in pieces that say which call they belong to.
fn gather_call(calls: &mut Vec<Value>, piece: Value) {
    let place = |call: &Value| call.get("index").and_then(Value::as_u64);
    let id = |call: &Value| call.get("id").and_then(Value::as_str).map(str::to_owned);
    let more_of =
        |call: &&mut Value| place(&piece).is_some() && place(call) == place(&piece) && id(&piece).is_none_or(|more| id(call) == Some(more));
    let (Some(Value::Object(call)), Some(Value::Object(function))) = (calls.iter_mut().find(more_of), piece.get("function")) else {
        calls.push(piece);
        return;
    };
    let more = function.get("arguments").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(Value::Object(function)) = call.get_mut("function") {
        join_text(function, "arguments".to_owned(), more);
    }
}

/// A choice whose tool calls stand in their order and, as in every whole answer, without their numbers.
fn unnumbered(mut choice: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Array(calls)) = choice.get_mut("message").and_then(|message| message.get_mut("tool_calls")) {
        calls.sort_by_key(|call| call.get("index").and_then(Value::as_u64));
        for call in calls.iter_mut().filter_map(Value::as_object_mut) {
            call.shift_remove("index");
        }
    }
    choice
}

fn join_text(object: &mut Map<String, Value>, name: String, text: String) {
    match object.get_mut(&name) {
        Some(Value::String(known)) => known.push_str(&text),
        _ => drop(object.insert(name, Value::String(text))),
    }
}

fn join_lists(known: &mut Map<String, Value>, more: Map<String, Value>) {
    for (name, value) in more {
        match (known.get_mut(&name), value) {
            (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
            (Some(_), Value::Null) => {}
            (_, value) => drop(known.insert(name, value)),
        }
    }
}

/// JSON as text, so that one reader of it serves the whole Worker: each more is as large as the first.
fn parsed(bytes: &[u8]) -> Option<Value> {
    serde_json::from_str(std::str::from_utf8(bytes).ok()?).ok()
}
