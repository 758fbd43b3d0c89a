//! What an isolate remembers of keys and tenants, so that not every request asks KV.
//!
//! A revoked key has to fail everywhere within 60 seconds, and three things add up to that: how long an isolate remembers a record,
//! how long KV's cache in a location may answer with what it has read before, and how long a write takes to reach KV's own stores.

use std::collections::HashMap;
use std::hash::Hash;

/// How long an isolate remembers, in ms.
pub const REMEMBERED_MS: u64 = 20_000;
/// How old an answer of KV's cache may be, in seconds: the shortest that KV accepts.
pub const CACHED_SECONDS: u32 = 30;
/// How long an address that sent too many wrong keys is refused without a look-up, in ms: the period of the rate limit's binding.
pub const REFUSED_MS: u64 = 60_000;
/// How much is remembered; an isolate has 128 MB for everything.
const MOST: usize = 2048;

/// Values that are true for a while.
#[derive(Debug)]
pub struct Memory<K, V> {
    known: HashMap<K, (V, u64)>,
    lasting_ms: u64,
}

impl<K: Eq + Hash, V: Clone> Memory<K, V> {
    /// Remembers each value for so many ms.
    pub fn lasting(lasting_ms: u64) -> Self {
        Self { known: HashMap::new(), lasting_ms }
    }

    /// What is remembered.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q, now_ms: u64) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.known.get(key).filter(|(_, until_ms)| now_ms < *until_ms).map(|(value, _)| value.clone())
    }

    /// Remembers a value that was read at a time.
    pub fn put(&mut self, key: K, value: V, read_ms: u64) {
        if self.known.len() >= MOST {
            self.known.retain(|_, (_, until_ms)| read_ms < *until_ms);
            if self.known.len() >= MOST {
                self.known.clear();
            }
        }
        self.known.insert(key, (value, read_ms.saturating_add(self.lasting_ms)));
    }

    /// Forgets a value that has turned out to be wrong.
    pub fn forget<Q: Eq + Hash + ?Sized>(&mut self, key: &Q)
    where
        K: std::borrow::Borrow<Q>,
    {
        self.known.remove(key);
    }
}
