//! What an operator sets for logs and traces.

use crate::protocol::headers::Lines;

/// The path of traces behind a collector's address (OTLP specification, "OTLP/HTTP Request").
const TRACES: &str = "/v1/traces";

/// Where traces go.
#[derive(Clone, Debug)]
pub struct Tracing {
    /// The whole address.
    pub url: String,
    /// Headers for the collector, those of its keys among them.
    pub headers: Lines,
    /// The share of requests without a sampled parent that have a trace, 0 to 1.
    pub sample: f64,
}

impl Tracing {
    /// From the variables `OTLP_ENDPOINT`, a collector's address with or without the path of traces; `OTLP_HEADERS`, as OpenTelemetry writes
    /// them: `name=value` with commas between them, values percent-encoded; and `TRACE_SAMPLE`. None without an address.
    ///
    /// # Errors
    /// The variable that cannot be used, and why; never its value.
    pub fn read(endpoint: Option<String>, headers: Option<String>, sample: Option<f64>) -> Result<Option<Self>, (&'static str, String)> {
        let sample = share("TRACE_SAMPLE", sample.unwrap_or(1.0))?;
        let Some(endpoint) = endpoint.filter(|endpoint| !endpoint.is_empty()) else {
            return Ok(None);
        };
        let base = endpoint.trim_end_matches('/').trim_end_matches(TRACES);
        let authority = |scheme: &str| base.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
        if !["https://", "http://"].into_iter().any(authority)
            || base.contains(|letter: char| letter.is_whitespace() || letter.is_control())
        {
            let reason = "it must be a collector's address that begins with https:// (or http:// for one on this machine)";
            return Err(("OTLP_ENDPOINT", reason.to_owned()));
        }
        let mut lines = Lines::default();
        lines.add("content-type", "application/json");
        for (place, pair) in headers.iter().flat_map(|headers| headers.split(',')).enumerate() {
            if pair.trim().is_empty() {
                continue;
            }
            let read = pair.split_once('=').and_then(|(name, value)| Some((name.trim(), decoded(value.trim())?)));
            let token = |name: &str| {
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
            };
            match read {
                Some((name, value)) if token(name) && value.bytes().all(|byte| matches!(byte, b' '..=b'~')) => {
                    lines.add(&name.to_ascii_lowercase(), &value);
                }
                _ => {
                    let reason =
                        format!("entry {place}: it must be `name=value`, the value percent-encoded ASCII; commas stand between entries");
                    return Err(("OTLP_HEADERS", reason));
                }
            }
        }
        Ok(Some(Self { url: [base, TRACES].concat(), headers: lines, sample }))
    }
}

/// A share of requests.
///
/// # Errors
/// The variable's name, and why it cannot be so.
pub fn share(variable: &'static str, share: f64) -> Result<f64, (&'static str, String)> {
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err((variable, "it must be a share of requests, from 0 to 1".to_owned())) }
}

/// A text without its percent-encoding (RFC 3986 section 2.1); none when it is broken or no UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}
