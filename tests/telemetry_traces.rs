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

use maya_edge::api::route::Route;
use maya_edge::cloud::models::MicroDollars;
use maya_edge::protocol::answer::judged;
use maya_edge::protocol::usage::Usage;
use maya_edge::telemetry::draw::Draw;
use maya_edge::telemetry::observation::{Observation, Source};
use maya_edge::telemetry::point::Point;
use maya_edge::telemetry::register::{self, Register};
use maya_edge::telemetry::request_log::line;
use maya_edge::telemetry::series::{Count, Measure};
use maya_edge::telemetry::settings::{Tracing, share};
use maya_edge::telemetry::sketch::Sketch;
use maya_edge::telemetry::strangers::{A_SECOND, LeftOut, Strangers};
use maya_edge::telemetry::trace::{Asked, Ended, OTHER_METHOD, Parent, Trace, Upstream, message};
use maya_edge::telemetry::tracer::{Rejected, pause_ms};
use proptest::prelude::*;
use serde_json::Value;

const ASKED: Asked<'static> = Asked { method: "POST", scheme: "https", endpoint: "chat", route: Some("/v1/chat/completions") };
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
    let answer = br#"{"id":"chatcmpl-7d0f","model":"gpt-oss-120b-0905","choices":[{"index":0,"finish_reason":"stop","text":"x"}]}"#;
    trace.identified(judged(answer).2);
    trace.stream_ended(1_090);
    let observed = Observation { tenant: "acme".to_owned(), answered_status: 200, latest_ms: 1_090, ..Observation::default() };
    let (request, _) = observed.told(ASKED, 995);
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
    assert_eq!(attribute(&spans[1], "gen_ai.response.id"), &Value::Null);
    assert_eq!(attribute(&spans[2], "gen_ai.response.id")["stringValue"], "chatcmpl-7d0f");
    assert_eq!(attribute(&spans[2], "gen_ai.response.model")["stringValue"], "gpt-oss-120b-0905");
    assert_eq!(
        attribute(&spans[2], "gen_ai.response.finish_reasons")["arrayValue"],
        serde_json::json!({"values": [{"stringValue": "stop"}]})
    );
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
    let (spans, count) = trace.spans(&observed.told(ASKED, 0).0, &UPSTREAM);
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
    let (request, figures) = observed.told(ASKED, 1_000);
    let said: Value = serde_json::from_str(&line(&request, &figures, None, 0.5)).unwrap();
    let expected = serde_json::json!({
        "level": "info", "log": "request", "at_ms": 1500, "method": "POST", "endpoint": "chat", "tenant": "acme", "model": "gpt-oss-120b",
        "source": "cloud", "request_id": "r-1", "status": 200, "latency_ms": 500, "first_byte_ms": 500, "upstream_ms": 450, "attempts": 1,
        "stood_in": false, "prompt_tokens": 12, "completion_tokens": 34, "cost_micro_dollars": null, "sample": 0.5,
    });
    assert_eq!(said, expected);
}

#[test]
fn a_stream_is_upstream_until_its_last_byte() {
    let mut observed = Observation::default();
    observed.attempt(1_100, 50, false);
    observed.attempt(1_500, 100, true);
    observed.stream_ended(2_500);
    // The end is seen once.
    observed.stream_ended(9_000);
    assert_eq!(observed.upstream_ms, Some(50 + 100 + 1_000));
    let mut whole = Observation::default();
    whole.attempt(1_500, 100, false);
    whole.stream_ended(2_500);
    assert_eq!(whole.upstream_ms, Some(100));
}

#[test]
fn a_failures_line_says_its_code_and_stands_for_itself_alone() {
    let mut observed = Observation { answered_status: 401, ..Observation::default() };
    observed.failed("invalid_api_key", 401);
    let (request, figures) = observed.told(ASKED, 0);
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
    let (request, figures) = observed.told(ASKED, 1_000);
    let point = Point::of(&request, &figures);
    assert_eq!(point.index, "é".repeat(48));
    assert_eq!(point.blobs, "chat\ngpt-oss-120b\ncloud\n\n\nPOST\nr-1");
    assert_eq!(point.doubles, [200.0, 500.0, -1.0, 450.0, 1.0, 12.0, 34.0, -1.0, 0.0]);
}

/// A request's own span.
fn own_span(trace: &Trace, asked: Asked<'_>) -> Value {
    let observed = Observation::default();
    serde_json::from_str(&trace.spans(&observed.told(asked, 0).0, &UPSTREAM).0).unwrap()
}

#[test]
fn a_span_says_the_scheme_and_a_route_only_where_there_is_one() {
    let trace = Trace::begin(None, (1, 2), 3);
    let span = own_span(&trace, ASKED);
    assert_eq!(attribute(&span, "url.scheme")["stringValue"], "https");
    assert_eq!(attribute(&span, "url.path")["stringValue"], "/v1/chat/completions");
    let span = own_span(&trace, Asked { method: OTHER_METHOD, route: None, ..ASKED });
    assert_eq!((&span["name"], attribute(&span, "http.route")), (&"HTTP".into(), &Value::Null));
    assert_eq!(attribute(&span, "url.path")["stringValue"], "/{unknown}");
}

#[test]
fn a_state_belongs_to_its_parent_and_is_what_a_header_can_be() {
    let parent = Parent::read("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let state = |parent, state: &str| own_span(&Trace::begin(parent, (1, 2), 3).with_state(state), ASKED).get("traceState").cloned();
    assert_eq!(state(parent, "a=b,c=d"), Some("a=b,c=d".into()));
    assert_eq!(state(None, "a=b"), None);
    assert_eq!(state(parent, ""), None);
    assert_eq!(state(parent, "a=\u{e9}"), None);
    assert_eq!(state(parent, &"a".repeat(513)), None);
}

#[test]
fn a_routes_template_has_no_id_in_it() {
    for (path, template) in [
        ("/chat/completions", "/v1/chat/completions"),
        ("/t/acme/v1/users/ana%40studio.example/export", "/v1/users/{id}/export"),
        ("/v1/users/ana", "/v1/users/{id}"),
        ("/v1/models/acme/m", "/v1/models/{model}"),
        ("/public/v1/models", "/public/v1/models"),
        ("/admin/tenants/acme/data", "/admin/tenants/{tenant}/data"),
        ("/v1/experiments/e/outcomes", "/v1/experiments/{id}/outcomes"),
        ("/v1/files/file-1/content", "/v1/files/{id}/content"),
        ("/v1/campaigns/strategy", "/v1/campaigns/strategy"),
        ("/v1/campaigns/c/posts.csv", "/v1/campaigns/{id}/posts.csv"),
        ("/v1/brands/b/dataset", "/v1/brands/{name}/dataset"),
    ] {
        let resource = Route::of(path).resource.unwrap();
        assert_eq!(resource.template(), template, "{path}");
        // What stands for an id may stand in its place, but where only some letters may.
        let again = template.replace(['{', '}'], "");
        assert_eq!(Route::of(&again).resource.unwrap().template(), template, "{again}");
    }
}

#[test]
fn a_strangers_word_on_its_trace_counts_once_it_is_admitted() {
    let trace = || Some(Box::new(Trace::begin(None, (1, 2), 3)));
    let mut seen = Observation { trace: trace(), trace_on_word: true, ..Observation::default() };
    assert_eq!(seen.attempt_begins("/v1/models", "", 0), None, "what goes upstream is the caller's own, unchanged");
    assert!(seen.take_trace().is_none());
    let mut seen = Observation { trace: trace(), trace_on_word: true, admitted: true, ..Observation::default() };
    assert!(seen.attempt_begins("/v1/models", "", 0).is_some() && seen.take_trace().is_some());
    let mut seen = Observation { trace: trace(), ..Observation::default() };
    assert!(seen.take_trace().is_some(), "the operator's share is anybody's");
}

#[test]
fn of_strangers_so_many_are_told_a_second_and_the_rest_is_counted() {
    let mut strangers = Strangers::default();
    let would = LeftOut { lines: 1, traces: 0 };
    let told = (0..100).filter(|at| strangers.takes(5_000 + at, would)).count();
    assert_eq!(told, A_SECOND as usize);
    assert_eq!(strangers.left_out(5_999), None, "the second is under way");
    assert!(!strangers.takes(4_000, LeftOut { lines: 0, traces: 1 }), "a clock that goes back begins no second");
    assert_eq!(strangers.left_out(6_000), Some(LeftOut { lines: 90, traces: 1 }));
    assert_eq!(strangers.left_out(6_000), None);
    assert!(strangers.takes(6_000, would));
}

#[test]
fn a_collector_that_fails_is_left_alone_for_longer_and_longer_or_as_it_says() {
    for failures in 0..40 {
        let whole = 1_000_u64.saturating_mul(2_u64.saturating_pow(failures)).min(60_000);
        for drawn in [0, 1, 777, u64::MAX] {
            let pause = pause_ms(failures, drawn, "");
            assert!((whole / 2..=whole).contains(&pause), "{failures} failures: {pause}");
        }
    }
    assert_eq!(["0", " 7 ", "3600", "18446744073709551615"].map(|said| pause_ms(0, 5, said)), [1_000, 7_000, 60_000, 60_000]);
    assert_eq!(pause_ms(1, 5, "Fri, 31 Dec 1999 23:59:59 GMT"), 1_005);
}

#[test]
fn what_a_collector_says_of_a_part_is_cut_and_can_be_printed() {
    let read = |text: &str| Rejected::read(text.as_bytes());
    let told = read(r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too\u001b[31m old"}}"#);
    assert_eq!(told, Rejected { spans: 3, told: "too?[31m old".to_owned() });
    assert_eq!(read(r#"{"partialSuccess":{"rejectedSpans":2}}"#).spans, 2);
    let long = format!(r#"{{"partialSuccess":{{"errorMessage":"{}"}}}}"#, "x".repeat(5_000));
    assert_eq!(read(&long), Rejected { spans: 0, told: "x".repeat(200) });
    for nothing in ["", "{}", "[]", "null", "no", r#"{"partialSuccess":7}"#, r#"{"partialSuccess":{"errorMessage":7,"rejectedSpans":-1}}"#]
    {
        assert_eq!(read(nothing), Rejected::default(), "{nothing}");
    }
}

#[test]
fn what_each_model_used_is_its_own_and_the_request_is_of_the_last() {
    let mut seen = Observation { latest_ms: 60_000, ..Observation::default() };
    let mut asked = |model, prompt_tokens, cost| {
        seen.answered(Some(model), Source::Cloud);
        seen.used(Usage { prompt_tokens, completion_tokens: 1 }, cost);
    };
    asked("sees", 100, Some(MicroDollars(7)));
    asked("writes", 10, Some(MicroDollars(2)));
    asked("sees", 200, None);
    asked("writes", 20, Some(MicroDollars(3)));
    for model in [Some("writes"), Some("fails"), Some("fails"), None] {
        seen.attempt_failed(model);
    }
    seen.stood_in = 1;
    let mut register = Register::default();
    seen.note(60_000, "posts", &mut register);
    let told = register::read(&register.take(60_000)).unwrap();
    let of = |model: &str| {
        let (_, _, series) = told.iter().find(|(_, labels, _)| labels.model == model && labels.source == "cloud").unwrap();
        let counts = [
            Count::Requests,
            Count::Calls,
            Count::PromptTokens,
            Count::CompletionTokens,
            Count::CostMicroDollars,
            Count::Unpriced,
            Count::ModelFailures,
        ];
        counts.map(|count| series.counted(count))
    };
    assert_eq!(told.len(), 4);
    assert_eq!(of("writes"), [1, 2, 30, 2, 5, 0, 1]);
    assert_eq!(of("sees"), [0, 2, 300, 2, 7, 1, 0]);
    assert_eq!(of("fails"), [0, 0, 0, 0, 0, 0, 2]);
    assert_eq!(of("other"), [0, 0, 0, 0, 0, 0, 1], "what is not in the table has no name");
    let tokens =
        |model: &str| told.iter().find(|(_, labels, _)| labels.model == model).unwrap().2.measured(Measure::Prompt).map(Sketch::count);
    assert_eq!((tokens("writes"), tokens("fails")), (Some(1), None), "what failed has used nothing that is known");
    assert_eq!((seen.usage.prompt_tokens, seen.cost, seen.calls), (330, MicroDollars(12), 4), "lines and points have the sum");
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
