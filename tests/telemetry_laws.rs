//! Telemetry: quantiles are right to one per cent, however they are merged; nothing is counted twice or lost; hours say what minutes said.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "tests may"
)]

#[path = "support/ledger.rs"]
mod house;

use house::{Database, NOON};
use maya_edge::cloud::models::MicroDollars;
use maya_edge::protocol::usage::Usage;
use maya_edge::telemetry::archive::Archive;
use maya_edge::telemetry::message::{Interval, Message, Query};
use maya_edge::telemetry::observation::{Observation, Piece, Source};
use maya_edge::telemetry::register::{Labels, Register};
use maya_edge::telemetry::series::{Count, Measure, Reader, Series};
use maya_edge::telemetry::sketch::Sketch;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

const HOUR_MS: u64 = 3_600_000;

fn exact(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(share * (sorted.len() - 1) as f64) as usize]
}

proptest! {
    #[test]
    fn quantiles_of_merged_and_stored_sketches_are_right_to_one_per_cent(parts in vec(vec(0.01_f64..200_000.0, 1..80), 1..6)) {
        let mut whole = Sketch::default();
        for part in &parts {
            let mut sketch = Sketch::default();
            part.iter().for_each(|value| sketch.add(*value));
            whole.merge(&Sketch::read(&sketch.bytes()).unwrap());
        }
        let values = parts.concat();
        prop_assert_eq!(whole.count(), values.len() as u64);
        for share in [0.5, 0.95, 0.99] {
            let (told, truth) = (whole.quantile(share).unwrap(), exact(&values, share));
            prop_assert!((told - truth).abs() <= 0.01 * truth, "{share}: {told} for {truth}");
        }
        // Buckets grow with their bounds and hold what is at most one per cent above.
        let limits = [0.0, 1.0, 100.0, 10_000.0, 1e9];
        for limit in limits {
            let below = |limit: f64| values.iter().filter(|value| **value <= limit).count() as u64;
            let told = whole.at_most(limit);
            prop_assert!(below(limit * 0.98) <= told && told <= below(limit * 1.02), "{limit}: {told}");
        }
    }

    #[test]
    fn series_are_read_as_they_were_written_and_nothing_else_panics(bytes in vec(any::<u8>(), 0..200), counts in vec(any::<u32>(), 8)) {
        let mut series = Series::default();
        for (count, more) in [Count::Requests, Count::Errors, Count::CostMicroDollars, Count::FromCloud].into_iter().zip(&counts) {
            series.count(count, u64::from(*more));
        }
        series.error("upstream_429");
        series.measure(Measure::Latency, f64::from(counts[4]));
        let mut written = Vec::new();
        series.write(&mut written);
        let read = Series::read(&mut Reader(&written)).unwrap();
        let mut again = Vec::new();
        read.write(&mut again);
        prop_assert_eq!(&written, &again);
        prop_assert!(Series::read(&mut Reader(&written[..written.len() - 1])).is_none());
        let _ = maya_edge::telemetry::register::read(&bytes);
    }
}

fn labels(tenant: &str, model: &str) -> Labels {
    Labels {
        tenant: tenant.to_owned(),
        endpoint: "chat".to_owned(),
        model: model.to_owned(),
        source: "cloud".to_owned(),
        ..Labels::default()
    }
}

fn told(at_ms: u64, tenant: &str, requests: u64) -> Vec<u8> {
    let mut register = Register::default();
    register.add(at_ms, &labels(tenant, "gpt-oss-120b"), |series| {
        series.count(Count::Requests, requests);
        series.measure(Measure::Latency, 100.0);
    });
    register.take(at_ms)
}

fn add(archive: &mut Archive<Database>, now_ms: u64, isolate: &str, number: u64, bytes: &[u8]) {
    let message = serde_json::to_string(&Message::Add { isolate: isolate.to_owned(), number }).unwrap();
    archive.act(now_ms, &message, bytes).unwrap();
}

fn requests(archive: &mut Archive<Database>, interval: Interval, tenant: Option<&str>) -> u64 {
    let query = Query {
        from_ms: interval.begin(NOON),
        to_ms: NOON + 40 * 24 * HOUR_MS,
        interval,
        group_by: vec!["model".to_owned()],
        tenant: tenant.map(str::to_owned),
    };
    let reply = archive.act(NOON, &serde_json::to_string(&Message::Analytics(query)).unwrap(), &[]).unwrap();
    let told: Value = serde_json::from_str(&reply).unwrap();
    let sum: u64 = told["data"].as_array().unwrap().iter().map(|row| row["requests"].as_u64().unwrap()).sum();
    assert_eq!(told["totals"]["requests"].as_u64(), Some(sum));
    sum
}

#[test]
fn a_message_that_comes_again_counts_once_also_after_the_archive_was_opened_anew() {
    let database = Database::default();
    let mut archive = Archive::open(database.clone()).unwrap();
    add(&mut archive, NOON, "one", 1, &told(NOON, "acme", 3));
    add(&mut archive, NOON, "one", 1, &told(NOON, "acme", 3));
    let mut archive = Archive::open(database.clone()).unwrap();
    add(&mut archive, NOON, "one", 1, &told(NOON, "acme", 3));
    add(&mut archive, NOON, "two", 1, &told(NOON, "acme", 2));
    add(&mut archive, NOON, "one", 2, &told(NOON, "other", 5));
    assert_eq!(requests(&mut archive, Interval::Minute, None), 10);
    assert_eq!(requests(&mut archive, Interval::Minute, Some("acme")), 5);
    // A name that begins like another's is another's.
    assert_eq!(requests(&mut archive, Interval::Minute, Some("acm")), 0);
}

#[test]
fn a_message_that_fails_is_told_again_and_counts_once() {
    let database = Database::default();
    let mut archive = Archive::open(database.clone()).unwrap();
    let message = serde_json::to_string(&Message::Add { isolate: "one".to_owned(), number: 1 }).unwrap();
    database.fail_after(1);
    assert!(archive.act(NOON, &message, &told(NOON, "acme", 3)).is_err());
    let mut archive = Archive::open(database).unwrap();
    assert_eq!(requests(&mut archive, Interval::Minute, None), 0);
    add(&mut archive, NOON, "one", 1, &told(NOON, "acme", 3));
    assert_eq!(requests(&mut archive, Interval::Minute, None), 3);
}

#[test]
fn hours_and_days_say_what_minutes_said_before_and_after_they_are_added_up_and_when_something_comes_late() {
    let database = Database::default();
    let mut archive = Archive::open(database.clone()).unwrap();
    let mut sum = 0;
    for minute in 0..150_u64 {
        let now_ms = NOON + minute * 60_000;
        add(&mut archive, now_ms, "one", minute + 1, &told(now_ms, "acme", minute));
        sum += minute;
    }
    let all = |archive: &mut Archive<Database>| {
        [Interval::Minute, Interval::Hour, Interval::Day].map(|interval| requests(archive, interval, Some("acme")))
    };
    assert_eq!(all(&mut archive), [sum; 3]);
    for _ in 0..4 {
        archive.alarm(NOON + 150 * 60_000).unwrap();
        assert_eq!(all(&mut archive), [sum; 3]);
    }
    add(&mut archive, NOON + 151 * 60_000, "late", 1, &told(NOON + 60_000, "acme", 1000));
    assert_eq!(all(&mut archive), [sum + 1000; 3]);
    let mut archive = Archive::open(database.clone()).unwrap();
    assert_eq!(all(&mut archive), [sum + 1000; 3]);
    // Minutes go after two days, hours after ninety.
    for days in [3, 4] {
        archive.alarm(NOON + days * 24 * HOUR_MS).unwrap();
    }
    assert_eq!(all(&mut archive), [0, sum + 1000, sum + 1000]);
    archive.alarm(NOON + 100 * 24 * HOUR_MS).unwrap();
    assert_eq!(all(&mut archive), [0, 0, sum + 1000]);
    let page: String = serde_json::from_str(&archive.act(NOON, "\"metrics\"", &[]).unwrap()).unwrap();
    let line =
        format!("maya_edge_requests_total{{tenant=\"acme\",endpoint=\"chat\",model=\"gpt-oss-120b\",source=\"cloud\"}} {}", sum + 1000);
    assert!(page.lines().any(|known| known == line), "{page}");
}

#[test]
fn labels_without_end_are_counted_under_others_and_no_request_is_lost() {
    let mut archive = Archive::open(Database::default()).unwrap();
    for isolate in 0..5 {
        let mut register = Register::default();
        for number in 0..1000 {
            let labels = labels(&format!("tenant-{isolate}-{}", number / 10), &format!("model-{number}"));
            register.add(NOON, &labels, |series| series.count(Count::Requests, 1));
        }
        let bytes = register.take(NOON);
        assert!(register.is_empty());
        add(&mut archive, NOON, &isolate.to_string(), 1, &bytes);
    }
    assert_eq!(requests(&mut archive, Interval::Minute, None), 5000);
    let page: String = serde_json::from_str(&archive.act(NOON, "\"metrics\"", &[]).unwrap()).unwrap();
    let overflowed = page.lines().find_map(|line| line.strip_prefix("maya_edge_telemetry_overflowed_total ")).unwrap();
    assert!(overflowed.parse::<u64>().unwrap() > 0);
    assert!(page.lines().count() < 5000);
}

#[test]
fn a_request_is_counted_with_its_posts_of_which_each_bears_a_part_of_the_cost() {
    let mut seen = Observation { tenant: "acme".to_owned(), latest_ms: NOON, ..Observation::default() };
    seen.attempt(NOON + 250, 200, false);
    seen.answered(Some("gpt-oss-120b"), Source::Cloud);
    seen.used(Usage { prompt_tokens: 10, completion_tokens: 20 }, Some(MicroDollars(101)));
    seen.pieces = vec![Piece { platform: "x".to_owned(), valid: true, score: Some(60.0), ..Piece::default() }, Piece::default()];
    let mut whole = Series::default();
    seen.count(NOON, &mut whole);
    for (place, piece) in seen.pieces.iter().enumerate() {
        seen.count_piece(place, piece, &mut whole);
    }
    let counted = [Count::Requests, Count::FromCloud, Count::Posts, Count::Valid, Count::PieceCost, Count::CostMicroDollars];
    assert_eq!(counted.map(|count| whole.counted(count)), [1, 1, 2, 1, 101, 101]);
    let told = Value::Object(maya_edge::telemetry::analytics::fields(&whole));
    assert_eq!(told["business"]["cost_per_piece_micro_dollars"], 50.5);
    assert!((told["latency_ms"]["p50"].as_f64().unwrap() - 250.0).abs() <= 2.5);
    assert_eq!(told["quality"]["ratings"]["mean"], Value::Null);
}
