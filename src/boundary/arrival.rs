//! An attempt upstream as plain values: what goes out, what comes back, how it failed.

use super::task::Brought;
use crate::protocol::headers::Lines;

/// How an attempt, or a stream, failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The connection could not be made, or broke.
    Lost,
    /// The first byte did not come in time.
    FirstByteLate,
    /// The whole did not come in time.
    TotalLate,
    /// The caller has gone away.
    Gone,
}

impl Failure {
    /// Its name in spans.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lost => "connection_lost",
            Self::FirstByteLate => "first_byte_late",
            Self::TotalLate => "deadline_exceeded",
            Self::Gone => "caller_gone",
        }
    }
}

pub(super) fn failure(number: &str) -> Option<Failure> {
    match number {
        "0" => None,
        "2" => Some(Failure::FirstByteLate),
        "3" => Some(Failure::TotalLate),
        "4" => Some(Failure::Gone),
        _ => Some(Failure::Lost),
    }
}

/// One attempt upstream, on its way out.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// The method.
    pub method: &'static str,
    /// The whole address.
    pub url: &'a str,
    /// Headers beside those of every request upstream.
    pub headers: &'a Lines,
    /// The body when it differs from the caller's.
    pub body: Option<Vec<u8>>,
    /// Whether an event stream is wanted.
    pub streaming: bool,
    /// Until the first byte, in ms.
    pub first_byte_ms: u32,
    /// Until the end, in ms since 1970.
    pub until_ms: u64,
}

/// What came back from an attempt.
#[derive(Debug, Default)]
pub struct Arrival {
    /// How it failed, if it did.
    pub failure: Option<Failure>,
    /// How long it took, in ms.
    pub elapsed_ms: u32,
    /// When it came, in ms since 1970.
    pub now_ms: u64,
    /// Whether an event stream has begun; else the body is whole.
    pub is_stream: bool,
    /// The HTTP status.
    pub status: u16,
    /// The type of the body.
    pub content_type: String,
    /// The id that the upstream gave the request; empty when it gave none.
    pub request_id: String,
    /// The headers that may pass to the caller: a line each, its place in `PASSING_DOWN`, a space and the value.
    pub passing: String,
    /// The body, or all bytes of a stream that has ended.
    pub body: Vec<u8>,
}

impl Arrival {
    /// From the lines that `send` and `relay` of `call.js` bring.
    pub(super) fn read(brought: Brought) -> Self {
        let mut rest = brought.text.as_str();
        let mut line = || {
            let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
            rest = behind;
            line
        };
        Self {
            failure: failure(line()),
            elapsed_ms: line().parse().unwrap_or_default(),
            now_ms: line().parse().unwrap_or_default(),
            is_stream: line() == "stream",
            status: line().parse().unwrap_or_default(),
            content_type: line().to_owned(),
            request_id: line().to_owned(),
            passing: rest.to_owned(),
            body: brought.bytes,
        }
    }
}
