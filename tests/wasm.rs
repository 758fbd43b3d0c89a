//! What the wasm decides is what native code decides.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "tests may")]

use maya_edge::admission::keys::{GatewayKey, KeyDigest, bearer, find};
use maya_edge::cache::entry::{Entry, Form};
use maya_edge::cache::key::{Scope, of_chosen, of_request};
use maya_edge::cache::replay::{stream_to_whole, whole_to_stream};
use maya_edge::protocol::answer::{Quality, both_envelopes, judge};
use maya_edge::protocol::json::{Document, MAX_DEPTH, Reason};
use maya_edge::protocol::request::{CompletionRequest, Endpoint};
use maya_edge::protocol::sse::{ending, events, mend};
use maya_edge::protocol::usage::Usage;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn keys_are_the_same_as_natively() {
    let fixtures: Vec<serde_json::Value> = serde_json::from_str(include_str!("fixtures/keys.json")).unwrap();
    for fixture in &fixtures {
        let text = |name: &str| fixture[name].as_str();
        let endpoint = if text("endpoint") == Some("chat") { Endpoint::Chat } else { Endpoint::Text };
        let added_cap = fixture["added_cap"].as_u64().map(|cap| cap.try_into().unwrap());
        let scope = Scope { tenant: text("tenant").unwrap(), model: text("model").unwrap(), added_cap, policy: text("policy").unwrap() };
        let key = match text("chosen") {
            Some(chosen) => of_chosen(&scope, endpoint, chosen),
            None => of_request(&scope, &CompletionRequest::read(text("body").unwrap().as_bytes(), endpoint).unwrap()),
        };
        assert_eq!(Some(&*key.name()), text("key"), "{}", text("name").unwrap());
    }
}

#[wasm_bindgen_test]
fn json_is_read_with_exact_spans_and_bounds() {
    let document = Document::read(r#" {"a":[1e400,"h\u00e9😀"],"b":null}"#.as_bytes()).unwrap();
    let list = document.root().get("a").unwrap();
    assert_eq!(list.elements().next().unwrap().number(), Some("1e400"));
    assert_eq!(list.elements().nth(1).unwrap().text().as_deref(), Some("hé😀"));
    assert_eq!(list.raw(), r#"[1e400,"h\u00e9😀"]"#);
    assert_eq!(Document::read("[".repeat(MAX_DEPTH + 1).as_bytes()).unwrap_err().reason, Reason::TooDeep);
    assert_eq!(Document::read(br#"{"a":1,"\u0061":2}"#).unwrap_err().offset, 7);
}

#[wasm_bindgen_test]
fn a_long_body_and_a_wide_object_are_read() {
    let body = format!("{{\"model\":\"m\",\"messages\":[{{\"content\":\"{}\"}}]}}", "x".repeat(10 << 20));
    assert!(CompletionRequest::read(body.as_bytes(), Endpoint::Chat).is_ok());
    let members: Vec<String> = (0..100_000).map(|place| format!("\"k{place}\":0")).collect();
    assert!(Document::read(format!("{{{}}}", members.join(",")).as_bytes()).is_ok());
}

#[wasm_bindgen_test]
fn a_stream_cut_anywhere_ends_in_one_error() {
    let whole = "data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"né\\u00e9 \\ud83d\\ude00 😀\"},\"index\":0}]}\n\ndata: {\"id\":\"c\",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\",\"index\":0}]}\n\n";
    for cut in 0..=whole.len() {
        let begun = &whole.as_bytes()[..cut];
        assert!(!ending(begun, 1).whole);
        let ended = [begun, &mend(begun, "\"error\":{\"message\":\"cut\"}")].concat();
        let chunks: Vec<serde_json::Value> = events(&ended).map(|data| serde_json::from_slice(&data).unwrap()).collect();
        let errors: Vec<bool> = chunks.iter().map(|chunk| chunk.get("error").is_some()).collect();
        assert_eq!(errors.iter().filter(|error| **error).count(), 1, "{cut}");
        assert_eq!(errors.last(), Some(&true), "{cut}");
    }
    assert!(ending(format!("{whole}data: [DONE]\n\n").as_bytes(), 1).whole);
}

#[wasm_bindgen_test]
fn an_answer_survives_both_replays() {
    let whole = r#"{"id":"c","choices":[{"finish_reason":"stop","index":0,"message":{"content":"Four.","reasoning":"2 + 2","role":"assistant"}}],"created":1790000000.1234,"object":"chat.completion","usage":{"total_tokens":1e400}}"#;
    assert_eq!(judge(whole.as_bytes()), Quality::Keepable);
    let stream = whole_to_stream(whole.as_bytes(), Endpoint::Chat).unwrap();
    assert!(ending(&stream, 1).whole);
    let again: serde_json::Value = serde_json::from_slice(&stream_to_whole(&stream, Endpoint::Chat).unwrap()).unwrap();
    assert_eq!(again, serde_json::from_str::<serde_json::Value>(whole).unwrap());
    let entry = Entry { form: Form::Stream, stored_ms: 1_790_000_000_123, ttl: 60, usage: Usage::default(), body: &stream };
    assert_eq!(Entry::decode(&entry.encode()), Some(entry));
}

#[wasm_bindgen_test]
fn errors_are_judged_and_get_both_envelopes() {
    assert_eq!(judge(b"<html>"), Quality::Unreadable);
    assert_eq!(judge(br#"{"choices":[{"finish_reason":"length","message":{"content":"x"}}]}"#), Quality::Passing);
    assert_eq!(
        both_envelopes(br#"{"message":"m","code":4}"#).unwrap(),
        &br#"{"message":"m","code":4,"error":{"message":"m","type":"","param":"","code":"4"}}"#[..]
    );
}

#[wasm_bindgen_test]
fn a_gateway_key_is_known_by_its_digest() {
    // SHA-256 of "abc", from FIPS 180-2.
    let row = r#"{"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","tenant":"acme"}"#;
    let keys = GatewayKey::read(vec![serde_json::from_str(row).unwrap()]);
    assert!(keys[0].sha256 == KeyDigest::of("abc"));
    assert_eq!(find(&keys, &KeyDigest::of(bearer("bearer abc").unwrap())).map(|key| &*key.record.tenant), Some("acme"));
    assert!(find(&keys, &KeyDigest::of("abd")).is_none());
}
