//! Figures of quality, and those that are kept in `models/quality.json`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// A figure may fall so far before it counts.
const POINT: f64 = 0.01;

/// What has been measured, by name.
#[derive(Debug, Default)]
pub struct Figures {
    measured: BTreeMap<&'static str, (f64, bool)>,
}

impl Figures {
    /// A figure that is better when it is higher.
    pub fn at_least(&mut self, name: &'static str, value: f64) {
        self.measured.insert(name, (value, true));
    }

    /// A figure that is better when it is lower.
    pub fn at_most(&mut self, name: &'static str, value: f64) {
        self.measured.insert(name, (value, false));
    }

    /// Keeps the figures for later comparisons.
    pub fn keep(&self, root: &Path) {
        let rounded: BTreeMap<_, _> = self.measured.iter().map(|(name, (value, _))| (name, (value * 1e4).round() / 1e4)).collect();
        let text = serde_json::to_string_pretty(&rounded).expect("numbers are JSON");
        std::fs::write(root.join("models/quality.json"), text + "\n").expect("models/quality.json can be written");
    }

    /// Which figures are worse than those kept by more than a point, or are missing on one side, in words.
    pub fn worse(&self, root: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(root.join("models/quality.json")).unwrap_or_else(|_| "{}".to_owned());
        let kept: BTreeMap<String, f64> = serde_json::from_str(&text).expect("models/quality.json holds numbers by name");
        let mut worse = Vec::new();
        for (name, (value, high)) in &self.measured {
            match kept.get(*name) {
                None => worse.push(format!("{name} is not in models/quality.json; it is {value:.4} now")),
                Some(before) if (if *high { before - value } else { value - before }) > POINT => {
                    worse.push(format!("{name} was {before:.4} and is {value:.4}"));
                }
                Some(_) => {}
            }
        }
        let gone = kept.keys().filter(|name| !self.measured.contains_key(name.as_str()));
        worse.extend(gone.map(|name| format!("{name} is in models/quality.json and was not measured")));
        worse
    }
}

/// Median time of a call, in microseconds: of 20 batches of 500.
pub fn microseconds(call: impl FnMut(usize)) -> f64 {
    microseconds_of(500, call)
}

/// The same, of 20 batches of another size.
pub fn microseconds_of(size: usize, mut call: impl FnMut(usize)) -> f64 {
    let mut times: Vec<f64> = (0..20)
        .map(|batch| {
            let began = Instant::now();
            (0..size).for_each(|at| call(batch * size + at));
            began.elapsed().as_secs_f64() * 1e6 / size as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[10]
}
