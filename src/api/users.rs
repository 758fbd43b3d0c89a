//! `/v1/users/{id}`: what is known of an end user, given out or erased; and the signed proof of an erasure.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::administration::{self, Ledger};
use super::query::{self, Query};
use super::{documents, tell};
use crate::Gateway;
use crate::admission::proof;
use crate::admission::record::{Scope, TenantRecord};
use crate::admission::secrets::EdgeSecret;
use crate::batches::message::Ask;
use crate::batches::run::Shop;
use crate::boundary::{Answered, Call};
use crate::config::Config;
use crate::error::Error;
use crate::ledger::message::Message;

/// What a ledger says of an erasure.
#[derive(Debug, Deserialize)]
struct Erased {
    removed: Value,
    record: TenantRecord,
    audit: Value,
}

/// Gives out, or erases, what is known of an end user.
///
/// # Errors
/// Those of the path, of admission, and of the ledger.
pub async fn answer(
    gateway: &Gateway,
    call: &Call,
    segment: &str,
    export: bool,
    query: Option<&str>,
    tenant: Option<&str>,
) -> Result<Answered, Error> {
    let query = Query::read(query, &["tenant"])?;
    let ledger = administration::owner(gateway, call, Scope::Users, tenant, query.tenant()?).await?;
    let user = query::user(segment)?;
    if export {
        let known: Value = ledger.ask(&Message::Export { user }).await?;
        return Ok(tell(gateway, call, 200, &known));
    }
    erase(gateway, call, &ledger, Some(&user)).await
}

/// Erases what is known of an end user of a tenant, or all of the tenant's data, and answers with the proof.
///
/// # Errors
/// Those of the ledger; 500 when a proof could not be signed, before anything is erased if that can be known.
pub async fn erase(gateway: &Gateway, call: &Call, ledger: &Ledger<'_>, user: Option<&str>) -> Result<Answered, Error> {
    let secret = secret(gateway.config()?)?;
    let seed = proof::seed(secret);
    // The header names the key, so the key is asked for first; and a runtime that cannot sign stops here, before the erasure.
    let (_, public) = call.sign(&seed, b"").await.map_err(|_| unsigned())?;
    let who = ledger.who.clone();
    let message = match user {
        Some(user) => Message::EraseUser { user: user.to_owned(), who },
        None => Message::EraseTenant { who },
    };
    let Erased { removed, record, audit } = ledger.ask(&message).await?;
    if ledger.completed(record.clone()) != record {
        // The ledger has destroyed the salt and left a new one to who has a source of randomness.
        ledger.put_record(ledger.completed(record)).await?;
    }
    ledger.publish_record().await?;
    documents::renew(ledger, gateway).await?;
    let stored = erase_store(gateway, ledger, user.is_none()).await?;

    let mut claims = Map::new();
    claims.insert("erased".to_owned(), if user.is_some() { "user" } else { "tenant" }.into());
    claims.insert("tenant".to_owned(), ledger.tenant.clone().into());
    if let Some(user) = user {
        claims.insert("subject_sha256".to_owned(), proof::subject(secret, &ledger.tenant, user).into());
    }
    claims.insert("removed".to_owned(), removed);
    if let Some(stored) = stored {
        claims.insert("removed_from_store".to_owned(), stored);
    }
    claims.insert("at_ms".to_owned(), call.now_ms().into());
    claims.insert("caches".to_owned(), "unreadable within 60 s".into());
    claims.insert("audit".to_owned(), audit);
    let mut claims = Value::Object(claims);
    let input = proof::signing_input(&public, &claims);
    let (signature, _) = call.sign(&seed, input.as_bytes()).await.map_err(|_| unsigned())?;
    if let Value::Object(fields) = &mut claims {
        fields.insert("proof".to_owned(), proof::compact(&input, &signature).into());
    }
    Ok(tell(gateway, call, 200, &claims))
}

/// Removes the tenant's files and the results of its batches: nobody can tell in which of them a person's words are, and the key that they
/// were encrypted with is gone.
async fn erase_store(gateway: &Gateway, ledger: &Ledger<'_>, all: bool) -> Result<Option<Value>, Error> {
    if !gateway.binds.store {
        return Ok(None);
    }
    let shop = Shop { call: ledger.call, tenant: &ledger.tenant, region: ledger.region };
    shop.ask(&Ask::Erase { all }, Vec::new()).await.map(|(removed, _)| Some(removed))
}

/// The secret that proofs are signed with.
///
/// # Errors
/// 500 when it is not set.
pub fn secret(config: &Config) -> Result<&EdgeSecret, Error> {
    config.edge_secret.as_ref().ok_or_else(|| {
        let message = "EDGE_SECRET is not set, so a proof could not be signed. Make one with `openssl rand -hex 32` and set it \
                       (`wrangler secret put EDGE_SECRET`).";
        Error::new(500, "no_edge_secret", message).about("EDGE_SECRET").final_word()
    })
}

/// The runtime failed to sign.
pub fn unsigned() -> Error {
    Error::new(500, "not_signed", "The runtime could not sign with Ed25519. Repeat the call: what is erased stays erased.")
}
