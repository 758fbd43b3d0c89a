//! Who may call. Authentication comes before any look-up; limits and budgets will stand here too.

pub mod cors;
pub mod keys;
pub mod record;
pub mod secrets;

use crate::boundary::{Head, ReadHeader};
use crate::config::Config;
use crate::error::Error;
use keys::GatewayKey;

/// Admits a caller by its key.
///
/// # Errors
/// 500 when no key is configured, 401 without a right key, 403 when the path names another tenant.
pub fn admit<'c>(config: &'c Config, head: &Head, path_tenant: Option<&str>) -> Result<&'c GatewayKey, Error> {
    if config.keys.is_empty() {
        let message = "No gateway key is configured, so every call is refused. Make one with `npm run key` and set GATEWAY_KEYS \
                       (`wrangler secret put GATEWAY_KEYS`).";
        return Err(Error::new(500, "no_gateway_keys", message).about("GATEWAY_KEYS").final_word());
    }
    let authorization = head.header(ReadHeader::Authorization);
    let Some(authorization) = authorization else {
        return Err(wrong_key("An API key is missing: send the header `Authorization: Bearer <key>`."));
    };
    let Some(key) = keys::bearer(authorization) else {
        return Err(wrong_key("The `Authorization` header must read `Bearer <key>`."));
    };
    let Some(entry) = keys::find(&config.keys, key) else {
        return Err(wrong_key("Wrong API Key. This gateway takes its own keys, not those of Cerebras."));
    };
    match path_tenant {
        Some(tenant) if tenant != entry.tenant => {
            let message = "The key belongs to another tenant than the path names. Use the key of that tenant, or leave the prefix out.";
            Err(Error::new(403, "wrong_tenant", message).about("path").final_word())
        }
        _ => Ok(entry),
    }
}

fn wrong_key(message: &'static str) -> Error {
    Error::new(401, "wrong_api_key", message).about("api_key")
}
