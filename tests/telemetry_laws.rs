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

use std::cell::Cell as Place;
use std::rc::Rc;

use house::{Database, NOON};
use maya_edge::cloud::models::{MicroDollars, Model, Models};
use maya_edge::ledger::storage::{Batch, Cell, Failure, Row, Storage};
use maya_edge::protocol::usage::Usage;
use maya_edge::telemetry::analytics::{Grouped, MOST_ROWS};
use maya_edge::telemetry::archive::Archive;
use maya_edge::telemetry::message::{Interval, Message, Query};
use maya_edge::telemetry::observation::{Observation, Piece, Source};
use maya_edge::telemetry::prometheus::{MOST_SETS, Page};
use maya_edge::telemetry::register::{Labels, Register, of_table};
use maya_edge::telemetry::roi;
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
    fn buckets_have_all_at_their_bounds_and_never_fall(
        values in vec(prop_oneof![0_u32..300, 0_u32..200_000], 1..120),
        scale in 0_usize..3,
    ) {
        let scale = [1.0, 1000.0, 0.001][scale];
        let limits = [0.0, 0.01, 0.02, 0.32, 0.64, 1.0, 1.28, 2.56, 10.0, 60.0, 81.92, 100.0, 4096.0, 86_400.0].map(|limit| limit * 1000.0);
        let mut sketch = Sketch::default();
        let mut before = limits.map(|_| 0);
        for (place, value) in values.iter().enumerate() {
            // Half of them lie at a bound.
            let value = if value % 2 == 0 { limits[place % limits.len()] } else { f64::from(*value) * scale };
            sketch.add(value);
            let told = limits.map(|limit| sketch.at_most(limit));
            prop_assert!(told.iter().zip(before).all(|(now, before)| *now >= before), "{told:?} after {before:?}");
            let counted = |((limit, now), before): ((&f64, u64), u64)| value > *limit || now == before + 1;
            prop_assert!(limits.iter().zip(told).zip(before).all(counted), "{value}: {told:?}");
            prop_assert!(told.is_sorted());
            before = told;
        }
        prop_assert_eq!(sketch.at_most(f64::INFINITY), values.len() as u64);
        prop_assert_eq!(Sketch::read(&sketch.bytes()).map(|read| limits.map(|limit| read.at_most(limit))), Some(before));
    }

    #[test]
    fn series_are_read_as_they_were_written_and_nothing_else_panics(bytes in vec(any::<u8>(), 0..200), counts in vec(any::<u32>(), 8)) {
        let mut series = Series::default();
        for (count, more) in [Count::Requests, Count::Errors, Count::CostMicroDollars, Count::FromCloud].into_iter().zip(&counts) {
            series.count(count, u64::from(*more));
        }
        series.error("invalid_value");
        series.observe(|series| {
            series.error("upstream_429");
            series.measure(Measure::Latency, f64::from(counts[4]));
        });
        series.measure(Measure::Latency, f64::from(counts[5]));
        prop_assert_eq!(series.failed(Measure::Latency).map(|(code, of)| (code, of.count())).collect::<Vec<_>>(), [("upstream_429", 1)]);
        let mut written = Vec::new();
        series.write(&mut written);
        let read = Series::read(&mut Reader(&written)).unwrap();
        let mut again = Vec::new();
        read.write(&mut again);
        prop_assert_eq!(&written, &again);
        prop_assert_eq!(read.failed(Measure::Latency).map(|(_, of)| of.count()).sum::<u64>(), 1);
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

fn add<S: Storage>(archive: &mut Archive<S>, now_ms: u64, isolate: &str, number: u64, bytes: &[u8]) {
    let message = serde_json::to_string(&Message::Add { isolate: isolate.to_owned(), number }).unwrap();
    archive.act(now_ms, &message, bytes).unwrap();
}

fn requests<S: Storage>(archive: &mut Archive<S>, interval: Interval, tenant: Option<&str>) -> u64 {
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

/// A database that knows how much one query or one write has carried at the most.
#[derive(Clone, Default)]
struct Weighed {
    database: Database,
    most_rows: Rc<Place<usize>>,
    most_statements: Rc<Place<usize>>,
    rows: Rc<Place<usize>>,
}

impl Storage for Weighed {
    fn query(&self, sql: &str, cells: &[Cell]) -> Result<Vec<Row>, Failure> {
        let rows = self.database.query(sql, cells)?;
        self.most_rows.set(self.most_rows.get().max(rows.len()));
        self.rows.set(self.rows.get() + rows.len());
        Ok(rows)
    }

    fn bytes(&self, sql: &str, cells: &[Cell]) -> Result<Option<Vec<u8>>, Failure> {
        self.database.bytes(sql, cells)
    }

    fn write(&self, batch: &Batch, alarm_ms: Option<u64>) -> Result<(), Failure> {
        self.most_statements.set(self.most_statements.get().max(batch.0.len()));
        self.database.write(batch, alarm_ms)
    }

    fn random(&self, count: usize) -> Vec<u8> {
        self.database.random(count)
    }
}

fn page<S: Storage>(archive: &mut Archive<S>) -> String {
    serde_json::from_str(&archive.act(NOON, "\"metrics\"", &[]).unwrap()).unwrap()
}

/// The sum of a metric's samples that have all of some labels.
fn sum_of(page: &str, name: &str, with: &[&str]) -> f64 {
    let of = |line: &&str| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])) && with.iter().all(|label| line.contains(label))
    };
    page.lines().filter(of).map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

#[test]
fn a_page_has_an_end_and_loses_no_request_at_it() {
    let mut series = Series::default();
    series.count(Count::Requests, 1);
    let mut page = Page::default();
    for number in 0..MOST_SETS + 500 {
        page.add(&labels(&format!("tenant-{number:06}"), "gpt-oss-120b"), &series);
    }
    let told = page.told();
    assert_eq!(told.lines().filter(|line| line.starts_with("maya_edge_requests_total{")).count(), MOST_SETS + 1);
    assert_eq!(sum_of(&told, "maya_edge_requests_total", &[]), (MOST_SETS + 500) as f64);
    assert_eq!(sum_of(&told, "maya_edge_requests_total", &["tenant=\"_other\"", "model=\"gpt-oss-120b\""]), 500.0);
}

#[test]
fn a_question_with_more_rows_than_an_answer_has_is_refused_and_one_with_as_many_is_not() {
    let query = Query { from_ms: 0, to_ms: u64::MAX, interval: Interval::Day, group_by: vec!["tenant".to_owned()], tenant: None };
    let mut grouped = Grouped::default();
    for number in 0..MOST_ROWS {
        grouped.add(&query, NOON, &labels(&format!("tenant-{number}"), "m"), &Series::default());
        grouped.add(&query, NOON, &labels("tenant-0", "m"), &Series::default());
    }
    assert_eq!(grouped.told(&query)["data"].as_array().map(Vec::len), Some(MOST_ROWS));
    grouped.add(&query, NOON, &labels("one more", "m"), &Series::default());
    assert_eq!(grouped.told(&query), serde_json::json!({"error": "too_many_rows"}));
}

#[test]
fn an_hour_of_two_thousand_label_sets_a_minute_is_never_read_or_written_at_once() {
    const TENANTS: usize = 100;
    const MODELS: usize = 20;
    let storage = Weighed::default();
    let mut archive = Archive::open(storage.clone()).unwrap();
    for minute in 0..60_u64 {
        let now_ms = NOON + minute * 60_000;
        // As many isolates tell as it takes.
        for isolate in 0..10 {
            let mut register = Register::default();
            for number in 0..TENANTS / 10 * MODELS {
                let tenant = format!("tenant-{}", isolate + number / MODELS * 10);
                let labels = labels(&tenant, &format!("model-{}", number % MODELS));
                register.add(now_ms, &labels, |series| series.count(Count::Requests, 1));
            }
            add(&mut archive, now_ms, &isolate.to_string(), minute + 1, &register.take(now_ms));
        }
    }
    let sum = (60 * TENANTS * MODELS) as u64;
    let end_ms = NOON + HOUR_MS + 180_000;
    let mut alarms = 0;
    let mut seen = Vec::new();
    while storage.database.number("SELECT max(at) FROM progress WHERE name = 'added_up'") < (NOON + HOUR_MS) as i64 {
        // A new archive each time, as after an eviction: what is done stays done, and what is told is right in between.
        archive = Archive::open(storage.clone()).unwrap();
        archive.alarm(end_ms + alarms * 1000).unwrap();
        alarms += 1;
        assert!(alarms < 100, "the hour is added up");
        seen.push(requests(&mut archive, Interval::Hour, Some("tenant-7")));
        if alarms == 2 {
            assert_eq!(requests(&mut archive, Interval::Hour, None), sum);
            assert_eq!(sum_of(&page(&mut archive), "maya_edge_requests_total", &[]), sum as f64);
        }
    }
    assert!(alarms > 1, "one alarm has an end");
    assert!(seen.iter().all(|seen| *seen == 60 * MODELS as u64), "{seen:?}");
    for interval in [Interval::Minute, Interval::Hour, Interval::Day] {
        assert_eq!(requests(&mut archive, interval, None), sum);
    }
    assert_eq!(sum_of(&page(&mut archive), "maya_edge_requests_total", &[]), sum as f64);
    assert!(storage.most_rows.get() <= 500, "{} rows at once", storage.most_rows.get());
    assert!(storage.most_statements.get() <= 3000, "{} statements at once", storage.most_statements.get());
    // A tenant's question reads its own rows alone, and one row for each stretch of time.
    storage.rows.set(0);
    assert_eq!(requests(&mut archive, Interval::Minute, Some("tenant-7")), 60 * MODELS as u64);
    assert!(storage.rows.get() <= 60 * MODELS + 10, "{} rows", storage.rows.get());
}

#[test]
fn what_tenants_call_their_experiments_does_not_make_the_page_for_prometheus_longer() {
    let mut archive = Archive::open(Database::default()).unwrap();
    let mut lines = 0;
    for minute in 0..180_u64 {
        let now_ms = NOON + minute * 60_000;
        let mut register = Register::default();
        for arm in 0..5 {
            let labels = Labels { variant: format!("experiment-{minute}:{arm}"), ..labels("acme", "gpt-oss-120b") };
            register.add(now_ms, &labels, |series| series.count(Count::Requests, 1));
        }
        add(&mut archive, now_ms, "one", minute + 1, &register.take(now_ms));
        if minute == 0 {
            lines = page(&mut archive).lines().count();
        }
    }
    for _ in 0..4 {
        archive.alarm(NOON + 4 * HOUR_MS).unwrap();
    }
    assert_eq!(page(&mut archive).lines().count(), lines);
    assert_eq!(sum_of(&page(&mut archive), "maya_edge_requests_total", &[]), 900.0);
}

/// What a tenant's own question tells, by the values of a label.
fn by_label(archive: &mut Archive<Database>, tenant: &str, label: &str) -> Vec<(Option<String>, u64)> {
    let query = Query {
        from_ms: NOON,
        to_ms: NOON + HOUR_MS,
        interval: Interval::Hour,
        group_by: vec![label.to_owned()],
        tenant: Some(tenant.to_owned()),
    };
    let reply = archive.act(NOON, &serde_json::to_string(&Message::Analytics(query)).unwrap(), &[]).unwrap();
    let told: Value = serde_json::from_str(&reply).unwrap();
    let row = |row: &Value| (row["group"][label].as_str().map(str::to_owned), row["requests"].as_u64().unwrap());
    told["data"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn a_tenant_of_many_labels_narrows_its_own_and_nobody_elses() {
    let mut archive = Archive::open(Database::default()).unwrap();
    // In many isolates and in each alone: variants without end, and then one tenant after another that calls but once.
    for isolate in 0..40 {
        let mut register = Register::default();
        for number in 0..2_000 {
            let labels = Labels { variant: format!("{isolate}:{number}"), ..labels("loud", "gpt-oss-120b") };
            register.add(NOON, &labels, |series| series.count(Count::Requests, 1));
        }
        for tenant in ["acme", "other"] {
            for model in ["gpt-oss-120b", "zai-glm-4.7", "gpt-oss-120b"] {
                register.add(NOON, &labels(tenant, model), |series| series.count(Count::Requests, 1));
            }
        }
        register.add(NOON, &labels(&format!("small-{isolate}"), "gpt-oss-120b"), |series| series.count(Count::Requests, 1));
        add(&mut archive, NOON, &isolate.to_string(), 1, &register.take(NOON));
    }
    let check = |archive: &mut Archive<Database>| {
        for tenant in ["acme", "other"] {
            let told = by_label(archive, tenant, "model");
            assert_eq!(told, [(Some("gpt-oss-120b".to_owned()), 80), (Some("zai-glm-4.7".to_owned()), 40)], "{tenant}");
        }
        for isolate in 0..40 {
            assert_eq!(by_label(archive, &format!("small-{isolate}"), "model"), [(Some("gpt-oss-120b".to_owned()), 1)]);
        }
        // Its variants go first; its models stay.
        assert_eq!(by_label(archive, "loud", "model"), [(Some("gpt-oss-120b".to_owned()), 80_000)]);
        let variants = by_label(archive, "loud", "variant");
        assert!(variants.len() <= 500, "{}", variants.len());
        assert_eq!(variants.iter().map(|(_, requests)| requests).sum::<u64>(), 80_000);
    };
    check(&mut archive);
    let page = page(&mut archive);
    assert_eq!(sum_of(&page, "maya_edge_requests_total", &["tenant=\"loud\""]), 80_000.0);
    assert_eq!(sum_of(&page, "maya_edge_requests_total", &["tenant=\"_other\""]), 0.0);
    let overflowed = sum_of(&page, "maya_edge_telemetry_overflowed_total", &[]);
    assert!(overflowed > 70_000.0 && overflowed <= 80_000.0, "{overflowed}");
    assert_eq!(sum_of(&page, "maya_edge_telemetry_lost_total", &[]), 0.0);
    archive.alarm(NOON + 2 * HOUR_MS).unwrap();
    check(&mut archive);
}

#[test]
fn tenants_without_number_are_counted_under_a_name_that_no_tenant_has() {
    let mut archive = Archive::open(Database::default()).unwrap();
    for isolate in 0..10 {
        let mut register = Register::default();
        for number in 0..700 {
            register.add(NOON, &labels(&format!("tenant-{isolate}-{number}"), "gpt-oss-120b"), |series| series.count(Count::Requests, 1));
        }
        add(&mut archive, NOON, &isolate.to_string(), 1, &register.take(NOON));
    }
    assert_eq!(requests(&mut archive, Interval::Minute, None), 7_000);
    assert_eq!(requests(&mut archive, Interval::Minute, Some("other")), 0);
    assert_eq!(requests(&mut archive, Interval::Minute, Some("_other")), 3_000);
    assert_eq!(requests(&mut archive, Interval::Minute, Some("tenant-2-5")), 1);
}

#[test]
fn minutes_that_cannot_be_told_keep_every_tenants_counts() {
    let mut register = Register::default();
    for minute in 0..20 {
        for number in 0..200 {
            let labels = labels(&format!("tenant-{}", number % 50), &format!("model-{number}"));
            register.add(NOON + minute * 60_000, &labels, |series| series.count(Count::Requests, 1));
        }
    }
    let now_ms = NOON + 19 * 60_000;
    let mut archive = Archive::open(Database::default()).unwrap();
    add(&mut archive, now_ms, "one", 1, &register.take(now_ms));
    for tenant in 0..50 {
        assert_eq!(requests(&mut archive, Interval::Minute, Some(&format!("tenant-{tenant}"))), 80);
    }
    assert_eq!(sum_of(&page(&mut archive), "maya_edge_telemetry_lost_total", &[]), 0.0);
}

#[test]
fn failed_calls_are_cerebras_with_their_error_and_what_is_no_generative_ai_is_not_called_so() {
    let mut archive = Archive::open(Database::default()).unwrap();
    let mut register = Register::default();
    let mut see = |endpoint: &str, error: Option<&'static str>, source: Option<Source>, upstream_ms: Option<u32>| {
        let mut seen = Observation { tenant: "acme".to_owned(), latest_ms: NOON, ..Observation::default() };
        if let Some(upstream_ms) = upstream_ms {
            seen.attempt(NOON + u64::from(upstream_ms), upstream_ms, true);
            "gpt-oss-120b".clone_into(&mut seen.model);
        }
        seen.source = source;
        if let Some(error) = error {
            seen.failed(error, 500);
        }
        register.add(NOON, &seen.labels(endpoint), |series| seen.count(NOON, series));
    };
    see("chat", None, Some(Source::Cloud), Some(90));
    see("chat", Some("upstream_429"), None, Some(30));
    see("chat", Some("upstream_500"), None, Some(500));
    // A stream that broke off: its answer had begun.
    see("chat", Some("stream_interrupted"), Some(Source::Cloud), Some(700));
    see("chat", Some("invalid_value"), None, None);
    see("files", None, None, None);
    see("unknown", Some("unknown_path"), None, None);
    add(&mut archive, NOON, "one", 1, &register.take(NOON));
    let page = page(&mut archive);
    let client = "gen_ai_client_operation_duration_seconds_count";
    let model = "gen_ai_request_model=\"gpt-oss-120b\"";
    assert_eq!(sum_of(&page, client, &["gen_ai_provider_name=\"cerebras\"", model]), 4.0);
    for (error, count) in [("upstream_429", 1.0), ("upstream_500", 1.0), ("stream_interrupted", 1.0), ("invalid_value", 0.0)] {
        assert_eq!(sum_of(&page, client, &[&format!("error_type=\"{error}\"")]), count, "{error}");
    }
    let answered = page.lines().filter(|line| line.starts_with(client) && !line.contains("error_type")).collect::<Vec<_>>();
    assert_eq!(answered.len(), 1, "{answered:?}");
    assert!(answered[0].contains("gen_ai_response_model=\"gpt-oss-120b\"") && answered[0].ends_with(" 1"));
    assert_eq!(sum_of(&page, "gen_ai_client_operation_duration_seconds_bucket", &["le=\"0.16\"", "source=\"cloud\""]), 1.0);
    assert!(page.lines().all(|line| !line.contains("upstream_429") || !line.contains("gen_ai_response_model")));
    assert_eq!(sum_of(&page, "gen_ai_server_request_duration_seconds_count", &[]), 5.0);
    assert_eq!(sum_of(&page, "maya_edge_request_duration_seconds_count", &[]), 7.0);
    let first = page.lines().filter(|line| line.starts_with("gen_ai_server_time_to_first_token_seconds_bucket")).count();
    assert_eq!(first % 17, 0);
    assert!(page.contains("le=\"7.5\""));
}

#[test]
fn what_feedback_tells_and_wording_gains_is_on_the_page_as_it_is_in_analytics() {
    let mut archive = Archive::open(Database::default()).unwrap();
    let mut register = Register::default();
    register.add(NOON, &Labels { platform: "x".to_owned(), ..labels("acme", "gpt-oss-120b") }, |series| {
        for (count, more) in [(Count::Ratings, 3), (Count::RatingSum, 225), (Count::Comments, 4), (Count::Shares, 5)] {
            series.count(count, more);
        }
    });
    // A gain of 7.5 and a loss of 10.
    register.add(NOON, &labels("acme", "gpt-oss-120b"), |series| {
        series.count(Count::Humanized, 2);
        series.count(Count::HumanizingGain, 10_750 + 9_000);
    });
    add(&mut archive, NOON, "one", 1, &register.take(NOON));
    let page = page(&mut archive);
    let expected = [
        ("maya_edge_ratings_total", 3.0),
        ("maya_edge_rating_sum_total", 2.25),
        ("maya_edge_comments_total", 4.0),
        ("maya_edge_shares_total", 5.0),
        ("maya_edge_humanized_total", 2.0),
        ("maya_edge_humanizing_gain_points", -2.5),
    ];
    for (name, value) in expected {
        assert_eq!(sum_of(&page, name, &["tenant=\"acme\""]), value, "{name}");
    }
}

#[test]
fn a_review_that_takes_longer_than_writing_is_a_loss() {
    let totals = serde_json::json!({"quality": {"posts": 12, "degraded": 2}, "cost_micro_dollars": 5_000, "unpriced": 0});
    let of = |hand, review| Value::Object(roi::report(&totals, [Some(hand), Some(review), Some(60_000_000), None]));
    let (gain, loss) = (of(30, 5), of(5, 12));
    assert_eq!((&gain["labour"]["minutes_saved"], &gain["labour"]["saved_micro_dollars"]), (&250.into(), &250_000_000.into()));
    assert_eq!((&loss["labour"]["minutes_saved"], &loss["labour"]["saved_micro_dollars"]), (&(-70).into(), &(-70_000_000).into()));
    assert_eq!(loss["net_micro_dollars"], -70_005_000);
    assert!(loss["return_ratio"].as_f64().unwrap() < 0.0);
    // Numbers without measure do not turn round.
    assert_eq!(of(0, u64::MAX)["net_micro_dollars"], i64::MIN);
    assert_eq!(of(u64::MAX, 0)["net_micro_dollars"], i64::MAX);
}

#[test]
fn only_models_of_the_table_are_labels() {
    let models =
        Models::new(vec![("gpt-oss-120b".to_owned(), serde_json::from_str::<Model>("{}").unwrap())], Default::default(), 1_000).unwrap();
    let told = ["gpt-oss-120b", "what-somebody-typed", ""].map(|model| of_table(&models, model));
    assert_eq!(told, ["gpt-oss-120b", "other", ""]);
}
