//! What became of calls, as a ledger hears it once their answers have gone out.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::models::MicroDollars;
use crate::learning::experiment::definition::Metric;
use crate::ledger::feedback::What;
use crate::protocol::usage::Usage;

/// What became of a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// A call upstream that was answered, at least in part.
    Settled(Called),
    /// A call upstream that came to nothing: the reservation is released.
    Released(Called),
    /// An answer from the cache. `cost` is what it saved.
    Hit(Called),
    /// Answers that are no completions, to be remembered.
    Given(Given),
    /// A call that an experiment has decided how to answer.
    Exposed(Exposure),
    /// Something for the audit.
    Event(Event),
}

/// Answers that are no completions: what the content engine has written, and what texts are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Given {
    /// When they were given, in ms since 1970.
    pub at_ms: u64,
    /// The end user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Each with its id.
    pub answers: Vec<(String, What)>,
}

impl Note {
    /// How many of the bytes that come along belong to it.
    pub fn answer_bytes(&self) -> usize {
        match self {
            Self::Settled(called) | Self::Released(called) | Self::Hit(called) => {
                called.response.as_ref().map_or(0, |(_, _, length)| *length)
            }
            Self::Exposed(_) | Self::Event(_) | Self::Given(_) => 0,
        }
    }
}

/// One call.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Called {
    /// The reservation; empty when there was none.
    pub reservation: String,
    /// When the call came, in ms since 1970.
    pub at_ms: u64,
    /// The key's id.
    pub key: String,
    /// The end user; none when the call is to be kept out of every store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The model that answered.
    pub model: String,
    /// The HTTP status.
    pub status: u16,
    /// What was used, or saved.
    pub usage: Usage,
    /// Whether the usage is an estimate: a stream that broke off told none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
    /// What it cost, or saved; none when the price is unknown.
    pub cost: Option<MicroDollars>,
    /// The request's id.
    pub request_id: String,
    /// The answer's id, when it is to be remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The id in its body, when it is to be remembered by that, too.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub own_id: String,
    /// The experiment and the arm that it was given by, as `experiment:arm`; and how the experiment calls it. Both empty outside of one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// See `variant`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub exposure: String,
    /// For the audit of calls, when the tenant's policy asks for it: sizes in bytes and digests, never text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
    /// The answer to give when the same call comes again: status and type; the bytes come along, so many of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<(u16, String, usize)>,
}

/// A call that took part in an experiment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Exposure {
    /// The experiment's id.
    pub experiment: String,
    /// The key of its run: what was answered in another one counts no longer.
    pub run: String,
    /// The place of the arm.
    pub arm: usize,
    /// The name of the subject in this run.
    pub subject: String,
    /// The end user, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The arms' shares when the subject drew its arm.
    pub shares: Vec<f64>,
    /// The name of the answer, under which something may be told of it.
    pub answer: String,
    /// What the gateway has measured.
    pub values: Vec<(Metric, f64)>,
}

impl Exposure {
    /// With what the gateway has measured: whether the call came to nothing, what it cost where that is known, and how long it took. Cost and
    /// time of a call that failed, or was answered from the cache, say nothing of the arm: a cache is the fuller the larger an arm's share.
    #[must_use]
    pub fn measured(mut self, failed: bool, cost: Option<MicroDollars>, elapsed_ms: Option<u64>) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "an answer costs less than 2^53 micro-dollars, and takes less ms")]
        let number = |number: u64| number as f64;
        self.values.push((Metric::ErrorRate, number(u64::from(failed))));
        self.values.extend(elapsed_ms.map(|elapsed_ms| (Metric::LatencyMs, number(elapsed_ms))));
        self.values.extend(cost.map(|MicroDollars(cost)| (Metric::Cost, number(cost))));
        self
    }
}

/// What became of an answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// The experiment's id.
    pub experiment: String,
    /// The name of the answer.
    pub answer: String,
    /// What is told of it.
    pub values: Vec<(Metric, f64)>,
}

/// What the audit of calls holds of a body and its answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Trace {
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer.
    pub answer_bytes: u64,
    /// SHA-256 of the request's body, in hexadecimal digits.
    pub request_sha256: String,
    /// SHA-256 of the answer, in hexadecimal digits.
    pub answer_sha256: String,
}

/// Something for the audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    /// What happened, such as `refused`, `configuration_changed` or `token_issued`.
    pub what: String,
    /// Who: a key's id, `admin`, or empty.
    pub who: String,
    /// The end user, if one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The rest, by name. Never text of a prompt or an answer.
    pub details: Value,
}
