//! Texts made right for a platform, and split into threads: laws over arbitrary Unicode, for every platform.
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

use maya_edge::content::count::{fits, length};
use maya_edge::content::entities::{Entity, Kind, entities};
use maya_edge::content::fit::{faults, fit};
use maya_edge::content::platform::{PLATFORMS, Platform, Rules};
use maya_edge::content::sentences::sentences;
use maya_edge::content::threads::thread;
use proptest::prelude::*;
use support::{cases, posts};
use unicode_segmentation::UnicodeSegmentation;

fn solid(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).collect()
}

/// The part of a fitted text that was taken from the beginning of the given one, as clusters.
fn kept(given: &str, fitted: &str) -> usize {
    given.graphemes(true).zip(fitted.graphemes(true)).take_while(|(one, other)| one == other).map(|(one, _)| one.len()).sum()
}

#[test]
fn a_text_that_is_right_stays_as_it_is() {
    for platform in PLATFORMS {
        let fitted = fit(&platform.published(), "  Two spaces, and a line.\n\nhttps://example.com #tag  ");
        assert_eq!((fitted.text.as_str(), fitted.shortened), ("  Two spaces, and a line.\n\nhttps://example.com #tag  ", false));
    }
}

#[test]
fn a_text_ends_at_a_sentence_when_one_ends_in_time_and_else_at_a_word() {
    let x = Platform::X.published();
    let sentence = "This sentence has exactly forty letters. ";
    let fitted = fit(&x, &sentence.repeat(9));
    assert_eq!(fitted.text, sentence.repeat(6).trim_end());
    assert!(fitted.shortened);
    let fitted = fit(&x, &"word, ".repeat(60));
    assert!(fitted.text.ends_with("word…") && !fitted.text.contains(",…"), "{}", fitted.text);
    assert!(length(&x, &fitted.text) > 270);
    let sms = fit(&Platform::Sms.published(), &"word ".repeat(60));
    assert!(sms.text.ends_with("word...") && length(&Platform::Sms.published(), &sms.text) > 150, "{}", sms.text);
}

#[test]
fn links_behind_the_cut_are_kept() {
    for platform in [Platform::X, Platform::Bluesky, Platform::Mastodon, Platform::Sms] {
        let rules = platform.published();
        let fitted = fit(&rules, &format!("{}Read more: https://example.com/launch", "We built it for you. ".repeat(40)));
        assert!(fitted.text.ends_with("you. https://example.com/launch"), "{platform:?}: {}", fitted.text);
        assert!(fits(&rules, &fitted.text));
    }
}

#[test]
fn hashtags_beyond_the_limit_go_from_the_end_and_become_words_within() {
    let threads = Platform::Threads.published();
    assert_eq!(fit(&threads, "The #first of #many words #one #two").text, "The #first of many words");
    let many: String = (0..40).map(|place| format!(" #tag{place}x")).collect();
    let fitted = fit(&Platform::Instagram.published(), &format!("Look{many}"));
    assert!(fitted.text.ends_with("#tag29x") && fitted.shortened);
}

#[test]
fn what_a_platform_forbids_is_named_and_replaced() {
    let youtube = Platform::YouTube.published();
    let said = faults(&youtube, "a <b> c");
    assert_eq!((said.len(), said[0].code), (1, "forbidden_character"));
    assert!(said[0].message.contains("`<`"), "{}", said[0].message);
    assert_eq!(fit(&youtube, "a <b> c").text, "a ‹b› c");
    let long = faults(&Platform::X.published(), &"a".repeat(281));
    assert_eq!((long[0].code, long[0].message.as_str()), ("too_long", "281 of at most 280 as x counts: shorten it by 1"));
}

#[test]
fn a_thread_is_numbered_and_splits_at_sentences() {
    let x = Platform::X.published();
    assert_eq!(thread(&x, " One post. "), ["One post."]);
    assert_eq!(thread(&x, "  "), Vec::<String>::new());
    let sentence = "This sentence has exactly forty letters. ";
    let parts = thread(&x, &sentence.repeat(20));
    assert_eq!(parts.len(), 4);
    for (place, part) in parts.iter().enumerate() {
        assert!(part.ends_with(&format!("letters. {}/4", place + 1)), "{part}");
        assert!(fits(&x, part));
    }
    assert!(thread(&x, &sentence.repeat(100)).last().unwrap().ends_with("/17"));
}

#[test]
fn sentences_end_at_points_but_not_in_numbers_and_abbreviations() {
    let text = "Dr. Smith paid $3.50, e.g. for tea. \"Really?\" he asked! See v1.2. Yes… ok\nNew line 日本語。次の文。";
    let found: Vec<&str> = sentences(text).into_iter().map(|range| &text[range]).collect();
    assert_eq!(
        found,
        ["Dr. Smith paid $3.50, e.g. for tea.", "\"Really?\"", "he asked!", "See v1.2.", "Yes…", "ok", "New line 日本語。", "次の文。"]
    );
}

proptest! {
    #![proptest_config(cases(192))]

    #[test]
    fn a_fitted_text_is_valid_on_every_platform_and_cut_within_nothing(text in posts()) {
        for platform in PLATFORMS {
            let rules = platform.published();
            let fitted = fit(&rules, &text);
            prop_assert_eq!(faults(&rules, &fitted.text), vec![], "{:?}", platform);
            // What is fitted once is right.
            prop_assert_eq!(fit(&rules, &fitted.text).text, fitted.text.clone());
            if faults(&rules, &text).is_empty() {
                prop_assert_eq!(&fitted.text, &text);
                continue;
            }
            // Where only the length was wrong, the beginning is the text's own, up to where nothing is cut.
            if faults(&rules, &text).iter().all(|fault| fault.code.starts_with("too_long") || fault.code == "too_many_bytes") {
                let given = text.trim();
                prop_assert!(fitted.shortened);
                let end: usize = given.chars().zip(fitted.text.chars()).take_while(|(one, other)| one == other).map(|(one, _)| one.len_utf8()).sum();
                let found = entities(&rules, given);
                let own: Vec<&str> = found.iter().map(|entity| entity.of(given)).collect();
                let there = entities(&rules, &fitted.text);
                for entity in &found {
                    // Kept whole, or not begun, or by chance the beginning of another that is kept whole at the end.
                    let part = |other: &&Entity| other.start == entity.start;
                    let apart = || {
                        fitted.text.get(entity.start..).is_some_and(|rest| rest.starts_with([' ', '…', '.']))
                            || there.iter().find(part).is_some_and(|other| own.contains(&other.of(&fitted.text)))
                    };
                    prop_assert!(end <= entity.start || end >= entity.end || apart(), "{:?} {:?} in {:?}", platform, entity.of(given), fitted.text);
                }
                // What was taken ends between clusters.
                if !found.iter().any(|entity| entity.kind == Kind::Link) {
                    let rest = &fitted.text[kept(given, &fitted.text)..];
                    prop_assert!(["", "…", "..."].contains(&rest) || rest.starts_with(['…', '.']), "{:?} {:?} of {:?}", platform, rest, given);
                }
            }
        }
    }

    #[test]
    fn a_thread_loses_nothing_and_each_of_its_posts_fits(text in posts()) {
        for platform in PLATFORMS {
            let rules = platform.published();
            let parts = thread(&rules, &text);
            let count = parts.len();
            let mut joined = String::new();
            for (place, part) in parts.iter().enumerate() {
                prop_assert!(fits(&rules, part), "{:?} {:?}", platform, part);
                let number = format!(" {}/{}", place + 1, count);
                let own = if count == 1 { part.as_str() } else { part.strip_suffix(number.as_str()).unwrap() };
                prop_assert!(!own.trim().is_empty());
                joined.push_str(own);
            }
            prop_assert_eq!(solid(&joined), solid(&text));
        }
    }

    #[test]
    fn a_thread_keeps_links_names_and_hashtags_whole(text in posts()) {
        // Those that fit in a post.
        for platform in [Platform::X, Platform::Bluesky, Platform::Mastodon, Platform::Threads] {
            let rules: Rules = platform.published();
            let parts = thread(&rules, &text);
            for entity in entities(&rules, text.trim()) {
                let own = entity.of(text.trim());
                if fits(&rules, &format!("{own} 999/999")) {
                    prop_assert!(parts.iter().any(|part| part.contains(own)), "{:?} {:?} in {:?}", platform, own, parts);
                }
            }
        }
    }
}
