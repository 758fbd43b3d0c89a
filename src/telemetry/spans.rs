//! Traces in OpenTelemetry's protocol (OTLP/HTTP with JSON, version 1): a span for a request, by the conventions for HTTP servers, and one for each
//! attempt upstream, by those for generative AI. They belong to the caller's trace when it names one (W3C Trace Context).

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::observation::Observation;
use super::prometheus::operation;
use crate::admission::keys::hex;

/// The most spans that wait to be exported: what comes beyond is lost, and counted.
pub const MOST: usize = 1_000;

const SERVER: u8 = 2;
const CLIENT: u8 = 3;
const ERROR: u8 = 2;

/// A request, as its span tells it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// What it is counted as.
    pub endpoint: &'static str,
    /// When it came, in ms since 1970.
    pub arrived_ms: u64,
    /// The caller's `traceparent`, well formed.
    pub traceparent: Option<&'a str>,
}

/// Whether the caller's trace is recorded; none without a trace of the caller's.
pub fn is_sampled(traceparent: Option<&str>) -> Option<bool> {
    let flags = traceparent?.get(53..55)?;
    Some(u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1))
}

/// The spans of a request. `seed` is what no other request has.
pub fn spans(request: Request<'_>, seen: &Observation, seed: &str) -> Vec<Value> {
    let parts = |text: Option<&str>| text.and_then(|parent| Some((parent.get(3..35)?.to_owned(), parent.get(36..52)?.to_owned())));
    let parent = parts(request.traceparent);
    let own = hex(&Sha256::digest(seed));
    let cut = |digest: &str, from: usize, to: usize| digest.get(from..to).unwrap_or_default().to_owned();
    let trace = parent.as_ref().map_or_else(|| cut(&own, 0, 32), |(trace, _)| trace.clone());
    let server = cut(&own, 32, 48);
    let labels = seen.labels(request.endpoint);
    let mut attributes = vec![
        text("http.request.method", request.method),
        text("http.route", request.endpoint),
        number("http.response.status_code", u64::from(seen.status)),
        text("maya_edge.tenant", &labels.tenant),
        text("maya_edge.source", &labels.source),
        text("gen_ai.response.model", &labels.model),
    ];
    if seen.calls > 0 {
        attributes.push(text("gen_ai.operation.name", operation(request.endpoint)));
        attributes.push(number("gen_ai.usage.input_tokens", seen.usage.prompt_tokens));
        attributes.push(number("gen_ai.usage.output_tokens", seen.usage.completion_tokens));
    }
    attributes.extend(seen.error.as_deref().map(|code| text("error.type", code)));
    let mut whole = span(
        &trace,
        &server,
        SERVER,
        &format!("{} {}", request.method, request.endpoint),
        (request.arrived_ms, seen.latest_ms),
        attributes,
    );
    if let Some((_, parent)) = parent {
        put(&mut whole, "parentSpanId", json!(parent));
    }
    // A refusal of the caller's own making is no error of the server.
    if seen.error.is_some() && seen.status >= 500 {
        put(&mut whole, "status", json!({"code": ERROR}));
    }
    let mut spans = vec![whole];
    for (place, attempt) in seen.attempts.iter().enumerate() {
        let id = cut(&hex(&Sha256::digest(format!("{seed} {place}"))), 0, 16);
        let doing = operation(request.endpoint);
        let mut attributes = vec![
            text("gen_ai.operation.name", doing),
            text("gen_ai.provider.name", "cerebras"),
            text("gen_ai.request.model", &attempt.model),
            number("http.request.resend_count", u64::try_from(place).unwrap_or_default()),
        ];
        let failed = match attempt.status {
            0 => Some("no_answer".to_owned()),
            400.. => Some(attempt.status.to_string()),
            _ => None,
        };
        if attempt.status > 0 {
            attributes.push(number("http.response.status_code", u64::from(attempt.status)));
        }
        attributes.extend(failed.as_deref().map(|kind| text("error.type", kind)));
        let time = (attempt.ended_ms.saturating_sub(u64::from(attempt.elapsed_ms)), attempt.ended_ms);
        let mut told = span(&trace, &id, CLIENT, format!("{doing} {}", attempt.model).trim_end(), time, attributes);
        put(&mut told, "parentSpanId", json!(server));
        if failed.is_some() {
            put(&mut told, "status", json!({"code": ERROR}));
        }
        spans.push(told);
    }
    spans
}

/// The body of an export.
pub fn body(spans: &[Value]) -> Vec<u8> {
    let scope = json!({"name": "maya-edge", "version": env!("CARGO_PKG_VERSION")});
    let resource = json!({"attributes": [text("service.name", "maya-edge"), text("service.version", env!("CARGO_PKG_VERSION"))]});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": spans}]}]}).to_string().into_bytes()
}

fn span(trace: &str, id: &str, kind: u8, name: &str, (start_ms, end_ms): (u64, u64), attributes: Vec<Value>) -> Value {
    // Numbers of 64 bits are texts in protobuf's JSON.
    let nanos = |ms: u64| ms.saturating_mul(1_000_000).to_string();
    json!({
        "traceId": trace,
        "spanId": id,
        "name": name,
        "kind": kind,
        "startTimeUnixNano": nanos(start_ms),
        "endTimeUnixNano": nanos(end_ms.max(start_ms)),
        "attributes": attributes,
    })
}

fn put(span: &mut Value, name: &str, value: Value) {
    if let Some(fields) = span.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn number(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}
