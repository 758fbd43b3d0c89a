//! Everything that an operator can set, read and checked once an isolate.
//!
//! A variable may be text or JSON (`[vars]` in wrangler.toml gives either, a secret is always text), so text that should be a
//! number, a list or a table is read as JSON. A wrong value stops the gateway with an error that names the variable.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::admission::keys::{GatewayKey, KeyDigest, hex};
use crate::admission::secrets::{EdgeSecret, SHORTEST_SECRET};
use crate::cloud::health::Settings;
use crate::cloud::models::{Model, Models};
use crate::cloud::route::Routing;
use crate::cloud::route::rules::Hours;
use crate::content::platform::PlatformTable;
use crate::error::Error;
use crate::protocol::json::Document;
use crate::protocol::json::typed::{Misfit, typed};
use crate::telemetry::settings::{Tracing, share};

/// The variables that the gateway reads.
pub const NAMES: [&str; 26] = [
    "CEREBRAS_API_KEY",
    "ADMIN_SECRET",
    "EDGE_SECRET",
    "EDGE_SECRET_PREVIOUS",
    "LEDGER_FAILURE",
    "CEREBRAS_BASE_URL",
    "GATEWAY_KEYS",
    "MODELS",
    "ALIASES",
    "ROUTING",
    "MAX_COMPLETION_TOKENS",
    "FIRST_BYTE_MS",
    "TOTAL_MS",
    "HEALTH",
    "CACHE_MODE",
    "CACHE_MATCH",
    "CACHE_TTL_SECONDS",
    "POLICY_VERSION",
    "CORS_ORIGINS",
    "OFF_PEAK",
    "PLATFORMS",
    "TELEMETRY_MS",
    "LOG_SAMPLE",
    "TRACE_SAMPLE",
    "OTLP_ENDPOINT",
    "OTLP_HEADERS",
];

/// The shortest time to live that KV accepts, in seconds.
pub const SHORTEST_TTL: u32 = 60;
/// The longest time to live of a cached answer, in seconds: 30 days.
pub const LONGEST_TTL: u32 = 30 * 24 * 3600;

/// The longest that telemetry may wait after an answer, in ms: the runtime ends what goes on for 30 seconds.
const LONGEST_REST_MS: u32 = 20_000;

/// The one key of local development. Never accepted by what is deployed, nor beside configured keys.
pub const LOCAL_KEY: &str = "maya-local";

/// What opens the administration in local development. Never accepted by what is deployed.
pub const LOCAL_ADMIN_SECRET: &str = "maya-local-admin";

/// What keys are derived from in local development. Never used by what is deployed.
const LOCAL_EDGE_SECRET: &str = "maya-local: a secret that is none, for development alone";

/// What happens to a call while its tenant's ledger cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LedgerFailure {
    /// It is refused: limits and budgets hold.
    Refuse,
    /// It is let through, unlimited and uncounted.
    Allow,
}

/// Which requests the cache answers unless the caller says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheMode {
    /// Those that ask for the same answer each time (`temperature: 0` or a `seed`), or ask for the cache.
    Deterministic,
    /// Every request.
    Always,
    /// None, whatever the caller says.
    Off,
}

/// Which requests the cache takes for the same, unless the caller says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheMatch {
    /// Those that mean the same as JSON: every character of a prompt counts.
    Exact,
    /// Also single questions that differ in spelling alone, by the rules of [`crate::cache::normal`].
    Normalised,
}

/// The checked configuration.
#[derive(Debug)]
pub struct Config {
    /// Cerebras, or what stands in for it; without a slash at the end.
    pub base_url: String,
    /// The key for Cerebras.
    pub api_key: Option<String>,
    /// What opens `/admin`; nothing does when absent.
    pub admin_secret: Option<KeyDigest>,
    /// What the gateway's own keys are derived from; without it nothing is cached and no token issued.
    pub edge_secret: Option<EdgeSecret>,
    /// The secret before it: what it has encrypted can still be read, and what it has signed is still accepted.
    pub previous_edge_secret: Option<EdgeSecret>,
    /// What happens while a ledger cannot be reached.
    pub ledger_failure: LedgerFailure,
    /// Who may call, beside the keys that were made over the API.
    pub keys: Vec<GatewayKey>,
    /// Models, prices and aliases.
    pub models: Models,
    /// How requests for `auto` are routed.
    pub routing: Routing,
    /// How long an attempt may take to its first byte, in ms.
    pub first_byte_ms: u32,
    /// How long a request may take in all, in ms.
    pub total_ms: u32,
    /// When a model that fails, or has no quota left, is left alone.
    pub health: Settings,
    /// Which requests the cache answers.
    pub cache_mode: CacheMode,
    /// Which requests it takes for the same.
    pub cache_match: CacheMatch,
    /// How long an answer is kept, in seconds.
    pub cache_ttl: u32,
    /// A part of every cache key: changing it empties the cache.
    pub policy_version: String,
    /// Origins whose pages may call; `*` for all.
    pub cors_origins: Vec<String>,
    /// The hours in which batches begin that can wait.
    pub off_peak: Hours,
    /// What a post may be on each platform.
    pub platforms: PlatformTable,
    /// How long after an answer telemetry is told, in ms.
    pub telemetry_ms: u64,
    /// The share of requests that have a line in the log, 0 to 1; those that fail have one.
    pub log_sample: f64,
    /// Where traces go, if they go anywhere.
    pub tracing: Option<Tracing>,
}

impl Config {
    /// Reads the variables from a JSON object of theirs.
    ///
    /// # Errors
    /// 500 naming the variable that cannot be used.
    pub fn read(settings: &str) -> Result<Self, Error> {
        let mut vars = Vars(serde_json::from_str(settings).map_err(|error| wrong("[vars]", &error.to_string()))?);
        let base_url: String = vars.take("CEREBRAS_BASE_URL")?.unwrap_or_else(|| "https://api.cerebras.ai".to_owned());
        let base_url = base_url.trim_end_matches('/').trim_end_matches("/v1").to_owned();
        if !["https://", "http://"].iter().any(|scheme| base_url.strip_prefix(scheme).is_some_and(|host| !host.is_empty())) {
            return Err(wrong("CEREBRAS_BASE_URL", "it must begin with https:// (or http:// for a local stand-in)"));
        }
        let cap = vars.positive("MAX_COMPLETION_TOKENS", 16_384)?;
        let table: Map<String, Value> = vars.take("MODELS")?.unwrap_or_default();
        let mut models = Vec::with_capacity(table.len());
        for (id, row) in table {
            models.push((id.clone(), read::<Model>(row).map_err(|error| wrong("MODELS", &format!("row `{id}`: {error}")))?));
        }
        let aliases: Map<String, Value> = vars.take("ALIASES")?.unwrap_or_default();
        let aliases = aliases.into_iter().map(|(alias, id)| match id {
            Value::String(id) => Ok((alias, id)),
            _ => Err(wrong("ALIASES", &format!("`{alias}` must be the id of a model"))),
        });
        let models = Models::new(models, aliases.collect::<Result<_, _>>()?, cap).map_err(|(variable, reason)| wrong(variable, &reason))?;
        let routing: Routing = vars.take("ROUTING")?.unwrap_or_default();
        if !routing.weights.are_sound() {
            return Err(wrong("ROUTING", "`weights`: each must be a number, not below 0"));
        }
        let mut keys = GatewayKey::read(vars.take("GATEWAY_KEYS")?.unwrap_or_default());
        if let Some(key) = keys.iter().find(|key| key.record.tenant.is_empty() || key.record.tenant.starts_with('_')) {
            let place = keys.iter().position(|other| other.sha256 == key.sha256).unwrap_or_default();
            return Err(wrong(
                "GATEWAY_KEYS",
                &format!("entry {place}: `tenant` must not be empty nor begin with `_`, as the gateway's own ledger does"),
            ));
        }
        let local = vars.take("LOCAL")? == Some(true);
        if keys.is_empty() && local {
            keys.push(GatewayKey::local());
        }
        let admin_secret = vars.take::<String>("ADMIN_SECRET")?.or_else(|| local.then(|| LOCAL_ADMIN_SECRET.to_owned()));
        let cache_ttl = vars.positive("CACHE_TTL_SECONDS", 3600)?;
        if !(SHORTEST_TTL..=LONGEST_TTL).contains(&cache_ttl) {
            return Err(wrong("CACHE_TTL_SECONDS", &format!("{cache_ttl} is outside of {SHORTEST_TTL} to {LONGEST_TTL} seconds")));
        }
        let telemetry_ms = vars.positive("TELEMETRY_MS", 1_500)?;
        if telemetry_ms > LONGEST_REST_MS {
            return Err(wrong(
                "TELEMETRY_MS",
                &format!("{telemetry_ms} is more than {LONGEST_REST_MS}: the runtime ends what takes longer"),
            ));
        }
        let told = |(variable, reason): (&'static str, String)| wrong(variable, &reason);
        let log_sample = share("LOG_SAMPLE", vars.take("LOG_SAMPLE")?.unwrap_or_default()).map_err(told)?;
        let tracing = Tracing::read(vars.take("OTLP_ENDPOINT")?, vars.take("OTLP_HEADERS")?, vars.take("TRACE_SAMPLE")?).map_err(told)?;
        let health = Settings::read(vars.take("HEALTH")?.unwrap_or_default()).map_err(|reason| wrong("HEALTH", &reason))?;
        let platforms = PlatformTable::read(vars.take("PLATFORMS")?.unwrap_or_default()).map_err(|reason| wrong("PLATFORMS", &reason))?;
        Ok(Self {
            base_url,
            health,
            platforms,
            telemetry_ms: u64::from(telemetry_ms),
            log_sample,
            tracing,
            admin_secret: admin_secret.as_deref().map(KeyDigest::of),
            edge_secret: match vars.secret("EDGE_SECRET")? {
                None if local => EdgeSecret::new(LOCAL_EDGE_SECRET.to_owned()),
                given => given,
            },
            previous_edge_secret: vars.secret("EDGE_SECRET_PREVIOUS")?,
            ledger_failure: vars.take("LEDGER_FAILURE")?.unwrap_or(LedgerFailure::Refuse),
            api_key: vars.take("CEREBRAS_API_KEY")?.filter(|key: &String| !key.is_empty()),
            keys,
            models,
            routing,
            first_byte_ms: vars.positive("FIRST_BYTE_MS", 50_000)?,
            total_ms: vars.positive("TOTAL_MS", 120_000)?,
            cache_mode: vars.take("CACHE_MODE")?.unwrap_or(CacheMode::Deterministic),
            cache_match: vars.take("CACHE_MATCH")?.unwrap_or(CacheMatch::Exact),
            cache_ttl,
            policy_version: vars.take("POLICY_VERSION")?.unwrap_or_else(|| "1".to_owned()),
            cors_origins: vars.take("CORS_ORIGINS")?.unwrap_or_default(),
            off_peak: vars.take("OFF_PEAK")?.unwrap_or(Hours::NIGHT),
        })
    }
}

/// Variables that are secrets: only whether they are set is ever told.
const SECRETS: [&str; 6] = ["CEREBRAS_API_KEY", "ADMIN_SECRET", "EDGE_SECRET", "EDGE_SECRET_PREVIOUS", "GATEWAY_KEYS", "OTLP_HEADERS"];

/// What the audit holds of a configuration: a digest of everything in it that is not secret, and which secrets are set.
pub fn fingerprint(settings: &str) -> Value {
    let mut values: Map<String, Value> = serde_json::from_str(settings).unwrap_or_default();
    let set: Vec<&str> = SECRETS.into_iter().filter(|name| values.remove(*name).is_some()).collect();
    let digest = hex(&Sha256::digest(Value::from(values).to_string()));
    serde_json::json!({ "sha256": digest, "secrets": set })
}

struct Vars(Map<String, Value>);

impl Vars {
    fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Error> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(value) => read(value).map(Some).map_err(|error| wrong(name, &error)),
        }
    }

    fn secret(&mut self, name: &str) -> Result<Option<EdgeSecret>, Error> {
        let wrong = || wrong(name, &format!("it must be at least {SHORTEST_SECRET} bytes long; `openssl rand -hex 32` makes one"));
        self.take::<String>(name)?.map(|text| EdgeSecret::new(text).ok_or_else(wrong)).transpose()
    }

    fn positive(&mut self, name: &str, default: u32) -> Result<u32, Error> {
        match self.take(name)? {
            Some(0) => Err(wrong(name, "it must be more than 0")),
            value => Ok(value.unwrap_or(default)),
        }
    }
}

/// Reads a value, or the JSON that a text holds. The error never quotes the value: it may be a secret.
fn read<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    let parsed = |text: &str| -> Result<T, String> {
        let document = Document::read(text.as_bytes()).map_err(|_| "it cannot be read".to_owned())?;
        typed(document.root()).map_err(|Misfit { path, said }| {
            // serde says what it found before "expected"; the expectation suffices.
            let wanted =
                said.rsplit_once("expected ").map_or_else(|| "it cannot be read".to_owned(), |(_, wanted)| format!("expected {wanted}"));
            if path.is_empty() { wanted } else { format!("`{path}`: {wanted}") }
        })
    };
    match value {
        Value::String(text) => match parsed(&text) {
            Ok(read) => Ok(read),
            Err(_) => parsed(&Value::String(text).to_string()),
        },
        value => parsed(&value.to_string()),
    }
}

fn wrong(variable: &str, reason: &str) -> Error {
    let message =
        format!("The gateway's configuration is wrong: {variable}: {reason}. Correct it in wrangler.toml or with `wrangler secret put`.");
    Error::new(500, "wrong_configuration", message).about(variable).final_word()
}
