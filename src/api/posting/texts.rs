//! Orders about a text that is there: put into other words, or scored.

use serde_json::{Value, json};

use super::Desk;
use crate::content::compose::enforced;
use crate::content::draft::{self, Draft, Slot};
use crate::content::platform::Platform;
use crate::content::prompt::Work;
use crate::content::{score, wording};
use crate::error::Error;
use crate::understanding::{Mode, rounded};

impl Desk<'_> {
    pub(super) async fn humanize(&mut self) -> Result<Value, Error> {
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

    pub(super) async fn score(&mut self) -> Result<Value, Error> {
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
}
