//! Paths, keys, encodings, connections and the counters of clients that went away.

mod client;

use std::time::Duration;

use cerebras_stand_in::limits::Tier;
use client::{KEY, Server, chat, request};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn models_warming_and_unknown_paths() {
    let server = Server::start(Tier::Paid).await;
    assert_eq!(server.get("GET", "/v1/tcp_warming", "user-agent: t\r\n").await.text(), "null");
    assert_eq!(server.get("GET", "/v1/models", KEY).await.json()["data"].as_array().unwrap().len(), 2);
    assert_eq!(server.get("GET", "/v1/models/qwen-3.8-27b", KEY).await.json()["id"], "qwen-3.8-27b");
    assert_eq!(server.get("GET", "/v1/models/llama3.1-8b", KEY).await.json()["code"], "model_archived");
    assert_eq!(server.get("GET", "/v1/models/x", KEY).await.json()["code"], "model_not_found");
    assert_eq!(server.get("GET", "/v1/models", "user-agent: t\r\n").await.status, 401);
    let public = server.get("GET", "/public/v1/models?format=openrouter", "user-agent: t\r\n").await.json();
    assert_eq!(public["data"][0]["context_length"], 131_072);
    assert_eq!(server.get("GET", "/public/v1/models/gpt-oss-120b", "user-agent: t\r\n").await.json()["pricing"]["prompt"], "0.00000035");
    for path in ["/v1/embeddings", "/v1/files", "/v1/batches/b/cancel", "/", "/v1/v1/models"] {
        let answer = server.get("GET", path, KEY).await;
        assert_eq!((answer.status, &answer.json()["type"]), (404, &json!("not_found_error")), "{path}");
    }
    assert_eq!(server.get("GET", "/v1/chat/completions", KEY).await.status, 405);
    assert_eq!(server.get("GET", "/v1/models", &format!("{KEY}x-stand-in: status=503\r\n")).await.status, 503);
    let stats = server.stats().await;
    assert_eq!((&stats["warmings"], &stats["completions"], &stats["by_path"]["/v1/models"]), (&json!(1), &json!(0), &json!(3)));
}

#[tokio::test]
async fn keys_and_user_agents() {
    let server = Server::start_with(Tier::Paid, Some("csk-right")).await;
    let body = chat("x").to_string();
    for (headers, status) in [
        ("user-agent: t\r\nauthorization: Bearer csk-right\r\n", 200),
        ("user-agent: t\r\nauthorization: Bearer csk-wrong\r\n", 401),
        ("user-agent: t\r\nauthorization: Basic csk-right\r\n", 401),
        ("user-agent: t\r\n", 401),
        ("authorization: Bearer csk-right\r\n", 403),
    ] {
        let answer = server.raw(&request("POST", "/v1/chat/completions", headers, &body)).await.unwrap();
        assert_eq!(answer.status, status, "{headers}");
        if status == 401 {
            assert_eq!(answer.json()["message"], "Wrong API Key");
        }
    }
    let open = Server::start(Tier::Paid).await;
    let answer = open.raw(&request("POST", "/v1/chat/completions", "user-agent: t\r\nauthorization: Bearer sk-x\r\n", &body)).await;
    assert_eq!(answer.unwrap().status, 401);
}

#[tokio::test]
async fn refusals_of_bodies() {
    let server = Server::start(Tier::Paid).await;
    let code = |answer: client::Answer| (answer.status, answer.json()["code"].as_str().unwrap_or("").to_owned());
    let send = async |body: &str| code(server.request("POST", "/v1/chat/completions", "", body).await.unwrap());
    assert_eq!(send("{").await, (400, "wrong_api_format".to_owned()));
    assert_eq!(send("[]").await, (400, "wrong_api_format".to_owned()));
    let with = |name: &str, value: Value| {
        let mut body = chat("x");
        body[name] = value;
        body.to_string()
    };
    assert_eq!(send(&with("store", json!(true))).await, (400, "wrong_api_format".to_owned()));
    assert_eq!(send(&with("model", json!("llama3.1-70b"))).await, (404, "model_archived".to_owned()));
    assert_eq!(send(&with("model", json!("gpt-5"))).await, (404, "model_not_found".to_owned()));
    let (status, _) = send(&with("max_completion_tokens", json!(200_000))).await;
    assert_eq!(status, 400);
    let long = server.send(&chat(&"word ".repeat(110_000))).await.unwrap().json();
    assert!(long["message"].as_str().unwrap().starts_with("Please reduce the length of the messages or completion. Current length is 1"));
    assert_eq!(code(server.request("POST", "/v1/chat/completions", "content-encoding: br\r\n", "x").await.unwrap()).0, 415);
}

#[tokio::test]
async fn gzip_and_message_pack_are_read() {
    let server = Server::start(Tier::Paid).await;
    let body = chat("Tides and ebbs");
    let plain = server.send(&body).await.unwrap().json();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, body.to_string().as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let message_pack = rmp_serde::to_vec(&body).unwrap();
    for (headers, bytes) in [("content-encoding: gzip\r\n", packed), ("content-type: application/vnd.msgpack\r\n", message_pack)] {
        let answer = server.request("POST", "/v1/chat/completions", headers, bytes).await.unwrap().json();
        assert_eq!((&answer["id"], &answer["choices"]), (&plain["id"], &plain["choices"]), "{headers}");
        let last = server.get("GET", "/_last", "").await.json();
        assert_eq!(serde_json::from_str::<Value>(last["body"].as_str().unwrap()).unwrap(), body);
        assert_eq!((&last["method"], &last["headers"]["authorization"]), (&json!("POST"), &json!("Bearer csk-test")));
    }
}

#[tokio::test]
async fn text_completions() {
    let server = Server::start(Tier::Paid).await;
    let body =
        json!({"model": "gpt-oss-120b", "prompt": ["Once upon a time", "The sea"], "n": 2, "echo": true, "logprobs": 1, "max_tokens": 9});
    let answer = server.request("POST", "/v1/completions", "", body.to_string()).await.unwrap().json();
    assert_eq!((&answer["object"], answer["choices"].as_array().unwrap().len()), (&json!("text_completion"), 4));
    assert!(answer["choices"][3]["text"].as_str().unwrap().starts_with("The sea"));
    assert_eq!(answer["choices"][3]["finish_reason"], "length");
    assert_eq!(answer["usage"]["completion_tokens"], 36);
    let body = json!({"model": "gpt-oss-120b", "prompt": "Tides [[close=2]]", "stream": true});
    let events = server.request("POST", "/v1/completions", "", body.to_string()).await.unwrap().events();
    let event: Value = serde_json::from_str(&events[0]).unwrap();
    assert_eq!((events.len(), &event["object"]), (2, &json!("text_completion")));
    assert!(event["choices"][0]["text"].is_string());
    let body = json!({"model": "qwen-3.8-27b", "prompt": "x"});
    assert_eq!(server.request("POST", "/v1/completions", "", body.to_string()).await.unwrap().status, 404);
}

#[tokio::test]
async fn one_connection_serves_many_requests_also_in_a_row() {
    let server = Server::start(Tier::Paid).await;
    let one = request("POST", "/v1/chat/completions", KEY, chat("x").to_string());
    let mut socket = server.connect().await;
    // Three at once, answered in order.
    socket.write_all(&[one.clone(), request("GET", "/v1/models", KEY, ""), one].concat()).await.unwrap();
    let mut seen = Vec::new();
    while seen.windows(15).filter(|window| window == b"HTTP/1.1 200 OK").count() < 3 {
        assert!(socket.read_buf(&mut seen).await.unwrap() > 0);
    }
    let text = String::from_utf8_lossy(&seen);
    assert!(text.find("\"list\"").unwrap() > text.find("chat.completion").unwrap());
    assert_eq!(server.stats().await["calls"], 3);
}

#[tokio::test]
async fn clients_that_go_away_are_counted() {
    let server = Server::start(Tier::Paid).await;
    let faults = ["[[latency=60000]]", "[[hang]]", "[[hang=2]]", "[[chunk=60000]]", "[[first-byte=60000]]"];
    let mut sockets = Vec::new();
    for fault in faults {
        let mut body = chat(fault);
        body["stream"] = true.into();
        let mut socket = server.connect().await;
        socket.write_all(&request("POST", "/v1/chat/completions", KEY, body.to_string())).await.unwrap();
        sockets.push(socket);
    }
    server.until(|stats| stats["active"] == 5).await;
    drop(sockets);
    server.until(|stats| stats["active"] == 0).await;
    let stats = server.stats().await;
    assert_eq!((&stats["cancelled"], &stats["max_active"], &stats["completions"]), (&json!(5), &json!(5), &json!(5)));
    // What was cut by the stand-in itself is no cancellation.
    server.stream("x [[cut=1]]").await;
    server.chat("x").await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(server.stats().await["cancelled"], 5);
    let stats = server.get("POST", "/_stats/reset", "").await.json();
    assert_eq!((&stats["calls"], &stats["cancelled"]), (&json!(0), &json!(0)));
}
