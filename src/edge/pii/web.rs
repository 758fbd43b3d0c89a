//! What the net addresses: mail, machines, URLs with a password.

use super::view::{LETTER, before, from, is_word, run};
use super::{Found, Kind};

/// The longest local part of an address of mail (RFC 5321, 4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;
/// The longest name of a host (RFC 1035, 2.3.4).
const LONGEST_HOST: usize = 253;
/// The longest URL that is looked at.
const LONGEST_URL: usize = 2048;

fn capped(bytes: &[u8], at: usize, most: usize, kind: impl Fn(u8) -> bool) -> usize {
    from(bytes, at).iter().take(most.saturating_add(1)).take_while(|byte| kind(**byte)).count()
}

/// An address of mail: a local part without quotes, and a host with a top-level domain of letters.
pub fn email(bytes: &[u8], at: usize) -> Option<Found> {
    let local = capped(bytes, at, LONGEST_LOCAL, |byte| byte.is_ascii_alphanumeric() || byte == LETTER || b"._%+-'".contains(&byte));
    let host_at = at.checked_add(local)?.checked_add(1)?;
    if local == 0 || local > LONGEST_LOCAL || before(bytes, host_at) != Some(b'@') || before(bytes, host_at.checked_sub(1)?) == Some(b'.') {
        return None;
    }
    let run = capped(bytes, host_at, LONGEST_HOST, |byte| byte.is_ascii_alphanumeric() || byte == LETTER || b".-".contains(&byte));
    let host = from(bytes, host_at).get(..run)?;
    // What ends a sentence is no part of the host.
    let trailing = host.iter().rev().take_while(|byte| b".-".contains(byte)).count();
    let host = host.get(..run.checked_sub(trailing)?)?;
    let mut labels = host.rsplit(|byte| *byte == b'.');
    let top = labels.next()?;
    let lettered = top.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == LETTER) || top.starts_with(b"xn--");
    let mut named = labels.peekable();
    if top.len() < 2 || !lettered || named.peek().is_none() || named.any(<[u8]>::is_empty) {
        return None;
    }
    Some((Kind::Email, host_at.checked_add(host.len())?, 0.99))
}

/// An IPv4 address in dotted decimal: four numbers up to 255 without leading zeros.
pub fn ipv4(bytes: &[u8], at: usize) -> Option<Found> {
    if before(bytes, at) == Some(b'.') {
        return None;
    }
    let mut end = at;
    for part in 0..4 {
        if part > 0 {
            if bytes.get(end) != Some(&b'.') {
                return None;
            }
            end = end.checked_add(1)?;
        }
        let length = run(bytes, end, |byte| byte.is_ascii_digit());
        let digits = from(bytes, end).get(..length).filter(|digits| (1..=3).contains(&digits.len()))?;
        let value: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        if value > 255 || length > 1 && digits.starts_with(b"0") {
            return None;
        }
        end = end.checked_add(length)?;
    }
    let goes_on = is_word(bytes.get(end).copied()) || matches!(from(bytes, end), [b'.', digit, ..] if digit.is_ascii_digit());
    (!goes_on).then_some((Kind::Ip, end, 0.95))
}

/// An IPv6 address (RFC 4291, 2.2). `a::b` alone is likelier a path in a program, so it takes a digit or a third colon.
pub fn ipv6(bytes: &[u8], at: usize) -> Option<Found> {
    if is_word(before(bytes, at)) || matches!(before(bytes, at), Some(b':' | b'.')) {
        return None;
    }
    let length = capped(bytes, at, 45, |byte| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.');
    let run = from(bytes, at).get(..length)?;
    let end = at.checked_add(length)?;
    if is_word(bytes.get(end).copied()) {
        return None;
    }
    // One mark that belongs to the sentence may follow.
    let shorter = run.strip_suffix(b":").or_else(|| run.strip_suffix(b"."));
    [Some(run), shorter].into_iter().flatten().find_map(|address| {
        let colons = address.iter().filter(|byte| **byte == b':').count();
        let telling = colons > 2 || colons == 2 && address.iter().any(u8::is_ascii_digit);
        let parsed = std::str::from_utf8(address).ok().filter(|_| telling).and_then(|text| text.parse::<std::net::Ipv6Addr>().ok());
        parsed.and_then(|_| Some((Kind::Ip, at.checked_add(address.len())?, 0.95)))
    })
}

/// A URL with a name and a password before its host: the whole URL.
pub fn credential_url(bytes: &[u8], at: usize) -> Option<Found> {
    let scheme = capped(bytes, at, 20, |byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte));
    let rest = from(bytes, at.checked_add(scheme)?).strip_prefix(b"://")?;
    let url = rest.iter().take(LONGEST_URL).take_while(|byte| !byte.is_ascii_whitespace() && !b"\"'<>`".contains(byte)).count();
    let url = rest.get(..url)?;
    let authority = url.split(|byte| b"/?#".contains(byte)).next()?;
    let sign = authority.iter().rposition(|byte| *byte == b'@')?;
    let (user, host) = (authority.get(..sign)?, authority.get(sign.checked_add(1)?..)?);
    let colon = user.iter().position(|byte| *byte == b':')?;
    let trailing = url.iter().rev().take_while(|byte| b".,;!?)]}".contains(byte)).count();
    if host.is_empty() || colon.checked_add(1)? == user.len() {
        return None;
    }
    let length = url.len().checked_sub(trailing)?.max(sign.checked_add(2)?);
    Some((Kind::CredentialUrl, at.checked_add(scheme)?.checked_add(3)?.checked_add(length)?, 0.98))
}
