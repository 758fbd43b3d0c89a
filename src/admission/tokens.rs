//! Browser tokens: what a page holds in place of a key. A token is a compact JWS (RFC 7515) signed with HMAC-SHA-256 under a key of its
//! tenant, so no token of one tenant can say that it is another's.
//!
//! Only one algorithm is ever computed, whatever a header says; the header is read for nothing but to refuse every other.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::Sha256;

use super::keys::{GatewayKey, KeyDigest, hex};
use super::record::{KeyRecord, Region, Scope};
use super::secrets::{DerivedKey, EdgeSecret, Purpose};
use crate::cloud::models::Models;
use crate::error::Error;
use crate::ledger::terms::Limit;
use crate::protocol::json::typed;

/// Who issues tokens, in their `iss`.
pub const ISSUER: &str = "maya-edge";
/// The longest that a token lives, in seconds.
pub const LONGEST_LIFE: u64 = 3600;
/// How far the clock that issued a token may be ahead of the one that reads it, in seconds.
pub const CLOCK_SKEW: u64 = 60;

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
const ALGORITHM: &str = "HS256";

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
// A claim that this version does not know may take something away; so such a token is refused, not half understood.
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// [`ISSUER`].
    pub iss: String,
    /// Whose token it is.
    pub tenant: String,
    /// The id of the key that issued it.
    pub key: String,
    /// Names the key, as [`issuer_mark`] writes it.
    pub key_mark: String,
    /// The origin whose pages may use it.
    pub origin: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// The ids or aliases of models that it may call; those of its key when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// The end user who holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// Limits on its calls, beside those of its key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// Where the tenant's ledger lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// When it was issued, in seconds since 1970.
    pub iat: u64,
    /// From when on it is no longer accepted, in seconds since 1970.
    pub exp: u64,
    /// The token's own name: 16 random bytes in hexadecimal digits.
    pub jti: String,
}

impl Claims {
    /// The configured key that issued the token; none when it is a managed key's, or is no longer configured.
    pub fn configured_issuer<'k, 's>(
        &self,
        keys: &'k [GatewayKey],
        secrets: impl IntoIterator<Item = &'s EdgeSecret>,
    ) -> Option<&'k GatewayKey> {
        let mut keys = keys.iter().filter(|key| key.record.id == self.key);
        let key = keys.next()?;
        secrets.into_iter().any(|secret| issuer_mark(secret, &key.sha256, false) == self.key_mark).then_some(key)
    }

    /// The digest of the managed key that issued the token; none when it is a configured key's.
    pub fn managed_issuer(&self) -> Option<KeyDigest> {
        KeyDigest::from_hex(&self.key_mark)
    }

    /// What a caller with the token may do: its key's record, less what the token leaves out. The key may have lost rights since.
    pub fn narrow(&self, key: &KeyRecord, models: &Models) -> KeyRecord {
        let listed = |name: &String| key.models.as_ref().is_none_or(|listed| models.lists(listed, name));
        KeyRecord {
            scopes: Some(self.scopes.iter().copied().filter(|scope| key.allows(*scope)).collect()),
            models: match &self.models {
                Some(own) => Some(own.iter().filter(|name| listed(name)).cloned().collect()),
                None => key.models.clone(),
            },
            ..key.clone()
        }
    }
}

/// How a token names the key that issued it. Everyone can read a token. The digest of a managed key tells nothing, as the key is 256
/// random bits. A configured key may be a word that somebody chose, which its digest would let others try out without asking the
/// gateway; so of that one only what the gateway's secret makes of the digest is told.
pub fn issuer_mark(secret: &EdgeSecret, digest: &KeyDigest, managed: bool) -> String {
    if managed {
        return digest.hex();
    }
    let mark = secret.derive(Purpose::Tokens, "", digest.hex().as_bytes());
    let (told, _) = mark.split_at(8);
    hex(told)
}

/// Signs claims with the key of their tenant.
pub fn mint(key: &DerivedKey, claims: &Claims) -> String {
    // Claims are texts, numbers and lists: nothing that JSON could not say.
    let claims = serde_json::to_vec(claims).unwrap_or_default();
    debug_assert!(!claims.is_empty(), "claims are JSON");
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(claims));
    let signature = mac(key, &signed).map(|mac| URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())).unwrap_or_default();
    format!("{signed}.{signature}")
}

/// Whether a text means to be a token, good or bad: three parts in base64url, the first of which is a JSON object with `alg`.
pub fn looks_like_token(text: &str) -> bool {
    Parts::of(text).is_some_and(|parts| parts.header.contains_key("alg"))
}

/// Reads a token that came from a page of an origin. Secrets are the current one and the one before it.
///
/// # Errors
/// Why the token is refused.
pub fn verify<'s>(
    secrets: impl IntoIterator<Item = &'s EdgeSecret>,
    token: &str,
    origin: Option<&str>,
    now_ms: u64,
) -> Result<Claims, TokenFault> {
    let parts = Parts::of(token).ok_or(Fault::Malformed)?;
    if parts.header.get("alg").and_then(Value::as_str) != Some(ALGORITHM) {
        return Err(Fault::WrongAlgorithm.into());
    }
    // What this gateway signs has these two. `crit` above all asks for something that is not done here (RFC 7515 section 4.1.11).
    if parts.header.keys().any(|name| name != "alg" && name != "typ") {
        return Err(Fault::NotAccepted("its header has more than `alg` and `typ`").into());
    }
    // Not trusted yet: it only says which key to try.
    let tenant = typed::read::<Tenant>(&parts.claims).map_err(|_| Fault::Malformed)?.tenant;
    let mut secrets = secrets.into_iter().peekable();
    if secrets.peek().is_none() {
        return Err(Fault::NotAccepted("the gateway has no EDGE_SECRET").into());
    }
    let signed_with = |secret: &EdgeSecret| {
        let mac = mac(&secret.derive(Purpose::Tokens, &tenant, b""), parts.signed);
        mac.is_some_and(|mac| mac.verify_slice(&parts.signature).is_ok())
    };
    if !secrets.any(signed_with) {
        return Err(Fault::WrongSignature.into());
    }
    // From here on the gateway itself has said what the token says.
    let claims: Claims = typed::read(&parts.claims).map_err(|_| Fault::NotAccepted("another version of the gateway has issued it"))?;
    match fault_of(&claims, origin, now_ms) {
        Some(fault) => Err(TokenFault { fault, genuine: Some(Box::new(claims)) }),
        None => Ok(claims),
    }
}

fn fault_of(claims: &Claims, origin: Option<&str>, now_ms: u64) -> Option<Fault> {
    let latest = now_ms.checked_div(1000).unwrap_or_default().saturating_add(CLOCK_SKEW);
    if claims.iss != ISSUER {
        Some(Fault::NotAccepted("another has issued it"))
    } else if origin != Some(&*claims.origin) {
        Some(Fault::WrongOrigin)
    } else if claims.exp <= claims.iat || claims.exp.saturating_sub(claims.iat) > LONGEST_LIFE {
        Some(Fault::NotAccepted("it lives longer than an hour, or not at all"))
    } else if claims.iat > latest {
        Some(Fault::NotAccepted("it was issued in the future"))
    } else if claims.exp.saturating_mul(1000) <= now_ms {
        Some(Fault::Expired)
    } else {
        None
    }
}

/// The one claim that is read before the signature.
#[derive(Deserialize)]
struct Tenant {
    tenant: String,
}

struct Parts<'t> {
    header: Map<String, Value>,
    claims: String,
    signature: Vec<u8>,
    /// Header and claims as they stand in the token: what is signed.
    signed: &'t str,
}

impl<'t> Parts<'t> {
    fn of(token: &'t str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        // Each text has one encoding: padding, other letters and idle bits at the end are refused.
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let text = |part: &str| decode(part).and_then(|bytes| String::from_utf8(bytes).ok());
        let header = serde_json::from_str(&text(header)?).ok()?;
        Some(Self { header, claims: text(claims)?, signature: decode(signature)?, signed })
    }
}

fn mac(key: &DerivedKey, signed: &str) -> Option<Hmac<Sha256>> {
    // HMAC takes keys of every length, so there always is one.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(signed.as_bytes());
    Some(mac)
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is none.
    Malformed,
    /// Its header names another algorithm than HS256, or none.
    WrongAlgorithm,
    /// Nobody who knows the secret has signed it for this tenant.
    WrongSignature,
    /// It was issued for pages of another origin.
    WrongOrigin,
    /// Its time is over.
    Expired,
    /// Another reason.
    NotAccepted(&'static str),
}

/// A token that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFault {
    /// Why.
    pub fault: Fault,
    /// What it says, when the signature is right: the gateway has issued it.
    pub genuine: Option<Box<Claims>>,
}

impl From<Fault> for TokenFault {
    fn from(fault: Fault) -> Self {
        Self { fault, genuine: None }
    }
}

impl TokenFault {
    /// The origin whose pages may read why: that of a genuine token. A page has to learn that its token has expired.
    pub fn reader(&self) -> Option<&str> {
        self.genuine.as_ref().map(|claims| &*claims.origin)
    }
}

impl From<TokenFault> for Error {
    fn from(TokenFault { fault, .. }: TokenFault) -> Self {
        let (code, message) = match fault {
            Fault::Malformed => ("token_malformed", "The browser token cannot be read. Send it whole, as POST /v1/tokens gave it.".into()),
            Fault::WrongAlgorithm => ("token_wrong_algorithm", "The browser token's algorithm must be HS256. Issue one with POST /v1/tokens.".into()),
            Fault::WrongSignature => {
                ("token_wrong_signature", "The browser token was not signed by this gateway. Issue one with POST /v1/tokens.".into())
            }
            Fault::WrongOrigin => (
                "token_wrong_origin",
                "The browser token is for pages of another origin than the header `Origin` names. Issue one for this origin with POST /v1/tokens."
                    .into(),
            ),
            Fault::Expired => ("token_expired", "The browser token has expired. Issue a new one with POST /v1/tokens.".into()),
            Fault::NotAccepted(reason) => {
                ("token_not_accepted", format!("The browser token is not accepted: {reason}. Issue one with POST /v1/tokens.").into())
            }
        };
        Self { message, ..Self::new(401, code, "").about("api_key").final_word() }
    }
}
