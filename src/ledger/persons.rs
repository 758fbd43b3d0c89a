//! End users: each has an alias, which stands everywhere in place of its id, so that forgetting one row forgets the person.

use serde_json::{Map, Value, json};

use super::audit::hexadecimal;
use super::books::Books;
use super::limits;
use super::message::Event;
use super::storage::{Failure, Storage, cells};

/// Bytes of an alias, and of the salt of the cache's key.
const RANDOM_BYTES: usize = 16;

impl<S: Storage> Books<S> {
    /// The alias of an end user, made when there is none yet; empty for nobody.
    pub(super) fn alias(&mut self, user: Option<&str>) -> Result<String, Failure> {
        let Some(user) = user else { return Ok(String::new()) };
        if let Some(alias) = self.known_alias(user)? {
            return Ok(alias);
        }
        let alias = hexadecimal(&self.storage.random(RANDOM_BYTES));
        self.batch.add("INSERT INTO persons (alias, user) VALUES (?1, ?2)", cells![&alias, user]);
        self.aliases.insert(user.to_owned(), alias.clone());
        Ok(alias)
    }

    fn known_alias(&mut self, user: &str) -> Result<Option<String>, Failure> {
        if let Some(alias) = self.aliases.get(user) {
            return Ok(Some(alias.clone()));
        }
        let rows = self.storage.query("SELECT alias FROM persons WHERE user = ?1", &cells![user])?;
        let Some(alias) = rows.first().map(|row| row.text(0).to_owned()) else { return Ok(None) };
        self.aliases.insert(user.to_owned(), alias.clone());
        Ok(Some(alias))
    }

    /// All that is known of an end user: `{"user", "alias", "usage", "audit", "reservations", "limits", "answers", "experiments"}`; the alias is null
    /// and the rest is empty when nothing is.
    pub(super) fn export(&mut self, user: &str) -> Result<Value, Failure> {
        let Some(alias) = self.known_alias(user)? else {
            return Ok(json!({"user": user, "alias": null, "usage": [], "audit": [], "reservations": [], "limits": [], "answers": [],
                "given": [], "feedback": [], "experiments": self.experiments_of(user, "")?}));
        };
        let mut reservations = Vec::new();
        for id in self.open.of_alias(&alias) {
            if let Some(open) = self.open.get(&id) {
                reservations.push(json!({"id": id, "at_ms": open.at_ms, "until_ms": open.until_ms, "key": open.key, "model": open.model}));
            }
        }
        let mut counters = Vec::new();
        let sql = "SELECT counter, SUM(amount) FROM slots WHERE alias = ?1 AND until_ms > ?2 GROUP BY counter ORDER BY counter";
        for row in self.storage.query(sql, &cells![&alias, self.now_ms])? {
            if let Some((measure, window_ms, ..)) = limits::parts(row.text(0)) {
                counters.push(json!({"measure": measure, "window_ms": window_ms, "used": row.number(1)}));
            }
        }
        let sql = "SELECT status, content_type, until_ms, (SELECT SUM(LENGTH(bytes)) FROM answer_parts WHERE answer_parts.call = answers.call) \
                   FROM answers WHERE alias = ?1 AND until_ms > ?2 ORDER BY until_ms";
        let mut answers = Vec::new();
        for row in self.storage.query(sql, &cells![&alias, self.now_ms])? {
            answers.push(json!({
                "status": row.number(0), "content_type": row.text(1), "until_ms": row.number(2), "bytes": row.number(3),
            }));
        }
        let (given, said) = self.feedback_of(&alias)?;
        Ok(json!({
            "user": user,
            "alias": alias,
            "given": given,
            "feedback": said,
            "usage": self.usage_of(&alias)?,
            "audit": self.entries_of(&alias)?,
            "reservations": reservations,
            "limits": counters,
            "answers": answers,
            "experiments": self.experiments_of(user, &alias)?,
        }))
    }

    /// Forgets an end user. Reply: `{"removed": {store: count}, "record": {…}, "audit": {"number", "hash"}}`. The sums of the usage
    /// stay, as nobody's, and the alias in the audit leads to nobody.
    pub(super) fn erase_user(&mut self, user: &str, who: String) -> Result<Value, Failure> {
        let alias = self.known_alias(user)?.unwrap_or_default();
        let mut removed = Map::new();
        let known = !alias.is_empty();
        let stores = [
            ("persons", "SELECT COUNT(*) FROM persons WHERE alias = ?1"),
            ("usage", "SELECT COUNT(*) FROM usage WHERE alias = ?1"),
            ("limits", "SELECT COUNT(DISTINCT counter) FROM slots WHERE alias = ?1"),
            ("answers", "SELECT COUNT(*) FROM answers WHERE alias = ?1"),
            ("given", "SELECT COUNT(*) FROM given WHERE alias = ?1"),
            ("feedback", "SELECT COUNT(*) FROM feedback WHERE alias = ?1"),
        ];
        for (store, sql) in stores {
            let count = if known { self.count(sql, &alias)? } else { 0 };
            removed.insert(store.to_owned(), json!(count));
        }
        let open = if known { self.open.of_alias(&alias) } else { Vec::new() };
        removed.insert("reservations".to_owned(), json!(open.len()));
        // Also of who is known nowhere else: a subject that only `x-maya-subject` has named.
        let in_experiments = self.forget_in_experiments(user, &alias)?;
        if known {
            self.forget(user, &alias, &open)?;
        }
        removed.insert("experiments".to_owned(), json!(in_experiments));
        self.destroy_cache()?;
        self.append_of(&erased("user_erased", who, &removed), alias);
        Ok(json!({"removed": removed, "record": self.tenant, "audit": self.head}))
    }

    fn forget(&mut self, user: &str, alias: &str, open: &[String]) -> Result<(), Failure> {
        self.fold_usage(alias);
        self.forget_feedback(alias)?;
        for sql in [
            "DELETE FROM persons WHERE alias = ?1",
            "DELETE FROM slots WHERE alias = ?1",
            "DELETE FROM answer_parts WHERE call IN (SELECT call FROM answers WHERE alias = ?1)",
            "DELETE FROM answers WHERE alias = ?1",
        ] {
            self.batch.add(sql, cells![alias]);
        }
        self.aliases.remove(user);
        // Calls that are being made go on as nobody's, and hold nothing of what counted for the person; nor is their answer kept.
        for id in open {
            if let Some(mut reservation) = self.open.remove(id) {
                reservation.alias.clear();
                reservation.call = None;
                reservation.held.retain(|hold| limits::parts(&hold.0).is_none_or(|(_, _, per, _)| per != "user"));
                let record = serde_json::to_string(&reservation)?;
                self.batch.add("UPDATE reservations SET record = ?2 WHERE id = ?1", cells![id, record]);
                self.open.insert(id.clone(), reservation);
            }
        }
        self.windows.retain(|counter, _| limits::parts(counter).is_none_or(|(_, _, per, _)| per != "user"));
        Ok(())
    }

    /// Removes the tenant's data: all but keys and record. Reply: as of [`Self::erase_user`].
    pub(super) fn erase_tenant(&mut self, who: String) -> Result<Value, Failure> {
        let mut removed = Map::new();
        for (store, sql) in [
            ("persons", "SELECT COUNT(*) FROM persons"),
            ("usage", "SELECT COUNT(*) FROM usage"),
            ("limits", "SELECT COUNT(DISTINCT counter) FROM slots"),
            ("spent", "SELECT COUNT(*) FROM spent"),
            ("answers", "SELECT COUNT(*) FROM answers"),
            ("reservations", "SELECT COUNT(*) FROM reservations"),
            ("documents", "SELECT COUNT(*) FROM documents"),
            ("given", "SELECT COUNT(*) FROM given"),
            ("feedback", "SELECT COUNT(*) FROM feedback"),
            ("experiments", "SELECT COUNT(*) FROM experiments"),
            ("audit", "SELECT COUNT(*) FROM audit"),
        ] {
            let rows = self.storage.query(sql, &[])?;
            removed.insert(store.to_owned(), json!(rows.first().map_or(0, |row| row.number(0))));
        }
        for sql in [
            "DELETE FROM persons",
            "DELETE FROM usage",
            "DELETE FROM slots",
            "DELETE FROM spent",
            "DELETE FROM answer_parts",
            "DELETE FROM answers",
            "DELETE FROM reservations",
            "DELETE FROM documents",
            "DELETE FROM given",
            "DELETE FROM feedback",
            "DELETE FROM facts WHERE name = 'learnt'",
            "DELETE FROM experiments",
            "DELETE FROM experiment_subjects",
            "DELETE FROM experiment_answers",
        ] {
            self.batch.add(sql, Vec::new());
        }
        self.begin_behind(self.head.clone());
        self.aliases.clear();
        self.windows.clear();
        self.spent.clear();
        self.open = super::books::Open::default();
        (self.oldest_entry_ms, self.oldest_usage_day, self.next_stale_ms) = (None, None, None);
        self.destroy_cache()?;
        self.append_of(&erased("tenant_erased", who, &removed), String::new());
        Ok(json!({"removed": removed, "record": self.tenant, "audit": self.head}))
    }

    /// A new epoch and a new salt: what the cache has can no longer be found, nor read.
    fn destroy_cache(&mut self) -> Result<(), Failure> {
        self.tenant.epoch = self.tenant.epoch.saturating_add(1);
        self.tenant.salt = hexadecimal(&self.storage.random(RANDOM_BYTES));
        self.keep_tenant()
    }

    fn count(&self, sql: &str, alias: &str) -> Result<u64, Failure> {
        Ok(self.storage.query(sql, &cells![alias])?.first().map_or(0, |row| row.number(0)))
    }
}

fn erased(what: &str, who: String, removed: &Map<String, Value>) -> Event {
    Event { what: what.to_owned(), who, user: None, details: json!({"removed": removed}) }
}
