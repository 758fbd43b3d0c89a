//! Until when a request must be answered: the operator's deadline, or an earlier one of the caller's own.

use crate::boundary::{Failure, Head, ReadHeader};
use crate::config::Config;
use crate::error::{self, Error};

/// The time that another attempt needs to be worth its call, in ms.
pub const LEAST_LEFT_MS: u64 = 50;

/// The time that a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// When it ends, in ms since 1970.
    pub ends_ms: u64,
    /// How long that is from the request's arrival, in ms: what the caller was slow to send, the cache and the ledger are in it.
    pub whole_ms: u32,
    /// How long one attempt may take to its first byte, in ms.
    pub first_byte_ms: u32,
    /// Whether the caller has set it.
    pub by_caller: bool,
}

impl Deadline {
    /// The deadline of a request: `TOTAL_MS`, or what its header `x-maya-deadline-ms` says, if that is less.
    ///
    /// # Errors
    /// 400 for a header that is no whole number of ms, or 0.
    pub fn read(config: &Config, head: &Head) -> Result<Self, Error> {
        let asked = match head.header(ReadHeader::DeadlineMs).map(|text| (text, text.trim().parse::<u64>())) {
            None => None,
            Some((_, Ok(ms))) if ms > 0 => Some(u32::try_from(ms).unwrap_or(u32::MAX)),
            // Digits alone that are too many for a number are more than any deadline.
            Some((text, Err(_))) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => Some(u32::MAX),
            Some(_) => {
                let message = "`x-maya-deadline-ms` must be a whole number of milliseconds, 1 or more.";
                return Err(Error::invalid("wrong_value", "x-maya-deadline-ms", message));
            }
        };
        let earlier = asked.filter(|ms| *ms < config.total_ms);
        let whole_ms = earlier.unwrap_or(config.total_ms);
        Ok(Self {
            ends_ms: head.now_ms.saturating_add(u64::from(whole_ms)),
            whole_ms,
            first_byte_ms: config.first_byte_ms,
            by_caller: earlier.is_some(),
        })
    }

    /// The deadline of a part that may take so many ms from now on.
    #[must_use]
    pub fn within(self, ms: u32, now_ms: u64) -> Self {
        let ends_ms = now_ms.saturating_add(u64::from(ms)).min(self.ends_ms);
        Self { ends_ms, first_byte_ms: self.first_byte_ms.min(ms), ..self }
    }

    /// What is left at a time, in ms since 1970.
    pub fn left_ms(self, now_ms: u64) -> u64 {
        self.ends_ms.saturating_sub(now_ms)
    }

    /// A failure as the caller sees it.
    pub fn error(self, failure: Failure) -> Error {
        match failure {
            Failure::Lost => error::upstream::unreachable(),
            Failure::Gone => error::upstream::nobody(),
            Failure::FirstByteLate => error::upstream::timeout(true, self.first_byte_ms),
            Failure::TotalLate if self.by_caller => error::upstream::deadline(self.whole_ms),
            Failure::TotalLate => error::upstream::timeout(false, self.whole_ms),
        }
    }
}
