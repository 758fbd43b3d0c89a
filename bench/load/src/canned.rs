//! The upstream's answers in Cerebras's shape, made once: an origin that computes would be measured too.

use crate::wire::find;
use std::time::Duration;

const ID: &str = "chatcmpl-5b1e0a5c-42f7-4a6b-8d0e-9f3f6c1d7a21";

/// What a request asks of the origin; everything but `stream` by words in the prompt.
pub struct Wish {
    pub stream: bool,
    /// The schema `posts`: JSON of two posts.
    pub posts: bool,
    /// `delay-ms-N`: wait before the answer.
    pub delay: Duration,
    /// `pace-ms-N`: wait between two events.
    pub pace: Duration,
}

impl Wish {
    pub fn read(body: &[u8]) -> Self {
        Self {
            stream: find(body, br#""stream":true"#).is_some() || find(body, br#""stream": true"#).is_some(),
            posts: find(body, br#""name":"posts","strict":true"#).is_some(),
            delay: milliseconds(body, b"delay-ms-"),
            pace: milliseconds(body, b"pace-ms-"),
        }
    }
}

/// The number behind a word, fractions allowed; at most a minute.
fn milliseconds(body: &[u8], word: &[u8]) -> Duration {
    let Some(at) = find(body, word) else { return Duration::ZERO };
    let digits: String = body[at + word.len()..]
        .iter()
        .map(|byte| char::from(*byte))
        .take_while(|character| character.is_ascii_digit() || *character == '.')
        .collect();
    // A full stop may end the sentence that holds the number.
    let number: f64 = digits.trim_end_matches('.').parse().unwrap_or(0.0);
    Duration::from_secs_f64(number.min(60_000.0) / 1000.0)
}

/// The answers, as bytes ready to send.
pub struct Canned {
    pub answer: Vec<u8>,
    pub posts: Vec<u8>,
    pub stream_head: Vec<u8>,
    /// One HTTP chunk each; the last one carries `[DONE]` and the end of the body.
    pub events: Vec<Vec<u8>>,
}

impl Canned {
    pub fn new() -> Self {
        let whole = |body: String| {
            let mut answer = head("application/json");
            answer.extend(chunk(body.as_bytes()));
            answer.extend_from_slice(b"0\r\n\r\n");
            answer
        };
        let mut events: Vec<Vec<u8>> = stream_events().iter().map(|event| chunk(format!("data: {event}\n\n").as_bytes())).collect();
        if let Some(last) = events.last_mut() {
            last.extend_from_slice(b"0\r\n\r\n");
        }
        Self {
            answer: whole(answer_body(CONTENT)),
            posts: whole(answer_body(POSTS)),
            stream_head: head("text/event-stream; charset=utf-8"),
            events,
        }
    }
}

impl Default for Canned {
    fn default() -> Self {
        Self::new()
    }
}

fn head(content_type: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\n\
         Date: Mon, 23 Nov 2026 12:00:00 GMT\r\n\
         Content-Type: {content_type}\r\n\
         Transfer-Encoding: chunked\r\n\
         Connection: keep-alive\r\n\
         CF-RAY: 9a31f0c2d84e5b70-FRA\r\n\
         cf-cache-status: DYNAMIC\r\n\
         inference-id: {ID}\r\n\
         referrer-policy: strict-origin-when-cross-origin\r\n\
         server: cloudflare\r\n\
         set-cookie: __cf_bm=3kZrVb0Yq5d7.HqF1mT0w; path=/; expires=Mon, 23-Nov-26 12:30:00 GMT; domain=.api.cerebras.ai; HttpOnly; Secure; SameSite=None\r\n\
         strict-transport-security: max-age=15552000; includeSubDomains; preload\r\n\
         x-content-type-options: nosniff\r\n\
         x-ratelimit-limit-requests-day: 1440000\r\n\
         x-ratelimit-limit-tokens-minute: 1000000\r\n\
         x-ratelimit-remaining-requests-day: 1439871\r\n\
         x-ratelimit-remaining-tokens-minute: 998743\r\n\
         x-ratelimit-reset-requests-day: 43211.482867097855\r\n\
         x-ratelimit-reset-tokens-minute: 11.482867097855\r\n\
         x-request-id: 9a31f0c2d84e5b70-FRA\r\n\
         alt-svc: h3=\":443\"; ma=86400\r\n\r\n"
    )
    .into_bytes()
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
    framed.extend_from_slice(bytes);
    framed.extend_from_slice(b"\r\n");
    framed
}

const USAGE: &str = r#""usage":{"total_tokens":297,"completion_tokens":61,"completion_tokens_details":{"accepted_prediction_tokens":0,"rejected_prediction_tokens":0,"reasoning_tokens":0},"prompt_tokens":236,"prompt_tokens_details":{"cached_tokens":128}},"time_info":{"queue_time":0.000112,"prompt_time":0.00231,"completion_time":0.02712,"total_time":0.03102,"created":1790000000.1234}"#;
const SHARED: &str = r#""created":1790000000,"model":"gpt-oss-120b","system_fingerprint":"fp_0a1b2c3d4e5f60718293""#;

const CONTENT: &str = "Short posts work best when the first line says the one thing that a reader would repeat to a friend.";
/// As it stands within a string.
const POSTS: &str = r##"{\"x_1\":{\"text\":\"The cardamom buns come out of the oven at seven tomorrow, and by nine they are gone. Come early, and tell us what you would like to see on the shelf next.\",\"hashtags\":[\"#bakery\",\"#oslo\"]},\"linkedin_1\":{\"text\":\"At seven the oven opens, at nine the tray is empty.\\n\\nOur cardamom buns are made of butter, flour and a lot of patience, and most of them are eaten before the shop has had its first quiet minute. It is a lot of work, and we like it. What would you like to see on the shelf next?\",\"hashtags\":[\"#bakery\"]}}"##;

fn answer_body(content: &str) -> String {
    format!(
        r#"{{"id":"{ID}","choices":[{{"finish_reason":"stop","index":0,"message":{{"content":"{content}","role":"assistant"}}}}],{SHARED},"object":"chat.completion",{USAGE}}}"#
    )
}

/// Role, 50 pieces of text, the end with usage, `[DONE]`.
fn stream_events() -> Vec<String> {
    let event = |choice: &str, tail: &str| {
        format!(r#"{{"id":"{ID}","choices":[{{{choice},"index":0}}],{SHARED},"object":"chat.completion.chunk"{tail}}}"#)
    };
    let mut events = vec![event(r#""delta":{"role":"assistant"}"#, "")];
    events.extend((0..50).map(|number| event(&format!(r#""delta":{{"content":" a few words, piece {number}"}}"#), "")));
    events.push(event(r#""delta":{},"finish_reason":"stop""#, &format!(",{USAGE}")));
    events.push("[DONE]".to_owned());
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_from_the_prompt() {
        let wish = Wish::read(br#"{"stream":true,"content":"delay-ms-20 and pace-ms-2.3."}"#);
        assert!(wish.stream);
        assert_eq!((wish.delay, wish.pace), (Duration::from_millis(20), Duration::from_micros(2300)));
        let plain = Wish::read(b"{}");
        assert!(!plain.stream && plain.delay.is_zero() && plain.pace.is_zero());
    }

    #[test]
    fn sizes_are_those_of_the_recordings() {
        assert!((600..=800).contains(&answer_body(CONTENT).len()), "{}", answer_body(CONTENT).len());
        assert_eq!(Canned::new().events.len(), 53);
    }
}
