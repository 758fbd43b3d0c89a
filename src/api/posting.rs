//! The work behind `/v1/posts`: questions to models, each guarded, reserved and settled like a call of the caller's own, and what is made of
//! their answers. What is asked and what an answer is worth is decided in `content`.

mod by_rule;
pub mod questions;
mod scenes;
mod seeing;
mod steps;
mod telling;
mod texts;
mod writing;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde_json::{Value, json};

pub use telling::event;

use super::guarding::{self, Guarding};
use super::understanding::Door;
use crate::cloud::inquire::Asker;
use crate::cloud::inquiry::Inquiry;
use crate::content::brand::Brand;
use crate::content::campaign::plan::Plan;
use crate::content::campaign::strategy;
use crate::content::compose::Frame;
use crate::content::draft::Draft;
use crate::content::order::{Order, Task};
use crate::content::platform::{Platform, Rules};
use crate::error::Error;
use crate::learning::score_model::Model;
use crate::ledger::feedback::What;
use crate::protocol::usage::Usage;

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
}
