//! One completion, from the request's bytes to the steps of the response's body.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use serde_json::Value;

use crate::answer::{self, Reply, Usage};
use crate::body::{Broken, Step, StepBody};
use crate::cache::PromptBlocks;
use crate::catalogue::{self, Found, Model};
use crate::errors::Problem;
use crate::faults::{Ending, Faults, Instead, Once};
use crate::limits::{Account, Exceeded};
use crate::request::{self, Ask, Endpoint};
use crate::state::{Call, State, now};
use crate::stats::LastRequest;
use crate::{headers, render, rules, schema, script, seed, stream};

/// What handling comes to: a response, a refusal, or the end of the connection.
pub enum Outcome {
    /// A refusal.
    Problem(Problem),
    /// The connection is to break without a byte.
    Cut,
}

impl From<Problem> for Outcome {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// The digest of the key that a request brings, if it is accepted.
pub fn key_of(state: &State, headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(hyper::header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    let right = match &state.options.key {
        Some(only) => key == only,
        None => key.starts_with("csk-"),
    };
    (scheme.eq_ignore_ascii_case("bearer") && right).then(|| seed::digest(key.as_bytes()))
}

/// A refusal as a response; `account` is absent before the key is known.
pub fn refuse(state: &State, problem: &Problem, account: Option<Account>, faults: &Faults) -> Response<StepBody> {
    let time = now();
    let kind = if problem.page { headers::PAGE } else { headers::JSON };
    let mut headers = headers::common(kind, state.next_call(), time);
    if let Some(account) = account.filter(|_| !problem.page) {
        let mut ledger = state.ledger();
        ledger.write_headers(account, time, &mut headers);
        match faults.instead {
            Some(Instead::RateRequests) => ledger.show_empty(Exceeded::Requests("minute"), &mut headers),
            Some(Instead::RateTokens) => ledger.show_empty(Exceeded::Tokens("minute"), &mut headers),
            _ => {}
        }
    }
    if let Some(seconds) = faults.retry_after.as_deref().and_then(|seconds| HeaderValue::try_from(seconds).ok()) {
        headers.insert(RETRY_AFTER, seconds);
    }
    respond(StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST), headers, StepBody::whole(problem.body.clone()))
}

fn respond(status: StatusCode, headers: HeaderMap, body: StepBody) -> Response<StepBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// What a request asks for before, or instead of, an answer. Used by every path.
pub async fn before(faults: &Faults) -> Result<(), Outcome> {
    if faults.latency > 0 {
        tokio::time::sleep(Duration::from_millis(faults.latency)).await;
    }
    match &faults.instead {
        None => Ok(()),
        Some(Instead::Cut) => Err(Outcome::Cut),
        Some(Instead::Hang) => std::future::pending().await,
        Some(Instead::Status(status)) => Err(Problem::of_status(*status).into()),
        Some(Instead::RateRequests) => Err(Problem::requests("minute").into()),
        Some(Instead::RateTokens) => Err(Problem::tokens("minute").into()),
        Some(Instead::RateQueue) => Err(Problem::queue().into()),
    }
}

/// Handles a completion.
pub async fn handle(state: &Arc<State>, endpoint: Endpoint, head: Parts, body: Bytes) -> Result<Response<StepBody>, Broken> {
    let mut call = Call::begin(state);
    let mut faults = Faults::default();
    let mut account = None;
    let result = attempt(state, endpoint, head, body, &mut faults, &mut account, &mut call).await;
    match result {
        Ok(response) => Ok(response.map(|body| body.ending(call))),
        Err(Outcome::Problem(problem)) => Ok(refuse(state, &problem, account, &faults).map(|body| body.ending(call))),
        Err(Outcome::Cut) => {
            call.finish();
            Err(Broken)
        }
    }
}

async fn attempt(
    state: &State,
    endpoint: Endpoint,
    head: Parts,
    body: Bytes,
    faults: &mut Faults,
    account: &mut Option<Account>,
    call: &mut Call,
) -> Result<Response<StepBody>, Outcome> {
    let key = key_of(state, &head.headers);
    let asked = read_header_faults(&head.headers, faults);
    let threshold = queue_threshold(&head.headers);
    let decoded = request::decode(&head.headers, body);
    let text = decoded.as_ref().map(|(text, _)| text.clone()).unwrap_or_default();
    let path = head.uri.path_and_query().map_or_else(String::new, |path| path.as_str().to_owned());
    state.stats().remember(LastRequest { method: head.method.to_string(), path, headers: head.headers, body: text });

    let key = key.ok_or_else(Problem::key)?;
    *account = Some((key, 0));
    asked?;
    let (text, value) = decoded?;
    let seed = seed::digest(&text);
    request::read_faults(&value, faults);
    fail_once(state, seed, faults)?;
    if let Some(name) = &faults.unfit_once {
        faults.unfit |= state.fails_yet(seed::digest(name.as_bytes()), 1);
    }
    let wait_ms = value["model"].as_str().map_or(0, |model| faults.wait_of(model));
    if wait_ms > 0 {
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    }
    before(faults).await?;
    if let Some(status) = value["model"].as_str().and_then(|model| faults.for_model(model)) {
        return Err(Problem::of_status(status).into());
    }

    let Some(object) = value.as_object() else {
        return Err(Problem::validation("body: Input should be a valid dictionary").into());
    };
    let complaints = if endpoint == Endpoint::Chat { schema::chat(object) } else { schema::text(object) };
    if let Some(message) = complaints.message() {
        return Err(Problem::validation(&message).into());
    }
    threshold?;
    let ask = Ask::of(endpoint, object);
    let (model, number) = match catalogue::find(ask.model) {
        Found::Alive(model, number) => (model, number),
        Found::Archived => return Err(Problem::archived().into()),
        Found::Unknown => return Err(Problem::no_model().into()),
    };
    let account = *account.insert((key, number));
    rules::check(&ask, model)?;
    Ok(answer(state, &ask, model, faults, account, seed, call)?)
}

fn read_header_faults(headers: &HeaderMap, faults: &mut Faults) -> Result<(), Problem> {
    headers.get_all("x-stand-in").iter().try_for_each(|value| {
        let value = value.to_str().map_err(|_| Problem::validation("x-stand-in: not text"))?;
        faults.read_header(value).map_err(|message| Problem::validation(&message))
    })
}

/// Faults that only a header asks for, on paths without a prompt.
pub fn header_faults(headers: &HeaderMap) -> Result<Faults, Problem> {
    let mut faults = Faults::default();
    read_header_faults(headers, &mut faults)?;
    Ok(faults)
}

fn queue_threshold(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get("queue_threshold").map(|value| value.to_str().ok().and_then(|text| text.parse::<f64>().ok())) {
        None => Ok(()),
        Some(Some(time)) if (50.0..=20_000.0).contains(&time) => Ok(()),
        Some(_) => Err(Problem::validation("header.queue_threshold: Input should be from 50 to 20000")),
    }
}

fn fail_once(state: &State, body: u64, faults: &mut Faults) -> Result<(), Outcome> {
    let Some(once) = faults.once.filter(|_| state.fails_yet(body, faults.times)) else { return Ok(()) };
    match once {
        Once::Status(status) => Err(Problem::of_status(status).into()),
        Once::CutBefore => Err(Outcome::Cut),
        Once::CutHeaders => {
            faults.ending = Some(Ending::CutHeaders);
            Ok(())
        }
    }
}

fn prompt_blocks(ask: &Ask<'_>, account: Account) -> PromptBlocks {
    let mut blocks = PromptBlocks::new(seed::join(account.0, account.1 as u64));
    let mut add = |value: &Value| match value {
        Value::Null => {}
        Value::String(text) => blocks.add(text.as_bytes()),
        other => blocks.add(other.to_string().as_bytes()),
    };
    // The template puts the tools before the conversation.
    ask.tools.iter().for_each(&mut add);
    for message in ask.messages {
        ["role", "content", "reasoning", "tool_calls"].iter().for_each(|name| add(&message[*name]));
    }
    for prompt in &ask.prompts {
        blocks.add(prompt.as_bytes());
    }
    blocks
}

fn answer(
    state: &State,
    ask: &Ask<'_>,
    model: &'static Model,
    faults: &Faults,
    account: Account,
    seed: u64,
    call: &mut Call,
) -> Result<Response<StepBody>, Problem> {
    let time = now();
    let tier = state.options.tier;
    let (prompt, images) = answer::prompt_tokens(ask);
    let context = model.context(tier);
    let length = prompt.saturating_add(ask.max_tokens.unwrap_or(0));
    if length > context {
        return Err(Problem::context(length, context));
    }
    let estimate = prompt + ask.max_tokens.unwrap_or(context - prompt);
    let mut headers = headers::common(if ask.stream { headers::EVENTS } else { headers::JSON }, state.next_call(), time);
    {
        let mut ledger = state.ledger();
        if let Some(exceeded) = ledger.reserve(account, estimate, time) {
            return Err(match exceeded {
                Exceeded::Requests(unit) => Problem::requests(unit),
                Exceeded::Tokens(unit) => Problem::tokens(unit),
            });
        }
        ledger.write_headers(account, time, &mut headers);
    }

    let cached = state.prompts().look_up(&prompt_blocks(ask, account), time);
    let mut usage = Usage { prompt, cached: cached.min(prompt), images: (images > 0).then_some(images), ..Usage::default() };
    let budget = ask.max_tokens.unwrap_or(usize::MAX).min(model.output(tier)).min(context - prompt);
    let choices = answer::choices(ask, model, faults, budget, seed, &mut usage);
    let unused = estimate.saturating_sub(usage.prompt + usage.completion);
    let holds = state.ledger().holds_reservations();
    if holds {
        call.hold(account, unused);
    } else {
        state.ledger().give_back(account, unused);
    }

    let reply = Reply {
        endpoint: ask.endpoint,
        id: format!("chatcmpl-{}", seed::uuid(seed)),
        model: model.id,
        fingerprint: model.fingerprint,
        choices,
        usage,
        logprobs: ask.logprobs,
        created: time,
        seed,
    };
    headers::add_inference_id(&mut headers, &reply.id);
    let (body, length) = body_of(&reply, ask.stream, faults);
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(respond(StatusCode::OK, headers, body))
}

/// The body, and the length to promise where that isn't plain from the body.
fn body_of(reply: &Reply, stream: bool, faults: &Faults) -> (StepBody, Option<usize>) {
    if faults.garbage {
        return (StepBody::whole(Bytes::from_static(script::GARBAGE)), None);
    }
    if stream {
        let events = stream::events(reply, faults);
        return (StepBody::of(script::stream(events, faults)), None);
    }
    if matches!(faults.ending, Some(Ending::Hang(_))) {
        return (StepBody::of(vec![Step::Stall]), None);
    }
    let whole = render::whole(reply);
    match script::whole(&whole, faults) {
        None => (StepBody::whole(whole), None),
        Some(steps) => (StepBody::of(steps), Some(whole.len())),
    }
}
