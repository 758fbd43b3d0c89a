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
use maya_edge::ledger::message::{Called, Exposure, Given, Message, Note};
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

/// Gives an answer that has an id in its body beside the one that it comes with.
fn give_twice_named(ledger: &mut Ledger, own_id: &str, id: &str, user: &str, what: What) {
    let user = Some(user.to_owned()).filter(|user| !user.is_empty());
    ledger.note(Note::Given(Given { at_ms: ledger.now_ms, user, answers: what.under(own_id, id, ledger.now_ms) }));
}

#[test]
fn an_answer_with_two_ids_is_one_answer_whichever_of_them_names_it() {
    for (first, second) in [("posts-1", "request-1"), ("request-1", "posts-1")] {
        let mut ledger = Ledger::default();
        give_twice_named(&mut ledger, "posts-1", "request-1", "ann", by("m1"));
        let new = say(&mut ledger, first, json!({"rating": 5}));
        assert_eq!((&new["new"], &new["answer"]["id"]), (&json!(true), &json!(first)));
        let again = say(&mut ledger, second, json!({"rating": 1}));
        assert_eq!((&again["new"], &again["answer"]["id"]), (&json!(false), &json!(first)), "it stands under the id that was used first");
        let models = learned(&mut ledger)["models"].clone();
        assert_eq!(
            (&models[0]["ratings"], &models[0]["mean"]),
            (&json!(1), &json!(0.0)),
            "the later word has taken the earlier one's place"
        );
        // The id that was used goes on to be known for as long as what was said is.
        ledger.database.tamper("DELETE FROM given");
        assert_eq!(say(&mut ledger, first, json!({"rating": 3}))["ok"], true);
        erase(&mut ledger, "ann");
        assert_eq!(say(&mut ledger, first, json!({"rating": 3}))["error"], "unknown_answer");
    }
}

#[test]
fn an_id_of_the_callers_that_comes_twice_leaves_each_answer_its_own_one() {
    let mut ledger = Ledger::default();
    give_twice_named(&mut ledger, "posts-1", "mine", "", by("m1"));
    ledger.now_ms += 1;
    give_twice_named(&mut ledger, "posts-2", "mine", "", by("m2"));
    for (id, model) in [("mine", "m1"), ("posts-2", "m2"), ("posts-1", "m1")] {
        assert_eq!(say(&mut ledger, id, json!({"rating": 4}))["answer"]["answer"]["model"], model, "{id}");
    }
    assert_eq!(ledger.database.number("SELECT COUNT(*) FROM feedback"), 2);
}

#[test]
fn a_completion_is_known_by_the_id_in_its_body_too_and_a_repeated_one_means_the_first() {
    let mut ledger = Ledger::default();
    let called = |request_id: &str, own_id: &str, user: &str| Called {
        status: 200,
        model: "m1".to_owned(),
        user: Some(user.to_owned()),
        answer: Some(request_id.to_owned()),
        own_id: own_id.to_owned(),
        ..Called::default()
    };
    ledger.note(Note::Settled(called("r1", "chatcmpl-1", "ann")));
    ledger.note(Note::Settled(called("r2", "", "ben")));
    ledger.note(Note::Settled(called("r3", "chatcmpl-1", "ben")));
    let mut new = |id: &str| say(&mut ledger, id, json!({"thumb": "up"}))["new"] == true;
    assert_eq!(["chatcmpl-1", "r1", "r2", "r3"].map(&mut new), [true, false, true, true], "each call stays one of its own");
    let holder = json!({"ask": "feedback", "id": "chatcmpl-1", "holder": "ben", "said": {"thumb": "down"}});
    assert_eq!(ledger.ask(holder)["error"], "unknown_answer", "it is the first one's");
}

// What was learnt rests on the rows that are kept

/// Fills the ledger with rows of feedback that are older than any other, each with a rating of 1.
fn fill(ledger: &mut Ledger, count: u64, approved: bool) {
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
         INSERT INTO feedback SELECT 'old-{approved}-' || i, i, i, '', 1, '{{\"model\":\"m9\"}}', \
         json_object('thumb', 'up', 'approved', json('{approved}')) FROM n"
    );
    ledger.database.tamper(&sql);
}

fn keep_for(ledger: &mut Ledger, span: &str) {
    ledger.ask(json!({"ask": "put_tenant", "record": {"retention": {"usage": span}}}));
}

#[test]
fn feedback_goes_when_it_is_older_than_its_retention_and_takes_with_it_what_it_taught() {
    let mut ledger = Ledger::default();
    keep_for(&mut ledger, "2d");
    give(&mut ledger, "one", "ann", post());
    say(&mut ledger, "one", json!({"rating": 5, "engagement": {"impressions": 1000, "likes": 900}}));
    assert_eq!((posts(&mut ledger), &learned(&mut ledger)["models"][0]["ratings"]), (1, &json!(1)));
    // The alarm comes for it alone: nothing else is there to become stale.
    ledger.database.tamper("DELETE FROM given; DELETE FROM slots; DELETE FROM usage");
    ledger.reopen();
    ledger.now_ms += 2 * DAY_MS + 3_600_000;
    ledger.ring();
    ledger.now_ms += 3_600_000;
    ledger.ring();
    assert_eq!(ledger.database.number("SELECT COUNT(*) FROM feedback"), 0);
    let left = learned(&mut ledger);
    assert_eq!((&left["score"]["posts"], &left["models"]), (&json!(0), &json!([])));
}

#[test]
fn a_shorter_retention_holds_for_what_was_said_before() {
    let mut ledger = Ledger::default();
    give(&mut ledger, "one", "", post());
    say(&mut ledger, "one", json!({"rating": 5}));
    ledger.database.tamper("DELETE FROM given");
    ledger.reopen();
    keep_for(&mut ledger, "2d");
    assert!(ledger.database.alarm_ms().is_some_and(|due| due <= ledger.now_ms + 2 * DAY_MS), "{:?}", ledger.database.alarm_ms());
}

#[test]
fn new_figures_of_an_answer_whose_feedback_was_dropped_are_learnt_once() {
    let mut ledger = Ledger::default();
    give(&mut ledger, "one", "", post());
    say(&mut ledger, "one", json!({"rating": 5, "engagement": {"impressions": 1000, "likes": 90}}));
    fill(&mut ledger, 25_000, false);
    ledger.database.tamper("UPDATE feedback SET changed_ms = 0 WHERE id = 'one'");
    give(&mut ledger, "two", "", by("m2"));
    ledger.now_ms += 1;
    say(&mut ledger, "two", json!({"thumb": "up"}));
    assert_eq!(ledger.database.number("SELECT COUNT(*) FROM feedback WHERE id = 'one'"), 0, "it was the oldest");
    assert_eq!(ledger.database.number("SELECT COUNT(*) FROM feedback"), 20_000);
    assert_eq!(posts(&mut ledger), 0);
    ledger.now_ms += 1;
    say(&mut ledger, "one", json!({"rating": 4, "engagement": {"impressions": 2000, "likes": 100}}));
    assert_eq!(posts(&mut ledger), 1);
    let models = learned(&mut ledger)["models"].clone();
    let m1 = models.as_array().unwrap().iter().find(|one| one["model"] == "m1").unwrap();
    assert_eq!((&m1["ratings"], &m1["mean"]), (&json!(1), &json!(0.75)));
}

#[test]
fn whoever_is_erased_leaves_nothing_in_what_was_learnt_even_when_earlier_versions_have_lost_the_rows() {
    let mut ledger = Ledger::default();
    give(&mut ledger, "hers", "ann", post());
    give(&mut ledger, "his", "ben", post());
    for id in ["hers", "his"] {
        say(&mut ledger, id, json!({"rating": 5, "engagement": {"impressions": 1000, "likes": 90}}));
    }
    // As versions before this one did: the row goes, and what it taught stays.
    ledger
        .database
        .tamper("DELETE FROM feedback WHERE id = 'hers'; UPDATE facts SET value = json_remove(value, '$.exact') WHERE name = 'learnt'");
    assert_eq!(posts(&mut ledger), 2);
    erase(&mut ledger, "ann");
    assert_eq!((posts(&mut ledger), &learned(&mut ledger)["models"][0]["ratings"]), (1, &json!(1)));
}

#[test]
fn all_that_is_left_is_learnt_from_when_somebody_is_erased_however_much_it_is() {
    let mut ledger = Ledger::default();
    fill(&mut ledger, 7_000, false);
    give(&mut ledger, "hers", "ann", post());
    say(&mut ledger, "hers", json!({"rating": 1}));
    erase(&mut ledger, "ann");
    assert_eq!(learned(&mut ledger)["models"], json!([{"model": "m9", "ratings": 7_000, "mean": 1.0}]));
}

#[test]
fn thumbs_never_drive_out_the_examples_of_a_brand() {
    let mut ledger = Ledger::default();
    give(&mut ledger, "example", "", post());
    say(&mut ledger, "example", json!({"approved": true, "text": "Plum blend."}));
    ledger.database.tamper("UPDATE feedback SET changed_ms = 0");
    fill(&mut ledger, 20_000, false);
    give(&mut ledger, "new", "", by("m1"));
    say(&mut ledger, "new", json!({"thumb": "up"}));
    assert_eq!(ledger.database.number("SELECT COUNT(*) FROM feedback WHERE id = 'example'"), 1);
    assert_eq!(ledger.database.number("SELECT COUNT(*) FROM feedback WHERE id = 'old-false-1'"), 0);
    // They are bounded, too; and one that is taken back counts among the others from then on.
    fill(&mut ledger, 5_000, true);
    give(&mut ledger, "another", "", post());
    say(&mut ledger, "another", json!({"approved": true, "text": "Rye."}));
    assert_eq!(ledger.database.number("SELECT COUNT(*) FROM feedback WHERE id = 'example'"), 0);
    ledger.now_ms += 1;
    assert_eq!(say(&mut ledger, "another", json!({"approved": false}))["ok"], true);
    assert_eq!(ledger.database.number("SELECT COUNT(*) FROM feedback WHERE id = 'another'"), 1);
}

#[test]
fn what_is_shown_of_models_is_what_auto_weighs_by() {
    let mut ledger = Ledger::default();
    for (id, model) in [("a", "m1"), ("b", "m1"), ("c", "m2"), ("d", "")] {
        give(&mut ledger, id, "", by(model));
    }
    for (id, said) in
        [("a", json!({"rating": 5})), ("b", json!({"thumb": "down"})), ("c", json!({"rating": 2})), ("d", json!({"rating": 2}))]
    {
        say(&mut ledger, id, said);
    }
    assert_eq!(
        learned(&mut ledger)["models"],
        json!([{"model": "m1", "ratings": 2, "mean": 0.5}, {"model": "m2", "ratings": 1, "mean": 0.25}])
    );
    let learnt: Value = serde_json::from_str(&ledger.act(&Message::Learnt, &[]).text).unwrap();
    assert_eq!(learnt["ratings"], json!({"m1": [2, 1.0], "m2": [1, 0.25]}));
}

#[test]
fn figures_of_a_text_that_was_edited_are_learnt_against_that_text() {
    let mut ledger = Ledger::default();
    give(&mut ledger, "one", "", post());
    let engagement = json!({"impressions": 1000, "likes": 90});
    say(&mut ledger, "one", json!({"engagement": engagement}));
    let said = say(&mut ledger, "one", json!({"edited_text": "Plum blend. 50 bags. Would you like one?"}));
    let effects = said["answer"]["answer"]["post"]["effects"].clone();
    assert_ne!(effects, json!(vec![1.0; 13]), "it is another post");
    // What the first text taught is out again: it is as if only the second had been seen.
    let once = {
        let mut ledger = Ledger::default();
        let effects = serde_json::from_value(effects).unwrap();
        give(&mut ledger, "one", "", What { post: Some(Post { platform: "x".to_owned(), effects }), ..by("m1") });
        say(&mut ledger, "one", json!({"engagement": engagement}));
        learned(&mut ledger)["score"].clone()
    };
    let now = learned(&mut ledger)["score"].clone();
    assert_eq!((&now["weights"], &now["posts"], &now["foreseen"]), (&once["weights"], &json!(1), &json!(1)));
}

// Experiments

/// Gives the posts of one order, which is one answer to the experiment `tone`, by the first arm.
fn order(ledger: &mut Ledger, goal: &str, ids: &[&str]) {
    let definition = json!({"arms": [{"name": "a"}, {"name": "b"}], "goal": goal, "renew": "1s", "stop": {"least_subjects": 20}});
    ledger.act(&Message::PutExperiment { id: "tone".to_owned(), definition, who: String::new() }, &[]);
    let run = ledger.ask(json!({"ask": "documents", "kind": "experiment"}))[0]["key"].as_str().unwrap_or_default().to_owned();
    let exposure = Exposure {
        experiment: "tone".to_owned(),
        run,
        subject: "s".to_owned(),
        shares: vec![0.5, 0.5],
        answer: "e1".to_owned(),
        ..Exposure::default()
    };
    ledger.note(Note::Exposed(exposure.measured(false, None, Some(300))));
    for id in ids {
        let what = What { experiment: "tone".to_owned(), arm: "a".to_owned(), exposure: "e1".to_owned(), ..post() };
        give(ledger, id, "", what);
    }
}

/// What the experiment was told of its answer, by metric.
fn heard(ledger: &mut Ledger, metric: &str) -> Value {
    let seen = ledger.ask(json!({"ask": "experiments", "id": "tone"}));
    seen[0]["results"]["arms"][0]["metrics"][metric]["mean"].clone()
}

#[test]
fn an_experiment_hears_of_an_order_with_several_posts_the_mean_over_them() {
    let mut ledger = Ledger::default();
    order(&mut ledger, "engagement_rate", &["x", "linkedin", "sms"]);
    say(&mut ledger, "x", json!({"engagement": {"impressions": 1000, "likes": 50}}));
    assert_eq!(heard(&mut ledger, "engagement_rate"), json!(0.05));
    say(&mut ledger, "linkedin", json!({"engagement": {"impressions": 1000, "likes": 10}}));
    assert_eq!(heard(&mut ledger, "engagement_rate"), json!(0.03));
    say(&mut ledger, "sms", json!({"rating": 2}));
    assert_eq!(heard(&mut ledger, "engagement_rate"), json!(0.03), "of the third nothing is known");
}

#[test]
fn an_experiment_hears_only_what_has_changed() {
    let mut ledger = Ledger::default();
    order(&mut ledger, "rating", &["x"]);
    say(&mut ledger, "x", json!({"rating": 5, "engagement": {"impressions": 1000, "likes": 10}}));
    ledger.ask(json!({"ask": "outcome", "experiment": "tone", "answer": "e1", "values": [["rating", 2.0]]}));
    say(&mut ledger, "x", json!({"engagement": {"impressions": 2000, "likes": 30}}));
    assert_eq!(heard(&mut ledger, "rating"), json!(2.0), "what was corrected stays corrected");
    // Stars that became a thumb are no longer the stars.
    say(&mut ledger, "x", json!({"thumb": "down"}));
    assert_eq!((heard(&mut ledger, "rating"), heard(&mut ledger, "thumbs_up")), (json!(1.0), json!(0.0)));
}
