//! What the model says: the choices of an answer, their lengths and why they end.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::catalogue::Model;
use crate::faults::{self, Faults};
use crate::generate::Maker;
use crate::prose::{self, Writer};
use crate::request::{Ask, Endpoint, Wants, text_of};
use crate::seed::{self, Dice};
use crate::tokens;
use crate::tools::{self, ToolCall};
use crate::topics::{self, Topics};

/// No answer is longer, whatever `words` asks for.
const MOST_WORDS: usize = 200_000;
/// So much of a tool's result is quoted.
const QUOTED: usize = 200;

/// One choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Shown reasoning.
    pub reasoning: Option<String>,
    /// Text.
    pub content: Option<String>,
    /// Text of a refusal.
    pub refusal: Option<String>,
    /// Calls of tools.
    pub calls: Vec<ToolCall>,
    /// Why it ends.
    pub finish: Option<String>,
}

/// What was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt, pictures included.
    pub prompt: usize,
    /// Tokens at its beginning that were cached.
    pub cached: usize,
    /// Tokens of pictures, if there are any.
    pub images: Option<usize>,
    /// Tokens of all choices: reasoning and rejected predictions included.
    pub completion: usize,
    /// Tokens of reasoning.
    pub reasoning: usize,
    /// Predicted tokens that were right.
    pub accepted: usize,
    /// Predicted tokens that were wrong.
    pub rejected: usize,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Which endpoint's form it has.
    pub endpoint: Endpoint,
    /// `chatcmpl-…`
    pub id: String,
    /// The model's id.
    pub model: &'static str,
    /// The model's fingerprint.
    pub fingerprint: &'static str,
    /// The choices.
    pub choices: Vec<Choice>,
    /// What was used.
    pub usage: Usage,
    /// Alternatives per token, when log probabilities are wanted.
    pub logprobs: Option<usize>,
    /// Seconds since 1970.
    pub created: f64,
    /// Where the dice of this request begin.
    pub seed: u64,
}

/// Tokens of the prompt: all, and those of pictures.
pub fn prompt_tokens(ask: &Ask<'_>) -> (usize, usize) {
    let images = ask.images() * tokens::IMAGE_TOKENS;
    if ask.endpoint == Endpoint::Text {
        return (ask.prompts.iter().map(|prompt| tokens::of_bytes(prompt.len()).max(1)).sum(), 0);
    }
    let size = |value: &Value| match value {
        Value::Null => 0,
        Value::String(text) => text.len(),
        Value::Array(parts) if parts.iter().all(|part| part.get("type").is_some_and(|kind| kind != "function")) => {
            parts.iter().filter_map(|part| part["text"].as_str()).map(str::len).sum()
        }
        other => other.to_string().len(),
    };
    let mut bytes = 0;
    for message in ask.messages {
        bytes += size(&message["content"]) + size(&message["reasoning"]) + size(&message["tool_calls"]);
    }
    let others = ask.tools.iter().map(|tool| tool.to_string().len()).sum::<usize>();
    let schema = if let Wants::Schema(schema) = ask.wants { schema.to_string().len() } else { 0 };
    let text = tokens::TEMPLATE_TOKENS + ask.messages.len() * tokens::MESSAGE_TOKENS + tokens::of_bytes(bytes + others + schema);
    (text + images, images)
}

/// Writes all choices. `budget` is the longest that one may be, in tokens.
pub fn choices(ask: &Ask<'_>, model: &Model, faults: &Faults, budget: usize, seed: u64, usage: &mut Usage) -> Vec<Choice> {
    let mut made = Vec::with_capacity(ask.n);
    if ask.endpoint == Endpoint::Text {
        for (number, prompt) in ask.prompts.iter().flat_map(|prompt| std::iter::repeat_n(prompt, ask.n)).enumerate() {
            let writer = Author { ask, model, faults, prompt: Cow::Borrowed(prompt), dice: Dice::new(seed::join(seed, number as u64)) };
            made.push(writer.text(budget, usage));
        }
        return made;
    }
    let last = ask.messages.iter().rev().find(|message| message["role"] == "user");
    let prompt = last.map_or(Cow::Borrowed(""), |message| text_of(&message["content"]));
    let prompt = if prompt.contains("[[") { Cow::Owned(faults::without(&prompt)) } else { prompt };
    for number in 0..ask.n {
        let dice = Dice::new(seed::join(seed, number as u64));
        made.push(Author { ask, model, faults, prompt: prompt.clone(), dice }.chat(budget, usage));
    }
    made
}

/// What a choice consists of before its length is known.
enum Said {
    Text(String),
    Refused(String),
    Calls(Vec<ToolCall>),
}

struct Author<'a> {
    ask: &'a Ask<'a>,
    model: &'a Model,
    faults: &'a Faults,
    prompt: Cow<'a, str>,
    dice: Dice,
}

impl Author<'_> {
    /// A choice of a chat.
    fn chat(mut self, budget: usize, usage: &mut Usage) -> Choice {
        let topics = Topics::of(&spoken(&self.prompt));
        let mut choice = Choice::default();
        let mut left = budget;
        let mut cut = false;
        // A refusal or an empty answer is about nothing but itself.
        let thoughts = if self.faults.empty || self.faults.refusal { None } else { self.thoughts(&topics) };
        let mut raw = None;
        if let Some(thoughts) = thoughts {
            let (kept, short) = tokens::first(&thoughts, left);
            let spent = tokens::count(kept);
            usage.reasoning += spent;
            usage.completion += spent;
            left -= spent;
            cut = short;
            match self.ask.word("reasoning_format") {
                Some("hidden") => {}
                Some("raw") => raw = Some(kept.to_owned()),
                _ => choice.reasoning = Some(kept.to_owned()).filter(|kept| !kept.is_empty()),
            }
        }
        if left == 0 {
            cut = true;
        }
        if !cut {
            match self.say(&topics, usage) {
                Said::Text(text) => {
                    let text = self.stopped(text);
                    let (kept, short) = tokens::first(&text, left);
                    usage.completion += tokens::count(kept);
                    cut = short;
                    choice.content = Some(kept.to_owned());
                }
                Said::Refused(text) => {
                    usage.completion += tokens::count(&text);
                    choice.refusal = Some(text);
                }
                Said::Calls(calls) => {
                    let spent: usize = calls.iter().map(|call| tokens::count(&call.arguments) + tokens::count(&call.name)).sum();
                    cut = spent > left;
                    usage.completion += spent.min(left);
                    // Half a call is of no use to anybody, and is never sent.
                    choice.calls = if cut { Vec::new() } else { calls };
                }
            }
        }
        if let Some(raw) = raw {
            choice.content = Some(format!("<think>\n{raw}\n</think>\n\n{}", choice.content.unwrap_or_default()));
        }
        let reason = match (cut, choice.calls.is_empty()) {
            (true, _) => "length",
            (false, false) => "tool_calls",
            (false, true) => "stop",
        };
        choice.finish = self.finish(reason);
        choice
    }

    /// A choice of a text completion.
    fn text(mut self, budget: usize, usage: &mut Usage) -> Choice {
        let prompt = faults::without(&self.prompt);
        let topics = Topics::of(&prompt);
        let text = match self.dictated() {
            Some(text) => text,
            None if self.faults.empty => String::new(),
            None => format!(" {}", self.prose(&topics, &prompt)),
        };
        let text = self.stopped(text);
        let (kept, cut) = tokens::first(&text, budget);
        usage.completion += tokens::count(kept);
        let echoed = if self.ask.given("echo") == Some(&Value::Bool(true)) { &*self.prompt } else { "" };
        Choice { content: Some(format!("{echoed}{kept}")), finish: self.finish(if cut { "length" } else { "stop" }), ..Choice::default() }
    }

    fn finish(&self, usual: &str) -> Option<String> {
        (!self.faults.no_finish).then(|| self.faults.finish.clone().unwrap_or_else(|| usual.to_owned()))
    }

    fn thoughts(&mut self, topics: &Topics) -> Option<String> {
        let usual = if self.model.vision { "high" } else { "medium" };
        let words = match self.ask.word("reasoning_effort").unwrap_or(usual) {
            "none" => return None,
            "low" => 6,
            "medium" => 12,
            _ => 28,
        };
        Some(Writer::new(Dice::new(self.dice.roll()), topics, false).thoughts(words))
    }

    /// What the request itself wants said.
    fn dictated(&self) -> Option<String> {
        self.faults.said.clone().or_else(|| self.faults.echo.then(|| faults::without(&self.prompt).trim().to_owned()))
    }

    fn say(&mut self, topics: &Topics, usage: &mut Usage) -> Said {
        if self.faults.refusal {
            return Said::Refused("I'm sorry, but I can't help with that request.".to_owned());
        }
        if self.faults.empty {
            return Said::Text(String::new());
        }
        if let Some(prediction) = self.ask.given("prediction") {
            return Said::Text(predicted(&text_of(&prediction["content"]), usage));
        }
        let last = self.ask.messages.last();
        if !self.ask.tools.is_empty() && last.is_some_and(|message| message["role"] == "user") {
            let choice = self.ask.given("tool_choice");
            let two = self.faults.parallel && self.ask.given("parallel_tool_calls") != Some(&Value::Bool(false));
            let mut calls = tools::calls(self.ask.tools, choice, &self.prompt, topics, two, &mut self.dice);
            if let Some(text) = self.dictated() {
                for call in &mut calls {
                    call.arguments = json!({"text": text}).to_string();
                }
            }
            if !calls.is_empty() {
                return Said::Calls(calls);
            }
        }
        if let Some(text) = self.dictated() {
            let fits = matches!(self.ask.wants, Wants::Text) || text.starts_with('{');
            return Said::Text(if fits { text } else { json!({"text": text}).to_string() });
        }
        let dice = Dice::new(self.dice.roll());
        match self.ask.wants {
            Wants::Schema(_) if self.faults.unfit => Said::Text(json!({"unfit": true}).to_string()),
            Wants::Schema(_) if self.faults.prose => Said::Text(self.prose(topics, "")),
            Wants::Schema(schema) => Said::Text(self.mangled(Maker::new(schema, topics, dice).make().to_string())),
            Wants::Object => {
                let text = self.prose(topics, "");
                Said::Text(json!({"topic": topics.main(), "answer": text}).to_string())
            }
            Wants::Text => {
                let prompt = std::mem::take(&mut self.prompt);
                let text = self.prose(topics, &prompt);
                Said::Text(match last.filter(|message| message["role"] == "tool") {
                    Some(result) => format!("{} {text}", self.quote(result)),
                    None => text,
                })
            }
        }
    }

    /// A sentence on what a tool has found out.
    fn quote(&self, result: &Value) -> String {
        let calls = self.ask.messages.iter().filter_map(|message| message["tool_calls"].as_array()).flatten();
        let mut calls = calls.filter(|call| call["id"] == result["tool_call_id"]);
        let name = calls.next().and_then(|call| call["function"]["name"].as_str()).unwrap_or("the tool");
        let content = text_of(&result["content"]);
        let short: String = content.trim().chars().take(QUOTED).collect();
        format!("According to {name}, the result is: {short}{}", if short.ends_with(['.', '!', '?']) { "" } else { "." })
    }

    /// JSON as models break it.
    fn mangled(&self, text: String) -> String {
        if self.faults.fenced {
            format!("Sure! Here is what you asked for:\n```json\n{text}\n```\nLet me know if you need anything else.")
        } else if self.faults.halved {
            text.chars().take(text.chars().count() / 2).collect()
        } else {
            text
        }
    }

    fn prose(&mut self, topics: &Topics, prompt: &str) -> String {
        // With a number of chunks asked for, every chunk is to have a word.
        let exact = self.faults.words.or(self.faults.chunks.map(|chunks| chunks.max(8))).map(|words| words.min(MOST_WORDS));
        prose::answer(Dice::new(self.dice.roll()), topics, topics::wish(prompt), exact, self.faults.unicode)
    }

    fn stopped(&self, mut text: String) -> String {
        let first = self.ask.stops.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| text.find(stop)).min();
        if let Some(at) = first {
            text.truncate(at);
        }
        text
    }
}

/// What is said in a prompt: of one that is JSON, its texts that have spaces in them.
fn spoken(prompt: &str) -> Cow<'_, str> {
    fn texts(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) if text.trim().contains(' ') => found.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
            Value::Object(fields) => fields.values().for_each(|field| texts(field, found)),
            _ => {}
        }
    }
    let first = serde_json::Deserializer::from_str(prompt).into_iter::<Value>().next();
    let Some(Ok(value @ Value::Object(_))) = first else { return Cow::Borrowed(prompt) };
    let mut found = Vec::new();
    texts(&value, &mut found);
    if found.is_empty() { Cow::Borrowed(prompt) } else { Cow::Owned(found.join(". ")) }
}

/// The predicted text with another ending, as an edit would have it.
fn predicted(prediction: &str, usage: &mut Usage) -> String {
    let all = tokens::count(prediction);
    let right = all - all.div_ceil(8);
    usage.accepted += right;
    usage.rejected += all - right;
    usage.completion += all - right;
    format!("{} (edited)", tokens::first(prediction, right).0)
}
