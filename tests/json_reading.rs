//! The JSON reader accepts what JSON is, refuses what two readers may understand differently, and knows where everything stands.
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

use std::time::{Duration, Instant};

use maya_edge::protocol::json::{Document, Kind, MAX_DEPTH, Offence, Reason, Value};
use proptest::prelude::*;
use serde::de::IgnoredAny;
use support::{Dice, Freedom, Json, Read, What, cases, plain_read, spell, spell_text, values};

/// The deepest nesting of brackets outside of strings, and whether a text is too deep for plain recursion.
fn depth(text: &str) -> usize {
    let (mut deepest, mut now, mut in_string, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                now += 1;
                deepest = deepest.max(now);
            }
            b']' | b'}' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn repeats(read: &Read) -> bool {
    match &read.what {
        What::Array(values) => values.iter().any(repeats),
        What::Object(members) => {
            let mut keys: Vec<_> = members.iter().map(|(key, _)| &key.what).collect();
            let text = |what: &&What| if let What::Text(units) = what { units.clone() } else { panic!("a key is a string") };
            keys.sort_by_key(text);
            keys.windows(2).any(|pair| pair[0] == pair[1]) || members.iter().any(|(_, value)| repeats(value))
        }
        _ => false,
    }
}

/// UTF-16 units as UTF-8, halves of pairs as the three bytes that they would have.
fn wtf8(units: &[u16]) -> Vec<u8> {
    char::decode_utf16(units.iter().copied())
        .flat_map(|unit| match unit {
            Ok(character) => character.to_string().into_bytes(),
            Err(half) => {
                let unit = half.unpaired_surrogate();
                vec![0xed, 0x80 | u8::try_from(unit >> 6 & 0x3f).unwrap(), 0x80 | u8::try_from(unit & 0x3f).unwrap()]
            }
        })
        .collect()
}

fn assert_same(value: Value<'_>, read: &Read, text: &str) {
    assert_eq!(value.span(), read.start..read.end, "{text:?}");
    assert_eq!(value.raw(), &text[read.start..read.end]);
    match &read.what {
        What::Null => assert!(value.is_null()),
        What::Bool(truth) => assert_eq!(value.boolean(), Some(*truth)),
        What::Number => assert_eq!(value.number(), Some(&text[read.start..read.end])),
        What::Text(units) => {
            assert_eq!(value.kind(), Kind::String);
            assert_eq!(value.text().map(|text| text.into_owned()), String::from_utf16(units).ok());
            assert_eq!(*value.bytes(), wtf8(units)[..]);
            if let Ok(other) = serde_json::from_str::<String>(value.raw()) {
                assert_eq!(value.text().as_deref(), Some(&*other));
                assert!(value.is(&other));
            }
        }
        What::Array(values) => {
            assert_eq!(value.kind(), Kind::Array);
            assert_eq!(value.elements().count(), values.len());
            value.elements().zip(values).for_each(|(value, read)| assert_same(value, read, text));
        }
        What::Object(members) => {
            assert_eq!(value.kind(), Kind::Object);
            assert_eq!(value.members().count(), members.len());
            for ((key, value), (read_key, read_value)) in value.members().zip(members) {
                assert_same(key, read_key, text);
                assert_same(value, read_value, text);
            }
        }
    }
}

/// The law: accepted is what serde_json accepts, unless a key stands twice or the nesting is too deep.
fn assert_law(bytes: &[u8]) {
    let document = Document::read(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else {
        assert_eq!(document.unwrap_err().reason, Reason::NotUtf8);
        return;
    };
    let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    let deepest = depth(text);
    if deepest > 100 {
        assert!(document.is_err());
        return;
    }
    let read = plain_read(text);
    assert_eq!(read.is_some(), is_json, "the two readers to compare with differ on {text:?}");
    match (document, read) {
        (Ok(document), Some(read)) => {
            assert!(deepest <= MAX_DEPTH && !repeats(&read), "{text:?}");
            assert_same(document.root(), &read, text);
        }
        (Err(offence), None) => {
            assert!(offence.offset <= text.len());
            // A reader from the front may meet a repeated key or a deep place before what makes the text no JSON.
        }
        (Err(offence), Some(read)) => match offence.reason {
            Reason::DuplicateKey => assert!(repeats(&read), "{text:?}"),
            Reason::TooDeep => assert!(deepest > MAX_DEPTH, "{text:?}"),
            reason => panic!("{reason:?} in {text:?}"),
        },
        (Ok(_), None) => panic!("accepted {text:?}"),
    }
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn any_json_in_any_spelling_is_read_with_exact_spans(json in values(), seed in any::<u64>()) {
        let text = spell(&json, Freedom::Spaces, &mut Dice::new(seed));
        prop_assert!(Document::read(text.as_bytes()).is_ok(), "{}", text);
        assert_law(text.as_bytes());
    }

    #[test]
    fn json_with_a_few_bytes_changed_is_accepted_exactly_when_others_accept_it(
        json in values(),
        seed in any::<u64>(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..3_u8, prop::sample::select(&b"{}[],:\"\\ \n0-1.eEtfnu\x00\x1f\x7f\xc3\xa9\xed\xff"[..])), 1..4),
    ) {
        let mut bytes = spell(&json, Freedom::Spaces, &mut Dice::new(seed)).into_bytes();
        for (place, edit, byte) in edits {
            let place = place.index(bytes.len() + 1);
            match edit {
                0 => bytes.insert(place, byte),
                1 if place < bytes.len() => bytes[place] = byte,
                _ if place < bytes.len() => drop(bytes.remove(place)),
                _ => {}
            }
        }
        assert_law(&bytes);
    }

    #[test]
    fn soups_of_tokens_are_accepted_exactly_when_others_accept_them(
        tokens in proptest::collection::vec(prop::sample::select(&[
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"\\u0061\"", "\"b\"", "\"\\ud83d\"", "\"\\ud83d\\ude00\"", "1", "-", "0", "1.", ".5", "e5", "1E+7",
            "true", "nul", "null", " ", "\\", "\"", "\u{1}", "\u{feff}", "{\"a\":1}", "[1,2]", "{\"a\":[],\"a\":0}",
        ][..]), 0..12),
    ) {
        assert_law(tokens.concat().as_bytes());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        assert_law(&bytes);
    }

    #[test]
    fn a_key_that_stands_twice_is_refused_where_it_stands_the_second_time(
        count in 2..60_usize,
        first in any::<prop::sample::Index>(),
        second in any::<prop::sample::Index>(),
        seed in any::<u64>(),
    ) {
        let second = 1 + second.index(count - 1);
        let first = first.index(second);
        let dice = &mut Dice::new(seed);
        let mut text = String::from("{\"list\":[0,{\"deep\":{");
        let mut offset = 0;
        for place in 0..count {
            if place > 0 {
                text.push(',');
            }
            if place == second {
                offset = text.len();
            }
            spell_text(&format!("k{}", if place == second { first } else { place }), dice, &mut text);
            text.push_str(":{\"k0\":0}");
        }
        text.push_str("}}]}");
        let path = format!("list[1].deep.k{first}");
        prop_assert_eq!(Document::read(text.as_bytes()).unwrap_err(), Offence { reason: Reason::DuplicateKey, path, offset });
    }
}

#[test]
fn a_byte_means_the_same_wherever_it_stands_in_a_string() {
    // Strings are read some bytes at a time; each byte takes each of the places, alone and behind one that looks special.
    for byte in 0..=255_u8 {
        for place in 0..18 {
            for before in ["", "é", "\\\"", "\u{7f}"] {
                let mut text = format!("\"{}{before}", "x".repeat(place)).into_bytes();
                text.push(byte);
                text.extend_from_slice(b"yyyyyyyyyyy\\u0041\"");
                assert_law(&text);
            }
        }
    }
}

#[test]
fn half_a_surrogate_pair_is_read_but_is_no_text() {
    for (text, bytes) in
        [(r#""\ud800""#, &b"\xed\xa0\x80"[..]), (r#""\udfffx""#, b"\xed\xbf\xbfx"), (r#""\ud83d\n\ude00""#, b"\xed\xa0\xbd\n\xed\xb8\x80")]
    {
        let document = Document::read(text.as_bytes()).unwrap();
        assert_eq!(document.root().text(), None);
        assert_eq!(*document.root().bytes(), *bytes);
    }
    let different = [r#""\ud800""#, r#""\ud801""#, r#""\udc00""#, r#""\ufffd""#, r#""\ud800\ud800""#].map(|text| {
        let document = Document::read(text.as_bytes()).unwrap();
        document.root().bytes().into_owned()
    });
    for (place, one) in different.iter().enumerate() {
        assert!(different[..place].iter().all(|other| other != one));
    }
}

#[test]
fn an_offence_names_the_path_and_the_byte() {
    let cases: &[(&str, Reason, &str, usize)] = &[
        ("", Reason::Expected("a value"), "", 0),
        ("\u{feff}{}", Reason::Expected("a value"), "", 0),
        ("{} x", Reason::Expected("the end of the text"), "", 3),
        (r#"{"a":1,}"#, Reason::Expected("a key in double quotes"), "", 7),
        (r#"{"a":{"b":1,c:2}}"#, Reason::Expected("a key in double quotes"), "a", 12),
        (r#"{"a" 1}"#, Reason::Expected("`:`"), "a", 5),
        (r#"{"a":[1,tru]}"#, Reason::Expected("a value"), "a[1]", 8),
        (r#"{"a":[1 2]}"#, Reason::Expected("`,` or `]`"), "a[0]", 8),
        (r#"{"a":{"b":1;}}"#, Reason::Expected("`,` or `}`"), "a.b", 11),
        (r#"{"messages":[{},{"content":"x"#, Reason::Expected("the string's closing quote"), "messages[1].content", 29),
        ("{\"a b\":[[0,\"\n\"]]}", Reason::Expected("an escape in place of a control character"), "[\"a b\"][0][1]", 12),
        (r#"{"":"\x"}"#, Reason::Expected("a known escape"), "[\"\"]", 6),
        (r#"["\u12g4"]"#, Reason::Expected("four hexadecimal digits"), "[0]", 6),
        ("[01]", Reason::Expected("`,` or `]`"), "[0]", 2),
        ("[-]", Reason::Expected("a digit"), "[0]", 2),
        ("[1.]", Reason::Expected("a digit"), "[0]", 3),
        ("[1e+]", Reason::Expected("a digit"), "[0]", 4),
        (r#"{"a":1,"a":2}"#, Reason::DuplicateKey, "a", 7),
        (r#"{"a":1,"\u0061":2}"#, Reason::DuplicateKey, "a", 7),
        (r#"{"\u0061":1,"b":0,"a":2}"#, Reason::DuplicateKey, "a", 18),
        (r#"{"x":[{"y":{"\/":1,"/":2}}]}"#, Reason::DuplicateKey, "x[0].y[\"/\"]", 19),
        (r#"{"\ud800":1,"\uD800":2}"#, Reason::DuplicateKey, "[\"\u{fffd}\u{fffd}\u{fffd}\"]", 12),
        (r#"{"é":1,"\u00e9":2}"#, Reason::DuplicateKey, "[\"é\"]", 8),
    ];
    for (text, reason, path, offset) in cases {
        let offence = Document::read(text.as_bytes()).expect_err(text);
        assert_eq!((&offence.reason, &*offence.path, offence.offset), (reason, *path, *offset), "{text}");
    }
    assert_eq!(Document::read(b"[\"\xff\"]").unwrap_err(), Offence { reason: Reason::NotUtf8, path: String::new(), offset: 2 });
}

#[test]
fn sixty_four_levels_are_read_and_one_more_is_refused() {
    for (open, inner, close) in [("[", "", "]"), ("{\"a\":", "0", "}"), ("[{\"a\":", "0", "}]")] {
        let levels = MAX_DEPTH / if open.len() == 6 { 2 } else { 1 };
        let nested = |levels: usize| [open.repeat(levels), inner.to_owned(), close.repeat(levels)].concat();
        assert!(Document::read(nested(levels).as_bytes()).is_ok(), "{open}");
        assert_eq!(Document::read(nested(levels + 1).as_bytes()).unwrap_err().reason, Reason::TooDeep, "{open}");
        assert_eq!(Document::read(open.repeat(1 << 20).as_bytes()).unwrap_err().reason, Reason::TooDeep, "{open}");
    }
    let offence = Document::read("[".repeat(65).as_bytes()).unwrap_err();
    assert_eq!((offence.path, offence.offset), ("[0]".repeat(64), 64));
}

#[test]
fn great_bodies_are_read_in_time_that_grows_with_their_size_alone() {
    let keys = |count: usize, name: &dyn Fn(usize) -> String| {
        let members: Vec<String> = (0..count).map(|place| format!("\"{}\":{{}}", name(place))).collect();
        format!("{{{}}}", members.join(","))
    };
    let long = format!("{{\"content\":\"{}\"}}", "héllo \\n ".repeat(1024 * 1024));
    let deep = format!("[{}]", vec!["[".repeat(60) + &"]".repeat(60); 20_000].join(","));
    let bodies = [
        ("one long string", long),
        ("many numbers", format!("[{}0]", "0,".repeat(1024 * 1024))),
        ("many keys", keys(100_000, &|place| format!("key{place}"))),
        ("many keys with a long common beginning", keys(20_000, &|place| format!("{}{place}", "k".repeat(100)))),
        ("many escaped keys", keys(50_000, &|place| format!("\\u006b{place}"))),
        ("many deep arrays", deep),
        ("spaces", format!("{}1", " ".repeat(4 << 20))),
    ];
    for (what, body) in bodies {
        let begun = Instant::now();
        Document::read(body.as_bytes()).expect(what);
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}: {:?}", begun.elapsed());
    }
}

#[test]
fn json_that_names_nothing_is_found_to_hold_nothing() {
    let document = Document::read(br#"{"a":[1,"x",{"b":null}],"c":{}}"#).unwrap();
    let root = document.root();
    assert!(root.get("b").is_none());
    assert_eq!(root.elements().count(), 0);
    let list = root.get("a").unwrap();
    assert_eq!((list.members().count(), list.elements().count()), (0, 3));
    assert_eq!(list.get("0").map(Value::raw), None);
    assert_eq!(root.get("c").unwrap().members().count(), 0);
    let kinds: Vec<_> = list.elements().map(|value| (value.kind(), value.text(), value.number(), value.boolean())).collect();
    assert_eq!(kinds[0], (Kind::Number, None, Some("1"), None));
    assert_eq!(kinds[1], (Kind::String, Some("x".into()), None, None));
    assert_eq!(kinds[2].0.named(), "an object");
    assert_eq!(spell(&Json::Null, Freedom::Spaces, &mut Dice::new(0)).trim(), "null");
}
