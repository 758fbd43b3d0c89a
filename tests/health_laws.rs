//! Breakers, quotas, and what isolates tell each other of the models.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests may"
)]

use maya_edge::boundary::{Arrival, Failure};
use maya_edge::cloud::health::breaker::{Blame, Breaker, Counts, Mark, Passage, Phase, Seen, wait_ms};
use maya_edge::cloud::health::quota::{Answer, Bucket, Of, Quota, Refusal, Tokens};
use maya_edge::cloud::health::shared::{Gathered, Rule, Tidings};
use maya_edge::cloud::health::{Health, Report, Settings, Standing, choose, refusal};
use maya_edge::protocol::headers::PASSING_DOWN;
use proptest::prelude::*;

const NOW: u64 = 1_800_000_000_000;

/// The tenant whose calls most tests make.
fn whose() -> Mark {
    Mark::of("acme")
}

fn settings() -> Settings {
    Settings { least_calls: 4, ..Settings::default() }
}

/// Any settings that the configuration lets pass.
fn any_settings() -> impl Strategy<Value = Settings> {
    (1..100_000_u32, 2..30_u32, 0.01..=1.0_f64, 1..50_000_u32, 1..20_000_u32, 0..100_000_u32).prop_map(
        |(window_ms, least_calls, failure_rate, slow_ms, open_ms, more)| Settings {
            window_ms,
            least_calls,
            failure_rate,
            slow_ms,
            open_ms,
            longest_open_ms: open_ms + more,
            ..Settings::default()
        },
    )
}

fn any_seen() -> impl Strategy<Value = Seen> {
    prop_oneof![3 => Just(Seen::Answered), 1 => Just(Seen::Slow), 2 => Just(Seen::Failed), 1 => Just(Seen::Nothing)]
}

/// A course of calls: how each went, how long after the one before it was made, and how long it took.
fn any_course() -> impl Strategy<Value = Vec<(Seen, u64, u64)>> {
    proptest::collection::vec((any_seen(), 0..5_000_u64, 0..20_000_u64), 0..120)
}

/// A breaker after a course of calls, and the time.
fn after(course: &[(Seen, u64, u64)], settings: &Settings) -> (Breaker, u64) {
    let (mut breaker, mut now) = (Breaker::default(), NOW);
    for (seen, step, took) in course {
        now += step;
        breaker.begin(now, settings);
        breaker.record(*seen, whose(), now - took, now, 0.5, settings);
    }
    (breaker, now)
}

fn calls(breaker: &mut Breaker, seen: Seen, count: usize, now: u64, settings: &Settings) -> bool {
    (0..count).any(|_| breaker.record(seen, whose(), now, now, 0.0, settings))
}

// What an attempt tells

fn arrival(failure: Option<Failure>, status: u16, elapsed_ms: u32, bytes: usize) -> Arrival {
    let text = String::new;
    Arrival {
        failure,
        elapsed_ms,
        now_ms: NOW,
        is_stream: false,
        status,
        content_type: text(),
        request_id: text(),
        passing: text(),
        body: vec![b' '; bytes],
    }
}

#[test]
fn an_attempt_tells_of_the_model_what_is_not_its_callers_doing() {
    let settings = Settings { slow_ms: 1_000, ..settings() };
    let seen = |failure, status, elapsed_ms, bytes, streaming| Seen::of(&arrival(failure, status, elapsed_ms, bytes), streaming, &settings);
    for status in 100..600 {
        let expected = match status {
            ..300 => Seen::Answered,
            300..500 => Seen::Nothing,
            _ => Seen::Failed,
        };
        assert_eq!(seen(None, status, 999, 0, false), expected, "{status}");
    }
    assert_eq!(seen(Some(Failure::Lost), 0, 1, 0, false), Seen::Failed);
    assert_eq!(seen(Some(Failure::FirstByteLate), 0, 1, 0, true), Seen::Failed);
    assert_eq!((seen(None, 200, 999, 0, true), seen(None, 200, 1_000, 0, true)), (Seen::Answered, Seen::Slow));
    // Whole answers have the time in which their text is written.
    assert_eq!((seen(None, 200, 5_999, 10_000, false), seen(None, 200, 6_000, 10_000, false)), (Seen::Answered, Seen::Slow));
    for impatient in [Failure::TotalLate, Failure::Gone] {
        assert_eq!(seen(Some(impatient), 0, 999, 0, true), Seen::Nothing);
        assert_eq!(seen(Some(impatient), 0, 1_000, 0, true), Seen::Slow, "that long, a stream should have begun");
        assert_eq!(seen(Some(impatient), 0, 100_000, 0, false), Seen::Nothing, "nobody knows how long the answer is");
    }
}

// Breakers

#[test]
fn a_breaker_opens_when_too_many_of_enough_calls_fail() {
    let settings = settings();
    let mut breaker = Breaker::default();
    assert!(!calls(&mut breaker, Seen::Answered, 2, NOW, &settings) && !calls(&mut breaker, Seen::Failed, 1, NOW, &settings));
    assert_eq!(breaker.passage(NOW), Passage::Closed);
    assert!(breaker.record(Seen::Failed, whose(), NOW, NOW, 0.0, &settings), "two of four");
    assert_eq!(breaker.passage(NOW), Passage::Open { until_ms: NOW + 5_000 });
    assert_eq!(breaker.phase(), Phase { since_ms: NOW, until_ms: Some(NOW + 5_000), openings: 1 });
}

#[test]
fn a_breaker_opens_when_the_median_is_late_and_not_for_an_outlier() {
    let settings = settings();
    let mut breaker = Breaker::default();
    calls(&mut breaker, Seen::Slow, 1, NOW, &settings);
    assert!(!calls(&mut breaker, Seen::Answered, 3, NOW, &settings));
    assert!(!calls(&mut breaker, Seen::Slow, 2, NOW, &settings), "three of six is not more than half");
    assert!(calls(&mut breaker, Seen::Slow, 1, NOW, &settings), "four of seven is");
}

/// Calls of several tenants in turn: what each sees, how often around.
fn rounds(breaker: &mut Breaker, tenants: &[(&str, Seen)], rounds: usize, settings: &Settings) -> bool {
    (0..rounds).any(|_| tenants.iter().any(|(tenant, seen)| breaker.record(*seen, Mark::of(tenant), NOW, NOW, 0.0, settings)))
}

#[test]
fn one_tenant_alone_opens_no_breaker_while_another_is_answered() {
    let settings = settings();
    for bad in [Seen::Failed, Seen::Slow] {
        let mut breaker = Breaker::default();
        assert!(!breaker.record(Seen::Answered, Mark::of("good"), NOW, NOW, 0.0, &settings));
        assert!(!rounds(&mut breaker, &[("bad", bad)], 200, &settings), "{bad:?} of one tenant");
        // What it meets itself tells as much as nothing.
        assert!(!rounds(&mut breaker, &[("bad", bad), ("bad", Seen::Answered)], 50, &settings));
        assert_eq!(breaker.passage(NOW), Passage::Closed);
    }
}

#[test]
fn a_model_that_fails_for_all_is_left_alone_however_unevenly_they_call() {
    let settings = settings();
    let mut breaker = Breaker::default();
    rounds(&mut breaker, &[("small", Seen::Answered)], 1, &settings);
    assert!(!rounds(&mut breaker, &[("large", Seen::Failed)], 50, &settings));
    assert!(rounds(&mut breaker, &[("small", Seen::Failed)], 2, &settings), "the other's calls fail as well");
    // Nobody is answered: then it is enough that one calls.
    let mut breaker = Breaker::default();
    assert!(rounds(&mut breaker, &[("large", Seen::Failed)], 4, &settings));
}

#[test]
fn isolates_together_know_whose_calls_fail() {
    let (settings, mut ledger) = (settings(), Gathered::default());
    let isolates = [Health::default(), Health::default(), Health::default()];
    let see = |isolate: &Health, seen, tenant| {
        isolate.record(
            "m",
            &Report { seen, whose: Mark::of(tenant), answer: Answer { asked_ms: NOW, now_ms: NOW, ..answer("") }, jitter: 0.0 },
            &settings,
        );
    };
    see(&isolates[0], Seen::Answered, "good");
    for isolate in &isolates[1..] {
        (0..3).for_each(|_| see(isolate, Seen::Failed, "bad"));
    }
    let mut tell = |isolate: &Health| ledger.exchange(&isolate.tell_all(NOW), Rule::from(&settings), NOW)[0].phase.until_ms;
    assert_eq!([0, 1, 2].map(|place: usize| tell(&isolates[place])), [None; 3]);
    (0..2).for_each(|_| see(&isolates[0], Seen::Failed, "good"));
    assert!(tell(&isolates[0]).is_some());
}

#[test]
fn calls_count_for_a_window_and_no_longer() {
    let settings = settings();
    let mut breaker = Breaker::default();
    calls(&mut breaker, Seen::Failed, 3, NOW, &settings);
    assert_eq!(breaker.counts(NOW + 24_999, &settings).failures, 3);
    assert_eq!(breaker.counts(NOW + 30_000, &settings), Counts::default());
    assert!(!calls(&mut breaker, Seen::Failed, 3, NOW + 30_000, &settings));
    assert!(calls(&mut breaker, Seen::Failed, 1, NOW + 30_000, &settings));
}

#[test]
fn one_probe_at_a_time_goes_when_the_wait_is_over_and_two_that_succeed_close_it() {
    let settings = settings();
    let mut breaker = Breaker::default();
    calls(&mut breaker, Seen::Failed, 4, NOW, &settings);
    let later = NOW + 5_000;
    assert_eq!(breaker.passage(later - 1), Passage::Open { until_ms: later });
    assert_eq!(breaker.passage(later), Passage::Probe);
    breaker.begin(later, &settings);
    assert_eq!(breaker.passage(later), Passage::Open { until_ms: later + 10_000 }, "one is on its way");
    assert_eq!(breaker.passage(later + 10_000), Passage::Probe, "one that is never heard of again is not waited for");
    assert!(!breaker.record(Seen::Answered, whose(), later, later + 200, 0.0, &settings));
    assert_eq!(breaker.passage(later + 200), Passage::Probe);
    assert!(breaker.record(Seen::Answered, whose(), later + 200, later + 400, 0.0, &settings));
    assert_eq!((breaker.passage(later + 400), breaker.phase().until_ms), (Passage::Closed, None));
    // What had failed before counts no more.
    assert!(!calls(&mut breaker, Seen::Failed, 3, later + 400, &settings));
}

#[test]
fn a_probe_that_fails_or_is_slow_opens_it_for_twice_as_long_and_one_that_tells_nothing_makes_room() {
    for seen in [Seen::Failed, Seen::Slow] {
        let settings = settings();
        let mut breaker = Breaker::default();
        calls(&mut breaker, Seen::Failed, 4, NOW, &settings);
        let mut now = NOW + 5_000;
        for wait in [10_000, 20_000, 40_000, 60_000, 60_000] {
            breaker.begin(now, &settings);
            assert!(!breaker.record(Seen::Nothing, whose(), now, now, 0.0, &settings));
            assert_eq!(breaker.passage(now), Passage::Probe);
            assert!(breaker.record(seen, whose(), now, now, 0.0, &settings));
            assert_eq!(breaker.passage(now), Passage::Open { until_ms: now + wait });
            now += wait;
        }
        // Two good ones, and then it fails again: it has not recovered. After a calm minute it has.
        assert!(calls(&mut breaker, Seen::Answered, 2, now, &settings));
        let mut recovered = breaker.clone();
        assert!(calls(&mut breaker, Seen::Failed, 4, now + 1_000, &settings));
        assert_eq!((breaker.phase().openings, breaker.phase().until_ms), (7, Some(now + 61_000)));
        assert!(calls(&mut recovered, Seen::Failed, 4, now + 60_000, &settings));
        assert_eq!(recovered.phase().openings, 1);
    }
}

#[test]
fn late_news_of_what_it_was_opened_for_changes_nothing() {
    let settings = settings();
    let mut breaker = Breaker::default();
    calls(&mut breaker, Seen::Failed, 4, NOW, &settings);
    let open = breaker.phase();
    for seen in [Seen::Answered, Seen::Failed, Seen::Slow, Seen::Nothing] {
        for _ in 0..20 {
            assert!(!breaker.record(seen, whose(), NOW - 1, NOW + 7_000, 0.0, &settings));
        }
    }
    // Nor does a failure of a call that was made although it was open.
    assert!(!calls(&mut breaker, Seen::Failed, 20, NOW + 4_000, &settings));
    assert_eq!(breaker.phase(), open);
    // A success of such a call is one.
    assert!(calls(&mut breaker, Seen::Answered, 2, NOW + 4_000, &settings));
    // What was asked before it closed is not held against it.
    assert!((0..20).all(|_| !breaker.record(Seen::Failed, whose(), NOW + 3_999, NOW + 5_000, 0.0, &settings)));
}

proptest! {
    #[test]
    fn no_single_call_opens_a_breaker(settings in any_settings(), good in 0..60_usize, place in 0..60_usize, bad in prop_oneof![Just(Seen::Failed), Just(Seen::Slow)]) {
        let mut breaker = Breaker::default();
        for call in 0..=good {
            let seen = if call == place.min(good) { bad } else { Seen::Answered };
            prop_assert!(!breaker.record(seen, whose(), NOW, NOW, 0.5, &settings));
        }
        prop_assert_eq!(breaker.passage(NOW), Passage::Closed);
    }

    #[test]
    fn what_is_no_failure_never_opens_a_breaker(settings in any_settings(), course in any_course()) {
        let course: Vec<_> = course.into_iter().filter(|(seen, ..)| matches!(seen, Seen::Answered | Seen::Nothing)).collect();
        let (breaker, now) = after(&course, &settings);
        prop_assert_eq!(breaker.passage(now), Passage::Closed);
    }

    #[test]
    fn enough_calls_that_all_fail_open_it(settings in any_settings(), count in 2..60_usize) {
        let mut breaker = Breaker::default();
        let opened = calls(&mut breaker, Seen::Failed, count, NOW, &settings);
        prop_assert_eq!(opened, count >= settings.least_calls as usize);
    }

    #[test]
    fn from_any_state_it_can_be_probed_in_bounded_time_and_a_run_of_successes_closes_it(settings in any_settings(), course in any_course()) {
        let (mut breaker, now) = after(&course, &settings);
        let now = now + u64::from(settings.longest_open_ms.max(settings.slow_ms));
        let open = matches!(breaker.passage(now), Passage::Open { .. });
        prop_assert!(!open);
        for call in 0..2 {
            breaker.begin(now + call, &settings);
            breaker.record(Seen::Answered, whose(), now + call, now + call, 0.5, &settings);
        }
        prop_assert_eq!(breaker.passage(now + 2), Passage::Closed);
    }

    #[test]
    fn a_breaker_that_is_open_says_until_when_and_keeps_its_word(settings in any_settings(), course in any_course()) {
        let (breaker, now) = after(&course, &settings);
        if let Passage::Open { until_ms } = breaker.passage(now) {
            prop_assert!(until_ms > now && until_ms <= now + u64::from(settings.longest_open_ms.max(settings.slow_ms)));
            prop_assert_eq!(breaker.passage(until_ms - 1), Passage::Open { until_ms });
            prop_assert_eq!(breaker.passage(until_ms), Passage::Probe);
        }
    }

    #[test]
    fn waits_never_become_shorter_nor_longer_than_is_set(settings in any_settings(), jitter in -0.5..1.5_f64, openings in 1..100_u32) {
        let wait = wait_ms(openings, jitter, &settings);
        prop_assert!(wait <= wait_ms(openings + 1, jitter, &settings));
        prop_assert!(wait <= u64::from(settings.longest_open_ms));
        prop_assert!(wait * 10 + 10 >= u64::from(settings.open_ms) * 8);
        prop_assert_eq!(wait_ms(u32::MAX, 0.0, &settings), u64::from(settings.longest_open_ms));
    }

    #[test]
    fn no_course_of_one_tenants_calls_opens_a_breaker_while_another_is_answered(settings in any_settings(), course in any_course()) {
        let (mut breaker, mut now) = (Breaker::default(), NOW);
        for (seen, step, took) in course {
            now += step;
            breaker.record(Seen::Answered, Mark::of("good"), now, now, 0.5, &settings);
            breaker.record(seen, whose(), now - took, now, 0.5, &settings);
            prop_assert_eq!(breaker.passage(now), Passage::Closed);
        }
    }

    #[test]
    fn what_a_breaker_holds_does_not_grow_with_its_calls(settings in any_settings(), course in any_course()) {
        // All of it is in the value itself.
        let (breaker, now) = after(&course, &settings);
        prop_assert!(breaker.counts(now, &settings).calls as usize <= course.len());
        prop_assert!(!std::mem::needs_drop::<Breaker>() && size_of::<Breaker>() <= 320);
    }

    #[test]
    fn phases_are_agreed_on_in_whatever_order_they_are_heard(phases in proptest::collection::vec((0..5_u64, proptest::option::of(0..5_u64), 0..3_u32), 1..6), seed in any::<u64>()) {
        let settings = settings();
        let phases: Vec<Phase> = phases.into_iter().map(|(since_ms, until_ms, openings)| Phase { since_ms, until_ms, openings }).collect();
        let heard = |order: &[Phase]| {
            let mut breaker = Breaker::default();
            order.iter().for_each(|phase| breaker.adopt(*phase, 0.3, &settings));
            breaker.phase()
        };
        let mut other = phases.clone();
        other.rotate_left(seed as usize % phases.len());
        other.extend(phases.clone());
        other.reverse();
        prop_assert_eq!(heard(&phases), heard(&other));
        prop_assert_eq!(heard(&phases), phases.iter().copied().max().unwrap().max(Phase::default()));
    }
}

// Quotas

/// Headers as they cross the boundary.
fn headers(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(name, value)| format!("{} {value}\n", PASSING_DOWN.iter().position(|known| known == name).unwrap())).collect()
}

fn limits(of: &str, limit: u64, remaining: u64, reset: &str) -> String {
    let names = ["limit", "remaining", "reset"].map(|what| format!("x-ratelimit-{what}-{of}"));
    headers(&[(&names[0], &limit.to_string()), (&names[1], &remaining.to_string()), (&names[2], reset)])
}

/// The same at the least and at the most.
fn wants(tokens: u64) -> Tokens {
    Tokens { surely: tokens, at_most: tokens }
}

fn answer(headers: &str) -> Answer<'_> {
    Answer { asked_ms: NOW, now_ms: NOW + 100, tokens: wants(1_000), headers, refused: None, taken: false }
}

fn lacks(quota: &Quota, tokens: u64, now: u64) -> Option<(Of, u64)> {
    quota.lack(tokens, now).map(|lack| (lack.of, lack.until_ms - NOW))
}

#[test]
fn all_eighteen_headers_are_understood() {
    let windows = ["minute", "hour", "day"];
    for (place, of) in ["requests", "tokens"].iter().flat_map(|of| windows.map(|window| format!("{of}-{window}"))).enumerate() {
        let mut quota = Quota::default();
        quota.hear(&answer(&limits(&of, 100, 40, "33.382867097855")));
        let heard = Bucket { as_of_ms: NOW, limit: 100, remaining: 40, reset_ms: NOW + 33_382 };
        for (other, bucket) in quota.buckets.iter().enumerate() {
            assert_eq!(*bucket, if other == place { heard } else { Bucket::default() }, "{of}");
        }
    }
}

#[test]
fn headers_that_are_no_numbers_or_incomplete_are_no_word() {
    for strange in [
        "",
        "\n\n",
        "x",
        "4",
        "4 \n",
        "99 1",
        "-1 5",
        "4 -1\n10 1\n16 1",
        "4 1\n10 1\n16 soon",
        "4 1\n10 1\n16 1.x",
        "4 1\n16 1",
        "4 99999999999999999999\n10 1\n16 1",
        "1 Wed, 21 Oct 2026 07:28:00 GMT",
    ] {
        let mut quota = Quota::default();
        quota.hear(&Answer { refused: Some(Of::Requests), ..answer(strange) });
        assert_eq!(quota, Quota::default(), "{strange:?}");
    }
}

#[test]
fn a_call_waits_until_its_tokens_have_flowed_in_and_no_longer() {
    let mut quota = Quota::default();
    quota.hear(&answer(&limits("tokens-minute", 60_000, 500, "60.0")));
    assert_eq!(lacks(&quota, 500, NOW), None);
    // A thousand a second.
    assert_eq!(lacks(&quota, 10_500, NOW), Some((Of::Tokens, 10_000)));
    assert_eq!(lacks(&quota, 10_500, NOW + 9_999), Some((Of::Tokens, 10_000)));
    assert_eq!(lacks(&quota, 10_500, NOW + 10_000), None);
    // More than it ever holds has to find it full; whether that fits is for Cerebras to say.
    assert_eq!(lacks(&quota, 1_000_000, NOW), Some((Of::Tokens, 59_500)));
    assert_eq!(lacks(&quota, 1_000_000, NOW + 59_500), None);
    // At its reset it is full whatever flowed in before.
    quota.hear(&Answer { asked_ms: NOW + 1, ..answer(&limits("tokens-minute", 60_000, 0, "3.5")) });
    assert_eq!(lacks(&quota, 30_000, NOW + 1), Some((Of::Tokens, 3_501)));
}

#[test]
fn of_requests_one_is_wanted_however_many_tokens() {
    let mut quota = Quota::default();
    quota.hear(&answer(&limits("requests-minute", 5, 0, "60.0")));
    for tokens in [0, 1, u64::MAX] {
        assert_eq!(lacks(&quota, tokens, NOW), Some((Of::Requests, 12_000)));
        assert_eq!(lacks(&quota, tokens, NOW + 12_000), None);
    }
}

#[test]
fn what_a_call_did_not_use_of_its_tokens_comes_back() {
    let mut quota = Quota::default();
    quota.hear(&Answer {
        tokens: Tokens { surely: 10_000, at_most: 20_000 },
        taken: true,
        ..answer(&limits("tokens-minute", 30_000, 9_000, "60"))
    });
    assert_eq!(lacks(&quota, 29_000, NOW), None);
    assert!(lacks(&quota, 29_001, NOW).is_some());
    // A call that was refused took none.
    quota.hear(&Answer { asked_ms: NOW + 1, tokens: wants(20_000), ..answer(&limits("tokens-minute", 30_000, 9_000, "60")) });
    assert!(lacks(&quota, 9_001, NOW).is_some());
}

#[test]
fn an_older_word_does_not_take_the_place_of_a_later_one() {
    let mut quota = Quota::default();
    quota.hear(&answer(&limits("requests-day", 10, 0, "60")));
    let later = quota.clone();
    quota.hear(&Answer { asked_ms: NOW - 1, ..answer(&limits("requests-day", 10, 9, "60")) });
    assert_eq!(quota, later);
}

#[test]
fn a_refusal_that_no_bucket_explains_holds_as_long_as_it_says_for_calls_as_large() {
    for (pairs, expected) in [
        (&[("retry-after", "7")][..], Some(7_100)),
        (&[("retry-after", "0.25")], Some(350)),
        (&[("retry-after", "7"), ("retry-after-ms", "40")], Some(140)),
        (&[("retry-after", "86400")], Some(60_100)),
        (&[], None),
    ] {
        let said = headers(pairs);
        let mut quota = Quota::default();
        quota.hear(&Answer { refused: Some(Of::Tokens), ..answer(&said) });
        assert_eq!(lacks(&quota, 1_000, NOW), expected.map(|ms| (Of::Tokens, ms)));
        assert_eq!(lacks(&quota, 999, NOW), None, "a smaller call may fit");
        assert_eq!(lacks(&quota, 1_000, NOW + expected.unwrap_or(0)), None);
        let mut queue = Quota::default();
        queue.hear(&Answer { refused: Some(Of::Queue), ..answer(&said) });
        assert_eq!(lacks(&queue, 0, NOW), expected.map(|ms| (Of::Queue, ms)), "a queue is as full for small ones");
        // What comes with any other status is no refusal.
        let mut none = Quota::default();
        none.hear(&answer(&said));
        assert_eq!(none, Quota::default());
    }
    // A bucket tells it better.
    let mut quota = Quota::default();
    let said = format!("{}{}", limits("tokens-minute", 60_000, 0, "60"), headers(&[("retry-after", "30")]));
    quota.hear(&Answer { refused: Some(Of::Tokens), ..answer(&said) });
    assert_eq!((lacks(&quota, 1_000, NOW), quota.refusal), (Some((Of::Tokens, 1_000)), None));
}

#[test]
fn what_was_lacking_is_read_from_the_code() {
    let body = |code: &str| format!("{{\"message\":\"…\",\"code\":\"{code}\"}}").into_bytes();
    assert_eq!(Of::refused(&body("token_quota_exceeded")), Of::Tokens);
    assert_eq!(Of::refused(&body("request_quota_exceeded")), Of::Requests);
    assert_eq!(Of::refused(&body("queue_exceeded")), Of::Queue);
    assert_eq!(Of::refused(b"<html>"), Of::Requests);
    assert_eq!(Of::refused(b""), Of::Requests);
}

fn any_bucket() -> impl Strategy<Value = Bucket> {
    (prop_oneof![Just(0_u64), NOW - 5..NOW + 5], 0..2_000_u64, 0..2_000_u64, 0..100_000_u64).prop_map(
        |(as_of_ms, limit, remaining, reset)| Bucket { as_of_ms, limit, remaining: remaining.min(limit), reset_ms: as_of_ms + reset },
    )
}

fn any_quota() -> impl Strategy<Value = Quota> {
    let refusal = (NOW - 3..NOW + 3, 0..9_000_u64, 0..3_u8, 0..5_u64).prop_map(|(as_of_ms, ms, of, tokens)| Refusal {
        as_of_ms,
        until_ms: as_of_ms + ms,
        of: [Of::Requests, Of::Tokens, Of::Queue][usize::from(of)],
        tokens,
    });
    (proptest::array::uniform6(any_bucket()), proptest::option::of(refusal)).prop_map(|(buckets, refusal)| Quota { buckets, refusal })
}

proptest! {
    #[test]
    fn whatever_is_lacking_is_there_when_it_is_said_to_be(quota in any_quota(), tokens in 0..3_000_u64, now in NOW..NOW + 50_000) {
        let mut now = now;
        let mut waits = 0;
        while let Some(lack) = quota.lack(tokens, now) {
            prop_assert!(lack.until_ms > now, "it is not there yet");
            // The wait is the longest of all that are lacking.
            now = lack.until_ms;
            waits += 1;
            prop_assert!(waits <= 1);
        }
    }

    #[test]
    fn a_call_is_held_back_only_when_its_bucket_cannot_have_enough(bucket in any_bucket(), tokens in 0..3_000_u64, now in NOW..NOW + 100_000) {
        let mut quota = Quota::default();
        quota.buckets[3] = bucket;
        let level = if now >= bucket.reset_ms { bucket.limit } else { (bucket.remaining + (now - bucket.as_of_ms) * bucket.limit / 60_000).min(bucket.limit) };
        let short = bucket.as_of_ms != 0 && level < tokens.min(bucket.limit);
        prop_assert_eq!(quota.lack(tokens, now).is_some(), short);
    }

    #[test]
    fn a_smaller_call_never_waits_longer(quota in any_quota(), tokens in 1..3_000_u64, now in NOW..NOW + 50_000) {
        let until = |tokens| quota.lack(tokens, now).map_or(now, |lack| lack.until_ms);
        prop_assert!(until(tokens - 1) <= until(tokens));
    }

    #[test]
    fn quotas_are_agreed_on_in_whatever_order_and_however_often_they_are_heard(one in any_quota(), two in any_quota(), three in any_quota()) {
        let merged = |order: &[&Quota]| {
            let mut sum = Quota::default();
            order.iter().for_each(|quota| sum.merge(quota));
            sum
        };
        let all = merged(&[&one, &two, &three]);
        prop_assert_eq!(&all, &merged(&[&three, &one, &two]));
        prop_assert_eq!(&all, &merged(&[&two, &two, &three, &one, &two]));
        prop_assert_eq!(&all, &merged(&[&merged(&[&one, &two]), &three]));
        prop_assert_eq!(&merged(&[&one, &all]), &all);
    }

    #[test]
    fn any_headers_are_heard_without_harm(text in "([0-9]{1,3} [0-9.eE+-]{0,24}\n){0,20}", tokens in any::<u64>(), now in any::<u64>(), asked_ms in any::<u64>()) {
        let mut quota = Quota::default();
        quota.hear(&Answer { asked_ms, now_ms: now, tokens: wants(tokens), headers: &text, refused: Some(Of::Tokens), taken: true });
        let _ = quota.lack(tokens, now);
    }
}

// Which model is asked

const OPEN: Standing = Standing::Open { until_ms: NOW };
const EXHAUSTED: Standing = Standing::Exhausted { until_ms: NOW };

#[test]
fn the_first_that_is_usable_is_asked_and_without_any_the_first_that_is_open() {
    for (standings, expected) in [
        (&[Standing::Usable, Standing::Usable][..], Some(0)),
        (&[OPEN, Standing::Usable], Some(1)),
        (&[EXHAUSTED, OPEN, Standing::Probing], Some(2)),
        (&[OPEN, OPEN, OPEN], Some(0)),
        (&[EXHAUSTED, OPEN, OPEN], Some(1)),
        (&[EXHAUSTED, EXHAUSTED], None),
        (&[], None),
    ] {
        assert_eq!(choose(standings.iter().copied()), expected, "{standings:?}");
    }
}

#[test]
fn a_refusal_says_what_is_lacking_and_when_to_come_back_in_a_minute_at_the_most() {
    use maya_edge::cloud::health::quota::Lack;
    for (of, code, wait, retry) in [
        (Of::Tokens, "token_quota_exceeded", 1_200, "2"),
        (Of::Requests, "request_quota_exceeded", 0, "1"),
        (Of::Queue, "queue_exceeded", 3_600_000, "60"),
    ] {
        let error = refusal("m", Lack { of, until_ms: NOW + wait }, NOW);
        assert_eq!((error.status, error.code, error.retry), (429, code, None));
        assert!(error.headers.contains(&("retry-after", retry.to_owned())) && error.message.contains("`m`"), "{}", error.message);
    }
}

fn report(seen: Seen, headers: &str, now: u64) -> Report<'_> {
    Report { seen, whose: whose(), answer: Answer { asked_ms: now, now_ms: now, ..answer(headers) }, jitter: 0.0 }
}

#[test]
fn a_models_standing_is_what_its_attempts_have_shown() {
    let (health, settings) = (Health::default(), settings());
    assert_eq!(health.standing("m", 10, NOW), Standing::Usable);
    for _ in 0..4 {
        health.record("m", &report(Seen::Failed, "", NOW), &settings);
    }
    assert_eq!(health.standing("m", 10, NOW), Standing::Open { until_ms: NOW + 5_000 });
    assert_eq!(health.standing("m", 10, NOW + 5_000), Standing::Probing);
    health.begin("m", NOW + 5_000, &settings);
    assert!(!health.standing("m", 10, NOW + 5_000).is_usable());
    assert_eq!(health.standing("other", 10, NOW), Standing::Usable);
    let spent = limits("requests-minute", 60, 0, "60");
    health.record("m", &report(Seen::Nothing, &spent, NOW), &settings);
    assert_eq!(health.standing("m", 10, NOW), Standing::Exhausted { until_ms: NOW + 1_000 });
}

#[test]
fn what_is_switched_off_is_not_looked_at() {
    let (health, settings) = (Health::default(), Settings { breakers: false, quotas: false, ..settings() });
    let spent = limits("requests-minute", 60, 0, "60");
    for _ in 0..50 {
        health.record("m", &report(Seen::Failed, &spent, NOW), &settings);
    }
    assert_eq!(health.standing("m", u64::MAX, NOW), Standing::Usable);
}

// What isolates tell each other

#[test]
fn isolates_that_see_a_few_failures_each_open_it_together() {
    let settings = settings();
    let (mut ledger, isolates) = (Gathered::default(), [Health::default(), Health::default()]);
    let exchange = |ledger: &mut Gathered, isolate: &Health, now| {
        let told = isolate.tell(&settings, now).map(|tidings| ledger.exchange(&tidings, Rule::from(&settings), now));
        told.is_some_and(|heard| (isolate.hear(&heard, 0.0, &settings), true).1)
    };
    for isolate in &isolates {
        assert_eq!(isolate.tell(&settings, NOW), None, "nothing has happened");
        isolate.record("m", &report(Seen::Failed, "", NOW), &settings);
        isolate.record("m", &report(Seen::Failed, "", NOW), &settings);
        assert!(isolate.standing("m", 0, NOW).is_usable());
    }
    assert!(exchange(&mut ledger, &isolates[0], NOW) && isolates[0].standing("m", 0, NOW).is_usable());
    assert!(exchange(&mut ledger, &isolates[1], NOW));
    assert_eq!(isolates[1].standing("m", 0, NOW), Standing::Open { until_ms: NOW + 5_000 });
    // The first hears of it when it next tells something: in ten seconds at the earliest.
    isolates[0].record("m", &report(Seen::Answered, "", NOW + 1), &settings);
    assert!(!exchange(&mut ledger, &isolates[0], NOW + 9_999));
    assert!(isolates[0].standing("m", 0, NOW + 4_000).is_usable());
    assert!(exchange(&mut ledger, &isolates[0], NOW + 10_000));
    assert_eq!(isolates[0].standing("m", 0, NOW + 4_000), Standing::Open { until_ms: NOW + 5_000 });
}

#[test]
fn what_is_urgent_is_told_a_second_after_the_last_time() {
    let (health, settings) = (Health::default(), settings());
    health.record("m", &report(Seen::Answered, "", NOW), &settings);
    assert!(health.tell(&settings, NOW).is_some());
    for _ in 0..8 {
        health.record("m", &report(Seen::Failed, "", NOW + 1), &settings);
    }
    assert_eq!(health.tell(&settings, NOW + 999), None);
    let told = health.tell(&settings, NOW + 1_000).unwrap();
    assert!(told[0].phase.until_ms.is_some() && told[0].counts.failures == 8);
    assert_eq!(health.tell(&settings, NOW + 100_000), None, "told once");
}

#[test]
fn quotas_that_others_have_seen_hold_here_too() {
    let (settings, mut ledger) = (settings(), Gathered::default());
    let (one, two) = (Health::default(), Health::default());
    let spent = limits("tokens-minute", 60_000, 0, "60");
    one.record("m", &report(Seen::Nothing, &spent, NOW), &settings);
    ledger.exchange(&one.tell_all(NOW), Rule::from(&settings), NOW);
    two.hear(&ledger.exchange(&two.tell_all(NOW), Rule::from(&settings), NOW), 0.0, &settings);
    assert_eq!(two.standing("m", 2_000, NOW), Standing::Exhausted { until_ms: NOW + 2_000 });
}

#[test]
fn those_who_hear_of_an_open_breaker_do_not_probe_together() {
    let settings = settings();
    let phase = Phase { since_ms: NOW, until_ms: Some(NOW + 5_000), openings: 1 };
    let from = |jitter| {
        let health = Health::default();
        health.hear(&[Tidings { model: "m".to_owned(), phase, ..Tidings::default() }], jitter, &settings);
        health.standing("m", 0, NOW).until_ms().unwrap() - NOW
    };
    assert_eq!((from(0.0), from(0.5), from(1.0)), (5_000, 5_500, 6_000));
}

#[test]
fn the_ledger_holds_a_bounded_number_of_models() {
    let (settings, mut ledger) = (settings(), Gathered::default());
    for number in 0..2_000 {
        let told = Tidings { model: format!("model-{number}"), ..Tidings::default() };
        assert!(ledger.exchange(&[told], Rule::from(&settings), NOW).len() <= 257);
    }
}

#[test]
fn tidings_of_another_version_are_understood() {
    let told: Tidings = serde_json::from_str(r#"{"model": "m", "phase": [1, 0, 0], "later": [1]}"#).unwrap();
    assert_eq!(told, Tidings { model: "m".to_owned(), phase: Phase { since_ms: 1, ..Phase::default() }, ..Tidings::default() });
    // Of limits that are fewer or more, nothing is known.
    let told = Tidings { buckets: vec![Bucket { as_of_ms: NOW, limit: 9, ..Bucket::default() }], ..told };
    let health = Health::default();
    health.hear(&[told], 0.0, &settings());
    assert!(health.standing("m", 9, NOW).is_usable());
}

proptest! {
    #[test]
    fn what_is_told_is_what_is_heard(quota in any_quota(), since_ms in 0..9_u64, until_ms in proptest::option::of(1..9_u64), openings in 0..9_u32, calls in 0..9_u32) {
        let counts = Counts { calls, failures: 1, slow: 2 };
        let blame = Blame::one(Seen::Failed, whose());
        let told = Tidings { model: "m".to_owned(), counts, blame, phase: Phase { since_ms, until_ms, openings }, buckets: quota.buckets.to_vec(), refusals: quota.refusal.into_iter().collect() };
        prop_assert_eq!(serde_json::from_str::<Tidings>(&serde_json::to_string(&told).unwrap()).unwrap(), told);
    }

    #[test]
    fn the_ledger_judges_by_the_settings_that_it_is_told(settings in any_settings()) {
        let judged = Settings::from(Rule::from(&settings));
        prop_assert!((judged.failure_rate - settings.failure_rate).abs() < 2e-6);
        prop_assert_eq!(Settings { failure_rate: settings.failure_rate, ..judged }, settings);
    }
}
