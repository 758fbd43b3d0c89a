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

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

/// How many arrays and objects may stand inside of each other.
pub const MAX_DEPTH: usize = 64;

/// Objects with more keys than this are checked for duplicates by sorting instead of pair by pair.
const FEW_KEYS: usize = 12;

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
        let mut scanner = Scanner::new(text);
        match scanner.document() {
            Ok(()) => Ok(Self { text, nodes: scanner.nodes }),
            Err(reason) => Err(Offence { path: scanner.path(), offset: scanner.at, reason }),
        }
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

struct Scanner<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    nodes: Vec<Node>,
    /// The arrays and objects that are open, outermost first.
    open: Vec<Open>,
}

#[derive(Clone, Copy)]
struct Open {
    container: u32,
    /// In an object the node of the last key; in an array the number of values that are done.
    current: u32,
}

type Step<T = ()> = Result<T, Reason>;

impl<'t> Scanner<'t> {
    fn new(text: &'t str) -> Self {
        // A chat request has about one value in 24 bytes; one allocation then serves.
        let guess = text.len().checked_div(24).unwrap_or(0).saturating_add(16);
        Self { text, bytes: text.as_bytes(), at: 0, nodes: Vec::with_capacity(guess), open: Vec::with_capacity(8) }
    }

    fn document(&mut self) -> Step {
        // Offsets are 32 bits wide; the door refuses far smaller bodies than that.
        if u32::try_from(self.bytes.len()).is_err() {
            return Err(Reason::Expected("a shorter text"));
        }
        self.value()?;
        while let Some(&Open { container, .. }) = self.open.last() {
            self.skip_space();
            let object = self.nodes.get(container as usize).is_some_and(|node| node.kind == Kind::Object);
            match (self.peek(), object) {
                (Some(b','), true) => {
                    self.advance();
                    self.key()?;
                    self.value()?;
                }
                (Some(b','), false) => {
                    self.advance();
                    if let Some(open) = self.open.last_mut() {
                        open.current = open.current.saturating_add(1);
                    }
                    self.value()?;
                }
                (Some(b'}'), true) => self.close(container)?,
                (Some(b']'), false) => self.close(container)?,
                (_, true) => return Err(Reason::Expected("`,` or `}`")),
                (_, false) => return Err(Reason::Expected("`,` or `]`")),
            }
        }
        self.skip_space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(Reason::Expected("the end of the text")) }
    }

    /// Reads one value; an array or object is read only as far as it is certain that a value follows, and left open.
    fn value(&mut self) -> Step {
        loop {
            self.skip_space();
            match self.peek() {
                Some(b'"') => return self.string(),
                Some(b'{') => {
                    let container = self.enter(Kind::Object)?;
                    self.skip_space();
                    if self.peek() == Some(b'}') {
                        return self.close(container);
                    }
                    self.key()?;
                }
                Some(b'[') => {
                    let container = self.enter(Kind::Array)?;
                    self.skip_space();
                    if self.peek() == Some(b']') {
                        return self.close(container);
                    }
                }
                Some(b'-' | b'0'..=b'9') => return self.number(),
                Some(b't') => return self.literal("true", Kind::Bool),
                Some(b'f') => return self.literal("false", Kind::Bool),
                Some(b'n') => return self.literal("null", Kind::Null),
                _ => return Err(Reason::Expected("a value")),
            }
        }
    }

    fn key(&mut self) -> Step {
        // Until the next key is read, the path is the object's own.
        if let Some(open) = self.open.last_mut() {
            open.current = 0;
        }
        self.skip_space();
        if self.peek() != Some(b'"') {
            return Err(Reason::Expected("a key in double quotes"));
        }
        let key = self.count();
        self.string()?;
        if let Some(open) = self.open.last_mut() {
            open.current = key;
        }
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(Reason::Expected("`:`"));
        }
        self.advance();
        Ok(())
    }

    fn enter(&mut self, kind: Kind) -> Step<u32> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Reason::TooDeep);
        }
        let start = self.at;
        self.advance();
        let index = self.push(kind, false, start);
        self.open.push(Open { container: index, current: 0 });
        Ok(index)
    }

    fn close(&mut self, container: u32) -> Step {
        self.advance();
        let after = self.count();
        let end = self.here();
        let mut object = false;
        if let Some(node) = self.nodes.get_mut(container as usize) {
            node.end = end;
            node.after = after;
            object = node.kind == Kind::Object;
        }
        if object {
            self.refuse_duplicates(container)?;
        }
        self.open.pop();
        Ok(())
    }

    fn refuse_duplicates(&mut self, container: u32) -> Step {
        let object = self.view(container);
        let mut few = [0_u32; FEW_KEYS];
        let mut count = 0_usize;
        let mut repeated = None;
        for (key, _) in object.members() {
            if few.iter().take(count).any(|other| same_string(object.at(*other), key)) {
                repeated = Some(key.index);
                break;
            }
            if let Some(place) = few.get_mut(count) {
                *place = key.index;
            }
            count = count.saturating_add(1);
            if count > FEW_KEYS {
                repeated = repeated_among_many(object);
                break;
            }
        }
        match repeated {
            None => Ok(()),
            Some(key) => {
                self.at = self.nodes.get(key as usize).map_or(self.at, |node| node.start as usize);
                if let Some(open) = self.open.last_mut() {
                    open.current = key;
                }
                Err(Reason::DuplicateKey)
            }
        }
    }

    fn view(&self, index: u32) -> Value<'_> {
        Value { text: self.text, nodes: &self.nodes, index }
    }

    fn string(&mut self) -> Step {
        let start = self.at;
        let mut escaped = false;
        self.advance();
        loop {
            self.skip_plain();
            match self.peek() {
                Some(b'"') => break self.advance(),
                Some(b'\\') => {
                    escaped = true;
                    self.advance();
                    self.escape()?;
                }
                Some(0..=0x1f) => return Err(Reason::Expected("an escape in place of a control character")),
                Some(_) => self.advance(),
                None => return Err(Reason::Expected("the string's closing quote")),
            }
        }
        self.push(Kind::String, escaped, start);
        Ok(())
    }

    /// Goes over the part of a string that means itself, eight bytes at a time: nearly all of a request is such text.
    fn skip_plain(&mut self) {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const HIGHS: u64 = 0x8080_8080_8080_8080;
        // The highest bit of each byte that is zero (or, harmlessly, of one behind such a byte).
        let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
        while let Some(eight) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<8>) {
            let word = u64::from_le_bytes(*eight);
            let quotes = zeros(word ^ ONES.wrapping_mul(u64::from(b'"')));
            let escapes = zeros(word ^ ONES.wrapping_mul(u64::from(b'\\')));
            // A byte below 0x20 has its three highest bits clear.
            let controls = zeros(word & (ONES * 0xe0));
            let found = quotes | escapes | controls;
            if found != 0 {
                self.at = self.at.saturating_add((found.trailing_zeros() / 8) as usize);
                return;
            }
            self.at = self.at.saturating_add(8);
        }
    }

    fn escape(&mut self) -> Step {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.advance(),
            Some(b'u') => {
                self.advance();
                for _ in 0..4 {
                    if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(Reason::Expected("four hexadecimal digits"));
                    }
                    self.advance();
                }
            }
            _ => return Err(Reason::Expected("a known escape")),
        }
        Ok(())
    }

    fn number(&mut self) -> Step {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.advance();
        }
        if self.peek() == Some(b'0') {
            self.advance();
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.advance();
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.advance();
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.advance();
            }
            self.digits()?;
        }
        self.push(Kind::Number, false, start);
        Ok(())
    }

    fn digits(&mut self) -> Step {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(Reason::Expected("a digit"));
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.advance();
        }
        Ok(())
    }

    fn literal(&mut self, word: &'static str, kind: Kind) -> Step {
        let start = self.at;
        let end = start.saturating_add(word.len());
        if self.bytes.get(start..end) != Some(word.as_bytes()) {
            return Err(Reason::Expected("a value"));
        }
        self.at = end;
        self.push(kind, false, start);
        Ok(())
    }

    fn push(&mut self, kind: Kind, escaped: bool, start: usize) -> u32 {
        let index = self.count();
        let start = u32::try_from(start).unwrap_or(u32::MAX);
        self.nodes.push(Node { kind, escaped, start, end: self.here(), after: index.saturating_add(1) });
        index
    }

    fn count(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    fn here(&self) -> u32 {
        u32::try_from(self.at).unwrap_or(u32::MAX)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn advance(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.advance();
        }
    }

    /// The path of the value that is being read, from the containers that are open.
    fn path(&self) -> String {
        let mut path = String::new();
        for open in &self.open {
            if self.nodes.get(open.container as usize).is_some_and(|node| node.kind == Kind::Array) {
                push_index(&mut path, open.current as usize);
            } else if open.current > open.container {
                push_key(&mut path, &String::from_utf8_lossy(&self.view(open.current).bytes()));
            }
        }
        path
    }
}

/// The first key of an object that has stood in it before.
fn repeated_among_many(object: Value<'_>) -> Option<u32> {
    let mut keys: Vec<_> = object.members().map(|(key, _)| (key.bytes(), key.index)).collect();
    keys.sort_unstable();
    let pairs = keys.iter().zip(keys.iter().skip(1));
    pairs.filter(|(one, next)| one.0 == next.0).map(|(_, next)| next.1).min()
}

fn same_string(one: Value<'_>, other: Value<'_>) -> bool {
    if one.node().escaped || other.node().escaped { one.bytes() == other.bytes() } else { one.inside() == other.inside() }
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
