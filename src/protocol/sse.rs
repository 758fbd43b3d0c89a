//! Event streams as Cerebras writes them, read after they have ended: which events they hold, whether they are whole, and how to
//! end one that was cut so that every client notices.
//!
//! The grammar is the WHATWG HTML standard's (section 9.2.6): lines end with LF, CRLF or CR, a blank line ends an event, `data:`
//! lines add up, everything else is ignored here.

use std::borrow::Cow;

use super::json::{Document, Kind, Value};

/// The data of the last event of a whole stream.
const DONE: &[u8] = b"[DONE]";

/// How many events at a stream's end are looked at for its finish reason and its usage.
const TAIL: usize = 16;

/// The data of each event of a stream, in order. What stands behind the last blank line is no event.
pub fn events(stream: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let mut rest = stream;
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

fn data_of(line: &[u8]) -> Option<&[u8]> {
    let value = line.strip_prefix(b"data:")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

/// Where the last event before `end` begins: behind the blank line before it.
fn event_start(stream: &[u8], end: usize) -> usize {
    let before = stream.get(..end).unwrap_or_default();
    // The two line ends that make a blank line; a carriage return alone is too rare to look for from behind.
    let lf = before.windows(2).rposition(|pair| pair == b"\n\n").map_or(0, |at| at.saturating_add(2));
    let crlf = if before.contains(&b'\r') { before.windows(4).rposition(|four| four == b"\r\n\r\n").map_or(0, |at| at.saturating_add(4)) } else { 0 };
    lf.max(crlf)
}

/// What the end of a stream tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// `[DONE]` came last, behind a finish reason for each of the choices.
    pub whole: bool,
    /// The stream's last event is an error that clients notice.
    pub told_error: bool,
}

/// Reads the end of a stream: a handful of events from behind, so that the cost does not grow with the stream.
pub fn ending(stream: &[u8], choices: usize) -> Ending {
    let mut end = event_start(stream, stream.len());
    let unfinished = stream.get(end..).unwrap_or_default();
    if unfinished.iter().any(|byte| !byte.is_ascii_whitespace()) {
        return Ending::default();
    }
    let mut done = false;
    let mut finished = 0_usize;
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
        let Some(data) = events(event).next() else { continue };
        if data.starts_with(DONE) {
            done = true;
            continue;
        }
        let Ok(chunk) = Document::read(&data) else { break };
        let root = chunk.root();
        if is_error(root) {
            return Ending { whole: false, told_error: !done };
        }
        if !done {
            break;
        }
        let finishes = |choice: &Value<'_>| choice.get("finish_reason").is_some_and(|reason| reason.kind() == Kind::String);
        let finishing = root.get("choices").map_or(0, |choices| choices.elements().filter(finishes).count());
        finished = finished.saturating_add(finishing);
        if finished >= choices {
            return Ending { whole: true, told_error: false };
        }
    }
    Ending::default()
}

/// Whether an object is an error: it has an `error` that says something.
pub fn is_error(object: Value<'_>) -> bool {
    object.get("error").is_some_and(|error| !error.is_null() && error.boolean() != Some(false))
}

/// What must follow a stream that broke off, so that its last event is the given error whatever came before: `members` are the
/// error frame's members without braces.
///
/// A cut in the middle of an event leaves half a JSON object that the caller already has. A second event behind it would come too
/// late: clients fail on the half with an error of syntax, or skip it. So the half is completed instead, to a chunk that has the
/// error's members.
pub fn mend(stream: &[u8], members: &str) -> Vec<u8> {
    let unfinished = stream.get(event_start(stream, stream.len())..).unwrap_or_default();
    let frame = format!("data: {{{members}}}\n\n");
    // Lines of the unfinished event that have ended already are whole; what counts is the line that has not.
    let open_line = unfinished.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut out = Vec::new();
    match data_of(open_line) {
        None if "data:".as_bytes().starts_with(open_line) && !open_line.is_empty() => {
            // The field's name itself was cut.
            out.extend_from_slice("data:".as_bytes().get(open_line.len()..).unwrap_or_default());
            out.extend_from_slice(format!(" {{{members}}}\n\n").as_bytes());
            return out;
        }
        None => {}
        Some(data) if data.trim_ascii().is_empty() => {
            out.extend_from_slice(format!("{{{members}}}\n\n").as_bytes());
            return out;
        }
        Some(data) => {
            if let Some(rest) = complete(data, members) {
                out.extend_from_slice(rest.as_slice());
                out.extend_from_slice(b"\n\n");
                return out;
            }
        }
    }
    if !unfinished.is_empty() {
        out.extend_from_slice(if open_line.is_empty() { b"\n" } else { b"\n\n" });
    }
    out.extend_from_slice(frame.as_bytes());
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
        let wanted = if first >= 0xf0 { 4 } else if first >= 0xe0 { 3 } else { 2_usize };
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
    // The proof that it is one: the whole reads as JSON, and has the error.
    let whole = [cut, &out].concat();
    let document = Document::read(&whole).ok()?;
    is_error(document.root()).then_some(out)
}

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
                b' ' | b'\t' => state.token.clear(),
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
            out.push_str(string_rest(&self.token)?);
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
                out.push_str("\"cut\":null");
            }
            out.push(level.closing);
        }
        Some(out)
    }
}

/// What ends a string that was cut, perhaps within an escape.
fn string_rest(token: &[u8]) -> Option<&'static str> {
    // The escape that the cut fell into begins at the last backslash that is not itself escaped.
    let mut escape = None;
    let mut at = 0_usize;
    while let Some(byte) = token.get(at) {
        let step = if *byte == b'\\' {
            let length = if token.get(at.saturating_add(1)) == Some(&b'u') { 6 } else { 2 };
            escape = Some((at, length));
            length
        } else {
            1
        };
        at = at.saturating_add(step);
    }
    let missing = escape.map_or(0, |(at, length): (usize, usize)| at.saturating_add(length).saturating_sub(token.len()));
    let last_is_backslash = token.last() == Some(&b'\\');
    match missing {
        0 => Some("\""),
        // A backslash alone: made an escaped quote's place, whichever escape it was going to be.
        1 if last_is_backslash => Some("n\""),
        1 => Some("0\""),
        2 => Some("00\""),
        3 => Some("000\""),
        4 => Some("0000\""),
        _ => None,
    }
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
