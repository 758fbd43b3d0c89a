//! `/v1/chat/completions` and `/v1/completions`: the life of a request, from the door to the answer and what follows it.

use super::add_common;
use crate::Gateway;
use crate::admission::account::{Account, Outcome, Stored};
use crate::admission::reservation::Wanted;
use crate::admission::{self, Caller, record};
use crate::boundary::{Answered, Arrival, Call, Failure, ReadHeader};
use crate::cache::entry::Form;
use crate::cache::key::{self, CacheKey};
use crate::cache::steering::Steering;
use crate::cache::visit::{Found, Visit, named, replayed};
use crate::cache::{CACHE, replay};
use crate::cloud::answer;
use crate::cloud::call::{Question, Reply, ask, failed};
use crate::error::{self, Error};
use crate::protocol::answer::{Quality, judge, judged};
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
    let body = read_body(call).await?;
    let mut request = CompletionRequest::read(&body, endpoint)?;
    let folded = request.folded()?;
    if let Some(folded) = &folded {
        request = CompletionRequest::read(folded, endpoint)?;
    }
    caller.may_call(config, request.model())?;
    let model = config.models.resolve(request.model());
    let stand_in = model.fallback(&config.models, request.pictures());
    let added_cap = request.lacks_cap().then_some(model.cap_tokens);
    let mut steering = Steering::read(config, &caller.record.cache.unwrap_or_default(), &call.head, request.deterministic())?;
    let mut account = Account::open(gateway, config, call, &caller, &request, &body)?;
    let wanted = Wanted { caller: &caller, request: &request, model, stand_in, user: caller.end_user(request.user()), kept: account.kept };
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
                Found::Answer { body, age, ttl, usage } => {
                    let content_type = if request.stream() { EVENT_STREAM } else { "application/json" };
                    let mut lines = Lines::default();
                    lines.add("content-type", content_type);
                    lines.add("cache-status", &visit.hit(ttl));
                    lines.add("age", &age.to_string());
                    lines.add("x-maya-model", model.id);
                    lines.add("server-timing", &timing.header());
                    account.say(&mut lines);
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

    if let Some(stored) = account.reserve(&wanted).await? {
        return Ok(again(gateway, call, stored));
    }
    let question = Question {
        method: "POST",
        target: endpoint.path(),
        model: model.id,
        body: request.rewritten(model.id, added_cap).or_else(|| folded.clone()),
        stand_in: stand_in.map(|other| {
            let cap = request.lacks_cap().then_some(other.cap_tokens);
            (other.id, request.rewritten(other.id, cap).unwrap_or_else(|| request.root().raw().as_bytes().to_vec()))
        }),
        streaming: request.stream(),
    };
    let reply = match ask(config, call, question).await {
        Ok(reply) => reply,
        Err(error) => {
            account.release(model.id, error.status);
            return Err(error);
        }
    };
    timing.upstream(reply.elapsed_ms);
    if reply.stood_in {
        // Kept under the name of the model that was asked, it would outlive that model's failure.
        visit.place = None;
    }
    give(Giving { gateway, call, caller: &caller, request: &request, visit, timing }, account, reply).await
}

const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

/// The answer that the same call had before.
fn again(gateway: &Gateway, call: &Call, stored: Stored) -> Answered {
    let mut lines = Lines::default();
    lines.add("content-type", &stored.content_type);
    lines.add("idempotent-replayed", "true");
    add_common(gateway, call, None, &mut lines);
    call.respond(stored.status, &lines, Some(stored.body))
}

async fn read_body(call: &Call) -> Result<Vec<u8>, Error> {
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
}

/// Gives the caller what Cerebras said, and keeps what may be kept once it has gone out.
async fn give(giving: Giving<'_>, mut account: Account<'_>, reply: Reply<'_>) -> Result<Answered, Error> {
    let Giving { gateway, call, request, visit, timing, .. } = &giving;
    let Reply { arrival, model, attempts, overtaken, .. } = reply;
    let status = arrival.status;
    let (quality, usage) = if status != 200 || arrival.is_stream { (Quality::Passing, None) } else { judged(&arrival.body) };
    let answers = status == 200 && quality != Quality::Unreadable && arrival.is_stream == request.stream();
    if !answers {
        account.release(model, if status < 400 { 502 } else { status });
        if status < 400 {
            return Err(error::upstream::unreadable());
        }
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
    lines.add("server-timing", &timing.header());
    account.say(&mut lines);
    add_common(gateway, call, answer::request_id(&arrival), &mut lines);

    if status >= 400 {
        let body = answer::error_body(&arrival)?.into_owned();
        return Ok(if overtaken { call.pass_earlier(status, &lines, body) } else { call.pass(status, &lines, Some(body)) });
    }
    let content_type = arrival.content_type.as_str();
    if arrival.is_stream {
        let (answered, relayed) = call.relay(status, &lines).await;
        finish_stream(&giving, &mut account, Outcome { model, status, content_type, ..Outcome::default() }, &relayed).await;
        return Ok(answered);
    }
    let estimate = estimate(request, usage, &arrival.body);
    account.settle(Outcome { model, status, usage, estimate, content_type, body: &arrival.body }).await;
    let answered = call.pass(status, &lines, None);
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
async fn finish_stream(giving: &Giving<'_>, account: &mut Account<'_>, outcome: Outcome<'_>, relayed: &Arrival) {
    let Giving { gateway, call, request, visit, .. } = giving;
    let ending = sse::ending(&relayed.body, request.choices());
    let outcome = Outcome { usage: ending.usage, estimate: estimate(request, ending.usage, &relayed.body), ..outcome };
    if ending.whole {
        account.settle(Outcome { body: &relayed.body, ..outcome }).await;
    } else {
        // Nobody may take half an answer for the answer to the same call, so it is settled without its body.
        account.settle_broken(outcome);
    }
    if ending.unterminated {
        return call.end(Some(b"\n\n".to_vec()), false).await;
    }
    let frame = (!ending.whole && !ending.told_error).then(|| {
        let error = match (relayed.failure, gateway.config()) {
            (Some(late @ (Failure::FirstByteLate | Failure::TotalLate)), Ok(config)) => failed(config, late),
            _ => error::upstream::incomplete(),
        };
        sse::mend(&relayed.body, &error.frame_members())
    });
    // Behind a [DONE] that cannot be unsaid, many clients read no frame; most notice a connection that breaks.
    call.end(frame, ending.done && !ending.whole).await;
    if !ending.whole || visit.store.is_none() || visit.place.is_none() {
        return;
    }
    // Whether every choice is one to keep is told by the whole answer that the stream spelled.
    let whole = replay::stream_to_whole(&relayed.body, request.endpoint());
    if whole.is_some_and(|whole| judge(&whole) == Quality::Keepable) {
        keep(giving, visit.entry(Form::Stream, &relayed.body, ending.usage, call.now_ms())).await;
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
