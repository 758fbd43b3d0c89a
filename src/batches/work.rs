//! The batches of a store: their parts, who works on which, and how they end.
//!
//! A part is sent to the queue, taken by a lease, and done when each of its lines has a result. A result is kept once, whoever brings it and
//! how often. What is not done in its time is sent again: a message, a Worker and a reply may all be lost.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::message::{Closing, Lease, LineError, NewBatch, Record, ResultRow, Status, Taken};
use super::store::{Store, done, refused, said};
use crate::ledger::books::Reply;
use crate::ledger::storage::{Failure, Storage, cells};

/// How many parts of a batch are in the queue or at work at the same time.
pub const AT_ONCE: u64 = 8;
/// How long a message may wait in the queue before it counts as lost, in ms.
pub const SENT_MS: u64 = 30_000;

impl<S: Storage> Store<S> {
    pub(super) fn create_batch(&mut self, asked: NewBatch, head: &[u8]) -> Result<Reply, Failure> {
        let known = self.storage.query("SELECT purpose FROM files WHERE id = ?1 AND ready = 1", &cells![&asked.input_file])?;
        match known.first().map(|row| row.text(0)) {
            None => return Ok(said(refused("unknown_file"))),
            Some("batch") => {}
            Some(_) => return Ok(said(refused("wrong_purpose"))),
        }
        let record = Record {
            id: self.new_id("batch_"),
            status: Status::Validating,
            created_ms: self.now_ms,
            expires_ms: self.now_ms.saturating_add(asked.window_ms),
            asked,
            in_progress_ms: None,
            finalizing_ms: None,
            cancelling_ms: None,
            ended_ms: None,
            output_file: None,
            error_file: None,
            total: 0,
            completed: 0,
            failed: 0,
            errors: Vec::new(),
            closing: None,
            paused_ms: 0,
        };
        let sql = "INSERT INTO batches (id, created_ms, expires_ms, open, input_file, record, head) VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6)";
        let text = record.written().to_string();
        self.batch.add(sql, cells![&record.id, record.created_ms, record.expires_ms, &record.asked.input_file, text, head.to_vec()]);
        self.add_part(&record.id, 0, 1);
        self.dispatch(&record)?;
        self.one_batch(&record.id)
    }

    fn add_part(&mut self, batch: &str, part: u64, lines: u64) {
        let sql = "INSERT INTO parts (batch, part, lines, done, lease, until_ms) VALUES (?1, ?2, ?3, 0, '', 0)";
        self.batch.add(sql, cells![batch, part, lines]);
    }

    /// A batch as JSON; beside, what its owner has written to it.
    pub(super) fn one_batch(&mut self, id: &str) -> Result<Reply, Failure> {
        self.flush()?;
        let ids: Vec<String> = self.record(id)?.map(|record| record.id).into_iter().collect();
        self.shown_batches(&ids, false)
    }

    pub(super) fn list_batches(&mut self, after: Option<String>, limit: u64) -> Result<Reply, Failure> {
        let sql = "SELECT id FROM batches WHERE ?1 IS NULL OR (created_ms, id) < (SELECT created_ms, id FROM batches WHERE id = ?1) \
                   ORDER BY created_ms DESC, id DESC LIMIT ?2";
        let rows = self.storage.query(sql, &cells![after, limit.saturating_add(1)])?;
        let mut ids: Vec<String> = rows.iter().map(|row| row.text(0).to_owned()).collect();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = ids.len() > limit;
        ids.truncate(limit);
        self.shown_batches(&ids, more)
    }

    fn shown_batches(&self, ids: &[String], more: bool) -> Result<Reply, Failure> {
        let (mut bytes, mut batches) = (Vec::new(), Vec::with_capacity(ids.len()));
        for id in ids {
            let head = self.blob("SELECT head FROM batches WHERE id = ?1", &cells![id])?;
            if let Some(record) = self.record(id)? {
                batches.push(json!({"head": head.len(), "batch": record.written()}));
                bytes.extend(head);
            }
        }
        Ok(Reply { bytes: Some(bytes), ..said(json!({"batches": batches, "more": more})) })
    }

    pub(super) fn cancel(&mut self, id: &str) -> Result<Reply, Failure> {
        let Some(record) = self.record(id)? else { return Ok(said(refused("unknown"))) };
        if record.status.is_final() {
            return Ok(said(refused("ended")));
        }
        self.close(record, Status::Cancelled, "batch_cancelled", "This request was not made: the batch was cancelled before.")?;
        self.one_batch(id)
    }

    /// Ends a batch before its end: the lines that were not asked get an error, by whoever takes their parts.
    fn close(&mut self, mut record: Record, end: Status, code: &str, message: &str) -> Result<(), Failure> {
        if record.closing.is_some() || record.status.is_final() {
            return Ok(());
        }
        record.paused_ms = 0;
        if end == Status::Cancelled {
            record.status = Status::Cancelling;
            record.cancelling_ms = Some(self.now_ms);
        } else {
            record.status = Status::Finalizing;
            record.finalizing_ms = Some(self.now_ms);
        }
        record.closing = Some(Closing { end, code: code.to_owned(), message: message.to_owned() });
        let checking = !self.storage.query("SELECT 1 FROM parts WHERE batch = ?1 AND part = 0", &cells![&record.id])?.is_empty();
        if checking {
            // Which lines there are is not known yet, and none was asked.
            return self.finish(record);
        }
        self.keep(&record)?;
        self.dispatch(&record)
    }

    /// Sends as many parts as may be at work.
    fn dispatch(&mut self, record: &Record) -> Result<(), Failure> {
        self.flush()?;
        let sent = self.storage.query("SELECT COUNT(*) FROM parts WHERE batch = ?1 AND until_ms > 0", &cells![&record.id])?;
        let room = AT_ONCE.saturating_sub(sent.first().map_or(0, |row| row.number(0)));
        let sql = "SELECT part FROM parts WHERE batch = ?1 AND until_ms = 0 ORDER BY part LIMIT ?2";
        let parts = self.storage.query(sql, &cells![&record.id, room])?;
        for row in &parts {
            self.send_part(record, row.number(0), record.paused_ms.saturating_sub(self.now_ms));
        }
        Ok(())
    }

    fn send_part(&mut self, record: &Record, part: u64, delay_ms: u64) {
        let until_ms = self.now_ms.saturating_add(delay_ms).saturating_add(SENT_MS);
        self.batch.add("UPDATE parts SET lease = '', until_ms = ?3 WHERE batch = ?1 AND part = ?2", cells![&record.id, part, until_ms]);
        self.send(record, part, delay_ms);
    }

    /// The part as it is taken, beside it its sealed lines; `null` when there is nothing to do, as for a message that came twice.
    pub(super) fn lease(&mut self, batch: &str, part: u64, lease_ms: u64) -> Result<Reply, Failure> {
        let rows = self.storage.query("SELECT lease, until_ms FROM parts WHERE batch = ?1 AND part = ?2", &cells![batch, part])?;
        let (Some(row), Some(record)) = (rows.first(), self.record(batch)?) else { return Ok(said(Value::Null)) };
        if !row.text(0).is_empty() && row.number(1) > self.now_ms {
            return Ok(said(Value::Null));
        }
        if record.paused_ms > self.now_ms {
            self.send_part(&record, part, record.paused_ms.saturating_sub(self.now_ms));
            return Ok(said(Value::Null));
        }
        let lease = self.new_id("");
        let until_ms = self.now_ms.saturating_add(lease_ms);
        self.batch.add("UPDATE parts SET lease = ?3, until_ms = ?4 WHERE batch = ?1 AND part = ?2", cells![batch, part, &lease, until_ms]);
        let file = record.asked.input_file.clone();
        let parts = self.storage.query("SELECT COUNT(*) FROM file_parts WHERE file = ?1", &cells![&file])?;
        let first = self.storage.query("SELECT first_line FROM file_parts WHERE file = ?1 AND part = ?2", &cells![&file, part])?;
        let bytes = self.blob("SELECT bytes FROM file_parts WHERE file = ?1 AND part = ?2", &cells![&file, part])?;
        let lease = Lease {
            lease,
            batch: record,
            parts: parts.first().map_or(0, |row| row.number(0)),
            first_line: first.first().map_or(1, |row| row.number(0)),
            done: self.lines_done(batch, part)?.into_iter().collect(),
        };
        Ok(Reply { bytes: Some(bytes), ..said(lease.written()) })
    }

    fn lines_done(&self, batch: &str, part: u64) -> Result<BTreeSet<u64>, Failure> {
        let rows = self.storage.query("SELECT line FROM results WHERE batch = ?1 AND part = ?2", &cells![batch, part])?;
        Ok(rows.iter().map(|row| row.number(0)).collect())
    }

    pub(super) fn plan(&mut self, batch: &str, parts: &[(u64, u64)], mut errors: Vec<LineError>) -> Result<Value, Failure> {
        let open = !self.storage.query("SELECT 1 FROM parts WHERE batch = ?1 AND part = 0", &cells![batch])?.is_empty();
        let Some(mut record) = self.record(batch)?.filter(|_| open) else { return Ok(refused("gone")) };
        self.batch.add("DELETE FROM parts WHERE batch = ?1 AND part = 0", cells![batch]);
        if errors.is_empty() && parts.is_empty() {
            let message = "The input file is empty. Upload one with a request on each line.".to_owned();
            errors.push(LineError { code: "empty_file".to_owned(), message, param: None, line: None });
        }
        if !errors.is_empty() {
            record.errors = errors;
            record.status = Status::Failed;
            record.ended_ms = Some(self.now_ms);
            self.keep(&record)?;
            return Ok(done());
        }
        for (part, lines) in parts {
            self.add_part(batch, *part, *lines);
            record.total = record.total.saturating_add(*lines);
        }
        if record.asked.starts_ms.is_none() {
            self.start(record)?;
        } else {
            self.keep(&record)?;
        }
        Ok(done())
    }

    fn start(&mut self, mut record: Record) -> Result<(), Failure> {
        record.status = Status::InProgress;
        record.in_progress_ms = Some(self.now_ms);
        self.keep(&record)?;
        self.dispatch(&record)
    }

    pub(super) fn results(
        &mut self,
        batch: &str,
        part: u64,
        lease: &str,
        lease_ms: u64,
        rows: &[ResultRow],
        bytes: &[u8],
    ) -> Result<Taken, Failure> {
        let sql = "SELECT lines, done, lease FROM parts WHERE batch = ?1 AND part = ?2";
        let held = self.storage.query(sql, &cells![batch, part])?;
        let (Some(held), Some(mut record)) = (held.first(), self.record(batch)?) else { return Ok(Taken { closing: None, stop: true }) };
        let mut known = self.lines_done(batch, part)?;
        let mut from = 0_usize;
        for ResultRow { line, ok, size, sealed } in rows {
            let to = from.saturating_add(*sealed);
            let piece = bytes.get(from..to).ok_or_else(|| Failure("a result is cut short".to_owned()))?;
            from = to;
            if !known.insert(*line) {
                continue;
            }
            let sql = "INSERT INTO results (batch, line, part, ok, size, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            self.batch.add(sql, cells![batch, *line, part, u64::from(*ok), *size, piece.to_vec()]);
            let count = if *ok { &mut record.completed } else { &mut record.failed };
            *count = count.saturating_add(1);
        }
        let (ours, done) = (held.text(2) == lease, u64::try_from(known.len()).unwrap_or(u64::MAX));
        if done < held.number(0) {
            let sql = "UPDATE parts SET done = ?3 WHERE batch = ?1 AND part = ?2";
            self.batch.add(sql, cells![batch, part, done]);
            if ours {
                let until_ms = self.now_ms.saturating_add(lease_ms);
                self.batch.add("UPDATE parts SET until_ms = ?3 WHERE batch = ?1 AND part = ?2", cells![batch, part, until_ms]);
            }
            self.keep(&record)?;
            return Ok(Taken { closing: record.closing, stop: !ours });
        }
        self.batch.add("DELETE FROM parts WHERE batch = ?1 AND part = ?2", cells![batch, part]);
        self.keep(&record)?;
        self.flush()?;
        let closing = record.closing.clone();
        if self.storage.query("SELECT 1 FROM parts WHERE batch = ?1 LIMIT 1", &cells![batch])?.is_empty() {
            self.finish(record)?;
        } else {
            self.dispatch(&record)?;
        }
        Ok(Taken { closing, stop: true })
    }

    /// Ends a batch: its files are what its results are.
    fn finish(&mut self, mut record: Record) -> Result<(), Failure> {
        self.flush()?;
        self.batch.add("DELETE FROM parts WHERE batch = ?1", cells![&record.id]);
        let sql = "SELECT ok, COUNT(*), SUM(size) FROM results WHERE batch = ?1 GROUP BY ok";
        for row in self.storage.query(sql, &cells![&record.id])? {
            let id = self.new_id("file-");
            let expires_ms = self.now_ms.saturating_add(record.asked.kept_ms);
            let sql = "INSERT INTO files (id, purpose, created_ms, expires_ms, ready, size, lines, batch, ok, head) \
                       VALUES (?1, 'batch_output', ?2, ?3, 1, ?4, ?5, ?6, ?7, x'')";
            self.batch.add(sql, cells![&id, self.now_ms, expires_ms, row.number(2), row.number(1), &record.id, row.number(0)]);
            *(if row.number(0) == 1 { &mut record.output_file } else { &mut record.error_file }) = Some(id);
        }
        record.finalizing_ms = record.finalizing_ms.or(Some(self.now_ms));
        record.ended_ms = Some(self.now_ms);
        record.status = record.closing.as_ref().map_or(Status::Completed, |closing| closing.end);
        self.keep(&record)
    }

    pub(super) fn give_back(&mut self, batch: &str, part: u64, lease: &str, wait_ms: u64) -> Result<Value, Failure> {
        let sql = "SELECT 1 FROM parts WHERE batch = ?1 AND part = ?2 AND lease = ?3";
        let held = !self.storage.query(sql, &cells![batch, part, lease])?.is_empty();
        let Some(mut record) = self.record(batch)?.filter(|_| held) else { return Ok(done()) };
        if wait_ms > 0 && record.closing.is_none() {
            record.paused_ms = record.paused_ms.max(self.now_ms.saturating_add(wait_ms));
            self.keep(&record)?;
        }
        self.send_part(&record, part, wait_ms);
        Ok(done())
    }

    pub(super) fn stop(&mut self, batch: &str, code: String, message: String, unreadable: bool) -> Result<Value, Failure> {
        let Some(mut record) = self.record(batch)?.filter(|record| !record.status.is_final()) else { return Ok(done()) };
        if record.closing.is_none() {
            record.errors.push(LineError { code: code.clone(), message: message.clone(), param: None, line: None });
        }
        if unreadable {
            record.closing = Some(Closing { end: Status::Failed, code, message });
            self.finish(record)?;
        } else {
            self.close(record, Status::Failed, &code, &message)?;
        }
        Ok(done())
    }

    /// Sends what is overdue again, and closes what has run out of time.
    pub(super) fn overdue(&mut self) -> Result<(), Failure> {
        let sql = "SELECT id FROM batches WHERE open = 1 AND expires_ms <= ?1";
        for row in self.storage.query(sql, &cells![self.now_ms])? {
            if let Some(record) = self.record(row.text(0))? {
                let message = "This request could not be executed before the completion window expired.";
                self.close(record, Status::Expired, "batch_expired", message)?;
            }
        }
        self.flush()?;
        let sql = "SELECT batch, part FROM parts WHERE until_ms > 0 AND until_ms <= ?1 ORDER BY batch, part LIMIT 100";
        for row in self.storage.query(sql, &cells![self.now_ms])? {
            match self.record(row.text(0))? {
                Some(record) => self.send_part(&record, row.number(1), record.paused_ms.saturating_sub(self.now_ms)),
                None => self.batch.add("DELETE FROM parts WHERE batch = ?1", cells![row.text(0)]),
            }
        }
        Ok(())
    }

    pub(super) fn tick(&mut self, off_peak: bool) -> Result<Value, Failure> {
        self.overdue()?;
        self.flush()?;
        let rows = self.storage.query("SELECT id FROM batches WHERE open = 1", &[])?;
        self.campaigns_due()?;
        let mut open = self.open_campaigns()?;
        for row in &rows {
            let Some(record) = self.record(row.text(0))? else { continue };
            open = open.saturating_add(1);
            let waits = record.status == Status::Validating && record.total > 0;
            if waits && (off_peak || record.asked.starts_ms.is_some_and(|starts| starts <= self.now_ms)) {
                self.start(record)?;
            }
        }
        Ok(json!({"open": open}))
    }

    /// Ends every open batch at once.
    pub(super) fn end_all(&mut self, code: &str, message: &str) -> Result<(), Failure> {
        for row in self.storage.query("SELECT id FROM batches WHERE open = 1", &[])? {
            self.stop(row.text(0), code.to_owned(), message.to_owned(), true)?;
        }
        self.flush()?;
        // Its results go too.
        for row in self.storage.query("SELECT id FROM batches", &[])? {
            if let Some(mut record) = self.record(row.text(0))?.filter(|record| record.output_file.is_some() || record.error_file.is_some())
            {
                (record.output_file, record.error_file) = (None, None);
                self.keep(&record)?;
            }
        }
        Ok(())
    }
}
