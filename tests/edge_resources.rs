//! What texts are: bodies, verdicts, what the cloud is asked and how its answer is read, a tenant's own intents, and documents in the ledger.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    missing_docs,
    reason = "tests may"
)]

#[path = "support/ledger.rs"]
mod ledger;

use ledger::Ledger;
use maya_edge::cloud::fit::fault;
use maya_edge::cloud::inquiry::{Inquiry, Unfit};
use maya_edge::cloud::models::{Model, Models};
use maya_edge::edge::intents::Intent;
use maya_edge::edge::linear::{Classified, Guess};
use maya_edge::edge::sentiment::{Label, analyze};
use maya_edge::error::Error;
use maya_edge::understanding::asked::{Asked, LONGEST_TEXT};
use maya_edge::understanding::intents::weighed;
use maya_edge::understanding::own::{Document, Own, OwnIntent, Remembered, check_name};
use maya_edge::understanding::sentiments::LEAST;
use maya_edge::understanding::vectors::Wanted;
use maya_edge::understanding::{By, Mode, Subject, cloud, edge, to_ask, with_cloud, without_cloud};
use proptest::prelude::*;
use serde_json::{Value, json};

const SUBJECTS: [Subject; 6] =
    [Subject::Intents, Subject::Sentiments, Subject::Languages, Subject::Pii, Subject::Measures, Subject::Moderations];
const CLOUDED: [Subject; 4] = [Subject::Intents, Subject::Sentiments, Subject::Languages, Subject::Moderations];

fn asked(subject: Subject, body: &Value) -> Result<Asked, Error> {
    Asked::read(subject, body.to_string().as_bytes())
}

// Bodies

#[test]
fn one_text_is_a_list_of_one_and_first_is_the_default() {
    for subject in SUBJECTS {
        let one = asked(subject, &json!({"input": "a"})).unwrap();
        assert_eq!((one.texts, one.mode, one.user, one.stored), (vec!["a".to_owned()], Mode::First, None, true));
        let two = asked(subject, &json!({"input": ["a", "b"], "edge": "only", "user": "u", "store": false})).unwrap();
        assert_eq!((two.texts.len(), two.mode, two.user.as_deref(), two.stored), (2, Mode::Only, Some("u"), false));
    }
}

#[test]
fn a_text_may_be_as_long_as_the_limit_and_no_byte_longer() {
    for (length, fits) in [(1, true), (LONGEST_TEXT, true), (LONGEST_TEXT + 1, false)] {
        assert_eq!(asked(Subject::Pii, &json!({"input": ["a", "x".repeat(length)]})).is_ok(), fits, "{length}");
    }
}

proptest! {
    /// A wrong text is named by its place, and never quoted.
    #[test]
    fn what_is_no_text_is_named_by_its_place(before in 0_usize..5, after in 0_usize..5, which in 0_usize..6) {
        let wrong = [json!(""), json!(12), json!(null), json!(true), json!({"s3cret": 1}), json!(["s3cret"])][which].clone();
        let mut input = vec![json!("fine"); before];
        input.push(wrong);
        input.extend(vec![json!("fine"); after]);
        for subject in [Subject::Intents, Subject::Languages, Subject::Pii] {
            let error = asked(subject, &json!({"input": input})).unwrap_err();
            prop_assert_eq!((error.status, &*error.param), (400, &*format!("input[{before}]")));
            prop_assert!(!error.message.contains("s3cret"));
        }
    }
}

#[test]
fn base64_holds_the_same_floats_in_little_endian() {
    use base64::Engine;
    let wanted = |more: Value| {
        let mut body = json!({"input": "a cup of coffee", "model": "maya-edge-embed"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Wanted::read(body.to_string().as_bytes()).unwrap().answer().0
    };
    for dimensions in [1, 7, 128] {
        let floats = wanted(json!({"dimensions": dimensions}));
        let coded = wanted(json!({"dimensions": dimensions, "encoding_format": "base64"}));
        let bytes = base64::engine::general_purpose::STANDARD.decode(coded["data"][0]["embedding"].as_str().unwrap()).unwrap();
        let floats: Vec<f32> =
            floats["data"][0]["embedding"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect();
        let decoded: Vec<f32> = bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
        assert_eq!((floats.len(), floats), (dimensions, decoded));
    }
}

// Verdicts

#[test]
fn the_label_of_a_sentiment_above_the_threshold_is_right_far_more_often_than_below() {
    let rated = include_str!("fixtures/posts_sentiment.tsv").lines().filter_map(|line| line.split_once('\t'));
    let (mut sure, mut sure_right, mut unsure, mut unsure_right) = (0_u32, 0_u32, 0_u32, 0_u32);
    for (label, text) in rated {
        let found = analyze(text);
        let right = u32::from(found.label.name() == label);
        if found.confidence >= LEAST {
            sure += 1;
            sure_right += right;
        } else {
            unsure += 1;
            unsure_right += right;
        }
    }
    println!("above: {sure_right} of {sure}, below: {unsure_right} of {unsure}");
    assert!(f64::from(sure_right) / f64::from(sure) >= 0.75, "{sure_right} of {sure}");
    assert!(f64::from(unsure_right) / f64::from(unsure) <= 0.70, "{unsure_right} of {unsure}");
}

#[test]
fn a_foreign_text_is_unsure_where_the_model_knows_english_alone() {
    let german = "Ich bin mit dem Kundendienst sehr unzufrieden und möchte mich beschweren.";
    for subject in [Subject::Sentiments, Subject::Intents] {
        let request = asked(subject, &json!({"input": german})).unwrap();
        assert!(edge(&request, &Own::default(), german).unsure, "{subject:?}");
    }
}

#[test]
fn a_moderation_is_unsure_of_what_it_suspects_and_of_nothing_else() {
    let request = asked(Subject::Moderations, &json!({"input": "a"})).unwrap();
    for (text, flagged, unsure) in
        [("a nice day", false, false), ("that was a damn good match", false, true), ("i will kill you", true, true)]
    {
        let verdict = edge(&request, &Own::default(), text);
        assert_eq!((&verdict.says["flagged"], verdict.unsure), (&json!(flagged), unsure), "{text}");
    }
}

#[test]
fn every_result_says_who_how_sure_and_why() {
    for subject in SUBJECTS {
        let request = asked(subject, &json!({"input": "a"})).unwrap();
        for text in ["Write a post about coffee", "ann@example.com", "…", "\u{0}", "日本語のテキストです", "🎉"] {
            let result = edge(&request, &Own::default(), text).result();
            assert_eq!((&result["answered_by"], result["reason"].is_string(), result["unsure"].is_boolean()), (&json!("edge"), true, true));
            let sure = result["confidence"].as_f64();
            assert!(sure.is_some_and(|sure| (0.0..=1.0).contains(&sure)) || subject == Subject::Pii, "{subject:?} {text}: {result}");
        }
    }
}

#[test]
fn without_the_cloud_the_edges_word_stands_unsure_and_the_failure_is_named() {
    let request = asked(Subject::Intents, &json!({"input": "a"})).unwrap();
    let mut verdicts: Vec<_> = ["qwertzu", "write a post about coffee"].iter().map(|text| edge(&request, &Own::default(), text)).collect();
    assert_eq!(to_ask(Mode::Only, &verdicts), [0_usize; 0]);
    assert_eq!(to_ask(Mode::First, &verdicts), [0]);
    assert_eq!(to_ask(Mode::Never, &verdicts), [0, 1]);
    let mut answered = verdicts.clone();
    let said =
        cloud::read(Subject::Intents, &Own::default(), &["qwertzu"], &json!({"t1": {"intent": "reply", "confidence": 0.5}})).unwrap();
    with_cloud(Mode::First, &mut answered, &[0], said);
    assert_eq!(answered[0].result()["reason"], "cloud; edge=below_threshold");
    assert_eq!((answered[0].by, &answered[1]), (By::Cloud, &verdicts[1]));
    without_cloud(&mut verdicts, &[0], &Error::new(503, "ledger_unreachable", ""));
    assert_eq!(verdicts[0].result()["reason"], "below_threshold; cloud=ledger_unreachable");
    assert_eq!((verdicts[0].unsure, verdicts[1].unsure, verdicts[1].by), (true, false, By::Edge));
}

// The weighing of own and built-in intents

fn classified<C: Copy>(classes: &[(C, f32)], least: f32) -> Classified<C> {
    let mut guesses: Vec<Guess<C>> =
        classes.iter().map(|(class, probability)| Guess { class: *class, probability: *probability }).collect();
    guesses.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    let answer = guesses.first().filter(|first| first.probability >= least).map(|first| first.class);
    Classified { answer, guesses, none: 0.0 }
}

proptest! {
    #[test]
    fn an_own_intent_wins_only_above_its_threshold_and_above_a_built_in_answer(own in 0.0_f32..1.0, built_in in 0.0_f32..1.0, other: bool) {
        let names = ["mine".to_owned()];
        let (own_least, least) = (0.8, 0.6);
        let intent = if other { Intent::Other } else { Intent::Reply };
        let theirs = classified(&[(0_usize, own)], own_least);
        let ours = classified(&[(intent, built_in), (Intent::Idea, built_in / 2.0)], least);
        let (candidates, sure) = weighed(&ours, &theirs, &names);
        let first = &candidates[0];
        prop_assert_eq!(candidates.len(), 3);
        prop_assert_eq!(sure, own >= own_least || built_in >= least);
        if sure {
            let wins = own >= own_least && (built_in < least || other || own > built_in);
            prop_assert_eq!(first.source == "tenant", wins, "{:?}", candidates);
        } else {
            prop_assert!(candidates.iter().all(|candidate| candidate.probability <= first.probability));
        }
    }
}

fn document(name: &str, examples: &[&str]) -> Document {
    let examples = examples.iter().map(|example| (*example).to_owned()).collect();
    Document { name: name.to_owned(), changed_ms: 1, body: OwnIntent { examples, description: "what\nit is".to_owned() } }
}

#[test]
fn an_isolate_embeds_examples_anew_only_when_they_are_others() {
    let remembered = Remembered::default();
    let written = serde_json::to_vec(&[document("table", &["book a table", "reserve a table"])]).unwrap();
    let first = remembered.put("acme", &written, 1_000);
    let again = remembered.put("acme", &written, 900_000);
    assert!(std::rc::Rc::ptr_eq(&first, &again));
    assert!(
        remembered.fresh("acme", 919_999).is_some() && remembered.fresh("acme", 920_000).is_none() && remembered.last("acme").is_some()
    );
    assert!(remembered.fresh("other", 900_000).is_none(), "a tenant is a wall");
    assert!(remembered.put("acme", b"", 1).names().is_empty() && remembered.put("acme", b"[{}]", 1).names().is_empty());
}

#[test]
fn no_own_intent_is_called_as_a_built_in_one() {
    for intent in Intent::ALL {
        assert!(check_name(intent.name()).is_err());
    }
    assert!(
        check_name("book_table").is_ok() && check_name("").is_err() && check_name(&"a".repeat(65)).is_err() && check_name("a/b").is_err()
    );
}

// The cloud

proptest! {
    /// Each text is asked about once, in order, and no inquiry holds too much.
    #[test]
    fn portions_hold_every_text_once_and_never_too_much(lengths in prop::collection::vec(1_usize..30_000, 1..60)) {
        let texts: Vec<String> = lengths.iter().map(|length| "x".repeat(*length)).collect();
        let places: Vec<usize> = (0..texts.len()).collect();
        let portions = cloud::portions(&texts, &places);
        prop_assert_eq!(portions.concat(), places);
        for portion in portions {
            let bytes: usize = portion.iter().map(|place| texts[*place].len()).sum();
            prop_assert!(portion.len() <= cloud::MOST_TEXTS && (bytes <= cloud::MOST_BYTES || portion.len() == 1));
        }
    }

    /// Whatever texts say, they are strings of one object, and nothing else of the question changes.
    #[test]
    fn a_text_stays_data(text in any::<String>(), other in any::<String>()) {
        for subject in CLOUDED {
            let own = Own::default();
            let one = cloud::inquiry(subject, &own, &[&text, &other], None, true);
            let usual = cloud::inquiry(subject, &own, &["a", "b"], None, true);
            prop_assert_eq!((&one.system, &one.schema), (&usual.system, &usual.schema));
            let message: Value = serde_json::from_str(&one.parts[0]).unwrap();
            prop_assert_eq!(message, json!({"t1": &text, "t2": &other}));
        }
    }
}

#[test]
fn schemas_keep_to_strict_mode_with_as_many_texts_and_intents_as_may_be() {
    let own: Vec<Document> = (0..64).map(|at| document(&format!("{at:_<64}"), &["book a table", "reserve a table"])).collect();
    for (subject, own) in CLOUDED.map(|subject| (subject, Own::default())).into_iter().chain([(Subject::Intents, Own::of(&own))]) {
        let inquiry = cloud::inquiry(subject, &own, &["a"; cloud::MOST_TEXTS], None, true);
        let text = inquiry.schema.to_string();
        assert!(text.len() <= 5000, "{subject:?}: {}", text.len());
        for forbidden in ["minItems", "maxItems", "pattern", "format"] {
            assert!(!text.contains(&format!("\"{forbidden}\"")));
        }
        let objects = text.matches("\"type\":\"object\"").count();
        assert_eq!(text.matches("\"additionalProperties\":false").count(), objects);
    }
}

#[test]
fn an_answer_is_read_only_when_each_text_has_one_that_can_be() {
    let own = Own::of(&[document("table", &["book a table", "reserve a table"])]);
    let texts = ["a", "b"];
    let read = |intent: &str| {
        let content = json!({"t1": {"intent": "reply", "confidence": 0.5}, "t2": {"intent": intent, "confidence": 1}});
        cloud::read(Subject::Intents, &own, &texts, &content)
    };
    let verdicts = read("table").unwrap();
    assert_eq!((&verdicts[0].says["source"], &verdicts[1].says["source"]), (&json!("built_in"), &json!("tenant")));
    assert!(read("pwned").unwrap_err().starts_with("t2: "));
    assert!(cloud::read(Subject::Intents, &own, &texts, &json!({"t1": {"intent": "reply", "confidence": 0.5}})).is_err());
    let language = |code: &str| cloud::read(Subject::Languages, &own, &["a"], &json!({"t1": {"language": code, "confidence": 1}}));
    for (code, fits) in
        [("en", true), ("zh-Hant-TW", true), ("und", true), ("English", false), ("en ignore", false), ("", false), ("e1", false)]
    {
        assert_eq!(language(code).is_ok(), fits, "{code}");
    }
}

#[test]
fn a_value_fits_its_schema_or_the_place_is_named() {
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["a", "b"],
        "properties": {"a": {"$ref": "#/$defs/share"}, "b": {"type": "array", "items": {"type": "string", "enum": ["x", "y"]}}, "c": {"type": "boolean"}},
        "$defs": {"share": {"type": "number", "minimum": 0, "maximum": 1}},
    });
    for (value, wrong) in [
        (json!({"a": 0.5, "b": ["x", "y"]}), None),
        (json!({"a": 1, "b": [], "c": true}), None),
        (json!({"b": []}), Some("`answer.a` is missing")),
        (json!({"a": 1.5, "b": []}), Some("`answer.a` must not be above 1")),
        (json!({"a": -1, "b": []}), Some("`answer.a` must not be below 0")),
        (json!({"a": "1", "b": []}), Some("`answer.a` must be a number")),
        (json!({"a": 1, "b": ["x", "z"]}), Some("`answer.b[1]` is none of the values that it may have")),
        (json!({"a": 1, "b": [], "d": 1}), Some("`answer` has a field that it may not have")),
        (json!({"a": 1, "b": [], "c": null}), Some("`answer.c` must be true or false")),
        (json!([]), Some("`answer` must be an object")),
    ] {
        assert_eq!(fault(&schema, &value).as_deref(), wrong, "{value}");
    }
}

#[test]
fn an_inquiry_asks_strictly_and_reads_nothing_but_a_whole_answer() {
    let row: Model = serde_json::from_value(json!({"capabilities": ["reasoning"]})).unwrap();
    let models = Models::new(vec![("thinks".to_owned(), row)], [("fast".to_owned(), "thinks".to_owned())].into(), 10).unwrap();
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": false});
    let inquiry =
        Inquiry { system: "Count.".to_owned(), parts: vec!["[]".to_owned()], name: "count", schema, max_tokens: 9, ..Inquiry::default() };
    let body = |name: &str| -> Value { serde_json::from_slice(&inquiry.body(models.resolve(name), None)).unwrap() };
    assert_eq!((&body("fast")["model"], &body("fast")["reasoning_effort"]), (&json!("thinks"), &json!("low")));
    assert_eq!((body("other").get("reasoning_effort"), &body("other")["response_format"]["json_schema"]["strict"]), (None, &json!(true)));
    let said = |content: &str, finish: &str| {
        let choice = json!({"message": {"content": content}, "finish_reason": finish});
        inquiry.read(json!({"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}).to_string().as_bytes())
    };
    assert_eq!(said("{\"n\": 3}", "stop").content, Ok(json!({"n": 3})));
    assert_eq!(said("{\"n\": 3}", "stop").usage.unwrap().total(), 5);
    assert_eq!(said("{\"n\": 3", "length").content, Err(Unfit::Incomplete));
    assert!(matches!(said("three", "stop").content, Err(Unfit::Wrong(_))));
    assert!(matches!(said("{\"n\": 3.5}", "stop").content, Err(Unfit::Wrong(_))));
    assert_eq!(inquiry.read(b"<html>").content, Err(Unfit::Unreadable));
}

// Documents in the ledger

#[test]
fn documents_are_kept_by_kind_and_name_within_bounds_and_told_by_name_alone() {
    let mut ledger = Ledger::default();
    let put = |ledger: &mut Ledger, kind: &str, name: &str, body: Value| {
        ledger.ask(json!({"ask": "put_document", "kind": kind, "name": name, "body": body, "most": 2, "who": "acme.web"}))
    };
    assert_eq!(put(&mut ledger, "intent", "b", json!({"examples": ["secret words"]})), json!({"ok": true, "new": true}));
    assert_eq!(put(&mut ledger, "intent", "a", json!(1)), json!({"ok": true, "new": true}));
    assert_eq!(put(&mut ledger, "intent", "a", json!(2)), json!({"ok": true, "new": false}));
    assert_eq!(put(&mut ledger, "intent", "c", json!(3)), json!({"error": "too_many"}));
    assert_eq!(put(&mut ledger, "brand", "c", json!(3)), json!({"ok": true, "new": true}), "each kind has its own bound");
    assert_eq!(put(&mut ledger, "brand", "d", json!("x".repeat(600_000))), json!({"error": "too_large"}));
    ledger.reopen();
    let listed = ledger.ask(json!({"ask": "documents", "kind": "intent"}));
    assert_eq!(listed.as_array().unwrap().iter().map(|one| one["name"].clone()).collect::<Vec<_>>(), [json!("a"), json!("b")]);
    assert_eq!(ledger.ask(json!({"ask": "documents", "kind": "intent", "name": "a"}))[0]["body"], 2);
    let delete = json!({"ask": "delete_document", "kind": "intent", "name": "a", "who": "admin"});
    assert_eq!((ledger.ask(delete.clone())["ok"].clone(), ledger.ask(delete)["ok"].clone()), (json!(true), json!(false)));
    let audit = ledger.ask(json!({"ask": "audit", "limit": 100})).to_string();
    assert_eq!((audit.matches("document_put").count(), audit.matches("document_deleted").count()), (4, 1));
    assert!(!audit.contains("secret words"));
    ledger.ask(json!({"ask": "erase_user", "user": "ann"}));
    assert_eq!(ledger.ask(json!({"ask": "documents", "kind": "intent"})).as_array().unwrap().len(), 1, "they are the tenant's");
    assert_eq!(ledger.ask(json!({"ask": "erase_tenant"}))["removed"]["documents"], 2);
    assert_eq!(ledger.ask(json!({"ask": "documents", "kind": "brand"})), json!([]));
}

#[test]
fn labels_are_those_of_the_schema() {
    let inquiry = cloud::inquiry(Subject::Sentiments, &Own::default(), &["a"], None, true);
    let labels = &inquiry.schema["$defs"]["answer"]["properties"]["label"]["enum"];
    assert_eq!(labels, &json!([Label::Negative, Label::Neutral, Label::Positive].map(Label::name)));
}
