//! `/v1/chat/completions` and `/v1/completions`: the life of a request, from the door to the answer and what follows it.

use std::rc::Rc;

use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;

use super::add_common;
use crate::Gateway;
use crate::admission;
use crate::boundary::{self, Call, Context, Kv, ReadHeader};
use crate::cache::entry::{Entry, Form};
use crate::cache::key::{self, CacheKey, Scope};
use crate::cache::replay;
use crate::cache::steering::Steering;
use crate::cloud::answer;
use crate::cloud::call::{Question, Reply, ask, failed};
use crate::error::{self, Error};
use crate::protocol::answer::{Quality, judge};
use crate::protocol::headers::Lines;
use crate::protocol::request::{CompletionRequest, Endpoint, fold_extra_body};
use crate::protocol::sse;
use crate::telemetry::timing::Timing;

/// The largest body, in bytes: what Cerebras's own limit on pictures needs.
const LARGEST_BODY: u32 = 10 * 1024 * 1024;

/// Answers a completion request.
///
/// # Errors
/// What is wrong with the request, or with the way to Cerebras.
pub async fn answer(gateway: &Gateway, call: &Rc<Call>, context: Context, endpoint: Endpoint, tenant: Option<&str>) -> Result<JsValue, Error> {
    let config = gateway.config()?;
    let key = admission::admit(config, &call.head, tenant)?;
    let body = read_body(call).await?;
    let folded = fold_extra_body(&body)?;
    let request = CompletionRequest::read(folded.as_deref().unwrap_or(&body), endpoint)?;
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
    if let Some((kv, key)) = visit.place.as_ref().filter(|_| steering.read) {
        let found = kv.get(&key.name()).await;
        let now_ms = boundary::now_ms();
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
                    return Ok(call.respond(200, lines.text(), Some(&body)));
                }
                Found::TooOld => visit.forward = "request",
                Found::Nothing => {}
            },
            Ok(None) => {}
            Err(_) => visit.failed("read"),
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
    give(gateway, call, &context, &request, reply, visit, &timing)
}

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

/// Where the cache stands in a request: the place of its entry, and what `Cache-Status` will say.
struct CacheVisit {
    place: Option<(Kv, CacheKey)>,
    store: Option<u32>,
    /// Why the request went forward (RFC 9211 section 2.2).
    forward: &'static str,
    detail: Option<&'static str>,
}

impl CacheVisit {
    fn new(gateway: &Gateway, steering: &Steering, key: impl FnOnce() -> CacheKey) -> Self {
        let kv = gateway.cache().filter(|_| steering.involved());
        let detail = (steering.involved() && kv.is_none()).then_some("no-binding");
        let forward = match (&kv, steering.read) {
            (None, _) => "bypass",
            (Some(_), true) => "miss",
            (Some(_), false) => "request",
        };
        Self { place: kv.map(|kv| (kv.clone(), key())), store: steering.store, forward, detail }
    }

    /// A cache that cannot be reached costs a call, not an answer.
    fn failed(&mut self, what: &'static str) {
        self.detail = Some("unreachable");
        boundary::log_failure("cache", what);
    }

    fn status(&self, stored: bool) -> String {
        let stored = if stored { "; stored" } else { "" };
        let detail = self.detail.map(|detail| format!("; detail={detail}")).unwrap_or_default();
        format!("maya-edge; fwd={}{stored}{detail}", self.forward)
    }

    /// What stores an answer, when it is to be stored.
    fn keeping(&self, form: Form, body: &[u8]) -> Option<impl Future<Output = ()> + 'static> {
        let ((kv, key), ttl) = self.place.clone().zip(self.store)?;
        let entry = Entry { form, stored_ms: boundary::now_ms(), ttl, body }.encode();
        Some(async move {
            if kv.put(&key.name(), &entry, ttl).await.is_err() {
                boundary::log_failure("cache", "write");
            }
        })
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
        (Form::Whole, false) => Some(entry.body.to_vec()),
        (Form::Stream, true) => Some(replay::stream(entry.body, request.include_usage())),
        (Form::Whole, true) => replay::whole_to_stream(entry.body, request.endpoint()),
        (Form::Stream, false) => replay::stream_to_whole(entry.body, request.endpoint()),
    };
    body.map_or(Found::Nothing, |body| Found::Answer { body, age, ttl })
}

/// Gives the caller what Cerebras said, and keeps what may be kept once it has gone out.
fn give(
    gateway: &Gateway,
    call: &Rc<Call>,
    context: &Context,
    request: &CompletionRequest<'_>,
    reply: Reply<'_>,
    visit: CacheVisit,
    timing: &Timing,
) -> Result<JsValue, Error> {
    let Reply { arrival, model, attempts, .. } = reply;
    let status = arrival.status();
    let quality = if status != 200 || arrival.is_stream() { Quality::Passing } else { judge(arrival.body()) };
    if quality == Quality::Unreadable || (status == 200 && request.stream() && !arrival.is_stream()) {
        return Err(error::upstream::unreadable());
    }
    let keeping = if quality == Quality::Keepable { visit.keeping(Form::Whole, arrival.body()) } else { None };

    let mut lines = Lines::default();
    answer::add_headers(&arrival, &mut lines);
    lines.add("content-type", answer::content_type(&arrival));
    lines.add("cache-status", &visit.status(keeping.is_some()));
    lines.add("x-maya-model", model);
    lines.add("x-maya-attempts", &attempts.to_string());
    lines.add("server-timing", &timing.header());
    add_common(gateway, call, answer::request_id(&arrival), &mut lines);

    if status >= 400 {
        let body = answer::error_body(&arrival)?;
        return Ok(call.respond(status, lines.text(), Some(&body)));
    }
    if !arrival.is_stream() {
        let response = call.pass(status, lines.text());
        if let Some(keeping) = keeping {
            context.wait_until(future_to_promise(async move {
                keeping.await;
                Ok(JsValue::UNDEFINED)
            }));
        }
        return Ok(response);
    }
    let response = call.relay(status, lines.text());
    context.wait_until(future_to_promise(finish_stream(gateway.clone(), call.clone(), request.choices(), visit)));
    Ok(response)
}

/// What follows a relayed stream: an error frame when it broke off, the end, and the cache entry when it is one to keep.
async fn finish_stream(gateway: Gateway, call: Rc<Call>, choices: usize, visit: CacheVisit) -> Result<JsValue, JsValue> {
    let relayed = call.relayed().await;
    let ending = sse::ending(relayed.body(), choices);
    if ending.whole || ending.told_error {
        call.end(None).await;
    } else {
        let error = match (relayed.failure(), gateway.config()) {
            (Some(failure), Ok(config)) => failed(config, failure),
            _ => error::upstream::incomplete(),
        };
        call.end(Some(&sse::mend(relayed.body(), &error.frame_members()))).await;
    }
    if ending.whole && visit.store.is_some() {
        // Whether every choice is one to keep is told by the whole answer that the stream spelled.
        let whole = replay::stream_to_whole(relayed.body(), Endpoint::Chat);
        if whole.is_some_and(|whole| judge(&whole) == Quality::Keepable)
            && let Some(keeping) = visit.keeping(Form::Stream, relayed.body())
        {
            keeping.await;
        }
    }
    Ok(JsValue::UNDEFINED)
}
