//! The cache key: one for all spellings of a request, and another for every other request.
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

use std::collections::{BTreeMap, HashMap};

use maya_edge::cache::key::{CacheKey, Scope, of_chosen, of_request};
use maya_edge::protocol::request::{CompletionRequest, Endpoint};
use proptest::prelude::*;
use support::{Dice, Freedom, Json, Meaning, cases, mutate, request_meaning, spell, values};

const SCOPE: Scope<'static> = Scope { tenant: "acme", model: "gpt-oss-120b", added_cap: None, policy: "1" };

fn key_of(body: &str) -> CacheKey {
    let request = CompletionRequest::read(body.as_bytes(), Endpoint::Chat).unwrap_or_else(|error| panic!("{}: {body}", error.message));
    of_request(&SCOPE, &request)
}

/// A body with one more member.
fn with(member: &str) -> String {
    format!(
        "{{\"model\":\"m\",\"messages\":[{{\"role\":\"user\",\"content\":\"x\"}}]{}{member}}}",
        if member.is_empty() { "" } else { "," }
    )
}

/// Requests with schemas in them; what stands under keys that the gateway does not read is any JSON.
fn requests() -> impl Strategy<Value = Json> {
    let free = proptest::collection::btree_map("(x|yy|stop|logit_bias|metadata|prediction|reasoning_effort)", values(), 0..4);
    let tools = proptest::option::of(proptest::collection::vec(values(), 0..3));
    (proptest::collection::vec(values(), 1..3), free, tools, proptest::option::of(values()), any::<bool>()).prop_map(
        |(contents, free, tools, format, stream)| {
            let messages = contents.into_iter().map(|content| Json::object([("role", Json::text("user")), ("content", content)])).collect();
            let mut members = vec![
                ("model".to_owned(), Json::text("m")),
                ("messages".to_owned(), Json::Array(messages)),
                ("stream".to_owned(), Json::Bool(stream)),
            ];
            members.extend(free);
            if let Some(tools) = tools {
                let tool = |parameters| {
                    let function = Json::object([("name", Json::text("f")), ("parameters", parameters)]);
                    Json::object([("type", Json::text("function")), ("function", function)])
                };
                members.push(("tools".to_owned(), Json::Array(tools.into_iter().map(tool).collect())));
            }
            if let Some(schema) = format {
                let schema = Json::object([("name", Json::text("n")), ("schema", schema)]);
                members.push(("response_format".to_owned(), Json::object([("type", Json::text("json_schema")), ("json_schema", schema)])));
            }
            Json::Object(members)
        },
    )
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn two_spellings_of_a_request_share_a_key(request in requests(), one in any::<u64>(), other in any::<u64>()) {
        let one = spell(&request, Freedom::RequestMeaning, &mut Dice::new(one));
        let other = spell(&request, Freedom::RequestMeaning, &mut Dice::new(other));
        prop_assert_eq!(key_of(&one), key_of(&other), "{} and {}", one, other);
    }

    #[test]
    fn keys_are_equal_exactly_when_meanings_are(request in requests(), seed in any::<u64>(), changes in 1..4_usize) {
        let dice = &mut Dice::new(seed);
        let mut other = request.clone();
        for _ in 0..changes {
            mutate(&mut other, dice);
        }
        let text = spell(&other, Freedom::RequestMeaning, dice);
        // A change may have made it no request at all.
        let Ok(read) = CompletionRequest::read(text.as_bytes(), Endpoint::Chat) else { return Ok(()) };
        let same = request_meaning(&request) == request_meaning(&other);
        let key = key_of(&spell(&request, Freedom::RequestMeaning, dice));
        prop_assert_eq!(key == of_request(&SCOPE, &read), same, "{:?} and {:?}", request, other);
    }

    #[test]
    fn whatever_differs_in_the_scope_differs_in_the_key(
        one in ("[ab/]{0,3}", "[ab/]{0,3}", "[ab/]{0,3}", proptest::option::of(0..3_u32)),
        other in ("[ab/]{0,3}", "[ab/]{0,3}", "[ab/]{0,3}", proptest::option::of(0..3_u32)),
    ) {
        let body = with("");
        let request = CompletionRequest::read(body.as_bytes(), Endpoint::Chat).unwrap();
        let scope = |of: &(String, String, String, Option<u32>)| {
            let scope = Scope { tenant: &of.0, model: &of.1, policy: &of.2, added_cap: of.3 };
            [of_request(&scope, &request), of_chosen(&scope, Endpoint::Chat, "k"), of_chosen(&scope, Endpoint::Text, "k")]
        };
        let (keys, others) = (scope(&one), scope(&other));
        for (place, key) in keys.iter().enumerate() {
            for (other_place, other_key) in others.iter().enumerate() {
                prop_assert_eq!(key == other_key, place == other_place && one == other);
            }
        }
    }
}

#[test]
fn of_ten_thousand_pairs_of_tenants_none_shares_a_key() {
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    let mut keys = std::collections::HashSet::new();
    for pair in 0..10_000 {
        // Both ask the same; each pair asks something else.
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let body = with(&format!(r#""seed":{},"stop":["{dice:x}"]"#, dice >> 40));
        let request = CompletionRequest::read(body.as_bytes(), Endpoint::Chat).unwrap();
        for tenant in [format!("t{dice:x}"), format!("t{pair}")] {
            let scope = Scope { tenant: &tenant, ..SCOPE };
            assert!(keys.insert(of_request(&scope, &request).name()), "{tenant}: {body}");
            assert!(keys.insert(of_chosen(&scope, Endpoint::Chat, "the same").name()), "{tenant}: chosen");
        }
    }
}

#[test]
fn no_two_layouts_of_fields_share_a_key() {
    // Every value of a small vocabulary, two levels deep, under every pair of keys: where layouts run together, they do it here.
    let leaves = ["", "a", "b", "ab", "s", "n", "0", "1e0", "null"].map(Json::text);
    let mut vocabulary: Vec<Json> = leaves.to_vec();
    vocabulary.extend([Json::Null, Json::Bool(true), Json::Bool(false)]);
    vocabulary.extend(["0", "1", "-1", "10", "1e1", "1.0", "0.1", "-0", "1e400", "1e-400"].map(|literal| Json::Number(literal.to_owned())));
    let small = [Json::Null, Json::text(""), Json::text("a"), Json::Number("0".to_owned())];
    let mut nested = vec![Json::Array(Vec::new()), Json::Object(Vec::new())];
    for one in &small {
        nested.push(Json::Array(vec![one.clone()]));
        nested.push(Json::Object(vec![("a".to_owned(), one.clone())]));
        for two in &small {
            nested.push(Json::Array(vec![one.clone(), two.clone()]));
            nested.push(Json::Object(vec![("a".to_owned(), one.clone()), ("b".to_owned(), two.clone())]));
            nested.push(Json::Object(vec![("b".to_owned(), one.clone()), ("a".to_owned(), two.clone())]));
            nested.push(Json::Array(vec![Json::Array(vec![one.clone()]), two.clone()]));
            nested.push(Json::Array(vec![Json::Array(vec![one.clone(), two.clone()])]));
        }
    }
    vocabulary.extend(nested);
    let mut known: HashMap<String, Meaning> = HashMap::new();
    let mut reverse: BTreeMap<Meaning, String> = BTreeMap::new();
    let base = || vec![("model".to_owned(), Json::text("m")), ("messages".to_owned(), Json::Array(vec![Json::Object(Vec::new())]))];
    let mut check = |members: Vec<(String, Json)>| {
        let mut all = base();
        all.extend(members);
        let request = Json::Object(all);
        let key = key_of(&spell(&request, Freedom::Spaces, &mut Dice::new(1))).name();
        let meaning = request_meaning(&request);
        let (by_key, by_meaning) = (known.insert(key.clone(), meaning.clone()), reverse.insert(meaning.clone(), key.clone()));
        assert!(by_key.is_none_or(|other| other == meaning), "{request:?}");
        assert!(by_meaning.is_none_or(|other| other == key), "{request:?}");
    };
    let keys = ["", "a", "b", "ab"];
    for key in keys {
        for value in &vocabulary {
            check(vec![(key.to_owned(), value.clone())]);
        }
    }
    for (place, key) in keys.iter().enumerate() {
        for other in &keys[place + 1..] {
            for value in vocabulary.iter().step_by(3) {
                for other_value in vocabulary.iter().step_by(2) {
                    check(vec![((*key).to_owned(), value.clone()), ((*other).to_owned(), other_value.clone())]);
                }
            }
        }
    }
    assert!(known.len() > 5000, "{}", known.len());
}

#[test]
fn the_form_of_the_stream_and_the_end_user_are_no_part_of_the_question() {
    let plain = key_of(&with(""));
    for same in [
        "\"stream\":true",
        "\"stream\":null",
        "\"stream_options\":{\"include_usage\":true}",
        "\"user\":\"u\"",
        "\"user\":null,\"stream\":false",
    ] {
        assert_eq!(key_of(&with(same)), plain, "{same}");
    }
    // Of these names only the body's own fields are passed over.
    for other in ["\"x\":{\"user\":\"u\"}", "\"x\":{\"stream\":true}", "\"x\":{\"model\":\"y\"}", "\"Stream options\":1"] {
        assert_ne!(key_of(&with(other)), plain, "{other}");
    }
    assert_ne!(key_of(&with("\"x\":{\"user\":\"u\"}")), key_of(&with("\"x\":{\"user\":\"v\"}")));
}

#[test]
fn the_models_name_counts_as_resolved_and_not_as_written() {
    let body = |model: &str| format!("{{\"model\":\"{model}\",\"messages\":[{{}}]}}");
    assert_eq!(key_of(&body("fast")), key_of(&body("gpt-oss-120b")));
    let text = body("fast");
    let request = CompletionRequest::read(text.as_bytes(), Endpoint::Chat).unwrap();
    assert_ne!(of_request(&SCOPE, &request), of_request(&Scope { model: "fast", ..SCOPE }, &request));
}

#[test]
fn order_and_digits_count_inside_schemas_and_only_there() {
    let tool = |function: &str| with(&format!("\"tools\":[{{\"type\":\"function\",\"function\":{function}}}]"));
    let format = |schema: &str| with(&format!("\"response_format\":{{\"json_schema\":{schema}}}"));
    let same = [
        (tool(r#"{"name":"f","parameters":{"a":1}}"#), tool(r#"{"parameters":{"a":1},"name":"f"}"#)),
        (tool(r#"{"x":1.0,"parameters":{}}"#), tool(r#"{"x":1,"parameters":{}}"#)),
        (tool(r#"{"parameters":{"a":"\u0062"}}"#), tool(r#"{"parameters": { "\u0061" :"b" } }"#)),
        (format(r#"{"name":"n","schema":{"a":1}}"#), format(r#"{"schema":{"a":1},"name":"n"}"#)),
        (with(r#""parameters":{"a":1,"b":2}"#), with(r#""parameters":{"b":2.0,"a":1}"#)),
        (with(r#""x":{"schema":{"a":1,"b":2}}"#), with(r#""x":{"schema":{"b":2,"a":1}}"#)),
        (with(r#""tools":{"function":{"parameters":{"a":1,"b":2}}}"#), with(r#""tools":{"function":{"parameters":{"b":2,"a":1}}}"#)),
        (
            with(r#""tools":[[{"function":{"parameters":{"a":1,"b":2}}}]]"#),
            with(r#""tools":[[{"function":{"parameters":{"b":2,"a":1}}}]]"#),
        ),
    ];
    for (one, other) in same {
        assert_eq!(key_of(&one), key_of(&other), "{one} and {other}");
    }
    let different = [
        (tool(r#"{"parameters":{"a":1,"b":2}}"#), tool(r#"{"parameters":{"b":2,"a":1}}"#)),
        (tool(r#"{"parameters":{"a":1}}"#), tool(r#"{"parameters":{"a":1.0}}"#)),
        (tool(r#"{"parameters":{"p":{"x":{"a":1,"b":2}}}}"#), tool(r#"{"parameters":{"p":{"x":{"b":2,"a":1}}}}"#)),
        (tool(r#"{"parameters":{"p":[{"a":1,"b":2}]}}"#), tool(r#"{"parameters":{"p":[{"b":2,"a":1}]}}"#)),
        (format(r#"{"schema":{"a":1,"b":2}}"#), format(r#"{"schema":{"b":2,"a":1}}"#)),
        (format(r#"{"schema":{"a":1e1}}"#), format(r#"{"schema":{"a":10}}"#)),
        (tool(r#"{"parameters":{}}"#), tool(r#"{"parameters":[]}"#)),
    ];
    for (one, other) in different {
        assert_ne!(key_of(&one), key_of(&other), "{one} and {other}");
    }
}

#[test]
fn a_number_is_its_exact_decimal_value() {
    let number = |literal: &str| key_of(&with(&format!("\"x\":{literal}")));
    for same in [
        &["1", "1.0", "10e-1", "0.1e1", "1E0", "1e+0", "1.000e-0", "100e-2", "0.001E+3"][..],
        &["0", "-0", "0.0", "0e99", "-0.000e-5", "0e99999999999999999999999"],
        &["1e400", "10e399", "0.1E401"],
        &["12345678901234567890", "1234567890123456789e1"],
        &["-1.5", "-15e-1"],
    ] {
        for other in same {
            assert_eq!(number(same[0]), number(other), "{other}");
        }
    }
    let different = [
        "0",
        "1",
        "-1",
        "0.1",
        "0.10000000000000001",
        "1e1",
        "1e400",
        "1e401",
        "12345678901234567890",
        "12345678901234567891",
        "1e99999999999999999999",
        "2e99999999999999999999",
        "\"1\"",
        "true",
        "null",
    ];
    for (place, one) in different.iter().enumerate() {
        assert!(different[..place].iter().all(|other| number(other) != number(one)), "{one}");
    }
}

#[test]
fn a_chosen_key_never_meets_a_bodys() {
    let body = with("");
    let request = CompletionRequest::read(body.as_bytes(), Endpoint::Chat).unwrap();
    let chosen = of_chosen(&SCOPE, Endpoint::Chat, "answer");
    assert_ne!(chosen, of_request(&SCOPE, &request));
    assert_eq!(chosen, of_chosen(&SCOPE, Endpoint::Chat, "answer"));
    assert_ne!(chosen, of_chosen(&SCOPE, Endpoint::Chat, "answer "));
    assert_ne!(chosen, of_chosen(&SCOPE, Endpoint::Text, "answer"));
}

#[test]
fn a_key_tells_nothing_of_the_prompt() {
    let name = key_of(&with("\"x\":\"my secret\"")).name();
    let digits = name.strip_prefix("answer:").unwrap();
    assert!(digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
}

/// The digests were made by another program from the layout's description, so that neither an edit nor a platform moves them unseen.
#[test]
fn keys_are_the_recorded_ones() {
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
    assert!(fixtures.len() >= 16);
}
