//! A tenant's guardrails on the way of a completion: what is refused, what of an answer the caller sees, and what the audit hears.

use serde_json::{Value, json};

use crate::Gateway;
use crate::admission::Caller;
use crate::admission::guardrails::inspection::HEADER;
use crate::admission::guardrails::policy::{Action, At};
use crate::admission::guardrails::{Guarded, cloud};
use crate::boundary::{Arrival, Call, Chunk};
use crate::cache::replay;
use crate::cloud::inquire::{Asker, inquire};
use crate::cloud::inquiry::Inquiry;
use crate::config::Config;
use crate::error::Error;
use crate::ledger::message::{Event, Note};
use crate::protocol::headers::Lines;
use crate::protocol::request::{CompletionRequest, Endpoint};

/// A call under guardrails, and who hears of it.
pub struct Guarding<'g> {
    gateway: &'g Gateway,
    caller: &'g Caller,
    guarded: Guarded<'g>,
}

/// Judges what is sent. There is nothing to carry on for a tenant without guardrails; the body is there when it differs.
///
/// # Errors
/// 400 when a guardrail refuses it.
pub fn prompt<'g>(
    gateway: &'g Gateway,
    caller: &'g Caller,
    request: &CompletionRequest<'_>,
) -> Result<(Option<Guarding<'g>>, Option<Vec<u8>>), Error> {
    let Some(guard) = &caller.tenant.guard else { return Ok((None, None)) };
    let mut guarding = Guarding { gateway, caller, guarded: Guarded::new(guard, caller.token.is_none()) };
    let body = guarding.guarded.prompt(request).inspect_err(|_| guarding.post(At::Prompt))?;
    Ok((Some(guarding), body))
}

/// The guardrails of questions of the gateway's own that carry a caller's texts; none for a tenant without any.
pub fn of_inquiries<'g>(gateway: &'g Gateway, caller: &'g Caller) -> Option<Guarding<'g>> {
    let guard = caller.tenant.guard.as_ref()?;
    Some(Guarding { gateway, caller, guarded: Guarded::new(guard, caller.token.is_none()) })
}

impl<'g> Guarding<'g> {
    /// The parts of an inquiry as they may leave: judged as what a user says, whoever wrote what is in them.
    ///
    /// # Errors
    /// 400 when a guardrail refuses them.
    pub fn parts(&mut self, parts: Vec<String>) -> Result<Vec<String>, Error> {
        let content: Vec<Value> = parts.iter().map(|part| json!({"type": "text", "text": part})).collect();
        let body = json!({
            "model": "inquiry",
            "messages": [{"role": "user", "content": content}],
            "response_format": {"type": "json_object"},
        });
        let body = body.to_string();
        let request = CompletionRequest::read(body.as_bytes(), Endpoint::Chat)?;
        let Some(changed) = self.guarded.prompt(&request).inspect_err(|_| self.post(At::Prompt))? else { return Ok(parts) };
        let changed: Value = serde_json::from_slice(&changed).unwrap_or_default();
        let content = changed.pointer("/messages/0/content").and_then(Value::as_array);
        let texts = content.into_iter().flatten().filter_map(|part| part.get("text").and_then(Value::as_str).map(str::to_owned));
        Ok(texts.collect())
    }

    /// What a model has answered to an inquiry, as the caller may see it.
    ///
    /// # Errors
    /// 403 when a guardrail withholds it.
    pub fn said(&mut self, answer: Value) -> Result<Value, Error> {
        let text = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
        let body = json!({"choices": [{"message": {"content": text}}]}).to_string();
        let Some(changed) = self.answer(body.as_bytes())? else { return Ok(answer) };
        let changed: Value = serde_json::from_slice(&changed).unwrap_or_default();
        let text = changed.pointer("/choices/0/message/content").and_then(Value::as_str).unwrap_or_default();
        Ok(serde_json::from_str(text).unwrap_or_else(|_| text.into()))
    }

    /// Has a model judge what is sent, if the policy wants it.
    ///
    /// # Errors
    /// 400 when it is blocked, 503 when it could not be judged and is blocked then, and what the ledger refuses.
    pub async fn ask_cloud(&mut self, config: &Config, call: &Call, user: Option<&str>, kept: bool) -> Result<(), Error> {
        let Some(inquiry) = self.guarded.inquiry() else { return Ok(()) };
        let inquiry = Inquiry { user: user.map(str::to_owned), kept, ..inquiry };
        let asker = Asker { gateway: self.gateway, config, call, caller: self.caller };
        let judgement = inquire(asker, &inquiry, |judgement| cloud::read(&judgement)).await;
        self.guarded.judged(judgement.map(|said| said.content)).inspect_err(|_| self.post(At::Prompt))
    }

    /// Adds what was found to the headers of an answer.
    pub fn say(&self, lines: &mut Lines) {
        if let Some(header) = self.guarded.inspection.header() {
            lines.add(HEADER, &header);
        }
    }

    /// A whole answer as the caller may see it, when it differs.
    ///
    /// # Errors
    /// 403 when a guardrail withholds it.
    pub fn answer(&mut self, body: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.guarded.answer(body).inspect_err(|_| self.post(At::Answer))
    }

    /// A found answer as the caller may see it. A stream lies there as a whole, so it can still be refused in good order.
    ///
    /// # Errors
    /// 403 when a guardrail withholds it.
    pub fn hit(&mut self, body: Vec<u8>, request: &CompletionRequest<'_>) -> Result<Vec<u8>, Error> {
        if !request.stream() {
            return Ok(self.answer(&body)?.unwrap_or(body));
        }
        self.flag_stream(&body, request);
        if !self.guarded.changes_answers() {
            return Ok(body);
        }
        let mut stream = self.guarded.stream();
        let mut seen = stream.feed(&body, &mut self.guarded);
        seen.extend_from_slice(stream.finish());
        match self.guarded.refusal() {
            Some(refusal) => {
                self.post(At::Answer);
                Err(refusal)
            }
            None => Ok(seen),
        }
    }

    /// Whether a stream has to be looked at piece by piece.
    pub fn changes_answers(&self) -> bool {
        self.guarded.changes_answers()
    }

    /// Gives the caller a stream that has begun, as far as it may be seen.
    pub async fn relay(&mut self, call: &Call) -> Relayed {
        let mut stream = self.guarded.stream();
        let mut relayed = Relayed::default();
        let mut seen = Vec::new();
        let mut given = Vec::new();
        loop {
            match call.chunk(std::mem::take(&mut given)).await {
                Chunk::More(bytes) => {
                    given = stream.feed(&bytes, &mut self.guarded);
                    relayed.told.body.extend_from_slice(&bytes);
                }
                Chunk::End(failure) => {
                    relayed.told.failure = failure;
                    relayed.rest = stream.finish().to_vec();
                    seen.extend_from_slice(&relayed.rest);
                    return Relayed { seen: Some(seen), ..relayed };
                }
            }
            seen.extend_from_slice(&given);
            if let Some(refusal) = self.guarded.refusal() {
                call.abandon();
                self.post(At::Answer);
                return Relayed { seen: Some(seen), rest: given, refusal: Some(refusal), ..relayed };
            }
        }
    }

    /// Tells the audit what was flagged in a stream, whose headers had gone out before.
    pub fn tell_stream(&mut self, body: &[u8], request: &CompletionRequest<'_>) {
        self.flag_stream(body, request);
        if self.guarded.inspection.findings(At::Answer).any(|(finding, _)| finding.action == Action::Flag) {
            self.post(At::Answer);
        }
    }

    fn flag_stream(&mut self, body: &[u8], request: &CompletionRequest<'_>) {
        if self.guarded.flags_answers()
            && let Some(whole) = replay::stream_to_whole(body, request.endpoint())
        {
            self.guarded.flag_answer(&whole);
        }
    }

    /// Notes for the audit what was found on a side of the call: rules and counts, no text.
    fn post(&self, at: At) {
        let found: Vec<_> = self
            .guarded
            .inspection
            .findings(at)
            .map(|(finding, count)| json!({"guardrail": finding.guardrail, "action": finding.action, "rule": finding.rule, "count": count}))
            .collect();
        if found.is_empty() {
            return;
        }
        let details = json!({"at": at, "found": found});
        let event = Event { what: "guardrail".to_owned(), who: self.caller.record.id.clone(), user: None, details };
        self.gateway.note(self.caller.tenant_name(), self.caller.region(), Note::Event(event), Vec::new());
    }
}

/// A stream that was given to the caller.
#[derive(Default)]
pub struct Relayed {
    /// What Cerebras has said, and how it ended.
    pub told: Arrival,
    /// What the caller has seen, or is about to, when it differs.
    pub seen: Option<Vec<u8>>,
    /// The last of that, which has not gone out yet: `[DONE]`, if the stream is whole, or what stood before what stopped it.
    pub rest: Vec<u8>,
    /// What stopped the stream.
    pub refusal: Option<Error>,
}
