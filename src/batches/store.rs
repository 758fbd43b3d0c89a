//! A tenant's store: its tables, and how a message is read, carried out and written. It runs upon the same `Storage` as a ledger.

use serde_json::{Value, json};

use super::message::{Ask, Record, Work};
use crate::admission::keys::hex;
use crate::ledger::books::Reply;
use crate::ledger::storage::{Batch, Cell, Failure, Storage, cells};
use crate::protocol::json::typed;

/// Makes every table that is missing.
const TABLES: &[&str] = &[
    // A file that came in parts, or one of results, which has no parts of its own. `ready` is 0 while it comes.
    "CREATE TABLE IF NOT EXISTS files (id TEXT PRIMARY KEY, purpose TEXT NOT NULL, created_ms INTEGER NOT NULL, \
     expires_ms INTEGER NOT NULL, ready INTEGER NOT NULL, size INTEGER NOT NULL, lines INTEGER NOT NULL, batch TEXT NOT NULL, \
     ok INTEGER NOT NULL, head BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS file_parts (file TEXT NOT NULL, part INTEGER NOT NULL, first_line INTEGER NOT NULL, \
     bytes BLOB NOT NULL, PRIMARY KEY (file, part))",
    "CREATE TABLE IF NOT EXISTS batches (id TEXT PRIMARY KEY, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, \
     open INTEGER NOT NULL, input_file TEXT NOT NULL, record TEXT NOT NULL, head BLOB NOT NULL) WITHOUT ROWID",
    // What is left to do of a batch; part 0 is the check of its lines. `until_ms` is 0 until it is sent to the queue.
    "CREATE TABLE IF NOT EXISTS parts (batch TEXT NOT NULL, part INTEGER NOT NULL, lines INTEGER NOT NULL, done INTEGER NOT NULL, \
     lease TEXT NOT NULL, until_ms INTEGER NOT NULL, PRIMARY KEY (batch, part)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS results (batch TEXT NOT NULL, line INTEGER NOT NULL, part INTEGER NOT NULL, ok INTEGER NOT NULL, \
     size INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (batch, line))",
    "CREATE INDEX IF NOT EXISTS results_by_part ON results (batch, part)",
    // The gateway's own store knows which tenants have open batches.
    "CREATE TABLE IF NOT EXISTS tenants (name TEXT PRIMARY KEY, region TEXT, at_ms INTEGER NOT NULL) WITHOUT ROWID",
];

/// Random bytes in an id.
const ID_BYTES: usize = 12;
/// How long a file may take to come, in ms.
pub(super) const COMING_MS: u64 = 3_600_000;
/// How long an ended batch is listed, in ms: 90 days.
pub(super) const LISTED_MS: u64 = 90 * 86_400_000;

/// The store of one tenant.
#[derive(Debug)]
pub struct Store<S> {
    pub(crate) storage: S,
    /// The time of the message, in ms since 1970; it never goes back.
    pub(crate) now_ms: u64,
    /// What is written next.
    pub(crate) batch: Batch,
    outgoing: Vec<Value>,
    alarm_ms: Option<u64>,
}

impl<S: Storage> Store<S> {
    /// Opens the store at a time, in ms since 1970.
    ///
    /// # Errors
    /// The database's own failure.
    pub fn open(storage: S, now_ms: u64) -> Result<Self, Failure> {
        let mut batch = Batch::default();
        for sql in TABLES.iter().chain(&crate::campaigns::store::TABLES) {
            batch.add(*sql, Vec::new());
        }
        storage.write(&batch, None)?;
        Ok(Self { storage, now_ms, batch: Batch::default(), outgoing: Vec::new(), alarm_ms: None })
    }

    /// Carries out a message that came at a time, in ms since 1970.
    ///
    /// # Errors
    /// The message cannot be read, or the database failed. The store has to be opened anew then.
    pub fn act(&mut self, now_ms: u64, message: &str, bytes: &[u8]) -> Result<Reply, Failure> {
        let ask = Ask::read(&typed::read(message)?).ok_or_else(|| Failure("no message of a store".to_owned()))?;
        self.begin(now_ms);
        let reply = self.answer(ask, bytes)?;
        self.commit()?;
        Ok(reply)
    }

    /// Does what is due: sends again what nobody has finished, ends what has run out of time, removes what is stale.
    ///
    /// # Errors
    /// The database's own failure. The store has to be opened anew then.
    pub fn alarm(&mut self, now_ms: u64) -> Result<(), Failure> {
        self.begin(now_ms);
        self.alarm_ms = None;
        self.overdue()?;
        self.campaigns_due()?;
        self.remove_stale()?;
        self.commit()
    }

    /// The messages that the queue is to get: `[{"body": …, "delaySeconds": …}, …]`, each taken once. A message that gets lost is sent
    /// again when it is overdue.
    pub fn outgoing(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.outgoing)
    }

    fn answer(&mut self, ask: Ask, bytes: &[u8]) -> Result<Reply, Failure> {
        Ok(match ask {
            Ask::BeginFile => said(self.begin_file()?),
            Ask::PutParts { file, parts } => said(self.put_parts(&file, &parts, bytes)?),
            Ask::EndFile { file, kept_ms } => said(self.end_file(&file, kept_ms, bytes)?),
            Ask::File { id } => self.file(&id)?,
            Ask::Files { purpose, after, limit, ascending } => self.list_files(purpose, after, limit, ascending)?,
            Ask::DeleteFile { id } => said(self.delete_file(&id)?),
            Ask::Rows { file, after } => self.rows(&file, after)?,
            Ask::CreateBatch(asked) => self.create_batch(asked, bytes)?,
            Ask::Batch { id } => self.one_batch(&id)?,
            Ask::Batches { after, limit } => self.list_batches(after, limit)?,
            Ask::Cancel { id } => self.cancel(&id)?,
            Ask::Lease { batch, part, lease_ms } => self.lease(&batch, part, lease_ms)?,
            Ask::Plan { batch, parts, errors } => said(self.plan(&batch, &parts, errors)?),
            Ask::Results { batch, part, lease, lease_ms, rows } => {
                said(self.results(&batch, part, &lease, lease_ms, &rows, bytes)?.written())
            }
            Ask::GiveBack { batch, part, lease, wait_ms } => said(self.give_back(&batch, part, &lease, wait_ms)?),
            Ask::Stop { batch, code, message, unreadable } => said(self.stop(&batch, code, message, unreadable)?),
            Ask::Tick { off_peak } => said(self.tick(off_peak)?),
            Ask::Campaign(asked) => self.campaign(asked, bytes)?,
            Ask::Erase { all } => said(self.erase(all)?),
            Ask::Remember { tenant, region } => {
                let sql = "INSERT INTO tenants (name, region, at_ms) VALUES (?1, ?2, ?3) \
                           ON CONFLICT DO UPDATE SET region = excluded.region, at_ms = excluded.at_ms";
                self.batch.add(sql, cells![tenant, region.map(|region| region.jurisdiction()), self.now_ms]);
                said(done())
            }
            Ask::Remembered => {
                let rows = self.storage.query("SELECT name, region FROM tenants ORDER BY name", &[])?;
                let known = rows.iter().map(|row| json!({"tenant": row.text(0), "region": row.maybe_text(1)}));
                said(known.collect())
            }
            Ask::Forget { tenant, before_ms } => {
                self.batch.add("DELETE FROM tenants WHERE name = ?1 AND at_ms < ?2", cells![tenant, before_ms]);
                said(done())
            }
        })
    }

    fn begin(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        self.batch.0.clear();
        self.outgoing.clear();
    }

    /// Writes what there is to write, so that it can be read. It is one turn, and so one transaction, all the same.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        if !self.batch.0.is_empty() {
            self.storage.write(&self.batch, None)?;
            self.batch.0.clear();
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Failure> {
        self.flush()?;
        let sql = "SELECT MIN(at_ms) FROM (\
                   SELECT MIN(until_ms) AS at_ms FROM parts WHERE until_ms > 0 \
                   UNION ALL SELECT MIN(expires_ms) FROM batches WHERE open = 1 \
                   UNION ALL SELECT MIN(created_ms) + CAST(?1 AS INTEGER) FROM batches WHERE open = 0 \
                   UNION ALL SELECT MIN(expires_ms) FROM files WHERE ready = 1 AND id NOT IN (SELECT input_file FROM batches WHERE open = 1) \
                   UNION ALL SELECT MIN(created_ms) + CAST(?2 AS INTEGER) FROM files WHERE ready = 0)";
        let first =
            |sql: &str, cells: &[Cell]| Ok::<_, Failure>(self.storage.query(sql, cells)?.first().and_then(|row| row.maybe_number(0)));
        // A question of its own: Durable Objects take five terms of a compound one.
        let campaigns = first("SELECT MIN(due_ms) FROM campaigns", &[])?;
        let due = first(sql, &cells![LISTED_MS, COMING_MS])?.into_iter().chain(campaigns).min();
        if due.is_some() && due != self.alarm_ms {
            self.storage.write(&Batch::default(), due)?;
            self.alarm_ms = due;
        }
        Ok(())
    }

    /// An id that no other has.
    pub(crate) fn new_id(&self, prefix: &str) -> String {
        format!("{prefix}{}", hex(&self.storage.random(ID_BYTES)))
    }

    /// Sends a part to the queue.
    pub(super) fn send(&mut self, record: &Record, part: u64, delay_ms: u64) {
        let work = Work { tenant: record.asked.tenant.clone(), region: record.asked.region, batch: record.id.clone(), part };
        self.send_work(&work, delay_ms);
    }

    /// Sends work to the queue.
    pub(crate) fn send_work(&mut self, work: &Work, delay_ms: u64) {
        self.outgoing.push(json!({"body": work.written(), "contentType": "json", "delaySeconds": delay_ms.div_ceil(1000)}));
    }

    /// A batch.
    pub(super) fn record(&self, id: &str) -> Result<Option<Record>, Failure> {
        let rows = self.storage.query("SELECT record FROM batches WHERE id = ?1", &cells![id])?;
        let Some(row) = rows.first() else { return Ok(None) };
        let record = Record::read(&typed::read(row.text(0))?);
        record.map(Some).ok_or_else(|| Failure("a batch is of another version".to_owned()))
    }

    /// Writes how a batch is.
    pub(super) fn keep(&mut self, record: &Record) -> Result<(), Failure> {
        let open = u64::from(!record.status.is_final());
        let text = record.written().to_string();
        self.batch.add("UPDATE batches SET record = ?2, open = ?3 WHERE id = ?1", cells![&record.id, text, open]);
        Ok(())
    }

    /// The bytes that a statement finds; none when there are none.
    pub(crate) fn blob(&self, sql: &str, cells: &[Cell]) -> Result<Vec<u8>, Failure> {
        Ok(self.storage.bytes(sql, cells)?.unwrap_or_default())
    }

    fn remove_stale(&mut self) -> Result<(), Failure> {
        self.flush()?;
        let sql = "SELECT id, batch, ok FROM files WHERE (ready = 1 AND expires_ms <= ?1 \
                   AND id NOT IN (SELECT input_file FROM batches WHERE open = 1)) OR (ready = 0 AND created_ms <= ?2)";
        let stale = self.storage.query(sql, &cells![self.now_ms, self.now_ms.saturating_sub(COMING_MS)])?;
        for row in &stale {
            self.remove_file(row.text(0), row.text(1), row.number(2));
        }
        let listed_ms = self.now_ms.saturating_sub(LISTED_MS);
        self.batch.add("DELETE FROM batches WHERE open = 0 AND created_ms <= ?1", cells![listed_ms]);
        // Files of results are kept for 30 days at the most, so theirs have gone before.
        self.batch.add("DELETE FROM results WHERE batch NOT IN (SELECT id FROM batches)", Vec::new());
        Ok(())
    }
}

/// A reply that is JSON alone.
pub(crate) fn said(value: Value) -> Reply {
    Reply { text: value.to_string(), bytes: None }
}

/// The reply to what has no other.
pub(crate) fn done() -> Value {
    json!({"ok": true})
}

/// The reply to what cannot be done.
pub(crate) fn refused(why: &str) -> Value {
    json!({"error": why})
}
