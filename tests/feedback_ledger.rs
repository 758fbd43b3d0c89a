//! Answers that are remembered, and what is said of them, in a tenant's ledger.
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
mod support;

use maya_edge::learning::score_model::Post;
use maya_edge::ledger::feedback::What;
use maya_edge::ledger::message::{Given, Message, Note};
use serde_json::{Value, json};
use support::Ledger;

const DAY_MS: u64 = 86_400_000;

fn by(model: &str) -> What {
    What { model: model.to_owned(), ..What::default() }
}

fn post() -> What {
    What { post: Some(Post { platform: "x".to_owned(), effects: vec![1.0; 13] }), ..by("m1") }
}

/// Gives an answer, to a person or to nobody.
fn give(ledger: &mut Ledger, id: &str, user: &str, what: What) {
    let user = Some(user.to_owned()).filter(|user| !user.is_empty());
    ledger.note(Note::Given(Given { at_ms: ledger.now_ms, user, answers: vec![(id.to_owned(), what)] }));
}

fn say(ledger: &mut Ledger, id: &str, said: Value) -> Value {
    ledger.ask(json!({"ask": "feedback", "id": id, "said": said}))
}

fn learned(ledger: &mut Ledger) -> Value {
    serde_json::from_str(&ledger.act(&Message::Learned, &[]).text).unwrap()
}

/// How many posts scores rest on.
fn posts(ledger: &mut Ledger) -> u64 {
    learned(ledger)["score"]["posts"].as_u64().unwrap()
}

fn erase(ledger: &mut Ledger, user: &str) -> Value {
    ledger.ask(json!({"ask": "erase_user", "user": user}))
}

#[test]
fn the_first_answer_under_an_id_stays_the_one_that_it_means() {
    let mut ledger = Ledger::default();
    give(&mut ledger, "one", "ann", by("m1"));
    give(&mut ledger, "one", "ben", by("m2"));
    let said = say(&mut ledger, "one", json!({"rating": 5}));
    assert_eq!(said["answer"]["answer"]["model"], "m1");
    let theirs =
        |ledger: &mut Ledger, holder: &str| ledger.ask(json!({"ask": "feedback", "id": "one", "holder": holder, "said": {"rating": 1}}));
    assert_eq!(theirs(&mut ledger, "ben")["error"], "unknown_answer", "who uses another's id does not come by its answer");
    assert_eq!(theirs(&mut ledger, "ann")["ok"], true);
}
