//! Reading JSON where it lies.
//!
//! The gateway forwards a body byte for byte, changes at most two places in it, and hashes its meaning. For that it needs to know
//! *where* each value stands rather than a tree of copies, so this reader makes one flat list of spans over the caller's text. It
//! is as strict as RFC 8259 and stricter in two points that RFC 8259 (section 4) and RFC 7493 warn of: a key given twice in one
//! object is refused, because two readers may then disagree on what was asked, and so is nesting deeper than [`MAX_DEPTH`].
//!
//! ```
//! use maya_edge::protocol::json::Document;
//!
//! let document = Document::read(br#"{"model": "fast", "messages": []}"#).unwrap();
//! let model = document.root().get("model").unwrap();
//! assert_eq!(model.text().as_deref(), Some("fast"));
//! assert_eq!(model.span(), 10..16);
//! ```

mod scanner;
pub mod typed;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

/// How many arrays and objects may stand inside of each other.
pub const MAX_DEPTH: usize = 64;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number, of any size and precision.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    /// The kind as a person says it: "a string".
    pub fn named(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// Why a text was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The bytes are not UTF-8.
    NotUtf8,
    /// Not JSON; what stood in its place was expected.
    Expected(&'static str),
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// A key stands twice in one object.
    DuplicateKey,
}

/// Where and why reading stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offence {
    /// Why.
    pub reason: Reason,
    /// The path of the value that was being read, such as `messages[0].content`; empty at the root.
    pub path: String,
    /// Bytes from the start of the text.
    pub offset: usize,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    kind: Kind,
    /// A string that holds at least one escape.
    escaped: bool,
    start: u32,
    end: u32,
    /// The node that follows this one and all that stands inside of it.
    after: u32,
}

/// A text that is known to be JSON, and where each of its values stands.
#[derive(Debug)]
pub struct Document<'t> {
    text: &'t str,
    nodes: Vec<Node>,
}

/// One value of a [`Document`].
#[derive(Clone, Copy)]
pub struct Value<'d> {
    text: &'d str,
    nodes: &'d [Node],
    index: u32,
}

/// What stands for a node that is not there: never met, for indices come from the list itself.
const NOTHING: Node = Node { kind: Kind::Null, escaped: false, start: 0, end: 0, after: 0 };

impl<'t> Document<'t> {
    /// Reads a whole text.
    ///
    /// # Errors
    /// An [`Offence`] when the text is not JSON, repeats a key, or is nested too deep.
    pub fn read(bytes: &'t [u8]) -> Result<Self, Offence> {
        let text = std::str::from_utf8(bytes).map_err(|error| Offence {
            reason: Reason::NotUtf8,
            path: String::new(),
            offset: error.valid_up_to(),
        })?;
        Ok(Self { text, nodes: scanner::scan(text)? })
    }

    /// The outermost value.
    pub fn root(&self) -> Value<'_> {
        Value { text: self.text, nodes: &self.nodes, index: 0 }
    }

    /// The text that was read.
    pub fn text(&self) -> &'t str {
        self.text
    }
}

impl<'d> Value<'d> {
    fn node(self) -> Node {
        self.nodes.get(self.index as usize).copied().unwrap_or(NOTHING)
    }

    fn at(self, index: u32) -> Value<'d> {
        Value { index, ..self }
    }

    /// What the value is.
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// Where the value stands, in bytes; a string's span includes its quotes.
    pub fn span(self) -> Range<usize> {
        let node = self.node();
        node.start as usize..node.end as usize
    }

    /// The value as it was written.
    pub fn raw(self) -> &'d str {
        self.text.get(self.span()).unwrap_or_default()
    }

    /// Whether the value is `null`.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// `true` or `false`, when it is one of them.
    pub fn boolean(self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.raw() == "true")
    }

    /// A number's literal.
    pub fn number(self) -> Option<&'d str> {
        (self.kind() == Kind::Number).then(|| self.raw())
    }

    /// A string's text; `None` for other kinds and for a string with half a surrogate pair, which is no Unicode text.
    pub fn text(self) -> Option<Cow<'d, str>> {
        if self.kind() != Kind::String {
            return None;
        }
        match self.bytes() {
            // The span between the quotes is a part of a valid text.
            Cow::Borrowed(_) => Some(Cow::Borrowed(self.inside())),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        }
    }

    fn inside(self) -> &'d str {
        let span = self.span();
        self.text.get(span.start.saturating_add(1)..span.end.saturating_sub(1)).unwrap_or_default()
    }

    /// A string's content with its escapes resolved, in UTF-8. A lone surrogate, which UTF-8 cannot say, becomes the three bytes
    /// that it would have there (WTF-8), so that different strings keep different bytes. Empty for other kinds.
    pub fn bytes(self) -> Cow<'d, [u8]> {
        match self.kind() {
            Kind::String if self.node().escaped => Cow::Owned(unescape(self.inside().as_bytes())),
            Kind::String => Cow::Borrowed(self.inside().as_bytes()),
            _ => Cow::Borrowed(&[]),
        }
    }

    /// An array's values, in order; nothing for other kinds.
    pub fn elements(self) -> impl Iterator<Item = Value<'d>> {
        let (mut next, end) = self.inner(Kind::Array);
        std::iter::from_fn(move || {
            (next < end).then(|| {
                let value = self.at(next);
                next = value.node().after;
                value
            })
        })
    }

    /// An object's keys and values, in the order written; nothing for other kinds.
    pub fn members(self) -> impl Iterator<Item = (Value<'d>, Value<'d>)> {
        let (mut next, end) = self.inner(Kind::Object);
        std::iter::from_fn(move || {
            (next < end).then(|| {
                // A key is one node; its value follows.
                let (key, value) = (self.at(next), self.at(next.saturating_add(1)));
                next = value.node().after;
                (key, value)
            })
        })
    }

    /// Where the nodes inside of an array or object begin and end; nowhere for other kinds.
    fn inner(self, kind: Kind) -> (u32, u32) {
        let node = self.node();
        (self.index.saturating_add(1), if node.kind == kind { node.after } else { 0 })
    }

    /// The value under a key of an object.
    pub fn get(self, name: &str) -> Option<Value<'d>> {
        self.members().find(|(key, _)| key.is(name)).map(|(_, value)| value)
    }

    /// Whether the value is the string `text`.
    pub fn is(self, text: &str) -> bool {
        let node = self.node();
        node.kind == Kind::String && if node.escaped { *self.bytes() == *text.as_bytes() } else { self.inside() == text }
    }
}

/// A text with some of its spans, which do not overlap, replaced. Every other byte stays.
pub fn edited(text: &str, mut edits: Vec<(Range<usize>, String)>) -> Vec<u8> {
    edits.sort_unstable_by_key(|(span, _)| span.start);
    let mut out = Vec::with_capacity(text.len().saturating_add(64));
    let mut at = 0;
    for (span, replacement) in edits {
        out.extend_from_slice(text.get(at..span.start).unwrap_or_default().as_bytes());
        out.extend_from_slice(replacement.as_bytes());
        at = span.end;
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default().as_bytes());
    out
}

/// Extends a path by a key: `.key`, or `["a key"]` when it is no plain name.
pub fn push_key(path: &mut String, key: &str) {
    let plain = !key.is_empty() && key.len() <= 64 && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if plain {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
    } else {
        let shown: String = key.chars().take(64).collect();
        let _ = write!(path, "[{shown:?}]");
    }
}

/// Extends a path by a place in an array: `[3]`.
pub fn push_index(path: &mut String, index: usize) {
    let _ = write!(path, "[{index}]");
}

/// Resolves the escapes of a string that is known to be well-formed.
fn unescape(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some((&kind, tail)) = rest.split_first() else { break };
        rest = tail;
        match kind {
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let (unit, tail) = code_unit(rest);
                rest = tail;
                let mut point = u32::from(unit);
                if let (0xd800..=0xdbff, Some(low)) = (unit, rest.strip_prefix(b"\\u")) {
                    let (low, tail) = code_unit(low);
                    if (0xdc00..=0xdfff).contains(&low) {
                        rest = tail;
                        let high = u32::from(unit & 0x3ff) << 10;
                        point = 0x1_0000_u32.saturating_add(high | u32::from(low & 0x3ff));
                    }
                }
                push_point(&mut out, point);
            }
            other => out.push(other),
        }
    }
    out
}

fn code_unit(bytes: &[u8]) -> (u16, &[u8]) {
    let (digits, rest) = bytes.split_at_checked(4).unwrap_or((bytes, &[]));
    let unit = std::str::from_utf8(digits).ok().and_then(|digits| u16::from_str_radix(digits, 16).ok());
    (unit.unwrap_or_default(), rest)
}

fn push_point(out: &mut Vec<u8>, point: u32) {
    match char::from_u32(point) {
        Some(character) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        // A lone surrogate: three bytes as UTF-8 would have them (WTF-8).
        None => out.extend([
            0xe0 | u8::try_from(point >> 12 & 0x0f).unwrap_or_default(),
            0x80 | u8::try_from(point >> 6 & 0x3f).unwrap_or_default(),
            0x80 | u8::try_from(point & 0x3f).unwrap_or_default(),
        ]),
    }
}
