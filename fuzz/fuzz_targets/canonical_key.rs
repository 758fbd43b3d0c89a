//! Keys: two bodies, apart by a zero byte, share a key exactly when they mean the same.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use maya_edge::cache::key::{Scope, of_request};
use maya_edge::protocol::json::{Kind, Value};
use maya_edge::protocol::request::{CompletionRequest, Endpoint};

#[derive(Debug, PartialEq)]
enum Meaning {
    Plain(String),
    Number(bool, String, i128),
    Text(Vec<u8>),
    Array(Vec<Meaning>),
    Object(BTreeMap<Vec<u8>, Meaning>),
    Ordered(Vec<(Vec<u8>, Meaning)>),
}

/// `None` when a number's power of ten is beyond what is compared here.
fn meaning(value: Value<'_>, path: &mut Vec<Vec<u8>>) -> Option<Meaning> {
    let begins = |steps: &[&str]| path.len() >= steps.len() && path.iter().zip(steps).all(|(step, wanted)| step == wanted.as_bytes());
    let schema = begins(&["tools", "[]", "function", "parameters"]) || begins(&["response_format", "json_schema", "schema"]);
    Some(match value.kind() {
        Kind::Number if !schema => {
            let (mantissa, power) = value.raw().split_once(['e', 'E']).unwrap_or((value.raw(), "0"));
            let power = i128::from(power.parse::<i64>().ok().filter(|power| power.unsigned_abs() < 1 << 60)?);
            let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
            let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
            let all = format!("{whole}{fraction}");
            let kept = all.trim_end_matches('0');
            let digits = kept.trim_start_matches('0').to_owned();
            if digits.is_empty() {
                return Some(Meaning::Number(false, digits, 0));
            }
            Meaning::Number(mantissa != unsigned, digits, power + (all.len() - kept.len()) as i128 - fraction.len() as i128)
        }
        Kind::String => Meaning::Text(value.bytes().into_owned()),
        Kind::Array => {
            path.push(b"[]".to_vec());
            let values = value.elements().map(|value| meaning(value, path)).collect::<Option<_>>();
            path.pop();
            Meaning::Array(values?)
        }
        Kind::Object => {
            let mut members = Vec::new();
            for (key, value) in value.members() {
                path.push(key.bytes().into_owned());
                let value = meaning(value, path);
                members.push((path.pop().unwrap_or_default(), value?));
            }
            if path.is_empty() {
                members.retain(|(key, _)| ![&b"model"[..], b"stream", b"stream_options", b"user"].contains(&&key[..]));
            }
            if schema { Meaning::Ordered(members) } else { Meaning::Object(members.into_iter().collect()) }
        }
        _ => Meaning::Plain(value.raw().to_owned()),
    })
}

fuzz_target!(|bytes: &[u8]| {
    let scope = Scope { tenant: "t", model: "m", added_cap: None, policy: "1" };
    let mut halves = bytes.splitn(2, |byte| *byte == 0);
    let (Some(one), other) = (halves.next(), halves.next()) else { return };
    // A lone body is compared with itself, less its last letter's case.
    let changed: Vec<u8> =
        one.iter().rev().skip_while(|byte| !byte.is_ascii_alphanumeric()).collect::<Vec<_>>().into_iter().rev().copied().collect();
    let flipped = [
        changed.split_last().map_or(Vec::new(), |(last, rest)| [rest, &[last ^ 1]].concat()),
        one.get(changed.len()..).unwrap_or_default().to_vec(),
    ]
    .concat();
    let other = other.unwrap_or(&flipped);
    let (Ok(one), Ok(other)) = (CompletionRequest::read(one, Endpoint::Chat), CompletionRequest::read(other, Endpoint::Chat)) else {
        return;
    };
    let (key, other_key) = (of_request(&scope, &one), of_request(&scope, &other));
    let (Some(meant), Some(other_meant)) = (meaning(one.root(), &mut Vec::new()), meaning(other.root(), &mut Vec::new())) else { return };
    assert_eq!(key == other_key, meant == other_meant, "{} and {}", one.root().raw(), other.root().raw());
});
