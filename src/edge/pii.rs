//! Personal data and secrets in a text, found by shape and check digit: a hand-written scanner, in one pass.
//!
//! It finds what has a form: addresses of mail and machines, numbers that check themselves, keys with a known beginning. Names and
//! postal addresses have none and are not found. Zero-width characters and full-width digits do not hide a match.
//!
//! A text is read in segments ([`segments`]): no match reaches over a segment's end, and where a segment ends depends only on what
//! stands before it. So a stream, cut in any way, gives the same matches as the whole text.

mod numbers;
mod redaction;
mod secrets;
pub mod segments;
mod view;
mod web;

pub use redaction::{Redacted, Redactor, Replacements, Scanner, held_back, placeholder_held_back, redact, restore};

pub use view::is_invisible;

use std::ops::Range;

use segments::Segments;
use view::View;

/// What a match is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// An address of mail (the common part of RFC 5321).
    Email,
    /// A telephone number: international (E.164), North American, or national with a leading zero.
    Phone,
    /// The number of a payment card (ISO/IEC 7812: issuer's prefix, Luhn's check digit).
    Card,
    /// An account's number (ISO 13616: country's length, remainder 1 modulo 97).
    Iban,
    /// An IPv4 or IPv6 address.
    Ip,
    /// A social security number of the United States.
    Ssn,
    /// A URL that carries a password (RFC 3986, userinfo).
    CredentialUrl,
    /// A key, token or private key.
    Secret,
    /// Not personal: text that looks like one of our placeholders, taken out so that none can be forged.
    Literal,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 9] =
        [Self::Email, Self::Phone, Self::Card, Self::Iban, Self::Ip, Self::Ssn, Self::CredentialUrl, Self::Secret, Self::Literal];

    /// The kind in a placeholder: `[EMAIL_1]`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "EMAIL",
            Self::Phone => "PHONE",
            Self::Card => "CARD",
            Self::Iban => "IBAN",
            Self::Ip => "IP",
            Self::Ssn => "SSN",
            Self::CredentialUrl => "URL",
            Self::Secret => "SECRET",
            Self::Literal => "LITERAL",
        }
    }
}

/// A match.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// What it is.
    pub kind: Kind,
    /// Where it stands, in bytes of the text; both ends lie on characters.
    pub span: Range<usize>,
    /// How sure the scanner is, 0 to 1: an estimate by the form, not a measured probability.
    pub confidence: f32,
}

/// All matches of a text, in order, none overlapping.
pub fn scan(text: &str) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    let mut segments = Segments::default();
    let mut begin = 0;
    for (at, character) in text.char_indices() {
        if segments.cuts_before(character) {
            scan_segment(text, begin..at, &mut hits);
            begin = at;
        }
    }
    scan_segment(text, begin..text.len(), &mut hits);
    hits.retain(|hit| hit.kind != Kind::Literal);
    hits
}

/// A match within a view: kind, the place after its end, confidence.
type Found = (Kind, usize, f32);

/// Adds the matches of one segment, text that looks like a placeholder included.
fn scan_segment(text: &str, range: Range<usize>, hits: &mut Vec<Hit>) {
    let Some(segment) = text.get(range.clone()) else { return };
    // Most words end here: without one of these, nothing can match but a key, and keys are long.
    if segment.len() < 24 && !segment.bytes().any(|byte| !byte.is_ascii() || matches!(byte, b'0'..=b'9' | b'@' | b':' | b'-' | b'[' | b'_'))
    {
        return;
    }
    // One character alone is nothing: in a script without spaces each is a segment.
    if segment.len() <= 4 && segment.chars().nth(1).is_none() {
        return;
    }
    let view = View::new(segment);
    let bytes = view.bytes();
    let mut at = 0;
    while at < bytes.len() {
        let Some((kind, end, confidence)) = found_at(bytes, at) else {
            at = at.saturating_add(1);
            continue;
        };
        let local = view.span(at, end);
        let span = range.start.saturating_add(local.start)..range.start.saturating_add(local.end);
        hits.push(Hit { kind, span, confidence });
        at = end.max(at.saturating_add(1));
    }
}

/// The match that begins at a place; the most telling form first.
fn found_at(bytes: &[u8], at: usize) -> Option<Found> {
    let first = *bytes.get(at)?;
    let begins = !view::is_word(view::before(bytes, at));
    match first {
        b'[' => redaction::literal(bytes, at),
        b'-' => secrets::pem(bytes, at),
        b'+' | b'(' => begins.then(|| numbers::phone(bytes, at)).flatten(),
        b':' => web::ipv6(bytes, at),
        b'0'..=b'9' if begins => web::email(bytes, at)
            .or_else(|| web::ipv4(bytes, at))
            .or_else(|| web::ipv6(bytes, at))
            .or_else(|| numbers::ssn(bytes, at))
            .or_else(|| numbers::card(bytes, at))
            .or_else(|| numbers::phone(bytes, at)),
        b'A'..=b'Z' | b'a'..=b'z' if begins => web::credential_url(bytes, at)
            .or_else(|| secrets::token(bytes, at))
            .or_else(|| web::email(bytes, at))
            .or_else(|| numbers::iban(bytes, at))
            .or_else(|| web::ipv6(bytes, at)),
        b'_' | b'%' | view::LETTER => web::email(bytes, at),
        _ => None,
    }
}
