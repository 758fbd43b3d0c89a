//! `/v1/intents`: the intents that there are, built in and the tenant's own, and how the latter are changed. What a text means is answered by
//! `understanding.rs`.

use serde_json::{Value, json};

use super::administration::{self, Ledger};
use super::query::{self, Query};
use super::{documents, tell};
use crate::Gateway;
use crate::admission::record::Scope;
use crate::boundary::{Answered, Call};
use crate::edge::centroids::CALIBRATION;
use crate::edge::intents::Intent;
use crate::error::Error;
use crate::ledger::message::Message;
use crate::protocol::json::typed;
use crate::understanding::own::{Document, KIND, MOST_INTENTS, OwnIntent, check_name};
use crate::understanding::{intents, rounded};

/// The largest body, in bytes: as many examples as may be, each as long as it may be.
const LARGEST_BODY: u32 = 256 * 1024;

/// Lists all intents.
///
/// # Errors
/// Those of admission and of the ledger.
pub async fn list(gateway: &Gateway, call: &Call, query: Option<&str>, tenant: Option<&str>) -> Result<Answered, Error> {
    let query = Query::read(query, &["tenant"])?;
    let ledger = administration::owner(gateway, call, Scope::Edge, tenant, query.tenant()?).await?;
    let own: Vec<Document> = read(documents::listed(&ledger, KIND, None).await?)?;
    let built_in = Intent::ALL.iter().map(|intent| {
        json!({"name": intent.name(), "source": "built_in", "description": intents::description(*intent),
               "threshold": rounded(f64::from(intents::threshold()))})
    });
    let theirs = own.iter().map(|document| {
        json!({"name": document.name, "source": "tenant", "description": document.body.description,
               "threshold": rounded(f64::from(CALIBRATION.least)), "examples": document.body.examples.len(),
               "changed_ms": document.changed_ms})
    });
    let data: Vec<Value> = theirs.chain(built_in).collect();
    Ok(tell(gateway, call, 200, &json!({"object": "list", "data": data})))
}

/// Shows, writes or removes one of the tenant's own.
///
/// # Errors
/// Those of admission, the name, the body and the ledger.
pub async fn answer(
    gateway: &Gateway,
    call: &Call,
    method: &str,
    segment: &str,
    query: Option<&str>,
    tenant: Option<&str>,
) -> Result<Answered, Error> {
    let query = Query::read(query, &["tenant"])?;
    let ledger = administration::owner(gateway, call, Scope::Intents, tenant, query.tenant()?).await?;
    let name = query::decoded(segment).unwrap_or_default();
    check_name(&name)?;
    match method {
        "PUT" => put(gateway, call, &ledger, name).await,
        "DELETE" => delete(gateway, call, &ledger, name).await,
        _ => {
            let own: Vec<Document> = read(documents::listed(&ledger, KIND, Some(&name)).await?)?;
            own.first().map(|document| tell(gateway, call, 200, &shown(document))).ok_or_else(unknown)
        }
    }
}

async fn put(gateway: &Gateway, call: &Call, ledger: &Ledger<'_>, name: String) -> Result<Answered, Error> {
    let intent: OwnIntent = administration::body_within(call, LARGEST_BODY).await?;
    intent.check()?;
    documents::check_copies(gateway)?;
    let body = serde_json::to_value(&intent).map_err(|_| Error::new(500, "internal_error", "The gateway failed. Try again."))?;
    let message = Message::PutDocument { kind: KIND.to_owned(), name: name.clone(), body, most: MOST_INTENTS, who: ledger.who.clone() };
    let reply: Value = ledger.ask(&message).await?;
    if let Some(fault) = reply.get("error").and_then(Value::as_str) {
        let message = match fault {
            "too_large" => "The intent is too large to be kept. Give fewer or shorter examples.".to_owned(),
            _ => format!("There are {MOST_INTENTS} own intents already, as many as a tenant may have. Delete one first."),
        };
        return Err(Error::new(409, "too_many_documents", message).about("name").final_word());
    }
    publish(gateway, call, ledger).await?;
    let status = if reply.get("new") == Some(&Value::Bool(true)) { 201 } else { 200 };
    let own: Vec<Document> = read(documents::listed(ledger, KIND, Some(&name)).await?)?;
    own.first().map(|document| tell(gateway, call, status, &shown(document))).ok_or_else(unknown)
}

async fn delete(gateway: &Gateway, call: &Call, ledger: &Ledger<'_>, name: String) -> Result<Answered, Error> {
    documents::check_copies(gateway)?;
    let message = Message::DeleteDocument { kind: KIND.to_owned(), name: name.clone(), who: ledger.who.clone() };
    let reply: Value = ledger.ask(&message).await?;
    // Also when there was none: a call whose copy could not be written is repeated.
    publish(gateway, call, ledger).await?;
    if reply.get("ok") == Some(&Value::Bool(true)) {
        Ok(tell(gateway, call, 200, &json!({"name": name, "deleted": true})))
    } else {
        Err(unknown())
    }
}

/// Makes the copy, and lets this isolate know at once.
async fn publish(gateway: &Gateway, call: &Call, ledger: &Ledger<'_>) -> Result<(), Error> {
    let written = documents::publish(ledger, gateway, KIND).await?;
    gateway.own_intents.put(&ledger.tenant, &written, call.now_ms());
    Ok(())
}

fn shown(document: &Document) -> Value {
    let Document { name, changed_ms, body } = document;
    json!({"name": name, "source": "tenant", "description": body.description, "examples": body.examples, "changed_ms": changed_ms})
}

fn read(documents: Value) -> Result<Vec<Document>, Error> {
    typed::read(&documents.to_string()).map_err(|_| {
        Error::new(
            500,
            "unreadable_documents",
            "What the ledger has of the intents is of another version of the gateway. Write them again.",
        )
    })
}

fn unknown() -> Error {
    Error::new(404, "unknown_intent", "The tenant has no intent of this name. `GET /v1/intents` lists those that it has.")
        .about("name")
        .final_word()
}
