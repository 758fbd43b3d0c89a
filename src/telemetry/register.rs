//! What an isolate has counted and not yet told: series by minute and labels, of which there is a bounded number.

use std::collections::BTreeMap;

use super::series::{Count, Reader, Series, write_bytes, write_number};

/// The length of a minute in ms.
pub const MINUTE_MS: u64 = 60_000;
/// The most series of one minute that have their labels for themselves.
const MOST_OF_A_MINUTE: usize = 300;
/// The most series of all minutes that wait: beyond, the requests are counted as lost.
const MOST: usize = 2_000;
/// The longest value of a label, in bytes.
const LONGEST: usize = 64;
/// What stands for a value that has no room.
pub const OTHER: &str = "other";

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

    /// Labels that few series share: what a caller can make many of is `other`.
    #[must_use]
    pub fn narrowed(&self) -> Self {
        let other = |value: &str| if value.is_empty() { String::new() } else { OTHER.to_owned() };
        Self { model: other(&self.model), platform: other(&self.platform), variant: other(&self.variant), ..self.clone() }
    }

    /// As [`Self::narrowed`], without the tenant's name, too.
    #[must_use]
    pub fn nobodys(&self) -> Self {
        Self { tenant: OTHER.to_owned(), ..self.narrowed() }
    }
}

/// A value that is not longer than labels are, on one line.
fn bounded(value: &str) -> String {
    let short = value.floor_char_boundary(LONGEST);
    value.get(..short).unwrap_or_default().replace(char::is_control, " ")
}

/// The labels under which something is counted, when there are `held` series already and these are not among them.
#[must_use]
pub fn with_room(labels: &Labels, held: usize, most: usize) -> Labels {
    if held < most {
        labels.clone()
    } else if held < most.saturating_mul(2) {
        labels.narrowed()
    } else {
        labels.nobodys()
    }
}

/// What an isolate has counted and not yet told.
#[derive(Debug, Default)]
pub struct Register {
    minutes: BTreeMap<u64, BTreeMap<Labels, Series>>,
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
        if let Some(series) = of_minute.get_mut(labels) {
            add(series);
            return;
        }
        let roomy = with_room(labels, of_minute.len(), MOST_OF_A_MINUTE);
        let moved = roomy != *labels;
        let held = of_minute.len();
        if self.held >= MOST && !of_minute.contains_key(&roomy) {
            let mut series = Series::default();
            add(&mut series);
            self.lost = self.lost.saturating_add(series.counted(Count::Requests));
            if of_minute.is_empty() {
                self.minutes.remove(&minute);
            }
            return;
        }
        let series = of_minute.entry(roomy).or_default();
        add(series);
        if moved {
            series.count(Count::Overflowed, 1);
        }
        self.held = self.held.saturating_add(of_minute.len().saturating_sub(held));
    }

    /// Takes everything, as the bytes of a message: for each series its minute, its labels and itself. Requests that found no room are told
    /// under no labels, at a time in ms since 1970.
    pub fn take(&mut self, now_ms: u64) -> Vec<u8> {
        let Self { minutes, lost, .. } = std::mem::take(self);
        let mut bytes = Vec::new();
        for (minute, of_minute) in &minutes {
            for (labels, series) in of_minute {
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
