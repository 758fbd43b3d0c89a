//! The lines of output and error files, as OpenAI writes them, and batches and files as its clients read them.

use serde_json::Value;

use super::message::{Closing, LineError, Record, Status, object};
use crate::protocol::json::Document;

/// The id of a line's call.
pub fn request_id(batch: &str, line: u64) -> String {
    format!("batch_req_{}_{line}", batch.trim_start_matches("batch_"))
}

/// The line for an answer, with its line end. `raw_id` is the caller's id as JSON.
pub fn answered(batch: &str, line: u64, raw_id: &str, status: u16, body: &[u8]) -> Vec<u8> {
    let id = request_id(batch, line);
    let head =
        format!("{{\"id\":\"{id}\",\"custom_id\":{raw_id},\"response\":{{\"status_code\":{status},\"request_id\":\"{id}\",\"body\":");
    let mut text = head.into_bytes();
    if Document::read(body).is_ok() {
        // Between the tokens of JSON a line end is a space, and within a text there is none.
        text.extend(body.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    } else {
        text.extend(Value::from(String::from_utf8_lossy(body)).to_string().into_bytes());
    }
    text.extend_from_slice(b"},\"error\":null}\n");
    text
}

/// The line for a call that was not made.
pub fn unasked(batch: &str, line: u64, raw_id: &str, closing: &Closing) -> Vec<u8> {
    let error = object(vec![("code", closing.code.as_str().into()), ("message", closing.message.as_str().into())]);
    let id = request_id(batch, line);
    format!("{{\"id\":\"{id}\",\"custom_id\":{raw_id},\"response\":null,\"error\":{error}}}\n").into_bytes()
}

/// A batch. `head` is what its owner has written to it.
pub fn batch(record: &Record, head: &Value) -> Value {
    let seconds = |ms: Option<u64>| Value::from(ms.map(|ms| ms / 1000));
    let ended = |status| seconds(record.ended_ms.filter(|_| record.status == status));
    let errors = match record.errors.as_slice() {
        [] => Value::Null,
        errors => object(vec![("object", "list".into()), ("data", Value::Array(errors.iter().map(LineError::written).collect()))]),
    };
    let waits = record.asked.starts_ms.filter(|_| record.status == Status::Validating);
    let counts = [("total", record.total), ("completed", record.completed), ("failed", record.failed)];
    object(vec![
        ("id", record.id.as_str().into()),
        ("object", "batch".into()),
        ("endpoint", record.asked.endpoint.as_str().into()),
        ("errors", errors),
        ("input_file_id", record.asked.input_file.as_str().into()),
        ("completion_window", record.asked.window.as_str().into()),
        ("status", record.status.name().into()),
        ("output_file_id", record.output_file.as_deref().into()),
        ("error_file_id", record.error_file.as_deref().into()),
        ("created_at", (record.created_ms / 1000).into()),
        ("in_progress_at", seconds(record.in_progress_ms)),
        ("expires_at", (record.expires_ms / 1000).into()),
        ("finalizing_at", seconds(record.finalizing_ms)),
        ("completed_at", ended(Status::Completed)),
        ("failed_at", ended(Status::Failed)),
        ("expired_at", ended(Status::Expired)),
        ("cancelling_at", seconds(record.cancelling_ms)),
        ("cancelled_at", ended(Status::Cancelled)),
        ("request_counts", object(counts.map(|(name, count)| (name, count.into())).to_vec())),
        ("metadata", head.get("metadata").cloned().unwrap_or(Value::Null)),
        ("priority", if record.asked.starts_ms.is_some() { "off_peak" } else { "normal" }.into()),
        ("starts_at", seconds(waits)),
    ])
}

/// A file, from what the store says of it. `head` is what its owner called it.
pub fn file(known: &Value, head: &Value) -> Value {
    let number = |name: &str| known.get(name).and_then(Value::as_u64).unwrap_or_default();
    let text = |name: &str| known.get(name).and_then(Value::as_str).unwrap_or_default();
    let results = || {
        let what = if known.get("ok") == Some(&Value::Bool(true)) { "output" } else { "error" };
        format!("{}_{what}.jsonl", text("batch"))
    };
    let filename = head.get("filename").and_then(Value::as_str).map_or_else(results, str::to_owned);
    object(vec![
        ("id", text("id").into()),
        ("object", "file".into()),
        ("bytes", number("size").into()),
        ("created_at", (number("created_ms") / 1000).into()),
        ("expires_at", (number("expires_ms") / 1000).into()),
        ("filename", filename.into()),
        ("purpose", text("purpose").into()),
        ("status", "processed".into()),
        ("status_details", Value::Null),
    ])
}

/// A page of a list.
pub fn page(data: Vec<Value>, more: bool) -> Value {
    let id = |item: Option<&Value>| item.and_then(|item| item.get("id")).cloned().unwrap_or(Value::Null);
    let (first, last) = (id(data.first()), id(data.last()));
    object(vec![("object", "list".into()), ("data", data.into()), ("first_id", first), ("last_id", last), ("has_more", more.into())])
}
