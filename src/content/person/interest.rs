//! What somebody is drawn to, reckoned from what they have seen and done.
//!
//! An entry counts as engaged with to the degree (clicks + likes + 2 × saves + 2 × comments + 3 × shares) ÷ views, 1 at the most. The affinity to a topic
//! is the mean of its entries' degrees, as if two more had a tenth: one click is no passion. An entry that is older than the newest by 30 days weighs
//! half as much, by 60 a third.

use serde::Deserialize;

use super::Ignored;
use super::sensitive;
use crate::admission::calendar::instant;
use crate::content::brand::hashtag;
use crate::content::entities::{Kind, entities};
use crate::content::facts::folded;
use crate::content::order::wrong;
use crate::content::platform::Platform;
use crate::error::Error;

/// The most entries.
pub const MOST: usize = 200;
/// The most topics of an entry.
const MOST_TOPICS: usize = 10;
/// The longest topic, in characters.
pub(super) const LONGEST_TOPIC: usize = 60;
/// The longest text of an entry, in bytes.
const LONGEST_TEXT: usize = 2000;
/// The longest name of an entry, in bytes.
const LONGEST_ID: usize = 128;
/// The most of each figure.
const MOST_TIMES: u32 = 1_000_000;
/// The affinity above which a topic is taken for one that is liked: twice what is assumed of all.
pub const LIKED: f64 = 0.2;
/// What is assumed of every topic, and how many entries that weighs as.
const PRIOR: (f64, f64) = (0.1, 2.0);
/// After how many days an entry weighs half as much.
const HALF_DAYS: f64 = 30.0;
/// The most affinities that are told.
const MOST_TOLD: usize = 20;

/// Something that was seen, and what was done with it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    topics: Option<Vec<String>>,
    #[serde(default)]
    at: Option<String>,
    #[serde(default)]
    views: Option<u32>,
    #[serde(default)]
    clicks: Option<u32>,
    #[serde(default)]
    likes: Option<u32>,
    #[serde(default)]
    comments: Option<u32>,
    #[serde(default)]
    shares: Option<u32>,
    #[serde(default)]
    saves: Option<u32>,
}

/// How much somebody is drawn to a topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Affinity {
    /// The topic, as it was first written.
    pub topic: String,
    /// From 0 to 1.
    pub affinity: f64,
    /// The entries that it was reckoned from.
    pub cites: Vec<String>,
}

/// The affinities that a history shows, the strongest first. `interests` are topics that are looked for in texts; what is not used is told in `ignored`.
///
/// # Errors
/// 400 naming the field that cannot be.
pub fn affinities(entries: Vec<Entry>, interests: &[String], ignored: &mut Vec<Ignored>) -> Result<Vec<Affinity>, Error> {
    if entries.is_empty() || entries.len() > MOST {
        return Err(wrong("history", &format!("must hold 1 to {MOST} entries")));
    }
    let mut seen: Vec<(String, f64, Option<u64>, Vec<String>)> = Vec::with_capacity(entries.len());
    for (place, entry) in entries.into_iter().enumerate() {
        seen.push(checked(entry, place, interests, ignored)?);
    }
    let newest = seen.iter().filter_map(|one| one.2).max();
    let mut sums: Vec<(String, String, f64, f64, Vec<String>)> = Vec::new();
    for (id, degree, at, topics) in seen {
        #[expect(clippy::cast_precision_loss, reason = "days of a history")]
        let days = newest.zip(at).map_or(0.0, |(newest, at)| newest.saturating_sub(at) as f64 / 86_400_000.0);
        let weight = HALF_DAYS / (HALF_DAYS + days);
        for topic in topics {
            let key = folded(&topic);
            let place = sums.iter().position(|sum| sum.0 == key).unwrap_or_else(|| {
                sums.push((key, topic, 0.0, 0.0, Vec::new()));
                sums.len().saturating_sub(1)
            });
            if let Some((_, _, weighed, weights, cites)) = sums.get_mut(place)
                && cites.last() != Some(&id)
            {
                *weighed += weight * degree;
                *weights += weight;
                cites.push(id.clone());
            }
        }
    }
    let mut found: Vec<Affinity> = sums
        .into_iter()
        .map(|(_, topic, weighed, weights, cites)| {
            let affinity = (weighed + PRIOR.0 * PRIOR.1) / (weights + PRIOR.1);
            Affinity { topic, affinity: (affinity * 1000.0).round() / 1000.0, cites }
        })
        .collect();
    found.sort_by(|one, other| other.affinity.total_cmp(&one.affinity));
    found.truncate(MOST_TOLD);
    Ok(found)
}

/// An entry's name, the degree to which it was engaged with, when, and its topics.
fn checked(
    entry: Entry,
    place: usize,
    interests: &[String],
    ignored: &mut Vec<Ignored>,
) -> Result<(String, f64, Option<u64>, Vec<String>), Error> {
    let at = |field: &str| format!("history[{place}].{field}");
    let id = entry.id.unwrap_or_else(|| format!("history[{place}]"));
    if id.is_empty() || id.len() > LONGEST_ID {
        return Err(wrong(at("id"), &format!("must have 1 to {LONGEST_ID} bytes")));
    }
    let text = entry.text.unwrap_or_default();
    if text.len() > LONGEST_TEXT {
        return Err(wrong(at("text"), &format!("is longer than {LONGEST_TEXT} bytes")));
    }
    let given = entry.topics.unwrap_or_default();
    if given.len() > MOST_TOPICS {
        return Err(wrong(at("topics"), &format!("has more than {MOST_TOPICS} entries")));
    }
    if text.trim().is_empty() && given.is_empty() {
        return Err(wrong(at("topics"), "is missing: give it, or `text`"));
    }
    for (number, topic) in given.iter().enumerate() {
        if topic.trim().is_empty() || topic.chars().count() > LONGEST_TOPIC {
            return Err(wrong(at(&format!("topics[{number}]")), &format!("must have 1 to {LONGEST_TOPIC} characters")));
        }
    }
    let when = match &entry.at {
        None => None,
        Some(text) => Some(instant(text).ok_or_else(|| wrong(at("at"), "must be a time by RFC 3339, such as `2026-11-26T09:30:00Z`"))?),
    };
    let figures = [
        ("views", entry.views),
        ("clicks", entry.clicks),
        ("likes", entry.likes),
        ("comments", entry.comments),
        ("shares", entry.shares),
        ("saves", entry.saves),
    ];
    if let Some((name, _)) = figures.iter().find(|(_, figure)| figure.is_some_and(|figure| figure > MOST_TIMES)) {
        return Err(wrong(at(name), &format!("must be a whole number up to {MOST_TIMES}")));
    }
    let views = entry.views.unwrap_or(1);
    if views == 0 {
        return Err(wrong(at("views"), "must be more than 0: leave out what was not seen"));
    }
    let times = |figure: Option<u32>, weight: f64| f64::from(figure.unwrap_or_default()) * weight;
    let done = times(entry.clicks, 1.0)
        + times(entry.likes, 1.0)
        + times(entry.saves, 2.0)
        + times(entry.comments, 2.0)
        + times(entry.shares, 3.0);
    let degree = (done / f64::from(views)).min(1.0);
    // Topics of a text: its hashtags, and those interests that stand in it. What a text is about beyond that nobody has said.
    let mut topics = given;
    let rules = Platform::Bluesky.published();
    topics.extend(
        entities(&rules, &text)
            .iter()
            .filter(|found| found.kind == Kind::Hashtag)
            .filter_map(|found| hashtag(found.of(&text)).map(|tag| tag.trim_start_matches('#').chars().take(LONGEST_TOPIC).collect())),
    );
    let spaced = folded(&text);
    topics.extend(interests.iter().filter(|interest| spaced.contains(&folded(interest))).cloned());
    topics.retain(|topic| match sensitive::of_text(topic) {
        Some(kind) => {
            ignored.push(Ignored { field: at("topics"), kind });
            false
        }
        None => folded(topic).trim() != "",
    });
    Ok((id, degree, when, topics))
}
