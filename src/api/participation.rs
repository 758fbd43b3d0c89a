//! A call's part in an experiment: which arm answers it, and what is noted of that once the answer has gone out.

use std::rc::Rc;

use serde_json::{Value, json};

use crate::Gateway;
use crate::admission::memory::CACHED_SECONDS;
use crate::admission::record::documents_name;
use crate::admission::{Caller, KEYS};
use crate::boundary::{Call, ReadHeader};
use crate::cloud::inquire::Asker;
use crate::cloud::models::MicroDollars;
use crate::error::Error;
use crate::learning::experiment::assignment::Draw;
use crate::learning::experiment::definition::{Arm, KIND, Metric, PREFIX};
use crate::learning::experiment::known::Known;
use crate::learning::experiment::variation::{no_model, varied};
use crate::ledger::message::{Exposure, Note};
use crate::protocol::headers::Lines;
use crate::protocol::request::CompletionRequest;

/// The longest id of a subject, in bytes.
const LONGEST_SUBJECT: usize = 256;

/// A call's part in an experiment.
pub struct Part {
    known: Rc<Vec<Known>>,
    place: usize,
    arm: usize,
    /// What the answer is called; none when nothing is counted.
    answer: Option<String>,
    subject: String,
    user: Option<String>,
}

/// The experiment that a call asks for, by its header or in a model's place.
pub fn asked<'a>(call: &'a Call, model: &'a str) -> Option<&'a str> {
    model.strip_prefix(PREFIX).or_else(|| call.head.header(ReadHeader::Experiment))
}

/// Takes part in an experiment. The same subject comes to the same arm while shares stay: the end user, else who `x-maya-subject` names; a call
/// that names nobody draws for itself. What is not to be kept is not counted either.
///
/// # Errors
/// 404 when the tenant has no such experiment, 400 for a subject that cannot be, 503 when KV cannot be read.
pub async fn take_part(gateway: &Gateway, call: &Call, caller: &Caller, id: &str, user: Option<&str>, kept: bool) -> Result<Part, Error> {
    let known = experiments(gateway, call, caller).await?;
    let (place, experiment) = known.iter().enumerate().find(|(_, known)| known.name == id).ok_or_else(unknown)?;
    let named = caller.end_user(user);
    let subject = named.or_else(|| call.head.header(ReadHeader::Subject));
    if subject.is_some_and(|subject| subject.len() > LONGEST_SUBJECT) {
        let message = format!("`x-maya-subject` is longer than {LONGEST_SUBJECT} bytes. Use a shorter id.");
        return Err(Error::invalid("wrong_value", "x-maya-subject", message));
    }
    let own = call.unique_id();
    let draw = Draw::of(&experiment.key, subject.unwrap_or(&own));
    let control = experiment.body.control();
    let takes_part = caller.record.experiments != Some(false);
    let (arm, counted) = match &experiment.ended {
        Some(arm) => (*arm, false),
        // A key that is kept out of experiments is answered as if there were none: by the control.
        None if !takes_part => (control, false),
        None => (draw.arm(&experiment.shares).unwrap_or(control), kept && gateway.binds.ledger),
    };
    let (subject, user) = (draw.name(), named.map(str::to_owned));
    let part = Part { place, arm, answer: counted.then_some(own), subject, user, known: known.clone() };
    // So are the answer's figures told apart, and so does feedback find the arm.
    if let Ok(arm) = part.arm() {
        call.observe(|seen| {
            seen.variant = format!("{id}:{}", arm.name);
            seen.exposure = part.answer.clone().unwrap_or_default();
        });
    }
    Ok(part)
}

impl Part {
    fn experiment(&self) -> Option<&Known> {
        self.known.get(self.place)
    }

    /// The arm.
    ///
    /// # Errors
    /// 404 when the experiment was changed by another version of the gateway.
    pub fn arm(&self) -> Result<&Arm, Error> {
        self.experiment().and_then(|known| known.body.arms.get(self.arm)).ok_or_else(unknown)
    }

    /// The body of a completion as the arm wants it; none when that changes nothing.
    ///
    /// # Errors
    /// 400 when the experiment stands in a model's place and any of its arms has none, so that not only some subjects learn of it; those of
    /// [`varied`].
    pub fn varied(&self, request: &CompletionRequest<'_>) -> Result<Option<Vec<u8>>, Error> {
        let lacks = self.experiment().is_some_and(|known| known.body.arms.iter().any(|arm| arm.model.is_none()));
        if request.model().starts_with(PREFIX) && lacks {
            return Err(no_model());
        }
        varied(request, self.arm()?)
    }

    /// What the answer tells of it: `headline; arm="b"; answer="…"`, without the last when nothing is counted, with `ended` behind the end.
    pub fn header(&self) -> String {
        let Some((known, arm)) = self.experiment().zip(self.arm().ok()) else { return String::new() };
        let mut told = format!("{}; arm=\"{}\"", known.name, arm.name);
        if let Some(answer) = &self.answer {
            told.push_str(&format!("; answer=\"{answer}\""));
        }
        if known.ended.is_some() {
            told.push_str("; ended");
        }
        told
    }

    /// Adds it to an answer's headers.
    pub fn say(&self, lines: &mut Lines) {
        lines.add("x-maya-experiment", &self.header());
    }

    /// What the ledger is to hear of the call; none when it counts for nothing.
    pub fn exposure(&self) -> Option<Exposure> {
        let (known, answer) = self.experiment().zip(self.answer.as_ref())?;
        Some(Exposure {
            experiment: known.name.clone(),
            run: known.key.clone(),
            arm: self.arm,
            subject: self.subject.clone(),
            user: self.user.clone(),
            shares: known.shares.clone(),
            answer: answer.clone(),
            values: Vec::new(),
        })
    }

    /// Notes a call that its arm has brought a refusal, before it had an account.
    pub fn note_refused(&self, gateway: &Gateway, caller: &Caller) {
        let Some(exposure) = self.exposure().filter(|_| gateway.binds.ledger) else { return };
        gateway.note(caller.tenant_name(), caller.region(), Note::Exposed(exposure.measured(true, None, None)), Vec::new());
    }

    /// Notes an order that was carried out, with the mean score of its posts, among the notes that go to the ledger anyway.
    pub fn note_order(&self, Asker { gateway, call, caller, .. }: Asker<'_>, failed: bool, cost: Option<u64>, score: Option<f64>) {
        let Some(mut exposure) = self.exposure() else { return };
        exposure.values.extend(score.map(|score| (Metric::Score, score)));
        let elapsed_ms = call.now_ms().saturating_sub(call.head.now_ms);
        let exposure = exposure.measured(failed, cost.map(MicroDollars).filter(|_| !failed), (!failed).then_some(elapsed_ms));
        gateway.note(caller.tenant_name(), caller.region(), Note::Exposed(exposure), Vec::new());
    }

    /// What the body of an answer tells of it.
    pub fn told(&self) -> Value {
        let known = self.experiment();
        json!({
            "id": known.map(|known| &known.name),
            "arm": self.arm().ok().map(|arm| &arm.name),
            "answer": self.answer,
            "ended": known.is_some_and(|known| known.ended.is_some()),
        })
    }
}

async fn experiments(gateway: &Gateway, call: &Call, caller: &Caller) -> Result<Rc<Vec<Known>>, Error> {
    let (tenant, now_ms) = (caller.tenant_name(), call.head.now_ms);
    let Some(sealing) = caller.sealing().filter(|_| gateway.binds.keys) else { return Ok(Rc::default()) };
    if let Some(known) = gateway.experiments.fresh(tenant, now_ms) {
        return Ok(known);
    }
    match call.look_sealed_within(KEYS, &documents_name(KIND, tenant), CACHED_SECONDS, sealing).await {
        Ok(found) => Ok(gateway.experiments.put(tenant, &found.unwrap_or_default(), now_ms)),
        Err(_) => {
            Err(Error::new(503, "experiments_unreachable", "The tenant's experiments cannot be read right now. Try again.").about("KEYS"))
        }
    }
}

fn unknown() -> Error {
    let message = "The tenant has no experiment of this id. `GET /v1/experiments` lists those that it has.";
    Error::new(404, "unknown_experiment", message).about("experiment").final_word()
}
