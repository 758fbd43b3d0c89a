//! What somebody says of an answer: a rating, a text that was put in its place, whether and when it was published, and how it did.

use serde::{Deserialize, Serialize};

use crate::admission::calendar;
use crate::admission::reading;
use crate::content::brand::{check_id, is_link};
use crate::error::Error;
use crate::learning::experiment::definition::Metric;
use crate::telemetry::observation::hundredths;
use crate::telemetry::series::{Count, Measure, Series};

/// The longest text, in bytes: as of posts.
const LONGEST_TEXT: usize = 32 * 1024;
/// The longest instruction, in characters: as of posts.
const LONGEST_INSTRUCTION: usize = 8000;
/// The longest id of an answer, in bytes.
const LONGEST_ID: usize = 128;
/// The most that a figure can be: more than there are people.
const MOST: u64 = 20_000_000_000;
/// How far a clock may be ahead, in ms.
const AHEAD_MS: u64 = 300_000;

/// How a post did, up to now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Engagement {
    /// How often it was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impressions: Option<u64>,
    /// How often it was liked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likes: Option<u64>,
    /// How often it was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comments: Option<u64>,
    /// How often it was passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shares: Option<u64>,
    /// How often it was followed to where it leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clicks: Option<u64>,
    /// How often it was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saves: Option<u64>,
}

impl Engagement {
    const fn figures(&self) -> [(&'static str, Option<u64>); 6] {
        [
            ("impressions", self.impressions),
            ("likes", self.likes),
            ("comments", self.comments),
            ("shares", self.shares),
            ("clicks", self.clicks),
            ("saves", self.saves),
        ]
    }

    fn later(self, newer: Self) -> Self {
        Self {
            impressions: newer.impressions.or(self.impressions),
            likes: newer.likes.or(self.likes),
            comments: newer.comments.or(self.comments),
            shares: newer.shares.or(self.shares),
            clicks: newer.clicks.or(self.clicks),
            saves: newer.saves.or(self.saves),
        }
    }

    /// Whether there is any figure of what people did.
    pub fn is_known(&self) -> bool {
        self.figures().iter().skip(1).any(|(_, figure)| figure.is_some())
    }

    /// What people did, weighed: an answer is worth two likes, passing on three. Judgement, not measured.
    pub fn weighed(&self) -> f64 {
        let number = |figure: Option<u64>| {
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            let number = figure.unwrap_or_default() as f64;
            number
        };
        number(self.likes) + 2.0 * number(self.comments) + 3.0 * number(self.shares) + 2.0 * number(self.clicks) + 2.0 * number(self.saves)
    }
}

/// That an answer was published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Published {
    /// When, by RFC 3339; when it was told, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// What is said of an answer. What is absent says nothing, and a later word takes the place of an earlier one, field by field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Feedback {
    /// 1 to 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<u8>,
    /// `up` or `down`, for those who do not count to five.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumb: Option<String>,
    /// What was asked, to learn by examples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruction: Option<String>,
    /// The answer itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What a person has made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_text: Option<String>,
    /// Whether it may serve as an example of its brand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved: Option<bool>,
    /// The brand, where the answer was asked without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// That it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<Published>,
    /// How it did, up to now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engagement: Option<Engagement>,
}

/// What a word on an answer adds to what is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Gained {
    /// The first rating, 0 to 1.
    pub rated: Option<f64>,
    /// How long after it was given it was published, in ms.
    pub published_after_ms: Option<u64>,
    /// Whether figures came.
    pub engaged: bool,
    /// How many more impressions.
    pub impressions: u64,
    /// How many more likes.
    pub likes: u64,
    /// How many more comments.
    pub comments: u64,
    /// How many more shares.
    pub shares: u64,
    /// How many more clicks.
    pub clicks: u64,
}

impl Gained {
    /// Counts it.
    pub fn count(&self, series: &mut Series) {
        if let Some(rated) = self.rated.and_then(hundredths) {
            series.count(Count::Ratings, 1);
            series.count(Count::RatingSum, rated);
        }
        if let Some(ms) = self.published_after_ms {
            series.count(Count::Published, 1);
            #[expect(clippy::cast_precision_loss, reason = "ms, far below 2^53")]
            series.measure(Measure::TimeToPublish, ms as f64);
        }
        series.count(Count::Engagements, u64::from(self.engaged));
        for (count, more) in [
            (Count::Impressions, self.impressions),
            (Count::Likes, self.likes),
            (Count::Comments, self.comments),
            (Count::Shares, self.shares),
            (Count::Clicks, self.clicks),
        ] {
            series.count(count, more);
        }
    }
}

/// The body of `POST /v1/feedback`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    id: String,
    #[serde(default)]
    rating: Option<u8>,
    #[serde(default)]
    thumb: Option<String>,
    #[serde(default)]
    instruction: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    edited_text: Option<String>,
    #[serde(default)]
    approved: Option<bool>,
    #[serde(default)]
    brand: Option<String>,
    #[serde(default)]
    published: Option<Published>,
    #[serde(default)]
    engagement: Option<Engagement>,
}

fn wrong(field: &str, what: &str) -> Error {
    Error::invalid("wrong_value", field.to_owned(), format!("`{field}` {what}."))
}

impl Feedback {
    /// Reads a body: of which answer, and what is said of it, at a time in ms since 1970.
    ///
    /// # Errors
    /// 400 naming the field: of another form, of no sense, or nothing said at all.
    pub fn read(body: &[u8], now_ms: u64) -> Result<(String, Self), Error> {
        let Body { id, rating, thumb, instruction, text, edited_text, approved, brand, published, engagement } = reading::read(body)?;
        if !(1..=LONGEST_ID).contains(&id.len()) {
            return Err(wrong("id", "must be the id of an answer, as it came with it"));
        }
        let said = Self { rating, thumb, instruction, text, edited_text, approved, brand, published, engagement };
        if said == Self::default() {
            let message =
                "Nothing is said of the answer. Give at least one of rating, thumb, text, edited_text, approved, published, engagement.";
            return Err(Error::invalid("missing_field", "rating", message));
        }
        said.check(now_ms)?;
        Ok((id, said))
    }

    fn check(&self, now_ms: u64) -> Result<(), Error> {
        if self.rating.is_some_and(|rating| !(1..=5).contains(&rating)) {
            return Err(wrong("rating", "must be a whole number from 1 to 5"));
        }
        if self.thumb.as_deref().is_some_and(|thumb| !matches!(thumb, "up" | "down")) {
            return Err(wrong("thumb", "must be up or down"));
        }
        if self.instruction.as_ref().is_some_and(|text| text.trim().is_empty() || text.chars().count() > LONGEST_INSTRUCTION) {
            return Err(wrong("instruction", &format!("must have 1 to {LONGEST_INSTRUCTION} characters")));
        }
        for (field, text) in [("text", &self.text), ("edited_text", &self.edited_text)] {
            if text.as_ref().is_some_and(|text| text.trim().is_empty() || text.len() > LONGEST_TEXT) {
                return Err(wrong(field, &format!("must have 1 to {LONGEST_TEXT} bytes")));
            }
        }
        if let Some(brand) = &self.brand {
            check_id(brand)?;
        }
        if let Some(Published { at, url }) = &self.published {
            if let Some(at) = at {
                let at_ms = calendar::instant(at).ok_or_else(|| wrong("published.at", "must be a time, such as 2026-12-01T09:00:00Z"))?;
                if at_ms > now_ms.saturating_add(AHEAD_MS) {
                    return Err(wrong("published.at", "is in the future: tell it when it has happened"));
                }
            }
            if url.as_ref().is_some_and(|url| !is_link(url)) {
                return Err(wrong("published.url", "must be an address that begins with https:// or http://"));
            }
        }
        match &self.engagement {
            Some(engagement) => check_engagement(engagement),
            None => Ok(()),
        }
    }

    /// When it was published, in ms since 1970, if that is said.
    pub fn published_ms(&self) -> Option<u64> {
        self.published.as_ref()?.at.as_deref().and_then(calendar::instant)
    }

    /// The rating from 0 to 1, by stars or by thumb.
    pub fn rated(&self) -> Option<f64> {
        let by_stars = self.rating.map(|rating| f64::from(rating.saturating_sub(1)) / 4.0);
        by_stars.or_else(|| self.thumb.as_deref().map(|thumb| f64::from(u8::from(thumb == "up"))))
    }

    /// What experiments measure by, as far as this says it.
    pub fn values(&self) -> Vec<(Metric, f64)> {
        let flag = |said: bool| f64::from(u8::from(said));
        let engagement = self.engagement.unwrap_or_default();
        let shown = engagement.impressions.filter(|impressions| *impressions > 0);
        let rate = |done: u64| {
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            let rate = shown.map(|shown| (done as f64 / shown as f64).min(1.0));
            rate
        };
        let engaged = engagement.figures().iter().skip(1).filter_map(|(_, figure)| *figure).fold(0, u64::saturating_add);
        [
            (Metric::ThumbsUp, self.thumb.as_deref().map(|thumb| flag(thumb == "up"))),
            (Metric::Rating, self.rating.map(f64::from)),
            (Metric::Published, self.published.as_ref().map(|_| 1.0)),
            (Metric::Approved, self.approved.map(flag)),
            (Metric::EngagementRate, rate(engaged).filter(|_| engagement.is_known())),
            (Metric::ClickRate, engagement.clicks.and_then(rate)),
        ]
        .into_iter()
        .filter_map(|(metric, value)| Some((metric, value?)))
        .collect()
    }

    /// What this says that an earlier word did not, of an answer that was given at `at_ms`: for those who count.
    pub fn gained(&self, before: &Self, at_ms: u64, now_ms: u64) -> Gained {
        let (old, new) = (before.engagement.unwrap_or_default(), self.engagement.unwrap_or_default());
        let more = |new: Option<u64>, old: Option<u64>| new.unwrap_or_default().saturating_sub(old.unwrap_or_default());
        Gained {
            rated: self.rated().filter(|_| before.rated().is_none()),
            published_after_ms: (self.published.is_some() && before.published.is_none())
                .then(|| self.published_ms().unwrap_or(now_ms).saturating_sub(at_ms)),
            engaged: new != old,
            impressions: more(new.impressions, old.impressions),
            likes: more(new.likes, old.likes),
            comments: more(new.comments, old.comments),
            shares: more(new.shares, old.shares),
            clicks: more(new.clicks, old.clicks),
        }
    }

    /// The text that people have agreed to: the edited one before the answer's own.
    pub fn agreed_text(&self) -> Option<&str> {
        self.edited_text.as_deref().or(self.text.as_deref()).filter(|_| self.approved == Some(true))
    }

    /// This, with what a newer word says in its place.
    ///
    /// # Errors
    /// 400 when the figures of both do not go together.
    pub fn later(self, newer: Self) -> Result<Self, Error> {
        let engagement = match (self.engagement, newer.engagement) {
            (Some(older), Some(newer)) => Some(older.later(newer)),
            (older, newer) => newer.or(older),
        };
        if let Some(engagement) = &engagement {
            check_engagement(engagement)?;
        }
        // Stars and thumb are one rating: the newer holds, whichever it is.
        let (rating, thumb) =
            if newer.rating.is_some() || newer.thumb.is_some() { (newer.rating, newer.thumb) } else { (self.rating, self.thumb) };
        Ok(Self {
            rating,
            thumb,
            instruction: newer.instruction.or(self.instruction),
            text: newer.text.or(self.text),
            edited_text: newer.edited_text.or(self.edited_text),
            approved: newer.approved.or(self.approved),
            brand: newer.brand.or(self.brand),
            published: newer.published.or(self.published),
            engagement,
        })
    }
}

/// What experiments measure by, as far as a later word says something else of it than an earlier one. Stars and thumb are one rating: what
/// is said by one takes the place of what was said by the other, in the other's terms, for nothing that was told can be untold.
pub fn changed(before: &Feedback, after: &Feedback) -> Vec<(Metric, f64)> {
    let (old, mut new) = (before.values(), after.values());
    let known = |values: &[(Metric, f64)], metric: Metric| values.iter().find(|(other, _)| *other == metric).map(|(_, value)| *value);
    if let Some(rated) = after.rated() {
        for (metric, value) in [(Metric::ThumbsUp, f64::from(u8::from(rated > 0.5))), (Metric::Rating, 1.0 + 4.0 * rated)] {
            if known(&old, metric).is_some() && known(&new, metric).is_none() {
                new.push((metric, value));
            }
        }
    }
    new.retain(|(metric, value)| known(&old, *metric) != Some(*value));
    new
}

/// Values with those of others of the same order: of each the mean over all that have it.
pub fn mean(mut values: Vec<(Metric, f64)>, others: &[Feedback]) -> Vec<(Metric, f64)> {
    for (metric, value) in &mut values {
        let (mut sum, mut count) = (*value, 1.0);
        for (_, other) in others.iter().flat_map(Feedback::values).filter(|(other, _)| other == metric) {
            (sum, count) = (sum + other, count + 1.0);
        }
        *value = sum / count;
    }
    values
}

fn check_engagement(engagement: &Engagement) -> Result<(), Error> {
    let figures = engagement.figures();
    if figures.iter().all(|(_, figure)| figure.is_none()) {
        return Err(wrong("engagement", "must have at least one figure: impressions, likes, comments, shares, clicks or saves"));
    }
    for (name, figure) in figures {
        let Some(figure) = figure else { continue };
        if figure > MOST {
            return Err(wrong(&format!("engagement.{name}"), &format!("must be at most {MOST}")));
        }
        // Whoever did something to it was shown it.
        if engagement.impressions.is_some_and(|impressions| figure > impressions) {
            return Err(wrong(&format!("engagement.{name}"), "is more than `engagement.impressions`: nobody does what nobody saw"));
        }
    }
    Ok(())
}
