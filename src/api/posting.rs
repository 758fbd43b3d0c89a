//! The work behind `/v1/posts`: questions to models, each guarded, reserved and settled like a call of the caller's own, and what is made of
//! their answers. What is asked and what an answer is worth is decided in `content`.

mod by_rule;
pub mod questions;
mod scenes;
mod seeing;
mod steps;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::guarding::{self, Guarding};
use super::understanding::Door;
use crate::cloud::inquire::Asker;
use crate::cloud::inquiry::Inquiry;
use crate::content::brand::Brand;
use crate::content::campaign::plan::Plan;
use crate::content::campaign::strategy;
use crate::content::compose::{Composed, Frame, compose, enforced};
use crate::content::count::{length, limit};
use crate::content::draft::{self, Draft, Fault, Judged, Slot};
use crate::content::order::{Order, Task};
use crate::content::platform::{Platform, Rules};
use crate::content::prompt::Work;
use crate::content::score::Score;
use crate::content::{fit, score, wording};
use crate::error::{self, Error};
use crate::learning::score_model::{Model, Post};
use crate::ledger::feedback::What;
use crate::protocol::usage::Usage;
use crate::telemetry::observation::Piece;
use crate::understanding::{Mode, rounded};

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
    /// What the tenant's feedback has taught of scores.
    model: Option<Rc<Model>>,
    /// Names the answer.
    name: String,
    /// What the answer is called.
    object: Cell<&'static str>,
    /// The answers that are to be remembered, by their ids.
    given: RefCell<Vec<(String, What)>>,
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
        let name = door.asker.call.unique_id();
        Self {
            door,
            order,
            brand,
            guarding,
            used: nothing.clone(),
            whole: nothing,
            steps: Vec::new(),
            model: None,
            name,
            object: Cell::new("posts"),
            given: RefCell::default(),
        }
    }

    /// Scores by what the tenant's feedback has taught.
    pub fn learnt(&mut self, model: Option<Rc<Model>>) {
        self.model = model;
    }

    /// The posts that were given, so that feedback may name them.
    pub fn given(&self) -> Vec<(String, What)> {
        self.given.take()
    }

    /// What is remembered of the answer as a whole.
    pub fn whole(&self) -> What {
        What {
            model: self.whole.model.clone(),
            task: self.order.task.name().to_owned(),
            brand: self.order.brand.clone().unwrap_or_default(),
            ..What::part(self.door.asker.call.variant())
        }
    }

    /// The id in the answer's body.
    pub fn id(&self) -> String {
        format!("{}-{}", self.object.get(), self.name)
    }

    /// Carries the order out: the body of the answer.
    ///
    /// # Errors
    /// What a guardrail or the ledger refuses before anything was written, and 499 for a caller that has gone.
    pub async fn work(&mut self) -> Result<Value, Error> {
        match self.order.task {
            Task::Posts | Task::Optimize | Task::Personalize => self.write().await,
            Task::Video => self.film().await,
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

    /// What models have cost, in micro-dollars; none when a price is unknown.
    pub fn cost(&self) -> Option<u64> {
        self.whole.cost
    }

    fn rules(&self, platform: Platform) -> Rules {
        let rules = self.door.asker.config.platforms.rules(platform);
        // Beside a picture some platforms take less.
        let beside = rules.caption.filter(|_| !self.order.pictures.is_empty());
        Rules { limit: beside.map_or(rules.limit, |caption| caption.min(rules.limit)), ..rules }
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
            Work::Write | Work::Personalize | Work::Film => "generation",
            Work::Adapt => "adaptation",
            Work::Rewrite => "humanizing",
            Work::Judge => "score",
        };
        let event = event("progress", &json!({"type": "progress", "step": step, "done": done, "of": of}));
        if self.door.asker.call.write(event).await { Ok(()) } else { Err(error::upstream::nobody()) }
    }

    /// The parts that all answers have.
    fn told(&self, object: &'static str, more: Value) -> Value {
        self.object.set(object);
        let mut told = Map::new();
        told.insert("id".to_owned(), json!(self.id()));
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
        let mut slots = self.alternatives();
        let pictures = slots.len();
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
            let Some(platform) = slot.platform else { return draft::described(desk.order, desk.brand.as_ref(), desk.alt_room(), draft) };
            let judge = if desk.order.person.is_some() { draft::personal } else { draft::written };
            judge(desk.order, &desk.rules(platform), desk.frame(&links, &hashtags), draft)
        };
        let work = if self.order.person.is_some() { Work::Personalize } else { Work::Write };
        let mut outcomes = self.drafts(work, intent.as_deref(), &slots, &judge).await?;
        self.step("generation", json!({}));
        let images = self.described(outcomes.drain(..pictures).collect());
        slots.drain(..pictures);
        if self.order.steps.humanizing {
            self.humanized(&slots, &mut outcomes).await?;
        }
        let mut whole: Vec<String> = Vec::new();
        let posts: Vec<Value> = slots
            .iter()
            .zip(outcomes)
            .filter_map(|(slot, Outcome { draft, fault })| {
                let rules = self.rules(slot.platform?);
                let frame = self.frame(&links, &hashtags);
                let (composed, missing) = match draft {
                    Some(draft) => (compose(&rules, &draft.text, &draft.list, frame), Vec::new()),
                    None if self.order.from_text => draft::by_rule(&rules, &self.order.subject, frame),
                    None => (compose(&rules, &draft::stand_in(self.order), &[], frame), Vec::new()),
                };
                let fault = fault.or_else(|| composed.shortened.then_some("too_long"));
                whole.push(composed.whole());
                Some(self.post(slot, &rules, &composed, fault, &missing))
            })
            .collect();
        self.finish_posts();
        let mut more = Map::new();
        let object = match (&self.order.study, &self.order.person) {
            (Some(study), _) => {
                study.tell(&mut more);
                "optimization"
            }
            (None, Some(person)) => {
                let languages = self.brand.as_ref().map_or(&[][..], |brand| &brand.languages);
                let theirs = self.order.wanted_language(languages) == person.language();
                person.tell(&whole, theirs, &mut more);
                "personalization"
            }
            (None, None) => "posts",
        };
        more.insert("posts".to_owned(), Value::from(posts));
        if pictures > 0 {
            more.insert("images".to_owned(), Value::from(images));
        }
        Ok(self.told(object, Value::Object(more)))
    }

    /// Themes for the times of a campaign: a model's, or those that stand in for them.
    ///
    /// # Errors
    /// As for [`Self::work`].
    pub async fn strategy(&mut self, plan: &Plan) -> Result<Value, Error> {
        let question = Inquiry { model: self.model(), ..strategy::inquiry(plan) };
        let (answer, reason) = match self.ask(question, Ok).await {
            Ok(answer) => match &mut self.guarding {
                Some(guarding) => (Some(guarding.said(answer)?), None),
                None => (Some(answer), None),
            },
            Err(error) => {
                self.tolerate(&error)?;
                (None, Some(error.code))
            }
        };
        let told = strategy::told(plan, &strategy::themes(plan, answer.as_ref()), reason);
        self.step("strategy", json!({}));
        Ok(self.told("strategy", told))
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
        self.door.asker.call.observe(|seen| seen.humanizing_gains.push(before.score - after.score));
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
        let mut scores: Vec<Value> = self
            .order
            .platforms
            .iter()
            .map(|platform| score::score(&self.rules(*platform), text).told(*platform, self.model.as_deref()))
            .collect();
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
            self.step("score", json!({"basis": score::basis(self.model.as_deref())}));
        }
    }

    /// Remembers a post, so that feedback may name it; by that name.
    fn remember(&self, platform: Platform, scored: &Score, score: Option<f64>) -> String {
        let mut given = self.given.borrow_mut();
        let id = format!("post-{}-{}", self.name, given.len().saturating_add(1));
        given.push((id.clone(), What { score, post: Some(Post::of(platform, &scored.effects)), ..self.whole() }));
        id
    }

    fn post(&self, slot: &Slot, rules: &Rules, composed: &Composed, fault: Option<&'static str>, missing: &[String]) -> Value {
        let Composed { text, thread, .. } = composed;
        let scored = score::score(rules, text);
        let (score, _) = scored.by(rules.platform, self.model.as_deref());
        let shown = self.order.steps.score.then(|| rounded(score));
        let id = self.remember(rules.platform, &scored, shown);
        let piece = Piece {
            platform: rules.platform.name().to_owned(),
            degraded: fault.is_some(),
            valid: fit::faults(rules, text).is_empty(),
            score: shown,
            ..Piece::default()
        };
        self.door.asker.call.observe(|seen| seen.pieces.push(piece));
        let mut post = json!({
            "id": id,
            "platform": rules.platform.name(),
            "variant": slot.variant,
            "text": text,
            "length": length(rules, text),
            "limit": limit(rules, text),
            "hashtags": composed.hashtags(rules),
            "score": shown,
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
