//! `/.well-known/jwks.json`: the public keys that proofs of erasure are checked with (RFC 7517). They are for everybody.

use serde_json::json;

use super::{tell, users};
use crate::Gateway;
use crate::admission::proof;
use crate::boundary::{Answered, Call};
use crate::error::Error;

/// Answers with the keys: that of the secret, and that of the one before it, whose proofs still hold.
///
/// # Errors
/// 500 without the secret.
pub async fn answer(gateway: &Gateway, call: &Call) -> Result<Answered, Error> {
    let config = gateway.config()?;
    let mut keys = Vec::new();
    for secret in [Some(users::secret(config)?), config.previous_edge_secret.as_ref()].into_iter().flatten() {
        let (_, public) = call.sign(&proof::seed(secret), b"").await.map_err(|_| users::unsigned())?;
        keys.push(proof::public_key(&public));
    }
    Ok(tell(gateway, call, 200, &json!({"keys": keys})))
}
