//! JSON Lines: a file cut into parts of whole lines, and a line as a call.

use super::{LONGEST_LINE, PART_BYTES, PART_LINES};
use crate::protocol::json::{Document, Kind, Value};

/// Whole lines, as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// The bytes, line ends included.
    pub bytes: Vec<u8>,
    /// How many lines, empty ones included.
    pub lines: u64,
}

/// Cuts bytes that come in pieces into parts.
#[derive(Debug, Default)]
pub struct Cutter {
    part: Part,
    /// Where the last line begins in the part.
    line: usize,
}

/// A line is longer than a line may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl Cutter {
    /// Takes a piece, and gives the parts that are full.
    ///
    /// # Errors
    /// A line that is too long.
    pub fn feed(&mut self, piece: &[u8]) -> Result<Vec<Part>, TooLong> {
        let mut full = Vec::new();
        for line in piece.split_inclusive(|byte| *byte == b'\n') {
            self.part.bytes.extend_from_slice(line);
            if self.part.bytes.len().saturating_sub(self.line) > LONGEST_LINE {
                return Err(TooLong);
            }
            if line.ends_with(b"\n") {
                self.part.lines = self.part.lines.saturating_add(1);
                self.line = self.part.bytes.len();
                if self.part.lines >= PART_LINES || self.part.bytes.len() >= PART_BYTES {
                    full.push(std::mem::take(&mut self.part));
                    self.line = 0;
                }
            }
        }
        Ok(full)
    }

    /// The part at the end, whose last line may have no line end.
    pub fn finish(mut self) -> Option<Part> {
        if self.part.bytes.len() > self.line {
            self.part.lines = self.part.lines.saturating_add(1);
        }
        Some(self.part).filter(|part| !part.bytes.is_empty())
    }
}

/// The lines of a part that say something, with their numbers in the file; `first` is that of the part's first.
pub fn numbered(part: &[u8], first: u64) -> impl Iterator<Item = (u64, &[u8])> {
    // Some editors put a mark of the byte order in front of a file.
    let says_nothing = |number: u64, line: &[u8]| line.is_empty() || (number == 1 && line == b"\xef\xbb\xbf");
    let lines = (first..).zip(part.split(|byte| *byte == b'\n')).map(|(number, line)| (number, line.trim_ascii()));
    lines.filter(move |(number, line)| !says_nothing(*number, line))
}

/// A line as a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What the caller calls it.
    pub custom_id: String,
    /// The same as it was written, in JSON.
    pub raw_id: String,
    /// The body, as it was written.
    pub body: Vec<u8>,
}

/// What is wrong with a line, in OpenAI's words. Holds nothing of the line itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// For programs.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// The field at fault.
    pub param: Option<&'static str>,
}

/// The longest `custom_id`, in bytes.
const LONGEST_ID: usize = 512;

/// Reads a line of a batch for an endpoint.
///
/// # Errors
/// What is wrong with it.
pub fn read(line: &[u8], endpoint: &str) -> Result<Line, Fault> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let unreadable = |message: &str| fault("invalid_json_line", None, message.to_owned());
    let document = Document::read(line).map_err(|_| unreadable("This line is not parseable as valid JSON."))?;
    let root = document.root();
    if root.kind() != Kind::Object {
        return Err(unreadable("This line is not a JSON object."));
    }
    let raw = field(root, "custom_id")?;
    let custom_id = raw.text().filter(|id| (1..=LONGEST_ID).contains(&id.len())).ok_or_else(|| {
        fault("invalid_custom_id", Some("custom_id"), format!("The custom_id must be a string of 1 to {LONGEST_ID} bytes."))
    })?;
    if !field(root, "method")?.is("POST") {
        return Err(fault("invalid_method", Some("method"), "The method must be POST.".to_owned()));
    }
    if !field(root, "url")?.is(endpoint) {
        let message = format!("The URL provided for this request does not match the batch endpoint, which is {endpoint}.");
        return Err(fault("mismatched_endpoint", Some("url"), message));
    }
    let body = field(root, "body")?;
    if body.kind() != Kind::Object {
        return Err(fault("invalid_body", Some("body"), "The body must be a JSON object.".to_owned()));
    }
    if body.get("stream").is_some_and(|stream| stream.boolean() == Some(true)) {
        return Err(fault("unsupported_parameter", Some("body.stream"), "A batch does not stream: leave stream out.".to_owned()));
    }
    for (key, _) in root.members() {
        if !["custom_id", "method", "url", "body"].iter().any(|known| key.is(known)) {
            let message = "The line has a field that is none of custom_id, method, url and body.".to_owned();
            return Err(fault("unknown_parameter", None, message));
        }
    }
    Ok(Line { custom_id: custom_id.into_owned(), raw_id: raw.raw().to_owned(), body: body.raw().as_bytes().to_vec() })
}

fn field<'d>(root: Value<'d>, name: &'static str) -> Result<Value<'d>, Fault> {
    root.get(name)
        .filter(|value| !value.is_null())
        .ok_or_else(|| fault("missing_required_parameter", Some(name), format!("Missing required parameter: '{name}'.")))
}

fn fault(code: &'static str, param: Option<&'static str>, message: String) -> Fault {
    Fault { code, message, param }
}
