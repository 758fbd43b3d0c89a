//! The audit as it is stored: appended to, read in pages, verified, and shortened from its beginning.

use serde_json::{Value, json};

use super::audit::{Entry, Mark, Verdict, Verifier};
use super::books::{Books, value, written};
use super::message::{AuditQuery, Event};
use super::storage::{Failure, Row, Storage, cells};

/// How many entries are read at once when the whole chain is.
const PAGE: u64 = 500;

/// The columns of an entry, in the order that [`entry`] reads.
const COLUMNS: &str = "number, at_ms, what, who, audit.alias, details, previous, hash";

impl<S: Storage> Books<S> {
    /// Appends an entry.
    pub(super) fn append(&mut self, event: &Event) -> Result<(), Failure> {
        let alias = self.alias(event.user.as_deref())?;
        self.append_of(event, alias);
        Ok(())
    }

    /// Appends an entry that is of the end user with an alias.
    pub(super) fn append_of(&mut self, event: &Event, alias: String) {
        let details = event.details.to_string();
        let entry = Entry { at_ms: self.now_ms, what: event.what.clone(), who: event.who.clone(), alias, details, ..Entry::default() };
        let entry = Entry::behind(&self.head, entry);
        self.head = entry.mark();
        self.oldest_entry_ms = self.oldest_entry_ms.or(Some(self.now_ms));
        let Entry { number, at_ms, what, who, alias, details, previous, hash } = entry;
        self.batch.add(
            "INSERT INTO audit (number, at_ms, what, who, alias, details, previous, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            cells![number, at_ms, what, who, alias, details, previous, hash],
        );
        self.keep_fact("head", written(&self.head));
    }

    /// Appends what happened elsewhere. A configuration is an event only when it differs from the one before.
    pub(super) fn record(&mut self, event: Event) -> Result<(), Failure> {
        if event.what != "configuration" {
            return self.append(&event);
        }
        let details = event.details.to_string();
        if details == self.configuration {
            return Ok(());
        }
        self.append(&Event { what: "configuration_changed".to_owned(), ..event })?;
        self.keep_fact("configuration", details.clone());
        self.configuration = details;
        Ok(())
    }

    /// A page of the audit: `{"entries": […], "next": number or null}`. `next` is what the next page is `after`.
    pub(super) fn audit(&self, query: &AuditQuery) -> Result<Value, Failure> {
        let limit = u64::from(query.limit.clamp(1, 1000));
        let mut sql = format!("SELECT {COLUMNS}, user FROM audit LEFT JOIN persons ON persons.alias = audit.alias WHERE number > ?1");
        // One more than asked for tells whether there is a next page.
        let mut cells = Vec::from(cells![query.after, limit.saturating_add(1)]);
        let mut filter = |condition: &str, cell| {
            cells.push(cell);
            sql.push_str(&format!(" AND {condition} ?{}", cells.len()));
        };
        if let Some(what) = &query.what {
            filter("what =", what.into());
        }
        if let Some(who) = &query.who {
            filter("who =", who.into());
        }
        if let Some(user) = &query.user {
            filter("user =", user.into());
        }
        if let Some(from_ms) = query.from_ms {
            filter("at_ms >=", from_ms.into());
        }
        if let Some(to_ms) = query.to_ms {
            filter("at_ms <=", to_ms.into());
        }
        sql.push_str(" ORDER BY number LIMIT ?2");
        let mut rows = self.storage.query(&sql, &cells)?;
        let more = rows.len() as u64 > limit;
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let next = rows.last().filter(|_| more).map(|row| row.number(0));
        Ok(json!({"entries": rows.iter().map(shown).collect::<Vec<_>>(), "next": next}))
    }

    /// Every entry of an end user, by alias.
    pub(super) fn entries_of(&self, alias: &str) -> Result<Vec<Value>, Failure> {
        let sql = "SELECT number, at_ms, what, who, audit.alias, details, previous, hash, user FROM audit \
                   LEFT JOIN persons ON persons.alias = audit.alias WHERE audit.alias = ?1 ORDER BY number";
        Ok(self.storage.query(sql, &cells![alias])?.iter().map(shown).collect())
    }

    /// Verifies the chain, the last entry first.
    pub(super) fn verify(&self) -> Result<Verdict, Failure> {
        let mut verifier = Verifier::new(self.checkpoint.clone(), self.head.clone());
        let sql = "SELECT number, at_ms, what, who, alias, details, previous, hash FROM audit WHERE ?1 IS NULL OR number < ?1 \
                   ORDER BY number DESC LIMIT ?2";
        let mut below: Option<u64> = None;
        loop {
            let rows = self.storage.query(sql, &cells![below, PAGE])?;
            for row in &rows {
                verifier.entry(&entry(row));
                below = Some(row.number(0));
            }
            // No number is below 0 that the ledger gave; of those that somebody else did, one is enough to name.
            if (rows.len() as u64) < PAGE || below == Some(0) {
                return Ok(verifier.finish());
            }
        }
    }

    /// Removes the oldest entries, up to the last one that came before a time, in ms since 1970, and keeps the mark of the last.
    pub(super) fn shorten(&mut self, before_ms: u64) -> Result<(), Failure> {
        let sql = "SELECT number FROM audit WHERE at_ms > ?1 ORDER BY number LIMIT 1";
        let stays = self.storage.query(sql, &cells![before_ms])?.first().map(|row| row.number(0));
        let last = match stays {
            Some(stays) => {
                let sql = "SELECT number, hash FROM audit WHERE number < ?1 ORDER BY number DESC LIMIT 1";
                let rows = self.storage.query(sql, &cells![stays])?;
                rows.first().map(|row| Mark { number: row.number(0), hash: row.text(1).to_owned() })
            }
            None => Some(self.head.clone()),
        };
        if let Some(mark) = last {
            self.begin_behind(mark);
        }
        Ok(())
    }

    /// Removes the entries up to a mark.
    pub(super) fn begin_behind(&mut self, mark: Mark) {
        self.batch.add("DELETE FROM audit WHERE number <= ?1", cells![mark.number]);
        self.keep_fact("checkpoint", written(&mark));
        self.checkpoint = mark;
    }
}

fn entry(row: &Row) -> Entry {
    let text = |column| row.text(column).to_owned();
    Entry {
        number: row.number(0),
        at_ms: row.number(1),
        what: text(2),
        who: text(3),
        alias: text(4),
        details: text(5),
        previous: text(6),
        hash: text(7),
    }
}

/// An entry as it is replied. `user` is null when none was named or the end user was erased; the hash is over the alias.
fn shown(row: &Row) -> Value {
    let Entry { number, at_ms, what, who, alias, details, previous, hash } = entry(row);
    json!({
        "number": number,
        "at_ms": at_ms,
        "what": what,
        "who": who,
        "user": row.maybe_text(8),
        "alias": alias,
        "details": value(&details),
        "previous": previous,
        "hash": hash,
    })
}
