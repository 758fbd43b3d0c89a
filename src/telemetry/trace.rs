//! One request as spans: its own, and one for each attempt upstream. Identified by W3C Trace Context; written as OTLP/JSON, with the names of
//! OpenTelemetry's conventions for HTTP and generative AI. No text of a request or an answer comes here.

use serde_json::{Value, json};

use super::draw::mixed;
use crate::protocol::answer::Identity;
use crate::protocol::headers::well_formed_traceparent;
use crate::protocol::usage::Usage;

/// The most attempts of one request that have spans.
const MOST_ATTEMPTS: usize = 64;
/// The longest `tracestate` that goes on: what everybody must let pass (W3C Trace Context, section 3.3.1.5).
const LONGEST_STATE: usize = 512;
/// The kinds of spans that there are here (opentelemetry/proto/trace/v1/trace.proto).
const SERVER: u8 = 2;
const CLIENT: u8 = 3;
/// What stands for a method that is none of the known ones, by OpenTelemetry's word.
pub const OTHER_METHOD: &str = "_OTHER";
/// What stands for a path that there is not.
const UNKNOWN_PATH: &str = "/{unknown}";
/// The status of a span that failed, by the same file.
const FAILED: u8 = 2;
/// `sampled`, and that it is known whether the parent is of another process (there too).
const FLAGS: u32 = 0x101;
const PARENT_IS_REMOTE: u32 = 0x200;

/// What a caller's `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The trace.
    pub trace: u128,
    /// The caller's span.
    pub span: u64,
    /// Whether the caller keeps its own spans.
    pub sampled: bool,
}

impl Parent {
    /// From the header's value; none when it is not well-formed.
    pub fn read(value: &str) -> Option<Self> {
        let mut parts = Some(value).filter(|value| well_formed_traceparent(value))?.split('-').skip(1);
        let trace = u128::from_str_radix(parts.next()?, 16).ok()?;
        let span = u64::from_str_radix(parts.next()?, 16).ok()?;
        let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
        Some(Self { trace, span, sampled: flags & 1 == 1 })
    }
}

/// An attempt upstream.
#[derive(Clone, Debug, Default)]
struct Attempt {
    operation: &'static str,
    model: String,
    began_ms: u64,
    ended_ms: u64,
    status: u16,
    failure: Option<&'static str>,
    is_stream: bool,
    first_byte_ms: Option<u64>,
    usage: Option<Usage>,
    identity: Identity,
}

/// A request's trace, which is one to keep.
#[derive(Clone, Debug)]
pub struct Trace {
    trace: u128,
    parent: Option<u64>,
    span: u64,
    /// The caller's `tracestate`; empty when there is none.
    state: String,
    attempts: Vec<Attempt>,
    /// Attempts that had no room for a span of their own.
    left_out: u64,
}

/// How an attempt upstream ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// When, in ms since 1970.
    pub now_ms: u64,
    /// The HTTP status; 0 without one.
    pub status: u16,
    /// The kind of failure, if no answer came.
    pub failure: Option<&'static str>,
    /// Whether an event stream has begun.
    pub is_stream: bool,
}

impl Trace {
    /// Begins one: the caller's, or a new one with an id of 128 drawn bits. A request's span is named by a drawn number too.
    pub fn begin(parent: Option<Parent>, drawn: (u64, u64), span: u64) -> Self {
        // Ids must not be all zero (W3C Trace Context, section 3.2.2).
        let own = (u128::from(drawn.0) << 64 | u128::from(drawn.1)).max(1);
        let trace = parent.map_or(own, |parent| parent.trace);
        let parent = parent.map(|parent| parent.span);
        Self { trace, parent, span: span.max(1), state: String::new(), attempts: Vec::new(), left_out: 0 }
    }

    /// With the caller's `tracestate`, which belongs to its `traceparent`; without one there is none.
    #[must_use]
    pub fn with_state(mut self, state: &str) -> Self {
        if self.parent.is_some() && state.len() <= LONGEST_STATE && state.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            state.clone_into(&mut self.state);
        }
        self
    }

    /// The trace's id in hexadecimal digits.
    pub fn id(&self) -> String {
        format!("{:032x}", self.trace)
    }

    /// The id of the request's span.
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span)
    }

    fn span_of(&self, place: usize) -> u64 {
        let place = u64::try_from(place).unwrap_or(u64::MAX).saturating_add(1);
        mixed(self.span ^ place.rotate_left(32)).max(1)
    }

    /// Begins an attempt upstream, at a path behind the base address, of a model of the operator's table. What it sends is the `traceparent`
    /// that this gives.
    pub fn attempt(&mut self, target: &str, model: &str, began_ms: u64) -> String {
        let operation = match target {
            "/v1/chat/completions" => "chat",
            "/v1/completions" => "text_completion",
            _ => "list_models",
        };
        if self.attempts.len() < MOST_ATTEMPTS {
            self.attempts.push(Attempt { operation, model: model.to_owned(), began_ms, ended_ms: began_ms, ..Attempt::default() });
        } else {
            // The last span stands for what follows.
            self.left_out = self.left_out.saturating_add(1);
        }
        format!("00-{:032x}-{:016x}-01", self.trace, self.span_of(self.attempts.len().saturating_sub(1)))
    }

    /// Ends the attempt that was begun last. A stream goes on until [`Self::stream_ended`].
    pub fn attempt_ended(&mut self, ended: Ended) {
        if let Some(last) = self.attempts.last_mut() {
            (last.ended_ms, last.status, last.failure, last.is_stream) = (ended.now_ms, ended.status, ended.failure, ended.is_stream);
            last.first_byte_ms = ended.is_stream.then_some(ended.now_ms.saturating_sub(last.began_ms));
        }
    }

    /// Ends the stream of the attempt that was begun last.
    pub fn stream_ended(&mut self, now_ms: u64) {
        if let Some(last) = self.attempts.last_mut().filter(|last| last.is_stream) {
            last.ended_ms = last.ended_ms.max(now_ms);
        }
    }

    /// Notes what the answered attempt used.
    pub fn used(&mut self, usage: Usage) {
        if let Some(last) = self.attempts.last_mut() {
            last.usage = Some(usage);
        }
    }

    /// Notes what the answer of the answered attempt tells of itself.
    pub fn identified(&mut self, identity: Identity) {
        if let Some(last) = self.attempts.last_mut() {
            last.identity = identity;
        }
    }

    /// All spans as OTLP/JSON, the request's own first, with commas between them; and how many they are.
    pub fn spans(&self, request: &Request<'_>, upstream: &Upstream<'_>) -> (String, u64) {
        let failed = (request.status >= 500).then_some(FAILED);
        // Paths have ids of people in them, so what stands for the path is its template.
        let mut attributes = vec![
            text("http.request.method", request.method),
            text("url.scheme", request.scheme),
            text("url.path", request.route.unwrap_or(UNKNOWN_PATH)),
            text("maya.endpoint", request.endpoint),
        ];
        if let Some(route) = request.route {
            attributes.push(text("http.route", route));
        }
        for (name, value) in [
            ("maya.tenant", request.tenant),
            ("maya.model", request.model),
            ("maya.source", request.source),
            ("maya.variant", request.variant),
            ("maya.request_id", request.request_id),
            ("error.type", request.error),
        ] {
            if !value.is_empty() {
                attributes.push(text(name, value));
            }
        }
        if request.status > 0 {
            attributes.push(number("http.response.status_code", request.status.into()));
        }
        if self.left_out > 0 {
            attributes.push(number("maya.attempts_without_span", self.left_out));
        }
        let own = Span {
            id: self.span,
            parent: self.parent,
            flags: if self.parent.is_some() { FLAGS | PARENT_IS_REMOTE } else { FLAGS },
            name: name(request),
            kind: SERVER,
            times: (request.began_ms, request.ended_ms),
            failed,
            attributes,
        };
        let mut written = self.written(own);
        for (place, attempt) in self.attempts.iter().enumerate() {
            written.push(',');
            written.push_str(&self.written(self.of_attempt(place, attempt, upstream)));
        }
        (written, u64::try_from(self.attempts.len()).unwrap_or(u64::MAX).saturating_add(1))
    }

    fn of_attempt(&self, place: usize, attempt: &Attempt, upstream: &Upstream<'_>) -> Span {
        let mut attributes = vec![
            text("gen_ai.operation.name", attempt.operation),
            text("gen_ai.provider.name", "cerebras"),
            text("server.address", upstream.host),
            number("server.port", upstream.port.into()),
        ];
        if !attempt.model.is_empty() {
            attributes.push(text("gen_ai.request.model", &attempt.model));
        }
        if attempt.status > 0 {
            attributes.push(number("http.response.status_code", attempt.status.into()));
        }
        let error = attempt.failure.map(str::to_owned).or_else(|| (attempt.status >= 400).then(|| attempt.status.to_string()));
        if let Some(error) = &error {
            attributes.push(text("error.type", error));
        }
        if let Some(ms) = attempt.first_byte_ms {
            attributes.push(number("maya.first_byte_ms", ms));
        }
        for (name, value) in [("gen_ai.response.id", &attempt.identity.id), ("gen_ai.response.model", &attempt.identity.model)] {
            if !value.is_empty() {
                attributes.push(text(name, value));
            }
        }
        if !attempt.identity.finish_reasons.is_empty() {
            attributes.push(texts("gen_ai.response.finish_reasons", &attempt.identity.finish_reasons));
        }
        if let Some(usage) = attempt.usage {
            attributes.push(number("gen_ai.usage.input_tokens", usage.prompt_tokens));
            attributes.push(number("gen_ai.usage.output_tokens", usage.completion_tokens));
        }
        Span {
            id: self.span_of(place),
            parent: Some(self.span),
            flags: FLAGS,
            name: [attempt.operation, &attempt.model].join(" ").trim_end().to_owned(),
            kind: CLIENT,
            times: (attempt.began_ms, attempt.ended_ms.max(attempt.began_ms)),
            failed: error.map(|_| FAILED),
            attributes,
        }
    }

    fn written(&self, span: Span) -> String {
        let mut written = json!({
            "traceId": self.id(),
            "spanId": format!("{:016x}", span.id),
            "flags": span.flags,
            "name": span.name,
            "kind": span.kind,
            "startTimeUnixNano": nanoseconds(span.times.0),
            "endTimeUnixNano": nanoseconds(span.times.1),
            "attributes": span.attributes,
        });
        if let Value::Object(written) = &mut written {
            if let Some(parent) = span.parent {
                written.insert("parentSpanId".to_owned(), format!("{parent:016x}").into());
            }
            if !self.state.is_empty() {
                written.insert("traceState".to_owned(), self.state.as_str().into());
            }
            if let Some(code) = span.failed {
                written.insert("status".to_owned(), json!({"code": code}));
            }
        }
        written.to_string()
    }
}

struct Span {
    id: u64,
    parent: Option<u64>,
    flags: u32,
    name: String,
    kind: u8,
    times: (u64, u64),
    failed: Option<u8>,
    attributes: Vec<Value>,
}

/// `{method} {route}`, as far as both are known (OpenTelemetry, "Semantic conventions for HTTP spans", Name).
fn name(request: &Request<'_>) -> String {
    let method = if request.method == OTHER_METHOD { "HTTP" } else { request.method };
    request.route.map_or_else(|| method.to_owned(), |route| [method, " ", route].concat())
}

/// What a request asks for, as far as operators are told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// The method, if it is a known one; else [`OTHER_METHOD`].
    pub method: &'a str,
    /// `https` or `http`.
    pub scheme: &'a str,
    /// What it is counted as.
    pub endpoint: &'a str,
    /// The path's template; none for a path that there is not.
    pub route: Option<&'a str>,
}

/// What the request's own span says.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "each is named for what it is; texts are empty when there is nothing to say")]
pub struct Request<'a> {
    pub method: &'a str,
    pub scheme: &'a str,
    pub route: Option<&'a str>,
    pub endpoint: &'a str,
    pub tenant: &'a str,
    pub model: &'a str,
    pub source: &'a str,
    pub variant: &'a str,
    pub request_id: &'a str,
    pub error: &'a str,
    /// The HTTP status; 0 when there was no answer.
    pub status: u16,
    /// In ms since 1970.
    pub began_ms: u64,
    /// In ms since 1970.
    pub ended_ms: u64,
}

/// Where attempts go.
#[derive(Clone, Copy, Debug)]
pub struct Upstream<'a> {
    /// The host's name.
    pub host: &'a str,
    /// The port.
    pub port: u16,
}

impl<'a> Upstream<'a> {
    /// From an address with its scheme.
    pub fn of(url: &'a str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
        let authority = rest.split('/').next().unwrap_or_default();
        let usual = if scheme == "http" { 80 } else { 443 };
        match authority.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
            Some((host, Ok(port))) => Self { host, port },
            _ => Self { host: authority, port: usual },
        }
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn texts(key: &str, values: &[String]) -> Value {
    let values: Vec<Value> = values.iter().map(|value| json!({"stringValue": value})).collect();
    json!({"key": key, "value": {"arrayValue": {"values": values}}})
}

/// 64-bit numbers are texts in the JSON of Protobuf.
fn number(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

fn nanoseconds(ms: u64) -> String {
    ms.saturating_mul(1_000_000).to_string()
}

/// A message of OTLP/HTTP (`ExportTraceServiceRequest`) around spans, from an isolate by its name.
pub fn message(isolate: &str, spans: &str) -> String {
    let resource = [
        text("service.name", "maya-edge"),
        text("service.version", env!("CARGO_PKG_VERSION")),
        text("service.instance.id", isolate),
        text("cloud.provider", "cloudflare"),
    ];
    let scope = json!({"name": "maya-edge", "version": env!("CARGO_PKG_VERSION")});
    let resource = json!({"attributes": resource});
    format!("{{\"resourceSpans\":[{{\"resource\":{resource},\"scopeSpans\":[{{\"scope\":{scope},\"spans\":[{spans}]}}]}}]}}")
}
