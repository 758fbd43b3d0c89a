//! Measures the models that the Worker carries, and trains its classifiers.
//!
//! ```text
//! edge-eval [DIR]      measures what is in the repository and compares with models/quality.json; with DIR, public data sets that lie there too
//! edge-eval --keep     measures, and keeps the figures in models/quality.json and models/quality_text.json
//! edge-eval train      trains models/intents.bin from models/intents; `train tune` also tells what other settings give
//! edge-eval few        chooses the calibration of a tenant's own intents
//! ```
//!
//! One file a model. Each adds its figures to [`figures::Figures`].

mod clinc;
mod few;
mod figures;
mod intents;
mod judge;
mod svm;
mod text;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let tune = arguments.iter().any(|argument| argument == "tune");
    if arguments.first().is_some_and(|first| first == "few") {
        few::calibrate(&root);
        return ExitCode::SUCCESS;
    }
    if arguments.first().is_some_and(|first| first == "train") {
        intents::write(&root, tune);
        return ExitCode::SUCCESS;
    }
    let mut figures = figures::Figures::default();
    intents::measure(&root, &mut figures);
    few::measure(&root, &mut figures);
    let folder = arguments.iter().map(Path::new).find(|argument| argument.is_dir());
    if let Some(folder) = folder {
        clinc::measure(folder, tune);
    }
    let keep = arguments.iter().any(|argument| argument == "--keep");
    let mut worse = text::measure(&root, folder, keep);
    if keep {
        figures.keep(&root);
        return ExitCode::SUCCESS;
    }
    worse.extend(figures.worse(&root));
    worse.iter().for_each(|line| eprintln!("{line}"));
    if worse.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
