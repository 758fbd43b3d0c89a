//! What administration decides: keys, bodies, changes, rotations, queries, paths and proofs.
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

use maya_edge::admission::calendar::{day, instant};
use maya_edge::admission::change::{KeyBody, RotationBody, TenantBody, check_tenant, origin};
use maya_edge::admission::issue;
use maya_edge::admission::operator::{administers, knows_secret};
use maya_edge::admission::proof;
use maya_edge::admission::reading::read;
use maya_edge::admission::record::{KeyRecord, Region, Scope, TenantRecord, key_name, origin_name, tenant_name};
use maya_edge::admission::rotation;
use maya_edge::admission::secrets::EdgeSecret;
use maya_edge::api::query::{self, Format, OF_AUDIT, OF_USAGE, Query};
use maya_edge::api::route::{KeyTarget, Resource, Route, TenantTarget};
use maya_edge::boundary::Head;
use maya_edge::config::Config;
use maya_edge::error::Error;
use maya_edge::ledger::terms::{Measure, Per, Span};
use maya_edge::protocol::base64url;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::cases;

const NOW: u64 = 1_800_000_000_000;

// Keys

#[test]
fn a_key_has_its_form_and_says_nothing_of_its_tenant() {
    let key = issue::key(&[7; 32]);
    assert!(key.starts_with("maya_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"), "{key}");
    assert_eq!(key.len(), 5 + 43 + 6);
    assert!(issue::well_formed(&key));
    for other in ["", "maya_", "maya-local", "sk-123", &key[1..], &key[..53], &format!("{key}x"), &key.replace("maya", "MAYA")] {
        assert!(!issue::well_formed(other), "{other}");
    }
    // A text of several bytes a character is no key, and no reason to panic.
    assert!(!issue::well_formed(&format!("maya_{}", "é".repeat(25))));
}

#[test]
fn an_id_names_its_tenant() {
    let id = issue::id("acme-1_X", &[0, 1, 2, 0xfd, 0xfe, 0xff]);
    assert_eq!(id, "acme-1_X.000102fdfeff");
    assert_eq!(issue::tenant_of(&id), Some("acme-1_X"));
    for wrong in [
        "acme",
        "acme.",
        "acme.000102FDFEFF",
        "acme.000102fdfef",
        "acme.configured-1",
        "_gateway.000102fdfeff",
        ".000102fdfeff",
        "a.b.000102fdfeff",
    ] {
        assert_eq!(issue::tenant_of(wrong), None, "{wrong}");
    }
}

#[test]
fn tenants_are_called_by_letters_digits_and_two_signs() {
    let longest = "x".repeat(64);
    for name in ["a", "acme", "A-1_b", "-", &longest] {
        assert!(check_tenant(name).is_ok(), "{name}");
    }
    for name in ["", "_gateway", "_", "a.b", "a b", "a/b", "é", "a\n", &format!("{longest}x")] {
        let error = check_tenant(name).unwrap_err();
        assert_eq!((error.status, &*error.param), (400, "tenant"), "{name}");
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn what_was_issued_is_well_formed_and_no_single_change_of_it_is(secret: [u8; 32], at in 0_usize..54, other in "[A-Za-z0-9_-]") {
        let key = issue::key(&secret);
        prop_assert!(issue::well_formed(&key));
        let mut changed = key.clone();
        changed.replace_range(at..=at, &other);
        prop_assert_eq!(issue::well_formed(&changed), changed == key);
    }

    #[test]
    fn no_text_panics(text in ".{0,80}", bytes: Vec<u8>) {
        issue::well_formed(&text);
        issue::tenant_of(&text);
        origin(&text);
        day(&text);
        instant(&text);
        query::decoded(&text);
        let _ = Query::read(Some(&text), &OF_AUDIT);
        let _ = read::<KeyBody>(&bytes);
        Route::of(&text);
    }

    #[test]
    fn base64_is_that_of_its_rule(bytes: Vec<u8>) {
        let text = base64url::encode(&bytes);
        prop_assert_eq!(text.len(), (bytes.len() * 4).div_ceil(3));
        let mut bits = 0_u32;
        let mut held = 0;
        let mut back = Vec::new();
        for letter in text.bytes() {
            let six = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".iter().position(|known| *known == letter).unwrap();
            bits = bits << 6 | u32::try_from(six).unwrap();
            held += 6;
            if held >= 8 {
                held -= 8;
                back.push(u8::try_from(bits >> held & 0xff).unwrap());
            }
        }
        prop_assert_eq!(back, bytes);
    }
}

// Bodies

fn key_body(body: &Value) -> Result<KeyBody, Error> {
    read(body.to_string().as_bytes())
}

fn made(body: &Value) -> Result<KeyRecord, Error> {
    let body = key_body(body)?;
    let (tenant, _) = body.owner()?;
    body.applied(KeyRecord { id: "acme.000000000000".to_owned(), tenant: tenant.to_owned(), created_ms: NOW, ..KeyRecord::default() }, NOW)
}

#[test]
fn a_whole_body_becomes_a_record() {
    let body = json!({
        "tenant": "acme", "name": "web – shop", "expires_in": "30d", "scopes": ["completions", "tokens"], "models": ["fast", "zai/glm-4.7"],
        "origins": ["https://Shop.Example.com", "http://localhost:3000", "https://a.example:443"],
        "limits": [{"requests": 5, "window": "60s"}, {"tokens": 1000, "window": 3600, "per": "user"}],
        "budget": {"day": {"soft_micro_dollars": 1, "hard_micro_dollars": 2}, "month": {"hard_micro_dollars": 0}},
        "cache": {"mode": "always", "ttl": "1h"}, "store": false, "experiments": true, "region": "eu",
    });
    assert_eq!(key_body(&body).unwrap().owner().unwrap(), ("acme", Some(Region::Eu)));
    let record = made(&body).unwrap();
    assert_eq!(record.expires_ms, Some(NOW + 30 * 86_400_000));
    assert_eq!(record.scopes, Some(vec![Scope::Completions, Scope::Tokens]));
    assert_eq!(record.origins.as_deref().unwrap(), ["https://shop.example.com", "http://localhost:3000", "https://a.example"]);
    assert_eq!((record.limits[0].measure, record.limits[0].amount, record.limits[0].per), (Measure::Requests, 5, Per::Owner));
    assert_eq!((record.limits[1].window, record.limits[1].per), (Span(3_600_000), Per::User));
    assert_eq!((record.store, record.experiments), (Some(false), Some(true)));
    // What goes into the ledger and KV comes back as it was.
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<KeyRecord>(&text).unwrap(), record);
    assert_eq!(made(&json!({"tenant": "acme"})).unwrap().scopes, None);
}

#[test]
fn times_of_expiry_are_read_and_must_be_to_come() {
    let expires = |body: Value| made(&body).map(|record| record.expires_ms);
    assert_eq!(expires(json!({"tenant": "a", "expires_at": NOW + 1})).unwrap(), Some(NOW + 1));
    assert_eq!(expires(json!({"tenant": "a", "expires_at": "2027-12-31T23:59:59Z"})).unwrap(), Some(1_830_297_599_000));
    assert_eq!(expires(json!({"tenant": "a", "expires_at": null})).unwrap(), None);
    for wrong in [json!(NOW), json!(5), json!("2020-01-01T00:00:00Z"), json!("tomorrow"), json!(253_402_300_800_000_u64)] {
        let error = expires(json!({"tenant": "a", "expires_at": wrong})).unwrap_err();
        assert_eq!((error.status, &*error.param), (400, "expires_at"));
    }
    assert_eq!(expires(json!({"tenant": "a", "expires_at": NOW + 1, "expires_in": "1d"})).unwrap_err().param, "expires_in");
}

#[test]
fn every_wrong_field_is_named_and_nothing_of_it_is_told() {
    let many = |value: Value, count: usize| Value::Array(vec![value; count]);
    let limit = json!({"requests": 1, "window": "1s"});
    let wrong: Vec<(Value, &str)> = vec![
        (json!({}), "tenant"),
        (json!({"tenant": 5}), "tenant"),
        (json!({"tenant": "_gateway"}), "tenant"),
        (json!({"tenant": "a b"}), "tenant"),
        (json!({"tenant": "a", "region": "us"}), "region"),
        (json!({"tenant": "a", "secret-word": 1}), "secret-word"),
        (json!({"tenant": "a", "name": "x".repeat(101)}), "name"),
        (json!({"tenant": "a", "name": "a\nb"}), "name"),
        (json!({"tenant": "a", "name": ["secret-word"]}), "name"),
        (json!({"tenant": "a", "expires_at": "secret-word"}), "expires_at"),
        (json!({"tenant": "a", "expires_at": -1}), "expires_at"),
        (json!({"tenant": "a", "expires_in": "secret-word"}), "expires_in"),
        (json!({"tenant": "a", "expires_in": "400d"}), "expires_in"),
        (json!({"tenant": "a", "expires_in": 0}), "expires_in"),
        (json!({"tenant": "a", "scopes": []}), "scopes"),
        (json!({"tenant": "a", "scopes": "completions"}), "scopes"),
        (json!({"tenant": "a", "scopes": ["completions", "secret-word"]}), "scopes[1]"),
        (json!({"tenant": "a", "models": []}), "models"),
        (json!({"tenant": "a", "models": ["fast", ""]}), "models[1]"),
        (json!({"tenant": "a", "models": ["fast", 5]}), "models[1]"),
        (json!({"tenant": "a", "models": many("m".into(), 101)}), "models"),
        (json!({"tenant": "a", "origins": []}), "origins"),
        (json!({"tenant": "a", "origins": ["https://a.example", "https://a.example/secret-word"]}), "origins[1]"),
        (json!({"tenant": "a", "limits": limit}), "limits"),
        (json!({"tenant": "a", "limits": many(limit.clone(), 17)}), "limits"),
        (json!({"tenant": "a", "limits": [limit, {"requests": 5, "window": "secret-word"}]}), "limits[1].window"),
        (json!({"tenant": "a", "limits": [{"requests": 5}]}), "limits[0].window"),
        (json!({"tenant": "a", "limits": [{"window": "60s"}]}), "limits[0]"),
        (json!({"tenant": "a", "limits": [{"requests": 5, "tokens": 5, "window": "60s"}]}), "limits[0]"),
        (json!({"tenant": "a", "limits": [{"requests": -5, "window": "60s"}]}), "limits[0].requests"),
        (json!({"tenant": "a", "limits": [{"requests": 1.5, "window": "60s"}]}), "limits[0].requests"),
        (json!({"tenant": "a", "limits": [{"requests": 5, "window": "60s", "per": "secret-word"}]}), "limits[0].per"),
        (json!({"tenant": "a", "limits": [{"requests": 5, "window": "60s", "secret-word": 1}]}), "limits[0].secret-word"),
        (json!({"tenant": "a", "budget": 5}), "budget"),
        (json!({"tenant": "a", "budget": {"week": {}}}), "budget.week"),
        (json!({"tenant": "a", "budget": {"day": {"hard_micro_dollars": "secret-word"}}}), "budget.day.hard_micro_dollars"),
        (
            json!({"tenant": "a", "budget": {"month": {"soft_micro_dollars": 3, "hard_micro_dollars": 2}}}),
            "budget.month.soft_micro_dollars",
        ),
        (json!({"tenant": "a", "cache": {"mode": "secret-word"}}), "cache.mode"),
        (json!({"tenant": "a", "cache": {"ttl": "5s"}}), "cache.ttl"),
        (json!({"tenant": "a", "cache": {"ttl": "31d"}}), "cache.ttl"),
        (json!({"tenant": "a", "store": "secret-word"}), "store"),
        (json!({"tenant": "a", "experiments": 1}), "experiments"),
        (json!({"tenant": "a", "limits": [[5, null, null, "60s"]]}), "limits[0]"),
        (json!({"tenant": "a", "budget": []}), "budget"),
        (json!({"tenant": "a", "budget": {"day": [1, 2]}}), "budget.day"),
        (json!({"tenant": "a", "cache": ["always"]}), "cache"),
        (json!([]), ""),
        (json!("secret-word"), ""),
    ];
    for (body, field) in wrong {
        let error = made(&body).expect_err(&body.to_string());
        assert_eq!((error.status, &*error.param), (400, field), "{body}: {}", error.message);
        let named = field.is_empty() || error.message.contains(field);
        assert!(named && error.message.ends_with('.'), "{body}: {}", error.message);
        assert!(field.contains("secret-word") || !error.message.contains("secret-word"), "{body}: {}", error.message);
    }
    for (text, code) in [("", "invalid_json"), ("{", "invalid_json"), (r#"{"tenant":"a","tenant":"b"}"#, "duplicate_key")] {
        assert_eq!(read::<KeyBody>(text.as_bytes()).unwrap_err().code, code, "{text}");
    }
    assert_eq!(read::<KeyBody>(b"\xff").unwrap_err().code, "invalid_json");
}

#[test]
fn origins_are_as_browsers_send_them() {
    for (given, kept) in [
        ("https://example.com", "https://example.com"),
        ("HTTPS://Example.COM:443", "https://example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ] {
        assert_eq!(origin(given).as_deref(), Some(kept), "{given}");
        assert_eq!(origin(kept).as_deref(), Some(kept));
    }
    for wrong in [
        "",
        "*",
        "null",
        "example.com",
        "//example.com",
        "ftp://example.com",
        "https://",
        "https://a.example/",
        "https://a.example/x",
        "https://a.example?x",
        "https://a.example#x",
        "https://me@a.example",
        "https://*.example.com",
        "https://a..b",
        "https://a.example:",
        "https://a.example:0",
        "https://a.example:65536",
        "https://a.example:08",
        "https://a.example:+1",
        "https://bücher.example",
        "https://[::1",
        "https://[zz]",
        "https://a b",
    ] {
        assert_eq!(origin(wrong), None, "{wrong}");
    }
}

#[test]
fn a_patch_changes_what_it_names_and_null_removes() {
    let record = made(&json!({
        "tenant": "acme", "name": "web", "expires_in": "1d", "scopes": ["models"], "models": ["fast"], "origins": ["https://a.example"],
        "limits": [{"requests": 5, "window": "60s"}], "budget": {"day": {}}, "cache": {"mode": "off"}, "store": false, "experiments": false,
    }))
    .unwrap();
    let patched = |patch: Value| key_body(&patch).unwrap().applied(record.clone(), NOW).unwrap();
    assert_eq!(patched(json!({})), record);
    assert_eq!(patched(json!({"name": "api"})), KeyRecord { name: "api".to_owned(), ..record.clone() });
    let bare = KeyRecord { id: record.id.clone(), tenant: record.tenant.clone(), created_ms: NOW, ..KeyRecord::default() };
    let all_null = json!({
        "name": null, "expires_in": null, "scopes": null, "models": null, "origins": null, "limits": null, "budget": null, "cache": null,
        "store": null, "experiments": null,
    });
    assert_eq!(patched(all_null), bare);
    for (patch, field) in [(json!({"tenant": "other"}), "tenant"), (json!({"region": "eu"}), "region")] {
        let error = key_body(&patch).unwrap().leaves_owner().unwrap_err();
        assert_eq!((error.status, error.code, &*error.param), (400, "fixed_field", field));
    }
    assert!(key_body(&json!({"name": "x"})).unwrap().leaves_owner().is_ok());
}

#[test]
fn a_tenants_record_is_changed_but_never_its_salt_or_epoch() {
    let record = TenantRecord { salt: "00".to_owned(), epoch: 3, audit_calls: true, ..TenantRecord::default() };
    let body: TenantBody =
        read(br#"{"limits":[{"tokens":5,"window":"1m"}],"retention":{"cache":"1h","usage":"90d"},"audit_calls":null,"store":false}"#)
            .unwrap();
    let changed = body.applied(record).unwrap();
    assert_eq!((&*changed.salt, changed.epoch, changed.audit_calls, changed.store), ("00", 3, false, Some(false)));
    assert_eq!(changed.retention.cache, Some(Span(3_600_000)));
    for (body, field) in
        [(r#"{"salt":"11"}"#, "salt"), (r#"{"epoch":0}"#, "epoch"), (r#"{"retention":{"prompts":"1d"}}"#, "retention.prompts")]
    {
        assert_eq!(read::<TenantBody>(body.as_bytes()).unwrap_err().param, field);
    }
    let short: TenantBody = read(br#"{"retention":{"cache":"59s"}}"#).unwrap();
    assert_eq!(short.applied(TenantRecord::default()).unwrap_err().param, "retention.cache");
}

// Rotations

#[test]
fn a_rotation_ends_the_old_key_and_not_its_terms() {
    let old = made(&json!({"tenant": "acme", "limits": [{"requests": 5, "window": "60s"}]})).unwrap();
    let first = rotation::rotated(&[&old], NOW, 1000).unwrap();
    assert_eq!(first.fresh, KeyRecord { created_ms: NOW + 1, ..old.clone() });
    assert_eq!(first.ending, [KeyRecord { expires_ms: Some(NOW + 1000), ..old.clone() }]);
    assert_eq!(first.overlap_until_ms, Some(NOW + 1000));
    let records = [&first.ending[0], &first.fresh];
    assert_eq!(rotation::current(&records), Some(1));
    assert_eq!(rotation::overlap_until_ms(&records, NOW + 999), Some(NOW + 1000));
    assert_eq!(rotation::overlap_until_ms(&records, NOW + 1000), None);
    // A second rotation does not give the first key more time.
    let second = rotation::rotated(&records, NOW + 10, 86_400_000).unwrap();
    assert_eq!(second.ending[0].expires_ms, Some(NOW + 1000));
    assert_eq!(second.ending[1].expires_ms, Some(NOW + 10 + 86_400_000));
    // A change reaches both, and does not give the old one more time either.
    let body = key_body(&json!({"expires_at": null, "name": "new"})).unwrap();
    let changed = rotation::changed(&records, &body, NOW).unwrap();
    assert_eq!((changed[0].expires_ms, &*changed[0].name), (Some(NOW + 1000), "new"));
    assert_eq!((changed[1].expires_ms, &*changed[1].name), (None, "new"));
    assert_eq!(rotation::rotated(&[&old], NOW, 0).unwrap().overlap_until_ms, None);
    assert!(rotation::rotated(&[], NOW, 0).is_none());
}

#[test]
fn an_overlap_is_a_day_unless_it_is_said() {
    let overlap = |body: &str| read::<RotationBody>(body.as_bytes()).and_then(|body| body.overlap_ms());
    assert_eq!(overlap("{}").unwrap(), 86_400_000);
    assert_eq!(overlap(r#"{"overlap":"1h"}"#).unwrap(), 3_600_000);
    assert_eq!(overlap(r#"{"overlap":"none"}"#).unwrap(), 0);
    for wrong in [r#"{"overlap":"0s"}"#, r#"{"overlap":"soon"}"#, r#"{"overlap":5}"#] {
        assert_eq!(overlap(wrong).unwrap_err().param, "overlap");
    }
    assert_eq!(overlap(r#"{"over":"1h"}"#).unwrap_err().param, "over");
}

// Queries

#[test]
fn queries_are_read_and_every_wrong_parameter_is_named() {
    let usage = |text: &str| Query::read(Some(text), &OF_USAGE).and_then(|query| query::usage(&query));
    let read = usage("from=2026-02-28&to=2028-02-29&by=day,user&key=acme.00&model=zai%2Fglm&user=a+b%20c%C3%A9").unwrap();
    assert_eq!((read.from.as_deref(), read.to.as_deref()), (Some("2026-02-28"), Some("2028-02-29")));
    assert_eq!(read.by, ["day", "user"]);
    assert_eq!((read.model.as_deref(), read.user.as_deref()), (Some("zai/glm"), Some("a b cé")));
    assert_eq!(usage("").unwrap(), usage("from=&by=").unwrap());
    for (text, parameter) in [
        ("from=2026-02-29", "from"),
        ("from=2026-2-1", "from"),
        ("to=yesterday", "to"),
        ("from=2026-01-02&to=2026-01-01", "from"),
        ("by=hour", "by"),
        ("by=day,day", "by"),
        ("by=day,", "by"),
        ("form=2026-01-01", "form"),
        ("user=%ff", "user"),
        ("user=%4", "user"),
        ("user=a&user=b", "user"),
    ] {
        let error = usage(text).unwrap_err();
        assert_eq!((error.status, &*error.param), (400, parameter), "{text}: {}", error.message);
    }

    let audit = |text: &str, accept| Query::read(Some(text), &OF_AUDIT).and_then(|query| query::audit(&query, accept));
    let (read, format) = audit("after=7&limit=1000&what=refused&who=admin&from_ms=1&to_ms=1", None).unwrap();
    assert_eq!((read.after, read.limit, read.from_ms, read.to_ms, format), (7, 1000, Some(1), Some(1), Format::Page));
    assert_eq!(audit("", None).unwrap().0.limit, 100);
    assert_eq!(audit("", Some("application/x-ndjson")).unwrap().1, Format::Lines);
    assert_eq!(audit("format=json", Some("application/x-ndjson")).unwrap().1, Format::Page);
    let (read, format) = audit("format=ndjson", None).unwrap();
    assert_eq!((read.limit, format), (100_000, Format::Lines));
    for (text, parameter) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=100001&format=ndjson", "limit"),
        ("after=-1", "after"),
        ("format=csv", "format"),
        ("from_ms=2&to_ms=1", "from_ms"),
        ("to_ms=x", "to_ms"),
        ("tenants=a", "tenants"),
    ] {
        assert_eq!(audit(text, None).unwrap_err().param, parameter, "{text}");
    }
    assert_eq!(Query::read(Some("tenant=_gateway"), &["tenant"]).unwrap().tenant().unwrap_err().param, "tenant");
}

#[test]
fn an_end_users_id_is_decoded_and_bounded() {
    assert_eq!(query::user("a%2Fb%20c+d").unwrap(), "a/b c+d");
    for wrong in ["", "%", "%f", "%zz", "%FF", &"x".repeat(257)] {
        assert_eq!(query::user(wrong).unwrap_err().param, "user");
    }
}

#[test]
fn days_and_times_are_those_of_the_calendar() {
    for (date, days) in [("1970-01-01", 0), ("1970-12-31", 364), ("2000-02-29", 11_016), ("2026-11-23", 20_780), ("9999-12-31", 2_932_896)]
    {
        assert_eq!(day(date), Some(days), "{date}");
    }
    for wrong in
        ["1969-12-31", "1900-02-29", "2100-02-29", "2026-00-01", "2026-13-01", "2026-04-31", "2026-01-00", "2026-01-01-", "+026-01-01"]
    {
        assert_eq!(day(wrong), None, "{wrong}");
    }
    for (text, ms) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:01.5z", 1500),
        ("1970-01-01 00:00:00.123456789Z", 123),
        ("1970-01-01T01:30:00+01:30", 0),
        ("1969-12-31T23:00:00-01:00", u64::MAX),
        ("1970-01-01T00:00:00-00:30", 1_800_000),
    ] {
        assert_eq!(instant(text), Some(ms).filter(|ms| *ms != u64::MAX), "{text}");
    }
    for wrong in [
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00+0100",
        "1970-01-01T00:00:00Zz",
    ] {
        assert_eq!(instant(wrong), None, "{wrong}");
    }
}

// Paths

#[test]
fn paths_of_administration_lead_where_they_should() {
    let of = |path: &'static str| Route::of(path).resource;
    assert_eq!(of("/admin/keys"), Some(Resource::Keys(KeyTarget::All)));
    assert_eq!(of("/admin/keys/"), Some(Resource::Keys(KeyTarget::All)));
    assert_eq!(of("/admin/keys/acme.00"), Some(Resource::Keys(KeyTarget::One("acme.00".to_owned()))));
    assert_eq!(of("/admin/keys/acme.00/rotate"), Some(Resource::Keys(KeyTarget::Rotation("acme.00".to_owned()))));
    assert_eq!(of("/admin/health"), Some(Resource::ModelHealth));
    assert_eq!(of("/admin/health/gpt-oss-120b"), None);
    assert_eq!(of("/admin/tenants/acme/data"), Some(Resource::Tenants(TenantTarget::Data("acme".to_owned()))));
    assert_eq!(of("/.well-known/jwks.json"), Some(Resource::Proofs));
    for path in ["/v1/usage", "/usage", "/t/acme/v1/usage", "/v1/v1/usage/"] {
        assert_eq!(of(path), Some(Resource::Usage));
    }
    assert_eq!(of("/v1/audit"), Some(Resource::Audit { verify: false }));
    assert_eq!(of("/v1/audit/verify"), Some(Resource::Audit { verify: true }));
    assert_eq!(of("/v1/users/a%2Fb"), Some(Resource::User { segment: "a%2Fb".to_owned(), export: false }));
    assert_eq!(of("/v1/users/a/export"), Some(Resource::User { segment: "a".to_owned(), export: true }));
    for path in [
        "/admin",
        "/admin/",
        "/admin/keys/a/b",
        "/admin/keys//rotate",
        "/admin/keys/a/rotate/x",
        "/admin/tenants/a/rotate",
        "/v1/admin/keys",
        "/t/acme/admin/keys",
        "/v1/users",
        "/v1/users/",
        "/v1/users//export",
        "/v1/users/a/b",
        "/v1/audit/x",
        "/v1/.well-known/jwks.json",
    ] {
        assert_eq!(of(path), None, "{path}");
    }
    let methods = |path| of(path).unwrap().methods();
    assert_eq!(methods("/admin/keys"), "GET, HEAD, POST, OPTIONS");
    assert_eq!(methods("/admin/keys/a"), "GET, HEAD, PATCH, DELETE, OPTIONS");
    assert_eq!(methods("/admin/keys/a/rotate"), "POST, OPTIONS");
    assert_eq!(methods("/admin/tenants/a/data"), "DELETE, OPTIONS");
    assert_eq!(methods("/v1/users/a"), "DELETE, OPTIONS");
    assert_eq!(methods("/v1/users/a/export"), "GET, HEAD, OPTIONS");
}

// Who administers, names and proofs

#[test]
fn only_the_secret_opens() {
    let head = |authorization: &str| Head::new(format!("0\nGET\nhttps://edge/\n{authorization}"));
    let config = |settings: Value| Config::read(&settings.to_string()).unwrap();
    let with = config(json!({"ADMIN_SECRET": "correct horse"}));
    assert!(knows_secret(&with, &head("Bearer correct horse")).unwrap());
    for wrong in ["", "Bearer", "Bearer correct", "Basic correct horse", "Bearer correct horse!", "correct horse"] {
        assert!(!knows_secret(&with, &head(wrong)).unwrap(), "{wrong}");
    }
    let without = config(json!({}));
    let error = knows_secret(&without, &head("Bearer ")).unwrap_err();
    assert_eq!((error.status, error.code, &*error.param), (500, "no_admin_secret", "ADMIN_SECRET"));
    assert!(!administers(&without, &head("Bearer x")) && administers(&with, &head("bearer correct horse")));
}

#[test]
fn names_in_kv_are_apart() {
    assert_eq!(key_name("00ff"), "key:00ff");
    assert_eq!(tenant_name("acme"), "tenant:acme");
    let name = origin_name(Some("acme"), "https://a.example");
    assert!(name.starts_with("origin:acme:") && name.len() == 12 + 64 && !name.contains("example"));
}

#[test]
fn a_proof_names_its_key_and_nobody() {
    // The public key of RFC 8037, appendix A.2, and its thumbprint of appendix A.3.
    let public = [
        0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
        0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
    ];
    assert_eq!(proof::public_key(&public)["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    assert_eq!(proof::key_id(&public), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let input = proof::signing_input(&public, &json!({"erased": "user"}));
    assert_eq!(input.split('.').nth(1), Some("eyJlcmFzZWQiOiJ1c2VyIn0"));
    assert_eq!(proof::compact("a.b", &[0xff]), "a.b._w");

    let secret = EdgeSecret::new("x".repeat(32)).unwrap();
    let subject = |tenant, user| proof::subject(&secret, tenant, user);
    assert_eq!(subject("acme", "ann").len(), 64);
    assert_eq!(subject("acme", "ann"), subject("acme", "ann"));
    assert_ne!(subject("acme", "ann"), subject("acme", "bob"));
    assert_ne!(subject("acme", "ann"), subject("other", "ann"));
}
