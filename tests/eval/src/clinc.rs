//! CLINC150 (Larson et al. 2019), when the caller has it: 150 intents from 20 examples each, through the Worker's own features. Nothing of it is
//! kept or shipped.

use std::path::Path;
use std::time::Instant;

use maya_edge::edge::linear::Calibration;

use crate::judge::{OUTSIDE, Scored, judge, likeliest, outside_weight, tell_bins, threshold};
use crate::svm::{Chance, Example, SETTINGS, Settings, read, train};

const EXAMPLES: usize = 20;

type Texts = Vec<(String, String)>;

/// Trains, calibrates on training texts that it has not seen, and measures on the validation part.
pub fn measure(folder: &Path, tune: bool) {
    let Ok(bytes) = std::fs::read(folder.join("clinc150_train_val.json")) else {
        println!("clinc150_train_val.json is not there: CLINC150 is left out");
        return;
    };
    let mut data: std::collections::BTreeMap<String, Texts> = serde_json::from_slice(&bytes).expect("the file is as its README tells");
    let mut names: Vec<String> = data["train"].iter().map(|(_, name)| name.clone()).collect();
    names.sort();
    names.dedup();
    let class = |name: &str| names.binary_search_by(|known| known.as_str().cmp(name)).ok();
    let mut shuffled = data.remove("train").unwrap_or_default();
    Chance(20).shuffle(&mut shuffled);
    let mut taken = vec![0; names.len()];
    let (mut training, mut held): (Vec<Example>, Vec<Example>) = Default::default();
    for (text, name) in &shuffled {
        let class = class(name).expect("collected above");
        taken[class] += 1;
        match taken[class] {
            n if n <= EXAMPLES => training.push(Example::of(text, Some(class))),
            n if n <= 2 * EXAMPLES => held.push(Example::of(text, Some(class))),
            _ => {}
        }
    }
    held.extend(data["oos_train"].iter().map(|(text, _)| Example::of(text, None)));
    let validation: Vec<Example> = data["val"].iter().chain(&data["oos_val"]).map(|(text, name)| Example::of(text, class(name))).collect();
    let variants = if tune {
        let costs = [0.3, 1.0, 3.0];
        costs.iter().flat_map(|cost| [1.0, 1.5, 2.0].map(|embedding| Settings { cost: *cost, embedding, ..SETTINGS })).collect()
    } else {
        vec![SETTINGS]
    };
    for settings in variants {
        let began = Instant::now();
        let file = train(&training, names.len(), settings);
        let scored = |examples: &[Example]| {
            let weight = outside_weight(examples.iter().map(|example| example.class));
            let scored = |example: &Example| {
                let weight = if example.class.is_some() { 1.0 } else { weight };
                Scored { scores: read(&file).scores(&example.features), class: example.class, weight }
            };
            examples.iter().map(scored).collect::<Vec<_>>()
        };
        let held = scored(&held);
        // How sure it is speaks of texts that have a class, so these alone choose the temperature. Those out of scope raise the threshold.
        let inside: Vec<Scored> = held.iter().filter(|text| text.class.is_some()).cloned().collect();
        let sure = likeliest(&inside);
        let calibration = Calibration { least: threshold(&held, sure, 0.985), ..sure };
        let validation = scored(&validation);
        let judged = judge(&validation, calibration);
        println!(
            "CLINC150, {EXAMPLES} examples an intent (cost {}, embedding {}): accuracy {:.4}, calibration error {:.3}; with {:.0} % out of scope: \
             {:.1} % answered at a precision of {:.1} %; {} kB, {:.1} s",
            settings.cost,
            settings.embedding,
            judged.accuracy,
            judged.error,
            OUTSIDE * 100.0,
            judged.answered * 100.0,
            judged.precision * 100.0,
            file.len() / 1000,
            began.elapsed().as_secs_f32()
        );
        tell_bins(&validation, calibration);
    }
}
