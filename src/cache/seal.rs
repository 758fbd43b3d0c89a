//! The keys that stored answers are encrypted with (AES-256-GCM): one a tenant, from the gateway's secret and the tenant's salt. Who
//! destroys the salt has destroyed the key, and with it every answer that was stored under it, wherever a copy is.

use sha2::{Digest, Sha256};

use crate::admission::secrets::{DerivedKey, EdgeSecret, Purpose};

/// Bytes that name a key in what it has encrypted.
const ID: usize = 8;
/// Bytes of a seal: the name and the key.
const SEAL: usize = 40;

/// The key that encrypts, and behind it those that can still be read.
#[derive(Clone, PartialEq, Eq)]
pub struct Seals(Vec<u8>);

impl std::fmt::Debug for Seals {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Seals(…)")
    }
}

impl Seals {
    /// The keys of a tenant with a salt, from the secret in use and, while there is one, the secret before it.
    pub fn of(current: &EdgeSecret, previous: Option<&EdgeSecret>, tenant: &str, salt: &str) -> Self {
        let mut seals = Vec::with_capacity(SEAL.saturating_mul(2));
        for secret in [Some(current), previous].into_iter().flatten() {
            let key: DerivedKey = secret.derive(Purpose::Storage, tenant, salt.as_bytes());
            seals.extend(Sha256::digest(key).iter().take(ID));
            seals.extend(key);
        }
        Self(seals)
    }

    /// All of them.
    pub fn all(&self) -> &[u8] {
        &self.0
    }

    /// The one that encrypts.
    pub fn current(&self) -> &[u8] {
        self.0.get(..SEAL).unwrap_or_default()
    }
}
