//! What becomes of posts after their answer, as callers report it: ratings, publication, engagement.

use super::meter::Meter;
use super::observation::hundredths;
use super::register::Labels;
use super::series::{Count, Measure};

/// What is reported of one post. No text of it comes here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Feedback<'a> {
    /// Whose post it is.
    pub tenant: &'a str,
    /// Its platform; empty when it is not told.
    pub platform: &'a str,
    /// Its variant in an experiment, as `experiment:arm`; empty outside of one.
    pub variant: &'a str,
    /// The model that wrote it, by the operator's table; empty when it is not known.
    pub model: &'a str,
    /// A rating, on whatever scale the tenant keeps to, from 0 on.
    pub rating: Option<f64>,
    /// From the post's answer to its publication, in ms; none when it was not published, or when that is not known.
    pub published_after_ms: Option<u64>,
    /// Whether it was published.
    pub published: bool,
    /// How readers met it.
    pub engagement: Option<Engagement>,
}

/// How readers met a post; what is not told is 0.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "each is named for what it counts")]
pub struct Engagement {
    pub impressions: u64,
    pub likes: u64,
    pub comments: u64,
    pub shares: u64,
    pub clicks: u64,
}

impl Meter {
    /// Counts what was reported at a time, in ms since 1970.
    pub fn feedback(&self, at_ms: u64, told: &Feedback<'_>) {
        let labels = Labels {
            tenant: told.tenant.to_owned(),
            endpoint: "feedback".to_owned(),
            model: told.model.to_owned(),
            platform: told.platform.to_owned(),
            variant: told.variant.to_owned(),
            source: String::new(),
        };
        self.add(at_ms, &labels, |series| {
            if let Some(rating) = told.rating.and_then(hundredths) {
                series.count(Count::Ratings, 1);
                series.count(Count::RatingSum, rating);
            }
            series.count(Count::Published, u64::from(told.published || told.published_after_ms.is_some()));
            if let Some(ms) = told.published_after_ms {
                #[expect(clippy::cast_precision_loss, reason = "a time in ms is far below 2^53")]
                series.measure(Measure::TimeToPublish, ms as f64);
            }
            if let Some(Engagement { impressions, likes, comments, shares, clicks }) = told.engagement {
                series.count(Count::Engagements, 1);
                for (count, more) in [
                    (Count::Impressions, impressions),
                    (Count::Likes, likes),
                    (Count::Comments, comments),
                    (Count::Shares, shares),
                    (Count::Clicks, clicks),
                ] {
                    series.count(count, more);
                }
            }
        });
    }
}
