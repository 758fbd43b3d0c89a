//! What is learnt from feedback: the regression's laws, scores, and what is refused.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "tests may"
)]

use maya_edge::content::platform::Platform;
use maya_edge::content::score::Effect;
use maya_edge::learning::feedback::{Engagement, Feedback};
use maya_edge::learning::regression::{Posterior, Prior, Sums};
use maya_edge::learning::score_model::{FEATURES, Learnt, Post, outcome};
use proptest::prelude::*;

const NOW: u64 = 1_795_000_000_000;

/// Numbers that look like chance and are the same each time (SplitMix64).
struct Chance(u64);

impl Chance {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.uniform()).ln()).sqrt() * (2.0 * std::f64::consts::PI * self.uniform()).cos()
    }
}

fn flat(size: usize) -> Prior {
    Prior { means: vec![0.0; size], precisions: vec![0.01; size], variance: 1.0, strength: 4.0 }
}

#[test]
fn known_weights_are_found_again() {
    let (mut chance, mut sums) = (Chance(1), Sums::default());
    let weights = [2.0, -1.0, 0.5];
    for _ in 0..2_000 {
        let x = [1.0, chance.normal(), chance.normal()];
        let y: f64 = weights.iter().zip(&x).map(|(weight, value)| weight * value).sum::<f64>() + 3.0 * chance.normal();
        sums.add(&x, y, 1.0);
    }
    let posterior = Posterior::of(&flat(3), &sums).unwrap();
    for (place, weight) in weights.iter().enumerate() {
        assert!((posterior.means[place] - weight).abs() < 4.0 * posterior.deviation(place), "{:?}", posterior.means);
        assert!(posterior.deviation(place) < 0.1);
    }
    assert!((posterior.variance - 9.0).abs() < 0.6, "{}", posterior.variance);
}

proptest! {
    #[test]
    fn what_is_taken_out_again_was_never_there(rows in proptest::collection::vec((proptest::array::uniform4(-5.0..5.0_f64), -50.0..50.0_f64), 1..20), gone in 0..20_usize) {
        let (mut all, mut others) = (Sums::default(), Sums::default());
        let gone = gone % rows.len();
        for (place, (x, y)) in rows.iter().enumerate() {
            all.add(x, *y, 1.0);
            if place != gone {
                others.add(x, *y, 1.0);
            }
        }
        all.add(&rows[gone].0, rows[gone].1, -1.0);
        let [one, other] = [all, others].map(|sums| Posterior::of(&flat(4), &sums).unwrap());
        for (one, other) in one.means.iter().zip(&other.means) {
            prop_assert!((one - other).abs() < 1e-6, "{one} {other}");
        }
        prop_assert!((one.variance - other.variance).abs() < 1e-6);
    }

    #[test]
    fn the_order_in_which_things_are_seen_does_not_matter(rows in proptest::collection::vec((proptest::array::uniform3(-5.0..5.0_f64), -50.0..50.0_f64), 1..20)) {
        let sums = |rows: &mut dyn Iterator<Item = &([f64; 3], f64)>| {
            let mut sums = Sums::default();
            rows.for_each(|(x, y)| sums.add(x, *y, 1.0));
            Posterior::of(&flat(3), &sums).unwrap().means
        };
        for (one, other) in sums(&mut rows.iter()).iter().zip(sums(&mut rows.iter().rev())) {
            prop_assert!((one - other).abs() < 1e-6);
        }
    }

    #[test]
    fn any_feedback_is_read_or_refused_by_name(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = Feedback::read(&body, NOW) {
            prop_assert_eq!(error.status, 400);
        }
    }
}

// Scores

fn effects(points: &[(&'static str, f64)]) -> Vec<Effect> {
    points.iter().map(|(feature, points)| Effect { feature, points: *points, reason: "" }).collect()
}

fn did(impressions: u64, likes: u64) -> Engagement {
    Engagement { impressions: Some(impressions), likes: Some(likes), ..Engagement::default() }
}

/// A world in which questions do far better than the rules say, numbers do worse, and the rest is as they say.
fn world(chance: &mut Chance, posts: usize) -> Learnt {
    let mut learnt = Learnt::default();
    for _ in 0..posts {
        let (post, likes) = a_post(chance);
        learnt.see(&post, None, Some(&did(20_000, likes)));
    }
    learnt
}

fn a_post(chance: &mut Chance) -> (Post, u64) {
    let has = |chance: &mut Chance| chance.uniform() < 0.5;
    let (question, number, length) = (has(chance), has(chance), has(chance));
    let points: Vec<(&str, f64)> = [("question", 3.0, question), ("number", 3.0, number), ("length", 6.0, length)]
        .into_iter()
        .filter(|one| one.2)
        .map(|one| (one.0, one.1))
        .collect();
    let real = 4.0 * 3.0 * f64::from(u8::from(question)) - 3.0 * f64::from(u8::from(number)) + 6.0 * f64::from(u8::from(length));
    let log_rate = 0.02_f64.ln() + (real + 15.0 * chance.normal()) / 20.0;
    (Post::of(Platform::X, &effects(&points)), (20_000.0 * log_rate.exp()).round() as u64)
}

#[test]
fn without_feedback_the_model_says_what_the_rules_say() {
    let model = Learnt::default().model().unwrap();
    for points in [vec![], vec![("question", 3.0), ("length", -5.0)], vec![("fault", -20.0)]] {
        let (score, (low, high)) = model.score(&Post::of(Platform::LinkedIn, &effects(&points)));
        let rules = 50.0 + points.iter().map(|(_, points)| points).sum::<f64>();
        assert!((score - rules).abs() < 1e-9, "{score} {rules}");
        assert!((20.0..40.0).contains(&(high - score)) && (20.0..40.0).contains(&(score - low)), "{low} {high}");
    }
    assert_eq!((model.posts, model.error, model.coverage), (0, None, None));
}

#[test]
fn what_a_tenants_readers_like_is_learnt() {
    let model = world(&mut Chance(7), 400).model().unwrap();
    assert!((2.0..6.0).contains(&model.weight("question")), "{}", model.weight("question"));
    assert!(model.weight("number") < 0.2, "{}", model.weight("number"));
    assert!((0.4..1.6).contains(&model.weight("length")), "{}", model.weight("length"));
    assert!((model.weight("emoji") - 1.0).abs() < 1e-6, "of what was never seen nothing is learnt");
    let of = |points: &[(&'static str, f64)]| model.score(&Post::of(Platform::X, &effects(points))).0;
    assert!(of(&[("question", 3.0)]) > of(&[("number", 3.0)]) + 6.0);
}

#[test]
fn intervals_hold_what_they_say_and_chances_come_true() {
    let mut chance = Chance(11);
    let learnt = world(&mut chance, 600);
    let (error, coverage) = (learnt.calibration.error().unwrap(), learnt.calibration.coverage().unwrap());
    assert!(error < 0.05 && (coverage - 0.8).abs() < 0.06, "{error} {coverage}");
    // Also for posts that come afterwards, against what they really do.
    let model = learnt.model().unwrap();
    let usual = 0.02_f64.ln() * 20.0;
    let within = (0..1000)
        .filter(|_| {
            let (post, likes) = a_post(&mut chance);
            let (_, (low, high)) = model.score(&post);
            let real = outcome(&did(20_000, likes)).unwrap().0 - usual + 50.0;
            (low..=high).contains(&real)
        })
        .count();
    assert!((720..=880).contains(&within), "{within}");
}

#[test]
fn learning_from_noise_alone_leaves_the_rules_about_where_they_were() {
    let mut chance = Chance(3);
    let mut learnt = Learnt::default();
    for _ in 0..300 {
        let (post, _) = a_post(&mut chance);
        learnt.see(&post, None, Some(&did(5_000, (5_000.0 * 0.02 * (0.8 * chance.normal()).exp()) as u64)));
    }
    let model = learnt.model().unwrap();
    for (feature, usual) in [("question", 1.6), ("number", 1.6), ("length", 1.3)] {
        assert!((model.weight(feature)).abs() < usual, "{feature} {}", model.weight(feature));
    }
}

#[test]
fn one_post_moves_a_score_by_little_whatever_it_did() {
    for engagement in
        [did(1_000_000_000, 0), did(1_000_000_000, 1_000_000_000), Engagement { likes: Some(20_000_000_000), ..Engagement::default() }]
    {
        let post = Post::of(Platform::X, &effects(&[("question", 3.0), ("length", 6.0)]));
        let mut learnt = world(&mut Chance(5), 50);
        let before = learnt.model().unwrap().score(&post).0;
        learnt.see(&post, None, Some(&engagement));
        let after = learnt.model().unwrap().score(&post).0;
        assert!((before - after).abs() < 5.0, "{before} {after}");
    }
}

#[test]
fn later_figures_of_a_post_take_the_place_of_earlier_ones() {
    let (post, other) = (Post::of(Platform::X, &effects(&[("question", 3.0)])), Post::of(Platform::Bluesky, &effects(&[("length", 6.0)])));
    let (mut once, mut often) = (Learnt::default(), Learnt::default());
    for learnt in [&mut once, &mut often] {
        learnt.see(&other, None, Some(&did(900, 9)));
    }
    once.see(&post, None, Some(&did(1_000, 70)));
    let course = [did(10, 1), did(500, 20), did(1_000, 70)];
    often.see(&post, None, Some(&course[0]));
    often.see(&post, Some(&course[0]), Some(&course[1]));
    often.see(&post, Some(&course[1]), Some(&course[2]));
    often.see(&post, Some(&course[2]), Some(&course[2]));
    assert_eq!((once.posts(), often.posts(), often.calibration.posts), (2, 2, 2));
    let [one, other] = [once, often].map(|learnt| learnt.model().unwrap());
    for feature in FEATURES {
        assert!((one.weight(feature) - other.weight(feature)).abs() < 1e-9);
    }
}

#[test]
fn counts_without_impressions_are_learnt_from_apart_from_rates() {
    let count = Engagement { likes: Some(20), ..Engagement::default() };
    assert_eq!(outcome(&count).map(|(_, by_rate)| by_rate), Some(false));
    assert_eq!(outcome(&did(100, 5)).map(|(_, by_rate)| by_rate), Some(true));
    assert_eq!(outcome(&Engagement { impressions: Some(100), ..Engagement::default() }), None, "nobody knows what people did");
    assert_eq!(
        outcome(&Engagement { impressions: Some(0), likes: Some(0), ..Engagement::default() }).map(|(_, by_rate)| by_rate),
        Some(false)
    );
}

// What is refused

fn refused(body: &str) -> (String, String) {
    let error = Feedback::read(body.as_bytes(), NOW).unwrap_err();
    (error.code.to_owned(), error.param)
}

#[test]
fn what_cannot_be_is_refused_by_the_field() {
    for (body, param) in [
        (r#"{"id":"a","rating":0}"#, "rating"),
        (r#"{"id":"a","rating":6}"#, "rating"),
        (r#"{"id":"a","thumb":"sideways"}"#, "thumb"),
        (r#"{"id":"","rating":3}"#, "id"),
        (r#"{"id":"a","text":" "}"#, "text"),
        (r#"{"id":"a","brand":"../x","rating":1}"#, "brand"),
        (r#"{"id":"a","published":{"at":"tomorrow"}}"#, "published.at"),
        (r#"{"id":"a","published":{"at":"2099-01-01T00:00:00Z"}}"#, "published.at"),
        (r#"{"id":"a","published":{"url":"javascript:alert(1)"}}"#, "published.url"),
        (r#"{"id":"a","engagement":{}}"#, "engagement"),
        (r#"{"id":"a","engagement":{"impressions":10,"likes":11}}"#, "engagement.likes"),
        (r#"{"id":"a","engagement":{"shares":20000000001}}"#, "engagement.shares"),
    ] {
        assert_eq!(refused(body), ("wrong_value".to_owned(), param.to_owned()), "{body}");
    }
    assert_eq!(refused(r#"{"id":"a","engagement":{"likes":-1}}"#).1, "engagement.likes");
    assert_eq!(refused(r#"{"id":"a","stars":5}"#), ("unknown_field".to_owned(), "stars".to_owned()));
    assert_eq!(refused(r#"{"rating":5}"#), ("missing_field".to_owned(), "id".to_owned()));
    assert_eq!(refused(r#"{"id":"a"}"#).0, "missing_field");
}

#[test]
fn a_later_word_holds_field_by_field() {
    let read = |body: &str| Feedback::read(body.as_bytes(), NOW).unwrap().1;
    let first = read(r#"{"id":"a","rating":2,"approved":true,"text":"A","engagement":{"impressions":100,"likes":9}}"#);
    let second = first.clone().later(read(r#"{"id":"a","thumb":"up","engagement":{"impressions":300}}"#)).unwrap();
    assert_eq!((second.rating, second.rated()), (None, Some(1.0)));
    assert_eq!((second.approved, second.agreed_text()), (Some(true), Some("A")));
    assert_eq!(second.engagement, Some(did(300, 9)));
    let shrunk = second.later(read(r#"{"id":"a","engagement":{"impressions":5}}"#)).unwrap_err();
    assert_eq!(shrunk.param, "engagement.likes", "both words together have to make sense");
    assert_eq!(first.rated(), Some(0.25));
}

#[test]
fn ratings_of_models_count_once_there_are_some() {
    let mut learnt = Learnt::default();
    assert_eq!(learnt.model().unwrap().liked("a"), 0.0);
    learnt.rate("a", None, Some(1.0));
    learnt.rate("b", None, Some(0.0));
    let few = learnt.model().unwrap().liked("a");
    assert!((0.01..0.05).contains(&few), "{few}");
    for _ in 0..200 {
        learnt.rate("a", None, Some(1.0));
        learnt.rate("b", None, Some(0.0));
    }
    let model = learnt.model().unwrap();
    assert!((0.4..0.5).contains(&model.liked("a")) && (model.liked("a") + model.liked("b")).abs() < 1e-9);
    assert_eq!(model.liked("c"), 0.0, "of what nobody has rated nothing is known");
    // A rating that changes is one rating.
    let mut once = Learnt::default();
    once.rate("a", None, Some(0.25));
    once.rate("a", Some(0.25), Some(1.0));
    assert_eq!(once.ratings["a"], (1, 1.0));
}
