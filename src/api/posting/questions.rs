//! What models are asked for an order: guarded, reserved and settled like a call of the caller's own, and asked once more with the fault named.

use serde_json::Value;

use super::{Desk, Outcome, is_upstream};
use crate::admission::Caller;
use crate::api::routing;
use crate::cloud::chain::{Chain, Needs};
use crate::cloud::inquire::{Asker, inquire};
use crate::cloud::inquiry::Inquiry;
use crate::cloud::models::Resolved;
use crate::cloud::route;
use crate::config::Config;
use crate::content::brand::Brand;
use crate::content::draft::{self, Draft, Fault, Judged, Slot};
use crate::content::order::Order;
use crate::content::prompt::{Brief, MOST_SLOTS, Work, inquiry};
use crate::error::Error;
use crate::ledger::price;
use crate::protocol::request::{CompletionRequest, Endpoint, PICTURE_TOKENS};
use crate::protocol::usage::Usage;

/// The alias of the model that writes, where neither the order nor the brand names one.
const MODEL: &str = "quality";
/// How often one thing is asked for.
const ASKINGS: usize = 2;

/// The model that writes for an order.
pub fn writer(config: &Config, order: &Order, brand: Option<&Brand>) -> String {
    let named = order.model.as_ref().or(brand.and_then(|brand| brand.model.as_ref()));
    let known = config.models.resolve(MODEL).row.is_some();
    named.cloned().unwrap_or_else(|| if known { MODEL } else { route::AUTO }.to_owned())
}

/// The most that one asking can cost with any of the models that may answer, in micro-dollars; none when a price is unknown. A token is a byte at
/// the least.
pub fn most_of(config: &Config, caller: &Caller, question: &Inquiry) -> Option<u64> {
    let of = |most: u64, model: Resolved<'_>| {
        let wide = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
        let pictures = wide(question.pictures.len()).saturating_mul(PICTURE_TOKENS);
        let prompt_tokens = wide(question.body(model, None).len()).saturating_add(pictures);
        let usage = Usage { prompt_tokens, completion_tokens: u64::from(question.max_tokens) };
        Some(most.max(price::at_most(model.row, usage)?.0))
    };
    let models = &config.models;
    if route::is_auto(&question.model) {
        return models.rows().filter(|(id, _)| caller.may(config, id)).map(|(id, _)| models.resolve(id)).try_fold(0, of);
    }
    let needs = Needs { pictures: !question.pictures.is_empty(), input_tokens: 0 };
    let chain = Chain::of(models, models.resolve(&question.model), needs, |id| caller.may(config, id));
    chain.models().try_fold(0, of)
}

fn beyond(most: u64) -> Error {
    let message =
        format!("The order may cost {most} micro-dollars (`most_micro_dollars`), and the next question could cost more. Allow more.");
    Error::new(402, "order_beyond_most", message).about("most_micro_dollars").final_word()
}

/// A cost is to be bounded, and a price is unknown.
pub fn unpriced(model: &str) -> Error {
    let shown: String = model.chars().take(64).collect();
    let message = format!(
        "What {shown} or its fallback costs is unknown: MODELS has no price for it, so no bound could be kept. Name another model."
    );
    Error::new(402, "unknown_price", message).about("model").final_word()
}

impl Desk<'_> {
    /// Asks one question.
    pub(super) async fn ask<T>(&mut self, question: Inquiry, read: impl Fn(Value) -> Result<T, String>) -> Result<T, Error> {
        let Asker { gateway, config, call, caller } = self.door.asker;
        let mut question = Inquiry { user: self.order.user.clone(), kept: self.door.keeps(self.order.stored), ..question };
        let first = self.whole.requests == 0 && self.used.requests == 0;
        if let Some(guarding) = &mut self.guarding {
            let field = self.order.subject_field();
            let of_order = |error: Error| if error.status == 400 { error.about(field) } else { error };
            question.parts = guarding.parts(std::mem::take(&mut question.parts)).map_err(of_order)?;
            if first {
                let user = caller.end_user(question.user.as_deref());
                guarding.ask_cloud(config, call, user, question.kept).await.map_err(of_order)?;
            }
        }
        if route::is_auto(&question.model) {
            let body = question.body(config.models.resolve(&question.model), None);
            let request = CompletionRequest::read(&body, Endpoint::Chat)?;
            let choice = routing::choose(gateway, config, call, caller, &request)?;
            question.model = choice.map(|choice| choice.decision.model).unwrap_or_default();
        }
        caller.may_call(config, &question.model)?;
        crate::cloud::call::check_key(config)?;
        if let Some(most) = self.order.most {
            let spent = self.whole.cost.zip(self.used.cost).map(|(before, now)| before.saturating_add(now));
            // With what is spent, for one that is asked for again: a question is asked only if its answer is surely paid for.
            match (spent, most_of(config, caller, &question)) {
                (Some(spent), Some(cost)) if spent.saturating_add(cost) <= most => {}
                (Some(_), Some(_)) => return Err(beyond(most)),
                _ => return Err(unpriced(&question.model)),
            }
        }
        let inquired = inquire(self.door.asker, &question, read).await?;
        self.used.requests = self.used.requests.saturating_add(1);
        self.used.usage.prompt_tokens = self.used.usage.prompt_tokens.saturating_add(inquired.usage.prompt_tokens);
        self.used.usage.completion_tokens = self.used.usage.completion_tokens.saturating_add(inquired.usage.completion_tokens);
        self.used.elapsed_ms = self.used.elapsed_ms.saturating_add(inquired.elapsed_ms);
        let cost = price::cost(config.models.resolve(&inquired.model).row, inquired.usage);
        self.used.cost = self.used.cost.zip(cost).map(|(sum, cost)| sum.saturating_add(cost.0));
        self.used.model = inquired.model;
        Ok(inquired.content)
    }

    /// The model that writes.
    pub(super) fn model(&self) -> String {
        writer(self.door.asker.config, self.order, self.brand.as_ref())
    }

    /// Has something made for each slot: what is not good is asked for once more, with its fault named, and alone.
    pub(super) async fn drafts(
        &mut self,
        work: Work,
        intent: Option<&str>,
        slots: &[Slot],
        judge: &dyn Fn(&Self, &Slot, Option<Draft>) -> Judged,
    ) -> Result<Vec<Outcome>, Error> {
        let mut outcomes: Vec<Outcome> = slots.iter().map(|_| Outcome { draft: None, fault: Some("missing") }).collect();
        for (at, portion) in slots.chunks(MOST_SLOTS).enumerate() {
            let from = at.saturating_mul(MOST_SLOTS);
            let mut open: Vec<(usize, Slot)> = (from..).zip(portion.iter().cloned()).collect();
            let mut faults: Vec<(String, Fault)> = Vec::new();
            for _ in 0..ASKINGS {
                let asked: Vec<Slot> = open.iter().map(|(_, slot)| slot.clone()).collect();
                let rules = |platform| self.rules(platform);
                let brief = Brief { work, order: self.order, brand: self.brand.as_ref(), intent, rules: &rules };
                let question = inquiry(&brief, &asked, &faults);
                let model = if question.pictures.is_empty() { self.model() } else { self.seeing()? };
                let question = Inquiry { model, ..question };
                let answer = match self.ask(question, Ok).await {
                    Ok(answer) => answer,
                    Err(error) => {
                        self.tolerate(&error)?;
                        for (place, _) in &open {
                            if let Some(outcome) = outcomes.get_mut(*place) {
                                outcome.fault = Some(error.code);
                            }
                        }
                        break;
                    }
                };
                let answer = match &mut self.guarding {
                    Some(guarding) => guarding.said(answer)?,
                    None => answer,
                };
                faults.clear();
                let mut left = Vec::new();
                for (place, slot) in open {
                    let Some(outcome) = outcomes.get_mut(place) else { continue };
                    match judge(self, &slot, draft::draft(&answer, &asked, &slot)) {
                        Judged::Good(draft) => {
                            *outcome = Outcome { draft: Some(draft), fault: None };
                            continue;
                        }
                        Judged::Usable(draft, fault) => {
                            *outcome = Outcome { draft: Some(draft), fault: Some(fault.code) };
                            faults.push((slot.key.clone(), fault));
                        }
                        Judged::Useless(fault) => {
                            outcome.fault = Some(fault.code);
                            faults.push((slot.key.clone(), fault));
                        }
                    }
                    left.push((place, slot));
                }
                open = left;
                if open.is_empty() {
                    break;
                }
            }
            let done = from.saturating_add(portion.len());
            self.progress(work, done, slots.len()).await?;
        }
        Ok(outcomes)
    }

    /// Passes an error on that no text can stand in for: before anything was made all but Cerebras's own, later what has ended the call.
    pub(super) fn tolerate(&self, error: &Error) -> Result<(), Error> {
        let begun = self.whole.requests > 0 || self.used.requests > 0;
        let ends = matches!(error.status, 401 | 499) || error.code == "guardrail_blocked" || error.code == "model_not_allowed";
        if is_upstream(error) && error.status != 499 || begun && !ends { Ok(()) } else { Err(error.clone()) }
    }
}
