//! What a text is: what its writer wants and feels, which language it is in, what in it is personal or offends. The gateway's own models
//! (`edge`) answer at once; where they are unsure, a model in the cloud is asked.
//!
//! Everything here decides. `api/understanding.rs` acts.

pub mod asked;
pub mod cloud;
pub mod inspections;
pub mod intents;
pub mod languages;
pub mod moderations;
pub mod own;
pub mod sentiments;
pub mod vectors;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::Error;
use own::Own;

/// What is asked of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// What its writer wants.
    Intents,
    /// What its writer feels.
    Sentiments,
    /// Which language it is in.
    Languages,
    /// Personal data in it.
    Pii,
    /// What can be counted in it.
    Measures,
    /// What in it may harm or offend.
    Moderations,
}

impl Subject {
    /// The name under which the gateway's own model is counted.
    pub const fn model(self) -> &'static str {
        match self {
            Self::Intents => "maya-edge-intents",
            Self::Sentiments => "maya-edge-sentiment",
            Self::Languages => "maya-edge-language",
            Self::Pii => "maya-edge-pii",
            Self::Measures => "maya-edge-measures",
            Self::Moderations => "maya-edge-moderation",
        }
    }

    /// Its name, as in the path.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intents => "intents",
            Self::Sentiments => "sentiments",
            Self::Languages => "languages",
            Self::Pii => "pii",
            Self::Measures => "measures",
            Self::Moderations => "moderations",
        }
    }

    /// Whether the cloud can be asked. Personal data must not leave to be found, and counting needs no model.
    pub const fn has_cloud(self) -> bool {
        !matches!(self, Self::Pii | Self::Measures)
    }
}

/// Who may answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The gateway's own models alone.
    Only,
    /// They first, and the cloud where they are unsure.
    #[default]
    First,
    /// The cloud alone.
    Never,
}

/// Who has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The gateway itself.
    Edge,
    /// A model in the cloud.
    Cloud,
}

/// What is answered for one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The answer itself, by name.
    pub says: Map<String, Value>,
    /// How sure it is, 0 to 1; none where nothing can be said of that.
    pub confidence: Option<f64>,
    /// Who answers.
    pub by: By,
    /// Why this is the answer: a word for programs.
    pub reason: &'static str,
    /// Whether the gateway would rather ask somebody who knows better.
    pub unsure: bool,
    /// Why the cloud was asked, when it has answered: the edge's own reason, or `never`.
    pub asked_for: Option<&'static str>,
    /// The code of the error for which the cloud could not be asked.
    pub cloud_failure: Option<&'static str>,
    /// What else it may be, the likeliest first; none where that means nothing.
    pub alternatives: Option<Vec<Value>>,
}

impl Verdict {
    /// A verdict of the gateway's own. It says an object.
    fn of_edge(says: Value, confidence: Option<f64>, reason: &'static str, unsure: bool) -> Self {
        let says = if let Value::Object(says) = says { says } else { Map::new() };
        Self { says, confidence, by: By::Edge, reason, unsure, asked_for: None, cloud_failure: None, alternatives: None }
    }

    /// A verdict of the cloud's.
    fn of_cloud(says: Value, confidence: f64) -> Self {
        Self { by: By::Cloud, ..Self::of_edge(says, Some(confidence), "cloud", false) }
    }

    /// What the caller gets. The reason names what kept the cloud from answering, if something did, and why it was asked when it has.
    pub fn result(&self) -> Value {
        let mut result = self.says.clone();
        let reason = match (self.asked_for, self.cloud_failure) {
            (Some(why), _) => format!("{}; edge={why}", self.reason),
            (None, Some(code)) => format!("{}; cloud={code}", self.reason),
            (None, None) => self.reason.to_owned(),
        };
        let by = match self.by {
            By::Edge => "edge",
            By::Cloud => "cloud",
        };
        for (name, value) in [
            ("confidence", json!(self.confidence.map(rounded))),
            ("answered_by", json!(by)),
            ("reason", json!(reason)),
            ("unsure", json!(self.unsure)),
        ] {
            result.insert(name.to_owned(), value);
        }
        if let Some(alternatives) = &self.alternatives {
            result.insert("alternatives".to_owned(), json!(alternatives));
        }
        Value::Object(result)
    }
}

/// What the gateway itself says of a text.
pub fn edge(asked: &asked::Asked, own: &Own, text: &str) -> Verdict {
    match asked.subject {
        Subject::Intents => intents::edge(text, own),
        Subject::Sentiments => sentiments::edge(text),
        Subject::Languages => languages::edge(text),
        Subject::Pii => inspections::pii(text, asked.redact, asked.replacements),
        Subject::Measures => inspections::measures(text, asked.language.as_deref()),
        Subject::Moderations => moderations::edge(text),
    }
}

/// Which texts the cloud is to be asked about, given what the gateway itself says.
pub fn to_ask(mode: Mode, verdicts: &[Verdict]) -> Vec<usize> {
    let asks = |verdict: &Verdict| match mode {
        Mode::Only => false,
        Mode::First => verdict.unsure,
        Mode::Never => true,
    };
    verdicts.iter().enumerate().filter(|(_, verdict)| asks(verdict)).map(|(place, _)| place).collect()
}

/// Puts what the cloud has said of some texts in the place of what the gateway itself says.
pub fn with_cloud(mode: Mode, verdicts: &mut [Verdict], places: &[usize], said: Vec<Verdict>) {
    for (place, verdict) in places.iter().zip(said) {
        if let Some(slot) = verdicts.get_mut(*place) {
            let why = if mode == Mode::Never { "never" } else { slot.reason };
            *slot = Verdict { asked_for: Some(why), ..verdict };
        }
    }
}

/// Marks the verdicts for which the cloud could not be asked: the gateway's own word stands, unsure.
pub fn without_cloud(verdicts: &mut [Verdict], places: &[usize], error: &Error) {
    for place in places {
        if let Some(verdict) = verdicts.get_mut(*place) {
            verdict.unsure = true;
            verdict.cloud_failure = Some(error.code);
        }
    }
}

/// A number with four digits behind the point: more would tell nothing.
pub fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}
