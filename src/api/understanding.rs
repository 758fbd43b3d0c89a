//! `/v1/intents`, `/v1/sentiments`, `/v1/languages`, `/v1/pii`, `/v1/measures` and `/v1/moderations`: what texts are. The gateway's own models
//! answer, and the cloud where they are unsure and the caller lets it be asked.

use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::{add_common, administration};
use crate::Gateway;
use crate::admission::account::{Account, Outcome};
use crate::admission::memory::CACHED_SECONDS;
use crate::admission::record::{Scope, documents_name};
use crate::admission::{self, Caller, KEYS};
use crate::boundary::{Answered, Call, ReadHeader};
use crate::cloud::inquire::{Asker, inquire};
use crate::config::Config;
use crate::error::Error;
use crate::ledger::feedback::What;
use crate::ledger::message::{Given, Note};
use crate::protocol::headers::Lines;
use crate::protocol::usage::Usage;
use crate::telemetry::timing::Timing;
use crate::understanding::asked::Asked;
use crate::understanding::own::{KIND, Own};
use crate::understanding::{Mode, Subject, Verdict, cloud, edge, to_ask, vectors, with_cloud, without_cloud};

/// The largest body, in bytes.
const LARGEST_BODY: u32 = 1024 * 1024;

/// What the cloud was asked.
#[derive(Default)]
struct Inquiries {
    requests: u32,
    usage: Usage,
    model: String,
    elapsed_ms: u32,
}

/// What a request for the gateway's own models comes with.
pub struct Door<'a> {
    /// On whose behalf.
    pub asker: Asker<'a>,
    /// The body.
    pub body: Vec<u8>,
}

impl Door<'_> {
    /// Whether the call may be kept, when its body says so, too.
    pub fn keeps(&self, stored: bool) -> bool {
        // As for completions: Global Privacy Control is the browser's word for what `store: false` is the program's for.
        stored && self.asker.caller.stores() && self.asker.call.head.header(ReadHeader::Gpc) != Some("1")
    }

    /// Notes an answer of the gateway's own models. It costs nothing, counts towards no limit, and was reserved nowhere.
    pub fn note(&self, model: &str, named: Option<&str>, stored: bool, prompt_tokens: u64, answer: &[u8]) {
        let account = Account::of_inquiry(self.asker, self.asker.caller.end_user(named), self.keeps(stored), &self.body);
        let usage = Some(Usage { prompt_tokens, completion_tokens: 0 });
        account.note_edge(&Outcome { model, status: 200, usage, content_type: "application/json", body: answer, ..Outcome::default() });
    }

    /// Notes answers by their ids, so that feedback may name them, unless they are to be kept nowhere.
    pub fn remember(&self, named: Option<&str>, stored: bool, answers: Vec<(String, What)>) {
        let Asker { gateway, call, caller, .. } = self.asker;
        if !gateway.binds.ledger || !self.keeps(stored) || answers.is_empty() {
            return;
        }
        // The end user of a token is its own, whomever the body names.
        let given = Given { at_ms: call.head.now_ms, user: caller.end_user(named).map(str::to_owned), answers };
        gateway.note(caller.tenant_name(), caller.region(), Note::Given(given), Vec::new());
    }
}

/// Reads a body, for callers that may ask.
pub async fn read_body(call: &Call) -> Result<Vec<u8>, Error> {
    administration::bytes(call, LARGEST_BODY).await
}

/// Answers what texts are.
///
/// # Errors
/// Those of admission and of the body; with `edge: "never"` those of the cloud.
pub async fn answer(gateway: &Gateway, call: &Call, subject: Subject, tenant: Option<&str>) -> Result<Answered, Error> {
    let config = gateway.config()?;
    let caller = admission::admit(gateway, call, Scope::Edge, tenant).await?;
    let door = Door { asker: Asker { gateway, config, call, caller: &caller }, body: read_body(call).await? };
    let asked = Asked::read(subject, &door.body)?;
    let own = if subject == Subject::Intents { own_intents(gateway, call, &caller).await? } else { Rc::default() };
    let mut verdicts: Vec<Verdict> = asked.texts.iter().map(|text| edge(&asked, &own, text)).collect();
    let places = to_ask(asked.mode, &verdicts);
    let mut inquiries = Inquiries::default();
    if !places.is_empty() {
        ask_cloud(&door, &asked, &own, &mut verdicts, &places, &mut inquiries).await?;
    }

    let prompt_tokens = vectors::count(asked.texts.iter().map(String::as_str));
    let shaped = shaped(call, &asked, &verdicts, prompt_tokens, &inquiries);
    let answer = shaped.to_string().into_bytes();
    let of_edge = asked.texts.iter().zip(&verdicts).filter(|(_, verdict)| verdict.by == crate::understanding::By::Edge);
    let of_edge: Vec<&str> = of_edge.map(|(text, _)| text.as_str()).collect();
    if !of_edge.is_empty() {
        // Mostly all of them, which have been counted.
        let tokens = if of_edge.len() == asked.texts.len() { prompt_tokens } else { vectors::count(of_edge) };
        door.note(subject.model(), asked.user.as_deref(), asked.stored, tokens, &answer);
    }
    let model = if inquiries.requests > 0 { &inquiries.model } else { subject.model() };
    let what = What { model: model.to_owned(), task: subject.name().to_owned(), ..What::default() };
    let own_id = shaped.get("id").and_then(Value::as_str).unwrap_or_default();
    door.remember(asked.user.as_deref(), asked.stored, what.under(own_id, &call.settled_id(), call.head.now_ms));
    let mut lines = Lines::default();
    lines.add("content-type", "application/json");
    if inquiries.requests > 0 {
        let mut timing = Timing::default();
        timing.upstream(inquiries.elapsed_ms);
        lines.add("server-timing", &timing.header());
    }
    lines.add("x-maya-model", model);
    add_common(gateway, call, None, &mut lines);
    Ok(call.respond(200, &lines, Some(answer)))
}

/// Asks the cloud about some texts, portion by portion. With `first` a failure ends the asking, and what is left stays as the gateway itself has
/// judged it: what kept one portion from an answer would keep the next.
async fn ask_cloud(
    door: &Door<'_>,
    asked: &Asked,
    own: &Own,
    verdicts: &mut [Verdict],
    places: &[usize],
    inquiries: &mut Inquiries,
) -> Result<(), Error> {
    let mut left: Vec<usize> = places.to_vec();
    for portion in cloud::portions(&asked.texts, places) {
        let texts: Vec<&str> = portion.iter().filter_map(|place| asked.texts.get(*place)).map(String::as_str).collect();
        match ask_portion(door, asked, own, &texts, inquiries).await {
            Ok(said) => {
                with_cloud(asked.mode, verdicts, &portion, said);
                left.retain(|place| !portion.contains(place));
            }
            // Who has gone reads nothing, and a key of which the ledger has just said that it is revoked gets nothing.
            Err(error) if asked.mode == Mode::Never || matches!(error.status, 401 | 499) => return Err(error),
            Err(error) => {
                without_cloud(verdicts, &left, &error);
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn ask_portion(door: &Door<'_>, asked: &Asked, own: &Own, texts: &[&str], inquiries: &mut Inquiries) -> Result<Vec<Verdict>, Error> {
    let Asker { config, caller, .. } = door.asker;
    may_ask(config, caller)?;
    if inquiries.elapsed_ms >= config.total_ms {
        return Err(crate::cloud::inquiry::late(config.total_ms));
    }
    let inquiry = cloud::inquiry(asked.subject, own, texts, asked.user.clone(), door.keeps(asked.stored));
    let inquired = inquire(door.asker, &inquiry, |content| cloud::read(asked.subject, own, texts, &content)).await?;
    let used = inquired.usage;
    inquiries.requests = inquiries.requests.saturating_add(1);
    inquiries.usage.prompt_tokens = inquiries.usage.prompt_tokens.saturating_add(used.prompt_tokens);
    inquiries.usage.completion_tokens = inquiries.usage.completion_tokens.saturating_add(used.completion_tokens);
    inquiries.elapsed_ms = inquiries.elapsed_ms.saturating_add(inquired.elapsed_ms);
    inquiries.model = inquired.model;
    Ok(inquired.content)
}

/// What is known before the ledger is asked for leave.
fn may_ask(config: &Config, caller: &Caller) -> Result<(), Error> {
    caller.may_call(config, cloud::MODEL)?;
    crate::cloud::call::check_key(config)
}

/// The body of the answer.
fn shaped(call: &Call, asked: &Asked, verdicts: &[Verdict], prompt_tokens: u64, inquiries: &Inquiries) -> Value {
    let results: Vec<Value> = verdicts.iter().map(Verdict::result).collect();
    let mut usage = Map::new();
    usage.insert("prompt_tokens".to_owned(), prompt_tokens.into());
    usage.insert("total_tokens".to_owned(), prompt_tokens.into());
    if inquiries.requests > 0 {
        let Usage { prompt_tokens, completion_tokens } = inquiries.usage;
        let of_cloud = json!({
            "model": inquiries.model,
            "requests": inquiries.requests,
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
        });
        usage.insert("cloud".to_owned(), of_cloud);
    }
    let model = asked.subject.model();
    if asked.subject == Subject::Moderations {
        return json!({"id": format!("modr-{}", call.unique_id()), "model": model, "results": results, "usage": usage});
    }
    json!({"object": "list", "model": model, "results": results, "usage": usage})
}

/// The tenant's own intents.
///
/// # Errors
/// 503 when KV cannot be read, and this isolate has never read them: without them the answer may be another.
pub(super) async fn own_intents(gateway: &Gateway, call: &Call, caller: &Caller) -> Result<Rc<Own>, Error> {
    let (tenant, now_ms) = (caller.tenant_name(), call.head.now_ms);
    let Some(sealing) = caller.sealing().filter(|_| gateway.binds.keys) else { return Ok(Rc::default()) };
    if let Some(own) = gateway.own_intents.fresh(tenant, now_ms) {
        return Ok(own);
    }
    match call.look_sealed_within(KEYS, &documents_name(KIND, tenant), CACHED_SECONDS, sealing).await {
        Ok(found) => Ok(gateway.own_intents.put(tenant, &found.unwrap_or_default(), now_ms)),
        Err(_) => gateway.own_intents.last(tenant).ok_or_else(|| {
            Error::new(503, "intents_unreachable", "The tenant's own intents cannot be read right now. Try again.").about("KEYS")
        }),
    }
}
