//! A tenant's documents: the ledger has them, and KV has an encrypted copy of each kind, which every isolate reads.

use serde_json::Value;

use super::administration::{BETWEEN_WRITES_MS, Ledger, MOST_COPIES};
use super::users::secret;
use crate::Gateway;
use crate::admission::KEYS;
use crate::admission::record::{TenantRecord, documents_name};
use crate::boundary::Sealing;
use crate::cache::seal::Seals;
use crate::error::Error;
use crate::learning::experiment::definition;
use crate::ledger::message::Message;
use crate::understanding::own;

/// The kinds of which there are copies.
const COPIED: [&str; 2] = [own::KIND, definition::KIND];

/// Checks that copies can be made, before the ledger hears of a change.
///
/// # Errors
/// 500 naming the binding or secret that is missing.
pub fn check_copies(gateway: &Gateway) -> Result<(), Error> {
    if !gateway.binds.keys {
        let message = "What a tenant writes down is copied into KV, and no namespace is bound as KEYS. Add the binding to wrangler.toml.";
        return Err(Error::new(500, "no_keys_binding", message).about("KEYS").final_word());
    }
    if gateway.config()?.edge_secret.is_none() {
        let message = "What a tenant writes down is kept encrypted in KV, and there is no EDGE_SECRET. Set it (`openssl rand -hex 32`).";
        return Err(Error::new(500, "no_edge_secret", message).about("EDGE_SECRET").final_word());
    }
    Ok(())
}

/// The documents of a kind, or the one of a name, as the ledger has them.
pub async fn listed(ledger: &Ledger<'_>, kind: &str, name: Option<&str>) -> Result<Value, Error> {
    ledger.ask(&Message::Documents { kind: kind.to_owned(), name: name.map(str::to_owned) }).await
}

/// Brings the copy of a kind to what the ledger has: also when that, or the key that copies are encrypted with, changes meanwhile. Returns
/// what was written.
///
/// # Errors
/// Those of the ledger, and 503 when KV takes no copy.
pub async fn publish(ledger: &Ledger<'_>, gateway: &Gateway, kind: &str) -> Result<Vec<u8>, Error> {
    let mut seen = state(ledger, kind).await?;
    for _ in 0..MOST_COPIES {
        copy(ledger, gateway, kind, &seen).await?;
        let now = state(ledger, kind).await?;
        if now == seen {
            break;
        }
        seen = now;
    }
    Ok(seen.0.to_string().into_bytes())
}

/// Makes the copies of all kinds anew where there are documents: the key that they were encrypted with is another.
///
/// # Errors
/// As of [`publish`].
pub async fn renew(ledger: &Ledger<'_>, gateway: &Gateway) -> Result<(), Error> {
    if check_copies(gateway).is_err() {
        // Then there are none.
        return Ok(());
    }
    for kind in COPIED {
        if listed(ledger, kind, None).await?.as_array().is_some_and(|list| !list.is_empty()) {
            publish(ledger, gateway, kind).await?;
        }
    }
    Ok(())
}

async fn state(ledger: &Ledger<'_>, kind: &str) -> Result<(Value, TenantRecord), Error> {
    Ok((listed(ledger, kind, None).await?, ledger.record().await?))
}

async fn copy(ledger: &Ledger<'_>, gateway: &Gateway, kind: &str, (documents, record): &(Value, TenantRecord)) -> Result<(), Error> {
    let config = gateway.config()?;
    let seals = Seals::of(secret(config)?, config.previous_edge_secret.as_ref(), &ledger.tenant, &record.salt);
    let sealing = Sealing { seals: &seals, context: &ledger.tenant };
    let (name, value) = (documents_name(kind, &ledger.tenant), documents.to_string().into_bytes());
    if ledger.call.keep_sealed_for_good(KEYS, &name, value.clone(), sealing).await.is_ok() {
        return Ok(());
    }
    ledger.call.pause(BETWEEN_WRITES_MS).await;
    ledger.call.keep_sealed_for_good(KEYS, &name, value, sealing).await.map_err(|_| {
        let message = "The ledger has the change, but the copy in KV that the gateway reads could not be written. Repeat the call.";
        Error::new(503, "copy_not_written", message).about(kind)
    })
}
