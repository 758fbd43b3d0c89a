//! The call to Cerebras: which model, attempts, deadlines and the models that stand in, against the real upstream.

use super::attempts::{Attempts, Next, Outcome, Outlook};
use super::chain::Chain;
use super::deadline::Deadline;
use super::health::breaker::{Mark, Seen, fails};
use super::health::quota::{self, Of, Tokens};
use super::health::{self, Report, Standing};
use super::models::Resolved;
use crate::Gateway;
use crate::boundary::{Arrival, Attempt, Call, Head, ReadHeader};
use crate::config::Config;
use crate::error::Error;
use crate::protocol::headers::{Lines, USER_AGENT, well_formed_traceparent};
use crate::telemetry::register::OTHER;

/// What is asked.
pub struct Question<'q, 'm> {
    /// The method.
    pub method: &'static str,
    /// Path, and query if any, behind the configured base: never chosen by a caller's header or body.
    pub target: &'q str,
    /// The models that may answer; none where no model is asked.
    pub chain: Option<Chain<'m>>,
    /// The body for a model; none, which only the first may have, for the caller's own bytes.
    pub body: &'q dyn Fn(Resolved<'m>) -> Option<Vec<u8>>,
    /// How many tokens the call wants of a model.
    pub tokens: &'q dyn Fn(Resolved<'m>) -> Tokens,
    /// Whether an event stream is wanted.
    pub streaming: bool,
    /// Whether it is a question of the gateway's own, beside the caller's.
    pub aside: bool,
    /// Whose it is; nobody's where no model is asked.
    pub whose: Mark,
    /// How long it may take.
    pub deadline: Deadline,
}

/// What Cerebras said: an answer or an error of its own.
#[derive(Debug)]
pub struct Reply<'m> {
    /// Status, headers, and the body or the beginning of a stream.
    pub arrival: Arrival,
    /// The model that answered; empty where none was asked.
    pub model: &'m str,
    /// How many attempts were made.
    pub attempts: u8,
    /// How long all of them took, waits included, in ms.
    pub elapsed_ms: u32,
    /// Whether another model than the one asked answered.
    pub stood_in: bool,
    /// How many attempts came after this one, of which it is a failure: the later ones failed too.
    pub overtaken: u8,
    /// The models that were not asked, and why, as `x-maya-health` says it; empty when there are none.
    pub passed_over: String,
}

/// Asks Cerebras.
///
/// # Errors
/// 429 when no model has quota left, 500 without an upstream key, 502 when no connection lasts, 504 when a deadline passes before the
/// first byte.
pub async fn ask<'m>(gateway: &Gateway, config: &Config, call: &Call, question: Question<'_, 'm>) -> Result<Reply<'m>, Error> {
    let url = [config.base_url.as_str(), question.target].concat();
    let headers = outgoing(config, &call.head, call.is_traced())?;
    let asked = Asked { gateway, config, call, question: &question };
    let mut now_ms = call.head.now_ms;
    let (mut place, passed_over) = asked.first(now_ms)?;
    let mut model = question.chain.and_then(|chain| chain.get(place));
    let mut body = model.and_then(question.body);
    let mut attempts = Attempts::default();
    let mut elapsed_ms = 0_u32;
    let mut first_failure: Option<(Arrival, Option<Resolved<'m>>)> = None;
    loop {
        asked.begin(model, now_ms);
        let traced = asked.traced(model, now_ms, &headers);
        let attempt = Attempt {
            method: question.method,
            url: &url,
            headers: traced.as_ref().unwrap_or(&headers),
            body: body.take(),
            streaming: question.streaming,
            first_byte_ms: question.deadline.first_byte_ms,
            until_ms: question.deadline.ends_ms,
        };
        let arrival = if question.aside { call.inquire(attempt).await } else { call.send(attempt).await };
        now_ms = arrival.now_ms;
        elapsed_ms = elapsed_ms.saturating_add(arrival.elapsed_ms);
        let outcome = arrival.failure.map_or_else(|| Outcome::of_status(arrival.status), Outcome::of_failure);
        let seen = Seen::of(&arrival, question.streaming, &config.health);
        let jitter = if outcome == Outcome::Passing || matches!(seen, Seen::Failed | Seen::Slow) { call.random() } else { 0.0 };
        asked.record(model, &arrival, seen, jitter);
        let next = if outcome == Outcome::Answer { None } else { asked.next(place, now_ms) };
        let outlook = Outlook {
            again: outcome == Outcome::Passing && asked.standing(model, now_ms) == Standing::Usable,
            stand_in: next.is_some(),
            left_ms: question.deadline.left_ms(now_ms),
        };
        let mut overtaken = 0;
        let (arrival, model_of) = match (attempts.after(outcome, outlook, jitter), next) {
            (Next::Again { wait_ms }, _) => {
                call.pause(wait_ms).await;
                elapsed_ms = elapsed_ms.saturating_add(wait_ms);
                now_ms = now_ms.saturating_add(u64::from(wait_ms));
                continue;
            }
            (Next::StandIn, Some((at, other))) => {
                first_failure = first_failure.or(Some((arrival, model)));
                place = at;
                model = Some(other);
                body = (question.body)(other);
                continue;
            }
            (Next::FirstFailure, _) => {
                overtaken = attempts.stood_in();
                first_failure.take().unwrap_or((arrival, model))
            }
            (Next::Answer | Next::StandIn, _) => (arrival, model),
        };
        if let Some(failure) = arrival.failure {
            return Err(told(question.deadline.error(failure), passed_over));
        }
        return Ok(Reply {
            arrival,
            model: model_of.map_or("", |model| model.id),
            attempts: attempts.made(),
            elapsed_ms,
            stood_in: outcome == Outcome::Answer && place > 0,
            overtaken,
            passed_over,
        });
    }
}

/// An error that says which models were not asked.
fn told(error: Error, passed_over: String) -> Error {
    if passed_over.is_empty() { error } else { error.with("x-maya-health", passed_over) }
}

/// A question on its way.
struct Asked<'a, 'q, 'm> {
    gateway: &'a Gateway,
    config: &'a Config,
    call: &'a Call,
    question: &'a Question<'q, 'm>,
}

impl<'m> Asked<'_, '_, 'm> {
    /// A caller may name any model; those that the operator's table has are watched.
    fn watched(model: Option<Resolved<'m>>) -> Option<Resolved<'m>> {
        model.filter(|model| model.row.is_some())
    }

    fn standing(&self, model: Option<Resolved<'m>>, now_ms: u64) -> Standing {
        let standing = |model: Resolved<'m>| self.gateway.health.standing(model.id, (self.question.tokens)(model).surely, now_ms);
        Self::watched(model).map_or(Standing::Usable, standing)
    }

    /// The place of the model that is asked first, and which are passed over for it.
    fn first(&self, now_ms: u64) -> Result<(usize, String), Error> {
        let Some(chain) = self.question.chain else { return Ok((0, String::new())) };
        let standings = || chain.models().map(|model| self.standing(Some(model), now_ms));
        match health::choose(standings()) {
            Some(0) => Ok((0, String::new())),
            Some(place) => Ok((place, health::told(chain.models().zip(standings()).take(place), now_ms))),
            None => {
                let lacks = chain.models().filter_map(|model| {
                    let lack = self.gateway.health.lack(model.id, (self.question.tokens)(model).surely, now_ms)?;
                    Some((model.id, lack))
                });
                let soonest = lacks.min_by_key(|(_, lack)| lack.until_ms);
                let error = soonest.map_or_else(crate::error::upstream::unreachable, |(id, lack)| health::refusal(id, lack, now_ms));
                Err(told(error, health::told(chain.models().zip(standings()), now_ms)))
            }
        }
    }

    /// The next model behind a place that is to be asked.
    fn next(&self, place: usize, now_ms: u64) -> Option<(usize, Resolved<'m>)> {
        let chain = self.question.chain?;
        chain.models().enumerate().skip(place.saturating_add(1)).find(|(_, model)| self.standing(Some(*model), now_ms).is_usable())
    }

    fn begin(&self, model: Option<Resolved<'m>>, now_ms: u64) {
        if let Some(model) = Self::watched(model) {
            self.gateway.health.begin(model.id, now_ms, &self.config.health);
        }
    }

    /// The headers of an attempt that has a span, which the upstream's own would be below.
    fn traced(&self, model: Option<Resolved<'m>>, now_ms: u64, headers: &Lines) -> Option<Lines> {
        let name = model.map_or("", |model| if model.row.is_some() { model.id } else { OTHER });
        let mut parent = None;
        self.call.observe(|seen| parent = seen.attempt_begins(self.question.target, name, now_ms));
        parent.map(|parent| {
            let mut headers = headers.clone();
            headers.add("traceparent", &parent);
            headers
        })
    }

    fn record(&self, model: Option<Resolved<'m>>, arrival: &Arrival, seen: Seen, jitter: f64) {
        if model.is_some() && fails(arrival) {
            self.call.observe(|seen| seen.attempt_failed(Self::watched(model).map(|model| model.id)));
        }
        let Some(model) = Self::watched(model) else { return };
        let impatient = || self.call.head.header(ReadHeader::QueueThreshold).is_some();
        let answer = quota::Answer {
            asked_ms: arrival.now_ms.saturating_sub(u64::from(arrival.elapsed_ms)),
            now_ms: arrival.now_ms,
            tokens: (self.question.tokens)(model),
            headers: &arrival.passing,
            // How full a queue may be is said by the caller, if it says it.
            refused: (arrival.status == 429).then(|| Of::refused(&arrival.body)).filter(|of| *of != Of::Queue || !impatient()),
            taken: arrival.status < 300,
        };
        self.gateway.health.record(model.id, &Report { seen, whose: self.question.whose, answer, jitter }, &self.config.health);
    }
}

/// What every request upstream carries: the gateway's own name and key.
pub fn identity(config: &Config) -> Lines {
    let mut lines = Lines::default();
    if let Some(api_key) = &config.api_key {
        lines.add("authorization", &["Bearer ", api_key].concat());
    }
    lines.add("user-agent", USER_AGENT);
    lines.add("content-type", "application/json");
    lines
}

/// Checks that there is a key for Cerebras.
///
/// # Errors
/// 500 when there is none.
pub fn check_key(config: &Config) -> Result<(), Error> {
    if config.api_key.is_some() {
        return Ok(());
    }
    let message = "The gateway has no key for Cerebras. Set CEREBRAS_API_KEY (`wrangler secret put CEREBRAS_API_KEY`, or .dev.vars).";
    Err(Error::new(500, "no_upstream_key", message).about("CEREBRAS_API_KEY").final_word())
}

/// What of the caller's headers goes upstream: a list of what may pass. The caller's key, cookies and tracking never do. A call that is traced
/// is the parent itself of what it asks.
fn outgoing(config: &Config, head: &Head, traced: bool) -> Result<Lines, Error> {
    check_key(config)?;
    let mut lines = Lines::default();
    let passing = [
        (ReadHeader::QueueThreshold, "queue_threshold"),
        (ReadHeader::VersionPatch, "x-cerebras-version-patch"),
        (ReadHeader::Integration, "x-cerebras-3rd-party-integration"),
    ];
    for (header, name) in passing {
        if let Some(value) = head.header(header) {
            lines.add(name, value);
        }
    }
    if let Some(traceparent) = head.header(ReadHeader::Traceparent).filter(|value| well_formed_traceparent(value)) {
        if !traced {
            lines.add("traceparent", traceparent);
        }
        // A state belongs to its parent (W3C Trace Context, section 3.3).
        if let Some(tracestate) = head.header(ReadHeader::Tracestate) {
            lines.add("tracestate", tracestate);
        }
    }
    Ok(lines)
}
