//! What the gateway reads in a request, what it refuses, and the few bytes that it may change.
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

use maya_edge::error::Error;
use maya_edge::protocol::request::{CompletionRequest, Endpoint};
use proptest::prelude::*;
use support::{Dice, Freedom, Json, cases, spell, texts, values};

fn chat(members: &str) -> Result<CompletionRequest<'static>, Error> {
    let body = format!(
        "{{\"model\":\"m\",\"messages\":[{{\"role\":\"user\",\"content\":\"x\"}}]{}{members}}}",
        if members.is_empty() { "" } else { "," }
    );
    CompletionRequest::read(body.leak().as_bytes(), Endpoint::Chat)
}

fn text(members: &str) -> Result<CompletionRequest<'static>, Error> {
    let body = format!("{{\"model\":\"m\"{}{members}}}", if members.is_empty() { "" } else { "," });
    CompletionRequest::read(body.leak().as_bytes(), Endpoint::Text)
}

fn refused(result: Result<CompletionRequest<'_>, Error>) -> (&'static str, String) {
    let error = result.expect_err("it is to be refused");
    assert_eq!((error.status, error.kind), (400, "invalid_request_error"));
    (error.code, error.param)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum GivenCap {
    Absent,
    Null,
    Tokens,
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn a_rewritten_body_differs_in_the_model_and_the_cap_alone(
        name in texts(),
        other in texts(),
        cap in prop::sample::select(&[GivenCap::Absent, GivenCap::Null, GivenCap::Tokens][..]),
        added in proptest::option::of(any::<u32>()),
        chat in any::<bool>(),
        more in proptest::collection::btree_map("(x|stop|cap|max|[a-c]{1,3})", values(), 0..4),
        order in any::<u64>(),
        seed in any::<u64>(),
    ) {
        let name = if name.is_empty() { "m".to_owned() } else { name };
        let (endpoint, cap_field, input) = if chat {
            (Endpoint::Chat, "max_completion_tokens", ("messages", Json::Array(vec![Json::object([("content", Json::text(&other))])])))
        } else {
            (Endpoint::Text, "max_tokens", ("prompt", Json::text(&other)))
        };
        let mut members: Vec<(String, Json)> = more.into_iter().collect();
        members.push(("model".to_owned(), Json::text(&name)));
        members.push((input.0.to_owned(), input.1));
        match cap {
            GivenCap::Absent => {}
            GivenCap::Null => members.push((cap_field.to_owned(), Json::Null)),
            GivenCap::Tokens => members.push((cap_field.to_owned(), Json::Number("12".to_owned()))),
        }
        let dice = &mut Dice::new(order);
        for place in (1..members.len()).rev() {
            members.swap(place, dice.below(place + 1));
        }
        let body = spell(&Json::Object(members), Freedom::Spaces, &mut Dice::new(seed));
        let request = CompletionRequest::read(body.as_bytes(), endpoint).unwrap();
        prop_assert_eq!(request.model(), &name);
        prop_assert_eq!(request.lacks_cap(), cap != GivenCap::Tokens);

        let adds = added.filter(|_| cap != GivenCap::Tokens);
        let Some(rewritten) = request.rewritten(&other, added) else {
            prop_assert!(other == name && adds.is_none());
            return Ok(());
        };
        prop_assert!(other != name || adds.is_some());
        let mut expected: serde_json::Value = serde_json::from_str(&body).unwrap();
        expected["model"] = other.clone().into();
        if let Some(cap) = adds {
            expected[cap_field] = cap.into();
        }
        prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&rewritten).unwrap(), expected);

        // The same, told in bytes: the old places cut out of both leave the same text.
        let mut edits = Vec::new();
        if other != name {
            edits.push((request.root().get("model").unwrap().span(), serde_json::to_string(&other).unwrap()));
        }
        if let Some(tokens) = adds {
            match request.root().get(cap_field) {
                Some(null) => edits.push((null.span(), tokens.to_string())),
                None => {
                    let end = body.trim_end().len() - 1;
                    edits.push((end..end, format!(",\"{cap_field}\":{tokens}")));
                }
            }
        }
        edits.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
        let mut by_hand = body.clone();
        for (span, replacement) in edits {
            by_hand.replace_range(span, &replacement);
        }
        prop_assert_eq!(String::from_utf8(rewritten).unwrap(), by_hand);
    }

    #[test]
    fn an_extra_body_is_folded_in_and_nothing_else_changes(
        outer in proptest::collection::btree_map("[a-d]{1,2}", values(), 0..4),
        extra in proptest::collection::btree_map("[e-h]{1,2}", values(), 0..4),
        seed in any::<u64>(),
    ) {
        let mut members: Vec<(String, Json)> = outer.into_iter().collect();
        members.extend([("model".to_owned(), Json::text("m")), ("prompt".to_owned(), Json::text("x"))]);
        let mut expected = members.clone();
        members.insert(members.len() / 2, ("extra_body".to_owned(), Json::Object(extra.clone().into_iter().collect())));
        expected.extend(extra);
        let body = spell(&Json::Object(members), Freedom::Spaces, &mut Dice::new(seed));
        let folded = CompletionRequest::read(body.as_bytes(), Endpoint::Text).unwrap().folded().unwrap().unwrap();
        let expected = spell(&Json::Object(expected), Freedom::Spaces, &mut Dice::new(1));
        let value = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
        prop_assert_eq!(value(&folded), value(expected.as_bytes()));
        prop_assert_eq!(CompletionRequest::read(&folded, Endpoint::Text).unwrap().folded(), Ok(None));
    }
}

#[test]
fn nothing_is_rewritten_when_nothing_changes() {
    assert_eq!(chat("").unwrap().rewritten("m", None), None);
    assert_eq!(chat("\"max_tokens\":5").unwrap().rewritten("m", Some(9)), None);
    assert_eq!(chat("\"max_completion_tokens\":-1").unwrap().rewritten("m", Some(9)), None);
    let escaped = CompletionRequest::read(br#"{"model":"\u006d","prompt":""}"#, Endpoint::Text).unwrap();
    assert_eq!(escaped.rewritten("m", None), None);
}

#[test]
fn a_cap_is_the_endpoints_own_and_null_is_none() {
    let ends =
        |request: &CompletionRequest<'_>, end: &str| String::from_utf8(request.rewritten("m", Some(9)).unwrap()).unwrap().ends_with(end);
    assert!(ends(&chat("").unwrap(), ",\"max_completion_tokens\":9}"));
    assert!(ends(&chat("\"max_tokens\":null").unwrap(), "\"max_tokens\":null,\"max_completion_tokens\":9}"));
    assert!(ends(&chat("\"max_completion_tokens\": null ").unwrap(), "\"max_completion_tokens\": 9 }"));
    assert!(ends(&text("\"prompt\":\"\"").unwrap(), ",\"max_tokens\":9}"));
    assert!(ends(&text("\"prompt\":\"\",\"max_completion_tokens\":null").unwrap(), ",\"max_tokens\":9}"));
    assert!(!chat("\"max_completion_tokens\":null,\"max_tokens\":4").unwrap().lacks_cap());
    for (value, code) in [
        ("1.0", "wrong_value"),
        ("-2", "wrong_value"),
        ("1e2", "wrong_value"),
        ("99999999999999999999", "wrong_value"),
        ("\"5\"", "wrong_type"),
        ("true", "wrong_type"),
    ] {
        for name in ["max_tokens", "max_completion_tokens"] {
            assert_eq!(refused(chat(&format!("\"{name}\":{value}"))), (code, name.to_owned()));
        }
    }
}

#[test]
fn a_wrong_type_names_its_field() {
    let wrong = |member: &str, path: &str| assert_eq!(refused(chat(member)), ("wrong_type", path.to_owned()), "{member}");
    for value in ["1", "\"x\"", "[]", "{}"] {
        wrong(&format!("\"stream\":{value}"), "stream");
        wrong(&format!("\"stream_options\":{{\"include_usage\":{value}}}"), "stream_options.include_usage");
    }
    for value in ["true", "\"x\"", "[]", "{}"] {
        wrong(&format!("\"temperature\":{value}"), "temperature");
        wrong(&format!("\"seed\":{value}"), "seed");
        wrong(&format!("\"n\":{value}"), "n");
    }
    wrong("\"stream_options\":[]", "stream_options");
    wrong("\"user\":7", "user");
    let read = |body: &'static str, endpoint| refused(CompletionRequest::read(body.as_bytes(), endpoint));
    for (body, code, path) in [
        ("[]", "wrong_type", ""),
        ("\"x\"", "wrong_type", ""),
        ("{}", "missing_field", "model"),
        (r#"{"model":null,"messages":[{}]}"#, "wrong_type", "model"),
        (r#"{"model":7,"messages":[{}]}"#, "wrong_type", "model"),
        (r#"{"model":"","messages":[{}]}"#, "wrong_value", "model"),
        (r#"{"model":"\ud800","messages":[{}]}"#, "wrong_type", "model"),
        (r#"{"model":"m"}"#, "missing_field", "messages"),
        (r#"{"model":"m","messages":"x"}"#, "wrong_type", "messages"),
        (r#"{"model":"m","messages":[]}"#, "missing_field", "messages[0]"),
        (r#"{"model":"m","messages":[{},"x"]}"#, "wrong_type", "messages[1]"),
        (r#"{"model":"m","messages":[{"content":1,"content":2}]}"#, "duplicate_key", "messages[0].content"),
        (r#"{"model":"m","messages":[{}]"#, "invalid_json", "messages"),
    ] {
        assert_eq!(read(body, Endpoint::Chat), (code, path.to_owned()), "{body}");
    }
    for (body, code, path) in [
        (r#"{"model":"m"}"#, "missing_field", "prompt"),
        (r#"{"model":"m","prompt":null}"#, "wrong_type", "prompt"),
        (r#"{"model":"m","prompt":{}}"#, "wrong_type", "prompt"),
    ] {
        assert_eq!(read(body, Endpoint::Text), (code, path.to_owned()), "{body}");
    }
    let deep = format!("{{\"model\":\"m\",\"messages\":[{}", "[".repeat(100));
    let error = CompletionRequest::read(deep.as_bytes(), Endpoint::Chat).unwrap_err();
    assert_eq!((error.code, error.param.starts_with("messages[0][0]")), ("too_deep", true));
    assert_eq!(CompletionRequest::read(b"{\"model\":\"\xff\"}", Endpoint::Chat).unwrap_err().code, "invalid_json");
}

#[test]
fn null_is_the_same_as_absent_in_every_field_that_may_be_left_out() {
    for field in ["stream", "stream_options", "temperature", "seed", "n", "max_tokens", "max_completion_tokens", "user"] {
        let request = chat(&format!("\"{field}\":null")).unwrap();
        assert!(!request.stream() && !request.include_usage() && !request.deterministic() && request.lacks_cap());
        assert_eq!(request.choices(), 1);
    }
    assert!(!chat("\"stream_options\":{\"include_usage\":null}").unwrap().include_usage());
}

#[test]
fn a_key_that_looks_like_a_known_one_is_refused() {
    for (member, path) in [
        ("\"Model\":\"x\"", "Model"),
        ("\"MESSAGES\":[]", "MESSAGES"),
        ("\"streaM\":true", "streaM"),
        ("\"\\u0053tream\":1", "Stream"),
        ("\"Tools\":[]", "Tools"),
    ] {
        assert_eq!(refused(chat(member)), ("ambiguous_key", path.to_owned()));
    }
    let body = br#"{"model":"m","messages":[{},{"Content":"x"}]}"#;
    assert_eq!(refused(CompletionRequest::read(body, Endpoint::Chat)), ("ambiguous_key", "messages[1].Content".to_owned()));
    for passes in ["\"models\":1", "\"unknown\":1", "\"Mode\":1", "\"x\":{\"Model\":1}", "\"str\\u0065am\":false", "\"\":1"] {
        assert!(chat(passes).is_ok(), "{passes}");
    }
}

#[test]
fn a_request_is_deterministic_at_temperature_zero_or_with_a_seed() {
    for zero in ["0", "0.0", "-0", "-0.0", "0e5", "0.000", "0E-7", "0.0e+99"] {
        assert!(chat(&format!("\"temperature\":{zero}")).unwrap().deterministic(), "{zero}");
    }
    for warm in ["1e-9", "0.1", "1", "0.0001e9", "10e-99", "2.0", "1e-400"] {
        assert!(!chat(&format!("\"temperature\":{warm}")).unwrap().deterministic(), "{warm}");
    }
    assert!(!chat("").unwrap().deterministic());
    assert!(chat("\"seed\":0").unwrap().deterministic());
    assert!(chat("\"seed\":7,\"temperature\":1").unwrap().deterministic());
    assert!(!chat("\"seed\":null,\"temperature\":null").unwrap().deterministic());
}

#[test]
fn the_choices_are_counted_over_prompts() {
    assert_eq!(chat("\"n\":3").unwrap().choices(), 3);
    for wrong in ["0", "-1", "2.0", "2e0", "1.5", "99999999999999999999999"] {
        assert_eq!(refused(chat(&format!("\"n\":{wrong}"))), ("wrong_value", "n".to_owned()), "{wrong}");
    }
    for (prompt, choices) in [("\"x\"", 2), ("[]", 2), ("[1,2,3]", 2), ("[\"a\",\"b\"]", 4), ("[[1,2],[3],[]]", 6)] {
        assert_eq!(text(&format!("\"prompt\":{prompt},\"n\":2")).unwrap().choices(), choices, "{prompt}");
    }
    assert!(text("\"prompt\":[\"a\",\"b\"],\"n\":18446744073709551615").unwrap().choices() > 2);
}

#[test]
fn pictures_are_seen_in_the_parts_of_a_message_only() {
    let has = |content: &str| {
        let body = format!(
            "{{\"model\":\"m\",\"messages\":[{{\"role\":\"system\",\"content\":\"s\"}},{{\"role\":\"user\",\"content\":{content}}}]}}"
        );
        CompletionRequest::read(body.as_bytes(), Endpoint::Chat).unwrap().pictures()
    };
    assert!(has(r#"[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"data:"}}]"#));
    assert!(has(r#"[{"type":"\u0069mage"}]"#));
    assert!(!has(r#"[{"type":"text","text":"image_url"}]"#));
    assert!(!has(r#""image_url""#) && !has("null") && !has(r#"[{"type":null},"image",{"x":{"type":"image"}}]"#));
}

#[test]
fn stream_and_usage_are_read() {
    let request = chat("\"stream\":true,\"stream_options\":{\"include_usage\":true}").unwrap();
    assert!(request.stream() && request.include_usage());
    assert!(!chat("\"stream\":false").unwrap().stream());
}

#[test]
fn an_extra_body_that_is_none_is_refused_or_dropped() {
    let fold = |member: &str| text(&format!("\"prompt\":\"\"{}{member}", if member.is_empty() { "" } else { "," })).unwrap().folded();
    assert_eq!(fold(""), Ok(None));
    assert_eq!(fold(r#""x":"extra_body","y":{"extra_body":1}"#), Ok(None));
    for nothing in ["null", "{}"] {
        assert_eq!(fold(&format!("\"extra_body\": {nothing} ")).unwrap().unwrap(), br#"{"model":"m","prompt":""}"#);
    }
    for wrong in ["1", "\"x\"", "[]", "true"] {
        let error = fold(&format!("\"extra_body\":{wrong}")).unwrap_err();
        assert_eq!((error.code, &*error.param), ("wrong_type", "extra_body"));
    }
    // What it repeats, or hides, is found by the reading that follows.
    for (extra, code, path) in [
        (r#"{"model":"n"}"#, "duplicate_key", "model"),
        (r#"{"Model":"n"}"#, "ambiguous_key", "Model"),
        (r#"{"n":"x"}"#, "wrong_type", "n"),
    ] {
        let folded = fold(&format!("\"\\u0065xtra_body\":{extra}")).unwrap().unwrap();
        assert_eq!(refused(CompletionRequest::read(&folded, Endpoint::Text)), (code, path.to_owned()));
    }
}

#[test]
fn an_error_quotes_nothing_of_the_question() {
    let body = br#"{"model":"m","messages":[{"content":"my secret"},"my secret"],"stream":"my secret"}"#;
    assert!(!CompletionRequest::read(body, Endpoint::Chat).unwrap_err().body().contains("secret"));
    for member in [
        "\"temperature\":\"my secret\"",
        "\"n\":\"my secret\"",
        "\"seed\":\"my secret\"",
        "\"user\":[\"my secret\"]",
        "\"max_tokens\":\"my secret\"",
    ] {
        assert!(!chat(member).unwrap_err().body().contains("secret"), "{member}");
    }
}

#[test]
fn a_word_against_storing_is_for_the_gateway_alone() {
    for (body, upstream, stored) in [
        (r#"{"model":"m","messages":[{}],"store":false,"n":1}"#, r#"{"model":"m","messages":[{}],"n":1}"#, false),
        (r#"{ "store" : false , "model":"m","messages":[{}]}"#, r#"{  "model":"m","messages":[{}]}"#, false),
        (r#"{"model":"m","messages":[{}] , "store":false }"#, r#"{"model":"m","messages":[{}]  }"#, false),
        // What says that it may be stored says nothing, and whether the field is known is for Cerebras to say.
        (r#"{"model":"m","store":true,"messages":[{}]}"#, r#"{"model":"m","store":true,"messages":[{}],"max_completion_tokens":7}"#, true),
        (r#"{"model":"m","store":null,"messages":[{}]}"#, r#"{"model":"m","store":null,"messages":[{}],"max_completion_tokens":7}"#, true),
        (
            r#"{"model":"m","store":false,"messages":[{}],"max_completion_tokens":null}"#,
            r#"{"model":"m","messages":[{}],"max_completion_tokens":7}"#,
            false,
        ),
        (r#"{"model":"m","messages":[{}],"store":false}"#, r#"{"model":"m","messages":[{}],"max_completion_tokens":7}"#, false),
    ] {
        let request = CompletionRequest::read(body.as_bytes(), Endpoint::Chat).unwrap();
        assert_eq!(request.may_be_stored(), stored, "{body}");
        let cap = (request.lacks_cap() && upstream.contains('7')).then_some(7);
        assert_eq!(String::from_utf8(request.rewritten("m", cap).unwrap()).unwrap(), upstream);
    }
    assert_eq!(CompletionRequest::read(br#"{"model":"m","messages":[{}],"store":"no"}"#, Endpoint::Chat).unwrap_err().param, "store");
}

#[test]
fn what_a_call_may_use_is_estimated_from_above() {
    let read = |body: &str| CompletionRequest::read(Box::leak(body.to_owned().into_boxed_str()).as_bytes(), Endpoint::Chat).unwrap();
    let words = "Four words are here. ".repeat(300);
    let text = read(&format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{words}"}}]}}"#));
    // 1,500 tokens in any tokenizer of the kind, the points included.
    assert!((1500..3000).contains(&text.input_tokens()), "{}", text.input_tokens());
    // A picture's bytes say nothing of its tokens.
    let picture = "A".repeat(1_000_000);
    let seen = read(&format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{picture}"}}}}]}}]}}"#
    ));
    assert!((2000..2100).contains(&seen.input_tokens()), "{}", seen.input_tokens());
    for (more, most, tokens) in [
        ("", None, 50),
        (r#","max_completion_tokens":7"#, None, 7),
        (r#","max_completion_tokens":7,"n":3"#, None, 21),
        (r#","max_completion_tokens":700"#, Some(100), 100),
        (r#","max_completion_tokens":-1"#, Some(100), 100),
        (r#","max_completion_tokens":-1"#, None, 50),
        (r#","max_tokens":null"#, None, 50),
    ] {
        assert_eq!(read(&format!(r#"{{"model":"m","messages":[{{}}]{more}}}"#)).output_tokens(50, most), tokens, "{more}");
    }
}
