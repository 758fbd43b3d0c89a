//! A completion request: what the gateway reads in it, and the few bytes that it may change. [`checks`] says what is wrong in a field.

mod checks;

use std::borrow::Cow;
use std::ops::Range;

use super::json::{self, Document, Kind, Value};
use crate::error::Error;
pub use checks::refusal;
use checks::{KNOWN_FIELDS, check_cap, check_input, missing, optional, optional_boolean, refuse_look_alike, wrong_type};

/// Which of the two completion resources is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/v1/chat/completions`
    Chat,
    /// `/v1/completions`
    Text,
}

impl Endpoint {
    /// The path at Cerebras.
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Text => "/v1/completions",
        }
    }

    /// The field that holds the question.
    fn input_field(self) -> &'static str {
        match self {
            Self::Chat => "messages",
            Self::Text => "prompt",
        }
    }

    /// The field that bounds an answer's length and that this endpoint knows.
    fn cap_field(self) -> &'static str {
        match self {
            Self::Chat => "max_completion_tokens",
            Self::Text => "max_tokens",
        }
    }
}

/// A body that is known to be a completion request as far as the gateway reads it. Everything else is Cerebras's to judge.
#[derive(Debug)]
pub struct CompletionRequest<'t> {
    document: Document<'t>,
    endpoint: Endpoint,
    model: String,
    model_span: Range<usize>,
    cap: Cap,
    stream: bool,
    include_usage: bool,
    deterministic: bool,
    pictures: bool,
    choices: usize,
    extra_body: bool,
    user: Option<String>,
    /// `"store": false`, with the comma that goes with it: a word to the gateway, which Cerebras would refuse.
    not_stored: Option<Range<usize>>,
}

/// Whether the caller bounds the answer's length.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cap {
    /// In tokens; none for the model's own limit.
    Given(Option<u64>),
    Absent,
    /// `"max_completion_tokens": null` means the same as no field, but a second one beside it would be a duplicate.
    Null(Range<usize>),
}

impl<'t> CompletionRequest<'t> {
    /// Reads a body.
    ///
    /// # Errors
    /// 400 with the path of the offence: text that is not JSON, repeated or look-alike keys, deep nesting, and wrong types in the
    /// fields that the gateway reads.
    pub fn read(bytes: &'t [u8], endpoint: Endpoint) -> Result<Self, Error> {
        let document = Document::read(bytes).map_err(refusal)?;
        let root = document.root();
        if root.kind() != Kind::Object {
            return Err(wrong_type("", "an object", root));
        }
        let mut fields = Fields::default();
        for (key, value) in root.members() {
            if key.is("model") {
                fields.model = Some(value);
            } else if key.is(endpoint.input_field()) {
                fields.input = Some(value);
            } else if key.is("stream") {
                fields.stream = Some(value);
            } else if key.is("stream_options") {
                fields.stream_options = Some(value);
            } else if key.is("temperature") {
                fields.temperature = Some(value);
            } else if key.is("n") {
                fields.n = Some(value);
            } else if key.is("seed") {
                fields.seed = Some(value);
            } else if key.is("max_completion_tokens") || key.is("max_tokens") {
                check_cap(key, value)?;
                if !value.is_null() {
                    fields.cap_given = Some(value.number().and_then(|tokens| tokens.parse().ok()));
                } else if key.is(endpoint.cap_field()) {
                    fields.cap_null = Some(value.span());
                }
            } else if key.is("extra_body") {
                fields.extra_body = true;
            } else if key.is("user") {
                optional(value, Kind::String, "user")?;
                fields.user = value.text().map(Cow::into_owned).filter(|user| !user.is_empty());
                if fields.user.as_ref().is_some_and(|user| user.len() > LONGEST_USER) {
                    let message = format!("`user` is longer than {LONGEST_USER} bytes. Use a shorter id.");
                    return Err(Error::invalid("wrong_value", "user", message));
                }
            } else if key.is("store") {
                optional(value, Kind::Bool, "store")?;
                if value.boolean() == Some(false) {
                    fields.not_stored = Some(member_span(&document, key, value));
                }
            } else {
                refuse_look_alike(key, &KNOWN_FIELDS, "")?;
            }
        }
        let model = fields.model.ok_or_else(|| missing("model", "the id or alias of a model"))?;
        let name = model.text().ok_or_else(|| wrong_type("model", "a string", model))?;
        if name.is_empty() {
            return Err(Error::invalid("wrong_value", "model", "`model` is empty: give the id or alias of a model."));
        }
        let pictures = check_input(endpoint, fields.input)?;
        let stream = optional_boolean(fields.stream, "stream")?;
        let include_usage = match fields.stream_options {
            Some(options) => {
                optional(options, Kind::Object, "stream_options")?;
                optional_boolean(options.get("include_usage"), "stream_options.include_usage")?
            }
            None => false,
        };
        let zero_temperature = match fields.temperature {
            Some(value) => {
                optional(value, Kind::Number, "temperature")?;
                // Zero in any spelling: no digit but zeros before the exponent.
                value.number().is_some_and(|literal| {
                    literal.bytes().take_while(|byte| !matches!(byte, b'e' | b'E')).all(|byte| matches!(byte, b'-' | b'.' | b'0'))
                })
            }
            None => false,
        };
        if let Some(seed) = fields.seed {
            optional(seed, Kind::Number, "seed")?;
        }
        if let Some(n) = fields.n {
            optional(n, Kind::Number, "n")?;
        }
        // Whether a stream is whole depends on the number, so it has to be one that can be counted to.
        let n = match fields.n.and_then(Value::number) {
            Some(literal) => literal.parse().ok().filter(|n| *n > 0).ok_or_else(|| {
                Error::invalid("wrong_value", "n", "`n` must be a whole number, at least 1, written without a point or an exponent.")
            })?,
            None => 1_usize,
        };
        let prompts = fields.input.filter(|_| endpoint == Endpoint::Text).map_or(1, prompt_count);
        let seeded = fields.seed.is_some_and(|seed| !seed.is_null());
        let cap = match fields.cap_null {
            _ if fields.cap_given.is_some() => Cap::Given(fields.cap_given.flatten()),
            Some(span) => Cap::Null(span),
            None => Cap::Absent,
        };
        let (model, model_span) = (name.into_owned(), model.span());
        Ok(Self {
            endpoint,
            model,
            model_span,
            cap,
            stream,
            include_usage,
            deterministic: zero_temperature || seeded,
            pictures,
            choices: n.saturating_mul(prompts),
            extra_body: fields.extra_body,
            user: fields.user,
            not_stored: fields.not_stored,
            document,
        })
    }

    /// The resource that was called.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// The model that the caller names: an id or an alias.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whether the caller wants an event stream.
    pub fn stream(&self) -> bool {
        self.stream
    }

    /// Whether the caller has asked for the usage in the stream.
    pub fn include_usage(&self) -> bool {
        self.include_usage
    }

    /// Whether the caller has asked, by `temperature: 0` or a `seed`, for the same answer each time.
    pub fn deterministic(&self) -> bool {
        self.deterministic
    }

    /// Whether a message holds a picture.
    pub fn pictures(&self) -> bool {
        self.pictures
    }

    /// How many choices an answer has.
    pub fn choices(&self) -> usize {
        self.choices
    }

    /// Whether the caller leaves the answer's length open, so that the gateway adds its cap.
    pub fn lacks_cap(&self) -> bool {
        !matches!(self.cap, Cap::Given(_))
    }

    /// The most tokens that an answer may have by the caller's own word; none without one, or when it leaves it to the model.
    pub fn own_cap(&self) -> Option<u64> {
        match self.cap {
            Cap::Given(tokens) => tokens,
            Cap::Absent | Cap::Null(_) => None,
        }
    }

    /// The end user that the caller names.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Whether the caller lets the call be kept (`store` is not false).
    pub fn may_be_stored(&self) -> bool {
        self.not_stored.is_none()
    }

    /// About how many tokens the model reads: a third of the body's bytes, which is more than most texts have, and a picture's worth
    /// for each picture, whose bytes tell nothing. Cerebras, too, counts an estimate before a call and the truth after it.
    pub fn input_tokens(&self) -> u64 {
        let (pictures, bytes) = picture_bytes(self.root().get(self.endpoint.input_field()));
        let text = u64::try_from(self.document.text().len().saturating_sub(bytes)).unwrap_or(u64::MAX);
        (text / 3).saturating_add(pictures.saturating_mul(PICTURE_TOKENS))
    }

    /// The most tokens that all choices together can have; `cap` is what the gateway adds when the caller gives none, `most` the
    /// model's own limit.
    pub fn output_tokens(&self, cap: u32, most: Option<u32>) -> u64 {
        let limit = u64::from(most.unwrap_or(cap));
        let one = match self.cap {
            Cap::Given(Some(tokens)) => tokens.min(most.map_or(u64::MAX, u64::from)),
            Cap::Given(None) => limit,
            Cap::Absent | Cap::Null(_) => u64::from(cap),
        };
        one.saturating_mul(u64::try_from(self.choices).unwrap_or(u64::MAX))
    }

    /// The text of the body, which the spans of its values refer to.
    pub fn text(&self) -> &str {
        self.document.text()
    }

    /// The whole body as read.
    pub fn root(&self) -> Value<'_> {
        self.document.root()
    }

    /// The body with `extra_body`, which some SDKs send as a field instead of merging it, folded in. `None` when there is none.
    ///
    /// # Errors
    /// 400 when it is not an object. A key that it repeats is found when the folded body is read.
    pub fn folded(&self) -> Result<Option<Vec<u8>>, Error> {
        if !self.extra_body {
            return Ok(None);
        }
        let root = self.root();
        let Some(extra) = root.get("extra_body") else { return Ok(None) };
        optional(extra, Kind::Object, "extra_body")?;
        let kept = root.members().filter(|(key, _)| !key.is("extra_body"));
        let members: Vec<String> = kept.chain(extra.members()).map(|(key, value)| format!("{}:{}", key.raw(), value.raw())).collect();
        Ok(Some(format!("{{{}}}", members.join(",")).into_bytes()))
    }

    /// The body for Cerebras when it differs from the caller's: another model's name, the cap when the caller gave none, and no
    /// `"store": false`. Every other byte stays. `None` when nothing changes.
    pub fn rewritten(&self, model: &str, added_cap: Option<u32>) -> Option<Vec<u8>> {
        let text = self.document.text();
        let mut edits: Vec<(Range<usize>, String)> = Vec::with_capacity(3);
        if model != self.model {
            edits.push((self.model_span.clone(), serde_json::Value::from(model).to_string()));
        }
        if let Some(span) = &self.not_stored {
            edits.push((span.clone(), String::new()));
        }
        match (&self.cap, added_cap) {
            (Cap::Absent, Some(cap)) => {
                // The closing brace is the last byte of the object, and the object is not empty: it has a model.
                let end = self.document.root().span().end.saturating_sub(1);
                edits.push((end..end, format!(",\"{}\":{cap}", self.endpoint.cap_field())));
            }
            (Cap::Null(span), Some(cap)) => edits.push((span.clone(), cap.to_string())),
            _ => {}
        }
        if edits.is_empty() {
            return None;
        }
        Some(json::edited(text, edits))
    }
}

#[derive(Default)]
struct Fields<'d> {
    model: Option<Value<'d>>,
    input: Option<Value<'d>>,
    stream: Option<Value<'d>>,
    stream_options: Option<Value<'d>>,
    temperature: Option<Value<'d>>,
    seed: Option<Value<'d>>,
    n: Option<Value<'d>>,
    extra_body: bool,
    cap_given: Option<Option<u64>>,
    user: Option<String>,
    not_stored: Option<Range<usize>>,
    cap_null: Option<Range<usize>>,
}

/// The longest id of an end user, in bytes: usage is counted under it, and it stands in a path when it is erased.
const LONGEST_USER: usize = 256;

/// A generous estimate of what a picture is to a model that sees.
pub const PICTURE_TOKENS: u64 = 2000;

/// How many pictures messages hold, and in how many bytes of the body.
fn picture_bytes(input: Option<Value<'_>>) -> (u64, usize) {
    let parts = input.into_iter().flat_map(Value::elements).filter_map(|message| message.get("content")).flat_map(Value::elements);
    let pictures = parts.filter(|part| part.get("type").is_some_and(|kind| kind.is("image_url") || kind.is("image")));
    pictures.fold((0, 0), |(count, bytes), part| (count.saturating_add(1), bytes.saturating_add(part.raw().len())))
}

/// Where a member stands, with one comma beside it, so that what is left without it is JSON.
fn member_span(document: &Document<'_>, key: Value<'_>, value: Value<'_>) -> Range<usize> {
    let (text, start, end) = (document.text(), key.span().start, value.span().end);
    let after = text.get(end..).unwrap_or_default();
    let rest = after.trim_ascii_start();
    if rest.starts_with(',') {
        return start..end.saturating_add(after.len().saturating_sub(rest.len())).saturating_add(1);
    }
    let before = text.get(..start).unwrap_or_default().trim_ascii_end();
    before.strip_suffix(',').map_or(start, str::len)..end
}

/// `prompt` is one text, one list of tokens, or a list of either.
fn prompt_count(prompt: Value<'_>) -> usize {
    let several = prompt.elements().next().is_some_and(|first| first.kind() != Kind::Number);
    if several { prompt.elements().count() } else { 1 }
}
