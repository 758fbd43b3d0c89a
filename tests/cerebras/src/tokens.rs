//! A stand-in for the tokenizer: cuts text into pieces of about the size of real tokens and estimates the tokens of a prompt.

/// Tokens of the chat template around a conversation.
pub const TEMPLATE_TOKENS: usize = 68;
/// Tokens of the marks around one message.
pub const MESSAGE_TOKENS: usize = 4;
/// Tokens that one picture takes.
pub const IMAGE_TOKENS: usize = 256;

/// Bytes of prompt that make one token, on average.
pub const BYTES_PER_TOKEN: usize = 4;

/// The tokens of a prompt text of so many bytes.
pub fn of_bytes(bytes: usize) -> usize {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

/// The text in pieces: each holds the white space before a word and at most eight letters of it.
/// Joined, they are the text again.
pub fn pieces(text: &str) -> Pieces<'_> {
    Pieces { rest: text }
}

/// How many pieces a text has.
pub fn count(text: &str) -> usize {
    pieces(text).count()
}

/// The first `limit` pieces of a text, and whether that is less than all of it.
pub fn first(text: &str, limit: usize) -> (&str, bool) {
    let mut walk = pieces(text);
    for _ in 0..limit {
        if walk.next().is_none() {
            return (text, false);
        }
    }
    let kept = text.len() - walk.rest.len();
    (&text[..kept], !walk.rest.is_empty())
}

/// Iterator of [`pieces`].
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let end = piece_end(self.rest);
        let (piece, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(piece)
    }
}

fn piece_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let Some(&first) = bytes.get(at) else { return at };
    if first.is_ascii() {
        let letters = first.is_ascii_alphanumeric();
        let longest = if letters { 8 } else { 3 };
        at += bytes[at..]
            .iter()
            .take(longest)
            .take_while(|byte| byte.is_ascii() && !byte.is_ascii_whitespace() && byte.is_ascii_alphanumeric() == letters)
            .count();
        return at;
    }
    // Two characters at most, as real tokenizers do: clusters of emoji and accents may be split, characters never.
    at + text[at..].chars().take_while(|letter| !letter.is_ascii()).take(2).map(char::len_utf8).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_joined_are_the_text() {
        for text in ["", "  ", "Hello, wide world!", "👩‍👩‍👧 東京 e\u{301}", "{\"a\":[1,2]}\n\n", "extraordinarily"] {
            assert_eq!(pieces(text).collect::<String>(), text);
            assert!(pieces(text).all(|piece| !piece.is_empty()));
        }
        assert_eq!(pieces("Hello, world").collect::<Vec<_>>(), ["Hello", ",", " world"]);
    }

    #[test]
    fn first_keeps_whole_pieces() {
        assert_eq!(first("one two three", 2), ("one two", true));
        assert_eq!(first("one two three", 3), ("one two three", false));
        assert_eq!(first("one", 9), ("one", false));
        assert_eq!(first("one", 0), ("", true));
    }
}
