//! What the model says, as it comes.
//!
//! Events are read however the stream is cut, and go on whole. Each text of each choice runs through guardrails by itself; what is held
//! back of it goes into a later event, at the latest into one before the event that ends its choice. All else in an event stays as it
//! is, so an event may go out with an empty text.

use std::ops::Range;

use super::text::{Text, Treatment};
use super::{Guarded, Step, is_arguments, is_content, visit_texts};
use crate::protocol::json::{Document, Kind, Value, edited};
use crate::protocol::sse;

/// A text of a choice.
struct Strand<'g> {
    /// The choice's index as it is written.
    choice: String,
    /// The way to the text within the choice.
    steps: Vec<Step>,
    text: Text<'g>,
}

/// A stream under guardrails.
pub struct GuardedStream<'g> {
    treatment: Treatment<'g>,
    json: bool,
    /// The bytes of an event that has not ended.
    pending: Vec<u8>,
    begun: bool,
    /// Whether `[DONE]` has come. It goes out when the stream has turned out to be whole: it cannot be unsaid.
    done: bool,
    strands: Vec<Strand<'g>>,
}

impl<'g> Guarded<'g> {
    /// A stream that is about to begin.
    pub fn stream(&self) -> GuardedStream<'g> {
        let treatment = self.guard.answer_treatment(self.inspection.has_replacements());
        GuardedStream { treatment, json: self.json, pending: Vec::new(), begun: false, done: false, strands: Vec::new() }
    }
}

impl<'g> GuardedStream<'g> {
    /// Takes what has come, and gives the events that the caller may see. Once a guardrail has blocked there are none: the call's
    /// [`Guarded::refusal`] tells.
    pub fn feed(&mut self, bytes: &[u8], guarded: &mut Guarded<'g>) -> Vec<u8> {
        self.pending.extend_from_slice(bytes);
        let mut out = Vec::with_capacity(bytes.len());
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        if !self.begun {
            // A byte order mark is no part of the first event, and may be cut, too.
            const MARK: &[u8] = b"\xef\xbb\xbf";
            if MARK.starts_with(rest) && rest.len() < MARK.len() {
                self.pending = pending;
                return out;
            }
            rest = rest.strip_prefix(MARK).unwrap_or(rest);
            self.begun = true;
        }
        while let Some((event, after)) = sse::first_event(rest).and_then(|end| rest.split_at_checked(end)) {
            rest = after;
            self.event(event, guarded, &mut out);
            if guarded.inspection.blocked().is_some() {
                return out;
            }
        }
        self.pending = rest.to_vec();
        out
    }

    /// The stream has ended: what follows if it is whole. An event without its blank line is none, but for the last of all. What is still
    /// held back of a text whose choice has not come to its end is not let through: it may be half of a match.
    pub fn finish(&mut self) -> &'static [u8] {
        let ended = [self.pending.as_slice(), b"\n\n"].concat();
        let done = self.done || sse::events(&ended).next().is_some_and(|data| data.trim_ascii() == b"[DONE]");
        if done { b"data: [DONE]\n\n" } else { b"" }
    }

    fn event(&mut self, event: &[u8], guarded: &mut Guarded<'g>, out: &mut Vec<u8>) {
        let Some(data) = sse::events(event).next() else { return out.extend_from_slice(event) };
        if data.starts_with(b"[DONE]") {
            self.done = true;
            return;
        }
        // What cannot be read cannot be judged. The stream is not whole then, which is found at its end.
        let Ok(document) = Document::read(&data) else { return };
        let root = document.root();
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        let mut before: Vec<u8> = Vec::new();
        for choice in root.get("choices").into_iter().flat_map(Value::elements) {
            self.choice(root, choice, guarded, &mut edits, &mut before);
        }
        if guarded.inspection.blocked().is_some() {
            return;
        }
        out.extend_from_slice(&before);
        if edits.is_empty() {
            return out.extend_from_slice(event);
        }
        add_event(&edited(document.text(), edits), out);
    }

    fn choice(
        &mut self,
        root: Value<'_>,
        choice: Value<'_>,
        guarded: &mut Guarded<'g>,
        edits: &mut Vec<(Range<usize>, String)>,
        before: &mut Vec<u8>,
    ) {
        let index = choice.get("index").map_or("0", Value::raw);
        let ends = choice.get("finish_reason").is_some_and(|reason| reason.kind() == Kind::String);
        // What each text lets through of this event; its place in it, when it has one.
        let mut through: Vec<(usize, Value<'_>, String)> = Vec::new();
        visit_texts(choice, &mut Vec::new(), true, &mut |steps, value| {
            let strand = self.strand(index, steps);
            let mut out = String::new();
            if let Some(strand) = self.strands.get_mut(strand) {
                strand.text.feed(&value.bytes(), &mut guarded.inspection, &mut out);
            }
            stopped(guarded, index, steps);
            through.push((strand, value, out));
        });
        if ends {
            for (place, strand) in self.strands.iter_mut().enumerate().filter(|(_, strand)| strand.choice == index) {
                let mut rest = String::new();
                strand.text.finish(&mut guarded.inspection, &mut rest);
                stopped(guarded, index, &strand.steps);
                match through.iter_mut().rfind(|(known, _, _)| *known == place) {
                    Some((_, _, out)) => out.push_str(&rest),
                    None if rest.is_empty() => {}
                    None => add_event(&last_words(root, index, &strand.steps, rest), before),
                }
            }
        }
        let changed = through.into_iter().filter(|(_, value, out)| *out.as_bytes() != *value.bytes());
        edits.extend(changed.map(|(_, value, out)| (value.span(), serde_json::Value::from(out).to_string())));
    }

    /// The place of a text, which is new when it has not come before.
    fn strand(&mut self, choice: &str, steps: &[Step]) -> usize {
        let known = self.strands.iter().position(|strand| strand.choice == choice && strand.steps == steps);
        known.unwrap_or_else(|| {
            let text = Text::new(self.treatment, is_arguments(steps) || self.json && is_content(steps));
            self.strands.push(Strand { choice: choice.to_owned(), steps: steps.to_vec(), text });
            self.strands.len().saturating_sub(1)
        })
    }
}

fn stopped(guarded: &mut Guarded<'_>, choice: &str, steps: &[Step]) {
    let place = [Step::Key("choices".to_owned()), Step::Place(choice.parse().unwrap_or_default())];
    guarded.stopped(&[&place, steps].concat());
}

/// An event's data with the last that a text has to say, before the event that ends its choice.
fn last_words(root: Value<'_>, index: &str, steps: &[Step], rest: String) -> Vec<u8> {
    let mut value = serde_json::Value::from(rest);
    for step in steps.iter().rev() {
        value = match step {
            Step::Key(key) => serde_json::json!({ key.as_str(): value }),
            Step::Place(place) => {
                if let Some(element) = value.as_object_mut() {
                    element.insert("index".to_owned(), (*place).into());
                }
                serde_json::Value::Array(vec![value])
            }
        };
    }
    let said = value.to_string();
    let members = said.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    let choices = format!("\"choices\":[{{\"index\":{index},{members}}}]");
    let known = root.members().filter(|(key, _)| !["choices", "usage", "time_info"].iter().any(|name| key.is(name)));
    let known: Vec<String> = known.map(|(key, value)| format!("{}:{}", key.raw(), value.raw())).chain([choices]).collect();
    format!("{{{}}}", known.join(",")).into_bytes()
}

fn add_event(data: &[u8], out: &mut Vec<u8>) {
    for line in data.split(|byte| *byte == b'\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
}
