//! What the ledgers are to hear once answers have gone out.
//!
//! While one request of an isolate tells a ledger, others only add to what is to be told, and the first one takes it along. What follows a
//! message soon is told with what follows it in turn, `REST_MS` after that message: so a quiet isolate tells everything at once, and a busy
//! one tells much by few messages. Nothing is let go before the ledger has it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::message::{Message, Note};
use crate::admission::record::Region;
use crate::boundary::Call;

/// The most notes in a message.
const BATCH: usize = 100;
/// How often a ledger that fails is told again.
const TRIES: u8 = 5;
/// How long a request may tell before another takes over, in ms: the runtime may have ended it (30 s after its answer).
const TELLING_MS: u64 = 30_000;
/// How long after a message the next one goes, in ms: so long may what a call did not use stay reserved.
const REST_MS: u64 = 100;

type Whose = (String, Option<Region>);

#[derive(Default)]
struct Queue {
    /// Each with the bytes that belong to it.
    notes: Vec<(Note, Vec<u8>)>,
    tries: u8,
    told_since_ms: Option<u64>,
}

/// The notes of an isolate that no ledger has yet.
#[derive(Default)]
pub struct Outbox {
    queues: RefCell<BTreeMap<Whose, Queue>>,
    /// When the last message went, in ms since 1970.
    told_ms: Cell<u64>,
    /// Until when somebody waits who will tell what there is then, in ms since 1970.
    resting_until_ms: Cell<u64>,
}

impl Outbox {
    /// Adds a note, with the bytes that belong to it.
    pub fn post(&self, tenant: &str, region: Option<Region>, note: Note, bytes: Vec<u8>) {
        self.queues.borrow_mut().entry((tenant.to_owned(), region)).or_default().notes.push((note, bytes));
    }

    /// Tells a ledger one thing at once, apart from what waits: its caller may come again as soon as it is answered. What could not be
    /// told waits with the rest.
    pub async fn tell(&self, call: &Call, tenant: &str, region: Option<Region>, note: Note, bytes: Vec<u8>) {
        let message = Message::Note { notes: vec![note] };
        let told = call.ledger::<serde::de::IgnoredAny>(tenant, region, &message, bytes.clone()).await.is_ok();
        if let (false, Message::Note { notes }) = (told, message) {
            notes.into_iter().for_each(|note| self.post(tenant, region, note, bytes.clone()));
        }
    }

    /// Tells at once what waits: somebody is about to ask for it.
    pub async fn flush(&self, call: &Call) {
        while self.deliver_one(call, call.head.now_ms).await.is_some() {}
    }

    /// Tells the ledgers what there is to tell and nobody else is telling.
    pub async fn deliver(&self, call: &Call) {
        if self.queues.borrow().is_empty() {
            return;
        }
        let Some(now_ms) = self.rest(call).await else { return };
        while let Some(whole) = self.deliver_one(call, now_ms).await {
            // What has come meanwhile is for whoever waits, unless it is as much as a message holds.
            if !whole && now_ms < self.resting_until_ms.get() {
                return;
            }
        }
    }

    /// Tells one message: whether it was as much as one holds, and none when there was nothing to tell, or it could not be told.
    async fn deliver_one(&self, call: &Call, now_ms: u64) -> Option<bool> {
        let (whose, notes, bytes) = self.take(now_ms)?;
        let (tenant, region) = &whose;
        let whole = notes.len() == BATCH;
        let message = Message::Note { notes };
        let told = call.ledger::<serde::de::IgnoredAny>(tenant, *region, &message, bytes.concat()).await.is_ok();
        if let Message::Note { notes } = message {
            self.told(&whose, if told { Vec::new() } else { notes.into_iter().zip(bytes).collect() }, call);
        }
        told.then_some(whole)
    }

    /// Waits until it is time for another message, and tells when that is, in ms since 1970; none when somebody else does. By the time at
    /// which the call came: what has taken longer may wait for nothing, and needs no look at the clock.
    async fn rest(&self, call: &Call) -> Option<u64> {
        let mut now_ms = call.head.now_ms;
        let next_ms = self.told_ms.get().saturating_add(REST_MS);
        if now_ms < next_ms {
            if now_ms < self.resting_until_ms.get() {
                return None;
            }
            self.resting_until_ms.set(next_ms);
            call.linger(next_ms.saturating_sub(now_ms).min(REST_MS)).await;
            self.resting_until_ms.set(0);
            now_ms = next_ms;
        }
        self.told_ms.set(now_ms);
        Some(now_ms)
    }

    fn take(&self, now_ms: u64) -> Option<(Whose, Vec<Note>, Vec<Vec<u8>>)> {
        let mut queues = self.queues.borrow_mut();
        let free = |queue: &Queue| queue.told_since_ms.is_none_or(|since| now_ms.saturating_sub(since) > TELLING_MS);
        let (whose, queue) = queues.iter_mut().find(|(_, queue)| !queue.notes.is_empty() && free(queue))?;
        let batch = queue.notes.len().min(BATCH);
        let (notes, bytes) = queue.notes.drain(..batch).unzip();
        queue.told_since_ms = Some(now_ms);
        Some((whose.clone(), notes, bytes))
    }

    /// Ends a message: what comes back goes to the front again, until it has failed too often to be worth what waits behind it.
    fn told(&self, whose: &Whose, back: Vec<(Note, Vec<u8>)>, call: &Call) {
        let mut queues = self.queues.borrow_mut();
        let Some(queue) = queues.get_mut(whose) else { return };
        queue.told_since_ms = None;
        queue.tries = if back.is_empty() { 0 } else { queue.tries.saturating_add(1) };
        if queue.tries >= TRIES {
            queue.tries = 0;
            call.log_failure("ledger", "note: lost after five tries");
        } else {
            queue.notes.splice(0..0, back);
        }
        if queue.notes.is_empty() {
            queues.remove(whose);
        }
    }
}
