//! Header names, and which of them pass in either direction.

/// The gateway's name towards Cerebras, which refuses requests without one.
pub const USER_AGENT: &str = concat!("maya-edge/", env!("CARGO_PKG_VERSION"));

/// What a page may read of an answer.
pub const EXPOSED: &str = "x-request-id, x-upstream-request-id, inference-id, x-maya-model, x-maya-attempts, x-maya-route, x-maya-experiment, x-maya-health, cache-status, age, server-timing, retry-after, x-next-after, \
x-should-retry, ratelimit, ratelimit-policy, x-maya-budget, x-maya-ledger, x-maya-guardrails, idempotent-replayed, x-ratelimit-limit-requests-minute, x-ratelimit-limit-requests-hour, x-ratelimit-limit-requests-day, \
x-ratelimit-limit-tokens-minute, x-ratelimit-limit-tokens-hour, x-ratelimit-limit-tokens-day, x-ratelimit-remaining-requests-minute, \
x-ratelimit-remaining-requests-hour, x-ratelimit-remaining-requests-day, x-ratelimit-remaining-tokens-minute, \
x-ratelimit-remaining-tokens-hour, x-ratelimit-remaining-tokens-day, x-ratelimit-reset-requests-minute, \
x-ratelimit-reset-requests-hour, x-ratelimit-reset-requests-day, x-ratelimit-reset-tokens-minute, x-ratelimit-reset-tokens-hour, \
x-ratelimit-reset-tokens-day";

/// The upstream's headers that the gateway reads.
pub const READ_DOWN: [&str; 2] = ["content-type", "x-request-id"];

/// The upstream's headers that go to the caller under their own names. A list of what may pass, not of what may not: cookies, the
/// server's name and whatever comes tomorrow stay behind. `cloud/health/quota.rs` knows those of rate limits by their places.
pub const PASSING_DOWN: [&str; 22] = [
    "inference-id",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "x-ratelimit-limit-requests-minute",
    "x-ratelimit-limit-requests-hour",
    "x-ratelimit-limit-requests-day",
    "x-ratelimit-limit-tokens-minute",
    "x-ratelimit-limit-tokens-hour",
    "x-ratelimit-limit-tokens-day",
    "x-ratelimit-remaining-requests-minute",
    "x-ratelimit-remaining-requests-hour",
    "x-ratelimit-remaining-requests-day",
    "x-ratelimit-remaining-tokens-minute",
    "x-ratelimit-remaining-tokens-hour",
    "x-ratelimit-remaining-tokens-day",
    "x-ratelimit-reset-requests-minute",
    "x-ratelimit-reset-requests-hour",
    "x-ratelimit-reset-requests-day",
    "x-ratelimit-reset-tokens-minute",
    "x-ratelimit-reset-tokens-hour",
    "x-ratelimit-reset-tokens-day",
];

/// `name: value` lines for the boundary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines(String);

impl Lines {
    /// Adds a header. A character that a header cannot hold (RFC 9110 section 5.5) becomes `?`, so that no value can end its line.
    pub fn add(&mut self, name: &str, value: &str) {
        self.0.push_str(name);
        self.0.push_str(": ");
        if value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            self.0.push_str(value);
        } else {
            self.0.extend(value.chars().map(|character| if matches!(character, ' '..='~') { character } else { '?' }));
        }
        self.0.push('\n');
    }

    /// Adds other lines.
    pub fn extend(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    /// The lines as text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// Whether a caller's request id is kept: 1 to 128 characters of those that ids are made of, so that it can stand in any log.
pub fn well_formed_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'/' | b'+' | b'='))
}

/// How the gateway's own ids begin, and Cerebras's: of posts and what else is written, of judgements, completions, batches and campaigns.
const OWN_IDS: [&str; 16] = [
    "post-",
    "posts-",
    "optimization-",
    "personalization-",
    "humanized-",
    "scores-",
    "video_script-",
    "audio_script-",
    "preview-",
    "strategy-",
    "modr-",
    "chatcmpl-",
    "cmpl-",
    "batch_",
    "campaign_",
    "resp_",
];

/// Whether an id can be one of a caller's own. One that begins as the gateway's do cannot: it would stand for an answer that has it.
pub fn callers_own_id(id: &str) -> bool {
    well_formed_id(id) && !OWN_IDS.iter().any(|own| id.get(..own.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(own)))
}

/// Whether a `traceparent` is one (W3C Trace Context, section 3.2: version, trace id, parent id, flags, in lower-case hexadecimal,
/// ids not all zero).
pub fn well_formed_traceparent(value: &str) -> bool {
    let mut parts = value.split('-');
    let mut part = |length: usize| {
        parts.next().filter(|part| part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
    };
    let not_zero = |part: Option<&str>| part.is_some_and(|part| part.bytes().any(|byte| byte != b'0'));
    let version = part(2);
    let ids = not_zero(part(32)) && not_zero(part(16));
    let flags = part(2).is_some();
    // Later versions may append parts; this one may not.
    ids && flags && version.is_some_and(|version| version != "ff" && (version != "00" || parts.next().is_none()))
}
