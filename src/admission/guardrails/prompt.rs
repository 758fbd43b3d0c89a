//! What is sent: judged, and rewritten where something may not leave.

use std::ops::Range;

use super::inspection::Finding;
use super::policy::{Action, At, Verdict};
use super::text::Text;
use super::{Guard, Guarded, Step, is_arguments, visit_texts};
use crate::edge::safety::{Notice, injections, offences};
use crate::error::Error;
use crate::protocol::json::{Document, Kind, Value, edited};
use crate::protocol::request::CompletionRequest;

/// The fields that hold texts, in the order in which placeholders are numbered, whatever their order in the body.
const FIELDS: [&str; 6] = ["messages", "prompt", "suffix", "prediction", "tools", "response_format"];

/// Refuses what cannot be guarded.
pub(super) fn refuse_unreadable(request: &CompletionRequest<'_>, guard: &Guard, changes_answers: bool) -> Result<(), Error> {
    let root = request.root();
    let refused = |field: &str, message: String| Err(Error::invalid("guardrail_conflict", field, message).final_word());
    let prompts = root.get("prompt").filter(|_| guards_prompts(guard));
    if prompts.is_some_and(|prompt| holds_numbers(prompt) || prompt.elements().any(holds_numbers)) {
        return refused("prompt", "`prompt` is given as tokens, which the tenant's guardrails cannot read. Give it as text.".to_owned());
    }
    let wanted = |value: Value<'_>| !value.is_null() && value.boolean() != Some(false) && value.number() != Some("0");
    for field in ["logprobs", "top_logprobs", "return_raw_tokens"] {
        if changes_answers && root.get(field).is_some_and(wanted) {
            let message = format!("`{field}` tells what the answer was before the tenant's guardrails have seen to it. Leave it out.");
            return refused(field, message);
        }
    }
    Ok(())
}

fn holds_numbers(list: Value<'_>) -> bool {
    list.elements().any(|element| element.kind() == Kind::Number)
}

fn guards_prompts(guard: &Guard) -> bool {
    let policy = &guard.policy;
    policy.pii.is_some()
        || policy.injection.is_some()
        || policy.cloud.is_some()
        || policy.offence_at(At::Prompt).is_some()
        || guard.prompt_words.iter().any(Option::is_some)
}

/// Whether the answer is to be JSON.
pub(super) fn wants_json(request: &CompletionRequest<'_>) -> bool {
    let kind = request.root().get("response_format").and_then(|format| format.get("type"));
    kind.is_some_and(|kind| kind.is("json_schema") || kind.is("json_object"))
}

/// Judges every text, and gives the body without what may not leave.
pub(super) fn inspect(guarded: &mut Guarded<'_>, request: &CompletionRequest<'_>) -> Result<Option<Vec<u8>>, Error> {
    let root = request.root();
    if !guards_prompts(guarded.guard) {
        return Ok(None);
    }
    let mut edits = Vec::new();
    for field in FIELDS {
        let Some(value) = root.get(field) else { continue };
        let mut steps = vec![Step::Key(field.to_owned())];
        if field == "messages" {
            for (place, message) in value.elements().enumerate() {
                steps.push(Step::Place(place));
                let trusted = message.get("role").is_some_and(|role| role.is("system") || role.is("developer"));
                inspect_within(guarded, message, &mut steps, trusted, &mut edits);
                steps.pop();
            }
        } else {
            let trusted = matches!(field, "tools" | "response_format");
            inspect_within(guarded, value, &mut steps, trusted, &mut edits);
        }
    }
    match guarded.refusal() {
        Some(refusal) => Err(refusal),
        None if edits.is_empty() => Ok(None),
        None => Ok(Some(edited(request.text(), edits))),
    }
}

fn inspect_within(
    guarded: &mut Guarded<'_>,
    value: Value<'_>,
    steps: &mut Vec<Step>,
    trusted: bool,
    edits: &mut Vec<(Range<usize>, String)>,
) {
    let trusted = trusted && guarded.trusting;
    visit_texts(value, steps, false, &mut |steps, value| {
        let bytes = value.bytes();
        if !trusted {
            judge(guarded, &String::from_utf8_lossy(&bytes));
        }
        let treatment = guarded.guard.prompt_treatment(trusted);
        let mut taken = None;
        if treatment.is_any() {
            let before = guarded.inspection.changes();
            let mut text = Text::new(treatment, is_arguments(steps) || is_json(&bytes));
            let mut out = String::with_capacity(bytes.len());
            text.feed(&bytes, &mut guarded.inspection, &mut out);
            text.finish(&mut guarded.inspection, &mut out);
            if guarded.inspection.changes() > before {
                edits.push((value.span(), serde_json::Value::from(out.as_str()).to_string()));
                taken = Some(out);
            }
        }
        if guarded.guard.policy.cloud.is_some() && !trusted {
            guarded.said.push(taken.unwrap_or_else(|| String::from_utf8_lossy(&bytes).into_owned()));
        }
        guarded.stopped(steps);
    });
}

/// Whether a text is JSON itself: what a tool has answered, or a document that was pasted.
fn is_json(text: &[u8]) -> bool {
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'[')) && Document::read(text).is_ok()
}

/// Looks for what cannot be taken out.
fn judge(guarded: &mut Guarded<'_>, text: &str) {
    let guard = guarded.guard;
    if let Some(injection) = &guard.policy.injection {
        note(guarded, "injection", injection.prompt, guard.injection_from(), injections(text));
    }
    if let Some(verdict) = guard.policy.offence_at(At::Prompt) {
        note(guarded, "offence", verdict, guard.offence_from(), offences(text));
    }
}

fn note(guarded: &mut Guarded<'_>, guardrail: &'static str, verdict: Verdict, threshold: f32, notices: Vec<Notice>) {
    for notice in notices.into_iter().filter(|notice| notice.weight >= threshold) {
        let action = Action::from(verdict);
        guarded.inspection.note(Finding { guardrail, at: At::Prompt, action, rule: notice.rule.to_owned() });
    }
}
