//! `/v1/route`, and the choice of a model for `auto`.

use serde_json::{Value, json};

use super::completions::read_body;
use super::tell;
use crate::Gateway;
use crate::admission::{self, Caller, record::Scope};
use crate::boundary::{Answered, Call};
use crate::cloud::health::Standing;
use crate::cloud::route::ask::Ask;
use crate::cloud::route::{self, Circumstances, Decision, rules};
use crate::config::Config;
use crate::error::Error;
use crate::protocol::request::{CompletionRequest, Endpoint};

/// How a caller says what it prefers, beside `auto:…`.
const PREFER: &str = "x-maya-prefer";

/// The model that was chosen for a request.
#[derive(Debug)]
pub struct Choice {
    /// What it asks of a model.
    pub ask: Ask,
    /// What was decided.
    pub decision: Decision,
}

/// Chooses a model, if the request leaves that to the gateway.
///
/// # Errors
/// 400 for a preference that is none, or when no model can answer.
pub fn choose(
    gateway: &Gateway,
    config: &Config,
    call: &Call,
    caller: &Caller,
    request: &CompletionRequest<'_>,
) -> Result<Option<Choice>, Error> {
    let name = request.model();
    if !route::is_auto(name) {
        return Ok(None);
    }
    let header = call.header(PREFER);
    let prefer = route::preference(name, Some(header.as_str()).filter(|word| !word.is_empty()))?;
    // Only what the isolate remembers: nothing is asked on a call's way.
    let learnt = gateway.score_models.borrow().get(caller.tenant_name(), call.head.now_ms);
    let around = Circumstances {
        models: &config.models,
        routing: &config.routing,
        tenant: &caller.tenant.record.routing,
        tenant_name: caller.tenant_name(),
        allowed: &|id| caller.may_call(config, id).is_ok(),
        ailing: &|id| ailing(gateway, config, call, request, id),
        liked: &|id| learnt.as_ref().map_or(0.0, |learnt| learnt.liked(id)),
        minute_of_week: rules::minute_of_week(call.head.now_ms),
    };
    let ask = Ask::of(request);
    let decision = route::decide(&ask, prefer, &around)?;
    Ok(Some(Choice { ask, decision }))
}

/// Why a model is not worth asking now; none when it is.
fn ailing(gateway: &Gateway, config: &Config, call: &Call, request: &CompletionRequest<'_>, id: &str) -> Option<String> {
    let model = config.models.resolve(id);
    let most = model.row.and_then(|row| row.max_output_tokens);
    // As a call's own: what the prompt surely has, and the answer's cap.
    let tokens = request.output_tokens(model.cap_tokens, most).saturating_add(request.input_tokens() / 2);
    match gateway.health.standing(model.id, tokens, call.head.now_ms) {
        Standing::Usable | Standing::Probing => None,
        Standing::Open { .. } => Some("its breaker is open".to_owned()),
        Standing::Exhausted { .. } => Some("it has no quota left".to_owned()),
    }
}

/// Answers how a chat request would be routed. Nothing is asked of a model, counted or kept.
///
/// # Errors
/// Those of admission and of the body, and 400 when no model can answer.
pub async fn answer(gateway: &Gateway, call: &Call, tenant: Option<&str>) -> Result<Answered, Error> {
    let config = gateway.config()?;
    let caller = admission::admit(gateway, call, Scope::Completions, tenant).await?;
    let body = read_body(call).await?;
    let mut request = CompletionRequest::read(&body, Endpoint::Chat)?;
    let folded = request.folded()?;
    if let Some(folded) = &folded {
        request = CompletionRequest::read(folded, Endpoint::Chat)?;
    }
    let requested = request.model();
    let told = match choose(gateway, config, call, &caller, &request)? {
        Some(Choice { ask, decision }) => decision.told(requested, &ask),
        None => named(config, &caller, &request)?,
    };
    Ok(tell(gateway, call, 200, &told))
}

/// What becomes of a request that names its model.
fn named(config: &Config, caller: &Caller, request: &CompletionRequest<'_>) -> Result<Value, Error> {
    let requested = request.model();
    caller.may_call(config, requested)?;
    let id = config.models.resolve(requested).id;
    let reason = if id == requested { "the request names it" } else { "the request names an alias of it" };
    Ok(json!({
        "object": "route",
        "requested": requested,
        "model": id,
        "rule": null,
        "prefer": null,
        "reasons": [reason],
        "asked": Ask::of(request).told(),
        "candidates": [],
    }))
}
