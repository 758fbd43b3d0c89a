//! A tenant's store of files and batches, upon a real SQLite: nothing is lost and nothing done twice, whatever happens to messages, Workers
//! and replies.
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

#[path = "support/ledger.rs"]
mod house;

use std::collections::BTreeMap;

use house::{Database, NOON};
use maya_edge::batches::lines::{self, Cutter};
use maya_edge::batches::message::{Ask, Lease, NewBatch, ResultRow, Status, Taken};
use maya_edge::batches::multipart::{Event, Form};
use maya_edge::batches::outcome::{self, Outcome};
use maya_edge::batches::store::Store;
use maya_edge::batches::{LONGEST_LINE, PART_LINES, written};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

struct Shop {
    database: Database,
    store: Store<Database>,
    now_ms: u64,
    /// What the queue has: parts, and from when on it gives them out.
    queue: Vec<(u64, String, u64)>,
}

impl Default for Shop {
    fn default() -> Self {
        let database = Database::default();
        let store = Store::open(database.clone(), NOON).unwrap();
        Self { database, store, now_ms: NOON, queue: Vec::new() }
    }
}

impl Shop {
    fn ask_with(&mut self, ask: &Ask, bytes: &[u8]) -> (Value, Vec<u8>) {
        let reply = self.store.act(self.now_ms, &ask.written().to_string(), bytes).unwrap();
        self.take_messages();
        (serde_json::from_str(&reply.text).unwrap(), reply.bytes.unwrap_or_default())
    }

    fn ask(&mut self, ask: &Ask) -> Value {
        self.ask_with(ask, &[]).0
    }

    fn take_messages(&mut self) {
        for message in self.store.outgoing() {
            let due = self.now_ms + message["delaySeconds"].as_u64().unwrap() * 1000;
            self.queue.push((due, message["body"]["batch"].as_str().unwrap().to_owned(), message["body"]["part"].as_u64().unwrap()));
        }
    }

    /// Opens the store anew, as after an eviction.
    fn reopen(&mut self) {
        self.store = Store::open(self.database.clone(), self.now_ms).unwrap();
    }

    fn ring(&mut self) {
        if self.database.alarm_ms().is_some_and(|due| due <= self.now_ms) {
            self.store.alarm(self.now_ms).unwrap();
            self.take_messages();
        }
    }

    /// A file of so many lines a part.
    fn file(&mut self, parts: &[u64]) -> String {
        let id = self.ask(&Ask::BeginFile)["id"].as_str().unwrap().to_owned();
        for lines in parts {
            let bytes = vec![b'x'; 10];
            let told = self.ask_with(&Ask::PutParts { file: id.clone(), parts: vec![(*lines, lines * 5, bytes.len())] }, &bytes).0;
            assert!(told.get("error").is_none());
        }
        let told = self.ask_with(&Ask::EndFile { file: id.clone(), kept_ms: 30 * 86_400_000 }, b"name").0;
        assert_eq!(told, json!({"ok": true}));
        id
    }

    fn batch(&mut self, file: &str, more: impl Fn(&mut NewBatch)) -> String {
        let mut asked = NewBatch {
            tenant: "acme".to_owned(),
            region: None,
            key: "0".repeat(64),
            endpoint: "/v1/chat/completions".to_owned(),
            input_file: file.to_owned(),
            window: "24h".to_owned(),
            window_ms: 24 * 3_600_000,
            kept_ms: 86_400_000,
            starts_ms: None,
        };
        more(&mut asked);
        self.ask_with(&Ask::CreateBatch(asked), b"head").0["batches"][0]["batch"]["id"].as_str().unwrap().to_owned()
    }

    fn shown(&mut self, batch: &str) -> Value {
        self.ask(&Ask::Batch { id: batch.to_owned() })["batches"][0]["batch"].clone()
    }

    fn lease(&mut self, batch: &str, part: u64) -> Option<Lease> {
        Lease::read(&self.ask(&Ask::Lease { batch: batch.to_owned(), part, lease_ms: 60_000 }))
    }

    fn plan(&mut self, batch: &str, parts: &[u64]) {
        assert!(self.lease(batch, 0).is_some());
        let parts = (1..).zip(parts.iter().copied()).collect();
        self.ask(&Ask::Plan { batch: batch.to_owned(), parts, errors: Vec::new() });
    }

    /// Brings results of lines; each says who brings it.
    fn results(&mut self, batch: &str, part: u64, lease: &str, lines: &[u64], ok: bool, who: &str) -> Taken {
        let text = |line: &u64| format!("{line} {who}\n");
        let rows = lines.iter().map(|line| {
            let sealed = text(line).len();
            ResultRow { line: *line, ok, size: u64::try_from(sealed).unwrap(), sealed }
        });
        let ask = Ask::Results { batch: batch.to_owned(), part, lease: lease.to_owned(), lease_ms: 60_000, rows: rows.collect() };
        let bytes: String = lines.iter().map(text).collect();
        Taken::read(&self.ask_with(&ask, bytes.as_bytes()).0)
    }

    fn text(&mut self, file: &str) -> String {
        let (mut text, mut after) = (String::new(), None);
        loop {
            let (told, bytes) = self.ask_with(&Ask::Rows { file: file.to_owned(), after }, &[]);
            text.push_str(std::str::from_utf8(&bytes).unwrap());
            after = told["rows"].as_array().unwrap().last().map(|row| row[0].as_u64().unwrap());
            if told["more"] == false {
                return text;
            }
        }
    }
}

#[test]
fn a_batch_goes_from_its_check_to_its_files() {
    let mut shop = Shop::default();
    let file = shop.file(&[2, 1]);
    let batch = shop.batch(&file, |_| {});
    assert_eq!(shop.queue, [(NOON, batch.clone(), 0)]);
    shop.plan(&batch, &[2, 1]);
    assert_eq!(shop.shown(&batch)["status"], "in_progress");
    assert_eq!(shop.queue.iter().map(|(_, _, part)| *part).collect::<Vec<_>>(), [0, 1, 2]);
    let (one, two) = (shop.lease(&batch, 1).unwrap(), shop.lease(&batch, 2).unwrap());
    assert_eq!((one.first_line, two.first_line), (1, 3));
    assert_eq!(shop.results(&batch, 2, &two.lease, &[3], false, "b"), Taken { closing: None, stop: true });
    assert_eq!(shop.results(&batch, 1, &one.lease, &[2, 1], true, "a"), Taken { closing: None, stop: true });
    let done = shop.shown(&batch);
    assert_eq!(
        (&done["status"], &done["total"], &done["completed"], &done["failed"]),
        (&json!("completed"), &json!(3), &json!(2), &json!(1))
    );
    assert_eq!(shop.text(done["output_file"].as_str().unwrap()), "1 a\n2 a\n");
    assert_eq!(shop.text(done["error_file"].as_str().unwrap()), "3 b\n");
}

#[test]
fn a_part_has_one_worker_until_its_lease_ends_and_a_result_is_kept_once() {
    let mut shop = Shop::default();
    let file = shop.file(&[3]);
    let batch = shop.batch(&file, |_| {});
    shop.plan(&batch, &[3]);
    let dead = shop.lease(&batch, 1).unwrap();
    assert_eq!(shop.lease(&batch, 1), None, "a message that comes twice");
    assert_eq!(shop.results(&batch, 1, &dead.lease, &[1], true, "dead"), Taken::default());
    shop.now_ms += 60_001;
    shop.queue.clear();
    shop.ring();
    assert_eq!(shop.queue, [(shop.now_ms, batch.clone(), 1)], "sent again");
    let living = shop.lease(&batch, 1).unwrap();
    assert_eq!(living.done, [1]);
    // The first one was only slow.
    let late = shop.results(&batch, 1, &dead.lease, &[1, 2], true, "late");
    assert!(late.stop);
    shop.results(&batch, 1, &living.lease, &[2, 3], true, "living");
    let done = shop.shown(&batch);
    assert_eq!(shop.text(done["output_file"].as_str().unwrap()), "1 dead\n2 late\n3 living\n");
    assert_eq!(done["completed"], 3);
}

#[test]
fn the_queue_holds_eight_parts_of_a_batch_and_waits_when_one_of_them_has_to() {
    let mut shop = Shop::default();
    let parts = [1; 20];
    let file = shop.file(&parts);
    let batch = shop.batch(&file, |_| {});
    shop.plan(&batch, &parts);
    assert_eq!(shop.queue.len(), 1 + 8);
    let lease = shop.lease(&batch, 1).unwrap();
    shop.results(&batch, 1, &lease.lease, &[1], true, "a");
    assert_eq!(shop.queue.len(), 1 + 9);
    let lease = shop.lease(&batch, 2).unwrap();
    shop.queue.clear();
    shop.ask(&Ask::GiveBack { batch: batch.clone(), part: 2, lease: lease.lease, wait_ms: 5_000 });
    assert_eq!(shop.queue, [(shop.now_ms + 5_000, batch.clone(), 2)]);
    assert_eq!(shop.lease(&batch, 3), None, "the whole batch waits");
    assert_eq!(shop.queue.last().unwrap(), &(shop.now_ms + 5_000, batch.clone(), 3));
    shop.now_ms += 5_000;
    assert!(shop.lease(&batch, 3).is_some());
}

#[test]
fn a_batch_that_runs_out_of_time_names_what_was_not_asked() {
    let mut shop = Shop::default();
    let file = shop.file(&[1, 1]);
    let batch = shop.batch(&file, |asked| asked.window_ms = 60_000);
    shop.plan(&batch, &[1, 1]);
    let lease = shop.lease(&batch, 1).unwrap();
    shop.results(&batch, 1, &lease.lease, &[1], true, "a");
    shop.now_ms += 60_000;
    shop.ring();
    assert_eq!(shop.shown(&batch)["status"], "finalizing");
    let lease = shop.lease(&batch, 2).unwrap();
    assert_eq!(lease.batch.closing.unwrap().code, "batch_expired");
    shop.results(&batch, 2, &lease.lease, &[2], false, "unasked");
    let done = shop.shown(&batch);
    assert_eq!((&done["status"], &done["completed"], &done["failed"]), (&json!("expired"), &json!(1), &json!(1)));
}

#[test]
fn what_waits_for_its_hours_is_started_by_cron_alone_and_expires_all_the_same() {
    let mut shop = Shop::default();
    let file = shop.file(&[1]);
    let batch = shop.batch(&file, |asked| asked.starts_ms = Some(NOON + 36_000_000));
    shop.plan(&batch, &[1]);
    assert_eq!(shop.ask(&Ask::Tick { off_peak: false }), json!({"open": 1}));
    assert_eq!(shop.shown(&batch)["status"], "validating");
    shop.ask(&Ask::Tick { off_peak: true });
    assert_eq!(shop.shown(&batch)["status"], "in_progress");
    let late = shop.batch(&file, |asked| asked.starts_ms = Some(NOON + 36_000_000));
    shop.plan(&late, &[1]);
    shop.ask(&Ask::Cancel { id: late.clone() });
    let lease = shop.lease(&late, 1).unwrap();
    shop.results(&late, 1, &lease.lease, &[1], false, "unasked");
    assert_eq!(shop.shown(&late)["status"], "cancelled");
}

#[test]
fn a_batch_that_is_cancelled_during_its_check_is_cancelled_at_once() {
    let mut shop = Shop::default();
    let file = shop.file(&[1]);
    let batch = shop.batch(&file, |_| {});
    assert!(shop.lease(&batch, 0).is_some());
    assert_eq!(shop.ask(&Ask::Cancel { id: batch.clone() })["batches"][0]["batch"]["status"], "cancelled");
    assert_eq!(shop.ask(&Ask::Plan { batch: batch.clone(), parts: vec![(1, 1)], errors: Vec::new() }), json!({"error": "gone"}));
    assert_eq!(shop.ask(&Ask::Cancel { id: batch.clone() }), json!({"error": "ended"}));
}

#[test]
fn files_go_when_their_time_is_over_but_not_from_under_an_open_batch() {
    let mut shop = Shop::default();
    let file = shop.file(&[1]);
    let batch = shop.batch(&file, |asked| asked.window_ms = 40 * 86_400_000);
    shop.plan(&batch, &[1]);
    assert_eq!(shop.ask(&Ask::DeleteFile { id: file.clone() }), json!({"error": "in_use"}));
    shop.now_ms += 31 * 86_400_000;
    shop.ring();
    assert_eq!(shop.ask(&Ask::File { id: file.clone() })["files"].as_array().unwrap().len(), 1);
    let lease = shop.lease(&batch, 1).unwrap();
    shop.results(&batch, 1, &lease.lease, &[1], true, "a");
    shop.ring();
    assert_eq!(shop.ask(&Ask::File { id: file })["files"], json!([]));
    let output = shop.shown(&batch)["output_file"].as_str().unwrap().to_owned();
    assert_eq!(shop.text(&output), "1 a\n");
    shop.now_ms += 86_400_001;
    shop.ring();
    assert_eq!(shop.ask(&Ask::File { id: output })["files"], json!([]));
    assert_eq!(shop.database.number("SELECT COUNT(*) FROM results"), 0);
    shop.now_ms += 90 * 86_400_000;
    shop.ring();
    assert_eq!(shop.ask(&Ask::Batch { id: batch })["batches"], json!([]));
}

#[test]
fn an_upload_that_never_ends_is_removed() {
    let mut shop = Shop::default();
    let id = shop.ask(&Ask::BeginFile)["id"].as_str().unwrap().to_owned();
    shop.ask_with(&Ask::PutParts { file: id.clone(), parts: vec![(1, 2, 4)] }, b"some");
    assert_eq!(shop.ask(&Ask::File { id: id.clone() })["files"], json!([]), "not shown before its end");
    shop.now_ms += 3_600_000;
    shop.ring();
    assert_eq!(shop.database.number("SELECT (SELECT COUNT(*) FROM files) + (SELECT COUNT(*) FROM file_parts)"), 0);
    assert_eq!(shop.ask_with(&Ask::EndFile { file: id, kept_ms: 0 }, b"").0, json!({"error": "unknown"}));
}

#[test]
fn an_erasure_ends_open_batches_and_leaves_no_bytes() {
    let mut shop = Shop::default();
    let file = shop.file(&[1, 1]);
    let batch = shop.batch(&file, |_| {});
    shop.plan(&batch, &[1, 1]);
    let lease = shop.lease(&batch, 1).unwrap();
    shop.results(&batch, 1, &lease.lease, &[1], true, "a");
    assert_eq!(shop.ask(&Ask::Erase { all: false })["results"], 1);
    let ended = shop.shown(&batch);
    assert_eq!(
        (&ended["status"], &ended["errors"][0]["code"], &ended["output_file"]),
        (&json!("failed"), &json!("data_erased"), &Value::Null)
    );
    assert_eq!(
        shop.database.number("SELECT (SELECT COUNT(*) FROM files) + (SELECT COUNT(*) FROM results) + (SELECT COUNT(*) FROM parts)"),
        0
    );
    assert_eq!(shop.database.number("SELECT SUM(length(head)) FROM batches"), 0);
    assert!(shop.results(&batch, 2, "any", &[2], true, "late").stop);
    shop.ask(&Ask::Erase { all: true });
    assert_eq!(shop.database.number("SELECT COUNT(*) FROM batches"), 0);
}

#[test]
fn the_gateways_own_store_forgets_a_tenant_only_when_nothing_came_since() {
    let mut shop = Shop::default();
    let remember = Ask::Remember { tenant: "acme".to_owned(), region: None };
    shop.ask(&remember);
    assert_eq!(shop.ask(&Ask::Remembered), json!([{"tenant": "acme", "region": null}]));
    shop.ask(&Ask::Forget { tenant: "acme".to_owned(), before_ms: NOON });
    assert_eq!(shop.ask(&Ask::Remembered).as_array().unwrap().len(), 1);
    shop.ask(&Ask::Forget { tenant: "acme".to_owned(), before_ms: NOON + 1 });
    assert_eq!(shop.ask(&Ask::Remembered), json!([]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is lost (messages, Workers in the middle of a part, replies, the store's memory): in the end every line has one result.
    #[test]
    fn every_line_comes_out_exactly_once(sizes in vec(1_u64..5, 1..12), dice in vec(0_u8..10, 400)) {
        let mut shop = Shop::default();
        let file = shop.file(&sizes);
        let batch = shop.batch(&file, |_| {});
        let total: u64 = sizes.iter().sum();
        let mut dice = dice.into_iter().chain(std::iter::repeat(9));
        for _ in 0..600 {
            let status = Status::named(shop.shown(&batch)["status"].as_str().unwrap()).unwrap();
            if status.is_final() {
                break;
            }
            let Some((due, _, part)) = (!shop.queue.is_empty()).then(|| shop.queue.remove(0)) else {
                shop.now_ms += 10_000;
                shop.ring();
                continue;
            };
            shop.now_ms = shop.now_ms.max(due);
            match dice.next().unwrap() {
                0 => continue,
                1 => shop.reopen(),
                2 => shop.queue.push((due, batch.clone(), part)),
                _ => {}
            }
            let Some(lease) = shop.lease(&batch, part) else { continue };
            if part == 0 {
                if dice.next().unwrap() != 3 {
                    let parts = (1..).zip(sizes.iter().copied()).collect();
                    shop.ask(&Ask::Plan { batch: batch.clone(), parts, errors: Vec::new() });
                }
                continue;
            }
            let lines = sizes[usize::try_from(part).unwrap() - 1];
            for line in lease.first_line..lease.first_line + lines {
                if lease.done.contains(&line) {
                    continue;
                }
                match dice.next().unwrap() {
                    // The Worker dies: after asking, before telling.
                    4 => break,
                    5 => {
                        shop.ask(&Ask::GiveBack { batch: batch.clone(), part, lease: lease.lease.clone(), wait_ms: 1000 });
                        break;
                    }
                    6 => {
                        shop.results(&batch, part, &lease.lease, &[line, line], true, "twice");
                    }
                    _ => {
                        shop.results(&batch, part, &lease.lease, &[line], true, "once");
                    }
                }
            }
        }
        let done = shop.shown(&batch);
        prop_assert_eq!(&done["status"], "completed");
        let text = shop.text(done["output_file"].as_str().unwrap());
        let lines: Vec<u64> = text.lines().map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect();
        prop_assert_eq!(lines, (1..=total).collect::<Vec<_>>());
    }

    /// However a file is cut on its way, its parts are whole lines, and together the file.
    #[test]
    fn parts_are_whole_lines_and_together_the_file(text in "[ab\n]{0,400}", cuts in vec(1_usize..40, 1..60)) {
        let mut cutter = Cutter::default();
        let (mut parts, mut rest) = (Vec::new(), text.as_bytes());
        for cut in cuts.into_iter().chain(std::iter::repeat(1000)) {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at(cut.min(rest.len()));
            parts.extend(cutter.feed(piece).unwrap());
            rest = behind;
        }
        parts.extend(cutter.finish());
        let count = |bytes: &[u8]| u64::try_from(bytes.split_inclusive(|byte| *byte == b'\n').count()).unwrap();
        let mut first = 1;
        let mut seen = BTreeMap::new();
        for (at, part) in parts.iter().enumerate() {
            prop_assert_eq!(part.lines, count(&part.bytes));
            prop_assert!(part.lines <= PART_LINES);
            prop_assert!(part.bytes.ends_with(b"\n") || at + 1 == parts.len());
            for (number, line) in lines::numbered(&part.bytes, first) {
                seen.insert(number, line.to_vec());
            }
            first += part.lines;
        }
        let whole: Vec<u8> = parts.iter().flat_map(|part| part.bytes.clone()).collect();
        prop_assert_eq!(whole, text.as_bytes());
        let expected: BTreeMap<u64, Vec<u8>> = (1..).zip(text.split('\n')).filter(|(_, line)| !line.trim().is_empty()).map(|(number, line)| (number, line.trim().as_bytes().to_vec())).collect();
        prop_assert_eq!(seen, expected);
    }

    /// However a form is cut on its way, it says the same.
    #[test]
    fn a_form_says_the_same_however_it_is_cut(value in "[a\r\n-]{0,80}", cuts in vec(1_usize..20, 1..40)) {
        let body = format!(
            "--b-b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b-b\r\ncontent-disposition: form-data; \
             name=\"file\"; filename=\"a \\\"b\\\" %22c%22.jsonl\"\r\nContent-Type: text/plain\r\n\r\n{value}\r\n--b-b--\r\n"
        );
        prop_assume!(!value.contains("\r\n--b-b"));
        let mut form = Form::of("multipart/form-data; boundary=\"b-b\"").unwrap();
        let (mut events, mut rest) = (Vec::new(), body.as_bytes());
        for cut in cuts.into_iter().chain(std::iter::repeat(1000)) {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at(cut.min(rest.len()));
            events.extend(form.feed(piece).unwrap());
            rest = behind;
        }
        prop_assert!(form.is_done());
        let mut fields: Vec<(String, Option<String>, Vec<u8>)> = Vec::new();
        for event in events {
            match event {
                Event::Field { name, filename } => fields.push((name, filename, Vec::new())),
                Event::Bytes(bytes) => fields.last_mut().unwrap().2.extend(bytes),
                Event::End => {}
            }
        }
        prop_assert_eq!(fields, vec![
            ("purpose".to_owned(), None, b"batch".to_vec()),
            ("file".to_owned(), Some("a \"b\" \"c\".jsonl".to_owned()), value.into_bytes()),
        ]);
    }
}

#[test]
fn a_line_that_is_too_long_is_refused_before_it_is_held() {
    let mut cutter = Cutter::default();
    let piece = vec![b'x'; LONGEST_LINE / 2];
    assert!(cutter.feed(&piece).is_ok());
    assert!(cutter.feed(&piece).is_ok());
    assert!(cutter.feed(b"x").is_err());
}

#[test]
fn a_line_is_read_as_it_was_written_and_its_faults_hold_nothing_of_it() {
    let endpoint = "/v1/chat/completions";
    let read = |text: &str| lines::read(text.as_bytes(), endpoint);
    let line = read(r#"{"custom_id":"ü\n1","method":"POST","url":"/v1/chat/completions","body":{ "a": 1.50 }}"#).unwrap();
    assert_eq!((&*line.custom_id, &*line.raw_id, &*line.body), ("ü\n1", r#""ü\n1""#, br#"{ "a": 1.50 }"#.as_slice()));
    let secret = "top-secret";
    for text in [
        format!(r#"{{"custom_id":"{secret}","method":"{secret}","url":"/v1/chat/completions","body":{{}}}}"#),
        format!(r#"{{"custom_id":"a","method":"POST","url":"{secret}","body":{{}}}}"#),
        format!(r#"{{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":"{secret}"}}"#),
        format!(r#"{{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{{}},"{secret}":1}}"#),
        format!(r#"{{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{{"a":"{secret}","a":1}}}}"#),
        secret.to_owned(),
        format!("[\"{secret}\"]"),
    ] {
        let fault = read(&text).unwrap_err();
        assert!(!format!("{fault:?}").contains(secret), "{fault:?}");
    }
}

#[test]
fn a_refusal_of_a_rate_limit_is_waited_for_as_its_headers_say() {
    let of = |status: u16, headers: &[(&str, &str)]| {
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        outcome::of(status, &headers, 1)
    };
    assert_eq!(of(429, &[("retry-after", "7")]), Outcome::Wait { ms: 7000 });
    assert_eq!(of(429, &[("retry-after-ms", "1500")]), Outcome::Wait { ms: 1500 });
    assert_eq!(of(429, &[]), Outcome::Wait { ms: 3000 });
    let minute = [("x-ratelimit-remaining-requests-minute", "0"), ("x-ratelimit-reset-requests-minute", "1.9999999999999")];
    assert_eq!(of(429, &minute), Outcome::Wait { ms: 2000 });
    // What is used up counts, and of that the longest; a limit fills up continuously, so its reset is more than is needed.
    let day = [
        ("x-ratelimit-remaining-requests-minute", "4"),
        ("x-ratelimit-reset-requests-minute", "59"),
        ("x-ratelimit-remaining-tokens-hour", "0"),
        ("x-ratelimit-reset-tokens-hour", "3000.5"),
        ("x-ratelimit-remaining-tokens-minute", "0"),
        ("x-ratelimit-reset-tokens-minute", "50"),
    ];
    assert_eq!(of(429, &day), Outcome::Wait { ms: 180_000 });
    assert_eq!(of(429, &[("x-should-retry", "false")]), Outcome::Kept { ok: false });
    assert_eq!(of(401, &[]), Outcome::Refused);
    assert_eq!(of(200, &[]), Outcome::Kept { ok: true });
    assert_eq!(of(503, &[]), Outcome::Again);
    assert_eq!(outcome::of(503, &[], outcome::TRIES), Outcome::Kept { ok: false });
}

#[test]
fn the_line_of_an_answer_is_one_line_of_json() {
    let text = written::answered("batch_1", 7, r#""a\nb""#, 200, b"{\n \"text\": \"a\\nb\"\r\n}");
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 1);
    let read: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!((&read["custom_id"], &read["response"]["body"]["text"]), (&json!("a\nb"), &json!("a\nb")));
    let odd = written::answered("batch_1", 7, "\"a\"", 502, b"<html>\n\xff");
    assert!(serde_json::from_slice::<Value>(&odd).unwrap()["response"]["body"].is_string());
}
