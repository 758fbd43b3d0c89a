//! Who may administer: the one who knows `ADMIN_SECRET`.

use super::keys;
use crate::boundary::{Head, ReadHeader};
use crate::config::Config;
use crate::error::Error;

/// Whether the caller has the secret. The comparison takes the same time wherever the secrets differ.
///
/// # Errors
/// 500 when none is configured.
pub fn knows_secret(config: &Config, head: &Head) -> Result<bool, Error> {
    let Some(secret) = &config.admin_secret else {
        let message = "No secret of administration is configured, so nobody may administer. Make one with `openssl rand -hex 32` and \
                       set ADMIN_SECRET (`wrangler secret put ADMIN_SECRET`).";
        return Err(Error::new(500, "no_admin_secret", message).about("ADMIN_SECRET").final_word());
    };
    Ok(given(head).is_some_and(|key| secret.matches(key)))
}

/// Whether the caller administers, where a gateway key serves too: what is not configured opens nothing.
pub fn administers(config: &Config, head: &Head) -> bool {
    config.admin_secret.as_ref().zip(given(head)).is_some_and(|(secret, key)| secret.matches(key))
}

fn given(head: &Head) -> Option<&str> {
    head.header(ReadHeader::Authorization).and_then(keys::bearer)
}

/// What who does not know the secret gets.
pub fn wrong_secret() -> Error {
    let message = "Administration takes its own secret: send `Authorization: Bearer <ADMIN_SECRET>`.";
    Error::new(401, "wrong_admin_secret", message).about("authorization").final_word()
}
