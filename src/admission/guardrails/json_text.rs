//! A text that is JSON itself, such as the arguments of a tool call: its strings read without their escapes, as it comes.
//!
//! What an escape stands for is searched like any character, so that `\u0040` hides no `@`. Quotation marks and the escapes of what
//! cannot stand in a string by itself are kept as they were written, apart from the text: nothing matches across them, and nothing that
//! is taken out can tear them.

/// What comes out of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// A character of the text.
    Character(char),
    /// Something that stays as it was written.
    Fixed(String),
}

/// Reads JSON as it comes. It asks for no more than that strings end where they should: all other text passes.
#[derive(Debug, Default)]
pub struct Json {
    in_string: bool,
    /// An escape that has begun, as it was written; also the first half of a character in two escapes.
    escape: String,
    /// The first half of a character (UTF-16), when the escape holds it.
    half: Option<u32>,
}

impl Json {
    /// Takes a character.
    pub fn push(&mut self, character: char, out: &mut Vec<Piece>) {
        if !self.in_string {
            self.in_string = character == '"';
            // Behind a brace nothing goes on, so nothing need wait for more.
            let fixed = matches!(character, '"' | '}');
            out.push(if fixed { Piece::Fixed(character.to_string()) } else { Piece::Character(character) });
            return;
        }
        let begun = self.escape.rfind('\\').and_then(|at| self.escape.get(at..)).unwrap_or_default();
        let whole_half = self.half.is_some() && begun.len() == UNIT;
        if !begun.is_empty() && !whole_half {
            self.escape.push(character);
            return self.escaped(out);
        }
        if character == '\\' {
            self.escape.push(character);
            return;
        }
        self.give_up(out);
        match character {
            '"' => {
                self.in_string = false;
                out.push(Piece::Fixed(character.to_string()));
            }
            '\0'..='\u{1f}' => out.push(Piece::Fixed(character.to_string())),
            _ => out.push(Piece::Character(character)),
        }
    }

    /// The text has ended, whether its JSON has or not.
    pub fn finish(&mut self, out: &mut Vec<Piece>) {
        self.give_up(out);
        *self = Self::default();
    }

    /// What has begun is no escape of a character: it stays as it was written.
    fn give_up(&mut self, out: &mut Vec<Piece>) {
        self.half = None;
        if !self.escape.is_empty() {
            out.push(Piece::Fixed(std::mem::take(&mut self.escape)));
        }
    }

    /// Looks at an escape that has one more character.
    fn escaped(&mut self, out: &mut Vec<Piece>) {
        let at = self.escape.rfind('\\').unwrap_or_default();
        let begun = self.escape.get(at..).unwrap_or_default();
        let meant = match begun.as_bytes() {
            [_, b'u'] => return,
            [_, b'u', digits @ ..] if digits.len() < 4 => return,
            [_, b'u', digits @ ..] => {
                let unit = std::str::from_utf8(digits).ok().and_then(|digits| u32::from_str_radix(digits, 16).ok());
                match (unit, self.half) {
                    (Some(low @ 0xdc00..=0xdfff), Some(high)) => {
                        char::from_u32(0x1_0000_u32.saturating_add((high & 0x3ff) << 10 | low & 0x3ff))
                    }
                    (Some(high @ 0xd800..=0xdbff), _) => {
                        // Another first half before this one is a lone one.
                        let lone = self.escape.drain(..at).collect::<String>();
                        if !lone.is_empty() {
                            out.push(Piece::Fixed(lone));
                        }
                        self.half = Some(high);
                        return;
                    }
                    (Some(unit), Some(_)) => {
                        let lone = self.escape.drain(..at).collect::<String>();
                        out.push(Piece::Fixed(lone));
                        char::from_u32(unit)
                    }
                    (Some(unit), None) => char::from_u32(unit),
                    (None, _) => None,
                }
            }
            [_, b'n'] => Some('\n'),
            [_, b'r'] => Some('\r'),
            [_, b't'] => Some('\t'),
            [_, b'/'] => Some('/'),
            _ => None,
        };
        match meant.filter(|meant| !matches!(meant, '"' | '\\') && (*meant >= ' ' || matches!(meant, '\n' | '\r' | '\t'))) {
            Some(meant) => {
                self.half = None;
                self.escape.clear();
                out.push(Piece::Character(meant));
            }
            None => self.give_up(out),
        }
    }
}

/// The length of `\ud800`.
const UNIT: usize = 6;

/// A text as it stands within a JSON string.
pub fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned()
}
