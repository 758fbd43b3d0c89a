//! Which pages may call: cross-origin requests by the Fetch standard's CORS protocol.

use crate::boundary::{Head, ReadHeader};
use crate::config::Config;
use crate::error::Error;
use crate::protocol::headers::{EXPOSED, Lines};

/// How long a browser may keep a preflight's answer, in seconds; two hours is what Chromium takes at the most.
const MAX_AGE: &str = "7200";

fn allowed<'h>(config: &Config, head: &'h Head) -> Option<&'h str> {
    let origin = head.header(ReadHeader::Origin)?;
    config.cors_origins.iter().any(|allowed| allowed == "*" || allowed == origin).then_some(origin)
}

/// Adds what lets a page of a configured origin read the answer.
pub fn add(config: &Config, head: &Head, lines: &mut Lines) {
    if config.cors_origins.is_empty() {
        return;
    }
    if let Some(origin) = allowed(config, head) {
        lines.add("access-control-allow-origin", origin);
        lines.add("access-control-expose-headers", EXPOSED);
    }
}

/// The headers of a preflight's answer.
///
/// # Errors
/// 403 for an origin that is not configured.
pub fn preflight(config: &Config, head: &Head, methods: &str) -> Result<Lines, Error> {
    let mut lines = Lines::default();
    lines.add("allow", methods);
    if head.header(ReadHeader::Origin).is_some() {
        let Some(origin) = allowed(config, head) else {
            let message = "Pages of this origin may not call the gateway. Add the origin to CORS_ORIGINS.";
            return Err(Error::new(403, "origin_not_allowed", message).about("origin").final_word());
        };
        lines.add("access-control-allow-origin", origin);
        lines.add("access-control-allow-methods", methods);
        if let Some(headers) = head.header(ReadHeader::RequestHeaders) {
            lines.add("access-control-allow-headers", headers);
        }
        lines.add("access-control-max-age", MAX_AGE);
    }
    lines.add("vary", "Origin, Access-Control-Request-Headers");
    Ok(lines)
}
