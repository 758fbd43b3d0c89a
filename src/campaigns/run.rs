//! A worker of a campaign: the strategy asked for, posts written, all of them looked at. What is asked are calls like any other, through the
//! gateway's own door, with the key that made the campaign.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::message::Asked;
use crate::Gateway;
use crate::admission::{Tenant, tenant_of};
use crate::batches::message::{Ask, Work, number, text};
use crate::batches::outcome::{self, Outcome};
use crate::batches::run::Shop;
use crate::boundary::{Call, Landed as Answer, Sealing};
use crate::content::campaign::alike::alike;
use crate::content::campaign::course::{AT_ONCE, Course, Landed, Landing};
use crate::content::campaign::plan::Plan;
use crate::content::campaign::strategy::{self, Theme};
use crate::content::platform::Platform;
use crate::error::Error;
use crate::ledger::message::{Event, Note};
use crate::protocol::json::typed;

/// A worker ends after so long, in ms: an invocation of a queue ends after 15 minutes.
const LONGEST_MS: u64 = 480_000;
/// How much longer than the longest call work is held, in ms.
const LEASE_MARGIN_MS: u64 = 10_000;
/// Why a post may be less than what was asked for and still be one that a model has written. For any other reason the order's own words
/// stand in for it, and they are no post of a campaign.
const USABLE: [&str; 4] = ["too_long", "invented_link", "banned_word", "wrong_language"];

/// The name under which a text of a campaign is encrypted.
pub fn sealed_as(id: &str, name: &str) -> String {
    format!("{id} {name}")
}

/// Opens texts that a store has given: by their names. Those that no key opens any more are not there.
pub async fn opened(call: &Call, sealing: Option<Sealing<'_>>, id: &str, told: &Value, bytes: &[u8]) -> BTreeMap<String, Value> {
    let mut names = Vec::new();
    let mut from = 0_usize;
    let mut pieces = Vec::new();
    for entry in told.get("texts").and_then(Value::as_array).into_iter().flatten() {
        let size = entry.get(1).and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
        let to = from.saturating_add(size);
        if let (Some(name), Some(piece)) = (entry.get(0).and_then(Value::as_str), bytes.get(from..to)) {
            names.push((name.to_owned(), size));
            pieces.extend_from_slice(piece);
        }
        from = to;
    }
    let Some(sealing) = sealing else { return BTreeMap::new() };
    let sealed = names.iter().map(|(name, size)| (sealed_as(id, name), *size)).collect();
    let texts = call.unseal_all(sealed, pieces, sealing).await.unwrap_or_default();
    let read = |bytes: &[u8]| std::str::from_utf8(bytes).ok().and_then(|text| typed::read::<Value>(text).ok());
    names.into_iter().zip(texts).filter_map(|((name, _), bytes)| Some((name, read(&bytes)?))).collect()
}

struct Worker<'w> {
    shop: Shop<'w>,
    tenant: &'w Tenant,
    course: &'w Course,
    plan: &'w Plan,
    lease_ms: u64,
}

/// A post that is being written.
struct Flying {
    slot: usize,
    lease: String,
    tries: u8,
}

/// What a store says to a claim.
struct Given {
    task: String,
    lease: String,
    told: Value,
    texts: BTreeMap<String, Value>,
}

/// Works a message of the queue off.
///
/// # Errors
/// What keeps it from being worked off now: the queue brings it again.
pub async fn work(gateway: &Gateway, call: &Call, work: &Work) -> Result<(), Error> {
    let config = gateway.config()?;
    let tenant = tenant_of(gateway, config, call, &work.tenant).await?;
    let shop = Shop { call, tenant: &work.tenant, region: work.region };
    let ask = Ask::Campaign(Asked::Show { id: work.batch.clone(), posts: false });
    let (told, bytes) = shop.ask(&ask, Vec::new()).await?;
    let Some(course) = told.get("course").and_then(Course::read).filter(|course| !course.status.is_final()) else { return Ok(()) };
    let sealing = tenant.seals.as_ref().map(|seals| Sealing { seals, context: shop.tenant });
    let texts = opened(call, sealing, &course.id, &told, &bytes).await;
    let plan = texts.get("plan").map(|plan| Plan::read(plan.to_string().as_bytes()));
    let Some(Ok(plan)) = plan else {
        let code = "plan_unreadable".to_owned();
        let message = "The plan can no longer be read: the tenant's stored data was erased, EDGE_SECRET was replaced, or an earlier version of \
                       the gateway wrote it.";
        let ask = Ask::Campaign(Asked::Stop { id: course.id.clone(), code, message: message.to_owned() });
        return shop.ask(&ask, Vec::new()).await.map(drop);
    };
    let lease_ms = u64::from(config.total_ms).saturating_add(LEASE_MARGIN_MS);
    let worker = Worker { shop, tenant: &tenant, course: &course, plan: &plan, lease_ms };
    worker.run().await?;
    let ask = Ask::Campaign(Asked::Show { id: course.id.clone(), posts: false });
    let (told, _) = shop.ask(&ask, Vec::new()).await?;
    if let Some(ended) = told.get("course").and_then(Course::read).filter(|course| course.status.is_final()) {
        let details = json!({"campaign": ended.id, "status": ended.status.name(), "code": ended.error.map(|(code, _)| code)});
        let event = Event { what: "campaign_ended".to_owned(), details, ..Event::default() };
        gateway.note(shop.tenant, shop.region, Note::Event(event), Vec::new());
    }
    Ok(())
}

/// How long to wait when Cerebras has no room, in ms.
const BUSY_MS: u64 = 3_000;

/// Whether there was no room in Cerebras's limits: then it is asked again later, however often.
fn is_busy(reason: Option<&str>) -> bool {
    reason.is_some_and(|reason| reason == "upstream_busy" || reason.ends_with("quota_exceeded"))
}

/// Whether an answer is an order's own words, because nothing was written: why.
fn stands_in(post: &Value) -> Option<&str> {
    post.get("reason").and_then(Value::as_str).filter(|reason| !USABLE.contains(reason))
}

fn code_of(body: &Value) -> String {
    text(body, "code").unwrap_or_else(|| "unknown".to_owned())
}

/// The body of an answer to a call, or what else became of it.
fn read_answer(answer: &Answer, tries: u8) -> Result<Value, Landed> {
    let body: Value = std::str::from_utf8(&answer.body).ok().and_then(|text| typed::read(text).ok()).unwrap_or_default();
    Err(match outcome::of(answer.status, &answer.headers, tries) {
        Outcome::Kept { ok: true } => return Ok(body),
        Outcome::Wait { ms } => Landed::Wait { ms, cost: 0 },
        Outcome::Refused => Landed::Refused,
        // A budget that is spent, or a limit, refuses before anything is asked. Of all else nobody knows what it has cost.
        Outcome::Kept { ok: false } => {
            let cost = matches!(answer.status, 400 | 402 | 403 | 404 | 429).then_some(0).filter(|_| code_of(&body) != "guardrail_blocked");
            Landed::Failed { code: code_of(&body), again: false, cost }
        }
        Outcome::Again => Landed::Failed { code: code_of(&body), again: true, cost: None },
    })
}

fn cost_of(body: &Value) -> Option<u64> {
    body.get("usage").and_then(|usage| number(usage, "cost_micro_dollars"))
}

impl Worker<'_> {
    fn sealing(&self) -> Option<Sealing<'_>> {
        self.tenant.seals.as_ref().map(|seals| Sealing { seals, context: self.shop.tenant })
    }

    async fn sealed(&self, texts: &[(String, Vec<u8>)]) -> Result<Vec<Vec<u8>>, Error> {
        let values = texts.iter().map(|(name, text)| (sealed_as(&self.course.id, name), text.as_slice())).collect();
        let sealed = match self.sealing() {
            Some(sealing) => self.shop.call.seal_all(values, sealing).await,
            None => None,
        };
        sealed.ok_or_else(|| Error::new(500, "not_sealed", "The posts could not be encrypted. Is EDGE_SECRET set?"))
    }

    fn ask_for(&self, number: usize, what: &str, path: &str, body: Vec<u8>) {
        let id = format!("{}_{what}", self.course.id.replace("campaign_", "campaign_req_"));
        self.shop.call.line(u64::try_from(number).unwrap_or(u64::MAX), path, &id, body, &self.course.key);
    }

    async fn run(&self) -> Result<(), Error> {
        let call = self.shop.call;
        let mut flying: Vec<Flying> = Vec::new();
        let mut landings: Vec<(Landing, Vec<u8>)> = Vec::new();
        loop {
            let late = call.now_ms().saturating_sub(call.head.now_ms) > LONGEST_MS;
            let room = AT_ONCE.saturating_sub(u64::try_from(flying.len()).unwrap_or(AT_ONCE));
            let given = self.claim(if late { 0 } else { room }, std::mem::take(&mut landings)).await?;
            match given.task.as_str() {
                "stop" => return Ok(()),
                "plan" => {
                    self.ask_strategy(&given).await?;
                    continue;
                }
                "review" => {
                    self.review(&given).await?;
                    continue;
                }
                "write" => self.begin(&given, &mut flying),
                _ => {}
            }
            if flying.is_empty() {
                return Ok(());
            }
            for answer in call.landed().await {
                let at = flying.iter().position(|flying| u64::try_from(flying.slot) == Ok(answer.line));
                let Some(landed) = at.map(|at| flying.swap_remove(at)) else { continue };
                landings.push(brought(landed, &answer));
            }
        }
    }

    async fn claim(&self, room: u64, landings: Vec<(Landing, Vec<u8>)>) -> Result<Given, Error> {
        let named = |(landing, post): &(Landing, Vec<u8>)| (landing.slot.to_string(), post.clone());
        let texts: Vec<(String, Vec<u8>)> = landings.iter().filter(|(_, post)| !post.is_empty()).map(named).collect();
        let mut sealed = self.sealed(&texts).await?.into_iter();
        let mut bytes = Vec::new();
        let mut told = Vec::with_capacity(landings.len());
        for (landing, post) in landings {
            let piece = if post.is_empty() { Vec::new() } else { sealed.next().unwrap_or_default() };
            told.push((landing, piece.len()));
            bytes.extend(piece);
        }
        let ask = Asked::Claim { id: self.course.id.clone(), lease_ms: self.lease_ms, room, landings: told };
        let (told, bytes) = self.shop.ask(&Ask::Campaign(ask), bytes).await?;
        let texts = opened(self.shop.call, self.sealing(), &self.course.id, &told, &bytes).await;
        let word = |name: &str| text(&told, name).unwrap_or_default();
        Ok(Given { task: word("task"), lease: word("lease"), texts, told })
    }

    /// Begins to write the posts that were given.
    fn begin(&self, given: &Given, flying: &mut Vec<Flying>) {
        let themes = given.texts.get("strategy").map(strategy::kept).unwrap_or_default();
        let hold = number(&given.told, "hold");
        for entry in given.told.get("slots").and_then(Value::as_array).into_iter().flatten() {
            let place = |name: &str| number(entry, name).and_then(|place| usize::try_from(place).ok());
            let Some(slot) = place("slot") else { continue };
            let tries = number(entry, "tries").and_then(|tries| u8::try_from(tries).ok()).unwrap_or(u8::MAX);
            let theme = themes.get(self.plan.time_of(slot)).cloned().unwrap_or_else(Theme::default);
            let unlike = place("unlike").and_then(|other| text(given.texts.get(&other.to_string())?, "text"));
            let body = self.plan.body(slot, &theme, unlike.as_deref(), hold);
            self.ask_for(slot, &format!("{slot}_{tries}"), "/v1/posts", body);
            flying.push(Flying { slot, lease: given.lease.clone(), tries });
        }
    }

    async fn ask_strategy(&self, given: &Given) -> Result<(), Error> {
        let number = self.course.slots.len();
        let (told, _) = self.shop.ask(&Ask::Campaign(Asked::Show { id: self.course.id.clone(), posts: false }), Vec::new()).await?;
        let tries = told.get("course").and_then(Course::read).map_or(u8::MAX, |course| course.desk_tries);
        let plan = self.plan.written().to_string().into_bytes();
        self.ask_for(number, "strategy", "/v1/campaigns/strategy", plan);
        let answer = self.shop.call.landed().await.into_iter().next();
        let Some(answer) = answer else { return Ok(()) };
        let (landed, strategy) = match read_answer(&answer, tries) {
            Ok(body) if is_busy(body.get("reason").and_then(Value::as_str)) => {
                (Landed::Wait { ms: BUSY_MS, cost: cost_of(&body).unwrap_or_default() }, Vec::new())
            }
            Ok(body) => {
                let kept = json!({"themes": body.get("themes"), "degraded": body.get("degraded"), "reason": body.get("reason")});
                let texts = [("strategy".to_owned(), kept.to_string().into_bytes())];
                (Landed::Done { cost: cost_of(&body), degraded: None }, self.sealed(&texts).await?.concat())
            }
            Err(landed) => (landed, Vec::new()),
        };
        let ask = Asked::Planned { id: self.course.id.clone(), lease: given.lease.clone(), landed };
        self.shop.ask(&Ask::Campaign(ask), strategy).await.map(drop)
    }

    /// Finds out which posts say the same.
    async fn review(&self, given: &Given) -> Result<(), Error> {
        let slots = self.plan.slots();
        let posts: Vec<(usize, Platform, String)> = slots
            .iter()
            .enumerate()
            .filter_map(|(place, (platform, _))| Some((place, *platform, text(given.texts.get(&place.to_string())?, "text")?)))
            .collect();
        let posts: Vec<(usize, Platform, &str)> = posts.iter().map(|(place, platform, text)| (*place, *platform, text.as_str())).collect();
        let ask = Asked::Reviewed { id: self.course.id.clone(), lease: given.lease.clone(), alike: alike(&posts) };
        self.shop.ask(&Ask::Campaign(ask), Vec::new()).await.map(drop)
    }
}

/// What has become of a post, and the post.
fn brought(flying: Flying, answer: &Answer) -> (Landing, Vec<u8>) {
    let Flying { slot, lease, tries } = flying;
    let (landed, post) = match read_answer(answer, tries) {
        Ok(body) => {
            let cost = cost_of(&body);
            match body.pointer("/posts/0") {
                Some(post) => match stands_in(post) {
                    reason if is_busy(reason) => (Landed::Wait { ms: BUSY_MS, cost: cost.unwrap_or_default() }, Vec::new()),
                    Some(reason) => (Landed::Failed { code: reason.to_owned(), again: true, cost }, Vec::new()),
                    None => (Landed::Done { cost, degraded: text(post, "reason") }, post.to_string().into_bytes()),
                },
                None => (Landed::Failed { code: "missing".to_owned(), again: true, cost }, Vec::new()),
            }
        }
        Err(landed) => (landed, Vec::new()),
    };
    (Landing { slot, lease, landed }, post)
}
