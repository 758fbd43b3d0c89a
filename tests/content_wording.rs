//! Wording that reads as a machine's: what is found, what it weighs, and what making a text plain may do.
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

use maya_edge::content::facts::lost;
use maya_edge::content::wording::{Kind, measure, plain, score};
use proptest::prelude::*;
use support::{cases, posts};

const MACHINE: &str = "In today's fast-paced world, businesses need to leverage cutting-edge tools — and fast. It's important to note that our \
    groundbreaking platform is fast, simple, and reliable — a true game-changer. Furthermore, it seamlessly integrates with your stack — without \
    friction. Ready to take your team to the next level? 🚀🚀🚀";
const PERSON: &str = "We moved the cache from Redis to KV last week. Cold reads got slower by 4 ms, which nobody noticed. The bill noticed: it fell \
    from $310 to $42 a month. If you run something small, try it.";

fn kinds(text: &str) -> Vec<Kind> {
    measure(text).hits.iter().map(|hit| hit.kind).collect()
}

#[test]
fn what_a_machine_writes_scores_high_and_what_a_person_writes_low() {
    assert!(score(MACHINE) > 90.0, "{}", score(MACHINE));
    assert!(score(PERSON) < 5.0, "{:?}", measure(PERSON));
    assert_eq!(score(""), 0.0);
    assert!(score(&plain(MACHINE)) < score(MACHINE));
}

#[test]
fn each_habit_is_found() {
    for (text, kind) in [
        ("In today’s digital age, we bake.", Kind::Opener),
        ("It's worth noting that we bake.", Kind::Hedge),
        ("Our bread is warm, soft, and fresh.", Kind::Triad),
        ("We bake — daily — for you.", Kind::Dash),
        ("Bread 🍞🍞🍞", Kind::Emoji),
        ("✅ One\n✅ Two\n✅ Three", Kind::Emoji),
        ("A groundbreaking bread.", Kind::Superlative),
        ("We delve into bread.", Kind::Stock),
        ("It's not just a bread.", Kind::Pattern),
        ("In conclusion, eat.", Kind::Closer),
        (
            "We bake bread here daily. You buy bread here daily. They eat bread there daily. We like bread here daily. It is good bread daily.",
            Kind::Uniform,
        ),
    ] {
        assert!(kinds(text).contains(&kind), "{text}: {:?}", kinds(text));
    }
    for fair in [
        "We bake daily – since 1999.",
        "Open 9–17, pages 3—7.",
        "Read https://leverage.com/delve into @leverage #leverage",
        "The leveraged buyout was fine.",
        "One 🍞 is enough.",
        "- a bullet\n- another bullet\n- a third",
        "Bread, cheese, ham, salt, and oil.",
    ] {
        assert_eq!(kinds(fair), [], "{fair}");
    }
}

#[test]
fn a_hit_tells_its_place_in_bytes_and_characters_and_a_reason() {
    let text = "Grüße! 🍞 We delve into bread.";
    let hit = &measure(text).hits[0];
    assert_eq!(&text[hit.span.start..hit.span.end], "delve into");
    let characters: String = text.chars().skip(hit.span.start_character).take(hit.span.end_character - hit.span.start_character).collect();
    assert_eq!(characters, "delve into");
    assert!(hit.reason.ends_with('.') && hit.weight > 0.0);
}

#[test]
fn points_are_for_500_words_and_a_short_text_counts_as_one_of_100() {
    assert_eq!(measure("We delve into bread.").points, 15.0);
    let long = format!("We delve into bread. {}", "plain words are good words and so are these. ".repeat(111));
    let measured = measure(&long);
    let stock: f64 = measured.hits.iter().filter(|hit| hit.kind == Kind::Stock).map(|hit| hit.weight).sum();
    assert!(stock * 500.0 / measured.words as f64 <= 3.0);
}

#[test]
fn making_plain_takes_out_what_says_nothing() {
    for (given, expected) in [
        ("In today's fast-paced world, teams need speed.", "Teams need speed."),
        ("It's important to note that we close at 5.", "We close at 5."),
        ("Use it in order to save time.", "Use it to save time."),
        ("We leverage an unparalleled tool.", "We use a great tool."),
        ("Furthermore, it is cheap.", "Also, it is cheap."),
        ("It is a truly easy start.", "It is an easy start."),
        ("We bake — daily — for you — and them.", "We bake, daily, for you, and them."),
        ("In conclusion, iPhone users win.", "iPhone users win."),
        ("Let's be honest.", "Let's be honest."),
        ("At https://utilize.com we help.", "At https://utilize.com we help."),
        ("Needless to say", "Needless to say"),
        ("Nothing to change here.", "Nothing to change here."),
    ] {
        assert_eq!(plain(given), expected);
    }
}

/// Texts with the habits in them.
fn habits() -> impl Strategy<Value = String> {
    const PIECES: [&str; 22] = [
        "In today's world, ",
        "It is worth noting that ",
        "we leverage ",
        "a plethora of ",
        "truly ",
        "an unmatched ",
        "tools ",
        "— ",
        "fast, simple, and good. ",
        "🚀🚀🚀 ",
        "\n✅ ",
        "Furthermore, ",
        "in order to ",
        "Acme Corp ",
        "1,000 users. ",
        "https://example.com/leverage ",
        "@truly ",
        "#leverage ",
        "50% ",
        "let's dive into ",
        "\"In conclusion, ",
        "revolutionary. ",
    ];
    let piece = prop_oneof![4 => (0..PIECES.len()).prop_map(|place| PIECES[place].to_owned()), 1 => posts().prop_map(|text| text.chars().take(20).collect())];
    proptest::collection::vec(piece, 0..25).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn making_plain_never_scores_worse_and_keeps_facts(text in prop_oneof![habits(), posts()]) {
        let made = plain(&text);
        prop_assert!(score(&made) <= score(&text));
        prop_assert_eq!(lost(&text, &made), vec![]);
        prop_assert_eq!(made.trim().is_empty(), text.trim().is_empty());
    }

    #[test]
    fn a_score_is_from_0_to_100_and_its_spans_lie_in_the_text(text in prop_oneof![habits(), posts()]) {
        let measured = measure(&text);
        prop_assert!((0.0..=100.0).contains(&measured.score));
        for hit in measured.hits {
            let span = hit.span;
            let part = text.get(span.start..span.end).unwrap();
            let by_characters: String = text.chars().skip(span.start_character).take(span.end_character - span.start_character).collect();
            prop_assert_eq!(part, by_characters);
        }
    }
}
