//! Steps around the writing of posts: what is wanted, and wording made plain.

use std::rc::Rc;

use serde_json::{Value, json};

use super::{Desk, Outcome};
use crate::api::understanding::own_intents;
use crate::cloud::inquire::Asker;
use crate::content::draft::{self, Draft, Slot};
use crate::content::prompt::Work;
use crate::content::wording;
use crate::error::Error;
use crate::understanding::{self, Subject};

/// From which score on wording is rewritten by a model: a single phrase in a short post is no habit. What code can make plain is made plain
/// before.
const WORN: f64 = 40.0;

impl Desk<'_> {
    /// What is wanted: the edge's word, and the cloud's where that is unsure.
    pub(super) async fn intent(&mut self) -> Result<Option<String>, Error> {
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
    pub(super) async fn humanized(&mut self, slots: &[Slot], outcomes: &mut [Outcome]) -> Result<(), Error> {
        let mut worn: Vec<(usize, Slot)> = Vec::new();
        let mut changed = 0_u32;
        let wordings = |outcomes: &[Outcome]| -> Vec<Option<f64>> {
            outcomes.iter().map(|outcome| outcome.draft.as_ref().map(|draft| wording::score(&draft.text))).collect()
        };
        let before = wordings(outcomes);
        for (place, (slot, outcome)) in slots.iter().zip(outcomes.iter_mut()).enumerate() {
            let Some(draft) = &mut outcome.draft else { continue };
            let plain = wording::plain(&draft.text);
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
        let gains = before.into_iter().zip(wordings(outcomes)).filter_map(|(before, after)| Some(before? - after?));
        self.door.asker.call.observe(|seen| seen.humanizing_gains.extend(gains));
        self.step("humanizing", json!({"changed": changed}));
        Ok(())
    }
}
