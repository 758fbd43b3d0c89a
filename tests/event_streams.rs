//! A broken answer never looks whole: how streams are read, how their end is judged, and how a cut one is ended.
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

use maya_edge::error::upstream;
use maya_edge::protocol::answer::Identity;
use maya_edge::protocol::sse::{Ending, ending, events, mend};
use proptest::prelude::*;
use support::{Dice, Freedom, Json, cases, event_object, members, plain_events, raises, spell, values};

/// The law for a stream that broke off: what was told stays, and then comes one error, in an event that every client can read.
fn assert_one_error_at_the_end(begun: &[u8], done_may_stay: bool) {
    let ended = [begun, &mend(begun, &upstream::incomplete().frame_members())].concat();
    let shown = || String::from_utf8_lossy(&ended).into_owned();
    let (before, after) = (plain_events(begun), plain_events(&ended));
    assert!(after.starts_with(&before), "{}", shown());
    assert!(ended.ends_with(b"\n\n"));
    let mut errors = Vec::new();
    for data in &after {
        let object = event_object(data);
        if data.starts_with(b"[") && done_may_stay {
            // `[DONE` is no event that ends an answer, and no JSON either.
            assert!(!data.starts_with(b"[DONE]") || begun.windows(6).any(|bytes| bytes == b"[DONE]"), "{}", shown());
            errors.push(false);
            continue;
        }
        let object = object.unwrap_or_else(|| panic!("{:?} in {}", String::from_utf8_lossy(data), shown()));
        errors.push(raises(&object));
    }
    assert_eq!(errors.iter().filter(|error| **error).count(), 1, "{}", shown());
    assert_eq!(errors.last(), Some(&true), "{}", shown());
    let last = event_object(after.last().unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "upstream_incomplete");
    assert_eq!(last["status_code"], 502);
    // The gateway's own reader agrees, so that nothing is mended twice.
    assert!(ending(&ended, 1).told_error || done_may_stay);
    assert!(!ending(&ended, 1).whole);
}

/// Streams in the form that Cerebras gives them.
fn realistic() -> Vec<(&'static str, String, usize)> {
    let chunk = |rest: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-7d0f\",\"choices\":[{rest}],\"created\":1790000000,\"model\":\"gpt-oss-120b\",\"system_fingerprint\":\"fp_0a\",\"object\":\"chat.completion.chunk\"}}\n\n"
        )
    };
    let last = |rest: &str| {
        let usage = r#","usage":{"total_tokens":97,"completion_tokens":21,"completion_tokens_details":{"accepted_prediction_tokens":0,"reasoning_tokens":9},"prompt_tokens":76,"prompt_tokens_details":{"cached_tokens":0}},"time_info":{"queue_time":0.000112,"prompt_time":2.31e-3,"total_time":0.01102,"created":1790000000.1234},"service_tier":null}"#;
        format!("{}\n\n", chunk(rest).trim_end().strip_suffix('}').unwrap().to_owned() + usage)
    };
    let done = "data: [DONE]\n\n";
    let role = chunk(r#"{"delta":{"role":"assistant"},"index":0}"#);
    let finish = |reason: &str| last(&format!("{{\"delta\":{{}},\"finish_reason\":\"{reason}\",\"index\":0}}"));
    let unicode = r#"{"delta":{"content":"né€😀 \u00e9\u20AC \ud83d\ude00\uD83D\uDE00 \"quoted\" \\ \\\\ \/ \n\t end\\"},"index":0,"finish_reason":null}"#;
    let calls = r#"{"delta":{"tool_calls":[{"id":"85a0fd261","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Os\\\"lo\\n\",\"list\":[1,{\"a\":\"\\u00e9\"}]}"},"index":0},{"id":"85a0fd262","type":"function","function":{"name":"f","arguments":"{}"},"index":1}]},"index":0}"#;
    let logprobs = r#"{"delta":{"content":"Four"},"index":0,"logprobs":{"content":[{"token":"Four","logprob":-0.10,"bytes":[70,111,117,114],"top_logprobs":[{"token":"4","logprob":-1.5e-10,"bytes":null}]}],"refusal":null}}"#;
    let two = [
        chunk(r#"{"delta":{"role":"assistant"},"index":0},{"delta":{"role":"assistant"},"index":1}"#),
        chunk(r#"{"delta":{"content":"One"},"index":1}"#),
        chunk(r#"{"delta":{},"finish_reason":"stop","index":1}"#),
        chunk(r#"{"delta":{"content":"Zero"},"index":0}"#),
        finish("stop"),
        done.to_owned(),
    ];
    let odd = [
        ": connected\n\n".to_owned(),
        "event: message\nid: 7\ndata: {\"choices\": [ ], \"x\" : [ [ ] , { } , [ 1 , true , false , null , -0 , 1E+5 ] ] }\n\n".to_owned(),
        "data:{\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"text\":\"\"}],\"nested\":{\"a\":{\"b\":[{\"c\":\"d\"}]}}}\n\n"
            .to_owned(),
        done.to_owned(),
    ];
    vec![
        (
            "reasoning and text",
            [role.clone(), chunk(r#"{"delta":{"reasoning":"Simple sum."},"index":0}"#), chunk(unicode), finish("stop"), done.to_owned()]
                .concat(),
            1,
        ),
        ("tool calls", [role.clone(), chunk(calls), finish("tool_calls"), done.to_owned()].concat(), 1),
        ("log probabilities", [role, chunk(logprobs), finish("stop"), done.to_owned()].concat(), 1),
        ("two choices", two.concat(), 2),
        ("odd but right", odd.concat(), 1),
    ]
}

#[test]
fn a_realistic_stream_cut_at_any_byte_ends_in_exactly_one_error() {
    for (name, stream, choices) in realistic() {
        let found = ending(stream.as_bytes(), choices);
        let finish_reasons = vec![if name == "tool calls" { "tool_calls" } else { "stop" }.to_owned(); choices];
        assert_eq!(
            found,
            Ending { whole: true, done: true, usage: found.usage, finish_reasons: finish_reasons.clone(), ..Ending::default() },
            "{name}"
        );
        let identity = Identity::of_stream(stream.as_bytes(), finish_reasons.clone());
        assert_eq!(identity.id.is_empty(), name == "odd but right", "{name}");
        assert_eq!(identity.finish_reasons, finish_reasons, "{name}");
        assert_eq!(found.usage.is_some(), stream.contains("\"usage\""), "{name}");
        for line_end in ["\n", "\r\n", "\r"] {
            let stream = stream.replace('\n', line_end).into_bytes();
            let done_at = stream.windows(6).position(|bytes| bytes == b"[DONE]").unwrap();
            for cut in 0..stream.len() {
                let begun = &stream[..cut];
                let done = begun.len() > done_at;
                let ended = [begun, b"\n\n"].concat();
                if plain_events(&ended).last().is_some_and(|data| data.starts_with(b"[DONE]")) {
                    // All has been told. What is missing is at most the blank line.
                    let unterminated = plain_events(begun) != plain_events(&ended);
                    assert_eq!(
                        ending(begun, choices),
                        Ending {
                            whole: true,
                            unterminated,
                            told_error: false,
                            done: true,
                            usage: found.usage,
                            finish_reasons: finish_reasons.clone()
                        },
                        "{name} cut at {cut}"
                    );
                    continue;
                }
                assert!(!ending(begun, choices).whole, "{name} cut at {cut}");
                assert_one_error_at_the_end(begun, done);
            }
        }
    }
}

#[test]
fn an_error_of_cerebras_that_was_cut_itself_becomes_the_gateways() {
    let frame = "data: {\"id\":\"c\",\"choices\":[]}\n\ndata: {\"status_code\":500,\"error\":{\"message\":\"Encountered a server error, please try again.\",\"type\":\"server_error\",\"param\":\"\",\"code\":\"\",\"id\":\"\"}}\n\n";
    for cut in 0..frame.len() - 2 {
        let begun = &frame.as_bytes()[..cut];
        let ended = [begun, &mend(begun, &upstream::incomplete().frame_members())].concat();
        let after = plain_events(&ended);
        let objects: Vec<_> = after.iter().map(|data| event_object(data).unwrap()).collect();
        assert!(raises(objects.last().unwrap()), "{cut}");
        assert_eq!(objects.last().unwrap()["error"]["code"], "upstream_incomplete", "{cut}");
    }
    assert_eq!(ending(frame.as_bytes(), 1), Ending { told_error: true, ..Ending::default() });
}

#[test]
fn the_first_chunks_of_a_cut_answer_reach_the_caller_as_they_were() {
    let (_, stream, _) = realistic().remove(0);
    let whole = plain_events(stream.as_bytes());
    let cut = stream.find("quoted").unwrap();
    let ended = [&stream.as_bytes()[..cut], &mend(&stream.as_bytes()[..cut], "\"error\":{\"message\":\"m\"}")].concat();
    let told = plain_events(&ended);
    assert_eq!(told.len(), 3);
    assert_eq!(told[..2], whole[..2]);
    let half = event_object(&told[2]).unwrap();
    assert_eq!(half["choices"][0]["delta"]["content"], "né€😀 é€ 😀😀 \"");
    assert_eq!(half["error"]["message"], "m");
}

#[test]
fn a_cut_between_the_halves_of_a_surrogate_pair_leaves_text_that_strict_readers_take() {
    let event = r#"data: {"a":"\ud83d\ude00\uD83D\uDE00\u00e9\ud800\udc00"}"#;
    for cut in 6..event.len() {
        let ended = [&event.as_bytes()[..cut], &mend(&event.as_bytes()[..cut], "\"error\":{\"message\":\"m\"}")].concat();
        let told = plain_events(&ended);
        assert!(told.len() == 1 && event_object(&told[0]).is_some_and(|object| raises(&object)), "{}", String::from_utf8_lossy(&ended));
    }
}

#[test]
fn a_stream_without_a_byte_ends_in_the_error() {
    assert_eq!(mend(b"", "\"error\":1"), b"data: {\"error\":1}\n\n");
    assert_eq!(mend(b"data: {}\n\n", "\"error\":1"), b"data: {\"error\":1}\n\n");
    assert_eq!(mend(b": comment", "\"error\":1"), b"\ndata: {\"error\":1}\n\n");
    assert_eq!(mend(b"da", "\"error\":1"), b"ta:{\"error\":1}\n\n");
    assert_eq!(mend(b"data: {", "\"error\":1"), b"\"error\":1}\n\n");
    assert_eq!(mend(b"data: \t", "\"error\":1"), b"{\"error\":1}\n\n");
    // A form feed is no space of JSON's.
    assert_eq!(mend(b"data: \x0c", "\"error\":1"), b"\n\ndata: {\"error\":1}\n\n");
    assert_eq!(mend(b"data: {\"a\":1}", "\"error\":1"), b"\n\ndata: {\"error\":1}\n\n");
}

/// Any chunks, in any legal writing of an event stream, with one kind of line end.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let chunk = (members(values()), any::<u64>(), 0..5_u8);
    (proptest::collection::vec(chunk, 1..4), prop::sample::select(&["\n", "\r\n", "\r"][..]), any::<bool>()).prop_map(
        |(chunks, line_end, mark)| {
            let mut out = String::from(if mark { "\u{feff}" } else { "" });
            for (members, seed, habit) in chunks {
                let dice = &mut Dice::new(seed);
                let object = spell(&Json::Object(members), Freedom::Spaces, dice);
                match habit {
                    0 => out.extend([": a comment", line_end]),
                    1 => out.extend(["event: message", line_end, "id", line_end]),
                    2 => out.push_str(line_end),
                    _ => {}
                }
                // A line end within JSON begins another data line.
                for line in object.replace("\r\n", "\n").replace('\r', "\n").trim().split('\n') {
                    out.extend([if habit == 3 { "data:" } else { "data: " }, line, line_end]);
                }
                out.push_str(line_end);
            }
            out.into_bytes()
        },
    )
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn events_are_those_of_the_standard(
        parts in proptest::collection::vec(prop::sample::select(&["\n", "\r", "\r\n", "\n\n", "data", "data:", "data: ", " ", "x", ":", ": c", "event: e", "id", "datax", "\u{feff}", "{}", "[DONE]"][..]), 0..24),
    ) {
        let stream = parts.concat();
        let read: Vec<_> = events(stream.as_bytes()).map(|data| data.into_owned()).collect();
        prop_assert_eq!(read, plain_events(stream.as_bytes()));
    }

    #[test]
    fn any_stream_cut_anywhere_ends_in_exactly_one_error(stream in streams(), cut in any::<prop::sample::Index>()) {
        assert_one_error_at_the_end(&stream[..cut.index(stream.len() + 1)], false);
    }

    #[test]
    fn garbage_is_ended_by_an_error_as_well(
        garbage in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            proptest::collection::vec(prop::sample::select(&b"{}[],:\"\\ \n\rdatu0\xe2\x82\xf0\x9f-1.e"[..]), 0..40).prop_map(|tail| [b"data: {", &tail[..]].concat()),
        ],
    ) {
        let ended = [&garbage[..], &mend(&garbage, "\"error\":{\"code\":\"c\"}")].concat();
        let (before, after) = (plain_events(&garbage), plain_events(&ended));
        prop_assert!(after.starts_with(&before));
        // Perhaps the half of an event, on which clients fail by themselves, and then the error.
        prop_assert!((1..=2).contains(&(after.len() - before.len())), "{}", String::from_utf8_lossy(&ended));
        let last = serde_json::from_slice::<serde::de::IgnoredAny>(after.last().unwrap());
        prop_assert!(last.is_ok(), "{}", String::from_utf8_lossy(&ended));
        let _ = (ending(&garbage, 1), ending(&garbage, 3), ending(&ended, 1));
    }

    #[test]
    fn a_stream_is_whole_exactly_when_every_choice_has_finished_before_the_end_mark(
        told in proptest::collection::vec((0..9_u8, 0..3_usize), 0..12),
        choices in 1..4_usize,
        line_end in prop::sample::select(&["\n", "\r\n", "\r"][..]),
        tail in prop::sample::select(&["", "\n", "data: x", ": x", "data: [DONE]", "data:[DONE]\r\n", "data: [DON", "data: [DONE]x"][..]),
    ) {
        let mut stream = String::new();
        for (kind, index) in &told {
            stream.push_str(&match kind {
                0 => format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"x\"}},\"index\":{index},\"finish_reason\":null}}]}}"),
                1..=3 => format!("data: {{\"choices\":[{{\"delta\":{{}},\"index\":{index},\"finish_reason\":\"stop\"}}]}}"),
                4 => "data: {\"choices\":[],\"usage\":{}}".to_owned(),
                5 => "data: {\"error\":{\"message\":\"m\"},\"status_code\":500}".to_owned(),
                6 => "data: {\"message\":\"flat\",\"type\":\"t\",\"error\":null}".to_owned(),
                _ => "data: [DONE]".to_owned(),
            });
            stream.push_str(&line_end.repeat(2));
        }
        stream.push_str(tail);
        let unterminated = tail.trim_end().ends_with("[DONE]");
        let clean = unterminated || tail.trim().is_empty();
        let marks = told.iter().rev().take_while(|(kind, _)| *kind > 6).count();
        let before = &told[..told.len() - marks];
        let last_error = before.iter().rposition(|(kind, _)| *kind == 5).map_or(0, |place| place + 1);
        let finished: std::collections::BTreeSet<_> = before[last_error..].iter().filter(|(kind, _)| (1..=3).contains(kind)).map(|(_, index)| *index).collect();
        let whole = clean && (unterminated || marks > 0) && finished.len() >= choices;
        let told_error = clean && !unterminated && marks == 0 && told.last().is_some_and(|(kind, _)| *kind == 5);
        let found = ending(stream.as_bytes(), choices);
        let finish_reasons = found.finish_reasons.clone();
        prop_assert_eq!(found, Ending { whole, told_error, unterminated: whole && unterminated, done: clean && (unterminated || marks > 0), usage: None, finish_reasons: finish_reasons.clone() }, "{}", stream);
        prop_assert!(finish_reasons.iter().all(|reason| reason == "stop") && finish_reasons.len() <= finished.len().max(3));
        prop_assert!(!whole || finish_reasons.len() >= choices);
    }
}

#[test]
fn an_error_counts_as_told_only_when_clients_of_every_language_notice_it() {
    let told = |data: &str| ending(format!("data: {{\"choices\":[]}}\n\ndata: {data}\n\n").as_bytes(), 1).told_error;
    for noticed in
        [r#"{"error":{"message":"m"}}"#, r#"{"error":"m"}"#, r#"{"status_code":500,"error":{"message":"","id":""}}"#, r#"{"error":true}"#]
    {
        assert!(told(noticed), "{noticed}");
    }
    for passed_over in [
        r#"{"message":"m","type":"t","param":"p","code":"c"}"#,
        r#"{"error":null}"#,
        r#"{"error":""}"#,
        r#"{"error":{}}"#,
        r#"{"error":[]}"#,
        r#"{"error":false}"#,
        r#"{"error":0}"#,
        "[{\"error\":1}]",
        "{\"error\":{\"m\"",
        "\"error\"",
    ] {
        assert!(!told(passed_over), "{passed_over}");
    }
}

#[test]
fn the_end_of_a_long_stream_is_judged_without_reading_its_beginning() {
    let chunk = "data: {\"choices\":[{\"delta\":{\"content\":\"some text of the answer\"},\"index\":0}]}\n\n";
    let finish = "data: {\"choices\":[{\"delta\":{},\"index\":0,\"finish_reason\":\"stop\"}]}\n\n";
    for line_end in ["\n", "\r\n", "\r"] {
        let stream = format!("{}{finish}data: [DONE]\n\n", chunk.repeat(50_000)).replace('\n', line_end);
        let begun = std::time::Instant::now();
        assert!(ending(stream.as_bytes(), 1).whole);
        assert!(begun.elapsed().as_millis() < 500, "{:?}", begun.elapsed());
    }
    // With several choices all of it may have to be read, once.
    let stream = format!("{}{finish}data: [DONE]\n\n", chunk.repeat(20_000));
    let begun = std::time::Instant::now();
    assert!(!ending(stream.as_bytes(), 2).whole);
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}
