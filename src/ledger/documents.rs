//! Documents: what a tenant has written down for the gateway to know, such as intents of its own, by kind and name. The ledger knows nothing
//! of what is in one. They are the tenant's, not an end user's: the erasure of a tenant removes them, that of a person does not.

use serde_json::{Value, json};

use super::books::{Books, value};
use super::message::Event;
use super::storage::{Failure, Storage, cells};
use crate::learning::experiment::definition::KIND;

/// The largest document, in bytes of its JSON: a row of SQLite in a Durable Object holds 2 MB at the most.
pub const LARGEST: usize = 512 * 1024;
/// The most documents of a tenant, of all kinds together.
pub const MOST: u64 = 10_000;

impl<S: Storage> Books<S> {
    /// Keeps a document, in place of one of its name; `most` is how many of its kind there may be. Reply: `{"ok": true, "new": …}`, or
    /// `{"error": "too_many"}` or `{"error": "too_large"}`.
    pub(super) fn put_document(&mut self, kind: &str, name: &str, body: &Value, most: u64, who: String) -> Result<Value, Failure> {
        let text = body.to_string();
        if text.len() > LARGEST {
            return Ok(json!({"error": "too_large"}));
        }
        let known = self.storage.query("SELECT 1 FROM documents WHERE kind = ?1 AND name = ?2", &cells![kind, name])?;
        let new = known.is_empty();
        if new {
            let rows = self.storage.query("SELECT COUNT(*), COUNT(*) FILTER (WHERE kind = ?1) FROM documents", &cells![kind])?;
            if rows.first().is_some_and(|row| row.number(0) >= MOST || row.number(1) >= most) {
                return Ok(json!({"error": "too_many"}));
            }
        }
        self.batch.add(
            "INSERT INTO documents (kind, name, changed_ms, body) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT DO UPDATE SET changed_ms = excluded.changed_ms, body = excluded.body",
            cells![kind, name, self.now_ms, text],
        );
        self.tell_document("document_put", kind, name, who)?;
        Ok(json!({"ok": true, "new": new}))
    }

    /// The documents of a kind by name, or the one of a name: `[{"name", "changed_ms", "body"}]`. Of experiments all, as isolates have to know
    /// them.
    pub(super) fn documents(&self, kind: &str, name: Option<&str>) -> Result<Value, Failure> {
        if kind == KIND {
            return self.experiment_copies();
        }
        let sql = "SELECT name, changed_ms, body FROM documents WHERE kind = ?1 AND (?2 IS NULL OR name = ?2) ORDER BY name";
        let rows = self.storage.query(sql, &cells![kind, name])?;
        Ok(rows.iter().map(|row| json!({"name": row.text(0), "changed_ms": row.number(1), "body": value(row.text(2))})).collect())
    }

    /// Removes a document. Reply: `{"ok": …}`, whether there was one.
    pub(super) fn delete_document(&mut self, kind: &str, name: &str, who: String) -> Result<Value, Failure> {
        let known = self.storage.query("SELECT 1 FROM documents WHERE kind = ?1 AND name = ?2", &cells![kind, name])?;
        if !known.is_empty() {
            self.batch.add("DELETE FROM documents WHERE kind = ?1 AND name = ?2", cells![kind, name]);
            self.tell_document("document_deleted", kind, name, who)?;
        }
        Ok(json!({"ok": !known.is_empty()}))
    }

    /// The audit hears which document, never what is in it.
    fn tell_document(&mut self, what: &str, kind: &str, name: &str, who: String) -> Result<(), Failure> {
        self.append(&Event { what: what.to_owned(), who, user: None, details: json!({"kind": kind, "name": name}) }).map(drop)
    }
}
