//! The records of keys and of the tenant, and in the gateway's own ledger the list of tenants.

use serde_json::{Value, json};

use super::books::Books;
use super::message::Event;
use super::storage::{Failure, Storage, cells};
use crate::admission::record::{KeyRecord, TenantRecord};
use crate::protocol::json::typed;

/// Who changes records.
const ADMIN: &str = "admin";

impl<S: Storage> Books<S> {
    /// Reads the records of a key's id, unless they are in memory.
    fn need_key(&mut self, id: &str) -> Result<&mut Vec<(String, KeyRecord)>, Failure> {
        if !self.keys.contains_key(id) {
            let rows = self.storage.query("SELECT sha256, record FROM keys WHERE id = ?1", &cells![id])?;
            let mut records = Vec::with_capacity(rows.len());
            for row in rows {
                records.push((row.text(0).to_owned(), typed::read(row.text(1))?));
            }
            self.keys.insert(id.to_owned(), records);
        }
        Ok(self.keys.entry(id.to_owned()).or_default())
    }

    /// The record of a key that may be used: of those that are neither revoked nor expired, the one that lasts the longest.
    pub(super) fn valid_key(&mut self, id: &str) -> Result<Option<&KeyRecord>, Failure> {
        let now_ms = self.now_ms;
        let records = self.need_key(id)?.iter().map(|(_, record)| record);
        let valid = records.filter(|record| record.revoked_ms.is_none() && record.expires_ms.is_none_or(|expires_ms| expires_ms > now_ms));
        Ok(valid.max_by_key(|record| (record.expires_ms.unwrap_or(u64::MAX), record.created_ms)))
    }

    /// Keeps a key's record. A revoked key stays revoked. Reply: `{"ok": true, "record": {…}}`, the record as it is kept.
    pub(super) fn put_key(&mut self, act: &str, sha256: String, mut record: KeyRecord) -> Result<Value, Failure> {
        let records = self.need_key(&record.id)?;
        record.revoked_ms = records.iter().filter_map(|(_, known)| known.revoked_ms).min().or(record.revoked_ms);
        records.retain(|(known, _)| *known != sha256);
        records.push((sha256.clone(), record.clone()));
        let text = serde_json::to_string(&record)?;
        self.batch.add("INSERT OR REPLACE INTO keys (sha256, id, record) VALUES (?1, ?2, ?3)", cells![sha256, &record.id, text]);
        self.append(&Event { what: act.to_owned(), who: ADMIN.to_owned(), user: None, details: json!(record) })?;
        Ok(json!({"ok": true, "record": record}))
    }

    /// Digests and records: `[{"sha256", "record"}]`.
    pub(super) fn list_keys(&mut self, id: Option<&str>) -> Result<Value, Failure> {
        if let Some(id) = id {
            return Ok(self.need_key(id)?.iter().map(|(sha256, record)| json!({"sha256": sha256, "record": record})).collect());
        }
        let mut all = Vec::new();
        for row in self.storage.query("SELECT sha256, record FROM keys ORDER BY id, sha256", &[])? {
            let record: KeyRecord = typed::read(row.text(1))?;
            all.push(json!({"sha256": row.text(0), "record": record}));
        }
        Ok(Value::Array(all))
    }

    /// Revokes all digests of a key. Reply: as of [`Self::list_keys`]; empty when there is no such key.
    pub(super) fn revoke_key(&mut self, id: &str) -> Result<Value, Failure> {
        let now_ms = self.now_ms;
        let mut changed = Vec::new();
        for (sha256, record) in self.need_key(id)? {
            if record.revoked_ms.is_none() {
                record.revoked_ms = Some(now_ms);
                changed.push((sha256.clone(), serde_json::to_string(record)?));
            }
        }
        if !changed.is_empty() {
            for (sha256, text) in changed {
                self.batch.add("UPDATE keys SET record = ?2 WHERE sha256 = ?1", cells![sha256, text]);
            }
            self.append(&Event { what: "key_revoked".to_owned(), who: ADMIN.to_owned(), user: None, details: json!({"id": id}) })?;
        }
        self.list_keys(Some(id))
    }

    /// Keeps the tenant's record, but does not undo an erasure: an epoch never falls, and its salt stays. Reply:
    /// `{"ok": true, "record": {…}}`, the record as it is kept.
    pub(super) fn put_tenant(&mut self, mut record: TenantRecord) -> Result<Value, Failure> {
        if record.epoch < self.tenant.epoch || record.salt.is_empty() {
            record.epoch = record.epoch.max(self.tenant.epoch);
            record.salt.clone_from(&self.tenant.salt);
        }
        self.tenant = record;
        self.keep_tenant()?;
        // What may stay for less long than before has to go earlier.
        self.look_for_the_oldest()?;
        // The salt is a part of a key.
        let details = json!(TenantRecord { salt: String::new(), ..self.tenant.clone() });
        self.append(&Event { what: "tenant_changed".to_owned(), who: ADMIN.to_owned(), user: None, details })?;
        Ok(json!({"ok": true, "record": self.tenant}))
    }

    pub(super) fn keep_tenant(&mut self) -> Result<(), Failure> {
        let text = serde_json::to_string(&self.tenant)?;
        self.keep_fact("tenant", text);
        Ok(())
    }

    /// Registers a tenant: `{"ok": true}`, or `{"error": "region"}` when it is known in another region.
    pub(super) fn register(&mut self, tenant: &str, region: Option<String>) -> Result<Value, Failure> {
        let known = self.storage.query("SELECT region FROM tenants WHERE name = ?1", &cells![tenant])?;
        match known.first() {
            Some(row) if row.maybe_text(0) != region.as_deref() => return Ok(json!({"error": "region"})),
            Some(_) => {}
            None => self.batch.add("INSERT INTO tenants (name, region) VALUES (?1, ?2)", cells![tenant, region]),
        }
        Ok(json!({"ok": true}))
    }

    /// The tenants: `[{"tenant", "region"}]`.
    pub(super) fn tenants(&self) -> Result<Value, Failure> {
        let rows = self.storage.query("SELECT name, region FROM tenants ORDER BY name", &[])?;
        Ok(rows.iter().map(|row| json!({"tenant": row.text(0), "region": row.maybe_text(1)})).collect())
    }
}
