//! Windows, prices, the calendar and the audit's chain: what is decided without a database.
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

use maya_edge::cloud::models::{MicroDollars, Model};
use maya_edge::ledger::audit::{Entry, Mark, Verdict, Verifier};
use maya_edge::ledger::calendar::{begins_ms, day_of, month_of, read, written};
use maya_edge::ledger::price::{at_most, cost};
use maya_edge::ledger::window::{Fit, SLOTS, Window};
use maya_edge::protocol::usage::Usage;
use proptest::prelude::*;

/// Times that go forward by steps, and amounts.
fn events(longest_step: u64) -> impl Strategy<Value = Vec<(u64, u64)>> {
    proptest::collection::vec((0..=longest_step, 0_u64..8), 1..200).prop_map(|steps| {
        let mut now = 1_000_000;
        steps.into_iter().map(|(step, amount)| (now += step, (now, amount)).1).collect()
    })
}

/// The amount of a log's events that are less than `length_ms` old.
fn within(log: &[(u64, u64)], now: u64, length_ms: u64) -> u64 {
    log.iter().filter(|(at, _)| at + length_ms > now).map(|(_, amount)| amount).sum()
}

fn windows_and_events() -> impl Strategy<Value = (u64, u64, Vec<(u64, u64)>)> {
    // Shorter than the slots of a window, about as long, and much longer.
    prop_oneof![1..20_u64, 4000..9000_u64, Just(60_000), Just(86_400_000), Just(30 * 86_400_000_u64)]
        .prop_flat_map(|length| (Just(length), 0..30_u64, events(length / 8 + 2)))
}

proptest! {
    #[test]
    fn no_span_of_a_windows_length_ever_holds_more_than_the_limit((length, limit, events) in windows_and_events()) {
        let mut window = Window::new(length);
        let slot = length.div_ceil(SLOTS);
        let mut log = Vec::new();
        for (now, amount) in events {
            let fit = window.fits(amount, limit, now);
            let naive = within(&log, now, length + slot) + amount <= limit;
            if naive && limit > 0 {
                prop_assert_eq!(fit, Fit::Now, "refused what the log, widened by a slot, lets pass");
            }
            prop_assert_eq!(fit == Fit::Never, limit == 0 || amount > limit);
            if let Fit::After(wait) = fit {
                prop_assert!(wait > 0);
                prop_assert_eq!(window.clone().fits(amount, limit, now + wait), Fit::Now, "the wait is long enough");
                prop_assert_ne!(window.clone().fits(amount, limit, now + wait - 1), Fit::Now, "and not too long");
            }
            if fit == Fit::Now {
                window.take(amount, now);
                log.push((now, amount));
            }
            prop_assert!(within(&log, now, length) <= limit);
            prop_assert!(window.held() as u64 <= SLOTS + 1);
            let reset = window.reset_ms(now);
            prop_assert_eq!(window.clone().used(now + reset), 0);
        }
    }

    #[test]
    fn what_was_taken_is_given_back_and_what_was_estimated_is_corrected(events in events(300), real in proptest::collection::vec(0_u64..8, 200)) {
        let mut window = Window::new(8000);
        let mut real_window = Window::new(8000);
        let mut taken = Vec::new();
        for ((now, amount), real) in events.iter().zip(&real) {
            taken.push((window.take(*amount, *now).0, *amount, *real));
            real_window.take(*real, *now);
        }
        let now = events.last().unwrap().0;
        let used = window.used(now);
        prop_assert!((within(&events, now, 8000)..=within(&events, now, 8002)).contains(&used), "a slot is 2 ms");
        for (slot, estimate, real) in &taken {
            window.adjust(*slot, *estimate, *real);
        }
        prop_assert_eq!(window.used(now), real_window.used(now));
        for (slot, _, real) in &taken {
            window.adjust(*slot, *real, 0);
        }
        prop_assert_eq!(window.used(now), 0);
        prop_assert_eq!(window.reset_ms(now), 0);
    }

    #[test]
    fn a_cost_is_the_exact_product_rounded_half_up_and_never_above_its_bound(
        prices in (proptest::option::of(0_u64..10_000_000), proptest::option::of(0_u64..10_000_000)),
        prompt_tokens in 0_u64..1_000_000, completion_tokens in 0_u64..1_000_000,
    ) {
        let row = model(prices.0, prices.1);
        let usage = Usage { prompt_tokens, completion_tokens };
        let needed = |price: Option<u64>, tokens: u64| if tokens == 0 { Some(0) } else { price.map(|price| u128::from(price) * u128::from(tokens)) };
        let exact = needed(prices.0, prompt_tokens).zip(needed(prices.1, completion_tokens)).map(|(prompt, answer)| prompt + answer);
        prop_assert_eq!(cost(Some(&row), usage).map(|cost| u128::from(cost.0)), exact.map(|exact| (exact + 500_000) / 1_000_000));
        prop_assert_eq!(at_most(Some(&row), usage).map(|cost| u128::from(cost.0)), exact.map(|exact| exact.div_ceil(1_000_000)));
        prop_assert!(cost(Some(&row), usage) <= at_most(Some(&row), usage));
    }

    #[test]
    fn a_day_is_read_as_it_is_written(day in 0_u64..2_932_896) {
        let text = written(day);
        prop_assert_eq!(read(&text), Some(day));
        let (first, next) = month_of(day);
        prop_assert!((first..next).contains(&day) && (28..=31).contains(&(next - first)));
        let month = text.rsplit_once('-').unwrap().0.to_owned();
        prop_assert_eq!(written(first), month.clone() + "-01");
        prop_assert!(written(next - 1).starts_with(&month) && written(next).ends_with("-01"));
        prop_assert_eq!((day_of(begins_ms(day)), day_of(begins_ms(day + 1) - 1)), (day, day));
    }
}

fn model(input: Option<u64>, output: Option<u64>) -> Model {
    serde_json::from_value(serde_json::json!({"input_micro_dollars_per_million": input, "output_micro_dollars_per_million": output}))
        .unwrap()
}

#[test]
fn an_unknown_price_is_none_and_not_0() {
    let usage = Usage { prompt_tokens: 1, completion_tokens: 0 };
    assert_eq!(cost(None, usage), None);
    assert_eq!(cost(Some(&model(None, Some(1))), usage), None);
    assert_eq!(cost(Some(&model(Some(500_000), None)), usage), Some(MicroDollars(1)));
    assert_eq!(cost(Some(&model(Some(499_999), None)), usage), Some(MicroDollars(0)));
    let most = Usage { prompt_tokens: u64::MAX, completion_tokens: u64::MAX };
    assert_eq!(cost(Some(&model(Some(u64::MAX), Some(u64::MAX))), most), None, "what no number holds is unknown");
}

#[test]
fn days_are_those_of_the_calendar() {
    for (text, day) in [("1970-01-01", 0), ("2000-02-29", 11_016), ("2026-11-23", 20_780), ("9999-12-31", 2_932_896)] {
        assert_eq!((written(day), read(text)), (text.to_owned(), Some(day)));
    }
    for wrong in
        ["2026-11-31", "2026-02-29", "2026-13-01", "1969-12-31", "2026-1-01", "20261101", "", "2026-11-2x", "+026-11-01", "2026-11-01 "]
    {
        assert_eq!(read(wrong), None, "{wrong}");
    }
}

// The audit's chain

fn chain(length: u64, checkpoint: &Mark) -> (Vec<Entry>, Mark) {
    let mut head = checkpoint.clone();
    let mut entries = Vec::new();
    for at in 0..length {
        let what = ["refused", "call", "key_created"][at as usize % 3].to_owned();
        let entry =
            Entry { at_ms: at, what, who: "k".to_owned(), alias: "a".to_owned(), details: format!("{{\"at\":{at}}}"), ..Entry::default() };
        entries.push(Entry::behind(&head, entry));
        head = entries.last().unwrap().mark();
    }
    (entries, head)
}

fn verify(entries: &[Entry], checkpoint: &Mark, head: &Mark) -> Verdict {
    let mut entries = entries.to_vec();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.number));
    let mut verifier = Verifier::new(checkpoint.clone(), head.clone());
    entries.iter().for_each(|entry| verifier.entry(entry));
    verifier.finish()
}

fn begin(removed: u64) -> Mark {
    chain(removed, &Mark::default()).1
}

proptest! {
    #[test]
    fn a_chain_that_nobody_touched_is_whole(length in 0_u64..30, removed in 0_u64..5) {
        let checkpoint = begin(removed);
        let (entries, head) = chain(length, &checkpoint);
        let verdict = verify(&entries, &checkpoint, &head);
        prop_assert!(verdict.whole && verdict.broken.is_empty(), "{verdict:?}");
        prop_assert_eq!(verdict.entries, length);
        let expected = if length == 0 { (0, 0) } else { (removed + 1, removed + length) };
        prop_assert_eq!((verdict.first, verdict.last), expected);
    }

    #[test]
    fn an_entry_that_was_changed_is_named_and_no_other(length in 1_u64..30, removed in 0_u64..5, at in any::<prop::sample::Index>(), field in 0..8, forge in any::<bool>()) {
        let checkpoint = begin(removed);
        let (mut entries, head) = chain(length, &checkpoint);
        let at = at.index(entries.len());
        let entry = &mut entries[at];
        match field {
            0 => entry.at_ms += 1,
            1 => entry.what.push('x'),
            2 => entry.who = String::new(),
            3 => entry.alias.push('b'),
            4 => entry.details = "{}".to_owned(),
            // A hash moved between two fields.
            5 => (entry.who, entry.alias) = ("ka".to_owned(), String::new()),
            6 => entry.previous = "0".repeat(63),
            _ => entry.hash.replace_range(..1, if entry.hash.starts_with('0') { "1" } else { "0" }),
        }
        if forge {
            entry.hash = entry.digest();
        }
        let number = entry.number;
        let verdict = verify(&entries, &checkpoint, &head);
        if field == 7 && forge {
            prop_assert!(verdict.whole);
        } else {
            let named: Vec<_> = verdict.broken.iter().map(|broken| (broken.number, broken.why)).collect();
            prop_assert!(!verdict.whole);
            // One that names another hash casts doubt on the one before it.
            let doubtful = (field == 6 && number > removed + 1).then(|| (number - 1, "unlinked"));
            prop_assert_eq!(named, [(number, "changed")].into_iter().chain(doubtful).collect::<Vec<_>>());
        }
    }

    #[test]
    fn entries_that_were_removed_are_named_the_last_ones_too(length in 1_u64..30, removed in 0_u64..5, gone in proptest::collection::vec(any::<prop::sample::Index>(), 1..6)) {
        let checkpoint = begin(removed);
        let (entries, head) = chain(length, &checkpoint);
        let gone: std::collections::BTreeSet<u64> = gone.iter().map(|index| entries[index.index(entries.len())].number).collect();
        let left: Vec<Entry> = entries.into_iter().filter(|entry| !gone.contains(&entry.number)).collect();
        let verdict = verify(&left, &checkpoint, &head);
        let named: Vec<_> = verdict.broken.iter().rev().map(|broken| (broken.number, broken.why)).collect();
        prop_assert!(!verdict.whole);
        prop_assert_eq!(named, gone.into_iter().map(|number| (number, "missing")).collect::<Vec<_>>());
    }

    #[test]
    fn an_entry_that_was_added_is_named(length in 1_u64..30, removed in 1_u64..5, behind in any::<bool>()) {
        let checkpoint = begin(removed);
        let (mut entries, head) = chain(length, &checkpoint);
        let added = if behind { Entry::behind(&head, Entry::default()) } else { Entry { number: removed, ..Entry::default() } };
        let number = added.number;
        entries.push(added);
        let verdict = verify(&entries, &checkpoint, &head);
        let named: Vec<_> = verdict.broken.iter().map(|broken| (broken.number, broken.why)).collect();
        prop_assert_eq!(named, vec![(number, "added")]);
    }

    #[test]
    fn numbers_that_were_exchanged_or_moved_are_named(length in 3_u64..30, at in any::<prop::sample::Index>()) {
        let (mut entries, head) = chain(length, &Mark::default());
        // An entry is put in, and those behind it are moved up, hashes as they were.
        let at = at.index(entries.len());
        let number = entries[at].number;
        entries[at..].iter_mut().for_each(|entry| entry.number += 1);
        let mut added = Entry { number, previous: entries[at].previous.clone(), ..Entry::default() };
        added.hash = added.digest();
        entries.push(added);
        let verdict = verify(&entries, &Mark::default(), &head);
        prop_assert!(!verdict.whole);
        prop_assert!(verdict.broken.iter().any(|broken| broken.number == number), "{verdict:?}");
    }

    #[test]
    fn a_checkpoint_or_head_that_was_changed_is_noticed(length in 0_u64..10, removed in 0_u64..5, at_head in any::<bool>()) {
        let mut checkpoint = begin(removed);
        let (entries, mut head) = chain(length, &checkpoint);
        let mark = if at_head { &mut head } else { &mut checkpoint };
        mark.hash.replace_range(..1, if mark.hash.starts_with('0') { "1" } else { "0" });
        prop_assert!(!verify(&entries, &checkpoint, &head).whole);
    }
}

#[test]
fn no_two_entries_are_hashed_from_the_same_bytes() {
    let entry = |what: &str, who: &str| Entry { what: what.to_owned(), who: who.to_owned(), ..Entry::default() }.digest();
    assert_ne!(entry("ab", "c"), entry("a", "bc"));
    assert_ne!(entry("", "x"), entry("x", ""));
}
