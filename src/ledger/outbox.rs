//! What the ledgers are to hear once answers have gone out.
//!
//! While one request of an isolate tells a ledger, others only add to what is to be told, and the first one takes it along: under
//! load a message carries many notes. Nothing waits for a timer, and nothing is let go before the ledger has it.

use std::cell::RefCell;
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
pub struct Outbox(RefCell<BTreeMap<Whose, Queue>>);

impl Outbox {
    /// Adds a note, with the bytes that belong to it.
    pub fn post(&self, tenant: &str, region: Option<Region>, note: Note, bytes: Vec<u8>) {
        self.0.borrow_mut().entry((tenant.to_owned(), region)).or_default().notes.push((note, bytes));
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

    /// Tells the ledgers what there is to tell and nobody else is telling.
    pub async fn deliver(&self, call: &Call) {
        while let Some((whose, notes, bytes)) = self.take(call.head.now_ms) {
            let (tenant, region) = &whose;
            let message = Message::Note { notes };
            let told = call.ledger::<serde::de::IgnoredAny>(tenant, *region, &message, bytes.concat()).await.is_ok();
            if let Message::Note { notes } = message {
                self.told(&whose, if told { Vec::new() } else { notes.into_iter().zip(bytes).collect() }, call);
            }
            if !told {
                return;
            }
        }
    }

    fn take(&self, now_ms: u64) -> Option<(Whose, Vec<Note>, Vec<Vec<u8>>)> {
        let mut queues = self.0.borrow_mut();
        let free = |queue: &Queue| queue.told_since_ms.is_none_or(|since| now_ms.saturating_sub(since) > TELLING_MS);
        let (whose, queue) = queues.iter_mut().find(|(_, queue)| !queue.notes.is_empty() && free(queue))?;
        let batch = queue.notes.len().min(BATCH);
        let (notes, bytes) = queue.notes.drain(..batch).unzip();
        queue.told_since_ms = Some(now_ms);
        Some((whose.clone(), notes, bytes))
    }

    /// Ends a message: what comes back goes to the front again, until it has failed too often to be worth what waits behind it.
    fn told(&self, whose: &Whose, back: Vec<(Note, Vec<u8>)>, call: &Call) {
        let mut queues = self.0.borrow_mut();
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
