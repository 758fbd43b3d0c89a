//! A history of posts with its figures, as an order brings it: what it shows, and what is recommended for it. Each recommendation cites the posts
//! that support it.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::order::wrong;
use super::patterns::{Past, Pattern, middle, patterns, shown};
use super::platform::{PLATFORMS, Platform};
use crate::admission::calendar::instant;
use crate::error::Error;

/// The most posts of a history.
pub const MOST: usize = 500;
/// The longest text of one, in bytes.
const LONGEST_TEXT: usize = 10_000;
/// The longest name of one, in bytes.
const LONGEST_ID: usize = 128;
/// The most recommendations.
const MOST_RECOMMENDED: usize = 5;
/// The most recommendations that are only tendencies.
const MOST_TENDENCIES: usize = 2;

/// A post as it is written in an order.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    #[serde(default)]
    id: Option<String>,
    text: String,
    platform: String,
    #[serde(default)]
    published_at: Option<String>,
    impressions: u64,
    #[serde(default)]
    engagements: Option<u64>,
    #[serde(default)]
    likes: Option<u64>,
    #[serde(default)]
    comments: Option<u64>,
    #[serde(default)]
    shares: Option<u64>,
    #[serde(default)]
    clicks: Option<u64>,
    #[serde(default)]
    saves: Option<u64>,
}

/// A history, and what it shows.
#[derive(Clone, Debug)]
pub struct Study {
    posts: Vec<Past>,
    patterns: Vec<Pattern>,
    /// The middle length of its posts, in characters.
    middle: usize,
    /// Places of the patterns that something is recommended for.
    recommended: Vec<usize>,
}

impl Study {
    /// Studies a history.
    ///
    /// # Errors
    /// 400 naming the field that cannot be.
    pub fn of(entries: Vec<Entry>) -> Result<Self, Error> {
        if entries.is_empty() || entries.len() > MOST {
            return Err(wrong("history", &format!("must hold 1 to {MOST} posts with their figures")));
        }
        let mut posts: Vec<Past> = Vec::with_capacity(entries.len());
        for (place, entry) in entries.into_iter().enumerate() {
            let past = past(entry, place)?;
            if posts.iter().any(|known| known.id == past.id) {
                return Err(wrong(format!("history[{place}].id"), "is the id of a post before: each needs its own"));
            }
            posts.push(past);
        }
        let patterns = patterns(&posts);
        let places = |certain: bool, most: usize| {
            let of_kind = patterns.iter().enumerate().filter(move |(_, one)| one.is_certain() == certain && one.difference != 0.0);
            of_kind.map(|(place, _)| place).take(most)
        };
        let recommended = places(true, MOST_RECOMMENDED).chain(places(false, MOST_TENDENCIES)).take(MOST_RECOMMENDED).collect();
        let middle = middle(&posts);
        Ok(Self { posts, patterns, middle, recommended })
    }

    fn recommended(&self) -> impl Iterator<Item = &Pattern> {
        self.recommended.iter().filter_map(|place| self.patterns.get(*place))
    }

    /// What is recommended for the writing of a post, in the gateway's own words.
    pub fn advice(&self) -> Vec<&'static str> {
        self.recommended().filter(|pattern| !pattern.feature.is_time()).map(Pattern::advice).collect()
    }

    /// The recommendations that a text follows, by the names of their features; times are none of a text.
    pub fn followed(&self, platform: Platform, text: &str) -> Vec<&'static str> {
        let follows = |pattern: &&Pattern| shown(pattern.feature, platform, text, self.middle) == Some(pattern.is_gain());
        self.recommended().filter(follows).map(|pattern| pattern.feature.named().0).collect()
    }

    /// What an answer says of it.
    pub fn tell(&self, answer: &mut Map<String, Value>) {
        let sum = |of: fn(&Past) -> u64| self.posts.iter().map(of).fold(0, u64::saturating_add);
        #[expect(clippy::cast_precision_loss, reason = "500 posts at the most")]
        let mean = self.posts.iter().map(Past::rate).sum::<f64>() / self.posts.len().max(1) as f64;
        let history = json!({
            "posts": self.posts.len(),
            "impressions": sum(|past| past.impressions),
            "engagements": sum(|past| past.engagements),
            "mean_rate": fine(mean),
        });
        let name = |place: &usize| self.posts.get(*place).map_or("", |past| past.id.as_str());
        let pattern = |pattern: &Pattern| {
            let (feature, ..) = pattern.feature.named();
            let ends = [fine(pattern.interval.0), fine(pattern.interval.1)];
            json!({
                "feature": feature,
                "posts_with": pattern.counts.0,
                "posts_without": pattern.counts.1,
                "rate_with": fine(pattern.rates.0),
                "rate_without": fine(pattern.rates.1),
                "difference": fine(pattern.difference),
                "interval": ends,
                "certain": pattern.is_certain(),
            })
        };
        let recommendation = |pattern: &Pattern| {
            let cites: Vec<&str> = pattern.cited.iter().map(name).collect();
            json!({
                "feature": pattern.feature.named().0,
                "advice": pattern.advice(),
                "difference": fine(pattern.difference),
                "certain": pattern.is_certain(),
                "cites": cites,
            })
        };
        answer.insert("history".to_owned(), history);
        answer.insert("patterns".to_owned(), self.patterns.iter().map(pattern).collect());
        answer.insert("recommendations".to_owned(), self.recommended().map(recommendation).collect());
    }
}

/// A rate to a millionth: what is told is what was reckoned, without the noise behind it.
fn fine(rate: f64) -> f64 {
    (rate * 1_000_000.0).round() / 1_000_000.0
}

fn past(entry: Entry, place: usize) -> Result<Past, Error> {
    let at = |field: &str| format!("history[{place}].{field}");
    let id = entry.id.unwrap_or_else(|| format!("history[{place}]"));
    if id.is_empty() || id.len() > LONGEST_ID {
        return Err(wrong(at("id"), &format!("must have 1 to {LONGEST_ID} bytes")));
    }
    if entry.text.trim().is_empty() || entry.text.len() > LONGEST_TEXT {
        return Err(wrong(at("text"), &format!("must have 1 to {LONGEST_TEXT} bytes, not only spaces")));
    }
    let platform = Platform::parse(&entry.platform)
        .ok_or_else(|| wrong(at("platform"), &format!("must be one of {}", PLATFORMS.map(Platform::name).join(", "))))?;
    let published_ms = match &entry.published_at {
        None => None,
        Some(text) => {
            Some(instant(text).ok_or_else(|| wrong(at("published_at"), "must be a time by RFC 3339, such as `2026-11-26T09:30:00Z`"))?)
        }
    };
    if entry.impressions == 0 {
        return Err(wrong(at("impressions"), "must be more than 0: leave out what nobody has seen"));
    }
    let parts = [entry.likes, entry.comments, entry.shares, entry.clicks, entry.saves];
    let engagements = match (entry.engagements, parts.iter().any(Option::is_some)) {
        (Some(all), false) => all,
        (None, true) => parts.into_iter().flatten().fold(0, u64::saturating_add),
        (Some(_), true) => return Err(wrong(at("engagements"), "is their sum: give it, or likes, comments, shares, clicks and saves")),
        (None, false) => return Err(wrong(at("engagements"), "is missing: give it, or likes, comments, shares, clicks and saves")),
    };
    if engagements > entry.impressions {
        return Err(wrong(at("engagements"), "is more than `impressions`: check the two figures"));
    }
    Ok(Past { id, text: entry.text, platform, published_ms, impressions: entry.impressions, engagements })
}
