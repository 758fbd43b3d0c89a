//! One stored answer for both kinds of callers, what may be stored at all, and errors that every client can read.
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

use maya_edge::cache::replay::{stream, stream_to_whole, whole_to_stream};
use maya_edge::protocol::answer::{Quality, both_envelopes, judge};
use maya_edge::protocol::request::Endpoint;
use maya_edge::protocol::sse::ending;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use support::{Dice, Freedom, cases, plain_events, spell, texts, values};

fn value(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(text)))
}

/// Any value as serde has it, digits included.
fn any_values() -> impl Strategy<Value = Value> {
    values().prop_map(|json| value(spell(&json, Freedom::Spaces, &mut Dice::new(1)).as_bytes()))
}

fn logprobs() -> impl Strategy<Value = Value> {
    proptest::collection::vec((texts(), "-[0-9]\\.[0-9]{2,3}0"), 0..3).prop_map(|tokens| {
        let content: Vec<Value> = tokens
            .into_iter()
            .map(|(token, logprob)| json!({"token": token, "logprob": value(logprob.as_bytes()), "bytes": [1, 2]}))
            .collect();
        json!({"content": content, "refusal": null})
    })
}

prop_compose! {
    fn chat_choice()(
        content in proptest::option::of(proptest::option::of(texts())),
        reasoning in proptest::option::of(texts()),
        refusal in proptest::option::of(Just(Value::Null)),
        calls in proptest::option::of(proptest::collection::vec((proptest::option::of("[0-9a-f]{9}"), texts(), texts()), 0..4)),
        logprobs in proptest::option::of(prop_oneof![Just(Value::Null), logprobs()]),
        reasoning_logprobs in proptest::option::of(logprobs()),
        role in any::<bool>(),
        unknown in proptest::option::of(any_values()),
        unknown_in_message in proptest::option::of(any_values()),
        finish in prop::sample::select(&["stop", "tool_calls", "length"][..]),
    ) -> Map<String, Value> {
        let mut message = Map::new();
        content.map(|content| message.insert("content".to_owned(), content.into()));
        if role {
            message.insert("role".to_owned(), "assistant".into());
        }
        reasoning.map(|reasoning| message.insert("reasoning".to_owned(), reasoning.into()));
        refusal.map(|refusal| message.insert("refusal".to_owned(), refusal));
        unknown_in_message.map(|unknown| message.insert("x_unknown".to_owned(), unknown));
        if let Some(calls) = calls {
            let call = |(id, name, arguments): (Option<String>, String, String)| {
                let mut call = json!({"type": "function", "function": {"name": name, "arguments": arguments}});
                if let Some(id) = id {
                    call["id"] = id.into();
                }
                call
            };
            message.insert("tool_calls".to_owned(), calls.into_iter().map(call).collect());
        }
        let mut choice = Map::new();
        choice.insert("finish_reason".to_owned(), finish.into());
        choice.insert("message".to_owned(), message.into());
        logprobs.map(|logprobs| choice.insert("logprobs".to_owned(), logprobs));
        reasoning_logprobs.map(|logprobs| choice.insert("reasoning_logprobs".to_owned(), logprobs));
        unknown.map(|unknown| choice.insert("x_unknown".to_owned(), unknown));
        choice
    }
}

prop_compose! {
    fn text_choice()(text in texts(), logprobs in proptest::option::of(logprobs()), tokens in proptest::option::of(Just(json!([1, 2]))), unknown in proptest::option::of(any_values())) -> Map<String, Value> {
        let mut choice = Map::new();
        choice.insert("text".to_owned(), text.into());
        choice.insert("finish_reason".to_owned(), "stop".into());
        logprobs.map(|logprobs| choice.insert("logprobs".to_owned(), logprobs));
        tokens.map(|tokens| choice.insert("tokens".to_owned(), tokens));
        unknown.map(|unknown| choice.insert("x_unknown".to_owned(), unknown));
        choice
    }
}

/// A whole answer around choices.
fn answer(choices: Vec<Map<String, Value>>, object: &str, number: &str, unknown: Option<Value>) -> Value {
    let choices: Vec<Value> = choices
        .into_iter()
        .enumerate()
        .map(|(index, mut choice)| {
            choice.insert("index".to_owned(), index.into());
            choice.into()
        })
        .collect();
    let mut answer = json!({"id": "chatcmpl-1", "choices": choices, "created": 1_790_000_000, "model": "m", "system_fingerprint": "fp", "object": object});
    answer["usage"] = json!({"total_tokens": value(number.as_bytes()), "prompt_tokens_details": {"cached_tokens": 0}});
    answer["time_info"] = json!({"created": value(b"1790000000.1234"), "total_time": value(b"-0.10")});
    if let Some(unknown) = unknown {
        answer["x_unknown"] = unknown;
    }
    answer
}

fn assert_round_trip(answer: &Value, endpoint: Endpoint, choices: usize) {
    let whole = answer.to_string();
    let told = whole_to_stream(whole.as_bytes(), endpoint).unwrap();
    assert!(ending(&told, choices).whole, "{}", String::from_utf8_lossy(&told));
    assert!(told.ends_with(b"data: [DONE]\n\n"));
    let object = if endpoint == Endpoint::Chat { "chat.completion.chunk" } else { "text_completion" };
    let events = plain_events(&told);
    for chunk in events[..events.len() - 1].iter().map(|data| value(data)) {
        assert_eq!((chunk["id"].as_str(), chunk["object"].as_str()), (Some("chatcmpl-1"), Some(object)));
        assert!(chunk["choices"].as_array().is_some_and(|choices| choices.len() == 1 && choices[0]["index"].is_u64()));
    }
    assert_eq!(value(&stream_to_whole(&told, endpoint).unwrap()), *answer, "{}", String::from_utf8_lossy(&told));
}

/// What a client adds up from a stream of one choice: the texts of its deltas, the calls by their numbers, the last usage.
fn added_up(stream: &[u8]) -> (String, String, Vec<(String, String)>, Value, Value) {
    let (mut content, mut reasoning, mut calls, mut finish, mut usage) =
        (String::new(), String::new(), Vec::new(), Value::Null, Value::Null);
    for chunk in plain_events(stream).iter().take_while(|data| !data.starts_with(b"[DONE]")).map(|data| value(data)) {
        if !chunk["usage"].is_null() {
            usage = chunk["usage"].clone();
        }
        for choice in chunk["choices"].as_array().into_iter().flatten() {
            content.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
            reasoning.push_str(choice["delta"]["reasoning"].as_str().unwrap_or_default());
            for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
                let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
                calls.resize(calls.len().max(index + 1), (String::new(), String::new()));
                calls[index].0.push_str(call["function"]["name"].as_str().unwrap_or_default());
                calls[index].1.push_str(call["function"]["arguments"].as_str().unwrap_or_default());
            }
            if !choice["finish_reason"].is_null() {
                finish = choice["finish_reason"].clone();
            }
        }
    }
    (content, reasoning, calls, finish, usage)
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn a_chat_answer_survives_the_way_through_a_stream(
        choices in proptest::collection::vec(chat_choice(), 1..4),
        number in prop::sample::select(&["1", "1e400", "-0.10", "12345678901234567890123", "0.1000"][..]),
        unknown in proptest::option::of(any_values()),
    ) {
        let count = choices.len();
        assert_round_trip(&answer(choices, "chat.completion", number, unknown), Endpoint::Chat, count);
    }

    #[test]
    fn a_text_answer_survives_the_way_through_a_stream(choices in proptest::collection::vec(text_choice(), 1..4), unknown in proptest::option::of(any_values())) {
        let count = choices.len();
        assert_round_trip(&answer(choices, "text_completion", "1e400", unknown), Endpoint::Text, count);
    }

    #[test]
    fn a_stream_becomes_what_a_client_adds_up_from_it(
        pieces in proptest::collection::vec((0..3_u8, texts()), 0..8),
        calls in proptest::collection::vec(proptest::collection::vec(texts(), 1..4), 0..4),
        order in any::<u64>(),
        nulls in any::<bool>(),
    ) {
        let mut deltas = vec![json!({"role": "assistant"})];
        for (kind, text) in &pieces {
            deltas.push(match kind {
                0 => json!({"reasoning": text}),
                1 => json!({"content": text, "reasoning": null}),
                _ => json!({"content": text}),
            });
        }
        // The calls' pieces run into each other, each call's own in their order, and the first piece of any call first.
        let mut queues: Vec<_> = calls.iter().enumerate().map(|(index, parts)| (index, parts.iter().enumerate().peekable())).collect();
        let dice = &mut Dice::new(order);
        while !queues.is_empty() {
            let place = dice.below(queues.len());
            let (index, parts) = &mut queues[place];
            let (part, text) = parts.next().unwrap();
            let repeats_id = dice.one_in(2);
            let mut call = json!({"index": *index, "function": {"arguments": text}});
            if part == 0 || repeats_id {
                call["id"] = format!("call{index}").into();
            }
            if part == 0 {
                call["type"] = "function".into();
                call["function"]["name"] = format!("f{index}").into();
            }
            deltas.push(json!({"tool_calls": [call]}));
            if parts.peek().is_none() {
                drop(queues.remove(place));
            }
        }
        let mut told = String::new();
        for delta in deltas {
            let mut chunk = json!({"id": "c", "choices": [{"delta": delta, "index": 0}], "object": "chat.completion.chunk"});
            if nulls {
                chunk["usage"] = Value::Null;
                chunk["choices"][0]["finish_reason"] = Value::Null;
            }
            told.push_str(&format!("data: {chunk}\n\n"));
        }
        told.push_str(&format!("data: {}\n\n", json!({"id": "c", "choices": [{"delta": {}, "finish_reason": "stop", "index": 0}], "usage": {"total_tokens": 3}})));
        if nulls {
            told.push_str("data: {\"id\":\"c\",\"choices\":[],\"usage\":null}\n\n");
        }
        told.push_str("data: [DONE]\n\n");

        let whole = value(&stream_to_whole(told.as_bytes(), Endpoint::Chat).unwrap());
        let (content, reasoning, calls, finish, usage) = added_up(told.as_bytes());
        let message = &whole["choices"][0]["message"];
        prop_assert_eq!(message["content"].as_str().unwrap_or_default(), content);
        prop_assert_eq!(message["reasoning"].as_str().unwrap_or_default(), reasoning);
        let whole_calls: Vec<(String, String)> = message["tool_calls"].as_array().into_iter().flatten().map(|call| {
            assert!(call.get("index").is_none() && call["type"] == "function");
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&call["function"]["name"]), text(&call["function"]["arguments"]))
        }).collect();
        prop_assert_eq!(whole_calls, calls);
        prop_assert_eq!((&whole["choices"][0]["finish_reason"], &whole["usage"], &whole["object"]), (&finish, &usage, &json!("chat.completion")));
        // And a client that gets the whole as a stream adds up the same.
        let again = whole_to_stream(whole.to_string().as_bytes(), Endpoint::Chat).unwrap();
        prop_assert_eq!(added_up(&again), added_up(told.as_bytes()));
    }

    #[test]
    fn any_bytes_and_any_json_are_replayed_or_refused_without_a_panic(json in values(), bytes in proptest::collection::vec(any::<u8>(), 0..40), seed in any::<u64>()) {
        let text = spell(&json, Freedom::Spaces, &mut Dice::new(seed));
        let wrapped = [format!("{{\"choices\":{text}}}"), format!("{{\"choices\":[{text}]}}"), format!("{{\"choices\":[{{\"message\":{text}}}]}}"), format!("{{\"choices\":[{{\"delta\":{{\"tool_calls\":{text}}}}}]}}"), text];
        for body in wrapped.iter().map(String::as_bytes).chain([&bytes[..]]) {
            let told = [b"data: ", body, b"\n\n"].concat();
            for endpoint in [Endpoint::Chat, Endpoint::Text] {
                let _ = (whole_to_stream(body, endpoint), stream_to_whole(&told, endpoint), stream_to_whole(body, endpoint));
            }
            let _ = (stream(&told, false), judge(body), both_envelopes(body));
        }
    }
}

#[test]
fn a_stored_stream_is_given_as_it_is() {
    let with = "data: {\"choices\":[{\"index\":0,\"delta\":{}}],\"usage\":{\"total_tokens\":1}}\n\n";
    let done = "data: [DONE]\n\n";
    let alone = "data: {\"choices\":[],\"usage\":{\"total_tokens\":1}}\n\n";
    let whole = [": hello\r\n\r\n", with, done].concat();
    assert_eq!(stream(whole.as_bytes(), false), whole.as_bytes());
    assert_eq!(stream(whole.as_bytes(), true), whole.as_bytes());
    // A chunk of usage alone is for those who have asked.
    let whole = [with, alone, done].concat();
    assert_eq!(stream(whole.as_bytes(), true), whole.as_bytes());
    assert_eq!(stream(whole.as_bytes(), false), [with, done].concat().as_bytes());
    let absent = "data: {\"usage\":{}}\n\n";
    assert_eq!(stream([with, absent, done].concat().as_bytes(), false), [with, done].concat().as_bytes());
    // Events of several lines stay whole events.
    let lines = "data: {\"choices\":[{}],\ndata: \"x\":1}\n\n";
    assert_eq!(stream([lines, alone, done].concat().as_bytes(), false), [lines, done].concat().as_bytes());
    let null = "data: {\"choices\":[],\"usage\":null}\n\n";
    assert_eq!(stream([with, null, done].concat().as_bytes(), false), [with, null, done].concat().as_bytes());
}

#[test]
fn digits_survive_a_replay_as_they_were() {
    let whole = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}],"usage":{"a":-0.10,"b":1e400,"c":1790000000.1234,"d":2.310e-3,"e":12345678901234567890123},"object":"chat.completion"}"#;
    let told = whole_to_stream(whole.as_bytes(), Endpoint::Chat).unwrap();
    for bytes in [told.clone(), stream_to_whole(&told, Endpoint::Chat).unwrap()] {
        let text = String::from_utf8(bytes).unwrap();
        for digits in ["-0.10,", "1790000000.1234,", "2.310e-3", "12345678901234567890123"] {
            assert!(text.contains(digits), "{digits} in {text}");
        }
        assert!(text.contains("1e400") || text.contains("1e+400"));
    }
}

#[test]
fn a_streamed_answer_puts_reasoning_first_and_usage_last() {
    let whole = json!({"id": "c", "usage": {"total_tokens": 1}, "choices": [{"index": 0, "finish_reason": "tool_calls", "logprobs": {"content": []}, "message": {
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}, {"id": "b"}], "content": "C", "reasoning": "R", "role": "assistant"}}]});
    let told = whole_to_stream(whole.to_string().as_bytes(), Endpoint::Chat).unwrap();
    let events = plain_events(&told);
    let chunks: Vec<Value> = events[..events.len() - 1].iter().map(|data| value(data)).collect();
    let deltas: Vec<&Value> = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]).collect();
    assert_eq!(deltas[0], &json!({"role": "assistant"}));
    assert_eq!(deltas[1], &json!({"reasoning": "R"}));
    assert_eq!(deltas[2], &json!({"content": "C"}));
    assert_eq!(chunks[2]["choices"][0]["logprobs"], json!({"content": []}));
    assert_eq!(deltas[3]["tool_calls"][1], json!({"id": "b", "index": 1}));
    assert_eq!(deltas[4], &json!({}));
    assert!(chunks[..4].iter().all(|chunk| chunk.get("usage").is_none()));
    assert_eq!((&chunks[4]["usage"]["total_tokens"], &chunks[4]["choices"][0]["finish_reason"]), (&json!(1), &json!("tool_calls")));
}

#[test]
fn an_answer_is_kept_only_when_it_is_complete_in_itself() {
    let chat = |finish: &str, message: &str| format!("{{\"choices\":[{{\"finish_reason\":{finish},\"message\":{message}}}]}}");
    let call = r#"{"tool_calls":[{"id":"a"}]}"#;
    for keepable in [
        chat("\"stop\"", r#"{"content":"x"}"#),
        chat("\"tool_calls\"", call),
        chat("\"stop\"", r#"{"content":"x","refusal":null,"tool_calls":[]}"#),
        chat("\"stop\"", r#"{"content":"x","refusal":""}"#),
        r#"{"choices":[{"finish_reason":"stop","text":"x"}],"error":null}"#.to_owned(),
        r#"{"choices":[{"finish_reason":"stop","text":"x"},{"finish_reason":"tool_calls","message":{"tool_calls":[{}]}}]}"#.to_owned(),
    ] {
        assert_eq!(judge(keepable.as_bytes()), Quality::Keepable, "{keepable}");
    }
    for passing in [
        chat("\"length\"", r#"{"content":"x"}"#),
        chat("\"content_filter\"", r#"{"content":"x"}"#),
        chat("null", r#"{"content":"x"}"#),
        chat("7", r#"{"content":"x"}"#),
        chat("\"stop\"", r#"{"content":""}"#),
        chat("\"stop\"", r#"{"content":null}"#),
        chat("\"stop\"", r#"{"reasoning":"x"}"#),
        chat("\"stop\"", r#"{"content":"x","refusal":"no"}"#),
        chat("\"tool_calls\"", r#"{"tool_calls":[]}"#),
        r#"{"choices":[]}"#.to_owned(),
        r#"{"choices":null}"#.to_owned(),
        "{}".to_owned(),
        r#"{"choices":[{"finish_reason":"stop","text":"x"},{"finish_reason":"length","text":"y"}]}"#.to_owned(),
        r#"{"choices":[{"finish_reason":"stop","text":"x"}],"error":{"message":"m"}}"#.to_owned(),
        r#"{"choices":[{"finish_reason":"stop","text":""}]}"#.to_owned(),
    ] {
        assert_eq!(judge(passing.as_bytes()), Quality::Passing, "{passing}");
    }
    for unreadable in ["", "<html>", "[]", "null", "{\"choices\":[", "{\"a\":1,\"a\":2}"] {
        assert_eq!(judge(unreadable.as_bytes()), Quality::Unreadable, "{unreadable}");
    }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn an_error_gets_the_half_that_it_lacks_and_keeps_the_other(
        fields in proptest::collection::btree_map("(message|type|param|code|id|x)", any_values(), 0..6),
        nested in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let fields: Map<String, Value> = fields.into_iter().collect();
        let before: Value = if nested { json!({"status_code": 500, "error": fields}) } else { fields.clone().into() };
        let spaces = " ".repeat(usize::try_from(seed % 3).unwrap());
        let body = format!("{spaces}{before}{spaces}");
        let Some(both) = both_envelopes(body.as_bytes()) else {
            prop_assert!(!nested && !fields.contains_key("message"));
            return Ok(());
        };
        let end = body.trim_end().len() - 1;
        prop_assert_eq!(&both[..end], &body.as_bytes()[..end]);
        let after = value(&both);
        let copy = if nested { &after } else { &after["error"] };
        for name in ["message", "type", "param", "code"] {
            let wanted = match fields.get(name) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            prop_assert_eq!(copy[name].as_str(), Some(&*wanted));
        }
        prop_assert!(after.get("message").is_some() && after.get("error").is_some());
        for (name, value) in before.as_object().unwrap() {
            prop_assert_eq!(&after[name], value);
        }
        prop_assert_eq!(&*both_envelopes(&both).unwrap(), &*both);
    }
}

#[test]
fn what_is_no_error_of_the_api_gets_no_envelopes() {
    for other in ["", "<html></html>", "[]", "\"message\"", "{}", "{\"detail\":\"x\"}", "{\"message\":"] {
        assert_eq!(both_envelopes(other.as_bytes()), None, "{other}");
    }
    let said = both_envelopes(br#"{"error":"no such thing"}"#).unwrap();
    assert_eq!(value(&said)["message"], "no such thing");
}
