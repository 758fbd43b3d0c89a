//! What of Cerebras's answer reaches the caller beside its body and its passing headers.

use std::borrow::Cow;

use crate::boundary::Arrival;
use crate::error::Error;
use crate::protocol::answer::both_envelopes;
use crate::protocol::headers::well_formed_id;

/// The request id that Cerebras gave, when it is one.
pub fn request_id(arrival: &Arrival) -> Option<&str> {
    Some(arrival.request_id.as_str()).filter(|id| well_formed_id(id))
}

/// The body of an error, readable for every client.
///
/// # Errors
/// An error of the gateway's own, of the same status, when the body is no error of the API's but, say, a page.
pub fn error_body(arrival: &Arrival) -> Result<Cow<'_, [u8]>, Error> {
    both_envelopes(&arrival.body).ok_or_else(|| {
        let message =
            format!("Cerebras, or what stands before it, answered with status {} and no reason that can be read.", arrival.status);
        Error::new(arrival.status, "upstream_error", message)
    })
}
