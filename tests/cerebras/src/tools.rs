//! Whether to call a tool, which one, and with what.

use serde_json::{Value, json};

use crate::generate::Maker;
use crate::seed::Dice;
use crate::topics::{Topics, content_words};

/// A call of a tool, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// Nine hexadecimal digits.
    pub id: String,
    /// The function.
    pub name: String,
    /// Its arguments as JSON text.
    pub arguments: String,
}

/// The calls that answer a prompt; none when the prompt has nothing to do with the tools.
pub fn calls(tools: &[Value], choice: Option<&Value>, prompt: &str, topics: &Topics, two: bool, dice: &mut Dice) -> Vec<ToolCall> {
    let wanted: Vec<&Value> = match choice {
        Some(Value::String(choice)) if choice == "none" => return Vec::new(),
        Some(Value::Object(choice)) => {
            let name = &choice["function"]["name"];
            tools.iter().filter(|tool| tool["function"]["name"] == *name).take(1).collect()
        }
        _ if two => tools.iter().take(2).collect(),
        _ => {
            let must = choice.is_some_and(|choice| choice == "required");
            best(tools, prompt, must).into_iter().collect()
        }
    };
    wanted.into_iter().map(|tool| call(&tool["function"], topics, dice)).collect()
}

/// The tool that shares most words with the prompt.
fn best<'t>(tools: &'t [Value], prompt: &str, must: bool) -> Option<&'t Value> {
    let asked: Vec<String> = content_words(prompt).collect();
    let shared = |tool: &Value| {
        let about = words_about(&tool["function"]);
        asked.iter().filter(|word| about.iter().any(|other| alike(word, other))).count()
    };
    let mut best: Option<(&Value, usize)> = None;
    for tool in tools {
        let count = shared(tool);
        if best.is_none_or(|(_, most)| count > most) {
            best = Some((tool, count));
        }
    }
    best.filter(|(_, count)| must || *count > 0).map(|(tool, _)| tool)
}

fn words_about(function: &Value) -> Vec<String> {
    let mut text = String::new();
    for letter in function["name"].as_str().unwrap_or("").chars() {
        // getWeather and get_weather are both of two words.
        if letter.is_uppercase() {
            text.push(' ');
        }
        text.push(if letter == '_' { ' ' } else { letter });
    }
    text.push(' ');
    text.push_str(function["description"].as_str().unwrap_or(""));
    content_words(&text).collect()
}

/// The same word, perhaps in another form: weather and weathers, add and adding.
fn alike(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    short == long || (short.len() > 3 && long.starts_with(short) && long.len() - short.len() <= 3)
}

fn call(function: &Value, topics: &Topics, dice: &mut Dice) -> ToolCall {
    let none = json!({"type": "object", "properties": {}});
    let parameters = if function["parameters"].is_object() { &function["parameters"] } else { &none };
    let mut arguments = Maker::new(parameters, topics, Dice::new(dice.roll())).make();
    if !arguments.is_object() {
        arguments = json!({});
    }
    ToolCall {
        id: format!("{:09x}", dice.roll() >> 28),
        name: function["name"].as_str().unwrap_or("").to_owned(),
        arguments: arguments.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools() -> Vec<Value> {
        let city = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
        vec![
            json!({"type": "function", "function": {"name": "get_weather", "description": "Current weather of a city", "parameters": city}}),
            json!({"type": "function", "function": {"name": "sendMail"}}),
        ]
    }

    fn made(prompt: &str, choice: Option<&Value>, two: bool) -> Vec<ToolCall> {
        calls(&tools(), choice, prompt, &Topics::of(prompt), two, &mut Dice::new(5))
    }

    #[test]
    fn a_prompt_about_a_tool_calls_it() {
        let made = made("What is the weather in Oslo?", None, false);
        assert_eq!(made.len(), 1);
        assert_eq!((made[0].name.as_str(), made[0].arguments.as_str()), ("get_weather", "{\"city\":\"Oslo\"}"));
        assert!(made[0].id.len() == 9 && made[0].id.bytes().all(|digit| digit.is_ascii_hexdigit()));
    }

    #[test]
    fn other_prompts_call_nothing_unless_they_must() {
        assert!(made("Tell me a joke about cats", None, false).is_empty());
        assert!(made("What is the weather?", Some(&json!("none")), false).is_empty());
        assert_eq!(made("Tell me a joke", Some(&json!("required")), false).len(), 1);
        let named = json!({"type": "function", "function": {"name": "sendMail"}});
        let made = made("weather", Some(&named), false);
        assert_eq!((made[0].name.as_str(), made[0].arguments.as_str()), ("sendMail", "{}"));
    }

    #[test]
    fn two_at_once() {
        let made = made("anything", None, true);
        assert_eq!(made.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(), ["get_weather", "sendMail"]);
        assert_ne!(made[0].id, made[1].id);
    }
}
