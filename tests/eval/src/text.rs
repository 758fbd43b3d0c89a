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

/// Figures by name, in the order of the file.
type Recorded = serde_json::Map<String, serde_json::Value>;

/// What is to be recorded: what was measured, and what was recorded before and could not be measured, for want of a public data set.
fn kept<'f>(mut recorded: Recorded, measured: impl Iterator<Item = &'f Figure>) -> Recorded {
    measured.for_each(|(name, value, _)| drop(recorded.insert((*name).to_owned(), (*value).into())));
    recorded
}

fn written(figures: &Recorded) -> String {
    let line = |(name, value): (&String, &serde_json::Value)| format!("  \"{name}\": {:.4}", value.as_f64().expect("a figure is a number"));
    format!("{{\n{}\n}}\n", figures.iter().map(line).collect::<Vec<_>>().join(",\n"))
}

/// Measures them, with public data sets when a folder has them; keeps the figures, or tells which fell by more than a point.
pub fn measure(root: &Path, folder: Option<&Path>, keep: bool) -> Vec<String> {
    let figures: Vec<Figure> = [sentiment::run(folder), language::run(folder), pii::run(folder), safety::run(folder)].concat();
    for (name, value, unit) in &figures {
        println!("{name:34} {value:9.4} {unit}");
    }
    let quality = figures.iter().filter(|(_, _, unit)| !unit.starts_with('µ'));
    let file = root.join("models/quality_text.json");
    let recorded: Recorded = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    if keep {
        std::fs::write(file, written(&kept(recorded, quality))).unwrap();
        return Vec::new();
    }
    let fell = |(name, value, _): &Figure| {
        let before = recorded.get(*name).and_then(serde_json::Value::as_f64)?;
        let loss = if less_is_better(name) { value - before } else { before - value };
        (loss > 0.01).then(|| format!("{name} fell: {before:.4} before, {value:.4} now"))
    };
    quality.filter_map(fell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_that_were_not_measured_are_kept() {
        let recorded: Recorded = serde_json::from_str(r#"{"a.tweets": 0.7245, "a.right": 0.5}"#).unwrap();
        let kept = kept(recorded, [("a.right", 0.75, "share"), ("b.new", 1.0, "share")].iter());
        assert_eq!(written(&kept), "{\n  \"a.tweets\": 0.7245,\n  \"a.right\": 0.7500,\n  \"b.new\": 1.0000\n}\n");
    }
}
