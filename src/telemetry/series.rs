//! What is counted under one set of labels: sums and sketches that can be added up, and their compact form.

use std::collections::BTreeMap;

use super::sketch::Sketch;

/// What is counted. The order is that of the stored form: new ones go to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
#[expect(missing_docs, reason = "each is named for what it counts")]
pub enum Count {
    Requests,
    Errors,
    PromptTokens,
    CompletionTokens,
    CostMicroDollars,
    /// Calls whose price is unknown.
    Unpriced,
    SavedByCache,
    SavedByRouting,
    Posts,
    Degraded,
    Valid,
    /// Posts whose wording was measured before and after.
    Humanized,
    /// The sum of what wording gained above -100, in hundredths of points.
    HumanizingGain,
    Ratings,
    /// The sum of ratings, in hundredths.
    RatingSum,
    /// What posts have cost, in micro-dollars.
    PieceCost,
    Published,
    Impressions,
    Likes,
    Comments,
    Shares,
    Clicks,
    /// Requests whose labels had no room any more.
    Overflowed,
    /// Requests that could not be told.
    Lost,
    /// Calls of models, the gateway's own questions among them.
    Calls,
    /// Calls that another model answered than the one asked first.
    StoodIn,
    /// Posts whose cost is unknown.
    PiecesUnpriced,
    /// Engagement reports.
    Engagements,
    FromCache,
    FromEdge,
    FromCloud,
    /// Attempts of models that failed, streams that broke off among them.
    ModelFailures,
}

/// How many there are.
pub const COUNTS: usize = 32;

/// What is sketched, in ms but for the score and tokens. The order is that of the stored form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
#[expect(missing_docs, reason = "each is named for what it sketches")]
pub enum Measure {
    Latency,
    FirstByte,
    Upstream,
    /// 0 to 100.
    Score,
    TimeToPublish,
    /// Tokens of a prompt.
    Prompt,
    /// Tokens of a completion.
    Completion,
}

/// How many there are.
pub const MEASURES: usize = 7;

/// The most kinds of errors that are told apart.
const MOST_ERRORS: usize = 64;
/// Errors beyond.
const OTHER: &str = "other";

/// What is sketched for failures by themselves, too.
const OF_FAILURES: [Measure; 2] = [Measure::Latency, Measure::Upstream];

/// Sketches of requests that failed, in the order of [`OF_FAILURES`].
type Failed = [Option<Box<Sketch>>; OF_FAILURES.len()];

/// What was counted under one set of labels.
#[derive(Clone, Debug)]
pub struct Series {
    counts: [u64; COUNTS],
    errors: BTreeMap<String, u64>,
    sketches: [Option<Box<Sketch>>; MEASURES],
    /// By the code of the error. They are in the sketches of all, too.
    failed: BTreeMap<String, Failed>,
    /// The code of the error that was counted last, as [`Series::observe`] wants to know it.
    latest_error: Option<String>,
}

impl Default for Series {
    fn default() -> Self {
        Self {
            counts: [0; COUNTS],
            errors: BTreeMap::new(),
            sketches: [const { None }; MEASURES],
            failed: BTreeMap::new(),
            latest_error: None,
        }
    }
}

impl Series {
    /// Counts so many more.
    pub fn count(&mut self, count: Count, more: u64) {
        if let Some(counted) = self.counts.get_mut(count as usize) {
            *counted = counted.saturating_add(more);
        }
    }

    /// How many were counted.
    pub fn counted(&self, count: Count) -> u64 {
        self.counts.get(count as usize).copied().unwrap_or_default()
    }

    /// Counts an error of a kind.
    pub fn error(&mut self, code: &str) {
        self.errors_of(code, 1);
        self.latest_error = Some(self.known(code).to_owned());
    }

    /// Adds one request, and tells its times apart when it failed.
    pub fn observe(&mut self, add: impl FnOnce(&mut Self)) {
        let so_far = |series: &Self| OF_FAILURES.map(|measure| series.measured(measure).map_or((0, 0.0), |of| (of.count(), of.sum())));
        self.latest_error = None;
        let before = so_far(self);
        add(self);
        let Some(code) = self.latest_error.take() else { return };
        let times = so_far(self).into_iter().zip(before);
        for (sketch, ((count, sum), (less, lower))) in self.failed.entry(code).or_default().iter_mut().zip(times) {
            // Sums of whole numbers, so the difference is the one that was added.
            if count > less {
                sketch.get_or_insert_default().add(sum - lower);
            }
        }
    }

    /// The code that an error is counted under.
    fn known<'c>(&self, code: &'c str) -> &'c str {
        if self.errors.len() >= MOST_ERRORS && !self.errors.contains_key(code) { OTHER } else { code }
    }

    fn errors_of(&mut self, code: &str, more: u64) {
        let code = self.known(code);
        let counted = self.errors.entry(code.to_owned()).or_default();
        *counted = counted.saturating_add(more);
    }

    /// Errors by their codes.
    pub fn errors(&self) -> &BTreeMap<String, u64> {
        &self.errors
    }

    /// Adds a value.
    pub fn measure(&mut self, measure: Measure, value: f64) {
        if let Some(sketch) = self.sketches.get_mut(measure as usize) {
            sketch.get_or_insert_default().add(value);
        }
    }

    /// The values of a kind; none when there are none.
    pub fn measured(&self, measure: Measure) -> Option<&Sketch> {
        self.sketches.get(measure as usize).and_then(Option::as_deref)
    }

    /// Those of requests that failed, by the code of their error.
    pub fn failed(&self, measure: Measure) -> impl Iterator<Item = (&str, &Sketch)> {
        let place = OF_FAILURES.iter().position(|known| *known == measure);
        self.failed.iter().filter_map(move |(code, sketches)| Some((code.as_str(), sketches.get(place?)?.as_deref()?)))
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.merge_counts(other);
        merge_all(&mut self.sketches, &other.sketches);
        for (code, sketches) in &other.failed {
            let code = self.known(code).to_owned();
            merge_all(self.failed.entry(code).or_default(), sketches);
        }
    }

    /// Adds what another has counted, without what it has sketched.
    pub fn merge_counts(&mut self, other: &Self) {
        for (counted, more) in self.counts.iter_mut().zip(other.counts) {
            *counted = counted.saturating_add(more);
        }
        for (code, more) in &other.errors {
            self.errors_of(code, *more);
        }
    }

    /// The compact form: the counts, the errors, then the sketches; each list behind its length.
    pub fn write(&self, into: &mut Vec<u8>) {
        let used = self.counts.iter().rposition(|count| *count > 0).map_or(0, |last| last.saturating_add(1));
        write_size(into, used);
        self.counts.iter().take(used).for_each(|count| write_number(into, *count));
        write_size(into, self.errors.len());
        for (code, count) in &self.errors {
            write_bytes(into, code.as_bytes());
            write_number(into, *count);
        }
        // Those of failures follow, for each error in its turn: who does not know of them reads past them.
        let none = Failed::default();
        let failed = self.errors.keys().filter(|_| !self.failed.is_empty()).map(|code| self.failed.get(code).unwrap_or(&none));
        let sketches: Vec<_> = self.sketches.iter().chain(failed.flatten()).collect();
        write_size(into, sketches.len());
        for sketch in sketches {
            write_bytes(into, &sketch.as_ref().map(|sketch| sketch.bytes()).unwrap_or_default());
        }
    }

    /// From the compact form; none when it is not one. What a later version added is left out.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut series = Self::default();
        for place in 0..reader.size()? {
            let count = reader.number()?;
            if let Some(counted) = series.counts.get_mut(place) {
                *counted = count;
            }
        }
        let mut codes = Vec::new();
        for _ in 0..reader.size()? {
            let code = reader.text()?;
            let count = reader.number()?;
            series.errors_of(code, count);
            codes.push(series.known(code).to_owned());
        }
        for place in 0..reader.size()? {
            let bytes = reader.bytes()?;
            if bytes.is_empty() {
                continue;
            }
            let read = Box::new(Sketch::read(bytes)?);
            if let Some(sketch) = series.sketches.get_mut(place) {
                *sketch = Some(read);
                continue;
            }
            let behind = place.saturating_sub(MEASURES);
            let code = codes.get(behind.div_euclid(OF_FAILURES.len()));
            let sketches = code.map(|code| series.failed.entry(code.clone()).or_default());
            if let Some(sketch) = sketches.and_then(|sketches| sketches.get_mut(behind.rem_euclid(OF_FAILURES.len()))) {
                *sketch = Some(read);
            }
        }
        Some(series)
    }
}

/// Adds sketches to others, each to its own.
fn merge_all(sketches: &mut [Option<Box<Sketch>>], others: &[Option<Box<Sketch>>]) {
    for (sketch, more) in sketches.iter_mut().zip(others) {
        match (sketch, more) {
            (Some(sketch), Some(more)) => sketch.merge(more),
            (empty, Some(more)) => *empty = Some(more.clone()),
            (_, None) => {}
        }
    }
}

/// Writes a number in groups of seven bits, the lowest first.
pub fn write_number(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(number.to_le_bytes().first().copied().unwrap_or_default() | 0x80);
        number >>= 7;
    }
    into.push(number.to_le_bytes().first().copied().unwrap_or_default());
}

fn write_size(into: &mut Vec<u8>, size: usize) {
    write_number(into, u64::try_from(size).unwrap_or(u64::MAX));
}

/// Writes bytes behind their length.
pub fn write_bytes(into: &mut Vec<u8>, bytes: &[u8]) {
    write_size(into, bytes.len());
    into.extend_from_slice(bytes);
}

/// Reads what the functions above have written.
#[derive(Debug)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// Whether nothing is left.
    pub fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// A number.
    pub fn number(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0_u64, 0_u32);
        loop {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if *byte < 0x80 {
                return Some(number);
            }
            shift = shift.saturating_add(7);
        }
    }

    fn size(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    /// Bytes.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let size = self.size()?;
        let (bytes, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(bytes)
    }

    /// A text.
    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}
