//! What `/v1/analytics` tells: series grouped by time and labels, and what follows from their sums. What is unknown is null, never 0.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::message::Query;
use super::observation::LEAST_GAIN;
use super::register::{Labels, NAMES};
use super::series::{Count, Measure, Series};
use crate::ledger::calendar::{DAY_MS, day_of, written};

/// The most rows of an answer. A row may have some thousand bytes of sketches, and the archive, like every isolate, has 128 MB.
pub const MOST_ROWS: usize = 10_000;

/// Series by the beginning of their interval and the values of the labels that are asked for.
#[derive(Debug, Default)]
pub struct Grouped {
    groups: BTreeMap<(u64, Vec<String>), Series>,
    totals: Series,
    too_many: bool,
}

impl Grouped {
    /// Adds a series of a time, in ms since 1970, if it is one of those asked for.
    pub fn add(&mut self, query: &Query, at_ms: u64, labels: &Labels, series: &Series) {
        let in_time = (query.from_ms..query.to_ms).contains(&at_ms);
        if !in_time || query.tenant.as_ref().is_some_and(|tenant| *tenant != labels.tenant) {
            return;
        }
        let values = query.group_by.iter().map(|name| value(labels, name).to_owned()).collect();
        let group = (query.interval.begin(at_ms), values);
        if self.groups.len() >= MOST_ROWS && !self.groups.contains_key(&group) {
            self.too_many = true;
            return;
        }
        self.groups.entry(group).or_default().merge(series);
        self.totals.merge(series);
    }

    /// The groups in order, and their sum; `{"error": "too_many_rows"}` when there are more than [`MOST_ROWS`].
    pub fn told(&self, query: &Query) -> Value {
        if self.too_many {
            return json!({"error": TOO_MANY_ROWS});
        }
        let data = self.groups.iter().map(|((at_ms, values), series)| {
            let group = query.group_by.iter().zip(values);
            let group: Map<String, Value> =
                group.map(|(name, value)| (name.clone(), json!((!value.is_empty()).then_some(value)))).collect();
            let mut told = Map::new();
            told.insert("at".to_owned(), json!(instant(*at_ms)));
            told.insert("group".to_owned(), Value::Object(group));
            told.extend(fields(series));
            Value::Object(told)
        });
        json!({"data": data.collect::<Vec<Value>>(), "totals": fields(&self.totals)})
    }
}

/// The code of a question that has too many rows for an answer.
pub const TOO_MANY_ROWS: &str = "too_many_rows";

fn value<'l>(labels: &'l Labels, name: &str) -> &'l str {
    NAMES.iter().zip(labels.values()).find(|(known, _)| **known == name).map_or("", |(_, value)| value)
}

/// A time as `2026-12-31T23:59:59Z`.
pub fn instant(at_ms: u64) -> String {
    let seconds = at_ms.rem_euclid(DAY_MS).div_euclid(1000);
    let (hours, minutes, seconds) = (seconds.div_euclid(3600), seconds.div_euclid(60).rem_euclid(60), seconds.rem_euclid(60));
    format!("{}T{hours:02}:{minutes:02}:{seconds:02}Z", written(day_of(at_ms)))
}

/// What the numbers rest on, in words and numbers.
pub fn assumptions() -> Value {
    json!({
        "quantiles_relative_error": 0.01,
        "clock": "A Worker's clock stands still while it computes: durations are those of waiting, for Cerebras, for storage and for the caller's stream.",
        "saved_by_cache": "What the same tokens would have cost once more, at the table's prices.",
        "saved_by_routing": "What the tokens of a call to `auto` would have cost at the dearest model that the key may call, minus what they cost.",
    })
}

/// What a series says, by the names of the API. `requests` are those of callers; the sources are of requests that were answered.
pub fn fields(series: &Series) -> Map<String, Value> {
    let counted = |count| series.counted(count);
    let share = |sum: Count, of: Count, scale: f64| ratio(counted(sum), counted(of), scale);
    let posts = counted(Count::Posts);
    let priced_posts = posts.saturating_sub(counted(Count::PiecesUnpriced));
    let score = series.measured(Measure::Score);
    let engagement = (counted(Count::Engagements) > 0).then(|| {
        json!({
            "reports": counted(Count::Engagements),
            "impressions": counted(Count::Impressions),
            "likes": counted(Count::Likes),
            "comments": counted(Count::Comments),
            "shares": counted(Count::Shares),
            "clicks": counted(Count::Clicks),
        })
    });
    let told = json!({
        "requests": counted(Count::Requests),
        "errors": counted(Count::Errors),
        "errors_by_type": series.errors(),
        "by_source": {"cache": counted(Count::FromCache), "edge": counted(Count::FromEdge), "cloud": counted(Count::FromCloud)},
        "latency_ms": quantiles(series, Measure::Latency),
        "first_byte_ms": quantiles(series, Measure::FirstByte),
        "upstream_ms": quantiles(series, Measure::Upstream),
        "calls": counted(Count::Calls),
        "failed_attempts": counted(Count::ModelFailures),
        "prompt_tokens": counted(Count::PromptTokens),
        "completion_tokens": counted(Count::CompletionTokens),
        "cost_micro_dollars": counted(Count::CostMicroDollars),
        "unpriced": counted(Count::Unpriced),
        "saved_micro_dollars": {"cache": counted(Count::SavedByCache), "routing": counted(Count::SavedByRouting)},
        "quality": {
            "posts": posts,
            "degraded": counted(Count::Degraded),
            "valid": counted(Count::Valid),
            "score": {"mean": rounded(score.and_then(super::sketch::Sketch::mean)), "p50": rounded(score.and_then(|score| score.quantile(0.5)))},
            "humanizing_gain": {"mean": rounded(share(Count::HumanizingGain, Count::Humanized, 100.0).map(|mean| mean + LEAST_GAIN))},
            "ratings": {"count": counted(Count::Ratings), "mean": share(Count::RatingSum, Count::Ratings, 100.0)},
        },
        "business": {
            "cost_per_piece_micro_dollars": ratio(counted(Count::PieceCost), priced_posts, 1.0),
            "time_to_publish_ms": {"p50": quantile(series, Measure::TimeToPublish, 0.5)},
            "published": counted(Count::Published),
            "engagement": engagement,
        },
        "telemetry": {"overflowed": counted(Count::Overflowed), "lost": counted(Count::Lost)},
    });
    if let Value::Object(told) = told { told } else { Map::new() }
}

fn quantiles(series: &Series, measure: Measure) -> Value {
    let of = |share| quantile(series, measure, share);
    json!({"p50": of(0.5), "p95": of(0.95), "p99": of(0.99)})
}

fn quantile(series: &Series, measure: Measure, share: f64) -> Option<f64> {
    rounded(series.measured(measure).and_then(|sketch| sketch.quantile(share)))
}

/// To hundredths: nothing here is known better.
fn rounded(value: Option<f64>) -> Option<f64> {
    value.map(|value| (value * 100.0).round() / 100.0)
}

#[expect(clippy::cast_precision_loss, reason = "sums far below 2^53")]
fn ratio(sum: u64, of: u64, scale: f64) -> Option<f64> {
    rounded((of > 0).then(|| sum as f64 / scale / of as f64))
}
