//! Rules between the parts of a request, and those of a single model.

use std::collections::HashSet;

use serde_json::Value;

use crate::catalogue::Model;
use crate::errors::Problem;
use crate::request::{Ask, Endpoint, Wants};
use crate::strict;

const MOST_IMAGES: usize = 5;
const MOST_IMAGE_BYTES: usize = 10 << 20;

/// What is wrong with a request that fits its schema.
pub fn check(ask: &Ask<'_>, model: &Model) -> Result<(), Problem> {
    if ask.endpoint == Endpoint::Text {
        return if model.text { Ok(()) } else { Err(Problem::no_model()) };
    }
    tools(ask)?;
    formats(ask)?;
    conversation(ask.messages)?;
    prediction(ask, model)?;
    images(ask, model)?;
    if ask.given("top_logprobs").is_some() && ask.logprobs.is_none() {
        return Err(Problem::format("top_logprobs", "\"top_logprobs\" needs \"logprobs\" to be true"));
    }
    Ok(())
}

fn tools(ask: &Ask<'_>) -> Result<(), Problem> {
    let choice = ask.given("tool_choice");
    if ask.tools.is_empty() {
        return match choice {
            Some(_) => Err(Problem::format("tool_choice", "\"tool_choice\" is only allowed when \"tools\" are specified")),
            None => Ok(()),
        };
    }
    if !matches!(ask.wants, Wants::Text) {
        return Err(Problem::format("", "\"tools\" is incompatible with \"response_format\""));
    }
    let names = || ask.tools.iter().map(|tool| &tool["function"]["name"]);
    if let Some(wanted) = choice.filter(|choice| choice.is_object()).map(|choice| &choice["function"]["name"])
        && !names().any(|name| name == wanted)
    {
        return Err(Problem::format("tool_choice", &format!("Tool {wanted} of \"tool_choice\" is not in \"tools\"")));
    }
    for tool in ask.tools.iter().filter(|tool| tool["function"]["strict"] == true) {
        strict::check(&tool["function"]["parameters"]).map_err(|message| Problem::format("tools", &message))?;
    }
    Ok(())
}

fn formats(ask: &Ask<'_>) -> Result<(), Problem> {
    if matches!(ask.wants, Wants::Text) {
        return Ok(());
    }
    let format = &ask.body["response_format"];
    if ask.stream && format["type"] == "json_object" {
        return Err(Problem::format("response_format", "\"response_format\" of type \"json_object\" is incompatible with \"stream\""));
    }
    if ask.word("reasoning_format") == Some("raw") {
        return Err(Problem::format("reasoning_format", "\"reasoning_format\" \"raw\" is incompatible with \"response_format\""));
    }
    if format["json_schema"]["strict"] == true {
        strict::check(&format["json_schema"]["schema"]).map_err(|message| Problem::format("response_format", &message))?;
    }
    Ok(())
}

/// Each call of a tool is answered by a tool message directly after it, and each such message answers a call.
fn conversation(messages: &[Value]) -> Result<(), Problem> {
    let mut seen: HashSet<&str> = HashSet::new();
    let mut open: Vec<&str> = Vec::new();
    for (number, message) in messages.iter().enumerate() {
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or("");
            match open.iter().position(|waiting| *waiting == id) {
                Some(at) => drop(open.swap_remove(at)),
                None => {
                    let text = format!("messages.{number}.tool: tool_call_id '{id}' does not answer a tool call of the message before");
                    return Err(Problem::format("messages", &text));
                }
            }
            continue;
        }
        unanswered(&open, number)?;
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let id = call["id"].as_str().unwrap_or("");
            if !seen.insert(id) {
                let text = format!("messages.{number}.assistant: tool call id '{id}' is not unique");
                return Err(Problem::format("messages", &text));
            }
            open.push(id);
        }
    }
    unanswered(&open, messages.len())
}

fn unanswered(open: &[&str], number: usize) -> Result<(), Problem> {
    match open.first() {
        None => Ok(()),
        Some(id) => {
            let text = format!("messages.{number}: tool call id '{id}' must be answered by a tool message directly after the call");
            Err(Problem::format("messages", &text))
        }
    }
}

fn prediction(ask: &Ask<'_>, model: &Model) -> Result<(), Problem> {
    if ask.given("prediction").is_none() {
        return Ok(());
    }
    if !model.prediction {
        return Err(Problem::format("prediction", "\"prediction\" is not currently supported"));
    }
    let other = if !ask.tools.is_empty() {
        "tools"
    } else if ask.logprobs.is_some() {
        "logprobs"
    } else if ask.n > 1 {
        "n"
    } else {
        return Ok(());
    };
    Err(Problem::format("prediction", &format!("\"prediction\" is incompatible with \"{other}\"")))
}

fn images(ask: &Ask<'_>, model: &Model) -> Result<(), Problem> {
    let count = ask.images();
    if count == 0 {
        return Ok(());
    }
    let refuse = |text: &str| Err(Problem::format("messages", text));
    if !model.vision {
        return refuse("This model does not support image input");
    }
    if count > MOST_IMAGES {
        return refuse(&format!("At most {MOST_IMAGES} images are allowed, not {count}"));
    }
    let parts = ask.messages.iter().filter_map(|message| message["content"].as_array()).flatten();
    let mut bytes = 0;
    for url in parts.filter_map(|part| part["image_url"]["url"].as_str()) {
        let data = url.strip_prefix("data:image/png;base64,").or_else(|| url.strip_prefix("data:image/jpeg;base64,"));
        match data {
            Some(data) if base64_letters(data) => bytes += data.len() / 4 * 3,
            _ => return refuse("Images must be base64 data URIs of type image/png or image/jpeg"),
        }
    }
    if bytes > MOST_IMAGE_BYTES { refuse("Images are larger than 10 MB in total") } else { Ok(()) }
}

fn base64_letters(data: &str) -> bool {
    let body = data.trim_end_matches('=');
    !body.is_empty()
        && data.len() - body.len() <= 2
        && body.bytes().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, b'+' | b'/'))
}
