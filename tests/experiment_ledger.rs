//! Experiments in a tenant's ledger, and requests as their arms want them.
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

use maya_edge::learning::experiment::assignment::Draw;
use maya_edge::learning::experiment::definition::Arm;
use maya_edge::learning::experiment::variation::varied;
use maya_edge::ledger::message::{Exposure, Message, Note};
use maya_edge::protocol::request::{CompletionRequest, Endpoint};
use serde_json::{Value, json};
use support::{Database, Ledger};

fn two(more: Value) -> Value {
    let mut definition = json!({
        "arms": [{"name": "a"}, {"name": "b"}], "goal": "thumbs_up", "renew": "1s", "stop": {"least_subjects": 20},
    });
    definition.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    definition
}

fn put(ledger: &mut Ledger, id: &str, definition: Value) -> Value {
    let message = Message::PutExperiment { id: id.to_owned(), definition, who: "acme.web".to_owned() };
    serde_json::from_str(&ledger.act(&message, &[]).text).unwrap()
}

fn seen(ledger: &mut Ledger, id: &str) -> Value {
    ledger.ask(json!({"ask": "experiments", "id": id}))[0]["results"].clone()
}

/// What subjects draw their arms with.
fn key(ledger: &mut Ledger) -> Value {
    ledger.ask(json!({"ask": "documents", "kind": "experiment"}))[0]["key"].clone()
}

/// A call of a person in an arm, whose answer is named for the two.
fn exposed(ledger: &mut Ledger, arm: usize, person: &str) -> Note {
    let run = key(ledger).as_str().unwrap_or_default().to_owned();
    Note::Exposed(
        Exposure {
            experiment: "tone".to_owned(),
            run,
            arm,
            subject: format!("subject-{person}"),
            user: Some(person.to_owned()),
            shares: vec![0.5, 0.5],
            answer: format!("{person}-{arm}"),
            values: Vec::new(),
        }
        .measured(false, None, Some(300)),
    )
}

/// Calls of persons in arms, noted together.
fn expose(ledger: &mut Ledger, calls: &[(usize, &str)]) -> Value {
    let notes = calls.iter().map(|(arm, person)| exposed(ledger, *arm, person)).collect();
    note(ledger, notes)
}

/// The same call, whose answer has another name.
fn named(note: Note, name: &str) -> Note {
    match note {
        Note::Exposed(exposure) => Note::Exposed(Exposure { answer: name.to_owned(), ..exposure }),
        other => other,
    }
}

fn note(ledger: &mut Ledger, notes: Vec<Note>) -> Value {
    serde_json::from_str(&ledger.act(&Message::Note { notes }, &[]).text).unwrap()
}

fn tell(ledger: &mut Ledger, answer: &str, values: Value) -> Value {
    ledger.ask(json!({"ask": "outcome", "experiment": "tone", "answer": answer, "values": values}))
}

#[test]
fn calls_are_counted_by_subject_and_what_is_told_of_their_answers_finds_its_arm() {
    let mut ledger = Ledger::default();
    assert_eq!(put(&mut ledger, "tone", two(json!({}))), json!({"ok": true, "new": true, "begun": true}));
    // Two calls of one person in one message, and one of another.
    let first = exposed(&mut ledger, 0, "ada");
    let notes = vec![first.clone(), named(first.clone(), "again"), exposed(&mut ledger, 1, "bob")];
    note(&mut ledger, notes);
    ledger.reopen();
    note(&mut ledger, vec![named(first.clone(), "a third")]);
    // Notes whose reply was lost are told again, and count once.
    note(&mut ledger, vec![first]);
    let trial = seen(&mut ledger, "tone");
    assert_eq!((&trial["arms"][0]["calls"], &trial["arms"][0]["subjects"]), (&json!(3), &json!(1)));
    assert_eq!((&trial["arms"][1]["calls"], &trial["arms"][1]["subjects"]), (&json!(1), &json!(1)));
    assert_eq!(trial["sample_ratio"]["observed"], json!([1.0, 1.0]));
    assert_eq!(trial["arms"][0]["metrics"]["latency_ms"], json!({"values": 3.0, "subjects": 1.0, "mean": 300.0}));
    // Told twice, an answer counts once, as it was told last.
    for up in [0.0, 1.0, 1.0] {
        assert_eq!(tell(&mut ledger, "ada-0", json!([["thumbs_up", up]]))["ok"], true);
    }
    assert_eq!(seen(&mut ledger, "tone")["arms"][0]["metrics"]["thumbs_up"], json!({"values": 1.0, "subjects": 1.0, "mean": 1.0}));
    assert_eq!(tell(&mut ledger, "forged", json!([["thumbs_up", 1.0]])), json!({"error": "unknown_answer"}));
    // What was answered too long ago is forgotten.
    ledger.now_ms += 31 * 86_400_000;
    assert_eq!(tell(&mut ledger, "ada-0", json!([["thumbs_up", 0.0]])), json!({"error": "unknown_answer"}));
}

#[test]
fn an_answer_counts_as_unpublished_until_somebody_says_otherwise() {
    let mut ledger = Ledger::default();
    put(&mut ledger, "tone", two(json!({"goal": "published"})));
    expose(&mut ledger, &[(0, "ada"), (0, "bob")]);
    tell(&mut ledger, "bob-0", json!([["published", 1.0]]));
    assert_eq!(seen(&mut ledger, "tone")["arms"][0]["metrics"]["published"], json!({"values": 2.0, "subjects": 2.0, "mean": 0.5}));
}

#[test]
fn feedback_moves_thompson_shares_and_isolates_are_told_to_copy_them() {
    let mut ledger = Ledger::default();
    put(&mut ledger, "tone", two(json!({"assignment": "thompson", "stop": {"at_winner": false}})));
    for person in 0..60 {
        expose(&mut ledger, &[(person % 2, &person.to_string())]);
        tell(&mut ledger, &format!("{person}-{}", person % 2), json!([["thumbs_up", if person % 2 == 1 { 1.0 } else { 0.0 }]]));
    }
    ledger.now_ms += 2000;
    assert_eq!(expose(&mut ledger, &[(0, "last")]), json!({"ok": true, "copy": true}));
    let copies = ledger.ask(json!({"ask": "documents", "kind": "experiment"}));
    let shares: Vec<f64> = copies[0]["shares"].as_array().unwrap().iter().map(|share| share.as_f64().unwrap()).collect();
    assert!(shares[1] > 0.9 && shares[0] >= 0.05 - 1e-9, "{shares:?}");
    assert!(copies[0]["body"]["arms"].is_array() && copies[0].get("results").is_none(), "isolates need not know what was seen");
    // Nothing new, nothing to copy.
    assert_eq!(expose(&mut ledger, &[(0, "last")]), json!({"ok": true}));
}

#[test]
fn a_winner_ends_an_experiment_which_counts_nothing_more_and_the_audit_hears_of_it() {
    let mut ledger = Ledger::default();
    put(&mut ledger, "tone", two(json!({})));
    for person in 0..400 {
        let arm = person % 2;
        expose(&mut ledger, &[(arm, &person.to_string())]);
        let up = if arm == 1 || person % 10 == 0 { 1.0 } else { 0.0 };
        tell(&mut ledger, &format!("{person}-{arm}"), json!([["thumbs_up", up]]));
    }
    ledger.now_ms += 2000;
    assert_eq!(expose(&mut ledger, &[(0, "last")])["copy"], true);
    let trial = seen(&mut ledger, "tone");
    assert_eq!((&trial["ended"]["reason"], &trial["ended"]["arm"]), (&json!("winner"), &json!("b")));
    expose(&mut ledger, &[(0, "late")]);
    assert_eq!(seen(&mut ledger, "tone")["arms"], trial["arms"]);
    let audit = ledger.ask(json!({"ask": "audit", "limit": 100}));
    assert!(audit.to_string().contains("experiment_ended"), "{audit}");
    assert_eq!(ledger.ask(json!({"ask": "stop_experiment", "id": "tone", "who": "admin"})), json!({"error": "ended"}));
}

#[test]
fn other_arms_begin_another_run_and_the_same_arms_go_on() {
    let mut ledger = Ledger::default();
    put(&mut ledger, "tone", two(json!({})));
    expose(&mut ledger, &[(0, "ada")]);
    let (first, key, late) = (seen(&mut ledger, "tone"), key(&mut ledger), exposed(&mut ledger, 0, "late"));
    // A guard, a floor, a description: what was seen says something of that, too.
    assert_eq!(put(&mut ledger, "tone", two(json!({"description": "Shorter?", "guards": [{"metric": "cost"}]})))["begun"], false);
    let on = seen(&mut ledger, "tone");
    assert_eq!((&on["run"], &on["arms"][0]["calls"]), (&first["run"], &json!(1)));
    // Another split is none that was fixed.
    put(&mut ledger, "tone", two(json!({"arms": [{"name": "a", "weight": 3}, {"name": "b"}]})));
    let moved = seen(&mut ledger, "tone");
    assert_eq!((&moved["arms"][0]["share"], self::key(&mut ledger)), (&json!(0.75), key.clone()));
    assert_eq!(put(&mut ledger, "tone", two(json!({"arms": [{"name": "a", "temperature": 0.2}, {"name": "b"}]})))["begun"], true);
    let second = seen(&mut ledger, "tone");
    assert_eq!((&second["run"], &second["arms"][0]["calls"]), (&json!(2), &json!(0)));
    assert_ne!(self::key(&mut ledger), key);
    assert_eq!(tell(&mut ledger, "ada-0", json!([["thumbs_up", 1.0]])), json!({"error": "unknown_answer"}), "it was another run's");
    note(&mut ledger, vec![late.clone()]);
    assert_eq!(seen(&mut ledger, "tone"), second, "a call of the run before");
    // One that is made anew under the same id begins to count its runs anew, and has nothing of those before all the same.
    ledger.ask(json!({"ask": "delete_experiment", "id": "tone", "who": "admin"}));
    put(&mut ledger, "tone", two(json!({})));
    note(&mut ledger, vec![late]);
    assert_eq!((seen(&mut ledger, "tone")["run"].clone(), seen(&mut ledger, "tone")["subjects"].clone()), (json!(1), json!(0)));
}

#[test]
fn a_person_whom_a_header_has_named_is_found_by_the_same_name() {
    let mut ledger = Ledger::default();
    put(&mut ledger, "tone", two(json!({"assignment": "thompson"})));
    let key = key(&mut ledger).as_str().unwrap().to_owned();
    let call = |ledger: &mut Ledger, answer: &str, user: Option<&str>| {
        let Note::Exposed(exposure) = exposed(ledger, 0, "ada") else { panic!("an exposure") };
        let subject = Draw::of(&key, "ada").name();
        let exposure = Exposure { subject, user: user.map(str::to_owned), answer: answer.to_owned(), ..exposure };
        note(ledger, vec![Note::Exposed(exposure)])
    };
    // By `user`, then by `x-maya-subject` alone.
    call(&mut ledger, "one", Some("ada"));
    call(&mut ledger, "two", None);
    for answer in ["one", "two"] {
        assert_eq!(tell(&mut ledger, answer, json!([["thumbs_up", 1.0]]))["ok"], true);
    }
    let export = ledger.ask(json!({"ask": "export", "user": "ada"}));
    let told = export["experiments"][0]["values"].as_array().unwrap().iter().find(|value| value["metric"] == "thumbs_up").cloned();
    assert_eq!(told.unwrap()["values"], 2.0);
    assert_eq!(ledger.ask(json!({"ask": "erase_user", "user": "ada"}))["removed"]["experiments"], 1);
    assert_eq!(rows(&ledger.database), 0);
    assert_eq!(tell(&mut ledger, "two", json!([["thumbs_up", 1.0]])), json!({"error": "unknown_answer"}));
    let arm = seen(&mut ledger, "tone")["arms"][0].clone();
    assert_eq!((&arm["subjects"], &arm["metrics"]["thumbs_up"]["values"]), (&json!(0), &json!(0.0)));
    assert_eq!((&arm["posterior"]["alpha"], &arm["posterior"]["beta"]), (&json!(1.0), &json!(1.0)), "nothing is believed by their word");
}

#[test]
fn answers_are_forgotten_in_time_also_where_shares_never_move() {
    let mut ledger = Ledger::default();
    put(&mut ledger, "tone", two(json!({})));
    expose(&mut ledger, &[(0, "ada"), (1, "bob")]);
    let answers = |ledger: &Ledger| ledger.database.number("SELECT COUNT(*) FROM experiment_answers");
    assert_eq!(answers(&ledger), 2);
    let due_ms = ledger.database.alarm_ms().expect("an alarm");
    assert!(due_ms >= ledger.now_ms + 30 * 86_400_000, "{due_ms}");
    ledger.now_ms = due_ms;
    ledger.ring();
    assert_eq!(answers(&ledger), 0);
    assert_eq!(seen(&mut ledger, "tone")["arms"][0]["calls"], 1, "what was seen stays");
}

#[test]
fn a_guard_on_what_is_published_strikes_where_nothing_is() {
    let mut ledger = Ledger::default();
    put(&mut ledger, "tone", two(json!({"guards": [{"metric": "published"}]})));
    for person in 0..160 {
        let arm = person % 2;
        expose(&mut ledger, &[(arm, &person.to_string())]);
        // Of the second, nobody publishes anything, and nobody says so.
        if arm == 0 {
            tell(&mut ledger, &format!("{person}-0"), json!([["published", 1.0]]));
        }
    }
    ledger.now_ms += 2000;
    expose(&mut ledger, &[(0, "last")]);
    assert_eq!(seen(&mut ledger, "tone")["arms"][1]["halted"]["metric"], "published");
}

#[test]
fn an_end_that_is_asked_for_names_its_arm_or_takes_the_control() {
    let mut ledger = Ledger::default();
    put(&mut ledger, "tone", two(json!({"control": "b"})));
    let stop =
        |ledger: &mut Ledger, id: &str, arm: Value| ledger.ask(json!({"ask": "stop_experiment", "id": id, "arm": arm, "who": "admin"}));
    assert_eq!(stop(&mut ledger, "none", json!(null)), json!({"error": "unknown_experiment"}));
    assert_eq!(stop(&mut ledger, "tone", json!("c")), json!({"error": "unknown_arm"}));
    assert_eq!(stop(&mut ledger, "tone", json!(null)), json!({"ok": true}));
    let ended = seen(&mut ledger, "tone")["ended"].clone();
    assert_eq!((&ended["reason"], &ended["arm"]), (&json!("asked"), &json!("b")));
}

#[test]
fn a_person_who_is_erased_takes_what_was_learned_of_them_along() {
    let mut ledger = Ledger::default();
    put(&mut ledger, "tone", two(json!({})));
    expose(&mut ledger, &[(0, "ada"), (0, "bob")]);
    tell(&mut ledger, "ada-0", json!([["thumbs_up", 1.0]]));
    tell(&mut ledger, "bob-0", json!([["thumbs_up", 0.0]]));
    let export = ledger.ask(json!({"ask": "export", "user": "ada"}));
    assert_eq!((&export["experiments"][0]["experiment"], &export["experiments"][0]["arm"]), (&json!("tone"), &json!("a")));
    let erased = ledger.ask(json!({"ask": "erase_user", "user": "ada"}));
    assert_eq!(erased["removed"]["experiments"], 1);
    let arm = seen(&mut ledger, "tone")["arms"][0].clone();
    assert_eq!((&arm["subjects"], &arm["metrics"]["thumbs_up"]), (&json!(1), &json!({"values": 1.0, "subjects": 1.0, "mean": 0.0})));
    assert_eq!(tell(&mut ledger, "ada-0", json!([["thumbs_up", 1.0]])), json!({"error": "unknown_answer"}));
    assert_eq!(rows(&ledger.database), 2, "bob's");
    ledger.ask(json!({"ask": "erase_tenant"}));
    assert_eq!((rows(&ledger.database), ledger.ask(json!({"ask": "experiments"}))), (0, json!([])));
}

fn rows(database: &Database) -> i64 {
    database.number("SELECT (SELECT COUNT(*) FROM experiment_subjects) + (SELECT COUNT(*) FROM experiment_answers)")
}

#[test]
fn a_deleted_experiment_leaves_nothing_and_notes_of_it_do_no_harm() {
    let mut ledger = Ledger::default();
    put(&mut ledger, "tone", two(json!({})));
    expose(&mut ledger, &[(0, "ada")]);
    let delete = json!({"ask": "delete_experiment", "id": "tone", "who": "admin"});
    assert_eq!((ledger.ask(delete.clone())["ok"].clone(), ledger.ask(delete)["ok"].clone()), (json!(true), json!(false)));
    assert_eq!(rows(&ledger.database), 0);
    assert_eq!(expose(&mut ledger, &[(0, "ada")]), json!({"ok": true}));
    assert_eq!(rows(&ledger.database), 0);
}

fn arm(written: Value) -> Arm {
    serde_json::from_value(written).unwrap()
}

#[test]
fn an_arm_changes_what_it_names_and_no_other_byte() {
    let change = |body: &str, written: Value| {
        let request = CompletionRequest::read(body.as_bytes(), Endpoint::Chat).unwrap();
        varied(&request, &arm(written)).unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
    };
    let body = r#"{ "model": "experiment:tone",  "messages": [ {"role":"user","content":"Hi"} ], "odd" : 1e2 }"#;
    assert_eq!(change(r#"{"model":"fast","messages":[{"role":"user","content":"Hi"}]}"#, json!({"name": "a"})), None);
    assert_eq!(
        change(body, json!({"name": "a", "model": "fast", "temperature": 0.25, "prompt": "Be \"brief\"."})).unwrap(),
        r#"{ "model": "fast",  "messages": [{"role":"system","content":"Be \"brief\"."}, {"role":"user","content":"Hi"} ], "odd" : 1e2 ,"temperature":0.25}"#
    );
    assert_eq!(
        change(r#"{"temperature":1,"model":"fast","messages":[{"role":"user","content":"Hi"}]}"#, json!({"name": "a", "temperature": 0}))
            .unwrap(),
        r#"{"temperature":0,"model":"fast","messages":[{"role":"user","content":"Hi"}]}"#
    );
    let text = CompletionRequest::read(br#"{"model":"fast","prompt":"Hi"}"#, Endpoint::Text).unwrap();
    assert_eq!(varied(&text, &arm(json!({"name": "a", "prompt": "Be brief."}))).unwrap_err().code, "experiment_needs_messages");
    let bare =
        CompletionRequest::read(br#"{"model":"experiment:tone","messages":[{"role":"user","content":"Hi"}]}"#, Endpoint::Chat).unwrap();
    assert_eq!(varied(&bare, &arm(json!({"name": "a"}))).unwrap_err().code, "experiment_without_model");
}
