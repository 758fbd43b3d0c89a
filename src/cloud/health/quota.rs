//! What is left of a model's rate limits, by the word of Cerebras's own headers.
//!
//! Each limit is a bucket that fills up continuously and is full at its reset. What is known of it is a moment old, and others draw
//! from it too; so a call is only held back when the bucket cannot have enough for it, refill included.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

/// The longest that a `retry-after` is believed, in ms.
const LONGEST_REFUSAL_MS: u64 = 60_000;
/// Which headers of an attempt this module reads, by their place in `PASSING_DOWN`.
const RETRY_AFTER: usize = 1;
const RETRY_AFTER_MS: usize = 2;
const LIMITS: usize = 4;
const BUCKETS: usize = 6;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    /// Calls.
    Requests,
    /// Tokens, of the prompt and of the longest answer.
    Tokens,
    /// Places in the queue.
    Queue,
}

impl Of {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::Queue => "queue",
        }
    }

    /// What a 429 says was lacking: by its code, and requests when it has none.
    pub fn refused(body: &[u8]) -> Self {
        let says = |code: &str| body.windows(code.len()).any(|part| part == code.as_bytes());
        if says("token_quota_exceeded") {
            Self::Tokens
        } else if says("queue_exceeded") {
            Self::Queue
        } else {
            Self::Requests
        }
    }
}

/// The six limits: what they count, by what name their window goes, and its length in ms.
pub const KINDS: [(Of, &str, u64); BUCKETS] = [
    (Of::Requests, "minute", 60_000),
    (Of::Requests, "hour", 3_600_000),
    (Of::Requests, "day", 86_400_000),
    (Of::Tokens, "minute", 60_000),
    (Of::Tokens, "hour", 3_600_000),
    (Of::Tokens, "day", 86_400_000),
];

/// What was said of a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u64; 4]", into = "[u64; 4]")]
pub struct Bucket {
    /// When, in ms since 1970; 0 when nothing was said.
    pub as_of_ms: u64,
    /// How much it holds when it is full.
    pub limit: u64,
    /// How much it held.
    pub remaining: u64,
    /// When it is full at the latest, in ms since 1970.
    pub reset_ms: u64,
}

impl Bucket {
    /// The most that it can hold at a time, in ms since 1970.
    pub fn left(self, now_ms: u64, window_ms: u64) -> u64 {
        if now_ms >= self.reset_ms {
            return self.limit;
        }
        let refill = now_ms.saturating_sub(self.as_of_ms).saturating_mul(self.limit).checked_div(window_ms).unwrap_or_default();
        self.remaining.saturating_add(refill).min(self.limit)
    }

    /// When it holds so much, in ms since 1970; none when it may do so now. What is more than it ever holds has to find it full:
    /// whether it fits at all is for Cerebras to say.
    fn short_until(self, wanted: u64, now_ms: u64, window_ms: u64) -> Option<u64> {
        let wanted = wanted.min(self.limit);
        if self.remaining >= wanted || self.left(now_ms, window_ms) >= wanted {
            return None;
        }
        let lacking = wanted.saturating_sub(self.remaining);
        let fill_ms = lacking.saturating_mul(window_ms).div_ceil(self.limit.max(1));
        Some(self.as_of_ms.saturating_add(fill_ms).min(self.reset_ms))
    }

    /// The later word; of two at the same time, the one that promises less.
    fn order(self) -> (u64, Reverse<u64>, u64, u64) {
        (self.as_of_ms, Reverse(self.remaining), self.reset_ms, self.limit)
    }
}

/// A 429 that no bucket explains, and that said when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "[u64; 4]", into = "[u64; 4]")]
pub struct Refusal {
    /// When, in ms since 1970.
    pub as_of_ms: u64,
    /// Until when, in ms since 1970.
    pub until_ms: u64,
    /// Whether tokens were lacking, requests, or places.
    pub of: Of,
    /// It holds for calls that want as many tokens.
    pub tokens: u64,
}

// Rows of numbers on their way, as in `breaker`.
impl From<[u64; 4]> for Bucket {
    fn from([as_of_ms, limit, remaining, reset_ms]: [u64; 4]) -> Self {
        Self { as_of_ms, limit, remaining, reset_ms }
    }
}

impl From<Bucket> for [u64; 4] {
    fn from(Bucket { as_of_ms, limit, remaining, reset_ms }: Bucket) -> Self {
        [as_of_ms, limit, remaining, reset_ms]
    }
}

impl From<[u64; 4]> for Refusal {
    fn from([as_of_ms, until_ms, of, tokens]: [u64; 4]) -> Self {
        let of = match of {
            0 => Of::Requests,
            1 => Of::Tokens,
            _ => Of::Queue,
        };
        Self { as_of_ms, until_ms, of, tokens }
    }
}

impl From<Refusal> for [u64; 4] {
    fn from(Refusal { as_of_ms, until_ms, of, tokens }: Refusal) -> Self {
        let of = match of {
            Of::Requests => 0,
            Of::Tokens => 1,
            Of::Queue => 2,
        };
        [as_of_ms, until_ms, of, tokens]
    }
}

/// What is lacking for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lack {
    /// What.
    pub of: Of,
    /// Until when, in ms since 1970.
    pub until_ms: u64,
}

/// What is known of a model's limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// In the order of [`KINDS`].
    pub buckets: [Bucket; BUCKETS],
    /// The last refusal.
    pub refusal: Option<Refusal>,
}

/// How many tokens a call wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// At the least: what a bucket must have for it.
    pub surely: u64,
    /// At the most: what may be taken out of a bucket until it has ended.
    pub at_most: u64,
}

/// A call and its answer, as far as limits go.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// When it was asked for, in ms since 1970.
    pub asked_ms: u64,
    /// When it came, in ms since 1970.
    pub now_ms: u64,
    /// What the call wanted.
    pub tokens: Tokens,
    /// The passing headers that came along, a line each: the place in `PASSING_DOWN`, a space, the value.
    pub headers: &'a str,
    /// What a 429 says was lacking; none for every other status, or when that is the caller's own affair.
    pub refused: Option<Of>,
    /// Whether the call's tokens were taken out of the buckets, of which what it did not use comes back.
    pub taken: bool,
}

impl Quota {
    /// What is lacking for a call of so many tokens at a time, in ms since 1970. Of several, what is lacking longest.
    pub fn lack(&self, tokens: u64, now_ms: u64) -> Option<Lack> {
        let mut longest = self
            .refusal
            .filter(|refusal| now_ms < refusal.until_ms && tokens >= refusal.tokens)
            .map(|Refusal { of, until_ms, .. }| Lack { of, until_ms });
        for (bucket, (of, _, window_ms)) in self.buckets.iter().zip(KINDS) {
            let wanted = if of == Of::Tokens { tokens } else { 1 };
            if bucket.as_of_ms != 0
                && let Some(until_ms) = bucket.short_until(wanted, now_ms, window_ms)
                && longest.is_none_or(|lack| lack.until_ms < until_ms)
            {
                longest = Some(Lack { of, until_ms });
            }
        }
        longest
    }

    /// Reads what an answer says.
    pub fn hear(&mut self, answer: &Answer<'_>) {
        let mut told = [Told::default(); BUCKETS];
        let mut after_ms = None;
        for line in answer.headers.lines() {
            let Some((place, value)) = line.split_once(' ') else { continue };
            let Ok(place) = place.parse::<usize>() else { continue };
            match place.checked_sub(LIMITS) {
                None if place == RETRY_AFTER_MS => after_ms = value.trim().parse().ok(),
                None if place == RETRY_AFTER => after_ms = after_ms.or_else(|| thousandths(value)),
                None => {}
                Some(place) => {
                    let kind = place.checked_rem(BUCKETS).and_then(|kind| told.get_mut(kind));
                    if let (Some(told), Some(measure)) = (kind, place.checked_div(BUCKETS)) {
                        told.set(measure, value);
                    }
                }
            }
        }
        for ((bucket, told), (of, ..)) in self.buckets.iter_mut().zip(told).zip(KINDS) {
            let Told { limit: Some(limit), remaining: Some(remaining), reset: Some(reset) } = told else { continue };
            // What was reserved for this call and not used is given back when it has ended, which is now.
            let back = if answer.taken && of == Of::Tokens { answer.tokens.at_most } else { 0 };
            let heard = Bucket {
                as_of_ms: answer.asked_ms,
                limit,
                remaining: remaining.saturating_add(back).min(limit),
                reset_ms: answer.asked_ms.saturating_add(reset),
            };
            if heard.order() > bucket.order() {
                *bucket = heard;
            }
        }
        if let (Some(of), Some(after_ms)) = (answer.refused, after_ms)
            && self.lack(answer.tokens.surely, answer.now_ms).is_none()
        {
            let until_ms = answer.now_ms.saturating_add(after_ms.min(LONGEST_REFUSAL_MS));
            let tokens = if of == Of::Tokens { answer.tokens.surely } else { 0 };
            self.refusal = self.refusal.max(Some(Refusal { as_of_ms: answer.asked_ms, until_ms, of, tokens }));
        }
    }

    /// Hears what others know: of each limit the later word holds, in whatever order they are heard.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, heard) in self.buckets.iter_mut().zip(other.buckets) {
            if heard.order() > bucket.order() {
                *bucket = heard;
            }
        }
        self.refusal = self.refusal.max(other.refusal);
    }
}

/// The three headers of a limit, as far as they came.
#[derive(Clone, Copy, Default)]
struct Told {
    limit: Option<u64>,
    remaining: Option<u64>,
    /// In ms.
    reset: Option<u64>,
}

impl Told {
    /// The headers come by measure: all limits, then what remains, then the resets.
    fn set(&mut self, measure: usize, value: &str) {
        match measure {
            0 => self.limit = whole(value),
            1 => self.remaining = whole(value),
            _ => self.reset = thousandths(value),
        }
    }
}

/// A number, without what stands behind its point.
fn whole(text: &str) -> Option<u64> {
    let text = text.trim();
    text.split_once('.').map_or(text, |(whole, _)| whole).parse().ok()
}

/// Seconds with a point, such as `33011.382867097855`, in ms, rounded down.
fn thousandths(text: &str) -> Option<u64> {
    let text = text.trim();
    let (seconds, behind) = text.split_once('.').unwrap_or((text, ""));
    if !behind.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut ms = seconds.parse::<u64>().ok()?.saturating_mul(1000);
    for (digit, worth) in behind.bytes().zip([100, 10, 1]) {
        ms = ms.saturating_add(u64::from(digit.saturating_sub(b'0')).saturating_mul(worth));
    }
    Some(ms)
}
