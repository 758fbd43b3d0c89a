//! How often Cerebras is asked: one retry, then the models that stand in, and never once the caller has seen a byte.

use crate::boundary::Failure;
use crate::cloud::deadline::LEAST_LEFT_MS;

/// How an attempt ended, as far as the next step depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer.
    Answer,
    /// An error that the caller is to have: another attempt would end the same way.
    Refusal,
    /// The connection failed, or the server said 500, 502 or 503: another attempt may fare better.
    Passing,
    /// No byte came in time: the same model would take as long again.
    Late,
    /// There is nobody to answer, or no time.
    Over,
}

impl Outcome {
    /// Of an attempt that came back with a status. A 429 is never repeated: the quota is spent on the estimate up front, so the
    /// same call meets the same bucket, and the SDK in front of the gateway has its own patience.
    pub fn of_status(status: u16) -> Self {
        match status {
            ..400 => Self::Answer,
            500 | 502 | 503 => Self::Passing,
            _ => Self::Refusal,
        }
    }

    /// Of an attempt that did not come back.
    pub fn of_failure(failure: Failure) -> Self {
        match failure {
            Failure::Lost => Self::Passing,
            Failure::FirstByteLate => Self::Late,
            Failure::TotalLate | Failure::Gone => Self::Over,
        }
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
    /// Ask the next model that stands in.
    StandIn,
    /// Give the caller the failure of the model that was asked first.
    FirstFailure,
}

/// What could follow an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Whether the same model may be asked again: not when its breaker has opened.
    pub again: bool,
    /// Whether there is another model to ask.
    pub stand_in: bool,
    /// What is left of the deadline, in ms.
    pub left_ms: u64,
}

/// The attempts of one request so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attempts {
    made: u8,
    /// Of them, those with models that stood in for the one that was asked first.
    stood_in: u8,
}

impl Attempts {
    /// How many were made.
    pub fn made(self) -> u8 {
        self.made
    }

    /// How many were made with other models than the first.
    pub fn stood_in(self) -> u8 {
        self.stood_in
    }

    /// Counts an attempt and decides what follows. `jitter` is a random number in 0..1, that callers who failed together do not
    /// come back together.
    pub fn after(&mut self, outcome: Outcome, outlook: Outlook, jitter: f64) -> Next {
        let first = self.made == 0;
        self.made = self.made.saturating_add(1);
        let wait_ms = wait(jitter);
        let enough = |ms: u32| outlook.left_ms >= LEAST_LEFT_MS.saturating_add(u64::from(ms));
        match outcome {
            Outcome::Answer => Next::Answer,
            Outcome::Passing if first && outlook.again && enough(wait_ms) => Next::Again { wait_ms },
            Outcome::Passing | Outcome::Late if outlook.stand_in && enough(0) => self.stand_in(),
            // The model that stands in may refuse what the first would have taken; that is not the caller's fault.
            Outcome::Refusal if self.stood_in > 0 && outlook.stand_in && enough(0) => self.stand_in(),
            _ if self.stood_in > 0 => Next::FirstFailure,
            _ => Next::Answer,
        }
    }

    fn stand_in(&mut self) -> Next {
        self.stood_in = self.stood_in.saturating_add(1);
        Next::StandIn
    }
}

/// Between 50 and 250 ms.
fn wait(jitter: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 200")]
    let spread = (jitter.clamp(0.0, 1.0) * 200.0) as u32;
    spread.saturating_add(50)
}
