//! A form with a file (`multipart/form-data`, RFC 7578), read as it comes, so that no more than a piece of the file is in memory.

/// What stands in a form, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A field begins.
    Field {
        /// Its name.
        name: String,
        /// The name of the file that it holds, if it holds one.
        filename: Option<String>,
    },
    /// Bytes of the field that has begun.
    Bytes(Vec<u8>),
    /// The field ends.
    End,
}

/// What cannot be read as a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// The most bytes of the headers of a field.
const LONGEST_HEAD: usize = 8192;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Preamble,
    Delimited,
    Head,
    Body,
    Done,
}

/// A form that is being read.
#[derive(Debug)]
pub struct Form {
    /// A line end, two hyphens and the boundary.
    delimiter: Vec<u8>,
    held: Vec<u8>,
    state: State,
}

impl Form {
    /// A form of a content type; none when it names no boundary that may be one (RFC 2046 section 5.1.1).
    pub fn of(content_type: &str) -> Option<Self> {
        let (kind, _) = content_type.split_once(';')?;
        let boundary = parameter(content_type, "boundary")?;
        (kind.trim().eq_ignore_ascii_case("multipart/form-data") && (1..=70).contains(&boundary.len())).then(|| Self {
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            // The first delimiter may stand at the very beginning.
            held: b"\r\n".to_vec(),
            state: State::Preamble,
        })
    }

    /// Takes a piece, and gives what it completes.
    ///
    /// # Errors
    /// What is no form.
    pub fn feed(&mut self, piece: &[u8]) -> Result<Vec<Event>, Malformed> {
        self.held.extend_from_slice(piece);
        let mut events = Vec::new();
        loop {
            match self.state {
                State::Preamble | State::Body => {
                    let found = find(&self.held, &self.delimiter);
                    // What could be the beginning of a delimiter is held back.
                    let upto = found.unwrap_or_else(|| self.held.len().saturating_sub(self.delimiter.len().saturating_sub(1)));
                    let rest = self.held.split_off(upto);
                    let bytes = std::mem::replace(&mut self.held, rest);
                    let in_body = self.state == State::Body;
                    if in_body && !bytes.is_empty() {
                        events.push(Event::Bytes(bytes));
                    }
                    if found.is_none() {
                        return Ok(events);
                    }
                    self.held.drain(..self.delimiter.len());
                    if in_body {
                        events.push(Event::End);
                    }
                    self.state = State::Delimited;
                }
                State::Delimited => match self.held.get(..2) {
                    None => return Ok(events),
                    Some(b"--") => self.state = State::Done,
                    Some(b"\r\n") => self.state = State::Head,
                    Some(_) => return Err(Malformed),
                },
                State::Head => {
                    // The line end behind the delimiter belongs to it, and a head without lines has only that before the empty line.
                    let Some(end) = find(&self.held, b"\r\n\r\n") else {
                        return if self.held.len() > LONGEST_HEAD { Err(Malformed) } else { Ok(events) };
                    };
                    let rest = self.held.split_off(end.saturating_add(4));
                    let head = std::mem::replace(&mut self.held, rest);
                    events.push(field(&head).ok_or(Malformed)?);
                    self.state = State::Body;
                }
                State::Done => {
                    self.held.clear();
                    return Ok(events);
                }
            }
        }
    }

    /// Whether the form has come to its end.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = wanted.first()?;
    let mut from = 0_usize;
    loop {
        let at = from.saturating_add(text.get(from..)?.iter().position(|byte| byte == first)?);
        if text.get(at..)?.starts_with(wanted) {
            return Some(at);
        }
        from = at.saturating_add(1);
    }
}

fn field(head: &[u8]) -> Option<Event> {
    let head = std::str::from_utf8(head).ok()?;
    let disposition = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    Some(Event::Field { name: parameter(disposition, "name")?, filename: parameter(disposition, "filename") })
}

/// The value of a parameter behind a `;`, in quotes or not. Browsers write a quote within as `%22`, others as `\"`.
fn parameter(text: &str, wanted: &str) -> Option<String> {
    let mut rest = text.split_once(';')?.1;
    loop {
        let (name, behind) = rest.split_once('=')?;
        let behind = behind.trim_start();
        let (value, behind) = match behind.strip_prefix('"') {
            Some(quoted) => {
                let mut value = String::new();
                let mut characters = quoted.char_indices();
                let end = loop {
                    match characters.next()? {
                        (at, '"') => break at,
                        (_, '\\') => value.push(characters.next()?.1),
                        (at, '%') if quoted.get(at..).is_some_and(|rest| rest.starts_with("%22")) => {
                            value.push('"');
                            characters.nth(1);
                        }
                        (_, character) => value.push(character),
                    }
                };
                (value, quoted.get(end..)?.split_once(';').map(|(_, behind)| behind))
            }
            None => {
                let (value, behind) = behind.split_once(';').map_or((behind, None), |(value, behind)| (value, Some(behind)));
                (value.trim().to_owned(), behind)
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = behind?;
    }
}
