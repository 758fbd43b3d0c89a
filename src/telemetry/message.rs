//! What a Worker and the archive of telemetry say to each other.

use serde::{Deserialize, Serialize};

/// A message to the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// Adds what an isolate has counted, which the bytes behind it say. The same number again adds nothing.
    Add {
        /// The isolate, by a name that no other has.
        isolate: String,
        /// How many messages it has sent, this one counted.
        number: u64,
    },
    /// What was counted.
    Analytics(Query),
    /// Everything counted so far, in the text format of Prometheus.
    Metrics,
}

/// What is asked of the archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Query {
    /// From when on, in ms since 1970: the beginning of an interval.
    pub from_ms: u64,
    /// Until when, in ms since 1970.
    pub to_ms: u64,
    /// The length of an interval.
    pub interval: Interval,
    /// The labels to group by, by name.
    pub group_by: Vec<String>,
    /// Whose; all when absent.
    pub tenant: Option<String>,
}

/// The length of an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// 60 seconds: kept for two days.
    #[default]
    Minute,
    /// Kept for 90 days.
    Hour,
    /// Kept for 800 days.
    Day,
}

impl Interval {
    /// Its length in ms.
    pub fn ms(self) -> u64 {
        match self {
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    /// For how long it is kept, in ms.
    pub fn kept_ms(self) -> u64 {
        let days = match self {
            Self::Minute => 2,
            Self::Hour => 90,
            Self::Day => 800,
        };
        Self::Day.ms().saturating_mul(days)
    }

    /// Its name in queries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// The interval of a name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Minute, Self::Hour, Self::Day].into_iter().find(|interval| interval.name() == name)
    }

    /// The beginning of the one that a time is in, in ms since 1970.
    pub fn begin(self, at_ms: u64) -> u64 {
        at_ms.div_euclid(self.ms()).saturating_mul(self.ms())
    }
}
