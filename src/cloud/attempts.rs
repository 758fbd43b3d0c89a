//! How often Cerebras is asked: one retry, then the model that stands in, and never once the caller has seen a byte.

use crate::boundary::Failure;

/// How an attempt ended, as far as the next step depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer, or an error, that the caller is to have.
    Final,
    /// The connection failed, or the server said 500, 502 or 503: another attempt may fare better.
    Passing,
}

impl Outcome {
    /// Of an attempt that came back with a status. A 429 is never repeated: the quota is spent on the estimate up front, so the
    /// same call meets the same bucket, and the SDK in front of the gateway has its own patience.
    pub fn of_status(status: u16) -> Self {
        if matches!(status, 500 | 502 | 503) { Self::Passing } else { Self::Final }
    }

    /// Of an attempt that did not come back. One that came too late is not repeated: its time is spent. Nor is one
    /// whose caller has gone.
    pub fn of_failure(failure: Failure) -> Self {
        if failure == Failure::Lost { Self::Passing } else { Self::Final }
    }
}

/// What to do after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Give the caller what came.
    Answer,
    /// Wait as long, in ms, then ask the same model again.
    Again {
        /// How long.
        wait_ms: u32,
    },
    /// Ask the model that stands in.
    StandIn,
    /// Give the caller the failure of the model that was asked first.
    FirstFailure,
}

/// The attempts of one request so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attempts {
    made: u8,
}

impl Attempts {
    /// How many were made.
    pub fn made(self) -> u8 {
        self.made
    }

    /// Counts an attempt and decides what follows. `jitter` is a random number in 0..1, that callers who failed together do not
    /// come back together; `success` tells whether the answer has a status below 400.
    pub fn after(&mut self, outcome: Outcome, success: bool, has_stand_in: bool, jitter: f64) -> Next {
        self.made = self.made.saturating_add(1);
        match (self.made, outcome) {
            (1, Outcome::Passing) => Next::Again { wait_ms: wait(jitter) },
            (2, Outcome::Passing) if has_stand_in => Next::StandIn,
            // The model that stands in may refuse what the first would have taken; that is not the caller's fault.
            (3, _) if !success => Next::FirstFailure,
            _ => Next::Answer,
        }
    }
}

/// Between 50 and 250 ms.
fn wait(jitter: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 200")]
    let spread = (jitter.clamp(0.0, 1.0) * 200.0) as u32;
    spread.saturating_add(50)
}
