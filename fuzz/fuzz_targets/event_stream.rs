//! Streams: whatever came, its end is judged without a panic, a cut one ends in one error, and a replay means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maya_edge::cache::replay::{stream, stream_to_whole, whole_to_stream};
use maya_edge::protocol::request::Endpoint;
use maya_edge::protocol::sse::{ending, events, mend};
use serde_json::Value;

const MEMBERS: &str = r#""status_code":502,"error":{"message":"cut","code":"upstream_incomplete"}"#;

/// An event as clients take it; `None` when they fail on it.
fn object(data: &[u8]) -> Option<Value> {
    serde_json::from_slice(data).ok().filter(Value::is_object)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((cut, whole)) = bytes.split_first_chunk::<2>() else { return };
    // The first two bytes tell where the rest is cut.
    let cut = usize::from(u16::from_le_bytes(*cut)) % (whole.len() + 1);
    let begun = &whole[..cut];
    let _ = (ending(begun, 1), ending(begun, 2));
    let ended = [begun, &mend(begun, MEMBERS)].concat();
    let before: Vec<_> = events(begun).map(|data| data.into_owned()).collect();
    let after: Vec<_> = events(&ended).map(|data| data.into_owned()).collect();
    // What was told stays told, and the last event is the error.
    assert!(after.starts_with(&before));
    let added = &after[before.len()..];
    assert!((1..=2).contains(&added.len()), "{}", added.len());
    let last = object(&added[added.len() - 1]).or_else(|| std::str::from_utf8(whole).is_err().then(|| Value::Null));
    let told = last.is_some_and(|last| last.is_null() || last["error"]["code"] == "upstream_incomplete");
    // Lone halves of surrogate pairs, deep nesting and serde's own marks aside, which strict readers refuse.
    assert!(told || whole.windows(2).any(|pair| pair == b"\\u") || whole.len() > 127);
    // When every whole event is an object, no half of one is left behind.
    let all: Vec<_> = events(whole).map(|data| data.into_owned()).collect();
    if all.iter().all(|data| object(data).is_some()) && whole.ends_with(b"\n\n") && events(&[begun, b"\n\n"].concat()).count() <= all.len()
    {
        assert!(added.len() == 1 || object(&added[0]).is_some(), "{:?}", String::from_utf8_lossy(&ended));
    }

    for endpoint in [Endpoint::Chat, Endpoint::Text] {
        let _ = stream(whole, false);
        if let Some(told) = stream_to_whole(whole, endpoint) {
            let again = whole_to_stream(&told, endpoint).and_then(|stream| stream_to_whole(&stream, endpoint));
            if let Some(again) = again {
                let third = whole_to_stream(&again, endpoint).and_then(|stream| stream_to_whole(&stream, endpoint));
                assert_eq!(third.map(|third| object(&third)), Some(object(&again)));
            }
        }
        let _ = whole_to_stream(whole, endpoint).map(|stream| stream_to_whole(&stream, endpoint));
    }
});
