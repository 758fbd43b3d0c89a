//! The one error type, and the two shapes in which a caller sees it.
//!
//! Cerebras has two envelopes, and clients disagree on which they can read. An HTTP error therefore carries both at once (flat
//! fields and the same four under `error`), every value a string: the only body that all clients tried can read. In a stream only
//! the nested frame raises an error, so only that is sent there.

use std::borrow::Cow;

/// Something that a caller, or an operator, has to know and can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// HTTP status.
    pub status: u16,
    /// The class of the error, in the words of Cerebras and OpenAI.
    pub kind: &'static str,
    /// What to act on, for programs.
    pub code: &'static str,
    /// The field, header or variable at fault; empty when there is none.
    pub param: String,
    /// What happened and what to do, for people. Never holds a secret, a prompt or an answer.
    pub message: Cow<'static, str>,
    /// Whether a client's own retry makes sense; `None` leaves it to the status.
    pub retry: Option<bool>,
    /// Further headers of the answer.
    pub headers: Vec<(&'static str, String)>,
}

impl Error {
    /// An error of a status, with a class that goes with it.
    pub fn new(status: u16, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let kind = match status {
            402 => "payment_required_error",
            403 => "permission_error",
            404 => "not_found_error",
            429 => "too_many_requests_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        Self { status, kind, code, param: String::new(), message: message.into(), retry: None, headers: Vec::new() }
    }

    /// A request that cannot be understood; `path` names the offending field.
    pub fn invalid(code: &'static str, path: impl Into<String>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, code, message).about(path)
    }

    /// Names the field, header or variable at fault.
    #[must_use]
    pub fn about(mut self, param: impl Into<String>) -> Self {
        self.param = param.into();
        self
    }

    /// Tells clients that retry by themselves not to: the same call can only end the same way.
    #[must_use]
    pub fn final_word(mut self) -> Self {
        self.retry = Some(false);
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    fn fields(&self) -> serde_json::Map<String, serde_json::Value> {
        let pairs = [("message", &*self.message), ("type", self.kind), ("param", &self.param), ("code", self.code)];
        pairs.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect()
    }

    /// The body of an HTTP error.
    pub fn body(&self) -> String {
        let mut body = self.fields();
        body.insert("error".to_owned(), self.fields().into());
        serde_json::Value::from(body).to_string()
    }

    /// The members of the last frame of a stream that failed, without the braces around them, so that they can also end an event
    /// that was cut in its middle.
    pub fn frame_members(&self) -> String {
        let mut error = self.fields();
        error.insert("id".to_owned(), "".into());
        format!("\"status_code\":{},\"error\":{}", self.status, serde_json::Value::from(error))
    }
}

/// What goes wrong between the gateway and Cerebras.
pub mod upstream {
    use super::Error;

    /// No connection, or one that broke before the answer was complete.
    pub fn unreachable() -> Error {
        Error::new(502, "upstream_unreachable", "The connection to Cerebras failed before it answered. Try again.")
    }

    /// The caller has gone away. Nobody reads this; the number is what proxies write into their logs for it.
    pub fn nobody() -> Error {
        Error::new(499, "caller_gone", "The caller went away before the answer.")
    }

    /// A stream that ended before it was complete.
    pub fn incomplete() -> Error {
        Error::new(
            502,
            "upstream_incomplete",
            "The stream from Cerebras ended before the answer was complete. Discard what came and try again.",
        )
    }

    /// An answer that is none.
    pub fn unreadable() -> Error {
        Error::new(
            502,
            "upstream_unreadable",
            "Cerebras answered with something that is not the JSON or event stream it should be. Try again.",
        )
    }

    /// A deadline of the caller's own.
    pub fn deadline(after_ms: u32) -> Error {
        let message = format!("The answer did not come within the {after_ms} ms of `x-maya-deadline-ms`. Allow more, or ask for less.");
        Error::new(504, "deadline_exceeded", message).about("x-maya-deadline-ms").final_word()
    }

    /// A deadline of the gateway's own.
    pub fn timeout(before_first_byte: bool, after_ms: u32) -> Error {
        let what = if before_first_byte { "did not begin to answer" } else { "did not finish its answer" };
        let variable = if before_first_byte { "FIRST_BYTE_MS" } else { "TOTAL_MS" };
        Error::new(504, "upstream_timeout", format!("Cerebras {what} within {after_ms} ms. Try again, ask for less, or raise {variable}."))
    }
}
