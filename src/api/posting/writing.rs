//! Orders for posts: new ones, one text for several platforms, and what is told of each post.

use serde_json::{Map, Value, json};

use super::{Desk, Outcome};
use crate::content::compose::{Composed, Frame, compose};
use crate::content::count::{length, limit};
use crate::content::draft::{self, Draft, Fault, Judged, Slot};
use crate::content::platform::{Platform, Rules};
use crate::content::prompt::Work;
use crate::content::score::Score;
use crate::content::{fit, score, wording};
use crate::error::Error;
use crate::learning::score_model::Post;
use crate::ledger::feedback::What;
use crate::telemetry::observation::Piece;
use crate::understanding::rounded;

impl Desk<'_> {
    pub(super) async fn write(&mut self) -> Result<Value, Error> {
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
            .filter_map(|(slot, outcome)| {
                let (composed, post) = self.made(slot, outcome, self.frame(&links, &hashtags))?;
                whole.push(composed.whole());
                Some(post)
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

    pub(super) async fn adapt(&mut self) -> Result<Value, Error> {
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
            .filter_map(|(slot, outcome)| Some(self.made(slot, outcome, self.frame(&links, &hashtags))?.1))
            .collect();
        self.finish_posts();
        Ok(self.told("posts", json!({"posts": posts})))
    }

    /// What becomes of a slot, and what is told of it: what a model has written, or what stands in for that.
    fn made(&self, slot: &Slot, Outcome { draft, fault }: Outcome, frame: Frame<'_>) -> Option<(Composed, Value)> {
        let rules = self.rules(slot.platform?);
        let (composed, missing) = match draft {
            Some(draft) => (compose(&rules, &draft.text, &draft.list, frame), Vec::new()),
            None if self.order.from_text => draft::by_rule(&rules, &self.order.subject, frame),
            None => (compose(&rules, &draft::stand_in(self.order), &[], frame), Vec::new()),
        };
        let fault = fault.or_else(|| composed.shortened.then_some("too_long"));
        let post = self.post(slot, &rules, &composed, fault, &missing);
        Some((composed, post))
    }

    fn finish_posts(&mut self) {
        self.step("fitting", json!({}));
        if self.order.steps.score {
            self.step("score", json!({"basis": score::basis(self.model.as_deref())}));
        }
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

    /// Remembers a post, so that feedback may name it; by that name.
    fn remember(&self, platform: Platform, scored: &Score, score: Option<f64>) -> String {
        let mut given = self.given.borrow_mut();
        let id = format!("post-{}-{}", self.name, given.len().saturating_add(1));
        given.push((id.clone(), What { score, post: Some(Post::of(platform, &scored.effects)), ..self.whole() }));
        id
    }
}
