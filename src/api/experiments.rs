//! `/v1/experiments`: how a tenant's experiments are written down, what was seen of them, how they end, and what became of their answers. A
//! call's part in one is in `participation.rs`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::administration::{self, Ledger};
use super::query::{self, Query};
use super::{documents, tell};
use crate::Gateway;
use crate::admission::reading;
use crate::admission::record::{Region, Scope};
use crate::boundary::{Answered, Call};
use crate::error::Error;
use crate::learning::experiment::definition::{Definition, KIND, MOST_EXPERIMENTS, Metric, is_name};
use crate::ledger::message::{Message, Outcome};

/// The largest body, in bytes: eight prompts as long as they may be.
const LARGEST_BODY: u32 = 256 * 1024;

/// Lists all experiments.
///
/// # Errors
/// Those of admission and of the ledger.
pub async fn list(gateway: &Gateway, call: &Call, query: Option<&str>, tenant: Option<&str>) -> Result<Answered, Error> {
    let query = Query::read(query, &["tenant"])?;
    let ledger = administration::owner(gateway, call, Scope::Experiments, tenant, query.tenant()?).await?;
    let data: Value = ledger.ask(&Message::Experiments { id: None }).await?;
    Ok(tell(gateway, call, 200, &json!({"object": "list", "data": data})))
}

/// Shows, writes or removes one.
///
/// # Errors
/// Those of admission, the id, the body and the ledger.
pub async fn answer(
    gateway: &Gateway,
    call: &Call,
    method: &str,
    segment: &str,
    query: Option<&str>,
    tenant: Option<&str>,
) -> Result<Answered, Error> {
    let (ledger, id) = door(gateway, call, segment, query, tenant).await?;
    match method {
        "PUT" => put(gateway, call, &ledger, id).await,
        "DELETE" => {
            documents::check_copies(gateway)?;
            let reply: Value = ledger.ask(&Message::DeleteExperiment { id: id.clone(), who: ledger.who.clone() }).await?;
            // Also when there was none: a call whose copy could not be written is repeated.
            publish(gateway, call, &ledger).await?;
            if reply.get("ok") == Some(&Value::Bool(true)) {
                Ok(tell(gateway, call, 200, &json!({"id": id, "object": "experiment", "deleted": true})))
            } else {
                Err(unknown())
            }
        }
        _ => one(gateway, call, &ledger, &id, 200).await,
    }
}

async fn put(gateway: &Gateway, call: &Call, ledger: &Ledger<'_>, id: String) -> Result<Answered, Error> {
    let given = administration::bytes(call, LARGEST_BODY).await?;
    let checked: Definition = reading::read(&given)?;
    checked.check()?;
    // It is kept as it was written: every field of it is known, and checked.
    let definition: Value = reading::read(&given)?;
    documents::check_copies(gateway)?;
    let reply: Value = ledger.ask(&Message::PutExperiment { id: id.clone(), definition, who: ledger.who.clone() }).await?;
    if reply.get("error").is_some() {
        let message = format!("There are {MOST_EXPERIMENTS} experiments already, as many as a tenant may have. Delete one first.");
        return Err(Error::new(409, "too_many_documents", message).about("experiment").final_word());
    }
    publish(gateway, call, ledger).await?;
    one(gateway, call, ledger, &id, if reply.get("new") == Some(&Value::Bool(true)) { 201 } else { 200 }).await
}

/// What ends an experiment.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    #[serde(default)]
    arm: Option<String>,
}

/// Ends one: the arm that is named answers from now on.
///
/// # Errors
/// Those of admission, the id, the body and the ledger; 409 when it has ended.
pub async fn stop(gateway: &Gateway, call: &Call, segment: &str, query: Option<&str>, tenant: Option<&str>) -> Result<Answered, Error> {
    let (ledger, id) = door(gateway, call, segment, query, tenant).await?;
    let End { arm } = administration::body(call).await?;
    documents::check_copies(gateway)?;
    let reply: Value = ledger.ask(&Message::StopExperiment { id: id.clone(), arm, who: ledger.who.clone() }).await?;
    match reply.get("error").and_then(Value::as_str) {
        Some("unknown_arm") => {
            return Err(Error::invalid("wrong_value", "arm", "`arm` must be the name of an arm, or be left out."));
        }
        Some("ended") => {
            // As after a call whose copy could not be written.
            publish(gateway, call, &ledger).await?;
            let message = "The experiment has ended before. Delete it, or write down other arms for another run.";
            return Err(Error::new(409, "experiment_ended", message).about("experiment").final_word());
        }
        Some(_) => return Err(unknown()),
        None => {}
    }
    publish(gateway, call, &ledger).await?;
    one(gateway, call, &ledger, &id, 200).await
}

/// What became of an answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    answer: String,
    #[serde(default)]
    thumbs_up: Option<bool>,
    #[serde(default)]
    published: Option<bool>,
    #[serde(default)]
    approved: Option<bool>,
    #[serde(default)]
    rating: Option<f64>,
    #[serde(default)]
    engagement_rate: Option<f64>,
    #[serde(default)]
    click_rate: Option<f64>,
}

impl Told {
    fn values(&self) -> Result<Vec<(Metric, f64)>, Error> {
        let mut values = Vec::new();
        for (metric, said) in [(Metric::ThumbsUp, self.thumbs_up), (Metric::Published, self.published), (Metric::Approved, self.approved)] {
            values.extend(said.map(|said| (metric, if said { 1.0 } else { 0.0 })));
        }
        for (metric, name, said, (least, most)) in [
            (Metric::Rating, "rating", self.rating, (1.0, 5.0)),
            (Metric::EngagementRate, "engagement_rate", self.engagement_rate, (0.0, 1.0)),
            (Metric::ClickRate, "click_rate", self.click_rate, (0.0, 1.0)),
        ] {
            let Some(said) = said else { continue };
            if !(least..=most).contains(&said) {
                return Err(Error::invalid("wrong_value", name, format!("`{name}` must be {least} to {most}.")));
            }
            values.push((metric, said));
        }
        if values.is_empty() {
            let message = "Nothing is told of the answer. Give one of `thumbs_up`, `published`, `approved`, `rating`, `engagement_rate` and \
                           `click_rate`.";
            return Err(Error::invalid("missing_field", "rating", message));
        }
        Ok(values)
    }
}

/// Takes what became of an answer. Told again, it stands in place of what was told before.
///
/// # Errors
/// Those of admission, the id, the body and the ledger; 404 for an answer that this experiment has not given in the last thirty days.
pub async fn outcome(gateway: &Gateway, call: &Call, segment: &str, query: Option<&str>, tenant: Option<&str>) -> Result<Answered, Error> {
    let (ledger, id) = door(gateway, call, segment, query, tenant).await?;
    let told: Told = administration::body(call).await?;
    let outcome = Outcome { experiment: id, values: told.values()?, answer: told.answer };
    let answer = outcome.answer.clone();
    let reply: Value = ledger.ask(&Message::Outcome(outcome)).await?;
    if reply.get("error").is_some() {
        let message =
            "The experiment has given no such answer in the last thirty days. Its name stands in `x-maya-experiment`, behind `answer`.";
        return Err(Error::new(404, "unknown_answer", message).about("answer").final_word());
    }
    if reply.get("copy") == Some(&Value::Bool(true)) {
        publish(gateway, call, &ledger).await?;
    }
    Ok(tell(gateway, call, 200, &json!({"object": "outcome", "answer": answer, "taken": true})))
}

/// Makes the copies of a tenant anew, after what was told of its answers. Without, calls are answered by the shares before until the next change.
pub async fn renew(gateway: &Gateway, call: &Call, tenant: String, region: Option<Region>) {
    let made = match documents::check_copies(gateway) {
        Ok(()) => publish(gateway, call, &Ledger { call, who: String::new(), tenant, region }).await,
        Err(error) => Err(error),
    };
    if made.is_err() {
        call.log_failure("experiments", "copy");
    }
}

async fn door<'c>(
    gateway: &Gateway,
    call: &'c Call,
    segment: &str,
    query: Option<&str>,
    tenant: Option<&str>,
) -> Result<(Ledger<'c>, String), Error> {
    let query = Query::read(query, &["tenant"])?;
    let ledger = administration::owner(gateway, call, Scope::Experiments, tenant, query.tenant()?).await?;
    let id = query::decoded(segment).unwrap_or_default();
    if is_name(&id) {
        return Ok((ledger, id));
    }
    let message = "The id in the path must be 1 to 64 of `a` to `z`, `0` to `9`, `-` and `_`.";
    Err(Error::invalid("wrong_value", "experiment", message))
}

/// Makes the copy, and lets this isolate know at once.
async fn publish(gateway: &Gateway, call: &Call, ledger: &Ledger<'_>) -> Result<(), Error> {
    let written = documents::publish(ledger, gateway, KIND).await?;
    gateway.experiments.put(&ledger.tenant, &written, call.now_ms());
    Ok(())
}

async fn one(gateway: &Gateway, call: &Call, ledger: &Ledger<'_>, id: &str, status: u16) -> Result<Answered, Error> {
    let listed: Value = ledger.ask(&Message::Experiments { id: Some(id.to_owned()) }).await?;
    listed.get(0).map(|found| tell(gateway, call, status, found)).ok_or_else(unknown)
}

fn unknown() -> Error {
    Error::new(404, "unknown_experiment", "The tenant has no experiment of this id. `GET /v1/experiments` lists those that it has.")
        .about("experiment")
        .final_word()
}
