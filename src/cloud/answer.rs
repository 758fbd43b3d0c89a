//! What of Cerebras's answer reaches the caller beside its body.

use std::borrow::Cow;

use crate::boundary::Arrival;
use crate::error::Error;
use crate::protocol::answer::both_envelopes;
use crate::protocol::headers::{Lines, passes_down, well_formed_id};

/// Adds the headers that pass: rate limits, ids, and when to come back.
pub fn add_headers(arrival: &Arrival, lines: &mut Lines) {
    for (name, value) in arrival.headers().filter(|(name, _)| passes_down(name)) {
        lines.add(name, value);
    }
}

/// The request id that Cerebras gave, when it is one.
pub fn request_id(arrival: &Arrival) -> Option<&str> {
    arrival.headers().find(|(name, _)| *name == "x-request-id").map(|(_, id)| id).filter(|id| well_formed_id(id))
}

/// The type of the body.
pub fn content_type(arrival: &Arrival) -> &str {
    arrival.headers().find(|(name, _)| *name == "content-type").map_or("application/json", |(_, value)| value)
}

/// The body of an error, readable for every client.
///
/// # Errors
/// An error of the gateway's own, of the same status, when the body is no error of the API's but, say, a page.
pub fn error_body(arrival: &Arrival) -> Result<Cow<'_, [u8]>, Error> {
    both_envelopes(arrival.body()).ok_or_else(|| {
        let message = format!("Cerebras, or what stands before it, answered with status {} and no reason that can be read.", arrival.status());
        Error::new(arrival.status(), "upstream_error", message)
    })
}
