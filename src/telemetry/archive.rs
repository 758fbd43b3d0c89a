//! The archive of telemetry: what isolates have counted, by minute, by hour and by day, and in all. It asks nothing of the runtime but a
//! `Storage`, like the ledger.
//!
//! A message is added to the minutes at once and is safe when it is answered. When an hour is over its minutes are added up into the hour,
//! the day and the sum of everything; what is asked of these takes the minutes of hours that are not over along.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde_json::json;

use super::analytics::Grouped;
use super::message::{Interval, Message, Query};
use super::prometheus;
use super::register::{self, Labels, MINUTE_MS, with_room};
use super::series::{Count, Reader, Series};
use crate::ledger::storage::{Batch, Failure, Storage, cells};
use crate::protocol::json::typed;

/// The most series of one minute that have their labels for themselves.
const MOST_OF_A_MINUTE: usize = 1_000;
/// How long after an hour its minutes are added up, in ms: what comes later is added where it belongs, row by row.
const GRACE_MS: u64 = 120_000;
/// How long an isolate is remembered that has not told anything, in ms: none repeats a message so late.
const REMEMBERED_MS: u64 = 6 * 3_600_000;
/// How long minutes stay in memory, in ms.
const HELD_MS: u64 = 5 * MINUTE_MS;
/// How much time is read at once, in intervals.
const AT_ONCE: u64 = 120;

/// The sum of everything, beside the intervals.
const EVER: u64 = 0;

const TABLES: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS series (span INTEGER NOT NULL, at INTEGER NOT NULL, labels TEXT NOT NULL, body TEXT NOT NULL, \
     PRIMARY KEY (span, at, labels)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS isolates (name TEXT PRIMARY KEY, number INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS progress (name TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID",
];

/// A row's name: its span in ms, its beginning in ms since 1970, its labels.
type Place = (u64, u64, Labels);

/// What a message is answered with.
pub type Reply = String;

/// The archive.
#[derive(Debug)]
pub struct Archive<S> {
    /// Where it is stored.
    pub storage: S,
    minutes: BTreeMap<u64, BTreeMap<Labels, Series>>,
    /// Until when hours are added up, in ms since 1970.
    added_up_ms: u64,
    alarm_ms: u64,
}

impl<S: Storage> Archive<S> {
    /// Opens the archive.
    ///
    /// # Errors
    /// The storage failed.
    pub fn open(storage: S) -> Result<Self, Failure> {
        let mut batch = Batch::default();
        TABLES.iter().for_each(|table| batch.add(*table, []));
        storage.write(&batch, None)?;
        let rows = storage.query("SELECT at FROM progress WHERE name = 'added_up'", &[])?;
        let added_up_ms = rows.first().map_or(0, |row| row.number(0));
        Ok(Self { storage, minutes: BTreeMap::new(), added_up_ms, alarm_ms: 0 })
    }

    /// Carries out a message at a time, in ms since 1970.
    ///
    /// # Errors
    /// Nothing of it was written, and the archive has to be opened anew.
    pub fn act(&mut self, now_ms: u64, message: &str, bytes: &[u8]) -> Result<Reply, Failure> {
        match typed::read::<Message>(message)? {
            Message::Add { isolate, number } => self.add(now_ms, &isolate, number, bytes),
            Message::Analytics(query) => self.analytics(&query),
            Message::Metrics => self.metrics(),
        }
    }

    fn add(&mut self, now_ms: u64, isolate: &str, number: u64, bytes: &[u8]) -> Result<Reply, Failure> {
        let told = self.storage.query("SELECT number FROM isolates WHERE name = ?1", &cells![isolate])?;
        if told.first().is_some_and(|row| row.number(0) >= number) {
            return Ok(json!({"added": 0}).to_string());
        }
        let read = register::read(bytes).ok_or_else(|| Failure("series of another form were expected".to_owned()))?;
        let added = read.len();
        let mut late: BTreeMap<Place, Series> = BTreeMap::new();
        let mut changed: Vec<(u64, Labels)> = Vec::new();
        for (minute, labels, mut series) in read {
            // An isolate's clock may be ahead of this one.
            let at_ms = minute.saturating_mul(MINUTE_MS).min(Interval::Minute.begin(now_ms));
            let of_minute = self.minute(at_ms)?;
            let roomy =
                if of_minute.contains_key(&labels) { labels.clone() } else { with_room(&labels, of_minute.len(), MOST_OF_A_MINUTE) };
            if roomy != labels {
                series.count(Count::Overflowed, series.counted(Count::Requests));
            }
            of_minute.entry(roomy.clone()).or_default().merge(&series);
            if at_ms < self.added_up_ms {
                for (span, at) in longer(at_ms) {
                    late.entry((span, at, roomy.clone())).or_default().merge(&series);
                }
            }
            changed.push((at_ms, roomy));
        }
        changed.sort();
        changed.dedup();
        let mut batch = Batch::default();
        for (at_ms, labels) in &changed {
            if let Some(series) = self.minutes.get(at_ms).and_then(|of_minute| of_minute.get(labels)) {
                put(&mut batch, Interval::Minute.ms(), *at_ms, labels, series);
            }
        }
        self.add_to(&mut batch, late)?;
        batch.add("INSERT OR REPLACE INTO isolates (name, number, at) VALUES (?1, ?2, ?3)", cells![isolate, number, now_ms]);
        let alarm_ms = self.next_alarm(now_ms);
        self.storage.write(&batch, alarm_ms)?;
        self.alarm_ms = alarm_ms.unwrap_or(self.alarm_ms);
        self.minutes.retain(|at_ms, _| now_ms.saturating_sub(*at_ms) < HELD_MS);
        Ok(json!({"added": added}).to_string())
    }

    /// When the hour is to be added up, unless that is set already.
    fn next_alarm(&self, now_ms: u64) -> Option<u64> {
        let next_ms = Interval::Hour.begin(now_ms).saturating_add(Interval::Hour.ms()).saturating_add(GRACE_MS);
        (self.alarm_ms <= now_ms).then_some(next_ms)
    }

    /// A minute's series, read when they are not in memory.
    fn minute(&mut self, at_ms: u64) -> Result<&mut BTreeMap<Labels, Series>, Failure> {
        if !self.minutes.contains_key(&at_ms) {
            let mut held = BTreeMap::new();
            self.each(Interval::Minute.ms(), (at_ms, at_ms.saturating_add(1)), None, |_, labels, series| {
                held.insert(labels, series);
            })?;
            self.minutes.insert(at_ms, held);
        }
        Ok(self.minutes.entry(at_ms).or_default())
    }

    /// Reads the rows of a span that begin in a time.
    fn each(
        &self,
        span: u64,
        (from_ms, to_ms): (u64, u64),
        tenant: Option<&str>,
        mut take: impl FnMut(u64, Labels, Series),
    ) -> Result<(), Failure> {
        let whose = tenant.map(|tenant| format!("{tenant}\n")).unwrap_or_default();
        // An empty beginning is that of all.
        let sql = "SELECT at, labels, body FROM series WHERE span = ?1 AND at >= ?2 AND at < ?3 AND substr(labels, 1, length(?4)) = ?4";
        for row in self.storage.query(sql, &cells![span, from_ms, to_ms, whose])? {
            let unreadable = || Failure("a stored series cannot be read".to_owned());
            let body = BASE64.decode(row.text(2)).map_err(|_| unreadable())?;
            let series = Series::read(&mut Reader(&body)).ok_or_else(unreadable)?;
            take(row.number(0), Labels::read(row.text(1)).ok_or_else(unreadable)?, series);
        }
        Ok(())
    }

    /// Adds to rows of longer spans.
    fn add_to(&self, batch: &mut Batch, more: BTreeMap<Place, Series>) -> Result<(), Failure> {
        for ((span, at_ms, labels), series) in more {
            let sql = "SELECT body FROM series WHERE span = ?1 AND at = ?2 AND labels = ?3";
            let rows = self.storage.query(sql, &cells![span, at_ms, labels.lines()])?;
            let stored = rows.first().and_then(|row| BASE64.decode(row.text(0)).ok());
            let mut whole = stored.and_then(|body| Series::read(&mut Reader(&body))).unwrap_or_default();
            whole.merge(&series);
            put(batch, span, at_ms, &labels, &whole);
        }
        Ok(())
    }

    /// Does what is due: adds up an hour that is over, and lets go of what was kept long enough.
    ///
    /// # Errors
    /// Nothing was written, and the archive has to be opened anew.
    pub fn alarm(&mut self, now_ms: u64) -> Result<(), Failure> {
        let mut batch = Batch::default();
        let sql = "SELECT min(at) FROM series WHERE span = ?1 AND at >= ?2";
        let oldest = self.storage.query(sql, &cells![Interval::Minute.ms(), self.added_up_ms])?;
        let hour_ms = oldest.first().and_then(|row| row.maybe_number(0)).map(|at_ms| Interval::Hour.begin(at_ms));
        let end_ms = hour_ms.map(|hour_ms| hour_ms.saturating_add(Interval::Hour.ms()));
        let mut added_up_ms = self.added_up_ms;
        let mut again = false;
        if let (Some(hour_ms), Some(end_ms)) = (hour_ms, end_ms)
            && end_ms.saturating_add(GRACE_MS) <= now_ms
        {
            let mut sums: BTreeMap<Place, Series> = BTreeMap::new();
            self.each(Interval::Minute.ms(), (hour_ms, end_ms), None, |at_ms, labels, series| {
                for (span, at) in longer(at_ms) {
                    sums.entry((span, at, labels.clone())).or_default().merge(&series);
                }
            })?;
            self.add_to(&mut batch, sums)?;
            added_up_ms = end_ms;
            batch.add("INSERT OR REPLACE INTO progress (name, at) VALUES ('added_up', ?1)", cells![end_ms]);
            again = true;
        }
        for interval in [Interval::Minute, Interval::Hour, Interval::Day] {
            // Minutes that were not added up yet stay: an alarm may come late.
            let kept_ms = now_ms.saturating_sub(interval.kept_ms()).min(added_up_ms);
            batch.add("DELETE FROM series WHERE span = ?1 AND at < ?2", cells![interval.ms(), kept_ms]);
        }
        batch.add("DELETE FROM isolates WHERE at < ?1", cells![now_ms.saturating_sub(REMEMBERED_MS)]);
        // At once when there may be another hour; else with the hour, as long as there is something that grows old.
        let waits = self.storage.query("SELECT 1 FROM series WHERE span > 0 LIMIT 1", &[])?;
        let alarm_ms = if again { Some(now_ms.saturating_add(1000)) } else { self.next_alarm(now_ms).filter(|_| !waits.is_empty()) };
        self.storage.write(&batch, alarm_ms)?;
        self.alarm_ms = alarm_ms.unwrap_or_default();
        self.added_up_ms = added_up_ms;
        Ok(())
    }

    fn analytics(&mut self, query: &Query) -> Result<Reply, Failure> {
        let mut grouped = Grouped::default();
        let tenant = query.tenant.as_deref();
        let (mut span, mut until_ms) = (query.interval.ms(), query.to_ms);
        if query.interval != Interval::Minute {
            until_ms = until_ms.min(self.added_up_ms);
        }
        let mut from_ms = query.from_ms;
        loop {
            while from_ms < until_ms {
                let next_ms = from_ms.saturating_add(span.saturating_mul(AT_ONCE)).min(until_ms);
                self.each(span, (from_ms, next_ms), tenant, |at_ms, labels, series| grouped.add(query, at_ms, &labels, &series))?;
                from_ms = next_ms;
            }
            if span == Interval::Minute.ms() {
                return Ok(grouped.told(query).to_string());
            }
            // The hours that are not added up yet.
            (span, until_ms) = (Interval::Minute.ms(), query.to_ms);
            from_ms = query.from_ms.max(self.added_up_ms);
        }
    }

    fn metrics(&mut self) -> Result<Reply, Failure> {
        let mut sums: BTreeMap<Labels, Series> = BTreeMap::new();
        let mut take = |_: u64, labels: Labels, series: Series| sums.entry(labels).or_default().merge(&series);
        self.each(EVER, (0, 1), None, &mut take)?;
        self.each(Interval::Minute.ms(), (self.added_up_ms, u64::MAX), None, &mut take)?;
        // A text of JSON, as every reply is.
        Ok(json!(prometheus::rendered(&sums)).to_string())
    }
}

/// The longer spans that a minute belongs to, and their beginnings.
fn longer(at_ms: u64) -> [(u64, u64); 3] {
    let of = |interval: Interval| (interval.ms(), interval.begin(at_ms));
    [of(Interval::Hour), of(Interval::Day), (EVER, 0)]
}

fn put(batch: &mut Batch, span: u64, at_ms: u64, labels: &Labels, series: &Series) {
    let mut body = Vec::new();
    series.write(&mut body);
    let sql = "INSERT OR REPLACE INTO series (span, at, labels, body) VALUES (?1, ?2, ?3, ?4)";
    batch.add(sql, cells![span, at_ms, labels.lines(), BASE64.encode(&body)]);
}
