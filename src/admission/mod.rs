//! Who may call, and what for. Authentication comes before any look-up of an answer.
//!
//! A key is configured (`GATEWAY_KEYS`) or was made over the API; then its record stands in KV under the key's SHA-256, and an
//! isolate remembers it for a while. A page holds no key but a token that was issued with one.

pub mod account;
pub mod calendar;
pub mod change;
pub mod cors;
pub mod guardrails;
pub mod issue;
pub mod keys;
pub mod memory;
pub mod operator;
pub mod order;
pub mod origins;
pub mod proof;
pub mod reading;
pub mod record;
pub mod reservation;
pub mod rotation;
pub mod secrets;
pub mod tokens;

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use serde::de::DeserializeOwned;

use crate::Gateway;
use crate::boundary::{Call, ReadHeader, Sealing};
use crate::cache::seal::Seals;
use crate::config::{Config, SHORTEST_TTL};
use crate::error::Error;
use crate::ledger::message::{Event, Note};
use crate::ledger::terms::Span;
use crate::protocol::json::typed;
use guardrails::Guard;
use keys::{GatewayKey, KeyDigest};
use memory::{CACHED_SECONDS, Memory, REFUSED_MS, REMEMBERED_MS};
use record::{KeyRecord, Region, Scope, TenantRecord};
use tokens::Claims;

/// The KV namespace of keys' and tenants' records.
pub const KEYS: &str = "KEYS";
/// The rate limit on wrong keys of an address.
pub const WRONG_KEYS: &str = "WRONG_KEYS";
/// The name of the gateway's own ledger: no tenant can be called so.
pub const OWN_LEDGER: &str = "_gateway";

/// What an isolate remembers of those who call.
#[derive(Debug)]
pub struct Acquaintances {
    keys: RefCell<Memory<KeyDigest, Rc<KeyRecord>>>,
    tenants: RefCell<Memory<String, Rc<Tenant>>>,
    /// Addresses that have sent too many wrong keys.
    refused: RefCell<Memory<String, ()>>,
}

impl Default for Acquaintances {
    fn default() -> Self {
        Self {
            keys: RefCell::new(Memory::lasting(REMEMBERED_MS)),
            tenants: RefCell::new(Memory::lasting(REMEMBERED_MS)),
            refused: RefCell::new(Memory::lasting(REFUSED_MS)),
        }
    }
}

impl Acquaintances {
    /// Forgets a key that its ledger has called revoked, and everything of its tenant.
    pub fn forget(&self, caller: &Caller) {
        if let Some(digest) = caller.digest.as_ref().or(caller.issuer.as_ref()) {
            self.keys.borrow_mut().forget(digest);
        }
        self.tenants.borrow_mut().forget(&caller.record.tenant);
    }
}

/// A tenant's record, and what follows from it.
#[derive(Debug)]
pub struct Tenant {
    /// The record.
    pub record: TenantRecord,
    /// The keys that its stored answers are encrypted with; none without `EDGE_SECRET`.
    pub seals: Option<Seals>,
    /// Its guardrails, if it has any.
    pub guard: Option<Guard>,
}

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The key's record.
    pub record: Rc<KeyRecord>,
    /// The tenant.
    pub tenant: Rc<Tenant>,
    /// Whether the key was made over the API, so that the ledger has its record, too.
    pub managed: bool,
    /// The key's digest, when the key itself was presented.
    pub digest: Option<KeyDigest>,
    /// What a page holds in place of the key.
    pub token: Option<Rc<Claims>>,
    /// The key's own record, when a token has narrowed it.
    issuer: Option<KeyDigest>,
    region: Option<Region>,
}

impl Caller {
    /// The tenant's name.
    pub fn tenant_name(&self) -> &str {
        &self.record.tenant
    }

    /// Where the tenant's ledger lives.
    pub fn region(&self) -> Option<Region> {
        self.tenant.record.region.or(self.region)
    }

    /// Whether anything of the caller's calls may be kept.
    pub fn stores(&self) -> bool {
        self.record.store != Some(false) && self.tenant.record.store != Some(false)
    }

    /// The end user of a call whose body names one, or none.
    pub fn end_user<'a>(&'a self, named: Option<&'a str>) -> Option<&'a str> {
        self.token.as_ref().and_then(|claims| claims.sub.as_deref()).or(named)
    }

    /// With which keys the tenant's answers are encrypted; none without `EDGE_SECRET`.
    pub fn sealing(&self) -> Option<Sealing<'_>> {
        self.tenant.seals.as_ref().map(|seals| Sealing { seals, context: self.tenant_name() })
    }

    /// How long an answer may be kept, in seconds, when it is to be kept for `ttl` seconds.
    pub fn longest_kept(&self, ttl: u32) -> u32 {
        let longest = self.tenant.record.retention.cache.map_or(u64::MAX, Span::seconds);
        u32::try_from(longest).map_or(ttl, |longest| ttl.min(longest)).max(SHORTEST_TTL)
    }

    /// The version of everything that shapes an answer beside the request: the operator's, the tenant's epoch once an erasure has
    /// raised it, and that of its guardrails.
    pub fn policy<'a>(&self, version: &'a str) -> Cow<'a, str> {
        match (self.tenant.record.epoch, &self.tenant.guard) {
            (0, None) => Cow::Borrowed(version),
            (epoch, None) => Cow::Owned(format!("{version} {epoch}")),
            (epoch, Some(guard)) => Cow::Owned(format!("{version} {epoch} {}", guard.version())),
        }
    }

    /// Whether the caller may call a model.
    pub fn may(&self, config: &Config, name: &str) -> bool {
        self.record.models.as_ref().is_none_or(|listed| config.models.lists(listed, name))
    }

    /// Checks that the caller may call a model.
    ///
    /// # Errors
    /// 403 when the key is for other models.
    pub fn may_call(&self, config: &Config, name: &str) -> Result<(), Error> {
        if self.may(config, name) {
            return Ok(());
        }
        Err(Error::new(403, "model_not_allowed", "The key is not for this model. Use one of the models in its record.")
            .about("model")
            .final_word())
    }
}

/// Admits a caller by its key, for a scope.
///
/// # Errors
/// 500 when no key can be right, 401 without a right key, 403 when the key is not for this or the path names another tenant, 429 for
/// an address that has sent too many wrong keys, 503 when a key cannot be looked up.
pub async fn admit(gateway: &Gateway, call: &Call, scope: Scope, path_tenant: Option<&str>) -> Result<Caller, Error> {
    let config = gateway.config()?;
    let caller = known(gateway, config, call).await?;
    call.observe(|seen| caller.tenant_name().clone_into(&mut seen.tenant));
    let checked = check(&caller, call.head.now_ms, scope, path_tenant);
    if let Err(error) = &checked {
        post_few(gateway, call, caller.tenant_name(), caller.region(), &caller.record.id, error).await;
    }
    checked.map(|()| {
        call.admitted();
        caller
    })
}

fn check(caller: &Caller, now_ms: u64, scope: Scope, path_tenant: Option<&str>) -> Result<(), Error> {
    let record = &caller.record;
    if record.revoked_ms.is_some() {
        return Err(revoked());
    }
    if record.expires_ms.is_some_and(|end| end <= now_ms) {
        return Err(Error::new(401, "expired_api_key", "The API key has expired. Use the key that took its place.").about("api_key"));
    }
    if path_tenant.is_some_and(|tenant| tenant != record.tenant) {
        let message = "The key belongs to another tenant than the path names. Use the key of that tenant, or leave the prefix out.";
        return Err(Error::new(403, "wrong_tenant", message).about("path").final_word());
    }
    if !record.allows(scope) {
        let message = format!("The key is not for this: its scopes lack `{}`.", scope.name());
        return Err(Error::new(403, "scope_missing", message).about("api_key").final_word());
    }
    Ok(())
}

/// A key that is revoked.
pub fn revoked() -> Error {
    Error::new(401, "revoked_api_key", "The API key was revoked. Use another.").about("api_key")
}

/// Whether there can be a right key: configured, or made over the API.
pub fn open(gateway: &Gateway, config: &Config) -> bool {
    !config.keys.is_empty() || (gateway.binds.keys && config.admin_secret.is_some())
}

async fn known(gateway: &Gateway, config: &Config, call: &Call) -> Result<Caller, Error> {
    if !open(gateway, config) {
        let message = "No gateway key is configured, so every call is refused. Make one with `npm run key` and set GATEWAY_KEYS \
                       (`wrangler secret put GATEWAY_KEYS`), or set ADMIN_SECRET and make keys over the API.";
        return Err(Error::new(500, "no_gateway_keys", message).about("GATEWAY_KEYS").final_word());
    }
    if let Some(digest) = call.key() {
        return by_key(gateway, config, call, digest, true).await;
    }
    let Some(authorization) = call.head.header(ReadHeader::Authorization) else {
        return Err(wrong_key("An API key is missing: send the header `Authorization: Bearer <key>`."));
    };
    let Some(key) = keys::bearer(authorization) else {
        return Err(wrong_key("The `Authorization` header must read `Bearer <key>`."));
    };
    if tokens::looks_like_token(key) {
        return by_token(gateway, config, call, key).await;
    }
    by_key(gateway, config, call, KeyDigest::of(key), issue::well_formed(key)).await
}

/// Who calls with a key, configured or made over the API; `may_be` is whether it can be one of the latter.
async fn by_key(gateway: &Gateway, config: &Config, call: &Call, digest: KeyDigest, may_be: bool) -> Result<Caller, Error> {
    if let Some(GatewayKey { record, region, .. }) = keys::find(&config.keys, &digest) {
        let tenant = tenant_of(gateway, config, call, &record.tenant).await?;
        return Ok(Caller {
            record: record.clone(),
            tenant,
            managed: false,
            digest: Some(digest),
            token: None,
            issuer: None,
            region: *region,
        });
    }
    let record = managed(gateway, call, digest, may_be).await?;
    let tenant = tenant_of(gateway, config, call, &record.tenant).await?;
    let region = configured_region(config, &record.tenant);
    Ok(Caller { record, tenant, managed: true, digest: Some(digest), token: None, issuer: None, region })
}

/// Who calls with a browser token: its key, as far as the token goes.
async fn by_token(gateway: &Gateway, config: &Config, call: &Call, token: &str) -> Result<Caller, Error> {
    let secrets = || config.edge_secret.iter().chain(&config.previous_edge_secret);
    let origin = call.head.header(ReadHeader::Origin).or_else(|| same_origin(call));
    let claims = match tokens::verify(secrets(), token, origin, call.head.now_ms) {
        Ok(claims) => claims,
        Err(fault) => {
            // A page has to learn that its token has expired. Only a token that is not the gateway's own counts as a wrong key.
            if fault.reader().is_some_and(|reader| Some(reader) == origin) {
                call.let_page_read();
            }
            let genuine = fault.genuine.clone();
            let error = Error::from(fault);
            let Some(claims) = genuine else { return Err(guard(gateway, call, error).await) };
            post_few(gateway, call, &claims.tenant, claims.region, &claims.key, &error).await;
            return Err(error);
        }
    };
    call.let_page_read();
    let gone = || {
        Error::new(401, "token_not_accepted", "The key that issued this browser token is no longer accepted. Issue one with another key.")
            .about("api_key")
    };
    let (record, managed, issuer, region) = match claims.managed_issuer() {
        Some(digest) => (managed(gateway, call, digest, true).await?, true, Some(digest), configured_region(config, &claims.tenant)),
        None => {
            let key = claims.configured_issuer(&config.keys, secrets()).ok_or_else(gone)?;
            (key.record.clone(), false, None, key.region)
        }
    };
    // The key may have lost the origin since.
    let for_pages = record.origins.as_ref().is_none_or(|origins| cors::listed(origins, &claims.origin));
    if record.tenant != claims.tenant || record.id != claims.key || !for_pages {
        return Err(gone());
    }
    let tenant = tenant_of(gateway, config, call, &record.tenant).await?;
    let record = Rc::new(claims.narrow(&record, &config.models));
    Ok(Caller { record, tenant, managed, digest: None, token: Some(Rc::new(claims)), issuer, region })
}

/// The gateway's own origin, when a page of it reads something: browsers send no `Origin` then, but say so (Fetch Metadata).
fn same_origin(call: &Call) -> Option<&str> {
    let reads = matches!(call.head.method(), "GET" | "HEAD");
    (reads && call.header("sec-fetch-site") == "same-origin").then(|| call.head.origin())
}

/// The record of a key that was made over the API. A text that cannot be such a key is not looked up.
async fn managed(gateway: &Gateway, call: &Call, digest: KeyDigest, may_be: bool) -> Result<Rc<KeyRecord>, Error> {
    let remembered = gateway.known.keys.borrow().get(&digest, call.head.now_ms);
    match remembered {
        Some(record) => Ok(record),
        None => look_up(gateway, call, digest, may_be).await,
    }
}

/// Looks a key up that this isolate does not remember. An address that keeps sending wrong ones is refused without a look-up: what it
/// costs an attacker to ask must not be less than what it costs to answer.
async fn look_up(gateway: &Gateway, call: &Call, digest: KeyDigest, may_be: bool) -> Result<Rc<KeyRecord>, Error> {
    let refused = gateway.binds.wrong_keys && gateway.known.refused.borrow().get(&network(&call.address()), call.head.now_ms).is_some();
    if refused {
        return Err(too_many_wrong_keys());
    }
    if may_be && gateway.binds.keys {
        let found = call.look(KEYS, &record::key_name(&digest.hex()), Some(CACHED_SECONDS)).await;
        let found = found.map_err(|_| unreadable_keys())?;
        if let Some(record) = found.map(|bytes| stored::<KeyRecord>(&bytes)) {
            let record = Rc::new(record?);
            gateway.known.keys.borrow_mut().put(digest, record.clone(), call.head.now_ms);
            return Ok(record);
        }
    }
    Err(guard(gateway, call, wrong_key("Wrong API Key. This gateway takes its own keys, not those of Cerebras.")).await)
}

/// Counts a wrong key, or a forged token, of an address: what the caller is told, and what the audit hears of those that are not too
/// many.
pub async fn guard(gateway: &Gateway, call: &Call, error: Error) -> Error {
    // Without the limit, whoever sends wrong keys would fill the audit.
    if !gateway.binds.wrong_keys {
        return error;
    }
    let address = network(&call.address());
    if !call.limit(WRONG_KEYS, &address).await {
        gateway.known.refused.borrow_mut().put(address, (), call.head.now_ms);
        return too_many_wrong_keys();
    }
    gateway.post_refusal(OWN_LEDGER, None, "", &error);
    error
}

/// Notes a refusal of somebody who is known. Who no longer has a valid key, and goes on asking with the old one, must not fill the
/// audit.
async fn post_few(gateway: &Gateway, call: &Call, tenant: &str, region: Option<Region>, who: &str, error: &Error) {
    let counts = error.status == 401 && gateway.binds.wrong_keys;
    if !counts || call.limit(WRONG_KEYS, &format!("{who} {}", network(&call.address()))).await {
        gateway.post_refusal(tenant, region, who, error);
    }
}

/// A tenant. One that nobody has set anything for has no record.
///
/// # Errors
/// 503 when its record cannot be read.
pub async fn tenant_of(gateway: &Gateway, config: &Config, call: &Call, name: &str) -> Result<Rc<Tenant>, Error> {
    let remembered = gateway.known.tenants.borrow().get(name, call.head.now_ms);
    if let Some(tenant) = remembered {
        return Ok(tenant);
    }
    let record = if gateway.binds.keys {
        let found = call.look(KEYS, &record::tenant_name(name), Some(CACHED_SECONDS)).await.map_err(|_| unreadable_keys())?;
        found.map(|bytes| stored(&bytes)).transpose()?.unwrap_or_default()
    } else {
        TenantRecord::default()
    };
    let seals = config.edge_secret.as_ref().map(|secret| Seals::of(secret, config.previous_edge_secret.as_ref(), name, &record.salt));
    let guard = record.guardrails.as_ref().map(Guard::of);
    let tenant = Rc::new(Tenant { record, seals, guard });
    gateway.known.tenants.borrow_mut().put(name.to_owned(), tenant.clone(), call.head.now_ms);
    Ok(tenant)
}

/// Where the ledger of a tenant with configured keys lives. Its record says so, too, but where a call came before the record, KV may
/// go on saying for a while that there is none.
fn configured_region(config: &Config, tenant: &str) -> Option<Region> {
    config.keys.iter().find(|key| key.record.tenant == tenant).and_then(|key| key.region)
}

/// What counts as one address: an IPv4 address, or the half of an IPv6 address that a site has to itself (RFC 4291 section 2.5.4).
pub fn network(address: &str) -> String {
    match address.parse::<std::net::Ipv6Addr>() {
        Ok(address) => address.segments().iter().take(4).map(|segment| format!("{segment:x}:")).collect(),
        Err(_) => address.to_owned(),
    }
}

fn wrong_key(message: &'static str) -> Error {
    Error::new(401, "wrong_api_key", message).about("api_key")
}

/// A record as KV has it.
fn stored<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable_keys())?;
    typed::read(text).map_err(|_| unreadable_keys())
}

fn unreadable_keys() -> Error {
    Error::new(503, "keys_unreachable", "The key could not be looked up. Try again.").about("api_key")
}

/// The refusal of an address that has sent too many wrong keys.
pub fn too_many_wrong_keys() -> Error {
    let message = "Too many wrong keys came from this address. Try again in a minute, with a right one.";
    Error::new(429, "too_many_wrong_keys", message).about("api_key").final_word().with("retry-after", (REFUSED_MS / 1000).to_string())
}

impl Gateway {
    /// Notes a refusal for the audit: what was refused to whom, never what was asked.
    pub fn post_refusal(&self, tenant: &str, region: Option<Region>, who: &str, error: &Error) {
        let details = serde_json::json!({ "code": error.code, "status": error.status });
        let event = Event { what: "refused".to_owned(), who: who.to_owned(), user: None, details };
        self.note(tenant, region, Note::Event(event), Vec::new());
    }

    /// Notes something for a tenant's ledger, with the bytes that belong to it; told once the answer has gone out.
    pub fn note(&self, tenant: &str, region: Option<Region>, note: Note, bytes: Vec<u8>) {
        if self.binds.ledger {
            self.outbox.post(tenant, region, note, bytes);
        }
    }
}
