//! `/v1/campaigns`: a brief, platforms and a timeline become posts, in the background. `campaigns/run.rs` makes them; what a campaign looks
//! like is in `shown.rs`.

mod shown;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::administration::{self, Ledger};
use super::files::{Owner, refusal};
use super::posting::questions::{most_of, unpriced, writer};
use super::posting::{Desk, event};
use super::query::{Query, wrong};
use super::route::CampaignTarget;
use super::understanding::Door;
use super::{add_common, brands, tell};
use crate::Gateway;
use crate::admission::keys::hex;
use crate::admission::record::Scope;
use crate::admission::{self, Caller, OWN_LEDGER};
use crate::batches::message::{Ask, flag};
use crate::batches::run::Shop;
use crate::batches::{KEPT_SECONDS, written};
use crate::boundary::{Answered, Call, ReadHeader};
use crate::campaigns::PREFIX;
use crate::campaigns::message::Asked;
use crate::campaigns::run::{opened, sealed_as};
use crate::cloud::inquire::Asker;
use crate::cloud::inquiry::Inquiry;
use crate::config::Config;
use crate::content::brand::Brand;
use crate::content::campaign::course::{Course, Slot as Place};
use crate::content::campaign::plan::Plan;
use crate::content::campaign::strategy;
use crate::content::draft::Slot;
use crate::content::export;
use crate::content::prompt::{Brief, Work, inquiry};
use crate::error::Error;
use crate::protocol::headers::Lines;

/// The largest body, in bytes.
const LARGEST_BODY: u32 = 256 * 1024;
/// The most campaigns in one answer, and how many unless the caller says otherwise.
const MOST_CAMPAIGNS: u64 = 100;
const USUAL_CAMPAIGNS: u64 = 20;
/// How many questions a post's own hold is for: one, one more with the fault named, and one in other words.
const QUESTIONS: u64 = 3;
/// How long a stream of events lasts, in ms: who reads it comes again with the last event's number.
const STREAM_MS: u64 = 300_000;
/// How often a store is asked for events, in ms: at first, and when nothing has happened for long.
const SHORTEST_WAIT_MS: u32 = 250;
const LONGEST_WAIT_MS: u32 = 2_000;
/// After so long without an event a stream says that it is still there, in ms.
const SILENCE_MS: u64 = 15_000;

/// A campaign with its texts, as a store has told it.
struct Known {
    course: Course,
    plan: Option<Plan>,
    texts: BTreeMap<String, Value>,
    left_ms: Option<u64>,
}

/// Answers for campaigns.
///
/// # Errors
/// Those of admission, of the body and of the store.
pub async fn answer(
    gateway: &Gateway,
    call: &Call,
    method: &str,
    target: &CampaignTarget,
    query: Option<&str>,
    tenant: Option<&str>,
) -> Result<Answered, Error> {
    let owner = Owner::admitted(gateway, call, Scope::Content, tenant).await?;
    if owner.caller.digest.is_none() {
        let message = "Campaigns belong to the tenant: they are made and read with a key, not with a browser token.";
        return Err(refusal(403, "key_needed", "api_key", message));
    }
    match (target, method) {
        (CampaignTarget::All, "POST") => {
            let (known, again) = create(gateway, call, &owner).await?;
            Ok(tell(gateway, call, if again { 200 } else { 202 }, &shown::campaign(&known, false)))
        }
        (CampaignTarget::All, _) => {
            let query = Query::read(query, &["after", "limit"])?;
            let limit = query.limit(USUAL_CAMPAIGNS, MOST_CAMPAIGNS)?;
            let (told, bytes) = ask(&owner, Asked::List { after: query.get("after").map(str::to_owned), limit }, Vec::new()).await?;
            let mut listed = Vec::new();
            let mut rest = bytes.as_slice();
            for told in told.get("campaigns").and_then(Value::as_array).into_iter().flatten() {
                let size =
                    told.pointer("/texts/0/1").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
                let (own, behind) = rest.split_at_checked(size).unwrap_or((rest, &[]));
                rest = behind;
                listed.push(shown::campaign(&known(&owner, told, own).await?, false));
            }
            Ok(tell(gateway, call, 200, &written::page(listed, flag(&told, "more"))))
        }
        (CampaignTarget::One(id), "DELETE") => {
            let (told, bytes) = ask(&owner, Asked::Delete { id: id.clone() }, Vec::new()).await?;
            if told.get("error").is_some() {
                return Err(unknown(id));
            }
            if flag(&told, "deleted") {
                owner.post("campaign_deleted", json!({"campaign": id}));
                return Ok(tell(gateway, call, 200, &json!({"id": id, "object": "campaign", "deleted": true})));
            }
            owner.post("campaign_cancelled", json!({"campaign": id}));
            Ok(tell(gateway, call, 200, &shown::campaign(&known(&owner, &told, &bytes).await?, true)))
        }
        (CampaignTarget::Events(id), _) => events(gateway, call, &owner, id, query).await,
        (CampaignTarget::One(id), _) => Ok(tell(gateway, call, 200, &shown::campaign(&one(&owner, id).await?, true))),
        (CampaignTarget::Calendar(id), _) => {
            let known = one(&owner, id).await?;
            let name = known.plan.as_ref().map(|plan| plan.name.as_str()).filter(|name| !name.is_empty()).unwrap_or("Campaign");
            let calendar = export::calendar(name, &shown::planned(&known, true), call.now_ms());
            Ok(file(gateway, call, "text/calendar; charset=utf-8", &format!("{id}.ics"), calendar))
        }
        (CampaignTarget::Table(id), _) => {
            let table = export::table(&shown::planned(&one(&owner, id).await?, false));
            Ok(file(gateway, call, "text/csv; charset=utf-8", &format!("{id}.csv"), table))
        }
    }
}

/// Asks the tenant's store.
async fn ask(owner: &Owner<'_>, asked: Asked, bytes: Vec<u8>) -> Result<(Value, Vec<u8>), Error> {
    owner.shop().ask(&Ask::Campaign(asked), bytes).await
}

fn file(gateway: &Gateway, call: &Call, content_type: &str, name: &str, text: String) -> Answered {
    let mut lines = Lines::default();
    lines.add("content-type", content_type);
    lines.add("content-disposition", &format!("attachment; filename=\"{name}\""));
    add_common(gateway, call, None, &mut lines);
    call.respond(200, &lines, (call.head.method() != "HEAD").then(|| text.into_bytes()))
}

fn unknown(id: &str) -> Error {
    let shown: String = id.chars().take(64).collect();
    let message = format!("There is no campaign {shown}. `GET /v1/campaigns` lists those that are kept.");
    refusal(404, "campaign_not_found", "campaign_id", message)
}

/// A campaign with its texts opened, from what a store says of it.
async fn known(owner: &Owner<'_>, told: &Value, bytes: &[u8]) -> Result<Known, Error> {
    let course = told.get("course").and_then(Course::read).ok_or_else(|| {
        let message = "What the store has of the campaign is of another version of the gateway. Deploy that again.";
        Error::new(500, "unreadable_campaign", message)
    })?;
    let texts = opened(owner.shop().call, Some(owner.sealing()?), &course.id, told, bytes).await;
    let plan = texts.get("plan").and_then(|plan| Plan::read(plan.to_string().as_bytes()).ok());
    Ok(Known { course, plan, texts, left_ms: told.get("left_ms").and_then(Value::as_u64) })
}

async fn one(owner: &Owner<'_>, id: &str) -> Result<Known, Error> {
    let (told, bytes) = ask(owner, Asked::Show { id: id.to_owned(), posts: true }, Vec::new()).await?;
    if told.get("error").is_some() {
        return Err(unknown(id));
    }
    known(owner, &told, &bytes).await
}

// Making

/// A body, and the brand that it names.
async fn read_plan(call: &Call, caller: &Caller) -> Result<(Vec<u8>, Plan, Option<Brand>), Error> {
    let body = administration::bytes(call, LARGEST_BODY).await?;
    let plan = Plan::read(&body)?;
    let brand = match &plan.order.brand {
        Some(id) => {
            let ledger = Ledger { call, who: caller.record.id.clone(), tenant: caller.tenant_name().to_owned(), region: caller.region() };
            Some(brands::of_tenant(&ledger, id).await?)
        }
        None => None,
    };
    Ok((body, plan, brand))
}

/// Answers with a strategy alone: what a campaign begins with.
///
/// # Errors
/// Those of admission, of the body and of the brand; what the ledger or a guardrail refuses.
pub async fn strategy_alone(gateway: &Gateway, call: &Call, tenant: Option<&str>) -> Result<Answered, Error> {
    let config = gateway.config()?;
    let caller = admission::admit(gateway, call, Scope::Content, tenant).await?;
    let (body, plan, brand) = read_plan(call, &caller).await?;
    let door = Door { asker: Asker { gateway, config, call, caller: &caller }, body };
    let mut desk = Desk::new(&door, &plan.order, brand);
    let told = desk.strategy(&plan).await?;
    Ok(tell(gateway, call, 200, &told))
}

/// The most that the strategy and one post may cost, in micro-dollars.
fn holds(config: &Config, caller: &Caller, plan: &Plan, brand: Option<&Brand>) -> Result<(u64, u64), Error> {
    let model = writer(config, &plan.order, brand);
    let most = |question: Inquiry| most_of(config, caller, &Inquiry { model: model.clone(), ..question }).ok_or_else(|| unpriced(&model));
    let strategy = most(strategy::inquiry(plan))?;
    let order = plan.longest_order();
    let rules = |platform| config.platforms.rules(platform);
    let brief = Brief { work: Work::Write, order: &order, brand, intent: None, rules: &rules };
    let mut post = 0;
    for platform in &plan.order.platforms {
        let slot = Slot { key: format!("{}_1", platform.name()), platform: Some(*platform), variant: 1, source: String::new() };
        post = post.max(most(inquiry(&brief, &[slot], &[]))?);
    }
    // An answer that does not fit is asked for once more, with a few words on what is wrong.
    let strategy = strategy.saturating_mul(2).saturating_add(strategy.div_euclid(4));
    Ok((strategy, post.saturating_mul(QUESTIONS)))
}

/// Makes a campaign: it, and whether it was there before.
async fn create(gateway: &Gateway, call: &Call, owner: &Owner<'_>) -> Result<(Known, bool), Error> {
    let config = gateway.config()?;
    let caller = &owner.caller;
    let (_, plan, brand) = read_plan(call, caller).await?;
    caller.may_call(config, &writer(config, &plan.order, brand.as_ref()))?;
    let holds = match plan.budget {
        Some(budget) => {
            let holds = holds(config, caller, &plan, brand.as_ref())?;
            let least = holds.0.saturating_add(holds.1);
            if budget < least {
                let message = format!(
                    "The budget is {budget} micro-dollars, and the strategy and one post may cost {least} by the prices in MODELS. Allow at \
                     least that, or leave `budget` out."
                );
                return Err(Error::invalid("budget_too_small", "budget", message));
            }
            holds
        }
        None => (0, 0),
    };
    let key = caller.digest.map(|digest| digest.hex()).unwrap_or_default();
    let plan_text = plan.written().to_string();
    let id = match call.head.header(ReadHeader::IdempotencyKey) {
        // The same call of the same key is the same campaign.
        Some(given) => {
            let digest = Sha256::digest(format!("{key}\n{given}").as_bytes());
            format!("{PREFIX}{}", hex(digest.get(..12).unwrap_or_default()))
        }
        None => format!("{PREFIX}{}", hex(&call.secret_bytes(12))),
    };
    let shop = owner.shop();
    let course = Course {
        id: id.clone(),
        tenant: shop.tenant.to_owned(),
        region: shop.region.map(|region| region.jurisdiction().to_owned()),
        key,
        budget: plan.budget,
        holds,
        kept_ms: owner.kept_ms(KEPT_SECONDS),
        slots: vec![Place::default(); plan.slots().len()],
        ..Course::default()
    };
    let sealed = call.seal_all(vec![(sealed_as(&id, "plan"), plan_text.as_bytes())], owner.sealing()?).await;
    let sealed = sealed.ok_or_else(|| Error::new(500, "not_sealed", "The plan could not be encrypted. Try again."))?.concat();
    let (told, bytes) = ask(owner, Asked::Create { course: course.written() }, sealed).await?;
    let made = known(owner, &told, &bytes).await?;
    if told.get("known").is_some_and(Value::is_string) {
        let same = made.plan.as_ref().is_some_and(|known| known.written() == plan.written()) && made.course.budget == plan.budget;
        if same {
            return Ok((made, true));
        }
        let message = "This Idempotency-Key made another campaign. Use a new one for a new campaign.";
        return Err(refusal(422, "idempotency_key_reused", "idempotency-key", message));
    }
    // Cron looks after what was left behind.
    let remember = Ask::Remember { tenant: shop.tenant.to_owned(), region: shop.region };
    Shop { call, tenant: OWN_LEDGER, region: None }.ask(&remember, Vec::new()).await?;
    owner.post("campaign_created", json!({"campaign": id, "slots": made.course.slots.len(), "budget_micro_dollars": plan.budget}));
    Ok((made, false))
}

// Telling

/// A stream of what happens, from the event on that the caller has not seen.
async fn events(gateway: &Gateway, call: &Call, owner: &Owner<'_>, id: &str, query: Option<&str>) -> Result<Answered, Error> {
    let query = Query::read(query, &["last_event_id"])?;
    let header = call.header("last-event-id");
    let given = Some(header.trim()).filter(|given| !given.is_empty()).or_else(|| query.get("last_event_id"));
    let mut after = match given {
        Some(given) => given.parse().map_err(|_| wrong("last_event_id", "must be the number of an event, as `id` says it"))?,
        None => 0_u64,
    };
    let known = one(owner, id).await?;
    let (mut told, mut bytes) = ask(owner, Asked::Events { id: id.to_owned(), after }, Vec::new()).await?;
    let mut lines = Lines::default();
    let nothing = |told: &Value| told.get("events").and_then(Value::as_array).is_none_or(Vec::is_empty);
    if flag(&told, "ended") && nothing(&told) {
        // What the standard has for a client that would come again and again (WHATWG, server-sent events).
        add_common(gateway, call, None, &mut lines);
        return Ok(call.respond(204, &lines, None));
    }
    lines.add("content-type", "text/event-stream; charset=utf-8");
    add_common(gateway, call, None, &mut lines);
    if call.head.method() == "HEAD" {
        return Ok(call.respond(200, &lines, None));
    }
    let answered = call.open_stream(200, &lines);
    let begun_ms = call.now_ms();
    let (mut wait_ms, mut told_ms) = (SHORTEST_WAIT_MS, begun_ms);
    let mut out = b"retry: 1000\n\n".to_vec();
    loop {
        let texts = opened(call, owner.sealing().ok(), id, &told, &bytes).await;
        for entry in told.get("events").and_then(Value::as_array).into_iter().flatten() {
            after = entry.get(0).and_then(Value::as_u64).unwrap_or(after);
            let name = entry.get(1).and_then(Value::as_str).unwrap_or_default();
            let data = shown::event(&known, name, entry.get(2).unwrap_or(&Value::Null), &texts);
            out.extend_from_slice(format!("id: {after}\n").as_bytes());
            out.extend(event(name, &data));
        }
        let now_ms = call.now_ms();
        if out.is_empty() && now_ms.saturating_sub(told_ms) >= SILENCE_MS {
            out.extend_from_slice(b": still here\n\n");
        }
        wait_ms = if out.is_empty() { wait_ms.saturating_mul(2).min(LONGEST_WAIT_MS) } else { SHORTEST_WAIT_MS };
        if !out.is_empty() {
            told_ms = now_ms;
            if !call.write(std::mem::take(&mut out)).await {
                return Ok(answered);
            }
        }
        if flag(&told, "ended") || now_ms.saturating_sub(begun_ms) >= STREAM_MS {
            break;
        }
        if !flag(&told, "more") {
            call.pause(wait_ms).await;
        }
        // A store that cannot be reached ends the stream; its reader comes again.
        let Ok(next) = ask(owner, Asked::Events { id: id.to_owned(), after }, Vec::new()).await else { break };
        (told, bytes) = next;
        if told.get("error").is_some() {
            break;
        }
    }
    call.end(None, false).await;
    Ok(answered)
}
