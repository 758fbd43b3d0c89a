//! A tenant's own intents: the built-in ones as a tenant would give them, by a few examples each.

use std::path::Path;

use maya_edge::edge::centroids::{CALIBRATION, Centroids};
use maya_edge::edge::features::Features;
use maya_edge::edge::intents::Intent;
use maya_edge::edge::linear::Calibration;

use crate::figures::{Figures, microseconds, microseconds_of};
use crate::intents::{examples, tell};
use crate::judge::{Scored, judge, outside_weight};
use crate::svm::Chance;

/// Examples that a tenant gives for an intent where it is measured.
const FEW: usize = 10;
/// The choices of intents and examples that the calibration is chosen on. What is measured is another: the order in which `examples` has them.
const CHOICES: std::ops::Range<u64> = 201..217;
/// How many intents the tenants of those have.
const INTENTS: [usize; 5] = [1, 2, 4, 8, 16];
/// How many examples they give for each.
const GIVEN: [usize; 3] = [3, 10, 20];
/// Share of the answers that are to be right: the mean over tenants of all sizes, with texts that belong to none.
const PRECISION: f64 = 0.9;
/// Answers that may be given up for a better calibration, as a share of the texts.
const GIVEN_UP: f64 = 0.005;

/// The examples of the built-in intents with their numbers, in an order of chance.
fn read(root: &Path) -> Vec<(Features, usize)> {
    examples(root).iter().map(|(text, class)| (Features::of(text), *class)).collect()
}

/// "Other" belongs to no intent of a tenant.
fn is_other(class: usize) -> bool {
    Intent::ALL.get(class) == Some(&Intent::Other)
}

/// The texts that were not given as examples, scored by a tenant that has some intents. All others belong to none of them.
fn tenant(all: &[(Features, usize)], intents: &[usize], few: usize) -> Vec<Scored> {
    let mut given = vec![Vec::new(); intents.len()];
    let mut texts = Vec::new();
    for (features, class) in all {
        match intents.iter().position(|intent| intent == class) {
            Some(at) if given[at].len() < few => given[at].push(features.clone()),
            at => texts.push((features, at)),
        }
    }
    let centroids = Centroids::of(given.iter().map(Vec::as_slice));
    texts.iter().map(|(features, class)| Scored { scores: centroids.scores(features), class: *class, weight: 1.0 }).collect()
}

/// Measures a tenant that has all the built-in intents for its own.
pub fn measure(root: &Path, figures: &mut Figures) {
    let all = read(root);
    let intents: Vec<usize> = (0..Intent::ALL.len()).filter(|class| !is_other(*class)).collect();
    let texts = tenant(&all, &intents, FEW);
    let judged = judge(&texts, CALIBRATION);
    tell(&format!("few-shot, {FEW} examples an intent"), judged);
    crate::judge::tell_bins(&texts, CALIBRATION);
    figures.at_least("few_shot.accuracy", judged.accuracy);
    figures.at_least("few_shot.precision", judged.precision);
    figures.at_most("few_shot.calibration_error", judged.error);
    let examples: Vec<Features> = all.iter().take(16).map(|(features, _)| features.clone()).collect();
    let many = || Centroids::of(std::iter::repeat_n(examples.as_slice(), 64));
    let centroids = many();
    println!("64 few-shot classes of 16 examples: {:.0} µs to lay out", microseconds_of(20, |_| drop(std::hint::black_box(many()))));
    println!("a text against them: {:.1} µs", microseconds(|at| drop(centroids.classify(&examples[at % examples.len()]))));
}

/// Texts of tenants of one size, of all choices. A text that belongs to none stands for as many as make the share of a stream.
fn of_size(all: &[(Features, usize)], intents: usize, few: usize) -> Vec<Scored> {
    let of_choice = |seed: u64| {
        let mut chance = Chance(seed);
        let mut all = all.to_vec();
        chance.shuffle(&mut all);
        let mut classes: Vec<usize> = (0..Intent::ALL.len()).filter(|class| !is_other(*class)).collect();
        chance.shuffle(&mut classes);
        tenant(&all, &classes[..intents], few)
    };
    let mut texts: Vec<Scored> = CHOICES.flat_map(of_choice).collect();
    let weight = outside_weight(texts.iter().map(|text| text.class));
    texts.iter_mut().filter(|text| text.class.is_none()).for_each(|text| text.weight = weight);
    texts
}

/// What a calibration does for tenants of all sizes.
struct Outcome {
    calibration: Calibration,
    /// The mean of the calibration errors.
    error: f64,
    /// The mean of the shares answered.
    answered: f64,
}

fn outcome(sizes: &[Vec<Scored>], calibration: Calibration) -> Outcome {
    let count = sizes.len() as f64;
    let mean = |of: &dyn Fn(&[Scored]) -> f64| sizes.iter().map(|texts| of(texts)).sum::<f64>() / count;
    let with = |least: f32| Calibration { least, ..calibration };
    // The lowest threshold that every higher one holds as well.
    let holds = |least: &f32| mean(&|texts| judge(texts, with(*least)).precision) >= PRECISION;
    let least = (0..25).map(|at| 0.98 - 0.02 * at as f32).take_while(holds).last().unwrap_or(0.98);
    let calibration = with(least);
    Outcome {
        calibration,
        error: mean(&|texts| judge(texts, calibration).error),
        answered: mean(&|texts| judge(texts, calibration).answered),
    }
}

/// Chooses the calibration: of all that answer nearly as many texts as any does at the precision that is wanted, the one with the least error.
pub fn calibrate(root: &Path) {
    let all = read(root);
    let sizes: Vec<Vec<Scored>> = INTENTS.iter().flat_map(|intents| GIVEN.map(|few| of_size(&all, *intents, few))).collect();
    let mut outcomes = Vec::new();
    for temperature in [0.042, 0.045, 0.048, 0.051, 0.054, 0.057] {
        for none in [0.0, 0.05, 0.1, 0.15, 0.2] {
            let outcome = outcome(&sizes, Calibration { temperature, none, least: 0.0 });
            println!("{:?}: answered {:.4}, error {:.4}", outcome.calibration, outcome.answered, outcome.error);
            outcomes.push(outcome);
        }
    }
    let most = outcomes.iter().map(|outcome| outcome.answered).fold(0.0, f64::max);
    let near = outcomes.iter().filter(|outcome| outcome.answered >= most - GIVEN_UP);
    let best = near.min_by(|one, other| one.error.total_cmp(&other.error)).expect("one of them answers the most");
    println!("few-shot: {:?}, {:.1} % answered, calibration error {:.3}", best.calibration, best.answered * 100.0, best.error);
    for (at, texts) in sizes.iter().enumerate() {
        tell(&format!("{} intents of {} examples", INTENTS[at / GIVEN.len()], GIVEN[at % GIVEN.len()]), judge(texts, best.calibration));
    }
}
