//! The prompt cache: which beginnings of prompts an organisation has sent before, in blocks of 128 tokens.

use std::collections::HashMap;

use crate::seed;
use crate::tokens::BYTES_PER_TOKEN;

/// Tokens of one block.
pub const BLOCK_TOKENS: usize = 128;
const BLOCK_BYTES: usize = BLOCK_TOKENS * BYTES_PER_TOKEN;
/// Seconds that an unused block stays.
const KEPT: f64 = 300.0;
/// A stand-in that runs for days must not grow without end.
const MOST_BLOCKS: usize = 1 << 18;

/// The blocks that were seen, with the time of last use.
#[derive(Debug, Default)]
pub struct PromptCache {
    blocks: HashMap<u64, f64>,
}

/// Digests of a prompt's whole blocks, each including all blocks before it.
#[derive(Debug)]
pub struct PromptBlocks {
    chain: u64,
    open: Vec<u8>,
    done: Vec<u64>,
}

impl PromptBlocks {
    /// Starts with who asks, and which model: other owners never share a block.
    pub fn new(owner: u64) -> Self {
        Self { chain: owner, open: Vec::with_capacity(BLOCK_BYTES), done: Vec::new() }
    }

    /// Adds the next part of the prompt.
    pub fn add(&mut self, mut part: &[u8]) {
        while self.open.len() + part.len() >= BLOCK_BYTES {
            let (now, later) = part.split_at(BLOCK_BYTES - self.open.len());
            self.open.extend_from_slice(now);
            self.chain = seed::join(self.chain, seed::digest(&self.open));
            self.done.push(self.chain);
            self.open.clear();
            part = later;
        }
        self.open.extend_from_slice(part);
    }
}

impl PromptCache {
    /// How many tokens at the beginning of the prompt are cached; from now on all its blocks are.
    pub fn look_up(&mut self, prompt: &PromptBlocks, now: f64) -> usize {
        if self.blocks.len() + prompt.done.len() > MOST_BLOCKS {
            self.blocks.retain(|_, used| now - *used < KEPT);
            if self.blocks.len() + prompt.done.len() > MOST_BLOCKS {
                self.blocks.clear();
            }
        }
        let fresh = |used: Option<&f64>| used.is_some_and(|used| now - used < KEPT);
        let hits = prompt.done.iter().take_while(|block| fresh(self.blocks.get(block))).count();
        for block in &prompt.done {
            self.blocks.insert(*block, now);
        }
        hits * BLOCK_TOKENS
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.blocks.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(owner: u64, text: &str) -> PromptBlocks {
        let mut blocks = PromptBlocks::new(owner);
        // The parts' borders don't matter.
        let (a, b) = text.as_bytes().split_at(text.len() / 3);
        blocks.add(a);
        blocks.add(b);
        blocks
    }

    #[test]
    fn hits_come_in_whole_blocks_from_the_beginning() {
        let mut cache = PromptCache::default();
        let text = "word ".repeat(400);
        assert_eq!(cache.look_up(&prompt(1, &text), 0.0), 0);
        assert_eq!(cache.look_up(&prompt(1, &text), 1.0), 3 * 128);
        assert_eq!(cache.look_up(&prompt(1, &format!("{text}{text}")), 2.0), 3 * 128);
        assert_eq!(cache.look_up(&prompt(1, &format!("x{text}")), 3.0), 0);
        assert_eq!(cache.look_up(&prompt(2, &text), 4.0), 0);
    }

    #[test]
    fn short_prompts_are_never_cached() {
        let mut cache = PromptCache::default();
        assert_eq!(cache.look_up(&prompt(1, "hello"), 0.0), 0);
        assert_eq!(cache.look_up(&prompt(1, "hello"), 0.0), 0);
    }

    #[test]
    fn blocks_are_forgotten_after_five_minutes() {
        let mut cache = PromptCache::default();
        let text = "word ".repeat(200);
        cache.look_up(&prompt(1, &text), 0.0);
        assert_eq!(cache.look_up(&prompt(1, &text), 299.0), 128);
        assert_eq!(cache.look_up(&prompt(1, &text), 600.0), 0);
    }
}
