//! A stored answer: the upstream's bytes, in the form in which they came, behind a few bytes of what the cache must know.

use crate::protocol::usage::Usage;

/// In which form the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON object.
    Whole,
    /// An event stream, `[DONE]` included.
    Stream,
}

/// The first bytes of an entry; another layout gets another mark, and old entries then read as missing.
const MARK: [u8; 3] = *b"ME2";
const HEAD: usize = 24;

/// A stored answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'b> {
    /// The form of the bytes.
    pub form: Form,
    /// When it was stored, in ms since 1970.
    pub stored_ms: u64,
    /// How long it may be used, in seconds.
    pub ttl: u32,
    /// What making the answer used: what giving it again saves.
    pub usage: Usage,
    /// The upstream's bytes.
    pub body: &'b [u8],
}

impl<'b> Entry<'b> {
    /// The entry as KV holds it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.len().saturating_add(HEAD));
        out.extend_from_slice(&MARK);
        out.push(match self.form {
            Form::Whole => b'w',
            Form::Stream => b's',
        });
        out.extend_from_slice(&self.stored_ms.to_le_bytes());
        out.extend_from_slice(&self.ttl.to_le_bytes());
        for tokens in [self.usage.prompt_tokens, self.usage.completion_tokens] {
            out.extend_from_slice(&u32::try_from(tokens).unwrap_or(u32::MAX).to_le_bytes());
        }
        out.extend_from_slice(self.body);
        out
    }

    /// Reads what [`Self::encode`] has written; `None` for anything else.
    pub fn decode(bytes: &'b [u8]) -> Option<Self> {
        let (head, body) = bytes.split_at_checked(HEAD)?;
        let (mark, head) = head.split_first_chunk::<3>()?;
        let (form, head) = head.split_first()?;
        let (stored_ms, head) = head.split_first_chunk::<8>()?;
        let (ttl, head) = head.split_first_chunk::<4>()?;
        let (prompt, completion) = head.split_first_chunk::<4>()?;
        let tokens = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
        let usage = Usage { prompt_tokens: tokens(prompt), completion_tokens: tokens(completion.first_chunk::<4>()?) };
        let form = match form {
            b'w' => Form::Whole,
            b's' => Form::Stream,
            _ => return None,
        };
        let ttl = u32::from_le_bytes(*ttl);
        // Half an entry is none.
        let whole = match form {
            Form::Whole => body.starts_with(b"{") && body.trim_ascii_end().ends_with(b"}"),
            Form::Stream => body.trim_ascii_end().ends_with(b"[DONE]"),
        };
        (*mark == MARK && whole).then(|| Self { form, stored_ms: u64::from_le_bytes(*stored_ms), ttl, usage, body })
    }

    /// How old the entry is, in seconds.
    pub fn age(&self, now_ms: u64) -> u32 {
        u32::try_from(now_ms.saturating_sub(self.stored_ms) / 1000).unwrap_or(u32::MAX)
    }

    /// How long it may still be used, in seconds; `None` when its time is over, which KV may tell late.
    pub fn remaining(&self, now_ms: u64) -> Option<u32> {
        self.ttl.checked_sub(self.age(now_ms)).filter(|left| *left > 0)
    }
}
