//! `/v1/chat/completions` and `/v1/completions`: the life of a request, from the door to the answer and what follows it.

use std::cell::LazyCell;

use super::add_common;
use super::guarding::{self, Guarding, Relayed};
use super::participation::{self, Part};
use super::routing::{self, Choice};
use crate::Gateway;
use crate::admission::account::{Account, Outcome, Stored, may_be_kept};
use crate::admission::reservation::Wanted;
use crate::admission::{self, Caller, record};
use crate::boundary::{Answered, Call, Failure, ReadHeader};
use crate::cache::entry::Form;
use crate::cache::key::{self, CacheKey};
use crate::cache::steering::Steering;
use crate::cache::visit::{Found, Visit, named, replayed};
use crate::cache::{CACHE, replay};
use crate::cloud::answer;
use crate::cloud::call::{Question, Reply, ask};
use crate::cloud::chain::{Chain, Needs};
use crate::cloud::deadline::Deadline;
use crate::cloud::health::breaker::Mark;
use crate::cloud::inquire::Asker;
use crate::cloud::models::Resolved;
use crate::error::{self, Error};
use crate::protocol::answer::{Identity, Quality, judge, judged};
use crate::protocol::headers::Lines;
use crate::protocol::request::{CompletionRequest, Endpoint};
use crate::protocol::sse;
use crate::protocol::usage::Usage;
use crate::telemetry::timing::Timing;

/// The largest body, in bytes: what Cerebras's own limit on pictures needs.
const LARGEST_BODY: u32 = 10 * 1024 * 1024;

/// Answers a completion request.
///
/// # Errors
/// What is wrong with the request, what the tenant's ledger refuses, or what is wrong on the way to Cerebras.
pub async fn answer(gateway: &Gateway, call: &Call, endpoint: Endpoint, tenant: Option<&str>) -> Result<Answered, Error> {
    let config = gateway.config()?;
    let caller = admission::admit(gateway, call, record::Scope::Completions, tenant).await?;
    let deadline = Deadline::read(config, &call.head)?;
    let body = read_body(call).await?;
    let mut request = CompletionRequest::read(&body, endpoint)?;
    let folded = request.folded()?;
    if let Some(folded) = &folded {
        request = CompletionRequest::read(folded, endpoint)?;
    }
    let part = match participation::asked(call, request.model()) {
        Some(id) => {
            let kept = may_be_kept(call, &caller, &request);
            Some(participation::take_part(gateway, call, &caller, id, request.user(), kept).await?)
        }
        None => None,
    };
    let varied = part.as_ref().map(|part| part.varied(&request)).transpose()?.flatten();
    if let Some(varied) = &varied {
        request = CompletionRequest::read(varied, endpoint)?;
    }
    let (mut guarding, redacted) = guarding::prompt(gateway, &caller, &request)?;
    if let Some(redacted) = &redacted {
        request = CompletionRequest::read(redacted, endpoint)?;
    }
    let choice = routing::choose(gateway, config, call, &caller, &request)?;
    let name = choice.as_ref().map_or(request.model(), |choice| &choice.decision.model);
    caller.may_call(config, name).inspect_err(|_| part.iter().for_each(|part| part.note_refused(gateway, &caller)))?;
    let model = config.models.resolve(name);
    // What the answer's headers tell of the way that it took.
    let mut told = Lines::default();
    if let Some(Choice { ask, decision }) = &choice {
        told.add("x-maya-route", &decision.header(ask));
        call.observe(|seen| seen.routed = true);
    }
    if let Some(part) = &part {
        part.say(&mut told);
    }
    let added_cap = request.lacks_cap().then_some(model.cap_tokens);
    let mut steering = Steering::read(config, &caller.record.cache.unwrap_or_default(), &call.head, request.deterministic())?;
    let mut account = Account::open(gateway, config, call, &caller, &request, &body)?;
    account.exposure.set(part.as_ref().and_then(Part::exposure));
    let kept = account.kept;
    // A hit is without it.
    let wanted = LazyCell::new(|| {
        let input_tokens = request.input_tokens();
        let needs = Needs { pictures: request.pictures(), input_tokens };
        let chain = Chain::of(&config.models, model, needs, |id| caller.may(config, id));
        Wanted { caller: &caller, request: &request, model, chain, input_tokens, user: caller.end_user(request.user()), kept }
    });
    if account.is_idempotent()
        && let Some(stored) = account.reserve(&wanted).await?
    {
        return Ok(again(gateway, call, stored));
    }

    steering.store = steering.store.filter(|_| account.kept).map(|ttl| caller.longest_kept(ttl));
    let obstacle = match (gateway.binds.cache, &caller.tenant.seals) {
        (false, _) => Some("no-binding"),
        // What is stored is encrypted, and there is nothing to derive a key from.
        (true, None) => Some("no-edge-secret"),
        (true, Some(_)) => None,
    };
    let mut timing = Timing::default();
    let mut visit = Visit::new(&steering, obstacle, || {
        let policy = caller.policy(&config.policy_version);
        let scope = key::Scope { tenant: caller.tenant_name(), model: model.id, added_cap, policy: &policy };
        named(&scope, &request, &steering)
    });
    if let (Some(key), Some(sealing)) = (visit.place.filter(|_| steering.read), caller.sealing()) {
        let found = call.look_sealed(CACHE, &key.name(), sealing).await;
        let now_ms = call.now_ms();
        timing.cache(now_ms.saturating_sub(call.head.now_ms));
        match &found {
            Ok(Some(bytes)) => match replayed(bytes, &request, steering.max_age, now_ms) {
                Found::Answer { mut body, age, ttl, usage } => {
                    if let Some(guarding) = &mut guarding {
                        let released = |_: &Error| {
                            if account.is_idempotent() {
                                account.release(model.id, 403)
                            }
                        };
                        body = guarding.hit(body, &request).inspect_err(released)?;
                    }
                    let content_type = if request.stream() { EVENT_STREAM } else { "application/json" };
                    let mut lines = Lines::default();
                    lines.add("content-type", content_type);
                    lines.add("cache-status", &visit.hit(ttl));
                    lines.add("age", &age.to_string());
                    lines.add("x-maya-model", model.id);
                    lines.add("server-timing", &timing.header());
                    lines.extend(&told);
                    account.say(&mut lines);
                    if let Some(guarding) = &guarding {
                        guarding.say(&mut lines);
                    }
                    add_common(gateway, call, None, &mut lines);
                    account
                        .hit(Outcome { model: model.id, status: 200, usage: Some(usage), content_type, body: &body, ..Outcome::default() })
                        .await;
                    return Ok(call.respond(200, &lines, Some(body)));
                }
                Found::TooOld => visit.forward = "request",
                Found::Nothing => {}
            },
            Ok(None) => {}
            Err(_) => {
                // A cache that cannot be reached costs a call, not an answer.
                visit.detail = Some("unreachable");
                call.log_failure("cache", "read");
            }
        }
    }
    if steering.only_if_cached {
        if account.is_idempotent() {
            account.release(model.id, 504);
        }
        let message = "`only-if-cached` was asked, and there is no cached answer to this request.";
        return Err(Error::new(504, "not_cached", message).about("cache-control").final_word());
    }

    if let Some(guarding) = &mut guarding
        && let Err(error) = guarding.ask_cloud(config, call, wanted.user, account.kept).await
    {
        if account.is_idempotent() {
            account.release(model.id, error.status);
        }
        return Err(error);
    }
    if let Some(stored) = account.reserve(&wanted).await? {
        return Ok(again(gateway, call, stored));
    }
    let question = Question {
        method: "POST",
        target: endpoint.path(),
        chain: Some(wanted.chain),
        body: &|asked: Resolved<'_>| {
            let rewritten = request.rewritten(asked.id, request.lacks_cap().then_some(asked.cap_tokens));
            let rewritten = rewritten.or_else(|| redacted.clone()).or_else(|| varied.clone()).or_else(|| folded.clone());
            // What was sent before is another model's body.
            rewritten.or_else(|| (asked.id != model.id).then(|| request.root().raw().as_bytes().to_vec()))
        },
        tokens: &|asked| wanted.tokens(asked),
        streaming: request.stream(),
        aside: false,
        whose: Mark::of(caller.tenant_name()),
        deadline,
    };
    let reply = match ask(gateway, config, call, question).await {
        Ok(reply) => reply,
        Err(error) => {
            account.release(model.id, error.status);
            return Err(error);
        }
    };
    timing.upstream(reply.elapsed_ms);
    if reply.stood_in {
        call.observe(|seen| seen.stood_in = 1);
        // Kept under the name of the model that was asked, it would outlive that model's failure.
        visit.place = None;
    }
    let answered =
        give(Giving { gateway, call, caller: &caller, request: &request, visit, timing, told, deadline }, account, guarding, reply).await?;
    if choice.is_some() {
        // The next call for `auto` is weighed by what feedback has taught; this one has its answer.
        super::posts::learnt(&Asker { gateway, config, call, caller: &caller }).await;
    }
    Ok(answered)
}

const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

/// The answer that the same call had before.
fn again(gateway: &Gateway, call: &Call, stored: Stored) -> Answered {
    let mut lines = Lines::default();
    lines.add("content-type", &stored.content_type);
    lines.add("idempotent-replayed", "true");
    // It is the first answer, so it comes with that one's id: feedback finds it by that.
    if call.given_id().is_none() && !stored.id.is_empty() {
        call.observe(|seen| seen.request_id.clone_from(&stored.id));
    }
    add_common(gateway, call, None, &mut lines);
    call.respond(stored.status, &lines, Some(stored.body))
}

/// Reads a body of completions.
///
/// # Errors
/// What is wrong with its type, its packing, its size, or its end.
pub async fn read_body(call: &Call) -> Result<Vec<u8>, Error> {
    let kind = call.head.header(ReadHeader::ContentType).unwrap_or_default().to_ascii_lowercase();
    if kind.contains("msgpack") || kind.starts_with("multipart/") {
        return Err(Error::new(415, "unsupported_media_type", "The body must be JSON.").about("content-type").final_word());
    }
    let gzip = match call.head.header(ReadHeader::ContentEncoding).map(str::to_ascii_lowercase).as_deref() {
        None | Some("identity") => false,
        Some("gzip" | "x-gzip") => true,
        Some(_) => {
            let message = "The body may be compressed with gzip or not at all.";
            return Err(Error::new(415, "unsupported_content_encoding", message).about("content-encoding").final_word());
        }
    };
    match call.read(LARGEST_BODY, gzip).await {
        Ok(Some(body)) => Ok(body),
        Ok(None) => {
            let message = format!("The body is larger than {LARGEST_BODY} bytes. Send less.");
            Err(Error::new(413, "body_too_large", message).about("body").final_word())
        }
        Err(_) => Err(Error::invalid("broken_body", "body", "The body broke off, or is not the gzip that its header says.")),
    }
}

/// What an answer is given with.
struct Giving<'a> {
    gateway: &'a Gateway,
    call: &'a Call,
    caller: &'a Caller,
    request: &'a CompletionRequest<'a>,
    visit: Visit,
    timing: Timing,
    told: Lines,
    deadline: Deadline,
}

/// Gives the caller what Cerebras said, and keeps what may be kept once it has gone out.
async fn give(
    giving: Giving<'_>,
    mut account: Account<'_>,
    mut guarding: Option<Guarding<'_>>,
    reply: Reply<'_>,
) -> Result<Answered, Error> {
    let Giving { gateway, call, request, visit, timing, told, .. } = &giving;
    let Reply { arrival, model, attempts, overtaken, passed_over, .. } = reply;
    let status = arrival.status;
    let told_nothing = || (Quality::Passing, None, Identity::default());
    let (quality, usage, identity) = if status != 200 || arrival.is_stream { told_nothing() } else { judged(&arrival.body) };
    let answers = status == 200 && quality != Quality::Unreadable && arrival.is_stream == request.stream();
    if !answers {
        account.release(model, if status < 400 { 502 } else { status });
        if status < 400 {
            return Err(error::upstream::unreadable());
        }
    }
    let estimated = || estimate(request, usage, &arrival.body);
    let content_type = arrival.content_type.as_str();
    let mut shown = None;
    if let Some(guarding) = guarding.as_mut().filter(|_| status == 200 && !arrival.is_stream) {
        // What is withheld was paid for all the same.
        let paid = |_: &Error| {
            let (estimate, identity) = (estimated(), identity.clone());
            account.settle_broken(Outcome { model, status, usage, estimate, content_type, body: &arrival.body, identity });
        };
        shown = guarding.answer(&arrival.body).inspect_err(paid)?;
    }
    let entry = match quality {
        Quality::Keepable if visit.store.is_some() => visit.entry(Form::Whole, &arrival.body, usage, call.now_ms()),
        _ => None,
    };

    let mut lines = Lines::default();
    lines.add("content-type", &arrival.content_type);
    lines.add("cache-status", &visit.status(entry.is_some()));
    lines.add("x-maya-model", model);
    lines.add("x-maya-attempts", &attempts.to_string());
    if !passed_over.is_empty() {
        lines.add("x-maya-health", &passed_over);
    }
    lines.add("server-timing", &timing.header());
    lines.extend(told);
    account.say(&mut lines);
    if let Some(guarding) = &guarding {
        guarding.say(&mut lines);
    }
    add_common(gateway, call, answer::request_id(&arrival), &mut lines);

    if status >= 400 {
        call.observe(|seen| seen.failed(format!("upstream_{status}"), status));
        let body = answer::error_body(&arrival)?.into_owned();
        return Ok(match overtaken {
            0 => call.pass(status, &lines, Some(body)),
            back => call.pass_earlier(status, &lines, body, back),
        });
    }
    if arrival.is_stream {
        let outcome = Outcome { model, status, content_type, ..Outcome::default() };
        let watching = guarding.as_mut().filter(|guarding| guarding.changes_answers());
        let (answered, relayed) = match watching {
            Some(guarding) => (call.begin(status, &lines), guarding.relay(call).await),
            None => {
                let (answered, told) = call.relay(status, &lines).await;
                (answered, Relayed { told, ..Relayed::default() })
            }
        };
        finish_stream(&giving, &mut account, outcome, &relayed).await;
        if let Some(guarding) = guarding.as_mut().filter(|_| relayed.refusal.is_none()) {
            guarding.tell_stream(&relayed.told.body, request);
        }
        return Ok(answered);
    }
    let seen = shown.as_deref().unwrap_or(&arrival.body);
    account.settle(Outcome { model, status, usage, estimate: estimated(), content_type, body: seen, identity }).await;
    let answered = call.pass(status, &lines, shown);
    keep(&giving, entry).await;
    Ok(answered)
}

/// What an answer used that does not tell it.
fn estimate(request: &CompletionRequest<'_>, told: Option<Usage>, answer: &[u8]) -> Usage {
    match told {
        Some(usage) => usage,
        None => Usage { prompt_tokens: request.input_tokens(), completion_tokens: sse::spelled_tokens(answer) },
    }
}

/// What follows a relayed stream: an error frame when it broke off, the end, and the cache entry when it is one to keep.
async fn finish_stream(giving: &Giving<'_>, account: &mut Account<'_>, outcome: Outcome<'_>, relayed: &Relayed) {
    let Giving { gateway, call, request, visit, deadline, .. } = giving;
    let Relayed { told, seen, rest, refusal } = relayed;
    let pumped = seen.is_none();
    let ending = sse::ending(&told.body, request.choices());
    let seen = seen.as_deref().unwrap_or(&told.body);
    let whole = ending.whole && refusal.is_none();
    let outcome_status = outcome.status;
    let identity = Identity::of_stream(&told.body, ending.finish_reasons.clone());
    let outcome = Outcome { usage: ending.usage, estimate: estimate(request, ending.usage, &told.body), identity, ..outcome };
    if whole {
        account.settle(Outcome { body: seen, ..outcome }).await;
    } else {
        // Nobody may take half an answer for the answer to the same call, so it is settled without its body.
        let model = outcome.model;
        account.settle_broken(outcome);
        // Neither a caller that goes, nor a deadline, nor a guardrail's refusal is the model's fault.
        if let (None, None | Some(Failure::Lost), Ok(config)) = (refusal, told.failure, gateway.config()) {
            call.observe(|seen| seen.attempt_failed(account.table_name(model)));
            gateway.health.broke_off(model, Mark::of(account.tenant_name()), call.head.now_ms, call.random(), &config.health);
        }
    }
    let failure = || match told.failure {
        Some(late @ (Failure::FirstByteLate | Failure::TotalLate)) => deadline.error(late),
        _ => error::upstream::incomplete(),
    };
    let error = refusal.clone().or_else(|| (!whole && !ending.told_error).then(failure));
    if let Some(error) = &error {
        call.observe(|seen| seen.failed(error.code, error.status));
    } else if !whole {
        call.observe(|seen| seen.failed("upstream_error_in_stream", outcome_status));
    }
    let mut last = if whole || refusal.is_some() { rest.clone() } else { Vec::new() };
    match error {
        Some(error) => last.extend_from_slice(&sse::mend(seen, &error.frame_members())),
        None if ending.unterminated && pumped => last.extend_from_slice(b"\n\n"),
        None => {}
    }
    // Behind a [DONE] that cannot be unsaid, many clients read no frame; most notice a connection that breaks.
    let cut = pumped && ending.done && !ending.whole;
    call.end(Some(last).filter(|last| !last.is_empty()), cut).await;
    if !whole || ending.unterminated || visit.store.is_none() || visit.place.is_none() {
        return;
    }
    // Whether every choice is one to keep is told by the whole answer that the stream spelled.
    let answer = replay::stream_to_whole(&told.body, request.endpoint());
    if answer.is_some_and(|answer| judge(&answer) == Quality::Keepable) {
        keep(giving, visit.entry(Form::Stream, &told.body, ending.usage, call.now_ms())).await;
    }
}

/// Stores an entry. The answer has gone out, so a failure is told to the operator alone.
async fn keep(giving: &Giving<'_>, entry: Option<(CacheKey, Vec<u8>, u32)>) {
    let Giving { call, caller, .. } = giving;
    if let (Some((key, entry, ttl)), Some(sealing)) = (entry, caller.sealing())
        && call.keep_sealed(CACHE, &key.name(), entry, ttl, sealing).await.is_err()
    {
        call.log_failure("cache", "write");
    }
}
