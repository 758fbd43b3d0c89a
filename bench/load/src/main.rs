//! The benchmark's load generator: a closed loop over C connections, or an open loop at a fixed rate; one JSON line as result.
//!
//! `edge-load --target 127.0.0.1:8080 --body-file request.json [--path P] [--header 'name: value']… [--connections C]
//!  [--warmup W] [--requests N] [--rate R] [--first K] [--expect-end TEXT] [--cpu-of PID] [--settle-ms M] [--max-seconds S]`
//!
//! * `{{n}}` in the body becomes a word of nine letters, another one for each request, counted from `--first` on (letters, because a
//!   gateway may take nine digits for personal data).
//! * With `--rate`, requests are due at fixed times and latency counts from then: a slow server cannot slow the load down and so
//!   hide its own queue.
//! * `--cpu-of` adds the CPU time that the process took for the measured requests, warm-up excluded.
//! * A request is an error unless the answer is a 200 that arrives whole and ends with `--expect-end`.

use edge_load::args::{Args, fail};
use edge_load::cpu::Sample;
use edge_load::stats::{percentiles, quoted};
use edge_load::wire::{Framing, Wire};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

struct Load {
    target: String,
    /// Everything before the content-length's value, and the body, cut at its placeholder.
    head: String,
    body: (String, Option<String>),
    connections: u64,
    warmup: u64,
    requests: u64,
    rate: Option<f64>,
    expect_end: Vec<u8>,
    patience: Duration,
    settle: Duration,
    cpu_of: Option<u32>,
    /// The number for the next body.
    next: AtomicU64,
    warmed: AtomicU64,
    measured: AtomicU64,
    first_error: Mutex<Option<String>>,
}

/// What one connection saw, in microseconds.
#[derive(Default)]
struct Seen {
    latency: Vec<u64>,
    first_byte: Vec<u64>,
    errors: u64,
}

fn main() {
    let load = Load::from_args(&Args::from_env());
    let barrier = Barrier::new(usize::try_from(load.connections).unwrap_or(1) + 1);
    let start = Mutex::new(Instant::now());
    let cpu_now = || load.cpu_of.map(|pid| Sample::take(pid).unwrap_or_else(|| fail("--cpu-of: no such process")));

    let (seen, seconds, before, after) = thread::scope(|scope| {
        let workers: Vec<_> = (0..load.connections).map(|_| scope.spawn(|| load.work(&barrier, &start))).collect();
        barrier.wait();
        // What the server still does for requests already answered (a write to KV, say) belongs to those requests.
        thread::sleep(load.settle);
        let before = cpu_now();
        let began = Instant::now();
        *start.lock().expect("nobody panics with this lock") = began;
        barrier.wait();
        let seen: Vec<Seen> = workers.into_iter().map(|worker| worker.join().unwrap_or_default()).collect();
        let seconds = began.elapsed().as_secs_f64();
        thread::sleep(load.settle);
        (seen, seconds, before, cpu_now())
    });
    load.report(seen, seconds, before.zip(after).map(|(before, after)| after.since(&before)));
}

impl Load {
    fn from_args(args: &Args) -> Self {
        let target = args.required("target").to_owned();
        let body = match (args.text("body"), args.text("body-file")) {
            (Some(text), _) => text.to_owned(),
            (None, Some(file)) => std::fs::read_to_string(file).unwrap_or_else(|error| fail(&format!("--body-file: {error}"))),
            (None, None) => String::new(),
        };
        let body = match body.split_once("{{n}}") {
            Some((left, right)) => (left.to_owned(), Some(right.to_owned())),
            None => (body, None),
        };
        let headers: String = args.all("header").iter().map(|line| format!("{line}\r\n")).collect();
        let path = args.text("path").unwrap_or("/v1/chat/completions");
        Self {
            head: format!("POST {path} HTTP/1.1\r\nHost: {target}\r\n{headers}Content-Length: "),
            target,
            body,
            connections: args.number("connections").unwrap_or(1).clamp(1, 1024),
            warmup: args.number("warmup").unwrap_or(0),
            requests: args.number("requests").unwrap_or(1),
            rate: args.number("rate"),
            expect_end: args.text("expect-end").unwrap_or_default().into(),
            patience: Duration::from_secs(args.number("max-seconds").unwrap_or(60)),
            settle: Duration::from_millis(args.number("settle-ms").unwrap_or(20)),
            cpu_of: args.number("cpu-of"),
            next: AtomicU64::new(args.number("first").unwrap_or(0)),
            warmed: AtomicU64::new(0),
            measured: AtomicU64::new(0),
            first_error: Mutex::new(None),
        }
    }

    fn work(&self, barrier: &Barrier, start: &Mutex<Instant>) -> Seen {
        let mut line = Line { load: self, wire: None, body: Vec::new() };
        let mut seen = Seen::default();
        while self.warmed.fetch_add(1, Relaxed) < self.warmup {
            line.request(Instant::now(), &mut Seen::default());
        }
        // Connected before the clock starts, whether or not there was a warm-up request for this connection.
        line.connect();
        barrier.wait();
        barrier.wait();
        let start = *start.lock().expect("nobody panics with this lock");
        loop {
            let number = self.measured.fetch_add(1, Relaxed);
            if number >= self.requests || start.elapsed() > self.patience {
                return seen;
            }
            let due = match self.rate {
                Some(rate) => start + Duration::from_secs_f64(number as f64 / rate),
                None => Instant::now(),
            };
            thread::sleep(due.saturating_duration_since(Instant::now()));
            line.request(due, &mut seen);
        }
    }

    fn message(&self) -> Vec<u8> {
        let (left, right) = &self.body;
        let body = match right {
            Some(right) => format!("{left}{}{right}", word(self.next.fetch_add(1, Relaxed))),
            None => left.clone(),
        };
        format!("{}{}\r\n\r\n{body}", self.head, body.len()).into_bytes()
    }

    fn report(&self, seen: Vec<Seen>, seconds: f64, cpu: Option<u64>) {
        let errors: u64 = seen.iter().map(|one| one.errors).sum();
        let (mut latency, mut first_byte) = (Vec::new(), Vec::new());
        for mut one in seen {
            latency.append(&mut one.latency);
            first_byte.append(&mut one.first_byte);
        }
        let done = latency.len();
        // A run that was cut short by its bound must not pass for a whole one.
        let missing = self.requests.saturating_sub(done as u64 + errors);
        let cpu_us = cpu.map_or("null".to_owned(), |spent| format!("{:.1}", spent as f64 / 1000.0));
        let error = self.first_error.lock().ok().and_then(|error| error.clone());
        println!(
            r#"{{"requests":{done},"errors":{},"seconds":{seconds:.6},"cpu_us":{cpu_us},"latency_us":{},"first_byte_us":{},"first_error":{}}}"#,
            errors + missing,
            percentiles(latency),
            percentiles(first_byte),
            error.map_or("null".to_owned(), |text| quoted(&text)),
        );
    }
}

/// A number as nine letters, `a` for 0 to `j` for 9.
fn word(number: u64) -> String {
    format!("{number:09}").bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

/// A connection that is made again after an error.
struct Line<'a> {
    load: &'a Load,
    wire: Option<Wire>,
    body: Vec<u8>,
}

impl Line<'_> {
    fn connect(&mut self) {
        if self.wire.is_none() {
            self.wire = TcpStream::connect(&self.load.target).and_then(|stream| Wire::new(stream, self.load.patience)).ok();
        }
    }

    fn request(&mut self, due: Instant, seen: &mut Seen) {
        self.connect();
        match self.exchange(due) {
            Ok((first_byte, latency)) => {
                seen.first_byte.push(first_byte);
                seen.latency.push(latency);
            }
            Err(text) => {
                self.wire = None;
                seen.errors += 1;
                if let Ok(mut first) = self.load.first_error.lock() {
                    first.get_or_insert(text);
                }
            }
        }
    }

    fn exchange(&mut self, due: Instant) -> Result<(u64, u64), String> {
        let message = self.load.message();
        let wire = self.wire.as_mut().ok_or("no connection")?;
        let said = |error: std::io::Error| error.to_string();
        wire.send(&message).map_err(said)?;
        let head = wire.head().map_err(said)?.ok_or("closed without an answer")?;
        let first = match head.framing {
            Framing::Unframed => return Err(format!("{}: no framing", head.first)),
            framing => wire.body(framing, &mut self.body).map_err(said)?,
        };
        let end = Instant::now();
        if head.status() != Some(200) {
            return Err(format!("{}: {}", head.first, String::from_utf8_lossy(&self.body)));
        }
        if !self.body.trim_ascii_end().ends_with(&self.load.expect_end) {
            return Err(format!("ends otherwise than expected: {}", String::from_utf8_lossy(&self.body)));
        }
        if head.close {
            self.wire = None;
        }
        let since = |moment: Instant| u64::try_from(moment.saturating_duration_since(due).as_micros()).unwrap_or(u64::MAX);
        Ok((since(first.unwrap_or(end)), since(end)))
    }
}
