//! The archive of telemetry: what isolates have counted, by minute, by hour and by day, and in all. It asks nothing of the runtime but a
//! `Storage`, like the ledger.
//!
//! A message is added to the minutes at once and is safe when it is answered. When an hour is over its minutes are added up into the hour,
//! the day and the sum of everything, tenant by tenant; what is asked of these takes the minutes that are not added up yet along.
//!
//! The object has 128 MB like every isolate, and what a query finds is there three times for a moment: as rows, as JSON and as
//! series. So rows are read by the page, and nothing is held but minutes that just went by and one tenant's rows.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde_json::json;

use super::analytics::Grouped;
use super::message::{Interval, Message, Query};
use super::prometheus::Page;
use super::register::{self, Labels, MINUTE_MS, Room, Shelf};
use super::series::{Reader, Series};
use crate::ledger::storage::{Batch, Failure, Storage, cells};
use crate::protocol::json::typed;

/// How much room there is for the series of a minute.
const OF_MINUTE: Room = Room { tenant: 200, details: 2_000, all: 4_000 };
/// For those of an hour and of a day: a tenant's, for there is no more than one tenant's at once.
const OF_LONGER: Room = Room { tenant: 400, details: usize::MAX, all: usize::MAX };
/// For those of everything.
const OF_EVER: Room = Room { tenant: 1_000, ..OF_LONGER };
/// How long after an hour its minutes are added up, in ms: what comes later is added where it belongs, row by row.
const GRACE_MS: u64 = 120_000;
/// How long an isolate is remembered that has not told anything, in ms: none repeats a message so late.
const REMEMBERED_MS: u64 = 6 * 3_600_000;
/// How long minutes stay in memory, in ms.
const HELD_MS: u64 = 2 * MINUTE_MS;
/// How much time is read at once, in intervals.
const AT_ONCE: u64 = 120;
/// How many rows are read at once: of a few hundred bytes each, rarely of some thousand.
const PAGE: u64 = 500;
/// How many rows of minutes an alarm adds up, about: what is left is for another one.
const OF_ALARM: u64 = 20_000;
/// How much a tenant counts as, in rows, when it has few: its hour, its day and its sum are read and written, too.
const OF_TENANT: u64 = 20;

/// The sum of everything, beside the intervals.
const EVER: u64 = 0;

/// What no labels come behind.
const LAST: &str = "\u{10ffff}";

const TABLES: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS series (span INTEGER NOT NULL, at INTEGER NOT NULL, labels TEXT NOT NULL, body TEXT NOT NULL, \
     PRIMARY KEY (span, at, labels)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS isolates (name TEXT PRIMARY KEY, number INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS progress (name TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID",
    // One row at the most: up to which labels the hour is added up that `progress` names.
    "CREATE TABLE IF NOT EXISTS halfway (id INTEGER PRIMARY KEY, labels TEXT NOT NULL)",
];

/// A page of rows, behind some labels of the first interval. The times are listed, so that in each the rows of one tenant are found by the
/// key: a range of times alone would read those of all tenants. `CROSS JOIN` keeps the order, which is that of times and labels.
const ROWS: &str = "WITH RECURSIVE times(time) AS \
    (SELECT ?2 UNION ALL SELECT time + ?7 FROM times WHERE time + ?7 < ?3 ORDER BY 1) \
    SELECT at, labels, body FROM times CROSS JOIN series WHERE span = ?1 AND at = time \
    AND labels > CASE time WHEN ?2 THEN ?4 ELSE ?5 END AND labels < ?6 LIMIT ?8";

/// The first labels in an hour's minutes that do not come before some.
const NEXT: &str = "WITH RECURSIVE times(time) AS \
    (SELECT ?2 UNION ALL SELECT time + ?1 FROM times WHERE time + ?1 < ?3) \
    SELECT min((SELECT labels FROM series WHERE span = ?1 AND at = time AND labels >= ?4 ORDER BY labels LIMIT 1)) FROM times";

/// Labels in their order, as they are stored: those behind the first and before the second.
type Stretch = (String, String);

/// Those of everybody.
fn everybody() -> Stretch {
    (String::new(), LAST.to_owned())
}

/// Those of a tenant, whose name and a line's end are what its labels begin with.
fn whose(tenant: &str) -> Stretch {
    (format!("{tenant}\n"), format!("{tenant}\u{b}"))
}

/// What a message is answered with.
pub type Reply = String;

/// The archive.
#[derive(Debug)]
pub struct Archive<S> {
    /// Where it is stored.
    pub storage: S,
    minutes: BTreeMap<u64, Shelf>,
    /// Until when hours are added up, in ms since 1970.
    added_up_ms: u64,
    /// The hour that begins there is added up as far as labels come before these; empty when it has not begun.
    halfway: String,
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
        let rows = storage.query("SELECT labels FROM halfway", &[])?;
        let halfway = rows.first().map(|row| row.text(0).to_owned()).unwrap_or_default();
        Ok(Self { storage, minutes: BTreeMap::new(), added_up_ms, halfway, alarm_ms: 0 })
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
        let mut late: BTreeMap<String, Vec<(u64, Labels, Series)>> = BTreeMap::new();
        let mut changed: BTreeSet<(u64, Labels)> = BTreeSet::new();
        for (minute, labels, series) in read {
            // An isolate's clock may be ahead of this one.
            let at_ms = minute.saturating_mul(MINUTE_MS).min(Interval::Minute.begin(now_ms));
            let place = self.minute(at_ms)?.add(&labels, OF_MINUTE, |held| held.merge(&series)).unwrap_or(labels);
            if self.is_added_up(at_ms, &place) {
                late.entry(place.tenant.clone()).or_default().push((at_ms, place.clone(), series));
            }
            changed.insert((at_ms, place));
        }
        let mut batch = Batch::default();
        for (at_ms, labels) in &changed {
            if let Some(series) = self.minutes.get(at_ms).and_then(|of_minute| of_minute.get(labels)) {
                put(&mut batch, Interval::Minute.ms(), *at_ms, labels, series);
            }
        }
        for (tenant, of_tenant) in late {
            let mut longer = Longer::new(self, &tenant);
            for (at_ms, labels, series) in of_tenant {
                longer.add(at_ms, &labels, &series)?;
            }
            longer.write(&mut batch);
        }
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
    fn minute(&mut self, at_ms: u64) -> Result<&mut Shelf, Failure> {
        if !self.minutes.contains_key(&at_ms) {
            let mut held = Shelf::default();
            self.each(Interval::Minute.ms(), (at_ms, at_ms.saturating_add(1)), &everybody(), |_, labels, series| {
                held.put(labels, series);
                Ok(())
            })?;
            self.minutes.insert(at_ms, held);
        }
        Ok(self.minutes.entry(at_ms).or_default())
    }

    /// Whether a row of a minute is in the longer spans already.
    fn is_added_up(&self, at_ms: u64, labels: &Labels) -> bool {
        let in_work = at_ms < self.added_up_ms.saturating_add(Interval::Hour.ms()) && !self.halfway.is_empty();
        at_ms < self.added_up_ms || in_work && labels.lines() < self.halfway
    }

    /// Reads the rows of a span that begin in a time, a page at a time.
    fn each(
        &self,
        span: u64,
        (mut from_ms, to_ms): (u64, u64),
        (first, end): &Stretch,
        mut take: impl FnMut(u64, Labels, Series) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let unreadable = || Failure("a stored series cannot be read".to_owned());
        loop {
            // Times without anything are passed over.
            let sql = "SELECT min(at) FROM series WHERE span = ?1 AND at >= ?2 AND at < ?3";
            let found = self.storage.query(sql, &cells![span, from_ms, to_ms])?;
            let Some(mut at_ms) = found.first().and_then(|row| row.maybe_number(0)) else { return Ok(()) };
            // The sum of everything has one time, and no length.
            let step_ms = span.max(1);
            let until_ms = at_ms.saturating_add(step_ms.saturating_mul(AT_ONCE)).min(to_ms);
            let mut behind = first.clone();
            loop {
                let rows = self.storage.query(ROWS, &cells![span, at_ms, until_ms, behind, first, end, step_ms, PAGE])?;
                for row in &rows {
                    let body = BASE64.decode(row.text(2)).map_err(|_| unreadable())?;
                    let series = Series::read(&mut Reader(&body)).ok_or_else(unreadable)?;
                    take(row.number(0), Labels::read(row.text(1)).ok_or_else(unreadable)?, series)?;
                }
                match rows.last() {
                    Some(last) if u64::try_from(rows.len()).is_ok_and(|rows| rows >= PAGE) => {
                        (at_ms, behind) = (last.number(0), last.text(1).to_owned());
                    }
                    _ => break,
                }
            }
            from_ms = until_ms;
        }
    }

    /// Does what is due: adds up an hour that is over, or a part of it, and lets go of what was kept long enough.
    ///
    /// # Errors
    /// What was not written is done by the next alarm; the archive has to be opened anew.
    pub fn alarm(&mut self, now_ms: u64) -> Result<(), Failure> {
        let again = self.add_up(now_ms)?;
        let mut batch = Batch::default();
        for interval in [Interval::Minute, Interval::Hour, Interval::Day] {
            // Minutes that were not added up yet stay: an alarm may come late.
            let kept_ms = now_ms.saturating_sub(interval.kept_ms()).min(self.added_up_ms);
            batch.add("DELETE FROM series WHERE span = ?1 AND at < ?2", cells![interval.ms(), kept_ms]);
        }
        batch.add("DELETE FROM isolates WHERE at < ?1", cells![now_ms.saturating_sub(REMEMBERED_MS)]);
        // At once when there may be more to do; else with the hour, as long as there is something that grows old.
        let waits = self.storage.query("SELECT 1 FROM series WHERE span > 0 LIMIT 1", &[])?;
        let alarm_ms = if again { Some(now_ms.saturating_add(1000)) } else { self.next_alarm(now_ms).filter(|_| !waits.is_empty()) };
        self.storage.write(&batch, alarm_ms)?;
        self.alarm_ms = alarm_ms.unwrap_or_default();
        Ok(())
    }

    /// Adds up tenants of the oldest hour that is over; whether there may be more to do.
    fn add_up(&mut self, now_ms: u64) -> Result<bool, Failure> {
        let sql = "SELECT min(at) FROM series WHERE span = ?1 AND at >= ?2";
        let oldest = self.storage.query(sql, &cells![Interval::Minute.ms(), self.added_up_ms])?;
        let Some(oldest_ms) = oldest.first().and_then(|row| row.maybe_number(0)) else { return Ok(false) };
        let hour_ms = Interval::Hour.begin(oldest_ms);
        let end_ms = hour_ms.saturating_add(Interval::Hour.ms());
        if end_ms.saturating_add(GRACE_MS) > now_ms {
            return Ok(false);
        }
        let mut halfway = if hour_ms == self.added_up_ms { self.halfway.clone() } else { String::new() };
        let mut rows = 0_u64;
        while rows < OF_ALARM {
            let next = self.storage.query(NEXT, &cells![Interval::Minute.ms(), hour_ms, end_ms, halfway])?;
            let Some(labels) = next.first().and_then(|row| row.maybe_text(0)) else {
                let mut batch = Batch::default();
                progress(&mut batch, end_ms, "");
                self.storage.write(&batch, None)?;
                (self.added_up_ms, self.halfway) = (end_ms, String::new());
                return Ok(true);
            };
            let tenant = labels.split('\n').next().unwrap_or_default();
            let stretch = whose(tenant);
            let mut longer = Longer::new(self, tenant);
            self.each(Interval::Minute.ms(), (hour_ms, end_ms), &stretch, |at_ms, labels, series| {
                rows = rows.saturating_add(1);
                longer.add(at_ms, &labels, &series)
            })?;
            rows = rows.saturating_add(OF_TENANT);
            // What was added up and how far that is are written together, so a tenant is never added up twice.
            let mut batch = Batch::default();
            longer.write(&mut batch);
            progress(&mut batch, hour_ms, &stretch.1);
            self.storage.write(&batch, None)?;
            halfway = stretch.1;
            (self.added_up_ms, self.halfway) = (hour_ms, halfway.clone());
        }
        Ok(true)
    }

    fn analytics(&mut self, query: &Query) -> Result<Reply, Failure> {
        let mut grouped = Grouped::default();
        let stretch = query.tenant.as_deref().map_or_else(everybody, whose);
        let time = (query.from_ms, query.to_ms);
        if query.interval != Interval::Minute {
            self.each(query.interval.ms(), time, &stretch, |at_ms, labels, series| {
                grouped.add(query, at_ms, &labels, &series);
                Ok(())
            })?;
        }
        // Longer spans have what is added up; the minutes of the rest come along.
        let from_ms = if query.interval == Interval::Minute { query.from_ms } else { query.from_ms.max(self.added_up_ms) };
        self.each(Interval::Minute.ms(), (from_ms, query.to_ms), &stretch, |at_ms, labels, series| {
            if query.interval == Interval::Minute || !self.is_added_up(at_ms, &labels) {
                grouped.add(query, at_ms, &labels, &series);
            }
            Ok(())
        })?;
        Ok(grouped.told(query).to_string())
    }

    fn metrics(&mut self) -> Result<Reply, Failure> {
        let mut page = Page::default();
        self.each(EVER, (0, 1), &everybody(), |_, labels, series| {
            page.add(&labels, &series);
            Ok(())
        })?;
        self.each(Interval::Minute.ms(), (self.added_up_ms, u64::MAX), &everybody(), |at_ms, labels, series| {
            if !self.is_added_up(at_ms, &labels) {
                page.add(&labels, &series);
            }
            Ok(())
        })?;
        // A text of JSON, as every reply is.
        Ok(json!(page.told()).to_string())
    }
}

/// Rows of longer spans that something of one tenant is added to.
struct Longer<'a, S> {
    archive: &'a Archive<S>,
    stretch: Stretch,
    /// By span and beginning: the rows, and the labels of those that changed.
    shelves: BTreeMap<(u64, u64), (Shelf, BTreeSet<Labels>)>,
}

impl<'a, S: Storage> Longer<'a, S> {
    fn new(archive: &'a Archive<S>, tenant: &str) -> Self {
        Self { archive, stretch: whose(tenant), shelves: BTreeMap::new() }
    }

    /// Adds a series of a minute to its hour, its day and the sum of everything.
    fn add(&mut self, at_ms: u64, labels: &Labels, series: &Series) -> Result<(), Failure> {
        let of = |interval: Interval| (interval.ms(), interval.begin(at_ms), OF_LONGER);
        for (span, at, room) in [of(Interval::Hour), of(Interval::Day), (EVER, 0, OF_EVER)] {
            if !self.shelves.contains_key(&(span, at)) {
                let mut held = Shelf::default();
                self.archive.each(span, (at, at.saturating_add(1)), &self.stretch, |_, labels, series| {
                    held.put(labels, series);
                    Ok(())
                })?;
                self.shelves.insert((span, at), (held, BTreeSet::new()));
            }
            // What a tenant calls its experiments has no end, and what is kept for ever has to have one.
            let labels = if span == EVER { Labels { variant: String::new(), ..labels.clone() } } else { labels.clone() };
            let (shelf, changed) = self.shelves.entry((span, at)).or_default();
            let place = shelf.add(&labels, room, |held| held.merge(series)).unwrap_or(labels);
            changed.insert(place);
        }
        Ok(())
    }

    /// Writes what has changed.
    fn write(self, batch: &mut Batch) {
        for ((span, at_ms), (shelf, changed)) in &self.shelves {
            for labels in changed {
                if let Some(series) = shelf.get(labels) {
                    put(batch, *span, *at_ms, labels, series);
                }
            }
        }
    }
}

/// Notes until when hours are added up, and how far the hour is that begins then.
fn progress(batch: &mut Batch, added_up_ms: u64, halfway: &str) {
    batch.add("INSERT OR REPLACE INTO progress (name, at) VALUES ('added_up', ?1)", cells![added_up_ms]);
    batch.add("INSERT OR REPLACE INTO halfway (id, labels) VALUES (1, ?1)", cells![halfway]);
}

fn put(batch: &mut Batch, span: u64, at_ms: u64, labels: &Labels, series: &Series) {
    let mut body = Vec::new();
    series.write(&mut body);
    let sql = "INSERT OR REPLACE INTO series (span, at, labels, body) VALUES (?1, ?2, ?3, ?4)";
    batch.add(sql, cells![span, at_ms, labels.lines(), BASE64.encode(&body)]);
}
