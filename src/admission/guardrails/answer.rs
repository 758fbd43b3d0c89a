//! What the model says, whole.

use super::inspection::Finding;
use super::policy::{Action, At, Verdict};
use super::text::Text;
use super::{Guarded, Step, is_arguments, is_content, visit_texts};
use crate::edge::safety::offences;
use crate::error::Error;
use crate::protocol::json::{Document, Value, edited};

impl Guarded<'_> {
    /// The answer as the caller may see it, when it differs: placeholders restored, and without what is taken out. What is only to be
    /// told of it is found, too.
    ///
    /// # Errors
    /// 403 when a guardrail blocks it.
    pub fn answer(&mut self, body: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let Ok(document) = Document::read(body) else { return Ok(None) };
        self.flag(document.root());
        let treatment = self.guard.answer_treatment(self.inspection.has_replacements());
        if !treatment.is_any() {
            return Ok(None);
        }
        let mut edits = Vec::new();
        each_text(document.root(), &mut |steps, value| {
            let bytes = value.bytes();
            let mut out = String::with_capacity(bytes.len());
            let mut text = Text::new(treatment, is_arguments(steps) || self.json && is_content(steps));
            text.feed(&bytes, &mut self.inspection, &mut out);
            text.finish(&mut self.inspection, &mut out);
            if *out.as_bytes() != *bytes {
                edits.push((value.span(), serde_json::Value::from(out).to_string()));
            }
            self.stopped(steps);
        });
        match self.refusal() {
            Some(refusal) => Err(refusal),
            None if edits.is_empty() => Ok(None),
            None => Ok(Some(edited(document.text(), edits))),
        }
    }

    /// Finds what is only to be told of a whole answer.
    pub fn flag_answer(&mut self, body: &[u8]) {
        if let Ok(document) = Document::read(body) {
            self.flag(document.root());
        }
    }

    fn flag(&mut self, root: Value<'_>) {
        let treatment = self.guard.flag_treatment();
        let flags = self.guard.policy.offence_at(At::Answer) == Some(Verdict::Flag);
        if !treatment.is_any() && !flags {
            return;
        }
        each_text(root, &mut |steps, value| {
            let bytes = value.bytes();
            if treatment.is_any() {
                let mut out = String::new();
                let mut text = Text::new(treatment, is_arguments(steps) || self.json && is_content(steps));
                text.feed(&bytes, &mut self.inspection, &mut out);
                text.finish(&mut self.inspection, &mut out);
            }
            if flags {
                let from = self.guard.offence_from();
                for notice in offences(&String::from_utf8_lossy(&bytes)).into_iter().filter(|notice| notice.weight >= from) {
                    let rule = notice.rule.to_owned();
                    self.inspection.note(Finding { guardrail: "offence", at: At::Answer, action: Action::Flag, rule });
                }
            }
        });
    }
}

/// Visits every text that the choices of an answer say.
fn each_text<'d>(root: Value<'d>, visit: &mut dyn FnMut(&[Step], Value<'d>)) {
    if let Some(choices) = root.get("choices") {
        visit_texts(choices, &mut vec![Step::Key("choices".to_owned())], false, visit);
    }
}
