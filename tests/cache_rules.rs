//! What is stored, how long it may be used, and how a caller steers it.
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

use maya_edge::admission::record::CachePolicy;
use maya_edge::boundary::Head;
use maya_edge::cache::entry::{Entry, Form};
use maya_edge::cache::steering::Steering;
use maya_edge::config::{CacheMatch, Config, LONGEST_TTL, SHORTEST_TTL};
use maya_edge::error::Error;
use maya_edge::protocol::usage::Usage;
use proptest::prelude::*;
use support::cases;

/// The headers that steer the cache, in the order in which the gateway's lines have them.
#[derive(Clone, Copy, Default)]
struct Steers<'a> {
    cache_control: &'a str,
    skip: &'a str,
    ttl: &'a str,
    key: &'a str,
}

fn steer(mode: &str, headers: Steers<'_>, deterministic: bool) -> Result<Steering, Error> {
    let config = Config::read(&format!("{{\"CACHE_MODE\":\"{mode}\",\"CACHE_TTL_SECONDS\":\"600\"}}")).unwrap();
    let Steers { cache_control, skip, ttl, key } = headers;
    // Time, method, address; authorization, content-type and content-encoding stand before.
    let head = Head::new(format!(
        "1790000000000\nPOST\nhttps://gateway.example/v1/chat/completions\nBearer x\n\n\n{cache_control}\n{skip}\n{ttl}\n{key}\n\n\n"
    ));
    assert_eq!((head.now_ms, head.method(), head.target()), (1_790_000_000_000, "POST", ("/v1/chat/completions", None)));
    Steering::read(&config, &CachePolicy::default(), &head, deterministic)
}

fn cache_control(mode: &str, value: &str, deterministic: bool) -> Steering {
    steer(mode, Steers { cache_control: value, ..Steers::default() }, deterministic).unwrap()
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn an_entry_is_read_as_it_was_written(whole in any::<bool>(), stored_ms in any::<u64>(), ttl in any::<u32>(), tokens in any::<(u32, u32)>(), body in proptest::collection::vec(any::<u8>(), 0..40)) {
        let (form, body) = if whole { (Form::Whole, [b"{", &body[..], b"}"].concat()) } else { (Form::Stream, [&body[..], b"data: [DONE]\n\n"].concat()) };
        let usage = Usage { prompt_tokens: tokens.0.into(), completion_tokens: tokens.1.into() };
        let entry = Entry { form, stored_ms, ttl, usage, body: &body };
        let bytes = entry.encode();
        let decoded = Entry::decode(&bytes);
        prop_assert_eq!(decoded.as_ref(), Some(&entry));
        // Less than its head is none.
        for length in 0..24 {
            prop_assert_eq!(Entry::decode(&bytes[..length]), None);
        }
        // Another mark, or another form, is none.
        for place in 0..4 {
            let mut other = bytes.clone();
            other[place] ^= 0x20;
            prop_assert_eq!(Entry::decode(&other), None);
        }
    }

    #[test]
    fn whatever_kv_holds_is_read_or_passed_over(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        if let Some(entry) = Entry::decode(&bytes) {
            prop_assert_eq!(entry.encode(), bytes);
        }
    }

    #[test]
    fn an_entry_is_used_while_its_time_lasts(stored_ms in 0..u64::MAX / 2, ttl in any::<u32>(), passed in any::<u64>()) {
        let entry = Entry { form: Form::Whole, stored_ms, ttl, usage: Usage::default(), body: b"" };
        let now = stored_ms.saturating_add(passed);
        let age = (now - stored_ms) / 1000;
        prop_assert_eq!(u64::from(entry.age(now)), age.min(u64::from(u32::MAX)));
        prop_assert_eq!(entry.remaining(now).map(u64::from), u64::from(ttl).checked_sub(age).filter(|left| *left > 0));
        // A clock behind the writer's makes no entry older.
        prop_assert_eq!((entry.age(stored_ms.saturating_sub(passed)), entry.age(stored_ms + 999)), (0, 0));
    }

    #[test]
    fn any_headers_are_read_or_refused_by_name(control in "[ -~]{0,40}", skip in "[ -~]{0,6}", ttl in "[ -~]{0,6}", key in "[ -~]{0,20}", deterministic in any::<bool>()) {
        for mode in ["deterministic", "always", "off"] {
            match steer(mode, Steers { cache_control: &control, skip: &skip, ttl: &ttl, key: &key }, deterministic) {
                Ok(steering) => {
                    prop_assert!(steering.store.is_none_or(|ttl| (SHORTEST_TTL..=LONGEST_TTL).contains(&ttl)));
                    prop_assert!(!steering.read || steering.store.is_some());
                    prop_assert!(mode != "off" || !steering.read && steering.store.is_none());
                }
                Err(error) => {
                    prop_assert_eq!(error.status, 400);
                    prop_assert!(["cache-control", "cf-aig-cache-ttl"].contains(&&*error.param));
                }
            }
        }
    }
}

#[test]
fn a_request_is_matched_as_it_says_or_its_key_or_the_operator() {
    let policy = |matching| CachePolicy { matching, ..CachePolicy::default() };
    let (exact, normalised) = (CacheMatch::Exact, CacheMatch::Normalised);
    for (variable, record, header, is_normalised) in [
        ("", None, "", false),
        ("exact", None, "", false),
        ("normalised", None, "", true),
        ("normalised", Some(exact), "", false),
        ("exact", Some(normalised), "", true),
        ("exact", Some(exact), "match=normalised", true),
        ("normalised", Some(normalised), "max-age=60, match=exact", false),
        ("exact", None, "Match=\"Normalised\"", true),
    ] {
        let config = Config::read(&format!("{{\"CACHE_MATCH\":\"{variable}\"}}")).unwrap();
        let head = Head::new(format!("1\nPOST\nhttps://gateway.example/v1/chat/completions\n\n\n\n{header}\n\n\n\n\n\n"));
        let steering = Steering::read(&config, &policy(record), &head, true).unwrap();
        assert_eq!(steering.normalised, is_normalised, "{variable} {record:?} {header}");
    }
    // It tells which requests are the same, not which are cached.
    assert!(!cache_control("deterministic", "match=normalised", false).involved());
}

#[test]
fn half_an_entry_is_none() {
    let stream = b"data: {\"choices\":[]}\n\ndata: [DONE]\n\n";
    let whole = br#"{"choices":[{"index":0}]}"#;
    for (form, body, end) in [(Form::Stream, &stream[..], 2), (Form::Whole, &whole[..], 0)] {
        let bytes = Entry { form, stored_ms: 1, ttl: 60, usage: Usage::default(), body }.encode();
        assert!(Entry::decode(&bytes).is_some());
        // A blank line more or less at a stream's end is no loss; a bracket is.
        for lost in end + 1..bytes.len() {
            let cut = &bytes[..bytes.len() - lost];
            assert!(Entry::decode(cut).is_none_or(|entry| entry.body.ends_with(b"}")), "{lost}");
            assert!(form == Form::Whole || Entry::decode(cut).is_none(), "{lost}");
        }
        let other = if form == Form::Whole { Form::Stream } else { Form::Whole };
        assert_eq!(Entry::decode(&Entry { form: other, stored_ms: 1, ttl: 60, usage: Usage::default(), body }.encode()), None);
    }
}

#[test]
fn the_age_is_whole_seconds_and_the_last_one_does_not_count() {
    let entry = Entry { form: Form::Stream, stored_ms: 10_000, ttl: 60, usage: Usage::default(), body: b"" };
    for (now, age, left) in [
        (10_000, 0, Some(60)),
        (10_999, 0, Some(60)),
        (11_000, 1, Some(59)),
        (69_999, 59, Some(1)),
        (70_000, 60, None),
        (u64::MAX, u32::MAX, None),
        (0, 0, Some(60)),
    ] {
        assert_eq!((entry.age(now), entry.remaining(now)), (age, left), "{now}");
    }
}

#[test]
fn the_mode_decides_what_is_cached_unless_the_caller_does() {
    let stored = |mode: &str, deterministic: bool| {
        let steering = cache_control(mode, "", deterministic);
        assert_eq!((steering.read, steering.involved()), (steering.store.is_some(), steering.store.is_some()));
        steering.store
    };
    assert_eq!((stored("deterministic", true), stored("deterministic", false)), (Some(600), None));
    assert_eq!((stored("always", true), stored("always", false)), (Some(600), Some(600)));
    assert_eq!((stored("off", true), stored("off", false)), (None, None));
}

#[test]
fn standard_directives_are_obeyed() {
    let Steering { read, store, .. } = cache_control("always", "no-cache", true);
    assert_eq!((read, store), (false, Some(600)));
    let steering = cache_control("always", "no-store", true);
    assert!(!steering.read && steering.store.is_none() && !steering.involved());
    let Steering { read, store, max_age, .. } = cache_control("always", "max-age=0", true);
    assert_eq!((read, store, max_age), (false, Some(600), Some(0)));
    // Of a deterministic request it is only the oldest entry that may answer; else it is the wish to cache, for as long.
    let Steering { read, store, max_age, .. } = cache_control("deterministic", "max-age=90", true);
    assert_eq!((read, store, max_age), (true, Some(600), Some(90)));
    let Steering { read, store, max_age, .. } = cache_control("deterministic", "max-age=90", false);
    assert_eq!((read, store, max_age), (true, Some(90), Some(90)));
    assert_eq!(cache_control("deterministic", "max-age=0", false), Steering { max_age: Some(0), ..Steering::default() });
    let steering = cache_control("deterministic", "only-if-cached", false);
    assert!(steering.read && steering.only_if_cached && steering.involved());
    let steering = cache_control("off", "only-if-cached, max-age=9", true);
    assert!(!steering.read && steering.only_if_cached && steering.involved());
    // Names in any case, spaces, quotes, and what is not known.
    let same = cache_control("always", "max-age=90, no-cache", true);
    for other in
        ["NO-CACHE,Max-Age=90", " no-cache , max-age = \"90\" ", "max-stale=5,no-cache,x,max-age=90,,", "no-cache=\"x\",max-age=90"]
    {
        assert_eq!(cache_control("always", other, true), same, "{other}");
    }
}

#[test]
fn the_headers_of_cloudflares_gateway_mean_what_they_mean_there() {
    let with = |headers: Steers<'_>| steer("deterministic", headers, false).unwrap();
    let skipped = |skip: &str| steer("always", Steers { skip, ..Steers::default() }, true).unwrap().store.is_none();
    assert!(skipped("true") && skipped("TRUE") && skipped("1"));
    assert!(!skipped("false") && !skipped("0") && !skipped("yes"));
    assert_eq!(with(Steers { ttl: "120", ..Steers::default() }).store, Some(120));
    // KV keeps nothing for less, and nothing is kept for longer than a month.
    assert_eq!(with(Steers { ttl: "1", ..Steers::default() }).store, Some(SHORTEST_TTL));
    assert_eq!(with(Steers { ttl: "99999999999999999999999", ..Steers::default() }).store, Some(LONGEST_TTL));
    assert_eq!(with(Steers { ttl: "120", cache_control: "max-age=300", ..Steers::default() }).store, Some(120));
    let chosen = with(Steers { key: "my key", ..Steers::default() });
    assert_eq!((chosen.chosen_key.as_deref(), chosen.read, chosen.store), (Some("my key"), true, Some(600)));
    assert!(!with(Steers { key: "k", cache_control: "no-store", ..Steers::default() }).involved());
}

#[test]
fn a_header_that_is_no_number_is_named() {
    for wrong in ["x", "-1", "1.5", "+5", "0x10", "٣"] {
        let error = steer("off", Steers { ttl: wrong, ..Steers::default() }, true).unwrap_err();
        assert_eq!((error.status, &*error.param), (400, "cf-aig-cache-ttl"), "{wrong}");
        let control = format!("max-age={wrong}");
        let error = steer("always", Steers { cache_control: &control, ..Steers::default() }, true).unwrap_err();
        assert_eq!((error.status, &*error.param), (400, "cache-control"), "{wrong}");
    }
    assert_eq!(steer("always", Steers { cache_control: "max-age", ..Steers::default() }, true).unwrap_err().param, "cache-control");
    let long = "k".repeat(512);
    assert!(steer("always", Steers { key: &long, ..Steers::default() }, true).is_ok());
    let long = "k".repeat(513);
    assert_eq!(steer("always", Steers { key: &long, ..Steers::default() }, true).unwrap_err().param, "cf-aig-cache-key");
}
