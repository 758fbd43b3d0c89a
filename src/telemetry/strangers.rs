//! How much is told of requests that come to no admission: wrong keys, unknown paths, preflights. A flood of them must not fill the
//! operator's log, nor push the spans of callers out of memory.

/// Requests of a second that are told of.
pub const A_SECOND: u32 = 10;

/// What an isolate has told of them, and left out.
#[derive(Debug, Default)]
pub struct Strangers {
    /// The second that is under way, in seconds since 1970.
    second: u64,
    told: u32,
    left_out: LeftOut,
}

/// What nobody was told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Lines of the log.
    pub lines: u64,
    /// Traces.
    pub traces: u64,
}

impl Strangers {
    /// Whether one more may be told of at a time, in ms since 1970. If not, it is counted.
    pub fn takes(&mut self, at_ms: u64, would: LeftOut) -> bool {
        let second = at_ms.div_euclid(1_000);
        if second > self.second {
            (self.second, self.told) = (second, 0);
        }
        if self.told < A_SECOND {
            self.told = self.told.saturating_add(1);
            return true;
        }
        self.left_out.lines = self.left_out.lines.saturating_add(would.lines);
        self.left_out.traces = self.left_out.traces.saturating_add(would.traces);
        false
    }

    /// What was left out in seconds that are over; once.
    pub fn left_out(&mut self, at_ms: u64) -> Option<LeftOut> {
        if self.left_out == LeftOut::default() || at_ms.div_euclid(1_000) <= self.second {
            return None;
        }
        Some(std::mem::take(&mut self.left_out))
    }
}
