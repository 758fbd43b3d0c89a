//! The work behind `/v1/posts`: questions to models, each guarded, reserved and settled like a call of the caller's own, and what is made of
//! their answers. What is asked and what an answer is worth is decided in `content`.

mod by_rule;
mod questions;

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::guarding::{self, Guarding};
use super::understanding::{Door, own_intents};
use crate::cloud::inquire::Asker;
use crate::content::brand::Brand;
use crate::content::compose::{Composed, Frame, compose, enforced};
use crate::content::count::{length, limit};
use crate::content::draft::{self, Draft, Fault, Judged, Slot};
use crate::content::fit::faults;
use crate::content::order::{Order, Task};
use crate::content::platform::{Platform, Rules};
use crate::content::prompt::Work;
use crate::content::{score, wording};
use crate::error::{self, Error};
use crate::protocol::usage::Usage;
use crate::telemetry::observation::Piece;
use crate::understanding::{self, Mode, Subject, rounded};

/// From which score on wording is rewritten by a model: a single phrase in a short post is no habit. What code can make plain is made plain
/// before.
const WORN: f64 = 40.0;

/// What questions to models have used.
#[derive(Clone, Default)]
struct Used {
    requests: u32,
    usage: Usage,
    elapsed_ms: u32,
    model: String,
    /// In micro-dollars; none when a price is unknown.
    cost: Option<u64>,
}

/// One order at work.
pub struct Desk<'a> {
    door: &'a Door<'a>,
    order: &'a Order,
    brand: Option<Brand>,
    guarding: Option<Guarding<'a>>,
    /// Of the step that is taken.
    used: Used,
    whole: Used,
    steps: Vec<Value>,
    /// By how many points the wording of each slot gained, by its key.
    gains: BTreeMap<String, f64>,
}

/// What came of a slot.
struct Outcome {
    draft: Option<Draft>,
    /// Why it is not what was asked for; none when it is.
    fault: Option<&'static str>,
}

/// Whether an error is Cerebras's or of the way to it: what an order's own words can stand in for.
fn is_upstream(error: &Error) -> bool {
    error.code.starts_with("upstream_") || matches!(error.code, "deadline_exceeded" | "inquiry_incomplete" | "inquiry_unfit")
}

impl<'a> Desk<'a> {
    /// An order about to be worked on.
    pub fn new(door: &'a Door<'a>, order: &'a Order, brand: Option<Brand>) -> Self {
        let Asker { gateway, caller, .. } = door.asker;
        let guarding = guarding::of_inquiries(gateway, caller);
        let nothing = Used { cost: Some(0), ..Used::default() };
        Self { door, order, brand, guarding, used: nothing.clone(), whole: nothing, steps: Vec::new(), gains: BTreeMap::new() }
    }

    /// Carries the order out: the body of the answer.
    ///
    /// # Errors
    /// What a guardrail or the ledger refuses before anything was written, and 499 for a caller that has gone.
    pub async fn work(&mut self) -> Result<Value, Error> {
        match self.order.task {
            Task::Posts | Task::Optimize => self.write().await,
            Task::Adapt => self.adapt().await,
            Task::Humanize => self.humanize().await,
            Task::Score => self.score().await,
            Task::Preview => Ok(self.preview()),
            Task::Audio => Ok(self.audio()),
        }
    }

    /// The guardrails' word, for the answer's headers.
    pub fn guarding(&self) -> Option<&Guarding<'a>> {
        self.guarding.as_ref()
    }

    /// How long models have taken, in ms, and which was asked last; none when none was.
    pub fn asked(&self) -> Option<(u32, &str)> {
        (self.whole.requests > 0).then_some((self.whole.elapsed_ms, &self.whole.model))
    }

    fn rules(&self, platform: Platform) -> Rules {
        self.door.asker.config.platforms.rules(platform)
    }

    // Telling

    /// Ends a step.
    fn step(&mut self, name: &'static str, more: Value) {
        let nothing = Used { cost: Some(0), ..Used::default() };
        let used = std::mem::replace(&mut self.used, nothing);
        let mut step = Map::new();
        step.insert("name".to_owned(), json!(name));
        step.insert("answered_by".to_owned(), json!(if used.requests > 0 { "cloud" } else { "edge" }));
        step.insert("ms".to_owned(), json!(used.elapsed_ms));
        if used.requests > 0 {
            step.insert("model".to_owned(), json!(used.model));
        }
        step.insert("requests".to_owned(), json!(used.requests));
        step.insert("usage".to_owned(), usage(&used));
        if let Value::Object(more) = more {
            step.extend(more);
        }
        self.steps.push(Value::Object(step));
        let whole = &mut self.whole;
        whole.requests = whole.requests.saturating_add(used.requests);
        whole.usage.prompt_tokens = whole.usage.prompt_tokens.saturating_add(used.usage.prompt_tokens);
        whole.usage.completion_tokens = whole.usage.completion_tokens.saturating_add(used.usage.completion_tokens);
        whole.elapsed_ms = whole.elapsed_ms.saturating_add(used.elapsed_ms);
        whole.cost = whole.cost.zip(used.cost).map(|(sum, cost)| sum.saturating_add(cost));
        if used.requests > 0 {
            whole.model = used.model;
        }
    }

    /// Tells a caller that streams how far the work is.
    async fn progress(&self, work: Work, done: usize, of: usize) -> Result<(), Error> {
        if !self.order.stream {
            return Ok(());
        }
        let step = match work {
            Work::Write => "generation",
            Work::Adapt => "adaptation",
            Work::Rewrite => "humanizing",
            Work::Judge => "score",
        };
        let event = event("progress", &json!({"type": "progress", "step": step, "done": done, "of": of}));
        if self.door.asker.call.write(event).await { Ok(()) } else { Err(error::upstream::nobody()) }
    }

    /// The parts that all answers have.
    fn told(&self, object: &'static str, more: Value) -> Value {
        let mut told = Map::new();
        let id = format!("{object}-{}", self.door.asker.call.unique_id());
        told.insert("id".to_owned(), json!(id));
        told.insert("object".to_owned(), json!(object));
        if let Value::Object(more) = more {
            told.extend(more);
        }
        told.insert("steps".to_owned(), json!(self.steps));
        let mut whole = usage(&self.whole);
        if let Some(fields) = whole.as_object_mut() {
            fields.insert("requests".to_owned(), json!(self.whole.requests));
        }
        told.insert("usage".to_owned(), whole);
        Value::Object(told)
    }

    // Orders

    async fn write(&mut self) -> Result<Value, Error> {
        let intent = if self.order.steps.intent { self.intent().await? } else { None };
        let mut slots: Vec<Slot> = Vec::new();
        for platform in &self.order.platforms {
            for variant in 1..=self.order.variants {
                slots.push(Slot {
                    key: format!("{}_{variant}", platform.name()),
                    platform: Some(*platform),
                    variant,
                    source: String::new(),
                });
            }
        }
        let (links, hashtags) = self.extras();
        let judge = |desk: &Self, slot: &Slot, draft: Option<Draft>| {
            let Some(platform) = slot.platform else { return Judged::Useless(Fault { code: "missing", words: String::new() }) };
            draft::written(desk.order, &desk.rules(platform), desk.frame(&links, &hashtags), draft)
        };
        let mut outcomes = self.drafts(Work::Write, intent.as_deref(), &slots, &judge).await?;
        self.step("generation", json!({}));
        if self.order.steps.humanizing {
            self.humanized(&slots, &mut outcomes).await?;
        }
        let posts: Vec<Value> = slots
            .iter()
            .zip(outcomes)
            .filter_map(|(slot, Outcome { draft, fault })| {
                let rules = self.rules(slot.platform?);
                let frame = self.frame(&links, &hashtags);
                let (text, suggested) = match draft {
                    Some(draft) => (draft.text, draft.list),
                    None => (draft::stand_in(self.order), Vec::new()),
                };
                let composed = compose(&rules, &text, &suggested, frame);
                let fault = fault.or_else(|| composed.shortened.then_some("too_long"));
                Some(self.post(slot, &rules, &composed, fault, &[]))
            })
            .collect();
        self.finish_posts();
        let mut more = Map::new();
        let object = match &self.order.study {
            Some(study) => {
                study.tell(&mut more);
                "optimization"
            }
            None => "posts",
        };
        more.insert("posts".to_owned(), Value::from(posts));
        Ok(self.told(object, Value::Object(more)))
    }

    async fn adapt(&mut self) -> Result<Value, Error> {
        let slot = |platform: &Platform| Slot {
            key: platform.name().to_owned(),
            platform: Some(*platform),
            variant: 1,
            source: self.order.subject.clone(),
        };
        let slots: Vec<Slot> = self.order.platforms.iter().map(slot).collect();
        let (links, hashtags) = self.extras();
        let judge = |desk: &Self, slot: &Slot, draft: Option<Draft>| {
            let Some(platform) = slot.platform else { return Judged::Useless(Fault { code: "missing", words: String::new() }) };
            draft::adapted(desk.order, &desk.rules(platform), desk.frame(&links, &hashtags), draft)
        };
        let outcomes = self.drafts(Work::Adapt, None, &slots, &judge).await?;
        self.step("adaptation", json!({}));
        let posts: Vec<Value> = slots
            .iter()
            .zip(outcomes)
            .filter_map(|(slot, Outcome { draft, fault })| {
                let rules = self.rules(slot.platform?);
                let frame = self.frame(&links, &hashtags);
                let (composed, missing) = match draft {
                    Some(draft) => (compose(&rules, &draft.text, &draft.list, frame), Vec::new()),
                    None => draft::by_rule(&rules, &self.order.subject, frame),
                };
                let fault = fault.or_else(|| composed.shortened.then_some("too_long"));
                Some(self.post(slot, &rules, &composed, fault, &missing))
            })
            .collect();
        self.finish_posts();
        Ok(self.told("posts", json!({"posts": posts})))
    }

    async fn humanize(&mut self) -> Result<Value, Error> {
        let source = self.order.subject.clone();
        let slots = [Slot { key: "text".to_owned(), platform: None, variant: 1, source: source.clone() }];
        let judge = |desk: &Self, slot: &Slot, draft: Option<Draft>| draft::rewritten(desk.order, desk.brand.as_ref(), &slot.source, draft);
        let outcome = self.drafts(Work::Rewrite, None, &slots, &judge).await?.pop();
        self.step("humanizing", json!({}));
        let (draft, fault) = outcome.map_or((None, None), |outcome| (outcome.draft, outcome.fault));
        let brand = self.brand.as_ref();
        let by_rule = || enforced(brand, &wording::plain(&source));
        let text = draft.map_or_else(by_rule, |draft| {
            let plain = enforced(brand, &wording::plain(&draft.text));
            if wording::score(&plain) <= wording::score(&draft.text) { plain } else { draft.text }
        });
        let before = wording::measure(&source);
        let (text, after) = match wording::measure(&text) {
            after if after.score <= before.score => (text, after),
            // Without the banned words it is shorter, which may weigh what is left more.
            _ => (enforced(brand, &source), wording::measure(&enforced(brand, &source))),
        };
        let text = if text.trim().is_empty() { "…".to_owned() } else { text };
        self.door.asker.call.observe(|seen| seen.humanizing_gain = Some(before.score - after.score));
        let told = json!({
            "text": text,
            "changed": text != source,
            "tone": self.order.tone.map(|tone| tone.name),
            "before": before,
            "after": after,
            "degraded": fault.is_some(),
            "reason": fault,
        });
        Ok(self.told("humanized", told))
    }

    async fn score(&mut self) -> Result<Value, Error> {
        let text = &self.order.subject;
        let mut scores: Vec<Value> =
            self.order.platforms.iter().map(|platform| score::score(&self.rules(*platform), text).told(*platform)).collect();
        if self.order.mode == Mode::Never {
            let slot = |platform: &Platform| Slot {
                key: platform.name().to_owned(),
                platform: Some(*platform),
                variant: 1,
                source: String::new(),
            };
            let slots: Vec<Slot> = self.order.platforms.iter().map(slot).collect();
            let outcomes = self.drafts(Work::Judge, None, &slots, &|_, _, draft| draft::scored(draft)).await?;
            for (told, outcome) in scores.iter_mut().zip(outcomes) {
                let Some(told) = told.as_object_mut() else { continue };
                match outcome.draft {
                    Some(draft) => {
                        let number = draft.number.map(rounded);
                        // The model's own word, which nobody has measured: it has no interval.
                        for (name, value) in [
                            ("score", json!(number)),
                            ("interval", Value::Null),
                            ("answered_by", json!("cloud")),
                            ("basis", json!("model")),
                            ("reasons", json!(draft.list)),
                        ] {
                            told.insert(name.to_owned(), value);
                        }
                        told.shift_remove("effects");
                        told.insert("degraded".to_owned(), json!(false));
                    }
                    None => {
                        told.insert("degraded".to_owned(), json!(true));
                        told.insert("reason".to_owned(), json!(outcome.fault));
                    }
                }
            }
        }
        self.step("score", json!({}));
        Ok(self.told("scores", json!({"scores": scores})))
    }

    /// What is wanted: the edge's word, and the cloud's where that is unsure.
    async fn intent(&mut self) -> Result<Option<String>, Error> {
        let Asker { gateway, call, caller, .. } = self.door.asker;
        // An order can be understood without the tenant's own intents.
        let own = own_intents(gateway, call, caller).await.unwrap_or_else(|_| Rc::default());
        let text = self.order.subject.as_str();
        let mut verdict = understanding::intents::edge(text, &own);
        if verdict.unsure {
            let question = understanding::cloud::inquiry(Subject::Intents, &own, &[text], None, false);
            let read = |answer: Value| understanding::cloud::read(Subject::Intents, &own, &[text], &answer);
            match self.ask(question, read).await {
                Ok(mut said) => verdict = said.pop().unwrap_or(verdict),
                Err(error) if error.code == "model_not_allowed" => verdict.cloud_failure = Some(error.code),
                Err(error) => {
                    self.tolerate(&error)?;
                    verdict.cloud_failure = Some(error.code);
                }
            }
        }
        let result = verdict.result();
        let intent = result.get("intent").and_then(Value::as_str).map(str::to_owned);
        self.step("intent", json!({"result": result}));
        Ok(intent)
    }

    /// Makes wording plain: by rule, and by a model where that does not suffice.
    async fn humanized(&mut self, slots: &[Slot], outcomes: &mut [Outcome]) -> Result<(), Error> {
        let mut worn: Vec<(usize, Slot)> = Vec::new();
        let mut changed = 0_u32;
        let mut before: BTreeMap<String, f64> = BTreeMap::new();
        for (place, (slot, outcome)) in slots.iter().zip(outcomes.iter_mut()).enumerate() {
            let Some(draft) = &mut outcome.draft else { continue };
            let plain = wording::plain(&draft.text);
            before.insert(slot.key.clone(), wording::score(&draft.text));
            changed = changed.saturating_add(u32::from(plain != draft.text));
            draft.text = plain;
            if wording::score(&draft.text) > WORN {
                worn.push((place, Slot { source: draft.text.clone(), ..slot.clone() }));
            }
        }
        if !worn.is_empty() {
            let asked: Vec<Slot> = worn.iter().map(|(_, slot)| slot.clone()).collect();
            let judge =
                |desk: &Self, slot: &Slot, draft: Option<Draft>| draft::rewritten(desk.order, desk.brand.as_ref(), &slot.source, draft);
            let rewritten = self.drafts(Work::Rewrite, None, &asked, &judge).await?;
            for ((place, _), rewrite) in worn.iter().zip(rewritten) {
                // What was written before is a post all the same, if a worn one.
                if let (Some(draft), Some(text)) = (outcomes.get_mut(*place).and_then(|outcome| outcome.draft.as_mut()), rewrite.draft) {
                    draft.text = text.text;
                    changed = changed.saturating_add(1);
                }
            }
        }
        for (slot, outcome) in slots.iter().zip(outcomes.iter()) {
            if let (Some(before), Some(draft)) = (before.get(&slot.key), &outcome.draft) {
                self.gains.insert(slot.key.clone(), before - wording::score(&draft.text));
            }
        }
        self.step("humanizing", json!({"changed": changed}));
        Ok(())
    }

    /// Links and hashtags of every post: the order's, and the brand's.
    fn extras(&self) -> (Vec<String>, Vec<String>) {
        let mut links = self.order.links.clone();
        let mut hashtags = self.order.hashtags.clone();
        if let Some(brand) = self.brand.as_ref() {
            links.extend(brand.links.iter().filter(|link| !self.order.links.contains(link)).cloned());
            hashtags.extend(brand.hashtags.iter().cloned());
        }
        (links, hashtags)
    }

    fn frame<'f>(&'f self, links: &'f [String], hashtags: &'f [String]) -> Frame<'f> {
        Frame { links, hashtags, brand: self.brand.as_ref(), thread: self.order.thread }
    }

    fn finish_posts(&mut self) {
        self.step("fitting", json!({}));
        if self.order.steps.score {
            self.step("score", json!({"basis": "prior"}));
        }
    }

    fn post(&self, slot: &Slot, rules: &Rules, composed: &Composed, fault: Option<&'static str>, missing: &[String]) -> Value {
        let Composed { text, thread, .. } = composed;
        let scored = self.order.steps.score.then(|| rounded(score::score(rules, text).score));
        let parts = if thread.is_empty() { std::slice::from_ref(text) } else { thread.as_slice() };
        let piece = Piece {
            platform: rules.platform.name().to_owned(),
            variant: String::new(),
            degraded: fault.is_some(),
            valid: parts.iter().all(|part| faults(rules, part).is_empty()),
            score: scored,
            humanizing_gain: self.gains.get(&slot.key).copied(),
        };
        self.door.asker.call.observe(|seen| seen.pieces.push(piece));
        let mut post = json!({
            "platform": rules.platform.name(),
            "variant": slot.variant,
            "text": text,
            "length": length(rules, text),
            "limit": limit(rules, text),
            "hashtags": composed.hashtags(rules),
            "score": scored,
            "wording": wording::score(&composed.whole()),
            "degraded": fault.is_some(),
            "reason": fault,
        });
        if let Some(fields) = post.as_object_mut() {
            if !thread.is_empty() {
                fields.insert("thread".to_owned(), json!(thread));
            }
            if let Some(study) = &self.order.study {
                fields.insert("follows".to_owned(), json!(study.followed(rules.platform, &composed.whole())));
            }
            if !missing.is_empty() {
                fields.insert("lost".to_owned(), json!(missing));
            }
        }
        post
    }
}

fn usage(used: &Used) -> Value {
    let Usage { prompt_tokens, completion_tokens } = used.usage;
    json!({
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens.saturating_add(completion_tokens),
        "cost_micro_dollars": used.cost,
    })
}

/// An event of a stream, by the grammar of the WHATWG.
pub fn event(name: &str, data: &Value) -> Vec<u8> {
    format!("event: {name}\ndata: {data}\n\n").into_bytes()
}
