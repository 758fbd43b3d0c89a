//! What the gateway alone is asked: personal data in a text, which must not leave to be found, and what can be counted.

use serde_json::{Map, Value, json};

use super::{Verdict, rounded};
use crate::edge::language::detect;
use crate::edge::measures::measure;
use crate::edge::pii::{redact, scan};

/// Below this confidence a language that was found is not relied on.
const LEAST_LANGUAGE: f64 = 0.5;

/// Personal data and secrets of a text. Places are counted in characters (Unicode code points). The confidence is the lowest of all that was
/// found; of what was not found nothing can be said.
pub fn pii(text: &str, redacted: bool, replacements: bool) -> Verdict {
    let hits = scan(text);
    // Hits come in order, so one pass over the text counts for all.
    let (mut bytes, mut characters) = (0, 0_usize);
    let mut place = |at: usize| {
        characters = characters.saturating_add(text.get(bytes..at).map_or(0, |part| part.chars().count()));
        bytes = at;
        characters
    };
    let findings: Vec<Value> = hits
        .iter()
        .map(|hit| {
            let (start, end) = (place(hit.span.start), place(hit.span.end));
            json!({"kind": hit.kind.name().to_lowercase(), "start": start, "end": end, "confidence": rounded(f64::from(hit.confidence))})
        })
        .collect();
    let lowest = hits.iter().map(|hit| f64::from(hit.confidence)).reduce(f64::min);
    let mut says = Map::new();
    says.insert("findings".to_owned(), findings.into());
    if redacted {
        let redacted = redact(text);
        says.insert("redacted".to_owned(), redacted.text.into());
        if replacements {
            let pairs = redacted.replacements.pairs().map(|(placeholder, original)| (placeholder.to_owned(), original.into()));
            says.insert("replacements".to_owned(), Value::Object(pairs.collect()));
        }
    }
    let reason = if hits.is_empty() { "no_known_form" } else { "known_form" };
    Verdict::of_edge(says.into(), lowest, reason, false)
}

/// What can be counted in a text; `language` is what the caller says that it is in.
pub fn measures(text: &str, language: Option<&str>) -> Verdict {
    let found = detect(text);
    let language = language.or((found.confidence >= LEAST_LANGUAGE).then_some(found.code));
    let measures = measure(text, language);
    let number = |value: Option<f64>| value.map(rounded);
    let says = json!({
        "language": language,
        "characters": text.chars().count(),
        "graphemes": measures.graphemes,
        "words": measures.words,
        "sentences": measures.sentences,
        "words_per_sentence": number(measures.words_per_sentence),
        "syllables": measures.syllables,
        "reading_ease": number(measures.reading_ease),
        "grade": number(measures.grade),
        "reading_seconds": rounded(measures.reading_seconds),
        "capitals": number(measures.capitals),
        "shouted_words": number(measures.shouted_words),
        "exclamations": measures.exclamations,
        "questions": measures.questions,
        "emoji": measures.emoji,
        "hashtags": measures.hashtags,
        "mentions": measures.mentions,
        "links": measures.links,
        "lexical_diversity": number(measures.lexical_diversity),
    });
    Verdict::of_edge(says, Some(1.0), "counted", false)
}
