//! Attempts, models, configuration, keys, routes and error bodies.
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

use std::collections::BTreeMap;

use maya_edge::admission::keys::{GatewayKey, KeyDigest, bearer, find};
use maya_edge::admission::secrets::EdgeSecret;
use maya_edge::api::route::{CampaignTarget, ModelTarget, Resource, Route};
use maya_edge::boundary::{Failure, Head};
use maya_edge::cloud::attempts::{Attempts, Next, Outcome, Outlook};
use maya_edge::cloud::chain::{Chain, MOST, Needs};
use maya_edge::cloud::deadline::Deadline;
use maya_edge::cloud::health::Settings;
use maya_edge::cloud::models::{Capability, MicroDollars, Model, Models};
use maya_edge::config::{CacheMatch, CacheMode, Config, LOCAL_KEY, LedgerFailure, NAMES, fingerprint};
use maya_edge::error::{Error, upstream};
use maya_edge::protocol::headers::{Lines, callers_own_id, well_formed_id, well_formed_traceparent};
use maya_edge::protocol::request::Endpoint;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::cases;

// Attempts

/// What could follow while there is time.
fn outlook(again: bool, stand_in: bool) -> Outlook {
    Outlook { again, stand_in, left_ms: 60_000 }
}

#[test]
fn every_course_of_attempts_asks_the_first_model_twice_at_the_most_and_each_other_once() {
    let outcomes = [Outcome::Answer, Outcome::Refusal, Outcome::Passing, Outcome::Late, Outcome::Over];
    for others in 0..MOST {
        for again in [false, true] {
            for course in 0..5_usize.pow(4) {
                let mut attempts = Attempts::default();
                let (mut of_first, mut of_others) = (1, 0);
                for step in 0..4_u32 {
                    let outcome = outcomes[course / 5_usize.pow(step) % 5];
                    let next = attempts.after(outcome, outlook(again, of_others < others), 0.5);
                    assert_eq!(usize::from(attempts.made()), of_first + of_others);
                    match next {
                        Next::Again { wait_ms } => {
                            assert_eq!((wait_ms, outcome, again, of_others), (150, Outcome::Passing, true, 0));
                            of_first += 1;
                        }
                        Next::StandIn => {
                            let failed = matches!(outcome, Outcome::Passing | Outcome::Late);
                            assert!(failed || (outcome == Outcome::Refusal && of_others > 0), "{outcome:?}");
                            of_others += 1;
                            assert_eq!(usize::from(attempts.stood_in()), of_others);
                        }
                        Next::Answer => {
                            assert!(outcome == Outcome::Answer || of_others == 0);
                            break;
                        }
                        Next::FirstFailure => {
                            assert!(outcome != Outcome::Answer && of_others > 0);
                            break;
                        }
                    }
                    assert!(of_first <= 2 && of_others <= others, "{course}");
                    assert!(step < 3, "the course ends");
                }
            }
        }
    }
}

#[test]
fn nothing_is_asked_again_without_the_time_for_it() {
    for (left_ms, outcome, expected) in [
        (200, Outcome::Passing, Next::Again { wait_ms: 150 }),
        (199, Outcome::Passing, Next::StandIn),
        (50, Outcome::Passing, Next::StandIn),
        (49, Outcome::Passing, Next::Answer),
        (50, Outcome::Late, Next::StandIn),
        (49, Outcome::Late, Next::Answer),
        (0, Outcome::Answer, Next::Answer),
    ] {
        let outlook = Outlook { again: true, stand_in: true, left_ms };
        assert_eq!(Attempts::default().after(outcome, outlook, 0.5), expected, "{left_ms}");
    }
}

#[test]
fn only_what_may_pass_is_asked_again() {
    for status in 100..=599 {
        let passing = [500, 502, 503].contains(&status);
        assert_eq!(Outcome::of_status(status) == Outcome::Passing, passing, "{status}");
        assert_eq!(Outcome::of_status(status) == Outcome::Answer, status < 400, "{status}");
    }
    assert_eq!(Outcome::of_failure(Failure::Lost), Outcome::Passing);
    assert_eq!(Outcome::of_failure(Failure::FirstByteLate), Outcome::Late);
    assert_eq!(Outcome::of_failure(Failure::TotalLate), Outcome::Over);
    assert_eq!(Outcome::of_failure(Failure::Gone), Outcome::Over);
}

#[test]
fn a_wait_is_between_50_and_250_ms_whatever_the_jitter() {
    let wait = |jitter| match Attempts::default().after(Outcome::Passing, outlook(true, true), jitter) {
        Next::Again { wait_ms } => wait_ms,
        next => panic!("{next:?}"),
    };
    assert_eq!((wait(0.0), wait(0.999_999), wait(1.0)), (50, 249, 250));
    for strange in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -3.0, 1e300] {
        assert!((50..=250).contains(&wait(strange)), "{strange}");
    }
}

// Deadlines

/// A request that came at 1000 ms, with the header `x-maya-deadline-ms`.
fn asking_for(ms: &str) -> Head {
    Head::new(format!("1000\nPOST\nhttps://edge.example/v1/chat/completions{}\n{ms}", "\n".repeat(18)))
}

#[test]
fn a_caller_may_set_an_earlier_deadline_and_no_later_one() {
    let config = config(&json!({"TOTAL_MS": 5000, "FIRST_BYTE_MS": 2000}));
    for (said, whole_ms, by_caller) in [
        ("", 5000, false),
        ("1", 1, true),
        ("4999", 4999, true),
        (" 70 ", 70, true),
        ("5000", 5000, false),
        ("5001", 5000, false),
        ("99999999999999999999999", 5000, false),
    ] {
        let deadline = Deadline::read(&config, &asking_for(said)).unwrap();
        assert_eq!((deadline.whole_ms, deadline.by_caller, deadline.ends_ms), (whole_ms, by_caller, 1000 + u64::from(whole_ms)), "{said}");
        assert_eq!((deadline.left_ms(1000), deadline.left_ms(u64::MAX)), (u64::from(whole_ms), 0));
    }
    for wrong in ["0", "-1", "1.5", "1e3", "soon", "1 2", "0x10"] {
        let error = Deadline::read(&config, &asking_for(wrong)).expect_err(wrong);
        assert_eq!((error.status, error.code, &*error.param), (400, "wrong_value", "x-maya-deadline-ms"));
    }
}

#[test]
fn a_deadline_that_passes_is_told_by_the_name_of_what_set_it() {
    let config = config(&json!({"TOTAL_MS": 5000, "FIRST_BYTE_MS": 2000}));
    let own = Deadline::read(&config, &asking_for("")).unwrap();
    let callers = Deadline::read(&config, &asking_for("300")).unwrap();
    let told = |deadline: Deadline, failure| {
        let error = deadline.error(failure);
        (error.status, error.code, error.message.into_owned(), error.retry)
    };
    let (status, code, message, retry) = told(callers, Failure::TotalLate);
    assert_eq!((status, code, retry), (504, "deadline_exceeded", Some(false)));
    assert!(message.contains("300 ms") && message.contains("x-maya-deadline-ms"), "{message}");
    let (status, code, message, retry) = told(own, Failure::TotalLate);
    assert_eq!((status, code, retry), (504, "upstream_timeout", None));
    assert!(message.contains("5000 ms") && message.contains("TOTAL_MS"), "{message}");
    for deadline in [own, callers] {
        let (status, code, message, _) = told(deadline, Failure::FirstByteLate);
        assert_eq!((status, code), (504, "upstream_timeout"));
        assert!(message.contains("2000 ms") && message.contains("FIRST_BYTE_MS"), "{message}");
    }
}

// Models

fn config(settings: &Value) -> Config {
    Config::read(&settings.to_string()).unwrap_or_else(|error| panic!("{}", error.message))
}

#[test]
fn names_aliases_and_unknown_models_resolve() {
    let config = config(&json!({
        "MODELS": {"big": {"cap_tokens": 100, "fallback": "small", "input_micro_dollars_per_million": 350_000, "capabilities": ["tools"]}, "small": {"fallback": "seer"}, "seer": {"capabilities": ["vision"], "fallback": "elsewhere"}},
        "ALIASES": {"fast": "big", "odd": "nowhere"},
        "MAX_COMPLETION_TOKENS": 7,
    }));
    let models = &config.models;
    let resolve = |name: &'static str| {
        let resolved = models.resolve(name);
        (resolved.id.to_owned(), resolved.row.is_some(), resolved.cap_tokens)
    };
    assert_eq!(resolve("fast"), ("big".to_owned(), true, 100));
    assert_eq!(resolve("big"), ("big".to_owned(), true, 100));
    assert_eq!(resolve("small"), ("small".to_owned(), true, 7));
    assert_eq!(resolve("odd"), ("nowhere".to_owned(), false, 7));
    assert_eq!(resolve("unheard-of"), ("unheard-of".to_owned(), false, 7));
    assert_eq!(resolve("BIG"), ("BIG".to_owned(), false, 7));
    let row = models.resolve("fast").row.unwrap();
    assert_eq!((row.input_micro_dollars_per_million, row.output_micro_dollars_per_million), (Some(MicroDollars(350_000)), None));
    assert_eq!(row.capabilities, [Capability::Tools]);
}

#[test]
fn a_chain_follows_fallbacks_to_three_models_that_can_and_may_each_once() {
    let config = config(&json!({
        "MODELS": {
            "a": {"fallback": "b"},
            "b": {"fallback": "seer", "context_tokens": 1000},
            "seer": {"capabilities": ["vision"], "fallback": "d"},
            "d": {"fallback": "nowhere", "context_tokens": 50},
            "one": {"fallback": "other"},
            "other": {"fallback": "one"},
            "round": {"fallback": "x"}, "x": {"fallback": "y"}, "y": {"fallback": "x"},
        },
        "ALIASES": {"fast": "a"},
    }));
    let models = &config.models;
    let chain = |name: &'static str, pictures, input_tokens, barred: &str| {
        let chain = Chain::of(models, models.resolve(name), Needs { pictures, input_tokens }, |id| id != barred);
        let ids: Vec<_> = chain.models().map(|model| model.id.to_owned()).collect();
        assert!(ids.iter().enumerate().all(|(place, id)| chain.get(place).unwrap().id == id));
        ids.join(" ")
    };
    assert_eq!(chain("fast", false, 10, ""), "a b seer");
    assert_eq!(chain("seer", false, 10, ""), "seer d nowhere");
    assert_eq!(chain("unheard-of", false, 10, ""), "unheard-of");
    // What cannot answer is passed over, and its own fallback is not.
    assert_eq!(chain("a", true, 10, ""), "a seer");
    assert_eq!(chain("a", false, 1001, ""), "a seer nowhere");
    assert_eq!(chain("b", false, 51, ""), "b seer nowhere");
    assert_eq!(chain("a", false, 10, "b"), "a seer d");
    assert_eq!(chain("a", false, 10, "seer"), "a b d");
    // A circle ends where it began, also one of models that are passed over.
    assert_eq!(chain("one", false, 10, ""), "one other");
    assert_eq!(chain("round", false, 10, ""), "round x y");
    assert_eq!(chain("round", true, 10, ""), "round");
    assert_eq!(Chain::of_one(models.resolve("a")).models().count(), 1);
}

#[test]
fn a_table_that_contradicts_itself_is_refused() {
    let row = |fallback: Option<&str>| -> Model { serde_json::from_value(json!({"fallback": fallback})).unwrap() };
    let table = |rows: Vec<(&str, Option<&str>)>, aliases: &[(&str, &str)]| {
        let rows = rows.into_iter().map(|(id, fallback)| (id.to_owned(), row(fallback))).collect();
        let aliases: BTreeMap<_, _> = aliases.iter().map(|(alias, id)| ((*alias).to_owned(), (*id).to_owned())).collect();
        Models::new(rows, aliases, 1).map(|_| ()).map_err(|(variable, reason)| format!("{variable}: {reason}"))
    };
    assert!(table(vec![("a", Some("b")), ("b", Some("a"))], &[("x", "a"), ("y", "a")]).is_ok());
    assert!(table(vec![("a", None)], &[("a", "b")]).unwrap_err().starts_with("ALIASES: the alias `a`"));
    assert!(table(vec![("a", None)], &[("x", "y"), ("y", "a")]).unwrap_err().contains("`x`"));
    assert!(table(vec![("a", None)], &[("x", "x")]).is_err());
    assert!(table(vec![("a", Some("a"))], &[]).unwrap_err().contains("`a`"));
    assert!(table(vec![("a", Some("x"))], &[("x", "b")]).unwrap_err().contains("`a`"));
}

// Configuration

#[test]
fn nothing_set_is_a_configuration() {
    let config = config(&json!({}));
    assert_eq!((&*config.base_url, config.api_key, config.keys.len()), ("https://api.cerebras.ai", None, 0));
    assert_eq!((config.first_byte_ms, config.total_ms, config.cache_ttl), (50_000, 120_000, 3600));
    assert_eq!((config.cache_mode, &*config.policy_version, config.cors_origins.len()), (CacheMode::Deterministic, "1", 0));
    assert_eq!(config.cache_match, CacheMatch::Exact);
    assert_eq!(config.models.resolve("m").cap_tokens, 16_384);
}

#[test]
fn a_variable_may_be_text_or_json() {
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let typed = json!({
        "CEREBRAS_API_KEY": "csk-1", "CEREBRAS_BASE_URL": "http://localhost:9/v1/", "GATEWAY_KEYS": [{"sha256": digest, "tenant": "acme", "name": "n"}],
        "MODELS": {"m": {"cap_tokens": 5}}, "ALIASES": {"a": "m"}, "ROUTING": {"prefer": "cost"}, "MAX_COMPLETION_TOKENS": 9, "FIRST_BYTE_MS": 1, "TOTAL_MS": 2, "HEALTH": {"breakers": false, "slow_ms": 3}, "PLATFORMS": {"x": {"limit": 25_000}}, "CACHE_MODE": "always",
        "CACHE_MATCH": "normalised",
        "CACHE_TTL_SECONDS": 60, "POLICY_VERSION": "2", "CORS_ORIGINS": ["*"], "OFF_PEAK": "01:00-02:00", "LOCAL": true,
        "ADMIN_SECRET": "a", "EDGE_SECRET": "e".repeat(32), "EDGE_SECRET_PREVIOUS": "p".repeat(32), "LEDGER_FAILURE": "allow",
        "TELEMETRY_MS": 4, "LOG_SAMPLE": 0.5, "TRACE_SAMPLE": 0.25, "OTLP_ENDPOINT": "http://localhost:4318", "OTLP_HEADERS": "a=b",
    });
    let as_text: serde_json::Map<String, Value> = typed
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned).into()))
        .collect();
    // Beside the variables stands the mark of local development, which no variable can set.
    assert_eq!(typed.as_object().unwrap().len(), NAMES.len() + 1);
    for settings in [typed, as_text.into()] {
        let config = config(&settings);
        assert_eq!((&*config.base_url, config.api_key.as_deref()), ("http://localhost:9", Some("csk-1")));
        assert_eq!((config.keys.len(), &*config.keys[0].record.tenant, &*config.keys[0].record.name), (1, "acme", "n"));
        assert_eq!((config.models.resolve("a").cap_tokens, config.models.resolve("b").cap_tokens), (5, 9));
        assert_eq!((config.telemetry_ms, config.log_sample), (4, 0.5));
        let tracing = config.tracing.as_ref().unwrap();
        assert_eq!((&*tracing.url, tracing.sample), ("http://localhost:4318/v1/traces", 0.25));
        assert_eq!(tracing.headers.text(), "content-type: application/json\na: b\n");
        assert_eq!((config.off_peak.hold(60), config.off_peak.hold(120)), (true, false));
        assert_eq!((config.first_byte_ms, config.total_ms, config.cache_mode, config.cache_ttl), (1, 2, CacheMode::Always, 60));
        assert_eq!(config.health, Settings { breakers: false, slow_ms: 3, ..Settings::default() });
        assert_eq!(config.cache_match, CacheMatch::Normalised);
        assert_eq!((&*config.policy_version, &*config.cors_origins), ("2", &["*".to_owned()][..]));
        assert!(config.admin_secret.is_some_and(|secret| secret.matches("a") && !secret.matches("b")));
        assert_eq!((config.edge_secret, config.previous_edge_secret), (EdgeSecret::new("e".repeat(32)), EdgeSecret::new("p".repeat(32))));
        assert_eq!(config.ledger_failure, LedgerFailure::Allow);
    }
    for nothing in [json!(""), json!("  "), json!(null)] {
        for name in NAMES {
            assert!(Config::read(&json!({name: nothing}).to_string()).is_ok(), "{name}");
        }
    }
}

#[test]
fn each_wrong_variable_is_named_and_never_quoted() {
    let secret = "Sesame expected Sesame";
    let row = |more: Value| json!({"m": more});
    let wrong = [
        ("CEREBRAS_API_KEY", json!({"k": secret})),
        ("CEREBRAS_BASE_URL", json!(secret)),
        ("CEREBRAS_BASE_URL", json!("ftp://Sesame")),
        ("CEREBRAS_BASE_URL", json!("https:///")),
        ("GATEWAY_KEYS", json!(secret)),
        ("GATEWAY_KEYS", json!([secret])),
        ("GATEWAY_KEYS", json!([{"sha256": secret, "tenant": "t"}])),
        ("GATEWAY_KEYS", json!("[{\"sha256\":\"Sesame\",\"tenant\":\"t\"}]")),
        ("GATEWAY_KEYS", json!([{"tenant": secret}])),
        ("GATEWAY_KEYS", json!([{"sha256": "0".repeat(64), "tenant": "t", "key": secret}])),
        ("GATEWAY_KEYS", json!([{"sha256": "é".repeat(32), "tenant": "t"}])),
        ("GATEWAY_KEYS", json!([{"sha256": "0".repeat(64), "tenant": "_gateway"}])),
        ("GATEWAY_KEYS", json!([{"sha256": "0".repeat(64), "tenant": ""}])),
        ("MODELS", json!(secret)),
        ("MODELS", json!([secret])),
        ("MODELS", row(json!(secret))),
        ("MODELS", row(json!({"cap_tokens": secret}))),
        ("MODELS", row(json!({"unknown": 1}))),
        ("MODELS", row(json!({"capabilities": [secret]}))),
        ("MODELS", row(json!({"input_micro_dollars_per_million": 0.35}))),
        ("MODELS", row(json!({"fallback": "m"}))),
        ("ALIASES", json!(secret)),
        ("ALIASES", json!({"a": 1})),
        ("MAX_COMPLETION_TOKENS", json!(secret)),
        ("MAX_COMPLETION_TOKENS", json!(0)),
        ("MAX_COMPLETION_TOKENS", json!("-1")),
        ("FIRST_BYTE_MS", json!(1.5)),
        ("FIRST_BYTE_MS", json!("0")),
        ("TOTAL_MS", json!(4_294_967_296_u64)),
        ("TOTAL_MS", json!([1])),
        ("HEALTH", json!(secret)),
        ("PLATFORMS", json!(secret)),
        ("PLATFORMS", json!({secret: {}})),
        ("PLATFORMS", json!({"x": secret})),
        ("PLATFORMS", json!({"x": {"limit": secret}})),
        ("PLATFORMS", json!({"x": {secret: 1}})),
        ("HEALTH", json!([])),
        ("HEALTH", json!({secret: 1})),
        ("HEALTH", json!({"breakers": secret})),
        ("HEALTH", json!({"window_ms": 0})),
        ("HEALTH", json!({"slow_ms": 86_400_001})),
        ("HEALTH", json!({"open_ms": 1.5})),
        ("HEALTH", json!({"share_ms": 0})),
        ("HEALTH", json!({"least_calls": 1})),
        ("HEALTH", json!({"failure_rate": 0})),
        ("HEALTH", json!({"failure_rate": 1.01})),
        ("HEALTH", json!({"open_ms": 2000, "longest_open_ms": 1999})),
        ("CACHE_MODE", json!(secret)),
        ("CACHE_MODE", json!("Always")),
        ("CACHE_MATCH", json!(secret)),
        ("CACHE_MATCH", json!("Normalised")),
        ("CACHE_TTL_SECONDS", json!(59)),
        ("CACHE_TTL_SECONDS", json!("2592001")),
        ("CORS_ORIGINS", json!(secret)),
        ("CORS_ORIGINS", json!([1])),
        ("OFF_PEAK", json!("at night")),
        ("OFF_PEAK", json!(secret)),
        ("POLICY_VERSION", json!([secret])),
        ("LOCAL", json!(secret)),
        ("ADMIN_SECRET", json!([secret])),
        ("EDGE_SECRET", json!("Sesame")),
        ("EDGE_SECRET_PREVIOUS", json!("e".repeat(31))),
        ("LEDGER_FAILURE", json!(secret)),
        ("GATEWAY_KEYS", json!([{"sha256": "0".repeat(64), "tenant": "t", "limits": [{"requests": 1, "window": secret}]}])),
    ];
    for (name, value) in wrong {
        let error = Config::read(&json!({name: value}).to_string()).expect_err(name);
        assert_eq!((error.status, error.code, &*error.param, error.retry), (500, "wrong_configuration", name, Some(false)), "{value}");
        assert!(error.message.contains(name) && !error.message.contains("Sesame"), "{}", error.message);
    }
}

#[test]
fn the_watch_over_models_has_defaults_field_by_field() {
    let defaults = config(&json!({})).health;
    assert_eq!((defaults, defaults.breakers, defaults.quotas), (Settings::default(), true, true));
    for some in [json!({"slow_ms": 70, "failure_rate": 1}), json!("{\"slow_ms\": 70, \"failure_rate\": 1.0}")] {
        assert_eq!(config(&json!({"HEALTH": some})).health, Settings { slow_ms: 70, failure_rate: 1.0, ..defaults });
    }
}

#[test]
fn a_wrong_field_of_the_watch_is_named() {
    for (field, value) in [
        ("slow_ms", json!("soon")),
        ("window_ms", json!(0)),
        ("failure_rate", json!(2)),
        ("breakers", json!(1)),
        ("least_calls", json!(-1)),
    ] {
        let error = Config::read(&json!({"HEALTH": {field: value}}).to_string()).expect_err(field);
        assert!(error.message.contains(&format!("HEALTH: `{field}`")), "{}", error.message);
    }
}

#[test]
fn the_local_secrets_are_for_local_development_alone() {
    let local = config(&json!({"LOCAL": true}));
    assert!(local.admin_secret.unwrap().matches("maya-local-admin") && local.edge_secret.is_some());
    let deployed = config(&json!({}));
    assert_eq!((deployed.admin_secret.is_none(), deployed.edge_secret), (true, None));
    let own = config(&json!({"LOCAL": true, "ADMIN_SECRET": "own", "EDGE_SECRET": "e".repeat(32)}));
    assert!(own.admin_secret.is_some_and(|secret| secret.matches("own") && !secret.matches("maya-local-admin")));
    assert_eq!(own.edge_secret, EdgeSecret::new("e".repeat(32)));
}

#[test]
fn the_audit_of_a_configuration_tells_no_secret() {
    let settings =
        |key: &str, ttl: u32| fingerprint(&json!({"CEREBRAS_API_KEY": key, "EDGE_SECRET": key, "CACHE_TTL_SECONDS": ttl}).to_string());
    assert_eq!(settings("one", 60), settings("other", 60));
    assert_ne!(settings("one", 60), settings("one", 61));
    assert_eq!(settings("one", 60)["secrets"], json!(["CEREBRAS_API_KEY", "EDGE_SECRET"]));
    assert_eq!(settings("one", 60)["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn a_configured_key_has_an_id_of_its_own() {
    let digest = |digit: &str| digit.repeat(64);
    let keys = config(&json!({"GATEWAY_KEYS": [
        {"sha256": digest("0"), "tenant": "acme", "name": "web", "limits": [{"requests": 5, "window": "60s"}], "region": "eu"},
        {"sha256": digest("1"), "tenant": "acme", "name": "web"},
        {"sha256": digest("2"), "tenant": "acme"},
        {"sha256": digest("3"), "tenant": "other", "name": "web"},
    ]}))
    .keys;
    let ids: Vec<_> = keys.iter().map(|key| &*key.record.id).collect();
    assert_eq!(ids, ["acme.web", "acme.configured-2", "acme.configured-3", "other.web"]);
    assert_eq!((keys[0].record.limits.len(), keys[0].region.map(|region| region.jurisdiction())), (1, Some("eu")));
}

#[test]
fn the_local_key_is_for_local_development_alone() {
    let keys = |settings: &Value| config(settings).keys;
    let local = KeyDigest::of(LOCAL_KEY);
    assert_eq!(find(&keys(&json!({"LOCAL": "true"})), &local).map(|key| &*key.record.tenant), Some("local"));
    let digest = "0".repeat(64);
    for other in [json!({}), json!({"LOCAL": false}), json!({"LOCAL": true, "GATEWAY_KEYS": [{"sha256": digest, "tenant": "t"}]})] {
        assert!(find(&keys(&other), &local).is_none());
    }
}

// Keys

#[test]
fn a_bearer_is_everything_behind_the_scheme() {
    for (header, key) in [
        ("Bearer abc", Some("abc")),
        ("bearer abc", Some("abc")),
        ("BEARER   a b c  ", Some("a b c")),
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearer    ", None),
        ("Basic abc", None),
        ("abc", None),
        ("", None),
        (" Bearer abc", None),
        ("Bearerabc", None),
    ] {
        assert_eq!(bearer(header), key, "{header}");
    }
}

#[test]
fn a_key_is_found_by_its_whole_digest_only() {
    let row = |digest: &str, tenant: &str| serde_json::from_value(json!({"sha256": digest, "tenant": tenant})).unwrap();
    let find = |keys: &[GatewayKey], key: &str| find(keys, &KeyDigest::of(key)).map(|key| key.record.tenant.clone());
    // SHA-256 of "abc" and of nothing, from FIPS 180-2.
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let nothing = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";
    let keys = GatewayKey::read(vec![row(nothing, "none"), row(abc, "acme"), row(&abc.replace("ad", "ae"), "near")]);
    assert_eq!(find(&keys, "abc").as_deref(), Some("acme"));
    assert_eq!(find(&keys, "").as_deref(), Some("none"));
    for other in ["abd", "ABC", "abc ", abc] {
        assert!(find(&keys, other).is_none(), "{other}");
    }
    assert!(find(&[], "abc").is_none());
    assert!(KeyDigest::of("abc") == keys[1].sha256);
    // A debug line tells nothing.
    assert!(!format!("{keys:?}").contains("ba78") && !format!("{:?}", keys[1].sha256).contains("186"));
    for wrong in ["", "ba78", &abc[1..], &format!("{abc}0"), &abc.replace('b', "g"), &"+1".repeat(32)] {
        assert!(serde_json::from_value::<KeyDigest>(json!(wrong)).is_err(), "{wrong}");
    }
}

// Routes

#[test]
fn every_alias_of_a_path_leads_to_its_resource() {
    let models = |public, name: Option<&str>| Resource::Models(ModelTarget { public, name: name.map(str::to_owned) });
    let resources = [
        ("/chat/completions", Resource::Completions(Endpoint::Chat)),
        ("/completions", Resource::Completions(Endpoint::Text)),
        ("/tcp_warming", Resource::Warming),
        ("/healthz", Resource::Health),
        ("/models", models(false, None)),
        ("/models/gpt-oss-120b", models(false, Some("gpt-oss-120b"))),
        ("/models/org/name@1:free", models(false, Some("org/name@1:free"))),
        ("/public/models", models(true, None)),
        ("/public/v1/models", models(true, None)),
        ("/public/v1/models/m.1", models(true, Some("m.1"))),
        ("/campaigns", Resource::Campaigns(CampaignTarget::All)),
        ("/campaigns/strategy", Resource::Strategy),
        ("/campaigns/campaign_1", Resource::Campaigns(CampaignTarget::One("campaign_1".to_owned()))),
        ("/campaigns/campaign_1/events", Resource::Campaigns(CampaignTarget::Events("campaign_1".to_owned()))),
        ("/campaigns/campaign_1/calendar.ics", Resource::Campaigns(CampaignTarget::Calendar("campaign_1".to_owned()))),
        ("/campaigns/campaign_1/posts.csv", Resource::Campaigns(CampaignTarget::Table("campaign_1".to_owned()))),
    ];
    for (path, resource) in resources {
        for tenant in [None, Some("acme"), Some("a b%20c")] {
            for version in ["", "/v1", "/v1/v1"] {
                for slash in ["", "/"] {
                    let prefix = tenant.map(|tenant| format!("/t/{tenant}")).unwrap_or_default();
                    let path = format!("{prefix}{version}{path}{slash}");
                    assert_eq!(Route::of(&path), Route { tenant, resource: Some(resource.clone()) }, "{path}");
                }
            }
        }
    }
}

#[test]
fn what_is_no_resource_is_none() {
    for path in [
        "",
        "/",
        "//",
        "/v1",
        "/v1/",
        "/v1/v1/v1/models",
        "/v2/models",
        "/V1/models",
        "/chat",
        "/chat/completions/x",
        "/chat/completions//",
        "/completionsx",
        "/modelsx",
        "/models//",
        "/models/..",
        "/models/../chat",
        "/models/a/../b",
        "/models/a//b",
        "/models/a%2Fb",
        "/models/a b",
        "/models/é",
        "/models/.",
        "/models/a?b",
        "/models/a#b",
        "/models/a\\b",
        "/public",
        "/public/v1",
        "/publicmodels",
        "/public/chat/completions",
        "/campaigns/campaign_1/posts",
        "/campaigns/campaign_1/events/1",
        "/campaigns/../keys",
        "/t",
        "/t/",
        "/t/acme",
        "/t/acme/",
        "/t//models",
        "/tacme/models",
        "/t/acme/t/acme/models",
        "models",
    ] {
        assert_eq!(Route::of(path).resource, None, "{path}");
    }
    assert_eq!(Route::of("/t/acme/nothing").tenant, Some("acme"));
    assert_eq!(Route::of("/t//models").tenant, None);
}

/// A path without its `.` and `..` segments, as every URL parser makes it.
fn normal(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment.to_ascii_lowercase().replace("%2e", ".").as_str() {
            "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn no_path_leads_upstream_to_anything_but_its_model(
        parts in proptest::collection::vec(prop_oneof![
            3 => prop::sample::select(&["/", "/v1", "/models", "/public", "/t/", "..", ".", "%2e", "%2F", "\\", "?", "#", "//", "a", "gpt-oss-120b", "@", ":", "/chat/completions"][..]).prop_map(str::to_owned),
            1 => "\\PC{0,4}",
        ], 0..8),
    ) {
        let path = parts.concat();
        let route = Route::of(&path);
        if let Some(tenant) = route.tenant {
            prop_assert!(!tenant.is_empty() && !tenant.contains('/'));
        }
        if let Some(Resource::Models(ModelTarget { name: Some(name), .. })) = route.resource {
            let upstream = format!("/v1/models/{name}");
            prop_assert_eq!(&normal(&upstream), &upstream);
            prop_assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && !b"%?#\\".contains(&byte)));
        }
    }

    #[test]
    fn an_error_says_the_same_in_both_envelopes(message in "\\PC{0,30}", param in "\\PC{0,20}", status in 400..600_u16) {
        let error = Error::new(status, "some_code", message.clone()).about(param.clone());
        let body: Value = serde_json::from_str(&error.body()).unwrap();
        let mut flat = body.as_object().unwrap().clone();
        let nested = flat.remove("error").unwrap();
        prop_assert_eq!(Value::from(flat.clone()), nested);
        prop_assert_eq!(flat.len(), 4);
        prop_assert!(flat.values().all(Value::is_string));
        prop_assert_eq!((flat["message"].as_str(), flat["param"].as_str(), flat["code"].as_str()), (Some(&*message), Some(&*param), Some("some_code")));
        // In a stream: nested only, with the status as a number.
        let frame: Value = serde_json::from_str(&format!("{{{}}}", error.frame_members())).unwrap();
        prop_assert_eq!(&frame["status_code"], &json!(status));
        prop_assert_eq!(frame["error"]["id"].as_str(), Some(""));
        for (name, text) in &flat {
            prop_assert_eq!(&frame["error"][name], text);
        }
        prop_assert!(frame.get("message").is_none() && !error.frame_members().contains('\n'));
    }

    #[test]
    fn no_header_value_ends_its_line(value in any::<String>()) {
        let mut lines = Lines::default();
        lines.add("name", &value);
        lines.add("next", "x");
        prop_assert_eq!(lines.text().split('\n').count(), 3);
        prop_assert!(lines.text().bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')));
    }
}

#[test]
fn an_error_has_the_class_that_goes_with_its_status() {
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "invalid_request_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "invalid_request_error"),
        (429, "too_many_requests_error"),
        (500, "server_error"),
        (504, "server_error"),
    ] {
        assert_eq!(Error::new(status, "c", "m").kind, kind);
    }
    for error in
        [upstream::unreachable(), upstream::incomplete(), upstream::unreadable(), upstream::timeout(true, 5), upstream::timeout(false, 5)]
    {
        assert!(error.status >= 502 && error.retry.is_none() && error.message.ends_with('.'), "{error:?}");
    }
    assert!(upstream::timeout(true, 5).message.contains("FIRST_BYTE_MS") && upstream::timeout(false, 5).message.contains("TOTAL_MS"));
}

#[test]
fn ids_and_traces_are_kept_only_when_they_are_well_formed() {
    for own in ["post-1", "Posts-1", "chatcmpl-1", "cmpl-1", "humanized-1", "modr-1", "batch_req_1_2", "campaign_req_1", "video_script-1"] {
        assert!(well_formed_id(own) && !callers_own_id(own), "{own} would stand for an answer of the gateway's");
    }
    assert!(callers_own_id("order-17") && callers_own_id("postal") && callers_own_id("my-post-1") && !callers_own_id("a b"));
    assert!(well_formed_id("a") && well_formed_id("req-1_2.3:4/5+6=") && well_formed_id(&"x".repeat(128)));
    assert!(
        !well_formed_id("")
            && !well_formed_id("a b")
            && !well_formed_id("a\"")
            && !well_formed_id("é")
            && !well_formed_id(&"x".repeat(129))
    );
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    assert!(well_formed_traceparent(&format!("00-{trace}-{parent}-01")));
    assert!(well_formed_traceparent(&format!("01-{trace}-{parent}-01-more")));
    let zeros = "0".repeat(32);
    for wrong in [
        String::new(),
        format!("00-{trace}-{parent}"),
        format!("00-{trace}-{parent}-01-more"),
        format!("ff-{trace}-{parent}-01"),
        format!("00-{zeros}-{parent}-01"),
        format!("00-{trace}-{}-01", &zeros[..16]),
        format!("00-{}-{parent}-01", trace.to_uppercase()),
        format!("0-{trace}-{parent}-01"),
        format!("00-{trace}-{parent}-0g"),
    ] {
        assert!(!well_formed_traceparent(&wrong), "{wrong}");
    }
}
