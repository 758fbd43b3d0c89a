//! Scripts for video: scenes, their times, captions, and that they are as long as was asked for; and pictures.
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

use maya_edge::content::draft::{Draft, Judged, Slot, draft};
use maya_edge::content::film::captions::{cues, srt, webvtt};
use maya_edge::content::film::{Plan, SECONDS, Scene, TOLERANCE, by_rule, check_platforms, laid_out, made, scene, spoken_ms};
use maya_edge::content::order::{Order, Task};
use maya_edge::content::pictures::{LONGEST_ALT, alt_room, check, checked};
use maya_edge::content::platform::{PLATFORMS, Platform, PlatformTable, Rules};
use maya_edge::content::sentences::shortened;
use maya_edge::error::Error;
use proptest::prelude::*;
use serde_json::{Value, json};

const PNG: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn order(body: Value) -> Result<Order, Error> {
    Order::read(Task::Video, body.to_string().as_bytes())
}

fn published(platform: Platform) -> Rules {
    platform.published()
}

fn plan(order: &Order) -> Plan {
    maya_edge::content::film::plan(order, &published)
}

fn said(text: &str) -> Scene {
    Scene { spoken: text.to_owned(), ..Scene::default() }
}

fn drafted(spoken: &str, visual: &str, caption: &str, image: f64) -> Draft {
    Draft { text: spoken.to_owned(), list: vec![visual.to_owned(), caption.to_owned()], number: Some(image) }
}

#[test]
fn an_order_for_a_video_says_what_is_wrong_with_it_by_the_field() {
    for (body, code, param) in [
        (json!({}), "missing_field", "instruction"),
        (json!({"instruction": "a", "text": "b"}), "wrong_value", "text"),
        (json!({"instruction": "a", "seconds": 4}), "wrong_value", "seconds"),
        (json!({"instruction": "a", "seconds": 181}), "wrong_value", "seconds"),
        (json!({"instruction": "a", "platforms": ["tiktok", "sms"]}), "wrong_value", "platforms[1]"),
        (json!({"instruction": "a", "words_per_minute": 10}), "wrong_value", "words_per_minute"),
        (json!({"instruction": "a", "variants": 2}), "unknown_field", "variants"),
        (json!({"instruction": "a", "images": ["https://acme.example/a.png"]}), "wrong_value", "images[0]"),
        (json!({"instruction": "a", "images": [PNG, "data:image/gif;base64,R0lGODlh"]}), "wrong_value", "images[1]"),
        (json!({"instruction": "a", "images": ["data:image/jpeg;base64,iVBORw0KGgo="]}), "wrong_value", "images[0]"),
        (json!({"instruction": "a", "images": ["data:image/png;base64,iVBORw0KGgo\n"]}), "wrong_value", "images[0]"),
        (json!({"instruction": "a", "images": vec![PNG; 6]}), "wrong_value", "images"),
    ] {
        let error = order(body.clone()).unwrap_err();
        assert_eq!((error.status, error.code, error.param.as_str()), (400, code, param), "{body}");
    }
    let usual = order(json!({"instruction": "a"})).unwrap();
    assert_eq!(usual.platforms, [Platform::TikTok, Platform::Instagram, Platform::YouTube]);
    assert_eq!(plan(&usual).target_ms, 30_000);
}

#[test]
fn pictures_are_bounded_in_all() {
    let large = format!("data:image/png;base64,iVBORw0KGgo{}", "A".repeat(3 << 20));
    assert!(checked(vec![large.clone()]).is_ok());
    assert_eq!(checked(vec![large.clone(), large]).unwrap_err().param, "images");
}

#[test]
fn an_alternative_text_is_as_long_as_every_platform_allows() {
    assert_eq!(alt_room(&[Platform::X, Platform::TikTok], &published), 300);
    assert_eq!(alt_room(&[Platform::Bluesky], &published), LONGEST_ALT);
    let table = PlatformTable::read(json!({"bluesky": {"alt": 50, "video_seconds": 60}}).as_object().unwrap().clone()).unwrap();
    let changed = |platform: Platform| table.rules(platform);
    assert_eq!(alt_room(&[Platform::X, Platform::Bluesky], &changed), 50);
    let order = order(json!({"instruction": "a", "seconds": 61, "platforms": ["bluesky"]})).unwrap();
    assert!(check_platforms(&order, &published).is_ok());
    assert_eq!(check_platforms(&order, &changed).unwrap_err().param, "seconds");
}

#[test]
fn a_platform_takes_so_many_pictures_and_no_more() {
    assert!(check(4, &[Platform::X, Platform::Facebook], &published).is_ok());
    let error = check(5, &[Platform::Facebook, Platform::X], &published).unwrap_err();
    assert!(error.param == "images" && error.message.contains("a post on x has 4"));
}

#[test]
fn a_plan_divides_the_time_into_scenes_and_their_words() {
    let of = |seconds: u32| plan(&order(json!({"instruction": "a", "seconds": seconds})).unwrap());
    assert_eq!((of(30).scenes, of(30).words), (5, 14));
    assert_eq!((of(5).scenes, of(180).scenes), (2, 10));
    assert_eq!((of(30).most_ms, of(180).most_ms), (33_000, 180_000));
    let text =
        plan(&order(json!({"text": "We open on Sunday. Come early, for there are few seats and many guests in this town."})).unwrap());
    assert!((5_000..10_000).contains(&text.target_ms), "{text:?}");
    for platform in PLATFORMS.into_iter().filter(|platform| *platform != Platform::Sms) {
        let most = platform.published().video_seconds.and_then(|most| u32::try_from(most).ok()).unwrap_or(SECONDS.1).min(SECONDS.1);
        let of = |seconds: u32| order(json!({"instruction": "a", "platforms": [platform.name()], "seconds": seconds}));
        assert!(check_platforms(&of(most).unwrap(), &published).is_ok());
        assert!(most == SECONDS.1 || check_platforms(&of(most + 1).unwrap(), &published).is_err());
    }
}

#[test]
fn a_scene_is_read_from_an_answer_and_bounded() {
    let slot = Slot { key: "scene_1".to_owned(), platform: None, variant: 1, source: String::new() };
    let answer = json!({"scene_1": {"spoken": "The spring blend is in.", "visual": "A cup.", "caption": "Spring", "image": 2}});
    let draft = draft(&answer, std::slice::from_ref(&slot), &slot).unwrap();
    assert_eq!(draft, drafted("The spring blend is in.", "A cup.", "Spring", 2.0));
    let order = order(json!({"instruction": "Spring blend", "images": [PNG, PNG]})).unwrap();
    let scene = made(&order, None, &draft).unwrap();
    assert_eq!((scene.image, scene.visual.as_str(), scene.caption.as_str()), (Some(2), "A cup.", "Spring"));
    // What is missing is made by rule; a picture that is not there is none.
    let bare = made(&order, None, &drafted("The spring blend is in. Come by.", "", "", 3.0)).unwrap();
    assert_eq!((bare.image, bare.caption.as_str()), (None, "The spring blend is in."));
    assert!(!bare.visual.is_empty());
    assert_eq!(made(&order, None, &drafted("🎉", "a", "b", 1.0)), None);
    let long = made(&order, None, &drafted("Hello there.", &"many words ".repeat(99), &"many words ".repeat(99), 0.0)).unwrap();
    assert!(long.visual.chars().count() <= 300 && long.caption.chars().count() <= 60);
}

#[test]
fn a_scene_is_judged_by_its_words_and_its_facts() {
    let order_of = |body: Value| order(body).unwrap();
    let about = order_of(json!({"instruction": "Spring blend", "seconds": 30}));
    let code = |order: &Order, draft: Draft| match scene(order, None, &plan(order), Some(draft)) {
        Judged::Good(_) => "good",
        Judged::Usable(_, fault) | Judged::Useless(fault) => fault.code,
    };
    let fitting = "The spring blend is in, and it tastes of plum and a little cocoa.";
    assert_eq!(code(&about, drafted(fitting, "a", "b", 0.0)), "good");
    assert_eq!(code(&about, drafted(&fitting.repeat(3), "a", "b", 0.0)), "too_long");
    assert_eq!(code(&about, drafted("Hello.", "a", "b", 0.0)), "too_short");
    assert_eq!(code(&about, drafted("", "a", "b", 0.0)), "missing");
    assert_eq!(code(&about, drafted(fitting, "a", "Go to https://evil.example now", 0.0)), "invented_link");
    assert_eq!(code(&about, drafted("I'm sorry, but I can't help with that request.", "a", "b", 0.0)), "refused");
    let text = order_of(json!({"text": "Acme opens on 5 May in Oslo, with 120 seats for all of you who read this.", "seconds": 10}));
    assert_eq!(code(&text, drafted("We open with 120 seats in Oslo.", "A door", "5 May", 0.0)), "good");
    assert_eq!(code(&text, drafted("We open with 130 seats in Oslo.", "A door", "5 May", 0.0)), "facts_invented");
}

#[test]
fn what_is_too_short_is_held_and_what_is_too_long_is_left_out_by_sentences() {
    let plan = Plan { target_ms: 10_000, most_ms: 11_000, scenes: 2, words: 10, rate: 150 };
    let short = laid_out(vec![said("We open soon."), said("Come by.")], &plan);
    assert_eq!((short.duration_ms, short.fault), (10_000, Some("too_short")));
    let fine = laid_out(
        vec![said("We open on the first Sunday in May, and you are invited."), said("Come by early, for there are few seats.")],
        &plan,
    );
    assert!(fine.duration_ms >= 10_000 && fine.duration_ms <= 11_000 && fine.fault.is_none());
    let long = laid_out(vec![said(&"One sentence of five words. ".repeat(9)), said("Come by.")], &plan);
    assert_eq!(long.fault, Some("too_long"));
    assert!(long.duration_ms <= 11_000 && long.scenes[0].spoken.ends_with('.'));
    assert_eq!(long.scenes[1].spoken, "Come by.");
}

#[test]
fn however_much_a_model_says_it_is_cut_at_once() {
    let order = order(json!({"instruction": "a", "seconds": 30})).unwrap();
    let plan = plan(&order);
    for flood in ["a. ".repeat(30_000), "word ".repeat(30_000), "x".repeat(100_000), "一".repeat(50_000)] {
        let began = std::time::Instant::now();
        let film = laid_out((0..10).map(|_| said(&flood)).collect(), &plan);
        assert!(film.fault == Some("too_long") && film.duration_ms <= plan.most_ms, "{:?}", film.fault);
        assert!(film.scenes.iter().all(|scene| !scene.spoken.is_empty()));
        assert!(began.elapsed().as_secs() < 60, "{:?} for {}", began.elapsed(), &flood[..3]);
    }
}

#[test]
fn captions_follow_the_words_in_two_formats() {
    let plan = Plan { target_ms: 8_000, most_ms: 8_800, scenes: 2, words: 10, rate: 150 };
    let film = laid_out(
        vec![said("Tea & cake <b> --> here."), said("Come by on Sunday at nine, when the bread is still warm and the line is short.")],
        &plan,
    );
    let cues = cues(&film);
    assert!(cues.len() >= 2);
    let (srt, vtt) = (srt(&cues), webvtt(&cues));
    assert!(srt.starts_with("1\n00:00:00,000 --> 00:00:0") && srt.contains("\n\n2\n"), "{srt}");
    assert!(vtt.starts_with("WEBVTT\n\n00:00:00.000 --> ") && vtt.contains("Tea &amp; cake &lt;b&gt; --&gt; here."), "{vtt}");
    assert_eq!(srt.matches("-->").count(), cues.len());
    assert_eq!(vtt.matches("-->").count(), cues.len());
}

fn sentence() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Z][a-z ]{0,60}[.!?]", "(?s).{0,120}", "[a-z]{80,200}", "[一-三]{1,120}。"]
}

proptest! {
    #[test]
    fn every_film_is_as_long_as_was_asked_for_and_its_captions_lie_within(
        parts in prop::collection::vec(prop::collection::vec(sentence(), 1..6), 1..8),
        seconds in 5_u32..=180,
        rate in 80_u32..=300,
    ) {
        let order = order(json!({"instruction": "a", "seconds": seconds, "words_per_minute": rate})).unwrap();
        let plan = plan(&order);
        let scenes: Vec<Scene> = parts.iter().filter_map(|part| made(&order, None, &drafted(&part.join(" "), "a", "", 0.0))).collect();
        let scenes = if scenes.is_empty() { by_rule(&order, None, "…", &plan) } else { scenes };
        let film = laid_out(scenes, &plan);
        let target = u64::from(seconds) * 1000;
        prop_assert!(film.duration_ms >= target && film.duration_ms <= (target * (100 + TOLERANCE) / 100).min(180_000), "{film:?}");
        prop_assert!(!film.scenes.is_empty());
        let mut at = 0;
        for scene in &film.scenes {
            prop_assert!(scene.start_ms == at && scene.duration_ms > 0 && !scene.spoken.trim().is_empty());
            prop_assert!(scene.spoken_ms == spoken_ms(&scene.spoken, rate) && scene.spoken_ms <= scene.duration_ms);
            at += scene.duration_ms;
        }
        prop_assert_eq!(at, film.duration_ms);
        let mut end = 0;
        for cue in cues(&film) {
            prop_assert!(cue.start_ms >= end && cue.end_ms > cue.start_ms && cue.end_ms <= film.duration_ms);
            prop_assert!(!cue.text.trim().is_empty() && cue.text.lines().count() <= 2 && !cue.text.contains("\n\n"));
            end = cue.end_ms;
        }
    }

    #[test]
    fn a_text_alone_makes_a_film(text in "(?s).{0,400}", seconds in prop::option::of(5_u32..=60)) {
        let Ok(order) = order(json!({"text": text, "seconds": seconds})) else { return Ok(()) };
        let plan = plan(&order);
        let film = laid_out(by_rule(&order, None, &text, &plan), &plan);
        prop_assert!(film.duration_ms >= plan.target_ms && film.duration_ms <= plan.most_ms);
        prop_assert!(film.scenes.iter().all(|scene| !scene.spoken.is_empty() && !scene.visual.is_empty()));
    }

    #[test]
    fn a_shortened_text_is_as_short_as_it_has_to_be(text in "(?s).{0,200}", most in 0_usize..100) {
        let short = shortened(&text, most);
        prop_assert!(short.chars().count() <= most);
    }
}
