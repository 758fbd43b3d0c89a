//! `/v1/chat/completions` and `/v1/completions`: the life of a request, from the door to the answer and what follows it.

use super::add_common;
use crate::Gateway;
use crate::admission;
use crate::boundary::{Answered, Arrival, Call, Failure, ReadHeader};
use crate::cache::entry::{Entry, Form};
use crate::cache::key::{self, CacheKey, Scope};
use crate::cache::replay;
use crate::cache::steering::Steering;
use crate::cloud::answer;
use crate::cloud::call::{Question, Reply, ask, failed};
use crate::error::{self, Error};
use crate::protocol::answer::{Quality, judge};
use crate::protocol::headers::Lines;
use crate::protocol::request::{CompletionRequest, Endpoint};
use crate::protocol::sse;
use crate::telemetry::timing::Timing;

/// The largest body, in bytes: what Cerebras's own limit on pictures needs.
const LARGEST_BODY: u32 = 10 * 1024 * 1024;

/// Answers a completion request.
///
/// # Errors
/// What is wrong with the request, or with the way to Cerebras.
pub async fn answer(gateway: &Gateway, call: &Call, endpoint: Endpoint, tenant: Option<&str>) -> Result<Answered, Error> {
    let config = gateway.config()?;
    let key = admission::admit(config, &call.head, tenant)?;
    let body = read_body(call).await?;
    let mut request = CompletionRequest::read(&body, endpoint)?;
    let folded = request.folded()?;
    if let Some(folded) = &folded {
        request = CompletionRequest::read(folded, endpoint)?;
    }
    let model = config.models.resolve(request.model());
    let added_cap = request.lacks_cap().then_some(model.cap_tokens);

    let steering = Steering::read(config, &call.head, request.deterministic())?;
    let mut timing = Timing::default();
    let mut visit = CacheVisit::new(gateway, &steering, || {
        let scope = Scope { tenant: &key.tenant, model: model.id, added_cap, policy: &config.policy_version };
        match &steering.chosen_key {
            Some(chosen) => key::of_chosen(&scope, endpoint, chosen),
            None => key::of_request(&scope, &request),
        }
    });
    if let Some(key) = visit.place.filter(|_| steering.read) {
        let found = call.look(CACHE, &key.name(), None).await;
        let now_ms = call.now_ms();
        timing.cache(now_ms.saturating_sub(call.head.now_ms));
        match &found {
            Ok(Some(bytes)) => match replayed(bytes, &request, steering.max_age, now_ms) {
                Found::Answer { body, age, ttl } => {
                    let mut lines = Lines::default();
                    lines.add("content-type", if request.stream() { EVENT_STREAM } else { "application/json" });
                    lines.add("cache-status", &format!("maya-edge; hit; ttl={ttl}"));
                    lines.add("age", &age.to_string());
                    lines.add("x-maya-model", model.id);
                    lines.add("server-timing", &timing.header());
                    add_common(gateway, call, None, &mut lines);
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
        let message = "`only-if-cached` was asked, and there is no cached answer to this request.";
        return Err(Error::new(504, "not_cached", message).about("cache-control").final_word());
    }

    let stand_in = model.fallback(&config.models, request.pictures());
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
    let reply = ask(config, call, question).await?;
    timing.upstream(reply.elapsed_ms);
    if reply.stood_in {
        // Kept under the name of the model that was asked, it would outlive that model's failure.
        visit.place = None;
    }
    give(gateway, call, &request, reply, visit, &timing).await
}

/// The KV namespace of cached answers.
pub const CACHE: &str = "CACHE";

const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

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

/// Where the cache stands in a request: the name of its entry, and what `Cache-Status` will say.
struct CacheVisit {
    place: Option<CacheKey>,
    store: Option<u32>,
    /// Why the request went forward (RFC 9211 section 2.2).
    forward: &'static str,
    detail: Option<&'static str>,
}

impl CacheVisit {
    fn new(gateway: &Gateway, steering: &Steering, key: impl FnOnce() -> CacheKey) -> Self {
        let bound = gateway.has_cache();
        let place = (steering.involved() && bound).then(key);
        let forward = match (place, steering.read) {
            (None, _) => "bypass",
            (Some(_), true) => "miss",
            (Some(_), false) => "request",
        };
        Self { place, store: steering.store, forward, detail: (steering.involved() && !bound).then_some("no-binding") }
    }

    /// The entry of an answer that is to be stored, under its name.
    fn entry(&self, form: Form, body: &[u8], now_ms: u64) -> Option<(CacheKey, Vec<u8>, u32)> {
        let (key, ttl) = self.place.zip(self.store)?;
        Some((key, Entry { form, stored_ms: now_ms, ttl, body }.encode(), ttl))
    }

    fn status(&self, stored: bool) -> String {
        let stored = if stored { "; stored" } else { "" };
        let detail = self.detail.map(|detail| format!("; detail={detail}")).unwrap_or_default();
        format!("maya-edge; fwd={}{stored}{detail}", self.forward)
    }
}

enum Found {
    Answer { body: Vec<u8>, age: u32, ttl: u32 },
    TooOld,
    Nothing,
}

/// An entry in the caller's own form.
fn replayed(bytes: &[u8], request: &CompletionRequest<'_>, max_age: Option<u32>, now_ms: u64) -> Found {
    let Some(entry) = Entry::decode(bytes) else { return Found::Nothing };
    let (Some(ttl), age) = (entry.remaining(now_ms), entry.age(now_ms)) else { return Found::Nothing };
    if max_age.is_some_and(|most| age > most) {
        return Found::TooOld;
    }
    let body = match (entry.form, request.stream()) {
        (Form::Whole, false) => (judge(entry.body) == Quality::Keepable).then(|| entry.body.to_vec()),
        (Form::Stream, true) => Some(replay::stream(entry.body, request.include_usage())),
        (Form::Whole, true) => replay::whole_to_stream(entry.body, request.endpoint()),
        (Form::Stream, false) => replay::stream_to_whole(entry.body, request.endpoint()),
    };
    body.map_or(Found::Nothing, |body| Found::Answer { body, age, ttl })
}

/// Gives the caller what Cerebras said, and keeps what may be kept once it has gone out.
async fn give(
    gateway: &Gateway,
    call: &Call,
    request: &CompletionRequest<'_>,
    reply: Reply<'_>,
    visit: CacheVisit,
    timing: &Timing,
) -> Result<Answered, Error> {
    let Reply { arrival, model, attempts, overtaken, .. } = reply;
    let status = arrival.status;
    let quality = if status != 200 || arrival.is_stream { Quality::Passing } else { judge(&arrival.body) };
    let answers = status == 200 && quality != Quality::Unreadable && arrival.is_stream == request.stream();
    if !answers && status < 400 {
        return Err(error::upstream::unreadable());
    }
    let entry = match quality {
        Quality::Keepable if visit.store.is_some() => visit.entry(Form::Whole, &arrival.body, call.now_ms()),
        _ => None,
    };

    let mut lines = Lines::default();
    lines.add("content-type", &arrival.content_type);
    lines.add("cache-status", &visit.status(entry.is_some()));
    lines.add("x-maya-model", model);
    lines.add("x-maya-attempts", &attempts.to_string());
    lines.add("server-timing", &timing.header());
    add_common(gateway, call, answer::request_id(&arrival), &mut lines);

    if status >= 400 {
        let body = answer::error_body(&arrival)?.into_owned();
        return Ok(if overtaken { call.pass_earlier(status, &lines, body) } else { call.pass(status, &lines, Some(body)) });
    }
    if arrival.is_stream {
        let (answered, relayed) = call.relay(status, &lines).await;
        finish_stream(gateway, call, request, &relayed, &visit).await;
        return Ok(answered);
    }
    let answered = call.pass(status, &lines, None);
    keep(call, entry).await;
    Ok(answered)
}

/// What follows a relayed stream: an error frame when it broke off, the end, and the cache entry when it is one to keep.
async fn finish_stream(gateway: &Gateway, call: &Call, request: &CompletionRequest<'_>, relayed: &Arrival, visit: &CacheVisit) {
    let ending = sse::ending(&relayed.body, request.choices());
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
        keep(call, visit.entry(Form::Stream, &relayed.body, call.now_ms())).await;
    }
}

/// Stores an entry. The answer has gone out, so a failure is told to the operator alone.
async fn keep(call: &Call, entry: Option<(CacheKey, Vec<u8>, u32)>) {
    if let Some((key, entry, ttl)) = entry
        && call.keep(CACHE, &key.name(), entry, Some(ttl)).await.is_err()
    {
        call.log_failure("cache", "write");
    }
}
