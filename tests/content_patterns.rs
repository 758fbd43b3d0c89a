//! What a history of posts shows, and what it does not.
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

use maya_edge::content::patterns::{FEWEST, Feature, Past, patterns, t_quantile};
use maya_edge::content::platform::Platform;
use proptest::prelude::*;

fn past(id: usize, text: &str, engagements: u64) -> Past {
    Past { id: format!("p{id}"), text: text.to_owned(), platform: Platform::X, published_ms: None, impressions: 1000, engagements }
}

/// Twelve posts: those that ask are engaged with about three times as often.
fn asking() -> Vec<Past> {
    (0..12)
        .map(|id| match id % 2 {
            0 => past(id, "What do you cook on Sundays?", 58 + (id as u64 * 7) % 11),
            _ => past(id, "We cook soup on every Sunday.", 18 + (id as u64 * 5) % 9),
        })
        .collect()
}

#[test]
fn a_difference_that_is_there_is_found_with_its_figures_and_the_posts_that_show_it() {
    let history = asking();
    let found = patterns(&history);
    let question = found.iter().find(|pattern| pattern.feature == Feature::Question).unwrap();
    assert_eq!(question.counts, (6, 6));
    let mean = |even: usize| history.iter().skip(even).step_by(2).map(Past::rate).sum::<f64>() / 6.0;
    assert!((question.rates.0 - mean(0)).abs() < 1e-12 && (question.rates.1 - mean(1)).abs() < 1e-12);
    assert!(question.is_certain() && question.is_gain());
    assert_eq!(question.advice(), "Ask the reader something");
    let best = history.iter().map(Past::rate).fold(0.0, f64::max);
    assert!((history[question.cited[0]].rate() - best).abs() < 1e-12);
    assert!(question.cited.iter().all(|place| history[*place].text.ends_with('?')));
}

#[test]
fn what_does_worse_is_advised_against_by_the_posts_that_left_it_out() {
    let mut history = asking();
    for post in &mut history {
        post.engagements = 80 - post.engagements;
    }
    let found = patterns(&history);
    let question = found.iter().find(|pattern| pattern.feature == Feature::Question).unwrap();
    assert!(question.is_certain() && !question.is_gain());
    assert_eq!(question.advice(), "State it, and ask nothing");
    assert!(question.cited.iter().all(|place| !history[*place].text.ends_with('?')));
}

#[test]
fn a_few_posts_show_nothing() {
    assert!(patterns(&[]).is_empty());
    let history = asking();
    // Two with the feature are fewer than are asked for.
    let few: Vec<Past> = history.iter().enumerate().filter(|(id, _)| *id < 4 || id % 2 == 1).map(|(_, past)| past.clone()).collect();
    assert!(patterns(&few).iter().all(|pattern| pattern.feature != Feature::Question), "{FEWEST} are asked for");
}

#[test]
fn times_are_looked_at_only_where_they_are_given() {
    let named = |history: &[Past]| patterns(history).into_iter().any(|pattern| pattern.feature.is_time());
    assert!(!named(&asking()));
    let mut history = asking();
    for (place, post) in history.iter_mut().enumerate() {
        // From Thursday, 1 January 1970, a day later each: Saturdays and Sundays are among them.
        post.published_ms = Some(place as u64 * 86_400_000 + 6 * 3_600_000);
    }
    let found = patterns(&history);
    assert_eq!(found.iter().find(|pattern| pattern.feature == Feature::Weekend).unwrap().counts, (4, 8));
}

#[test]
fn what_stands_in_a_link_is_no_feature_of_the_text() {
    let history: Vec<Past> =
        (0..8).map(|id| past(id, if id < 4 { "Look https://example.com/?q=1#x now" } else { "Look now" }, 10 + id as u64)).collect();
    let found: Vec<Feature> = patterns(&history).iter().map(|pattern| pattern.feature).collect();
    assert!(found.contains(&Feature::Link));
    assert!(!found.contains(&Feature::Question) && !found.contains(&Feature::Number) && !found.contains(&Feature::Hashtag), "{found:?}");
}

#[test]
fn the_quantile_of_t_is_that_of_the_printed_tables() {
    // Two-sided 5 % and 1 %.
    for (freedom, five, one) in
        [(1.0, 12.706, 63.657), (2.0, 4.303, 9.925), (5.0, 2.571, 4.032), (10.0, 2.228, 3.169), (30.0, 2.042, 2.750), (120.0, 1.980, 2.617)]
    {
        assert!((t_quantile(0.05, freedom) / five - 1.0).abs() < 2e-3, "{freedom}: {}", t_quantile(0.05, freedom));
        assert!((t_quantile(0.01, freedom) / one - 1.0).abs() < 2e-3, "{freedom}: {}", t_quantile(0.01, freedom));
    }
}

#[test]
fn chance_alone_is_seldom_taken_for_a_pattern() {
    // A linear congruential generator (Knuth's MMIX): the same histories in each run.
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 31)
    };
    let texts = [
        "Is it open? 😀",
        "Open at 9.\nCome in.",
        "See https://example.com",
        "#tea and @ann",
        "A plain text of some more words than the others have",
        "Soup",
    ];
    let wrong = (0..400)
        .filter(|_| {
            let history: Vec<Past> = (0..40)
                // The sum of uniform numbers is nearly normal.
                .map(|id| past(id, texts[(next() * 6.0) as usize % 6], 20 + (0..6).map(|_| next() * 10.0).sum::<f64>() as u64))
                .collect();
            patterns(&history).iter().any(|pattern| pattern.is_certain())
        })
        .count();
    // Five of a hundred are meant; with 400 histories seven is four deviations away.
    assert!(wrong <= 37, "{wrong} of 400");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_pattern_has_posts_on_both_sides_and_cites_some(posts in prop::collection::vec((".{0,60}", 0_u64..2000, 1_u64..2000), 0..30)) {
        let history: Vec<Past> = posts
            .into_iter()
            .enumerate()
            .map(|(id, (text, engagements, impressions))| Past { impressions, ..past(id, &text, engagements) })
            .collect();
        for pattern in patterns(&history) {
            prop_assert!(pattern.counts.0 >= FEWEST && pattern.counts.1 >= FEWEST);
            prop_assert!(!pattern.cited.is_empty() && pattern.cited.iter().all(|place| *place < history.len()));
            prop_assert!(pattern.interval.0 <= pattern.difference && pattern.difference <= pattern.interval.1);
            prop_assert!(pattern.difference.is_finite() && pattern.interval.0.is_finite() && pattern.interval.1.is_finite());
        }
    }
}
