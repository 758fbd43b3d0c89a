//! What the writer of a text feels.

use serde_json::{Value, json};

use super::{Verdict, rounded};
use crate::edge::language::{UNKNOWN, detect};
use crate::edge::sentiment::{Label, Tone, analyze};

/// The probability of a label from which it is told: somewhat more than all others together. Of the project's own rated posts the label is
/// right in 42 of 45 above it, and in 6 of 9 below (`tests/edge_resources.rs` holds that).
pub const LEAST: f64 = 0.55;
/// How sure it must be that a text is in another language than English before the model's word counts for little.
const FOREIGN: f64 = 0.7;

const LABELS: [Label; 3] = [Label::Negative, Label::Neutral, Label::Positive];
const TONES: [Tone; 8] = [Tone::Joy, Tone::Anger, Tone::Sadness, Tone::Fear, Tone::Surprise, Tone::Disgust, Tone::Trust, Tone::Neutral];

/// What the gateway itself says.
pub fn edge(text: &str) -> Verdict {
    let found = analyze(text);
    let language = detect(text);
    let foreign = !matches!(language.code, "en" | UNKNOWN) && language.confidence >= FOREIGN;
    let (reason, unsure) = match found.confidence {
        _ if foreign => ("not_english", true),
        confidence if confidence < LEAST => ("below_threshold", true),
        _ => ("above_threshold", false),
    };
    let says = json!({
        "sentiment": {"label": found.label.name(), "score": rounded(found.score)},
        "tone": {"main": found.tone.main.name(), "confidence": rounded(found.tone.confidence)},
    });
    Verdict::of_edge(says, Some(found.confidence), reason, unsure)
}

/// What the cloud is asked, for each text.
pub const TASK: &str =
    "Tell for each text what its writer feels: the label, a score from -1 (negative) to 1 (positive), and the main emotional tone.";

/// The schema of one answer, beside `confidence`.
pub fn schema() -> Value {
    json!({
        "label": {"type": "string", "enum": LABELS.map(Label::name)},
        "score": {"type": "number", "minimum": -1, "maximum": 1},
        "tone": {"type": "string", "enum": TONES.map(Tone::name)},
    })
}

/// The verdict of one answer that fits the schema.
pub fn cloud(answer: &Value, confidence: f64) -> Verdict {
    let score = answer.get("score").and_then(Value::as_f64).map(rounded);
    let says = json!({
        "sentiment": {"label": answer.get("label"), "score": score},
        "tone": {"main": answer.get("tone"), "confidence": rounded(confidence)},
    });
    Verdict::of_cloud(says, confidence)
}
