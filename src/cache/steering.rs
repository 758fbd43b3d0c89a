//! How a caller steers the cache: the standard `Cache-Control` of a request (RFC 9111 section 5.2.1) and the three headers of
//! Cloudflare's AI Gateway.

use crate::admission::record::CachePolicy;
use crate::boundary::{Head, ReadHeader};
use crate::config::{CacheMatch, CacheMode, Config, LONGEST_TTL, SHORTEST_TTL};
use crate::error::Error;

/// What the cache is to do for a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steering {
    /// Whether an entry may answer.
    pub read: bool,
    /// The oldest entry that may answer, in seconds.
    pub max_age: Option<u32>,
    /// How long the answer is kept, in seconds; `None` when it is not.
    pub store: Option<u32>,
    /// Whether only an entry may answer.
    pub only_if_cached: bool,
    /// Whether an answer to another spelling of the question will do.
    pub normalised: bool,
    /// The caller's own name for the answer instead of the body's.
    pub chosen_key: Option<String>,
}

impl Steering {
    /// Whether the cache has a part in the request at all.
    pub fn involved(&self) -> bool {
        self.read || self.store.is_some() || self.only_if_cached
    }

    /// Reads the headers of a request that is, or is not, deterministic by its own word. `policy` is the caller's own, where it has one.
    ///
    /// # Errors
    /// 400 for a number that is none, a way to match that there is not, or a key that is too long.
    pub fn read(config: &Config, policy: &CachePolicy, head: &Head, deterministic: bool) -> Result<Self, Error> {
        let mode = policy.mode.unwrap_or(config.cache_mode);
        let mut directives = Directives::default();
        if let Some(value) = head.header(ReadHeader::CacheControl) {
            directives.read(value)?;
        }
        let skip = head.header(ReadHeader::SkipCache).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1");
        let chosen_ttl = head.header(ReadHeader::CacheTtl).map(|value| seconds("cf-aig-cache-ttl", value)).transpose()?;
        let chosen_key = head.header(ReadHeader::CacheKey).map(str::to_owned);
        if chosen_key.as_ref().is_some_and(|key| key.len() > 512) {
            return Err(Error::invalid("wrong_value", "cf-aig-cache-key", "`cf-aig-cache-key` is longer than 512 bytes."));
        }
        if mode == CacheMode::Off {
            return Ok(Self { only_if_cached: directives.only_if_cached, ..Self::default() });
        }
        let asked =
            directives.max_age.is_some_and(|age| age > 0) || chosen_ttl.is_some() || chosen_key.is_some() || directives.only_if_cached;
        let wanted = deterministic || asked || mode == CacheMode::Always;
        let ttl = chosen_ttl
            .or(if deterministic { None } else { directives.max_age })
            .unwrap_or_else(|| policy.ttl.map_or(config.cache_ttl, |ttl| u32::try_from(ttl.seconds()).unwrap_or(u32::MAX)));
        let kept = wanted && !directives.no_store && !skip;
        Ok(Self {
            read: kept && !directives.no_cache && directives.max_age != Some(0),
            max_age: directives.max_age,
            store: kept.then_some(ttl.clamp(SHORTEST_TTL, LONGEST_TTL)),
            only_if_cached: directives.only_if_cached,
            normalised: directives.matching.or(policy.matching).unwrap_or(config.cache_match) == CacheMatch::Normalised,
            chosen_key,
        })
    }
}

#[derive(Default)]
struct Directives {
    no_cache: bool,
    no_store: bool,
    only_if_cached: bool,
    max_age: Option<u32>,
    /// An extension (RFC 9111 section 5.2.3): who does not know it passes it over.
    matching: Option<CacheMatch>,
}

impl Directives {
    fn read(&mut self, value: &str) -> Result<(), Error> {
        for directive in value.split(',') {
            let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-cache" => self.no_cache = true,
                "no-store" => self.no_store = true,
                "only-if-cached" => self.only_if_cached = true,
                "max-age" => self.max_age = Some(seconds("cache-control", argument.trim().trim_matches('"'))?),
                "match" => {
                    self.matching = Some(match argument.trim().trim_matches('"').to_ascii_lowercase().as_str() {
                        "exact" => CacheMatch::Exact,
                        "normalised" => CacheMatch::Normalised,
                        _ => {
                            let message = "`match` in `cache-control` must be `exact` or `normalised`.";
                            return Err(Error::invalid("wrong_value", "cache-control", message));
                        }
                    });
                }
                // Unknown directives are to be ignored (RFC 9111 section 5.2.3).
                _ => {}
            }
        }
        Ok(())
    }
}

/// A number of seconds; what does not fit counts as the greatest that does (RFC 9111 section 1.2.2).
fn seconds(header: &'static str, value: &str) -> Result<u32, Error> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        let message = format!("`{header}` must give a whole number of seconds.");
        return Err(Error::invalid("wrong_value", header, message));
    }
    Ok(value.parse().unwrap_or(u32::MAX))
}
