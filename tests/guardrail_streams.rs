//! The laws of a guarded stream: however it is cut, the caller sees what a caller sees who does not stream, and nothing that is to be
//! kept back, not even for a moment.
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

use maya_edge::admission::change::TenantBody;
use maya_edge::admission::guardrails::{Guard, Guarded};
use maya_edge::admission::reading::read;
use maya_edge::admission::record::TenantRecord;
use maya_edge::cache::replay::stream_to_whole;
use maya_edge::error::Error;
use maya_edge::protocol::request::{CompletionRequest, Endpoint};
use maya_edge::protocol::sse;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::cases;

fn guard(guardrails: Value) -> Guard {
    let body: TenantBody = read(json!({ "guardrails": guardrails }).to_string().as_bytes()).unwrap();
    Guard::of(&body.applied(TenantRecord::default()).unwrap().guardrails.unwrap())
}

fn everything() -> Guard {
    guard(json!({"pii": {"prompt": "redact", "answer": "redact"}, "offence": {"answer": "block", "threshold": 0.95},
    "words": [
        {"name": "rivals", "words": ["Acme Corp", "Café Zürich", "北京", "globex"], "action": "redact"},
        {"name": "never", "words": ["code red alpha"], "action": "block"},
    ]}))
}

const PROMPT: &str = "I am ana@studio.example, +49 151 23456789; [EMAIL_1] is not mine";

fn guarded<'g>(guard: &'g Guard, json: bool) -> Guarded<'g> {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": PROMPT}]});
    if json {
        body["response_format"] = json!({"type": "json_object"});
    }
    let text = body.to_string();
    let request = CompletionRequest::read(text.as_bytes(), Endpoint::Chat).unwrap();
    let mut guarded = Guarded::new(guard, true);
    guarded.prompt(&request).unwrap();
    guarded
}

/// A text of a choice: which choice, in which field, and its pieces.
type Said<'t> = (usize, &'static str, Vec<&'t str>);

fn delta(field: &str, piece: &str) -> Value {
    match field {
        "arguments" => json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}),
        _ => json!({ field: piece }),
    }
}

/// A stream in which the texts come in turns, a piece an event.
fn stream(said: &[Said<'_>]) -> Vec<u8> {
    let chunk =
        |choice: Value| format!("data: {}\n\n", json!({"id": "a", "created": 1, "choices": [choice], "object": "chat.completion.chunk"}));
    let mut out = String::new();
    let most = said.iter().map(|(_, _, pieces)| pieces.len()).max().unwrap_or(0);
    for turn in 0..most {
        for (choice, field, pieces) in said {
            if let Some(piece) = pieces.get(turn) {
                out.push_str(&chunk(json!({"index": choice, "delta": delta(field, piece), "x": 1.50})));
            }
        }
    }
    let mut choices: Vec<usize> = said.iter().map(|(choice, _, _)| *choice).collect();
    choices.dedup();
    for choice in choices {
        out.push_str(&chunk(json!({"index": choice, "delta": {}, "finish_reason": "stop"})));
    }
    out.push_str("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n");
    out.into_bytes()
}

/// What the caller sees of a stream that is cut at these places, and what it had seen after each piece.
fn seen(guard: &Guard, json: bool, stream: &[u8], cuts: &[usize]) -> (Vec<u8>, Option<Error>) {
    let mut guarded = guarded(guard, json);
    let mut watched = guarded.stream();
    let mut out = Vec::new();
    let mut at = 0;
    for cut in cuts.iter().copied().chain([stream.len()]) {
        let cut = cut.clamp(at, stream.len());
        out.extend(watched.feed(&stream[at..cut], &mut guarded));
        at = cut;
        if let Some(refusal) = guarded.refusal() {
            return (out, Some(refusal));
        }
    }
    out.extend(watched.finish());
    (out, None)
}

fn message_of(stream: &[u8], choice: usize) -> Value {
    let whole: Value = serde_json::from_slice(&stream_to_whole(stream, Endpoint::Chat).unwrap()).unwrap();
    whole["choices"].as_array().unwrap().iter().find(|known| known["index"] == choice).unwrap()["message"].clone()
}

/// The messages that a caller sees who does not stream.
fn whole(guard: &Guard, json: bool, stream: &[u8]) -> Result<Value, Error> {
    let answer = stream_to_whole(stream, Endpoint::Chat).unwrap();
    let mut guarded = guarded(guard, json);
    let changed = guarded.answer(&answer)?;
    Ok(serde_json::from_slice(&changed.unwrap_or(answer)).unwrap())
}

/// Texts that hold what is to be kept back, and what of them may never be seen.
const EVASIONS: [(&str, &str); 24] = [
    ("Write to bo.marley@b.example today", "bo.marley@b.example"),
    ("mail:bo@b\u{200b}.exam\u{ad}ple!", "bo@b"),
    ("mail ｂｏ＠ｂ．ｅｘａｍｐｌｅ now", "ｂｏ＠"),
    ("邮箱是bo＠b．com谢谢", "bo＠b"),
    ("card 4111 1111 1111 1111.", "1111 1111"),
    ("card 4111-1111-1111-1111", "1111-1111"),
    ("card 4111\u{200d}111111111111 ok", "111111111111"),
    ("４１１１ １１１１ １１１１ １１１１ jp", "１１１１"),
    ("IBAN DE89 3704 0044 0532 0130 00 please", "3704 0044"),
    ("GB82WEST12345698765432", "WEST1234"),
    ("call +1 (415) 555-2671 or so", "555-2671"),
    ("ssn 123-45-6789", "45-6789"),
    ("from 192.168.17.23 we", "168.17"),
    ("key sk-abcdefghij0123456789ABCD end", "abcdefghij"),
    ("ghp_0123456789abcdefghijklmnopqrstuvwxyz", "0123456789abc"),
    ("postgres://admin:hunter2@db.example/x is it", "hunter2"),
    ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQ\n-----END PRIVATE KEY----- bye", "MIIEvQ"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKC", "MIIEow"),
    ("ask ACME corp now", "ACME corp"),
    ("ask a\u{200b}cm\u{301}e \u{feff}\n Ｃｏｒｐ now", "Ｃｏｒｐ"),
    ("at cafe\u{301} zu\u{308}rich today", "zu\u{308}rich"),
    ("in 北京 today", "北京"),
    ("with gl\u{043e}bex there", "gl\u{043e}bex"),
    ("(globex)", "globex"),
];

/// What is no match, though it begins like one.
const HARMLESS: [&str; 9] = [
    "acme is no corp of ours, scunthorpe neither",
    "globalex and acmecorp",
    "at 12:30 we are 4 of 10, version 1.2.3",
    "[EMAIL_9] and [EMAI and [[x]] [",
    "日本語のテキストは空白がない。",
    "{\"a\": [1, 2], \"b\": \"c\"}",
    "Zürich is not a café",
    "5105 1051 0510 5101",
    "a@b",
];

/// A text of a few parts, and what of it may not be seen.
fn text() -> impl Strategy<Value = (String, Vec<&'static str>)> {
    let part = prop_oneof![
        3 => prop::sample::select(&EVASIONS[..]).prop_map(|(text, hidden)| (text, Some(hidden))),
        2 => prop::sample::select(&HARMLESS[..]).prop_map(|text| (text, None)),
        2 => prop::sample::select(&["[EMAIL_1]", "[PHONE_1].", "[LITERAL_1]", "[EMAIL_1][EMAIL_1]"][..]).prop_map(|text| (text, None)),
    ];
    prop::collection::vec((part, prop::sample::select(&[" ", "\n", ". ", "\t ", "\u{3000}"][..])), 0..5).prop_map(|parts| {
        let hidden = parts.iter().filter_map(|((_, hidden), _)| *hidden).collect();
        let text = parts.iter().map(|((text, _), between)| format!("{text}{between}")).collect();
        (text, hidden)
    })
}

/// A text in pieces, cut between any two characters.
fn pieces<'t>(text: &'t str, cuts: &[prop::sample::Index]) -> Vec<&'t str> {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| places[cut.index(places.len())]).collect();
    cuts.sort_unstable();
    let mut at = 0;
    let mut out: Vec<&str> = cuts.iter().map(|cut| &text[std::mem::replace(&mut at, *cut)..*cut]).collect();
    out.push(&text[at..]);
    out
}

fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop_oneof![prop::collection::vec(any::<prop::sample::Index>(), 0..12), prop::collection::vec(any::<prop::sample::Index>(), 60..90)]
}

/// Every text of a message, in one.
fn texts(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text}\u{1}"),
        Value::Array(values) => values.iter().map(texts).collect(),
        Value::Object(members) => members.values().map(texts).collect(),
        _ => String::new(),
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn a_stream_gives_what_the_whole_gives_however_it_is_cut(
        texts_said in prop::collection::vec((text(), cuts()), 4),
        json in any::<bool>(),
        byte_cuts in cuts(),
    ) {
        let guard = everything();
        let arguments: Vec<String> = texts_said.iter().map(|((text, _), _)| json!({"a": text, "b": [text, 4]}).to_string()).collect();
        let fields = [(0, "reasoning"), (0, "content"), (1, "content"), (1, "arguments")];
        let said: Vec<Said<'_>> = fields.iter().enumerate().map(|(place, (choice, field))| {
            let ((text, _), cuts) = &texts_said[place];
            let text = if *field == "arguments" || json && *field == "content" { &arguments[place] } else { text };
            (*choice, *field, pieces(text, cuts))
        }).collect();
        let stream = stream(&said);
        let mut places: Vec<usize> = byte_cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        places.sort_unstable();
        let (given, refusal) = seen(&guard, json, &stream, &places);
        prop_assert!(refusal.is_none());
        let whole = whole(&guard, json, &stream).unwrap();
        for choice in 0..2 {
            prop_assert_eq!(&message_of(&given, choice), &whole["choices"][choice]["message"]);
        }
        // Whole, with its usage, and without what may not be seen, wherever the texts stand.
        let ending = sse::ending(&given, 2);
        prop_assert!(ending.whole && ending.usage.is_some());
        let all = texts(&whole);
        for ((_, hidden), _) in &texts_said {
            for hidden in hidden {
                prop_assert!(!all.contains(hidden), "{hidden} in {all}");
            }
        }
    }

    #[test]
    fn what_goes_out_never_has_to_be_taken_back(((text, _), cuts) in (text(), cuts())) {
        // Whatever has gone out at any time is a beginning of what goes out in the end.
        let guard = everything();
        let stream = stream(&[(0, "content", pieces(&text, &cuts))]);
        let (all, _) = seen(&guard, false, &stream, &[]);
        let mut call = guarded(&guard, false);
        let mut watched = call.stream();
        let mut out = Vec::new();
        for byte in &stream {
            out.extend(watched.feed(std::slice::from_ref(byte), &mut call));
            prop_assert!(all.starts_with(&out));
        }
        out.extend(watched.finish());
        prop_assert_eq!(out, all);
    }

    #[test]
    fn a_block_comes_before_the_first_letter_of_what_is_blocked(cuts in cuts(), byte_cuts in cuts()) {
        let policies = [
            (json!({"words": [{"name": "w", "words": ["code red alpha"], "action": "block"}]}), "Code\u{200b} RED,\n alpha", "Code"),
            (json!({"pii": {"answer": "block"}}), "bo@b.example", "bo@"),
            (json!({"pii": {"answer": "block"}}), "4111 1111 1111 1111", "4111"),
            (json!({"offence": {"answer": "block"}}), "I know where you live", "know"),
            (json!({"offence": {"answer": "block"}}), "you f.u.c.k.t.a.r.d", "f."),
        ];
        for (policy, blocked, begun) in policies {
            let guard = guard(policy);
            let text = format!("Fine so far. {blocked} and more");
            let stream = stream(&[(0, "content", pieces(&text, &cuts))]);
            let mut places: Vec<usize> = byte_cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            places.sort_unstable();
            let (given, refusal) = seen(&guard, false, &stream, &places);
            let refusal = refusal.expect("blocked");
            prop_assert_eq!(&*refusal.param, "choices[0].delta.content");
            prop_assert_eq!(refusal.code, "guardrail_blocked");
            let given = String::from_utf8(given).unwrap();
            prop_assert!(!given.contains(begun) && !given.contains("[DONE]"), "{given}");
            prop_assert_eq!(whole(&guard, false, &stream).unwrap_err().code, "guardrail_blocked");
        }
    }
}

#[test]
fn nothing_waits_that_cannot_become_a_match() {
    for (pieces, through) in [
        (vec!["Hello", " there, friend"], "Hello there, "),
        (vec!["こんにちは", "世界"], "こんにちは世"),
        (vec!["{\"a\":\"b\",\"c\""], "{\"a\":\"b\",\"c"),
        (vec!["see the [EMA"], "see "),
        (vec!["see [EMAIL_1] "], "see ana@studio.example"),
        (vec!["ask for acme"], "ask "),
    ] {
        // With no wish for offences to be found, whose words are looked at several at a time.
        let policy = guard_without_offences();
        let stream = stream(&[(0, "content", pieces.clone())]);
        let end = stream.windows(14).position(|part| part == b"\"finish_reason").unwrap();
        let (given, _) = seen(&policy, false, &stream[..end], &[]);
        let given = stream_to_whole(&given, Endpoint::Chat).unwrap();
        let given: Value = serde_json::from_slice(&given).unwrap();
        let given = given["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
        assert!(given.starts_with(through), "{pieces:?}: {given:?}");
    }
}

fn guard_without_offences() -> Guard {
    guard(json!({"pii": {"prompt": "redact", "answer": "redact"}, "words": [{"name": "w", "words": ["Acme Corp"], "action": "redact"}]}))
}

#[test]
fn halves_of_a_character_in_two_events_are_one_character() {
    // Mathematical digits, each in two escapes, and a cut between the two.
    let guard = guard(json!({"pii": {"answer": "redact"}}));
    let digits: String =
        "4111111111111111".chars().map(|digit| format!("\\ud835\\udf{:02x}", 0xce + digit.to_digit(10).unwrap())).collect();
    let event = |text: &str| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
    let (one, other) = digits.split_at(6 * 9);
    let stream = format!(
        "{}{}data: {{\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\ndata: [DONE]\n\n",
        event(one),
        event(other)
    );
    let (given, _) = seen(&guard, false, stream.as_bytes(), &[]);
    assert_eq!(message_of(&given, 0)["content"], "[CARD]");
}

#[test]
fn a_stream_that_breaks_off_keeps_what_it_held() {
    let guard = everything();
    let stream = stream(&[(0, "content", vec!["Write to bo.marl", "ey@b.exa"])]);
    let end = stream.windows(14).position(|part| part == b"\"finish_reason").unwrap();
    let (given, _) = seen(&guard, false, &stream[..end], &[]);
    assert!(!String::from_utf8(given).unwrap().contains("marl"));
}

#[test]
fn other_lines_other_line_ends_and_unknown_fields_stay() {
    let guard = guard_without_offences();
    let plain = b": hello\n\ndata: {\"id\":1.50,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}],\"odd\":{\"a\":1e3}}\n\n";
    assert_eq!(seen(&guard, false, plain, &[]).0, plain);
    let crlf =
        "\u{feff}data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi [EMAIL_1] \"}}],\r\ndata: \"odd\":1.50}\r\n\r\ndata: [DONE]";
    for cut in 0..crlf.len() {
        let (given, _) = seen(&guard, false, crlf.as_bytes(), &[cut]);
        let expected = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi ana@studio.example\"}}],\ndata: \"odd\":1.50}\n\ndata: [DONE]\n\n";
        assert_eq!(String::from_utf8(given).unwrap(), expected, "cut at {cut}");
    }
}
