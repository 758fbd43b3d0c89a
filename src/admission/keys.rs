//! Gateway keys: whole keys are never kept, only their SHA-256, and digests are compared in constant time.

use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::LOCAL_KEY;

/// SHA-256 of a whole key.
#[derive(Clone, Copy, PartialEq, Eq)]
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
}

impl<'de> Deserialize<'de> for KeyDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom("expected the SHA-256 of a key as 64 hexadecimal digits");
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut digest = [0; 32];
        for (place, digits) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *place = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(digest))
    }
}

/// An entry of `GATEWAY_KEYS`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayKey {
    /// SHA-256 of the key.
    pub sha256: KeyDigest,
    /// Whose key it is.
    pub tenant: String,
    /// What the operator calls it.
    #[serde(default)]
    pub name: String,
}

impl GatewayKey {
    /// The one entry of local development.
    pub fn local() -> Self {
        Self { sha256: KeyDigest::of(LOCAL_KEY), tenant: "local".to_owned(), name: LOCAL_KEY.to_owned() }
    }
}

/// The key in an `Authorization` header: everything behind `Bearer ` (in any case, RFC 9110 section 11.1), spaces within included.
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, key) = authorization.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}

/// The entry of a key. Every entry is compared, so that the time tells nothing of which one it was, or how near.
pub fn find<'k>(keys: &'k [GatewayKey], key: &str) -> Option<&'k GatewayKey> {
    let digest = KeyDigest::of(key);
    keys.iter().fold(None, |found, entry| if bool::from(entry.sha256.0.ct_eq(&digest.0)) { Some(entry) } else { found })
}
