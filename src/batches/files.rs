//! The files of a store. What came is in parts of whole lines; a file of results is the results themselves, in the order of the lines.

use serde_json::{Value, json};

use super::message::Rows;
use super::store::{Store, done, refused, said};
use crate::ledger::books::Reply;
use crate::ledger::storage::{Failure, Row, Storage, cells};

/// How many bytes of rows a reply carries, but for its last row.
const REPLY_BYTES: u64 = 1_000_000;
/// How many rows.
const REPLY_ROWS: u64 = 1000;

const COLUMNS: &str = "SELECT id, purpose, created_ms, expires_ms, size, length(head), batch, ok FROM files WHERE ready = 1";

impl<S: Storage> Store<S> {
    pub(super) fn begin_file(&mut self) -> Result<Value, Failure> {
        let id = self.new_id("file-");
        let sql = "INSERT INTO files (id, purpose, created_ms, expires_ms, ready, size, lines, batch, ok, head) \
                   VALUES (?1, 'batch', ?2, 0, 0, 0, 0, '', 0, x'')";
        self.batch.add(sql, cells![&id, self.now_ms]);
        Ok(json!({"id": id}))
    }

    pub(super) fn put_parts(&mut self, file: &str, parts: &[(u64, u64, usize)], bytes: &[u8]) -> Result<Value, Failure> {
        let sql = "SELECT size, lines, (SELECT COUNT(*) FROM file_parts WHERE file = ?1) FROM files WHERE id = ?1 AND ready = 0";
        let rows = self.storage.query(sql, &cells![file])?;
        let Some(row) = rows.first() else { return Ok(refused("unknown")) };
        let (mut size, mut lines, mut part) = (row.number(0), row.number(1), row.number(2));
        let mut from = 0_usize;
        for (more_lines, more, sealed) in parts {
            part = part.saturating_add(1);
            let to = from.saturating_add(*sealed);
            let piece = bytes.get(from..to).ok_or_else(|| Failure("a part is cut short".to_owned()))?;
            let sql = "INSERT INTO file_parts (file, part, first_line, bytes) VALUES (?1, ?2, ?3, ?4)";
            self.batch.add(sql, cells![file, part, lines.saturating_add(1), piece.to_vec()]);
            from = to;
            lines = lines.saturating_add(*more_lines);
            size = size.saturating_add(*more);
        }
        self.batch.add("UPDATE files SET size = ?2, lines = ?3 WHERE id = ?1", cells![file, size, lines]);
        Ok(json!({"parts": part}))
    }

    pub(super) fn end_file(&mut self, file: &str, kept_ms: u64, head: &[u8]) -> Result<Value, Failure> {
        if self.storage.query("SELECT 1 FROM files WHERE id = ?1 AND ready = 0", &cells![file])?.is_empty() {
            return Ok(refused("unknown"));
        }
        let sql = "UPDATE files SET ready = 1, expires_ms = created_ms + ?2, head = ?3 WHERE id = ?1";
        self.batch.add(sql, cells![file, kept_ms, head.to_vec()]);
        self.flush()?;
        Ok(done())
    }

    pub(super) fn file(&self, id: &str) -> Result<Reply, Failure> {
        let rows = self.storage.query(&format!("{COLUMNS} AND id = ?1"), &cells![id])?;
        self.shown(&rows, false)
    }

    pub(super) fn list_files(&self, purpose: Option<String>, after: Option<String>, limit: u64, ascending: bool) -> Result<Reply, Failure> {
        let (beyond, order) = if ascending { (">", "ASC") } else { ("<", "DESC") };
        let sql = format!(
            "{COLUMNS} AND (?1 IS NULL OR purpose = ?1) \
             AND (?2 IS NULL OR (created_ms, id) {beyond} (SELECT created_ms, id FROM files WHERE id = ?2)) \
             ORDER BY created_ms {order}, id {order} LIMIT ?3"
        );
        let mut rows = self.storage.query(&sql, &cells![purpose, after, limit.saturating_add(1)])?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        self.shown(&rows, more)
    }

    /// Files as JSON; beside, their names.
    fn shown(&self, rows: &[Row], more: bool) -> Result<Reply, Failure> {
        let mut bytes = Vec::new();
        let mut files = Vec::with_capacity(rows.len());
        for row in rows {
            let id = row.text(0);
            bytes.extend(self.blob("SELECT head FROM files WHERE id = ?1", &cells![id])?);
            files.push(json!({
                "id": id, "purpose": row.text(1), "created_ms": row.number(2), "expires_ms": row.number(3), "size": row.number(4),
                "head": row.number(5), "batch": row.text(6), "ok": row.number(7) == 1,
            }));
        }
        Ok(Reply { bytes: Some(bytes), ..said(json!({"files": files, "more": more})) })
    }

    pub(super) fn delete_file(&mut self, id: &str) -> Result<Value, Failure> {
        let rows = self.storage.query("SELECT batch, ok FROM files WHERE id = ?1", &cells![id])?;
        let Some(row) = rows.first() else { return Ok(refused("unknown")) };
        let sql = "SELECT 1 FROM batches WHERE input_file = ?1 AND open = 1 LIMIT 1";
        if !self.storage.query(sql, &cells![id])?.is_empty() {
            return Ok(refused("in_use"));
        }
        self.remove_file(id, row.text(0), row.number(1));
        Ok(done())
    }

    pub(super) fn remove_file(&mut self, id: &str, batch: &str, ok: u64) {
        self.batch.add("DELETE FROM files WHERE id = ?1", cells![id]);
        self.batch.add("DELETE FROM file_parts WHERE file = ?1", cells![id]);
        if !batch.is_empty() {
            self.batch.add("DELETE FROM results WHERE batch = ?1 AND ok = ?2", cells![batch, ok]);
        }
    }

    /// The rows of a file: whose they are, for each its number and its bytes as they lie beside the reply, and whether there are more.
    pub(super) fn rows(&self, file: &str, after: Option<u64>) -> Result<Reply, Failure> {
        let known = self.storage.query("SELECT batch, ok FROM files WHERE id = ?1", &cells![file])?;
        let Some(of) = known.first() else { return Ok(said(refused("unknown"))) };
        let (batch, ok) = (of.text(0), of.number(1));
        let after = after.unwrap_or_default();
        let of_file = batch.is_empty();
        let rows = if of_file {
            let sql = "SELECT part, length(bytes) FROM file_parts WHERE file = ?1 AND part > ?2 ORDER BY part LIMIT ?3";
            self.storage.query(sql, &cells![file, after, REPLY_ROWS])?
        } else {
            let sql = "SELECT line, length(bytes) FROM results WHERE batch = ?1 AND ok = ?4 AND line > ?2 ORDER BY line LIMIT ?3";
            self.storage.query(sql, &cells![batch, after, REPLY_ROWS, ok])?
        };
        let mut bytes = Vec::new();
        let mut given = Vec::with_capacity(rows.len());
        let mut size = 0_u64;
        for row in &rows {
            if size >= REPLY_BYTES {
                break;
            }
            size = size.saturating_add(row.number(1));
            bytes.extend(if of_file {
                self.blob("SELECT bytes FROM file_parts WHERE file = ?1 AND part = ?2", &cells![file, row.number(0)])?
            } else {
                self.blob("SELECT bytes FROM results WHERE batch = ?1 AND line = ?2", &cells![batch, row.number(0)])?
            });
            given.push((row.number(0), usize::try_from(row.number(1)).unwrap_or(usize::MAX)));
        }
        let more = given.len() < rows.len() || u64::try_from(rows.len()).is_ok_and(|rows| rows >= REPLY_ROWS);
        let of = if of_file { file } else { batch };
        Ok(Reply { bytes: Some(bytes), ..said(Rows { of: of.to_owned(), rows: given, more }.written()) })
    }

    pub(super) fn erase(&mut self, all: bool) -> Result<Value, Failure> {
        let count = |sql| Ok::<_, Failure>(self.storage.query(sql, &[])?.first().map_or(0, |row| row.number(0)));
        let (files, results) = (count("SELECT COUNT(*) FROM files")?, count("SELECT COUNT(*) FROM results")?);
        let posts = self.erase_campaigns(all)?;
        self.end_all("data_erased", "The tenant's stored data was erased while the batch was open.")?;
        for sql in ["DELETE FROM files", "DELETE FROM file_parts", "DELETE FROM results", "UPDATE batches SET head = x''"] {
            self.batch.add(sql, Vec::new());
        }
        if all {
            self.batch.add("DELETE FROM batches", Vec::new());
        }
        Ok(json!({"files": files, "results": results, "posts": posts}))
    }
}
