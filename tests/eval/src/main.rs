//! Measures the models of `src/edge/`: `edge-eval [DIR]` prints each figure; `--check FILE` fails when quality fell by more than a point
//! below what FILE records; `--write FILE` records.

mod language;
mod pii;
mod safety;
mod sentiment;

use std::path::PathBuf;
use std::process::ExitCode;
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

fn main() -> ExitCode {
    let (mut folder, mut check, mut write) = (None, None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--check" => check = arguments.next(),
            "--write" => write = arguments.next(),
            _ => folder = Some(PathBuf::from(argument)),
        }
    }
    let folder = folder.as_deref();
    let figures: Vec<Figure> = [sentiment::run(folder), language::run(folder), pii::run(folder), safety::run(folder)].concat();
    for (name, value, unit) in &figures {
        println!("{name:34} {value:9.4} {unit}");
    }
    let quality = figures.iter().filter(|(_, _, unit)| !unit.starts_with('µ'));
    if let Some(file) = write {
        let lines: Vec<String> = quality.clone().map(|(name, value, _)| format!("  \"{name}\": {value:.4}")).collect();
        std::fs::write(file, format!("{{\n{}\n}}\n", lines.join(",\n"))).unwrap();
    }
    let Some(file) = check else { return ExitCode::SUCCESS };
    let recorded = std::fs::read_to_string(file).unwrap();
    let recorded: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&recorded).unwrap();
    let mut fell = false;
    for (name, value, _) in quality {
        let Some(before) = recorded.get(*name).and_then(serde_json::Value::as_f64) else { continue };
        let loss = if less_is_better(name) { value - before } else { before - value };
        if loss > 0.01 {
            println!("{name} fell: {before:.4} before, {value:.4} now");
            fell = true;
        }
    }
    ExitCode::from(u8::from(fell))
}
