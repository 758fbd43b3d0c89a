//! What an isolate has counted and not yet told: series by minute and labels, of which there is a bounded number.

use std::collections::BTreeMap;

use super::series::{Count, Reader, Series, write_bytes, write_number};
use crate::cloud::models::Models;

/// The length of a minute in ms.
pub const MINUTE_MS: u64 = 60_000;
/// How much room an isolate has for the series of one minute.
const OF_MINUTE: Room = Room { tenant: 60, details: 300, all: 1_000 };
/// The most series of all minutes that wait: beyond, each tenant gets one of a minute; beyond twice as many, requests are counted as lost.
const MOST: usize = 2_000;
/// How many series a tenant has for itself, however many others have.
const FEW: usize = 4;
/// The longest value of a label, in bytes.
const LONGEST: usize = 64;
/// What stands for a value that has no room.
pub const OTHER: &str = "other";
/// What stands for tenants that have no room.
pub const NOBODY: &str = "_other";

/// The labels of a series. What does not apply is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labels {
    /// The tenant; empty for who is none.
    pub tenant: String,
    /// The resource that was called.
    pub endpoint: String,
    /// The model that answered, by the operator's table; `other` for one that is not in it.
    pub model: String,
    /// The platform of a post.
    pub platform: String,
    /// An arm of an experiment, as `experiment:arm`.
    pub variant: String,
    /// Who answered: `cache`, `edge` or `cloud`; empty for an error.
    pub source: String,
}

/// The labels by name, as queries say them.
pub const NAMES: [&str; 6] = ["tenant", "endpoint", "model", "platform", "variant", "source"];

impl Labels {
    /// The values, in the order of [`NAMES`].
    pub fn values(&self) -> [&str; 6] {
        [&self.tenant, &self.endpoint, &self.model, &self.platform, &self.variant, &self.source]
    }

    /// From values in the order of [`NAMES`], a line each; none when they are not so many.
    pub fn read(lines: &str) -> Option<Self> {
        let mut values = lines.split('\n').map(str::to_owned);
        let mut next = || values.next();
        let labels = Self { tenant: next()?, endpoint: next()?, model: next()?, platform: next()?, variant: next()?, source: next()? };
        next().is_none().then_some(labels)
    }

    /// The values as lines.
    pub fn lines(&self) -> String {
        self.values().map(bounded).join("\n")
    }

    /// The same with less and less detail: without the variant, then the platform, then the model. What had a value is `other`.
    fn narrowed(&self) -> [Self; 3] {
        let other = |value: &str| if value.is_empty() { String::new() } else { OTHER.to_owned() };
        let without_variant = Self { variant: other(&self.variant), ..self.clone() };
        let without_platform = Self { platform: other(&self.platform), ..without_variant.clone() };
        let without_model = Self { model: other(&self.model), ..without_platform.clone() };
        [without_variant, without_platform, without_model]
    }

    /// The tenant alone: the one series that each may have, however little room there is.
    fn tenants(&self) -> Self {
        Self { tenant: self.tenant.clone(), endpoint: OTHER.to_owned(), ..Self::default() }
    }

    /// Not even the tenant. No tenant is called so: a leading `_` is the gateway's own.
    fn nobodys() -> Self {
        Self { tenant: NOBODY.to_owned(), endpoint: OTHER.to_owned(), ..Self::default() }
    }
}

/// A model's name as a label: only those of the operator's table are, for others have no end. Where there is no model there is no name.
pub fn of_table<'m>(models: &Models, model: &'m str) -> &'m str {
    if model.is_empty() || models.row(model).is_some() { model } else { OTHER }
}

/// A value that is not longer than labels are, on one line.
fn bounded(value: &str) -> String {
    let short = value.floor_char_boundary(LONGEST);
    value.get(..short).unwrap_or_default().replace(char::is_control, " ")
}

/// How many series a shelf has room for.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Those of one tenant that have their labels for themselves. Half as many more may be narrowed ones.
    pub tenant: usize,
    /// Those of all tenants, beyond which a tenant gets no more than [`FEW`].
    pub details: usize,
    /// All. Nothing but more tenants than this fills it.
    pub all: usize,
}

/// Series by their labels. A tenant that has many of them narrows its own and nobody else's.
#[derive(Debug, Default)]
pub struct Shelf {
    series: BTreeMap<Labels, Series>,
    tenants: BTreeMap<String, usize>,
}

impl Shelf {
    /// How many series there are.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// The series of labels, if there is one.
    pub fn get(&self, labels: &Labels) -> Option<&Series> {
        self.series.get(labels)
    }

    /// All series, by their labels.
    pub fn iter(&self) -> impl Iterator<Item = (&Labels, &Series)> {
        self.series.iter()
    }

    /// Puts a series where it was, whatever room there is.
    pub fn put(&mut self, labels: Labels, series: Series) {
        let tenant = labels.tenant.clone();
        if self.series.insert(labels, series).is_none() {
            let held = self.tenants.entry(tenant).or_default();
            *held = held.saturating_add(1);
        }
    }

    /// The labels under which something is counted that has these.
    fn place(&self, labels: &Labels, room: Room) -> Labels {
        let all = self.series.len();
        let own = self.tenants.get(&labels.tenant).copied().unwrap_or_default();
        // The rest of the room is for tenants that come later.
        let few = own < FEW && own < room.tenant && all < room.details.midpoint(room.all);
        if self.series.contains_key(labels) || few || own < room.tenant && all < room.details {
            return labels.clone();
        }
        let narrow = own < room.tenant.saturating_add(room.tenant.div_euclid(2)) && all < room.details;
        let found = labels.narrowed().into_iter().find(|narrower| narrow && narrower != labels || self.series.contains_key(narrower));
        let least = found.unwrap_or_else(|| labels.tenants());
        if all < room.all || self.series.contains_key(&least) { least } else { Labels::nobodys() }
    }

    /// Adds to the series of labels; or, when there is no room, to one that stands in for it, whose labels are told. The requests that are
    /// counted there overflowed.
    pub fn add(&mut self, labels: &Labels, room: Room, add: impl FnOnce(&mut Series)) -> Option<Labels> {
        // Nearly always it is there.
        if let Some(series) = self.series.get_mut(labels) {
            add(series);
            return None;
        }
        let place = self.place(labels, room);
        if !self.series.contains_key(&place) {
            self.put(place.clone(), Series::default());
        }
        if let Some(series) = self.series.get_mut(&place) {
            let counted = |series: &Series| [Count::Requests, Count::Overflowed].map(|count| series.counted(count));
            let [requests, overflowed] = counted(series);
            add(series);
            if place != *labels {
                let [more_requests, more_overflowed] = counted(series);
                // Those that overflowed before count once.
                let more = more_requests.saturating_sub(requests).saturating_sub(more_overflowed.saturating_sub(overflowed));
                series.count(Count::Overflowed, more);
            }
        }
        (place != *labels).then_some(place)
    }
}

/// What an isolate has counted and not yet told.
#[derive(Debug, Default)]
pub struct Register {
    minutes: BTreeMap<u64, Shelf>,
    held: usize,
    /// Requests that found no room at all.
    lost: u64,
}

impl Register {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.minutes.is_empty() && self.lost == 0
    }

    /// Adds to a series of the minute of a time, in ms since 1970.
    pub fn add(&mut self, at_ms: u64, labels: &Labels, add: impl FnOnce(&mut Series)) {
        let minute = at_ms.div_euclid(MINUTE_MS);
        let of_minute = self.minutes.entry(minute).or_default();
        let held = of_minute.len();
        // Where minutes wait that cannot be told, each tenant gets one series of a minute, as long as there is room for that.
        let room = if self.held < MOST { OF_MINUTE } else { Room { tenant: 0, details: 0, ..OF_MINUTE } };
        if self.held >= MOST.saturating_mul(2) && of_minute.get(&of_minute.place(labels, room)).is_none() {
            let mut series = Series::default();
            add(&mut series);
            self.lost = self.lost.saturating_add(series.counted(Count::Requests));
            if of_minute.is_empty() {
                self.minutes.remove(&minute);
            }
            return;
        }
        of_minute.add(labels, room, |series| series.observe(add));
        self.held = self.held.saturating_add(of_minute.len().saturating_sub(held));
    }

    /// Takes everything, as the bytes of a message: for each series its minute, its labels and itself. Requests that found no room are told
    /// under no labels, at a time in ms since 1970.
    pub fn take(&mut self, now_ms: u64) -> Vec<u8> {
        let Self { minutes, lost, .. } = std::mem::take(self);
        let mut bytes = Vec::new();
        for (minute, of_minute) in &minutes {
            for (labels, series) in of_minute.iter() {
                write(&mut bytes, *minute, labels, series);
            }
        }
        if lost > 0 {
            let mut series = Series::default();
            series.count(Count::Lost, lost);
            write(&mut bytes, now_ms.div_euclid(MINUTE_MS), &Labels::default(), &series);
        }
        bytes
    }
}

fn write(bytes: &mut Vec<u8>, minute: u64, labels: &Labels, series: &Series) {
    write_number(bytes, minute);
    write_bytes(bytes, labels.lines().as_bytes());
    series.write(bytes);
}

/// The series of a message: their minutes, labels and themselves; none when it is not one.
pub fn read(bytes: &[u8]) -> Option<Vec<(u64, Labels, Series)>> {
    let mut reader = Reader(bytes);
    let mut read = Vec::new();
    while !reader.is_at_end() {
        let minute = reader.number()?;
        let labels = Labels::read(reader.text()?)?;
        read.push((minute, labels, Series::read(&mut reader)?));
    }
    Some(read)
}
