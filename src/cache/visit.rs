//! A request's visit to the cache: under which name its answer is, and what `Cache-Status` says of it.

use super::entry::{Entry, Form};
use super::key::CacheKey;
use super::replay;
use super::steering::Steering;
use crate::protocol::answer::{Quality, judge};
use crate::protocol::request::CompletionRequest;
use crate::protocol::usage::Usage;

/// Where the cache stands in a request: the name of its entry, and what `Cache-Status` will say.
#[derive(Debug)]
pub struct Visit {
    /// The entry's name; none when the cache has no part.
    pub place: Option<CacheKey>,
    /// How long the answer is kept, in seconds; none when it is not.
    pub store: Option<u32>,
    /// Why the request went forward (RFC 9211 section 2.2).
    pub forward: &'static str,
    /// What else there is to say.
    pub detail: Option<&'static str>,
}

impl Visit {
    /// A visit as the request steers it; `obstacle` is why there can be none.
    pub fn new(steering: &Steering, obstacle: Option<&'static str>, key: impl FnOnce() -> CacheKey) -> Self {
        let place = (steering.involved() && obstacle.is_none()).then(key);
        let forward = match (place, steering.read) {
            (None, _) => "bypass",
            (Some(_), true) => "miss",
            (Some(_), false) => "request",
        };
        Self { place, store: steering.store, forward, detail: obstacle.filter(|_| steering.involved()) }
    }

    /// The entry of an answer that is to be stored, under its name.
    pub fn entry(&self, form: Form, body: &[u8], usage: Option<Usage>, now_ms: u64) -> Option<(CacheKey, Vec<u8>, u32)> {
        let (key, ttl) = self.place.zip(self.store)?;
        Some((key, Entry { form, stored_ms: now_ms, ttl, usage: usage.unwrap_or_default(), body }.encode(), ttl))
    }

    /// `Cache-Status` (RFC 9211).
    pub fn status(&self, stored: bool) -> String {
        let stored = if stored { "; stored" } else { "" };
        let detail = self.detail.map(|detail| format!("; detail={detail}")).unwrap_or_default();
        format!("maya-edge; fwd={}{stored}{detail}", self.forward)
    }
}

/// What was found in the cache.
#[derive(Debug)]
pub enum Found {
    /// An answer in the caller's own form.
    Answer {
        /// The bytes for the caller.
        body: Vec<u8>,
        /// How old it is, in seconds.
        age: u32,
        /// How long it may still be used, in seconds.
        ttl: u32,
        /// What it saves.
        usage: Usage,
    },
    /// One that is older than the caller wants.
    TooOld,
    /// None.
    Nothing,
}

/// An entry in the caller's own form.
pub fn replayed(bytes: &[u8], request: &CompletionRequest<'_>, max_age: Option<u32>, now_ms: u64) -> Found {
    let Some(entry) = Entry::decode(bytes) else { return Found::Nothing };
    let (Some(ttl), age) = (entry.remaining(now_ms), entry.age(now_ms)) else { return Found::Nothing };
    if max_age.is_some_and(|most| age > most) {
        return Found::TooOld;
    }
    let usage = entry.usage;
    let body = match (entry.form, request.stream()) {
        (Form::Whole, false) => (judge(entry.body) == Quality::Keepable).then(|| entry.body.to_vec()),
        (Form::Stream, true) => Some(replay::stream(entry.body, request.include_usage())),
        (Form::Whole, true) => replay::whole_to_stream(entry.body, request.endpoint()),
        (Form::Stream, false) => replay::stream_to_whole(entry.body, request.endpoint()),
    };
    body.map_or(Found::Nothing, |body| Found::Answer { body, age, ttl, usage })
}
