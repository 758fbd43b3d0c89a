//! `/admin/keys`: making, showing, changing, rotating and revoking gateway keys. The ledger has what is true, KV what every isolate reads.

use serde_json::{Map, Value, json};

use super::administration::{self, ADMINISTRATOR, Held, Ledger};
use super::query::Query;
use super::route::KeyTarget;
use super::{documents, tell};
use crate::Gateway;
use crate::admission::change::{KeyBody, RotationBody};
use crate::admission::issue::{self, ID_BYTES, SECRET_BYTES};
use crate::admission::keys::KeyDigest;
use crate::admission::record::KeyRecord;
use crate::admission::rotation;
use crate::boundary::{Answered, Call};
use crate::error::Error;
use crate::ledger::message::Message;

/// How many ledgers a list asks at the most.
const MOST_LEDGERS: usize = 40;

/// Answers for keys.
///
/// # Errors
/// Those of admission, of the body, and of the ledger.
pub async fn answer(gateway: &Gateway, call: &Call, method: &str, target: &KeyTarget, query: Option<&str>) -> Result<Answered, Error> {
    administration::admit(gateway, call).await?;
    match (target, method) {
        (KeyTarget::All, "POST") => create(gateway, call).await,
        (KeyTarget::All, _) => list(gateway, call, query).await,
        (KeyTarget::One(id), "PATCH") => change(gateway, call, id).await,
        (KeyTarget::One(id), "DELETE") => revoke(gateway, call, id).await,
        (KeyTarget::One(id), _) => show(gateway, call, id).await,
        (KeyTarget::Rotation(id), _) => rotate(gateway, call, id).await,
    }
}

/// What is shown of a record; with the key itself, the one time that it is known.
fn shown(record: &KeyRecord, key: Option<&str>, overlap_until_ms: Option<u64>) -> Value {
    let mut fields = match serde_json::to_value(record) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    if let Some(key) = key {
        fields.shift_insert(1, "key".to_owned(), key.into());
    }
    if let Some(until_ms) = overlap_until_ms {
        fields.insert("overlap_until_ms".to_owned(), until_ms.into());
    }
    fields.into()
}

/// The key as it is now, of all its digests.
fn standing(held: &[Held], now_ms: u64) -> Option<Value> {
    let records: Vec<&KeyRecord> = held.iter().map(|held| &held.record).collect();
    let current = rotation::current(&records)?;
    records.get(current).map(|record| shown(record, None, rotation::overlap_until_ms(&records, now_ms)))
}

async fn create(gateway: &Gateway, call: &Call) -> Result<Answered, Error> {
    let body: KeyBody = administration::body(call).await?;
    let (tenant, region) = body.owner()?;
    let now_ms = call.now_ms();
    let id = issue::id(tenant, &call.secret_bytes(ID_BYTES));
    let record = KeyRecord { id: id.clone(), tenant: tenant.to_owned(), created_ms: now_ms, ..KeyRecord::default() };
    let record = body.applied(record, now_ms)?;
    let ledger = administration::enrolled(gateway, call, tenant, region).await?;
    if ledger.settle().await? {
        documents::renew(&ledger, gateway).await?;
    }
    let key = issue::key(&call.secret_bytes(SECRET_BYTES));
    ledger.put_key("key_created", &KeyDigest::of(&key).hex(), &record).await?;
    ledger.publish_key(&id).await?;
    Ok(tell(gateway, call, 201, &shown(&record, Some(&key), None)))
}

async fn list(gateway: &Gateway, call: &Call, query: Option<&str>) -> Result<Answered, Error> {
    let query = Query::read(query, &["tenant", "after"])?;
    let tenants = administration::tenants(call).await?;
    let wanted = tenants.into_iter().filter(|known| match query.tenant() {
        Ok(Some(tenant)) => known.tenant == tenant,
        _ => query.get("after").is_none_or(|after| *known.tenant > *after),
    });
    query.tenant()?;
    let mut wanted = wanted.peekable();
    let (mut data, mut next) = (Vec::new(), None);
    for known in wanted.by_ref().take(MOST_LEDGERS) {
        let held = Ledger { call, who: ADMINISTRATOR.to_owned(), tenant: known.tenant.clone(), region: known.region }.keys(None).await?;
        data.extend(by_id(held).iter().filter_map(|held| standing(held, call.now_ms())));
        next = Some(known.tenant);
    }
    let next = next.filter(|_| wanted.peek().is_some());
    Ok(tell(gateway, call, 200, &json!({"object": "list", "data": data, "next": next})))
}

/// What a ledger holds, the digests of each key together.
fn by_id(mut held: Vec<Held>) -> Vec<Vec<Held>> {
    held.sort_by(|one, other| one.record.id.cmp(&other.record.id));
    held.chunk_by(|one, other| one.record.id == other.record.id).map(<[Held]>::to_vec).collect()
}

fn unknown() -> Error {
    let message =
        "There is no such key. `GET /admin/keys` lists those that were made over the API; those in GATEWAY_KEYS are changed there.";
    Error::new(404, "unknown_key", message).about("id").final_word()
}

/// The ledger of a key's tenant, and all that it has of the key.
async fn found<'c>(call: &'c Call, id: &str) -> Result<(Ledger<'c>, Vec<Held>), Error> {
    let tenant = issue::tenant_of(id).ok_or_else(unknown)?;
    let known = administration::registered(call, tenant).await?.ok_or_else(unknown)?;
    let ledger = Ledger { call, who: ADMINISTRATOR.to_owned(), tenant: known.tenant, region: known.region };
    let held = ledger.keys(Some(id)).await?;
    if held.is_empty() { Err(unknown()) } else { Ok((ledger, held)) }
}

/// As [`found`], for what a revoked key can no longer do.
async fn alive<'c>(call: &'c Call, id: &str) -> Result<(Ledger<'c>, Vec<Held>), Error> {
    let (ledger, held) = found(call, id).await?;
    if held.iter().any(|held| held.record.revoked_ms.is_some()) {
        let message = "The key is revoked, for good. Make another.";
        return Err(Error::new(409, "key_revoked", message).about("id").final_word());
    }
    Ok((ledger, held))
}

async fn show(gateway: &Gateway, call: &Call, id: &str) -> Result<Answered, Error> {
    let (_, held) = found(call, id).await?;
    let key = standing(&held, call.now_ms()).ok_or_else(unknown)?;
    Ok(tell(gateway, call, 200, &key))
}

async fn change(gateway: &Gateway, call: &Call, id: &str) -> Result<Answered, Error> {
    let body: KeyBody = administration::body(call).await?;
    body.leaves_owner()?;
    let (ledger, held) = alive(call, id).await?;
    let now_ms = call.now_ms();
    let records: Vec<&KeyRecord> = held.iter().map(|held| &held.record).collect();
    let changed = rotation::changed(&records, &body, now_ms)?;
    for (held, record) in held.iter().zip(&changed) {
        ledger.put_key("key_changed", &held.sha256, record).await?;
    }
    let held = ledger.publish_key(id).await?;
    let key = standing(&held, now_ms).ok_or_else(unknown)?;
    Ok(tell(gateway, call, 200, &key))
}

async fn rotate(gateway: &Gateway, call: &Call, id: &str) -> Result<Answered, Error> {
    let overlap_ms = administration::body::<RotationBody>(call).await?.overlap_ms()?;
    let (ledger, held) = alive(call, id).await?;
    let records: Vec<&KeyRecord> = held.iter().map(|held| &held.record).collect();
    let now_ms = call.now_ms();
    let rotation::Rotated { fresh, ending, overlap_until_ms } = rotation::rotated(&records, now_ms, overlap_ms).ok_or_else(unknown)?;
    if fresh.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms) {
        let message = "The key has expired, and so would the one in its place. Change `expires_at` first.";
        return Err(Error::new(409, "key_expired", message).about("expires_at").final_word());
    }
    let key = issue::key(&call.secret_bytes(SECRET_BYTES));
    ledger.put_key("key_rotated", &KeyDigest::of(&key).hex(), &fresh).await?;
    for (held, record) in held.iter().zip(&ending).filter(|(held, record)| held.record != **record) {
        ledger.put_key("key_rotated", &held.sha256, record).await?;
    }
    ledger.publish_key(id).await?;
    Ok(tell(gateway, call, 201, &shown(&fresh, Some(&key), overlap_until_ms)))
}

async fn revoke(gateway: &Gateway, call: &Call, id: &str) -> Result<Answered, Error> {
    let (ledger, _) = found(call, id).await?;
    let held: Vec<Held> = ledger.ask(&Message::RevokeKey { id: id.to_owned() }).await?;
    let revoked_ms = held.iter().find_map(|held| held.record.revoked_ms).ok_or_else(unknown)?;
    ledger.publish_key(id).await?;
    Ok(tell(gateway, call, 200, &json!({"id": id, "revoked_ms": revoked_ms})))
}
