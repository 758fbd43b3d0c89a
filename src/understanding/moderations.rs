//! What in a text may harm or offend, in the shape of OpenAI's `/v1/moderations`.
//!
//! The gateway itself has lists of words. They miss most of what people call offensive, and a listed word may be harmless. So with `first` the
//! cloud confirms what the lists suspect, which few texts are; `never` has it judge every text, and `only` is a first look.

use serde_json::{Map, Value, json};

use super::{Verdict, rounded};
use crate::edge::safety::{CATEGORIES, moderate};

/// The score of a category from which a text is suspected: that of a single word of the mildest kind.
const SUSPECTED: f32 = 0.3;
/// How often a text without a listed word is inoffensive: on OffensEval 2019 (28 % offensive) such lists find a third of what offends.
const CLEAN: f64 = 0.78;

/// What the gateway itself says.
pub fn edge(text: &str) -> Verdict {
    let found = moderate(text);
    let highest = found.categories.iter().map(|(_, _, score)| *score).fold(0.0, f32::max);
    let flagged: Vec<(&str, f64)> = found.categories.iter().map(|(name, _, score)| (*name, rounded(f64::from(*score)))).collect();
    let is_flagged = |name: &str| found.categories.iter().any(|(known, flagged, _)| *known == name && *flagged);
    let says = shaped(found.flagged, is_flagged, |name| flagged.iter().find(|(known, _)| *known == name).map_or(0.0, |(_, score)| *score));
    match highest {
        score if score < SUSPECTED => Verdict::of_edge(says, Some(CLEAN), "no_listed_word", false),
        // What is suspected and not flagged is as likely innocent as the score is low.
        score if !found.flagged => Verdict::of_edge(says, Some(f64::from(1.0 - score)), "listed_word", true),
        score => Verdict::of_edge(says, Some(f64::from(score)), "listed_word", true),
    }
}

/// What the cloud is asked, for each text.
pub const TASK: &str = "Judge for each text, as a content moderator does, which of the categories it falls into; most texts fall into none. \
    Mentioning, reporting or condemning something is not doing it, and a swear word alone is no harassment.";

/// The schema of one answer, beside `confidence`.
pub fn schema() -> Value {
    json!({"categories": {"type": "array", "items": {"type": "string", "enum": CATEGORIES}}})
}

/// The verdict of one answer that fits the schema.
pub fn cloud(answer: &Value, confidence: f64) -> Verdict {
    let named: Vec<&str> = answer.get("categories").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let is_flagged = |name: &str| named.contains(&name);
    // The model tells of what it has found alone.
    let says = shaped(!named.is_empty(), is_flagged, |name| if is_flagged(name) { rounded(confidence) } else { 0.0 });
    Verdict::of_cloud(says, confidence)
}

fn shaped(flagged: bool, is_flagged: impl Fn(&str) -> bool, score: impl Fn(&str) -> f64) -> Value {
    let each = |value: &dyn Fn(&str) -> Value| CATEGORIES.iter().map(|name| ((*name).to_owned(), value(name))).collect::<Map<_, _>>();
    json!({
        "flagged": flagged,
        "categories": each(&|name| json!(is_flagged(name))),
        "category_scores": each(&|name| json!(score(name))),
        "category_applied_input_types": each(&|_| json!(["text"])),
    })
}
