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
}

/// How many there are.
pub const COUNTS: usize = 31;

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

/// What was counted under one set of labels.
#[derive(Clone, Debug)]
pub struct Series {
    counts: [u64; COUNTS],
    errors: BTreeMap<String, u64>,
    sketches: [Option<Box<Sketch>>; MEASURES],
}

impl Default for Series {
    fn default() -> Self {
        Self { counts: [0; COUNTS], errors: BTreeMap::new(), sketches: [const { None }; MEASURES] }
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
    }

    fn errors_of(&mut self, code: &str, more: u64) {
        let code = if self.errors.len() >= MOST_ERRORS && !self.errors.contains_key(code) { OTHER } else { code };
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

    /// Adds what another has counted.
    pub fn merge(&mut self, other: &Self) {
        for (counted, more) in self.counts.iter_mut().zip(other.counts) {
            *counted = counted.saturating_add(more);
        }
        for (code, more) in &other.errors {
            self.errors_of(code, *more);
        }
        for (sketch, more) in self.sketches.iter_mut().zip(&other.sketches) {
            match (sketch, more) {
                (Some(sketch), Some(more)) => sketch.merge(more),
                (empty, Some(more)) => *empty = Some(more.clone()),
                (_, None) => {}
            }
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
        write_size(into, self.sketches.len());
        for sketch in &self.sketches {
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
        for _ in 0..reader.size()? {
            let code = reader.text()?;
            let count = reader.number()?;
            series.errors_of(code, count);
        }
        for place in 0..reader.size()? {
            let bytes = reader.bytes()?;
            if let (Some(sketch), false) = (series.sketches.get_mut(place), bytes.is_empty()) {
                *sketch = Some(Box::new(Sketch::read(bytes)?));
            }
        }
        Some(series)
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
