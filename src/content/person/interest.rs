//! What somebody is drawn to, reckoned from what they have seen and done.
//!
//! An entry counts as engaged with to the degree (clicks + likes + 2 × saves + 2 × comments + 3 × shares) ÷ views, 1 at the most. The affinity to a topic
//! is the mean of its entries' degrees, as if two more had a tenth: one click is no passion. An entry that is older than the newest by 30 days weighs
//! half as much, by 60 a third.

use serde_json::Map;

use super::Ignored;
use super::sensitive;
use crate::admission::calendar::instant;
use crate::admission::reading::{self, Fields};
use crate::content::brand::hashtag;
use crate::content::entities::{Kind, entities};
use crate::content::facts::folded;
use crate::content::order::wrong;
use crate::content::platform::Platform;
use crate::error::Error;
use crate::protocol::json::Value;

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

/// The figures of an entry, and what each weighs beside a view.
const FIGURES: [(&str, f64); 5] = [("clicks", 1.0), ("likes", 1.0), ("saves", 2.0), ("comments", 2.0), ("shares", 3.0)];
/// The fields of an entry.
const FIELDS: [&str; 10] = ["id", "text", "topics", "at", "views", "clicks", "likes", "saves", "comments", "shares"];

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
pub fn affinities(history: Value<'_>, interests: &[String], ignored: &mut Vec<Ignored>) -> Result<Vec<Affinity>, Error> {
    let mut seen: Vec<(String, f64, Option<u64>, Vec<String>)> = Vec::new();
    for (place, entry) in reading::elements(history, "history")?.take(MOST.saturating_add(1)).enumerate() {
        let entry = Fields::of(entry, format!("history[{place}]"), &FIELDS)?;
        let one = checked(&entry, &format!("history[{place}]"), interests, ignored)?;
        if seen.iter().any(|other| other.0 == one.0) {
            return Err(wrong(entry.at("id"), "is the id of an entry before: each needs its own"));
        }
        seen.push(one);
    }
    if seen.is_empty() || seen.len() > MOST {
        return Err(wrong("history", &format!("must hold 1 to {MOST} entries")));
    }
    let newest = seen.iter().filter_map(|one| one.2).max();
    let mut sums: Vec<(String, f64, f64, Vec<String>)> = Vec::new();
    let mut places = Map::new();
    for (id, degree, at, topics) in seen {
        #[expect(clippy::cast_precision_loss, reason = "days of a history")]
        let days = newest.zip(at).map_or(0.0, |(newest, at)| newest.saturating_sub(at) as f64 / 86_400_000.0);
        let weight = HALF_DAYS / (HALF_DAYS + days);
        for topic in topics {
            let key = folded(&topic);
            let known = places.get(&key).and_then(serde_json::Value::as_u64).and_then(|place| usize::try_from(place).ok());
            let place = known.unwrap_or_else(|| {
                places.insert(key, sums.len().into());
                sums.push((topic, 0.0, 0.0, Vec::new()));
                sums.len().saturating_sub(1)
            });
            if let Some((_, weighed, weights, cites)) = sums.get_mut(place)
                && cites.last() != Some(&id)
            {
                *weighed += weight * degree;
                *weights += weight;
                cites.push(id.clone());
            }
        }
    }
    let mut found: Vec<Affinity> = Vec::with_capacity(sums.len());
    for (topic, weighed, weights, cites) in sums {
        let affinity = (weighed + PRIOR.0 * PRIOR.1) / (weights + PRIOR.1);
        let affinity = (affinity * 1000.0).round() / 1000.0;
        // A sort of its own for each type is more code than this.
        let place = found.iter().position(|other| other.affinity < affinity).unwrap_or(found.len());
        if place < MOST_TOLD {
            found.insert(place, Affinity { topic, affinity, cites });
            found.truncate(MOST_TOLD);
        }
    }
    Ok(found)
}

/// An entry's name, the degree to which it was engaged with, when, and its topics.
fn checked(
    entry: &Fields<'_>,
    path: &str,
    interests: &[String],
    ignored: &mut Vec<Ignored>,
) -> Result<(String, f64, Option<u64>, Vec<String>), Error> {
    let id = entry.text("id")?.unwrap_or_else(|| path.to_owned());
    if id.is_empty() || id.len() > LONGEST_ID {
        return Err(wrong(entry.at("id"), &format!("must have 1 to {LONGEST_ID} bytes")));
    }
    let text = entry.text("text")?.unwrap_or_default();
    if text.len() > LONGEST_TEXT {
        return Err(wrong(entry.at("text"), &format!("is longer than {LONGEST_TEXT} bytes")));
    }
    let given = entry.texts("topics")?;
    if given.len() > MOST_TOPICS {
        return Err(wrong(entry.at("topics"), &format!("has more than {MOST_TOPICS} entries")));
    }
    if text.trim().is_empty() && given.is_empty() {
        return Err(wrong(entry.at("topics"), "is missing: give it, or `text`"));
    }
    for (number, topic) in given.iter().enumerate() {
        if topic.trim().is_empty() || topic.chars().count() > LONGEST_TOPIC {
            return Err(wrong(entry.at(&format!("topics[{number}]")), &format!("must have 1 to {LONGEST_TOPIC} characters")));
        }
    }
    let when = match entry.text("at")? {
        None => None,
        Some(text) => {
            Some(instant(&text).ok_or_else(|| wrong(entry.at("at"), "must be a time by RFC 3339, such as `2026-11-26T09:30:00Z`"))?)
        }
    };
    let figure = |name: &str| match entry.number(name)? {
        Some(figure) if figure > MOST_TIMES => Err(wrong(entry.at(name), &format!("must be a whole number up to {MOST_TIMES}"))),
        figure => Ok(figure),
    };
    let views = figure("views")?.unwrap_or(1);
    if views == 0 {
        return Err(wrong(entry.at("views"), "must be more than 0: leave out what was not seen"));
    }
    let mut done = 0.0;
    for (name, weight) in FIGURES {
        done += f64::from(figure(name)?.unwrap_or_default()) * weight;
    }
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
    topics.retain(|topic| match sensitive::first(topic) {
        Some(kind) => {
            let one = Ignored { field: entry.at("topics"), kind };
            if ignored.last() != Some(&one) {
                ignored.push(one);
            }
            false
        }
        None => folded(topic).trim() != "",
    });
    Ok((id, degree, when, topics))
}
