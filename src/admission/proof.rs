//! Proofs of erasure: signed statements (JWS, RFC 7515, with Ed25519 by RFC 8037) that anybody can check with the public key.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::keys::hex;
use super::secrets::{DerivedKey, EdgeSecret, Purpose};
use crate::protocol::base64url::encode;

/// From what the signing key is made.
pub fn seed(secret: &EdgeSecret) -> DerivedKey {
    secret.derive(Purpose::Proofs, "", b"")
}

/// An end user in a proof: a keyed digest (HMAC-SHA-256, hexadecimal), so that a proof names nobody, and who has the secret can
/// tell whose it is.
pub fn subject(secret: &EdgeSecret, tenant: &str, user: &str) -> String {
    let key = secret.derive(Purpose::Proofs, tenant, b"subject");
    // HMAC takes a key of any length.
    let keyed = Hmac::<Sha256>::new_from_slice(&key);
    keyed.map(|hmac| hex(&hmac.chain_update(user).finalize().into_bytes())).unwrap_or_default()
}

/// The id of a public key: its thumbprint (RFC 7638).
pub fn key_id(public: &[u8]) -> String {
    encode(&Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(public))))
}

/// A public key as a JWK.
pub fn public_key(public: &[u8]) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": encode(public), "kid": key_id(public), "use": "sig", "alg": "EdDSA"})
}

/// What is signed: the header and the claims.
pub fn signing_input(public: &[u8], claims: &Value) -> String {
    let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": key_id(public)});
    format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()))
}

/// The whole proof.
pub fn compact(signing_input: &str, signature: &[u8]) -> String {
    format!("{signing_input}.{}", encode(signature))
}
