//! The built-in intents: trained from `models/intents`, measured on `tests/fixtures/intents_test.tsv`, which nothing else reads.

use std::path::Path;

use maya_edge::edge::features::Features;
use maya_edge::edge::intents::{BUILT_IN, Intent};

use crate::figures::{Figures, microseconds};
use crate::judge::{Judgement, Scored, calibration, judge, tell_bins};
use crate::svm::{Chance, Example, SETTINGS, Settings, calibrate, read, train};

/// Answers that are to be right, on held-out examples.
const PRECISION: f64 = 0.96;
const FOLDS: usize = 5;
/// A generated example counts for so much of a hand-written one.
const EXPANDED: f32 = 1.0;

/// The examples, each with the number of its intent, in a seeded order.
pub fn examples(root: &Path) -> Vec<(String, usize)> {
    let mut all = Vec::new();
    for (class, intent) in Intent::ALL.into_iter().enumerate() {
        let path = root.join("models/intents").join(format!("{}.txt", intent.name()));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        all.extend(text.lines().map(|line| (line.to_owned(), class)));
    }
    Chance(17).shuffle(&mut all);
    all
}

/// A text as somebody types it in a hurry: one letter lost, doubled or exchanged, at a place of chance.
fn mistyped(text: &str, chance: &mut Chance) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = chance.below(letters.len().saturating_sub(1).max(1));
    match chance.below(3) {
        0 if letters.len() > 1 => drop(letters.remove(at)),
        1 if at + 1 < letters.len() => letters.swap(at, at + 1),
        _ => letters.insert(at, letters[at]),
    }
    letters.into_iter().collect()
}

/// The generated examples.
fn expanded(root: &Path) -> Vec<Example> {
    let text = std::fs::read_to_string(root.join("models/expanded.tsv")).expect("models/corpus.py has written models/expanded.tsv");
    let example = |(name, text): (&str, &str)| {
        let class = Intent::ALL.iter().position(|intent| intent.name() == name);
        Example { weight: EXPANDED, ..Example::of(text, class) }
    };
    text.lines().filter_map(|line| line.split_once('\t')).map(example).collect()
}

/// Each hand-written example twice, as it is and mistyped, and the generated ones.
fn training(texts: &[(String, usize)], expanded: &[Example]) -> Vec<Example> {
    let mut chance = Chance(4711);
    let each = |(text, class): &(String, usize)| [Example::of(text, Some(*class)), Example::of(&mistyped(text, &mut chance), Some(*class))];
    texts.iter().flat_map(each).chain(expanded.iter().cloned()).collect()
}

/// The scores of every example by a classifier that has not seen it.
fn held_out(all: &[(String, usize)], expanded: &[Example], settings: Settings) -> Vec<Scored> {
    let mut scored = Vec::new();
    for fold in 0..FOLDS {
        let part = |inside: bool| all.iter().enumerate().filter(move |(at, _)| (at % FOLDS == fold) == inside).map(|(_, one)| one.clone());
        let file = train(&training(&part(false).collect::<Vec<_>>(), expanded), Intent::ALL.len(), settings);
        let linear = read(&file);
        scored.extend(part(true).map(|(text, class)| Scored {
            scores: linear.scores(&Features::of(&text)),
            class: Some(class),
            weight: 1.0,
        }));
    }
    scored
}

/// Prints what was judged.
pub fn tell(title: &str, judged: Judgement) {
    println!(
        "{title}: accuracy {:.4}, calibration error {:.3}; {:.1} % answered at a precision of {:.1} %",
        judged.accuracy,
        judged.error,
        judged.answered * 100.0,
        judged.precision * 100.0
    );
}

/// Trains the shipped classifier and writes `models/intents.bin`.
pub fn write(root: &Path, tune: bool) {
    let (all, expanded) = (examples(root), expanded(root));
    if tune {
        for (cost, embedding, weight) in [(0.1, 1.0, 1.0), (0.3, 1.0, 1.0), (1.0, 1.0, 1.0), (0.3, 1.5, 1.0), (0.3, 1.0, 0.3)] {
            let expanded: Vec<Example> = expanded.iter().map(|example| Example { weight, ..example.clone() }).collect();
            let scored = held_out(&all, &expanded, Settings { cost, embedding, ..SETTINGS });
            tell(&format!("cost {cost}, embedding {embedding}, generated {weight}"), judge(&scored, calibration(&scored, PRECISION)));
        }
    }
    let scored = held_out(&all, &expanded, SETTINGS);
    let calibration = calibration(&scored, PRECISION);
    tell(&format!("{} examples, {FOLDS} folds", all.len()), judge(&scored, calibration));
    println!("{calibration:?}");
    let mut file = train(&training(&all, &expanded), Intent::ALL.len(), SETTINGS);
    calibrate(&mut file, calibration);
    std::fs::write(root.join("models/intents.bin"), file).expect("models/intents.bin can be written");
}

/// Measures what is in the repository.
pub fn measure(root: &Path, figures: &mut Figures) {
    let text = std::fs::read_to_string(root.join("tests/fixtures/intents_test.tsv")).expect("the test set is there");
    let tests: Vec<(Intent, &str)> = text
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, text)| (Intent::named(name).expect("a known intent"), text))
        .collect();
    let scored = |(intent, text): &(Intent, &str)| Scored {
        scores: BUILT_IN.scores(&Features::of(text)),
        class: Intent::ALL.iter().position(|one| one == intent),
        weight: 1.0,
    };
    let scored: Vec<Scored> = tests.iter().map(scored).collect();
    let judged = judge(&scored, BUILT_IN.calibration);
    tell(&format!("built-in intents, {} texts in other words", tests.len()), judged);
    tell_bins(&scored, BUILT_IN.calibration);
    figures.at_least("intents.accuracy", judged.accuracy);
    figures.at_least("intents.precision", judged.precision);
    figures.at_least("intents.answered", judged.answered);
    figures.at_most("intents.calibration_error", judged.error);
    if std::env::var_os("VERBOSE").is_some() {
        for (intent, text) in &tests {
            let said = maya_edge::edge::intents::classify(text);
            if said.guesses[0].class != *intent {
                println!("  {}: {text} -> {} {:.2}", intent.name(), said.guesses[0].class.name(), said.guesses[0].probability);
            }
        }
    }
    for file in ["intents.bin", "embedding.bin", "sentiment.bin", "vader.bin"] {
        let size = std::fs::metadata(root.join("models").join(file)).expect("models are there").len();
        println!("models/{file}: {:.0} kB", size as f64 / 1000.0);
    }
    println!(
        "features and intent of a text: {:.1} µs",
        microseconds(|at| {
            maya_edge::edge::intents::classify(tests[at % tests.len()].1);
        })
    );
    println!(
        "embedding of a text: {:.1} µs",
        microseconds(|at| {
            maya_edge::edge::embedding::embed(tests[at % tests.len()].1);
        })
    );
}
