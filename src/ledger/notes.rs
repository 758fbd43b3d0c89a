//! What became of calls: reservations are settled or released, usage is counted, answers are kept for the same call again.

use serde_json::json;

use super::books::{Books, Reservation};
use super::calendar::{DAY_MS, day_of};
use super::limits::{self, Hold};
use super::message::{Called, Event, Note, Trace};
use super::storage::{Failure, Storage, cells};
use super::usage::Tally;
use crate::cloud::models::MicroDollars;

/// How long an answer is kept for the same call: a day.
const ANSWER_MS: u64 = DAY_MS;

/// A row of SQLite in a Durable Object holds 2 MB at the most.
const PART_BYTES: usize = 1 << 20;

/// What becomes of what a reservation held.
#[derive(Clone, Copy)]
enum Outcome {
    Settled { tokens: u64, cost: Option<u64> },
    Released,
}

impl<S: Storage> Books<S> {
    /// Takes notes. Returns whether isolates have to know something else of experiments from now on.
    pub(super) fn note(&mut self, notes: Vec<Note>, bytes: &[u8]) -> Result<bool, Failure> {
        let mut rest = bytes;
        for note in notes {
            let (answer, behind) = rest.split_at_checked(note.answer_bytes()).ok_or_else(|| Failure("fewer bytes than said".to_owned()))?;
            rest = behind;
            match note {
                Note::Settled(called) => self.settled(&called, answer)?,
                Note::Released(called) => {
                    let reservation = self.open.remove(&called.reservation);
                    let alias = self.alias_of(&called, reservation.as_ref())?;
                    if let Some(reservation) = reservation {
                        self.end(&called.reservation, &reservation, Outcome::Released)?;
                    }
                    self.tally(self.day_of_call(&called), &called.model, &called.key, &alias, Tally { failed: 1, ..Tally::default() });
                    self.trace(&called, &alias)?;
                }
                Note::Hit(called) => {
                    // Only what asked to be answered once has reserved before the cache answered it.
                    let reservation = self.open.remove(&called.reservation);
                    let alias = self.alias_of(&called, reservation.as_ref())?;
                    if let Some(reservation) = reservation {
                        self.end(&called.reservation, &reservation, Outcome::Released)?;
                        self.keep_answer(&reservation, &called, &alias, answer);
                    }
                    let saved = called.cost.unwrap_or_default().0;
                    let saved_unpriced = u64::from(called.cost.is_none());
                    let tally = Tally { hits: 1, saved, saved_unpriced, ..Tally::default() };
                    self.tally(self.day_of_call(&called), &called.model, &called.key, &alias, tally);
                    self.remember(&called, &alias)?;
                    self.trace(&called, &alias)?;
                }
                Note::Given(given) => self.remember_posts(&given)?,
                Note::Exposed(exposure) => self.expose(&exposure)?,
                Note::Event(event) => self.record(event)?,
            }
        }
        self.write_sums();
        self.write_given();
        self.conclude_experiments()
    }

    fn settled(&mut self, called: &Called, answer: &[u8]) -> Result<(), Failure> {
        let reservation = self.open.remove(&called.reservation);
        let alias = self.alias_of(called, reservation.as_ref())?;
        let day = self.day_of_call(called);
        let cost = called.cost.map(|MicroDollars(cost)| cost);
        // What was reserved is charged to the day on which it was: a hard budget that let it in holds for that one.
        let (owners, charged) = match &reservation {
            Some(reservation) => (reservation.owners.clone(), day_of(reservation.at_ms)),
            None => (Self::usual_owners(&called.key), day),
        };
        if let Some(cost) = cost {
            self.spend(&owners, charged, cost);
        }
        if let Some(reservation) = reservation {
            self.end(&called.reservation, &reservation, Outcome::Settled { tokens: called.usage.total(), cost })?;
            self.keep_answer(&reservation, called, &alias, answer);
        }
        let tally = Tally {
            requests: 1,
            prompt_tokens: called.usage.prompt_tokens,
            completion_tokens: called.usage.completion_tokens,
            estimated: u64::from(called.estimated),
            cost: cost.unwrap_or_default(),
            unpriced: u64::from(cost.is_none()),
            ..Tally::default()
        };
        self.tally(day, &called.model, &called.key, &alias, tally);
        self.remember(called, &alias)?;
        self.trace(called, &alias)
    }

    /// Keeps the answer to a call that may come again.
    fn keep_answer(&mut self, reservation: &Reservation, called: &Called, alias: &str, answer: &[u8]) {
        let (Some(call), Some((status, content_type, _))) = (&reservation.call, &called.response) else { return };
        let until_ms = self.now_ms.saturating_add(ANSWER_MS);
        self.stale_from(until_ms);
        self.batch.add("DELETE FROM answer_parts WHERE call = ?1", cells![&call.key]);
        // Behind the digest stands the id that the answer came with: the answer to the same call comes with it, too.
        let body = format!("{} {}", call.body, called.answer.as_deref().unwrap_or_default());
        self.batch.add(
            "INSERT OR REPLACE INTO answers (call, body, alias, status, content_type, until_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            cells![&call.key, body, alias, u64::from(*status), content_type, until_ms],
        );
        for (part, bytes) in (0_u64..).zip(answer.chunks(PART_BYTES)) {
            let sql = "INSERT INTO answer_parts (call, part, bytes) VALUES (?1, ?2, ?3)";
            self.batch.add(sql, cells![&call.key, part, bytes.to_vec()]);
        }
    }

    /// Releases reservations whose lease has ended: the Worker that had them died.
    pub(super) fn end_leases(&mut self) -> Result<(), Failure> {
        while let Some(id) = self.open.ended(self.now_ms) {
            if let Some(reservation) = self.open.remove(&id) {
                self.end(&id, &reservation, Outcome::Released)?;
                let day = day_of(reservation.at_ms);
                let tally = Tally { lost: 1, ..Tally::default() };
                self.tally(day, &reservation.model, &reservation.key, &reservation.alias, tally);
            }
        }
        self.write_sums();
        Ok(())
    }

    /// Ends a reservation: what it held becomes what was used, or is given back.
    fn end(&mut self, id: &str, reservation: &Reservation, outcome: Outcome) -> Result<(), Failure> {
        for hold in &reservation.held {
            let Hold(counter, slot, estimate) = hold;
            let real = match outcome {
                Outcome::Settled { tokens, cost } => limits::settled(hold, tokens, cost),
                Outcome::Released => 0,
            };
            if real == *estimate {
                continue;
            }
            self.need_window(counter)?;
            let now = self.windows.get_mut(counter).and_then(|window| window.adjust(*slot, *estimate, real));
            if let Some(amount) = now {
                self.keep_slot(counter, *slot, amount, &reservation.alias);
            }
        }
        self.batch.add("DELETE FROM reservations WHERE id = ?1", cells![id]);
        Ok(())
    }

    /// The alias under which a call is counted. That of the reservation stands, so that an erasure in between holds.
    fn alias_of(&mut self, called: &Called, reservation: Option<&Reservation>) -> Result<String, Failure> {
        match (called.user.as_deref(), reservation) {
            (Some(_), Some(reservation)) => Ok(reservation.alias.clone()),
            (user, _) => self.alias(user),
        }
    }

    /// The day of a call. A Worker's clock may be ahead of the ledger's, and a time that is missing is now.
    fn day_of_call(&self, called: &Called) -> u64 {
        day_of(if called.at_ms == 0 { self.now_ms } else { called.at_ms.min(self.now_ms) })
    }

    /// Writes a call into the audit, when the tenant's policy asks for it.
    fn trace(&mut self, called: &Called, alias: &str) -> Result<(), Failure> {
        let Some(Trace { request_bytes, answer_bytes, request_sha256, answer_sha256 }) = &called.trace else { return Ok(()) };
        let details = json!({
            "at_ms": called.at_ms,
            "request_id": called.request_id,
            "model": called.model,
            "status": called.status,
            "prompt_tokens": called.usage.prompt_tokens,
            "completion_tokens": called.usage.completion_tokens,
            "estimated": called.estimated,
            "cost_micro_dollars": called.cost,
            "request_bytes": request_bytes,
            "answer_bytes": answer_bytes,
            "request_sha256": request_sha256,
            "answer_sha256": answer_sha256,
        });
        self.append_of(&Event { what: "call".to_owned(), who: called.key.clone(), user: None, details }, alias.to_owned());
        Ok(())
    }
}
