//! The gateway's own secret, from which every other key is derived: one for each purpose and tenant, so that none tells of another.

use hkdf::Hkdf;
use sha2::Sha256;

/// The shortest secret that is accepted, in bytes.
pub const SHORTEST_SECRET: usize = 32;

/// A key that was derived from a secret.
pub type DerivedKey = [u8; 32];

/// What a derived key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signing browser tokens.
    Tokens,
    /// Encrypting what is stored.
    Storage,
    /// Signing proofs of erasure.
    Proofs,
}

impl Purpose {
    fn label(self) -> &'static str {
        match self {
            Self::Tokens => "maya-edge tokens 1",
            Self::Storage => "maya-edge storage 1",
            Self::Proofs => "maya-edge proofs 1",
        }
    }
}

/// `EDGE_SECRET`, or the one before it.
#[derive(Clone, PartialEq, Eq)]
pub struct EdgeSecret(String);

impl std::fmt::Debug for EdgeSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("EdgeSecret(…)")
    }
}

impl EdgeSecret {
    /// A secret; none when it is shorter than [`SHORTEST_SECRET`].
    pub fn new(text: String) -> Option<Self> {
        (text.len() >= SHORTEST_SECRET).then_some(Self(text))
    }

    /// The key for a purpose and a tenant (HKDF, RFC 5869, with SHA-256). Another `salt` gives another key.
    pub fn derive(&self, purpose: Purpose, tenant: &str, salt: &[u8]) -> DerivedKey {
        let mut key = DerivedKey::default();
        // The only failure is an output longer than 255 digests.
        let derived = Hkdf::<Sha256>::new(Some(salt), self.0.as_bytes())
            .expand_multi_info(&[purpose.label().as_bytes(), b"\0", tenant.as_bytes()], &mut key);
        debug_assert!(derived.is_ok(), "32 bytes are one digest");
        key
    }
}
