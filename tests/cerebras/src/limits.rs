//! Rate limits: token buckets per key and model, reserved up front, and the headers that tell of them.
//!
//! A bucket refills continuously, and is full again at the end of its window: so `reset` is a promise that holds.
//! Windows of a minute or an hour begin with the first call in them; the day is the UTC day.

use std::collections::HashMap;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// The kinds of account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Three windows of requests and of tokens, all small.
    Free,
    /// Requests and tokens per minute, as many as a developer has.
    Developer,
    /// Requests per day and tokens per minute, both large.
    Paid,
    /// The headers of `Paid`; refuses nothing.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Requests,
    Tokens,
}

/// One window, as it is offered.
struct Offer {
    of: Of,
    unit: &'static str,
    seconds: f64,
    limit: f64,
    names: [HeaderName; 3],
}

macro_rules! offer {
    ($of:expr, $name:literal, $unit:literal, $seconds:literal, $limit:literal) => {
        Offer {
            of: $of,
            unit: $unit,
            seconds: $seconds,
            limit: $limit,
            names: [
                HeaderName::from_static(concat!("x-ratelimit-limit-", $name, "-", $unit)),
                HeaderName::from_static(concat!("x-ratelimit-remaining-", $name, "-", $unit)),
                HeaderName::from_static(concat!("x-ratelimit-reset-", $name, "-", $unit)),
            ],
        }
    };
}

static FREE: [Offer; 6] = [
    offer!(Of::Requests, "requests", "minute", 60.0, 5.0),
    offer!(Of::Requests, "requests", "hour", 3600.0, 150.0),
    offer!(Of::Requests, "requests", "day", 86400.0, 2400.0),
    offer!(Of::Tokens, "tokens", "minute", 60.0, 30_000.0),
    offer!(Of::Tokens, "tokens", "hour", 3600.0, 1_000_000.0),
    offer!(Of::Tokens, "tokens", "day", 86400.0, 1_000_000.0),
];

static DEVELOPER: [Offer; 2] =
    [offer!(Of::Requests, "requests", "minute", 60.0, 1_000.0), offer!(Of::Tokens, "tokens", "minute", 60.0, 1_000_000.0)];

static PAID: [Offer; 2] =
    [offer!(Of::Requests, "requests", "day", 86400.0, 1_440_000.0), offer!(Of::Tokens, "tokens", "minute", 60.0, 1_000_000.0)];

impl Tier {
    fn offers(self) -> &'static [Offer] {
        match self {
            Tier::Free => &FREE,
            Tier::Developer => &DEVELOPER,
            Tier::Paid | Tier::None => &PAID,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    level: f64,
    filled_at: f64,
    window_ends: f64,
}

impl Bucket {
    fn full(offer: &Offer, now: f64) -> Self {
        // Only the day follows the clock.
        let window_ends = if offer.unit == "day" { (now / 86400.0).floor() * 86400.0 + 86400.0 } else { now + offer.seconds };
        Self { level: offer.limit, filled_at: now, window_ends }
    }

    fn refill(&mut self, offer: &Offer, now: f64) {
        if now >= self.window_ends {
            *self = Self::full(offer, now);
        } else if now > self.filled_at {
            self.level = (self.level + (now - self.filled_at) * offer.limit / offer.seconds).min(offer.limit);
            self.filled_at = now;
        }
    }
}

/// Which limit a call has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// Requests per this unit.
    Requests(&'static str),
    /// Tokens per this unit.
    Tokens(&'static str),
}

/// Whose bucket: digest of the key and number of the model.
pub type Account = (u64, usize);

/// The buckets of all accounts.
#[derive(Debug)]
pub struct Ledger {
    tier: Tier,
    accounts: HashMap<Account, Vec<Bucket>>,
}

impl Ledger {
    /// Full buckets for everybody.
    pub fn new(tier: Tier) -> Self {
        Self { tier, accounts: HashMap::new() }
    }

    /// Forgets what was used.
    pub fn reset(&mut self) {
        self.accounts.clear();
    }

    fn buckets(&mut self, account: Account, now: f64) -> (&'static [Offer], &mut Vec<Bucket>) {
        let offers = self.tier.offers();
        let buckets = self.accounts.entry(account).or_insert_with(|| offers.iter().map(|offer| Bucket::full(offer, now)).collect());
        for (bucket, offer) in buckets.iter_mut().zip(offers) {
            bucket.refill(offer, now);
        }
        (offers, buckets)
    }

    /// Takes one request and so many tokens, or nothing at all when one of the buckets has too little.
    pub fn reserve(&mut self, account: Account, tokens: usize, now: f64) -> Option<Exceeded> {
        let unlimited = self.tier == Tier::None;
        let (offers, buckets) = self.buckets(account, now);
        let price = |offer: &Offer| if offer.of == Of::Requests { 1.0 } else { tokens as f64 };
        let short = offers.iter().zip(buckets.iter()).find(|(offer, bucket)| bucket.level < price(offer));
        if let (Some((offer, _)), false) = (short, unlimited) {
            return Some(match offer.of {
                Of::Requests => Exceeded::Requests(offer.unit),
                Of::Tokens => Exceeded::Tokens(offer.unit),
            });
        }
        for (bucket, offer) in buckets.iter_mut().zip(offers) {
            bucket.level = (bucket.level - price(offer)).max(0.0);
        }
        None
    }

    /// Gives back the tokens that a reservation had too many.
    pub fn give_back(&mut self, account: Account, tokens: usize) {
        let offers = self.tier.offers();
        if let Some(buckets) = self.accounts.get_mut(&account) {
            for (bucket, offer) in buckets.iter_mut().zip(offers).filter(|(_, offer)| offer.of == Of::Tokens) {
                bucket.level = (bucket.level + tokens as f64).min(offer.limit);
            }
        }
    }

    /// Writes the headers of an account: six or eighteen.
    pub fn write_headers(&mut self, account: Account, now: f64, headers: &mut HeaderMap) {
        let (offers, buckets) = self.buckets(account, now);
        for (offer, bucket) in offers.iter().zip(buckets) {
            let [limit, remaining, reset] = &offer.names;
            headers.insert(limit, HeaderValue::from(offer.limit as u64));
            headers.insert(remaining, HeaderValue::from(bucket.level as u64));
            if let Ok(value) = HeaderValue::try_from(format!("{:?}", bucket.window_ends - now)) {
                headers.insert(reset, value);
            }
        }
    }

    /// In headers that were written, shows the minute's bucket as empty: for a 429 that was asked for.
    pub fn show_empty(&self, exceeded: Exceeded, headers: &mut HeaderMap) {
        let (of, unit) = match exceeded {
            Exceeded::Requests(unit) => (Of::Requests, unit),
            Exceeded::Tokens(unit) => (Of::Tokens, unit),
        };
        for offer in self.tier.offers().iter().filter(|offer| offer.of == of && offer.unit == unit) {
            headers.insert(&offer.names[1], HeaderValue::from_static("0"));
        }
    }

    /// Whether a reservation is held until the answer is through. With large buckets it would only make parallel tests fail.
    pub fn holds_reservations(&self) -> bool {
        matches!(self.tier, Tier::Free | Tier::Developer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: Account = (1, 0);
    // Noon of some day.
    const NOON: f64 = 20_000.0 * 86400.0 + 43200.0;

    #[test]
    fn five_requests_a_minute_then_no_more() {
        let mut ledger = Ledger::new(Tier::Free);
        for _ in 0..5 {
            assert_eq!(ledger.reserve(ME, 10, NOON), None);
        }
        assert_eq!(ledger.reserve(ME, 10, NOON + 1.0), Some(Exceeded::Requests("minute")));
        // Other models and other keys have buckets of their own.
        assert_eq!(ledger.reserve((1, 1), 10, NOON + 1.0), None);
        assert_eq!(ledger.reserve((2, 0), 10, NOON + 1.0), None);
        // One more request every twelve seconds.
        assert_eq!(ledger.reserve(ME, 10, NOON + 12.1), None);
        assert_eq!(ledger.reserve(ME, 10, NOON + 12.2), Some(Exceeded::Requests("minute")));
    }

    #[test]
    fn full_at_the_end_of_the_window() {
        let mut ledger = Ledger::new(Tier::Free);
        for second in [0.0, 50.0, 51.0, 52.0, 53.0, 54.0] {
            assert_eq!(ledger.reserve(ME, 10, NOON + second), None, "{second}");
        }
        for _ in 0..5 {
            assert_eq!(ledger.reserve(ME, 10, NOON + 60.0), None);
        }
        assert_eq!(ledger.reserve(ME, 10, NOON + 60.0), Some(Exceeded::Requests("minute")));
    }

    #[test]
    fn a_call_larger_than_the_bucket_never_fits_and_takes_nothing() {
        let mut ledger = Ledger::new(Tier::Free);
        assert_eq!(ledger.reserve(ME, 30_001, NOON), Some(Exceeded::Tokens("minute")));
        assert_eq!(ledger.reserve(ME, 30_000, NOON), None);
        assert_eq!(ledger.reserve(ME, 1_000, NOON + 1.0), Some(Exceeded::Tokens("minute")));
        ledger.give_back(ME, 29_900);
        assert_eq!(ledger.reserve(ME, 1_000, NOON + 1.0), None);
    }

    #[test]
    fn the_hour_has_its_own_limit() {
        let mut ledger = Ledger::new(Tier::Free);
        let mut refused = None;
        for minute in 0..60 {
            for _ in 0..5 {
                refused = refused.or(ledger.reserve(ME, 1, NOON + 60.0 * f64::from(minute)));
            }
        }
        assert_eq!(refused, Some(Exceeded::Requests("hour")));
    }

    #[test]
    fn headers_of_the_tiers() {
        for (tier, count) in [(Tier::Free, 18), (Tier::Developer, 6), (Tier::Paid, 6), (Tier::None, 6)] {
            let mut headers = HeaderMap::new();
            let mut ledger = Ledger::new(tier);
            ledger.reserve(ME, 100, NOON);
            ledger.write_headers(ME, NOON + 0.25, &mut headers);
            assert_eq!(headers.len(), count);
            let text = |name: &str| headers[name].to_str().unwrap().to_owned();
            let (unit, seconds) = if tier == Tier::Developer { ("minute", 59.75) } else { ("day", 43199.75) };
            let reset: f64 = text(&format!("x-ratelimit-reset-requests-{unit}")).parse().unwrap();
            assert!((reset - seconds).abs() < 0.01);
            assert!(text("x-ratelimit-remaining-tokens-minute").parse::<u64>().is_ok());
        }
        let mut headers = HeaderMap::new();
        let mut ledger = Ledger::new(Tier::Paid);
        ledger.reserve(ME, 100, NOON);
        ledger.write_headers(ME, NOON, &mut headers);
        assert_eq!(headers["x-ratelimit-limit-requests-day"], "1440000");
        assert_eq!(headers["x-ratelimit-remaining-requests-day"], "1439999");
        assert_eq!(headers["x-ratelimit-limit-tokens-minute"], "1000000");
        assert_eq!(headers["x-ratelimit-remaining-tokens-minute"], "999900");
        ledger.show_empty(Exceeded::Tokens("minute"), &mut headers);
        assert_eq!(headers["x-ratelimit-remaining-tokens-minute"], "0");
    }

    #[test]
    fn without_limits_nothing_is_refused() {
        let mut ledger = Ledger::new(Tier::None);
        for _ in 0..100 {
            assert_eq!(ledger.reserve(ME, 1_000_000, NOON), None);
        }
    }
}
