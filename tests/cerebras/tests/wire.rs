//! The stand-in over real connections: answers, streams, faults and counters.

mod client;

use std::time::{Duration, Instant};

use cerebras_stand_in::limits::Tier;
use client::{Server, chat};
use serde_json::{Value, json};

#[tokio::test]
async fn a_plain_answer_and_its_headers() {
    let server = Server::start(Tier::Paid).await;
    let answer = server.chat("Explain heat pumps in 50 words").await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert_eq!(body["choices"][0]["message"]["content"].as_str().unwrap().split_whitespace().count(), 50);
    assert!(body["choices"][0]["message"]["reasoning"].is_string());
    let usage = &body["usage"];
    assert_eq!(
        usage["total_tokens"].as_u64().unwrap(),
        usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap()
    );
    assert!(body["time_info"]["created"].is_f64());
    assert!(!answer.text().contains("null"));
    assert_eq!(answer.header("inference-id"), body["id"].as_str());
    assert_eq!(answer.header("x-request-id"), answer.header("cf-ray"));
    assert!(answer.header("set-cookie").unwrap().starts_with("__cf_bm="));
    assert_eq!(answer.header("server"), Some("cloudflare"));
    assert_eq!(answer.headers.iter().filter(|(name, _)| name.starts_with("x-ratelimit-")).count(), 6);
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer() {
    let (one, other) = (Server::start(Tier::Paid).await, Server::start(Tier::None).await);
    let (a, b) = (one.chat("What are bees?").await.json(), other.chat("What are bees?").await.json());
    assert_eq!((&a["id"], &a["choices"], &a["usage"]), (&b["id"], &b["choices"], &b["usage"]));
    assert_ne!(one.chat("What are bees? ").await.json()["choices"], a["choices"]);
}

#[tokio::test]
async fn a_stream_says_what_the_answer_says() {
    let server = Server::start(Tier::Paid).await;
    let answer = server.stream("Explain tides [[words=30]]").await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    let events = answer.events();
    assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
    // Each event is an HTTP chunk of its own.
    assert_eq!(answer.chunks.len(), events.len());
    let parsed: Vec<Value> = events[..events.len() - 1].iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    assert_eq!(parsed[0]["choices"][0]["delta"], json!({"role": "assistant"}));
    let said: String = parsed.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(said.split_whitespace().count(), 30);
    let last = parsed.last().unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
    assert!(last["usage"]["completion_tokens"].is_u64() && last["time_info"].is_object());
    assert_eq!(parsed.iter().filter(|chunk| chunk.get("usage").is_some()).count(), 1);
    assert!(parsed.iter().any(|chunk| chunk["choices"][0]["delta"]["reasoning"].is_string()));
}

#[tokio::test]
async fn usage_in_a_chunk_of_its_own_and_exact_chunks() {
    let server = Server::start(Tier::Paid).await;
    let events = server.stream("Tides [[usage-chunk]] [[chunks=7]]").await.events();
    let last: Value = serde_json::from_str(&events[events.len() - 2]).unwrap();
    assert_eq!(last["choices"], json!([]));
    assert!(last["usage"].is_object());
    assert_eq!(events.iter().filter(|event| event.contains("\"content\"")).count(), 7);
}

#[tokio::test]
async fn streams_that_end_badly() {
    let server = Server::start(Tier::Paid).await;
    for (fault, events, clean) in [
        ("cut=2", 2, false),
        ("close=3", 3, true),
        ("error=2", 3, true),
        ("flat-error=1", 2, true),
        ("cut-headers", 0, false),
        ("close=0", 0, true),
    ] {
        let answer = server.stream(&format!("Tides [[{fault}]]")).await;
        assert_eq!((answer.status, answer.events().len(), answer.clean), (200, events, clean), "{fault}");
        assert!(!answer.text().contains("[DONE]"), "{fault}");
    }
    let frame: Value = serde_json::from_str(server.stream("Tides [[error=2]]").await.events().last().unwrap()).unwrap();
    assert_eq!((&frame["status_code"], frame["error"]["message"].is_string()), (&json!(500), true));
    let half = server.stream("Tides [[half=2]]").await;
    assert!(half.clean && half.events().len() == 2 && !half.text().ends_with("\n\n"));
    assert_eq!(server.stream("Tides [[half-bytes=100]]").await.body.len(), 100);
}

#[tokio::test]
async fn answers_that_end_badly() {
    let server = Server::start(Tier::Paid).await;
    assert_eq!(server.send(&chat("x [[cut-before]]")).await.map(|answer| answer.status), None);
    let cut = server.chat("x [[cut=1]]").await;
    let promised: usize = cut.header("content-length").unwrap().parse().unwrap();
    assert!(!cut.clean && cut.body.len() == promised / 2);
    let cut = server.chat("x [[cut-headers]]").await;
    assert!(cut.status == 200 && !cut.clean && cut.body.is_empty());
    let garbage = server.chat("x [[garbage]]").await;
    assert_eq!(garbage.header("content-type"), Some("application/json"));
    assert!(serde_json::from_slice::<Value>(&garbage.body).is_err());
    assert_eq!(server.stats().await["cancelled"], 0);
}

#[tokio::test]
async fn delays() {
    let server = Server::start(Tier::Paid).await;
    let begun = Instant::now();
    let answer = server.chat("x [[latency=120]]").await;
    assert!(answer.head_after >= Duration::from_millis(120));
    let answer = server.stream("x [[first-byte=120]] [[close=2]]").await;
    assert!(answer.head_after < Duration::from_millis(100) && answer.total >= Duration::from_millis(120));
    let answer = server.stream("x [[chunk=40]] [[close=4]]").await;
    assert!(answer.total >= Duration::from_millis(120) && answer.events().len() == 4);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn every_refusal_that_can_be_asked_for() {
    let server = Server::start(Tier::Paid).await;
    for (fault, status, code) in [
        ("status=400", 400, "wrong_api_format"),
        ("status=401", 401, "wrong_api_key"),
        ("status=402", 402, "payment_required"),
        ("status=404", 404, "model_not_found"),
        ("status=413", 413, "content_too_large"),
        ("status=429", 429, "request_quota_exceeded"),
        ("rate-requests", 429, "request_quota_exceeded"),
        ("rate-tokens", 429, "token_quota_exceeded"),
        ("rate-queue", 429, "queue_exceeded"),
        ("status-model=gpt-oss-120b:402", 402, "payment_required"),
    ] {
        let answer = server.chat(&format!("x [[{fault}]]")).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{fault}");
        assert_eq!((answer.header("retry-after"), answer.header("x-ratelimit-limit-tokens-minute")), (None, Some("1000000")));
    }
    for status in [500, 502, 503] {
        let answer = server.chat(&format!("x [[status={status}]]")).await;
        assert_eq!((answer.status, &answer.json()["status_code"]), (status, &json!(status)));
    }
    assert!(server.chat("x [[status=403]]").await.text().starts_with("<!DOCTYPE html>"));
    let answer = server.chat("x [[rate-tokens]] [[retry-after=7]]").await;
    assert_eq!((answer.header("retry-after"), answer.header("x-ratelimit-remaining-tokens-minute")), (Some("7"), Some("0")));
    assert_eq!(server.chat("x [[status-model=qwen-3.8-27b:500]]").await.status, 200);
}

#[tokio::test]
async fn the_first_calls_fail_then_all_is_fine() {
    let server = Server::start(Tier::Paid).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(server.chat("x [[once=503]] [[times=2]]").await.status);
    }
    assert_eq!(statuses, [503, 503, 200, 200]);
    assert!(server.send(&chat("x [[once=cut-before]]")).await.is_none());
    assert_eq!(server.chat("x [[once=cut-before]]").await.status, 200);
    assert!(!server.chat("x [[once=cut-headers]]").await.clean);
    assert!(server.chat("x [[once=cut-headers]]").await.clean);
    server.get("POST", "/_stats/reset", "").await;
    assert_eq!(server.chat("x [[once=503]] [[times=2]]").await.status, 503);
}

#[tokio::test]
async fn other_ways_to_answer() {
    let server = Server::start(Tier::Paid).await;
    let choice = |answer: client::Answer| answer.json()["choices"][0].clone();
    assert_eq!(choice(server.chat("x [[no-finish]]").await).get("finish_reason"), None);
    assert_eq!(choice(server.chat("x [[finish=content_filter]]").await)["finish_reason"], "content_filter");
    let refusal = choice(server.chat("x [[refusal]]").await);
    assert!(refusal["message"]["refusal"].is_string() && refusal["message"].get("content").is_none());
    let empty = choice(server.chat("x [[empty]]").await);
    assert_eq!((&empty["message"]["content"], &empty["finish_reason"]), (&json!(""), &json!("stop")));
    let mut short = chat("Tides [[words=500]]");
    short["max_completion_tokens"] = 60.into();
    let short = server.send(&short).await.unwrap().json();
    assert_eq!((&short["choices"][0]["finish_reason"], &short["usage"]["completion_tokens"]), (&json!("length"), &json!(60)));
    assert!(choice(server.chat("x [[unicode]] [[words=90]]").await)["message"]["content"].as_str().unwrap().contains('\u{200d}'));
    let faulty = server.request("POST", "/v1/chat/completions", "x-stand-in: words=5\r\n", chat("Tides").to_string()).await.unwrap();
    assert_eq!(choice(faulty)["message"]["content"].as_str().unwrap().split_whitespace().count(), 5);
}

#[tokio::test]
async fn tools_schemas_and_results() {
    let server = Server::start(Tier::Paid).await;
    let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}});
    let mut body = chat("What is the weather in Oslo? [[parallel]]");
    body["tools"] = json!([tool("get_weather"), tool("get_time")]);
    body["stream"] = true.into();
    let events = server.send(&body).await.unwrap().events();
    let calls: Vec<Value> =
        events.iter().filter(|event| event.contains("tool_calls\":[")).map(|event| serde_json::from_str(event).unwrap()).collect();
    assert_eq!(calls.len(), 1);
    let calls = &calls[0]["choices"][0]["delta"]["tool_calls"];
    assert_eq!((&calls[0]["index"], &calls[1]["index"], &calls[1]["function"]["name"]), (&json!(0), &json!(1), &json!("get_time")));
    assert!(events[events.len() - 2].contains("\"finish_reason\":\"tool_calls\""));

    let mut body = chat("What is the weather in Oslo?");
    body["tools"] = json!([tool("get_weather")]);
    let call = server.send(&body).await.unwrap().json()["choices"][0]["message"].clone();
    assert_eq!(call.get("content"), None);
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(call.clone());
    messages.push(json!({"role": "tool", "tool_call_id": call["tool_calls"][0]["id"], "content": "minus four degrees"}));
    let answer = server.send(&body).await.unwrap().json();
    assert!(answer["choices"][0]["message"]["content"].as_str().unwrap().contains("minus four degrees"));

    let mut body = chat("A person");
    body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "p", "strict": true, "schema": {
        "type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name", "age"],
        "additionalProperties": false}}});
    let answer = server.send(&body).await.unwrap().json();
    let person: Value = serde_json::from_str(answer["choices"][0]["message"]["content"].as_str().unwrap()).unwrap();
    assert!(person["name"].is_string() && person["age"].is_i64());
}

#[tokio::test]
async fn cached_tokens_come_in_blocks_per_key() {
    let server = Server::start(Tier::Paid).await;
    let body = chat(&"a long and stable beginning of a prompt, ".repeat(40));
    let cached = |answer: client::Answer| answer.json()["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap();
    assert_eq!(cached(server.send(&body).await.unwrap()), 0);
    let second = cached(server.send(&body).await.unwrap());
    assert!(second > 0 && second.is_multiple_of(128));
    let other = server
        .raw(&client::request("POST", "/v1/chat/completions", "authorization: Bearer csk-other\r\nuser-agent: t\r\n", body.to_string()))
        .await;
    assert_eq!(cached(other.unwrap()), 0);
}

#[tokio::test]
async fn the_free_tier_refuses_the_sixth_request_and_too_large_ones() {
    let server = Server::start(Tier::Free).await;
    let answer = server.chat("no limit given, so the whole context is reserved").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (429, Some("token_quota_exceeded")));
    let mut body = chat("small");
    body["max_completion_tokens"] = 50.into();
    for _ in 0..5 {
        let answer = server.send(&body).await.unwrap();
        assert_eq!((answer.status, answer.headers.iter().filter(|(name, _)| name.starts_with("x-ratelimit-")).count()), (200, 18));
    }
    let answer = server.send(&body).await.unwrap();
    assert_eq!((answer.status, answer.json()["code"].as_str()), (429, Some("request_quota_exceeded")));
    assert_eq!(answer.header("x-ratelimit-remaining-requests-minute"), Some("0"));
}
