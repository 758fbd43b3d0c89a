//! UTM parameters on the links of a text.

use super::entities::{Kind, entities};
use super::platform::{Platform, Rules};

/// What a brand adds to its links. What is empty is not added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tracking {
    /// `utm_source`; the platform's name when none.
    pub source: Option<String>,
    /// `utm_medium`; `social` when none.
    pub medium: Option<String>,
    /// `utm_campaign`.
    pub campaign: Option<String>,
    /// `utm_term`.
    pub term: Option<String>,
    /// `utm_content`.
    pub content: Option<String>,
    /// Hosts whose links are tracked, with those below them; all when empty.
    pub hosts: Vec<String>,
}

/// A text whose links carry a brand's parameters: query and fragment stay, and so does a parameter that is there already. Only links with a
/// scheme are changed: what is written without one is for reading.
pub fn tracked(rules: &Rules, tracking: &Tracking, text: &str) -> String {
    let (mut written, mut at) = (String::with_capacity(text.len()), 0_usize);
    for link in entities(rules, text).iter().filter(|entity| entity.kind == Kind::Link) {
        written.push_str(text.get(at..link.start).unwrap_or_default());
        written.push_str(&tracked_link(rules.platform, tracking, link.of(text)));
        at = link.end;
    }
    written.push_str(text.get(at..).unwrap_or_default());
    written
}

/// One link with a brand's parameters.
pub fn tracked_link(platform: Platform, tracking: &Tracking, link: &str) -> String {
    let Some((_, rest)) = link.split_once("://") else { return link.to_owned() };
    let host = rest.split(['/', '?', '#', ':']).next().unwrap_or_default().to_lowercase();
    let is_of = |known: &String| {
        let known = known.to_lowercase();
        host == known || host.strip_suffix(&known).is_some_and(|before| before.ends_with('.'))
    };
    if !tracking.hosts.is_empty() && !tracking.hosts.iter().any(is_of) {
        return link.to_owned();
    }
    let (address, fragment) = link.split_once('#').map_or((link, None), |(address, fragment)| (address, Some(fragment)));
    let query = address.split_once('?').map(|(_, query)| query);
    let mut written = address.to_owned();
    for (name, value) in [
        ("utm_source", tracking.source.as_deref().or(Some(platform.name()))),
        ("utm_medium", tracking.medium.as_deref().or(Some("social"))),
        ("utm_campaign", tracking.campaign.as_deref()),
        ("utm_term", tracking.term.as_deref()),
        ("utm_content", tracking.content.as_deref()),
    ] {
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        let known =
            query.unwrap_or_default().split('&').any(|pair| pair.split('=').next().is_some_and(|known| known.eq_ignore_ascii_case(name)));
        if known {
            continue;
        }
        if !written.ends_with(['?', '&']) {
            written.push(if written.contains('?') { '&' } else { '?' });
        }
        written.push_str(name);
        written.push('=');
        escape(value, &mut written);
    }
    if let Some(fragment) = fragment {
        written.push('#');
        written.push_str(fragment);
    }
    written
}

/// Percent-encoding of all but what RFC 3986 calls unreserved.
fn escape(value: &str, written: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            written.push(char::from(byte));
        } else {
            written.push('%');
            for half in [byte >> 4, byte & 15] {
                written.push(char::from(HEX.get(usize::from(half)).copied().unwrap_or(b'0')));
            }
        }
    }
}
