//! What isolates tell each other of the models, by way of the gateway's own ledger, which keeps it in memory alone.
//!
//! Phases and quotas carry their time, and of two the later holds: whatever comes twice, late or in another order, all end with the
//! same. Calls are added up, so that many isolates with a few failures each see a model that fails; each is told once at the most: a
//! message that is lost takes its counts with it.

use serde::{Deserialize, Serialize};

use super::breaker::{Blame, Counts, Phase};
use super::quota::{Bucket, Quota, Refusal};
use super::{Health, Settings, Watch, Watches};

/// Until an isolate tells urgent news again, in ms: under a storm of refusals each has some.
const URGENT_MS: u64 = 1_000;
/// The most models that the ledger holds before it lets all go.
const MOST_MODELS: usize = 256;
/// A share in whole numbers: as many parts.
const PARTS: f64 = 1_000_000.0;

/// What is told of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tidings {
    /// Its id.
    pub model: String,
    /// Calls since the last time.
    pub counts: Counts,
    /// To whom the bad ones of them fall.
    pub blame: Blame,
    /// Its breaker's phase.
    pub phase: Phase,
    /// Its quota's buckets, all six or none.
    pub buckets: Vec<Bucket>,
    /// Its quota's last refusal, or none.
    pub refusals: Vec<Refusal>,
}

impl Tidings {
    fn of(model: &str, counts: Counts, blame: Blame, watch: &Watch) -> Self {
        let Quota { buckets, refusal } = &watch.quota;
        let phase = watch.breaker.phase();
        Self { model: model.to_owned(), counts, blame, phase, buckets: buckets.to_vec(), refusals: refusal.iter().copied().collect() }
    }

    fn quota(&self) -> Quota {
        Quota { buckets: self.buckets.as_slice().try_into().unwrap_or_default(), refusal: self.refusals.first().copied() }
    }
}

/// By what the ledger judges: it has no configuration of its own. `window_ms`, `least_calls`, `failure_rate` in millionths, `slow_ms`,
/// `open_ms` and `longest_open_ms`.
pub type Rule = [u32; 6];

impl From<&Settings> for Rule {
    fn from(settings: &Settings) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to a million")]
        let rate = (settings.failure_rate * PARTS) as u32;
        let Settings { window_ms, least_calls, slow_ms, open_ms, longest_open_ms, .. } = *settings;
        [window_ms, least_calls, rate, slow_ms, open_ms, longest_open_ms]
    }
}

impl From<Rule> for Settings {
    fn from([window_ms, least_calls, rate, slow_ms, open_ms, longest_open_ms]: Rule) -> Self {
        let failure_rate = f64::from(rate) / PARTS;
        Self { window_ms, least_calls, failure_rate, slow_ms, open_ms, longest_open_ms, ..Self::default() }
    }
}

/// What the ledger has gathered.
#[derive(Debug, Default)]
pub struct Gathered(Watches);

impl Gathered {
    /// Hears what an isolate tells, at a time in ms since 1970, and tells what all have seen of every model.
    pub fn exchange(&mut self, tidings: &[Tidings], rule: Rule, now_ms: u64) -> Vec<Tidings> {
        let settings = Settings::from(rule);
        let Watches(models) = &mut self.0;
        if models.len() > MOST_MODELS {
            models.clear();
        }
        for told in tidings {
            self.0.add(&told.model);
            let Some(watch) = self.0.get_mut(&told.model) else { continue };
            watch.breaker.adopt(told.phase, 0.0, &settings);
            watch.breaker.count(told.counts, told.blame, now_ms, 0.0, &settings);
            watch.quota.merge(&told.quota());
        }
        let Watches(models) = &self.0;
        models.iter().map(|(model, watch)| Tidings::of(model, Counts::default(), Blame::default(), watch)).collect()
    }
}

impl Health {
    /// What is to be told at a time, in ms since 1970; none when it is not yet time, or nothing has happened.
    pub fn tell(&self, settings: &Settings, now_ms: u64) -> Option<Vec<Tidings>> {
        let passed_ms = now_ms.saturating_sub(self.told_ms.get());
        let wait_ms = if self.urgent.get() { URGENT_MS.min(u64::from(settings.share_ms)) } else { u64::from(settings.share_ms) };
        if !self.untold.get() || passed_ms < wait_ms {
            return None;
        }
        Some(self.tell_all(now_ms))
    }

    /// All that there is to tell. It counts as told.
    pub fn tell_all(&self, now_ms: u64) -> Vec<Tidings> {
        self.told_ms.set(now_ms);
        self.untold.set(false);
        self.urgent.set(false);
        let Watches(models) = &mut *self.models.borrow_mut();
        let tell = |(model, watch): &mut (String, Watch)| {
            let counts = std::mem::take(&mut watch.untold);
            let blame = std::mem::take(&mut watch.unblamed);
            Tidings::of(model, counts, blame, watch)
        };
        models.iter_mut().map(tell).collect()
    }

    /// Hears what others have seen. `jitter` is a random number in 0..1.
    pub fn hear(&self, tidings: &[Tidings], jitter: f64, settings: &Settings) {
        let mut models = self.models.borrow_mut();
        for told in tidings {
            models.add(&told.model);
            let Some(watch) = models.get_mut(&told.model) else { continue };
            if settings.breakers {
                watch.breaker.adopt(told.phase, jitter, settings);
            }
            if settings.quotas {
                watch.quota.merge(&told.quota());
            }
        }
    }
}
