//! The canonical key: requests that mean the same get the same key, and no two others ever share one.
//!
//! What is hashed is not the text but its meaning, written so that it can be read back in one way only: each value begins with a
//! letter for its kind, and everything of variable length is preceded by its length. Objects are hashed in the order of their keys,
//! except inside the schemas of tools and of the answer's format: there the order of the keys is the order in which the model
//! writes, so it is a part of the question, and so is the way a number is written.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::normal;
use crate::protocol::json::{Kind, Value};
use crate::protocol::request::{CompletionRequest, Endpoint};

/// Body fields that do not change what the answer is.
const NOT_MEANING: [&str; 4] = ["stream", "stream_options", "user", "store"];

/// Body fields with which a question has no normal form: an answer to it depends on more than it says.
const NOT_WITH_NORMAL: [&str; 4] = ["tools", "tool_choice", "prediction", "grammar_root"];

/// Changed when what is hashed, or how, changes: entries under an older layout are then never read.
const LAYOUT: &[u8] = b"maya-edge key 1";

/// The name of a cached answer: SHA-256 of what was asked, of whom, by which tenant. Tells nothing of the prompt.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// The name under which KV holds the entry: 64 hexadecimal digits after a prefix for the kind of entry.
    pub fn name(&self) -> String {
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
        "answer:".chars().chain(digits.filter_map(|digit| char::from_digit(digit.into(), 16))).collect()
    }
}

impl std::fmt::Debug for CacheKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name())
    }
}

/// What, beside the body, tells one answer from another.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// Whose entry it is: no two tenants share one (law 4).
    pub tenant: &'a str,
    /// The resolved model's id, so that an alias and its model share entries.
    pub model: &'a str,
    /// The cap that the gateway adds to the request, when it adds one.
    pub added_cap: Option<u32>,
    /// The version of the policies that shape an answer.
    pub policy: &'a str,
}

/// The key of a request: everything in its body but the stream's form and the end user.
pub fn of_request(scope: &Scope<'_>, request: &CompletionRequest<'_>) -> CacheKey {
    let mut canon = Canon::scoped(scope, request.endpoint(), b"body");
    let fields = request.root().members().filter(|(key, _)| !NOT_MEANING.iter().any(|name| key.is(name)) && !key.is("model"));
    canon.object(fields, Place::Root);
    canon.finish()
}

/// The key of a single question in its normal form ([`normal`]), which other spellings of it share. None when there is no such form: a chat's
/// one user message has to be a text that has one, behind nothing but instructions that permit it, and without tools. Everything else in the
/// body counts as in [`of_request`].
pub fn of_normalised(scope: &Scope<'_>, request: &CompletionRequest<'_>) -> Option<CacheKey> {
    let root = request.root();
    if request.endpoint() != Endpoint::Chat || NOT_WITH_NORMAL.iter().any(|name| root.get(name).is_some()) {
        return None;
    }
    let mut messages: Vec<Value<'_>> = root.get("messages")?.elements().collect();
    let question = messages.pop()?;
    let role = |message: Value<'_>, roles: &[&str]| message.get("role").is_some_and(|role| roles.iter().any(|name| role.is(name)));
    let permits = |message: &Value<'_>| {
        let content = message.get("content").and_then(Value::text);
        role(*message, &["system", "developer"]) && content.is_some_and(|content| normal::permits(&content))
    };
    if !role(question, &["user"]) || !messages.iter().all(permits) {
        return None;
    }
    let normal = normal::normal(&question.get("content")?.text()?)?;
    let mut canon = Canon::scoped(scope, Endpoint::Chat, b"normal");
    let beside = |(key, _): &(Value<'_>, Value<'_>)| !NOT_MEANING.iter().chain(&["model", "messages"]).any(|name| key.is(name));
    canon.object(root.members().filter(beside), Place::Root);
    canon.count(b'a', messages.len());
    for message in messages {
        canon.value(message, Place::Elsewhere);
    }
    canon.object(question.members().filter(|(key, _)| !key.is("content")), Place::Elsewhere);
    canon.bytes(b's', normal.as_bytes());
    Some(canon.finish())
}

/// The key that a caller has chosen (`cf-aig-cache-key`) instead of the body's. It stays within its tenant, endpoint and model.
pub fn of_chosen(scope: &Scope<'_>, endpoint: Endpoint, chosen: &str) -> CacheKey {
    let mut canon = Canon::scoped(scope, endpoint, b"chosen");
    canon.bytes(b's', chosen.as_bytes());
    canon.finish()
}

/// How far into a schema the walk is: schemas stand at `tools[*].function.parameters` and `response_format.json_schema.schema`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Tools,
    Tool,
    Function,
    ResponseFormat,
    JsonSchema,
    /// Inside a schema: everything counts as it was written.
    Schema,
    Elsewhere,
}

impl Place {
    fn under(self, key: Value<'_>) -> Self {
        match self {
            Self::Schema => Self::Schema,
            Self::Root if key.is("tools") => Self::Tools,
            Self::Root if key.is("response_format") => Self::ResponseFormat,
            Self::Tool if key.is("function") => Self::Function,
            Self::Function if key.is("parameters") => Self::Schema,
            Self::ResponseFormat if key.is("json_schema") => Self::JsonSchema,
            Self::JsonSchema if key.is("schema") => Self::Schema,
            _ => Self::Elsewhere,
        }
    }

    fn element(self) -> Self {
        match self {
            Self::Schema => Self::Schema,
            Self::Tools => Self::Tool,
            _ => Self::Elsewhere,
        }
    }
}

/// Writes the canonical form into the hash. What is written is gathered first, because the hash takes few long pieces faster than
/// many short ones.
struct Canon {
    hash: Sha256,
    gathered: Vec<u8>,
}

impl Canon {
    fn scoped(scope: &Scope<'_>, endpoint: Endpoint, form: &[u8]) -> Self {
        let mut canon = Self { hash: Sha256::new(), gathered: Vec::with_capacity(4096) };
        canon.bytes(b'k', LAYOUT);
        canon.bytes(b'f', form);
        canon.bytes(b't', scope.tenant.as_bytes());
        canon.bytes(b'e', endpoint.path().as_bytes());
        canon.bytes(b'm', scope.model.as_bytes());
        canon.bytes(b'p', scope.policy.as_bytes());
        match scope.added_cap {
            Some(cap) => canon.bytes(b'c', &cap.to_be_bytes()),
            None => canon.bytes(b'c', b""),
        }
        canon
    }

    fn finish(mut self) -> CacheKey {
        self.hash.update(&self.gathered);
        CacheKey(self.hash.finalize().into())
    }

    fn count(&mut self, tag: u8, count: usize) {
        self.gathered.push(tag);
        self.gathered.extend_from_slice(&u64::try_from(count).unwrap_or(u64::MAX).to_be_bytes());
    }

    fn bytes(&mut self, tag: u8, bytes: &[u8]) {
        self.count(tag, bytes.len());
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= 4096 {
            self.hash.update(&self.gathered);
            self.gathered.clear();
        }
    }

    /// Recursion is bounded: a document is never nested deeper than [`crate::protocol::json::MAX_DEPTH`].
    fn value(&mut self, value: Value<'_>, place: Place) {
        match value.kind() {
            Kind::Null => self.gathered.push(b'n'),
            Kind::Bool => self.gathered.push(if value.boolean() == Some(true) { b't' } else { b'f' }),
            Kind::Number if place == Place::Schema => self.bytes(b'l', value.raw().as_bytes()),
            Kind::Number => self.bytes(b'd', &decimal(value.raw())),
            Kind::String => self.bytes(b's', &value.bytes()),
            Kind::Array => {
                self.count(b'a', value.elements().count());
                for element in value.elements() {
                    self.value(element, place.element());
                }
            }
            Kind::Object => self.object(value.members(), place),
        }
    }

    fn object<'d>(&mut self, members: impl Iterator<Item = (Value<'d>, Value<'d>)>, place: Place) {
        let mut members: Vec<(Cow<'d, [u8]>, Value<'d>, Value<'d>)> = members.map(|(key, value)| (key.bytes(), key, value)).collect();
        if place != Place::Schema {
            members.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        }
        self.count(if place == Place::Schema { b'q' } else { b'o' }, members.len());
        for (name, key, value) in members {
            self.bytes(b's', &name);
            self.value(value, place.under(key));
        }
    }
}

/// A number's exact decimal value, in the one form that all its spellings share: `-`, digits without zeros at either end, `e`, and
/// the power of ten. `1`, `1.0` and `10e-1` are one value; `0.1` and `0.10000000000000001` are two, as they are on paper.
fn decimal(literal: &str) -> Vec<u8> {
    let (negative, unsigned) = literal.strip_prefix('-').map_or((false, literal), |rest| (true, rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    let leading = digits.iter().take_while(|digit| **digit == b'0').count();
    let trailing = digits.iter().rev().take_while(|digit| **digit == b'0').count();
    let Some(digits) = digits.get(leading..digits.len().saturating_sub(trailing)).filter(|digits| !digits.is_empty()) else {
        return b"0".to_vec();
    };
    let shift = i64::try_from(trailing).ok().zip(i64::try_from(fraction.len()).ok());
    let power = exponent.parse::<i64>().ok().zip(shift).and_then(|(power, (up, down))| power.checked_add(up)?.checked_sub(down));
    let Some(power) = power else {
        // A power of ten beyond 64 bits: as it was written, marked so that it meets no canonical form.
        return format!("={literal}").into_bytes();
    };
    let mut out = Vec::with_capacity(digits.len().saturating_add(8));
    if negative {
        out.push(b'-');
    }
    out.extend_from_slice(digits);
    out.push(b'e');
    out.extend_from_slice(power.to_string().as_bytes());
    out
}
