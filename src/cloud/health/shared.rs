//! What isolates tell each other of the models, by way of the gateway's own ledger, which keeps it in memory alone.
//!
//! Phases and quotas carry their time, and of two the later holds: whatever comes twice, late or in another order, all end with the
//! same. Calls are added up, so that many isolates with a few failures each see a model that fails; each is told once at the most: a
//! message that is lost takes its counts with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::breaker::{Counts, Phase};
use super::quota::Quota;
use super::{Health, Settings, Watch};

/// Until an isolate tells urgent news again, in ms: under a storm of refusals each has some.
const URGENT_MS: u64 = 1_000;
/// The most models that the ledger holds before it lets all go.
const MOST_MODELS: usize = 256;

/// What is told of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tidings {
    /// Its id.
    pub model: String,
    /// Calls since the last time.
    pub counts: Counts,
    /// Its breaker's phase.
    pub phase: Phase,
    /// Its quota.
    pub quota: Quota,
}

/// What the ledger has gathered.
#[derive(Debug, Default)]
pub struct Gathered(BTreeMap<String, Watch>);

impl Gathered {
    /// Hears what an isolate tells, at a time in ms since 1970, and tells what all have seen of every model.
    pub fn exchange(&mut self, tidings: Vec<Tidings>, settings: &Settings, now_ms: u64) -> Vec<Tidings> {
        if self.0.len() > MOST_MODELS {
            self.0.clear();
        }
        for Tidings { model, counts, phase, quota } in tidings {
            let watch = self.0.entry(model).or_default();
            watch.breaker.adopt(phase, 0.0, settings);
            watch.breaker.count(counts, now_ms, 0.0, settings);
            watch.quota.merge(&quota);
        }
        let told = self.0.iter().map(|(model, watch)| Tidings {
            model: model.clone(),
            counts: Counts::default(),
            phase: watch.breaker.phase(),
            quota: watch.quota.clone(),
        });
        told.collect()
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
        let mut models = self.models.borrow_mut();
        let tidings = models.iter_mut().map(|(model, watch)| Tidings {
            model: model.clone(),
            counts: std::mem::take(&mut watch.untold),
            phase: watch.breaker.phase(),
            quota: watch.quota.clone(),
        });
        tidings.collect()
    }

    /// Hears what others have seen. `jitter` is a random number in 0..1.
    pub fn hear(&self, tidings: Vec<Tidings>, jitter: f64, settings: &Settings) {
        let mut models = self.models.borrow_mut();
        for Tidings { model, phase, quota, .. } in tidings {
            let watch = models.entry(model).or_default();
            if settings.breakers {
                watch.breaker.adopt(phase, jitter, settings);
            }
            if settings.quotas {
                watch.quota.merge(&quota);
            }
        }
    }
}
