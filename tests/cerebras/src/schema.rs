//! The closed request schemas of chat and text completions.

use serde_json::{Map, Value};

use crate::shape::{Complaints, Field, Kind, LONG, Place, Shape, optional, required};

const COUNT: Kind = Kind::Int(-1, i64::MAX);
const ANY_INT: Kind = Kind::Int(i64::MIN, i64::MAX);
const PENALTY: Kind = Kind::Number(-2.0, 2.0);
const REASONING_FORMATS: Kind = Kind::OneOf(&["none", "parsed", "text_parsed", "raw", "hidden"]);
const ROLES: &str = "Input should be 'system', 'developer', 'user', 'assistant' or 'tool'";

static CHAT: Shape = Shape {
    fields: &[
        required("model", Kind::Text(LONG)),
        required("messages", Kind::Own(messages)),
        optional("max_completion_tokens", COUNT),
        optional("stream", Kind::Bool),
        optional("temperature", Kind::Number(0.0, 2.0)),
        optional("top_p", Kind::Number(0.0, 1.0)),
        optional("seed", ANY_INT),
        optional("max_tokens", COUNT),
        optional("min_completion_tokens", COUNT),
        optional("min_tokens", COUNT),
        optional("frequency_penalty", PENALTY),
        optional("presence_penalty", PENALTY),
        optional("logit_bias", Kind::Own(logit_bias)),
        optional("logprobs", Kind::Bool),
        optional("top_logprobs", Kind::Int(0, 20)),
        optional("n", Kind::Int(1, 128)),
        optional("stop", Kind::Own(stop)),
        optional("stream_options", Kind::Closed(&STREAM_OPTIONS)),
        optional("response_format", Kind::Own(response_format)),
        optional("tools", Kind::List(0, &Kind::Closed(&TOOL))),
        optional("tool_choice", Kind::Own(tool_choice)),
        optional("parallel_tool_calls", Kind::Bool),
        optional("prediction", Kind::Closed(&PREDICTION)),
        optional("reasoning_effort", Kind::OneOf(&["none", "low", "medium", "high"])),
        optional("reasoning_format", REASONING_FORMATS),
        optional("clear_thinking", Kind::Bool),
        optional("disable_reasoning", Kind::Own(gone)),
        optional("service_tier", Kind::OneOf(&["auto", "default", "flex", "priority"])),
        optional("prompt_cache_key", Kind::Text(1024)),
        optional("model_parameters", Kind::Free),
        optional("user", Kind::Text(LONG)),
    ],
};

static TEXT: Shape = Shape {
    fields: &[
        required("model", Kind::Text(LONG)),
        required("prompt", Kind::Own(prompt)),
        optional("max_tokens", COUNT),
        optional("stream", Kind::Bool),
        optional("temperature", Kind::Number(0.0, 2.0)),
        optional("top_p", Kind::Number(0.0, 1.0)),
        optional("seed", ANY_INT),
        optional("stop", Kind::Own(stop)),
        optional("stream_options", Kind::Closed(&STREAM_OPTIONS)),
        optional("n", Kind::Int(1, 128)),
        optional("best_of", Kind::Int(0, 20)),
        optional("echo", Kind::Bool),
        optional("suffix", Kind::Text(LONG)),
        optional("logprobs", Kind::Int(0, 20)),
        optional("min_tokens", COUNT),
        optional("grammar_root", Kind::Text(LONG)),
        // In the schema, but refused for text completions all the same.
        optional("frequency_penalty", Kind::Own(gone)),
        optional("presence_penalty", Kind::Own(gone)),
        optional("logit_bias", Kind::Own(gone)),
        optional("prompt_cache_key", Kind::Text(1024)),
        optional("reasoning_format", REASONING_FORMATS),
        optional("return_raw_tokens", Kind::Bool),
        optional("user", Kind::Text(LONG)),
    ],
};

static STREAM_OPTIONS: Shape = Shape { fields: &[optional("include_usage", Kind::Bool)] };

static TOOL: Shape = Shape { fields: &[required("type", Kind::OneOf(&["function"])), required("function", Kind::Closed(&FUNCTION))] };
static FUNCTION: Shape = Shape {
    fields: &[
        required("name", Kind::Own(function_name)),
        optional("description", Kind::Text(LONG)),
        optional("parameters", Kind::Free),
        optional("strict", Kind::Bool),
    ],
};
static CHOSEN_TOOL: Shape =
    Shape { fields: &[required("type", Kind::OneOf(&["function"])), required("function", Kind::Closed(&CHOSEN_FUNCTION))] };
static CHOSEN_FUNCTION: Shape = Shape { fields: &[required("name", Kind::Text(LONG))] };

static PREDICTION: Shape = Shape { fields: &[required("type", Kind::OneOf(&["content"])), required("content", Kind::Own(text_content))] };

static FORMAT_PLAIN: Shape = Shape { fields: &[required("type", Kind::Any)] };
static FORMAT_SCHEMA: Shape = Shape { fields: &[required("type", Kind::Any), required("json_schema", Kind::Closed(&JSON_SCHEMA))] };
static JSON_SCHEMA: Shape = Shape {
    fields: &[
        required("name", Kind::Text(LONG)),
        optional("description", Kind::Text(LONG)),
        optional("schema", Kind::Free),
        optional("strict", Kind::Bool),
    ],
};

const ROLE: Field = required("role", Kind::Any);
const NAME: Field = optional("name", Kind::Text(LONG));

static SYSTEM: Shape = Shape { fields: &[ROLE, required("content", Kind::Own(text_content)), NAME] };
static USER: Shape = Shape { fields: &[ROLE, required("content", Kind::Own(user_content)), NAME] };
static ASSISTANT: Shape = Shape {
    fields: &[
        ROLE,
        optional("content", Kind::Own(text_content)),
        optional("reasoning", Kind::Own(text_content)),
        optional("tool_calls", Kind::List(0, &Kind::Closed(&CALL))),
        NAME,
    ],
};
static TOOL_MESSAGE: Shape =
    Shape { fields: &[ROLE, required("tool_call_id", Kind::Text(LONG)), required("content", Kind::Own(text_content)), NAME] };
static CALL: Shape = Shape {
    fields: &[
        required("id", Kind::Text(LONG)),
        required("type", Kind::OneOf(&["function"])),
        required("function", Kind::Closed(&CALLED)),
        optional("index", ANY_INT),
    ],
};
static CALLED: Shape = Shape { fields: &[required("name", Kind::Text(LONG)), required("arguments", Kind::Text(LONG))] };

static TEXT_PART: Shape = Shape { fields: &[required("type", Kind::Any), required("text", Kind::Text(LONG))] };
static URL_PART: Shape = Shape { fields: &[required("type", Kind::Any), required("image_url", Kind::Closed(&IMAGE_URL))] };
static IMAGE_URL: Shape = Shape { fields: &[required("url", Kind::Text(LONG)), optional("detail", Kind::OneOf(&["auto", "low", "high"]))] };
static IMAGE_PART: Shape = Shape { fields: &[required("type", Kind::Any), required("image", Kind::Any)] };

/// Checks the body of a chat completion.
pub fn chat(body: &Map<String, Value>) -> Complaints {
    let mut complaints = Complaints::default();
    CHAT.check(body, &Place::root("body"), &mut complaints);
    complaints
}

/// Checks the body of a text completion.
pub fn text(body: &Map<String, Value>) -> Complaints {
    let mut complaints = Complaints::default();
    TEXT.check(body, &Place::root("body"), &mut complaints);
    complaints
}

fn gone(_: &Value, place: &Place<'_>, complaints: &mut Complaints) {
    complaints.unsupported(place);
}

/// Messages are named without `body`, but with their role: `messages.2.assistant.…`, as seen in real refusals.
fn messages(value: &Value, place: &Place<'_>, complaints: &mut Complaints) {
    let Some(items) = value.as_array() else {
        return complaints.add(place, "Input should be a valid list");
    };
    if items.is_empty() {
        return complaints.add(place, "List should have at least 1 item after validation, not 0");
    }
    let all = Place::root("messages");
    for (number, item) in items.iter().enumerate() {
        let here = all.index(number);
        let Some(message) = item.as_object() else {
            complaints.add(&here, "Input should be a valid dictionary");
            continue;
        };
        let (role, shape) = match message.get("role").and_then(Value::as_str) {
            Some(role @ ("system" | "developer")) => (role, &SYSTEM),
            Some("user") => ("user", &USER),
            Some("assistant") => ("assistant", &ASSISTANT),
            Some("tool") => ("tool", &TOOL_MESSAGE),
            Some(_) => {
                complaints.add(&here.key("role"), ROLES);
                continue;
            }
            None => {
                complaints.add(&here.key("role"), "Field required");
                continue;
            }
        };
        shape.check(message, &here.key(role), complaints);
    }
}

fn text_content(value: &Value, place: &Place<'_>, complaints: &mut Complaints) {
    content(value, place, complaints, false);
}

fn user_content(value: &Value, place: &Place<'_>, complaints: &mut Complaints) {
    content(value, place, complaints, true);
}

fn content(value: &Value, place: &Place<'_>, complaints: &mut Complaints, images: bool) {
    let parts = match value {
        Value::String(_) => return,
        Value::Array(parts) => parts,
        _ => return complaints.add(place, "Input should be a valid string or a list of parts"),
    };
    for (number, part) in parts.iter().enumerate() {
        let here = place.index(number);
        let shape = match part.get("type").and_then(Value::as_str) {
            Some("text") => &TEXT_PART,
            Some("image_url") if images => &URL_PART,
            Some("image") if images => &IMAGE_PART,
            _ => {
                let known = if images { "'text', 'image_url' or 'image'" } else { "'text'" };
                complaints.add(&here.key("type"), format_args!("Input should be {known}"));
                continue;
            }
        };
        Kind::Closed(shape).check(part, &here, complaints);
    }
}

fn stop(value: &Value, place: &Place<'_>, complaints: &mut Complaints) {
    match value {
        Value::String(_) => {}
        Value::Array(items) if items.len() > 4 => {
            complaints.add(place, format_args!("List should have at most 4 items after validation, not {}", items.len()));
        }
        Value::Array(items) if items.iter().all(Value::is_string) => {}
        _ => complaints.add(place, "Input should be a valid string or a list of strings"),
    }
}

fn logit_bias(value: &Value, place: &Place<'_>, complaints: &mut Complaints) {
    let Some(map) = value.as_object() else {
        return complaints.add(place, "Input should be a valid dictionary");
    };
    for (token, bias) in map {
        let here = place.key(token);
        if token.parse::<u32>().is_err() {
            complaints.add(&here, "Input should be a token id");
        }
        Kind::Number(-100.0, 100.0).check(bias, &here, complaints);
    }
}

fn response_format(value: &Value, place: &Place<'_>, complaints: &mut Complaints) {
    match value.get("type").and_then(Value::as_str) {
        Some("text" | "json_object") => Kind::Closed(&FORMAT_PLAIN).check(value, place, complaints),
        Some("json_schema") => Kind::Closed(&FORMAT_SCHEMA).check(value, place, complaints),
        _ => complaints.add(&place.key("type"), "Input should be 'text', 'json_object' or 'json_schema'"),
    }
}

fn tool_choice(value: &Value, place: &Place<'_>, complaints: &mut Complaints) {
    if value.is_object() {
        Kind::Closed(&CHOSEN_TOOL).check(value, place, complaints);
    } else {
        Kind::OneOf(&["none", "auto", "required"]).check(value, place, complaints);
    }
}

fn function_name(value: &Value, place: &Place<'_>, complaints: &mut Complaints) {
    let fits = |name: &str| {
        (1..=64).contains(&name.len()) && name.bytes().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, b'_' | b'-'))
    };
    if !value.as_str().is_some_and(fits) {
        complaints.add(place, "String should match pattern '^[a-zA-Z0-9_-]{1,64}$'");
    }
}

fn prompt(value: &Value, place: &Place<'_>, complaints: &mut Complaints) {
    let token = |item: &Value| item.as_u64().is_some();
    let fits = match value {
        Value::String(_) => true,
        Value::Array(items) => {
            items.iter().all(Value::is_string)
                || items.iter().all(token)
                || items.iter().all(|item| item.as_array().is_some_and(|inner| inner.iter().all(token)))
        }
        _ => false,
    };
    if !fits {
        complaints.add(place, "Input should be a valid string, list of strings, list of tokens or list of lists of tokens");
    }
}
