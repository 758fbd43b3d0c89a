//! What a call used, as Cerebras tells it.

use serde::{Deserialize, Serialize};

use super::json::Value;

/// Tokens of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Of the prompt, cached ones and pictures included.
    pub prompt_tokens: u64,
    /// Of the answer, reasoning and rejected prediction tokens included.
    pub completion_tokens: u64,
}

impl Usage {
    /// From an answer, or from the chunk of a stream that has a finish reason; none when it tells none.
    pub fn within(root: Value<'_>) -> Option<Self> {
        let usage = root.get("usage")?;
        let count = |name: &str| usage.get(name).and_then(|count| count.raw().parse::<u64>().ok());
        Some(Self { prompt_tokens: count("prompt_tokens")?, completion_tokens: count("completion_tokens")? })
    }

    /// Both together.
    pub fn total(self) -> u64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }
}
