//! Which resource a path means. SDKs differ in whether a base URL holds `/v1`, and people mix them up, so `/v1/…`, `/v1/v1/…` and
//! the bare path mean the same, alone or behind a tenant's prefix `/t/{tenant}`.

use crate::content::order::Task;
use crate::protocol::request::Endpoint;
use crate::understanding::Subject;

/// A resource of the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Chat or text completions.
    Completions(Endpoint),
    /// The list of models, one of them, or the public catalogue.
    Models(ModelTarget),
    /// How a request would be routed.
    Routing,
    /// Browser tokens.
    Tokens,
    /// What Cerebras's SDKs call to warm up their connection.
    Warming,
    /// Whether the gateway is up and configured.
    Health,
    /// The keys that were made over the API.
    Keys(KeyTarget),
    /// The tenants and what is set for them.
    Tenants(TenantTarget),
    /// How the models are.
    ModelHealth,
    /// What was used.
    Usage,
    /// How requests went, over time.
    Analytics,
    /// What that was worth, against stated assumptions.
    Return,
    /// The same in all, for Prometheus.
    Metrics,
    /// What the audit has; or, when `verify`, whether it is whole.
    Audit {
        /// Whether its chain is to be checked.
        verify: bool,
    },
    /// What is known of an end user: to be erased, or given out.
    User {
        /// The segment of the path that names the end user, as it stands there.
        segment: String,
        /// Whether it is to be given out.
        export: bool,
    },
    /// The intents that there are, and what texts mean.
    Intents,
    /// One of the tenant's own intents.
    Intent(String),
    /// What texts are.
    Understanding(Subject),
    /// Vectors of texts.
    Embeddings,
    /// The public keys that proofs of erasure are checked with.
    Proofs,
    /// Posts, and what can be done with texts for them.
    Posts(Task),
    /// The tenant's brands.
    Brands,
    /// One of the tenant's brands.
    Brand(String),
    /// A brand's approved posts, to tune a model with.
    Dataset(String),
    /// What people say of answers.
    Feedback,
    /// What that has taught.
    Learned,
    /// The tenant's experiments.
    Experiments,
    /// One of the tenant's experiments.
    Experiment(String),
    /// The end of one of the tenant's experiments.
    ExperimentEnd(String),
    /// What became of answers of one of the tenant's experiments.
    Outcomes(String),
    /// Files of batches.
    Files(FileTarget),
    /// Batches.
    Batches(BatchTarget),
    /// Campaigns.
    Campaigns(CampaignTarget),
    /// The strategy of a campaign, without the campaign.
    Strategy,
}

/// Which files are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileTarget {
    /// All of them.
    All,
    /// The one of an id.
    One(String),
    /// What the one of an id says.
    Content(String),
}

/// Which batches are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchTarget {
    /// All of them.
    All,
    /// The one of an id.
    One(String),
    /// The end of the one of an id.
    Cancel(String),
}

/// Which campaigns are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CampaignTarget {
    /// All of them.
    All,
    /// The one of an id.
    One(String),
    /// What has happened in the one of an id.
    Events(String),
    /// The one of an id as a calendar.
    Calendar(String),
    /// The one of an id as a table.
    Table(String),
}

/// Which keys are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyTarget {
    /// All of them.
    All,
    /// The key of an id.
    One(String),
    /// The rotation of the key of an id.
    Rotation(String),
}

/// Which tenants are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantTarget {
    /// All of them.
    All,
    /// The one of a name.
    One(String),
    /// The data of the one of a name.
    Data(String),
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
    /// What its requests are counted as; none for what is asked by machines that watch.
    pub fn counted_as(&self) -> Option<&'static str> {
        Some(match self {
            Self::Warming | Self::Health | Self::ModelHealth | Self::Analytics | Self::Return | Self::Metrics => return None,
            // What people and dashboards look at again and again would be most of what is counted.
            Self::Usage | Self::Audit { .. } | Self::Keys(_) | Self::Tenants(_) | Self::Experiments | Self::Learned => return None,
            Self::Completions(Endpoint::Chat) => "chat",
            Self::Completions(Endpoint::Text) => "completions",
            Self::Embeddings => "embeddings",
            Self::Posts(Task::Posts) => "posts",
            Self::Posts(Task::Adapt) => "posts/adapt",
            Self::Posts(Task::Humanize) => "posts/humanize",
            Self::Posts(Task::Score) => "posts/score",
            Self::Posts(Task::Preview) => "posts/preview",
            Self::Posts(Task::Optimize) => "posts/optimize",
            Self::Posts(Task::Audio) => "posts/audio",
            Self::Posts(Task::Personalize) => "posts/personalize",
            Self::Posts(Task::Video) => "posts/video",
            Self::Campaigns(_) | Self::Strategy => "campaigns",
            Self::Feedback => "feedback",
            Self::Experiment(_) | Self::ExperimentEnd(_) | Self::Outcomes(_) => "experiments",
            Self::Intents | Self::Intent(_) | Self::Understanding(Subject::Intents) => "intents",
            Self::Understanding(Subject::Sentiments) => "sentiments",
            Self::Understanding(Subject::Languages) => "languages",
            Self::Understanding(Subject::Pii) => "pii",
            Self::Understanding(Subject::Measures) => "measures",
            Self::Understanding(Subject::Moderations) => "moderations",
            Self::Models(_) => "models",
            Self::Routing => "route",
            Self::Tokens => "tokens",
            Self::Files(_) => "files",
            Self::Batches(_) => "batches",
            Self::Brands | Self::Brand(_) | Self::Dataset(_) => "brands",
            Self::User { .. } => "users",
            Self::Proofs => "proofs",
        })
    }

    /// Its path without what differs from call to call, in the one spelling that documents use: no id of anybody is in it.
    pub fn template(&self) -> &'static str {
        match self {
            Self::Completions(Endpoint::Chat) => "/v1/chat/completions",
            Self::Completions(Endpoint::Text) => "/v1/completions",
            Self::Models(ModelTarget { public: false, name: None }) => "/v1/models",
            Self::Models(ModelTarget { public: false, name: Some(_) }) => "/v1/models/{model}",
            Self::Models(ModelTarget { public: true, name: None }) => "/public/v1/models",
            Self::Models(ModelTarget { public: true, name: Some(_) }) => "/public/v1/models/{model}",
            Self::Routing => "/v1/route",
            Self::Tokens => "/v1/tokens",
            Self::Warming => "/v1/tcp_warming",
            Self::Health => "/healthz",
            Self::Keys(KeyTarget::All) => "/admin/keys",
            Self::Keys(KeyTarget::One(_)) => "/admin/keys/{id}",
            Self::Keys(KeyTarget::Rotation(_)) => "/admin/keys/{id}/rotate",
            Self::Tenants(TenantTarget::All) => "/admin/tenants",
            Self::Tenants(TenantTarget::One(_)) => "/admin/tenants/{tenant}",
            Self::Tenants(TenantTarget::Data(_)) => "/admin/tenants/{tenant}/data",
            Self::ModelHealth => "/admin/health",
            Self::Usage => "/v1/usage",
            Self::Analytics => "/v1/analytics",
            Self::Return => "/v1/analytics/roi",
            Self::Metrics => "/metrics",
            Self::Audit { verify: false } => "/v1/audit",
            Self::Audit { verify: true } => "/v1/audit/verify",
            Self::User { export: false, .. } => "/v1/users/{id}",
            Self::User { export: true, .. } => "/v1/users/{id}/export",
            Self::Intents | Self::Understanding(Subject::Intents) => "/v1/intents",
            Self::Intent(_) => "/v1/intents/{name}",
            Self::Understanding(Subject::Sentiments) => "/v1/sentiments",
            Self::Understanding(Subject::Languages) => "/v1/languages",
            Self::Understanding(Subject::Pii) => "/v1/pii",
            Self::Understanding(Subject::Measures) => "/v1/measures",
            Self::Understanding(Subject::Moderations) => "/v1/moderations",
            Self::Embeddings => "/v1/embeddings",
            Self::Proofs => "/.well-known/jwks.json",
            Self::Posts(Task::Posts) => "/v1/posts",
            Self::Posts(Task::Adapt) => "/v1/posts/adapt",
            Self::Posts(Task::Humanize) => "/v1/posts/humanize",
            Self::Posts(Task::Score) => "/v1/posts/score",
            Self::Posts(Task::Preview) => "/v1/posts/preview",
            Self::Posts(Task::Optimize) => "/v1/posts/optimize",
            Self::Posts(Task::Audio) => "/v1/posts/audio",
            Self::Posts(Task::Personalize) => "/v1/posts/personalize",
            Self::Posts(Task::Video) => "/v1/posts/video",
            Self::Brands => "/v1/brands",
            Self::Brand(_) => "/v1/brands/{name}",
            Self::Dataset(_) => "/v1/brands/{name}/dataset",
            Self::Feedback => "/v1/feedback",
            Self::Learned => "/v1/learned",
            Self::Experiments => "/v1/experiments",
            Self::Experiment(_) => "/v1/experiments/{id}",
            Self::ExperimentEnd(_) => "/v1/experiments/{id}/stop",
            Self::Outcomes(_) => "/v1/experiments/{id}/outcomes",
            Self::Files(FileTarget::All) => "/v1/files",
            Self::Files(FileTarget::One(_)) => "/v1/files/{id}",
            Self::Files(FileTarget::Content(_)) => "/v1/files/{id}/content",
            Self::Batches(BatchTarget::All) => "/v1/batches",
            Self::Batches(BatchTarget::One(_)) => "/v1/batches/{id}",
            Self::Batches(BatchTarget::Cancel(_)) => "/v1/batches/{id}/cancel",
            Self::Campaigns(CampaignTarget::All) => "/v1/campaigns",
            Self::Campaigns(CampaignTarget::One(_)) => "/v1/campaigns/{id}",
            Self::Campaigns(CampaignTarget::Events(_)) => "/v1/campaigns/{id}/events",
            Self::Campaigns(CampaignTarget::Calendar(_)) => "/v1/campaigns/{id}/calendar.ics",
            Self::Campaigns(CampaignTarget::Table(_)) => "/v1/campaigns/{id}/posts.csv",
            Self::Strategy => "/v1/campaigns/strategy",
        }
    }

    /// The methods that it knows, as the `Allow` header lists them.
    pub fn methods(&self) -> &'static str {
        match self {
            Self::Completions(_)
            | Self::Routing
            | Self::Tokens
            | Self::Keys(KeyTarget::Rotation(_))
            | Self::Understanding(_)
            | Self::Embeddings
            | Self::Posts(_)
            | Self::Strategy
            | Self::ExperimentEnd(_)
            | Self::Outcomes(_)
            | Self::Batches(BatchTarget::Cancel(_)) => "POST, OPTIONS",
            Self::Files(FileTarget::One(_)) | Self::Campaigns(CampaignTarget::One(_)) => "GET, HEAD, DELETE, OPTIONS",
            Self::Files(FileTarget::All)
            | Self::Batches(BatchTarget::All)
            | Self::Campaigns(CampaignTarget::All)
            | Self::Intents
            | Self::Feedback => "GET, HEAD, POST, OPTIONS",
            Self::Intent(_) | Self::Brand(_) | Self::Experiment(_) => "GET, HEAD, PUT, DELETE, OPTIONS",
            Self::Learned => "GET, HEAD, DELETE, OPTIONS",
            Self::Keys(KeyTarget::All) => "GET, HEAD, POST, OPTIONS",
            Self::Keys(KeyTarget::One(_)) => "GET, HEAD, PATCH, DELETE, OPTIONS",
            Self::Tenants(TenantTarget::One(_)) => "GET, HEAD, PATCH, OPTIONS",
            Self::Tenants(TenantTarget::Data(_)) | Self::User { export: false, .. } => "DELETE, OPTIONS",
            _ => "GET, HEAD, OPTIONS",
        }
    }
}

impl<'p> Route<'p> {
    /// Reads a path.
    pub fn of(path: &'p str) -> Self {
        // What is not for callers with a base URL has one address.
        let only = match path.strip_suffix('/').unwrap_or(path) {
            "/.well-known/jwks.json" => Some(Resource::Proofs),
            "/metrics" => Some(Resource::Metrics),
            path => path.strip_prefix("/admin/").and_then(administration),
        };
        if only.is_some() {
            return Self { tenant: None, resource: only };
        }
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
            "/route" => Some(Resource::Routing),
            "/tokens" => Some(Resource::Tokens),
            "/tcp_warming" => Some(Resource::Warming),
            "/healthz" => Some(Resource::Health),
            "/usage" => Some(Resource::Usage),
            "/analytics" => Some(Resource::Analytics),
            "/analytics/roi" => Some(Resource::Return),
            "/audit" => Some(Resource::Audit { verify: false }),
            "/audit/verify" => Some(Resource::Audit { verify: true }),
            "/intents" => Some(Resource::Intents),
            "/sentiments" => Some(Resource::Understanding(Subject::Sentiments)),
            "/languages" => Some(Resource::Understanding(Subject::Languages)),
            "/pii" => Some(Resource::Understanding(Subject::Pii)),
            "/measures" => Some(Resource::Understanding(Subject::Measures)),
            "/moderations" => Some(Resource::Understanding(Subject::Moderations)),
            "/embeddings" => Some(Resource::Embeddings),
            "/posts" => Some(Resource::Posts(Task::Posts)),
            "/posts/adapt" => Some(Resource::Posts(Task::Adapt)),
            "/posts/humanize" => Some(Resource::Posts(Task::Humanize)),
            "/posts/score" => Some(Resource::Posts(Task::Score)),
            "/posts/preview" => Some(Resource::Posts(Task::Preview)),
            "/posts/optimize" => Some(Resource::Posts(Task::Optimize)),
            "/posts/personalize" => Some(Resource::Posts(Task::Personalize)),
            "/posts/video" => Some(Resource::Posts(Task::Video)),
            "/posts/audio" => Some(Resource::Posts(Task::Audio)),
            "/brands" => Some(Resource::Brands),
            "/feedback" => Some(Resource::Feedback),
            "/learned" => Some(Resource::Learned),
            "/experiments" => Some(Resource::Experiments),
            _ => models(rest)
                .or_else(|| user(rest))
                .or_else(|| one_of("/intents/", rest).map(Resource::Intent))
                .or_else(|| one_of("/brands/", rest).map(Resource::Brand))
                .or_else(|| rest.strip_suffix("/dataset").and_then(|rest| one_of("/brands/", rest)).map(Resource::Dataset))
                .or_else(|| experiment(rest))
                .or_else(|| batching(rest)),
        };
        Self { tenant, resource }
    }
}

fn administration(path: &str) -> Option<Resource> {
    let mut segments = path.split('/');
    let resource = segments.next()?;
    let (name, below) = (segments.next().map(str::to_owned), segments.next());
    if segments.next().is_some() || name.as_ref().is_some_and(String::is_empty) {
        return None;
    }
    match (resource, name, below) {
        ("keys", None, None) => Some(Resource::Keys(KeyTarget::All)),
        ("keys", Some(id), None) => Some(Resource::Keys(KeyTarget::One(id))),
        ("keys", Some(id), Some("rotate")) => Some(Resource::Keys(KeyTarget::Rotation(id))),
        ("health", None, None) => Some(Resource::ModelHealth),
        ("tenants", None, None) => Some(Resource::Tenants(TenantTarget::All)),
        ("tenants", Some(name), None) => Some(Resource::Tenants(TenantTarget::One(name))),
        ("tenants", Some(name), Some("data")) => Some(Resource::Tenants(TenantTarget::Data(name))),
        _ => None,
    }
}

fn user(path: &str) -> Option<Resource> {
    let rest = path.strip_prefix("/users/")?;
    let (segment, export) = rest.strip_suffix("/export").map_or((rest, false), |segment| (segment, true));
    (!segment.is_empty() && !segment.contains('/')).then(|| Resource::User { segment: segment.to_owned(), export })
}

fn experiment(path: &str) -> Option<Resource> {
    let rest = path.strip_prefix("/experiments/")?;
    let (segment, below) = rest.split_once('/').map_or((rest, None), |(segment, below)| (segment, Some(below)));
    let segment = Some(segment).filter(|segment| !segment.is_empty())?.to_owned();
    match below {
        None => Some(Resource::Experiment(segment)),
        Some("stop") => Some(Resource::ExperimentEnd(segment)),
        Some("outcomes") => Some(Resource::Outcomes(segment)),
        Some(_) => None,
    }
}

/// The last segment of a path behind a prefix.
fn one_of(prefix: &str, path: &str) -> Option<String> {
    path.strip_prefix(prefix).filter(|segment| !segment.is_empty() && !segment.contains('/')).map(str::to_owned)
}

fn batching(path: &str) -> Option<Resource> {
    let mut segments = path.strip_prefix('/')?.split('/');
    let (resource, id, below) = (segments.next()?, segments.next(), segments.next());
    // Ids are the store's own, of letters, digits and the two.
    let id = match id {
        Some(id) if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) => {
            Some(id.to_owned())
        }
        None => None,
        Some(_) => return None,
    };
    if segments.next().is_some() {
        return None;
    }
    match (resource, id, below) {
        ("files", None, None) => Some(Resource::Files(FileTarget::All)),
        ("files", Some(id), None) => Some(Resource::Files(FileTarget::One(id))),
        ("files", Some(id), Some("content")) => Some(Resource::Files(FileTarget::Content(id))),
        ("batches", None, None) => Some(Resource::Batches(BatchTarget::All)),
        ("batches", Some(id), None) => Some(Resource::Batches(BatchTarget::One(id))),
        ("campaigns", None, None) => Some(Resource::Campaigns(CampaignTarget::All)),
        ("campaigns", Some(id), None) if id == "strategy" => Some(Resource::Strategy),
        ("campaigns", Some(id), None) => Some(Resource::Campaigns(CampaignTarget::One(id))),
        ("campaigns", Some(id), Some("events")) => Some(Resource::Campaigns(CampaignTarget::Events(id))),
        ("campaigns", Some(id), Some("calendar.ics")) => Some(Resource::Campaigns(CampaignTarget::Calendar(id))),
        ("campaigns", Some(id), Some("posts.csv")) => Some(Resource::Campaigns(CampaignTarget::Table(id))),
        ("batches", Some(id), Some("cancel")) => Some(Resource::Batches(BatchTarget::Cancel(id))),
        _ => None,
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
