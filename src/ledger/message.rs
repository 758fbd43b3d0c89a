//! What a Worker and a tenant's ledger say to each other. JSON, because both sides are the same build of the same crate.

use serde::{Deserialize, Serialize};
use serde_json::Value;

mod note;
mod reservation;

use crate::admission::record::{KeyRecord, TenantRecord};
use crate::cloud::health::shared::{Rule, Tidings};
use crate::learning::feedback::Feedback;

pub use note::{Called, Event, Exposure, Given, Note, Outcome, Trace};
pub use reservation::{Idempotency, Reserve, Spending, Standing, Word};

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
