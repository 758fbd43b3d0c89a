//! The books of one tenant: what is held in memory, and how a message is read, carried out and written.
//!
//! SQLite is the truth. What is in memory is what a call needs at once, read from it when it is first asked for; whoever gets a
//! [`Failure`] must open the books anew. A message writes once, at its end, and all of it or nothing.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::audit::Mark;
use super::budget::{ByDay, TENANT};
use super::calendar::{begins_ms, day_of, month_of};
use super::limits::{self, Hold, Windows};
use super::message::{Idempotency, Message};
use super::schema;
use super::storage::{Batch, Failure, Storage, cells};
use super::terms::Span;
use super::usage::Sums;
use super::window::Window;
use crate::admission::record::{KeyRecord, TenantRecord};
use crate::cloud::health::shared::Gathered;
use crate::protocol::json::typed;

/// How many slots, aliases, keys and owners are held in memory before all are let go: some 10 MB.
const MOST_SLOTS: usize = 200_000;
const MOST_NAMES: usize = 20_000;

/// What is replied to a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// JSON.
    pub text: String,
    /// The bytes of a stored answer.
    pub bytes: Option<Vec<u8>>,
}

/// A call that is being made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reservation {
    pub at_ms: u64,
    pub until_ms: u64,
    pub key: String,
    pub alias: String,
    pub model: String,
    /// The most that it can cost, in micro-dollars.
    pub cost: u64,
    /// Whose budgets it is charged to.
    pub owners: Vec<String>,
    pub held: Vec<Hold>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<Idempotency>,
}

/// The calls that are being made.
#[derive(Debug, Default)]
pub(super) struct Open {
    by_id: HashMap<String, Reservation>,
    by_end: BTreeSet<(u64, String)>,
    by_call: HashMap<String, String>,
    /// What they may cost, by owner and by the day on which they began.
    reserved: HashMap<String, ByDay>,
}

impl Open {
    pub fn insert(&mut self, id: String, reservation: Reservation) {
        self.remove(&id);
        self.by_end.insert((reservation.until_ms, id.clone()));
        if let Some(call) = &reservation.call {
            self.by_call.insert(call.key.clone(), id.clone());
        }
        for owner in &reservation.owners {
            let day = self.reserved.entry(owner.clone()).or_default().entry(day_of(reservation.at_ms)).or_default();
            *day = day.saturating_add(reservation.cost);
        }
        self.by_id.insert(id, reservation);
    }

    pub fn remove(&mut self, id: &str) -> Option<Reservation> {
        let reservation = self.by_id.remove(id)?;
        self.by_end.remove(&(reservation.until_ms, id.to_owned()));
        if let Some(call) = &reservation.call {
            self.by_call.remove(&call.key);
        }
        let day = day_of(reservation.at_ms);
        for owner in &reservation.owners {
            if let Some(days) = self.reserved.get_mut(owner) {
                let left = days.get(&day).map_or(0, |amount| amount.saturating_sub(reservation.cost));
                if left == 0 {
                    days.remove(&day);
                } else {
                    days.insert(day, left);
                }
                if days.is_empty() {
                    self.reserved.remove(owner);
                }
            }
        }
        Some(reservation)
    }

    /// The body of the call that is being made with an `Idempotency-Key`.
    pub fn body_of(&self, call: &str) -> Option<&str> {
        let reservation = self.by_id.get(self.by_call.get(call)?)?;
        reservation.call.as_ref().map(|call| &*call.body)
    }

    pub fn reserved(&self, owner: &str) -> Option<&ByDay> {
        self.reserved.get(owner)
    }

    pub fn first_end_ms(&self) -> Option<u64> {
        self.by_end.first().map(|(until_ms, _)| *until_ms)
    }

    /// One whose lease has ended.
    pub fn ended(&self, now_ms: u64) -> Option<String> {
        self.by_end.first().filter(|(until_ms, _)| *until_ms <= now_ms).map(|(_, id)| id.clone())
    }

    pub fn of_alias(&self, alias: &str) -> Vec<String> {
        self.by_id.iter().filter(|(_, reservation)| reservation.alias == alias).map(|(id, _)| id.clone()).collect()
    }

    pub fn get(&self, id: &str) -> Option<&Reservation> {
        self.by_id.get(id)
    }
}

/// The books of one tenant.
#[derive(Debug)]
pub struct Books<S> {
    pub(super) storage: S,
    /// The time of the message, in ms since 1970; it never goes back.
    pub(super) now_ms: u64,
    /// What the message writes.
    pub(super) batch: Batch,
    /// What its calls add up to, until that is written.
    pub(super) sums: Sums,
    /// What of its calls is to be remembered, until that is written.
    pub(super) given: Vec<Value>,
    pub(super) tenant: TenantRecord,
    pub(super) configuration: String,
    pub(super) head: Mark,
    pub(super) checkpoint: Mark,
    /// Digests and records by the key's id.
    pub(super) keys: HashMap<String, Vec<(String, KeyRecord)>>,
    pub(super) aliases: HashMap<String, String>,
    pub(super) windows: Windows,
    pub(super) spent: HashMap<String, ByDay>,
    pub(super) open: Open,
    /// Of the gateway's own ledger: what isolates have seen of the models. Not worth a write: who asks them soon knows it anew.
    pub(super) health: Gathered,
    pub(super) oldest_entry_ms: Option<u64>,
    pub(super) oldest_usage_day: Option<u64>,
    /// When the first slot or stored answer counts no longer.
    pub(super) next_stale_ms: Option<u64>,
    pub(super) cleaned_ms: u64,
    pub(super) alarm_ms: Option<u64>,
    /// At least as many as there are slots in memory.
    slots: usize,
}

impl<S: Storage> Books<S> {
    /// Opens the books at a time, in ms since 1970.
    ///
    /// # Errors
    /// The database's own failure.
    pub fn open(storage: S, now_ms: u64) -> Result<Self, Failure> {
        let mut tables = Batch::default();
        for sql in schema::TABLES {
            tables.add(*sql, Vec::new());
        }
        storage.write(&tables, None)?;
        let mut books = Self {
            storage,
            now_ms,
            batch: Batch::default(),
            sums: Sums::default(),
            given: Vec::new(),
            tenant: TenantRecord::default(),
            configuration: String::new(),
            head: Mark::default(),
            checkpoint: Mark::default(),
            keys: HashMap::new(),
            aliases: HashMap::new(),
            windows: Windows::new(),
            spent: HashMap::new(),
            open: Open::default(),
            health: Gathered::default(),
            oldest_entry_ms: None,
            oldest_usage_day: None,
            next_stale_ms: None,
            cleaned_ms: 0,
            alarm_ms: None,
            slots: 0,
        };
        for row in books.storage.query("SELECT name, value FROM facts", &[])? {
            let value = row.text(1);
            match row.text(0) {
                "tenant" => books.tenant = typed::read(value)?,
                "configuration" => value.clone_into(&mut books.configuration),
                "head" => books.head = mark(value),
                "checkpoint" => books.checkpoint = mark(value),
                _ => {}
            }
        }
        for row in books.storage.query("SELECT id, record FROM reservations", &[])? {
            books.open.insert(row.text(0).to_owned(), typed::read(row.text(1))?);
        }
        books.look_for_the_oldest()?;
        Ok(books)
    }

    /// Carries out a message that came at a time, in ms since 1970. Some bring bytes.
    ///
    /// # Errors
    /// The message cannot be read, or the database failed. Nothing is written then, and the books have to be opened anew.
    pub fn act(&mut self, now_ms: u64, message: &str, bytes: &[u8]) -> Result<Reply, Failure> {
        let message: Message = typed::read(message)?;
        self.begin(now_ms);
        let mut given = None;
        let text = match message {
            Message::Reserve(call) => {
                let (word, bytes) = self.reserve(call)?;
                given = bytes;
                serde_json::to_string(&word)?
            }
            Message::Note { notes } => {
                self.note(notes, bytes)?;
                done()
            }
            Message::PutKey { act, sha256, record } => self.put_key(&act, sha256, record)?.to_string(),
            Message::Keys { id } => self.list_keys(id.as_deref())?.to_string(),
            Message::RevokeKey { id } => self.revoke_key(&id)?.to_string(),
            Message::Tenant => serde_json::to_string(&self.tenant)?,
            Message::PutTenant { record } => self.put_tenant(record)?.to_string(),
            Message::Usage(query) => self.usage(&query)?.to_string(),
            Message::Audit(query) => self.audit(&query)?.to_string(),
            Message::Verify => serde_json::to_string(&self.verify()?)?,
            Message::Record(event) => {
                self.record(event)?;
                done()
            }
            Message::Register { tenant, region } => self.register(&tenant, region)?.to_string(),
            Message::Tenants => self.tenants()?.to_string(),
            Message::PutDocument { kind, name, body, most, who } => self.put_document(&kind, &name, &body, most, who)?.to_string(),
            Message::Documents { kind, name } => self.documents(&kind, name.as_deref())?.to_string(),
            Message::DeleteDocument { kind, name, who } => self.delete_document(&kind, &name, who)?.to_string(),
            Message::Health { rule, tidings } => serde_json::to_string(&self.health.exchange(&tidings, rule, self.now_ms))?,
            Message::Feedback { id, holder, said } => self.feedback(&id, holder.as_deref(), *said)?.to_string(),
            Message::Said { brand, limit } => self.said(brand.as_deref(), limit)?.to_string(),
            Message::Learned => self.learned()?.to_string(),
            Message::Learnt => serde_json::to_string(&self.learnt()?)?,
            Message::Unlearn { who } => self.unlearn(who)?.to_string(),
            Message::Export { user } => self.export(&user)?.to_string(),
            Message::EraseUser { user, who } => self.erase_user(&user, who)?.to_string(),
            Message::EraseTenant { who } => self.erase_tenant(who)?.to_string(),
        };
        self.commit()?;
        Ok(Reply { text, bytes: given })
    }

    /// Does what is due: ends reservations whose Worker died, removes what is stale, and what is older than its retention.
    ///
    /// # Errors
    /// The database's own failure. Nothing is written then, and the books have to be opened anew.
    pub fn alarm(&mut self, now_ms: u64) -> Result<(), Failure> {
        self.begin(now_ms);
        self.alarm_ms = None;
        self.tidy()?;
        self.commit()
    }

    fn begin(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        self.batch.0.clear();
        if self.slots > MOST_SLOTS || self.windows.len() > MOST_NAMES {
            self.slots = 0;
            self.windows.clear();
        }
        if [self.aliases.len(), self.keys.len(), self.spent.len()].into_iter().any(|held| held > MOST_NAMES) {
            self.aliases.clear();
            self.keys.clear();
            self.spent.clear();
        }
    }

    fn commit(&mut self) -> Result<(), Failure> {
        let due = self.due_ms().filter(|due| self.alarm_ms.is_none_or(|known| *due < known));
        if !self.batch.0.is_empty() || due.is_some() {
            self.storage.write(&self.batch, due)?;
            self.batch.0.clear();
        }
        self.alarm_ms = due.or(self.alarm_ms);
        Ok(())
    }

    /// Keeps a fact under a name.
    pub(super) fn keep_fact(&mut self, name: &str, value: String) {
        self.batch
            .add("INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value", cells![name, value]);
    }

    /// Reads a counter's window, unless it is in memory.
    pub(super) fn need_window(&mut self, counter: &str) -> Result<(), Failure> {
        if self.windows.contains_key(counter) {
            return Ok(());
        }
        let length_ms = limits::parts(counter).map_or(1, |(_, length_ms, ..)| length_ms);
        let mut window = Window::new(length_ms);
        let sql = "SELECT slot, amount FROM slots WHERE counter = ?1 AND until_ms > ?2 ORDER BY slot";
        for row in self.storage.query(sql, &cells![counter, self.now_ms])? {
            window.put(row.number(0), row.number(1));
        }
        self.slots = self.slots.saturating_add(window.held());
        self.windows.insert(counter.to_owned(), window);
        Ok(())
    }

    /// Writes what is in a slot now.
    pub(super) fn keep_slot(&mut self, counter: &str, slot: u64, amount: u64, alias: &str) {
        let Some(window) = self.windows.get(counter) else { return };
        let until_ms = window.until_ms(slot);
        self.slots = self.slots.saturating_add(1);
        self.stale_from(until_ms);
        let theirs = limits::parts(counter).is_some_and(|(_, _, per, _)| per == "user");
        self.batch.add(
            "INSERT INTO slots (counter, slot, amount, until_ms, alias) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT DO UPDATE SET amount = excluded.amount",
            cells![counter, slot, amount, until_ms, if theirs { alias } else { "" }],
        );
    }

    /// Reads what an owner has spent this month, unless it is in memory.
    pub(super) fn need_spent(&mut self, owner: &str) -> Result<(), Failure> {
        let (first, _) = month_of(day_of(self.now_ms));
        if self.spent.get(owner).is_some_and(|days| days.contains_key(&first)) {
            return Ok(());
        }
        let sql = "SELECT day, amount FROM spent WHERE owner = ?1 AND day >= ?2";
        let rows = self.storage.query(sql, &cells![owner, first])?;
        // The first day is always there: it tells for which month the days were read.
        let days = std::iter::once((first, 0)).chain(rows.iter().map(|row| (row.number(0), row.number(1)))).collect();
        self.spent.insert(owner.to_owned(), days);
        Ok(())
    }

    /// What a reservation without terms of its own is charged to.
    pub(super) fn usual_owners(key: &str) -> Vec<String> {
        let mut owners = vec![TENANT.to_owned()];
        if !key.is_empty() && key != TENANT {
            owners.push(key.to_owned());
        }
        owners
    }

    /// Remembers that something will be stale.
    pub(super) fn stale_from(&mut self, until_ms: u64) {
        self.next_stale_ms = Some(self.next_stale_ms.map_or(until_ms, |known| known.min(until_ms)));
    }

    /// When there is something to do, in ms since 1970.
    fn due_ms(&self) -> Option<u64> {
        const HOUR_MS: u64 = 3_600_000;
        let kept = self.tenant.retention;
        let entry = kept.audit.and_then(|Span(ms)| Some(self.oldest_entry_ms?.saturating_add(ms)));
        let usage = kept.usage.and_then(|Span(ms)| Some(begins_ms(self.oldest_usage_day?.saturating_add(1)).saturating_add(ms)));
        // Retention is looked at once a day at the least; what is stale at most once an hour.
        let retention = [entry, usage].into_iter().flatten().min().map(|due| due.min(self.now_ms.saturating_add(24 * HOUR_MS)));
        let stale = self.next_stale_ms.map(|stale| stale.max(self.cleaned_ms.saturating_add(HOUR_MS)));
        [self.open.first_end_ms(), stale, retention].into_iter().flatten().min()
    }
}

/// A mark as it is kept: number, space, hash.
pub(super) fn written(mark: &Mark) -> String {
    format!("{} {}", mark.number, mark.hash)
}

fn mark(text: &str) -> Mark {
    let (number, hash) = text.split_once(' ').unwrap_or_default();
    Mark { number: number.parse().unwrap_or_default(), hash: hash.to_owned() }
}

/// The reply to what has no other.
pub(super) fn done() -> String {
    r#"{"ok":true}"#.to_owned()
}

/// A JSON text as a value; null when it is none.
pub(super) fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(null))
}
