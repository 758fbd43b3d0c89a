//! Approved answers as examples of a brand: for prompts, and as a file to tune a model with.

use serde_json::{Value, json};

use super::feedback::Feedback;
use super::score_model::{Post, outcome};
use crate::content::brand::Brand;

/// An approved text, and how it stands among others: 0 to 1, .5 where nothing is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Approved {
    /// The text that people have agreed to.
    pub text: String,
    /// By ratings and by engagement.
    pub standing: f64,
}

/// The approved texts among answers, each once. Engagement counts by rank, among those of the same platform.
pub fn approved(answers: &[(Option<Post>, Feedback)]) -> Vec<Approved> {
    let did = |(post, said): &(Option<Post>, Feedback)| {
        let (points, by_rate) = outcome(said.engagement.as_ref()?)?;
        Some((post.as_ref().map(|post| post.platform.clone()), by_rate, points))
    };
    let outcomes: Vec<_> = answers.iter().map(did).collect();
    let mut found: Vec<Approved> = Vec::new();
    for ((_, said), own) in answers.iter().zip(&outcomes) {
        let Some(text) = said.agreed_text().filter(|text| !found.iter().any(|known| known.text == **text)) else { continue };
        let rank = own.as_ref().and_then(|(platform, by_rate, points)| {
            let peers = outcomes.iter().flatten().filter(|(other, rate, _)| other == platform && rate == by_rate);
            let (mut all, mut below) = (0.0, 0.0);
            for (_, _, other) in peers {
                all += 1.0;
                below += if other < points {
                    1.0
                } else if other > points {
                    0.0
                } else {
                    0.5
                };
            }
            // One alone is neither above nor below others.
            (all > 1.0).then(|| below / all)
        });
        let known: Vec<f64> = rank.into_iter().chain(said.rated()).collect();
        let count = u32::try_from(known.len()).map_or(1.0, f64::from);
        let standing = if known.is_empty() { 0.5 } else { known.iter().sum::<f64>() / count };
        found.push(Approved { text: text.to_owned(), standing });
    }
    found
}

/// A file for fine-tuning, as OpenAI's chat format has it: a line for each approved answer whose instruction is known, the first told first; and
/// how many approved answers have none.
pub fn dataset(brand: &Brand, answers: &[(Option<Post>, Feedback)]) -> (String, usize) {
    let system = system(brand);
    let (mut lines, mut without) = (String::new(), 0_usize);
    for (_, said) in answers.iter().rev() {
        let Some(text) = said.agreed_text() else { continue };
        let Some(instruction) = &said.instruction else {
            without = without.saturating_add(1);
            continue;
        };
        let messages = [("system", system.as_str()), ("user", instruction), ("assistant", text)];
        let messages: Value = messages
            .iter()
            .filter(|(_, content)| !content.is_empty())
            .map(|(role, content)| json!({"role": role, "content": content}))
            .collect();
        lines.push_str(&json!({"messages": messages}).to_string());
        lines.push('\n');
    }
    (lines, without)
}

/// What a tuned model is told of the brand, so that it is asked as it was taught.
fn system(brand: &Brand) -> String {
    let mut parts = Vec::new();
    if !brand.name.is_empty() {
        parts.push(format!("You write posts for {}.", brand.name));
    }
    if !brand.voice.is_empty() {
        parts.push(brand.voice.clone());
    }
    for (what, list) in [("Do", &brand.does), ("Do not", &brand.avoids)] {
        if !list.is_empty() {
            parts.push(format!("{what}: {}.", list.join("; ")));
        }
    }
    parts.join(" ")
}
