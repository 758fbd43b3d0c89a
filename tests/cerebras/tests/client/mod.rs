//! A client that sees what others hide: chunks, early ends and the moment of the first byte.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use cerebras_stand_in::limits::Tier;
use cerebras_stand_in::server;
use cerebras_stand_in::state::{Options, State};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The headers that every accepted request needs.
pub const KEY: &str = "user-agent: test\r\nauthorization: Bearer csk-test\r\n";

/// A stand-in within this process.
pub struct Server {
    port: u16,
}

/// A response as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The HTTP chunks, where the body was sent in such.
    pub chunks: Vec<Vec<u8>>,
    /// Whether the body came to its proper end.
    pub clean: bool,
    pub head_after: Duration,
    pub total: Duration,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The data of all whole events.
    pub fn events(&self) -> Vec<String> {
        let text = self.text();
        let whole = text.rfind("\n\n").map_or("", |at| &text[..at]);
        whole.split("\n\n").filter(|event| !event.is_empty()).map(|event| event.strip_prefix("data: ").unwrap().to_owned()).collect()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The bytes of a request. `headers` are whole lines.
pub fn request(method: &str, path: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// A chat of one message.
pub fn chat(prompt: &str) -> Value {
    json!({"model": "gpt-oss-120b", "messages": [{"role": "user", "content": prompt}]})
}

impl Server {
    pub async fn start(tier: Tier) -> Self {
        Self::start_with(tier, None).await
    }

    pub async fn start_with(tier: Tier, key: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::new(Options { tier, key: key.map(str::to_owned) }));
        tokio::spawn(server::run(listener, state));
        Self { port }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    /// Sends bytes and reads one response; `None` when the connection ends without one.
    pub async fn raw(&self, bytes: &[u8]) -> Option<Answer> {
        let begun = Instant::now();
        let mut socket = self.connect().await;
        socket.write_all(bytes).await.unwrap();
        let mut seen = Vec::new();
        let head = loop {
            if let Some(at) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            if socket.read_buf(&mut seen).await.unwrap_or(0) == 0 {
                assert!(seen.is_empty());
                return None;
            }
        };
        let head_after = begun.elapsed();
        let text = String::from_utf8(seen[..head].to_vec()).unwrap();
        let mut lines = text.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers =
            lines.map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        let mut answer = Answer { status, headers, body: Vec::new(), chunks: Vec::new(), clean: false, head_after, total: head_after };
        let mut rest = seen.split_off(head + 4);
        while !answer.read(&rest) && socket.read_buf(&mut rest).await.unwrap_or(0) > 0 {}
        answer.total = begun.elapsed();
        Some(answer)
    }

    pub async fn request(&self, method: &str, path: &str, headers: &str, body: impl AsRef<[u8]>) -> Option<Answer> {
        self.raw(&request(method, path, &format!("{KEY}{headers}"), body)).await
    }

    pub async fn send(&self, body: &Value) -> Option<Answer> {
        self.request("POST", "/v1/chat/completions", "content-type: application/json\r\n", body.to_string()).await
    }

    pub async fn chat(&self, prompt: &str) -> Answer {
        self.send(&chat(prompt)).await.unwrap()
    }

    pub async fn stream(&self, prompt: &str) -> Answer {
        let mut body = chat(prompt);
        body["stream"] = true.into();
        self.send(&body).await.unwrap()
    }

    /// A request without a body and with only these headers.
    pub async fn get(&self, method: &str, path: &str, headers: &str) -> Answer {
        self.raw(&request(method, path, headers, "")).await.unwrap()
    }

    pub async fn stats(&self) -> Value {
        self.get("GET", "/_stats", "").await.json()
    }

    /// Waits until the counters are as wanted.
    pub async fn until(&self, wanted: impl Fn(&Value) -> bool) {
        for _ in 0..500 {
            if wanted(&self.stats().await) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{}", self.stats().await);
    }
}

impl Answer {
    /// Takes the body from all bytes so far; true when it is complete.
    fn read(&mut self, bytes: &[u8]) -> bool {
        if let Some(length) = self.header("content-length").map(|length| length.parse::<usize>().unwrap()) {
            self.body = bytes[..bytes.len().min(length)].to_vec();
            self.clean = self.body.len() == length;
            return self.clean;
        }
        self.chunks.clear();
        let mut rest = bytes;
        while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
            let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
            if length == 0 {
                self.clean = true;
                break;
            }
            let Some(chunk) = rest.get(line + 2..line + 2 + length) else { break };
            self.chunks.push(chunk.to_vec());
            rest = rest.get(line + 4 + length..).unwrap_or(&[]);
        }
        self.body = self.chunks.concat();
        self.clean
    }
}
