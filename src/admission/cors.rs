//! Which pages may call: origins, and cross-origin requests by the Fetch standard's CORS protocol.

use std::net::Ipv4Addr;

use super::keys::GatewayKey;
use crate::boundary::{Head, ReadHeader};
use crate::config::Config;
use crate::error::Error;
use crate::protocol::headers::{EXPOSED, Lines};

/// How long a browser may keep a preflight's answer, in seconds; two hours is what Chromium takes at the most.
const MAX_AGE: &str = "7200";

/// The request headers that a page may send beside those that need no leave: what the gateway reads or passes on, and what SDKs for
/// browsers send without being asked.
const ALLOWED_HEADERS: [&str; 15] = [
    "accept",
    "authorization",
    "cache-control",
    "content-encoding",
    "content-type",
    "idempotency-key",
    "openai-organization",
    "openai-project",
    "queue_threshold",
    "traceparent",
    "tracestate",
    // AI SDK sets it; browsers that let it ask for leave.
    "user-agent",
    "x-maya-deadline-ms",
    "x-maya-prefer",
    "x-request-id",
];
/// How the names of further ones begin. SDKs that Stainless generates, OpenAI's and Cerebras's among them, describe the browser and
/// count their tries in a dozen headers.
const ALLOWED_PREFIXES: [&str; 3] = ["cf-aig-", "x-cerebras-", "x-stainless-"];

/// The longest host name, in bytes (RFC 1035 section 2.3.4).
const LONGEST_HOST: usize = 253;

/// An origin as browsers write it in the header `Origin`: in lower case, without the port that is usual for its scheme.
///
/// # Errors
/// What it must be instead, to stand behind the name of its field.
pub fn parse(text: &str) -> Result<String, &'static str> {
    let text = text.to_ascii_lowercase();
    if text == "null" {
        return Err("must not be `null`, which every sandboxed page and local file is: serve the page over https");
    }
    let (scheme, authority) =
        text.split_once("://").ok_or("must be an origin such as `https://app.example`: a scheme, a host and, if there is one, a port")?;
    let (host, port) = match authority.rsplit_once(':') {
        // Not the colons of an IPv6 address.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let usual = match scheme {
        "https" => 443,
        "http" if for_development(host) => 80,
        "http" => return Err("may begin with http:// only for this machine or a private network: everywhere else tokens need https://"),
        _ => return Err("must begin with https://"),
    };
    if !well_formed_host(host) {
        return Err("must be a scheme, a host and, if there is one, a port: no path, no `/` at the end, and other alphabets in Punycode");
    }
    let port = match port.map(|port| (port.bytes().all(|byte| byte.is_ascii_digit()), port.parse::<u16>())) {
        None => usual,
        Some((true, Ok(port))) if port != 0 => port,
        Some(_) => return Err("has a port that is none: it must be 1 to 65535"),
    };
    Ok(if port == usual { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") })
}

fn well_formed_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
    };
    (1..=LONGEST_HOST).contains(&host.len()) && host.split('.').all(label)
}

fn for_development(host: &str) -> bool {
    let named = ["localhost", "local", "test"].iter().any(|end| host.rsplit('.').next() == Some(end));
    let private = |address: Ipv4Addr| address.is_loopback() || address.is_private() || address.is_link_local();
    named || host == "[::1]" || host.parse().is_ok_and(private)
}

/// Whether an origin is among those listed; `*` lists all.
pub fn listed<S: AsRef<str>>(list: impl IntoIterator<Item = S>, origin: &str) -> bool {
    list.into_iter().any(|listed| listed.as_ref() == "*" || listed.as_ref().eq_ignore_ascii_case(origin))
}

/// Whether the configuration alone lets pages of an origin ask: the gateway's own list, or a configured key of the tenant that the path
/// names, of any tenant when it names none.
pub fn configured(config: &Config, tenant: Option<&str>, origin: &str) -> bool {
    let of_tenant = |key: &&GatewayKey| tenant.is_none_or(|tenant| tenant == key.record.tenant);
    let of_keys = config.keys.iter().filter(of_tenant).filter_map(|key| key.record.origins.as_ref()).flatten();
    listed(config.cors_origins.iter().chain(of_keys), origin)
}

/// Lets the page that asks read the answer when its origin is configured for every tenant, or when it `may_read` for another reason.
pub fn add(config: Option<&Config>, head: &Head, may_read: bool, lines: &mut Lines) {
    let Some(origin) = head.header(ReadHeader::Origin) else { return };
    if may_read || config.is_some_and(|config| listed(&config.cors_origins, origin)) {
        lines.add("access-control-allow-origin", origin);
        lines.add("access-control-expose-headers", EXPOSED);
    }
}

/// The headers of a preflight's answer, given whether the page's origin is allowed.
///
/// # Errors
/// 403 for an origin that is not.
pub fn preflight(head: &Head, methods: &str, allowed: bool) -> Result<Lines, Error> {
    let mut lines = Lines::default();
    lines.add("allow", methods);
    if let Some(origin) = head.header(ReadHeader::Origin) {
        if !allowed {
            let message = "Pages of this origin may not call the gateway. Issue a browser token for the origin with POST /v1/tokens, or add \
                           it to CORS_ORIGINS.";
            return Err(Error::new(403, "origin_not_allowed", message).about("origin").final_word());
        }
        lines.add("access-control-allow-origin", origin);
        lines.add("access-control-allow-methods", methods);
        let asked = head.header(ReadHeader::RequestHeaders).unwrap_or_default();
        let granted: Vec<&str> = asked.split(',').map(str::trim).filter(|name| header_allowed(name)).collect();
        if !granted.is_empty() {
            lines.add("access-control-allow-headers", &granted.join(","));
        }
        lines.add("access-control-max-age", MAX_AGE);
    }
    lines.add("vary", "Origin, Access-Control-Request-Headers");
    Ok(lines)
}

fn header_allowed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // What is echoed must be a name (RFC 9110 section 5.1), also behind a prefix.
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    is_name && (ALLOWED_HEADERS.contains(&&*name) || ALLOWED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}
