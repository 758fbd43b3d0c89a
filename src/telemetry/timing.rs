//! `Server-Timing` (W3C Server Timing): where a request's time went. A Worker's clock stands still but for input and output, so
//! what is measured is waiting; the gateway's own computing reads as 0.

/// The parts of one request, in ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    cache_ms: Option<u64>,
    upstream_ms: Option<u32>,
}

impl Timing {
    /// The look-up in the cache.
    pub fn cache(&mut self, ms: u64) {
        self.cache_ms = Some(ms);
    }

    /// All attempts upstream, to the first bytes of a stream or to the end of an answer.
    pub fn upstream(&mut self, ms: u32) {
        self.upstream_ms = Some(ms);
    }

    /// The header's value.
    pub fn header(&self) -> String {
        let mut value = "auth;dur=0".to_owned();
        for (name, ms) in [("cache", self.cache_ms), ("upstream", self.upstream_ms.map(u64::from))] {
            if let Some(ms) = ms {
                value.push_str(&format!(", {name};dur={ms}"));
            }
        }
        value
    }
}
