//! Limits, budgets and reservations upon a real SQLite: exact, given back, and the same after an eviction.
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

use house::{Ledger, NOON, call, called, granted};
use maya_edge::cloud::models::MicroDollars;
use maya_edge::ledger::message::{Called, Idempotency, Note, Reserve, Word};
use maya_edge::protocol::usage::Usage;
use proptest::prelude::*;
use serde_json::{Value, json};

const DAY_MS: u64 = 86_400_000;

fn limits(limits: Value) -> Value {
    json!({ "limits": limits })
}

fn of_user(id: &str, user: &str, own: Value) -> Reserve {
    Reserve { user: Some(user.to_owned()), ..call(id, own) }
}

#[test]
fn of_100_calls_at_a_limit_exactly_so_many_pass() {
    for limit in [0, 1, 7, 99, 100, 200] {
        let mut ledger = Ledger::default();
        let own = limits(json!([{"requests": limit, "window": "60s"}]));
        let passed = (0..100).filter(|at| granted(&ledger.reserve(call(&format!("r{at}"), own.clone())))).count();
        assert_eq!(passed, limit.min(100));
        ledger.now_ms += 61_000;
        assert_eq!(granted(&ledger.reserve(call("later", own))), limit > 0);
    }
}

#[test]
fn a_refusal_tells_which_limit_holds_the_longest_and_when_the_call_fits() {
    let mut ledger = Ledger::default();
    let own = limits(json!([{"requests": 1, "window": "10s"}, {"tokens": 150, "window": "1h"}, {"requests": 5, "window": "1d"}]));
    assert!(granted(&ledger.reserve(Reserve { lease_ms: DAY_MS, ..call("a", own.clone()) })));
    ledger.now_ms += 1000;
    let Word::Limited { limits, by, after_ms } = ledger.reserve(call("b", own.clone())) else { panic!() };
    assert_eq!((by, limits.len()), (1, 3));
    assert_eq!((limits[0].left, limits[1].left, limits[2].left), (0, 50, 4), "nothing is taken by a refusal");
    let after_ms = after_ms.unwrap();
    assert!((3_599_000..=3_600_000).contains(&after_ms), "{after_ms}");
    ledger.now_ms += after_ms - 1;
    assert!(!granted(&ledger.reserve(call("c", own.clone()))));
    ledger.now_ms += 1;
    assert!(granted(&ledger.reserve(call("d", own.clone()))));
    // What can never fit.
    let Word::Limited { after_ms, by, .. } = ledger.reserve(Reserve { tokens: 151, ..call("e", own) }) else { panic!() };
    assert_eq!((after_ms, by), (None, 1));
}

#[test]
fn limits_count_apart_for_keys_users_and_models() {
    for (per, same) in
        [("owner", [true, true, true]), ("key", [false, true, true]), ("user", [true, false, true]), ("model", [true, true, false])]
    {
        let mut ledger = Ledger::default();
        ledger.ask(json!({"put_tenant": {"record": {"limits": [{"requests": 1, "window": "60s", "per": per}]}}}));
        let other = |id: &str, key: &str, user: &str, model: &str| Reserve {
            key: key.to_owned(),
            model: model.to_owned(),
            ..of_user(id, user, json!({}))
        };
        assert!(granted(&ledger.reserve(other("a", "k1", "u1", "m1"))));
        for (at, (key, user, model)) in [("k2", "u1", "m1"), ("k1", "u2", "m1"), ("k1", "u1", "m2")].into_iter().enumerate() {
            assert_eq!(granted(&ledger.reserve(other(&format!("b{at}"), key, user, model))), !same[at], "{per} {at}");
        }
        assert_eq!(
            granted(&ledger.reserve(Reserve { user: None, ..other("n", "k1", "", "m1") })),
            per == "user",
            "who names nobody is one"
        );
        assert!(!granted(&ledger.reserve(Reserve { user: None, ..other("n2", "k1", "", "m1") })));
    }
}

#[test]
fn two_limits_on_the_same_count_take_from_it_once() {
    let mut ledger = Ledger::default();
    let own = limits(json!([{"requests": 3, "window": "60s"}, {"requests": 2, "window": "60s"}]));
    let passed = (0..5).filter(|at| granted(&ledger.reserve(call(&format!("r{at}"), own.clone())))).count();
    assert_eq!(passed, 2);
}

#[test]
fn a_call_that_is_settled_counts_with_what_it_used_and_one_that_failed_with_nothing() {
    let mut ledger = Ledger::default();
    let own = limits(json!([{"tokens": 200, "window": "60s"}, {"micro_dollars": 2000, "window": "60s"}, {"requests": 3, "window": "60s"}]));
    let left = |word: &Word| match word {
        Word::Granted { limits, .. } | Word::Limited { limits, .. } => limits.iter().map(|limit| limit.left).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(left(&ledger.reserve(call("a", own.clone()))), [100, 1000, 2]);
    assert_eq!(left(&ledger.reserve(call("b", own.clone()))), [0, 0, 1]);
    let usage = Usage { prompt_tokens: 10, completion_tokens: 20 };
    ledger.now_ms += 500;
    ledger.note(Note::Settled(Called { usage, cost: Some(MicroDollars(250)), ..called("a", NOON) }));
    ledger.note(Note::Released(Called { status: 503, ..called("b", NOON) }));
    assert_eq!(left(&ledger.reserve(call("c", own.clone()))), [70, 750, 1]);
    let other = ledger.reserve(call("d", own.clone()));
    assert_eq!(left(&other), [70, 750, 1], "refused: {other:?}");
    // A price that turns out to be unknown leaves the estimate.
    ledger.note(Note::Settled(Called { usage, cost: None, ..called("c", NOON) }));
    assert_eq!(left(&ledger.reserve(Reserve { tokens: 1, cost: Some(MicroDollars(0)), ..call("e", own) })), [139, 750, 0]);
}

#[test]
fn a_reservation_whose_worker_died_is_given_back_when_its_lease_ends() {
    for by_alarm in [true, false] {
        let mut ledger = Ledger::default();
        let own = json!({"limits": [{"requests": 1, "window": "1h"}], "budget": {"day": {"hard_micro_dollars": 1000}}});
        assert!(granted(&ledger.reserve(call("a", own.clone()))));
        assert_eq!(ledger.database.alarm_ms(), Some(NOON + 60_000));
        ledger.now_ms += 59_999;
        assert!(!granted(&ledger.reserve(call("b", own.clone()))));
        ledger.now_ms += 1;
        if by_alarm {
            ledger.reopen();
            ledger.ring();
            assert_eq!(ledger.database.number("SELECT COUNT(*) FROM reservations"), 0);
        }
        assert!(granted(&ledger.reserve(call("c", own))));
        assert_eq!(ledger.usage(json!({}))["total"]["lost"], 1);
        // What comes too late still counts as usage, and as money.
        ledger.note(Note::Settled(Called { cost: Some(MicroDollars(10)), ..called("a", NOON) }));
        assert_eq!(ledger.usage(json!({}))["total"]["cost_micro_dollars"], 10);
        assert_eq!(ledger.database.number("SELECT amount FROM spent WHERE owner = 'k1'"), 10);
    }
}

#[test]
fn a_hard_budget_is_not_passed_and_a_soft_one_warns() {
    let mut ledger = Ledger::default();
    let own = json!({"budget": {"day": {"soft_micro_dollars": 2000, "hard_micro_dollars": 3000}, "month": {"hard_micro_dollars": 5000}}});
    let Word::Granted { soft: None, .. } = ledger.reserve(call("a", own.clone())) else { panic!() };
    let Word::Granted { soft: Some(soft), .. } = ledger.reserve(call("b", own.clone())) else { panic!() };
    assert_eq!(
        (soft.period.as_str(), soft.owner.as_str(), soft.spent, soft.threshold),
        ("day", "k1", MicroDollars(2000), MicroDollars(2000))
    );
    assert!(granted(&ledger.reserve(call("c", own.clone()))), "up to the threshold itself");
    let Word::Spent(spent) = ledger.reserve(call("d", own.clone())) else { panic!() };
    assert_eq!(
        (spent.period.as_str(), spent.spent, spent.threshold, spent.reset_ms),
        ("day", MicroDollars(3000), MicroDollars(3000), DAY_MS / 2)
    );
    // What was reserved becomes what was spent.
    for id in ["a", "b", "c"] {
        ledger.note(Note::Settled(Called { cost: Some(MicroDollars(900)), ..called(id, NOON) }));
    }
    assert!(granted(&ledger.reserve(Reserve { cost: Some(MicroDollars(300)), ..call("e", own.clone()) })));
    assert!(!granted(&ledger.reserve(Reserve { cost: Some(MicroDollars(1)), ..call("f", own.clone()) })));
    ledger.note(Note::Settled(Called { cost: Some(MicroDollars(300)), ..called("e", NOON) }));
    // The next day, and then the next month.
    ledger.now_ms += DAY_MS / 2;
    assert!(granted(&ledger.reserve(Reserve { cost: Some(MicroDollars(2000)), ..call("g", own.clone()) })));
    let Word::Spent(spent) = ledger.reserve(Reserve { cost: Some(MicroDollars(1)), ..call("h", own.clone()) }) else { panic!() };
    assert_eq!((spent.period.as_str(), spent.spent, spent.reset_ms), ("month", MicroDollars(5000), 7 * DAY_MS));
    ledger.now_ms += 7 * DAY_MS;
    assert!(granted(&ledger.reserve(call("i", own))));
}

#[test]
fn a_budget_that_is_set_later_knows_what_was_spent() {
    let mut ledger = Ledger::default();
    ledger.note(Note::Settled(Called { cost: Some(MicroDollars(700)), ..called("", NOON) }));
    let own = json!({"budget": {"day": {"hard_micro_dollars": 1000}}});
    let Word::Spent(spent) = ledger.reserve(call("a", own)) else { panic!() };
    assert_eq!((spent.owner.as_str(), spent.spent), ("k1", MicroDollars(700)));
    ledger.ask(json!({"put_tenant": {"record": {"budget": {"month": {"hard_micro_dollars": 1000}}}}}));
    let Word::Spent(spent) = ledger.reserve(Reserve { key: "k2".to_owned(), terms: Vec::new(), ..call("b", json!({})) }) else { panic!() };
    assert_eq!((spent.owner.as_str(), spent.period.as_str(), spent.spent), ("tenant", "month", MicroDollars(700)));
}

#[test]
fn an_unknown_price_is_refused_where_money_is_limited_and_nowhere_else() {
    let priceless = |id: &str, own| Reserve { cost: None, ..call(id, own) };
    let mut ledger = Ledger::default();
    for own in [json!({"budget": {"day": {"hard_micro_dollars": 1}}}), limits(json!([{"micro_dollars": 1, "window": "1s"}]))] {
        assert_eq!(ledger.reserve(priceless("a", own)), Word::Unpriced);
    }
    for own in [json!({"budget": {"day": {"soft_micro_dollars": 0}}}), limits(json!([{"tokens": 1000, "window": "1s"}])), json!({})] {
        let id = ledger.next_id();
        assert!(granted(&ledger.reserve(priceless(&id, own))));
    }
}

#[test]
fn what_nothing_holds_for_is_not_written() {
    let mut ledger = Ledger::default();
    let before = ledger.database.crossings();
    assert_eq!(ledger.reserve(of_user("a", "u", json!({}))), Word::Granted { limits: Vec::new(), soft: None });
    assert_eq!(ledger.database.crossings(), before);
    // And where something holds, a call is one write before it and one after it, and no read once the counters are in memory.
    let own = json!({"limits": [{"requests": 100, "window": "60s"}, {"tokens": 100000, "window": "60s", "per": "user"}], "budget": {"day": {"hard_micro_dollars": 90000}}});
    assert!(granted(&ledger.reserve(of_user("b", "u", own.clone()))));
    ledger.note(Note::Settled(Called { user: Some("u".to_owned()), cost: Some(MicroDollars(1)), ..called("b", NOON) }));
    let (reads, writes) = ledger.database.crossings();
    assert!(granted(&ledger.reserve(of_user("c", "u", own))));
    ledger.note(Note::Settled(Called { user: Some("u".to_owned()), cost: Some(MicroDollars(1)), ..called("c", NOON) }));
    assert_eq!(ledger.database.crossings(), (reads, writes + 2));
}

#[test]
fn a_message_that_fails_leaves_nothing_behind() {
    let mut ledger = Ledger::default();
    let own = limits(json!([{"requests": 1, "window": "60s"}]));
    ledger.reserve(call("a", own.clone()));
    ledger.note(Note::Released(called("a", NOON)));
    let before = ledger.database.everything();
    for statements in 0..3 {
        ledger.database.fail_after(statements);
        let message = serde_json::to_string(&maya_edge::ledger::message::Message::Reserve(of_user("b", "u", own.clone()))).unwrap();
        assert!(ledger.books.act(ledger.now_ms, &message, &[]).is_err());
        assert_eq!(ledger.database.everything(), before);
        ledger.reopen();
    }
    let notes = r#"{"note":{"notes":[{"settled":{"reservation":"b","response":[200,"text/plain",5],"usage":{"prompt_tokens":1,"completion_tokens":1}}}]}}"#;
    for wrong in ["", "{}", r#"{"what":{}}"#, r#"{"put_tenant":{"record":{"nonsense":1}}}"#, notes] {
        assert!(ledger.books.act(ledger.now_ms, wrong, b"four").is_err(), "{wrong}");
        assert_eq!(ledger.database.everything(), before);
        ledger.reopen();
    }
    assert!(granted(&ledger.reserve(call("b", own))));
}

// Idempotency

fn same(id: &str, body: &str) -> Reserve {
    let idempotency = Some(Idempotency { key: "i1".to_owned(), body: body.to_owned() });
    Reserve { idempotency, ..call(id, json!({})) }
}

fn answered(id: &str, length: usize) -> Note {
    let response = Some((201, "application/json".to_owned(), length));
    Note::Settled(Called { response, answer: Some("first".to_owned()), ..called(id, NOON) })
}

#[test]
fn the_same_call_gets_the_same_answer_for_a_day() {
    let mut ledger = Ledger::default();
    assert!(granted(&ledger.reserve(same("a", "b1"))));
    assert_eq!(ledger.reserve(same("b", "b1")), Word::InFlight);
    assert_eq!(ledger.reserve(same("b", "b2")), Word::OtherBody);
    ledger.reopen();
    assert_eq!(ledger.reserve(same("b", "b1")), Word::InFlight);
    // Longer than a part, and behind another note's bytes.
    let long: Vec<u8> = (0..3_000_000_u32).map(|at| at as u8).collect();
    let other = Reserve { idempotency: Some(Idempotency { key: "i0".to_owned(), body: "b".to_owned() }), ..call("z", json!({})) };
    assert!(granted(&ledger.reserve(other)));
    let bytes = [&b"first"[..], &long].concat();
    ledger.act(&maya_edge::ledger::message::Message::Note { notes: vec![answered("z", 5), answered("a", long.len())] }, &bytes);
    let expected = Word::Answered { status: 201, content_type: "application/json".to_owned(), id: "first".to_owned() };
    for _ in 0..2 {
        assert_eq!(ledger.reserve_with_bytes(same("c", "b1")), (expected.clone(), Some(long.clone())));
        assert_eq!(ledger.reserve(same("c", "b2")), Word::OtherBody);
        ledger.reopen();
        ledger.now_ms = NOON + DAY_MS - 1;
    }
    ledger.now_ms += 1;
    assert!(granted(&ledger.reserve(same("d", "b2"))));
    ledger.act(&maya_edge::ledger::message::Message::Note { notes: vec![answered("d", 0)] }, &[]);
    assert_eq!(ledger.reserve_with_bytes(same("e", "b2")).1, Some(Vec::new()), "none of the longer answer before is left");
    ledger.now_ms += DAY_MS;
    ledger.ring();
    ledger.ring();
    assert_eq!(ledger.database.number("SELECT (SELECT COUNT(*) FROM answers) + (SELECT COUNT(*) FROM answer_parts)"), 0);
}

#[test]
fn a_call_that_failed_may_come_again() {
    let mut ledger = Ledger::default();
    for (at, outcome) in ["released", "not kept", "lost"].into_iter().enumerate() {
        let id = format!("r{at}");
        assert!(granted(&ledger.reserve(same(&id, outcome))), "{outcome}");
        match outcome {
            "released" => ledger.note(Note::Released(called(&id, NOON))),
            "not kept" => ledger.note(Note::Settled(called(&id, NOON))),
            _ => ledger.now_ms += 60_000,
        }
    }
    assert!(granted(&ledger.reserve(same("again", "b"))));
}

// Any course of events

#[derive(Clone, Debug)]
enum Step {
    Reserve { user: u8, model: u8, tokens: u64, cost: u64 },
    Settle { which: prop::sample::Index, part: u64 },
    Release { which: prop::sample::Index },
    Wait { ms: u64 },
    Evict,
    Alarm,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..3_u8, 0..2_u8, 1..60_u64, 0..500_u64).prop_map(|(user, model, tokens, cost)| Step::Reserve { user, model, tokens, cost }),
        3 => (any::<prop::sample::Index>(), 0..=100_u64).prop_map(|(which, part)| Step::Settle { which, part }),
        2 => any::<prop::sample::Index>().prop_map(|which| Step::Release { which }),
        3 => prop_oneof![0..50_u64, 0..4000_u64, Just(30_000), Just(DAY_MS)].prop_map(|ms| Step::Wait { ms }),
        1 => Just(Step::Evict),
        1 => Just(Step::Alarm),
    ];
    proptest::collection::vec(step, 1..80)
}

struct Counted {
    at_ms: u64,
    until_ms: u64,
    user: u8,
    model: u8,
    tokens: u64,
    cost: u64,
    open: bool,
    given_back: bool,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_course_of_events_passes_a_limit_or_a_budget_and_an_eviction_changes_nothing(steps in steps()) {
        let own = json!({
            "limits": [
                {"requests": 4, "window": "1s"},
                {"tokens": 150, "window": "10s", "per": "user"},
                {"tokens": 200, "window": "10s", "per": "model"},
                {"micro_dollars": 1500, "window": "60s"},
            ],
            "budget": {"day": {"hard_micro_dollars": 4000}},
        });
        // One ledger is never evicted; its word is always the other's.
        let (mut ledger, mut lasting) = (Ledger::default(), Ledger::default());
        let mut calls: Vec<(String, Counted)> = Vec::new();
        for step in steps {
            let now = ledger.now_ms;
            match step {
                Step::Reserve { user, model, tokens, cost } => {
                    let id = ledger.next_id();
                    let reserve = Reserve { model: format!("m{model}"), tokens, cost: Some(MicroDollars(cost)), lease_ms: 20_000, ..of_user(&id, &format!("u{user}"), own.clone()) };
                    let word = ledger.reserve(reserve.clone());
                    prop_assert_eq!(&word, &lasting.reserve(reserve));
                    for (_, call) in &mut calls {
                        if call.open && call.until_ms <= now {
                            (call.open, call.given_back) = (false, true);
                        }
                    }
                    if granted(&word) {
                        let call = Counted { at_ms: now, until_ms: now + 20_000, user, model, tokens, cost, open: true, given_back: false };
                        calls.push((id, call));
                    }
                }
                Step::Settle { which, part } => {
                    if let Some(at) = pick(&calls, &which) {
                        let (id, call) = &mut calls[at];
                        (call.tokens, call.cost, call.open) = (call.tokens * part / 100, call.cost * part / 100, false);
                        let usage = Usage { prompt_tokens: call.tokens, completion_tokens: 0 };
                        let user = Some(format!("u{}", call.user));
                        let called = Called { usage, cost: Some(MicroDollars(call.cost)), user, model: format!("m{}", call.model), ..called(id, now) };
                        ledger.note(Note::Settled(called.clone()));
                        lasting.note(Note::Settled(called));
                    }
                }
                Step::Release { which } => {
                    if let Some(at) = pick(&calls, &which) {
                        let (id, call) = &mut calls[at];
                        (call.open, call.given_back) = (false, true);
                        ledger.note(Note::Released(called(id, now)));
                        lasting.note(Note::Released(called(id, now)));
                    }
                }
                Step::Wait { ms } => (ledger.now_ms, lasting.now_ms) = (now + ms, now + ms),
                Step::Evict => ledger.reopen(),
                Step::Alarm => {
                    ledger.ring();
                    lasting.ring();
                    for (_, call) in &mut calls {
                        if call.open && call.until_ms <= now {
                            (call.open, call.given_back) = (false, true);
                        }
                    }
                }
            }
            let now = ledger.now_ms;
            let counted: Vec<&Counted> = calls.iter().map(|(_, call)| call).filter(|call| !call.given_back).collect();
            let sum = |ms: u64, of: &dyn Fn(&Counted) -> u64| counted.iter().filter(|call| call.at_ms + ms > now).map(|call| of(call)).sum::<u64>();
            prop_assert!(sum(1000, &|_| 1) <= 4);
            for user in 0..3 {
                let theirs = sum(10_000, &|call| if call.user == user { call.tokens } else { 0 });
                prop_assert!(theirs <= 150);
            }
            for model in 0..2 {
                let theirs = sum(10_000, &|call| if call.model == model { call.tokens } else { 0 });
                prop_assert!(theirs <= 200);
            }
            prop_assert!(sum(60_000, &|call| call.cost) <= 1500);
            let today: u64 = counted.iter().filter(|call| call.at_ms / DAY_MS == now / DAY_MS).map(|call| call.cost).sum();
            prop_assert!(today <= 4000);
        }
        // When all is given back or over, all of each limit is free.
        for (id, call) in &calls {
            if call.open {
                ledger.note(Note::Released(called(id, ledger.now_ms)));
            }
        }
        ledger.now_ms += 61_000;
        ledger.reopen();
        let Word::Granted { limits, .. } = ledger.reserve(Reserve { tokens: 0, cost: Some(MicroDollars(0)), ..of_user("last", "u0", own) }) else { panic!() };
        prop_assert_eq!(limits.iter().map(|limit| limit.left).collect::<Vec<_>>(), vec![3, 150, 200, 1500]);
        // And nothing is left behind but what counts.
        ledger.now_ms += 2 * 3_600_000;
        for _ in 0..4 {
            if let Some(due) = ledger.database.alarm_ms() {
                ledger.now_ms = ledger.now_ms.max(due);
            }
            ledger.ring();
        }
        prop_assert_eq!(ledger.database.number("SELECT (SELECT COUNT(*) FROM slots) + (SELECT COUNT(*) FROM reservations)"), 0);
    }
}

fn pick(calls: &[(String, Counted)], which: &prop::sample::Index) -> Option<usize> {
    let open: Vec<usize> = calls.iter().enumerate().filter(|(_, (_, call))| call.open).map(|(at, _)| at).collect();
    if open.is_empty() { None } else { Some(open[which.index(open.len())]) }
}
