//! What the queue and cron have to be done: a part of a batch worked through, its lines checked, and waiting batches started.
//!
//! A line is a call like any other: it goes through the gateway's own door, with the key that made the batch in place of a header. So
//! admission, guardrails, cache, ledger and models are those of a direct call.

use std::collections::{HashSet, VecDeque};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::lines::{self, Line};
use super::message::{Ask, Closing, Lease, LineError, Record, ResultRow, Rows, Status, Taken, Work, number, text};
use super::outcome::{self, AGAIN_MS, Outcome};
use super::{MOST_LINES, written};
use crate::Gateway;
use crate::admission::record::Region;
use crate::admission::{OWN_LEDGER, Tenant, tenant_of};
use crate::boundary::{Call, LedgerFailure, Sealing};
use crate::campaigns;
use crate::cloud::route::rules::minute_of_week;
use crate::config::Config;
use crate::error::Error;
use crate::ledger::message::{Event, Note};

/// How many lines are asked at the same time: an invocation has six connections, and one is the store's and the ledger's.
const AT_ONCE: usize = 5;
/// A part is given back after so long, in ms: an invocation of a queue ends after 15 minutes.
const LONGEST_MS: u64 = 480_000;
/// How much longer than the longest call a part is held, in ms.
const LEASE_MARGIN_MS: u64 = 10_000;
/// How many faults of lines are told.
const MOST_ERRORS: usize = 100;
const MINUTES_OF_DAY: u32 = 1440;

/// A tenant's store, asked on a call's behalf.
#[derive(Clone, Copy)]
pub struct Shop<'c> {
    /// The call.
    pub call: &'c Call,
    /// The tenant.
    pub tenant: &'c str,
    /// Where its store is.
    pub region: Option<Region>,
}

impl Shop<'_> {
    /// Asks it something.
    ///
    /// # Errors
    /// 503 when it cannot be reached.
    pub async fn ask(&self, ask: &Ask, bytes: Vec<u8>) -> Result<(Value, Vec<u8>), Error> {
        let message = ask.written().to_string();
        self.call.store(self.tenant, self.region, &message, bytes).await.map_err(|LedgerFailure| unreachable_store())
    }
}

fn unreachable_store() -> Error {
    Error::new(503, "store_unreachable", "The tenant's store cannot be reached right now. Try again.").about("STORE")
}

/// Works a message of the queue off.
///
/// # Errors
/// What keeps it from being worked off now: the queue brings it again.
pub async fn work(gateway: &Gateway, call: &Call, work: &Work) -> Result<(), Error> {
    if work.batch.starts_with(campaigns::PREFIX) {
        return campaigns::run::work(gateway, call, work).await;
    }
    let config = gateway.config()?;
    let tenant = tenant_of(gateway, config, call, &work.tenant).await?;
    let shop = Shop { call, tenant: &work.tenant, region: work.region };
    let lease_ms = u64::from(config.total_ms).saturating_add(LEASE_MARGIN_MS);
    let ask = Ask::Lease { batch: work.batch.clone(), part: work.part, lease_ms };
    let (told, bytes) = shop.ask(&ask, Vec::new()).await?;
    let Some(lease) = Lease::read(&told) else { return Ok(()) };
    let run = Run { gateway, shop, tenant: &tenant, part: work.part, lease_ms, record: &lease.batch, lease: &lease.lease };
    if work.part == 0 { run.check(&lease).await } else { run.part(&lease, bytes).await }
}

/// What every 15 minutes are for: batches that wait for their hours, and whatever was left behind.
///
/// # Errors
/// The gateway's own store cannot be reached.
pub async fn tick(gateway: &Gateway, call: &Call) -> Result<(), Error> {
    let config = gateway.config()?;
    let now_ms = call.head.now_ms;
    let off_peak = config.off_peak.hold(minute_of_week(now_ms) % MINUTES_OF_DAY);
    let own = Shop { call, tenant: OWN_LEDGER, region: None };
    let (known, _) = own.ask(&Ask::Remembered, Vec::new()).await?;
    for known in known.as_array().into_iter().flatten() {
        let Some(tenant) = text(known, "tenant") else { continue };
        let region = text(known, "region").and_then(|region| Region::named(&region));
        let shop = Shop { call, tenant: &tenant, region };
        // One that cannot be reached now is there at the next tick.
        let Ok((told, _)) = shop.ask(&Ask::Tick { off_peak }, Vec::new()).await else { continue };
        if number(&told, "open") == Some(0) {
            own.ask(&Ask::Forget { tenant: tenant.clone(), before_ms: now_ms }, Vec::new()).await?;
        }
    }
    Ok(())
}

/// How long until a batch that waits for its hours begins, in ms, from a minute of the day on.
pub fn until_hours_ms(config: &Config, now_ms: u64) -> u64 {
    let minute = minute_of_week(now_ms) % MINUTES_OF_DAY;
    let wait = (0..MINUTES_OF_DAY).find(|wait| config.off_peak.hold(minute.saturating_add(*wait) % MINUTES_OF_DAY));
    u64::from(wait.unwrap_or_default()).saturating_mul(60_000)
}

struct Run<'r> {
    gateway: &'r Gateway,
    shop: Shop<'r>,
    tenant: &'r Tenant,
    part: u64,
    lease_ms: u64,
    record: &'r Record,
    lease: &'r str,
}

/// A line that is to be asked.
struct Todo {
    number: u64,
    line: Line,
    /// How often it was asked.
    tries: u8,
}

impl Run<'_> {
    fn sealing(&self) -> Option<Sealing<'_>> {
        self.tenant.seals.as_ref().map(|seals| Sealing { seals, context: self.shop.tenant })
    }

    /// Opens parts of the input file, in their order.
    async fn opened(&self, parts: Vec<(u64, usize)>, bytes: Vec<u8>) -> Option<Vec<Vec<u8>>> {
        let file = &self.record.asked.input_file;
        let names = parts.into_iter().map(|(part, size)| (format!("{file} {part}"), size)).collect();
        self.shop.call.unseal_all(names, bytes, self.sealing()?).await
    }

    async fn stop(&self, code: &str, message: &str, unreadable: bool) -> Result<(), Error> {
        let (code, message) = (code.to_owned(), message.to_owned());
        self.post("batch_stopped", &code);
        self.shop.ask(&Ask::Stop { batch: self.record.id.clone(), code, message, unreadable }, Vec::new()).await.map(drop)
    }

    async fn unreadable(&self) -> Result<(), Error> {
        let message = "The input file can no longer be read: the tenant's stored data was erased, or EDGE_SECRET was replaced.";
        self.stop("input_unreadable", message, true).await
    }

    fn post(&self, what: &str, code: &str) {
        let details = serde_json::json!({"batch": self.record.id, "code": code});
        let event = Event { what: what.to_owned(), details, ..Event::default() };
        self.gateway.note(self.shop.tenant, self.shop.region, Note::Event(event), Vec::new());
    }

    /// Checks all lines, and tells the store which parts there are to do.
    async fn check(&self, lease: &Lease) -> Result<(), Error> {
        let endpoint = &self.record.asked.endpoint;
        let (mut parts, mut errors) = (Vec::new(), Vec::new());
        let mut seen: HashSet<[u8; 16]> = HashSet::new();
        let (mut after, mut first) = (None, 1_u64);
        let wrong = |errors: &mut Vec<LineError>, number: u64, code: &str, message: String, param: Option<&str>| {
            if errors.len() < MOST_ERRORS {
                errors.push(LineError { code: code.to_owned(), message, param: param.map(str::to_owned), line: Some(number) });
            }
        };
        let mut more = lease.parts > 0;
        while more {
            let ask = Ask::Rows { file: self.record.asked.input_file.clone(), after };
            let (told, bytes) = self.shop.ask(&ask, Vec::new()).await?;
            let Some(told) = Rows::read(&told) else { return self.unreadable().await };
            (more, after) = (told.more, told.rows.last().map(|(part, _)| *part));
            let numbers: Vec<u64> = told.rows.iter().map(|(part, _)| *part).collect();
            let Some(opened) = self.opened(told.rows, bytes).await else { return self.unreadable().await };
            for (part, bytes) in numbers.into_iter().zip(opened) {
                let mut calls = 0_u64;
                for (number, line) in lines::numbered(&bytes, first) {
                    calls = calls.saturating_add(1);
                    match lines::read(line, endpoint) {
                        Ok(line) => {
                            let digest = Sha256::digest(line.custom_id.as_bytes());
                            if !seen.insert(std::array::from_fn(|at| digest.get(at).copied().unwrap_or_default())) {
                                let message = "The custom_id of this request is that of an earlier line. It must be unique for each request \
                                               in a batch.";
                                wrong(&mut errors, number, "duplicate_custom_id", message.to_owned(), Some("custom_id"));
                            }
                        }
                        Err(fault) => wrong(&mut errors, number, fault.code, fault.message, fault.param),
                    }
                }
                let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
                first = first.saturating_add(u64::try_from(ends).unwrap_or_default());
                if calls > 0 {
                    parts.push((part, calls));
                }
            }
        }
        debug_assert!(parts.iter().map(|(_, calls)| calls).sum::<u64>() <= MOST_LINES);
        if !errors.is_empty() {
            self.post("batch_failed", "invalid_lines");
        }
        self.shop.ask(&Ask::Plan { batch: self.record.id.clone(), parts, errors }, Vec::new()).await.map(drop)
    }

    /// Asks the lines of a part that have no result.
    async fn part(&self, lease: &Lease, bytes: Vec<u8>) -> Result<(), Error> {
        let call = self.shop.call;
        let size = bytes.len();
        let Some(opened) = self.opened(vec![(self.part, size)], bytes).await else { return self.unreadable().await };
        let text = opened.first().map(Vec::as_slice).unwrap_or_default();
        let mut todo: VecDeque<Todo> = VecDeque::new();
        for (number, line) in lines::numbered(text, lease.first_line) {
            if lease.done.contains(&number) {
                continue;
            }
            match lines::read(line, &self.record.asked.endpoint) {
                Ok(line) => todo.push_back(Todo { number, line, tries: 0 }),
                // All were checked before; the file is not what it was.
                Err(_) => return self.unreadable().await,
            }
        }
        let mut flying: Vec<Todo> = Vec::new();
        let mut again: Vec<Todo> = Vec::new();
        let mut taken = Taken { closing: self.record.closing.clone(), stop: false };
        let mut wait_ms: Option<u64> = None;
        let mut refused = false;
        loop {
            let late = call.now_ms().saturating_sub(call.head.now_ms) > LONGEST_MS;
            let goes_on = taken == Taken::default() && wait_ms.is_none() && !refused && !late;
            if goes_on && todo.is_empty() && flying.is_empty() && !again.is_empty() {
                let tries = again.iter().map(|todo| todo.tries).max().unwrap_or_default();
                call.pause(AGAIN_MS.saturating_mul(u32::from(tries))).await;
                todo.extend(again.drain(..));
            }
            while goes_on && flying.len() < AT_ONCE {
                let Some(next) = todo.pop_front() else { break };
                let id = written::request_id(&self.record.id, next.number);
                call.line(next.number, &self.record.asked.endpoint, &id, next.line.body.clone(), &self.record.asked.key);
                flying.push(next);
            }
            if flying.is_empty() {
                break;
            }
            let mut rows = Vec::new();
            for landed in call.landed().await {
                let Some(at) = flying.iter().position(|todo| todo.number == landed.line) else { continue };
                let mut line = flying.swap_remove(at);
                line.tries = line.tries.saturating_add(1);
                match outcome::of(landed.status, &landed.headers, line.tries) {
                    Outcome::Kept { ok } => {
                        let text = written::answered(&self.record.id, line.number, &line.line.raw_id, landed.status, &landed.body);
                        rows.push((line.number, ok, text));
                        continue;
                    }
                    Outcome::Again => again.push(line),
                    Outcome::Wait { ms } => {
                        wait_ms = Some(wait_ms.unwrap_or_default().max(ms));
                        // It was not asked, and must not run out of tries by waiting.
                        line.tries = line.tries.saturating_sub(1);
                        todo.push_front(line);
                    }
                    Outcome::Refused => {
                        refused = true;
                        todo.push_front(line);
                    }
                }
            }
            if !rows.is_empty() {
                taken = self.keep(rows).await?;
            }
        }
        todo.extend(again);
        if refused && taken == Taken::default() {
            let message = "The key that made the batch is no longer accepted: it was revoked, has expired or was replaced.";
            let code = "key_not_accepted";
            self.stop(code, message, false).await?;
            taken.closing = Some(Closing { end: Status::Failed, code: code.to_owned(), message: message.to_owned() });
        }
        if taken.stop || todo.is_empty() {
            return Ok(());
        }
        if let Some(closing) = &taken.closing {
            let unasked = |todo: &Todo| (todo.number, false, written::unasked(&self.record.id, todo.number, &todo.line.raw_id, closing));
            return self.keep(todo.iter().map(unasked).collect()).await.map(drop);
        }
        let ask = Ask::GiveBack {
            batch: self.record.id.clone(),
            part: self.part,
            lease: self.lease.to_owned(),
            wait_ms: wait_ms.unwrap_or_default(),
        };
        self.shop.ask(&ask, Vec::new()).await.map(drop)
    }

    /// Has results kept: for each its line, whether it is an answer, and the line that tells it.
    async fn keep(&self, results: Vec<(u64, bool, Vec<u8>)>) -> Result<Taken, Error> {
        let batch = &self.record.id;
        let values = results.iter().map(|(line, _, text)| (format!("{batch} {line}"), text.as_slice())).collect();
        let sealed = match self.sealing() {
            Some(sealing) => self.shop.call.seal_all(values, sealing).await,
            None => None,
        };
        let sealed = sealed.ok_or_else(|| Error::new(500, "not_sealed", "The results could not be encrypted. Is EDGE_SECRET set?"))?;
        let rows = results.iter().zip(&sealed).map(|((line, ok, text), sealed)| ResultRow {
            line: *line,
            ok: *ok,
            size: u64::try_from(text.len()).unwrap_or(u64::MAX),
            sealed: sealed.len(),
        });
        let ask = Ask::Results {
            batch: batch.clone(),
            part: self.part,
            lease: self.lease.to_owned(),
            lease_ms: self.lease_ms,
            rows: rows.collect(),
        };
        let (taken, _) = self.shop.ask(&ask, sealed.concat()).await?;
        Ok(Taken::read(&taken))
    }
}
