//! The isolate's side of telemetry: counts requests in memory, and tells the archive of them after answers.
//!
//! The first request after a message stays for a moment once it is answered, and then tells what all have counted until then; the others
//! add to it and are gone. A message that fails is told again as it was, under its number, so nothing counts twice.

use std::cell::{Cell, RefCell};

use serde::de::IgnoredAny;

use super::message::Message;
use super::observation::Observation;
use super::register::{Labels, Register};
use super::series::Series;
use crate::boundary::Call;

/// The name of the binding.
pub const TELEMETRY: &str = "TELEMETRY";
/// How often a message that fails is told by the same request, and how long it waits before the next time, in ms.
const TRIES: u8 = 3;
const BETWEEN_TRIES_MS: u64 = 1_000;
/// How long a request may be at it before another takes over, in ms: the runtime ends what takes longer (30 s after its answer).
const TELLING_MS: u64 = 35_000;
/// How long one waits for another's message to be told, in ms, before it looks again.
const TURN_MS: u64 = 100;

/// What an isolate counts.
#[derive(Debug, Default)]
pub struct Meter {
    register: RefCell<Register>,
    /// The message that is to be told, with its number.
    message: RefCell<Option<(u64, Vec<u8>)>>,
    isolate: RefCell<String>,
    number: Cell<u64>,
    /// Since when a request waits to tell what there will be, in ms since 1970.
    waiting_since_ms: Cell<Option<u64>>,
    /// Since when a message is being told, in ms since 1970.
    telling_since_ms: Cell<Option<u64>>,
}

impl Meter {
    /// Counts a request that has come to its end.
    pub fn note(&self, arrived_ms: u64, endpoint: &str, observed: &Observation) {
        observed.note(arrived_ms, endpoint, &mut self.register.borrow_mut());
    }

    /// Counts something that is no request.
    pub fn add(&self, at_ms: u64, labels: &Labels, add: impl FnOnce(&mut Series)) {
        self.register.borrow_mut().add(at_ms, labels, add);
    }

    /// Tells the archive what there is, `rest_ms` from now, unless another request does.
    pub async fn deliver(&self, call: &Call, rest_ms: u64) {
        let now_ms = call.latest_ms();
        let waits = self.waiting_since_ms.get().is_some_and(|since| now_ms.saturating_sub(since) < TELLING_MS);
        if waits || self.register.borrow().is_empty() && self.message.borrow().is_none() {
            return;
        }
        self.waiting_since_ms.set(Some(now_ms));
        call.linger(rest_ms).await;
        // Who comes from here on is not among what is told, and waits for a message of its own.
        self.waiting_since_ms.set(None);
        self.tell(call, now_ms.saturating_add(rest_ms)).await;
    }

    /// Tells the archive what there is at a time, in ms since 1970.
    pub async fn tell(&self, call: &Call, mut now_ms: u64) {
        while self.telling_since_ms.get().is_some_and(|since| now_ms.saturating_sub(since) < TELLING_MS) {
            call.linger(TURN_MS).await;
            now_ms = now_ms.saturating_add(TURN_MS);
        }
        self.telling_since_ms.set(Some(now_ms));
        let (mut tries, mut sealed) = (TRIES, false);
        while tries > 0 {
            if self.message.borrow().is_none() {
                // What has come since one was made is for the request that waits for it.
                if sealed || !self.seal_message(call, now_ms) {
                    break;
                }
                sealed = true;
            }
            if self.send(call).await {
                continue;
            }
            tries = tries.saturating_sub(1);
            if tries > 0 {
                call.linger(BETWEEN_TRIES_MS).await;
            } else {
                call.log_failure("telemetry", "tell: kept for the next request");
            }
        }
        self.telling_since_ms.set(None);
    }

    /// Makes a message of what was counted; false when there is nothing.
    fn seal_message(&self, call: &Call, now_ms: u64) -> bool {
        let mut register = self.register.borrow_mut();
        if register.is_empty() {
            return false;
        }
        let number = self.number.get().saturating_add(1);
        self.number.set(number);
        if self.isolate.borrow().is_empty() {
            self.isolate.replace(call.unique_id());
        }
        self.message.replace(Some((number, register.take(now_ms))));
        true
    }

    async fn send(&self, call: &Call) -> bool {
        let Some((number, bytes)) = self.message.borrow().clone() else { return true };
        let message = Message::Add { isolate: self.isolate.borrow().clone(), number };
        let told = call.telemetry::<IgnoredAny>(&message, bytes).await.is_ok();
        let mut waiting = self.message.borrow_mut();
        if told && waiting.as_ref().is_some_and(|(still, _)| *still == number) {
            *waiting = None;
        }
        told
    }
}
