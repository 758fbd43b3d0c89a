//! A tenant's guardrails as an administrator writes them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::edge::pii::Kind;
use crate::error::Error;

/// The most lists of words.
const MOST_LISTS: usize = 16;
/// The most words of all lists together.
const MOST_WORDS: usize = 1000;
/// The longest word or phrase, in bytes. A stream holds back at most about as much.
const LONGEST_WORD: usize = 100;
/// The longest name of a list, in bytes.
const LONGEST_NAME: usize = 40;

/// What happens when something is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is said in a header, or in the audit, and nothing else.
    Flag,
    /// It is taken out.
    Redact,
    /// The call is refused, or the answer withheld.
    Block,
}

impl Action {
    /// Its name in policies and headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Redact => "redact",
            Self::Block => "block",
        }
    }
}

/// What happens when something is judged that cannot be taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As [`Action::Flag`].
    Flag,
    /// As [`Action::Block`].
    Block,
}

impl From<Verdict> for Action {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Flag => Self::Flag,
            Verdict::Block => Self::Block,
        }
    }
}

/// A kind of personal data or secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is the scanner's kind of that name")]
pub enum PersonalData {
    Email,
    Phone,
    Card,
    Iban,
    Ip,
    Ssn,
    Url,
    Secret,
}

impl PersonalData {
    /// Every kind.
    pub const ALL: [Self; 8] = [Self::Email, Self::Phone, Self::Card, Self::Iban, Self::Ip, Self::Ssn, Self::Url, Self::Secret];

    /// The scanner's kind.
    pub fn kind(self) -> Kind {
        match self {
            Self::Email => Kind::Email,
            Self::Phone => Kind::Phone,
            Self::Card => Kind::Card,
            Self::Iban => Kind::Iban,
            Self::Ip => Kind::Ip,
            Self::Ssn => Kind::Ssn,
            Self::Url => Kind::CredentialUrl,
            Self::Secret => Kind::Secret,
        }
    }
}

/// A share of one, in thousandths, so that records can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u16);

impl Share {
    /// As a number from 0 to 1.
    pub fn value(self) -> f32 {
        f32::from(self.0) / 1000.0
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 1000.0)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || serde::de::Error::custom("expected a number from 0 to 1");
        let value = f64::deserialize(deserializer).map_err(|_| wrong())?;
        if !(0.0..=1.0).contains(&value) {
            return Err(wrong());
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000, checked above")]
        let thousandths = (value * 1000.0).round() as u16;
        Ok(Self(thousandths))
    }
}

/// Personal data and secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pii {
    /// In what is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Action>,
    /// In what the model says, when the caller has not sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Action>,
    /// Which kinds; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<PersonalData>>,
}

/// Attempts to turn the model against its instructions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Injection {
    /// In what is sent.
    pub prompt: Verdict,
    /// From which weight on a rule counts; 0.7 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Share>,
}

/// Offensive words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offence {
    /// In what is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Verdict>,
    /// In what the model says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Verdict>,
    /// From which weight on a word counts; 0.5 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Share>,
}

/// Which texts a list of words is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum At {
    /// What is sent.
    Prompt,
    /// What the model says.
    Answer,
}

impl At {
    /// Its name in policies and headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Answer => "answer",
        }
    }
}

/// A list of words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WordList {
    /// What it is called in headers and in the audit.
    pub name: String,
    /// Words and phrases.
    pub words: Vec<String>,
    /// Which texts it is for; both when absent.
    #[serde(default = "everywhere", rename = "where")]
    pub at: Vec<At>,
    /// What happens.
    pub action: Action,
}

fn everywhere() -> Vec<At> {
    vec![At::Prompt, At::Answer]
}

/// What happens to a call when no model could be asked about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// It goes on, flagged.
    #[default]
    Allow,
    /// It is refused.
    Block,
}

/// A model's judgement of a prompt, before it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cloud {
    /// What happens to a prompt that it calls harmful.
    pub prompt: Verdict,
    /// What happens when it could not be asked.
    #[serde(default)]
    pub on_failure: OnFailure,
}

/// The guardrails of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guardrails {
    /// Personal data and secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pii: Option<Pii>,
    /// Attempts to turn the model against its instructions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injection: Option<Injection>,
    /// Offensive words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offence: Option<Offence>,
    /// A model's judgement of prompts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud: Option<Cloud>,
    /// The tenant's own words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<WordList>,
}

impl Guardrails {
    /// What happens to personal data in a text.
    pub fn pii_at(&self, at: At) -> Option<Action> {
        self.pii.as_ref().and_then(|pii| match at {
            At::Prompt => pii.prompt,
            At::Answer => pii.answer,
        })
    }

    /// What happens to offensive words in a text.
    pub fn offence_at(&self, at: At) -> Option<Verdict> {
        self.offence.as_ref().and_then(|offence| match at {
            At::Prompt => offence.prompt,
            At::Answer => offence.answer,
        })
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// 400 naming the field, beneath `guardrails`.
    pub fn check(&self) -> Result<(), Error> {
        let idle = self.pii.as_ref().is_some_and(|pii| pii.prompt.is_none() && pii.answer.is_none());
        if idle {
            return Err(wrong("pii", "says nothing to do: give `prompt`, `answer` or both, or leave it out."));
        }
        if self.offence.as_ref().is_some_and(|offence| offence.prompt.is_none() && offence.answer.is_none()) {
            return Err(wrong("offence", "says nothing to do: give `prompt`, `answer` or both, or leave it out."));
        }
        if self.pii.as_ref().and_then(|pii| pii.kinds.as_ref()).is_some_and(Vec::is_empty) {
            return Err(wrong("pii.kinds", "is empty, which would find nothing. Name at least one, or leave it out for all."));
        }
        if self.words.len() > MOST_LISTS {
            return Err(wrong("words", "has more than 16 lists. Give fewer."));
        }
        if self.words.iter().map(|list| list.words.len()).sum::<usize>() > MOST_WORDS {
            return Err(wrong("words", "has more than 1000 words in all its lists. Give fewer."));
        }
        self.words.iter().enumerate().try_for_each(|(at, list)| self.check_list(at, list))
    }

    fn check_list(&self, at: usize, list: &WordList) -> Result<(), Error> {
        let path = |field: &str| format!("words[{at}].{field}");
        let named = (1..=LONGEST_NAME).contains(&list.name.len())
            && list.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !named {
            return Err(wrong(&path("name"), "must be 1 to 40 letters, digits, `-` and `_`: it stands in a header."));
        }
        if self.words.iter().take(at).any(|other| other.name == list.name) {
            return Err(wrong(&path("name"), "is another list's name, too. Give each its own."));
        }
        if list.words.is_empty() || list.at.is_empty() {
            let field = if list.words.is_empty() { "words" } else { "where" };
            return Err(wrong(&path(field), "is empty, so the list would do nothing. Name at least one."));
        }
        for (place, word) in list.words.iter().enumerate() {
            let field = path(&format!("words[{place}]"));
            if word.len() > LONGEST_WORD {
                return Err(wrong(&field, "is longer than 100 bytes. Give a shorter phrase."));
            }
            if super::words::tokens(word).is_empty() {
                return Err(wrong(&field, "has neither a letter nor a digit, so it would never be found."));
            }
        }
        Ok(())
    }
}

fn wrong(field: &str, message: &str) -> Error {
    let field = format!("guardrails.{field}");
    let message = format!("`{field}` {message}");
    Error::invalid("wrong_value", field, message)
}
