//! The text models: sentiment, language, personal data and safety. Their figures are kept in models/quality_text.json.

mod language;
mod pii;
mod safety;
mod sentiment;

use std::path::Path;
use std::time::Instant;

type Figure = (&'static str, f64, &'static str);

/// The median time of a call, in microseconds, of 41 rounds of 200.
pub fn micros<T>(mut call: impl FnMut() -> T) -> f64 {
    let mut rounds: Vec<f64> = (0..41)
        .map(|_| {
            let begun = Instant::now();
            for _ in 0..200 {
                std::hint::black_box(call());
            }
            begun.elapsed().as_secs_f64() * 1e6 / 200.0
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[20]
}

/// Quality is what is a share; of these less is better.
fn less_is_better(name: &str) -> bool {
    ["wrong", "unknown", "calibration"].iter().any(|part| name.contains(part))
}

/// Measures them, with public data sets when a folder has them; keeps the figures, or tells which fell by more than a point.
pub fn measure(root: &Path, folder: Option<&Path>, keep: bool) -> Vec<String> {
    let figures: Vec<Figure> = [sentiment::run(folder), language::run(folder), pii::run(folder), safety::run(folder)].concat();
    for (name, value, unit) in &figures {
        println!("{name:34} {value:9.4} {unit}");
    }
    let quality = figures.iter().filter(|(_, _, unit)| !unit.starts_with('µ'));
    let file = root.join("models/quality_text.json");
    if keep {
        let lines: Vec<String> = quality.map(|(name, value, _)| format!("  \"{name}\": {value:.4}")).collect();
        std::fs::write(file, format!("{{\n{}\n}}\n", lines.join(",\n"))).unwrap();
        return Vec::new();
    }
    let recorded: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let fell = |(name, value, _): &Figure| {
        let before = recorded.get(*name).and_then(serde_json::Value::as_f64)?;
        let loss = if less_is_better(name) { value - before } else { before - value };
        (loss > 0.01).then(|| format!("{name} fell: {before:.4} before, {value:.4} now"))
    };
    quality.filter_map(fell).collect()
}
