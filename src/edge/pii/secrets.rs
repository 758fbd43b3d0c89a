//! Keys and tokens: those whose issuers gave them a beginning of their own.

use super::view::{from, run};
use super::{Found, Kind};

/// Beginnings, and how many characters follow at the least. As the issuers document them, or as their scanners for leaks have them.
const BEGINNINGS: [(&[u8], usize); 34] = [
    (b"sk-", 20),
    (b"csk-", 20),
    (b"gsk_", 20),
    (b"maya_", 16),
    (b"AKIA", 16),
    (b"ASIA", 16),
    (b"AIza", 35),
    (b"ya29.", 20),
    (b"ghp_", 36),
    (b"gho_", 36),
    (b"ghu_", 36),
    (b"ghs_", 36),
    (b"ghr_", 36),
    (b"github_pat_", 22),
    (b"glpat-", 20),
    (b"xoxb-", 10),
    (b"xoxp-", 10),
    (b"xoxa-", 10),
    (b"xoxr-", 10),
    (b"xoxs-", 10),
    (b"xapp-", 10),
    (b"hf_", 30),
    (b"npm_", 36),
    (b"pypi-", 40),
    (b"sk_live_", 16),
    (b"sk_test_", 16),
    (b"rk_live_", 16),
    (b"rk_test_", 16),
    (b"whsec_", 16),
    (b"dop_v1_", 60),
    (b"shpat_", 32),
    (b"EAACEdEose0cBA", 10),
    (b"SG.", 40),
    (b"cfut_", 30),
];

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// Drawn by chance, so there is a digit or both cases; words joined by dashes have neither.
fn is_random(body: &[u8]) -> bool {
    body.iter().any(u8::is_ascii_digit) || body.iter().any(u8::is_ascii_uppercase) && body.iter().any(u8::is_ascii_lowercase)
}

/// A key with a known beginning, or a JSON Web Token (RFC 7519: three parts, the first beginning as `{"` does in base64url).
pub fn token(bytes: &[u8], at: usize) -> Option<Found> {
    let rest = from(bytes, at);
    if rest.starts_with(b"eyJ") {
        return json_web_token(bytes, at);
    }
    let (beginning, least) = BEGINNINGS.iter().find(|(beginning, _)| rest.starts_with(beginning))?;
    let body_at = at.checked_add(beginning.len())?;
    let dotted = beginning.ends_with(b".");
    let length = run(bytes, body_at, |byte| is_base64url(byte) || dotted && byte == b'.');
    let body = from(bytes, body_at).get(..length)?;
    let body = body.get(..length.checked_sub(body.iter().rev().take_while(|byte| b"-.".contains(byte)).count())?)?;
    let capitals_only = beginning.ends_with(b"IA");
    let fits = body.len() >= *least && is_random(body) && !(capitals_only && body.iter().any(u8::is_ascii_lowercase));
    fits.then_some((Kind::Secret, body_at.checked_add(body.len())?, 0.98))
}

fn json_web_token(bytes: &[u8], at: usize) -> Option<Found> {
    let mut end = at;
    for (part, least) in [16, 8, 16].into_iter().enumerate() {
        if part > 0 {
            if bytes.get(end) != Some(&b'.') {
                return None;
            }
            end = end.checked_add(1)?;
        }
        let length = run(bytes, end, is_base64url);
        if length < least {
            return None;
        }
        end = end.checked_add(length)?;
    }
    Some((Kind::Secret, end, 0.98))
}

/// A private key in PEM (RFC 7468), to its end, or to the segment's when it has none.
pub fn pem(bytes: &[u8], at: usize) -> Option<Found> {
    let rest = from(bytes, at).strip_prefix(b"-----BEGIN ")?;
    let label = rest.iter().take(64).take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b' ').count();
    let is_private = rest.get(..label)?.windows(11).any(|part| part == b"PRIVATE KEY");
    if !is_private || !rest.get(label..)?.starts_with(b"-----") {
        return None;
    }
    let begun = rest.get(label..)?;
    let end = begun.windows(9).position(|part| part == b"-----END ").and_then(|end| {
        let tail_at = end.checked_add(9)?;
        let tail = begun.get(tail_at..)?.windows(5).position(|part| part == b"-----")?;
        tail_at.checked_add(tail)?.checked_add(5)
    });
    let consumed = bytes.len().checked_sub(begun.len())?;
    Some((Kind::Secret, end.map_or(Some(bytes.len()), |end| consumed.checked_add(end))?, 0.99))
}
