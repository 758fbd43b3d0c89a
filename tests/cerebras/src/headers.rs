//! The headers of every response, as recorded in front of the real API.

use std::sync::LazyLock;

use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};

use crate::seed::{Dice, join};

/// `text/event-stream; charset=utf-8`
pub const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
/// `application/json`
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// `text/html; charset=UTF-8`
pub const PAGE: HeaderValue = HeaderValue::from_static("text/html; charset=UTF-8");

static COMMON: LazyLock<HeaderMap> = LazyLock::new(|| {
    let fixed = [
        ("server", "cloudflare"),
        ("cf-cache-status", "DYNAMIC"),
        ("alt-svc", "h3=\":443\"; ma=86400"),
        ("referrer-policy", "strict-origin-when-cross-origin"),
        ("strict-transport-security", "max-age=15552000; includeSubDomains; preload"),
        ("x-content-type-options", "nosniff"),
    ];
    // Room for what each response adds: up to eighteen rate-limit headers and a few more.
    let mut headers = HeaderMap::with_capacity(32);
    for (name, value) in fixed {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
});

/// The headers of a response. `call` is a number of its own for each call; `time` is in seconds since 1970.
pub fn common(kind: HeaderValue, call: u64, time: f64) -> HeaderMap {
    let mut headers = COMMON.clone();
    headers.insert(CONTENT_TYPE, kind);
    let mut dice = Dice::new(join(call, time.to_bits()));
    let ray = dice.roll();
    if let Ok(ray) = HeaderValue::try_from(format!("{ray:016x}-AMS")) {
        headers.insert(HeaderName::from_static("x-request-id"), ray.clone());
        headers.insert(HeaderName::from_static("cf-ray"), ray);
    }
    let cookie = format!(
        "__cf_bm={:016x}{:016x}-{}-1.0.1.1; path=/; domain=.api.cerebras.ai; HttpOnly; Secure; SameSite=None",
        dice.roll(),
        dice.roll(),
        time as u64
    );
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        headers.insert(SET_COOKIE, cookie);
    }
    headers
}

/// Adds the id of an answer.
pub fn add_inference_id(headers: &mut HeaderMap, id: &str) {
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(HeaderName::from_static("inference-id"), id);
    }
}
