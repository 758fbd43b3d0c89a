//! Lines in the log, data points, and spans for a collector: what becomes of a request once it has ended.
//!
//! Spans are gathered in memory. A request that finds some stays for a moment after its answer and sends all that there are by then; the others
//! add to them and are gone.

use std::cell::{Cell, RefCell};

use super::draw::Draw;
use super::point::Point;
use super::request_log;
use super::settings::Tracing;
use super::strangers::{LeftOut, Strangers};
use super::trace::{Asked, OTHER_METHOD, Parent, Trace, Upstream, message};
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
const TRIES: u8 = 5;
/// How long a collector that fails is left alone: at first, doubled with each failure, and at the most, in ms.
const FIRST_PAUSE_MS: u64 = 1_000;
const LONGEST_PAUSE_MS: u64 = 60_000;
/// How long a request stays to send again, in ms: with a message on its way it ends before the runtime ends it.
const STAYING_MS: u64 = 15_000;
/// The most of a collector's own words that the operator's log gets.
const LONGEST_WORDS: usize = 200;
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
    /// How often the first message that waits has failed.
    tries: Cell<u8>,
    /// Failures since the collector last took something.
    failures: Cell<u32>,
    /// Until when it is left alone, in ms since 1970.
    not_before_ms: Cell<u64>,
    strangers: RefCell<Strangers>,
    isolate: RefCell<String>,
    /// Since when a request waits to send, or sends, in ms since 1970.
    sending_since_ms: Cell<Option<u64>>,
}

/// What became of a message.
enum Sending {
    /// There was none.
    Nothing,
    /// It was taken, or given up at once: the next may go.
    Taken,
    /// The collector is to be left alone from a time until another, in ms since 1970.
    Failed(u64, u64),
}

impl Gateway {
    /// Begins a request's trace, if it may be one to keep. The operator's share decides about all that come without a trace, and a caller
    /// about its own traces: what it does not keep, the gateway does not; what it keeps, the gateway does once the caller is admitted.
    pub fn begin_trace(&self, call: &Call) {
        let Some(tracing) = self.config().ok().and_then(|config| config.tracing.as_ref()) else { return };
        let draw = &self.tracer.draw;
        let parent = call.head.header(ReadHeader::Traceparent).and_then(Parent::read);
        if tracing.sample <= 0.0 || parent.is_some_and(|parent| !parent.sampled) {
            return;
        }
        let taken = draw.takes(tracing.sample, || call.unique_id());
        if taken || parent.is_some() {
            let next = || draw.next(|| call.unique_id());
            let state = call.head.header(ReadHeader::Tracestate).unwrap_or_default();
            let trace = Trace::begin(parent, (next(), next()), next()).with_state(state);
            call.observe(|seen| (seen.trace, seen.trace_on_word) = (Some(Box::new(trace)), !taken));
        }
    }

    /// Tells the log of a request that has ended, and keeps its spans until they are sent.
    pub fn tell_request(&self, call: &Call, endpoint: &'static str, route: Option<&'static str>) {
        let Ok(config) = self.config() else { return };
        let mut trace = None;
        let (mut failed, mut admitted) = (false, false);
        call.observe(|seen| {
            trace = seen.take_trace();
            (failed, admitted) = (seen.error.is_some(), seen.admitted);
        });
        let mut logged = failed || self.tracer.draw.takes(config.log_sample, || call.unique_id());
        let would = LeftOut { lines: logged.into(), traces: trace.is_some().into() };
        if !self.tracer.has_room(call, admitted, would) {
            (logged, trace) = (false, None);
        }
        if !logged && trace.is_none() && !self.binds.analytics {
            return;
        }
        let observed = call.observed();
        let scheme = call.head.origin().split_once("://").map_or("https", |(scheme, _)| scheme);
        let (request, figures) = observed.told(Asked { method: method(call.head.method()), scheme, endpoint, route }, call.head.now_ms);
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
    /// Whether a request that has ended may be told of. Who is admitted may; of the others there are so many a second, and what was left
    /// out is told to the operator with the next request after it.
    fn has_room(&self, call: &Call, admitted: bool, would: LeftOut) -> bool {
        let at_ms = call.latest_ms();
        let mut strangers = self.strangers.borrow_mut();
        if let Some(left_out) = strangers.left_out(at_ms) {
            call.print(&request_log::left_out(left_out));
        }
        admitted || would == LeftOut::default() || strangers.takes(at_ms, would)
    }

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
        if busy || now_ms < self.not_before_ms.get() || self.waiting.borrow().is_empty() && self.lost.get() == 0 {
            return;
        }
        self.sending_since_ms.set(Some(now_ms));
        call.linger(rest_ms).await;
        let stays_until_ms = now_ms.saturating_add(rest_ms).saturating_add(STAYING_MS);
        loop {
            match self.send(call, tracing).await {
                Sending::Nothing => break,
                // What has come while a message was on its way goes with the next one of this request.
                Sending::Taken => {}
                // The next request may be long in coming, so this one waits, if that is not for too long.
                Sending::Failed(now_ms, until_ms) if until_ms <= stays_until_ms => call.linger(until_ms.saturating_sub(now_ms)).await,
                Sending::Failed(..) => break,
            }
        }
        self.sending_since_ms.set(None);
        let lost = self.lost.take();
        if lost > 0 {
            call.log_failure_of("traces", "export: spans lost", lost);
        }
    }

    /// Sends a message.
    async fn send(&self, call: &Call, tracing: &Tracing) -> Sending {
        let batch = self.take();
        if batch.is_empty() {
            return Sending::Nothing;
        }
        if self.isolate.borrow().is_empty() {
            self.isolate.replace(call.unique_id());
        }
        let count = batch.iter().fold(0_u64, |count, spans| count.saturating_add(spans.count));
        let spans = batch.iter().map(|spans| &*spans.written).collect::<Vec<_>>().join(",");
        let body = message(&self.isolate.borrow(), &spans);
        let answer = call.export(&tracing.url, &tracing.headers, &body).await;
        match answer.status {
            Some(200..=299) => {
                self.tries.set(0);
                self.failures.set(0);
                let Rejected { spans, told } = Rejected::read(&answer.body);
                self.lose(spans);
                if !told.is_empty() {
                    call.log_failure_told("traces", "export: the collector's words", &told);
                }
                Sending::Taken
            }
            // What the specification of OTLP/HTTP says may be sent again.
            None | Some(429 | 502..=504) => {
                let failures = self.failures.get();
                self.failures.set(failures.saturating_add(1));
                let drawn = self.draw.next(|| call.unique_id());
                let until_ms = answer.now_ms.saturating_add(pause_ms(failures, drawn, &answer.retry_after));
                self.not_before_ms.set(until_ms);
                self.tries.set(self.tries.get().saturating_add(1));
                if self.tries.get() < TRIES {
                    self.held.set(self.held.get().saturating_add(count));
                    self.waiting.borrow_mut().splice(0..0, batch);
                } else {
                    self.tries.set(0);
                    self.lose(count);
                }
                Sending::Failed(answer.now_ms, until_ms)
            }
            Some(_) => {
                self.tries.set(0);
                self.lose(count);
                Sending::Taken
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

/// How long a collector that has failed so often before is left alone, in ms: as long as it says by `Retry-After`, in seconds, or else
/// for a time that doubles, of which a drawn number decides about half, so that isolates do not come all at once.
pub fn pause_ms(failures: u32, drawn: u64, retry_after: &str) -> u64 {
    if let Ok(seconds) = retry_after.trim().parse::<u64>() {
        return seconds.saturating_mul(1_000).clamp(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
    }
    let whole = FIRST_PAUSE_MS.saturating_mul(2_u64.saturating_pow(failures)).min(LONGEST_PAUSE_MS);
    let half = whole.div_euclid(2);
    half.saturating_add(drawn.checked_rem(half.saturating_add(1)).unwrap_or_default())
}

/// What a collector that has taken a message did not take of it (`ExportTracePartialSuccess`).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// So many spans.
    pub spans: u64,
    /// Why, or what else it has to say: its own words, cut and without what a log cannot bear.
    pub told: String,
}

impl Rejected {
    /// From the body of its answer.
    pub fn read(answer: &[u8]) -> Self {
        let told: Option<serde_json::Value> = std::str::from_utf8(answer).ok().and_then(|text| typed::read(text).ok());
        let Some(partial) = told.as_ref().and_then(|told| told.get("partialSuccess")) else { return Self::default() };
        // A 64-bit number is a text in the JSON of Protobuf, and some write it as a number.
        let spans = partial.get("rejectedSpans").and_then(|count| count.as_u64().or_else(|| count.as_str()?.parse().ok()));
        let told = partial.get("errorMessage").and_then(serde_json::Value::as_str).unwrap_or_default();
        let told = told.chars().take(LONGEST_WORDS).map(|letter| if matches!(letter, ' '..='~') { letter } else { '?' });
        Self { spans: spans.unwrap_or_default(), told: told.collect() }
    }
}

/// A method that is known, or what OpenTelemetry says for another.
fn method(method: &str) -> &'static str {
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"].into_iter().find(|known| *known == method).unwrap_or(OTHER_METHOD)
}
