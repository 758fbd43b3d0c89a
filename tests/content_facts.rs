//! What must survive a rewriting, and links that are tracked.
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

use maya_edge::content::facts::{Kind, facts, invented, lost};
use maya_edge::content::platform::Platform;
use maya_edge::content::tracking::{Tracking, tracked};
use proptest::prelude::*;
use support::{cases, posts};

fn of(kind: Kind, text: &str) -> Vec<String> {
    facts(text).into_iter().filter(|fact| fact.kind == kind).map(|fact| fact.text).collect()
}

fn missing(source: &str, adapted: &str) -> Vec<String> {
    lost(source, adapted).into_iter().map(|fact| fact.text).collect()
}

#[test]
fn links_mentions_numbers_and_names_are_found() {
    let text = "On Tuesday the team at Cerebras Cloud cut latency by 42% to 120 ms, says @ana. Read https://example.com/a?b=1. It costs $3.50 in New York.";
    assert_eq!(of(Kind::Link, text), ["https://example.com/a?b=1"]);
    assert_eq!(of(Kind::Mention, text), ["@ana"]);
    assert_eq!(of(Kind::Number, text), ["42%", "120 ms", "$3.50"]);
    assert_eq!(of(Kind::Name, text), ["Tuesday", "Cerebras Cloud", "New York"]);
    assert_eq!(of(Kind::Name, "Our new model runs. Great news for all. NASA and OpenAI use the H100."), ["NASA", "OpenAI", "H100"]);
    // In German every noun has a capital, which then tells nothing.
    assert_eq!(
        of(Kind::Name, "Der neue Dienst hilft jedem Menschen bei der Arbeit und spart der Firma viel Zeit und Geld bei SAP."),
        ["SAP"]
    );
}

#[test]
fn what_is_written_otherwise_is_the_same() {
    for (source, adapted) in [
        ("1,000 users", "1000 users"),
        ("1000 users", "1k users"),
        ("1,000 users", "1.000 Nutzer"),
        ("1\u{202f}000\u{202f}000 users", "1M users"),
        ("2.5 million users", "2.5M users"),
        ("2,5 Millionen", "2.5 million"),
        ("$2.5 million", "2,500,000 dollars"),
        ("5 percent", "up 5%"),
        ("$5", "5 USD"),
        ("5 €", "EUR5"),
        ("in 24 hours", "in 24h"),
        ("a 24-hour sale", "24 hours"),
        ("3 tips", "three tips"),
        ("10-20 people", "10 to 20 people"),
        ("at 09:30", "at 9:30"),
        ("on 2026-12-01", "2026-12-01!"),
        ("$1,234.50", "1.234,50 dollars"),
        ("the 1st place", "1 place"),
        ("see https://www.Example.com/a/", "example.com/a?utm_source=x"),
        ("ask @Ana", "with @ana"),
        ("we met in New York", "#NewYork"),
        ("it is by Maya's team", "Maya: the team"),
    ] {
        assert_eq!(missing(source, adapted), Vec::<String>::new(), "{source} → {adapted}");
    }
}

#[test]
fn what_is_lost_or_invented_is_named() {
    for (source, adapted, gone) in [
        ("42% faster", "faster", vec!["42%"]),
        ("42% faster", "42 faster", vec!["42%"]),
        ("42% faster", "43% faster", vec!["42%"]),
        ("costs $5", "costs €5", vec!["$5"]),
        ("1,000 users", "1 user", vec!["1,000"]),
        ("-5 degrees", "5 degrees", vec!["-5"]),
        ("5 km away", "5 miles away", vec!["5 km"]),
        ("we like Paris", "we like it", vec!["Paris"]),
        ("with @ana and @bob", "with @ana", vec!["@bob"]),
        ("https://a.example.com/x", "https://a.example.com/y", vec!["https://a.example.com/x"]),
        ("three tips", "some tips", vec![]),
    ] {
        assert_eq!(missing(source, adapted), gone, "{source} → {adapted}");
    }
    let new: Vec<String> = invented("We launch in May.", "Join 500 fans in May at https://example.com with @ana and Berlin!")
        .into_iter()
        .map(|fact| fact.text)
        .collect();
    assert_eq!(new, ["https://example.com", "@ana", "500", "Berlin"]);
}

#[test]
fn links_are_tracked_and_keep_query_fragment_and_parameters_of_their_own() {
    let rules = Platform::X.published();
    let tracking =
        Tracking { campaign: Some("spring sale & more".to_owned()), hosts: vec!["example.com".to_owned()], ..Tracking::default() };
    for (given, expected) in [
        ("see https://example.com.", "see https://example.com?utm_source=x&utm_medium=social&utm_campaign=spring%20sale%20%26%20more."),
        (
            "https://shop.example.com/a?b=1#top",
            "https://shop.example.com/a?b=1&utm_source=x&utm_medium=social&utm_campaign=spring%20sale%20%26%20more#top",
        ),
        (
            "https://example.com/?utm_source=mail&UTM_medium=mail",
            "https://example.com/?utm_source=mail&UTM_medium=mail&utm_campaign=spring%20sale%20%26%20more",
        ),
        ("https://other.org/a https://notexample.com", "https://other.org/a https://notexample.com"),
        ("read example.com/a", "read example.com/a"),
    ] {
        assert_eq!(tracked(&rules, &tracking, given), expected);
        // Once is enough.
        assert_eq!(tracked(&rules, &tracking, expected), expected);
        assert_eq!(lost(given, expected), []);
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn a_text_loses_and_invents_nothing_against_itself(text in posts()) {
        prop_assert_eq!(lost(&text, &text), vec![]);
        prop_assert_eq!(invented(&text, &text), vec![]);
        prop_assert_eq!(lost("", &text), vec![]);
    }

    #[test]
    fn a_number_is_the_same_however_it_is_grouped_and_scaled(value in 1_u64..10_000_000_000, thousands in 1_u64..1_000_000) {
        let digits = value.to_string();
        let mut grouped = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place) % 3 == 0 { grouped.push(','); }
            grouped.push(digit);
        }
        prop_assert_eq!(missing(&format!("about {value} people"), &format!("{grouped} people")), Vec::<String>::new());
        prop_assert_eq!(missing(&format!("about {}000 people", thousands), &format!("{thousands}k people")), Vec::<String>::new());
        prop_assert_eq!(missing(&format!("{value} people"), &format!("{} people", value + 1)).len(), 1);
    }
}
