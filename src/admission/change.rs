//! What an administrator may set in a key's and a tenant's record, and what the record is then.

use serde::Deserialize;

use super::calendar;
use super::guardrails::policy::Guardrails;
use super::issue;
use super::reading::{Given, given};
use super::record::{CachePolicy, KeyRecord, Region, Retention, Scope, TenantRecord};
use crate::cloud::route::TenantRouting;
use crate::config::{LONGEST_TTL, SHORTEST_TTL};
use crate::error::Error;
use crate::ledger::terms::{Budget, Limit, Span};

/// The longest name of a key, in characters.
const LONGEST_NAME: usize = 100;
/// The most limits of a record.
const MOST_LIMITS: usize = 16;
/// The most models or origins of a record.
const MOST_ENTRIES: usize = 100;
/// The most rules of a tenant's routing: each is tried for every request for `auto`.
const MOST_RULES: usize = 32;
/// The longest name of a tenant's tier, in bytes.
const LONGEST_TIER: usize = 64;
/// The longest id of a model, in bytes.
const LONGEST_MODEL: usize = 128;
/// The longest origin, in bytes: a host's name has at most 253.
const LONGEST_ORIGIN: usize = 300;
/// The latest time that is accepted, in ms since 1970: the end of the year 9999.
const LATEST_MS: u64 = 253_402_300_799_999;

/// A point in time as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a time such as \"2026-12-31T23:59:59Z\", or ms since 1970")]
enum When {
    Ms(u64),
    Text(String),
}

/// The body that makes or changes a key. `null` removes what a record has.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyBody {
    tenant: Option<String>,
    region: Option<Region>,
    #[serde(deserialize_with = "given")]
    name: Given<String>,
    #[serde(deserialize_with = "given")]
    expires_at: Given<When>,
    #[serde(deserialize_with = "given")]
    expires_in: Given<Span>,
    #[serde(deserialize_with = "given")]
    scopes: Given<Vec<Scope>>,
    #[serde(deserialize_with = "given")]
    models: Given<Vec<String>>,
    #[serde(deserialize_with = "given")]
    origins: Given<Vec<String>>,
    #[serde(deserialize_with = "given")]
    limits: Given<Vec<Limit>>,
    #[serde(deserialize_with = "given")]
    budget: Given<Budget>,
    #[serde(deserialize_with = "given")]
    cache: Given<CachePolicy>,
    #[serde(deserialize_with = "given")]
    store: Given<bool>,
    #[serde(deserialize_with = "given")]
    experiments: Given<bool>,
}

impl KeyBody {
    /// For whom a new key is made, and where its ledger is to be.
    ///
    /// # Errors
    /// 400 when the tenant is missing, or cannot be called so.
    pub fn owner(&self) -> Result<(&str, Option<Region>), Error> {
        let tenant = self.tenant.as_deref();
        let tenant = tenant.ok_or_else(|| Error::invalid("missing_field", "tenant", "`tenant` is missing: say whose key it is."))?;
        check_tenant(tenant)?;
        Ok((tenant, self.region))
    }

    /// Checks that nothing is to change that a key has for good.
    ///
    /// # Errors
    /// 400 naming it.
    pub fn leaves_owner(&self) -> Result<(), Error> {
        let fixed = self.tenant.as_ref().map(|_| "tenant").or_else(|| self.region.map(|_| "region"));
        fixed.map_or(Ok(()), |field| {
            Err(Error::invalid("fixed_field", field, format!("`{field}` cannot be changed: a key has it for good. Make another key.")))
        })
    }

    /// The record after the change.
    ///
    /// # Errors
    /// 400 naming the field that cannot be so.
    pub fn applied(&self, mut record: KeyRecord, now_ms: u64) -> Result<KeyRecord, Error> {
        if let Some(name) = &self.name {
            record.name = key_name(name.as_deref().unwrap_or_default())?;
        }
        if let Some(expires_ms) = self.expires_ms(now_ms)? {
            record.expires_ms = expires_ms;
        }
        if let Some(scopes) = &self.scopes {
            listed("scopes", scopes.as_deref())?;
            record.scopes.clone_from(scopes);
        }
        if let Some(models) = &self.models {
            for (at, model) in listed("models", models.as_deref())?.iter().enumerate() {
                check_model(at, model)?;
            }
            record.models.clone_from(models);
        }
        if let Some(origins) = &self.origins {
            let read = listed("origins", origins.as_deref())?.iter().enumerate().map(|(at, text)| {
                let message = "must be an origin such as `https://example.com` or `http://localhost:3000`: no path, no user, no wildcard.";
                origin(text).ok_or_else(|| wrong(&format!("origins[{at}]"), message))
            });
            let read = read.collect::<Result<Vec<_>, _>>()?;
            record.origins = origins.is_some().then_some(read);
        }
        if let Some(limits) = &self.limits {
            record.limits = checked_limits(limits.as_deref())?;
        }
        if let Some(budget) = self.budget {
            record.budget = checked_budget(budget)?;
        }
        if let Some(cache) = self.cache {
            if let Some(ttl) = cache.and_then(|cache| cache.ttl) {
                check_ttl("cache.ttl", ttl, Some(LONGEST_TTL.into()))?;
            }
            record.cache = cache;
        }
        record.store = self.store.unwrap_or(record.store);
        record.experiments = self.experiments.unwrap_or(record.experiments);
        Ok(record)
    }

    fn expires_ms(&self, now_ms: u64) -> Result<Given<u64>, Error> {
        match (&self.expires_at, self.expires_in) {
            (Some(_), Some(_)) => Err(wrong("expires_in", "stands beside `expires_at`: give one of them.")),
            (None, None) => Ok(None),
            (Some(None), None) | (None, Some(None)) => Ok(Some(None)),
            (None, Some(Some(span))) => Ok(Some(Some(now_ms.saturating_add(span.0)))),
            (Some(Some(when)), None) => {
                let ms = match when {
                    When::Ms(ms) => Some(*ms),
                    When::Text(text) => calendar::instant(text),
                };
                let message = "must be a time such as \"2026-12-31T23:59:59Z\", or ms since 1970, up to the year 9999.";
                let ms = ms.filter(|ms| *ms <= LATEST_MS).ok_or_else(|| wrong("expires_at", message))?;
                if ms <= now_ms {
                    return Err(wrong("expires_at", "is past. Give a time that is to come; DELETE revokes a key now."));
                }
                Ok(Some(Some(ms)))
            }
        }
    }
}

/// The body that changes a tenant. `null` removes what a record has.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantBody {
    /// Where its ledger is to be.
    pub region: Option<Region>,
    #[serde(deserialize_with = "given")]
    limits: Given<Vec<Limit>>,
    #[serde(deserialize_with = "given")]
    budget: Given<Budget>,
    #[serde(deserialize_with = "given")]
    retention: Given<Retention>,
    #[serde(deserialize_with = "given")]
    audit_calls: Given<bool>,
    #[serde(deserialize_with = "given")]
    store: Given<bool>,
    #[serde(deserialize_with = "given")]
    routing: Given<TenantRouting>,
    #[serde(deserialize_with = "given")]
    guardrails: Given<Guardrails>,
}

impl TenantBody {
    /// The record after the change.
    ///
    /// # Errors
    /// 400 naming the field that cannot be so.
    pub fn applied(&self, mut record: TenantRecord) -> Result<TenantRecord, Error> {
        if let Some(limits) = &self.limits {
            record.limits = checked_limits(limits.as_deref())?;
        }
        if let Some(budget) = self.budget {
            record.budget = checked_budget(budget)?;
        }
        if let Some(retention) = self.retention {
            record.retention = retention.unwrap_or_default();
            if let Some(cache) = record.retention.cache {
                check_ttl("retention.cache", cache, None)?;
            }
        }
        if let Some(routing) = &self.routing {
            record.routing = checked_routing(routing.clone().unwrap_or_default())?;
        }
        record.audit_calls = self.audit_calls.map_or(record.audit_calls, Option::unwrap_or_default);
        record.store = self.store.unwrap_or(record.store);
        if let Some(guardrails) = &self.guardrails {
            guardrails.as_ref().map_or(Ok(()), Guardrails::check)?;
            // One that guards nothing is none.
            record.guardrails = guardrails.clone().filter(|guardrails| *guardrails != Guardrails::default());
        }
        Ok(record)
    }
}

/// The body of a rotation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RotationBody {
    overlap: Option<String>,
}

/// How long the key before a rotation stays accepted unless the rotation says otherwise, in ms: a day.
const OVERLAP_MS: u64 = 86_400_000;

impl RotationBody {
    /// How long the key before it stays accepted, in ms.
    ///
    /// # Errors
    /// 400 for what is no length of time.
    pub fn overlap_ms(&self) -> Result<u64, Error> {
        match self.overlap.as_deref() {
            None => Ok(OVERLAP_MS),
            Some("none") => Ok(0),
            Some(text) => {
                let message = "must be a length of time such as \"24h\", at most 366 days, or \"none\".";
                Span::parse(text).map(|span| span.0).ok_or_else(|| wrong("overlap", message))
            }
        }
    }
}

fn wrong(field: &str, message: &str) -> Error {
    Error::invalid("wrong_value", field, format!("`{field}` {message}"))
}

/// Checks the name of a tenant.
///
/// # Errors
/// 400 for one that cannot be.
pub fn check_tenant(tenant: &str) -> Result<(), Error> {
    let message = "must be 1 to 64 letters, digits, `-` and `_`, and not begin with `_`.";
    if issue::tenant_name(tenant) { Ok(()) } else { Err(wrong("tenant", message)) }
}

fn key_name(name: &str) -> Result<String, Error> {
    let fits = name.chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control);
    fits.then(|| name.to_owned()).ok_or_else(|| wrong("name", "must have at most 100 characters, and none that control."))
}

/// A list that is not empty: one that is would allow nothing at all.
fn listed<'l, T>(field: &str, list: Option<&'l [T]>) -> Result<&'l [T], Error> {
    match list {
        Some([]) => Err(wrong(field, "is empty, which would allow nothing. Name at least one, or give null for all.")),
        Some(list) if list.len() > MOST_ENTRIES => Err(wrong(field, "has more than 100 entries. Give fewer, or null for all.")),
        Some(list) => Ok(list),
        None => Ok(&[]),
    }
}

fn check_model(at: usize, model: &str) -> Result<(), Error> {
    let fits = (1..=LONGEST_MODEL).contains(&model.len()) && !model.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(wrong(&format!("models[{at}]"), "must be the id or alias of a model, of 1 to 128 bytes.")) }
}

fn checked_limits(limits: Option<&[Limit]>) -> Result<Vec<Limit>, Error> {
    let limits = limits.unwrap_or_default();
    if limits.len() > MOST_LIMITS {
        return Err(wrong("limits", "has more than 16 entries. Give fewer."));
    }
    Ok(limits.to_vec())
}

fn checked_budget(budget: Option<Budget>) -> Result<Option<Budget>, Error> {
    for (period, ceiling) in [("day", budget.and_then(|budget| budget.day)), ("month", budget.and_then(|budget| budget.month))] {
        let both = ceiling.and_then(|ceiling| ceiling.soft_micro_dollars.zip(ceiling.hard_micro_dollars));
        if both.is_some_and(|(soft, hard)| soft > hard) {
            let field = format!("budget.{period}.soft_micro_dollars");
            return Err(wrong(&field, "is above `hard_micro_dollars`, so it would never warn. Give less."));
        }
    }
    Ok(budget)
}

fn checked_routing(routing: TenantRouting) -> Result<TenantRouting, Error> {
    if routing.rules.len() > MOST_RULES {
        return Err(wrong("routing.rules", "has more than 32 entries. Give fewer."));
    }
    let tier_fits = |tier: &str| (1..=LONGEST_TIER).contains(&tier.len()) && !tier.chars().any(char::is_control);
    if routing.tier.as_deref().is_some_and(|tier| !tier_fits(tier)) {
        return Err(wrong("routing.tier", "must be a name of 1 to 64 bytes."));
    }
    Ok(routing)
}

fn check_ttl(field: &str, ttl: Span, longest: Option<u64>) -> Result<(), Error> {
    let fits = ttl.seconds() >= SHORTEST_TTL.into() && longest.is_none_or(|longest| ttl.seconds() <= longest);
    let most = if longest.is_some() { ", at most 30 days" } else { "" };
    if fits { Ok(()) } else { Err(wrong(field, &format!("must be at least 60 seconds{most}: that is what KV can keep."))) }
}

/// An origin in the form in which browsers send it (RFC 6454 section 6.1): in lower case, without the scheme's own port.
pub fn origin(text: &str) -> Option<String> {
    if text.len() > LONGEST_ORIGIN {
        return None;
    }
    let text = text.to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://")?;
    let own_port = match scheme {
        "https" => "443",
        "http" => "80",
        _ => return None,
    };
    // A colon within brackets belongs to an IPv6 address.
    let behind_host = authority.rfind(']').unwrap_or_default();
    let (host, port) = match authority.get(behind_host..).and_then(|rest| rest.rfind(':')).and_then(|at| at.checked_add(behind_host)) {
        Some(colon) => (authority.get(..colon)?, Some(authority.get(colon..)?.strip_prefix(':')?)),
        None => (authority, None),
    };
    let named = |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let host_fits = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(named),
    };
    let port_fits = port.is_none_or(|port| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0') && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    (host_fits && port_fits).then(|| match port.filter(|port| *port != own_port) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}
