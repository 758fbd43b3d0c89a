//! Lines in the log, data points, and spans for a collector: what becomes of a request once it has ended.
//!
//! Spans are gathered in memory. A request that finds some stays for a moment after its answer and sends all that there are by then; the others
//! add to them and are gone.

use std::cell::{Cell, RefCell};

use super::draw::Draw;
use super::point::Point;
use super::request_log;
use super::settings::Tracing;
use super::trace::{Parent, Trace, Upstream, message};
use crate::Gateway;
use crate::boundary::{Call, ReadHeader};
use crate::protocol::json::typed;

/// The name of the binding of Workers Analytics Engine.
pub const ANALYTICS: &str = "ANALYTICS";
/// The most spans of a message.
const BATCH: u64 = 512;
/// The most spans that wait: beyond, they are counted as lost.
const MOST: u64 = 4_096;
/// How often a message that fails is sent.
const TRIES: u8 = 3;
/// How long a request may be at it before another takes over, in ms: the runtime ends what takes longer (30 s after its answer).
const SENDING_MS: u64 = 35_000;

/// The spans of a request.
#[derive(Debug)]
struct Spans {
    written: String,
    count: u64,
}

/// What an isolate has seen and not yet sent.
#[derive(Debug, Default)]
pub struct Tracer {
    draw: Draw,
    waiting: RefCell<Vec<Spans>>,
    held: Cell<u64>,
    lost: Cell<u64>,
    tries: Cell<u8>,
    isolate: RefCell<String>,
    /// Since when a request waits to send, or sends, in ms since 1970.
    sending_since_ms: Cell<Option<u64>>,
}

impl Gateway {
    /// Begins a request's trace, if it is one to keep: the caller decides about its own traces, and the operator's share about the rest.
    pub fn begin_trace(&self, call: &Call) {
        let Some(tracing) = self.config().ok().and_then(|config| config.tracing.as_ref()) else { return };
        let draw = &self.tracer.draw;
        let parent = call.head.header(ReadHeader::Traceparent).and_then(Parent::read);
        let kept = parent.map_or_else(|| draw.takes(tracing.sample, || call.unique_id()), |parent| parent.sampled && tracing.sample > 0.0);
        if kept {
            let next = || draw.next(|| call.unique_id());
            let trace = Trace::begin(parent, (next(), next()), next());
            call.observe(|seen| seen.trace = Some(Box::new(trace)));
        }
    }

    /// Tells the log of a request that has ended, and keeps its spans until they are sent.
    pub fn tell_request(&self, call: &Call, endpoint: &'static str) {
        let Ok(config) = self.config() else { return };
        let mut trace = None;
        let mut failed = false;
        call.observe(|seen| {
            trace = seen.trace.take();
            failed = seen.error.is_some();
        });
        let logged = failed || self.tracer.draw.takes(config.log_sample, || call.unique_id());
        if !logged && trace.is_none() && !self.binds.analytics {
            return;
        }
        let observed = call.observed();
        let route = route(endpoint);
        let (request, figures) = observed.told(method(call.head.method()), (endpoint, &route), call.head.now_ms);
        if logged {
            let trace_id = trace.as_ref().map(|trace| trace.id());
            call.print(&request_log::line(&request, &figures, trace_id.as_deref(), config.log_sample));
        }
        if self.binds.analytics {
            call.point(&Point::of(&request, &figures));
        }
        if let Some(trace) = trace {
            let (written, count) = trace.spans(&request, &Upstream::of(&config.base_url));
            self.tracer.keep(Spans { written, count });
        }
    }

    /// Sends the spans that there are, a moment from now, unless another request does. What could not be sent is told to the operator.
    pub async fn export_traces(&self, call: &Call) {
        let Ok(config) = self.config() else { return };
        if let Some(tracing) = &config.tracing {
            self.tracer.deliver(call, tracing, config.telemetry_ms).await;
        }
    }
}

impl Tracer {
    fn keep(&self, spans: Spans) {
        let held = self.held.get().saturating_add(spans.count);
        if held > MOST {
            self.lose(spans.count);
            return;
        }
        self.held.set(held);
        self.waiting.borrow_mut().push(spans);
    }

    fn lose(&self, count: u64) {
        self.lost.set(self.lost.get().saturating_add(count));
    }

    async fn deliver(&self, call: &Call, tracing: &Tracing, rest_ms: u64) {
        let now_ms = call.latest_ms();
        let busy = self.sending_since_ms.get().is_some_and(|since| now_ms.saturating_sub(since) < SENDING_MS);
        if busy || self.waiting.borrow().is_empty() && self.lost.get() == 0 {
            return;
        }
        self.sending_since_ms.set(Some(now_ms));
        call.linger(rest_ms).await;
        // What comes while a message is on its way goes with the next one of this request.
        while self.send(call, tracing).await {}
        self.sending_since_ms.set(None);
        let lost = self.lost.take();
        if lost > 0 {
            call.log_failure_of("traces", "export: spans lost", lost);
        }
    }

    /// Sends a message; false when there is none to send, or when it failed and waits for the next request.
    async fn send(&self, call: &Call, tracing: &Tracing) -> bool {
        let batch = self.take();
        if batch.is_empty() {
            return false;
        }
        if self.isolate.borrow().is_empty() {
            self.isolate.replace(call.unique_id());
        }
        let count = batch.iter().fold(0_u64, |count, spans| count.saturating_add(spans.count));
        let spans = batch.iter().map(|spans| &*spans.written).collect::<Vec<_>>().join(",");
        let body = message(&self.isolate.borrow(), &spans);
        match call.export(&tracing.url, &tracing.headers, &body).await {
            Some((200..=299, answer)) => {
                self.tries.set(0);
                self.lose(rejected(&answer));
                true
            }
            // What the specification of OTLP/HTTP says may be sent again.
            None | Some((429 | 502..=504, _)) if self.tries.get().saturating_add(1) < TRIES => {
                self.tries.set(self.tries.get().saturating_add(1));
                self.held.set(self.held.get().saturating_add(count));
                self.waiting.borrow_mut().splice(0..0, batch);
                false
            }
            _ => {
                self.tries.set(0);
                self.lose(count);
                false
            }
        }
    }

    /// The next batch, whole requests only.
    fn take(&self) -> Vec<Spans> {
        let mut waiting = self.waiting.borrow_mut();
        let mut count = 0_u64;
        let fits = waiting.iter().take_while(|spans| {
            count = count.saturating_add(spans.count);
            count <= BATCH
        });
        let fitting = fits.count().max(1).min(waiting.len());
        let batch: Vec<Spans> = waiting.drain(..fitting).collect();
        let taken = batch.iter().fold(0_u64, |taken, spans| taken.saturating_add(spans.count));
        self.held.set(self.held.get().saturating_sub(taken));
        batch
    }
}

/// How many spans a collector that has taken a message did not take (`ExportTracePartialSuccess`).
fn rejected(answer: &[u8]) -> u64 {
    let told: Option<serde_json::Value> = std::str::from_utf8(answer).ok().and_then(|text| typed::read(text).ok());
    let rejected = told.as_ref().and_then(|told| told.pointer("/partialSuccess/rejectedSpans"));
    // A 64-bit number is a text in the JSON of Protobuf, and some write it as a number.
    rejected.and_then(|count| count.as_u64().or_else(|| count.as_str()?.parse().ok())).unwrap_or_default()
}

/// The path that an endpoint is called at, without what differs from call to call.
fn route(endpoint: &str) -> String {
    match endpoint {
        "chat" => "/v1/chat/completions".to_owned(),
        "admin" => "/admin".to_owned(),
        "unknown" => "/".to_owned(),
        other => ["/v1/", other].concat(),
    }
}

/// A method that is known, or what OpenTelemetry says for another.
fn method(method: &str) -> &'static str {
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"].into_iter().find(|known| *known == method).unwrap_or("_OTHER")
}
