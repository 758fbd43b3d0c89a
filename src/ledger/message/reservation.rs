//! May a call be made? What a ledger is asked on a request's way, and its word.

use serde::{Deserialize, Serialize};

use crate::cloud::models::MicroDollars;
use crate::ledger::terms::Terms;

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
