//! A request's visit to the cache: under which name its answer is, and what `Cache-Status` says of it.

use super::entry::{Entry, Form};
use super::key::{self, CacheKey};
use super::replay;
use super::steering::Steering;
use crate::protocol::answer::{Quality, judge};
use crate::protocol::request::CompletionRequest;
use crate::protocol::usage::Usage;

/// What an entry's name is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matched {
    /// The request as it is, or the caller's own name for it.
    Exactly,
    /// The normal form of its question: the answer may be one to another spelling.
    Normalised,
}

impl Matched {
    fn detail(self) -> Option<&'static str> {
        (self == Self::Normalised).then_some("normalised")
    }
}

/// The name of a request's entry, as its caller steers it.
pub fn named(scope: &key::Scope<'_>, request: &CompletionRequest<'_>, steering: &Steering) -> (CacheKey, Matched) {
    if let Some(chosen) = &steering.chosen_key {
        return (key::of_chosen(scope, request.endpoint(), chosen), Matched::Exactly);
    }
    let normalised = if steering.normalised { key::of_normalised(scope, request) } else { None };
    normalised.map_or_else(|| (key::of_request(scope, request), Matched::Exactly), |key| (key, Matched::Normalised))
}

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
    pub fn new(steering: &Steering, obstacle: Option<&'static str>, key: impl FnOnce() -> (CacheKey, Matched)) -> Self {
        let (place, matched) = (steering.involved() && obstacle.is_none()).then(key).unzip();
        let forward = match (place, steering.read) {
            (None, _) => "bypass",
            (Some(_), true) => "miss",
            (Some(_), false) => "request",
        };
        Self {
            place,
            store: steering.store,
            forward,
            detail: obstacle.filter(|_| steering.involved()).or(matched.and_then(Matched::detail)),
        }
    }

    /// The entry of an answer that is to be stored, under its name.
    pub fn entry(&self, form: Form, body: &[u8], usage: Option<Usage>, now_ms: u64) -> Option<(CacheKey, Vec<u8>, u32)> {
        let (key, ttl) = self.place.zip(self.store)?;
        Some((key, Entry { form, stored_ms: now_ms, ttl, usage: usage.unwrap_or_default(), body }.encode(), ttl))
    }

    /// `Cache-Status` (RFC 9211) of an answer that was not found.
    pub fn status(&self, stored: bool) -> String {
        let stored = if stored { "; stored" } else { "" };
        format!("maya-edge; fwd={}{stored}{}", self.forward, self.said())
    }

    /// `Cache-Status` of one that was found, and may be used for so many more seconds.
    pub fn hit(&self, ttl: u32) -> String {
        format!("maya-edge; hit; ttl={ttl}{}", self.said())
    }

    fn said(&self) -> String {
        self.detail.map(|detail| format!("; detail={detail}")).unwrap_or_default()
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
