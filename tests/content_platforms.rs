//! What a post may be: the table of platforms, counting by the platforms' published examples, links, mentions and hashtags.
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

use maya_edge::config::Config;
use maya_edge::content::count::{fits, length, limit};
use maya_edge::content::entities::{Kind, entities};
use maya_edge::content::gsm;
use maya_edge::content::platform::{PLATFORMS, Platform, PlatformTable, Rules};
use proptest::prelude::*;
use serde_json::json;
use support::cases;

fn count(platform: Platform, text: &str) -> usize {
    length(&platform.published(), text)
}

fn seen(platform: Platform, text: &str) -> Vec<(Kind, &str)> {
    entities(&platform.published(), text).iter().map(|entity| (entity.kind, entity.of(text))).collect()
}

const FAMILY: &str = "👨\u{200d}👩\u{200d}👧\u{200d}👦";

// The table

#[test]
fn every_platform_has_a_name_a_limit_and_a_source() {
    for platform in PLATFORMS {
        let rules = platform.published();
        assert_eq!(Platform::parse(platform.name()), Some(platform));
        assert_eq!(Platform::parse(&platform.name().to_uppercase()), Some(platform));
        assert_eq!(serde_json::to_value(platform).unwrap(), platform.name());
        assert!(rules.limit > 0 && rules.source.starts_with("https://") && rules.as_of.len() == 7, "{rules:?}");
    }
    assert_eq!(Platform::parse("Twitter"), Some(Platform::X));
    for no in ["", "myspace", "x ", "х"] {
        assert_eq!(Platform::parse(no), None, "{no}");
    }
    let limits = PLATFORMS.map(|platform| platform.published().limit);
    assert_eq!(limits, [280, 300, 500, 500, 3000, 2200, 63_206, 2200, 5000, 500, 40_000, 4096, 2000, 160]);
}

#[test]
fn an_operator_sets_limits_and_what_is_not_set_stays() {
    let read = |table: serde_json::Value| PlatformTable::read(table.as_object().unwrap().clone());
    let table = read(json!({"x": {"limit": 25_000, "images": 8}, "mastodon": {"limit": 5000}, "instagram": {"hashtags": 5, "fold": null}}))
        .unwrap();
    assert_eq!(table.rules(Platform::X), Rules { limit: 25_000, images: Some(8), ..Platform::X.published() });
    assert_eq!(table.rules(Platform::Mastodon).limit, 5000);
    assert_eq!((table.rules(Platform::Instagram).hashtags, table.rules(Platform::Instagram).fold), (Some(5), None));
    assert_eq!(table.rules(Platform::Bluesky), Platform::Bluesky.published());
    for (wrong, named) in [
        (json!({"myspace": {}}), "place 0"),
        (json!({"x": 25_000}), "`x`"),
        (json!({"x": {"limit": 0}}), "`x.limit`"),
        (json!({"x": {"limit": null}}), "`x.limit`"),
        (json!({"x": {"limit": "25000"}}), "`x.limit`"),
        (json!({"x": {"limit": 100_001}}), "`x.limit`"),
        (json!({"x": {"hashtags": -1}}), "`x.hashtags`"),
        (json!({"x": {"limits": 1}}), "not known"),
        (json!({"x": {}, "twitter": {}}), "twice"),
    ] {
        let said = read(wrong.clone()).unwrap_err();
        assert!(said.contains(named), "{wrong}: {said}");
    }
    let config = Config::read(&json!({"PLATFORMS": {"x": {"limit": 25_000}}}).to_string()).unwrap();
    assert_eq!(config.platforms.rules(Platform::X).limit, 25_000);
}

// Counting

#[test]
fn x_counts_as_its_own_examples_say() {
    for (text, expected) in [
        ("Hi http://test.co", 26),
        ("http://test.co", 23),
        ("285 chars- http://www.twitter.com/jack xxxxxxxxxx", 11 + 23 + 11),
        ("https://www.twitter.com/aloha https://www.twitter.com/aloha ", 48),
        ("故人西辞黄鹤楼，烟花三月下扬州。", 32),
        ("the故人", 7),
        ("A\u{301}B", 2),
        ("Áb", 2),
        // NFC takes this letter apart.
        ("Aשּׁ", 4),
        ("A\u{fb2c}", 4),
        ("H🐱☺👨\u{200d}👩\u{200d}👧\u{200d}👦", 7),
        ("😷👾😡🔥💩", 10),
        ("🙋🏽👨\u{200d}🎤", 4),
        ("1\u{20e3}", 2),
        ("#\u{fe0f}\u{20e3}", 2),
        ("🇩🇪🇫🇷", 4),
        ("Unicode 10.0 emoji: 🤪; 🧕; 🧕🏾; 🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}", 34),
        ("Unicode 9.0 emoji: 🤠; 💃; 💃🏾", 29),
        ("randomurlrandomurlrandomurlrandomurlrandomurlrandomurlrandomurls.com", 68),
        (
            "This is a tweet with general punctuation characters: \u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200A}\u{200B}\u{200C}\u{200D} ‐ ‑ ‒ – — ― ‖  ‗ ‘ ’ ‚ ‛ “ ” „ ‟ ′ ″ ‴ ‵ ‶ ‷",
            112,
        ),
        ("ZWJ: क्ष -> क्\u{200d}ष; ZWNJ: क्ष -> क्\u{200c}ष", 35),
        ("\u{2066}\u{202a}http://foobar.پاکستان/\u{202c}\u{2069}", 31),
        ("", 0),
    ] {
        assert_eq!(count(Platform::X, text), expected, "{text}");
    }
    assert_eq!(count(Platform::X, &FAMILY.repeat(140)), 280);
    let many = "あいうえおかきくけこ".repeat(12);
    let label = "あいうえおかきくけこ".repeat(5);
    // 63 bytes of punycode are a label of a host, more are none.
    assert_eq!(count(Platform::X, &format!("{many} http://{label}あい.com")), 264);
    assert_eq!(count(Platform::X, &format!("{many} http://{label}あいう.com")), 358);
}

#[test]
fn each_platform_counts_in_its_own_way() {
    let text = format!("{FAMILY} e\u{301} https://example.com/a/long/path/that/goes/on");
    // Family, space, accent, space, 44 characters of a link.
    let (link, letters) = (44, 4);
    assert_eq!(count(Platform::Bluesky, &text), letters + link);
    assert_eq!(count(Platform::Mastodon, &text), letters + 23);
    assert_eq!(count(Platform::X, &text), 2 + 1 + 1 + 1 + 23);
    assert_eq!(count(Platform::Threads, &text), FAMILY.len() + 1 + 2 + 1 + link);
    assert_eq!(count(Platform::LinkedIn, &text), 11 + 1 + 2 + 1 + link);
    assert_eq!(count(Platform::Facebook, &text), 7 + 1 + 2 + 1 + link);
    for platform in PLATFORMS {
        assert_eq!(count(platform, ""), 0);
        assert_eq!(count(platform, "plain words"), 11, "{platform:?}");
    }
}

#[test]
fn a_sequence_that_shows_as_one_is_one_where_clusters_count() {
    for one in [
        FAMILY,
        "🇩🇪",
        "1\u{fe0f}\u{20e3}",
        "👍🏽",
        "e\u{301}",
        "🏳\u{fe0f}\u{200d}🌈",
        "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
    ] {
        assert_eq!(count(Platform::Bluesky, one), 1, "{one}");
        assert_eq!(count(Platform::Mastodon, one), 1, "{one}");
        assert_eq!(count(Platform::X, one), if one.starts_with('e') { 1 } else { 2 }, "{one}");
    }
    // Two letters that are no region's flag, a tone upon what has none, and a joining that nobody recommends are not one.
    assert_eq!(count(Platform::X, "🇽🇽"), 4);
    assert_eq!(count(Platform::X, "🐱🏽"), 4);
    assert_eq!(count(Platform::X, "🐱\u{200d}🚗"), 5);
    assert_eq!(count(Platform::X, "©"), 1);
    assert_eq!(count(Platform::X, "©\u{fe0f}"), 2);
}

#[test]
fn threads_counts_an_emoji_as_its_bytes() {
    assert_eq!(count(Platform::Threads, "👍"), 4);
    assert_eq!(count(Platform::Threads, FAMILY), 25);
    assert_eq!(count(Platform::Threads, "grüße"), 5);
    assert_eq!(count(Platform::Threads, "日本 🎉"), 3 + 4);
}

#[test]
fn bluesky_counts_a_link_as_it_is_written_and_also_bytes() {
    let rules = Platform::Bluesky.published();
    let link = format!("https://example.com/{}", "a".repeat(300));
    assert_eq!(length(&rules, &link), 320);
    assert!(!fits(&rules, &link));
    let heavy = FAMILY.repeat(130);
    assert_eq!((length(&rules, &heavy), heavy.len()), (130, 3250));
    assert!(!fits(&rules, &heavy));
    assert!(fits(&rules, &FAMILY.repeat(119)));
}

#[test]
fn mastodon_counts_links_as_23_and_names_on_other_servers_without_the_server() {
    assert_eq!(count(Platform::Mastodon, "@user@mastodon.example.social hi"), 8);
    assert_eq!(count(Platform::Mastodon, "@user hi"), 8);
    assert_eq!(count(Platform::Mastodon, "see https://example.com"), 4 + 23);
    // Without a scheme it is no link there.
    assert_eq!(count(Platform::Mastodon, "see example.com"), 15);
    assert_eq!(count(Platform::X, "see example.com"), 4 + 23);
}

#[test]
fn text_messages_are_counted_in_septets_or_units_and_in_parts() {
    let sms = Platform::Sms.published();
    assert_eq!(length(&sms, "Hello @you £5"), 13);
    assert_eq!(length(&sms, "€[]"), 6);
    assert_eq!(length(&sms, "smile 😀"), 8);
    assert_eq!((limit(&sms, "plain"), limit(&sms, "smile 😀")), (160, 70));
    let table = PlatformTable::read(json!({"sms": {"limit": 459}}).as_object().unwrap().clone()).unwrap();
    assert_eq!((limit(&table.rules(Platform::Sms), "plain"), limit(&table.rules(Platform::Sms), "😀")), (459, 201));
    for (text, gsm7, units, parts) in [
        ("a".repeat(160), true, 160, 1),
        ("a".repeat(161), true, 161, 2),
        ("a".repeat(306), true, 306, 2),
        ("a".repeat(307), true, 307, 3),
        ("ж".repeat(70), false, 70, 1),
        ("ж".repeat(71), false, 71, 2),
        ("ж".repeat(134), false, 134, 2),
        ("ж".repeat(135), false, 135, 3),
        // The two septets of a euro stay together: 152 and the euro do not fit in 153.
        (format!("{}€{}", "a".repeat(152), "a".repeat(151)), true, 305, 2),
        (format!("{}€{}", "a".repeat(152), "a".repeat(152)), true, 306, 3),
        // And so do the two units of an emoji.
        (format!("{}😀{}", "ж".repeat(66), "ж".repeat(66)), false, 134, 3),
    ] {
        let found = gsm::parts(&text);
        assert_eq!((found.gsm7, found.units, found.parts), (gsm7, units, parts), "{text}");
    }
}

// Links, mentions, hashtags, mail

#[test]
fn links_end_where_people_end_them() {
    for (text, link) in [
        ("see https://example.com/a?b=c#d.", "https://example.com/a?b=c#d"),
        ("(https://example.com/a)", "https://example.com/a"),
        ("https://en.wikipedia.org/wiki/Rust_(language), yes", "https://en.wikipedia.org/wiki/Rust_(language)"),
        ("HTTPS://EXAMPLE.COM!", "HTTPS://EXAMPLE.COM"),
        ("http://example.com:8080/x", "http://example.com:8080/x"),
        ("http://example.com/Русские_слова", "http://example.com/Русские_слова"),
        ("\"https://example.com/q\"", "https://example.com/q"),
        ("https://example.com/a/ and", "https://example.com/a/"),
    ] {
        for platform in PLATFORMS {
            assert_eq!(seen(platform, text), [(Kind::Link, link)], "{platform:?} {text}");
        }
    }
    assert_eq!(seen(Platform::X, "read example.co.uk/page, and t.co"), [(Kind::Link, "example.co.uk/page"), (Kind::Link, "t.co")]);
    for none in ["end.However", "v1.2.3", "e.g. this", "3.14", "https://", "http://localhost", "a.b.c.d"] {
        assert_eq!(seen(Platform::X, none), [], "{none}");
    }
}

#[test]
fn hashtags_have_a_letter_and_stand_free() {
    assert_eq!(
        seen(Platform::X, "#one, #2nd #ашок #트위터 #Größe! (#in) 日本#x ##no #1 a#b &#39; #\u{fe0f}\u{20e3}"),
        [
            (Kind::Hashtag, "#one"),
            (Kind::Hashtag, "#2nd"),
            (Kind::Hashtag, "#ашок"),
            (Kind::Hashtag, "#트위터"),
            (Kind::Hashtag, "#Größe"),
            (Kind::Hashtag, "#in"),
        ]
    );
}

#[test]
fn mentions_are_what_each_platform_takes_for_one() {
    assert_eq!(seen(Platform::X, "@user_1: hi .@b, a@b"), [(Kind::Mention, "@user_1"), (Kind::Mention, "@b")]);
    assert_eq!(seen(Platform::Bluesky, "hi @alice.bsky.social."), [(Kind::Mention, "@alice.bsky.social")]);
    assert_eq!(seen(Platform::Mastodon, "hi @me@example.social!"), [(Kind::Mention, "@me@example.social")]);
    assert_eq!(seen(Platform::Instagram, "@some.name_ and @other"), [(Kind::Mention, "@some.name_"), (Kind::Mention, "@other")]);
    assert_eq!(seen(Platform::Reddit, "ask u/someone in /r/rust, your/own"), [(Kind::Mention, "u/someone"), (Kind::Mention, "/r/rust")]);
    assert_eq!(
        seen(Platform::Discord, "<@123> <#4> @here <b>"),
        [(Kind::Mention, "<@123>"), (Kind::Mention, "<#4>"), (Kind::Mention, "@here")]
    );
    assert_eq!(seen(Platform::X, "write to me.you+x@example.com."), [(Kind::Email, "me.you+x@example.com")]);
}

fn texts() -> impl Strategy<Value = String> {
    support::posts()
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn entities_lie_in_order_within_the_text_and_counting_never_fails(text in texts()) {
        for platform in PLATFORMS {
            let rules = platform.published();
            let mut at = 0;
            for entity in entities(&rules, &text) {
                prop_assert!(entity.start >= at && entity.end > entity.start && text.get(entity.start..entity.end).is_some());
                at = entity.end;
            }
            // No count gives a character more than four, nor a text more than nothing for nothing.
            let links = entities(&rules, &text).iter().filter(|entity| entity.kind == Kind::Link).count();
            prop_assert!(length(&rules, &text) <= text.len() * 2 + links * 23);
            prop_assert_eq!(length(&rules, &text) == 0, text.is_empty());
        }
    }
}
