//! The few crossings between wasm and the Workers runtime on a request's path: the Rust face of `call.js`.
//!
//! What costs in a Worker written in Rust is not wasm but crossing: each header read through an object, each object held from wasm.
//! So a step takes all that it needs in one call and gets all that it gives in one answer. ARCHITECTURE.md counts the calls.

pub mod arrival;
mod exchange;
pub mod head;
mod js;
mod kv;
mod objects;
pub mod task;
mod watching;

use std::cell::{Cell, RefCell};

pub use arrival::{Arrival, Attempt, Failure};
pub use exchange::{BrokenBody, Chunk};
use head::READ_HEADERS;
pub use head::{Head, ReadHeader};
pub use js::JsCall;
pub use kv::{KvFailure, Sealing};
pub use objects::{Landed, LedgerFailure};
use task::Inbox;
pub use watching::Exported;

use crate::admission::keys::KeyDigest;
use crate::admission::secrets::DerivedKey;
use crate::protocol::headers::{Lines, PASSING_DOWN, READ_DOWN, callers_own_id, well_formed_id};
use crate::telemetry::observation::Observation;

/// Bytes of a signature by Ed25519 (RFC 8032), and of a public key.
const SIGNATURE: usize = 64;
const PUBLIC_KEY: usize = 32;

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

/// The runtime could not sign.
#[derive(Clone, Copy, Debug)]
pub struct SignFailure;
