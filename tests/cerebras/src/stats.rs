//! What the stand-in has seen: counters, and the last completion request word for word.

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::header::HeaderMap;
use serde_json::{Map, Value, json};

/// Paths counted one by one; what a scan of strange paths adds beyond is counted together.
const MOST_PATHS: usize = 1000;

/// The counters.
#[derive(Debug, Default)]
pub struct Stats {
    calls: u64,
    completions: u64,
    cancelled: u64,
    active: u64,
    max_active: u64,
    warmings: u64,
    by_path: BTreeMap<String, u64>,
    last: Option<LastRequest>,
}

/// A completion request as it came.
#[derive(Debug)]
pub struct LastRequest {
    /// Method, in capitals.
    pub method: String,
    /// Path with its query.
    pub path: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, decoded.
    pub body: Bytes,
}

impl Stats {
    /// Counts a call of any path but the stand-in's own.
    pub fn call(&mut self, path: &str) {
        self.calls += 1;
        let path = if self.by_path.len() < MOST_PATHS || self.by_path.contains_key(path) { path } else { "…" };
        match self.by_path.get_mut(path) {
            Some(count) => *count += 1,
            None => {
                self.by_path.insert(path.to_owned(), 1);
            }
        }
    }

    /// Counts a warm-up.
    pub fn warming(&mut self) {
        self.warmings += 1;
    }

    /// A completion begins.
    pub fn begin(&mut self) {
        self.completions += 1;
        self.active += 1;
        self.max_active = self.max_active.max(self.active);
    }

    /// A completion is over: through, or left by its client.
    pub fn end(&mut self, cancelled: bool) {
        self.active = self.active.saturating_sub(1);
        self.cancelled += u64::from(cancelled);
    }

    /// Remembers a completion request.
    pub fn remember(&mut self, request: LastRequest) {
        self.last = Some(request);
    }

    /// All counts back to zero; what is active stays so.
    pub fn reset(&mut self) {
        *self = Self { active: self.active, max_active: self.active, ..Self::default() };
    }

    /// The counters as JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "calls": self.calls,
            "completions": self.completions,
            "cancelled": self.cancelled,
            "active": self.active,
            "max_active": self.max_active,
            "warmings": self.warmings,
            "by_path": self.by_path,
        })
    }

    /// The last completion request as JSON; `null` before the first.
    pub fn last_to_json(&self) -> Value {
        let Some(last) = &self.last else { return Value::Null };
        let mut headers = Map::new();
        for name in last.headers.keys() {
            let values: Vec<_> = last.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
            headers.insert(name.as_str().to_owned(), values.join(", ").into());
        }
        json!({
            "method": last.method,
            "path": last.path,
            "headers": headers,
            "body": String::from_utf8_lossy(&last.body),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        let mut stats = Stats::default();
        stats.call("/v1/models");
        stats.call("/v1/models");
        stats.begin();
        stats.begin();
        stats.end(true);
        let json = stats.to_json();
        assert_eq!(json["calls"], 2);
        assert_eq!(json["by_path"]["/v1/models"], 2);
        assert_eq!((&json["active"], &json["max_active"], &json["cancelled"]), (&1.into(), &2.into(), &1.into()));
        stats.reset();
        let json = stats.to_json();
        assert_eq!((&json["calls"], &json["active"], &json["max_active"]), (&0.into(), &1.into(), &1.into()));
    }

    #[test]
    fn strange_paths_are_bounded() {
        let mut stats = Stats::default();
        for number in 0..3000 {
            stats.call(&format!("/{number}"));
        }
        assert!(stats.to_json()["by_path"].as_object().unwrap().len() <= MOST_PATHS + 1);
    }

    #[test]
    fn the_last_request() {
        let mut stats = Stats::default();
        assert_eq!(stats.last_to_json(), Value::Null);
        let mut headers = HeaderMap::new();
        headers.insert("x-a", "1".parse().unwrap());
        headers.append("x-a", "2".parse().unwrap());
        stats.remember(LastRequest { method: "POST".into(), path: "/x".into(), headers, body: Bytes::from_static(b"{}") });
        assert_eq!(stats.last_to_json(), json!({"method": "POST", "path": "/x", "headers": {"x-a": "1, 2"}, "body": "{}"}));
    }
}
