//! The benchmark's upstream: answers chat completions at once from memory, holds the KV namespace, and counts both.
//!
//! `edge-origin [--port N] [--kv-port N]` prints `{"port":N,"kv":N}` when both listen.
//! `GET /_stats` answers `{"calls":N,"kv_gets":N,"kv_puts":N}`.

use edge_load::args::{Args, fail};
use edge_load::canned::{Canned, Wish};
use edge_load::store::{NOT_FOUND, Store};
use edge_load::wire::{Framing, Head, Wire};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// A proxy under test keeps its connections to the origin open between blocks of the benchmark.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Default)]
struct Origin {
    canned: Canned,
    store: Store,
    calls: AtomicU64,
    kv_gets: AtomicU64,
    kv_puts: AtomicU64,
}

fn main() {
    let args = Args::from_env();
    let listen = |name: &str| {
        TcpListener::bind(("127.0.0.1", args.number(name).unwrap_or(0))).unwrap_or_else(|error| fail(&format!("--{name}: {error}")))
    };
    let (upstream, kv) = (listen("port"), listen("kv-port"));
    let port = |listener: &TcpListener| listener.local_addr().map_or(0, |address| address.port());
    println!(r#"{{"port":{},"kv":{}}}"#, port(&upstream), port(&kv));

    let origin = Arc::new(Origin::default());
    let store = Arc::clone(&origin);
    thread::spawn(move || serve(&kv, &store, Origin::answer_kv));
    serve(&upstream, &origin, Origin::answer);
}

type Answer = fn(&Origin, &mut Wire, &Head, &[u8]) -> io::Result<()>;

/// One thread a connection: there are at most a few hundred, and a sleeping one costs nothing.
fn serve(listener: &TcpListener, origin: &Arc<Origin>, answer: Answer) {
    for stream in listener.incoming().flatten() {
        let origin = Arc::clone(origin);
        // How a connection ends is its other side's business; the load generator notices what is missing.
        thread::spawn(move || converse(stream, &origin, answer).ok());
    }
}

fn converse(stream: TcpStream, origin: &Origin, answer: Answer) -> io::Result<()> {
    let mut wire = Wire::new(stream, PATIENCE)?;
    let mut body = Vec::new();
    while let Some(head) = wire.head()? {
        body.clear();
        if head.framing != Framing::Unframed {
            wire.body(head.framing, &mut body)?;
        }
        answer(origin, &mut wire, &head, &body)?;
        if head.close {
            break;
        }
    }
    Ok(())
}

impl Origin {
    fn answer(&self, wire: &mut Wire, head: &Head, body: &[u8]) -> io::Result<()> {
        let (method, path) = target(head);
        match (method, path) {
            ("POST", _) if path.ends_with("/chat/completions") => {
                self.calls.fetch_add(1, Relaxed);
                self.complete(wire, &Wish::read(body))
            }
            ("GET", "/_stats") => {
                let [calls, gets, puts] = [&self.calls, &self.kv_gets, &self.kv_puts].map(|counter| counter.load(Relaxed));
                let text = format!(r#"{{"calls":{calls},"kv_gets":{gets},"kv_puts":{puts}}}"#);
                wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len()).as_bytes())
            }
            _ => wire.send(NOT_FOUND),
        }
    }

    fn complete(&self, wire: &mut Wire, wish: &Wish) -> io::Result<()> {
        // The clock runs from the request, so that no event drifts by what the ones before it took to send.
        let mut due = Instant::now() + wish.delay;
        wait_until(due);
        if !wish.stream {
            return wire.send(if wish.posts { &self.canned.posts } else { &self.canned.answer });
        }
        wire.send(&self.canned.stream_head)?;
        for event in &self.canned.events {
            wait_until(due);
            wire.send(event)?;
            due += wish.pace;
        }
        Ok(())
    }

    fn answer_kv(&self, wire: &mut Wire, head: &Head, body: &[u8]) -> io::Result<()> {
        let (method, path) = target(head);
        let response = match method {
            "GET" => {
                self.kv_gets.fetch_add(1, Relaxed);
                self.store.get(path)
            }
            "PUT" => {
                self.kv_puts.fetch_add(1, Relaxed);
                self.store.put(path, body, head.header("cf-kv-metadata"))
            }
            "DELETE" => self.store.delete(path),
            _ => NOT_FOUND.to_vec(),
        };
        wire.send(&response)
    }
}

/// Method and path without query.
fn target(head: &Head) -> (&str, &str) {
    let mut words = head.first.split(' ');
    let method = words.next().unwrap_or_default();
    let path = words.next().unwrap_or_default();
    (method, path.split('?').next().unwrap_or_default())
}

fn wait_until(due: Instant) {
    thread::sleep(due.saturating_duration_since(Instant::now()));
}
