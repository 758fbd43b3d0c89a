//! A model's circuit breaker: what its last calls were like, and whether it is asked.

use serde::{Deserialize, Serialize};

use super::Settings;
use crate::boundary::{Arrival, Failure};

/// At which pace a model that is well writes at the least, in bytes a ms: some 500 tokens a second.
const SLOWEST_BYTES_PER_MS: u64 = 2;
/// Into how many slots a window is cut.
const SLOTS: usize = 6;
/// How many calls must succeed before an open breaker closes.
const PROBES: u32 = 2;
/// How many calls must have failed, or been slow, at the least: one alone is an outlier.
const LEAST_BAD: u32 = 2;
/// By which part of itself a wait may be shortened, so that isolates do not come back together.
const SPREAD: f64 = 0.2;

/// How a call went, as far as it tells of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It was answered in time.
    Answered,
    /// It was answered, late.
    Slow,
    /// The connection was lost, no byte came in time, or the server said 5xx.
    Failed,
    /// It tells nothing: the request was wrong, a quota was spent, or the caller did not wait.
    Nothing,
}

impl Seen {
    /// What an attempt tells of its model.
    pub fn of(arrival: &Arrival, streaming: bool, settings: &Settings) -> Self {
        let slow_ms = u64::from(settings.slow_ms);
        let elapsed_ms = u64::from(arrival.elapsed_ms);
        match (arrival.failure, arrival.status) {
            (Some(Failure::Lost | Failure::FirstByteLate), _) | (None, 500..) => Self::Failed,
            // How long a caller waits is its own affair, until it has waited longer for a first byte than is usual.
            (Some(Failure::TotalLate | Failure::Gone), _) if streaming && elapsed_ms >= slow_ms => Self::Slow,
            (None, ..300) => {
                // A whole answer comes in one piece: the time in which its text is written is not waiting.
                let writing_ms = u64::try_from(arrival.body.len()).unwrap_or(u64::MAX) / SLOWEST_BYTES_PER_MS;
                if elapsed_ms >= slow_ms.saturating_add(writing_ms) { Self::Slow } else { Self::Answered }
            }
            _ => Self::Nothing,
        }
    }
}

/// Whether an attempt counts as its model's failure: there was no answer, the server said 5xx, or a quota was spent.
pub fn fails(arrival: &Arrival) -> bool {
    matches!((arrival.failure, arrival.status), (Some(Failure::Lost | Failure::FirstByteLate), _) | (None, 429 | 500..))
}

/// Calls, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u32; 3]", into = "[u32; 3]")]
pub struct Counts {
    /// All that tell something.
    pub calls: u32,
    /// Those that failed.
    pub failures: u32,
    /// Those that were answered late.
    pub slow: u32,
}

impl Counts {
    /// Adds others.
    pub fn add(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.failures = self.failures.saturating_add(other.failures);
        self.slow = self.slow.saturating_add(other.slow);
    }

    /// One call.
    pub fn one(seen: Seen) -> Self {
        match seen {
            Seen::Answered => Self { calls: 1, failures: 0, slow: 0 },
            Seen::Slow => Self { calls: 1, failures: 0, slow: 1 },
            Seen::Failed => Self { calls: 1, failures: 1, slow: 0 },
            Seen::Nothing => Self::default(),
        }
    }

    /// Whether too many have failed, or their median is late. A median does not move for one call, however long that took.
    fn bad(self, settings: &Settings) -> bool {
        let failing = self.failures >= LEAST_BAD && f64::from(self.failures) >= settings.failure_rate * f64::from(self.calls);
        // One that failed was no faster than one that was slow.
        let late = self.slow.saturating_add(self.failures);
        let slow = self.slow >= LEAST_BAD && u64::from(late).saturating_mul(2) > u64::from(self.calls);
        failing || slow
    }

    /// What is left without so many that failed or were late.
    fn without(self, bad: u32) -> Self {
        let failures = self.failures.saturating_sub(bad);
        let slow = self.slow.saturating_sub(bad.saturating_sub(self.failures));
        Self { calls: self.calls.saturating_sub(bad), failures, slow }
    }
}

/// A tenant as a breaker tells it from others: a number that its name always has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark(u32);

impl Mark {
    /// Nobody.
    const NONE: Self = Self(0);
    /// More than one.
    const SEVERAL: Self = Self(u32::MAX);

    /// The mark of a tenant's name: FNV-1a (Fowler, Noll, Vo), 32 bits.
    pub fn of(tenant: &str) -> Self {
        let hash = tenant.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        Self(hash.clamp(1, u32::MAX - 1))
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::NONE, one) | (one, Self::NONE) => one,
            (one, other) if one == other => one,
            _ => Self::SEVERAL,
        }
    }
}

/// To whom bad calls fall, in a room of three numbers: the tenant that has most of them, if one has (the majority vote of Boyer and Moore,
/// which can be merged), and whether somebody else was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u32; 3]", into = "[u32; 3]")]
pub struct Blame {
    suspect: Mark,
    /// How many bad calls the suspect has beyond those of all others, at the most.
    surplus: u32,
    answered: Mark,
}

impl Blame {
    /// That of one call.
    pub fn one(seen: Seen, whose: Mark) -> Self {
        match seen {
            Seen::Answered => Self { answered: whose, ..Self::default() },
            Seen::Slow | Seen::Failed => Self { suspect: whose, surplus: 1, ..Self::default() },
            Seen::Nothing => Self::default(),
        }
    }

    /// Adds another's.
    pub fn add(&mut self, other: Self) {
        self.answered = self.answered.and(other.answered);
        (self.suspect, self.surplus) = match (self.surplus, other.surplus) {
            (_, 0) => return,
            (0, surplus) => (other.suspect, surplus),
            (one, two) if self.suspect == other.suspect => (self.suspect, one.saturating_add(two)),
            (one, two) if one >= two => (self.suspect, one.saturating_sub(two)),
            (one, two) => (other.suspect, two.saturating_sub(one)),
        };
    }

    /// Whether calls are enough to take a model for broken. While somebody else is answered, what one tenant's calls meet is not enough: it may
    /// be what they ask.
    fn opens(self, counts: Counts, settings: &Settings) -> bool {
        let others_are_answered = self.surplus > 0 && self.answered != Mark::NONE && self.answered != self.suspect;
        counts.calls >= settings.least_calls && counts.bad(settings) && (!others_are_answered || counts.without(self.surplus).bad(settings))
    }
}

impl From<[u32; 3]> for Blame {
    fn from([suspect, surplus, answered]: [u32; 3]) -> Self {
        Self { suspect: Mark(suspect), surplus, answered: Mark(answered) }
    }
}

impl From<Blame> for [u32; 3] {
    fn from(Blame { suspect, surplus, answered }: Blame) -> Self {
        [suspect.0, surplus, answered.0]
    }
}

/// Whether a breaker is open, since when, and for how long. Of two, the later holds: so isolates agree in whatever order they hear
/// of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "[u64; 3]", into = "[u64; 3]")]
pub struct Phase {
    /// Since when, in ms since 1970.
    pub since_ms: u64,
    /// Open until then, in ms since 1970, and half-open from then on; closed when absent.
    pub until_ms: Option<u64>,
    /// How often it has opened in a row.
    pub openings: u32,
}

// Rows of numbers on their way: they are short, and so is the code that reads them.
impl From<[u32; 3]> for Counts {
    fn from([calls, failures, slow]: [u32; 3]) -> Self {
        Self { calls, failures, slow }
    }
}

impl From<Counts> for [u32; 3] {
    fn from(Counts { calls, failures, slow }: Counts) -> Self {
        [calls, failures, slow]
    }
}

impl From<[u64; 3]> for Phase {
    fn from([since_ms, until_ms, openings]: [u64; 3]) -> Self {
        let openings = u32::try_from(openings).unwrap_or(u32::MAX);
        Self { since_ms, until_ms: Some(until_ms).filter(|until_ms| *until_ms != 0), openings }
    }
}

impl From<Phase> for [u64; 3] {
    fn from(Phase { since_ms, until_ms, openings }: Phase) -> Self {
        [since_ms, until_ms.unwrap_or_default(), openings.into()]
    }
}

/// What a breaker says to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// Closed: it may be made.
    Closed,
    /// Half-open: it may be made to find out.
    Probe,
    /// Open, or half-open while another finds out.
    Open {
        /// Until when, in ms since 1970.
        until_ms: u64,
    },
}

/// A breaker.
#[derive(Clone, Debug, Default)]
pub struct Breaker {
    phase: Phase,
    /// From when on this isolate may probe: not before `phase.until_ms`.
    probe_from_ms: u64,
    /// Until when a probe is waited for before another goes.
    probing_until_ms: u64,
    /// Calls that have succeeded since it opened.
    proven: u32,
    /// Counts by the number of their slot.
    slots: [(u64, Counts, Blame); SLOTS],
}

impl Breaker {
    /// Its phase.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What it says at a time, in ms since 1970.
    pub fn passage(&self, now_ms: u64) -> Passage {
        let Some(until_ms) = self.phase.until_ms else { return Passage::Closed };
        let free_ms = until_ms.max(self.probe_from_ms).max(self.probing_until_ms);
        if now_ms < free_ms { Passage::Open { until_ms: free_ms } } else { Passage::Probe }
    }

    /// A call is made. The one that probes an open breaker keeps others out for as long as an answer may take.
    pub fn begin(&mut self, now_ms: u64, settings: &Settings) {
        if self.passage(now_ms) == Passage::Probe {
            self.probing_until_ms = now_ms.saturating_add(u64::from(settings.slow_ms));
        }
    }

    /// A tenant's call that was made at `asked_ms` has ended. `jitter` is a random number in 0..1. Tells whether the phase has changed.
    pub fn record(&mut self, seen: Seen, whose: Mark, asked_ms: u64, now_ms: u64, jitter: f64, settings: &Settings) -> bool {
        match self.phase.until_ms {
            None => {
                // What was asked before it closed is what it was opened for.
                asked_ms >= self.phase.since_ms && self.count(Counts::one(seen), Blame::one(seen, whose), now_ms, jitter, settings)
            }
            Some(until_ms) => {
                let probe = asked_ms >= until_ms;
                if probe {
                    self.probing_until_ms = 0;
                }
                match seen {
                    Seen::Answered if asked_ms >= self.phase.since_ms => {
                        self.proven = self.proven.saturating_add(1);
                        if self.proven >= PROBES {
                            self.set(Phase { since_ms: now_ms.max(self.phase.since_ms.saturating_add(1)), until_ms: None, ..self.phase });
                            return true;
                        }
                        false
                    }
                    Seen::Failed | Seen::Slow if probe => {
                        self.open(now_ms, jitter, settings);
                        true
                    }
                    // Late news of what it was opened for, or of a call that was made all the same.
                    _ => false,
                }
            }
        }
    }

    /// Counts calls, also those that others have made, and opens when there is reason. Tells whether it did.
    pub fn count(&mut self, counts: Counts, blame: Blame, now_ms: u64, jitter: f64, settings: &Settings) -> bool {
        let number = slot(now_ms, settings);
        let place = usize::try_from(number).unwrap_or_default().checked_rem(SLOTS).unwrap_or_default();
        if let Some((held, slot, blamed)) = self.slots.get_mut(place) {
            if *held != number {
                (*held, *slot, *blamed) = (number, Counts::default(), Blame::default());
            }
            slot.add(counts);
            blamed.add(blame);
        }
        // A success, though it makes the calls enough, is no reason.
        let reason = counts.failures > 0 || counts.slow > 0;
        let (counts, blame) = self.window(now_ms, settings);
        let opens = reason && self.phase.until_ms.is_none() && blame.opens(counts, settings);
        if opens {
            self.open(now_ms, jitter, settings);
        }
        opens
    }

    /// The calls of the window that ends at a time, in ms since 1970.
    pub fn counts(&self, now_ms: u64, settings: &Settings) -> Counts {
        self.window(now_ms, settings).0
    }

    fn window(&self, now_ms: u64, settings: &Settings) -> (Counts, Blame) {
        let last = slot(now_ms, settings);
        let (mut sum, mut blame) = (Counts::default(), Blame::default());
        let whole = u64::try_from(SLOTS).unwrap_or_default();
        for (number, counts, blamed) in &self.slots {
            if *number <= last && last.saturating_sub(*number) < whole {
                sum.add(*counts);
                blame.add(*blamed);
            }
        }
        (sum, blame)
    }

    /// Hears of a phase that another isolate has seen. `jitter` spreads the probes of those who hear the same.
    pub fn adopt(&mut self, phase: Phase, jitter: f64, settings: &Settings) {
        if phase > self.phase {
            self.set(phase);
            if let Some(until_ms) = phase.until_ms {
                self.probe_from_ms = until_ms.saturating_add(part(u64::from(settings.open_ms), SPREAD * jitter.clamp(0.0, 1.0)));
            }
        }
    }

    fn open(&mut self, now_ms: u64, jitter: f64, settings: &Settings) {
        // One that soon opens again has not recovered in between.
        let calm = self.phase.until_ms.is_none() && now_ms.saturating_sub(self.phase.since_ms) >= u64::from(settings.longest_open_ms);
        let openings = if calm { 1 } else { self.phase.openings.saturating_add(1) };
        let until_ms = now_ms.saturating_add(wait_ms(openings, jitter, settings));
        self.set(Phase { since_ms: now_ms.max(self.phase.since_ms.saturating_add(1)), until_ms: Some(until_ms), openings });
    }

    fn set(&mut self, phase: Phase) {
        *self = Self { phase, ..Self::default() };
    }
}

/// How long a breaker stays open that has opened so often in a row, in ms: twice as long each time, and never longer than is set.
pub fn wait_ms(openings: u32, jitter: f64, settings: &Settings) -> u64 {
    let doublings = openings.saturating_sub(1).min(32);
    let whole = u64::from(settings.open_ms).checked_shl(doublings).unwrap_or(u64::MAX).min(u64::from(settings.longest_open_ms));
    whole.saturating_sub(part(whole, SPREAD * jitter.clamp(0.0, 1.0)))
}

fn slot(now_ms: u64, settings: &Settings) -> u64 {
    let length = u64::from(settings.window_ms).checked_div(u64::try_from(SLOTS).unwrap_or(1)).unwrap_or_default().max(1);
    now_ms.checked_div(length).unwrap_or_default()
}

fn part(whole: u64, share: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "ms, a day at the most")]
    let part = (whole as f64 * share) as u64;
    part
}
