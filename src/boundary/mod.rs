//! The few crossings between wasm and the Workers runtime on a request's path: the Rust face of `runtime.js`.
//!
//! What costs in a Worker written in Rust is not wasm but crossing: each header read through an object, each object held from wasm.
//! So a step takes all that it needs in one call and gets all that it gives in one answer. ARCHITECTURE.md counts the calls.

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(module = "/src/boundary/runtime.js")]
extern "C" {
    #[wasm_bindgen(js_name = settings)]
    fn js_settings(env: &JsValue, names: &str, headers: &str) -> String;

    #[wasm_bindgen(js_name = Call)]
    type JsCall;
    #[wasm_bindgen(constructor, js_class = "Call")]
    fn new(request: JsValue) -> JsCall;
    #[wasm_bindgen(method)]
    fn head(this: &JsCall) -> String;
    #[wasm_bindgen(method)]
    fn read(this: &JsCall, limit: u32, gzip: bool) -> Promise;
    #[wasm_bindgen(method)]
    #[expect(clippy::too_many_arguments, reason = "one crossing takes all that an attempt needs")]
    fn send(
        this: &JsCall,
        method: &str,
        url: &str,
        headers: &str,
        body: Option<Vec<u8>>,
        streaming: bool,
        first_byte_ms: u32,
        total_ms: u32,
    ) -> Promise;
    #[wasm_bindgen(method)]
    fn respond(this: &JsCall, status: u16, headers: &str, body: Option<&[u8]>) -> JsValue;
    #[wasm_bindgen(method)]
    fn pass(this: &JsCall, status: u16, headers: &str) -> JsValue;
    #[wasm_bindgen(method)]
    fn relay(this: &JsCall, status: u16, headers: &str) -> JsValue;
    #[wasm_bindgen(method)]
    fn relayed(this: &JsCall) -> Promise;
    #[wasm_bindgen(method)]
    fn end(this: &JsCall, frame: Option<&[u8]>) -> Promise;

    fn look(kv: &JsValue, key: &str) -> Promise;
    fn keep(kv: &JsValue, key: &str, entry: &[u8], ttl: u32) -> Promise;
    #[wasm_bindgen(js_name = pause)]
    fn js_pause(ms: u32) -> Promise;
    #[wasm_bindgen(js_name = log)]
    fn js_log(line: &str);
    /// An id that no other request has: a random UUID.
    #[wasm_bindgen(js_name = uniqueId)]
    pub fn unique_id() -> String;
    fn binding(env: &JsValue, name: &str) -> JsValue;

    /// The runtime's `ctx`.
    pub type Context;
    /// Keeps the isolate at work for a request after its answer has gone out.
    #[wasm_bindgen(method, js_name = waitUntil)]
    pub fn wait_until(this: &Context, promise: Promise);
}

/// A request header that the gateway reads. The order is the order of the lines that [`Call::open`] gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
#[expect(missing_docs, reason = "each is named for its header")]
pub enum ReadHeader {
    Authorization,
    ContentType,
    ContentEncoding,
    CacheControl,
    SkipCache,
    CacheTtl,
    CacheKey,
    RequestId,
    Traceparent,
    Tracestate,
    Origin,
    RequestMethod,
    RequestHeaders,
    QueueThreshold,
    VersionPatch,
    Integration,
}

const READ_HEADERS: &str = "authorization\ncontent-type\ncontent-encoding\ncache-control\ncf-aig-skip-cache\ncf-aig-cache-ttl\n\
cf-aig-cache-key\nx-request-id\ntraceparent\ntracestate\norigin\naccess-control-request-method\naccess-control-request-headers\n\
queue_threshold\nx-cerebras-version-patch\nx-cerebras-3rd-party-integration";

/// How many lines stand before the headers: time, method, address.
const LINES_BEFORE: usize = 3;

/// What is known of a request before its body is read.
#[derive(Debug)]
pub struct Head {
    text: String,
    /// Milliseconds since 1970 at the request's arrival.
    pub now_ms: u64,
}

impl Head {
    fn line(&self, index: usize) -> &str {
        self.text.split('\n').nth(index).unwrap_or_default()
    }

    /// The method, in capitals.
    pub fn method(&self) -> &str {
        self.line(1)
    }

    /// The path and, behind `?`, the query.
    pub fn target(&self) -> (&str, Option<&str>) {
        let url = self.line(2);
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let target = rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/");
        target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)))
    }

    /// A header's value, when there is one that is not empty.
    pub fn header(&self, header: ReadHeader) -> Option<&str> {
        Some(self.line(LINES_BEFORE.saturating_add(header as usize))).filter(|value| !value.is_empty())
    }
}

/// How an attempt, or a stream, failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The connection could not be made, or broke.
    Lost,
    /// The first byte did not come in time.
    FirstByteLate,
    /// The whole did not come in time.
    TotalLate,
}

fn failure(number: &str) -> Option<Failure> {
    match number {
        "0" => None,
        "2" => Some(Failure::FirstByteLate),
        "3" => Some(Failure::TotalLate),
        _ => Some(Failure::Lost),
    }
}

/// One attempt upstream, on its way out.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// The method.
    pub method: &'static str,
    /// The whole address.
    pub url: &'a str,
    /// `name: value` lines.
    pub headers: &'a str,
    /// The body when it differs from the caller's.
    pub body: Option<Vec<u8>>,
    /// Whether an event stream is wanted.
    pub streaming: bool,
    /// Until the first byte, in ms.
    pub first_byte_ms: u32,
    /// Until the end, in ms.
    pub total_ms: u32,
}

/// What came back from an attempt.
#[derive(Debug)]
pub struct Arrival {
    text: String,
    packed: Vec<u8>,
    body_at: usize,
}

impl Arrival {
    fn unpack(packed: Vec<u8>) -> Self {
        let size = packed.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
        let body_at = size.saturating_add(4);
        let text = packed.get(4..body_at).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
        Self { text, packed, body_at }
    }

    fn line(&self, index: usize) -> &str {
        self.text.split('\n').nth(index).unwrap_or_default()
    }

    /// How it failed, if it did.
    pub fn failure(&self) -> Option<Failure> {
        failure(self.line(0))
    }

    /// How long it took, in ms.
    pub fn elapsed_ms(&self) -> u32 {
        self.line(1).parse().unwrap_or_default()
    }

    /// Whether an event stream has begun; else the body is whole.
    pub fn is_stream(&self) -> bool {
        self.line(2) == "stream"
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.line(3).parse().unwrap_or_default()
    }

    /// The headers, as pairs of lower-case name and value.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.text.split('\n').skip(4).filter_map(|line| line.split_once(": "))
    }

    /// The body, or all bytes of a stream that has ended.
    pub fn body(&self) -> &[u8] {
        self.packed.get(self.body_at..).unwrap_or_default()
    }
}

/// One request of a caller, with its runtime objects on both sides of the gateway.
pub struct Call {
    js: JsCall,
    /// What is known before the body is read.
    pub head: Head,
}

impl Call {
    /// Takes a request over from the runtime.
    pub fn open(request: JsValue) -> Self {
        let js = JsCall::new(request);
        let text = js.head();
        let now_ms = text.split('\n').next().and_then(|now| now.parse().ok()).unwrap_or_default();
        Self { js, head: Head { text, now_ms } }
    }

    /// Reads the body; `None` when it is larger than `limit` bytes.
    ///
    /// # Errors
    /// A body that breaks off, or whose compression is broken.
    pub async fn read(&self, limit: u32, gzip: bool) -> Result<Option<Vec<u8>>, BrokenBody> {
        let read = JsFuture::from(self.js.read(limit, gzip)).await.map_err(|_| BrokenBody)?;
        Ok(if read.is_null() { None } else { Some(Uint8Array::unchecked_from_js(read).to_vec()) })
    }

    /// Makes one attempt upstream.
    pub async fn send(&self, attempt: Attempt<'_>) -> Arrival {
        let Attempt { method, url, headers, body, streaming, first_byte_ms, total_ms } = attempt;
        let promise = self.js.send(method, url, headers, body, streaming, first_byte_ms, total_ms);
        unpack(promise).await
    }

    /// A response with a body of the gateway's own; `None` for one without.
    pub fn respond(&self, status: u16, headers: &str, body: Option<&[u8]>) -> JsValue {
        self.js.respond(status, headers, body)
    }

    /// A response with the body of the last attempt, byte for byte.
    pub fn pass(&self, status: u16, headers: &str) -> JsValue {
        self.js.pass(status, headers)
    }

    /// A response with the stream of the last attempt, pumped by the runtime. [`Self::relayed`] and [`Self::end`] must follow.
    pub fn relay(&self, status: u16, headers: &str) -> JsValue {
        self.js.relay(status, headers)
    }

    /// Waits for the end of the pump; the arrival holds the stream's bytes and how it failed, if it did.
    pub async fn relayed(&self) -> Arrival {
        unpack(self.js.relayed()).await
    }

    /// Ends the caller's stream, behind a last frame when there is one.
    pub async fn end(&self, frame: Option<&[u8]>) {
        // The method catches what the runtime throws when the caller has gone.
        let _ = JsFuture::from(self.js.end(frame)).await;
    }
}

/// A body that could not be read to its end.
#[derive(Debug)]
pub struct BrokenBody;

async fn unpack(promise: Promise) -> Arrival {
    let packed = JsFuture::from(promise).await.map(|value| Uint8Array::unchecked_from_js(value).to_vec());
    // The methods never throw; an empty description reads as a lost connection.
    Arrival::unpack(packed.unwrap_or_default())
}

/// The values of the variables that the gateway knows, as JSON, and the headers that it will read from now on.
pub fn settings(env: &JsValue, names: &[&str]) -> String {
    js_settings(env, &names.join("\n"), READ_HEADERS)
}

/// Waits.
pub async fn pause(ms: u32) {
    let _ = JsFuture::from(js_pause(ms)).await;
}

/// A number in 0..1 from the runtime's generator.
pub fn random() -> f64 {
    js_sys::Math::random()
}

/// A KV namespace.
#[derive(Clone)]
pub struct Kv(JsValue);

impl Kv {
    /// The namespace bound under a name, if there is one.
    pub fn bound(env: &JsValue, name: &str) -> Option<Self> {
        let bound = binding(env, name);
        (!bound.is_undefined()).then_some(Self(bound))
    }

    /// The value under a key; `None` when there is none.
    ///
    /// # Errors
    /// KV's own failure.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KvFailure> {
        let found = JsFuture::from(look(&self.0, key)).await.map_err(|_| KvFailure)?;
        Ok(if found.is_null() { None } else { Some(Uint8Array::unchecked_from_js(found).to_vec()) })
    }

    /// Stores a value for `ttl` seconds (at least 60).
    ///
    /// # Errors
    /// KV's own failure, its limit of one write a second and key among them.
    pub async fn put(&self, key: &str, value: &[u8], ttl: u32) -> Result<(), KvFailure> {
        JsFuture::from(keep(&self.0, key, value, ttl)).await.map(|_| ()).map_err(|_| KvFailure)
    }
}

/// KV could not be read or written.
#[derive(Clone, Copy, Debug)]
pub struct KvFailure;

/// The time, in ms since 1970. It stands still between input and output.
pub fn now_ms() -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number of ms after 1970")]
    let now = js_sys::Date::now() as u64;
    now
}

/// One line for the operator about something that failed behind an answer. Takes fixed words only: no text of a request.
pub fn log_failure(what: &'static str, doing: &'static str) {
    js_log(&format!("{{\"level\":\"error\",\"failed\":\"{what}\",\"doing\":\"{doing}\"}}"));
}
