//! Event streams as Cerebras writes them, read after they have ended: which events they hold, whether they are whole, and how to
//! end one that was cut so that every client notices.
//!
//! The grammar is the WHATWG HTML standard's (section 9.2.6): lines end with LF, CRLF or CR, a blank line ends an event, `data:`
//! lines add up, everything else is ignored here.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use super::json::{Document, Kind, Value};
use super::usage::Usage;

/// The data of the last event of a whole stream.
const DONE: &[u8] = b"[DONE]";

/// How many events at a stream's end are looked at for its finish reason and its usage.
const TAIL: usize = 16;

/// A byte order mark at a stream's start is no part of its first line.
fn without_mark(stream: &[u8]) -> &[u8] {
    stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream)
}

/// The data of each event of a stream, in order. What stands behind the last blank line is no event.
pub fn events(stream: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    events_within(without_mark(stream))
}

fn events_within(part: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let mut rest = part;
    std::iter::from_fn(move || {
        let mut data: Option<Cow<'_, [u8]>> = None;
        loop {
            let (line, after) = line(rest)?;
            rest = after;
            if line.is_empty() {
                if let Some(data) = data.take() {
                    return Some(data);
                }
            } else if let Some(value) = data_of(line) {
                match &mut data {
                    None => data = Some(Cow::Borrowed(value)),
                    Some(data) => {
                        let data = data.to_mut();
                        data.push(b'\n');
                        data.extend_from_slice(value);
                    }
                }
            }
        }
    })
}

/// A line and what follows its end; `None` when no line ends here.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
    let (line, rest) = bytes.split_at_checked(end)?;
    Some((line, rest.strip_prefix(b"\r\n").unwrap_or_else(|| rest.get(1..).unwrap_or_default())))
}

/// How many bytes the first event has, its blank line included; `None` when it has not ended. A blank line alone counts as one.
pub fn first_event(stream: &[u8]) -> Option<usize> {
    let mut rest = stream;
    loop {
        let (line, after) = line(rest)?;
        // Of CRLF, only the first half may have come.
        let begun = after.is_empty() && rest.last() == Some(&b'\r');
        if begun {
            return None;
        }
        rest = after;
        if line.is_empty() {
            return stream.len().checked_sub(rest.len());
        }
    }
}

fn data_of(line: &[u8]) -> Option<&[u8]> {
    match line.strip_prefix(b"data")? {
        b"" => Some(b""),
        rest => rest.strip_prefix(b":").map(|value| value.strip_prefix(b" ").unwrap_or(value)),
    }
}

/// Where the last event before `end` begins: behind the blank line before it.
fn event_start(stream: &[u8], end: usize) -> usize {
    let mut before = stream.get(..end).unwrap_or_default();
    loop {
        before = match before.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')) {
            Some(at) => before.get(..=at).unwrap_or_default(),
            None => return 0,
        };
        let line = before.strip_suffix(b"\r\n").or_else(|| before.split_last().map(|(_, line)| line)).unwrap_or_default();
        if matches!(line.last(), None | Some(b'\n' | b'\r')) {
            return before.len();
        }
        before = line;
    }
}

/// What the end of a stream tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// `[DONE]` came last, behind a finish reason for each of the choices.
    pub whole: bool,
    /// The stream's last event is an error that clients notice.
    pub told_error: bool,
    /// It is whole, but the blank line behind `[DONE]` is missing.
    pub unterminated: bool,
    /// `[DONE]` came, whatever it came behind.
    pub done: bool,
    /// What the stream says that it used.
    pub usage: Option<Usage>,
    /// The finish reasons that were read, of each choice the last, in the order of the choices.
    pub finish_reasons: Vec<String>,
}

/// Reads the end of a stream: a handful of events from behind, so that the cost does not grow with the stream.
pub fn ending(stream: &[u8], choices: usize) -> Ending {
    let stream = without_mark(stream);
    let mut end = event_start(stream, stream.len());
    let unfinished = stream.get(end..).unwrap_or_default();
    let unterminated = data_of(unfinished.trim_ascii_end()) == Some(DONE);
    if !unterminated && unfinished.iter().any(|byte| !byte.is_ascii_whitespace()) {
        return Ending::default();
    }
    let mut done = unterminated;
    let mut usage = None;
    // The choices that have come to their end, in the order of their indices: a longer number is the larger one.
    let mut finished: BTreeMap<(usize, String), String> = BTreeMap::new();
    // With several choices a short one may have finished long before the end.
    let limit = if choices > 1 { usize::MAX } else { TAIL };
    for _ in 0..limit {
        // The blank line that ends this event is not the one before it.
        let trimmed = stream.get(..end).unwrap_or_default().trim_ascii_end().len();
        if trimmed == 0 {
            break;
        }
        let start = event_start(stream, trimmed);
        let event = stream.get(start..end).unwrap_or_default();
        end = start;
        let Some(data) = events_within(event).next() else { continue };
        if data.starts_with(DONE) {
            done = true;
            continue;
        }
        let Ok(chunk) = Document::read(&data) else { break };
        let root = chunk.root();
        usage = usage.or_else(|| Usage::within(root));
        if is_error(root) {
            return Ending { told_error: !done, done, usage, ..Ending::default() };
        }
        if !done {
            break;
        }
        for choice in root.get("choices").into_iter().flat_map(Value::elements) {
            if let Some(reason) = choice.get("finish_reason").filter(|reason| reason.kind() == Kind::String) {
                let index = choice.get("index").map_or("0", Value::raw);
                // Read from behind, the first that is met is the last.
                finished.entry((index.len(), index.to_owned())).or_insert_with(|| reason.text().unwrap_or_default().into_owned());
            }
        }
        if finished.len() >= choices {
            return Ending {
                whole: true,
                unterminated,
                done,
                usage,
                finish_reasons: finished.into_values().collect(),
                ..Ending::default()
            };
        }
    }
    Ending { done, usage, finish_reasons: finished.into_values().collect(), ..Ending::default() }
}

/// About how many tokens an answer has spelled that does not tell, whole or as a stream, which may have broken off: a third of the bytes
/// of its texts and calls.
pub fn spelled_tokens(answer: &[u8]) -> u64 {
    let bytes = match Document::read(answer) {
        Ok(whole) => spelled_bytes(whole.root()),
        Err(_) => events(answer).filter_map(|data| Document::read(&data).ok().map(|chunk| spelled_bytes(chunk.root()))).sum(),
    };
    u64::try_from(bytes.div_ceil(3)).unwrap_or(u64::MAX)
}

fn spelled_bytes(root: Value<'_>) -> usize {
    let said = |choice: Value<'_>| -> usize {
        let said = choice.get("delta").or_else(|| choice.get("message")).unwrap_or(choice);
        let parts = ["content", "reasoning", "tool_calls", "text"].into_iter().filter_map(|name| said.get(name));
        parts.map(|part| part.raw().len()).sum()
    };
    root.get("choices").into_iter().flat_map(Value::elements).map(said).sum()
}

/// Whether an object is an error: it has an `error` that says something. What is empty says nothing: clients that test for truth
/// pass it over.
pub fn is_error(object: Value<'_>) -> bool {
    object.get("error").is_some_and(|error| match error.kind() {
        Kind::Null => false,
        Kind::Bool => error.boolean() == Some(true),
        Kind::Number => error.raw() != "0",
        Kind::String => error.raw() != "\"\"",
        Kind::Array => error.elements().next().is_some(),
        Kind::Object => error.members().next().is_some(),
    })
}

/// What must follow a stream that broke off, so that its last event is the given error whatever came before: `members` are the
/// error frame's members without braces.
///
/// A cut in the middle of an event leaves half a JSON object that the caller already has. A second event behind it would come too
/// late: clients fail on the half with an error of syntax, or skip it. So the half is completed instead, to a chunk that has the
/// error's members.
pub fn mend(stream: &[u8], members: &str) -> Vec<u8> {
    const FIELD: &[u8] = b"data:";
    let stream = without_mark(stream);
    let unfinished = stream.get(event_start(stream, stream.len())..).unwrap_or_default();
    let open_at = unfinished.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')).map_or(0, |at| at.saturating_add(1));
    let (ended, open) = unfinished.split_at_checked(open_at).unwrap_or_default();
    let mut out = Vec::new();
    let value = if !open.is_empty() && FIELD.starts_with(open) {
        // The field's name itself was cut.
        out.extend_from_slice(FIELD.get(open.len()..).unwrap_or_default());
        Some(&[][..])
    } else {
        data_of(open)
    };
    // The event's data so far: lines that have ended, and the one that has not.
    let mut data = Vec::new();
    if let Some(begun) = events_within(&[ended, b"\n\n"].concat()).next() {
        data.extend_from_slice(&begun);
        data.push(b'\n');
    }
    data.extend_from_slice(value.unwrap_or_default());
    let frame = format!("{{{members}}}").into_bytes();
    let rest = if data.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n')) { Some(frame.clone()) } else { complete(&data, members) };
    if rest.is_none() {
        // What has come is an event of its own.
        out.extend_from_slice(b"\n\n");
    }
    if rest.is_none() || value.is_none() {
        if rest.is_some() && !open.is_empty() {
            out.push(b'\n');
        }
        out.extend_from_slice(b"data: ");
    }
    out.extend_from_slice(&rest.unwrap_or(frame));
    out.extend_from_slice(b"\n\n");
    out
}

/// The bytes that complete a cut JSON object so that it also has `members`; `None` when it is not the beginning of an object, or
/// is whole already.
fn complete(cut: &[u8], members: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    // A character cut in its middle: any continuation makes it one.
    if let Err(error) = std::str::from_utf8(cut) {
        if error.error_len().is_some() {
            return None;
        }
        let begun = cut.get(error.valid_up_to()..)?;
        let (first, length) = (*begun.first()?, begun.len());
        let wanted = if first >= 0xf0 {
            4
        } else if first >= 0xe0 {
            3
        } else {
            2_usize
        };
        // The second byte has a narrower range behind these first bytes (Unicode, table 3-7).
        let second = match first {
            0xe0 => 0xa0,
            0xf0 => 0x90,
            _ => 0x80,
        };
        for place in length..wanted {
            out.push(if place == 1 { second } else { 0x80 });
        }
    }
    let state = Cut::read(cut)?;
    out.extend_from_slice(state.closing(members)?.as_bytes());
    // The proof that it is one. When an error frame was cut the members stand twice: readers take the last, which are these.
    let whole = String::from_utf8([cut, &out].concat()).ok()?;
    serde_json::from_str::<IgnoredAny>(&whole).is_ok().then_some(out)
}

/// Ends a key that was cut, so that it is not by chance the same as another, and stands for one that had not begun.
const CUT: &str = " cut";

/// Where in a JSON text a cut fell.
struct Cut {
    /// The closing brackets of what is open, outermost first.
    open: Vec<Level>,
    /// The text of the value or key that was cut, from its first byte.
    token: Vec<u8>,
    in_string: bool,
}

struct Level {
    closing: char,
    /// In an object: what has come since the last comma.
    pair: Pair,
    /// Whether anything has come since the opening bracket or the last comma.
    empty: bool,
    comma: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pair {
    Nothing,
    Key,
    Colon,
    Value,
}

impl Cut {
    /// Follows the text to its end. It need not be valid so far: the completed text is checked as a whole.
    fn read(cut: &[u8]) -> Option<Self> {
        let mut state = Self { open: Vec::new(), token: Vec::new(), in_string: false };
        let mut escaped = false;
        for &byte in cut.trim_ascii_start() {
            if state.in_string {
                state.token.push(byte);
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' => escaped = true,
                    b'"' => {
                        state.in_string = false;
                        state.token.clear();
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => {
                    state.began();
                    state.in_string = true;
                    state.token = vec![byte];
                }
                b'{' | b'[' => {
                    state.began();
                    let closing = if byte == b'{' { '}' } else { ']' };
                    state.open.push(Level { closing, pair: Pair::Nothing, empty: true, comma: false });
                }
                b'}' | b']' => {
                    state.token.clear();
                    state.open.pop()?;
                    // Behind the outermost bracket nothing is cut.
                    state.open.last()?;
                }
                b',' => {
                    state.token.clear();
                    let level = state.open.last_mut()?;
                    (level.pair, level.empty, level.comma) = (Pair::Nothing, true, true);
                }
                b':' => {
                    state.token.clear();
                    state.open.last_mut()?.pair = Pair::Colon;
                }
                b' ' | b'\t' | b'\n' | b'\r' => state.token.clear(),
                _ => {
                    if state.token.is_empty() {
                        state.began();
                    }
                    state.token.push(byte);
                }
            }
        }
        (state.open.first()?.closing == '}').then_some(state)
    }

    /// A key or a value begins.
    fn began(&mut self) {
        if let Some(level) = self.open.last_mut() {
            level.empty = false;
            level.pair = match level.pair {
                Pair::Nothing if level.closing == '}' => Pair::Key,
                _ => Pair::Value,
            };
        }
    }

    /// What closes everything that is open, and adds the members to the outermost object.
    fn closing(&self, members: &str) -> Option<String> {
        let mut out = String::new();
        if self.in_string {
            let key = self.open.last().is_some_and(|level| level.pair == Pair::Key);
            out.push_str(&string_rest(&self.token, if key { CUT } else { "" }));
        } else if !self.token.is_empty() {
            out.push_str(token_rest(&self.token)?);
        }
        for (depth, level) in self.open.iter().enumerate().rev() {
            match level.pair {
                Pair::Key => out.push_str(":null"),
                Pair::Colon => out.push_str("null"),
                Pair::Nothing if level.closing == ']' && level.comma && level.empty => out.push_str("null"),
                _ => {}
            }
            let awaits_member = level.closing == '}' && level.empty;
            if depth == 0 {
                if !awaits_member {
                    out.push(',');
                }
                out.push_str(members);
            } else if awaits_member && level.comma {
                out.push_str(&format!("\"{CUT}\":null"));
            }
            out.push(level.closing);
        }
        Some(out)
    }
}

/// What ends a string that was cut, perhaps within an escape or between the two halves of a surrogate pair; its text then ends with
/// `more`.
fn string_rest(token: &[u8], more: &str) -> String {
    let is_high = |digits: &str| u16::from_str_radix(digits, 16).is_ok_and(|unit| matches!(unit, 0xd800..=0xdbff));
    let mut rest = token;
    // Whether the first half of a pair came last.
    let mut half = false;
    let mut out = String::new();
    loop {
        match rest {
            [] => break,
            [b'\\'] => {
                out.push_str(if half { "udc00" } else { "n" });
                half = false;
                break;
            }
            [b'\\', b'u', tail @ ..] => {
                let (digits, after) = tail.split_at_checked(4).unwrap_or((tail, &[]));
                let missing = if half { "dc00" } else { "0000" }.get(digits.len()..).unwrap_or_default();
                out.push_str(missing);
                half = is_high(&[&String::from_utf8_lossy(digits), missing].concat());
                rest = after;
            }
            [b'\\', _, tail @ ..] | [_, tail @ ..] => {
                half = false;
                rest = tail;
            }
        }
    }
    if half {
        out.push_str("\\udc00");
    }
    out.push_str(more);
    out.push('"');
    out
}

/// What ends a number or a literal that was cut.
fn token_rest(token: &[u8]) -> Option<&'static str> {
    for literal in ["true", "false", "null"] {
        if literal.as_bytes().starts_with(token) {
            return literal.get(token.len()..);
        }
    }
    match token.last()? {
        b'0'..=b'9' => Some(""),
        _ => Some("0"),
    }
}
