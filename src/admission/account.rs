//! One call's account with its tenant's ledger: reserve before the call, tell what became of it after the answer.

use std::cell::Cell;

use sha2::{Digest, Sha256};

use super::keys::hex;
use super::reservation::{Wanted, refusal, say_granted};
use super::{Caller, reservation};
use crate::Gateway;
use crate::boundary::{Call, ReadHeader};
use crate::cloud::inquire::Asker;
use crate::cloud::models::MicroDollars;
use crate::config::{Config, LedgerFailure};
use crate::error::Error;
use crate::ledger::message::{Called, Exposure, Idempotency, Message, Note, Trace, Word};
use crate::ledger::price;
use crate::protocol::answer::Identity;
use crate::protocol::headers::{Lines, well_formed_id};
use crate::protocol::request::CompletionRequest;
use crate::protocol::usage::Usage;
use crate::telemetry::observation::Source;
use crate::telemetry::register::OTHER;

/// How much longer than its deadline a call may hold what it has reserved, in ms.
const LEASE_MARGIN_MS: u64 = 30_000;

/// An answer that was given before to the same call.
#[derive(Debug)]
pub struct Stored {
    /// HTTP status.
    pub status: u16,
    /// The body's type.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
    /// The id that it came with; empty when that was not kept.
    pub id: String,
}

/// What an answer was.
#[derive(Debug, Default)]
pub struct Outcome<'a> {
    /// The model that answered.
    pub model: &'a str,
    /// HTTP status.
    pub status: u16,
    /// What was used, or saved; estimated when the answer told none.
    pub usage: Option<Usage>,
    /// What to assume when the answer told nothing.
    pub estimate: Usage,
    /// The body's type.
    pub content_type: &'a str,
    /// The whole answer.
    pub body: &'a [u8],
    /// What it tells of itself.
    pub identity: Identity,
}

/// Whether a call may be kept: its user, its trace, its answer.
pub fn may_be_kept(call: &Call, caller: &Caller, request: &CompletionRequest<'_>) -> bool {
    // Global Privacy Control (Sec-GPC: 1) is the browser's word for what `store: false` is the program's for.
    request.may_be_stored() && caller.stores() && call.head.header(ReadHeader::Gpc) != Some("1")
}

/// The account of one call.
pub struct Account<'a> {
    gateway: &'a Gateway,
    config: &'a Config,
    call: &'a Call,
    caller: &'a Caller,
    user: Option<&'a str>,
    /// Whether the call may be kept: its user, its trace, its answer.
    pub kept: bool,
    /// The body that the caller sent.
    body: &'a [u8],
    reservation: String,
    word: Option<Word>,
    idempotency: Option<Idempotency>,
    /// Whether it is a question of the gateway's own.
    aside: bool,
    /// Whether the call goes on although the ledger could not be asked.
    unchecked: bool,
    /// The call's part in an experiment, until it is told.
    pub exposure: Cell<Option<Exposure>>,
}

impl<'a> Account<'a> {
    /// Opens an account: nothing is reserved yet.
    ///
    /// # Errors
    /// 400 for an `Idempotency-Key` that cannot be kept: too long, or beside a refusal to be kept.
    pub fn open(
        gateway: &'a Gateway,
        config: &'a Config,
        call: &'a Call,
        caller: &'a Caller,
        request: &'a CompletionRequest<'_>,
        body: &'a [u8],
    ) -> Result<Self, Error> {
        let kept = may_be_kept(call, caller, request);
        let path = request.endpoint().path();
        let idempotency = match call.head.header(ReadHeader::IdempotencyKey) {
            Some(_) if !kept => {
                let message = "`Idempotency-Key` asks to keep the answer, and the call asks to keep nothing (`store: false`, `Sec-GPC` or \
                               the policy of the key). Leave one of them out.";
                return Err(Error::invalid("idempotency_needs_store", "idempotency-key", message));
            }
            Some(_) if caller.tenant.seals.is_none() => {
                let message =
                    "What `Idempotency-Key` asks to keep is kept encrypted, and there is no EDGE_SECRET. Set it (`openssl rand -hex 32`).";
                return Err(Error::new(500, "no_edge_secret", message).about("EDGE_SECRET").final_word());
            }
            Some(key) => Some(reservation::idempotency(caller, path, key, body)?),
            None => None,
        };
        let asker = Asker { gateway, config, call, caller };
        Ok(Self { idempotency, aside: false, ..Self::of_inquiry(asker, caller.end_user(request.user()), kept, body) })
    }

    /// Opens an account for a question of the gateway's own. The caller's `Idempotency-Key` is none of its business.
    pub fn of_inquiry(asker: Asker<'a>, user: Option<&'a str>, kept: bool, body: &'a [u8]) -> Self {
        let Asker { gateway, config, call, caller } = asker;
        Self {
            gateway,
            config,
            call,
            caller,
            user,
            kept,
            body,
            reservation: String::new(),
            word: None,
            idempotency: None,
            aside: true,
            unchecked: false,
            exposure: Cell::default(),
        }
    }

    /// The tenant whose account it is.
    pub fn tenant_name(&self) -> &str {
        self.caller.tenant_name()
    }

    /// Whether the call has to be known to the ledger before anything answers it.
    pub fn is_idempotent(&self) -> bool {
        self.idempotency.is_some()
    }

    /// Reserves, unless that is done. The answer is there when the same call was answered before.
    ///
    /// # Errors
    /// What the ledger refuses, and 503 when it cannot be asked and the operator wants calls refused then.
    pub async fn reserve(&mut self, wanted: &Wanted<'_>) -> Result<Option<Stored>, Error> {
        if self.word.is_some() || self.unchecked {
            return Ok(None);
        }
        let lease_ms = u64::from(self.config.total_ms).saturating_add(LEASE_MARGIN_MS);
        let mut id = String::new();
        let asked = if self.gateway.binds.ledger {
            id = self.gateway.lease(self.call);
            let reserve = wanted.reserve(id.clone(), self.idempotency.clone(), lease_ms);
            self.call.ledger::<Word>(self.caller.tenant_name(), self.caller.region(), &Message::Reserve(reserve), Vec::new()).await
        } else {
            Err(crate::boundary::LedgerFailure)
        };
        let (word, bytes) = match (asked, self.config.ledger_failure) {
            (Ok(said), _) => said,
            (Err(_), LedgerFailure::Allow) => {
                // Without a binding an operator wants no ledger; with one, this is news.
                if self.gateway.binds.ledger {
                    self.call.log_failure("ledger", "reserve: let through");
                }
                self.unchecked = true;
                return Ok(None);
            }
            (Err(_), LedgerFailure::Refuse) => {
                let message = "The tenant's limits and budget could not be checked, so the call was not made. Try again.";
                return Err(Error::new(503, "ledger_unreachable", message).about("LEDGER").with("retry-after", "1".to_owned()));
            }
        };
        if word == Word::Revoked {
            self.gateway.known.forget(self.caller);
        }
        if let Some(error) = refusal(&word) {
            return Err(error);
        }
        if let Word::Answered { status, content_type, id } = word {
            let body = match self.caller.sealing() {
                Some(sealing) => self.call.unseal(bytes, sealing).await,
                None => None,
            };
            let message = "The answer to the first call with this Idempotency-Key can no longer be read. Use a new key.";
            let lost = || Error::new(409, "idempotent_answer_lost", message).about("idempotency-key").final_word();
            return body.map(|body| Some(Stored { status, content_type, body, id })).ok_or_else(lost);
        }
        self.reservation = id;
        self.word = Some(word);
        Ok(None)
    }

    /// Adds what the ledger has said to an answer's headers.
    pub fn say(&self, lines: &mut Lines) {
        if let Some(word) = &self.word {
            say_granted(word, lines);
        }
        if self.unchecked && self.gateway.binds.ledger {
            lines.add("x-maya-ledger", "unreachable");
        }
    }

    /// Notes a call that came to nothing.
    pub fn release(&self, model: &str, status: u16) {
        self.call.observe(|seen| self.table_name(model).unwrap_or(OTHER).clone_into(&mut seen.model));
        if !self.gateway.binds.ledger {
            return;
        }
        let called = self.called(&Outcome { model, status, ..Outcome::default() });
        self.expose(Ended::Failed);
        self.gateway.note(self.caller.tenant_name(), self.caller.region(), Note::Released(called), Vec::new());
    }

    /// Notes an answer from the cache. The answer to an idempotent call is told before it is given, for the same call may follow it at
    /// once.
    pub async fn hit(&mut self, outcome: Outcome<'_>) {
        let saved = self.cost(&outcome).unwrap_or_default();
        self.call.observe(|seen| {
            seen.answered(self.table_name(outcome.model), Source::Cache);
            seen.saved_by_cache = saved;
        });
        self.expose(Ended::FromCache);
        self.conclude(outcome, Note::Hit).await;
    }

    /// Notes an answer from Cerebras, as [`Self::hit`] does.
    pub async fn settle(&mut self, outcome: Outcome<'_>) {
        self.observe(&outcome);
        self.expose(Ended::Answered(self.cost(&outcome)));
        self.conclude(outcome, Note::Settled).await;
    }

    /// Notes an answer of the gateway's own models, which costs nothing.
    pub fn note_edge(&self, outcome: &Outcome<'_>) {
        self.call.observe(|seen| seen.answered(Some(outcome.model), Source::Edge));
        let called = Called { cost: Some(MicroDollars::default()), ..self.called(outcome) };
        self.gateway.note(self.caller.tenant_name(), self.caller.region(), Note::Settled(called), Vec::new());
    }

    /// Notes an answer that broke off: what it used is used, but the same call may be made again.
    pub fn settle_broken(&self, outcome: Outcome<'_>) {
        self.observe(&outcome);
        self.expose(Ended::Failed);
        let called = self.called(&outcome);
        self.gateway.note(self.caller.tenant_name(), self.caller.region(), Note::Settled(called), Vec::new());
    }

    /// The name of a model in the operator's table; none for one that is not in it.
    pub fn table_name<'m>(&self, model: &'m str) -> Option<&'m str> {
        self.config.models.resolve(model).row.is_some().then_some(model)
    }

    fn cost(&self, outcome: &Outcome<'_>) -> Option<MicroDollars> {
        price::cost(self.config.models.resolve(outcome.model).row, outcome.usage.unwrap_or(outcome.estimate))
    }

    /// Notes a call of a model for telemetry.
    fn observe(&self, outcome: &Outcome<'_>) {
        let cost = self.cost(outcome);
        let usage = outcome.usage.unwrap_or(outcome.estimate);
        let dearest = || {
            let rows = self.config.models.rows().filter(|(id, _)| self.caller.may(self.config, id));
            rows.filter_map(|(_, row)| price::cost(Some(row), usage)).max().unwrap_or_default()
        };
        self.call.observe(|seen| {
            seen.answered(self.table_name(outcome.model), Source::Cloud);
            seen.used(usage, cost);
            if let Some(trace) = &mut seen.trace {
                trace.identified(outcome.identity.clone());
            }
            if let (true, Some(MicroDollars(cost))) = (seen.routed && !self.aside, cost) {
                seen.saved_by_routing.0 = seen.saved_by_routing.0.saturating_add(dearest().0.saturating_sub(cost));
            }
        });
    }

    async fn conclude(&mut self, outcome: Outcome<'_>, note: fn(Called) -> Note) {
        if !self.gateway.binds.ledger {
            return;
        }
        let mut called = self.called(&outcome);
        let mut stored = Vec::new();
        if let (Some(_), Some(sealing), false) = (&self.idempotency, self.caller.sealing(), self.reservation.is_empty())
            && let Some(sealed) = self.call.seal(outcome.body.to_vec(), sealing).await
        {
            called.response = Some((outcome.status, outcome.content_type.to_owned(), sealed.len()));
            stored = sealed;
        }
        let (tenant, region, note) = (self.caller.tenant_name(), self.caller.region(), note(called));
        if self.idempotency.is_some() && !self.reservation.is_empty() {
            // Not by way of the notes that wait: while another request tells those, this one would wait among them.
            self.gateway.outbox.tell(self.call, tenant, region, note, stored).await;
        } else {
            self.gateway.note(tenant, region, note, stored);
        }
    }

    /// Notes the call's part in an experiment, if it has one that was not told yet. A caller's own mistakes come to all arms alike, and so need
    /// not be told from those that an arm makes.
    fn expose(&self, ended: Ended) {
        let Some(exposure) = self.exposure.take().filter(|_| self.gateway.binds.ledger) else { return };
        let exposure = match ended {
            Ended::Failed => exposure.measured(true, None, None),
            Ended::FromCache => exposure.measured(false, None, None),
            Ended::Answered(cost) => exposure.measured(false, cost, Some(self.call.now_ms().saturating_sub(self.call.head.now_ms))),
        };
        self.gateway.note(self.caller.tenant_name(), self.caller.region(), Note::Exposed(exposure), Vec::new());
    }

    fn called(&self, outcome: &Outcome<'_>) -> Called {
        let usage = outcome.usage.unwrap_or(outcome.estimate);
        let size = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let digest = |bytes: &[u8]| hex(&Sha256::digest(bytes));
        let trace = (self.kept && self.caller.tenant.record.audit_calls).then(|| Trace {
            request_bytes: size(self.body),
            answer_bytes: size(outcome.body),
            request_sha256: digest(self.body),
            answer_sha256: digest(outcome.body),
        });
        let (variant, exposure) = self.call.variant();
        Called {
            reservation: self.reservation.clone(),
            at_ms: self.call.head.now_ms,
            key: self.caller.record.id.clone(),
            user: self.user.filter(|_| self.kept).map(str::to_owned),
            model: reservation::counted(outcome.model).to_owned(),
            status: outcome.status,
            usage,
            estimated: outcome.usage.is_none(),
            cost: self.cost(outcome),
            request_id: self.call.given_id().unwrap_or(&self.reservation).to_owned(),
            // The answer to a question of the gateway's own is not what the caller gets under the id.
            answer: self.call.told_id().filter(|_| self.kept && !self.aside),
            own_id: Some(&outcome.identity.id).filter(|id| self.kept && !self.aside && well_formed_id(id)).cloned().unwrap_or_default(),
            variant,
            exposure,
            trace,
            response: None,
        }
    }
}

/// How a call of an experiment ended.
enum Ended {
    /// Without a usable answer.
    Failed,
    /// With one from the cache.
    FromCache,
    /// With a model's, and what that cost, where it is known.
    Answered(Option<MicroDollars>),
}
