//! Promises of experiments, held by simulation: how often one stops that should not, what Thompson sampling loses, how fast it follows.
//! The generator is seeded, so that every run sees the same numbers.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "tests may"
)]

use maya_edge::learning::experiment::assignment::Draw;
use maya_edge::learning::experiment::definition::{Arm, Assignment, Definition, Guard, Metric, Stop};
use maya_edge::learning::experiment::ratio::SampleRatio;
use maya_edge::learning::experiment::tally::weight;
use maya_edge::learning::experiment::trial::{Change, Parts, Reason, Trial};
use maya_edge::ledger::terms::Span;

const EXPERIMENTS: u32 = 1000;
const SECOND: u64 = 1000;
const DAY: u64 = 86_400_000;

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn number(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn happens(&mut self, chance: f64) -> f64 {
        if self.number() < chance { 1.0 } else { 0.0 }
    }

    /// As skewed as latencies are.
    fn exponential(&mut self) -> f64 {
        -(1.0 - self.number()).ln()
    }

    fn arm(&mut self, shares: &[f64]) -> usize {
        let mut left = self.number() * shares.iter().sum::<f64>();
        for (place, share) in shares.iter().enumerate() {
            left -= share;
            if left < 0.0 {
                return place;
            }
        }
        shares.iter().rposition(|share| *share > 0.0).unwrap()
    }
}

fn definition(arms: usize, goal: Metric, assignment: Assignment) -> Definition {
    let arm = |place: usize| Arm { name: format!("arm{place}"), model: None, prompt: None, temperature: None, humanize: None, weight: 1.0 };
    Definition {
        description: String::new(),
        arms: (0..arms).map(arm).collect(),
        control: None,
        goal,
        guards: Vec::new(),
        assignment,
        floor: 0.05,
        half_life: Span(14 * DAY),
        renew: Span(SECOND),
        stop: Stop::default(),
    }
}

/// A value of an answer of now, in an arm whose share is that of a split.
fn change(metric: Metric, value: f64, weight: f64, now_ms: u64) -> Change {
    Change { metric, before: None, after: Some(value), weight, answered_ms: now_ms }
}

/// A new subject, an answer for it, and what was measured of that: a subject a second.
fn step(trial: &mut Trial, definition: &Definition, dice: &mut Dice, now_ms: u64, measured: &mut impl FnMut(&mut Dice, usize) -> f64) {
    let shares = trial.shares.clone();
    let arm = dice.arm(&shares);
    trial.count(arm, true, Some(&shares));
    let value = measured(dice, arm);
    trial.observe(definition, arm, &mut Parts::new(), &change(definition.goal, value, weight(arm, &shares), now_ms), now_ms);
}

/// In how many of a thousand experiments a winner is found among so many subjects, with a look after each that is due.
fn winners(definition: &Definition, subjects: u64, mut measured: impl FnMut(&mut Dice, usize) -> f64) -> u32 {
    let mut found = 0;
    for experiment in 0..EXPERIMENTS {
        let mut dice = Dice(u64::from(experiment));
        let mut trial = Trial::begin(definition, 1, String::new(), 0);
        for subject in 1..=subjects {
            step(&mut trial, definition, &mut dice, subject * SECOND, &mut measured);
            trial.renew(definition, subject * SECOND);
            if trial.ended.as_ref().is_some_and(|ended| ended.reason == Reason::Winner) {
                found += 1;
                break;
            }
        }
    }
    found
}

#[test]
fn of_a_thousand_experiments_without_a_difference_at_most_five_in_a_hundred_stop_though_every_subject_is_looked_at() {
    for rate in [0.02, 0.3] {
        let found = winners(&definition(2, Metric::ThumbsUp, Assignment::Fixed), 2000, |dice, _| dice.happens(rate));
        println!("rate {rate}: {found} of {EXPERIMENTS}");
        assert!(found <= EXPERIMENTS / 20, "{found} at a rate of {rate}");
    }
}

#[test]
fn nor_do_they_with_skewed_values() {
    let found = winners(&definition(2, Metric::LatencyMs, Assignment::Fixed), 2000, |dice, _| dice.exponential());
    println!("{found} of {EXPERIMENTS}");
    assert!(found <= EXPERIMENTS / 20, "{found}");
}

#[test]
fn nor_with_three_arms() {
    let found = winners(&definition(3, Metric::ThumbsUp, Assignment::Fixed), 1500, |dice, _| dice.happens(0.3));
    println!("{found} of {EXPERIMENTS}");
    assert!(found <= EXPERIMENTS / 20, "{found}");
}

#[test]
fn nor_when_thompson_sampling_moves_the_shares() {
    let mut of_rates = definition(2, Metric::ThumbsUp, Assignment::Thompson);
    of_rates.renew = Span(50 * SECOND);
    let found = winners(&of_rates, 1500, |dice, _| dice.happens(0.3));
    println!("{found} of {EXPERIMENTS}");
    assert!(found <= EXPERIMENTS / 20, "{found}");
}

#[test]
fn an_interval_made_for_one_look_would_stop_four_times_as_often_as_it_promises() {
    // What the promise above is worth: the same experiments with the usual interval of 95 %.
    let mut found = 0;
    for experiment in 0..EXPERIMENTS {
        let mut dice = Dice(u64::from(experiment));
        let (mut counts, mut sums) = ([0.0_f64; 2], [0.0_f64; 2]);
        for _ in 0..2000 {
            let arm = dice.arm(&[0.5, 0.5]);
            counts[arm] += 1.0;
            sums[arm] += dice.happens(0.3);
            let of = |arm: usize| sums[arm] / counts[arm];
            let error = (0..2).map(|arm| of(arm) * (1.0 - of(arm)) / counts[arm]).sum::<f64>();
            if counts.iter().all(|count| *count >= 100.0) && (of(0) - of(1)).abs() > 1.96 * error.sqrt() {
                found += 1;
                break;
            }
        }
    }
    println!("{found} of {EXPERIMENTS}");
    assert!(found > EXPERIMENTS / 5, "{found}");
}

#[test]
fn calls_of_one_subject_are_not_taken_for_those_of_strangers() {
    // Ten calls a subject, all of which end alike. By calls, there would be ten times the evidence.
    let definition = definition(2, Metric::ThumbsUp, Assignment::Fixed);
    let mut found = 0;
    for experiment in 0..EXPERIMENTS {
        let mut dice = Dice(u64::from(experiment));
        let mut trial = Trial::begin(&definition, 1, String::new(), 0);
        for subject in 1..=600_u64 {
            let arm = dice.arm(&trial.shares);
            let value = dice.happens(0.3);
            let mut own = Parts::new();
            for _ in 0..10 {
                trial.observe(&definition, arm, &mut own, &change(Metric::ThumbsUp, value, 1.0, subject * SECOND), subject * SECOND);
            }
            trial.renew(&definition, subject * SECOND);
        }
        found += u32::from(trial.ended.is_some());
    }
    println!("{found} of {EXPERIMENTS}");
    assert!(found <= EXPERIMENTS / 20, "{found}");
}

#[test]
fn a_difference_of_ten_points_is_found_within_three_thousand_subjects_nine_times_of_ten() {
    let found = winners(&definition(2, Metric::ThumbsUp, Assignment::Fixed), 3000, |dice, arm| dice.happens(0.3 + 0.1 * arm as f64));
    println!("{found} of {EXPERIMENTS}");
    assert!(found >= EXPERIMENTS * 9 / 10, "{found}");
}

#[test]
fn thompson_sampling_loses_less_than_its_bound_and_less_than_half_of_an_even_split() {
    const RATES: [f64; 3] = [0.10, 0.13, 0.20];
    const SUBJECTS: u64 = 5000;
    let mut definition = definition(3, Metric::ThumbsUp, Assignment::Thompson);
    definition.renew = Span(50 * SECOND);
    definition.stop.at_winner = false;
    let lost_to_best = |arm: usize| RATES[2] - RATES[arm];
    let mut lost = 0.0;
    let runs = 40;
    for run in 0..runs {
        let mut dice = Dice(run);
        let mut trial = Trial::begin(&definition, 1, String::new(), 0);
        for subject in 1..=SUBJECTS {
            let mut measured = |dice: &mut Dice, arm: usize| {
                lost += lost_to_best(arm);
                dice.happens(RATES[arm])
            };
            step(&mut trial, &definition, &mut dice, subject * SECOND, &mut measured);
            trial.renew(&definition, subject * SECOND);
        }
    }
    let lost = lost / runs as f64;
    let subjects = SUBJECTS as f64;
    let even = subjects * (lost_to_best(0) + lost_to_best(1)) / 3.0;
    // What the floors cost, which is chosen, and sqrt(K T), the order that no procedure beats (Agrawal and Goyal 2013).
    let bound = subjects * 0.05 * (lost_to_best(0) + lost_to_best(1)) + (3.0 * subjects).sqrt();
    println!("lost {lost:.1}, bound {bound:.1}, even split {even:.1}");
    assert!(lost <= bound, "{lost} > {bound}");
    assert!(lost <= even / 2.0, "{lost} > half of {even}");
}

#[test]
fn when_the_best_arm_changes_the_shares_follow_within_two_half_lives() {
    let mut definition = definition(2, Metric::ThumbsUp, Assignment::Thompson);
    definition.half_life = Span(7 * DAY);
    definition.renew = Span(DAY);
    definition.stop.at_winner = false;
    let mut late = 0;
    for run in 0..20 {
        let mut dice = Dice(run);
        let mut trial = Trial::begin(&definition, 1, String::new(), 0);
        let mut followed = None;
        for day in 1..=81_u64 {
            // For sixty days the first is the better one; then it is the second.
            let best = usize::from(day > 60);
            let mut measured = |dice: &mut Dice, arm: usize| dice.happens(if arm == best { 0.3 } else { 0.15 });
            for _ in 0..200 {
                step(&mut trial, &definition, &mut dice, day * DAY, &mut measured);
            }
            trial.renew(&definition, day * DAY);
            if day == 60 {
                assert!(trial.shares[0] > 0.9, "run {run}: {:?}", trial.shares);
            }
            if day > 60 && trial.shares[1] > 0.5 {
                followed.get_or_insert(day - 60);
            }
        }
        println!("run {run}: {followed:?}");
        late += u32::from(followed.is_none_or(|days| days > 14));
    }
    assert_eq!(late, 0);
}

/// In how many of a thousand experiments a guard halts the second arm, within so many subjects.
fn halted(definition: &Definition, subjects: u64, mut measured: impl FnMut(&mut Dice, usize) -> Vec<(Metric, f64)>) -> u32 {
    let mut halted = 0;
    for experiment in 0..EXPERIMENTS {
        let mut dice = Dice(u64::from(experiment));
        let mut trial = Trial::begin(definition, 1, String::new(), 0);
        for subject in 1..=subjects {
            let now_ms = subject * SECOND;
            let arm = dice.arm(&trial.shares);
            let mut own = Parts::new();
            for (metric, value) in measured(&mut dice, arm) {
                trial.observe(definition, arm, &mut own, &change(metric, value, 1.0, now_ms), now_ms);
            }
            trial.renew(definition, now_ms);
            if let Some(ended) = &trial.ended {
                assert_eq!((ended.reason, ended.arm), (Reason::Guards, 0));
                halted += 1;
                break;
            }
        }
    }
    halted
}

#[test]
fn a_guard_halts_an_arm_that_fails_more_and_seldom_one_that_does_not() {
    let mut definition = definition(2, Metric::ThumbsUp, Assignment::Fixed);
    definition.guards = vec![Guard { metric: Metric::ErrorRate, tolerance: 0.0 }, Guard { metric: Metric::LatencyMs, tolerance: 0.1 }];
    let of = |rates: [f64; 2], slower: f64| {
        halted(&definition, 1500, |dice, arm| {
            let latency = 500.0 * (1.0 + dice.exponential()) * if arm == 1 { slower } else { 1.0 };
            vec![(Metric::ErrorRate, dice.happens(rates[arm])), (Metric::LatencyMs, latency)]
        })
    };
    let (alike, at_the_limit, fails, slow) = (of([0.02, 0.02], 1.0), of([0.02, 0.02], 1.1), of([0.02, 0.10], 1.0), of([0.02, 0.02], 1.4));
    println!("alike {alike}, at the limit {at_the_limit}, fails {fails}, slow {slow} of {EXPERIMENTS}");
    assert!(alike <= EXPERIMENTS / 20 && at_the_limit <= EXPERIMENTS / 20, "{alike} {at_the_limit}");
    assert!(fails >= EXPERIMENTS * 9 / 10 && slow >= EXPERIMENTS * 9 / 10, "{fails} {slow}");
}

#[test]
fn without_a_guard_an_arm_that_always_fails_is_halted_and_one_that_fails_a_little_more_is_not() {
    let mut definition = definition(2, Metric::ThumbsUp, Assignment::Thompson);
    definition.renew = Span(25 * SECOND);
    let of = |rates: [f64; 2]| halted(&definition, 1000, |dice, arm| vec![(Metric::ErrorRate, dice.happens(rates[arm]))]);
    let (gone, little) = (of([0.01, 1.0]), of([0.01, 0.05]));
    println!("gone {gone}, little {little} of {EXPERIMENTS}");
    assert_eq!(gone, EXPERIMENTS);
    assert!(little <= EXPERIMENTS / 20, "{little}");
}

#[test]
fn an_arm_of_which_nothing_is_told_keeps_its_first_share() {
    let mut definition = definition(3, Metric::ThumbsUp, Assignment::Thompson);
    definition.stop.at_winner = false;
    let mut trial = Trial::begin(&definition, 1, String::new(), 0);
    for subject in 1..=600_u64 {
        // Its answers are not usable, and nobody rates them.
        for (arm, up) in [(0, subject % 10 == 0), (1, subject % 5 == 0)] {
            let value = change(Metric::ThumbsUp, f64::from(u8::from(up)), 1.0, subject * SECOND);
            trial.observe(&definition, arm, &mut Parts::new(), &value, subject * SECOND);
        }
        trial.renew(&definition, subject * SECOND);
    }
    assert!((trial.shares[2] - 1.0 / 3.0).abs() < 0.011, "{:?}", trial.shares);
    assert!(trial.shares[1] > 0.6, "{:?}", trial.shares);
}

#[test]
fn a_change_that_comes_to_all_arms_alike_makes_no_winner_while_shares_move() {
    // By plain means, an arm whose share grew while all rates rose would seem the better one.
    let rising = |subject: u64, subjects: u64| 0.1 + 0.25 * subject as f64 / subjects as f64;
    for assignment in [Assignment::Fixed, Assignment::Thompson] {
        let mut definition = definition(2, Metric::ThumbsUp, assignment);
        definition.renew = Span(50 * SECOND);
        let mut ramped = definition.clone();
        ramped.arms[1].weight = 9.0;
        let mut found = 0;
        const SUBJECTS: u64 = 2500;
        for experiment in 0..EXPERIMENTS {
            let mut dice = Dice(u64::from(experiment));
            let mut trial = Trial::begin(&definition, 1, String::new(), 0);
            for subject in 1..=SUBJECTS {
                // Half way, somebody lets the second arm have nine of ten.
                if subject == SUBJECTS / 2 && assignment == Assignment::Fixed {
                    trial.adopt(&definition, &ramped, subject * SECOND);
                }
                let used = if subject >= SUBJECTS / 2 { &ramped } else { &definition };
                step(&mut trial, used, &mut dice, subject * SECOND, &mut |dice: &mut Dice, _| dice.happens(rising(subject, SUBJECTS)));
                trial.renew(used, subject * SECOND);
                if trial.ended.is_some() {
                    found += 1;
                    break;
                }
            }
        }
        println!("{assignment:?}: {found} of {EXPERIMENTS}");
        assert!(found <= EXPERIMENTS / 20, "{assignment:?}: {found}");
    }
}

#[test]
fn few_people_with_ever_more_calls_are_no_reason_to_stop() {
    // Two hundred people, who rate each call as by a throw of dice of their own: evidence grows, subjects do not.
    let definition = definition(2, Metric::ThumbsUp, Assignment::Fixed);
    let mut found = 0;
    for experiment in 0..EXPERIMENTS {
        let mut dice = Dice(u64::from(experiment));
        let mut trial = Trial::begin(&definition, 1, String::new(), 0);
        let mut people: Vec<(usize, Parts)> = (0..240).map(|person| (person % 2, Parts::new())).collect();
        for call in 1..=60_u64 {
            for (arm, own) in &mut people {
                let value = change(Metric::ThumbsUp, dice.happens(0.3), 1.0, call * SECOND);
                trial.observe(&definition, *arm, own, &value, call * SECOND);
            }
            trial.renew(&definition, call * SECOND);
        }
        found += u32::from(trial.ended.is_some());
    }
    println!("{found} of {EXPERIMENTS}");
    assert!(found <= EXPERIMENTS / 20, "{found}");
}

#[test]
fn a_lost_share_of_subjects_is_seen_and_a_fair_one_is_not_suspected() {
    let mut suspected = [0; 2];
    for experiment in 0..EXPERIMENTS {
        let mut dice = Dice(u64::from(experiment));
        let (mut fair, mut losing) = (SampleRatio::of(2), SampleRatio::of(2));
        for subject in 0..3000_u32 {
            // Shares may move meanwhile.
            let shares = if subject % 400 < 200 { [0.5, 0.5] } else { [0.8, 0.2] };
            let arm = dice.arm(&shares);
            fair.count(arm, &shares);
            // A quarter of those of the second never get there.
            if arm == 0 || dice.number() > 0.25 {
                losing.count(arm, &shares);
            }
        }
        suspected[0] += u32::from(fair.is_mismatch());
        suspected[1] += u32::from(losing.is_mismatch());
    }
    println!("fair {}, losing {} of {EXPERIMENTS}", suspected[0], suspected[1]);
    // p < 0.001 at any of 3,000 looks.
    assert!(suspected[0] <= 3, "{}", suspected[0]);
    assert!(suspected[1] >= EXPERIMENTS * 9 / 10, "{}", suspected[1]);
}

#[test]
fn arms_get_their_shares_and_subjects_stay() {
    const SUBJECTS: u32 = 20_000;
    let draws: Vec<Draw> = (0..SUBJECTS).map(|subject| Draw::of("the key of a run", &format!("user-{subject}"))).collect();
    let arms = |weights: &[f64]| draws.iter().map(|draw| draw.arm(weights).unwrap()).collect::<Vec<_>>();
    let weights = [0.6, 0.3, 0.1];
    let before = arms(&weights);
    for (place, weight) in weights.iter().enumerate() {
        let share = before.iter().filter(|arm| **arm == place).count() as f64 / f64::from(SUBJECTS);
        assert!((share - weight).abs() < 0.012, "arm {place}: {share}");
    }
    assert_eq!(before, arms(&weights));
    // One arm wins weight of the two others: subjects move to it alone, and not more than twice the weight that moves.
    let after = arms(&[0.5, 0.25, 0.25]);
    let moved: Vec<(usize, usize)> = before.iter().copied().zip(after).filter(|(before, after)| before != after).collect();
    assert!(moved.iter().all(|(_, to)| *to == 2), "they move to the arm that has grown");
    let share = moved.len() as f64 / f64::from(SUBJECTS);
    assert!((0.13..=0.17).contains(&share), "{share}");
    // Where an arm has no weight, nobody is.
    assert!(arms(&[0.0, 1.0, 0.0]).iter().all(|arm| *arm == 1));
    assert_eq!(draws[0].arm(&[0.0, 0.0]), None);
}

#[test]
fn a_subject_draws_anew_where_the_key_is_another() {
    let arm = |key: &str, subject: &str| Draw::of(key, subject).arm(&[0.5, 0.5]).unwrap();
    let subjects = (0..4000).map(|subject| subject.to_string());
    let count = subjects.filter(|subject| arm("one", subject) == arm("two", subject)).count();
    assert!((1880..=2120).contains(&count), "{count} of 4000 are in the same arm by chance");
    assert_ne!(Draw::of("one", "ada").name(), Draw::of("two", "ada").name());
}
