//! Gateway keys: whole keys are never kept, only their SHA-256, and digests are compared in constant time.

use std::rc::Rc;

use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::record::{CachePolicy, KeyRecord, Region, Scope};
use crate::config::LOCAL_KEY;
use crate::ledger::terms::{Budget, Limit};

/// SHA-256 of a whole key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyDigest([u8; 32]);

impl std::fmt::Debug for KeyDigest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("KeyDigest(…)")
    }
}

impl KeyDigest {
    /// The digest of a key.
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// Whether it is the digest of a key, in the same time whatever differs.
    pub fn matches(&self, key: &str) -> bool {
        self.0.ct_eq(&Self::of(key).0).into()
    }

    /// Reads 64 hexadecimal digits.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut digest = [0; 32];
        for (place, digits) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *place = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(digest))
    }

    /// 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }
}

/// Hexadecimal digits in lower case.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]).filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

impl<'de> Deserialize<'de> for KeyDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || serde::de::Error::custom("expected the SHA-256 of a key as 64 hexadecimal digits");
        Self::read(&String::deserialize(deserializer)?).ok_or_else(wrong)
    }
}

/// An entry of `GATEWAY_KEYS`.
#[derive(Clone, Debug)]
pub struct GatewayKey {
    /// SHA-256 of the key.
    pub sha256: KeyDigest,
    /// Where the tenant's ledger lives, unless its record says so.
    pub region: Option<Region>,
    /// Whose key it is, and what it may be used for.
    pub record: Rc<KeyRecord>,
}

/// An entry as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    sha256: KeyDigest,
    tenant: String,
    #[serde(default)]
    name: String,
    region: Option<Region>,
    scopes: Option<Vec<Scope>>,
    models: Option<Vec<String>>,
    origins: Option<Vec<String>>,
    #[serde(default)]
    limits: Vec<Limit>,
    budget: Option<Budget>,
    cache: Option<CachePolicy>,
    store: Option<bool>,
    experiments: Option<bool>,
}

impl GatewayKey {
    /// The entries of `GATEWAY_KEYS`. Each gets an id: tenant and name, or its place in the list when that says nothing of its own.
    pub fn read(entries: Vec<Written>) -> Vec<Self> {
        let mut keys: Vec<Self> = Vec::with_capacity(entries.len());
        for (place, written) in entries.into_iter().enumerate() {
            let Written { sha256, tenant, name, region, scopes, models, origins, limits, budget, cache, store, experiments } = written;
            let named = format!("{tenant}.{name}");
            let taken = name.is_empty() || keys.iter().any(|key| key.record.id == named);
            let id = if taken { format!("{tenant}.configured-{}", place.saturating_add(1)) } else { named };
            let record =
                KeyRecord { id, tenant, name, scopes, models, origins, limits, budget, cache, store, experiments, ..KeyRecord::default() };
            keys.push(Self { sha256, region, record: Rc::new(record) });
        }
        keys
    }

    /// The one entry of local development.
    pub fn local() -> Self {
        let (id, tenant) = (format!("local.{LOCAL_KEY}"), "local".to_owned());
        let record = KeyRecord { id, tenant, name: LOCAL_KEY.to_owned(), ..KeyRecord::default() };
        Self { sha256: KeyDigest::of(LOCAL_KEY), region: None, record: Rc::new(record) }
    }
}

/// The key in an `Authorization` header: everything behind `Bearer ` (in any case, RFC 9110 section 11.1), spaces within included.
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, key) = authorization.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}

/// The entry of a key. Every entry is compared, so that the time tells nothing of which one it was, or how near.
pub fn find<'k>(keys: &'k [GatewayKey], digest: &KeyDigest) -> Option<&'k GatewayKey> {
    keys.iter().fold(None, |found, entry| if bool::from(entry.sha256.0.ct_eq(&digest.0)) { Some(entry) } else { found })
}
