//! The models that the operator's table names: ids, aliases, prices, caps and what stands in when one fails.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::route;

/// A millionth of a US dollar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MicroDollars(pub u64);

/// What a model can do beside text, as far as routing asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Calls tools.
    Tools,
    /// Keeps to a JSON schema.
    StructuredOutputs,
    /// Thinks before it answers.
    Reasoning,
    /// Sees pictures.
    Vision,
}

/// A row of the table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Price of a million prompt tokens; `None` when unknown, which is not the same as free.
    #[serde(default)]
    pub input_micro_dollars_per_million: Option<MicroDollars>,
    /// Price of a million completion tokens; `None` when unknown.
    #[serde(default)]
    pub output_micro_dollars_per_million: Option<MicroDollars>,
    /// The longest prompt and answer together, in tokens.
    #[serde(default)]
    pub context_tokens: Option<u32>,
    /// The longest answer, in tokens.
    #[serde(default)]
    pub max_output_tokens: Option<u32>,
    /// What is added as `max_completion_tokens` when the caller gives none, in tokens; the gateway's own cap when absent.
    #[serde(default)]
    pub cap_tokens: Option<u32>,
    /// What the model can do.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// The model to ask when this one fails, is slow or has no quota left.
    #[serde(default)]
    pub fallback: Option<String>,
    /// How strong the operator takes it to be, 0 to 100, beside the others of the table: what routing compares.
    #[serde(default)]
    pub quality: Option<u8>,
    /// How fast it writes, in tokens a second: what routing compares.
    #[serde(default)]
    pub tokens_per_second: Option<u32>,
    /// The languages that it is for (BCP 47); all when absent.
    #[serde(default)]
    pub languages: Option<Vec<String>>,
    /// Whether it takes part in `auto`.
    #[serde(default = "takes_part")]
    pub auto: bool,
}

const fn takes_part() -> bool {
    true
}

impl Model {
    /// Whether it is for a language.
    pub fn knows(&self, language: &str) -> bool {
        self.languages.as_ref().is_none_or(|languages| languages.iter().any(|known| known == language))
    }
}

/// The table.
#[derive(Debug)]
pub struct Models {
    rows: BTreeMap<String, Model>,
    aliases: BTreeMap<String, String>,
    cap_tokens: u32,
}

/// A model as a request gets it.
#[derive(Clone, Copy, Debug)]
pub struct Resolved<'m> {
    /// The id that Cerebras knows.
    pub id: &'m str,
    /// The row, when the table has one.
    pub row: Option<&'m Model>,
    /// The cap for requests that give none, in tokens.
    pub cap_tokens: u32,
}

impl Models {
    /// A table of rows by id, and aliases to ids.
    ///
    /// # Errors
    /// The variable at fault and what is wrong with it: an alias that hides a model or leads to another alias, or a fallback to itself or to an alias.
    pub fn new(rows: Vec<(String, Model)>, aliases: BTreeMap<String, String>, cap_tokens: u32) -> Result<Self, (&'static str, String)> {
        let rows: BTreeMap<_, _> = rows.into_iter().collect();
        if let Some(name) = rows.keys().find(|id| route::is_auto(id)) {
            return Err(("MODELS", format!("`{name}` cannot be the id of a model: it leaves the choice to the gateway")));
        }
        for (alias, id) in &aliases {
            if route::is_auto(alias) || route::is_auto(id) {
                return Err((
                    "ALIASES",
                    format!("`{alias}`: `auto` leaves the choice to the gateway, and can be no alias nor stand behind one"),
                ));
            }
            if rows.contains_key(alias) {
                return Err(("ALIASES", format!("the alias `{alias}` is also the id of a model")));
            }
            if aliases.contains_key(id) {
                return Err(("ALIASES", format!("the alias `{alias}` leads to `{id}`, which is an alias itself")));
            }
        }
        for (id, row) in &rows {
            if row.quality.is_some_and(|quality| quality > 100) {
                return Err(("MODELS", format!("`quality` of `{id}` must be from 0 to 100")));
            }
            if let Some(fallback) = &row.fallback
                && (fallback == id || aliases.contains_key(fallback))
            {
                return Err(("MODELS", format!("the fallback of `{id}` must be the id of another model")));
            }
        }
        Ok(Self { rows, aliases, cap_tokens })
    }

    /// The model behind a name: an alias's, or the one of that id; an unknown name stands for itself.
    pub fn resolve<'m>(&'m self, name: &'m str) -> Resolved<'m> {
        let id = self.aliases.get(name).map_or(name, String::as_str);
        let row = self.rows.get(id);
        Resolved { id, row, cap_tokens: row.and_then(|row| row.cap_tokens).unwrap_or(self.cap_tokens) }
    }

    /// The row of a model's id, when the table has one.
    pub fn row(&self, id: &str) -> Option<&Model> {
        self.rows.get(id)
    }

    /// All rows, by id.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &Model)> {
        self.rows.iter().map(|(id, row)| (id.as_str(), row))
    }

    /// Whether a model, by its row, sees pictures; what stands in no row is not known to.
    pub fn sees(&self, name: &str) -> bool {
        self.resolve(name).row.is_some_and(|row| row.capabilities.contains(&Capability::Vision))
    }

    /// The model of the highest quality of those that see pictures and may be called.
    pub fn seeing(&self, may_call: impl Fn(&str) -> bool) -> Option<&str> {
        let able = self.rows().filter(|(id, _)| self.sees(id) && may_call(id));
        able.max_by_key(|(_, row)| row.quality).map(|(id, _)| id)
    }

    /// Whether a list of ids and aliases has the model behind a name.
    pub fn lists(&self, list: &[String], name: &str) -> bool {
        let id = self.resolve(name).id;
        list.iter().any(|listed| self.resolve(listed).id == id)
    }
}
