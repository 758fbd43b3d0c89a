//! Precision and recall of the scanner on generated texts, kind by kind: a value that is one, in a sentence, and near misses.

use std::path::Path;

use maya_edge::edge::pii::{Kind, scan};

/// Chance from a seed (SplitMix64, Steele and others 2014).
pub struct Chance(pub u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Digits by a pattern: `d` any, `n` from 2 to 9, everything else as it is.
    pub fn digits(&mut self, pattern: &str) -> String {
        let digit = |character| match character {
            'd' => char::from(b'0' + self.below(10) as u8),
            'n' => char::from(b'2' + self.below(8) as u8),
            other => other,
        };
        pattern.chars().map(digit).collect()
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| self.of(&alphabet)).collect()
    }
}

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const ALPHANUMERIC: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The digit that Luhn's check asks for.
fn luhn_digit(body: &str) -> char {
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0');
            match place % 2 {
                0 => digit * 2 / 10 + digit * 2 % 10,
                _ => digit,
            }
        })
        .sum();
    char::from(b'0' + ((10 - sum % 10) % 10) as u8)
}

pub fn card(chance: &mut Chance) -> String {
    let prefix = chance.of(&["4", "51", "55", "2221", "34", "37", "6011", "65", "3530"]);
    let length = if prefix.starts_with("34") || prefix.starts_with("37") { 15 } else { 16 };
    let mut number = chance.digits(&format!("{prefix}{}", "d".repeat(length - 1 - prefix.len())));
    number.push(luhn_digit(&number));
    let groups: &[usize] = if length == 15 { &[4, 6, 5] } else { &[4, 4, 4, 4] };
    let separator = chance.of(&["", " ", "-"]);
    let mut rest = number.as_str();
    let parts: Vec<&str> = groups
        .iter()
        .map(|size| {
            let (head, tail) = rest.split_at(*size);
            rest = tail;
            head
        })
        .collect();
    parts.join(separator)
}

pub fn iban(chance: &mut Chance) -> String {
    let (country, pattern) = chance.of(&[
        ("DE", "dddddddddddddddddd"),
        ("PL", "dddddddddddddddddddddddd"),
        ("GB", "WESTdddddddddddddd"),
        ("NL", "INGBdddddddddd"),
        ("FR", "ddddddddddddddddddddddd"),
        ("ES", "dddddddddddddddddddd"),
        ("NO", "ddddddddddd"),
        ("CH", "ddddddddddddddddd"),
        ("IE", "AIBKdddddddddddddd"),
    ]);
    let body = chance.digits(pattern);
    let number: String = format!("{body}{country}00").chars().map(|character| character.to_digit(36).unwrap().to_string()).collect();
    let rest = number.bytes().fold(0_u32, |rest, byte| (rest * 10 + u32::from(byte - b'0')) % 97);
    let whole = format!("{country}{:02}{body}", 98 - rest);
    if chance.below(2) == 0 {
        return whole;
    }
    whole.as_bytes().chunks(4).map(|group| std::str::from_utf8(group).unwrap()).collect::<Vec<_>>().join(" ")
}

pub fn email(chance: &mut Chance) -> String {
    let local = chance.text(LOWER, 5);
    let extra = chance.of(&["", ".k", "+news", "_9", "-x", "77"]);
    let host = chance.text(LOWER, 6);
    format!("{local}{extra}@{host}.{}", chance.of(&["com", "org", "co.uk", "io", "pl", "museum", "mail.example"]))
}

pub fn ip(chance: &mut Chance) -> String {
    match chance.below(3) {
        0 => (0..8).map(|_| format!("{:x}", chance.below(65536))).collect::<Vec<_>>().join(":"),
        1 => format!("2001:db8::{:x}:{:x}", chance.below(65536), chance.below(65536)),
        _ => (0..4).map(|_| chance.below(256).to_string()).collect::<Vec<_>>().join("."),
    }
}

pub fn ssn(chance: &mut Chance) -> String {
    format!("{:03}-{:02}-{:04}", 1 + chance.below(665), 1 + chance.below(99), 1 + chance.below(9999))
}

/// Telephone numbers as people write them, with forms that the scanner leaves alone because they may be anything.
pub fn phone(chance: &mut Chance) -> String {
    let pattern = chance.of(&[
        "+1 ndd ndd dddd",
        "(ndd) ndd-dddd",
        "ndd-ndd-dddd",
        "ndd.ndd.dddd",
        "1-ndd-ndd-dddd",
        "+1ndd5550ddd",
        "+44 20 nddd dddd",
        "+44 7n00 dddddd",
        "+49 30 ndddddd",
        "+49 (0) 171 nddddddd",
        "+48 nnn ddd ddd",
        "+33 6 nd dd dd dd",
        "01nn nddddd",
        "020 nddd dddd",
        "06 nd dd dd dd",
        "+61 4dd ddd ddd",
        "+91 98ddd ddddd",
        "0048 nnn ddd ddd",
        "+34 6nd ddd ddd",
        "+420 nnn ddd ddd",
        "ndd ndd dddd",
        "nddndddddd",
        "+46-70-ndd dd dd",
    ]);
    chance.digits(pattern)
}

pub fn secret(chance: &mut Chance) -> String {
    let (prefix, length) =
        chance.of(&[("sk-", 48), ("csk-", 40), ("ghp_", 36), ("AIza", 35), ("xoxb-", 24), ("maya_", 32), ("glpat-", 20)]);
    if chance.below(6) == 0 {
        let (payload, signature) = (chance.text(ALPHANUMERIC, 60), chance.text(ALPHANUMERIC, 43));
        return format!("eyJhbGciOiJIUzI1NiJ9.{payload}.{signature}");
    }
    format!("{prefix}{}", chance.text(ALPHANUMERIC, length))
}

pub fn url(chance: &mut Chance) -> String {
    let (name, word) = (chance.text(LOWER, 5), chance.text(ALPHANUMERIC, 10));
    format!("{}://{name}:{word}@db.{name}.example/{}", chance.of(&["postgres", "https", "redis", "amqp"]), chance.text(LOWER, 4))
}

/// What is none of these, but looks a little like one.
pub fn near_miss(chance: &mut Chance) -> String {
    let pattern = chance.of(&[
        "2026-1d-2d",
        "1d:dd:dd",
        "order ndddddddd",
        "v1.nd.d",
        "v1.2.3.4567",
        "ndd,ddd,ddd",
        "$n,ddd.dd",
        "pages ndd-ndd",
        "19dd-20dd",
        "ISBN 978-3-16-14nddd-d",
        "nddd x nddd px",
        "#ndd",
        "12/0n/20dd",
        "n.dd GB",
        "a::b",
        "std::fmt::Debug",
        "user@localhost",
        "@maya",
        "ndd%",
        "room ndd",
        "DE is not GB",
        "3.14159ndddd",
        "id=nddddddddddd",
        "999.1.2.300",
        "nd nd nd",
        "00:1A:2B:3C:4D:5E",
        "sk-glow-soft-matte-lipstick-set",
        "000-12-3456",
        "the 19dds",
        "nddddd steps",
        "score n-d",
        "tracking 1Zndddddddddddddd",
        "n dd ddd",
        "https://maya.example:8443/a@b",
    ]);
    chance.digits(pattern)
}

/// A sentence around a value.
pub fn sentence(chance: &mut Chance, value: &str) -> String {
    let (before, after) = chance.of(&[
        ("please write ", " when you can"),
        ("it is ", "."),
        ("", ""),
        ("use (", ") for now"),
        ("my details: ", ", thanks!"),
        ("Contact\n", "\nor come by"),
        ("we had \"", "\" in the log"),
        ("send it to ", "; we answer soon"),
        ("zadzwoń: ", " dziękuję"),
    ]);
    format!("{before}{value}{after}")
}

type Make = fn(&mut Chance) -> String;

/// Each kind with its name and its generator.
pub const KINDS: [(&str, &str, Kind, Make); 8] = [
    ("pii.card_precision", "pii.card_recall", Kind::Card, card),
    ("pii.iban_precision", "pii.iban_recall", Kind::Iban, iban),
    ("pii.email_precision", "pii.email_recall", Kind::Email, email),
    ("pii.ip_precision", "pii.ip_recall", Kind::Ip, ip),
    ("pii.ssn_precision", "pii.ssn_recall", Kind::Ssn, ssn),
    ("pii.phone_precision", "pii.phone_recall", Kind::Phone, phone),
    ("pii.secret_precision", "pii.secret_recall", Kind::Secret, secret),
    ("pii.url_precision", "pii.url_recall", Kind::CredentialUrl, url),
];

/// Precision and recall of each kind: 400 texts of each kind and 1,600 near misses, exact spans.
pub fn measure() -> Vec<(&'static str, f64, &'static str)> {
    let mut chance = Chance(16);
    let mut tallies = vec![(0.0_f64, 0.0_f64, 0.0_f64); KINDS.len()];
    let mut look = |text: &str, truth: Option<(usize, &str)>| {
        let mut missed = truth.is_some();
        for hit in scan(text) {
            let Some(at) = KINDS.iter().position(|(_, _, kind, _)| *kind == hit.kind) else { continue };
            if truth.is_some_and(|(wanted, value)| wanted == at && &text[hit.span.clone()] == value) {
                tallies[at].0 += 1.0;
                missed = false;
            } else {
                tallies[at].1 += 1.0;
                if std::env::var_os("EXPLAIN").is_some() {
                    eprintln!("{:?} found in {text:?}: {:?}", hit.kind, &text[hit.span.clone()]);
                }
            }
        }
        if let Some((wanted, value)) = truth {
            tallies[wanted].2 += 1.0;
            if missed && std::env::var_os("EXPLAIN").is_some() {
                eprintln!("{:?} missed in {text:?}: {value:?}", KINDS[wanted].2);
            }
        }
    };
    for _ in 0..400 {
        for (at, (_, _, _, make)) in KINDS.iter().enumerate() {
            let value = make(&mut chance);
            look(&sentence(&mut chance, &value), Some((at, &value)));
        }
        for _ in 0..4 {
            let value = near_miss(&mut chance);
            look(&sentence(&mut chance, &value), None);
        }
    }
    let figures = KINDS.iter().zip(&tallies).flat_map(|((precision, recall, _, _), (right, wrong, all))| {
        [(*precision, right / (right + wrong), "precision"), (*recall, right / all, "recall")]
    });
    figures.collect()
}

pub fn run(_: Option<&Path>) -> Vec<(&'static str, f64, &'static str)> {
    let mut figures = measure();
    let text = "Hello, I wrote to ana.k@studio.example on 12 May and nobody called me back at +48 601 234 567; my card 4111 1111 1111 1111 was charged twice. Best, Ana K. Thanks!";
    figures.push(("pii.micros", super::micros(|| scan(text).len()), "µs a call"));
    let clean = "We are opening a second shop next to the river, and everyone is invited to the party that we give on Saturday evening at eight, with music, cake and a surprise.";
    figures.push(("pii.clean_micros", super::micros(|| scan(clean).len()), "µs a call"));
    figures.push(("pii.redact_micros", super::micros(|| maya_edge::edge::pii::redact(text).text.len()), "µs a call"));
    figures
}
