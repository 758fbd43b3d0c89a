//! The few crossings between wasm and the Workers runtime on a request's path: the Rust face of `call.js`.
//!
//! What costs in a Worker written in Rust is not wasm but crossing: each header read through an object, each object held from wasm.
//! So a step takes all that it needs in one call and gets all that it gives in one answer. ARCHITECTURE.md counts the calls.

pub mod arrival;
pub mod head;
pub mod task;

use std::cell::{Cell, RefCell};

use arrival::failure;
pub use arrival::{Arrival, Attempt, Failure};
use head::READ_HEADERS;
pub use head::{Head, ReadHeader};
use serde::de::DeserializeOwned;
use serde_json::Value;
use task::{Brought, Inbox};
use wasm_bindgen::prelude::*;

use crate::admission::keys::KeyDigest;
use crate::admission::record::Region;
use crate::admission::secrets::DerivedKey;
use crate::cache::seal::Seals;
use crate::ledger::message::Message;
use crate::protocol::headers::{Lines, PASSING_DOWN, READ_DOWN, callers_own_id, well_formed_id};
use crate::protocol::json::typed;
use crate::telemetry::message::Message as Told;
use crate::telemetry::observation::Observation;
use crate::telemetry::point::Point;
use crate::telemetry::trace::Ended;

#[wasm_bindgen]
extern "C" {
    /// The runtime's side of a request: `Call` of `call.js`.
    pub type JsCall;
    #[wasm_bindgen(method)]
    fn settings(this: &JsCall, names: &str) -> String;
    #[wasm_bindgen(method)]
    fn prepare(this: &JsCall, read: &str, down: &str, passing: &str, caller: &str, upstream: &str);
    #[wasm_bindgen(method)]
    fn binds(this: &JsCall, name: &str) -> bool;
    #[wasm_bindgen(method)]
    fn head(this: &JsCall, slot: u32) -> String;
    #[wasm_bindgen(method)]
    fn header(this: &JsCall, name: &str) -> String;
    #[wasm_bindgen(method)]
    fn read(this: &JsCall, slot: u32, limit: u32, gzip: bool);
    #[wasm_bindgen(method)]
    #[allow(
        clippy::too_many_arguments,
        reason = "one crossing takes all that an attempt needs; expanded for wasm, the lint does not see it"
    )]
    fn send(
        this: &JsCall,
        slot: u32,
        method: &str,
        url: &str,
        headers: &str,
        body: Option<Vec<u8>>,
        streaming: bool,
        first_byte_ms: u32,
        until_ms: f64,
    );
    #[wasm_bindgen(method)]
    #[allow(clippy::too_many_arguments, reason = "as for `send`")]
    fn inquire(this: &JsCall, slot: u32, url: &str, headers: &str, body: Option<Vec<u8>>, first_byte_ms: u32, until_ms: f64);
    #[wasm_bindgen(method)]
    fn respond(this: &JsCall, status: u16, headers: &str, body: Option<Vec<u8>>);
    #[wasm_bindgen(method)]
    fn pass(this: &JsCall, status: u16, headers: &str, body: Option<Vec<u8>>, back: u8);
    #[wasm_bindgen(method)]
    fn relay(this: &JsCall, slot: u32, status: u16, headers: &str);
    #[wasm_bindgen(method)]
    fn begin(this: &JsCall, status: u16, headers: &str);
    #[wasm_bindgen(method)]
    fn open(this: &JsCall, status: u16, headers: &str);
    #[wasm_bindgen(method)]
    fn write(this: &JsCall, slot: u32, bytes: Vec<u8>);
    #[wasm_bindgen(method)]
    fn chunk(this: &JsCall, slot: u32, given: Option<Vec<u8>>);
    #[wasm_bindgen(method)]
    fn abandon(this: &JsCall);
    #[wasm_bindgen(method)]
    fn end(this: &JsCall, slot: u32, frame: Option<Vec<u8>>, cut: bool);
    #[wasm_bindgen(method)]
    fn look(this: &JsCall, slot: u32, namespace: &str, key: &str, cache_ttl: Option<u32>, seals: Option<&[u8]>, context: &str);
    #[wasm_bindgen(method)]
    #[allow(clippy::too_many_arguments, reason = "as for `send`")]
    fn keep(this: &JsCall, slot: u32, namespace: &str, key: &str, value: Vec<u8>, ttl: Option<u32>, seal: Option<&[u8]>, context: &str);
    #[wasm_bindgen(method)]
    fn seal(this: &JsCall, slot: u32, value: Vec<u8>, seals: &[u8], context: &str, open: bool);
    #[wasm_bindgen(method)]
    #[allow(clippy::too_many_arguments, reason = "as for `send`")]
    fn ledger(this: &JsCall, slot: u32, tenant: &str, jurisdiction: Option<&str>, message: &str, bytes: Vec<u8>, within_ms: u32);
    #[wasm_bindgen(method)]
    fn telemetry(this: &JsCall, slot: u32, message: &str, bytes: Vec<u8>, within_ms: u32);
    #[wasm_bindgen(method)]
    #[allow(clippy::too_many_arguments, reason = "as for `send`")]
    fn store(this: &JsCall, slot: u32, tenant: &str, jurisdiction: Option<&str>, message: &str, bytes: Vec<u8>, within_ms: u32);
    #[wasm_bindgen(method)]
    fn piece(this: &JsCall, slot: u32);
    #[wasm_bindgen(method, js_name = sealAll)]
    #[allow(clippy::too_many_arguments, reason = "as for `send`")]
    fn seal_all(this: &JsCall, slot: u32, values: Vec<u8>, layout: &str, seals: &[u8], context: &str, open: bool);
    /// Of `Job` in `job.js` alone.
    #[wasm_bindgen(method)]
    #[allow(clippy::too_many_arguments, reason = "as for `send`")]
    fn line(this: &JsCall, number: f64, path: &str, id: &str, body: Vec<u8>, key: &str);
    /// Of `Job` in `job.js` alone.
    #[wasm_bindgen(method)]
    fn landed(this: &JsCall, slot: u32);
    #[wasm_bindgen(method)]
    fn limit(this: &JsCall, slot: u32, name: &str, key: &str);
    #[wasm_bindgen(method)]
    fn pause(this: &JsCall, slot: u32, ms: u32);
    #[wasm_bindgen(method)]
    fn linger(this: &JsCall, slot: u32, ms: u32);
    #[wasm_bindgen(method)]
    fn now(this: &JsCall) -> f64;
    #[wasm_bindgen(method)]
    fn random(this: &JsCall) -> f64;
    #[wasm_bindgen(method, js_name = uniqueId)]
    fn unique_id(this: &JsCall) -> String;
    #[wasm_bindgen(method, js_name = secretBytes)]
    fn secret_bytes(this: &JsCall, count: u32) -> Vec<u8>;
    #[wasm_bindgen(method)]
    fn sign(this: &JsCall, slot: u32, seed: Vec<u8>, message: Vec<u8>);
    #[wasm_bindgen(method)]
    fn log(this: &JsCall, line: &str);
    #[wasm_bindgen(method)]
    fn print(this: &JsCall, line: &str);
    #[wasm_bindgen(method)]
    fn point(this: &JsCall, index: &str, blobs: &str, doubles: &[f64]);
    #[wasm_bindgen(method)]
    fn export(this: &JsCall, slot: u32, url: &str, headers: &str, body: &str, within_ms: u32);
}

/// Bytes of a signature by Ed25519 (RFC 8032), and of a public key.
const SIGNATURE: usize = 64;
const PUBLIC_KEY: usize = 32;

/// How long a caller waits for the word on a reservation, in ms: beyond, the ledger counts as one that cannot be reached.
const RESERVED_WITHIN_MS: u32 = 5_000;
/// How long everything else that a ledger is asked may take, in ms: the longest that is given to work after an answer.
const TOLD_WITHIN_MS: u32 = 30_000;
/// How long a collector of telemetry may take, in ms (OpenTelemetry's own default).
const EXPORTED_WITHIN_MS: u32 = 10_000;

/// What comes next of a stream.
#[derive(Debug)]
pub enum Chunk {
    /// Some bytes.
    More(Vec<u8>),
    /// Its end, and how it failed, if it did.
    End(Option<Failure>),
}

/// The proof that a caller has got its answer: what ends a request's path.
#[must_use]
#[derive(Debug)]
pub struct Answered(());

/// One request of a caller, with its runtime objects on both sides of the gateway.
pub struct Call {
    js: JsCall,
    inbox: Inbox,
    /// What is known before the body is read.
    pub head: Head,
    page_may_read: Cell<bool>,
    observed: RefCell<Observation>,
    granted: Option<KeyDigest>,
}

impl Call {
    /// Takes a request over from the runtime.
    pub fn open(js: JsCall, inbox: Inbox) -> Self {
        let head = Head::new(js.head(inbox.slot()));
        let observed = RefCell::new(Observation { latest_ms: head.now_ms, ..Observation::default() });
        Self { js, inbox, head, page_may_read: Cell::new(false), observed, granted: None }
    }

    /// Takes over a call that the gateway makes itself, for the holder of a key.
    pub fn granted(js: JsCall, inbox: Inbox, key: KeyDigest) -> Self {
        Self { granted: Some(key), ..Self::open(js, inbox) }
    }

    /// The key that a call of the gateway's own is made with: no header of a caller can say so.
    pub fn key(&self) -> Option<KeyDigest> {
        self.granted
    }

    /// The id that the answer goes out with, once that is known.
    pub fn told_id(&self) -> Option<String> {
        Some(self.observed.borrow().request_id.clone()).filter(|id| !id.is_empty())
    }

    /// The id that the caller has given the request: its own, which does not begin as the gateway's ids do. The gateway's own calls,
    /// such as those of a batch, have those.
    pub fn given_id(&self) -> Option<&str> {
        let may_be = if self.granted.is_some() { well_formed_id } else { callers_own_id };
        self.head.header(ReadHeader::RequestId).filter(|id| may_be(id))
    }

    /// The id that the answer goes out with, which is settled by this if it was not: the caller's, or a new one. What is noted of an answer
    /// before it goes out is noted under the id that it will have.
    pub fn settled_id(&self) -> String {
        if let Some(id) = self.told_id() {
            return id;
        }
        let id = self.given_id().map_or_else(|| self.unique_id(), str::to_owned);
        self.observe(|seen| seen.request_id.clone_from(&id));
        id
    }

    /// The experiment's arm that answers, as `experiment:arm`, and how the experiment calls the answer; empty outside of one.
    pub fn variant(&self) -> (String, String) {
        let seen = self.observed.borrow();
        (seen.variant.clone(), seen.exposure.clone())
    }

    /// Lets the page that asks read every answer from now on, errors too: admission has found that its origin is the caller's.
    pub fn let_page_read(&self) {
        self.page_may_read.set(true);
    }

    /// Whether [`Self::let_page_read`] was called.
    pub fn page_may_read(&self) -> bool {
        self.page_may_read.get()
    }

    /// Notes something of the request for telemetry.
    pub fn observe(&self, note: impl FnOnce(&mut Observation)) {
        note(&mut self.observed.borrow_mut());
    }

    /// What was noted of the request.
    pub fn observed(&self) -> Observation {
        self.observed.borrow().clone()
    }

    /// Notes that the caller is known, and may call: what it wants of telemetry counts from now on.
    pub fn admitted(&self) {
        self.observe(|seen| seen.admitted = true);
    }

    /// Whether the request has a trace that is kept.
    pub fn is_traced(&self) -> bool {
        self.observed.borrow().is_traced()
    }

    /// The last time that is known, in ms since 1970, without a look at the clock.
    pub fn latest_ms(&self) -> u64 {
        self.observed.borrow().latest_ms
    }

    /// A header that few requests are asked for, and so is not in the [`Head`]; empty when there is none.
    pub fn header(&self, name: &'static str) -> String {
        self.js.header(name)
    }

    /// The caller's IP address as Cloudflare's network knows it, whatever the caller says; empty on a local runtime.
    pub fn address(&self) -> String {
        self.header("cf-connecting-ip")
    }

    /// Reads the body; `None` when it is larger than `limit` bytes.
    ///
    /// # Errors
    /// A body that breaks off, or whose compression is broken.
    pub async fn read(&self, limit: u32, gzip: bool) -> Result<Option<Vec<u8>>, BrokenBody> {
        self.js.read(self.inbox.slot(), limit, gzip);
        let Brought { text, bytes } = self.inbox.next().await;
        match text.as_str() {
            "body" => Ok(Some(bytes)),
            "large" => Ok(None),
            _ => Err(BrokenBody),
        }
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// A body that breaks off.
    pub async fn piece(&self) -> Result<Option<Vec<u8>>, BrokenBody> {
        self.js.piece(self.inbox.slot());
        let Brought { text, bytes } = self.inbox.next().await;
        match text.as_str() {
            "more" => Ok(Some(bytes)),
            "end" => Ok(None),
            _ => Err(BrokenBody),
        }
    }

    /// Makes one attempt upstream. Without a body of its own it sends what the attempt before it sent, or else the caller's bytes.
    pub async fn send(&self, attempt: Attempt<'_>) -> Arrival {
        let Attempt { method, url, headers, body, streaming, first_byte_ms, until_ms } = attempt;
        #[expect(clippy::cast_precision_loss, reason = "a time in ms is far below 2^53")]
        let until_ms = until_ms as f64;
        self.js.send(self.inbox.slot(), method, url, headers.text(), body, streaming, first_byte_ms, until_ms);
        self.attempted(Arrival::read(self.inbox.next().await))
    }

    /// Makes one attempt upstream with a question of the gateway's own. What [`Self::send`] was given and has brought stays as it is.
    /// Without a body it sends what the inquiry before it sent.
    pub async fn inquire(&self, attempt: Attempt<'_>) -> Arrival {
        let Attempt { url, headers, body, first_byte_ms, until_ms, .. } = attempt;
        #[expect(clippy::cast_precision_loss, reason = "a time in ms: exact for 285,000 years")]
        let until_ms = until_ms as f64;
        self.js.inquire(self.inbox.slot(), url, headers.text(), body, first_byte_ms, until_ms);
        self.attempted(Arrival::read(self.inbox.next().await))
    }

    fn attempted(&self, arrival: Arrival) -> Arrival {
        self.observe(|seen| {
            seen.attempt(arrival.now_ms, arrival.elapsed_ms, arrival.is_stream);
            if let Some(trace) = &mut seen.trace {
                let failure = arrival.failure.map(Failure::name);
                trace.attempt_ended(Ended { now_ms: arrival.now_ms, status: arrival.status, failure, is_stream: arrival.is_stream });
            }
        });
        arrival
    }

    /// Answers with a body of the gateway's own; `None` for none.
    pub fn respond(&self, status: u16, headers: &Lines, body: Option<Vec<u8>>) -> Answered {
        self.observe(|seen| seen.answered_status = status);
        self.js.respond(status, headers.text(), body);
        Answered(())
    }

    /// Answers with the passing headers of the last attempt, and its body byte for byte or another in its place.
    pub fn pass(&self, status: u16, headers: &Lines, body: Option<Vec<u8>>) -> Answered {
        self.observe(|seen| seen.answered_status = status);
        self.js.pass(status, headers.text(), body, 0);
        Answered(())
    }

    /// Answers with a failure that so many attempts came after, and with the passing headers that belong to it.
    pub fn pass_earlier(&self, status: u16, headers: &Lines, body: Vec<u8>, back: u8) -> Answered {
        self.observe(|seen| seen.answered_status = status);
        self.js.pass(status, headers.text(), Some(body), back);
        Answered(())
    }

    /// Answers with the stream of the last attempt, pumped by the runtime, and waits for the end of the pump: the arrival holds the
    /// stream's bytes and how it failed, if it did. The caller's stream stays open until [`Self::end`].
    pub async fn relay(&self, status: u16, headers: &Lines) -> (Answered, Arrival) {
        self.observe(|seen| seen.answered_status = status);
        self.js.relay(self.inbox.slot(), status, headers.text());
        let arrival = Arrival::read(self.inbox.next().await);
        self.observe(|seen| seen.stream_ended(arrival.now_ms));
        (Answered(()), arrival)
    }

    /// Answers with a stream whose bytes [`Self::chunk`] gives. It stays open until [`Self::end`].
    pub fn begin(&self, status: u16, headers: &Lines) -> Answered {
        self.observe(|seen| seen.answered_status = status);
        self.js.begin(status, headers.text());
        Answered(())
    }

    /// Answers with a stream of the gateway's own, whose bytes [`Self::write`] gives. It stays open until [`Self::end`].
    pub fn open_stream(&self, status: u16, headers: &Lines) -> Answered {
        self.observe(|seen| seen.answered_status = status);
        self.js.open(status, headers.text());
        Answered(())
    }

    /// Gives the caller some bytes, and tells whether it is still there to take them.
    pub async fn write(&self, bytes: Vec<u8>) -> bool {
        self.js.write(self.inbox.slot(), bytes);
        self.inbox.next().await.text == "given"
    }

    /// Gives the caller some bytes, if there are any, and waits for the next of the stream of the last attempt.
    pub async fn chunk(&self, given: Vec<u8>) -> Chunk {
        self.js.chunk(self.inbox.slot(), Some(given).filter(|given| !given.is_empty()));
        let Brought { text, bytes } = self.inbox.next().await;
        let mut lines = text.split('\n');
        let (ending, said) = (lines.next().unwrap_or_default(), lines.next());
        if said == Some("more") {
            return Chunk::More(bytes);
        }
        if let Some(now_ms) = lines.next().and_then(|now| now.parse().ok()) {
            self.observe(|seen| seen.stream_ended(now_ms));
        }
        Chunk::End(failure(ending))
    }

    /// Gives up what is still to come of the stream of the last attempt.
    pub fn abandon(&self) {
        self.js.abandon();
    }

    /// Ends the caller's stream, behind a last frame when there is one: in good order, or by a `cut` of the connection.
    pub async fn end(&self, frame: Option<Vec<u8>>, cut: bool) {
        self.js.end(self.inbox.slot(), frame, cut);
        self.inbox.next().await;
    }

    /// The value under a key of a KV namespace; `None` when there is none. The location's own cache may have it for `cache_ttl`
    /// seconds (at least 30; 60 when `None`).
    ///
    /// # Errors
    /// KV's own failure.
    pub async fn look(&self, namespace: &str, key: &str, cache_ttl: Option<u32>) -> Result<Option<Vec<u8>>, KvFailure> {
        self.js.look(self.inbox.slot(), namespace, key, cache_ttl, None, "");
        self.looked().await
    }

    /// As [`Self::look`], for what was stored by [`Self::keep_sealed`]. What no seal opens is not there.
    ///
    /// # Errors
    /// KV's own failure.
    pub async fn look_sealed(&self, namespace: &str, key: &str, sealing: Sealing<'_>) -> Result<Option<Vec<u8>>, KvFailure> {
        self.js.look(self.inbox.slot(), namespace, key, None, Some(sealing.seals.all()), sealing.context);
        self.looked().await
    }

    /// As [`Self::look_sealed`], with an answer of the location's own cache that may be `cache_ttl` seconds old (at least 30).
    ///
    /// # Errors
    /// KV's own failure.
    pub async fn look_sealed_within(
        &self,
        namespace: &str,
        key: &str,
        cache_ttl: u32,
        sealing: Sealing<'_>,
    ) -> Result<Option<Vec<u8>>, KvFailure> {
        self.js.look(self.inbox.slot(), namespace, key, Some(cache_ttl), Some(sealing.seals.all()), sealing.context);
        self.looked().await
    }

    async fn looked(&self) -> Result<Option<Vec<u8>>, KvFailure> {
        let Brought { text, bytes } = self.inbox.next().await;
        match text.as_str() {
            "found" => Ok(Some(bytes)),
            "missing" => Ok(None),
            _ => Err(KvFailure),
        }
    }

    /// Stores a value in a KV namespace for `ttl` seconds (at least 60), or for good. May follow an answer.
    ///
    /// # Errors
    /// KV's own failure, its limit of one write a second and key among them.
    pub async fn keep(&self, namespace: &str, key: &str, value: Vec<u8>, ttl: Option<u32>) -> Result<(), KvFailure> {
        self.js.keep(self.inbox.slot(), namespace, key, value, ttl, None, "");
        self.kept().await
    }

    /// As [`Self::keep`], encrypted.
    ///
    /// # Errors
    /// KV's own failure.
    pub async fn keep_sealed(&self, namespace: &str, key: &str, value: Vec<u8>, ttl: u32, sealing: Sealing<'_>) -> Result<(), KvFailure> {
        self.js.keep(self.inbox.slot(), namespace, key, value, Some(ttl), Some(sealing.seals.current()), sealing.context);
        self.kept().await
    }

    /// As [`Self::keep_sealed`], for good.
    ///
    /// # Errors
    /// KV's own failure.
    pub async fn keep_sealed_for_good(&self, namespace: &str, key: &str, value: Vec<u8>, sealing: Sealing<'_>) -> Result<(), KvFailure> {
        self.js.keep(self.inbox.slot(), namespace, key, value, None, Some(sealing.seals.current()), sealing.context);
        self.kept().await
    }

    async fn kept(&self) -> Result<(), KvFailure> {
        if self.inbox.next().await.text == "kept" { Ok(()) } else { Err(KvFailure) }
    }

    /// Encrypts a value that is not empty; `None` when the runtime failed.
    pub async fn seal(&self, value: Vec<u8>, sealing: Sealing<'_>) -> Option<Vec<u8>> {
        self.js.seal(self.inbox.slot(), value, sealing.seals.current(), sealing.context, false);
        Some(self.inbox.next().await.bytes).filter(|bytes| !bytes.is_empty())
    }

    /// Opens what [`Self::seal`] has encrypted; `None` when no seal opens it.
    pub async fn unseal(&self, value: Vec<u8>, sealing: Sealing<'_>) -> Option<Vec<u8>> {
        self.js.seal(self.inbox.slot(), value, sealing.seals.all(), sealing.context, true);
        Some(self.inbox.next().await.bytes).filter(|bytes| !bytes.is_empty())
    }

    /// Encrypts values, each under its name; `None` when the runtime failed.
    pub async fn seal_all(&self, values: Vec<(String, &[u8])>, sealing: Sealing<'_>) -> Option<Vec<Vec<u8>>> {
        let layout = values.iter().map(|(name, value)| format!("{} {name}", value.len())).collect::<Vec<_>>().join("\n");
        let bytes = values.iter().flat_map(|(_, value)| value.iter().copied()).collect();
        if values.is_empty() {
            return Some(Vec::new());
        }
        self.js.seal_all(self.inbox.slot(), bytes, &layout, sealing.seals.current(), sealing.context, false);
        self.many().await
    }

    /// Opens values that [`Self::seal_all`] has encrypted, each by its name and its bytes among those given; `None` when no seal opens one of
    /// them.
    pub async fn unseal_all(&self, names: Vec<(String, usize)>, bytes: Vec<u8>, sealing: Sealing<'_>) -> Option<Vec<Vec<u8>>> {
        if names.is_empty() {
            return Some(Vec::new());
        }
        let layout = names.iter().map(|(name, size)| format!("{size} {name}")).collect::<Vec<_>>().join("\n");
        self.js.seal_all(self.inbox.slot(), bytes, &layout, sealing.seals.all(), sealing.context, true);
        self.many().await
    }

    async fn many(&self) -> Option<Vec<Vec<u8>>> {
        let Brought { text, bytes } = self.inbox.next().await;
        let mut rest = bytes.as_slice();
        let each = text.lines().map(|size| {
            let (value, behind) = rest.split_at_checked(size.parse().ok()?)?;
            rest = behind;
            Some(value.to_vec())
        });
        each.collect()
    }

    /// Makes a call of the gateway's own with a key, in the background of a job.
    pub fn line(&self, number: u64, path: &str, id: &str, body: Vec<u8>, key: &str) {
        #[expect(clippy::cast_precision_loss, reason = "a line's number is far below 2^53")]
        self.js.line(number as f64, path, id, body, key);
    }

    /// Waits until a call of [`Self::line`] has ended, and gives all that have.
    pub async fn landed(&self) -> Vec<Landed> {
        self.js.landed(self.inbox.slot());
        let Brought { text, bytes } = self.inbox.next().await;
        let told: Value = typed::read(&text).unwrap_or_default();
        let mut rest = bytes.as_slice();
        let landed = told.as_array().into_iter().flatten().map(|told| {
            let number = |at: usize| told.get(at).and_then(Value::as_u64).unwrap_or_default();
            let (body, behind) = rest.split_at_checked(usize::try_from(number(2)).unwrap_or(usize::MAX)).unwrap_or((rest, &[]));
            rest = behind;
            let text = |header: &Value, at: usize| header.get(at).and_then(Value::as_str).unwrap_or_default().to_owned();
            let headers = told.get(3).and_then(Value::as_array).into_iter().flatten();
            Landed {
                line: number(0),
                status: u16::try_from(number(1)).unwrap_or_default(),
                headers: headers.map(|header| (text(header, 0), text(header, 1))).collect(),
                body: body.to_vec(),
            }
        });
        landed.collect()
    }

    /// Asks the store of a tenant, with a message that is JSON. May follow an answer.
    ///
    /// # Errors
    /// The store could not be reached, is too slow, or its reply cannot be read.
    pub async fn store(
        &self,
        tenant: &str,
        region: Option<Region>,
        message: &str,
        bytes: Vec<u8>,
    ) -> Result<(Value, Vec<u8>), LedgerFailure> {
        self.js.store(self.inbox.slot(), tenant, region.map(Region::jurisdiction), message, bytes, TOLD_WITHIN_MS);
        self.replied().await
    }

    /// Asks the archive of telemetry. May follow an answer.
    ///
    /// # Errors
    /// The archive could not be reached, is too slow, or its reply cannot be read.
    pub async fn telemetry<R: DeserializeOwned>(&self, message: &Told, bytes: Vec<u8>) -> Result<R, LedgerFailure> {
        let text = serde_json::to_string(message).map_err(|_| LedgerFailure)?;
        self.js.telemetry(self.inbox.slot(), &text, bytes, TOLD_WITHIN_MS);
        self.replied().await.map(|(reply, _)| reply)
    }

    /// Asks the ledger of a tenant. May follow an answer.
    ///
    /// # Errors
    /// The ledger could not be reached, is too slow, or its reply cannot be read.
    pub async fn ledger<R: DeserializeOwned>(
        &self,
        tenant: &str,
        region: Option<Region>,
        message: &Message,
        bytes: Vec<u8>,
    ) -> Result<(R, Vec<u8>), LedgerFailure> {
        let text = serde_json::to_string(message).map_err(|_| LedgerFailure)?;
        let within_ms = if matches!(message, Message::Reserve(_)) { RESERVED_WITHIN_MS } else { TOLD_WITHIN_MS };
        self.js.ledger(self.inbox.slot(), tenant, region.map(Region::jurisdiction), &text, bytes, within_ms);
        self.replied().await
    }

    async fn replied<R: DeserializeOwned>(&self) -> Result<(R, Vec<u8>), LedgerFailure> {
        let Brought { text, bytes } = self.inbox.next().await;
        let reply = text.strip_prefix("said\n").ok_or(LedgerFailure)?;
        Ok((typed::read(reply).map_err(|_| LedgerFailure)?, bytes))
    }

    /// Whether the rate limit bound as `name` lets one more of `key` pass.
    pub async fn limit(&self, name: &str, key: &str) -> bool {
        self.js.limit(self.inbox.slot(), name, key);
        self.inbox.next().await.text == "yes"
    }

    /// Waits.
    pub async fn pause(&self, ms: u32) {
        self.js.pause(self.inbox.slot(), ms);
        self.inbox.next().await;
    }

    /// Waits for so many ms with something that is still to be done when the caller has gone.
    pub async fn linger(&self, ms: u64) {
        self.js.linger(self.inbox.slot(), u32::try_from(ms).unwrap_or(u32::MAX));
        self.inbox.next().await;
    }

    /// The time, in ms since 1970. It stands still between input and output.
    pub fn now_ms(&self) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number of ms after 1970")]
        let now = self.js.now() as u64;
        self.observe(|seen| seen.latest_ms = now);
        now
    }

    /// A number in 0..1 from the runtime's generator.
    pub fn random(&self) -> f64 {
        self.js.random()
    }

    /// An id that no other request has: a random UUID.
    pub fn unique_id(&self) -> String {
        self.js.unique_id()
    }

    /// So many bytes from the runtime's secure generator.
    pub fn secret_bytes(&self, count: u32) -> Vec<u8> {
        self.js.secret_bytes(count)
    }

    /// An Ed25519 signature (64 bytes) of a message, and the public key (32 bytes) that it is checked with.
    ///
    /// # Errors
    /// The runtime does not know Ed25519.
    pub async fn sign(&self, seed: &DerivedKey, message: &[u8]) -> Result<(Vec<u8>, Vec<u8>), SignFailure> {
        // Copies: a view of wasm's memory does not outlive its growth.
        self.js.sign(self.inbox.slot(), seed.to_vec(), message.to_vec());
        let bytes = self.inbox.next().await.bytes;
        let (signature, public) = bytes.split_at_checked(SIGNATURE).filter(|(_, public)| public.len() == PUBLIC_KEY).ok_or(SignFailure)?;
        Ok((signature.to_vec(), public.to_vec()))
    }

    /// As [`Self::log_failure`], with how many of something failed.
    pub fn log_failure_of(&self, what: &'static str, doing: &'static str, count: u64) {
        self.js.log(&format!("{{\"level\":\"error\",\"failed\":\"{what}\",\"doing\":\"{doing}\",\"count\":{count}}}"));
    }

    /// One line for the operator's log.
    pub fn print(&self, line: &str) {
        self.js.print(line);
    }

    /// Writes a data point of Workers Analytics Engine, which is bound.
    pub fn point(&self, point: &Point) {
        self.js.point(&point.index, &point.blobs, &point.doubles);
    }

    /// Sends a message in JSON to a collector of telemetry. May follow an answer.
    pub async fn export(&self, url: &str, headers: &Lines, body: &str) -> Exported {
        self.js.export(self.inbox.slot(), url, headers.text(), body, EXPORTED_WITHIN_MS);
        let Brought { text, bytes } = self.inbox.next().await;
        let mut lines = text.split('\n');
        let mut line = || lines.next().unwrap_or_default();
        Exported { status: line().parse().ok(), retry_after: line().to_owned(), now_ms: line().parse().unwrap_or_default(), body: bytes }
    }

    /// As [`Self::log_failure`], with what another program says of it: its text, which is no text of a request.
    pub fn log_failure_told(&self, what: &'static str, doing: &'static str, told: &str) {
        let told = Value::from(told);
        self.js.log(&format!("{{\"level\":\"error\",\"failed\":\"{what}\",\"doing\":\"{doing}\",\"told\":{told}}}"));
    }

    /// One line for the operator about something that failed behind an answer. Takes fixed words only: no text of a request.
    pub fn log_failure(&self, what: &'static str, doing: &'static str) {
        self.js.log(&format!("{{\"level\":\"error\",\"failed\":\"{what}\",\"doing\":\"{doing}\"}}"));
    }
}

/// The values of the variables that the gateway knows, as JSON.
pub fn settings(js: &JsCall, names: &[&str]) -> String {
    js.settings(&names.join("\n"))
}

/// Tells the runtime what stays the same for every request: which headers are read and passed, and those that every response and
/// every request upstream carries.
pub fn prepare(js: &JsCall, caller: &Lines, upstream: &Lines) {
    js.prepare(READ_HEADERS, &READ_DOWN.join("\n"), &PASSING_DOWN.join("\n"), caller.text(), upstream.text());
}

/// Whether a name is bound to something.
pub fn binds(js: &JsCall, name: &str) -> bool {
    js.binds(name)
}

/// With which keys, and as what, a value is encrypted: it cannot be opened as another.
#[derive(Clone, Copy, Debug)]
pub struct Sealing<'a> {
    /// The keys.
    pub seals: &'a Seals,
    /// Whose it is (the tenant): authenticated with the value.
    pub context: &'a str,
}

/// What a collector of telemetry has answered.
#[derive(Debug)]
pub struct Exported {
    /// HTTP status; none when there is no answer.
    pub status: Option<u16>,
    /// Its `Retry-After`; empty when there is none.
    pub retry_after: String,
    /// When it came, in ms since 1970.
    pub now_ms: u64,
    /// The body.
    pub body: Vec<u8>,
}

/// A call of [`Call::line`] that has ended.
#[derive(Debug)]
pub struct Landed {
    /// Its number.
    pub line: u64,
    /// HTTP status.
    pub status: u16,
    /// Headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A body that could not be read to its end.
#[derive(Debug)]
pub struct BrokenBody;

/// KV could not be read or written.
#[derive(Clone, Copy, Debug)]
pub struct KvFailure;

/// The runtime could not sign.
#[derive(Clone, Copy, Debug)]
pub struct SignFailure;

/// A ledger could not be reached.
#[derive(Clone, Copy, Debug)]
pub struct LedgerFailure;
