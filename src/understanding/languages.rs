//! Which language a text is in.

use serde_json::{Value, json};

use super::Verdict;
use crate::edge::language::{UNKNOWN, detect};

/// Below this confidence the witnesses contradict each other, and a language that is told is as often wrong as right.
const LEAST: f64 = 0.5;

/// What the gateway itself says.
pub fn edge(text: &str) -> Verdict {
    let found = detect(text);
    let (reason, unsure) = match found.code {
        UNKNOWN => ("unknown_language", true),
        _ if found.confidence < LEAST => ("below_threshold", true),
        _ => ("above_threshold", false),
    };
    Verdict::of_edge(json!({"language": found.code, "script": found.script}), Some(found.confidence), reason, unsure)
}

/// What the cloud is asked, for each text.
pub const TASK: &str = "Tell for each text which language it is in, as a BCP 47 code such as `en` or `zh`; `und` when it cannot be told.";

/// The schema of one answer, beside `confidence`.
pub fn schema() -> Value {
    json!({"language": {"type": "string"}})
}

/// The verdict of one answer that fits the schema.
///
/// # Errors
/// What is wrong with it, for the model.
pub fn cloud(text: &str, answer: &Value, confidence: f64) -> Result<Verdict, String> {
    let code = answer.get("language").and_then(Value::as_str).unwrap_or_default();
    let mut subtags = code.split('-');
    let primary = subtags.next().is_some_and(|tag| (2..=3).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_lowercase()));
    // A code has no room for more than a code: script and region.
    let others = subtags.clone().count() <= 2
        && subtags.all(|tag| (2..=4).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if !primary || !others {
        return Err("`language` must be a BCP 47 code".to_owned());
    }
    Ok(Verdict::of_cloud(json!({"language": code, "script": detect(text).script}), confidence))
}
