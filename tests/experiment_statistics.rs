//! The statistics of experiments: functions against known values, sums against what they stand for, definitions and their faults.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests may"
)]

use maya_edge::admission::reading;
use maya_edge::learning::experiment::definition::{Definition, Metric};
use maya_edge::learning::experiment::distributions::{beta_below, ln_gamma, normal_below};
use maya_edge::learning::experiment::layout;
use maya_edge::learning::experiment::posterior::{Belief, Posterior, chances};
use maya_edge::learning::experiment::report::report;
use maya_edge::learning::experiment::sequence::half_width;
use maya_edge::learning::experiment::tally::{Part, Recent, Tally, weight};
use maya_edge::learning::experiment::trial::{Change, Ended, Halted, Parts, Reason, Trial};
use proptest::prelude::*;

fn near(one: f64, other: f64, within: f64) {
    assert!((one - other).abs() <= within, "{one} is not {other}");
}

#[test]
fn functions_have_their_known_values() {
    near(normal_below(0.0), 0.5, 1e-7);
    near(normal_below(1.959_963_985), 0.975, 1e-7);
    near(normal_below(-3.0), 0.001_349_898, 1e-8);
    near(ln_gamma(5.0), 24.0_f64.ln(), 1e-12);
    near(ln_gamma(0.5), std::f64::consts::PI.sqrt().ln(), 1e-12);
    near(beta_below(1.0, 1.0, 0.3), 0.3, 1e-12);
    near(beta_below(2.0, 3.0, 0.4), 0.5248, 1e-12);
    // By its skewness: 0.5 + 0.05513 / (6 sqrt(2 pi)).
    near(beta_below(300.0, 700.0, 0.3), 0.503_67, 1e-4);
    // A large one is nearly normal.
    near(beta_below(3e5, 7e5, 0.3 + 1.96 * (0.21_f64 / 1e6).sqrt()), 0.975, 1e-3);
}

#[test]
fn the_chance_to_be_best_is_known_where_it_can_be_reckoned() {
    let of = |sum: f64, values: f64| Posterior::Beta { a: sum + 1.0, b: values - sum + 1.0 };
    // Beta(2, 1) against Beta(1, 2): 5/6.
    let found = chances(&[of(1.0, 1.0), of(0.0, 1.0)], false);
    near(found[0], 5.0 / 6.0, 2e-3);
    near(chances(&[of(1.0, 1.0), of(0.0, 1.0)], true)[0], 1.0 / 6.0, 2e-3);
    for arms in 2..=5 {
        let alike: Vec<Posterior> = (0..arms).map(|_| of(30.0, 100.0)).collect();
        chances(&alike, false).into_iter().for_each(|chance| near(chance, 1.0 / f64::from(arms), 1e-6));
    }
    // Two normal ones, one deviation apart: the chance is that of a normal number below 1/sqrt(2).
    let normal = |mean| Posterior::Normal { mean, deviation: 1.0 };
    near(chances(&[normal(1.0), normal(0.0)], false)[0], 0.760_25, 1e-4);
    // With nothing seen nobody is better, whatever is measured.
    chances(&Posterior::of_means(&[Belief::default(); 3]), false).into_iter().for_each(|chance| near(chance, 1.0 / 3.0, 1e-6));
}

#[test]
fn what_is_believed_of_a_rate_has_the_interval_of_its_distribution() {
    let seen = Belief { mean: 0.3, worth: 100.0, variance: 0.21 };
    let (low, high) = Posterior::of_rates(&[seen])[0].interval();
    near(low, 0.217, 2e-3);
    near(high, 0.393, 2e-3);
    // Of an arm that nobody knows, what all do is expected; and of nothing, anything.
    let both = Posterior::of_rates(&[Belief { mean: 0.1, worth: 1000.0, variance: 0.09 }, Belief::default()]);
    near(both[1].mean(), 0.1, 1e-3);
    assert!(chances(&both, false)[1] < 0.4);
    assert_eq!(Posterior::of_rates(&[Belief::default()])[0], Posterior::Beta { a: 1.0, b: 1.0 });
}

#[test]
fn what_was_seen_weighs_half_after_its_half_life() {
    let seen = Recent { at_ms: 0, weight: 100.0, evidence: 100.0, sum: 30.0, squares: 30.0 };
    near(seen.at(1000, Some(1000)).worth(), 50.0, 1e-9);
    near(seen.at(3000, Some(1000)).sum, 3.75, 1e-9);
    assert_eq!(seen.at(3000, None).weight, 100.0);
    // What is told of an old answer counts as much as the answer is old, so that nothing is left of a value that is taken back.
    let mut told = Recent::default().at(1000, Some(1000));
    told.replace((None, Some(5.0)), 2.0, 0, Some(1000));
    let mut later = told.at(3000, Some(1000));
    later.replace((Some(5.0), Some(1.0)), 2.0, 2000, Some(1000));
    near(later.mean().unwrap(), 1.0, 1e-9);
    later.replace((Some(1.0), None), 2.0, 2000, Some(1000));
    near(later.weight + later.sum.abs() + later.squares, 0.0, 1e-9);
}

#[test]
fn a_value_weighs_as_much_as_its_call_was_unlikely() {
    assert_eq!((weight(0, &[0.5, 0.5]), weight(1, &[0.9, 0.1]), weight(0, &[0.25, 0.25, 0.5])), (1.0, 5.0, 4.0 / 3.0));
    assert_eq!((weight(1, &[1.0, 0.0]), weight(5, &[0.5, 0.5])), (1.0, 1.0), "of an arm that should have had nobody");
}

#[test]
fn a_sequence_grows_narrower_with_subjects_and_wider_with_less_chance() {
    let wide = |subjects: f64, chance: f64| half_width(0.21 / subjects, subjects, chance);
    assert!(wide(1000.0, 0.05) < wide(500.0, 0.05) && wide(1000.0, 0.01) > wide(1000.0, 0.05));
    // Always wider than the interval for one look, and by less than twice where it is narrowest.
    let once = 1.96 * (0.21_f64 / 1000.0).sqrt();
    assert!(wide(1000.0, 0.05) > once && wide(1000.0, 0.05) < 2.0 * once);
}

proptest! {
    #[test]
    fn a_tally_is_that_of_its_parts_in_any_order_and_nothing_when_all_are_taken_out(
        parts in prop::collection::vec((1_u32..20, 0_u32..400), 2..40),
    ) {
        let parts: Vec<Part> =
            parts.into_iter().map(|(values, sum)| Part::default().with(f64::from(values), 1.0, f64::from(sum))).collect();
        let mut tally = Tally::default();
        parts.iter().for_each(|part| tally.replace(Part::default(), *part));
        let mut backwards = Tally::default();
        for part in parts.iter().rev() {
            let half = Part::default().with(1.0, 1.0, 7.0);
            backwards.replace(Part::default(), half);
            backwards.replace(half, *part);
        }
        prop_assert_eq!(tally, backwards);
        let estimate = tally.estimate(false).unwrap();
        let (values, sum) = parts.iter().fold((0.0, 0.0), |(values, sum), part| (values + part.values, sum + part.sum));
        let mean = sum / values;
        let spread: f64 = parts.iter().map(|part| (part.sum - mean * part.values).powi(2)).sum();
        let count = parts.len() as f64;
        let error = spread / (values * values) * count / (count - 1.0);
        prop_assert!((estimate.mean - mean).abs() < 1e-9);
        prop_assert!((estimate.error - error).abs() <= 1e-6 * (1.0 + error));
        parts.iter().for_each(|part| tally.replace(*part, Part::default()));
        prop_assert_eq!(tally, Tally::default());
    }

    #[test]
    fn shares_are_those_of_a_whole_and_none_falls_below_the_floor(
        values in prop::collection::vec((0_usize..3, any::<bool>()), 0..300),
    ) {
        let definition = read(THOMPSON).unwrap();
        let mut trial = Trial::begin(&definition, 1, String::new(), 0);
        for (arm, good) in values {
            trial.observe(&definition, arm, &mut Parts::new(), &told(Metric::ThumbsUp, f64::from(u8::from(good))), 10);
        }
        trial.renew(&definition, 3_600_000);
        prop_assert!((trial.shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        prop_assert!(trial.shares.iter().all(|share| *share >= 0.1 - 1e-9), "{:?}", trial.shares);
    }
}

/// A value of an answer of just now.
fn told(metric: Metric, value: f64) -> Change {
    Change { metric, before: None, after: Some(value), weight: 1.0, answered_ms: 10 }
}

const THOMPSON: &str =
    r#"{"arms": [{"name": "a"}, {"name": "b"}, {"name": "c"}], "goal": "thumbs_up", "assignment": "thompson", "floor": 0.1}"#;

fn read(text: &str) -> Result<Definition, maya_edge::error::Error> {
    let definition: Definition = reading::read(text.as_bytes())?;
    definition.check().map(|()| definition)
}

#[test]
fn a_definition_says_what_it_says() {
    let text = r#"{"description": "Shorter?", "arms": [{"name": "a", "model": "gpt-oss-120b", "weight": 3}, {"name": "b", "prompt": "Be brief.",
        "temperature": 0.2, "humanize": true}], "control": "b", "goal": "rating", "guards": [{"metric": "cost", "tolerance": 0.1}],
        "assignment": "thompson", "floor": 0.2, "half_life": "7d", "renew": "10m", "stop": {"chance": 0.01}}"#;
    let definition = read(text).unwrap();
    assert_eq!(definition.control(), 1);
    assert_eq!(definition.weights(), [0.75, 0.25]);
    assert_eq!((definition.floor, definition.stop.chance, definition.stop.least_subjects), (0.2, 0.01, 100));
    assert_eq!((definition.half_life_ms(), definition.renew.0), (Some(7 * 86_400_000), 600_000));
}

#[test]
fn what_was_seen_is_read_as_it_was_written() {
    let definition = read(THOMPSON).unwrap();
    let mut trial = Trial::begin(&definition, 4, "key".to_owned(), 1_795_435_200_123);
    let mut own = Parts::new();
    for (arm, metric, value) in [(0, Metric::ThumbsUp, 1.0), (1, Metric::LatencyMs, 812.5), (1, Metric::ThumbsUp, 0.0)] {
        trial.count(arm, true, Some(&[0.3, 0.3, 0.4]));
        trial.observe(&definition, arm, &mut own, &told(metric, value), 1_795_435_201_000);
    }
    trial.arms[2].halted = Some(Halted { metric: Metric::ErrorRate, at_ms: 7 });
    for ended in [None, Some(Ended { reason: Reason::Asked, arm: 2, at_ms: 1_795_435_299_999 })] {
        trial.ended = ended;
        let text = serde_json::to_string(&layout::written(&trial)).unwrap();
        let numbers: Vec<f64> = serde_json::from_str(&text).unwrap();
        assert_eq!(layout::read("key", &numbers).unwrap(), trial);
        assert_eq!(layout::read("key", &numbers[..numbers.len() - 1]), None, "half of it is nothing");
    }
    assert_eq!(layout::parts_read(&layout::parts_written(&own)), own);
    let values = vec![(Metric::Rating, 4.0), (Metric::ErrorRate, 0.0)];
    assert_eq!(layout::told_read(&layout::told_written(2.5, &values)), (2.5, values));
    assert_eq!(layout::read("key", &[1.0]), None, "another layout");
}

#[test]
fn what_is_wrong_in_a_definition_is_named() {
    let two = r#""arms": [{"name": "a"}, {"name": "b"}]"#;
    for (text, field) in [
        (r#"{"goal": "rating"}"#.to_owned(), "arms"),
        (format!("{{{two}}}"), "goal"),
        (format!(r#"{{{two}, "goal": "happiness"}}"#), "goal"),
        (r#"{"arms": [{"name": "a"}], "goal": "rating"}"#.to_owned(), "arms"),
        (r#"{"arms": [{"name": "a"}, {"name": "a"}], "goal": "rating"}"#.to_owned(), "arms[1].name"),
        (r#"{"arms": [{"name": "a"}, {"name": "B b"}], "goal": "rating"}"#.to_owned(), "arms[1].name"),
        (r#"{"arms": [{"name": "a"}, {"name": "b", "weight": 0}], "goal": "rating"}"#.to_owned(), "arms[1].weight"),
        (r#"{"arms": [{"name": "a"}, {"name": "b", "temperature": 3}], "goal": "rating"}"#.to_owned(), "arms[1].temperature"),
        (r#"{"arms": [{"name": "a"}, {"name": "b", "model": "experiment:x"}], "goal": "rating"}"#.to_owned(), "arms[1].model"),
        (r#"{"arms": [{"name": "a"}, {"name": "b", "prompt": ""}], "goal": "rating"}"#.to_owned(), "arms[1].prompt"),
        (r#"{"arms": [{"name": "a"}, {"name": "b", "colour": 1}], "goal": "rating"}"#.to_owned(), "arms[1].colour"),
        (format!(r#"{{{two}, "goal": "rating", "control": "c"}}"#), "control"),
        (format!(r#"{{{two}, "goal": "rating", "guards": [{{"metric": "rating"}}]}}"#), "guards[0].metric"),
        (format!(r#"{{{two}, "goal": "rating", "guards": [{{"metric": "cost", "tolerance": -1}}]}}"#), "guards[0].tolerance"),
        (format!(r#"{{{two}, "goal": "rating", "floor": 0.6}}"#), "floor"),
        (format!(r#"{{{two}, "goal": "rating", "renew": "10ms"}}"#), "renew"),
        (format!(r#"{{{two}, "goal": "rating", "half_life": "1s"}}"#), "half_life"),
        (format!(r#"{{{two}, "goal": "rating", "half_life": "91d"}}"#), "half_life"),
        (format!(r#"{{{two}, "goal": "rating", "stop": {{"chance": 0.5}}}}"#), "stop.chance"),
        (format!(r#"{{{two}, "goal": "rating", "stop": {{"least_subjects": 5}}}}"#), "stop.least_subjects"),
        (format!(r#"{{{two}, "goal": "rating", "stop": {{"most_subjects": 50}}}}"#), "stop.most_subjects"),
    ] {
        let error = read(&text).expect_err(&text);
        assert_eq!((error.status, error.param.as_str()), (400, field), "{text}: {error:?}");
    }
}

#[test]
fn a_report_of_nothing_seen_has_no_winner_and_no_figure_that_nobody_has_measured() {
    let definition = read(THOMPSON).unwrap();
    let told = report(&definition, &Trial::begin(&definition, 3, String::new(), 5), 10);
    assert_eq!(told["status"], "running");
    assert_eq!(told["run"], 3);
    assert_eq!(told["arms"][1]["lift"], serde_json::Value::Null);
    assert_eq!(told["arms"][1]["probability_best"].as_f64(), Some(0.333_333));
    assert_eq!(told["sample_ratio"]["p_value"].as_f64(), Some(1.0));
}

#[test]
fn a_gain_is_above_nothing_where_less_is_better_and_less_was_seen() {
    let definition =
        read(r#"{"arms": [{"name": "a"}, {"name": "b"}], "goal": "latency_ms", "stop": {"least_subjects": 20}, "renew": "1s"}"#).unwrap();
    let mut trial = Trial::begin(&definition, 1, String::new(), 0);
    for subject in 0..200_u32 {
        for arm in 0..2_u32 {
            let value = f64::from(900 - 300 * arm + subject % 7);
            let change = told(Metric::LatencyMs, value);
            trial.observe(&definition, usize::try_from(arm).unwrap(), &mut Parts::new(), &change, 10);
        }
    }
    assert!(trial.renew(&definition, 2000));
    let told = report(&definition, &trial, 2000);
    assert_eq!(told["ended"]["arm"], "b");
    assert_eq!(told["ended"]["reason"], "winner");
    assert_eq!(told["arms"][1]["lift"]["gain"].as_f64(), Some(300.0));
    assert!(told["arms"][1]["lift"]["interval"][0].as_f64().unwrap() > 290.0);
}

#[test]
fn a_value_in_place_of_another_counts_once_and_a_person_who_goes_takes_its_part() {
    let definition = read(THOMPSON).unwrap();
    let mut trial = Trial::begin(&definition, 1, String::new(), 0);
    let mut own = Parts::new();
    trial.count(0, true, None);
    for (before, after) in [(None, Some(1.0)), (Some(1.0), Some(0.0)), (Some(0.0), Some(1.0))] {
        trial.observe(&definition, 0, &mut own, &Change { before, after, ..told(Metric::ThumbsUp, 0.0) }, 10);
    }
    let tally = *trial.arms[0].tally(Metric::ThumbsUp).unwrap();
    assert_eq!((tally.subjects, tally.total.values, tally.total.sum), (1.0, 1.0, 1.0));
    assert_eq!((trial.arms[0].recent.weight, trial.arms[0].recent.sum), (1.0, 1.0));
    trial.forget(0, &own);
    trial.withdraw(&definition, 0, &Change { before: Some(1.0), after: None, ..told(Metric::ThumbsUp, 0.0) }, 10);
    assert_eq!(Recent { at_ms: 0, ..trial.arms[0].recent }, Recent::default());
    assert_eq!(*trial.arms[0].tally(Metric::ThumbsUp).unwrap(), Tally::default());
    assert_eq!(trial.arms[0].subjects, 0);
}
