//! `model: "auto"`: which model answers, and why.
//!
//! Rules come first: a tenant's own, then the configuration's. Where none decides, the models that can answer are weighed: how much
//! the kind of work gains from a stronger model, how fast each is, what it costs, by what the caller prefers. Between kinds of work the
//! gain differs clearly, within one it can hardly be foreseen; so nobody is routed down who asked for quality or for a strict schema,
//! nor to a model that does not know the language.

pub mod ask;
pub mod rules;
pub mod score;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::models::{Capability, Model, Models};
use crate::error::Error;
use ask::Ask;
use rules::{Effect, Rule};
use score::{Preference, Weights};

/// The name that leaves the choice to the gateway, alone or with a preference behind a colon: `auto`, `auto:cost`.
pub const AUTO: &str = "auto";

/// How requests for `auto` are routed, as an operator sets it (`ROUTING`).
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Routing {
    /// What is preferred when the caller does not say.
    pub prefer: Preference,
    /// Tried in order; the first that holds and can be followed decides.
    pub rules: Vec<Rule>,
    /// What each preference weighs.
    pub weights: Weights,
}

/// What is set for a tenant. Its rules stand before the configuration's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantRouting {
    /// What rules know the tenant's plan by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// What is preferred when the caller does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefer: Option<Preference>,
    /// As in `ROUTING`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// A model that was looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its id.
    pub model: String,
    /// Why it cannot be taken; none when it can.
    pub obstacle: Option<String>,
    /// What it is worth; none when it was not weighed.
    pub score: Option<score::Score>,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The id of the model.
    pub model: String,
    /// The rule that decided, by its name.
    pub rule: Option<String>,
    /// What was preferred.
    pub prefer: Preference,
    /// Why, in the order in which it counted. Fixed words and names of the configuration: no text of the request.
    pub reasons: Vec<String>,
    /// Every model of the table.
    pub candidates: Vec<Candidate>,
}

/// What is known beside the request.
pub struct Circumstances<'a> {
    /// The table.
    pub models: &'a Models,
    /// What the operator has set.
    pub routing: &'a Routing,
    /// What is set for the tenant.
    pub tenant: &'a TenantRouting,
    /// The tenant's name.
    pub tenant_name: &'a str,
    /// Whether the caller's key may call a model.
    pub allowed: &'a dyn Fn(&str) -> bool,
    /// Why a model is not worth asking now; none when it is.
    pub ailing: &'a dyn Fn(&str) -> Option<String>,
    /// How much better the tenant has rated a model's answers than all: -1 to 1.
    pub liked: &'a dyn Fn(&str) -> f64,
    /// Minutes since the week began, on Monday at 0:00 UTC.
    pub minute_of_week: u32,
}

/// Whether a model's name leaves the choice to the gateway.
pub fn is_auto(name: &str) -> bool {
    name.strip_prefix(AUTO).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// What the caller prefers: behind `auto:`, or in the header `x-maya-prefer`.
///
/// # Errors
/// 400 for a word that is no preference, and for two that differ.
pub fn preference(name: &str, header: Option<&str>) -> Result<Option<Preference>, Error> {
    let read = |word: &str, param: &'static str| {
        Preference::named(word).ok_or_else(|| {
            let message = format!("`{param}` names no preference. Use one of {}.", Preference::ALL.map(Preference::name).join(", "));
            Error::invalid("wrong_value", param, message).final_word()
        })
    };
    let named = name.strip_prefix("auto:").map(|word| read(word, "model")).transpose()?;
    let headed = header.map(|word| read(word.trim(), "x-maya-prefer")).transpose()?;
    if named.zip(headed).is_some_and(|(one, other)| one != other) {
        let message = "`model` and the header `x-maya-prefer` name different preferences. Leave one of them out.";
        return Err(Error::invalid("wrong_value", "x-maya-prefer", message).final_word());
    }
    Ok(named.or(headed))
}

/// Decides which model answers.
///
/// # Errors
/// 400 when no model of the table can: what each one lacks.
pub fn decide(ask: &Ask, prefer: Option<Preference>, around: &Circumstances<'_>) -> Result<Decision, Error> {
    let mut prefer = prefer.or(around.tenant.prefer).unwrap_or(around.routing.prefer);
    let mut reasons = Vec::new();
    let mut candidates: Vec<Candidate> = around
        .models
        .rows()
        .filter(|(_, row)| row.auto)
        .map(|(id, row)| Candidate { model: id.to_owned(), obstacle: lacking(ask, row, id, around), score: None })
        .collect();
    let can = |candidates: &[Candidate], id: &str| candidates.iter().any(|candidate| candidate.model == id && candidate.obstacle.is_none());
    // Beyond the table, a rule may name a model that does not take part otherwise.
    let follows = |candidates: &[Candidate], id: &str| {
        can(candidates, id)
            || around.models.row(id).is_none_or(|row| !row.auto && lacking(ask, row, id, around).is_none()) && (around.allowed)(id)
    };
    let place = rules::Place { tenant: around.tenant_name, tier: around.tenant.tier.as_deref(), minute_of_week: around.minute_of_week };
    let mut among: Option<(Vec<String>, String)> = None;
    for rule in around.tenant.rules.iter().chain(&around.routing.rules) {
        if !rule.when.holds(ask, prefer, &place) {
            continue;
        }
        match &rule.effect {
            Effect::Model(name) => {
                let id = around.models.resolve(name).id;
                if follows(&candidates, id) {
                    reasons.push(format!("the rule `{}` names it", rule.name));
                    return Ok(Decision { model: id.to_owned(), rule: Some(rule.name.clone()), prefer, reasons, candidates });
                }
                reasons.push(format!("the rule `{}` was passed over: its model cannot answer this", rule.name));
            }
            Effect::Among(names) => {
                let ids: Vec<String> = names.iter().map(|name| around.models.resolve(name).id.to_owned()).collect();
                if ids.iter().any(|id| can(&candidates, id)) {
                    among.get_or_insert((ids, rule.name.clone()));
                } else {
                    reasons.push(format!("the rule `{}` was passed over: none of its models can answer this", rule.name));
                }
            }
            Effect::Prefer(wanted) => {
                reasons.push(format!("the rule `{}` prefers {}", rule.name, wanted.name()));
                prefer = *wanted;
            }
        }
    }
    let rule = among.as_ref().map(|(_, name)| name.clone());
    if let Some((ids, name)) = &among {
        exclude(&mut candidates, |id| !ids.iter().any(|among| among == id), &format!("the rule `{name}` leaves it out"));
    }
    if candidates.iter().all(|candidate| candidate.obstacle.is_some()) {
        return Err(nothing_fits(&candidates));
    }
    narrow(ask, prefer, around, &mut candidates, &mut reasons);
    let model = weigh(ask, prefer, around, &mut candidates, &mut reasons).ok_or_else(|| nothing_fits(&candidates))?;
    Ok(Decision { model, rule, prefer, reasons, candidates })
}

/// What a model lacks for a request: what no preference can make up for.
fn lacking(ask: &Ask, row: &Model, id: &str, around: &Circumstances<'_>) -> Option<String> {
    let has = |capability: Capability| row.capabilities.contains(&capability);
    let needed = ask.input_tokens.saturating_add(ask.output_tokens.unwrap_or_default());
    if !(around.allowed)(id) {
        Some("the key is not for it".to_owned())
    } else if ask.pictures && !has(Capability::Vision) {
        Some("it does not see pictures".to_owned())
    } else if ask.tools && !has(Capability::Tools) {
        Some("it does not call tools".to_owned())
    } else if ask.schema && !has(Capability::StructuredOutputs) {
        Some("it does not keep to a schema".to_owned())
    } else if row.context_tokens.is_some_and(|most| needed > u64::from(most)) {
        Some("the request is longer than its context".to_owned())
    } else {
        None
    }
}

/// Leaves models out, unless that would leave none.
fn exclude(candidates: &mut [Candidate], out: impl Fn(&str) -> bool, why: &str) -> bool {
    let stays = |candidate: &Candidate| candidate.obstacle.is_none() && !out(&candidate.model);
    let changes = candidates.iter().any(|candidate| candidate.obstacle.is_none() && out(&candidate.model));
    if !changes || !candidates.iter().any(stays) {
        return false;
    }
    for candidate in candidates.iter_mut().filter(|candidate| candidate.obstacle.is_none() && out(&candidate.model)) {
        candidate.obstacle = Some(why.to_owned());
    }
    true
}

/// Leaves out what is ailing, what does not know the language, and what is weaker than what was asked for.
fn narrow(ask: &Ask, prefer: Preference, around: &Circumstances<'_>, candidates: &mut [Candidate], reasons: &mut Vec<String>) {
    let ailing: Vec<(String, String)> =
        candidates.iter().filter_map(|candidate| Some((candidate.model.clone(), (around.ailing)(&candidate.model)?))).collect();
    for (id, why) in &ailing {
        if exclude(candidates, |other| other == id, why) {
            reasons.push(format!("`{id}`: {why}"));
        }
    }
    let row = |id: &str| around.models.row(id);
    if let Some(language) = ask.language
        && exclude(candidates, |id| row(id).is_some_and(|row| !row.knows(language)), "the text is in a language that it is not for")
    {
        reasons.push(format!("the text is in `{language}`"));
    }
    let why = if prefer == Preference::Quality {
        "quality is preferred"
    } else if ask.schema {
        "a strict schema is wanted"
    } else {
        return;
    };
    let quality = |id: &str| row(id).and_then(|row| row.quality).unwrap_or_default();
    let best = candidates.iter().filter(|candidate| candidate.obstacle.is_none()).map(|candidate| quality(&candidate.model)).max();
    if exclude(candidates, |id| Some(quality(id)) < best, &format!("{why}, and another is stronger")) {
        reasons.push(why.to_owned());
    }
}

/// What a tenant's ratings weigh: the most that they can add is this, and a model's other sides add up to 1.4 when balanced.
const LIKED: f64 = 0.3;

/// Weighs what is left; the id of the best.
fn weigh(
    ask: &Ask,
    prefer: Preference,
    around: &Circumstances<'_>,
    candidates: &mut [Candidate],
    reasons: &mut Vec<String>,
) -> Option<String> {
    let fit: Vec<(&str, &Model)> = candidates
        .iter()
        .filter(|candidate| candidate.obstacle.is_none())
        .filter_map(|candidate| around.models.row(&candidate.model).map(|row| (candidate.model.as_str(), row)))
        .collect();
    let alone = fit.len() == 1;
    let mut scores = score::scores(ask, around.routing.weights.of(prefer), &fit);
    let best_of =
        |scores: &[(String, score::Score)]| scores.iter().max_by(|(_, one), (_, other)| one.order(other)).map(|(id, _)| id.clone());
    let unrated = best_of(&scores);
    for (id, score) in &mut scores {
        score.total += LIKED * (around.liked)(id).clamp(-1.0, 1.0);
    }
    let best = best_of(&scores);
    for (id, score) in scores {
        if let Some(candidate) = candidates.iter_mut().find(|candidate| candidate.model == id) {
            candidate.score = Some(score);
        }
    }
    let best = best?;
    reasons.push(if alone {
        "no other model is left".to_owned()
    } else if unrated.as_ref() != Some(&best) {
        "its answers were rated better".to_owned()
    } else {
        format!("best for {} when {}", ask.task.task.name(), prefer.spoken())
    });
    Some(best)
}

fn nothing_fits(candidates: &[Candidate]) -> Error {
    let lacks: Vec<String> = candidates
        .iter()
        .map(|candidate| format!("`{}`: {}", candidate.model, candidate.obstacle.as_deref().unwrap_or("it cannot answer")))
        .collect();
    let message = if lacks.is_empty() {
        "No model takes part in `auto`: MODELS has no row. Name a model.".to_owned()
    } else {
        format!("No model can answer this ({}). Ask for less, or name a model.", lacks.join("; "))
    };
    Error::invalid("no_model_fits", "model", message).final_word()
}

impl Decision {
    /// `x-maya-route`: parameters in the manner of RFC 8941.
    pub fn header(&self, ask: &Ask) -> String {
        let rule = self.rule.as_ref().map(|rule| format!(";rule=\"{}\"", quotable(rule))).unwrap_or_default();
        format!(
            "auto;model=\"{}\";task={};confidence={:.2};language={};prefer={}{rule};because=\"{}\"",
            quotable(&self.model),
            ask.task.task.name(),
            ask.task.confidence,
            ask.language.unwrap_or(crate::edge::language::UNKNOWN),
            self.prefer.name(),
            quotable(&self.reasons.join("; "))
        )
    }

    /// What `POST /v1/route` tells of it.
    pub fn told(&self, requested: &str, ask: &Ask) -> Value {
        let candidates = self.candidates.iter().map(|candidate| {
            let score = candidate.score.map(|score| {
                json!({
                    "total": score.total, "quality": score.quality, "speed": score.speed, "cost": score.cost,
                    "estimated_micro_dollars": score.micro_dollars.map(|dollars| dollars.0),
                })
            });
            json!({ "model": candidate.model, "eligible": candidate.obstacle.is_none(), "obstacle": candidate.obstacle, "score": score })
        });
        json!({
            "object": "route",
            "requested": requested,
            "model": self.model,
            "rule": self.rule,
            "prefer": self.prefer.name(),
            "reasons": self.reasons,
            "asked": ask.told(),
            "candidates": candidates.collect::<Vec<Value>>(),
        })
    }
}

/// What may stand between quotation marks of a header.
fn quotable(text: &str) -> String {
    text.chars().map(|character| if matches!(character, '"' | '\\') { '\'' } else { character }).collect()
}
