//! The one pass over a text that finds where each of its values stands.

use super::{Kind, MAX_DEPTH, Node, Offence, Reason, Value, push_index, push_key};

/// Objects with more keys than this are checked for duplicates by sorting instead of pair by pair.
const FEW_KEYS: usize = 12;

/// The list of a text's values, outermost first.
pub(super) fn scan(text: &str) -> Result<Vec<Node>, Offence> {
    let mut scanner = Scanner::new(text);
    match scanner.document() {
        Ok(()) => Ok(scanner.nodes),
        Err(reason) => Err(Offence { path: scanner.path(), offset: scanner.at, reason }),
    }
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
