//! Numbers: cards, accounts, social security, telephones.

use super::view::{self, from, is_word, run};
use super::{Found, Kind};

/// Luhn's check (ISO/IEC 7812-1, annex B): every second digit from the right doubled, its digits added, the sum divisible by ten.
pub fn luhn(digits: &[u8]) -> bool {
    let sum = digits.iter().rev().enumerate().fold(0_u32, |sum, (place, digit)| {
        let value = u32::from(digit.saturating_sub(b'0'));
        let value = if place % 2 == 0 { value } else { value.saturating_mul(2) };
        sum.saturating_add(value / 10).saturating_add(value % 10)
    });
    sum % 10 == 0
}

/// Groups of digits with a separator between each two: how many digits each has, where it ends, and all the digits.
struct Groups {
    lengths: Vec<usize>,
    ends: Vec<usize>,
    digits: Vec<u8>,
    separators: Vec<u8>,
}

/// Reads groups of digits; at most `limit` digits in all. `separates` tells how many bytes at a place part two groups.
fn groups(bytes: &[u8], mut at: usize, limit: usize, separates: impl Fn(&[u8]) -> usize) -> Groups {
    let mut out = Groups { lengths: Vec::new(), ends: Vec::new(), digits: Vec::new(), separators: Vec::new() };
    loop {
        let length = run(bytes, at, |byte| byte.is_ascii_digit());
        if length == 0 || out.digits.len().saturating_add(length) > limit {
            return out;
        }
        out.digits.extend(from(bytes, at).iter().take(length));
        at = at.saturating_add(length);
        out.lengths.push(length);
        out.ends.push(at);
        let parted = separates(from(bytes, at));
        let Some(separator) = from(bytes, at).first().filter(|_| parted > 0) else { return out };
        out.separators.push(*separator);
        at = at.saturating_add(parted);
    }
}

/// A card's number: 13 to 19 digits in one piece or in the groups that are printed on cards, with an issuer's prefix and Luhn's digit.
pub fn card(bytes: &[u8], at: usize) -> Option<Found> {
    let groups = groups(bytes, at, 19, |rest| match rest {
        [b' ' | b'-', digit, ..] if digit.is_ascii_digit() => 1,
        _ => 0,
    });
    for shape in [&[4, 4, 4, 4, 3][..], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[groups.digits.len()], &[*groups.lengths.first()?]] {
        let count: usize = shape.iter().sum();
        let Some(digits) = groups.digits.get(..count).filter(|digits| (13..=19).contains(&digits.len())) else { continue };
        let Some(end) = shape.len().checked_sub(1).and_then(|last| groups.ends.get(last)).copied() else { continue };
        let separators = groups.separators.get(..shape.len().saturating_sub(1)).unwrap_or_default();
        let fits = groups.lengths.starts_with(shape) && separators.iter().all(|separator| Some(separator) == separators.first());
        if fits && is_issued(digits) && luhn(digits) && !is_word(bytes.get(end).copied()) {
            return Some((Kind::Card, end, 0.97));
        }
    }
    None
}

/// Whether the first digits are those of a card network (ISO/IEC 7812 prefixes as the networks publish them) with that length.
fn is_issued(digits: &[u8]) -> bool {
    let head =
        digits.iter().take(4).fold(0_u32, |head, digit| head.saturating_mul(10).saturating_add(u32::from(digit.saturating_sub(b'0'))));
    match digits.len() {
        13 => head / 1000 == 4,
        14 => matches!(head / 10, 300..=305) || matches!(head / 100, 36 | 38 | 39),
        15 => matches!(head / 100, 34 | 37),
        16 => head / 1000 == 4 || matches!(head / 100, 50..=59 | 62..=65) || matches!(head, 2200..=2204 | 2221..=2720 | 3528..=3589 | 6011),
        17 | 18 => matches!(head / 100, 50 | 56..=64 | 66..=69),
        19 => head / 1000 == 4 || matches!(head / 100, 50 | 56..=69),
        _ => false,
    }
}

/// A social security number: 3, 2 and 4 digits; never 000, 666 or 9xx, 00, 0000 (Social Security Administration).
pub fn ssn(bytes: &[u8], at: usize) -> Option<Found> {
    let [a, b, c, one, d, e, two, f, g, h, i] = *from(bytes, at).first_chunk::<11>()?;
    let digits = [a, b, c, d, e, f, g, h, i];
    if !digits.iter().all(u8::is_ascii_digit) || one != two || !matches!(one, b'-' | b' ') {
        return None;
    }
    let end = at.checked_add(11)?;
    // Another number may follow; a further group of the same one may not.
    let goes_on =
        matches!(from(bytes, end), [next, digit, ..] if *next == one && digit.is_ascii_digit()) || is_word(bytes.get(end).copied());
    let before = view::before(bytes, at);
    if goes_on
        || before == Some(b'-')
        || a == b'9'
        || [a, b, c] == *b"000"
        || [a, b, c] == *b"666"
        || [d, e] == *b"00"
        || [f, g, h, i] == *b"0000"
    {
        return None;
    }
    Some((Kind::Ssn, end, if one == b'-' { 0.95 } else { 0.6 }))
}

/// Lengths of account numbers by country (SWIFT, IBAN registry, release 99).
#[rustfmt::skip]
const IBAN_LENGTHS: [(&[u8; 2], usize); 88] = [
    (b"AD", 24), (b"AE", 23), (b"AL", 28), (b"AT", 20), (b"AZ", 28), (b"BA", 20), (b"BE", 16), (b"BG", 22), (b"BH", 22), (b"BI", 27),
    (b"BR", 29), (b"BY", 28), (b"CH", 21), (b"CR", 22), (b"CY", 28), (b"CZ", 24), (b"DE", 22), (b"DJ", 27), (b"DK", 18), (b"DO", 28),
    (b"EE", 20), (b"EG", 29), (b"ES", 24), (b"FI", 18), (b"FK", 18), (b"FO", 18), (b"FR", 27), (b"GB", 22), (b"GE", 22), (b"GI", 23),
    (b"GL", 18), (b"GR", 27), (b"GT", 28), (b"HN", 28), (b"HR", 21), (b"HU", 28), (b"IE", 22), (b"IL", 23), (b"IQ", 23), (b"IS", 26),
    (b"IT", 27), (b"JO", 30), (b"KW", 30), (b"KZ", 20), (b"LB", 28), (b"LC", 32), (b"LI", 21), (b"LT", 20), (b"LU", 20), (b"LV", 21),
    (b"LY", 25), (b"MC", 27), (b"MD", 24), (b"ME", 22), (b"MK", 19), (b"MN", 20), (b"MR", 27), (b"MT", 31), (b"MU", 30), (b"NI", 28),
    (b"NL", 18), (b"NO", 15), (b"OM", 23), (b"PK", 24), (b"PL", 28), (b"PS", 29), (b"PT", 25), (b"QA", 29), (b"RO", 24), (b"RS", 22),
    (b"RU", 33), (b"SA", 24), (b"SC", 31), (b"SD", 18), (b"SE", 24), (b"SI", 19), (b"SK", 24), (b"SM", 27), (b"SO", 23), (b"ST", 25),
    (b"SV", 28), (b"TL", 23), (b"TN", 24), (b"TR", 26), (b"UA", 29), (b"VA", 22), (b"VG", 24), (b"XK", 20),
];

/// An account's number: in one piece, or in groups of four.
pub fn iban(bytes: &[u8], at: usize) -> Option<Found> {
    let [one, two, three, four] = *from(bytes, at).first_chunk::<4>()?;
    let country = [one.to_ascii_uppercase(), two.to_ascii_uppercase()];
    if !three.is_ascii_digit() || !four.is_ascii_digit() {
        return None;
    }
    let length = IBAN_LENGTHS.iter().find(|(code, _)| **code == country).map(|(_, length)| *length)?;
    let spaced = bytes.get(at.checked_add(4)?) == Some(&b' ');
    let (mut characters, mut end) = (Vec::with_capacity(length), at);
    while characters.len() < length {
        let byte = *bytes.get(end)?;
        if spaced && byte == b' ' && !characters.is_empty() && characters.len() % 4 == 0 && view::before(bytes, end) != Some(b' ') {
            end = end.checked_add(1)?;
            continue;
        }
        if !byte.is_ascii_alphanumeric() {
            return None;
        }
        characters.push(byte.to_ascii_uppercase());
        end = end.checked_add(1)?;
    }
    (!is_word(bytes.get(end).copied()) && remainder(&characters) == 1).then_some((Kind::Iban, end, 0.99))
}

/// ISO 7064 MOD 97-10: the first four characters behind the others, letters as 10 to 35, the whole number modulo 97.
fn remainder(characters: &[u8]) -> u32 {
    let (head, tail) = characters.split_at_checked(4).unwrap_or((characters, &[]));
    tail.iter().chain(head).fold(0_u32, |rest, byte| {
        let (shift, value) = match byte {
            b'0'..=b'9' => (10, u32::from(byte.saturating_sub(b'0'))),
            _ => (100, u32::from(byte.saturating_sub(b'A')).saturating_add(10)),
        };
        rest.saturating_mul(shift).saturating_add(value) % 97
    })
}

/// What parts two groups of a telephone number: one space, dash, dot or slash, or a bracket with a space or a dash.
fn parted(rest: &[u8]) -> usize {
    match rest {
        [b' ' | b'-' | b'.' | b'/', digit, ..] if digit.is_ascii_digit() => 1,
        [b' ' | b'-', b'(', digit, ..] | [b')', b' ' | b'-', digit, ..] if digit.is_ascii_digit() => 2,
        [b'(' | b')', digit, ..] if digit.is_ascii_digit() => 1,
        _ => 0,
    }
}

/// A telephone number. The forms with a plus are E.164; those without need groups, because bare digits may count anything.
pub fn phone(bytes: &[u8], at: usize) -> Option<Found> {
    let first = *bytes.get(at)?;
    if matches!(view::before(bytes, at), Some(b'.' | b'-' | b'/' | b'+' | b'$' | b'#' | b'=')) {
        return None;
    }
    let lead = match from(bytes, at) {
        [b'+', b'(', ..] | [b'(', b'+', ..] => 2,
        [b'+' | b'(', ..] => 1,
        _ => 0,
    };
    let groups = groups(bytes, at.checked_add(lead)?, 17, parted);
    // A bracket that does not close behind the first group is not the number's.
    if first == b'(' && groups.separators.first() != Some(&b')') {
        return None;
    }
    let international = from(bytes, at).iter().take(lead).any(|byte| *byte == b'+') || groups.digits.starts_with(b"00");
    // The longest beginning that is a number: what follows it may be another.
    for count in (1..=groups.lengths.len()).rev() {
        let lengths = groups.lengths.get(..count)?;
        let end = *groups.ends.get(count.checked_sub(1)?)?;
        let digits = groups.digits.get(..lengths.iter().sum::<usize>())?;
        if is_word(bytes.get(end).copied())
            || matches!(from(bytes, end), [b'-' | b'.' | b'/' | b':' | b',', digit, ..] if digit.is_ascii_digit())
        {
            continue;
        }
        let separators = groups.separators.get(..count.saturating_sub(1)).unwrap_or_default();
        let confidence = if international { e164(digits, lengths) } else { national(digits, lengths, separators, first == b'(') };
        if let Some(confidence) = confidence {
            return Some((Kind::Phone, end, confidence));
        }
    }
    None
}

/// A country code and a subscriber's number: 8 to 15 digits, and as many as the country has where that is fixed.
fn e164(digits: &[u8], lengths: &[usize]) -> Option<f32> {
    let (digits, confidence) = digits.strip_prefix(b"00").map_or((digits, 0.95), |rest| (rest, 0.8));
    let fits = match digits {
        [b'0', ..] => false,
        [b'1' | b'7', ..] | [b'3', b'3' | b'4', ..] | [b'4', b'8', ..] => {
            digits.len() == 11 || digits.starts_with(b"330") && digits.len() == 12
        }
        [b'4', b'4', rest @ ..] => matches!(rest.len(), 9..=11),
        _ => (8..=15).contains(&digits.len()),
    };
    // A last group of one digit is another number.
    (fits && lengths.last().is_some_and(|last| *last > 1)).then_some(confidence)
}

/// A number without its country.
fn national(digits: &[u8], lengths: &[usize], separators: &[u8], bracket: bool) -> Option<f32> {
    let american = |digits: &[u8]| matches!(digits, [b'2'..=b'9', _, _, b'2'..=b'9', ..]) && digits.len() == 10;
    match lengths {
        [3, 3, 4] if american(digits) => Some(if bracket { 0.95 } else { 0.85 }),
        [1, 3, 3, 4] if digits.first() == Some(&b'1') && american(digits.get(1..)?) => Some(0.9),
        // A leading zero, nine to eleven digits, no dots: a date has eight digits, and versions have dots.
        _ if digits.first() == Some(&b'0') && (9..=11).contains(&digits.len()) && (2..=5).contains(&lengths.len()) => {
            let plain = separators.iter().all(|separator| *separator != b'.') && lengths.first().is_some_and(|first| *first >= 2);
            (plain && lengths.iter().all(|length| *length >= 2)).then_some(0.6)
        }
        _ => None,
    }
}
