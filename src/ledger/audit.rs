//! The audit's chain: each entry holds the hash of the one before it, and the last hash is kept apart.
//!
//! The head vouches for the last entry, each entry for the one before it, and the first for the checkpoint: the number and hash of the
//! last entry that retention removed. So the chain is verified from its head downwards, and what does not fit is named by its number.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// The hash that the first entry of all follows.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// At most so many numbers are named, so that a verdict on a ruin has a bounded length.
const MOST_NAMED: usize = 1000;

/// Number and hash of an entry: of the last one (the head), or of the last that was removed (the checkpoint).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// Its number; 0 before the first entry.
    pub number: u64,
    /// Its hash, in hexadecimal digits.
    pub hash: String,
}

impl Default for Mark {
    fn default() -> Self {
        Self { number: 0, hash: GENESIS.to_owned() }
    }
}

/// An entry as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// 1 for the first; no number is left out.
    pub number: u64,
    /// When, in ms since 1970.
    pub at_ms: u64,
    /// What happened.
    pub what: String,
    /// Who did it: a key's id, `admin`, or empty.
    pub who: String,
    /// The end user's alias; empty when none was named.
    pub alias: String,
    /// The rest, as JSON.
    pub details: String,
    /// The hash of the entry before it.
    pub previous: String,
    /// Its own.
    pub hash: String,
}

impl Entry {
    /// The entry that follows another: gives it its number, the hash before it, and its own.
    pub fn behind(head: &Mark, entry: Self) -> Self {
        let mut entry = Self { number: head.number.saturating_add(1), previous: head.hash.clone(), ..entry };
        entry.hash = entry.digest();
        entry
    }

    /// The hash that the entry must have: SHA-256 over each part behind its length (8 bytes, the lowest first), so that no two entries
    /// are hashed from the same bytes.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let numbers = [self.number.to_string(), self.at_ms.to_string()];
        let parts = ["audit/1", &numbers[0], &numbers[1], &self.what, &self.who, &self.alias, &self.details, &self.previous];
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hexadecimal(&hash.finalize())
    }

    /// Its number and hash.
    pub fn mark(&self) -> Mark {
        Mark { number: self.number, hash: self.hash.clone() }
    }
}

/// Bytes as hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        text.extend([byte >> 4, byte & 15].into_iter().filter_map(|digit| char::from_digit(u32::from(digit), 16)));
        text
    })
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// Its number.
    pub number: u64,
    /// `changed`, `missing`, `added`, or `unlinked`: sound in itself, but the one behind it, which is broken, names another hash.
    pub why: &'static str,
}

/// Whether the chain is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether nothing was changed, removed or added.
    pub whole: bool,
    /// How many entries there are.
    pub entries: u64,
    /// The number of the first that there must be; 0 when there must be none.
    pub first: u64,
    /// The number of the last that there must be; 0 when there must be none.
    pub last: u64,
    /// The last one's hash.
    pub head: String,
    /// What is wrong, the last first; at most 1000 entries are named.
    pub broken: Vec<Broken>,
}

/// Verifies a chain whose entries come with the last first.
#[derive(Debug)]
pub struct Verifier {
    checkpoint: Mark,
    head: Mark,
    /// The number that must come next.
    expected: u64,
    /// The hash that it must have, and whether an entry says so that is sound itself; none beneath one that is missing.
    vouched: Option<(String, bool)>,
    entries: u64,
    whole: bool,
    broken: Vec<Broken>,
}

impl Verifier {
    /// Begins at the head.
    pub fn new(checkpoint: Mark, head: Mark) -> Self {
        let (expected, vouched) = (head.number, Some((head.hash.clone(), true)));
        Self { checkpoint, head, expected, vouched, entries: 0, whole: true, broken: Vec::new() }
    }

    fn name(&mut self, number: u64, why: &'static str) {
        self.whole = false;
        if self.broken.len() < MOST_NAMED {
            self.broken.push(Broken { number, why });
        }
    }

    fn miss_down_to(&mut self, number: u64) {
        while self.expected > number {
            if self.broken.len() >= MOST_NAMED {
                self.expected = number;
                break;
            }
            self.name(self.expected, "missing");
            self.vouched = None;
            self.expected = self.expected.saturating_sub(1);
        }
    }

    /// The next entry downwards.
    pub fn entry(&mut self, entry: &Entry) {
        self.entries = self.entries.saturating_add(1);
        if entry.number > self.expected || entry.number <= self.checkpoint.number {
            self.name(entry.number, "added");
            return;
        }
        self.miss_down_to(entry.number);
        let digest = entry.digest();
        let (agrees, surely) = self.vouched.as_ref().map_or((true, false), |(hash, surely)| (*hash == digest, *surely));
        let sound = digest == entry.hash && (agrees || !surely);
        // The first entry that is left vouches for the checkpoint.
        let joined = entry.number.saturating_sub(1) > self.checkpoint.number || entry.previous == self.checkpoint.hash;
        if !sound || !joined {
            self.name(entry.number, "changed");
        } else if !agrees {
            self.name(entry.number, "unlinked");
        }
        self.vouched = Some((entry.previous.clone(), sound && agrees));
        self.expected = entry.number.saturating_sub(1);
    }

    /// The verdict, when every entry has come.
    pub fn finish(mut self) -> Verdict {
        self.miss_down_to(self.checkpoint.number);
        // With no entry left to do it, head and checkpoint vouch for each other.
        if self.head.number == self.checkpoint.number && self.head.hash != self.checkpoint.hash || self.head.number < self.checkpoint.number
        {
            self.name(self.checkpoint.number, "changed");
        }
        let any = self.head.number > self.checkpoint.number;
        Verdict {
            whole: self.whole,
            entries: self.entries,
            first: if any { self.checkpoint.number.saturating_add(1) } else { 0 },
            last: if any { self.head.number } else { 0 },
            head: self.head.hash,
            broken: self.broken,
        }
    }
}
