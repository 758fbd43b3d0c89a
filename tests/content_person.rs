//! One person: what is taken from a profile and a history, what a post may know of them, and what it has used.
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

use maya_edge::content::compose::Frame;
use maya_edge::content::draft::{Draft, Judged, personal};
use maya_edge::content::order::{Order, Task};
use maya_edge::content::person::interest::LIKED;
use maya_edge::content::person::privacy::{is_known_tag, strange, without_strange_hashtags};
use maya_edge::content::person::sensitive::{first, of_name, of_text};
use maya_edge::content::platform::Platform;
use maya_edge::error::Error;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn order(more: Value) -> Result<Order, Error> {
    let mut body = json!({"instruction": "Invite to the tasting of our Plum blend on 5 May", "platforms": ["x"]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Order::read(Task::Personalize, body.to_string().as_bytes())
}

fn told(order: &Order, posts: &[&str]) -> Map<String, Value> {
    let mut answer = Map::new();
    let posts: Vec<String> = posts.iter().map(|post| (*post).to_owned()).collect();
    order.person.as_ref().unwrap().tell(&posts, true, &mut answer);
    answer
}

fn judge(order: &Order, text: &str, tags: &[&str]) -> Judged {
    let draft = Draft { text: text.to_owned(), list: tags.iter().map(|tag| (*tag).to_owned()).collect(), number: None };
    personal(order, &Platform::X.published(), Frame::default(), Some(draft))
}

fn ann() -> Order {
    order(json!({
        "profile": {"name": "Ann Lee", "interests": ["espresso", "trail running"], "location": "Oslo", "attributes": {"roast": "light", "dog": "Rex"}},
        "history": [{"id": "a", "topics": ["cold brew"], "views": 2, "clicks": 1, "likes": 1}, {"id": "b", "topics": ["tea"], "views": 9}]
    }))
    .unwrap()
}

#[test]
fn an_order_for_a_person_says_what_is_wrong_with_it_by_the_field() {
    let long = "x".repeat(201);
    for (more, code, param) in [
        (json!({}), "missing_field", "profile"),
        (json!({"profile": {}}), "wrong_value", "profile"),
        (json!({"profile": {"nick": "A"}}), "unknown_field", "profile.nick"),
        (json!({"profile": {"name": long}}), "wrong_value", "profile.name"),
        (json!({"profile": {"name": 5}}), "wrong_value", "profile.name"),
        (json!({"profile": {"interests": ["a", " "]}}), "wrong_value", "profile.interests[1]"),
        (json!({"profile": {"interests": vec!["a"; 21]}}), "wrong_value", "profile.interests"),
        (json!({"profile": {"language": "x!"}}), "wrong_value", "profile.language"),
        (json!({"profile": {"attributes": {"a/b": "c"}}}), "wrong_value", "profile.attributes"),
        (json!({"profile": {"attributes": {"a": ""}}}), "wrong_value", "profile.attributes.a"),
        (json!({"profile": {"attributes": {"a": 5}}}), "wrong_value", "profile.attributes.a"),
        (json!({"profile": "Ann"}), "wrong_value", "profile"),
        (json!({"history": []}), "wrong_value", "history"),
        (json!({"history": [{"views": 1}]}), "wrong_value", "history[0].topics"),
        (json!({"history": [{"text": "a", "views": 0}]}), "wrong_value", "history[0].views"),
        (json!({"history": [{"text": "a", "likes": 1_000_001}]}), "wrong_value", "history[0].likes"),
        (json!({"history": [{"text": "a", "at": "today"}]}), "wrong_value", "history[0].at"),
        (json!({"history": [{"topics": ["a", "x".repeat(61)]}]}), "wrong_value", "history[0].topics[1]"),
        (json!({"history": [{"id": "a", "text": "a"}, {"id": "a", "text": "b"}]}), "wrong_value", "history[1].id"),
        (json!({"history": {"text": "a"}}), "wrong_value", "history"),
        (json!({"history": ["a"]}), "wrong_value", "history[0]"),
        (json!({"history": [{"text": 5}]}), "wrong_value", "history[0].text"),
        (json!({"history": [{"text": "a", "likes": 1.5}]}), "wrong_value", "history[0].likes"),
        (json!({"history": vec![json!({"text": "a"}); 201]}), "wrong_value", "history"),
        (json!({"profile": {"attributes": ["a"]}}), "wrong_value", "profile.attributes"),
        (json!({"profile": {"interests": "tea"}}), "wrong_value", "profile.interests"),
        (json!({"history": [{"text": "a", "watched": 1}]}), "unknown_field", "history[0].watched"),
        (json!({"profile": {"name": "Ann"}, "text": "a"}), "wrong_value", "text"),
        (json!({"profile": {"name": "Ann"}, "images": ["https://acme.example/a.png"]}), "wrong_value", "images[0]"),
    ] {
        let error = order(more.clone()).unwrap_err();
        assert_eq!((error.status, error.code, error.param.as_str()), (400, code, param), "{more}");
    }
}

#[test]
fn protected_data_are_ignored_by_name_and_by_value_and_never_told_to_a_model() {
    let order = order(json!({"profile": {
        "name": "Christian Voter",
        "interests": ["espresso", "Catholic saints"],
        "segment": "diabetic regulars",
        "attributes": {"bloodPressure": "high", "Political-Party": "none of yours", "race": "x", "sport": "racing"}
    }}))
    .unwrap();
    let person = order.person.as_ref().unwrap();
    let ignored: Vec<(String, String)> = told(&order, &["a"])["ignored"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["field"].as_str().unwrap().to_owned(), one["kind"].as_str().unwrap().to_owned()))
        .collect();
    let is = |field: &str, kind: &str| ignored.contains(&(field.to_owned(), kind.to_owned()));
    assert!(is("profile.interests[1]", "religion") && is("profile.segment", "health"), "{ignored:?}");
    assert!(is("profile.attributes.bloodPressure", "health") && is("profile.attributes.Political-Party", "politics"), "{ignored:?}");
    assert!(is("profile.attributes.race", "ethnicity") && ignored.len() == 5, "{ignored:?}");
    let known = person.told();
    assert_eq!(known, json!({"name": "Christian Voter", "interests": ["espresso"], "attributes": {"sport": "racing"}}));
    assert!(!person.given().contains("saints"));
}

#[test]
fn kinds_of_protected_data_are_known_by_words() {
    for (text, kind) in [
        ("lives with diabetes", Some("health")),
        ("chronic pain", Some("health")),
        ("member of a trade union", Some("union")),
        ("LGBTQ+", Some("sexuality")),
        ("a criminal record", Some("crime")),
        ("healthy recipes", None),
        ("party music", None),
        ("race cars", None),
        ("coffee addict", None),
        ("", None),
    ] {
        assert_eq!(first(text), kind, "{text}");
    }
    assert_eq!(of_name("sexualOrientation"), Some("sexuality"));
    assert_eq!(of_name("favourite_roast"), None);
    assert_eq!(of_text("A Catholic with asthma, and asthma again"), ["religion", "health"]);
    // The tables are searched by halves: each word is found.
    assert_eq!(first("abortion"), Some("health"));
    assert_eq!(first("wheelchair"), Some("health"));
    assert_eq!(first("agnostic"), Some("religion"));
}

#[test]
fn affinities_are_reckoned_from_figures_and_cite_their_entries() {
    let order = ann();
    let answer = told(&order, &["Cold brew, Ann?"]);
    // (1 × 1 + 2 × 0.1) ÷ 3 and (0 + 0.2) ÷ 3.
    assert_eq!(
        answer["affinities"],
        json!([
            {"topic": "cold brew", "affinity": 0.4, "liked": true, "cites": ["a"]},
            {"topic": "tea", "affinity": 0.067, "liked": false, "cites": ["b"]}
        ])
    );
    assert_eq!(order.person.as_ref().unwrap().told()["likes"], json!(["cold brew"]));
}

#[test]
fn older_entries_weigh_less_and_topics_of_texts_are_hashtags_and_interests() {
    let at = |day: u32| format!("2026-11-{day:02}T00:00:00Z");
    let order = order(json!({
        "profile": {"interests": ["Latte Art"]},
        "history": [
            {"text": "How latte art is done #Milk", "likes": 1, "at": "2026-09-27T00:00:00Z"},
            {"text": "Cups", "topics": ["milk"], "at": at(26)}
        ]
    }))
    .unwrap();
    let answer = told(&order, &["a"]);
    // 60 days weigh a third: (1/3 + 0.2) ÷ (1/3 + 1 + 2).
    let of = |topic: &str| answer["affinities"].as_array().unwrap().iter().find(|one| one["topic"] == topic).unwrap()["affinity"].clone();
    assert_eq!(of("Milk"), json!(0.16));
    assert_eq!(of("Latte Art"), json!(0.229));
}

#[test]
fn what_was_used_is_found_in_the_texts() {
    let answer = told(&ann(), &["Cold brew for Ann", "Light roasts and Espressos, after a run on a trail"]);
    let used: Vec<(&str, &Value)> =
        answer["used"].as_array().unwrap().iter().map(|one| (one["field"].as_str().unwrap(), &one["posts"])).collect();
    assert_eq!(
        used,
        [
            ("profile.name", &json!([0])),
            ("profile.interests[0]", &json!([1])),
            ("profile.attributes.roast", &json!([1])),
            ("history", &json!([0]))
        ]
    );
    assert_eq!(answer["unused"], json!(["profile.location", "profile.interests[1]", "profile.attributes.dog"]));
}

#[test]
fn a_post_may_know_what_was_given_and_nothing_else() {
    let order = ann();
    for good in [
        "Ann, your espresso is waiting: the Plum blend, 5 May.",
        "A tasting in Oslo? On 5 May we pour Plum, light and fruity.",
        "Taste Plum on 5 May. Rex may come, too: we know your dog.",
        "Finally, your morning can taste of plum.",
        "Plum is here 🍑 Come by on 5 May, and bring your family.",
        "Be patient: we roast slowly, with conviction. 5 May it is!",
        "New: Plum. You asked, we roasted. See you on 5 May?",
    ] {
        assert!(matches!(judge(&order, good, &[]), Judged::Good(_)), "{good}: {:?}", judge(&order, good, &[]));
    }
    for bad in [
        "Hi Bob, taste Plum on 5 May.",
        "Bob, your Plum blend is here.",
        "Welcome back, Dr Miller: Plum is here.",
        "Taste Plum with us in Bergen.",
        "Taste Plum on 6 May.",
        "Plum is here. Call +47 22 12 34 56.",
        "Plum is here. Write to ann.lee@example.com.",
        "Plum is here: a treat for you and your daughter.",
        "Plum for your 42nd spring.",
        "Plum is kind to your diabetes.",
        "A plum for voters.",
        "Plum, for @annlee who knows.",
    ] {
        let judged = judge(&order, bad, &[]);
        assert!(matches!(&judged, Judged::Useless(fault) if fault.code == "personal_data_invented"), "{bad}: {judged:?}");
    }
}

#[test]
fn hashtags_with_words_of_nobodys_are_left_out() {
    let order = ann();
    let Judged::Good(draft) = judge(&order, "Taste Plum #BobMiller today", &["#PlumBlend", "#BobMiller", "tasting", "#Taste"]) else {
        panic!()
    };
    assert_eq!((draft.text.as_str(), draft.list), ("Taste Plum today", ["#PlumBlend", "tasting", "#Taste"].map(str::to_owned).to_vec()));
    assert!(is_known_tag("trail running in Oslo", "#RunningOslo") && !is_known_tag("trail running", "#RunningBergen"));
}

#[test]
fn of_a_text_all_facts_survive() {
    let body = json!({"text": "Acme opens on 5 May in Oslo.", "platforms": ["x"], "profile": {"name": "Ann", "interests": ["tea"]}});
    let order = Order::read(Task::Personalize, body.to_string().as_bytes()).unwrap();
    assert!(matches!(judge(&order, "Ann, we pour tea: Acme opens on 5 May in Oslo.", &[]), Judged::Good(_)));
    let lost = judge(&order, "Ann, we pour tea: Acme opens soon in Oslo.", &[]);
    assert!(matches!(&lost, Judged::Useless(fault) if fault.code == "facts_lost"), "{lost:?}");
    let both = json!({"text": "a", "instruction": "b", "platforms": ["x"], "profile": {"name": "Ann"}});
    assert_eq!(Order::read(Task::Personalize, both.to_string().as_bytes()).unwrap_err().param, "text");
}

#[test]
fn the_language_of_a_person_is_that_of_the_posts_unless_the_order_says_otherwise() {
    let german = order(json!({"profile": {"language": "de"}})).unwrap();
    assert_eq!(german.wanted_language(&["en".to_owned()]), Some("de"));
    let other = order(json!({"profile": {"language": "de"}, "language": "fr"})).unwrap();
    assert_eq!(other.wanted_language(&[]), Some("fr"));
}

proptest! {
    #[test]
    fn whoever_and_whatever_nobody_has_told_is_found(
        name in "[B-Z][a-z]{3,9}(q|x|z)",
        number in 100_u32..100_000,
        frame in prop::sample::select(vec![
            "We saved a seat for {}, and you are welcome.", "Hi {}, taste it with us.", "Taste it with {} this week.", "Dear {}, here it is.", "{}, your cup is ready.",
            "A cup of plum 🍑 and a seat beside {} for you.", "Taste it.\nSee you in {}, we hope.",
        ]),
    ) {
        let given = ann().given(None);
        let named = frame.replace("{}", &name);
        prop_assert!(strange(&given, &named).iter().any(|what| what.contains(&name)), "{named}: {:?}", strange(&given, &named));
        let handle = format!("Taste plum, @{name}.");
        prop_assert!(!strange(&given, &handle).is_empty(), "{handle}");
        for claim in [format!("Plum for your {number} miles."), format!("Write to {name}@mail{number}.com."), format!("Only {number} steps from you.")] {
            prop_assert!(!strange(&given, &claim).is_empty(), "{claim}");
        }
    }

    #[test]
    fn what_code_makes_of_any_answer_knows_nothing_of_anybody(text in "(?s).{0,300}", tag in "[#A-Za-z]{0,20}") {
        let order = ann();
        let given = order.given(None);
        if let Judged::Good(draft) | Judged::Usable(draft, _) = judge(&order, &text, &[&tag]) {
            prop_assert_eq!(strange(&given, &draft.text), Vec::<String>::new());
            let whole = format!("{given}\n{}", draft.text);
            prop_assert!(draft.list.iter().all(|tag| is_known_tag(&whole, tag)));
        }
    }

    #[test]
    fn an_affinity_lies_between_nothing_and_all_and_more_of_a_thing_never_lowers_it(views in 1_u32..1000, likes in 0_u32..1000, more in 0_u32..1000) {
        let of = |likes: u32| {
            let order = order(json!({"history": [{"topics": ["tea"], "views": views, "likes": likes}]})).unwrap();
            told(&order, &["a"])["affinities"][0]["affinity"].as_f64().unwrap()
        };
        let (less, greater) = (of(likes), of(likes.saturating_add(more).min(1_000_000)));
        prop_assert!((0.0..=1.0).contains(&less) && less <= greater);
        prop_assert!(f64::midpoint(less, greater) <= 1.0 && LIKED < 1.0);
    }

    #[test]
    fn what_was_given_is_never_strange(text in "(?s).{0,200}") {
        prop_assert_eq!(strange(&text, &text), Vec::<String>::new());
        prop_assert_eq!(without_strange_hashtags(&text, &text), text);
    }

    #[test]
    fn any_profile_is_taken_or_refused_by_its_field(name in "(?s).{0,40}", interest in "(?s).{0,80}", key in "[a-zA-Z_/é-]{0,50}", value in "(?s).{0,220}") {
        match order(json!({"profile": {"name": name, "interests": [interest], "attributes": {key: value}}})) {
            Ok(order) => { told(&order, &["Tea for Ann"]); }
            Err(error) => prop_assert!(error.status == 400 && error.param.starts_with("profile"), "{}", error.param),
        }
    }
}
