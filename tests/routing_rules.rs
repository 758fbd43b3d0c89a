//! `model: "auto"`: the kind of work, rules, and the choice among models.
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

mod support;

use maya_edge::cloud::route::ask::Ask;
use maya_edge::cloud::route::rules::{Hours, minute_of_week};
use maya_edge::cloud::route::score::{Preference, gain};
use maya_edge::cloud::route::{Circumstances, Decision, TenantRouting, decide, is_auto, preference};
use maya_edge::config::Config;
use maya_edge::edge::task::{self, Task};
use maya_edge::error::Error;
use maya_edge::protocol::request::{CompletionRequest, Endpoint};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::cases;

/// Two models: one fast and cheap, one strong that sees pictures.
fn config(routing: Value) -> Config {
    let row = |quality: u32, speed: u32, input: u32, output: u32, capabilities: Value| {
        json!({
            "quality": quality, "tokens_per_second": speed, "context_tokens": 65_536,
            "input_micro_dollars_per_million": input, "output_micro_dollars_per_million": output, "capabilities": capabilities,
        })
    };
    let mut quick = row(60, 3000, 350_000, 750_000, json!(["tools", "structured_outputs"]));
    quick["languages"] = json!(["en", "de"]);
    let strong = row(80, 1850, 990_000, 1_490_000, json!(["tools", "structured_outputs", "vision"]));
    let settings = json!({ "MODELS": { "quick": quick, "strong": strong }, "ALIASES": { "fast": "quick" }, "ROUTING": routing });
    Config::read(&settings.to_string()).expect("a right configuration")
}

struct Case {
    config: Config,
    tenant: TenantRouting,
    ailing: Vec<&'static str>,
    allowed: Vec<&'static str>,
    at: u32,
}

impl Case {
    fn new(routing: Value) -> Self {
        Self { config: config(routing), tenant: TenantRouting::default(), ailing: Vec::new(), allowed: vec!["quick", "strong"], at: 0 }
    }

    fn decide(&self, body: &Value, prefer: Option<Preference>) -> Result<Decision, Error> {
        let body = body.to_string();
        let ask = Ask::of(&CompletionRequest::read(body.as_bytes(), Endpoint::Chat).unwrap());
        let around = Circumstances {
            liked: &|_| 0.0,
            models: &self.config.models,
            routing: &self.config.routing,
            tenant: &self.tenant,
            tenant_name: "acme",
            allowed: &|id| self.allowed.contains(&id),
            ailing: &|id| self.ailing.contains(&id).then(|| "its breaker is open".to_owned()),
            minute_of_week: self.at,
        };
        decide(&ask, prefer, &around)
    }

    fn model(&self, body: &Value) -> String {
        self.decide(body, None).expect("a decision").model
    }
}

fn chat(text: &str) -> Value {
    json!({ "model": "auto", "messages": [{ "role": "user", "content": text }] })
}

fn with(text: &str, more: Value) -> Value {
    let mut body = chat(text);
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

const PROGRAM: &str = "Write a Rust function that parses a CSV file and returns an error for a broken line. Debug the compile error first.";
const POST: &str = "Write a short post for our bakery's new sourdough, friendly and warm.";

// The kind of work

#[test]
fn the_kind_of_work_is_told_by_its_signs() {
    let cases = [
        (PROGRAM, Task::Coding),
        ("```python\ndef f(x):\n    return x\n```\nwhy does this throw an exception?", Task::Coding),
        ("Solve the equation 3*x + 7 = 25 and compute the sum of the roots", Task::Mathematics),
        ("Extract all names and dates from the following text into a table", Task::Extraction),
        ("Compare the two strategies, give pros and cons, and explain why one wins", Task::Reasoning),
        ("Translate this into german: we open at nine", Task::Translation),
        (POST, Task::Writing),
        ("draft a linkedin post about our new office", Task::Writing),
        ("hi there, thanks for yesterday", Task::Conversation),
        ("When was the capital of Australia founded?", Task::Knowledge),
    ];
    for (text, task) in cases {
        let found = task::find(text);
        assert_eq!(found.task, task, "{text}: {found:?}");
        assert!(!found.signs.is_empty(), "{text}");
        assert!(found.confidence > 0.0 && found.confidence <= 1.0);
    }
}

#[test]
fn a_text_without_a_sign_is_conversation_of_which_nothing_is_sure() {
    for text in ["", "   ", "🥐🥐🥐", "zzz qqq"] {
        let found = task::find(text);
        assert!(found.confidence == 0.0 || found.task == Task::Conversation, "{text}: {found:?}");
    }
}

#[test]
fn demands_on_the_answer_are_counted() {
    assert_eq!(task::find("Write a post").constraints, 0);
    assert_eq!(task::find("Write exactly three lines, without emoji, at most 200 characters").constraints, 3);
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn every_text_has_a_kind_whatever_it_is(text in ".{0,400}", times in 1_usize..40) {
        let long = text.repeat(times);
        let found = task::find(&long);
        prop_assert!(found.confidence.is_finite() && (0.0..=1.0).contains(&found.confidence));
    }
}

// Choice

#[test]
fn work_that_gains_goes_to_the_stronger_model_and_the_rest_to_the_fast_one() {
    let case = Case::new(json!({}));
    assert_eq!(case.model(&chat(PROGRAM)), "strong");
    assert_eq!(case.model(&chat(POST)), "quick");
    assert_eq!(case.model(&chat("hello, how are you today? thanks for the help")), "quick");
}

#[test]
fn what_the_caller_prefers_decides_between_models_that_can_answer() {
    let case = Case::new(json!({}));
    let by = |text, prefer| case.decide(&chat(text), Some(prefer)).unwrap().model;
    assert_eq!(by(POST, Preference::Quality), "strong");
    assert_eq!(by(PROGRAM, Preference::Latency), "quick");
    assert_eq!(by(PROGRAM, Preference::Cost), "quick");
}

#[test]
fn nobody_is_routed_down_who_wants_quality_or_a_strict_schema_or_writes_in_a_language_that_the_fast_model_is_not_for() {
    let case = Case::new(json!({}));
    let schema = json!({ "response_format": { "type": "json_schema", "json_schema": { "name": "a", "strict": true, "schema": {} } } });
    assert_eq!(case.model(&with(POST, schema)), "strong");
    let loose = json!({ "response_format": { "type": "json_schema", "json_schema": { "name": "a", "schema": {} } } });
    assert_eq!(case.model(&with(POST, loose)), "quick");
    assert_eq!(case.model(&chat("Schreib mir bitte einen kurzen Beitrag über unser neues Brot und die Öffnungszeiten")), "quick");
    assert_eq!(case.model(&chat("Napisz krótki post o naszym nowym chlebie i o tym, że jutro będzie otwarte")), "strong");
    let decision = case.decide(&chat("Napisz krótki post o naszym nowym chlebie i o tym, że jutro będzie otwarte"), None).unwrap();
    assert!(decision.reasons.iter().any(|reason| reason.contains("`pl`")), "{decision:?}");
}

#[test]
fn a_model_that_cannot_answer_is_never_taken_whatever_is_preferred() {
    let picture =
        json!([{ "type": "text", "text": "what is this" }, { "type": "image_url", "image_url": { "url": "data:image/png;base64,AA" } }]);
    let body = json!({ "model": "auto", "messages": [{ "role": "user", "content": picture }] });
    for prefer in Preference::ALL {
        assert_eq!(Case::new(json!({})).decide(&body, Some(prefer)).unwrap().model, "strong");
    }
    let case = Case { allowed: vec!["quick"], ..Case::new(json!({})) };
    let error = case.decide(&body, None).unwrap_err();
    assert_eq!((error.status, error.code, error.param.as_str()), (400, "no_model_fits", "model"));
    assert!(error.message.contains("`quick`: it does not see pictures") && error.message.contains("`strong`: the key is not for it"));
    // 65,536 tokens of context, at three bytes a token.
    let error = Case::new(json!({})).decide(&chat(&"word ".repeat(50_000)), None).unwrap_err();
    assert_eq!(error.code, "no_model_fits");
}

#[test]
fn an_ailing_model_is_passed_over_unless_no_other_is_left() {
    let case = Case { ailing: vec!["quick"], ..Case::new(json!({})) };
    let decision = case.decide(&chat(POST), None).unwrap();
    assert_eq!(decision.model, "strong");
    assert!(decision.reasons.iter().any(|reason| reason.contains("breaker")), "{decision:?}");
    let case = Case { ailing: vec!["quick", "strong"], ..Case::new(json!({})) };
    assert_eq!(case.model(&chat(POST)), "strong");
    let case = Case { ailing: vec!["quick"], allowed: vec!["quick"], ..Case::new(json!({})) };
    assert_eq!(case.model(&chat(POST)), "quick");
}

#[test]
fn a_demand_or_a_long_input_makes_the_work_gain_more() {
    let ask = |text: &str| {
        let body = chat(text).to_string();
        Ask::of(&CompletionRequest::read(body.as_bytes(), Endpoint::Chat).unwrap())
    };
    assert!(gain(&ask("Write a post with exactly three lines, without emoji")) > gain(&ask("Write a post with three lines, no emoji")));
    let long = format!("Write a post. {}", "Our bakery opens at nine. ".repeat(600));
    assert!(gain(&ask(&long)) > gain(&ask("Write a post. Our bakery opens at nine.")));
}

// Rules

#[test]
fn rules_come_before_weighing_and_a_tenants_own_before_the_configurations() {
    let mut case = Case::new(json!({ "rules": [{ "name": "code", "when": { "tasks": ["coding"] }, "model": "fast" }] }));
    let decision = case.decide(&chat(PROGRAM), None).unwrap();
    assert_eq!((decision.model.as_str(), decision.rule.as_deref()), ("quick", Some("code")));
    assert_eq!(case.model(&chat(POST)), "quick");
    case.tenant = serde_json::from_value(json!({ "rules": [{ "name": "own", "model": "strong" }] })).unwrap();
    let decision = case.decide(&chat(PROGRAM), None).unwrap();
    assert_eq!((decision.model.as_str(), decision.rule.as_deref()), ("strong", Some("own")));
}

#[test]
fn a_rule_that_cannot_be_followed_is_passed_over_and_said() {
    let case = Case { allowed: vec!["quick"], ..Case::new(json!({ "rules": [{ "name": "all", "model": "strong" }] })) };
    let decision = case.decide(&chat(POST), None).unwrap();
    assert_eq!((decision.model.as_str(), decision.rule), ("quick", None));
    assert!(decision.reasons[0].contains("`all` was passed over"), "{:?}", decision.reasons);
}

#[test]
fn every_condition_of_a_rule_decides_whether_it_holds() {
    let pictures = json!([{ "type": "image_url", "image_url": { "url": "data:image/png;base64,AA" } }]);
    let seen = json!({ "model": "auto", "messages": [{ "role": "user", "content": pictures }] });
    let tools = json!({ "tools": [{ "type": "function", "function": { "name": "f" } }] });
    let strict = json!({ "response_format": { "type": "json_schema", "json_schema": { "name": "a", "strict": true } } });
    let cases = [
        (json!({ "tasks": ["coding"] }), chat(PROGRAM), chat(POST)),
        (json!({ "intents": ["create_post"] }), chat("write a post about our new cafe"), chat(PROGRAM)),
        (json!({ "languages": ["de"] }), chat("Wir haben heute die neue Filiale eröffnet und das ist nicht alles"), chat(POST)),
        (json!({ "tools": true }), with(POST, tools.clone()), chat(POST)),
        (json!({ "tools": false }), chat(POST), with(POST, tools)),
        (json!({ "schema": true }), with(POST, strict), chat(POST)),
        (json!({ "pictures": true }), seen, chat(POST)),
        (json!({ "stream": true }), with(POST, json!({ "stream": true })), chat(POST)),
        (json!({ "input_tokens_from": 1000 }), chat(&"word ".repeat(1000)), chat(POST)),
        (json!({ "input_tokens_below": 1000 }), chat(POST), chat(&"word ".repeat(1000))),
        (json!({ "tasks": ["coding"], "stream": true }), with(PROGRAM, json!({ "stream": true })), chat(PROGRAM)),
    ];
    for (when, holds, not) in cases {
        let case = Case::new(json!({ "rules": [{ "name": "it", "when": when, "model": "strong" }] }));
        let rule = |body: &Value| case.decide(body, None).unwrap().rule;
        assert_eq!(rule(&holds).as_deref(), Some("it"), "{when}");
        assert_eq!(rule(&not), None, "{when}");
    }
}

#[test]
fn hours_days_tiers_and_tenants_make_rules_of_off_peak_and_plans() {
    let night = json!({ "rules": [{ "name": "night", "when": { "hours": "22:00-06:00", "days": ["sat", "sun"], "tiers": ["free"], "tenants": ["acme"] }, "model": "strong" }] });
    let mut case = Case::new(night);
    case.tenant.tier = Some("free".to_owned());
    let day = 24 * 60;
    for (at, holds) in [
        (5 * day + 22 * 60, true),
        (5 * day + 22 * 60 - 1, false),
        (6 * day + 5 * 60 + 59, true),
        (6 * day + 6 * 60, false),
        (4 * day + 23 * 60, false),
    ] {
        case.at = at;
        assert_eq!(case.decide(&chat(POST), None).unwrap().rule.is_some(), holds, "{at}");
    }
    case.at = 5 * day + 23 * 60;
    case.tenant.tier = Some("paid".to_owned());
    assert_eq!(case.decide(&chat(POST), None).unwrap().rule, None);
}

#[test]
fn a_rule_may_narrow_the_models_or_change_what_is_preferred() {
    let case = Case::new(json!({ "rules": [{ "name": "few", "when": { "tasks": ["coding"] }, "among": ["fast"] }] }));
    let decision = case.decide(&chat(PROGRAM), None).unwrap();
    assert_eq!((decision.model.as_str(), decision.rule.as_deref()), ("quick", Some("few")));
    let case = Case::new(json!({ "rules": [{ "name": "best", "prefer": "quality" }] }));
    let decision = case.decide(&chat(POST), None).unwrap();
    assert_eq!((decision.model.as_str(), decision.prefer), ("strong", Preference::Quality));
}

#[test]
fn hours_are_read_strictly() {
    for text in
        ["", "22:00", "22-06", "24:30-01:00", "22:60-06:00", "06:00-06:00", "6:00-7:00", "24:00-01:00", "aa:bb-cc:dd", "-1:00-02:00"]
    {
        assert_eq!(Hours::parse(text), None, "{text}");
    }
    assert!(Hours::parse("00:00-24:00").is_some_and(|hours| (0..1440).all(|minute| hours.hold(minute))));
    let hours = Hours::parse("09:00-17:30").unwrap();
    assert!(hours.hold(540) && hours.hold(1049) && !hours.hold(1050) && !hours.hold(539));
    assert_eq!(serde_json::to_value(hours).unwrap(), json!("09:00-17:30"));
}

#[test]
fn a_week_begins_on_monday() {
    // 2026-11-26 is a Thursday.
    assert_eq!(minute_of_week(1_795_651_200_000), 3 * 24 * 60);
    assert_eq!(minute_of_week(0), 3 * 24 * 60);
    assert_eq!(minute_of_week(4 * 86_400_000), 0);
}

#[test]
fn what_is_wrong_in_the_configuration_is_named() {
    let cases = [
        (json!({ "rules": [{ "name": "", "model": "a" }] }), "name"),
        (json!({ "rules": [{ "name": "x" }] }), "one of `model`, `among` and `prefer`"),
        (json!({ "rules": [{ "name": "x", "model": "a", "prefer": "cost" }] }), "one of `model`"),
        (json!({ "rules": [{ "name": "x", "when": { "hours": "9-17" }, "model": "a" }] }), "22:00-06:00"),
        (json!({ "rules": [{ "name": "x", "when": { "tasks": ["cooking"] }, "model": "a" }] }), "coding"),
        (json!({ "prefer": "speed" }), "balanced"),
        (json!({ "weights": { "balanced": { "quality": -1, "speed": 0, "cost": 0 } } }), "not below 0"),
    ];
    for (routing, said) in cases {
        let error = Config::read(&json!({ "ROUTING": routing }).to_string()).unwrap_err();
        assert_eq!((error.code, error.param.as_str()), ("wrong_configuration", "ROUTING"));
        assert!(error.message.contains(said), "{routing}: {}", error.message);
    }
    for (name, settings) in [
        ("MODELS", json!({ "MODELS": { "auto": {} } })),
        ("ALIASES", json!({ "ALIASES": { "auto": "a" } })),
        ("ALIASES", json!({ "ALIASES": { "b": "auto:cost" } })),
        ("MODELS", json!({ "MODELS": { "a": { "quality": 101 } } })),
    ] {
        assert_eq!(Config::read(&settings.to_string()).unwrap_err().param, name, "{settings}");
    }
}

#[test]
fn a_tenants_routing_survives_its_record() {
    let written = json!({ "tier": "free", "prefer": "cost", "rules": [
        { "name": "night", "when": { "hours": "22:00-06:00", "tasks": ["writing"], "intents": ["reply"] }, "model": "fast" },
        { "name": "two", "among": ["a", "b"] }, { "name": "three", "prefer": "quality" },
    ] });
    let read: TenantRouting = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), written);
}

// Names

#[test]
fn auto_is_a_name_of_its_own_and_takes_a_preference_behind_a_colon() {
    for name in ["auto", "auto:cost", "auto:"] {
        assert!(is_auto(name), "{name}");
    }
    for name in ["automatic", "Auto", "gpt-auto", ""] {
        assert!(!is_auto(name), "{name}");
    }
    assert_eq!(preference("auto", None).unwrap(), None);
    assert_eq!(preference("auto:latency", None).unwrap(), Some(Preference::Latency));
    assert_eq!(preference("auto", Some("quality")).unwrap(), Some(Preference::Quality));
    assert_eq!(preference("auto:cost", Some("cost")).unwrap(), Some(Preference::Cost));
    assert_eq!(preference("auto:fast", None).unwrap_err().param, "model");
    assert_eq!(preference("auto:", None).unwrap_err().param, "model");
    assert_eq!(preference("auto", Some("fast")).unwrap_err().param, "x-maya-prefer");
    assert_eq!(preference("auto:cost", Some("quality")).unwrap_err().param, "x-maya-prefer");
}

#[test]
fn a_table_without_rows_leaves_nothing_to_choose() {
    let case = Case { config: Config::read("{}").unwrap(), ..Case::new(json!({})) };
    assert_eq!(case.decide(&chat(POST), None).unwrap_err().code, "no_model_fits");
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn a_decision_names_an_eligible_model_and_its_header_is_one_line_of_ascii(text in ".{1,200}", prefer in 0_usize..4, quick in any::<bool>()) {
        let case = Case { ailing: if quick { vec!["quick"] } else { Vec::new() }, ..Case::new(json!({})) };
        let body = chat(&text).to_string();
        let ask = Ask::of(&CompletionRequest::read(body.as_bytes(), Endpoint::Chat).unwrap());
        let decision = case.decide(&chat(&text), Some(Preference::ALL[prefer])).unwrap();
        let taken = decision.candidates.iter().find(|candidate| candidate.model == decision.model).unwrap();
        prop_assert!(taken.obstacle.is_none());
        let header = decision.header(&ask);
        prop_assert!(header.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{}", header);
        prop_assert_eq!(header.matches('"').count() % 2, 0);
    }
}
