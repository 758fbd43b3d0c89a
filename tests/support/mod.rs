//! What several test files share: JSON as meaning, JSON in any spelling, and plain readers to compare with.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

/// A JSON value; a number is its literal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub fn object<const N: usize>(members: [(&str, Json); N]) -> Self {
        Self::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }
}

/// Random choices from a seed, for texts that proptest is to reproduce but not to shrink.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub fn below(&mut self, sides: usize) -> usize {
        usize::try_from(self.roll()).unwrap() % sides.max(1)
    }

    pub fn one_in(&mut self, sides: usize) -> bool {
        self.below(sides) == 0
    }
}

/// Texts that tend to look like each other and like JSON.
pub fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ab:,0\"\\\\{}]{0,4}",
        2 => proptest::collection::vec(any::<char>(), 0..6).prop_map(|characters| characters.into_iter().collect()),
        1 => "[a-zäß€😀\\n\\t\u{0}\u{7f}\u{2028}]{0,8}",
        1 => "[a-z ,{\"\\\\é\\n]{8,40}",
    ]
}

pub fn numbers() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?"
}

/// Any value, no key twice.
pub fn values() -> impl Strategy<Value = Json> {
    let leaf =
        prop_oneof![Just(Json::Null), any::<bool>().prop_map(Json::Bool), numbers().prop_map(Json::Number), texts().prop_map(Json::Text),];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![proptest::collection::vec(inner.clone(), 0..5).prop_map(Json::Array), members(inner).prop_map(Json::Object),]
    })
}

pub fn members(inner: impl Strategy<Value = Json>) -> impl Strategy<Value = Vec<(String, Json)>> {
    proptest::collection::vec((texts(), inner), 0..6).prop_map(without_repeats)
}

pub fn without_repeats(members: Vec<(String, Json)>) -> Vec<(String, Json)> {
    let mut seen = BTreeSet::new();
    members.into_iter().filter(|(key, _)| seen.insert(key.clone())).collect()
}

/// What a spelling may vary beside spaces and escapes, which never mean anything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Freedom {
    /// Nothing else.
    Spaces,
    /// The order of keys and the digits of numbers, except inside the schemas of a request.
    RequestMeaning,
}

/// Whether what stands at a path of a request is a schema.
fn is_schema(path: &[String]) -> bool {
    let begins = |steps: &[&str]| path.len() >= steps.len() && path.iter().zip(steps).all(|(step, wanted)| step == wanted);
    begins(&["tools", "[]", "function", "parameters"]) || begins(&["response_format", "json_schema", "schema"])
}

/// A text for a value, in one of its many spellings.
pub fn spell(json: &Json, freedom: Freedom, dice: &mut Dice) -> String {
    let mut out = String::new();
    spell_at(json, freedom, dice, &mut Vec::new(), &mut out);
    out
}

fn space(dice: &mut Dice, out: &mut String) {
    while dice.one_in(4) {
        out.push([' ', '\n', '\t', '\r'][dice.below(4)]);
    }
}

fn spell_at(json: &Json, freedom: Freedom, dice: &mut Dice, path: &mut Vec<String>, out: &mut String) {
    let free = freedom == Freedom::RequestMeaning && !is_schema(path);
    space(dice, out);
    match json {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(literal) if free => out.push_str(&respell(literal, dice)),
        Json::Number(literal) => out.push_str(literal),
        Json::Text(text) => spell_text(text, dice, out),
        Json::Array(values) => {
            out.push('[');
            for (place, value) in values.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                path.push("[]".to_owned());
                spell_at(value, freedom, dice, path, out);
                path.pop();
            }
            space(dice, out);
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            let mut members: Vec<_> = members.iter().collect();
            if free {
                for place in (1..members.len()).rev() {
                    members.swap(place, dice.below(place + 1));
                }
            }
            for (place, (key, value)) in members.into_iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                space(dice, out);
                spell_text(key, dice, out);
                space(dice, out);
                out.push(':');
                path.push(key.clone());
                spell_at(value, freedom, dice, path, out);
                path.pop();
            }
            space(dice, out);
            out.push('}');
        }
    }
    space(dice, out);
}

pub fn spell_text(text: &str, dice: &mut Dice, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        let short = match character {
            '"' => Some("\\\""),
            '\\' => Some("\\\\"),
            '/' => Some("\\/"),
            '\u{8}' => Some("\\b"),
            '\u{c}' => Some("\\f"),
            '\n' => Some("\\n"),
            '\r' => Some("\\r"),
            '\t' => Some("\\t"),
            _ => None,
        };
        let must = character < ' ' || matches!(character, '"' | '\\');
        match short {
            Some(short) if must && !dice.one_in(4) || !must && dice.one_in(3) => out.push_str(short),
            _ if must || dice.one_in(6) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let digits = if dice.one_in(2) { format!("{unit:04x}") } else { format!("{unit:04X}") };
                    out.push_str("\\u");
                    out.push_str(&digits);
                }
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// Sign, digits without zeros at either end, and power of ten; zero has no sign and no digits.
pub fn decimal(literal: &str) -> (bool, String, i128) {
    let (negative, rest) = literal.strip_prefix('-').map_or((false, literal), |rest| (true, rest));
    let (mantissa, power) = rest.split_once(['e', 'E']).map_or((rest, 0), |(mantissa, power)| (mantissa, power.parse::<i128>().unwrap()));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let cut = all.trim_end_matches('0');
    let digits = cut.trim_start_matches('0');
    if digits.is_empty() {
        return (false, String::new(), 0);
    }
    let zeros = i128::try_from(all.len() - cut.len()).unwrap();
    (negative, digits.to_owned(), power + zeros - i128::try_from(fraction.len()).unwrap())
}

/// Another literal for the same number.
pub fn respell(literal: &str, dice: &mut Dice) -> String {
    let (negative, mut digits, mut power) = decimal(literal);
    if digits.is_empty() {
        return ["0", "-0", "0.0", "0e5", "-0.00E-3", "0E+0"][dice.below(6)].to_owned();
    }
    for _ in 0..dice.below(3) {
        digits.push('0');
        power -= 1;
    }
    let mut out = String::from(if negative { "-" } else { "" });
    let point = dice.below(digits.len() + 2);
    if point < digits.len() {
        let (whole, fraction) = digits.split_at(point);
        out.push_str(if whole.is_empty() { "0" } else { whole });
        out.push('.');
        out.push_str(fraction);
        power += i128::try_from(fraction.len()).unwrap();
    } else {
        out.push_str(&digits);
    }
    if power != 0 || dice.one_in(4) {
        out.push(if dice.one_in(2) { 'e' } else { 'E' });
        if power >= 0 && dice.one_in(2) {
            out.push('+');
        }
        out.push_str(&power.to_string());
    }
    out
}

/// What a request asks for, apart from its spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meaning {
    Null,
    Bool(bool),
    Number(bool, String, i128),
    Literal(String),
    Text(String),
    Array(Vec<Meaning>),
    Object(BTreeMap<String, Meaning>),
    Ordered(Vec<(String, Meaning)>),
}

/// The meaning of a whole request; `None` as the model's place, because the key has it from elsewhere.
pub fn request_meaning(json: &Json) -> Meaning {
    let Json::Object(members) = json else { panic!("a request is an object") };
    let counted = |key: &str| !["stream", "stream_options", "user", "model"].contains(&key);
    Meaning::Object(
        members
            .iter()
            .filter(|(key, _)| counted(key))
            .map(|(key, value)| (key.clone(), meaning_at(value, &mut vec![key.clone()])))
            .collect(),
    )
}

fn meaning_at(json: &Json, path: &mut Vec<String>) -> Meaning {
    let schema = is_schema(path);
    match json {
        Json::Null => Meaning::Null,
        Json::Bool(value) => Meaning::Bool(*value),
        Json::Number(literal) if schema => Meaning::Literal(literal.clone()),
        Json::Number(literal) => {
            let (negative, digits, power) = decimal(literal);
            Meaning::Number(negative, digits, power)
        }
        Json::Text(text) => Meaning::Text(text.clone()),
        Json::Array(values) => {
            path.push("[]".to_owned());
            let meaning = Meaning::Array(values.iter().map(|value| meaning_at(value, path)).collect());
            path.pop();
            meaning
        }
        Json::Object(members) => {
            let mut under = |key: &String, value: &Json| {
                path.push(key.clone());
                let meaning = meaning_at(value, path);
                path.pop();
                (key.clone(), meaning)
            };
            let members: Vec<_> = members.iter().map(|(key, value)| under(key, value)).collect();
            if schema { Meaning::Ordered(members) } else { Meaning::Object(members.into_iter().collect()) }
        }
    }
}

/// Changes one place of a value; the result may by chance mean the same.
pub fn mutate(json: &mut Json, dice: &mut Dice) {
    let words = ["", "a", "b", "ab", "0", "null"];
    let word = |dice: &mut Dice| words[dice.below(words.len())].to_owned();
    let leaf = |dice: &mut Dice| match dice.below(7) {
        0 => Json::Null,
        1 => Json::Bool(dice.one_in(2)),
        2 => Json::Number(["0", "1", "10", "0.1", "-1", "1e2"][dice.below(6)].to_owned()),
        3 => Json::Array(Vec::new()),
        4 => Json::Object(Vec::new()),
        _ => Json::Text(word(dice)),
    };
    match json {
        Json::Array(values) if !values.is_empty() && !dice.one_in(4) => {
            let place = dice.below(values.len());
            match dice.below(8) {
                0 => drop(values.remove(place)),
                1 => values.insert(place, leaf(dice)),
                2 => {
                    let other = dice.below(values.len());
                    values.swap(place, other);
                }
                _ => mutate(&mut values[place], dice),
            }
        }
        Json::Object(members) if !members.is_empty() && !dice.one_in(4) => {
            let place = dice.below(members.len());
            let other = dice.below(members.len());
            match dice.below(10) {
                0 => drop(members.remove(place)),
                1 => members.push((word(dice), leaf(dice))),
                2 => members.swap(place, other),
                3 => {
                    let moved = members[place].1.clone();
                    let back = std::mem::replace(&mut members[other].1, moved);
                    members[place].1 = back;
                }
                4 => members[place].0 = word(dice),
                _ => mutate(&mut members[place].1, dice),
            }
            *members = without_repeats(std::mem::take(members));
        }
        other => *other = leaf(dice),
    }
}

/// A value as a plain recursive reader sees it. Strings are UTF-16 units, so that half a surrogate pair is no special case.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    pub start: usize,
    pub end: usize,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Null,
    Bool(bool),
    Number,
    Text(Vec<u16>),
    Array(Vec<Read>),
    Object(Vec<(Read, Read)>),
}

/// Reads JSON in the plainest way; `None` for what is none.
pub fn plain_read(text: &str) -> Option<Read> {
    let mut reader = Plain { bytes: text.as_bytes(), at: 0, text };
    let value = reader.value()?;
    (reader.at == text.len()).then_some(value)
}

struct Plain<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
}

impl Plain<'_> {
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        while [b' ', b'\n', b'\r', b'\t'].contains(&self.peek()) {
            self.at += 1;
        }
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.bytes[self.at..].starts_with(word.as_bytes());
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn value(&mut self) -> Option<Read> {
        self.space();
        let start = self.at;
        let what = if self.eat("null") {
            What::Null
        } else if self.eat("true") {
            What::Bool(true)
        } else if self.eat("false") {
            What::Bool(false)
        } else if self.peek() == b'"' {
            What::Text(self.string()?)
        } else if self.eat("[") {
            let mut values = Vec::new();
            self.space();
            if !self.eat("]") {
                loop {
                    values.push(self.value()?);
                    if self.eat("]") {
                        break;
                    }
                    if !self.eat(",") {
                        return None;
                    }
                }
            }
            What::Array(values)
        } else if self.eat("{") {
            let mut members = Vec::new();
            self.space();
            if !self.eat("}") {
                loop {
                    self.space();
                    if self.peek() != b'"' {
                        return None;
                    }
                    let key = self.value()?;
                    if !self.eat(":") {
                        return None;
                    }
                    members.push((key, self.value()?));
                    if self.eat("}") {
                        break;
                    }
                    if !self.eat(",") {
                        return None;
                    }
                }
            }
            What::Object(members)
        } else {
            self.number()?;
            What::Number
        };
        let end = self.at;
        self.space();
        Some(Read { start, end, what })
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        self.eat("-");
        if !self.eat("0") {
            self.digits()?;
        }
        if self.eat(".") {
            self.digits()?;
        }
        if self.eat("e") || self.eat("E") {
            let _ = self.eat("+") || self.eat("-");
            self.digits()?;
        }
        Some(())
    }

    fn string(&mut self) -> Option<Vec<u16>> {
        self.at += 1;
        let mut units = Vec::new();
        loop {
            let character = self.text[self.at..].chars().next()?;
            self.at += character.len_utf8();
            match character {
                '"' => return Some(units),
                '\0'..='\u{1f}' => return None,
                '\\' => {
                    let kind = self.peek();
                    self.at += 1;
                    units.push(match kind {
                        b'"' | b'\\' | b'/' => u16::from(kind),
                        b'b' => 8,
                        b'f' => 12,
                        b'n' => 10,
                        b'r' => 13,
                        b't' => 9,
                        b'u' => {
                            let digits = self.bytes.get(self.at..self.at + 4)?;
                            if !digits.iter().all(u8::is_ascii_hexdigit) {
                                return None;
                            }
                            self.at += 4;
                            u16::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap()
                        }
                        _ => return None,
                    });
                }
                other => units.extend_from_slice(other.encode_utf16(&mut [0; 2])),
            }
        }
    }
}

/// The events of a stream, by the WHATWG HTML standard's section 9.2.6 followed to the letter, a byte at a time.
pub fn plain_events(stream: &[u8]) -> Vec<Vec<u8>> {
    let stream = stream.strip_prefix("\u{feff}".as_bytes()).unwrap_or(stream);
    let (mut events, mut data, mut line) = (Vec::new(), Vec::new(), Vec::new());
    let mut after_return = false;
    for &byte in stream {
        let newline_of_pair = byte == b'\n' && after_return;
        after_return = byte == b'\r';
        if newline_of_pair {
            continue;
        }
        if !matches!(byte, b'\n' | b'\r') {
            line.push(byte);
            continue;
        }
        let line = std::mem::take(&mut line);
        if line.is_empty() {
            let mut event = std::mem::take(&mut data);
            if event.pop().is_some() {
                events.push(event);
            }
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        if name == b"data" {
            data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
            data.push(b'\n');
        }
    }
    events
}

/// A strict object of an event, the last of repeated keys taken, as most clients read it.
pub fn event_object(data: &[u8]) -> Option<serde_json::Map<String, serde_json::Value>> {
    match serde_json::from_slice(data).ok()? {
        serde_json::Value::Object(object) => Some(object),
        _ => None,
    }
}

/// Whether an event raises an error in clients of every language: present, and true in JavaScript and Python alike.
pub fn raises(object: &serde_json::Map<String, serde_json::Value>) -> bool {
    use serde_json::Value;
    match object.get("error") {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Bool(true)) => true,
        Some(Value::Number(number)) => number.to_string() != "0",
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(values)) => !values.is_empty(),
        Some(Value::Object(members)) => !members.is_empty(),
    }
}

/// A test configuration that leaves no files behind.
pub fn cases(count: u32) -> ProptestConfig {
    ProptestConfig { cases: count, failure_persistence: None, max_shrink_iters: 4000, ..ProptestConfig::default() }
}

/// Texts as posts are, and as they could be: arbitrary Unicode, with links, names, hashtags, joined emoji and marks thrown in.
pub fn posts() -> impl Strategy<Value = String> {
    const PIECES: [&str; 40] = [
        " ",
        " ",
        " ",
        "\n",
        "\n\n",
        ". ",
        "! ",
        "? ",
        "word",
        "Another",
        "longer sentence here. ",
        "https://example.com/path?q=1#f",
        "http://a.co",
        "example.org/x",
        "@name",
        "@me@example.social",
        "#tag",
        "#Größe",
        "a@b.example.com",
        "👨\u{200d}👩\u{200d}👧\u{200d}👦",
        "🇩🇪",
        "👍🏽",
        "e\u{301}",
        "1\u{fe0f}\u{20e3}",
        "日本語の文。",
        "<b>",
        "…",
        "— ",
        "1,000",
        "50%",
        "$5",
        "u/someone",
        "\u{200d}",
        "\u{fe0f}",
        "़",
        "क्ष",
        "Z\u{351}\u{36f}\u{36f}\u{36f}\u{36f}",
        "שּׁ",
        "\u{feff}",
        "\u{ffff}",
    ];
    let piece = prop_oneof![
        6 => (0..PIECES.len()).prop_map(|place| PIECES[place].to_owned()),
        2 => "[a-z]{1,12}",
        1 => any::<char>().prop_map(String::from),
        1 => "\\PC{0,6}",
    ];
    (proptest::collection::vec(piece, 0..60), 1_usize..12)
        .prop_map(|(pieces, times)| if times > 8 { pieces.concat().repeat(times) } else { pieces.concat() })
}
