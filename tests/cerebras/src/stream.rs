//! Answers as streams: unnamed events, several tokens each, usage in the last chunk with choices, then `[DONE]`.

use std::io::Write;

use bytes::Bytes;

use crate::answer::{Choice, Reply};
use crate::faults::Faults;
use crate::render;
use crate::request::Endpoint;
use crate::seed::{Dice, join};
use crate::tokens;

/// The end of a stream.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// All events of an answer, `[DONE]` included.
pub fn events(reply: &Reply, faults: &Faults) -> Vec<Bytes> {
    let mut paper = Paper { reply, out: Vec::with_capacity(16 * 1024), ends: Vec::new() };
    let last = reply.choices.len() - 1;
    for (number, choice) in reply.choices.iter().enumerate() {
        match reply.endpoint {
            Endpoint::Chat => paper.chat(number, choice, faults),
            Endpoint::Text => paper.text(number, choice, faults),
        }
        let with_usage = number == last && !faults.usage_chunk;
        paper.end_of_choice(number, choice, with_usage);
    }
    if faults.usage_chunk {
        paper.usage_alone();
    }
    paper.out.extend_from_slice(DONE);
    paper.ends.push(paper.out.len());
    paper.cut()
}

/// All events are written into one piece of memory, and are then slices of it.
struct Paper<'a> {
    reply: &'a Reply,
    out: Vec<u8>,
    ends: Vec<usize>,
}

impl Paper<'_> {
    fn cut(self) -> Vec<Bytes> {
        let all = Bytes::from(self.out);
        let mut start = 0;
        self.ends
            .iter()
            .map(|end| {
                let event = all.slice(start..*end);
                start = *end;
                event
            })
            .collect()
    }

    /// `data: {"id":…,"choices":[` and, after what `inside` writes, the rest.
    fn event(&mut self, inside: impl FnOnce(&mut Vec<u8>), with_usage: bool) {
        let _ = write!(self.out, "data: {{\"id\":\"{}\",\"choices\":[", self.reply.id);
        inside(&mut self.out);
        self.out.push(b']');
        let object = if self.reply.endpoint == Endpoint::Chat { "chat.completion.chunk" } else { "text_completion" };
        render::tail(&mut self.out, self.reply, object);
        if with_usage {
            self.out.push(b',');
            render::usage(&mut self.out, self.reply);
        }
        self.out.extend_from_slice(b"}\n\n");
        self.ends.push(self.out.len());
    }

    fn delta(&mut self, number: usize, name: &str, text: &str, logprobs: Option<usize>) {
        let seed = self.reply.seed;
        self.event(
            |out| {
                let _ = write!(out, "{{\"delta\":{{\"{name}\":");
                render::quote(out, text);
                out.push(b'}');
                if let Some(top) = logprobs {
                    out.extend_from_slice(b",\"logprobs\":");
                    render::chat_logprobs(out, text, top, seed);
                }
                let _ = write!(out, ",\"index\":{number}}}");
            },
            false,
        );
    }

    fn chat(&mut self, number: usize, choice: &Choice, faults: &Faults) {
        self.delta(number, "role", "assistant", None);
        let mut dice = Dice::new(join(self.reply.seed, number as u64 ^ 0xc4a7));
        if let Some(reasoning) = &choice.reasoning {
            for part in parts(reasoning, None, &mut dice) {
                self.delta(number, "reasoning", part, None);
            }
        }
        if let Some(refusal) = &choice.refusal {
            self.delta(number, "refusal", refusal, None);
        }
        if !choice.calls.is_empty() {
            self.event(
                |out| {
                    out.extend_from_slice(b"{\"delta\":{\"tool_calls\":");
                    render::calls(out, &choice.calls, true);
                    let _ = write!(out, "}},\"index\":{number}}}");
                },
                false,
            );
        }
        if let Some(content) = &choice.content {
            for part in parts(content, faults.chunks, &mut dice) {
                self.delta(number, "content", part, self.reply.logprobs);
            }
        }
    }

    fn text(&mut self, number: usize, choice: &Choice, faults: &Faults) {
        let mut dice = Dice::new(join(self.reply.seed, number as u64 ^ 0x7e47));
        let mut offset = 0;
        let (logprobs, seed) = (self.reply.logprobs, self.reply.seed);
        for part in parts(choice.content.as_deref().unwrap_or(""), faults.chunks, &mut dice) {
            self.event(
                |out| {
                    let _ = write!(out, "{{\"index\":{number},\"text\":");
                    render::quote(out, part);
                    if let Some(top) = logprobs {
                        out.extend_from_slice(b",\"logprobs\":");
                        render::text_logprobs(out, part, offset, top, seed);
                    }
                    out.push(b'}');
                },
                false,
            );
            offset += part.chars().count();
        }
    }

    fn end_of_choice(&mut self, number: usize, choice: &Choice, with_usage: bool) {
        let chat = self.reply.endpoint == Endpoint::Chat;
        self.event(
            |out| {
                out.extend_from_slice(if chat { b"{\"delta\":{}," } else { b"{\"text\":\"\"," });
                render::finish(out, choice.finish.as_deref());
                let _ = write!(out, "\"index\":{number}}}");
            },
            with_usage,
        );
    }

    fn usage_alone(&mut self) {
        self.event(|_| {}, true);
    }
}

/// A text in chunks: of a few tokens each, or in exactly so many chunks. An empty text is one empty chunk.
fn parts<'t>(text: &'t str, exactly: Option<usize>, dice: &mut Dice) -> Vec<&'t str> {
    let Some(chunks) = exactly.filter(|chunks| *chunks > 0) else {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (part, _) = tokens::first(rest, dice.between(2, 6));
            parts.push(part);
            rest = &rest[part.len()..];
        }
        return if parts.is_empty() { vec![text] } else { parts };
    };
    // Where chunks may begin: at tokens, or at letters if there are too few tokens.
    let mut starts: Vec<usize> = Vec::new();
    let mut at = 0;
    for piece in tokens::pieces(text) {
        starts.push(at);
        at += piece.len();
    }
    if starts.len() < chunks {
        starts = text.char_indices().map(|(at, _)| at).collect();
    }
    let start_of = |chunk: usize| starts.get(chunk * starts.len() / chunks).copied().unwrap_or(text.len());
    // Chunks without a letter are at the end, and empty.
    if starts.len() < chunks {
        let start_of = |chunk: usize| starts.get(chunk).copied().unwrap_or(text.len());
        return (0..chunks).map(|chunk| &text[start_of(chunk)..start_of(chunk + 1)]).collect();
    }
    (0..chunks).map(|chunk| &text[start_of(chunk)..if chunk + 1 == chunks { text.len() } else { start_of(chunk + 1) }]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_joined_are_the_text() {
        let text = "One two three, four five six seven eight nine ten. 👩‍👩‍👧 東京";
        for seed in 0..30 {
            let parts = parts(text, None, &mut Dice::new(seed));
            assert_eq!(parts.concat(), text);
            assert!(parts.len() > 2);
        }
        for chunks in 1..100 {
            let parts = parts(text, Some(chunks), &mut Dice::new(1));
            assert_eq!((parts.len(), parts.concat().as_str()), (chunks, text));
        }
        assert_eq!(parts("", None, &mut Dice::new(1)), [""]);
        assert_eq!(parts("", Some(2), &mut Dice::new(1)), ["", ""]);
    }
}
