//! The runtime's side of a request, as `call.js` and `job.js` have it: the names and types of every crossing.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The runtime's side of a request: `Call` of `call.js`.
    pub type JsCall;
    #[wasm_bindgen(method)]
    pub(super) fn settings(this: &JsCall, names: &str) -> String;
    #[wasm_bindgen(method)]
    pub(super) fn prepare(this: &JsCall, read: &str, down: &str, passing: &str, caller: &str, upstream: &str);
    #[wasm_bindgen(method)]
    pub(super) fn binds(this: &JsCall, name: &str) -> bool;
    #[wasm_bindgen(method)]
    pub(super) fn head(this: &JsCall, slot: u32) -> String;
    #[wasm_bindgen(method)]
    pub(super) fn header(this: &JsCall, name: &str) -> String;
    #[wasm_bindgen(method)]
    pub(super) fn read(this: &JsCall, slot: u32, limit: u32, gzip: bool);
    #[wasm_bindgen(method)]
    #[allow(
        clippy::too_many_arguments,
        reason = "one crossing takes all that an attempt needs; expanded for wasm, the lint does not see it"
    )]
    pub(super) fn send(
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
    pub(super) fn inquire(this: &JsCall, slot: u32, url: &str, headers: &str, body: Option<Vec<u8>>, first_byte_ms: u32, until_ms: f64);
    #[wasm_bindgen(method)]
    pub(super) fn respond(this: &JsCall, status: u16, headers: &str, body: Option<Vec<u8>>);
    #[wasm_bindgen(method)]
    pub(super) fn pass(this: &JsCall, status: u16, headers: &str, body: Option<Vec<u8>>, back: u8);
    #[wasm_bindgen(method)]
    pub(super) fn relay(this: &JsCall, slot: u32, status: u16, headers: &str);
    #[wasm_bindgen(method)]
    pub(super) fn begin(this: &JsCall, status: u16, headers: &str);
    #[wasm_bindgen(method)]
    pub(super) fn open(this: &JsCall, status: u16, headers: &str);
    #[wasm_bindgen(method)]
    pub(super) fn write(this: &JsCall, slot: u32, bytes: Vec<u8>);
    #[wasm_bindgen(method)]
    pub(super) fn chunk(this: &JsCall, slot: u32, given: Option<Vec<u8>>);
    #[wasm_bindgen(method)]
    pub(super) fn abandon(this: &JsCall);
    #[wasm_bindgen(method)]
    pub(super) fn end(this: &JsCall, slot: u32, frame: Option<Vec<u8>>, cut: bool);
    #[wasm_bindgen(method)]
    pub(super) fn look(this: &JsCall, slot: u32, namespace: &str, key: &str, cache_ttl: Option<u32>, seals: Option<&[u8]>, context: &str);
    #[wasm_bindgen(method)]
    #[allow(clippy::too_many_arguments, reason = "as for `send`")]
    pub(super) fn keep(
        this: &JsCall,
        slot: u32,
        namespace: &str,
        key: &str,
        value: Vec<u8>,
        ttl: Option<u32>,
        seal: Option<&[u8]>,
        context: &str,
    );
    #[wasm_bindgen(method)]
    pub(super) fn seal(this: &JsCall, slot: u32, value: Vec<u8>, seals: &[u8], context: &str, open: bool);
    #[wasm_bindgen(method)]
    #[allow(clippy::too_many_arguments, reason = "as for `send`")]
    pub(super) fn ledger(this: &JsCall, slot: u32, tenant: &str, jurisdiction: Option<&str>, message: &str, bytes: Vec<u8>, within_ms: u32);
    #[wasm_bindgen(method)]
    pub(super) fn telemetry(this: &JsCall, slot: u32, message: &str, bytes: Vec<u8>, within_ms: u32);
    #[wasm_bindgen(method)]
    #[allow(clippy::too_many_arguments, reason = "as for `send`")]
    pub(super) fn store(this: &JsCall, slot: u32, tenant: &str, jurisdiction: Option<&str>, message: &str, bytes: Vec<u8>, within_ms: u32);
    #[wasm_bindgen(method)]
    pub(super) fn piece(this: &JsCall, slot: u32);
    #[wasm_bindgen(method, js_name = sealAll)]
    #[allow(clippy::too_many_arguments, reason = "as for `send`")]
    pub(super) fn seal_all(this: &JsCall, slot: u32, values: Vec<u8>, layout: &str, seals: &[u8], context: &str, open: bool);
    /// Of `Job` in `job.js` alone.
    #[wasm_bindgen(method)]
    #[allow(clippy::too_many_arguments, reason = "as for `send`")]
    pub(super) fn line(this: &JsCall, number: f64, path: &str, id: &str, body: Vec<u8>, key: &str);
    /// Of `Job` in `job.js` alone.
    #[wasm_bindgen(method)]
    pub(super) fn landed(this: &JsCall, slot: u32);
    #[wasm_bindgen(method)]
    pub(super) fn limit(this: &JsCall, slot: u32, name: &str, key: &str);
    #[wasm_bindgen(method)]
    pub(super) fn pause(this: &JsCall, slot: u32, ms: u32);
    #[wasm_bindgen(method)]
    pub(super) fn linger(this: &JsCall, slot: u32, ms: u32);
    #[wasm_bindgen(method)]
    pub(super) fn now(this: &JsCall) -> f64;
    #[wasm_bindgen(method)]
    pub(super) fn random(this: &JsCall) -> f64;
    #[wasm_bindgen(method, js_name = uniqueId)]
    pub(super) fn unique_id(this: &JsCall) -> String;
    #[wasm_bindgen(method, js_name = secretBytes)]
    pub(super) fn secret_bytes(this: &JsCall, count: u32) -> Vec<u8>;
    #[wasm_bindgen(method)]
    pub(super) fn sign(this: &JsCall, slot: u32, seed: Vec<u8>, message: Vec<u8>);
    #[wasm_bindgen(method)]
    pub(super) fn log(this: &JsCall, line: &str);
    #[wasm_bindgen(method)]
    pub(super) fn print(this: &JsCall, line: &str);
    #[wasm_bindgen(method)]
    pub(super) fn point(this: &JsCall, index: &str, blobs: &str, doubles: &[f64]);
    #[wasm_bindgen(method)]
    pub(super) fn export(this: &JsCall, slot: u32, url: &str, headers: &str, body: &str, within_ms: u32);
}
