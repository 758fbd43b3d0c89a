//! Campaigns: what a plan may say, and how a campaign goes on whatever happens to workers, answers, money and its owner's mind.
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
use maya_edge::batches::message::Ask;
use maya_edge::batches::store::Store;
use maya_edge::campaigns::message::Asked;
use maya_edge::content::campaign::alike::{ALIKE, alike};
use maya_edge::content::campaign::course::{Course, LONGEST_MS, Landed, Landing, Slot, State, Status, TRIES, Task};
use maya_edge::content::campaign::plan::Plan;
use maya_edge::content::campaign::strategy;
use maya_edge::content::export::{self, Planned};
use maya_edge::content::platform::Platform;
use maya_edge::edge::embedding::{cosine, embed};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

fn plan(body: &Value) -> Result<Plan, (String, String)> {
    Plan::read(body.to_string().as_bytes()).map_err(|error| (error.code.to_owned(), error.param.to_string()))
}

fn body() -> Value {
    json!({"brief": "Our bakery opens a second shop", "platforms": ["x", "linkedin"], "timeline": ["2026-12-03", "2026-12-01"]})
}

fn with(name: &str, value: Value) -> Value {
    let mut body = body();
    body[name] = value;
    body
}

#[test]
fn a_plan_has_a_slot_for_every_platform_at_every_time_in_order() {
    let plan = plan(&body()).unwrap();
    let slots: Vec<(&str, u64)> = plan.slots().iter().map(|(platform, at)| (platform.name(), *at)).collect();
    let (first, second) = (1_796_115_600_000, 1_796_288_400_000);
    assert_eq!(slots, [("x", first), ("linkedin", first), ("x", second), ("linkedin", second)]);
    assert_eq!([0, 1, 2, 3].map(|slot| plan.time_of(slot)), [0, 0, 1, 1]);
}

#[test]
fn a_time_is_a_date_at_nine_or_an_instant_with_its_offset() {
    let times = plan(&with("timeline", json!(["2026-12-01T10:30:00+01:00", "2026-12-01"]))).unwrap().times;
    assert_eq!(times, [1_796_115_600_000, 1_796_117_400_000]);
}

#[test]
fn a_budget_is_dollars_or_micro_dollars() {
    assert_eq!(plan(&with("budget", json!(5))).unwrap().budget, Some(5_000_000));
    assert_eq!(plan(&with("budget", json!(0.29))).unwrap().budget, Some(290_000));
    assert_eq!(plan(&with("budget_micro_dollars", json!(7))).unwrap().budget, Some(7));
    assert_eq!(plan(&body()).unwrap().budget, None);
}

#[test]
fn what_is_wrong_with_a_plan_is_named() {
    let long: Vec<String> =
        (1..=28).flat_map(|day| [format!("2026-12-{day:02}T08:00:00Z"), format!("2026-12-{day:02}T18:00:00Z")]).collect();
    for (name, value, code, param) in [
        ("brief", Value::Null, "missing_field", "brief"),
        ("brief", json!("  "), "wrong_value", "brief"),
        ("brief", json!("x".repeat(4001)), "wrong_value", "brief"),
        ("name", json!("x".repeat(101)), "wrong_value", "name"),
        ("timeline", Value::Null, "missing_field", "timeline"),
        ("timeline", json!([]), "wrong_value", "timeline"),
        ("timeline", json!(["2026-12-01", "tomorrow"]), "wrong_value", "timeline[1]"),
        ("timeline", json!(["2026-02-30"]), "wrong_value", "timeline[0]"),
        ("timeline", json!(["2026-12-01", "2026-12-01T09:00:00Z"]), "wrong_value", "timeline[1]"),
        ("platforms", json!(["myspace"]), "wrong_value", "platforms[0]"),
        ("budget", json!(0), "wrong_value", "budget"),
        ("budget", json!(-1), "wrong_value", "budget"),
        ("budget", json!("much"), "wrong_value", "budget"),
        ("budget_micro_dollars", json!(1.5), "wrong_value", "budget_micro_dollars"),
        ("tone", json!("angry"), "wrong_value", "tone"),
        ("variants", json!(2), "unknown_field", "variants"),
    ] {
        assert_eq!(plan(&with(name, value)).unwrap_err(), (code.to_owned(), param.to_owned()), "{name}");
    }
    let mut many = with("timeline", json!(long));
    many["platforms"] = json!(["x", "linkedin", "sms", "bluesky"]);
    assert_eq!(plan(&many).unwrap_err(), ("wrong_value".to_owned(), "timeline".to_owned()));
    let both = {
        let mut both = with("budget", json!(1));
        both["budget_micro_dollars"] = json!(1);
        both
    };
    assert_eq!(plan(&both).unwrap_err().1, "budget");
}

#[test]
fn a_plan_reads_as_itself_when_it_was_kept() {
    let mut given = with("budget", json!(5));
    given["name"] = json!("Second shop");
    given["audience"] = json!("neighbours");
    let first = plan(&given).unwrap();
    let again = plan(first.written()).unwrap();
    assert_eq!((again.written(), &again.times, again.slots()), (first.written(), &first.times, first.slots()));
    assert_eq!(again.budget, None, "it is the course's");
}

#[test]
fn a_strategy_has_a_theme_for_every_time_whatever_the_model_says() {
    let plan = plan(&body()).unwrap();
    let good = json!({"theme": "A second oven", "angle": "Begin with the smell on the street."});
    for (answer, given) in [
        (None, [false, false]),
        (Some(json!({"t1": good, "t2": {"theme": "Thanks", "angle": "To the first customers."}})), [true, true]),
        (Some(json!({"t1": good})), [true, false]),
        (Some(json!({"t1": good, "t2": {"theme": "See https://elsewhere.example", "angle": "x"}})), [true, false]),
        (
            Some(json!({"t1": {"theme": "", "angle": "x"}, "t2": {"theme": "Plan a campaign on social media.", "angle": "x"}})),
            [false, false],
        ),
        (Some(json!("no")), [false, false]),
    ] {
        let themes = strategy::themes(&plan, answer.as_ref());
        assert_eq!(themes.iter().map(|(_, given)| *given).collect::<Vec<_>>(), given, "{answer:?}");
        assert!(themes.iter().all(|(theme, _)| !theme.theme.is_empty() && !theme.angle.is_empty()));
        let told = strategy::told(&plan, &themes, None);
        assert_eq!(told["degraded"], json!(given != [true, true]));
        assert_eq!(strategy::kept(&told), themes.into_iter().map(|(theme, _)| theme).collect::<Vec<_>>());
    }
    let schema = strategy::inquiry(&plan).schema.to_string();
    assert!(schema.len() < 5000 && schema.contains("\"t2\""));
}

#[test]
fn the_schema_of_the_longest_timeline_is_within_cerebrass_limit() {
    let times: Vec<String> = (0..60).map(|at| format!("2026-{:02}-{:02}", at / 28 + 1, at % 28 + 1)).collect();
    let mut body = with("timeline", json!(times));
    body["platforms"] = json!(["x"]);
    assert!(strategy::inquiry(&plan(&body).unwrap()).schema.to_string().chars().count() <= 5000);
}

#[test]
fn posts_are_compared_within_their_platform_and_with_those_that_stay() {
    let (a, b) = ("Our second shop opens on Friday. Come by for a bun.", "Friday our second shop opens. Come by for a bun!");
    let other = "How do you like your rye bread: fresh, or on the third day?";
    assert_eq!(alike(&[(0, Platform::X, a), (1, Platform::X, other), (2, Platform::X, b), (3, Platform::LinkedIn, a)]), [(2, 0)]);
    assert_eq!(alike(&[(0, Platform::X, "ເປີດແລ້ວ"), (1, Platform::X, "ເປີດແລ້ວ ")]), [(1, 0)], "in any script");
    assert_eq!(alike(&[(4, Platform::X, a), (7, Platform::X, b), (9, Platform::X, a)]), [(7, 4), (9, 4)]);
}

#[test]
fn the_threshold_of_likeness_tells_the_measured_pairs_apart() {
    let pairs: Value = serde_json::from_str(include_str!("fixtures/alike.json")).unwrap();
    let likeness = |name: &str| -> Vec<f32> {
        let pairs = pairs[name].as_array().unwrap();
        let mut all: Vec<f32> =
            pairs.iter().map(|pair| cosine(&embed(pair[0].as_str().unwrap()), &embed(pair[1].as_str().unwrap()))).collect();
        all.sort_by(f32::total_cmp);
        all
    };
    let (same, different) = (likeness("same"), likeness("different"));
    println!("same {same:.3?}\ndifferent {different:.3?}");
    let missed = same.iter().filter(|likeness| **likeness < ALIKE).count();
    let wrong = different.iter().filter(|likeness| **likeness >= ALIKE).count();
    assert!(missed == 0, "{missed} of {} that say the same are missed", same.len());
    assert_eq!(wrong, 0, "a post that says something of its own is not rewritten");
}

fn course(slots: usize, budget: Option<u64>, holds: (u64, u64)) -> Course {
    Course {
        id: "campaign_1".to_owned(),
        tenant: "acme".to_owned(),
        budget,
        holds,
        kept_ms: 86_400_000 * 30,
        slots: vec![Slot::default(); slots],
        ..Course::default()
    }
}

fn done(cost: u64) -> Landed {
    Landed::Done { cost: Some(cost), degraded: None }
}

/// A course after its strategy.
fn planned(slots: usize, budget: Option<u64>, holds: (u64, u64)) -> Course {
    let mut course = course(slots, budget, holds);
    course.begin(NOON);
    assert_eq!(claim(&mut course, NOON, "desk", 60_000, 5, Vec::new()), Task::Plan);
    assert!(course.planned(NOON, "desk", done(0)));
    course
}

/// Brings work back, and takes more.
fn claim(course: &mut Course, now_ms: u64, lease: &str, lease_ms: u64, room: u64, landings: Vec<Landing>) -> Task {
    for landing in landings {
        course.bring(now_ms, landing);
    }
    course.claim(now_ms, lease, lease_ms, room)
}

fn landing(slot: usize, lease: &str, landed: Landed) -> Landing {
    Landing { slot, lease: lease.to_owned(), landed }
}

#[test]
fn a_slot_that_fails_is_tried_again_later_and_then_told() {
    let mut course = planned(1, None, (0, 0));
    let mut now_ms = NOON;
    for tries in 1..=TRIES {
        assert_eq!(claim(&mut course, now_ms, "a", 60_000, 5, Vec::new()), Task::Write(vec![0]));
        let failed = Landed::Failed { code: "upstream_error".to_owned(), again: true, cost: Some(3) };
        let next = claim(&mut course, now_ms, "b", 60_000, 5, vec![landing(0, "a", failed)]);
        if tries < TRIES {
            assert_eq!(next, Task::Rest, "not at once");
            now_ms = course.due_ms().unwrap();
            course.messages = 0;
            course.go_on(now_ms);
            assert_eq!(course.messages, 1, "somebody is sent for");
        } else {
            assert_eq!(next, Task::Stop);
        }
    }
    assert_eq!(
        (course.status, course.slots[0].state, course.slots[0].code.as_deref()),
        (Status::Failed, State::Failed, Some("upstream_error"))
    );
    assert_eq!((course.spent, course.error.as_ref().unwrap().0.as_str()), (9, "nothing_written"));
}

#[test]
fn what_no_longer_fits_the_budget_is_skipped_when_nothing_is_under_way() {
    let mut course = planned(5, Some(30), (0, 10));
    assert_eq!(claim(&mut course, NOON, "a", 60_000, 5, Vec::new()), Task::Write(vec![0, 1, 2]));
    assert_eq!(claim(&mut course, NOON, "b", 60_000, 5, Vec::new()), Task::Rest, "what is under way may cost less");
    assert_eq!(claim(&mut course, NOON, "c", 60_000, 5, vec![landing(0, "a", done(4)), landing(1, "a", done(10))]), Task::Rest);
    assert_eq!(claim(&mut course, NOON, "d", 60_000, 5, vec![landing(2, "a", done(6))]), Task::Write(vec![3]));
    assert_eq!(claim(&mut course, NOON, "e", 60_000, 5, vec![landing(3, "d", done(9))]), Task::Review);
    assert_eq!((course.slots[4].state, course.slots[4].code.as_deref(), course.spent), (State::Skipped, Some("budget"), 29));
}

#[test]
fn what_a_lost_worker_may_have_spent_counts() {
    let mut course = planned(1, Some(25), (0, 10));
    assert_eq!(claim(&mut course, NOON, "a", 1_000, 5, Vec::new()), Task::Write(vec![0]));
    course.go_on(NOON + 1_000);
    assert_eq!((course.spent, course.held()), (10, 0));
    assert_eq!(
        claim(&mut course, NOON + 1_000, "b", 1_000, 5, vec![landing(0, "a", done(1))]),
        Task::Write(vec![0]),
        "its word comes too late"
    );
    assert_eq!(claim(&mut course, NOON + 1_500, "c", 1_000, 5, vec![landing(0, "b", done(2))]), Task::Stop);
    assert_eq!((course.status, course.spent), (Status::Completed, 12));
}

#[test]
fn posts_that_say_the_same_are_written_anew_once_and_then_told() {
    let mut course = planned(3, None, (0, 0));
    assert_eq!(claim(&mut course, NOON, "a", 60_000, 5, Vec::new()), Task::Write(vec![0, 1, 2]));
    let all = (0..3).map(|slot| landing(slot, "a", done(1))).collect();
    assert_eq!(claim(&mut course, NOON, "r", 60_000, 5, all), Task::Review);
    course.reviewed(NOON, "r", &[(1, 0), (2, 0)]);
    assert_eq!(claim(&mut course, NOON, "b", 60_000, 5, Vec::new()), Task::Write(vec![1, 2]));
    assert_eq!((course.slots[1].unlike, course.slots[2].unlike), (Some(0), Some(0)));
    let failed = Landed::Failed { code: "missing".to_owned(), again: false, cost: Some(1) };
    assert_eq!(claim(&mut course, NOON, "s", 60_000, 5, vec![landing(1, "b", done(1)), landing(2, "b", failed)]), Task::Review);
    assert_eq!(course.slots[2].state, State::Ready, "the post that there is stays");
    course.reviewed(NOON, "s", &[(2, 0)]);
    assert_eq!(course.status, Status::Completed);
    assert_eq!(
        course.slots.iter().map(|slot| (slot.rewritten, slot.duplicate_of)).collect::<Vec<_>>(),
        [(false, None), (true, None), (false, Some(0))]
    );
}

#[test]
fn a_key_that_is_no_longer_accepted_ends_a_campaign() {
    let mut course = planned(2, None, (0, 0));
    assert_eq!(claim(&mut course, NOON, "a", 60_000, 5, Vec::new()), Task::Write(vec![0, 1]));
    assert_eq!(claim(&mut course, NOON, "b", 60_000, 5, vec![landing(0, "a", done(1)), landing(1, "a", Landed::Refused)]), Task::Stop);
    assert_eq!((course.status, course.error.as_ref().unwrap().0.as_str()), (Status::Failed, "key_not_accepted"));
    assert_eq!(course.slots.iter().map(|slot| slot.state).collect::<Vec<_>>(), [State::Ready, State::Failed]);
}

#[test]
fn the_time_left_follows_the_pace_so_far() {
    let mut course = planned(4, None, (0, 0));
    assert_eq!(course.left_ms(NOON), None);
    claim(&mut course, NOON, "a", 60_000, 5, Vec::new());
    claim(&mut course, NOON + 2_000, "b", 60_000, 5, vec![landing(0, "a", done(1))]);
    assert_eq!(course.left_ms(NOON + 2_000), Some(6_000));
    course.cancel(NOON + 2_000);
    assert_eq!(course.left_ms(NOON + 2_000), Some(0));
}

/// A tenant's store with a campaign, and workers that lose things.
struct Shop {
    database: Database,
    store: Store<Database>,
    now_ms: u64,
    messages: u64,
}

impl Shop {
    fn new(course: &Course) -> Self {
        let database = Database::default();
        let store = Store::open(database.clone(), NOON).unwrap();
        let mut shop = Self { database, store, now_ms: NOON, messages: 0 };
        shop.ask(Asked::Create { course: course.written() }, b"plan");
        shop
    }

    fn ask(&mut self, asked: Asked, bytes: &[u8]) -> (Value, Vec<u8>) {
        let reply = self.store.act(self.now_ms, &Ask::Campaign(asked).written().to_string(), bytes).unwrap();
        self.messages += self.store.outgoing().len() as u64;
        (serde_json::from_str(&reply.text).unwrap(), reply.bytes.unwrap_or_default())
    }

    fn course(&mut self) -> Course {
        Course::read(&self.ask(Asked::Show { id: "campaign_1".to_owned(), posts: true }, b"").0["course"]).unwrap()
    }

    fn claim(&mut self, room: u64, landings: Vec<(Landing, usize)>, bytes: &[u8]) -> (String, String, Vec<usize>) {
        let asked = Asked::Claim { id: "campaign_1".to_owned(), lease_ms: 60_000, room, landings };
        let (told, _) = self.ask(asked, bytes);
        let slots = told["slots"].as_array().into_iter().flatten().map(|slot| slot["slot"].as_u64().unwrap() as usize).collect();
        (told["task"].as_str().unwrap().to_owned(), told["lease"].as_str().unwrap_or_default().to_owned(), slots)
    }

    /// Lets the time go on until the alarm rings.
    fn ring(&mut self) {
        let due = self.database.alarm_ms().unwrap();
        self.now_ms = self.now_ms.max(due);
        self.store.alarm(self.now_ms).unwrap();
        self.messages += self.store.outgoing().len() as u64;
    }
}

#[derive(Clone, Copy, Debug)]
enum Happens {
    /// A post comes back that cost so much of what was held.
    Done(u64),
    /// It fails.
    Failed(bool),
    /// There is no room in a rate limit.
    Wait,
    /// The worker dies.
    Lost,
    /// It comes back, and once more.
    Twice(u64),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        6 => (0_u64..=10).prop_map(Happens::Done),
        2 => any::<bool>().prop_map(Happens::Failed),
        1 => Just(Happens::Wait),
        2 => Just(Happens::Lost),
        1 => (0_u64..=10).prop_map(Happens::Twice),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whatever happens, in whatever order: the campaign ends, each slot ends once, at most the budget is spent, and what was brought is kept.
    #[test]
    fn a_campaign_ends_with_every_slot_told_and_never_costs_more_than_its_budget(
        slots in 1_usize..12,
        budget in proptest::option::of(20_u64..120),
        script in vec(happens(), 1..60),
        alike in vec((0_usize..12, 0_usize..12), 0..4),
        cancel_at in proptest::option::of(0_usize..40),
        evict in any::<bool>(),
    ) {
        let mut shop = Shop::new(&course(slots, budget, (5, 10)));
        let mut script = script.into_iter().cycle();
        let mut ended: BTreeMap<usize, u32> = BTreeMap::new();
        for step in 0..600 {
            if evict {
                shop.store = Store::open(shop.database.clone(), shop.now_ms).unwrap();
            }
            if step == 500 {
                // One that waits for ever ends after a day.
                shop.now_ms += LONGEST_MS;
                shop.ring();
            }
            if cancel_at == Some(step) && !shop.course().status.is_final() {
                shop.ask(Asked::Delete { id: "campaign_1".to_owned() }, b"");
            }
            let now = shop.course();
            if let Some(budget) = budget {
                prop_assert!(now.spent + now.held() <= budget, "{} and {} of {budget}", now.spent, now.held());
            }
            if now.status.is_final() {
                break;
            }
            if shop.messages == 0 {
                shop.ring();
                continue;
            }
            shop.messages -= 1;
            // A worker with its loop, which may die in it.
            let mut landings: Vec<(Landing, usize)> = Vec::new();
            let mut bytes: Vec<u8> = Vec::new();
            for _ in 0..100 {
                let (task, lease, given) = shop.claim(3, std::mem::take(&mut landings), &std::mem::take(&mut bytes));
                let what = script.next().unwrap();
                match task.as_str() {
                    "plan" => {
                        let landed = match what {
                            Happens::Done(cost) | Happens::Twice(cost) => done(cost.min(5)),
                            Happens::Failed(again) => Landed::Failed { code: "busy".to_owned(), again, cost: None },
                            Happens::Wait => Landed::Wait { ms: 1_000, cost: 1 },
                            Happens::Lost => break,
                        };
                        shop.ask(Asked::Planned { id: "campaign_1".to_owned(), lease, landed }, b"strategy");
                    }
                    "review" => {
                        if matches!(what, Happens::Lost) {
                            break;
                        }
                        let ready = shop.course();
                        let pairs = alike.iter().copied().filter(|(later, earlier)| {
                            let is = |place: usize| ready.slots.get(place).is_some_and(|slot| slot.state == State::Ready);
                            earlier < later && is(*later) && is(*earlier)
                        });
                        let pairs = pairs.collect();
                        shop.ask(Asked::Reviewed { id: "campaign_1".to_owned(), lease, alike: pairs }, b"");
                    }
                    "write" => {
                        prop_assert!(given.len() <= 3);
                        for slot in given {
                            let landed = match script.next().unwrap() {
                                Happens::Done(cost) | Happens::Twice(cost) => done(cost),
                                Happens::Failed(again) => Landed::Failed { code: "busy".to_owned(), again, cost: if again { Some(1) } else { None } },
                                Happens::Wait => Landed::Wait { ms: 500, cost: 2 },
                                Happens::Lost => continue,
                            };
                            let post = matches!(landed, Landed::Done { .. });
                            let landing = Landing { slot, lease: lease.clone(), landed };
                            if post {
                                bytes.extend(format!("post {slot}").into_bytes());
                            }
                            landings.push((landing.clone(), if post { format!("post {slot}").len() } else { 0 }));
                            if matches!(what, Happens::Twice(_)) && post {
                                bytes.extend(b"again");
                                landings.push((landing, 5));
                            }
                        }
                        if landings.is_empty() {
                            break;
                        }
                    }
                    _ => break,
                }
            }
        }
        let end = shop.course();
        prop_assert!(end.status.is_final(), "{end:?}");
        prop_assert!(end.slots.iter().all(|slot| slot.state != State::Waiting));
        let (told, bytes) = shop.ask(Asked::Show { id: "campaign_1".to_owned(), posts: true }, b"");
        let mut from = 0;
        let mut kept: BTreeMap<String, String> = BTreeMap::new();
        for text in told["texts"].as_array().unwrap() {
            let to = from + text[1].as_u64().unwrap() as usize;
            kept.insert(text[0].as_str().unwrap().to_owned(), String::from_utf8(bytes[from..to].to_vec()).unwrap());
            from = to;
        }
        for (place, slot) in end.slots.iter().enumerate() {
            let post = kept.get(&place.to_string());
            prop_assert_eq!(slot.state == State::Ready, post.is_some(), "{}", place);
            prop_assert!(post.is_none_or(|post| *post == format!("post {place}")), "a result is kept once");
            prop_assert!(slot.state == State::Ready || slot.code.is_some(), "never silently absent");
        }
        // What is told of it adds up, in order, whoever reads it from where.
        let (mut after, mut numbers) = (0, Vec::new());
        let mut last = Value::Null;
        loop {
            let (told, _) = shop.ask(Asked::Events { id: "campaign_1".to_owned(), after }, b"");
            for event in told["events"].as_array().unwrap() {
                after = event[0].as_u64().unwrap();
                numbers.push(after);
                if event[1] == "slot_failed" {
                    *ended.entry(event[2]["slot"].as_u64().unwrap() as usize).or_default() += 1;
                }
                last = event.clone();
            }
            if told["more"] == json!(false) {
                break;
            }
        }
        prop_assert_eq!(numbers, (1..=after).collect::<Vec<_>>());
        prop_assert_eq!((&last[1], &last[2]["status"]), (&json!("status"), &json!(end.status.name())));
        for (place, slot) in end.slots.iter().enumerate() {
            prop_assert_eq!(ended.get(&place).copied().unwrap_or_default(), u32::from(slot.state != State::Ready));
        }
        // Nothing is left to do but what is under way, and its removal.
        let held = end.held();
        // Each lease that a worker has lost ends at its own time.
        for _ in 0..slots + 2 {
            if shop.database.alarm_ms().is_some() {
                shop.ring();
            }
        }
        if let Some(budget) = budget {
            prop_assert!(end.spent + held <= budget);
        }
        let (told, _) = shop.ask(Asked::Show { id: "campaign_1".to_owned(), posts: true }, b"");
        prop_assert!(told["error"] == json!("unknown"), "it is removed in the end");
    }
}

#[test]
fn erasure_takes_the_texts_of_campaigns_and_ends_those_that_are_open() {
    let mut shop = Shop::new(&course(2, None, (0, 0)));
    let (task, lease, _) = shop.claim(5, Vec::new(), b"");
    assert_eq!(task, "plan");
    shop.ask(Asked::Planned { id: "campaign_1".to_owned(), lease, landed: done(1) }, b"strategy");
    let (_, lease, slots) = shop.claim(1, Vec::new(), b"");
    shop.claim(1, vec![(landing(slots[0], &lease, done(1)), 4)], b"post");
    let reply = shop.store.act(shop.now_ms, &Ask::Erase { all: false }.written().to_string(), b"").unwrap();
    assert_eq!(serde_json::from_str::<Value>(&reply.text).unwrap()["posts"], 1);
    let (told, bytes) = shop.ask(Asked::Show { id: "campaign_1".to_owned(), posts: true }, b"");
    assert_eq!((told["course"]["status"].as_str(), &told["texts"], bytes.len()), (Some("failed"), &json!([]), 0));
    shop.store.act(shop.now_ms, &Ask::Erase { all: true }.written().to_string(), b"").unwrap();
    assert_eq!(shop.ask(Asked::Show { id: "campaign_1".to_owned(), posts: true }, b"").0["error"], "unknown");
}

#[test]
fn a_calendar_and_a_table_have_every_post_of_a_plan() {
    let post = |place: usize, text: &str| Planned {
        id: format!("campaign_1-{place}"),
        platform: Platform::X,
        at_ms: 1_796_115_600_000,
        text: text.to_owned(),
        length: text.len(),
        status: "ready".to_owned(),
    };
    let posts = [post(0, "One, two"), post(1, "=formula")];
    assert_eq!(export::calendar("Second shop", &posts, NOON).matches("BEGIN:VEVENT").count(), 2);
    assert_eq!(export::table(&posts).lines().count(), 3);
}
