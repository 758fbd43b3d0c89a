//! Usage, audit, keys, end users, retention and erasure upon a real SQLite.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests may"
)]

#[path = "support/ledger.rs"]
mod house;

use std::collections::{BTreeMap, BTreeSet};

use house::{Ledger, NOON, call, called, granted};
use maya_edge::cloud::models::{MicroDollars, Model};
use maya_edge::ledger::message::{Called, Idempotency, Message, Note, Reserve, Trace, Word};
use maya_edge::ledger::price;
use maya_edge::protocol::usage::Usage;
use serde_json::{Value, json};

const DAY_MS: u64 = 86_400_000;

/// Random numbers from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[test]
fn ten_thousand_calls_recomputed_give_the_same_figures_to_the_micro_dollar() {
    // Prices of three models in micro-dollars for a million tokens; the last one's is unknown.
    let prices: [Option<(u64, u64)>; 3] = [Some((350_000, 750_000)), Some((990_001, 1_490_003)), None];
    let rows: Vec<Option<Model>> = prices
        .iter()
        .map(|price| {
            price.map(|(input, output)| {
                serde_json::from_value(json!({"input_micro_dollars_per_million": input, "output_micro_dollars_per_million": output}))
                    .unwrap()
            })
        })
        .collect();
    let mut dice = Dice(7);
    let mut ledger = Ledger::default();
    // By day, model, key and user: requests, hits, failed, prompt, completion, cost, unpriced, saved, unpriced hits.
    let mut expected: BTreeMap<(u64, u64, u64, u64), [u128; 9]> = BTreeMap::new();
    let mut notes = Vec::new();
    for at in 0..10_000_u64 {
        ledger.now_ms = NOON + at * 60_000;
        let (model, key, user) = (dice.below(3), dice.below(4), dice.below(5));
        let usage = Usage { prompt_tokens: dice.below(9000), completion_tokens: dice.below(3000) };
        let cost = price::cost(rows[model as usize].as_ref(), usage);
        let exact = prices[model as usize].map(|(input, output)| {
            (u128::from(input) * u128::from(usage.prompt_tokens) + u128::from(output) * u128::from(usage.completion_tokens) + 500_000)
                / 1_000_000
        });
        let exact = if usage == Usage::default() { Some(0) } else { exact };
        let called = Called {
            at_ms: ledger.now_ms,
            key: format!("k{key}"),
            user: (user > 0).then(|| format!("u{user}")),
            model: format!("m{model}"),
            usage,
            cost,
            ..Called::default()
        };
        let row = expected.entry((ledger.now_ms / DAY_MS, model, key, user)).or_default();
        let (known, unknown) = (exact.unwrap_or_default(), u128::from(exact.is_none()));
        match dice.below(10) {
            0 => {
                row[2] += 1;
                notes.push(Note::Released(called));
            }
            1 | 2 => {
                (row[1], row[7], row[8]) = (row[1] + 1, row[7] + known, row[8] + unknown);
                notes.push(Note::Hit(called));
            }
            _ => {
                row[0] += 1;
                (row[3], row[4]) = (row[3] + u128::from(usage.prompt_tokens), row[4] + u128::from(usage.completion_tokens));
                (row[5], row[6]) = (row[5] + known, row[6] + unknown);
                notes.push(Note::Settled(called));
            }
        }
        if notes.len() == 7 || at == 9999 {
            ledger.act(&Message::Note { notes: std::mem::take(&mut notes) }, &[]);
        }
        if at % 1000 == 0 {
            ledger.reopen();
        }
    }
    let number = |row: &Value, name: &str| u128::from(row[name].as_u64().unwrap_or_default());
    let compare = |row: &Value, sums: &[u128; 9], unpriced: bool| {
        let names = [
            "requests",
            "hits",
            "failed",
            "prompt_tokens",
            "completion_tokens",
            "cost_micro_dollars",
            "unpriced_requests",
            "saved_micro_dollars",
            "saved_unpriced_hits",
        ];
        for (name, sum) in names.iter().zip(sums) {
            assert_eq!(number(row, name), *sum, "{name} of {row}");
        }
        assert_eq!(row["cost_micro_dollars"].is_null(), sums[0] > 0 && sums[6] == sums[0], "{row}");
        assert_eq!(row["saved_micro_dollars"].is_null(), sums[1] > 0 && sums[8] == sums[1], "{row}");
        assert_eq!(row["unpriced_models"], if unpriced && sums[6] > 0 { json!(["m2"]) } else { json!([]) }, "{row}");
    };
    for mask in 0..16_usize {
        let names = ["day", "model", "key", "user"];
        let by: Vec<&str> = (0..4).filter(|at| mask >> at & 1 == 1).map(|at| names[at]).collect();
        let mut groups: BTreeMap<Vec<String>, [u128; 9]> = BTreeMap::new();
        for ((day, model, key, user), sums) in &expected {
            let all = [
                maya_edge::ledger::calendar::written(*day),
                format!("m{model}"),
                format!("k{key}"),
                if *user == 0 { "null".to_owned() } else { format!("u{user}") },
            ];
            let group: Vec<String> = (0..4).filter(|at| mask >> at & 1 == 1).map(|at| all[at].clone()).collect();
            let into = groups.entry(group).or_default();
            into.iter_mut().zip(sums).for_each(|(into, sum)| *into += sum);
        }
        let usage = ledger.usage(json!({"by": by}));
        let rows = usage["rows"].as_array().unwrap();
        assert_eq!(rows.len(), if mask == 0 { 0 } else { groups.len() });
        for row in rows {
            let group: Vec<String> = by.iter().map(|name| row[*name].as_str().unwrap_or("null").to_owned()).collect();
            compare(row, &groups[&group], true);
        }
        let total = groups.values().fold([0; 9], |mut total, sums| {
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
            total
        });
        compare(&usage["total"], &total, true);
    }
    // What was spent is the same money.
    let cost: u128 = expected.values().map(|sums| sums[5]).sum();
    assert_eq!(ledger.database.number("SELECT SUM(amount) FROM spent WHERE owner = 'tenant'") as u128, cost);
    assert_eq!(ledger.database.number("SELECT SUM(amount) FROM spent WHERE owner != 'tenant'") as u128, cost);
    // An end user's rows can be asked for alone.
    let theirs = ledger.usage(json!({"user": "u1", "model": "m0", "key": "k2", "from": "2026-11-24", "to": "2026-11-25"}));
    let sums = expected.iter().filter(|((day, model, key, user), _)| (*model, *key, *user) == (0, 2, 1) && [20_781, 20_782].contains(day));
    assert_eq!(number(&theirs["total"], "cost_micro_dollars"), sums.map(|(_, sums)| sums[5]).sum());
}

#[test]
fn a_question_that_makes_no_sense_is_named() {
    let mut ledger = Ledger::default();
    for (query, wrong) in [(json!({"from": "2026-02-30"}), "from"), (json!({"to": "x"}), "to"), (json!({"by": ["day", "week"]}), "by")] {
        assert_eq!(ledger.usage(query), json!({"error": wrong}));
    }
    assert_eq!(ledger.usage(json!({"user": "nobody"}))["total"]["requests"], 0);
    assert_eq!(ledger.usage(json!({"user": "'; DROP TABLE usage; --"}))["total"]["cost_micro_dollars"], 0);
}

// Audit

fn fill(ledger: &mut Ledger, entries: u64) {
    for at in 0..entries {
        ledger.now_ms += 1000;
        ledger.ask(json!({"record": {"what": (if at % 2 == 0 { "even" } else { "odd" }), "who": format!("k{}", at % 3), "user": (at % 5 == 0).then_some("alice"), "details": {"at": at, "half": 0.5}}}));
    }
}

fn numbers(page: &Value) -> Vec<u64> {
    page["entries"].as_array().unwrap().iter().map(|entry| entry["number"].as_u64().unwrap()).collect()
}

#[test]
fn the_audit_is_read_in_pages_and_filtered() {
    let mut ledger = Ledger::default();
    fill(&mut ledger, 25);
    let mut seen = Vec::new();
    let mut after = json!(0);
    while !after.is_null() {
        let page = ledger.ask(json!({"audit": {"after": after, "limit": 10}}));
        seen.extend(numbers(&page));
        after = page["next"].clone();
    }
    assert_eq!(seen, (1..=25).collect::<Vec<u64>>());
    let exactly = ledger.ask(json!({"ask": "audit", "limit": 25}));
    assert_eq!(exactly["next"], Value::Null);
    let filtered =
        ledger.ask(json!({"ask": "audit", "limit": 1000, "what": "even", "who": "k0", "from_ms": NOON + 2000, "to_ms": NOON + 20_000}));
    assert_eq!(numbers(&filtered), [7, 13, 19]);
    let theirs = ledger.ask(json!({"ask": "audit", "limit": 2, "user": "alice"}));
    assert_eq!((numbers(&theirs), &theirs["next"], &theirs["entries"][0]["user"]), (vec![1, 6], &json!(6), &json!("alice")));
    assert_eq!(theirs["entries"][0]["details"], json!({"at": 0, "half": 0.5}));
    assert_eq!(numbers(&ledger.ask(json!({"ask": "audit", "user": "bob"}))), Vec::<u64>::new());
}

#[test]
fn whatever_is_changed_removed_or_added_in_the_database_is_named() {
    let broken = |sql: &str, length: u64| {
        let mut ledger = Ledger::default();
        fill(&mut ledger, length);
        assert_eq!(ledger.ask(json!({"ask": "verify"}))["whole"], true);
        ledger.database.tamper(sql);
        ledger.reopen();
        let verdict = ledger.ask(json!({"ask": "verify"}));
        assert_eq!(verdict["whole"], false, "{sql}");
        verdict["broken"]
            .as_array()
            .unwrap()
            .iter()
            .map(|broken| format!("{} {}", broken["number"], broken["why"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(broken("UPDATE audit SET details = '{}' WHERE number = 3", 9), ["3 changed"]);
    for column in ["at_ms = 1", "what = 'x'", "who = 'x'", "alias = 'x'", "hash = 'x'"] {
        assert_eq!(broken(&format!("UPDATE audit SET {column} WHERE number = 9"), 9), ["9 changed"], "{column}");
    }
    assert_eq!(broken("DELETE FROM audit WHERE number = 1", 9), ["1 missing"]);
    assert_eq!(broken("DELETE FROM audit WHERE number IN (5, 6)", 9), ["6 missing", "5 missing"]);
    assert_eq!(broken("DELETE FROM audit WHERE number >= 8", 9), ["9 missing", "8 missing"]);
    assert_eq!(broken("DELETE FROM audit", 2), ["2 missing", "1 missing"]);
    assert_eq!(
        broken("INSERT INTO audit SELECT 10, at_ms, what, who, alias, details, previous, hash FROM audit WHERE number = 9", 9),
        ["10 added"]
    );
    assert_eq!(
        broken("INSERT INTO audit SELECT -1, at_ms, what, who, alias, details, previous, hash FROM audit WHERE number = 9", 9).len(),
        1
    );
    assert_eq!(broken("UPDATE audit SET at_ms = 1.5, what = x'00' WHERE number = 4", 9), ["4 changed"]);
    // More than are read at once.
    assert_eq!(broken("UPDATE audit SET who = 'x' WHERE number IN (3, 1203)", 1300), ["1203 changed", "3 changed"]);
}

#[test]
fn a_configuration_is_an_event_only_when_it_differs() {
    let mut ledger = Ledger::default();
    for details in [json!({"a": 1}), json!({"a": 1}), json!({"a": 2}), json!({"a": 2}), json!({"a": 1})] {
        ledger.ask(json!({"ask": "record", "what": "configuration", "details": details}));
        ledger.reopen();
    }
    let seen: Vec<Value> = ledger.audit().iter().map(|entry| json!([entry["what"], entry["details"]["a"]])).collect();
    assert_eq!(json!(seen), json!([["configuration_changed", 1], ["configuration_changed", 2], ["configuration_changed", 1]]));
}

#[test]
fn refusals_and_traced_calls_are_in_the_audit() {
    let mut ledger = Ledger::default();
    let own = json!({"limits": [{"requests": 1, "window": "60s"}]});
    ledger.reserve(call("a", own.clone()));
    ledger.reserve(Reserve { user: Some("alice".to_owned()), ..call("b", own) });
    let trace = Some(Trace { request_bytes: 12, answer_bytes: 34, request_sha256: "aa".to_owned(), answer_sha256: "bb".to_owned() });
    ledger.note(Note::Settled(Called { trace, request_id: "q".to_owned(), ..called("a", NOON) }));
    let audit = ledger.audit();
    assert_eq!((&audit[0]["what"], &audit[0]["who"], &audit[0]["user"]), (&json!("refused"), &json!("k1"), &json!("alice")));
    assert_eq!(audit[0]["details"], json!({"code": "limited", "key": "k1", "model": "m1"}));
    assert_eq!(
        (&audit[1]["what"], &audit[1]["details"]["request_id"], &audit[1]["details"]["answer_bytes"]),
        (&json!("call"), &json!("q"), &json!(34))
    );
    assert_eq!(ledger.ask(json!({"ask": "verify"}))["whole"], true);
}

// Keys and tenants

fn managed(id: &str) -> Reserve {
    Reserve { managed: true, key: "acme.1".to_owned(), terms: Vec::new(), ..call(id, json!({})) }
}

fn put(ledger: &mut Ledger, act: &str, digit: &str, record: Value) {
    let mut whole = json!({"id": "acme.1", "tenant": "acme"});
    whole.as_object_mut().unwrap().extend(record.as_object().unwrap().clone());
    ledger.ask(json!({"ask": "put_key", "act": act, "sha256": digit.repeat(64), "record": whole}));
}

#[test]
fn a_managed_key_is_held_to_the_ledgers_own_record() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.reserve(managed("a")), Word::Revoked, "unknown");
    put(&mut ledger, "key_created", "a", json!({"limits": [{"requests": 1, "window": "60s"}]}));
    assert!(granted(&ledger.reserve(managed("b"))));
    assert!(matches!(ledger.reserve(managed("c")), Word::Limited { .. }));
    put(&mut ledger, "key_changed", "a", json!({"expires_ms": NOON + 1000}));
    ledger.reopen();
    assert!(granted(&ledger.reserve(managed("d"))));
    // A rotation: the old digest lasts a while, the new one for good.
    ledger.now_ms += 1000;
    assert_eq!(ledger.reserve(managed("e")), Word::Revoked, "expired");
    put(&mut ledger, "key_rotated", "b", json!({}));
    assert!(granted(&ledger.reserve(managed("f"))));
    let revoked = ledger.ask(json!({"ask": "revoke_key", "id": "acme.1"}));
    let digests: Vec<_> = revoked
        .as_array()
        .unwrap()
        .iter()
        .map(|key| (key["sha256"].as_str().unwrap().len(), key["record"]["revoked_ms"].as_u64()))
        .collect();
    assert_eq!(digests, [(64, Some(ledger.now_ms)); 2]);
    ledger.reopen();
    assert_eq!(ledger.reserve(managed("g")), Word::Revoked);
    put(&mut ledger, "key_changed", "b", json!({}));
    assert_eq!(ledger.reserve(managed("h")), Word::Revoked, "for good");
    assert_eq!(ledger.ask(json!({"ask": "revoke_key", "id": "acme.2"})), json!([]));
    assert_eq!(ledger.ask(json!({"ask": "keys"})).as_array().unwrap().len(), 2);
    assert_eq!(ledger.ask(json!({"ask": "keys", "id": "acme.1"})).as_array().unwrap().len(), 2);
    let acts: Vec<String> =
        ledger.audit().iter().map(|entry| entry["what"].as_str().unwrap().to_owned()).filter(|what| what != "refused").collect();
    assert_eq!(acts, ["key_created", "key_changed", "key_rotated", "key_revoked", "key_changed"]);
}

#[test]
fn a_tenants_record_holds_for_all_of_its_calls_and_its_salt_is_not_in_the_audit() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.ask(json!({"ask": "tenant"}))["epoch"], 0);
    let erased = ledger.ask(json!({"ask": "erase_user", "user": "nobody"}));
    let salt = erased["record"]["salt"].as_str().unwrap().to_owned();
    assert_eq!((erased["record"]["epoch"].as_u64(), salt.len()), (Some(1), 32));
    // Who changes a record that was read before an erasure does not undo it.
    let record = json!({"limits": [{"requests": 1, "window": "60s"}], "epoch": 0, "salt": "00"});
    let put = ledger.ask(json!({"ask": "put_tenant", "record": record}));
    assert_eq!((&put["record"]["salt"], &put["record"]["epoch"]), (&json!(salt), &json!(1)));
    assert!(!ledger.audit().iter().any(|entry| entry.to_string().contains(&salt)));
    ledger.reopen();
    assert!(granted(&ledger.reserve(call("a", json!({})))));
    assert!(!granted(&ledger.reserve(Reserve { key: "k2".to_owned(), ..call("b", json!({})) })));
}

#[test]
fn a_tenant_is_registered_in_one_region() {
    let mut ledger = Ledger::default();
    for (region, expected) in
        [(json!("eu"), json!({"ok": true})), (json!("eu"), json!({"ok": true})), (json!(null), json!({"error": "region"}))]
    {
        assert_eq!(ledger.ask(json!({"ask": "register", "tenant": "a", "region": region})), expected);
    }
    ledger.ask(json!({"ask": "register", "tenant": "b"}));
    assert_eq!(ledger.ask(json!({"ask": "tenants"})), json!([{"tenant": "a", "region": "eu"}, {"tenant": "b", "region": null}]));
}

// Retention and erasure

#[test]
fn retention_removes_the_oldest_and_what_is_left_still_verifies() {
    let mut ledger = Ledger::default();
    ledger.ask(json!({"ask": "put_tenant", "record": {"retention": {"audit": "10s", "usage": "2d"}}}));
    assert_eq!(ledger.database.alarm_ms(), Some(NOON + 10_000));
    fill(&mut ledger, 15);
    ledger.note(Note::Settled(Called { user: Some("carol".to_owned()), ..called("", NOON) }));
    ledger.ring();
    let verdict = ledger.ask(json!({"ask": "verify"}));
    assert_eq!((&verdict["whole"], &verdict["first"], &verdict["last"]), (&json!(true), &json!(7), &json!(16)));
    assert_eq!(ledger.database.number("SELECT MIN(number) FROM audit"), 7);
    ledger.reopen();
    assert_eq!(ledger.ask(json!({"ask": "verify"})), verdict);
    // The alarm comes again for what is left, until nothing is.
    for _ in 0..200 {
        let Some(due) = ledger.database.alarm_ms() else { break };
        ledger.now_ms = ledger.now_ms.max(due);
        ledger.ring();
    }
    assert_eq!(ledger.database.alarm_ms(), None, "nothing is left to do");
    assert_eq!(ledger.now_ms, NOON + 12 * 3_600_000 + 2 * DAY_MS, "the day of the usage, and two days");
    let counts = ["audit", "usage", "persons"].map(|table| ledger.database.number(&format!("SELECT COUNT(*) FROM {table}")));
    assert_eq!(counts, [0, 0, 0], "and who was only known from there is forgotten");
    fill(&mut ledger, 3);
    let verdict = ledger.ask(json!({"ask": "verify"}));
    assert_eq!((&verdict["whole"], &verdict["first"], &verdict["last"]), (&json!(true), &json!(17), &json!(19)));
    ledger.database.tamper("UPDATE facts SET value = replace(value, ' ', ' 0') WHERE name = 'checkpoint'");
    ledger.reopen();
    assert_eq!(ledger.ask(json!({"ask": "verify"}))["whole"], false);
}

fn live(ledger: &mut Ledger, user: &str, id: &str) {
    let own = json!({"limits": [{"requests": 5, "window": "1h", "per": "user"}], "budget": {"day": {"hard_micro_dollars": 100_000}}});
    let idempotency = |name: &str| Some(Idempotency { key: format!("{name}-{id}"), body: "b".to_owned() });
    let reserve =
        |name: &str| Reserve { user: Some(user.to_owned()), idempotency: idempotency(name), ..call(&format!("{name}-{id}"), own.clone()) };
    assert!(granted(&ledger.reserve(reserve("done"))));
    let usage = Usage { prompt_tokens: 5, completion_tokens: 6 };
    let response = Some((200, "text/plain".to_owned(), 9));
    let called = Called {
        usage,
        response,
        cost: Some(MicroDollars(40)),
        user: Some(user.to_owned()),
        answer: Some(format!("answer-{id}")),
        ..called(&format!("done-{id}"), NOON)
    };
    ledger.act(&Message::Note { notes: vec![Note::Settled(called)] }, b"plaintext");
    ledger.ask(json!({"ask": "feedback", "id": format!("answer-{id}"), "said": {"rating": 4}}));
    assert!(granted(&ledger.reserve(reserve("open"))));
    ledger.ask(json!({"ask": "record", "what": "token_issued", "who": "k1", "user": user}));
}

#[test]
fn an_end_user_is_exported_whole_and_erased_whole() {
    let mut ledger = Ledger::default();
    live(&mut ledger, "alice@example.com", "1");
    live(&mut ledger, "bob", "2");
    let export = ledger.ask(json!({"ask": "export", "user": "alice@example.com"}));
    let alias = export["alias"].as_str().unwrap().to_owned();
    assert_eq!(export["usage"][0]["cost_micro_dollars"], 40);
    assert_eq!((export["audit"].as_array().unwrap().len(), &export["audit"][0]["what"]), (1, &json!("token_issued")));
    assert_eq!((export["reservations"].as_array().unwrap().len(), &export["reservations"][0]["id"]), (1, &json!("open-1")));
    assert_eq!(export["limits"], json!([{"measure": "requests", "window_ms": 3_600_000, "used": 2}]));
    assert_eq!((&export["answers"][0]["bytes"], export["answers"].as_array().unwrap().len()), (&json!(9), 1));
    let everything = ledger.database.everything();
    assert_eq!(everything.matches("alice").count(), 1, "the id stands in one place: {everything}");

    let before = ledger.usage(json!({"by": ["day", "model", "key"]}));
    let erased = ledger.ask(json!({"ask": "erase_user", "user": "alice@example.com"}));
    assert_eq!(
        erased["removed"],
        json!({"persons": 1, "usage": 1, "limits": 1, "answers": 1, "given": 1, "feedback": 1, "reservations": 1})
    );
    assert_eq!(erased["audit"]["number"], 3);
    assert_eq!(ledger.usage(json!({"by": ["day", "model", "key"]})), before, "the sums stay");
    // The call that was being made goes on as nobody's.
    let usage = Usage { prompt_tokens: 1, completion_tokens: 1 };
    let called = Called { usage, user: Some("alice@example.com".to_owned()), cost: Some(MicroDollars(3)), ..called("open-1", NOON) };
    ledger.note(Note::Settled(called));
    for _ in 0..2 {
        let everything = ledger.database.everything();
        assert!(!everything.contains("alice"), "{everything}");
        let left: Vec<&str> = everything.lines().filter(|line| line.contains(&alias)).collect();
        assert!(left.len() == 2 && left.iter().all(|line| line.starts_with("audit: ")), "{left:?}");
        ledger.reopen();
        assert_eq!(ledger.ask(json!({"ask": "export", "user": "alice@example.com"}))["alias"], Value::Null);
    }
    assert_eq!(ledger.usage(json!({}))["total"]["cost_micro_dollars"], 83);
    assert_eq!(ledger.ask(json!({"ask": "verify"}))["whole"], true);
    assert_eq!(ledger.ask(json!({"ask": "export", "user": "bob"}))["usage"][0]["cost_micro_dollars"], 40);
    // Who comes back is somebody else.
    live(&mut ledger, "alice@example.com", "3");
    assert_ne!(ledger.ask(json!({"ask": "export", "user": "alice@example.com"}))["alias"], json!(alias));
}

#[test]
fn a_tenants_data_are_erased_and_its_keys_and_record_stay() {
    let mut ledger = Ledger::default();
    put(&mut ledger, "key_created", "a", json!({}));
    ledger.ask(json!({"ask": "put_tenant", "record": {"audit_calls": true}}));
    live(&mut ledger, "alice", "1");
    ledger.ask(json!({"ask": "put_document", "kind": "intent", "name": "a", "body": {}, "most": 1, "who": "admin"}));
    let erased = ledger.ask(json!({"ask": "erase_tenant"}));
    let removed: BTreeSet<(&String, u64)> =
        erased["removed"].as_object().unwrap().iter().map(|(store, count)| (store, count.as_u64().unwrap())).collect();
    assert!(removed.iter().all(|(_, count)| *count > 0) && removed.len() == 10, "{removed:?}");
    assert_eq!((&erased["record"]["audit_calls"], &erased["record"]["epoch"]), (&json!(true), &json!(1)));
    for _ in 0..2 {
        assert!(!ledger.database.everything().contains("alice"));
        let verdict = ledger.ask(json!({"ask": "verify"}));
        assert_eq!((&verdict["whole"], &verdict["entries"], &verdict["first"]), (&json!(true), &json!(1), &json!(5)));
        assert_eq!(ledger.usage(json!({}))["total"]["requests"], 0);
        assert!(granted(&ledger.reserve(managed("z"))));
        ledger.reopen();
    }
}

#[test]
fn a_call_that_is_kept_out_of_every_store_is_counted_as_nobodys() {
    let mut ledger = Ledger::default();
    ledger.note(Note::Settled(Called { cost: Some(MicroDollars(1)), ..called("", NOON) }));
    ledger.note(Note::Hit(Called { cost: Some(MicroDollars(2)), ..called("", NOON) }));
    let usage = ledger.usage(json!({"by": ["user"]}));
    assert_eq!(usage["rows"].as_array().unwrap().len(), 1);
    assert_eq!((&usage["rows"][0]["user"], &usage["rows"][0]["saved_micro_dollars"]), (&Value::Null, &json!(2)));
    assert_eq!(ledger.database.number("SELECT COUNT(*) FROM persons"), 0);
}

#[test]
fn what_isolates_tell_of_models_is_held_in_memory_and_never_written() {
    let mut ledger = Ledger::default();
    let (before, (_, writes)) = (ledger.database.everything(), ledger.database.crossings());
    let exchange = |ledger: &mut Ledger, tidings: Value| {
        ledger.ask(json!({"health": {"rule": [30_000, 4, 500_000, 1_000, 5_000, 60_000], "tidings": tidings}}))
    };
    let failing = json!([{"model": "m", "counts": [2, 2, 0], "buckets": [[NOON, 9, 1, NOON], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]}]);
    assert_eq!(exchange(&mut ledger, failing.clone())[0]["phase"], json!([0, 0, 0]));
    let heard = exchange(&mut ledger, failing);
    assert_eq!((&heard[0]["phase"], &heard[0]["buckets"][0]), (&json!([NOON, NOON + 5_000, 1]), &json!([NOON, 9, 1, NOON])));
    assert_eq!(heard[0]["counts"], json!([0, 0, 0]), "what has been told is not told to others as theirs");
    assert_eq!(exchange(&mut ledger, json!([])), heard);
    assert_eq!((ledger.database.everything(), ledger.database.crossings().1, ledger.database.alarm_ms()), (before, writes, None));
    ledger.reopen();
    assert_eq!(exchange(&mut ledger, json!([])), json!([]));
}
