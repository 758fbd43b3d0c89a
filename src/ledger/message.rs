//! What a Worker and a tenant's ledger say to each other. JSON, because both sides are the same build of the same crate.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::feedback::What;
use super::terms::Terms;
use crate::admission::record::{KeyRecord, TenantRecord};
use crate::cloud::health::shared::{Rule, Tidings};
use crate::cloud::models::MicroDollars;
use crate::learning::experiment::definition::Metric;
use crate::learning::feedback::Feedback;
use crate::protocol::usage::Usage;

/// What a ledger is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// May this call be made? The one message on a request's way.
    Reserve(Reserve),
    /// What became of calls; sent once their answers have gone out.
    Note {
        /// In the order in which it happened.
        notes: Vec<Note>,
    },
    /// Keeps a key's record, new or changed. `act` is what the audit calls it.
    PutKey {
        /// `key_created`, `key_changed` or `key_rotated`.
        act: String,
        /// SHA-256 of the whole key, as 64 hexadecimal digits.
        sha256: String,
        /// The whole record.
        record: KeyRecord,
    },
    /// Every digest and record of a key's id: one, or two while a rotation overlaps. For one id, or all.
    Keys {
        /// The key's id; all when absent.
        id: Option<String>,
    },
    /// Revokes a key, for good: all of its digests.
    RevokeKey {
        /// The key's id.
        id: String,
    },
    /// The tenant's record.
    Tenant,
    /// Changes the tenant's record.
    PutTenant {
        /// The whole record.
        record: TenantRecord,
    },
    /// What was used.
    Usage(UsageQuery),
    /// A page of the audit.
    Audit(AuditQuery),
    /// Whether the audit's chain is whole.
    Verify,
    /// Writes something into the audit that happened outside of the ledger.
    Record(Event),
    /// Registers a tenant in the gateway's own ledger.
    Register {
        /// Its name.
        tenant: String,
        /// Where its ledger is.
        region: Option<String>,
    },
    /// The tenants of the gateway's own ledger.
    Tenants,
    /// Keeps a document: JSON that the tenant has written down, by kind and name.
    PutDocument {
        /// What kind of thing it is, such as `intent`.
        kind: String,
        /// Its name among those of its kind.
        name: String,
        /// What it says.
        body: Value,
        /// How many of its kind there may be.
        most: u64,
        /// Who writes it: a key's id, or `admin`.
        who: String,
    },
    /// The documents of a kind.
    Documents {
        /// The kind.
        kind: String,
        /// Only the one of this name.
        #[serde(default)]
        name: Option<String>,
    },
    /// Removes a document.
    DeleteDocument {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// Who removes it: a key's id, or `admin`.
        who: String,
    },
    /// Writes an experiment down.
    PutExperiment {
        /// Its id.
        id: String,
        /// What it says: a definition that was checked.
        definition: Value,
        /// Who writes it: a key's id, or `admin`.
        who: String,
    },
    /// The experiments, with what there is to tell of what was seen.
    Experiments {
        /// Only the one of this id.
        #[serde(default)]
        id: Option<String>,
    },
    /// Ends an experiment.
    StopExperiment {
        /// Its id.
        id: String,
        /// The arm that answers from now on; the best, where there is one, or the control, when absent.
        arm: Option<String>,
        /// Who asks: a key's id, or `admin`.
        who: String,
    },
    /// Removes an experiment with all that was seen.
    DeleteExperiment {
        /// Its id.
        id: String,
        /// Who asks: a key's id, or `admin`.
        who: String,
    },
    /// What became of an answer of an experiment.
    Outcome(Outcome),
    /// What an isolate has seen of the models, for the gateway's own ledger. The reply is what all have seen; nothing of it is written.
    Health {
        /// By what it judges.
        rule: Rule,
        /// What it has seen.
        tidings: Vec<Tidings>,
    },
    /// What is said of an answer.
    Feedback {
        /// The answer's id.
        id: String,
        /// The end user whose answer it has to be, when that is who says it.
        #[serde(default)]
        holder: Option<String>,
        /// What is said.
        said: Box<Feedback>,
    },
    /// Answers of which something was said: the last, or those that may serve as examples of a brand.
    Said {
        /// The brand.
        #[serde(default)]
        brand: Option<String>,
        /// How many at the most.
        limit: u64,
    },
    /// What was learnt, for people.
    Learned,
    /// What was learnt of scores, to be asked.
    Learnt,
    /// Forgets what was learnt.
    Unlearn {
        /// Who asks: a key's id, or `admin`.
        who: String,
    },
    /// All that is known of an end user.
    Export {
        /// The end user's id.
        user: String,
    },
    /// Removes all that is known of an end user.
    EraseUser {
        /// The end user's id.
        user: String,
        /// Who asks: a key's id, or `admin`.
        #[serde(default)]
        who: String,
    },
    /// Removes the tenant's data: all but its keys and its record.
    EraseTenant {
        /// Who asks: a key's id, or `admin`.
        #[serde(default)]
        who: String,
    },
}

/// A call that is about to be made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reserve {
    /// The name of this reservation; no other has it.
    pub id: String,
    /// The key's id.
    pub key: String,
    /// Whether the ledger has the key's record (a key made over the API), and knows its terms and whether it is revoked.
    pub managed: bool,
    /// The end user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whether the call is to be kept nowhere: its end user is known to limits of end users alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unkept: bool,
    /// The model's id.
    pub model: String,
    /// The most that the call can use: input, estimated, and the answer's cap. Tokens.
    pub tokens: u64,
    /// The most that it can cost; none when the price is unknown.
    pub cost: Option<MicroDollars>,
    /// Terms that the ledger does not have itself: those of configured keys and of tokens, each with its owner's name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<(String, Terms)>,
    /// The caller's `Idempotency-Key` and body, as SHA-256 in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
    /// How long the Worker may need, in ms: a reservation that is older belongs to one that died.
    pub lease_ms: u64,
}

impl Reserve {
    /// The end user, as far as the call may be kept.
    pub fn kept_user(&self) -> Option<&str> {
        self.user.as_deref().filter(|_| !self.unkept)
    }
}

/// What makes a call the same as an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// Digest of key id, endpoint and `Idempotency-Key`.
    pub key: String,
    /// Digest of the body.
    pub body: String,
}

/// The ledger's word on a reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// The call may be made.
    Granted {
        /// Every limit that holds, with what is left of it.
        limits: Vec<Standing>,
        /// A soft threshold that is passed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        soft: Option<Spending>,
    },
    /// A limit is reached.
    Limited {
        /// Every limit that holds.
        limits: Vec<Standing>,
        /// Which of them refuses.
        by: usize,
        /// When the call would fit, in ms from now; none when it never can.
        after_ms: Option<u64>,
    },
    /// A hard budget is reached.
    Spent(Spending),
    /// A hard budget or a limit of money holds, and nobody knows what the model costs.
    Unpriced,
    /// The key is revoked, has expired, or is not known.
    Revoked,
    /// The same call was answered before: the answer's bytes come along.
    Answered {
        /// HTTP status.
        status: u16,
        /// Its type.
        content_type: String,
        /// The id that it came with; empty when that was not kept.
        #[serde(default)]
        id: String,
    },
    /// The same call is being answered right now.
    InFlight,
    /// The same `Idempotency-Key` came with another body.
    OtherBody,
}

/// A limit and what is left of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What is counted: `requests`, `tokens` or `micro_dollars`.
    pub measure: String,
    /// How much may be in the window.
    pub amount: u64,
    /// The window, in ms.
    pub window_ms: u64,
    /// For whom it counts: `owner`, `key`, `user` or `model`.
    pub per: String,
    /// How much is left.
    pub left: u64,
    /// When all of it is free again, in ms from now.
    pub reset_ms: u64,
}

/// A budget and what is spent of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spending {
    /// `day` or `month`.
    pub period: String,
    /// The budget's owner: a key's id, or `tenant`.
    pub owner: String,
    /// What is spent, reservations included.
    pub spent: MicroDollars,
    /// The threshold.
    pub threshold: MicroDollars,
    /// When the period ends, in ms from now.
    pub reset_ms: u64,
}

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

/// Which usage is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UsageQuery {
    /// The first day, `YYYY-MM-DD`; from the beginning when absent.
    pub from: Option<String>,
    /// The last day; to now when absent.
    pub to: Option<String>,
    /// Rows for each `day`, `model`, `key` and `user`, as named.
    pub by: Vec<String>,
    /// Only this key.
    pub key: Option<String>,
    /// Only this model.
    pub model: Option<String>,
    /// Only this end user.
    pub user: Option<String>,
}

/// Which entries of the audit are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditQuery {
    /// Entries behind this number.
    pub after: u64,
    /// At most so many, 1 to 1000.
    pub limit: u32,
    /// Only what is called so.
    pub what: Option<String>,
    /// Only by this actor.
    pub who: Option<String>,
    /// Only of this end user.
    pub user: Option<String>,
    /// From this time, in ms since 1970.
    pub from_ms: Option<u64>,
    /// Up to this time, in ms since 1970.
    pub to_ms: Option<u64>,
}
