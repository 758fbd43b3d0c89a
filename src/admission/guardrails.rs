//! A tenant's guardrails: what may not leave the edge, what may not come back, and what is told of both.
//!
//! Personal data is taken out of a prompt before it leaves, and put back into the answer. What the model says is searched for what
//! nobody has sent it, for words and offences. Answers that are streamed and answers from the cache take the same way ([`text`]).

pub mod answer;
pub mod cloud;
pub mod inspection;
mod json_text;
pub mod policy;
mod prompt;
pub mod stream;
pub mod text;
pub mod words;

use sha2::{Digest, Sha256};

use crate::edge::pii::Kind;
use crate::error::Error;
use crate::protocol::json::{self, Value};
use crate::protocol::request::{CompletionRequest, Endpoint};
use inspection::Inspection;
use policy::{Action, At, Guardrails, PersonalData, Share};
use text::Treatment;
use words::Phrases;

/// From which weight on a rule against injection counts, unless the policy says otherwise: what is said plainly.
const INJECTION_FROM: f32 = 0.7;
/// From which weight on an offensive word counts, unless the policy says otherwise.
const OFFENCE_FROM: f32 = 0.5;

/// Guardrails, ready to be used: made once, when the tenant's record is read.
#[derive(Debug)]
pub struct Guard {
    policy: Guardrails,
    version: String,
    kinds: Vec<Kind>,
    /// For what is sent: the words that block or flag, and those that are taken out.
    prompt_words: [Option<Phrases>; 2],
    /// For what the model says: the words that block, those that are taken out, and those that flag.
    answer_words: [Option<Phrases>; 3],
}

impl Guard {
    /// From the policy.
    pub fn of(policy: &Guardrails) -> Self {
        let kinds = policy.pii.as_ref().and_then(|pii| pii.kinds.as_deref()).unwrap_or(&PersonalData::ALL);
        let words = |at, actions: &[Action]| Phrases::of(policy, at, actions);
        // Whatever is in the policy tells its version: nobody has to think of raising one.
        let written = serde_json::to_string(policy).unwrap_or_default();
        Self {
            version: super::keys::hex(&Sha256::digest(written)).chars().take(16).collect(),
            kinds: kinds.iter().map(|kind| kind.kind()).collect(),
            prompt_words: [words(At::Prompt, &[Action::Block, Action::Flag]), words(At::Prompt, &[Action::Redact])],
            answer_words: [Action::Block, Action::Redact, Action::Flag].map(|action| words(At::Answer, &[action])),
            policy: policy.clone(),
        }
    }

    /// The policy's version: a part of the key of every cached answer.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What is done to a text that is sent. What a program says (`trusted`) is not judged, but nothing personal leaves in it.
    fn prompt_treatment(&self, trusted: bool) -> Treatment<'_> {
        let [judged, taken] = &self.prompt_words;
        Treatment {
            at: At::Prompt,
            scans: self.policy.pii.is_some(),
            pii: self.policy.pii_at(At::Prompt),
            kinds: &self.kinds,
            words: [judged.as_ref().filter(|_| !trusted), taken.as_ref()],
            offence: None,
            restores: false,
        }
    }

    /// What is done to what the model says, before the caller sees it.
    fn answer_treatment(&self, restores: bool) -> Treatment<'_> {
        let [blocking, taken, _] = &self.answer_words;
        let pii = self.policy.pii_at(At::Answer).filter(|action| *action != Action::Flag);
        let blocks = self.policy.offence_at(At::Answer) == Some(policy::Verdict::Block);
        Treatment {
            at: At::Answer,
            scans: pii.is_some(),
            pii,
            kinds: &self.kinds,
            words: [blocking.as_ref(), taken.as_ref()],
            offence: blocks.then(|| self.offence_from()),
            restores,
        }
    }

    /// What is only told of what the model says.
    fn flag_treatment(&self) -> Treatment<'_> {
        let [_, _, flagging] = &self.answer_words;
        let pii = self.policy.pii_at(At::Answer).filter(|action| *action == Action::Flag);
        Treatment {
            at: At::Answer,
            scans: pii.is_some(),
            pii,
            kinds: &self.kinds,
            words: [flagging.as_ref(), None],
            offence: None,
            restores: false,
        }
    }

    fn injection_from(&self) -> f32 {
        self.policy.injection.as_ref().and_then(|injection| injection.threshold).map_or(INJECTION_FROM, Share::value)
    }

    fn offence_from(&self) -> f32 {
        self.policy.offence.as_ref().and_then(|offence| offence.threshold).map_or(OFFENCE_FROM, Share::value)
    }
}

/// One call under its tenant's guardrails.
pub struct Guarded<'g> {
    guard: &'g Guard,
    trusting: bool,
    /// Whether the answer is to be JSON.
    json: bool,
    /// What is known of its texts so far.
    pub inspection: Inspection,
    /// Where the text stands that stopped it; empty while nothing has.
    blocked_at: String,
    /// What people, tools and the model have said, as it would leave the edge; only when a model is to judge it.
    said: Vec<String>,
    /// The field that the question stands in.
    field: &'static str,
}

impl<'g> Guarded<'g> {
    /// A call that nothing is known of yet. `trusting` is for one whose roles of the program (`system`, `developer`, tools) only a program
    /// can write: who holds a browser token writes all of them.
    pub fn new(guard: &'g Guard, trusting: bool) -> Self {
        Self {
            guard,
            trusting,
            json: false,
            inspection: Inspection::default(),
            blocked_at: String::new(),
            said: Vec::new(),
            field: "messages",
        }
    }

    /// Judges what is sent, and gives the body without what may not leave, when it differs.
    ///
    /// # Errors
    /// 400 when a guardrail blocks it, and for what cannot be guarded: tokens in place of text, and log probabilities of an answer that
    /// may be changed.
    pub fn prompt(&mut self, request: &CompletionRequest<'_>) -> Result<Option<Vec<u8>>, Error> {
        let treatment = self.guard.answer_treatment(false);
        prompt::refuse_unreadable(request, self.guard, treatment.is_any())?;
        self.json = prompt::wants_json(request);
        self.field = if request.endpoint() == Endpoint::Text { "prompt" } else { "messages" };
        prompt::inspect(self, request)
    }

    /// Whether the answer has to be looked at before the caller sees it. Where it need not, a stream is the runtime's to pump.
    pub fn changes_answers(&self) -> bool {
        self.guard.answer_treatment(self.inspection.has_replacements()).is_any()
    }

    /// Whether something is only to be told of the answer.
    pub fn flags_answers(&self) -> bool {
        self.guard.flag_treatment().is_any() || self.guard.policy.offence_at(At::Answer) == Some(policy::Verdict::Flag)
    }

    /// The refusal of what a guardrail has blocked, if one has.
    pub fn refusal(&self) -> Option<Error> {
        self.inspection.blocked().map(|finding| self.inspection.refusal(finding, &self.blocked_at))
    }

    /// Whether a guardrail has blocked something; remembers where.
    fn stopped(&mut self, steps: &[Step]) -> bool {
        let stopped = self.inspection.blocked().is_some();
        if stopped && self.blocked_at.is_empty() {
            self.blocked_at = written(steps);
        }
        stopped
    }
}

/// A step on the way to a text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Place(usize),
}

fn written(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Key(key) => json::push_key(&mut path, key),
            Step::Place(place) => json::push_index(&mut path, *place),
        }
    }
    path
}

/// What holds no text of a conversation: names of roles and types, ids, pictures and sounds, and what of a schema is no prose.
const NO_TEXT: [&str; 17] = [
    "role",
    "type",
    "id",
    "tool_call_id",
    "image_url",
    "image",
    "input_audio",
    "pattern",
    "format",
    "$ref",
    "required",
    "finish_reason",
    "index",
    "logprobs",
    "reasoning_logprobs",
    "stop_reason",
    "encoding",
];

/// Visits every text within a value, with the way to it. `numbered` is for pieces of a stream, whose elements say their own place.
fn visit_texts<'d>(value: Value<'d>, steps: &mut Vec<Step>, numbered: bool, visit: &mut dyn FnMut(&[Step], Value<'d>)) {
    match value.kind() {
        json::Kind::String => visit(steps, value),
        json::Kind::Array => {
            for (place, element) in value.elements().enumerate() {
                let own = element.get("index").filter(|_| numbered).and_then(Value::number).and_then(|number| number.parse().ok());
                steps.push(Step::Place(own.unwrap_or(place)));
                visit_texts(element, steps, numbered, visit);
                steps.pop();
            }
        }
        json::Kind::Object => {
            for (key, value) in value.members().filter(|(key, _)| !NO_TEXT.iter().any(|name| key.is(name))) {
                steps.push(Step::Key(String::from_utf8_lossy(&key.bytes()).into_owned()));
                visit_texts(value, steps, numbered, visit);
                steps.pop();
            }
        }
        _ => {}
    }
}

/// Whether a text is the arguments of a call, which are JSON in a string.
fn is_arguments(steps: &[Step]) -> bool {
    matches!(steps.last(), Some(Step::Key(key)) if key == "arguments")
}

/// Whether a text is what an answer says.
fn is_content(steps: &[Step]) -> bool {
    matches!(steps.last(), Some(Step::Key(key)) if key == "content")
}
