//! The call to Cerebras: attempts, deadlines and the model that stands in, against the real upstream.

use super::attempts::{Attempts, Next, Outcome};
use crate::boundary::{Arrival, Attempt, Call, Failure, Head, ReadHeader};
use crate::config::Config;
use crate::error::{self, Error};
use crate::protocol::headers::{Lines, USER_AGENT, well_formed_traceparent};

/// What is asked.
#[derive(Debug)]
pub struct Question<'m> {
    /// The method.
    pub method: &'static str,
    /// Path, and query if any, behind the configured base: never chosen by a caller's header or body.
    pub target: &'m str,
    /// The model asked first; empty where none is.
    pub model: &'m str,
    /// The body when it differs from the caller's.
    pub body: Option<Vec<u8>>,
    /// The id and the body for the model that stands in.
    pub stand_in: Option<(&'m str, Vec<u8>)>,
    /// Whether an event stream is wanted.
    pub streaming: bool,
    /// For a question of the gateway's own, beside the caller's: how long all of it may take, in ms.
    pub aside_ms: Option<u32>,
}

/// What Cerebras said: an answer or an error of its own.
#[derive(Debug)]
pub struct Reply<'m> {
    /// Status, headers, and the body or the beginning of a stream.
    pub arrival: Arrival,
    /// The model that answered.
    pub model: &'m str,
    /// How many attempts were made.
    pub attempts: u8,
    /// How long all of them took, waits included, in ms.
    pub elapsed_ms: u32,
    /// Whether another model than the one asked answered.
    pub stood_in: bool,
    /// Whether this is the failure of the model that was asked, and another attempt came after it.
    pub overtaken: bool,
}

/// Asks Cerebras.
///
/// # Errors
/// 500 without an upstream key, 502 when no connection lasts, 504 when a deadline passes before the first byte.
pub async fn ask<'m>(config: &Config, call: &Call, question: Question<'m>) -> Result<Reply<'m>, Error> {
    let url = [config.base_url.as_str(), question.target].concat();
    let headers = outgoing(config, &call.head)?;
    let Question { method, mut model, mut body, mut stand_in, streaming, aside_ms, .. } = question;
    let most_ms = aside_ms.map_or(config.total_ms, |most_ms| most_ms.min(config.total_ms));
    let mut attempts = Attempts::default();
    let mut spent_ms = 0_u32;
    let mut first_failure: Option<(Arrival, &'m str)> = None;
    loop {
        let total_ms = most_ms.saturating_sub(spent_ms).max(1);
        let attempt =
            Attempt { method, url: &url, headers: &headers, body: body.take(), streaming, first_byte_ms: config.first_byte_ms, total_ms };
        let arrival = if aside_ms.is_some() { call.inquire(attempt).await } else { call.send(attempt).await };
        spent_ms = spent_ms.saturating_add(arrival.elapsed_ms);
        let outcome = arrival.failure.map_or_else(|| Outcome::of_status(arrival.status), Outcome::of_failure);
        let success = arrival.failure.is_none() && arrival.status < 400;
        let mut overtaken = false;
        let jitter = if outcome == Outcome::Passing { call.random() } else { 0.0 };
        let (arrival, model_of) = match attempts.after(outcome, success, stand_in.is_some(), jitter) {
            Next::Again { wait_ms } if spent_ms.saturating_add(wait_ms) < most_ms => {
                call.pause(wait_ms).await;
                spent_ms = spent_ms.saturating_add(wait_ms);
                continue;
            }
            Next::StandIn => match stand_in.take() {
                Some((id, other_body)) if spent_ms < most_ms => {
                    first_failure = Some((arrival, model));
                    (model, body) = (id, Some(other_body));
                    continue;
                }
                _ => (arrival, model),
            },
            Next::FirstFailure => {
                overtaken = first_failure.is_some();
                first_failure.take().unwrap_or((arrival, model))
            }
            Next::Answer | Next::Again { .. } => (arrival, model),
        };
        if let Some(failure) = arrival.failure {
            return Err(failed(config, failure));
        }
        let stood_in = success && first_failure.is_some();
        return Ok(Reply { arrival, model: model_of, attempts: attempts.made(), elapsed_ms: spent_ms, stood_in, overtaken });
    }
}

/// A failure as the caller sees it.
pub fn failed(config: &Config, failure: Failure) -> Error {
    match failure {
        Failure::Lost => error::upstream::unreachable(),
        Failure::Gone => error::upstream::nobody(),
        Failure::FirstByteLate => error::upstream::timeout(true, config.first_byte_ms),
        Failure::TotalLate => error::upstream::timeout(false, config.total_ms),
    }
}

/// What every request upstream carries: the gateway's own name and key.
pub fn identity(config: &Config) -> Lines {
    let mut lines = Lines::default();
    if let Some(api_key) = &config.api_key {
        lines.add("authorization", &["Bearer ", api_key].concat());
    }
    lines.add("user-agent", USER_AGENT);
    lines.add("content-type", "application/json");
    lines
}

/// What of the caller's headers goes upstream: a list of what may pass. The caller's key, cookies and tracking never do.
fn outgoing(config: &Config, head: &Head) -> Result<Lines, Error> {
    if config.api_key.is_none() {
        let message = "The gateway has no key for Cerebras. Set CEREBRAS_API_KEY (`wrangler secret put CEREBRAS_API_KEY`, or .dev.vars).";
        return Err(Error::new(500, "no_upstream_key", message).about("CEREBRAS_API_KEY").final_word());
    }
    let mut lines = Lines::default();
    let passing = [
        (ReadHeader::QueueThreshold, "queue_threshold"),
        (ReadHeader::VersionPatch, "x-cerebras-version-patch"),
        (ReadHeader::Integration, "x-cerebras-3rd-party-integration"),
    ];
    for (header, name) in passing {
        if let Some(value) = head.header(header) {
            lines.add(name, value);
        }
    }
    if let Some(traceparent) = head.header(ReadHeader::Traceparent).filter(|value| well_formed_traceparent(value)) {
        lines.add("traceparent", traceparent);
        // A state belongs to its parent (W3C Trace Context, section 3.3).
        if let Some(tracestate) = head.header(ReadHeader::Tracestate) {
            lines.add("tracestate", tracestate);
        }
    }
    Ok(lines)
}
