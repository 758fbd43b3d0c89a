//! The two error envelopes: flat for 4xx, nested for 5xx and inside streams; and the page that stands before everything.

use bytes::Bytes;
use serde_json::json;

/// An answer that refuses.
#[derive(Clone, Debug)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// The body, complete.
    pub body: Bytes,
    /// True for the page of the network in front, which is no JSON.
    pub page: bool,
}

impl Problem {
    /// The flat envelope.
    pub fn flat(status: u16, kind: &str, param: &str, code: &str, message: &str) -> Self {
        let body = json!({"message": message, "type": kind, "param": param, "code": code});
        Self { status, body: body.to_string().into(), page: false }
    }

    /// The nested envelope.
    pub fn nested(status: u16, kind: &str, message: &str) -> Self {
        Self { status, body: nested_text(status, kind, message).into(), page: false }
    }

    /// A request that doesn't fit the schema.
    pub fn validation(message: &str) -> Self {
        Self::flat(400, "invalid_request_error", "validation_error", "wrong_api_format", message)
    }

    /// A request whose parts don't fit each other.
    pub fn format(param: &str, message: &str) -> Self {
        Self::flat(400, "invalid_request_error", param, "wrong_api_format", message)
    }

    /// Prompt and answer are longer than the model's context.
    pub fn context(length: usize, limit: usize) -> Self {
        let message = format!("Please reduce the length of the messages or completion. Current length is {length} while limit is {limit}");
        Self::flat(400, "invalid_request_error", "messages", "context_length_exceeded", &message)
    }

    /// No key, or a wrong one.
    pub fn key() -> Self {
        Self::flat(401, "invalid_request_error", "api_key", "wrong_api_key", "Wrong API Key")
    }

    /// The quota is not paid for.
    pub fn payment() -> Self {
        let message = "Payment required to access this resource. Visit your billing tab.";
        Self::flat(402, "payment_required_error", "quota", "payment_required", message)
    }

    /// The page for a request without a User-Agent.
    pub fn forbidden() -> Self {
        let body = "<!DOCTYPE html>\n<html lang=\"en-US\">\n<head><title>Attention Required! | Cloudflare</title></head>\n\
            <body><h1>Sorry, you have been blocked</h1><p>You are unable to access api.cerebras.ai</p></body>\n</html>\n";
        Self { status: 403, body: Bytes::from_static(body.as_bytes()), page: true }
    }

    /// A model that nobody has.
    pub fn no_model() -> Self {
        let message = "Model does not exist or you do not have access to it.";
        Self::flat(404, "not_found_error", "model", "model_not_found", message)
    }

    /// A model that is retired.
    pub fn archived() -> Self {
        let message = "Model has been archived and is no longer available.";
        Self::flat(404, "not_found_error", "model", "model_archived", message)
    }

    /// A path that nobody serves.
    pub fn no_path() -> Self {
        Self::flat(404, "not_found_error", "", "not_found", "Not found")
    }

    /// A path that is served with another method.
    pub fn no_method() -> Self {
        Self::flat(405, "invalid_request_error", "", "method_not_allowed", "Method not allowed")
    }

    /// A body beyond all limits.
    pub fn too_large() -> Self {
        Self::flat(413, "invalid_request_error", "", "content_too_large", "ContentTooLarge")
    }

    /// A body in an encoding that can't be read.
    pub fn unreadable_encoding() -> Self {
        Self::flat(415, "invalid_request_error", "", "unsupported_media_type", "Unsupported content encoding")
    }

    /// Requests used up, per `unit`.
    pub fn requests(unit: &str) -> Self {
        let message = format!("Requests per {unit} limit exceeded - too many requests sent.");
        Self::flat(429, "too_many_requests_error", "quota", "request_quota_exceeded", &message)
    }

    /// Tokens used up, per `unit`.
    pub fn tokens(unit: &str) -> Self {
        let message = format!("Tokens per {unit} limit exceeded - too many tokens processed.");
        Self::flat(429, "too_many_tokens_error", "quota", "token_quota_exceeded", &message)
    }

    /// Too much load for everybody.
    pub fn queue() -> Self {
        let message = "We're experiencing high traffic right now! Please try again soon.";
        Self::flat(429, "too_many_requests_error", "queue", "queue_exceeded", message)
    }

    /// The error that goes with a status.
    pub fn of_status(status: u16) -> Self {
        match status {
            400 => Self::validation("Invalid request"),
            401 => Self::key(),
            402 => Self::payment(),
            403 => Self::forbidden(),
            404 => Self::no_model(),
            413 => Self::too_large(),
            429 => Self::requests("minute"),
            500 => Self::nested(500, "server_error", "Encountered a server error, please try again."),
            502 => Self::nested(502, "server_error", "Bad gateway, please try again."),
            503 => Self::nested(503, "server_error", "The service is temporarily unavailable, please try again."),
            status if status >= 500 => Self::nested(status, "server_error", "Encountered a server error, please try again."),
            status => Self::flat(status, "invalid_request_error", "", "", "The request was refused."),
        }
    }
}

/// The nested envelope as text, for bodies and for frames.
pub fn nested_text(status: u16, kind: &str, message: &str) -> String {
    json!({"status_code": status, "error": {"message": message, "type": kind, "param": "", "code": "", "id": ""}}).to_string()
}

/// The frame that ends a stream in which something broke.
pub fn stream_frame(nested: bool) -> Bytes {
    let message = "Encountered a server error, please try again.";
    let text = if nested {
        nested_text(500, "server_error", message)
    } else {
        json!({"message": message, "type": "server_error", "param": "", "code": ""}).to_string()
    };
    format!("data: {text}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn body(problem: &Problem) -> Value {
        serde_json::from_slice(&problem.body).unwrap()
    }

    #[test]
    fn four_hundreds_are_flat_and_all_strings() {
        let flat = [
            (Problem::validation("x"), 400, "invalid_request_error", "validation_error", "wrong_api_format"),
            (Problem::key(), 401, "invalid_request_error", "api_key", "wrong_api_key"),
            (Problem::payment(), 402, "payment_required_error", "quota", "payment_required"),
            (Problem::no_model(), 404, "not_found_error", "model", "model_not_found"),
            (Problem::archived(), 404, "not_found_error", "model", "model_archived"),
            (Problem::too_large(), 413, "invalid_request_error", "", "content_too_large"),
            (Problem::requests("minute"), 429, "too_many_requests_error", "quota", "request_quota_exceeded"),
            (Problem::tokens("hour"), 429, "too_many_tokens_error", "quota", "token_quota_exceeded"),
            (Problem::queue(), 429, "too_many_requests_error", "queue", "queue_exceeded"),
        ];
        for (problem, status, kind, param, code) in flat {
            assert_eq!(problem.status, status);
            let body = body(&problem);
            assert_eq!((&body["type"], &body["param"], &body["code"]), (&kind.into(), &param.into(), &code.into()));
            assert!(body["message"].is_string() && body.get("error").is_none());
        }
        assert_eq!(body(&Problem::key())["message"], "Wrong API Key");
        assert_eq!(body(&Problem::tokens("hour"))["message"], "Tokens per hour limit exceeded - too many tokens processed.");
        assert_eq!(
            body(&Problem::context(10, 5))["message"],
            "Please reduce the length of the messages or completion. Current length is 10 while limit is 5"
        );
    }

    #[test]
    fn five_hundreds_are_nested() {
        for status in [500, 502, 503, 504] {
            let body = body(&Problem::of_status(status));
            assert_eq!(body["status_code"], status);
            for name in ["message", "type", "param", "code", "id"] {
                assert!(body["error"][name].is_string(), "{name}");
            }
            assert!(body.get("message").is_none());
        }
    }

    #[test]
    fn every_status_keeps_its_number() {
        for status in 400..600 {
            assert_eq!(Problem::of_status(status).status, status);
        }
        assert!(Problem::of_status(403).page);
    }

    #[test]
    fn frames_of_both_forms() {
        let frame = String::from_utf8(stream_frame(true).to_vec()).unwrap();
        assert!(frame.starts_with("data: {\"status_code\":500,\"error\":{") && frame.ends_with("}}\n\n"));
        let frame = String::from_utf8(stream_frame(false).to_vec()).unwrap();
        assert!(frame.starts_with("data: {\"message\":") && frame.ends_with("}\n\n"));
    }
}
