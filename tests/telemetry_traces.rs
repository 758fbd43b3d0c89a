//! Traces and lines of the log: W3C Trace Context, OTLP/JSON, sampling, and what an operator sets.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests may"
)]

use maya_edge::protocol::usage::Usage;
use maya_edge::telemetry::draw::Draw;
use maya_edge::telemetry::observation::{Observation, Source};
use maya_edge::telemetry::point::Point;
use maya_edge::telemetry::request_log::line;
use maya_edge::telemetry::settings::{Tracing, share};
use maya_edge::telemetry::trace::{Ended, Parent, Trace, Upstream, message};
use proptest::prelude::*;
use serde_json::Value;

const UPSTREAM: Upstream<'static> = Upstream { host: "api.cerebras.ai", port: 443 };

fn uuid() -> String {
    "0b6f1c1e-7d51-4c7b-9a6e-2f8f5d1a4c33".to_owned()
}

/// A request that asked a model twice, as OTLP/JSON.
fn exported(parent: Option<Parent>) -> (Vec<Value>, Value, [String; 2]) {
    let mut trace = Trace::begin(parent, (1, 2), 3);
    let first = trace.attempt("/v1/chat/completions", "gpt-oss-120b", 1_000);
    trace.attempt_ended(Ended { now_ms: 1_010, status: 503, failure: None, is_stream: false });
    let second = trace.attempt("/v1/chat/completions", "gpt-oss-120b", 1_020);
    trace.attempt_ended(Ended { now_ms: 1_030, status: 200, failure: None, is_stream: true });
    trace.used(Usage { prompt_tokens: 12, completion_tokens: 34 });
    trace.stream_ended(1_090);
    let observed = Observation { tenant: "acme".to_owned(), answered_status: 200, latest_ms: 1_090, ..Observation::default() };
    let (request, _) = observed.told("POST", ("chat", "/v1/chat/completions"), 995);
    let (spans, count) = trace.spans(&request, &UPSTREAM);
    let whole: Value = serde_json::from_str(&message("an isolate", &spans)).unwrap();
    let spans = whole["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone();
    assert_eq!(count, spans.len() as u64);
    (spans, whole, [first, second])
}

fn attribute<'v>(span: &'v Value, key: &str) -> &'v Value {
    let attributes = span["attributes"].as_array().unwrap();
    attributes.iter().find(|attribute| attribute["key"] == key).map_or(&Value::Null, |attribute| &attribute["value"])
}

#[test]
fn a_callers_trace_goes_on_below_its_span_and_each_attempt_is_the_parent_of_what_it_asks() {
    let parent = Parent::read("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
    assert!(parent.sampled);
    let (spans, _, sent) = exported(Some(parent));
    assert_eq!(spans.len(), 3);
    for span in &spans {
        assert_eq!(span["traceId"], "0af7651916cd43dd8448eb211c80319c");
    }
    assert_eq!(spans[0]["parentSpanId"], "b7ad6b7169203331");
    assert_eq!(spans[0]["kind"], 2);
    for (span, sent) in spans[1..].iter().zip(sent) {
        assert_eq!(span["parentSpanId"], spans[0]["spanId"]);
        assert_eq!(span["kind"], 3);
        assert_eq!(sent, format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", span["spanId"].as_str().unwrap()));
    }
    assert_ne!(spans[1]["spanId"], spans[2]["spanId"]);
}

#[test]
fn a_trace_of_its_own_has_no_parent() {
    let (spans, _, _) = exported(None);
    assert_eq!(spans[0].get("parentSpanId"), None);
    assert_eq!(spans[0]["traceId"], "00000000000000010000000000000002");
}

#[test]
fn spans_have_the_names_of_opentelemetrys_conventions_and_times_in_nanoseconds() {
    let (spans, whole, _) = exported(None);
    assert_eq!(spans[0]["name"], "POST /v1/chat/completions");
    assert_eq!(attribute(&spans[0], "http.request.method")["stringValue"], "POST");
    assert_eq!(attribute(&spans[0], "http.response.status_code")["intValue"], "200");
    assert_eq!(attribute(&spans[0], "maya.tenant")["stringValue"], "acme");
    assert_eq!((&spans[0]["startTimeUnixNano"], &spans[0]["endTimeUnixNano"]), (&"995000000".into(), &"1090000000".into()));
    assert_eq!(spans[1]["name"], "chat gpt-oss-120b");
    assert_eq!(attribute(&spans[1], "error.type")["stringValue"], "503");
    assert_eq!(spans[1]["status"]["code"], 2);
    assert_eq!(attribute(&spans[1], "gen_ai.usage.input_tokens"), &Value::Null);
    assert_eq!(attribute(&spans[2], "gen_ai.operation.name")["stringValue"], "chat");
    assert_eq!(attribute(&spans[2], "gen_ai.request.model")["stringValue"], "gpt-oss-120b");
    assert_eq!(attribute(&spans[2], "gen_ai.usage.output_tokens")["intValue"], "34");
    assert_eq!(attribute(&spans[2], "server.address")["stringValue"], "api.cerebras.ai");
    assert_eq!(attribute(&spans[2], "maya.first_byte_ms")["intValue"], "10");
    assert_eq!(spans[2]["endTimeUnixNano"], "1090000000", "a stream ends when its last byte has come");
    assert_eq!(spans[2].get("status"), None);
    assert_eq!(whole["resourceSpans"][0]["resource"]["attributes"][0]["value"]["stringValue"], "maya-edge");
}

#[test]
fn attempts_beyond_what_a_trace_holds_are_counted() {
    let mut trace = Trace::begin(None, (1, 2), 3);
    for at in 0..70 {
        trace.attempt("/v1/chat/completions", "m", at);
        trace.attempt_ended(Ended { now_ms: at, status: 200, failure: None, is_stream: false });
    }
    let observed = Observation::default();
    let (spans, count) = trace.spans(&observed.told("POST", ("posts", "/v1/posts"), 0).0, &UPSTREAM);
    assert_eq!(count, 65);
    assert!(spans.contains(r#"{"key":"maya.attempts_without_span","value":{"intValue":"6"}}"#), "{spans}");
}

#[test]
fn a_parent_that_is_not_well_formed_is_none() {
    for wrong in [
        "",
        "00-0-0-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    ] {
        assert_eq!(Parent::read(wrong), None, "{wrong}");
    }
    assert!(!Parent::read("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00").unwrap().sampled);
}

#[test]
fn an_upstreams_port_is_its_schemes_unless_it_is_said() {
    for (url, host, port) in
        [("https://api.cerebras.ai", "api.cerebras.ai", 443), ("http://127.0.0.1:4000/base", "127.0.0.1", 4000), ("http://one", "one", 80)]
    {
        let upstream = Upstream::of(url);
        assert_eq!((upstream.host, upstream.port), (host, port), "{url}");
    }
}

#[test]
fn what_an_operator_sets_is_checked_and_never_quoted() {
    let read = |endpoint: &str, headers: &str, sample| Tracing::read(Some(endpoint.to_owned()), Some(headers.to_owned()), sample);
    let tracing = read("https://collector.example/", "Authorization=Bearer%20abc, x-scope=1", None).unwrap().unwrap();
    assert_eq!(tracing.url, "https://collector.example/v1/traces");
    assert_eq!(tracing.headers.text(), "content-type: application/json\nauthorization: Bearer abc\nx-scope: 1\n");
    assert_eq!(
        read("https://collector.example/otlp/v1/traces", "", None).unwrap().unwrap().url,
        "https://collector.example/otlp/v1/traces"
    );
    assert!(Tracing::read(None, Some("a=b".to_owned()), None).unwrap().is_none());
    for endpoint in ["collector.example", "ftp://collector.example", "https://", "https:///v1/traces", "https://a b"] {
        assert_eq!(read(endpoint, "", None).unwrap_err().0, "OTLP_ENDPOINT", "{endpoint}");
    }
    for headers in ["hush", "=hush", "a b=hush", "a=%zz", "a=%0d%0ahush", "a=%e4"] {
        let (variable, reason) = read("https://collector.example", headers, None).unwrap_err();
        assert_eq!(variable, "OTLP_HEADERS", "{headers}");
        assert!(!reason.contains("hush"), "{reason}");
    }
    assert_eq!(read("https://collector.example", "", Some(1.5)).unwrap_err().0, "TRACE_SAMPLE");
    assert_eq!(share("LOG_SAMPLE", f64::NAN).unwrap_err().0, "LOG_SAMPLE");
    assert_eq!(share("LOG_SAMPLE", 0.25), Ok(0.25));
}

#[test]
fn of_many_requests_the_share_that_is_asked_for_is_taken() {
    let draw = Draw::default();
    let taken = (0..100_000).filter(|_| draw.takes(0.1, uuid)).count();
    assert!((9_500..=10_500).contains(&taken), "{taken}");
    assert!((0..1_000).all(|_| draw.takes(1.0, uuid) && !draw.takes(0.0, uuid)));
}

#[test]
fn isolates_and_requests_draw_different_numbers() {
    let mut drawn: Vec<u64> = (0..64_u32)
        .flat_map(|isolate| {
            let draw = Draw::default();
            (0..500).map(move |_| draw.next(|| format!("0b6f1c1e-7d51-4c7b-9a6e-2f8f5d1a4c{isolate:02x}"))).collect::<Vec<_>>()
        })
        .collect();
    let all = drawn.len();
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn.len(), all);
}

#[test]
fn a_line_says_what_is_known_and_nothing_else() {
    let mut observed =
        Observation { tenant: "acme".to_owned(), answered_status: 200, request_id: "r-1".to_owned(), ..Observation::default() };
    observed.attempt(1_500, 450, true);
    observed.answered(Some("gpt-oss-120b"), Source::Cloud);
    observed.used(Usage { prompt_tokens: 12, completion_tokens: 34 }, None);
    let (request, figures) = observed.told("POST", ("chat", "/v1/chat/completions"), 1_000);
    let said: Value = serde_json::from_str(&line(&request, &figures, None, 0.5)).unwrap();
    let expected = serde_json::json!({
        "level": "info", "log": "request", "at_ms": 1500, "method": "POST", "endpoint": "chat", "tenant": "acme", "model": "gpt-oss-120b",
        "source": "cloud", "request_id": "r-1", "status": 200, "latency_ms": 500, "first_byte_ms": 500, "upstream_ms": 450, "attempts": 1,
        "stood_in": false, "prompt_tokens": 12, "completion_tokens": 34, "cost_micro_dollars": null, "sample": 0.5,
    });
    assert_eq!(said, expected);
}

#[test]
fn a_failures_line_says_its_code_and_stands_for_itself_alone() {
    let mut observed = Observation { answered_status: 401, ..Observation::default() };
    observed.failed("invalid_api_key", 401);
    let (request, figures) = observed.told("POST", ("chat", "/v1/chat/completions"), 0);
    let said: Value = serde_json::from_str(&line(&request, &figures, Some("ab"), 0.0)).unwrap();
    assert_eq!((&said["level"], &said["error"], &said["sample"]), (&"warn".into(), &"invalid_api_key".into(), &1.0.into()));
    assert_eq!((said.get("source"), said.get("attempts"), &said["trace_id"]), (None, None, &"ab".into()));
}

#[test]
fn a_data_point_has_its_columns_in_an_order_that_stays_and_says_what_is_unknown() {
    let mut observed =
        Observation { tenant: "é".repeat(60), answered_status: 200, request_id: "r-1".to_owned(), ..Observation::default() };
    observed.attempt(1_500, 450, false);
    observed.answered(Some("gpt-oss-120b"), Source::Cloud);
    observed.used(Usage { prompt_tokens: 12, completion_tokens: 34 }, None);
    let (request, figures) = observed.told("POST", ("chat", "/v1/chat/completions"), 1_000);
    let point = Point::of(&request, &figures);
    assert_eq!(point.index, "é".repeat(48));
    assert_eq!(point.blobs, "chat\ngpt-oss-120b\ncloud\n\n\nPOST\nr-1");
    assert_eq!(point.doubles, [200.0, 500.0, -1.0, 450.0, 1.0, 12.0, 34.0, -1.0, 0.0]);
}

proptest! {
    #[test]
    fn a_parent_that_is_read_is_the_one_that_was_written(trace in 1_u128.., span in 1_u64.., flags: u8) {
        let read = Parent::read(&format!("00-{trace:032x}-{span:016x}-{flags:02x}")).unwrap();
        prop_assert_eq!(read, Parent { trace, span, sampled: flags % 2 == 1 });
    }

    #[test]
    fn no_text_is_read_as_a_parent_and_breaks(text in ".{0,80}") {
        let _ = Parent::read(&text);
    }
}
