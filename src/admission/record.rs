//! What is known of a key and of a tenant. The key's ledger has the record; KV has a copy that every isolate can read.

use serde::{Deserialize, Serialize};

use super::guardrails::policy::Guardrails;
use super::keys::KeyDigest;
use crate::cloud::route::TenantRouting;
use crate::config::{CacheMatch, CacheMode};
use crate::ledger::terms::{Budget, Limit, Span};

/// The name under which KV has a key's record: by the SHA-256 of the key, in hexadecimal digits.
pub fn key_name(sha256: &str) -> String {
    format!("key:{sha256}")
}

/// The name under which KV has a tenant's record.
pub fn tenant_name(tenant: &str) -> String {
    format!("tenant:{tenant}")
}

/// The name under which KV has the documents of a kind of a tenant, encrypted.
pub fn documents_name(kind: &str, tenant: &str) -> String {
    format!("documents:{kind}:{tenant}")
}

/// The name under which KV has an origin whose pages may hold tokens of a tenant's keys; of any tenant's, when none is named.
pub fn origin_name(tenant: Option<&str>, origin: &str) -> String {
    format!("origin:{}:{}", tenant.unwrap_or_default(), KeyDigest::of(origin).hex())
}

/// What a key or a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Chat and text completions.
    Completions,
    /// The lists of models.
    Models,
    /// Issuing browser tokens.
    Tokens,
    /// Reading what was used.
    Usage,
    /// Reading and verifying the audit.
    Audit,
    /// Exporting and erasing end users.
    Users,
    /// Asking what a text is: the gateway's own models, and the cloud where they are unsure.
    Edge,
    /// Changing the tenant's own intents.
    Intents,
    /// Posts: writing, adapting, scoring and previewing them.
    Content,
    /// The tenant's brands.
    Brands,
    /// Files and batches. Each line of a batch also needs the scope of what it asks for.
    Batches,
    /// Saying what became of answers, and seeing what that has taught.
    Feedback,
}

impl Scope {
    /// All of them: what a key may do unless its record says otherwise.
    pub const ALL: [Self; 12] = [
        Self::Completions,
        Self::Models,
        Self::Tokens,
        Self::Usage,
        Self::Audit,
        Self::Users,
        Self::Edge,
        Self::Intents,
        Self::Content,
        Self::Brands,
        Self::Batches,
        Self::Feedback,
    ];

    /// Its name in records and tokens.
    pub fn name(self) -> &'static str {
        match self {
            Self::Completions => "completions",
            Self::Models => "models",
            Self::Tokens => "tokens",
            Self::Usage => "usage",
            Self::Audit => "audit",
            Self::Users => "users",
            Self::Edge => "edge",
            Self::Intents => "intents",
            Self::Content => "content",
            Self::Brands => "brands",
            Self::Batches => "batches",
            Self::Feedback => "feedback",
        }
    }
}

/// How answers to a key's calls are cached; what is absent is as the gateway's configuration says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CachePolicy {
    /// Which requests the cache answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<CacheMode>,
    /// Which requests it takes for the same.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub matching: Option<CacheMatch>,
    /// How long an answer is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Span>,
}

/// A key's record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord {
    /// `{tenant}.{random}`: names the key in the API, the usage and the audit.
    pub id: String,
    /// Whose key it is.
    pub tenant: String,
    /// What the operator calls it.
    #[serde(default)]
    pub name: String,
    /// When it was made, in ms since 1970.
    #[serde(default)]
    pub created_ms: u64,
    /// From when on it is no longer accepted, in ms since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// When it was revoked, in ms since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_ms: Option<u64>,
    /// What it may be used for; everything when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<Scope>>,
    /// The ids or aliases of models that it may call; every model when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// Origins whose pages may hold its tokens; every origin when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origins: Option<Vec<String>>,
    /// Limits on its calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// What it may spend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// How its answers are cached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CachePolicy>,
    /// Whether what it is answered may be kept at all: the cache, usage by end user, audit of calls. Absent: yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<bool>,
    /// Whether its calls may take part in experiments. Absent: yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiments: Option<bool>,
}

impl KeyRecord {
    /// Whether the key may be used for something.
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.contains(&scope))
    }
}

/// Where a tenant's ledger lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    /// The European Union.
    Eu,
}

impl Region {
    /// The one of a jurisdiction.
    pub fn named(jurisdiction: &str) -> Option<Self> {
        (jurisdiction == Self::Eu.jurisdiction()).then_some(Self::Eu)
    }

    /// The name of the Durable Objects' jurisdiction.
    pub fn jurisdiction(self) -> &'static str {
        match self {
            Self::Eu => "eu",
        }
    }
}

/// How long what is kept of a tenant stays; for ever when absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Cached answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Span>,
    /// Entries of the audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<Span>,
    /// Rows of the usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Span>,
}

/// What is known of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantRecord {
    /// Where its ledger lives; set once, before its first key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Limits on all calls of the tenant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// What the tenant may spend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// How long things are kept.
    #[serde(default)]
    pub retention: Retention,
    /// Whether the audit has an entry for every call.
    #[serde(default)]
    pub audit_calls: bool,
    /// Whether what is answered may be kept at all. Absent: yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<bool>,
    /// How its requests for `auto` are routed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub routing: TenantRouting,
    /// What is found in prompts and answers, and what happens then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrails: Option<Guardrails>,
    /// The cache's epoch: raised by an erasure.
    #[serde(default)]
    pub epoch: u32,
    /// A random part of the key that cached answers are encrypted with, in hexadecimal digits: destroyed by an erasure.
    #[serde(default)]
    pub salt: String,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
