//! What all connections share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cache::PromptCache;
use crate::limits::{Account, Ledger, Tier};
use crate::stats::Stats;

/// How the stand-in is to behave.
#[derive(Clone, Debug)]
pub struct Options {
    /// Rate limits.
    pub tier: Tier,
    /// The only key that is accepted; any that begins with `csk-` when absent.
    pub key: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { tier: Tier::Paid, key: None }
    }
}

/// The shared state.
#[derive(Debug)]
pub struct State {
    /// As started.
    pub options: Options,
    stats: Mutex<Stats>,
    ledger: Mutex<Ledger>,
    prompts: Mutex<PromptCache>,
    failures: Mutex<HashMap<u64, u32>>,
    responses: AtomicU64,
}

/// Nothing here is left half-changed by a panic, so a poisoned lock is still good.
fn open<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// A fresh state.
    pub fn new(options: Options) -> Self {
        Self {
            stats: Mutex::default(),
            ledger: Mutex::new(Ledger::new(options.tier)),
            prompts: Mutex::default(),
            failures: Mutex::default(),
            responses: AtomicU64::new(0),
            options,
        }
    }

    /// A number of its own for each response.
    pub fn next_call(&self) -> u64 {
        self.responses.fetch_add(1, Ordering::Relaxed)
    }

    /// The counters.
    pub fn stats(&self) -> MutexGuard<'_, Stats> {
        open(&self.stats)
    }

    /// The rate limits.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        open(&self.ledger)
    }

    /// The prompt cache.
    pub fn prompts(&self) -> MutexGuard<'_, PromptCache> {
        open(&self.prompts)
    }

    /// Whether this call is among the first `times` with this body.
    pub fn fails_yet(&self, body: u64, times: u32) -> bool {
        let mut failures = open(&self.failures);
        let count = failures.entry(body).or_insert(0);
        *count = count.saturating_add(1);
        *count <= times.max(1)
    }

    /// As new, but for calls that are still active.
    pub fn reset(&self) {
        self.stats().reset();
        self.ledger().reset();
        self.prompts().reset();
        open(&self.failures).clear();
    }
}

/// Seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// A completion in progress. When it is dropped without [`Call::finish`], its client has gone away.
#[derive(Debug)]
pub struct Call {
    state: Arc<State>,
    finished: bool,
    held: Option<(Account, usize)>,
}

impl Call {
    /// Counts a completion as begun.
    pub fn begin(state: &Arc<State>) -> Self {
        state.stats().begin();
        Self { state: Arc::clone(state), finished: false, held: None }
    }

    /// Tokens to give back when the call is over.
    pub fn hold(&mut self, account: Account, tokens: usize) {
        self.held = Some((account, tokens));
    }

    /// The answer is through.
    pub fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.state.stats().end(!self.finished);
        if let Some((account, tokens)) = self.held {
            self.state.ledger().give_back(account, tokens);
        }
    }
}
