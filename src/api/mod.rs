//! The front door: which resource a path means, and the answer's common parts. One file a resource.

mod administration;
pub mod analytics;
pub mod audit;
pub mod batches;
pub mod brands;
pub mod campaigns;
pub mod completions;
mod documents;
pub mod embeddings;
pub mod experiments;
pub mod feedback;
pub mod files;
mod guarding;
pub mod health;
pub mod intents;
pub mod keys;
pub mod metrics;
pub mod models;
mod participation;
mod posting;
pub mod posts;
pub mod proofs;
pub mod query;
pub mod route;
pub mod routing;
pub mod tenants;
pub mod tokens;
pub mod understanding;
pub mod usage;
pub mod users;

use crate::Gateway;
use crate::admission::{cors, origins};
use crate::boundary::{Answered, Call, ReadHeader};
use crate::error::Error;
use crate::protocol::headers::Lines;
use crate::understanding::Subject;
use route::{Resource, Route};

/// Answers a request, whatever it is.
pub async fn answer(gateway: &Gateway, call: &Call) -> Answered {
    gateway.begin_trace(call);
    let (path, query) = call.head.target();
    let route = Route::of(path);
    let endpoint = route.resource.as_ref().map_or(Some("unknown"), Resource::counted_as);
    let counted = Counted { gateway, call, endpoint, template: route.resource.as_ref().map(Resource::template) };
    let answered = match dispatch(gateway, call, route, path, query).await {
        Ok(answered) => answered,
        Err(error) => {
            call.observe(|seen| seen.failed(error.code, error.status));
            refuse(gateway, call, &error)
        }
    };
    drop(counted);
    tell_what_waits(gateway, call).await;
    answered
}

/// Tells ledgers, other isolates, the archive of telemetry and the collector of traces what there is to tell.
pub async fn tell_what_waits(gateway: &Gateway, call: &Call) {
    tell_ledgers(gateway, call).await;
    gateway.exchange_health(call).await;
    if let (true, Ok(config)) = (gateway.binds.telemetry, gateway.config()) {
        gateway.telemetry.deliver(call, config.telemetry_ms).await;
    }
    gateway.export_traces(call).await;
}

/// Counts a request at its end, also when its caller has gone and nothing more is done for it.
struct Counted<'a> {
    gateway: &'a Gateway,
    call: &'a Call,
    /// What it is counted as; none for what is not.
    endpoint: Option<&'static str>,
    /// The path without what differs from call to call; none for what is not known here.
    template: Option<&'static str>,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let Self { gateway, call, endpoint, template } = self;
        call.observe(|seen| {
            if seen.answered_status == 0 {
                seen.failed("client_closed_request", 499);
            }
        });
        let Some(endpoint) = endpoint else { return };
        if gateway.binds.telemetry && call.head.method() != "OPTIONS" {
            gateway.telemetry.note(call.head.now_ms, endpoint, &call.observed());
        }
        gateway.tell_request(call, endpoint, *template);
    }
}

/// Tells ledgers what there is to tell, and makes copies anew where something follows from that.
pub async fn tell_ledgers(gateway: &Gateway, call: &Call) {
    for (tenant, region) in gateway.outbox.deliver(call).await {
        experiments::renew(gateway, call, tenant, region).await;
    }
}

async fn dispatch(gateway: &Gateway, call: &Call, route: Route<'_>, path: &str, query: Option<&str>) -> Result<Answered, Error> {
    let method = call.head.method();
    let resource = route.resource.ok_or_else(|| unknown(path))?;
    if method == "OPTIONS" {
        return preflight(gateway, call, resource.methods(), route.tenant).await;
    }
    if !resource.methods().split(", ").any(|known| known == method) {
        let error = Error::new(405, "method_not_allowed", format!("{method} is not known here. Use {}.", resource.methods()));
        return Err(error.final_word().with("allow", resource.methods().to_owned()));
    }
    match resource {
        // SDKs call this while a client is constructed, one of them blocking, and before there is a key: the answer is at once.
        Resource::Warming => Ok(own(gateway, call, method, "null")),
        Resource::Health => gateway.config().map(|_| own(gateway, call, method, "{\"status\":\"ok\"}")),
        Resource::Completions(endpoint) => completions::answer(gateway, call, endpoint, route.tenant).await,
        Resource::Routing => routing::answer(gateway, call, route.tenant).await,
        Resource::Tokens => tokens::answer(gateway, call, route.tenant).await,
        Resource::Models(target) => models::answer(gateway, call, method, &target, query, route.tenant).await,
        Resource::Keys(target) => keys::answer(gateway, call, method, &target, query).await,
        Resource::Tenants(target) => tenants::answer(gateway, call, method, &target).await,
        Resource::ModelHealth => health::answer(gateway, call).await,
        Resource::Analytics => analytics::answer(gateway, call, query, route.tenant).await,
        Resource::Return => analytics::roi(gateway, call, query, route.tenant).await,
        Resource::Metrics => metrics::answer(gateway, call).await,
        Resource::Usage => usage::answer(gateway, call, query, route.tenant).await,
        Resource::Audit { verify } => audit::answer(gateway, call, verify, query, route.tenant).await,
        Resource::User { segment, export } => users::answer(gateway, call, &segment, export, query, route.tenant).await,
        Resource::Intents if method == "POST" => understanding::answer(gateway, call, Subject::Intents, route.tenant).await,
        Resource::Intents => intents::list(gateway, call, query, route.tenant).await,
        Resource::Intent(segment) => intents::answer(gateway, call, method, &segment, query, route.tenant).await,
        Resource::Understanding(subject) => understanding::answer(gateway, call, subject, route.tenant).await,
        Resource::Embeddings => embeddings::answer(gateway, call, route.tenant).await,
        Resource::Proofs => proofs::answer(gateway, call).await,
        Resource::Posts(task) => posts::answer(gateway, call, task, route.tenant).await,
        Resource::Brands => brands::list(gateway, call, query, route.tenant).await,
        Resource::Brand(segment) => brands::answer(gateway, call, method, &segment, query, route.tenant).await,
        Resource::Dataset(segment) => brands::dataset(gateway, call, &segment, query, route.tenant).await,
        Resource::Feedback => feedback::answer(gateway, call, query, route.tenant).await,
        Resource::Learned => feedback::learned(gateway, call, method, query, route.tenant).await,
        Resource::Strategy => campaigns::strategy_alone(gateway, call, route.tenant).await,
        Resource::Campaigns(target) => campaigns::answer(gateway, call, method, &target, query, route.tenant).await,
        Resource::Experiments => experiments::list(gateway, call, query, route.tenant).await,
        Resource::Experiment(segment) => experiments::answer(gateway, call, method, &segment, query, route.tenant).await,
        Resource::ExperimentEnd(segment) => experiments::stop(gateway, call, &segment, query, route.tenant).await,
        Resource::Outcomes(segment) => experiments::outcome(gateway, call, &segment, query, route.tenant).await,
        Resource::Files(target) => files::answer(gateway, call, method, &target, query, route.tenant).await,
        Resource::Batches(target) => batches::answer(gateway, call, method, &target, query, route.tenant).await,
    }
}

/// Answers a preflight, which comes without a key or a token.
async fn preflight(gateway: &Gateway, call: &Call, methods: &str, tenant: Option<&str>) -> Result<Answered, Error> {
    let config = gateway.config()?;
    let allowed = match call.head.header(ReadHeader::Origin) {
        Some(origin) => cors::configured(config, tenant, origin) || (gateway.binds.keys && origins::registered(call, tenant, origin).await),
        None => false,
    };
    let lines = cors::preflight(&call.head, methods, allowed)?;
    Ok(call.respond(204, &lines, None))
}

fn unknown(path: &str) -> Error {
    let shown: String = path.chars().take(128).collect();
    let message = format!(
        "There is nothing at {shown}. Completions are at /v1/chat/completions and /v1/completions, models at /v1/models, \
         browser tokens at /v1/tokens, what the gateway knows of texts at /v1/intents and its like."
    );
    Error::new(404, "unknown_path", message).about("path").final_word()
}

/// A small answer of the gateway's own.
fn own(gateway: &Gateway, call: &Call, method: &str, body: &str) -> Answered {
    let mut lines = Lines::default();
    lines.add("content-type", "application/json");
    add_common(gateway, call, None, &mut lines);
    call.respond(200, &lines, (method != "HEAD").then(|| body.as_bytes().to_vec()))
}

/// An answer in JSON.
fn tell(gateway: &Gateway, call: &Call, status: u16, value: &serde_json::Value) -> Answered {
    let mut lines = Lines::default();
    lines.add("content-type", "application/json");
    add_common(gateway, call, None, &mut lines);
    call.respond(status, &lines, (call.head.method() != "HEAD").then(|| value.to_string().into_bytes()))
}

/// What every answer carries in the same words: no shared cache on the way may keep it, and its type is what it says.
pub fn constant_headers() -> Lines {
    let mut lines = Lines::default();
    lines.add("cache-control", "private, no-store");
    lines.add("vary", "Authorization, Origin");
    lines.add("x-content-type-options", "nosniff");
    lines
}

/// What every answer carries in words of its own: the request's id, and leave to read it for the pages that have it.
fn add_common(gateway: &Gateway, call: &Call, upstream_id: Option<&str>, lines: &mut Lines) {
    // Feedback names an answer by the id that it came with, and so do lines and traces.
    if let (None, None, Some(upstream)) = (call.told_id(), call.given_id(), upstream_id) {
        call.observe(|seen| upstream.clone_into(&mut seen.request_id));
    }
    let id = call.settled_id();
    lines.add("x-request-id", &id);
    if let Some(upstream) = upstream_id.filter(|upstream| *upstream != id) {
        lines.add("x-upstream-request-id", upstream);
    }
    cors::add(gateway.config().ok(), &call.head, call.page_may_read(), lines);
}

/// An error of the gateway's own.
fn refuse(gateway: &Gateway, call: &Call, error: &Error) -> Answered {
    let mut lines = Lines::default();
    lines.add("content-type", "application/json");
    if let Some(retry) = error.retry {
        lines.add("x-should-retry", if retry { "true" } else { "false" });
    }
    for (name, value) in &error.headers {
        lines.add(name, value);
    }
    if error.status == 401 {
        // RFC 9110 section 11.6.1 asks for it.
        lines.add("www-authenticate", "Bearer");
    }
    add_common(gateway, call, None, &mut lines);
    call.respond(error.status, &lines, (call.head.method() != "HEAD").then(|| error.body().into_bytes()))
}
