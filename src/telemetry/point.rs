//! One request as a data point of Workers Analytics Engine. The order of the columns is what queries rest on: new ones go to the end. No text
//! of a request or an answer comes here, and no end user.

use super::request_log::Figures;
use super::trace::Request;

/// The longest index, in bytes (Workers Analytics Engine, "Limits").
const LONGEST_INDEX: usize = 96;
/// What stands for a number that is not known.
const UNKNOWN: f64 = -1.0;

/// A data point.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// `index1`, which samples go by: the tenant.
    pub index: String,
    /// `blob1` and on, a line each: endpoint, model, source, error, variant, method, id of the request.
    pub blobs: String,
    /// `double1` and on: status, latency in ms, first byte in ms, upstream in ms, attempts, tokens of prompts and of completions, cost and what
    /// the cache saved in micro-dollars. -1 where unknown.
    pub doubles: [f64; 9],
}

impl Point {
    /// The point of a request.
    #[expect(clippy::cast_precision_loss, reason = "times, tokens and money far below 2^53")]
    pub fn of(request: &Request<'_>, figures: &Figures) -> Self {
        let texts = [request.endpoint, request.model, request.source, request.error, request.variant, request.method, request.request_id];
        let known = |number: Option<u64>| number.map_or(UNKNOWN, |number| number as f64);
        let index = request.tenant.get(..request.tenant.floor_char_boundary(LONGEST_INDEX)).unwrap_or_default();
        Self {
            index: index.to_owned(),
            blobs: texts.map(|text| text.replace(char::is_control, " ")).join("\n"),
            doubles: [
                known((request.status > 0).then(|| request.status.into())),
                figures.latency_ms as f64,
                known(figures.first_byte_ms),
                known(figures.upstream_ms),
                figures.attempts as f64,
                figures.prompt_tokens as f64,
                figures.completion_tokens as f64,
                known(figures.cost_micro_dollars),
                figures.saved_by_cache as f64,
            ],
        }
    }
}
