//! What the resources of administration have in common: who may come in, bodies, ledgers, and the copies in KV that every isolate reads.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Gateway;
use crate::admission::issue::SALT_BYTES;
use crate::admission::keys::hex;
use crate::admission::operator;
use crate::admission::reading;
use crate::admission::record::{KeyRecord, Region, Scope, TenantRecord, key_name, origin_name, tenant_name};
use crate::admission::{self, KEYS, OWN_LEDGER};
use crate::boundary::{Call, ReadHeader};
use crate::config::Config;
use crate::error::Error;
use crate::ledger::message::Message;

/// How the audit calls who knows the secret of administration.
pub const ADMINISTRATOR: &str = "admin";

/// The largest body, in bytes.
const LARGEST_BODY: u32 = 64 * 1024;
/// How often copies are made when what they copy changes meanwhile.
pub const MOST_COPIES: u32 = 3;
/// KV accepts one write a second to a name.
pub const BETWEEN_WRITES_MS: u32 = 1100;

/// Lets in who knows the secret of administration. What a stranger costs is bounded by address, before any ledger hears of it.
pub async fn admit(gateway: &Gateway, call: &Call) -> Result<(), Error> {
    if operator::knows_secret(gateway.config()?, &call.head)? {
        call.admitted();
        return Ok(());
    }
    Err(admission::guard(gateway, call, operator::wrong_secret()).await)
}

/// Whose data is asked for: the tenant of a gateway key with a scope, or the one that the administrator names.
pub async fn owner<'c>(
    gateway: &Gateway,
    call: &'c Call,
    scope: Scope,
    in_path: Option<&str>,
    in_query: Option<&str>,
) -> Result<Ledger<'c>, Error> {
    owner_and_holder(gateway, call, scope, in_path, in_query).await.map(|(ledger, _)| ledger)
}

/// As [`owner`], with the end user who holds the browser token that asks: what is of others is not told to one.
pub async fn owner_and_holder<'c>(
    gateway: &Gateway,
    call: &'c Call,
    scope: Scope,
    in_path: Option<&str>,
    in_query: Option<&str>,
) -> Result<(Ledger<'c>, Option<String>), Error> {
    if operator::administers(gateway.config()?, &call.head) {
        call.admitted();
        let tenant = in_query.or(in_path).ok_or_else(|| {
            let message = "`tenant` is missing: with the secret of administration, say whose data you want, as `?tenant=acme`.";
            Error::invalid("missing_parameter", "tenant", message)
        })?;
        if in_path.is_some_and(|other| other != tenant) {
            return Err(other_tenant());
        }
        if tenant == OWN_LEDGER {
            return Ok((Ledger { call, who: ADMINISTRATOR.to_owned(), tenant: tenant.to_owned(), region: None }, None));
        }
        return known(gateway, call, tenant).await.map(|ledger| (ledger, None));
    }
    let caller = admission::admit(gateway, call, scope, in_path).await?;
    if in_query.is_some_and(|tenant| tenant != caller.tenant_name()) {
        return Err(other_tenant());
    }
    let ledger = Ledger { call, who: caller.record.id.clone(), tenant: caller.tenant_name().to_owned(), region: caller.region() };
    Ok((ledger, caller.end_user(None).map(str::to_owned)))
}

fn other_tenant() -> Error {
    let message = "This is the data of another tenant. Use a key of that tenant, or leave `tenant` out.";
    Error::new(403, "wrong_tenant", message).about("tenant").final_word()
}

/// Reads a body of administration.
pub async fn body<T: DeserializeOwned>(call: &Call) -> Result<T, Error> {
    body_within(call, LARGEST_BODY).await
}

/// Reads a body of at most so many bytes.
pub async fn body_within<T: DeserializeOwned>(call: &Call, largest: u32) -> Result<T, Error> {
    match bytes(call, largest).await? {
        // No body says nothing, which is what an empty object says.
        body if body.is_empty() => reading::read(b"{}"),
        body => reading::read(&body),
    }
}

/// The bytes of a body of at most so many.
pub async fn bytes(call: &Call, largest: u32) -> Result<Vec<u8>, Error> {
    if call.head.header(ReadHeader::ContentEncoding).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
        let message = "The body of this request may not be compressed.";
        return Err(Error::new(415, "unsupported_content_encoding", message).about("content-encoding").final_word());
    }
    match call.read(largest, false).await {
        Ok(Some(body)) => Ok(body),
        Ok(None) => {
            let message = format!("The body is larger than {largest} bytes. Send less.");
            Err(Error::new(413, "body_too_large", message).about("body").final_word())
        }
        Err(_) => Err(Error::invalid("broken_body", "body", "The body broke off. Send it again.")),
    }
}

/// A tenant that the gateway's own ledger knows.
#[derive(Clone, Debug, Deserialize)]
pub struct Registered {
    /// Its name.
    pub tenant: String,
    /// Where its ledger is.
    pub region: Option<Region>,
}

/// All tenants that the gateway's own ledger knows, by name.
pub async fn tenants(call: &Call) -> Result<Vec<Registered>, Error> {
    let mut tenants: Vec<Registered> = ask(call, OWN_LEDGER, None, &Message::Tenants).await?;
    tenants.sort_by(|one, other| one.tenant.cmp(&other.tenant));
    Ok(tenants)
}

/// A tenant, if the gateway's own ledger knows it.
pub async fn registered(call: &Call, tenant: &str) -> Result<Option<Registered>, Error> {
    Ok(tenants(call).await?.into_iter().find(|known| known.tenant == tenant))
}

/// The tenants of the keys in `GATEWAY_KEYS`.
pub fn configured(config: &Config) -> impl Iterator<Item = (&str, Option<Region>)> {
    config.keys.iter().map(|key| (&*key.record.tenant, key.region))
}

/// Where the ledger of a tenant with a configured key lives.
fn configured_place(gateway: &Gateway, tenant: &str) -> Result<Option<Option<Region>>, Error> {
    Ok(configured(gateway.config()?).find(|(other, _)| *other == tenant).map(|(_, region)| region))
}

/// The ledger of a tenant that there is, registered or configured.
pub async fn known<'c>(gateway: &Gateway, call: &'c Call, tenant: &str) -> Result<Ledger<'c>, Error> {
    let place = match registered(call, tenant).await? {
        Some(known) => Some(known.region),
        None => configured_place(gateway, tenant)?,
    };
    let region = place.ok_or_else(|| {
        let message = "There is no such tenant. `GET /admin/tenants` lists them; a first key, or a PATCH, makes one.";
        Error::new(404, "unknown_tenant", message).about("tenant").final_word()
    })?;
    Ok(Ledger { call, who: ADMINISTRATOR.to_owned(), tenant: tenant.to_owned(), region })
}

/// The ledger of a tenant that is registered from now on, if it was not before.
pub async fn enrolled<'c>(gateway: &Gateway, call: &'c Call, tenant: &str, region: Option<Region>) -> Result<Ledger<'c>, Error> {
    let elsewhere = || {
        let message = "The tenant's ledger lives elsewhere, and cannot move. Leave `region` out.";
        Error::new(409, "region_is_set", message).about("region").final_word()
    };
    let known = registered(call, tenant).await?.map(|known| known.region);
    let place = known.map_or_else(|| configured_place(gateway, tenant), |region| Ok(Some(region)))?;
    if region.is_some() && place.is_some_and(|place| place != region) {
        return Err(elsewhere());
    }
    let ledger = Ledger { call, who: ADMINISTRATOR.to_owned(), tenant: tenant.to_owned(), region: place.unwrap_or(region) };
    if known.is_some() {
        return Ok(ledger);
    }
    let register = Message::Register { tenant: tenant.to_owned(), region: ledger.region.map(|region| region.jurisdiction().to_owned()) };
    let reply: Value = ask(call, OWN_LEDGER, None, &register).await?;
    // Somebody else was faster, and said something else.
    if reply.get("error").is_some() { Err(elsewhere()) } else { Ok(ledger) }
}

async fn ask<R: DeserializeOwned>(call: &Call, tenant: &str, region: Option<Region>, message: &Message) -> Result<R, Error> {
    match call.ledger(tenant, region, message, Vec::new()).await {
        Ok((reply, _)) => Ok(reply),
        Err(_) => Err(Error::new(503, "ledger_unreachable", "The tenant's ledger cannot be reached right now. Try again.")),
    }
}

/// A digest and the record that a ledger has for it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Held {
    /// SHA-256 of the whole key, as 64 hexadecimal digits.
    pub sha256: String,
    /// The record.
    pub record: KeyRecord,
}

/// The ledger of a tenant.
pub struct Ledger<'c> {
    /// The call on whose behalf it is asked.
    pub call: &'c Call,
    /// Who asks, as the audit calls them: a key's id, or [`ADMINISTRATOR`].
    pub who: String,
    /// Whose it is.
    pub tenant: String,
    /// Where it lives.
    pub region: Option<Region>,
}

impl Ledger<'_> {
    /// Asks it something.
    pub async fn ask<R: DeserializeOwned>(&self, message: &Message) -> Result<R, Error> {
        ask(self.call, &self.tenant, self.region, message).await
    }

    /// Every digest and record of a key, or of all keys.
    pub async fn keys(&self, id: Option<&str>) -> Result<Vec<Held>, Error> {
        self.ask(&Message::Keys { id: id.map(str::to_owned) }).await
    }

    /// Keeps a key's record.
    pub async fn put_key(&self, act: &str, sha256: &str, record: &KeyRecord) -> Result<(), Error> {
        let message = Message::PutKey { act: act.to_owned(), sha256: sha256.to_owned(), record: record.clone() };
        self.ask::<Value>(&message).await.map(drop)
    }

    /// Brings the copies of a key to what the ledger has: also when that changes meanwhile, so that no copy outlives a revocation.
    pub async fn publish_key(&self, id: &str) -> Result<Vec<Held>, Error> {
        let mut held = self.keys(Some(id)).await?;
        for _ in 0..MOST_COPIES {
            for Held { sha256, record } in &held {
                for origin in record.origins.iter().flatten() {
                    for name in [origin_name(Some(&self.tenant), origin), origin_name(None, origin)] {
                        self.copy(&name, b"1".to_vec(), id).await?;
                    }
                }
                self.copy(&key_name(sha256), written(record)?, id).await?;
            }
            let now = self.keys(Some(id)).await?;
            if now == held {
                break;
            }
            held = now;
        }
        Ok(held)
    }

    /// The tenant's record.
    pub async fn record(&self) -> Result<TenantRecord, Error> {
        self.ask(&Message::Tenant).await
    }

    /// A record with what every one has: a salt, and the region of the ledger.
    pub fn completed(&self, mut record: TenantRecord) -> TenantRecord {
        record.region = self.region;
        if record.salt.is_empty() {
            record.salt = hex(&self.call.secret_bytes(SALT_BYTES));
        }
        record
    }

    /// Keeps the tenant's record.
    pub async fn put_record(&self, record: TenantRecord) -> Result<(), Error> {
        self.ask::<Value>(&Message::PutTenant { record }).await.map(drop)
    }

    /// Brings the copy of the tenant's record to what the ledger has: also when that changes meanwhile, so that no copy brings back
    /// what an erasure has destroyed.
    pub async fn publish_record(&self) -> Result<TenantRecord, Error> {
        let mut record = self.record().await?;
        for _ in 0..MOST_COPIES {
            self.copy(&tenant_name(&self.tenant), written(&record)?, &self.tenant).await?;
            let now = self.record().await?;
            if now == record {
                break;
            }
            record = now;
        }
        Ok(record)
    }

    /// Sees to it that the tenant has a record, in the ledger and as a copy. Tells whether it has a new one.
    pub async fn settle(&self) -> Result<bool, Error> {
        let record = self.record().await?;
        let complete = self.completed(record.clone());
        if complete != record {
            // KV remembers that a name was missing. Whoever looked now would make the tenant's first calls here go without its salt,
            // its policy and its region.
            self.put_record(complete).await?;
            return self.publish_record().await.map(|_| true);
        }
        // A copy that is as it should be is left alone: KV takes few writes to a name, and a tenant may get many keys at once.
        let copy = self.call.look(KEYS, &tenant_name(&self.tenant), None).await;
        if copy.ok().flatten() != Some(written(&complete)?) {
            self.publish_record().await?;
        }
        Ok(false)
    }

    async fn copy(&self, name: &str, value: Vec<u8>, what: &str) -> Result<(), Error> {
        if self.call.keep(KEYS, name, value.clone(), None).await.is_ok() {
            return Ok(());
        }
        self.call.pause(BETWEEN_WRITES_MS).await;
        self.call.keep(KEYS, name, value, None).await.map_err(|_| {
            let message = format!(
                "The ledger has the change of `{what}`, but the copy in KV that the gateway reads could not be written. Repeat the call. \
                 A key that was to be shown is lost: it counts for nothing, and a repeated call makes another."
            );
            Error::new(503, "copy_not_written", message).about(what)
        })
    }
}

fn written(record: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(record).map_err(|_| Error::new(500, "internal_error", "The gateway failed to write a record. Try again."))
}
