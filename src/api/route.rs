//! Which resource a path means. SDKs differ in whether a base URL holds `/v1`, and people mix them up, so `/v1/…`, `/v1/v1/…` and
//! the bare path mean the same, alone or behind a tenant's prefix `/t/{tenant}`.

use crate::protocol::request::Endpoint;

/// A resource of the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Chat or text completions.
    Completions(Endpoint),
    /// The list of models, one of them, or the public catalogue.
    Models(ModelTarget),
    /// Browser tokens.
    Tokens,
    /// What Cerebras's SDKs call to warm up their connection.
    Warming,
    /// Whether the gateway is up and configured.
    Health,
}

/// What of the models is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelTarget {
    /// Whether the public catalogue is meant, which needs no key.
    pub public: bool,
    /// The id or alias of one model; `None` for all.
    pub name: Option<String>,
}

/// A path, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route<'p> {
    /// The tenant that the path names.
    pub tenant: Option<&'p str>,
    /// The resource; `None` when there is none.
    pub resource: Option<Resource>,
}

impl Resource {
    /// The methods that it knows, as the `Allow` header lists them.
    pub fn methods(&self) -> &'static str {
        match self {
            Self::Completions(_) | Self::Tokens => "POST, OPTIONS",
            _ => "GET, HEAD, OPTIONS",
        }
    }
}

impl<'p> Route<'p> {
    /// Reads a path.
    pub fn of(path: &'p str) -> Self {
        let (tenant, rest) = match path.strip_prefix("/t/").and_then(|rest| rest.split_once('/')) {
            Some((tenant, _)) if !tenant.is_empty() => (Some(tenant), path.get(tenant.len().saturating_add(3)..).unwrap_or_default()),
            _ => (None, path),
        };
        let versioned = |path: &'p str| path.strip_prefix("/v1").filter(|rest| rest.starts_with('/'));
        let rest = versioned(rest).map_or(rest, |once| versioned(once).unwrap_or(once));
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let resource = match rest {
            "/chat/completions" => Some(Resource::Completions(Endpoint::Chat)),
            "/completions" => Some(Resource::Completions(Endpoint::Text)),
            "/tokens" => Some(Resource::Tokens),
            "/tcp_warming" => Some(Resource::Warming),
            "/healthz" => Some(Resource::Health),
            _ => models(rest),
        };
        Self { tenant, resource }
    }
}

fn models(path: &str) -> Option<Resource> {
    let (public, path) = path.strip_prefix("/public").map_or((false, path), |rest| (true, rest.strip_prefix("/v1").unwrap_or(rest)));
    let rest = path.strip_prefix("/models")?;
    let name = match rest.strip_prefix('/') {
        Some(name) if model_name(name) => Some(name.to_owned()),
        None if rest.is_empty() => None,
        _ => return None,
    };
    Some(Resource::Models(ModelTarget { public, name }))
}

/// What can stand in the upstream's path as a model's id: no empty segment, and none that leads elsewhere.
fn model_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'@');
    name.split('/').all(|segment| !segment.is_empty() && segment.bytes().all(plain) && segment.bytes().any(|byte| byte != b'.'))
}
