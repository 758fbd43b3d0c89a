//! What is known of a call's texts so far: what was found, what was taken out, what stops the call.

use std::collections::{BTreeMap, BTreeSet};

use super::policy::{Action, At};
use super::text::Treatment;
use super::words;
use crate::edge::pii::{Kind, Replacements};
use crate::error::Error;

/// Something that was found. It tells the rule, never the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Which guardrail: `pii`, `injection`, `offence`, `words` or `cloud`.
    pub guardrail: &'static str,
    /// On which side of the call.
    pub at: At,
    /// What happens.
    pub action: Action,
    /// The kind of personal data, the heuristic's rule, the category, or the list's name.
    pub rule: String,
}

/// The code of everything that a guardrail stops.
pub const BLOCKED: &str = "guardrail_blocked";
/// The header that tells what was found.
pub const HEADER: &str = "x-maya-guardrails";

/// What is known of a call's texts so far. It holds what was taken out, so it is as secret as they are.
#[derive(Default)]
pub struct Inspection {
    replacements: Replacements,
    /// Personal data that the caller has sent, in its plainest form.
    sent: BTreeSet<String>,
    found: BTreeMap<Finding, u32>,
    blocked: Option<Finding>,
    /// How often something was taken out or put back.
    changes: u32,
}

impl Inspection {
    /// Notes something.
    pub fn note(&mut self, finding: Finding) {
        if finding.action == Action::Block && self.blocked.is_none() {
            self.blocked = Some(finding.clone());
        }
        let count = self.found.entry(finding).or_default();
        *count = count.saturating_add(1);
    }

    /// What stops the call, if anything does.
    pub fn blocked(&self) -> Option<&Finding> {
        self.blocked.as_ref()
    }

    /// How often something was taken out.
    pub fn changes(&self) -> u32 {
        self.changes
    }

    /// Whether anything was taken out that can be put back.
    pub fn has_replacements(&self) -> bool {
        !self.replacements.is_empty()
    }

    /// What a placeholder stands for.
    pub fn original(&self, placeholder: &str) -> Option<&str> {
        self.replacements.original(placeholder)
    }

    /// Everything that was found on a side of the call, with how often.
    pub fn findings(&self, at: At) -> impl Iterator<Item = (&Finding, u32)> {
        self.found.iter().filter(move |(finding, _)| finding.at == at).map(|(finding, count)| (finding, *count))
    }

    /// The header that tells what was found (RFC 9651, a list); none when nothing was.
    pub fn header(&self) -> Option<String> {
        let item = |(finding, count): (&Finding, &u32)| {
            let Finding { guardrail, at, action, rule } = finding;
            let what = match *guardrail {
                "pii" => "kind",
                "words" => "list",
                _ => "rule",
            };
            format!("{guardrail};{}={};{what}=\"{rule}\";count={count}", at.name(), action.name())
        };
        let items: Vec<String> = self.found.iter().map(item).collect();
        (!items.is_empty()).then(|| items.join(", "))
    }

    /// The refusal of a call, or of its answer, in which something was found that a guardrail blocks.
    pub fn refusal(&self, finding: &Finding, path: &str) -> Error {
        let what = match finding.guardrail {
            "pii" => "personal data or a secret",
            "injection" => "an attempt to turn the model against its instructions",
            "offence" => "offensive words",
            "cloud" => "something that a model calls harmful",
            _ => "words of one of the tenant's lists",
        };
        let rule = &finding.rule;
        let error = match finding.at {
            At::Prompt => {
                Error::new(400, BLOCKED, format!("`{path}` holds {what} ({rule}), and the tenant's guardrails refuse it. Take it out."))
            }
            At::Answer => {
                let message = format!("The answer held {what} ({rule}), and the tenant's guardrails withhold it. Ask for something else.");
                Error::new(403, BLOCKED, message)
            }
        };
        let error = error.about(path).final_word();
        match self.header() {
            Some(header) => error.with(HEADER, header),
            None => error,
        }
    }

    /// Notes a word that was found.
    pub(super) fn word(&mut self, at: At, found: words::Found<'_>) {
        if found.action == Action::Redact {
            self.changes = self.changes.saturating_add(1);
        }
        self.note(Finding { guardrail: "words", at, action: found.action, rule: found.list.to_owned() });
    }

    /// Notes an offence that blocks.
    pub(super) fn offence(&mut self, at: At, rule: Option<&'static str>) {
        if let Some(rule) = rule {
            self.note(Finding { guardrail: "offence", at, action: Action::Block, rule: rule.to_owned() });
        }
    }

    /// Judges personal data: what stands in its place, if anything else is to.
    pub(super) fn personal(&mut self, treatment: &Treatment<'_>, kind: Kind, found: &str) -> Option<String> {
        let taken = treatment.at == At::Prompt && treatment.pii == Some(Action::Redact);
        if kind == Kind::Literal {
            // A placeholder that the caller has written itself: taken out, so that none can be forged.
            return taken.then(|| self.take(kind, found));
        }
        if !treatment.kinds.contains(&kind) {
            return None;
        }
        match treatment.at {
            At::Prompt => drop(self.sent.insert(plainest(kind, found))),
            At::Answer if self.sent.contains(&plainest(kind, found)) => return None,
            At::Answer => {}
        }
        let action = treatment.pii?;
        let rule = kind.name().to_ascii_lowercase();
        self.note(Finding { guardrail: "pii", at: treatment.at, action, rule });
        match (treatment.at, action) {
            (At::Prompt, Action::Redact) => Some(self.take(kind, found)),
            (At::Answer, Action::Redact) => {
                self.changes = self.changes.saturating_add(1);
                // Nothing is put back for it, so it needs no number: numbers would depend on the order in which choices come.
                Some(format!("[{}]", kind.name()))
            }
            _ => None,
        }
    }

    fn take(&mut self, kind: Kind, found: &str) -> String {
        self.changes = self.changes.saturating_add(1);
        self.replacements.placeholder(kind, found).to_owned()
    }
}

/// A value in the form that its spellings share: numbers without what parts their groups.
fn plainest(kind: Kind, found: &str) -> String {
    let visible = found.chars().filter(|character| !crate::edge::pii::is_invisible(*character)).flat_map(char::to_lowercase);
    match kind {
        Kind::Phone | Kind::Card | Kind::Iban | Kind::Ssn => visible.filter(|character| character.is_alphanumeric()).collect(),
        _ => visible.collect(),
    }
}
