//! `POST /v1/tokens`: browser tokens, issued with a key.

use super::add_common;
use crate::Gateway;
use crate::admission::keys::hex;
use crate::admission::order::{Issued, Issuer, Order};
use crate::admission::record::Scope;
use crate::admission::secrets::Purpose;
use crate::admission::{self, origins, reading, tokens};
use crate::boundary::{Answered, Call, ReadHeader};
use crate::error::Error;
use crate::ledger::message::{Event, Note};
use crate::protocol::headers::Lines;

/// The largest body, in bytes.
const LARGEST_BODY: u32 = 16 * 1024;
/// How many random bytes name a token.
const NAME_BYTES: u32 = 16;

/// Issues a token.
///
/// # Errors
/// Those of admission, 400 and 403 for what the token may not say, 500 without `EDGE_SECRET`.
pub async fn answer(gateway: &Gateway, call: &Call, path_tenant: Option<&str>) -> Result<Answered, Error> {
    let config = gateway.config()?;
    let caller = admission::admit(gateway, call, Scope::Tokens, path_tenant).await?;
    let Some(digest) = caller.digest else {
        let message = "A browser token cannot issue tokens. Use a gateway key, on a server.";
        return Err(Error::new(403, "key_required", message).about("api_key").final_word());
    };
    let Some(secret) = &config.edge_secret else {
        let message = "No browser token can be signed, because the gateway has no EDGE_SECRET. Make one with `openssl rand -hex 32` and set \
                       it with `wrangler secret put EDGE_SECRET`.";
        return Err(Error::new(500, "no_edge_secret", message).about("EDGE_SECRET").final_word());
    };
    let order: Order = reading::read(&read_body(call).await?)?;
    let key_mark = tokens::issuer_mark(secret, &digest, caller.managed);
    let issuer = Issuer { record: &caller.record, key_mark, region: caller.region() };
    let claims = order.granted(issuer, &config.models, call.head.now_ms, hex(&call.secret_bytes(NAME_BYTES)))?;
    let token = tokens::mint(&secret.derive(Purpose::Tokens, &claims.tenant, b""), &claims);
    if gateway.binds.keys {
        // Before the answer: the page's first preflight may come right behind it.
        origins::register(call, &claims.tenant, &claims.origin).await;
    }

    let issued = Issued {
        id: &claims.jti,
        token: &token,
        expires_ms: claims.exp.saturating_mul(1000),
        tenant: &claims.tenant,
        origin: &claims.origin,
        scopes: &claims.scopes,
        user: claims.sub.as_deref(),
        models: claims.models.as_deref(),
        limits: &claims.limits,
    };
    let body = serde_json::to_vec(&issued).map_err(|_| Error::new(500, "internal_error", "The gateway failed. Try again."))?;
    let mut lines = Lines::default();
    lines.add("content-type", "application/json");
    add_common(gateway, call, None, &mut lines);
    let answered = call.respond(201, &lines, Some(body));

    let details = serde_json::json!({
        "id": claims.jti,
        "origin": claims.origin,
        "scopes": claims.scopes,
        "expires_ms": claims.exp.saturating_mul(1000),
    });
    let event = Event { what: "token_issued".to_owned(), who: claims.key, user: claims.sub, details };
    gateway.note(&claims.tenant, claims.region, Note::Event(event), Vec::new());
    Ok(answered)
}

async fn read_body(call: &Call) -> Result<Vec<u8>, Error> {
    if call.head.header(ReadHeader::ContentEncoding).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        let message = "The body of this small request must not be compressed.";
        return Err(Error::new(415, "unsupported_content_encoding", message).about("content-encoding").final_word());
    }
    match call.read(LARGEST_BODY, false).await {
        Ok(Some(body)) => Ok(body),
        Ok(None) => {
            let message = format!("The body is larger than {LARGEST_BODY} bytes. Send less.");
            Err(Error::new(413, "body_too_large", message).about("body").final_word())
        }
        Err(_) => Err(Error::invalid("broken_body", "body", "The body broke off.")),
    }
}
