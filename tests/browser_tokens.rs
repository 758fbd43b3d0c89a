//! Browser tokens: what verifies and what never does, what a key may put into one, origins, and preflights.
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

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use maya_edge::admission::cors;
use maya_edge::admission::keys::KeyDigest;
use maya_edge::admission::order::{Issuer, Order};
use maya_edge::admission::reading;
use maya_edge::admission::record::{KeyRecord, Region, Scope, origin_name};
use maya_edge::admission::secrets::{DerivedKey, EdgeSecret, Purpose};
use maya_edge::admission::tokens::{
    CLOCK_SKEW, Claims, Fault, ISSUER, LONGEST_LIFE, TokenFault, issuer_mark, looks_like_token, mint, verify,
};
use maya_edge::boundary::Head;
use maya_edge::cloud::models::Models;
use maya_edge::config::Config;
use maya_edge::error::Error;
use maya_edge::ledger::terms::{Limit, Measure, Per, Span};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::Sha256;
use support::cases;

const NOW_MS: u64 = 1_790_000_000_000;
const NOW: u64 = NOW_MS / 1000;
const PAGE: &str = "https://app.example";

fn secret(name: &str) -> EdgeSecret {
    EdgeSecret::new(format!("{name}: a secret of more than thirty-two bytes")).unwrap()
}

fn key(of: &EdgeSecret, tenant: &str) -> DerivedKey {
    of.derive(Purpose::Tokens, tenant, b"")
}

fn claims(tenant: &str) -> Claims {
    Claims {
        iss: ISSUER.to_owned(),
        tenant: tenant.to_owned(),
        key: format!("{tenant}.k1"),
        key_mark: "0011223344556677".to_owned(),
        origin: PAGE.to_owned(),
        scopes: vec![Scope::Completions, Scope::Models],
        models: None,
        sub: None,
        limits: Vec::new(),
        region: None,
        iat: NOW,
        exp: NOW + 900,
        jti: "00112233445566778899aabbccddeeff".to_owned(),
    }
}

fn full() -> Claims {
    Claims {
        models: Some(vec!["fast".to_owned()]),
        sub: Some("üser \"1\"".to_owned()),
        limits: vec![Limit { measure: Measure::Requests, amount: 5, window: Span(60_000), per: Per::User }],
        region: Some(Region::Eu),
        ..claims("acme")
    }
}

fn minted(claims: &Claims) -> String {
    mint(&key(&secret("new"), &claims.tenant), claims)
}

fn read(token: &str, origin: Option<&str>, now_ms: u64) -> Result<Claims, TokenFault> {
    verify([&secret("new"), &secret("old")], token, origin, now_ms)
}

fn fault(token: &str) -> Fault {
    read(token, Some(PAGE), NOW_MS).unwrap_err().fault
}

/// A token of any header and claims, rightly signed: made without the code under test.
fn forged(header: &str, claims: &str, key: &[u8]) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn own_key() -> DerivedKey {
    key(&secret("new"), "acme")
}

// What verifies

#[test]
fn what_was_minted_is_read_back() {
    for claims in [claims("acme"), full()] {
        let token = minted(&claims);
        assert!(looks_like_token(&token));
        assert_eq!(read(&token, Some(PAGE), NOW_MS).unwrap(), claims);
    }
}

#[test]
fn a_token_is_a_compact_jws_that_others_can_make_and_check() {
    let text = serde_json::to_string(&full()).unwrap();
    assert_eq!(minted(&full()), forged(r#"{"alg":"HS256","typ":"JWT"}"#, &text, &own_key()));
    for header in [r#"{"typ":"JWT","alg":"HS256"}"#, r#"{"alg":"HS256"}"#, " { \"alg\" : \"HS256\" } "] {
        assert_eq!(read(&forged(header, &text, &own_key()), Some(PAGE), NOW_MS).unwrap(), full());
    }
}

#[test]
fn the_secret_before_is_still_accepted_and_an_older_one_is_not() {
    let by = |name| mint(&key(&secret(name), "acme"), &claims("acme"));
    assert!(read(&by("old"), Some(PAGE), NOW_MS).is_ok());
    assert_eq!(fault(&by("older")), Fault::WrongSignature);
    assert_eq!(verify([&secret("new")], &by("old"), Some(PAGE), NOW_MS).unwrap_err().fault, Fault::WrongSignature);
    assert!(matches!(verify([], &by("old"), Some(PAGE), NOW_MS).unwrap_err().fault, Fault::NotAccepted(_)));
}

#[test]
fn a_key_for_another_purpose_or_salt_signs_nothing() {
    let secret = secret("new");
    for other in [
        secret.derive(Purpose::Storage, "acme", b""),
        secret.derive(Purpose::Proofs, "acme", b""),
        secret.derive(Purpose::Tokens, "acme", b"1"),
        secret.derive(Purpose::Tokens, "", b""),
        DerivedKey::default(),
    ] {
        assert_eq!(fault(&mint(&other, &claims("acme"))), Fault::WrongSignature);
    }
}

// Time

#[test]
fn a_token_lives_to_its_last_ms() {
    let token = minted(&claims("acme"));
    let end = (NOW + 900) * 1000;
    assert!(read(&token, Some(PAGE), end - 1).is_ok());
    for late in [end, end + 1, end + 1000, u64::MAX] {
        assert_eq!(read(&token, Some(PAGE), late).unwrap_err().fault, Fault::Expired);
    }
}

#[test]
fn a_token_may_be_issued_by_a_clock_that_is_a_minute_ahead() {
    let at = |iat| minted(&Claims { iat, exp: iat + 900, ..claims("acme") });
    assert!(read(&at(NOW + CLOCK_SKEW), Some(PAGE), NOW_MS).is_ok());
    assert_eq!(fault(&at(NOW + CLOCK_SKEW + 1)), Fault::NotAccepted("it was issued in the future"));
}

#[test]
fn a_token_lives_an_hour_at_the_most() {
    let of = |iat, exp| minted(&Claims { iat, exp, ..claims("acme") });
    assert!(read(&of(NOW, NOW + LONGEST_LIFE), Some(PAGE), NOW_MS).is_ok());
    for (iat, exp) in [(NOW, NOW + LONGEST_LIFE + 1), (NOW, u64::MAX), (0, NOW + 60), (NOW, NOW), (NOW + 10, NOW + 5), (u64::MAX, u64::MAX)]
    {
        assert!(matches!(fault(&of(iat, exp)), Fault::NotAccepted(_)), "{iat} {exp}");
    }
}

// Origins of tokens

#[test]
fn a_token_is_for_pages_of_its_origin_and_a_genuine_one_lets_them_read_why_it_is_refused() {
    let token = minted(&claims("acme"));
    for other in
        [None, Some(""), Some("null"), Some("https://app.example:8443"), Some("http://app.example"), Some("https://app.example.evil.org")]
    {
        let refused = read(&token, other, NOW_MS).unwrap_err();
        assert_eq!(refused.fault, Fault::WrongOrigin, "{other:?}");
        assert_eq!(refused.reader(), Some(PAGE));
    }
    let expired = read(&token, Some(PAGE), NOW_MS + 3_600_000).unwrap_err();
    assert_eq!((expired.fault, expired.reader()), (Fault::Expired, Some(PAGE)));
    let forged = read(&mint(&DerivedKey::default(), &claims("acme")), Some(PAGE), NOW_MS).unwrap_err();
    assert_eq!((forged.fault, forged.reader()), (Fault::WrongSignature, None));
}

// Forgeries

#[test]
fn every_algorithm_but_hs256_is_refused_whoever_signs() {
    let text = serde_json::to_string(&claims("acme")).unwrap();
    let names = [
        "none", "None", "NONE", "nOnE", "noNE", "hs256", "Hs256", "HS256 ", " HS256", "HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA",
        "dir", "",
    ];
    let others = [Value::Null, json!(256), json!(["HS256"]), json!({"alg": "HS256"}), json!(true)];
    for alg in names.into_iter().map(Value::from).chain(others) {
        let header = json!({"alg": alg, "typ": "JWT"}).to_string();
        let token = forged(&header, &text, &own_key());
        assert!(looks_like_token(&token));
        assert_eq!(fault(&token), Fault::WrongAlgorithm, "{header}");
        let (signed, _) = token.rsplit_once('.').unwrap();
        assert!(looks_like_token(&format!("{signed}.")));
        assert_eq!(fault(&format!("{signed}.")), Fault::WrongAlgorithm, "{header} unsigned");
    }
    assert_eq!(fault(&forged(r#"{"typ":"JWT"}"#, &text, &own_key())), Fault::WrongAlgorithm);
    let unsigned = minted(&claims("acme"));
    assert_eq!(fault(&format!("{}.", unsigned.rsplit_once('.').unwrap().0)), Fault::WrongSignature);
}

#[test]
fn headers_that_ask_for_more_are_refused() {
    let text = serde_json::to_string(&claims("acme")).unwrap();
    for more in ["crit", "b64", "kid", "jku", "jwk", "x5u", "x5c", "zip", "Alg"] {
        let header = format!(r#"{{"alg":"HS256","{more}":["exp"]}}"#);
        assert!(matches!(fault(&forged(&header, &text, &own_key())), Fault::NotAccepted(_)), "{header}");
    }
}

#[test]
fn claims_that_are_not_the_gateways_are_refused_though_signed() {
    let with = |name: &str, value: Value| {
        let mut claims = serde_json::to_value(full()).unwrap();
        claims[name] = value;
        fault(&forged(r#"{"alg":"HS256"}"#, &claims.to_string(), &own_key()))
    };
    for (name, value) in [
        ("iss", json!("another")),
        ("iss", json!(1)),
        ("scopes", json!(["everything"])),
        ("scopes", json!("completions")),
        ("exp", json!((NOW + 900).to_string())),
        ("exp", json!(-1)),
        ("exp", json!(1.5)),
        ("limits", json!([{"requests": 1}])),
        ("budget", json!({"day": 1})),
    ] {
        assert!(matches!(with(name, value.clone()), Fault::NotAccepted(_)), "{name}: {value}");
    }
    for (name, value) in [("tenant", json!(1)), ("tenant", json!(null))] {
        assert_eq!(with(name, value), Fault::Malformed);
    }
}

#[test]
fn what_is_no_token_is_malformed_and_does_not_look_like_one() {
    let token = minted(&claims("acme"));
    let header = token.split('.').next().unwrap();
    let texts = [
        "",
        ".",
        "..",
        "...",
        "maya-local",
        "a.b.c",
        "sk-1.2.3",
        "e30.e30.",
        "W10.e30.",
        "bnVsbA.e30.",
        "MQ.e30.",
        "a key, with. dots. in it",
    ];
    for text in texts {
        assert!(!looks_like_token(text), "{text}");
        assert!(matches!(fault(text), Fault::Malformed | Fault::WrongAlgorithm), "{text}");
    }
    for text in [
        format!("{token}."),
        format!(".{token}"),
        format!("{token}="),
        format!("{token} "),
        format!("{header}.{header}"),
        token.replace('.', ".."),
    ] {
        assert!(!looks_like_token(&text), "{text}");
        assert_eq!(fault(&text), Fault::Malformed, "{text}");
    }
    // Looks like one, and says nothing.
    for claims in ["", "1", "{}", "[]", "{", "null"] {
        let token = forged(r#"{"alg":"HS256"}"#, claims, &own_key());
        assert!(looks_like_token(&token));
        assert_eq!(fault(&token), Fault::Malformed, "{claims}");
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn any_changed_byte_is_refused(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let token = minted(&full());
        let at = place.index(token.len());
        let mut bytes = token.clone().into_bytes();
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        let changed = String::from_utf8_lossy(&bytes);
        prop_assert!(read(&changed, Some(PAGE), NOW_MS).is_err(), "{changed}");
    }

    #[test]
    fn any_cut_or_added_byte_is_refused(place in any::<prop::sample::Index>(), byte in "[A-Za-z0-9_.=-]") {
        let token = minted(&full());
        let at = place.index(token.len());
        let mut longer = token.clone();
        longer.insert_str(at, &byte);
        prop_assert!(longer == token || read(&longer, Some(PAGE), NOW_MS).is_err());
        let mut shorter = token;
        shorter.remove(at);
        prop_assert!(read(&shorter, Some(PAGE), NOW_MS).is_err());
    }

    #[test]
    fn no_tenant_signs_for_another(one in "[a-zA-Z0-9_-]{0,12}|\\PC{1,8}", other in "[a-zA-Z0-9_-]{0,12}|\\PC{1,8}") {
        prop_assume!(one != other);
        // One tenant's key under claims that say the other, and one's signature behind the other's claims.
        prop_assert_eq!(fault(&mint(&key(&secret("new"), &one), &claims(&other))), Fault::WrongSignature);
        let (mine, theirs) = (minted(&claims(&one)), minted(&claims(&other)));
        let spliced = format!("{}.{}", theirs.rsplit_once('.').unwrap().0, mine.rsplit_once('.').unwrap().1);
        prop_assert_eq!(fault(&spliced), Fault::WrongSignature);
        prop_assert_eq!(read(&mine, Some(PAGE), NOW_MS).unwrap().tenant, one);
    }

    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,40}|[A-Za-z0-9_-]{0,20}\\.[A-Za-z0-9_-]{0,20}\\.[A-Za-z0-9_-]{0,20}") {
        looks_like_token(&text);
        prop_assert!(read(&text, Some(PAGE), NOW_MS).is_err());
    }

    #[test]
    fn a_refusal_never_quotes_the_token(sub in "[a-z]{12,20}") {
        let token = mint(&DerivedKey::default(), &Claims { sub: Some(sub.clone()), ..claims("acme") });
        let error = Error::from(read(&token, Some(PAGE), NOW_MS).unwrap_err()).body();
        prop_assert!(!error.contains(&sub) && !token.split('.').any(|part| error.contains(part)));
    }
}

#[test]
fn each_refusal_is_a_401_with_its_code() {
    let code = |fault: Fault| {
        let error = Error::from(TokenFault::from(fault));
        assert_eq!((error.status, &*error.param, error.retry), (401, "api_key", Some(false)));
        assert!(error.message.contains("/v1/tokens"), "tells what to do: {}", error.message);
        error.code
    };
    assert_eq!(code(Fault::Malformed), "token_malformed");
    assert_eq!(code(Fault::WrongAlgorithm), "token_wrong_algorithm");
    assert_eq!(code(Fault::WrongSignature), "token_wrong_signature");
    assert_eq!(code(Fault::WrongOrigin), "token_wrong_origin");
    assert_eq!(code(Fault::Expired), "token_expired");
    assert_eq!(code(Fault::NotAccepted("it was issued in the future")), "token_not_accepted");
}

#[test]
fn a_token_tells_nothing_by_which_a_chosen_key_could_be_tried_out() {
    let digest = KeyDigest::of("a word that somebody chose");
    assert_eq!(issuer_mark(&secret("now"), &digest, true), digest.hex());
    let told = issuer_mark(&secret("now"), &digest, false);
    assert_eq!(told.len(), 16);
    assert_ne!(told, issuer_mark(&secret("other"), &digest, false));
    assert!(!digest.hex().contains(&told) && !KeyDigest::of(&digest.hex()).hex().contains(&told));
    assert_eq!(Claims { key_mark: told, ..claims("acme") }.managed_issuer(), None);
    assert_eq!(Claims { key_mark: digest.hex(), ..claims("acme") }.managed_issuer(), Some(digest));
}

// What a key may put into a token

fn record() -> KeyRecord {
    KeyRecord { id: "acme.k1".to_owned(), tenant: "acme".to_owned(), ..KeyRecord::default() }
}

fn granted(body: &Value, record: &KeyRecord) -> Result<Claims, Error> {
    let aliases = [("fast".to_owned(), "gpt-oss-120b".to_owned())].into_iter().collect();
    let row = |id: &str| (id.to_owned(), serde_json::from_value(json!({})).unwrap());
    let models = Models::new(vec![row("gpt-oss-120b"), row("zai")], aliases, 100).unwrap();
    let issuer = Issuer { record, key_mark: "00".to_owned(), region: Some(Region::Eu) };
    reading::read::<Order>(body.to_string().as_bytes())?.granted(issuer, &models, NOW_MS + 999, "00".to_owned())
}

#[test]
fn without_wishes_a_token_lasts_a_quarter_of_an_hour_for_completions_and_models() {
    let claims = granted(&json!({"origin": "https://App.Example:443"}), &record()).unwrap();
    let expected = Claims { key_mark: "00".to_owned(), region: Some(Region::Eu), jti: "00".to_owned(), ..self::claims("acme") };
    assert_eq!(claims, expected);
    assert!(read(&minted(&claims), Some(PAGE), NOW_MS).is_ok());
}

#[test]
fn wishes_are_taken_over() {
    let body = json!({
        "origin": PAGE, "ttl": "1h", "user": "u1", "scopes": ["usage", "completions", "usage"], "models": ["fast", "unknown"],
        "limits": [{"requests": 5, "window": "60s"}, {"tokens": 1000, "window": 3600, "per": "user"}],
    });
    let claims = granted(&body, &record()).unwrap();
    assert_eq!((claims.exp - claims.iat, claims.sub.as_deref()), (3600, Some("u1")));
    assert_eq!(claims.scopes, [Scope::Usage, Scope::Completions]);
    assert_eq!(claims.models.unwrap(), ["fast", "unknown"]);
    assert_eq!(claims.limits.len(), 2);
    assert_eq!(claims.limits[1], Limit { measure: Measure::Tokens, amount: 1000, window: Span(3_600_000), per: Per::User });
    for (ttl, seconds) in [(json!(60), 60), (json!("90s"), 90), (json!("1500ms"), 2), (json!(3600), 3600), (Value::Null, 900)] {
        let claims = granted(&json!({"origin": PAGE, "ttl": ttl}), &record()).unwrap();
        assert_eq!(claims.exp - claims.iat, seconds);
    }
}

#[test]
fn what_no_token_can_have_is_a_400_that_names_the_place() {
    let long = "u".repeat(257);
    for (more, param, code) in [
        (json!({"origin": null}), "origin", "wrong_value"),
        (json!({"origin": 1}), "origin", "wrong_value"),
        (json!({"origin": "null"}), "origin", "wrong_value"),
        (json!({"origin": "app.example"}), "origin", "wrong_value"),
        (json!({"ttl": "61m"}), "ttl", "wrong_value"),
        (json!({"ttl": 3601}), "ttl", "wrong_value"),
        (json!({"ttl": 0}), "ttl", "wrong_value"),
        (json!({"ttl": "soon"}), "ttl", "wrong_value"),
        (json!({"ttl": -5}), "ttl", "wrong_value"),
        (json!({"user": ""}), "user", "wrong_value"),
        (json!({"user": long}), "user", "wrong_value"),
        (json!({"user": 5}), "user", "wrong_value"),
        (json!({"scopes": []}), "scopes", "wrong_value"),
        (json!({"scopes": ["completions", "tokens"]}), "scopes[1]", "wrong_value"),
        (json!({"scopes": ["users"]}), "scopes[0]", "wrong_value"),
        (json!({"scopes": ["audit"]}), "scopes[0]", "wrong_value"),
        (json!({"scopes": ["completions", "root"]}), "scopes[1]", "wrong_value"),
        (json!({"scopes": "completions"}), "scopes", "wrong_value"),
        (json!({"models": []}), "models", "wrong_value"),
        (json!({"models": [""]}), "models[0]", "wrong_value"),
        (json!({"models": vec!["m"; 17]}), "models", "wrong_value"),
        (json!({"limits": [{"requests": 1, "tokens": 1, "window": "1s"}]}), "limits[0]", "wrong_value"),
        (json!({"limits": [{"requests": 1, "window": "1s"}, {"requests": -1, "window": "1s"}]}), "limits[1].requests", "wrong_value"),
        (json!({"limits": [{"requests": 1}]}), "limits[0].window", "missing_field"),
        (json!({"limits": [{"calls": 1, "window": "1s"}]}), "limits[0].calls", "unknown_field"),
        (json!({"limits": vec![json!({"requests": 1, "window": "1s"}); 17]}), "limits", "wrong_value"),
        (json!({"tenant": "other"}), "tenant", "unknown_field"),
    ] {
        let mut body = json!({"origin": PAGE});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let error = granted(&body, &record()).unwrap_err();
        assert_eq!((error.status, error.code, &*error.param), (400, code, param), "{more}: {}", error.message);
    }
    let error = granted(&json!({}), &record()).unwrap_err();
    assert_eq!((error.code, &*error.param), ("missing_field", "origin"));
}

#[test]
fn a_body_that_is_none_is_a_400_and_is_never_quoted() {
    for body in [
        "",
        "{",
        "[]",
        "null",
        "\"s3cret\"",
        "{\"origin\":\"https://app.example\"} s3cret",
        "{\"origin\":\"a\",\"origin\":\"s3cret\"}",
        "{\"user\":s3cret}",
        "{\"scopes\":[\"s3cret\"]}",
        "\u{feff}{}",
    ] {
        let error = reading::read::<Order>(body.as_bytes()).unwrap_err();
        assert_eq!(error.status, 400, "{body}");
        assert!(!error.message.contains("s3cret"), "{body}: {}", error.message);
        assert!(!error.message.is_empty());
    }
    for body in [&b"\xff"[..], b"{", b"", b"{\"origin\":"] {
        let error = reading::read::<Order>(body).unwrap_err();
        assert_eq!((error.code, error.param.contains('?')), ("invalid_json", false));
    }
}

#[test]
fn a_token_may_nothing_that_its_key_may_not() {
    let refused = |body: Value, record: KeyRecord| {
        let error = granted(&body, &record).unwrap_err();
        assert_eq!((error.status, error.retry), (403, Some(false)));
        (error.code, error.param)
    };
    let scoped = |scopes: &[Scope]| KeyRecord { scopes: Some(scopes.to_vec()), ..record() };
    let narrow = scoped(&[Scope::Tokens, Scope::Completions]);
    assert_eq!(refused(json!({"origin": PAGE}), narrow.clone()), ("scope_missing", "scopes[1]".to_owned()));
    assert_eq!(refused(json!({"origin": PAGE, "scopes": ["usage"]}), narrow.clone()), ("scope_missing", "scopes[0]".to_owned()));
    assert_eq!(granted(&json!({"origin": PAGE, "scopes": ["completions"]}), &narrow).unwrap().scopes, [Scope::Completions]);

    let few = KeyRecord { models: Some(vec!["gpt-oss-120b".to_owned()]), ..record() };
    assert_eq!(refused(json!({"origin": PAGE, "models": ["fast", "zai"]}), few.clone()), ("model_not_allowed", "models[1]".to_owned()));
    assert!(granted(&json!({"origin": PAGE, "models": ["fast"]}), &few).is_ok(), "an alias of what is allowed");
    assert!(granted(&json!({"origin": PAGE}), &few).unwrap().models.is_none(), "the key's own list holds anyway");

    let placed = |origins: &[&str]| KeyRecord { origins: Some(origins.iter().map(|origin| (*origin).to_owned()).collect()), ..record() };
    for origins in [&[][..], &["https://other.example"], &["https://app.example.org", "http://app.example"]] {
        assert_eq!(refused(json!({"origin": PAGE}), placed(origins)), ("origin_not_allowed", "origin".to_owned()));
    }
    for origins in [&["https://other.example", "https://App.Example"][..], &["*"]] {
        assert!(granted(&json!({"origin": "https://app.example:443"}), &placed(origins)).is_ok());
    }
}

#[test]
fn a_token_loses_what_its_key_loses() {
    let aliases = [("fast".to_owned(), "gpt-oss-120b".to_owned())].into_iter().collect();
    let row = |id: &str| (id.to_owned(), serde_json::from_value(json!({})).unwrap());
    let models = Models::new(vec![row("gpt-oss-120b"), row("zai")], aliases, 100).unwrap();
    let names = |list: &[&str]| Some(list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let token = Claims { models: names(&["fast", "zai"]), ..claims("acme") };

    let same = token.narrow(&record(), &models);
    assert_eq!(same, KeyRecord { scopes: Some(token.scopes.clone()), models: token.models.clone(), ..record() });
    assert!(same.allows(Scope::Completions) && !same.allows(Scope::Tokens) && !same.allows(Scope::Usage));

    let now = KeyRecord { scopes: Some(vec![Scope::Models, Scope::Tokens]), models: names(&["gpt-oss-120b"]), ..record() };
    let narrowed = token.narrow(&now, &models);
    assert_eq!((narrowed.scopes, narrowed.models), (Some(vec![Scope::Models]), names(&["fast"])));
    let none = KeyRecord { models: names(&["other"]), ..record() };
    assert_eq!(token.narrow(&none, &models).models, names(&[]));
    assert_eq!(claims("acme").narrow(&now, &models).models, now.models);
}

#[test]
fn a_configured_key_is_found_by_its_tokens_and_no_others() {
    let entry = |key: &str, tenant: &str| json!({"sha256": KeyDigest::of(key).hex(), "tenant": tenant});
    let settings = json!({"GATEWAY_KEYS": [entry("a", "acme"), entry("b", "acme"), entry("c", "other")]});
    let keys = Config::read(&settings.to_string()).unwrap().keys;
    let token = |key: &str, tenant: &str, managed| {
        let place = ["a", "b", "c"].iter().position(|known| *known == key).map_or(9, |place| place + 1);
        let key_mark = issuer_mark(&secret("now"), &KeyDigest::of(key), managed);
        Claims { key_mark, key: format!("{tenant}.configured-{place}"), ..claims(tenant) }
    };
    let found = |claims: Claims| claims.configured_issuer(&keys, [&secret("other"), &secret("now")]).map(|key| key.record.id.clone());
    // Without the secret nothing can be tried out, and a mark is good for its own secret only.
    assert_eq!(token("b", "acme", false).configured_issuer(&keys, [&secret("other")]).map(|key| key.record.id.clone()), None);
    assert_eq!(found(token("b", "acme", false)).as_deref(), Some("acme.configured-2"));
    for claims in [token("b", "other", false), token("c", "acme", false), token("d", "acme", false), token("b", "acme", true)] {
        assert_eq!(found(claims), None);
    }
}

// Origins and preflights

#[test]
fn origins_are_written_as_browsers_write_them() {
    for (text, origin) in [
        ("https://app.example", "https://app.example"),
        ("HTTPS://App.Example", "https://app.example"),
        ("https://app.example:443", "https://app.example"),
        ("https://app.example:8443", "https://app.example:8443"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("https://my_app.example", "https://my_app.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://localhost:80", "http://localhost"),
        ("http://app.localhost:5173", "http://app.localhost:5173"),
        ("http://127.0.0.1:8787", "http://127.0.0.1:8787"),
        ("http://[::1]:8787", "http://[::1]:8787"),
        ("http://192.168.1.20:3000", "http://192.168.1.20:3000"),
        ("http://laptop.local:3000", "http://laptop.local:3000"),
    ] {
        assert_eq!(cors::parse(text).as_deref(), Ok(origin), "{text}");
        assert_eq!(cors::parse(origin).as_deref(), Ok(origin));
    }
    for text in [
        "",
        "null",
        "NULL",
        "*",
        "app.example",
        "//app.example",
        "https:app.example",
        "https://",
        "https://app.example/",
        "https://app.example/path",
        "https://app.example?x",
        "https://app.example#x",
        "https://user@app.example",
        "https://user:pw@app.example",
        "https://app.example:",
        "https://app.example:0",
        "https://app.example:65536",
        "https://app.example:80a",
        "https://app.example:+80",
        "https://app..example",
        "https://.",
        "https://app.example ",
        " https://app.example",
        "https://app .example",
        "https://app.example\n",
        "https://bücher.example",
        "https://-a.example",
        "http://app.example",
        "http://8.8.8.8",
        "http://localhost.example",
        "http://notlocalhost",
        "ftp://app.example",
        "file://",
        "data:text",
        "https://[::1",
        "https://[app]",
        "https://*.example",
        "chrome-extension://abc",
    ] {
        assert!(cors::parse(text).is_err(), "{text}");
    }
    assert!(cors::parse(&format!("https://{}", "a.".repeat(200))).is_err());
}

fn head(lines: &[(&str, &str)]) -> Head {
    // In the order of ReadHeader, behind time, method and address.
    let names = [
        "authorization",
        "content-type",
        "content-encoding",
        "cache-control",
        "skip",
        "ttl",
        "key",
        "id",
        "traceparent",
        "tracestate",
        "origin",
        "access-control-request-method",
        "access-control-request-headers",
    ];
    let values = names.map(|name| lines.iter().find(|(given, _)| *given == name).map_or("", |(_, value)| value));
    Head::new(format!("{NOW_MS}\nOPTIONS\nhttps://gateway/v1/chat/completions\n{}", values.join("\n")))
}

#[test]
fn a_preflight_grants_what_the_gateway_reads_and_what_sdks_send_and_nothing_else() {
    // What the OpenAI SDK sends from a page.
    let sdk = "authorization,content-type,openai-organization,openai-project,x-stainless-arch,x-stainless-helper-method,x-stainless-lang,x-stainless-os,\
               x-stainless-package-version,x-stainless-retry-count,x-stainless-runtime,x-stainless-runtime-version,x-stainless-timeout,user-agent";
    let granted = |asked: &str| {
        let lines = cors::preflight(&head(&[("origin", PAGE), ("access-control-request-headers", asked)]), "POST, OPTIONS", true).unwrap();
        let granted = lines.text().lines().find_map(|line| line.strip_prefix("access-control-allow-headers: ")).map(str::to_owned);
        (granted, lines)
    };
    let (headers, lines) = granted(sdk);
    assert_eq!(headers.as_deref(), Some(sdk));
    for line in [
        "access-control-allow-origin: https://app.example\n",
        "access-control-allow-methods: POST, OPTIONS\n",
        "access-control-max-age: 7200\n",
    ] {
        assert!(lines.text().contains(line), "{line}");
    }
    assert!(lines.text().contains("\nvary: Origin"));
    assert!(!lines.text().contains("credentials"));
    let asked = "Authorization, cookie,x-evil,traceparent,tracestate,idempotency-key,x-request-id,cf-aig-cache-ttl,queue_threshold,\
                 x-maya-deadline-ms,x-maya-other,x-cerebras-version-patch,x-forwarded-for,x-stainless-\u{e9},,cache-control,host";
    let expected = "Authorization,traceparent,tracestate,idempotency-key,x-request-id,cf-aig-cache-ttl,queue_threshold,x-maya-deadline-ms,x-cerebras-version-patch,cache-control";
    assert_eq!(granted(asked).0.as_deref(), Some(expected));
    for asked in ["", "x-evil", "cookie, set-cookie"] {
        assert_eq!(granted(asked).0, None, "{asked}");
    }
}

#[test]
fn a_preflight_of_an_origin_that_is_not_allowed_is_a_403_and_one_without_an_origin_tells_the_methods() {
    let error = cors::preflight(&head(&[("origin", PAGE)]), "POST, OPTIONS", false).unwrap_err();
    assert_eq!((error.status, error.code), (403, "origin_not_allowed"));
    let lines = cors::preflight(&head(&[]), "POST, OPTIONS", false).unwrap();
    assert!(lines.text().starts_with("allow: POST, OPTIONS\n") && !lines.text().contains("access-control"));
}

#[test]
fn configured_origins_are_the_gateways_and_those_of_the_tenants_keys() {
    let sha = |text: &str| KeyDigest::of(text).hex();
    let settings = json!({
        "CORS_ORIGINS": ["https://all.example"],
        "GATEWAY_KEYS": [
            {"sha256": sha("a"), "tenant": "acme", "origins": ["https://acme.example"]},
            {"sha256": sha("b"), "tenant": "other", "origins": ["https://other.example"]},
            {"sha256": sha("c"), "tenant": "third"},
        ],
    });
    let config = Config::read(&settings.to_string()).unwrap();
    for (tenant, origin, allowed) in [
        (None, "https://all.example", true),
        (Some("third"), "https://all.example", true),
        (None, "https://acme.example", true),
        (Some("acme"), "https://acme.example", true),
        (Some("other"), "https://acme.example", false),
        (Some("third"), "https://acme.example", false),
        (Some(""), "https://acme.example", false),
        (None, "https://evil.example", false),
        (None, "https://acme.example.evil.org", false),
        (None, "null", false),
    ] {
        assert_eq!(cors::configured(&config, tenant, origin), allowed, "{tenant:?} {origin}");
    }
}

#[test]
fn only_the_gateways_own_list_or_the_callers_origin_reads_an_answer() {
    let config = Config::read(&json!({"CORS_ORIGINS": ["https://all.example"]}).to_string()).unwrap();
    let added = |origin: &str, may_read: bool| {
        let mut lines = maya_edge::protocol::headers::Lines::default();
        cors::add(Some(&config), &head(&[("origin", origin)]), may_read, &mut lines);
        lines.text().lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(added("https://all.example", false), "access-control-allow-origin: https://all.example");
    assert_eq!(added(PAGE, true), "access-control-allow-origin: https://app.example");
    assert_eq!(added(PAGE, false), "");
    assert_eq!(added("", true), "");
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn registrations_tell_tenants_and_origins_apart(one in "[a-z:]{0,6}", other in "[a-z:]{0,6}", origin in "[a-z:]{0,6}", another in "[a-z:]{0,6}") {
        let name = |tenant: &str, origin: &str| origin_name(Some(tenant).filter(|tenant| !tenant.is_empty()), origin);
        prop_assert_eq!(name(&one, &origin) == name(&other, &another), one == other && origin == another);
        prop_assert!(name(&one, &origin).starts_with("origin:"));
    }
}
