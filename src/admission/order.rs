//! What a browser token may say: the body of `POST /v1/tokens`, held against the key that issues it. A token never may what its key
//! may not.

use serde::{Deserialize, Serialize};

use super::cors;
use super::record::{KeyRecord, Region, Scope};
use super::tokens::{Claims, ISSUER, LONGEST_LIFE};
use crate::cloud::models::Models;
use crate::error::Error;
use crate::ledger::terms::{Limit, Span};

/// What a page may be given at the most.
const FOR_PAGES: [Scope; 6] = [Scope::Completions, Scope::Models, Scope::Usage, Scope::Edge, Scope::Content, Scope::Feedback];
/// What a page is given when nothing is asked.
const BY_DEFAULT: [Scope; 2] = [Scope::Completions, Scope::Models];
/// How long a token lives when nothing is asked.
const LIFE: Span = Span(15 * 60_000);
/// The longest id of an end user, in bytes.
const LONGEST_USER: usize = 256;
/// How many models and limits a token can name, each: it travels in a header, which must stay small.
const MOST: usize = 16;
/// The longest name of a model, in bytes.
const LONGEST_MODEL: usize = 128;

/// The body of `POST /v1/tokens`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    origin: String,
    #[serde(default)]
    ttl: Option<Span>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    scopes: Option<Vec<Scope>>,
    #[serde(default)]
    models: Option<Vec<String>>,
    #[serde(default)]
    limits: Vec<Limit>,
}

/// The key that issues a token.
#[derive(Debug)]
pub struct Issuer<'a> {
    /// Its record.
    pub record: &'a KeyRecord,
    /// How tokens name it.
    pub key_mark: String,
    /// Where the tenant's ledger lives.
    pub region: Option<Region>,
}

/// The answer to `POST /v1/tokens`.
#[derive(Debug, Serialize)]
pub struct Issued<'a> {
    /// The token's own name, as in the audit.
    pub id: &'a str,
    /// What the page sends as `Authorization: Bearer …`.
    pub token: &'a str,
    /// From when on it is no longer accepted, in ms since 1970.
    pub expires_ms: u64,
    /// Whose token it is.
    pub tenant: &'a str,
    /// The origin whose pages may use it, as browsers write it.
    pub origin: &'a str,
    /// What it may be used for.
    pub scopes: &'a [Scope],
    /// The end user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<&'a str>,
    /// The models that it may call, when they are fewer than its key's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<&'a [String]>,
    /// Its limits, beside those of its key.
    #[serde(skip_serializing_if = "<[Limit]>::is_empty")]
    pub limits: &'a [Limit],
}

impl Order {
    /// The claims of the token, issued at a time in ms since 1970. `jti` is its name.
    ///
    /// # Errors
    /// 400 for a value that no token can have, 403 for what the key may not give.
    pub fn granted(self, issuer: Issuer<'_>, models: &Models, now_ms: u64, jti: String) -> Result<Claims, Error> {
        let origin = cors::parse(&self.origin).map_err(|reason| wrong("origin", format!("`origin` {reason}.")))?;
        let life = self.ttl.unwrap_or(LIFE).seconds();
        if life > LONGEST_LIFE {
            return Err(wrong("ttl", "`ttl` is longer than an hour. Give at most \"1h\", and let the page ask for a new token.".into()));
        }
        if self.user.as_ref().is_some_and(|user| !(1..=LONGEST_USER).contains(&user.len())) {
            return Err(wrong("user", format!("`user` must be 1 to {LONGEST_USER} bytes long.")));
        }
        let scopes = scopes(self.scopes, issuer.record)?;
        check_models(self.models.as_deref(), issuer.record, models)?;
        if self.limits.len() > MOST {
            return Err(wrong("limits", format!("`limits` holds more than {MOST}. Give those that bind.")));
        }
        if issuer.record.origins.as_ref().is_some_and(|listed| !cors::listed(listed, &origin)) {
            let message = "The key gives no tokens to pages of this origin. Use one of the `origins` of its record, or add this one.";
            return Err(Error::new(403, "origin_not_allowed", message).about("origin").final_word());
        }
        let iat = now_ms.checked_div(1000).unwrap_or_default();
        Ok(Claims {
            iss: ISSUER.to_owned(),
            tenant: issuer.record.tenant.clone(),
            key: issuer.record.id.clone(),
            key_mark: issuer.key_mark,
            origin,
            scopes,
            models: self.models,
            sub: self.user,
            limits: self.limits,
            region: issuer.region,
            iat,
            exp: iat.saturating_add(life),
            jti,
        })
    }
}

fn scopes(asked: Option<Vec<Scope>>, key: &KeyRecord) -> Result<Vec<Scope>, Error> {
    let asked = asked.unwrap_or_else(|| BY_DEFAULT.to_vec());
    if asked.is_empty() {
        return Err(wrong("scopes", "`scopes` is empty. Name at least one, or leave it out for `completions` and `models`.".into()));
    }
    let mut scopes = Vec::with_capacity(asked.len().min(FOR_PAGES.len()));
    for (place, scope) in asked.into_iter().enumerate() {
        let path = format!("scopes[{place}]");
        if !FOR_PAGES.contains(&scope) {
            return Err(wrong(
                &path,
                "No page can have this scope. Choose among `completions`, `models`, `usage`, `edge` and `content`.".into(),
            ));
        }
        if !key.allows(scope) {
            let message =
                format!("The key lacks the scope `{}`, so it cannot give it to a page. Name `scopes` that the key has.", scope.name());
            return Err(Error::new(403, "scope_missing", message).about(path).final_word());
        }
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

fn check_models(asked: Option<&[String]>, key: &KeyRecord, models: &Models) -> Result<(), Error> {
    let Some(asked) = asked else { return Ok(()) };
    if !(1..=MOST).contains(&asked.len()) {
        return Err(wrong("models", format!("`models` must name 1 to {MOST}. Leave it out for all that the key may call.")));
    }
    for (place, name) in asked.iter().enumerate() {
        let path = format!("models[{place}]");
        if !(1..=LONGEST_MODEL).contains(&name.len()) {
            return Err(wrong(&path, format!("The name of a model is 1 to {LONGEST_MODEL} bytes long.")));
        }
        if key.models.as_ref().is_some_and(|listed| !models.lists(listed, name)) {
            let message = "The key may not call this model, so its tokens may not. Use one of the `models` of its record.";
            return Err(Error::new(403, "model_not_allowed", message).about(path).final_word());
        }
    }
    Ok(())
}

fn wrong(path: &str, message: String) -> Error {
    Error::invalid("wrong_value", path, message).final_word()
}
