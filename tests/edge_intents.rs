//! The tokenizer, the embedding, and what somebody wants of a social-media manager.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    missing_docs,
    reason = "tests may"
)]

mod support;

use maya_edge::edge::centroids::Centroids;
use maya_edge::edge::embedding::{DIMENSIONS, cosine, embed, truncated};
use maya_edge::edge::features::Features;
use maya_edge::edge::intents::{BUILT_IN, Intent, classify, probabilities};
use maya_edge::edge::linear::{Calibration, Classified, Linear};
use maya_edge::edge::ngrams::{BUCKETS, grams};
use maya_edge::edge::tables::TABLES;
use maya_edge::edge::wordpiece::{LONGEST_TOKEN, normalise, token_text, tokens};
use proptest::prelude::*;
use support::cases;

fn words_of(text: &str) -> Vec<String> {
    let name = |token: &u16| String::from_utf8(token_text(usize::from(*token)).unwrap().to_vec()).unwrap();
    tokens(&normalise(text)).iter().map(name).collect()
}

fn length(vector: &[f32]) -> f32 {
    cosine(vector, vector).sqrt()
}

#[test]
fn tokens_are_those_of_the_reference() {
    let file = std::env::var("WORDPIECE_CASES")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/wordpiece.json").to_owned());
    let cases: Vec<(String, Vec<String>)> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let wrong: Vec<_> = cases.iter().filter(|(text, expected)| words_of(text) != *expected).collect();
    for (text, expected) in wrong.iter().take(10) {
        eprintln!("{text:?}: {expected:?}, not {:?}", words_of(text));
    }
    assert!(cases.len() >= 300);
    assert!(wrong.is_empty(), "{} of {} differ", wrong.len(), cases.len());
}

#[test]
fn every_token_of_the_table_is_found_and_none_is_longer_than_the_search() {
    for token in 0..TABLES.scales.len() {
        let text = std::str::from_utf8(token_text(token).unwrap()).unwrap();
        assert!(text.len() <= LONGEST_TOKEN, "{text}");
        if !text.starts_with("##") && text.chars().all(char::is_alphanumeric) {
            assert_eq!(tokens(&normalise(text)), [u16::try_from(token).unwrap()], "{text}");
        }
    }
}

#[test]
fn an_emoji_does_not_hide_the_word_it_hangs_on() {
    assert_eq!(words_of("great🔥"), ["great"]);
    assert_eq!(embed("great🔥"), embed("GREAT"));
}

#[test]
fn likeness_follows_meaning() {
    let near = |a: &str, b: &str| cosine(&embed(a), &embed(b));
    assert!(
        near("write a post about our new coffee", "draft a caption on the espresso")
            > near("write a post about our new coffee", "pay my phone bill") + 0.2
    );
    assert!(near("make it shorter", "this is too long, cut it") > near("make it shorter", "translate it into french"));
}

#[test]
fn a_text_without_a_known_word_has_no_vector_and_is_still_judged() {
    for text in ["", " \n", "한국어", "\u{200b}"] {
        assert!(embed(text).iter().all(|value| *value == 0.0));
        assert_eq!(classify(text).guesses.len(), 3);
    }
}

#[test]
fn fewer_dimensions_keep_the_order_of_likeness() {
    let short = |text: &str| truncated(&embed(text), 64);
    let question = short("which hashtags should I use");
    assert_eq!(question.len(), 64);
    assert!((length(&question) - 1.0).abs() < 1e-4);
    assert!(cosine(&question, &short("find tags for this post")) > cosine(&question, &short("set an alarm for six")));
    assert_eq!(truncated(&embed("hello"), 1000).len(), DIMENSIONS);
}

#[test]
fn intents_are_told_in_other_words_than_they_were_learnt() {
    let file = include_str!("fixtures/intents_test.tsv");
    let (mut right, mut all) = (0, 0);
    for (name, text) in file.lines().map(|line| line.split_once('\t').unwrap()) {
        all += 1;
        right += usize::from(classify(text).guesses[0].class == Intent::named(name).unwrap());
    }
    // The exact figure is kept in models/quality.json.
    assert!(right * 100 >= all * 90, "{right} of {all}");
}

#[test]
fn the_file_has_a_class_for_each_intent_and_names_are_their_own() {
    assert_eq!(BUILT_IN.len(), Intent::ALL.len());
    for intent in Intent::ALL {
        assert_eq!(Intent::named(intent.name()), Some(intent));
    }
    assert_eq!(Intent::named("unknown"), None);
}

#[test]
fn what_is_not_a_classifier_is_not_read() {
    assert!(Linear::read(b"").is_none());
    assert!(Linear::read(b"MAYALIN1\x01\0\0\0aaaabbbbcccc").is_none());
    assert!(Linear::read(&[0; 400]).is_none());
}

#[test]
fn a_tenants_intents_are_told_from_few_examples_and_strange_texts_get_no_answer() {
    let of = |texts: &[&str]| texts.iter().map(|text| Features::of(text)).collect::<Vec<_>>();
    let classes = [
        of(&["book a table for two", "reserve a table tonight", "can we get a table at eight"]),
        of(&["what is on the menu", "do you have vegan dishes", "show me the menu"]),
    ];
    let centroids = Centroids::of(classes.iter().map(Vec::as_slice));
    assert_eq!(centroids.classify(&Features::of("please book us a table for four")).answer, Some(0));
    assert_eq!(centroids.classify(&Features::of("is there something vegan on the menu")).answer, Some(1));
    assert_eq!(centroids.classify(&Features::of("my printer prints upside down")).answer, None);
    assert_eq!(Centroids::default().classify(&Features::of("anything")).answer, None);
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_vector_is_of_length_one_or_zero(text in any::<String>()) {
        let vector = embed(&text);
        prop_assert!(vector.iter().all(|value| value.is_finite()));
        let length = length(&vector);
        prop_assert!(length == 0.0 || (length - 1.0).abs() < 1e-3, "{length}");
    }

    #[test]
    fn case_and_spaces_do_not_count(words in proptest::collection::vec("[a-zA-Z]{1,12}", 1..12)) {
        let text = words.join(" ");
        prop_assert_eq!(embed(&text), embed(&text.to_uppercase()));
        prop_assert_eq!(embed(&text), embed(&words.join(" \n\t ")));
        prop_assert_eq!(classify(&text), classify(&text.to_lowercase()));
    }

    #[test]
    fn probabilities_are_probabilities(text in "\\PC{0,200}|[a-z ]{0,200}") {
        let guesses = probabilities(&Features::of(&text));
        let sum: f32 = guesses.iter().map(|guess| guess.probability).sum();
        prop_assert!((sum - 1.0).abs() < 1e-3, "{}", sum);
        let said = classify(&text);
        prop_assert!(said.guesses.is_sorted_by(|a, b| a.probability >= b.probability));
        prop_assert_eq!(said.answer, said.guesses.first().filter(|first| first.probability >= BUILT_IN.calibration.least).map(|first| first.class));
    }

    #[test]
    fn a_higher_threshold_never_answers_what_a_lower_one_does_not(
        scores in proptest::collection::vec(-2.0f32..2.0, 1..20),
        low in 0.0f32..1.0,
        high in 0.0f32..1.0,
        none in -2.0f32..2.0,
    ) {
        let (low, high) = (low.min(high), low.max(high));
        let said = |least| Classified::from_scores(scores.iter().copied().enumerate(), Calibration { temperature: 0.3, none, least });
        prop_assert!(said(high).answer.is_none() || said(low).answer == said(high).answer);
        prop_assert_eq!(said(low).guesses, said(high).guesses);
    }

    #[test]
    fn grams_are_sorted_in_range_and_of_length_one(text in any::<String>()) {
        let grams = grams(&normalise(&text));
        prop_assert!(grams.is_sorted_by(|a, b| a.0 < b.0));
        prop_assert!(grams.iter().all(|(place, _)| usize::from(*place) < BUCKETS));
        let length: f32 = grams.iter().map(|(_, weight)| weight * weight).sum();
        prop_assert!((length - 1.0).abs() < 1e-3);
    }
}
