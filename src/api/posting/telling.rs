//! What an answer and a stream tell of the way that an order took: its steps, and what they used.

use serde_json::{Map, Value, json};

use super::{Desk, Used};
use crate::content::prompt::Work;
use crate::error::{self, Error};
use crate::protocol::usage::Usage;

impl Desk<'_> {
    /// Ends a step.
    pub(super) fn step(&mut self, name: &'static str, more: Value) {
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
    pub(super) async fn progress(&self, work: Work, done: usize, of: usize) -> Result<(), Error> {
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
    pub(super) fn told(&self, object: &'static str, more: Value) -> Value {
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
