//! One line of JSON about a request, for the operator's log. No text of a request or an answer comes here, and no end user.

use serde_json::{Map, Value, json};

use super::strangers::LeftOut;
use super::trace::Request;

/// What a line says beside what a span does.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "each is named for what it is, and none when unknown")]
pub struct Figures {
    pub latency_ms: u64,
    pub first_byte_ms: Option<u64>,
    pub upstream_ms: Option<u64>,
    pub attempts: u64,
    pub stood_in: u64,
    pub calls: u64,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    /// None when the price of a call is unknown.
    pub cost_micro_dollars: Option<u64>,
    pub saved_by_cache: u64,
}

/// The line about requests of strangers that have none.
pub fn left_out(LeftOut { lines, traces }: LeftOut) -> String {
    json!({"level": "warn", "log": "left_out", "of": "requests that were not admitted", "lines": lines, "traces": traces}).to_string()
}

/// The line. `sample` is the share of requests that have one, so that sums can be scaled; a failure always has one.
pub fn line(request: &Request<'_>, figures: &Figures, trace_id: Option<&str>, sample: f64) -> String {
    let level = match (request.error, request.status) {
        (_, 500..) => "error",
        ("", _) => "info",
        _ => "warn",
    };
    let mut line = Map::new();
    let mut say = |name: &str, value: Value| {
        line.insert(name.to_owned(), value);
    };
    say("level", json!(level));
    say("log", json!("request"));
    say("at_ms", json!(request.ended_ms));
    for (name, value) in [
        ("method", request.method),
        ("endpoint", request.endpoint),
        ("tenant", request.tenant),
        ("model", request.model),
        ("source", request.source),
        ("variant", request.variant),
        ("request_id", request.request_id),
        ("trace_id", trace_id.unwrap_or_default()),
        ("error", request.error),
    ] {
        if !value.is_empty() {
            say(name, json!(value));
        }
    }
    if request.status > 0 {
        say("status", json!(request.status));
    }
    say("latency_ms", json!(figures.latency_ms));
    for (name, value) in [("first_byte_ms", figures.first_byte_ms), ("upstream_ms", figures.upstream_ms)] {
        if let Some(value) = value {
            say(name, json!(value));
        }
    }
    if figures.attempts > 0 {
        say("attempts", json!(figures.attempts));
        say("stood_in", json!(figures.stood_in > 0));
    }
    if figures.calls > 0 {
        say("prompt_tokens", json!(figures.prompt_tokens));
        say("completion_tokens", json!(figures.completion_tokens));
        say("cost_micro_dollars", json!(figures.cost_micro_dollars));
    }
    if figures.saved_by_cache > 0 {
        say("saved_by_cache_micro_dollars", json!(figures.saved_by_cache));
    }
    say("sample", json!(if request.error.is_empty() { sample } else { 1.0 }));
    Value::Object(line).to_string()
}
