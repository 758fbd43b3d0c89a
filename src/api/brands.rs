//! `/v1/brands`: how a tenant's posts sound, and what they never say. The ledger has them, and is asked by every order that names one: there is
//! no copy that could be older.

use serde_json::{Value, json};

use super::administration::{self, Ledger};
use super::query::{self, Query};
use super::{add_common, documents, feedback, tell};
use crate::Gateway;
use crate::admission::reading;
use crate::admission::record::Scope;
use crate::boundary::{Answered, Call};
use crate::content::brand::{Brand, KIND, MOST_BRANDS, check_id};
use crate::error::Error;
use crate::learning::examples;
use crate::ledger::message::Message;
use crate::protocol::headers::Lines;
use crate::protocol::json::typed;

/// The largest body, in bytes.
const LARGEST_BODY: u32 = 256 * 1024;

/// Lists all brands.
///
/// # Errors
/// Those of admission and of the ledger.
pub async fn list(gateway: &Gateway, call: &Call, query: Option<&str>, tenant: Option<&str>) -> Result<Answered, Error> {
    let query = Query::read(query, &["tenant"])?;
    let ledger = administration::owner(gateway, call, Scope::Brands, tenant, query.tenant()?).await?;
    let listed = documents::listed(&ledger, KIND, None).await?;
    let data: Vec<Value> = listed.as_array().into_iter().flatten().map(shown).collect();
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
    let query = Query::read(query, &["tenant"])?;
    let ledger = administration::owner(gateway, call, Scope::Brands, tenant, query.tenant()?).await?;
    let id = query::decoded(segment).unwrap_or_default();
    check_id(&id)?;
    match method {
        "PUT" => put(gateway, call, &ledger, id).await,
        "DELETE" => {
            let message = Message::DeleteDocument { kind: KIND.to_owned(), name: id.clone(), who: ledger.who.clone() };
            let reply: Value = ledger.ask(&message).await?;
            if reply.get("ok") == Some(&Value::Bool(true)) {
                Ok(tell(gateway, call, 200, &json!({"id": id, "object": "brand", "deleted": true})))
            } else {
                Err(unknown())
            }
        }
        _ => Ok(tell(gateway, call, 200, &shown(&one(&ledger, &id).await?))),
    }
}

async fn put(gateway: &Gateway, call: &Call, ledger: &Ledger<'_>, id: String) -> Result<Answered, Error> {
    let given = administration::bytes(call, LARGEST_BODY).await?;
    let brand: Brand = reading::read(&given)?;
    brand.check()?;
    // It is kept as it was written: every field of it is known, and checked.
    let body = typed::read(std::str::from_utf8(&given).unwrap_or_default()).map_err(|_| unreadable())?;
    let message = Message::PutDocument { kind: KIND.to_owned(), name: id.clone(), body, most: MOST_BRANDS, who: ledger.who.clone() };
    let reply: Value = ledger.ask(&message).await?;
    if let Some(fault) = reply.get("error").and_then(Value::as_str) {
        let message = match fault {
            "too_large" => "The brand is too large to be kept. Give fewer or shorter examples.".to_owned(),
            _ => format!("There are {MOST_BRANDS} brands already, as many as a tenant may have. Delete one first."),
        };
        return Err(Error::new(409, "too_many_documents", message).about("brand").final_word());
    }
    let status = if reply.get("new") == Some(&Value::Bool(true)) { 201 } else { 200 };
    Ok(tell(gateway, call, status, &shown(&one(ledger, &id).await?)))
}

/// A brand of a tenant, for an order.
///
/// # Errors
/// 404 when there is none of this id, and those of the ledger.
pub async fn of_tenant(ledger: &Ledger<'_>, id: &str) -> Result<Brand, Error> {
    let document = one(ledger, id).await?;
    let body = document.get("body").map(Value::to_string).unwrap_or_default();
    reading::read(body.as_bytes()).map_err(|_| unreadable())
}

/// Gives a brand's approved posts as a file to tune a model with; `x-maya-skipped` tells how many have no instruction.
///
/// # Errors
/// Those of admission, the id and the ledger.
pub async fn dataset(gateway: &Gateway, call: &Call, segment: &str, query: Option<&str>, tenant: Option<&str>) -> Result<Answered, Error> {
    let query = Query::read(query, &["tenant"])?;
    let ledger = administration::owner(gateway, call, Scope::Brands, tenant, query.tenant()?).await?;
    let id = query::decoded(segment).unwrap_or_default();
    check_id(&id)?;
    let brand = of_tenant(&ledger, &id).await?;
    let (lines, skipped) = examples::dataset(&brand, &feedback::said(&ledger, &id).await?);
    let mut headers = Lines::default();
    headers.add("content-type", "application/jsonl");
    headers.add("content-disposition", &format!("attachment; filename=\"{id}.jsonl\""));
    headers.add("x-maya-skipped", &skipped.to_string());
    add_common(gateway, call, None, &mut headers);
    Ok(call.respond(200, &headers, (call.head.method() != "HEAD").then(|| lines.into_bytes())))
}

fn unreadable() -> Error {
    let message = "What the ledger has of the brand is of another version of the gateway. Write it again.";
    Error::new(500, "unreadable_documents", message).about("brand")
}

async fn one(ledger: &Ledger<'_>, id: &str) -> Result<Value, Error> {
    let listed = documents::listed(ledger, KIND, Some(id)).await?;
    listed.get(0).cloned().ok_or_else(unknown)
}

fn shown(document: &Value) -> Value {
    let mut shown = json!({"id": document.get("name"), "object": "brand", "changed_ms": document.get("changed_ms")});
    if let (Some(shown), Some(body)) = (shown.as_object_mut(), document.get("body").and_then(Value::as_object)) {
        shown.extend(body.clone());
    }
    shown
}

fn unknown() -> Error {
    Error::new(404, "unknown_brand", "The tenant has no brand of this id. `GET /v1/brands` lists those that it has.")
        .about("brand")
        .final_word()
}
