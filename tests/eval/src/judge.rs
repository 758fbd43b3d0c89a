//! How good guesses are: accuracy, calibration, and what is gained by abstaining.

use maya_edge::edge::linear::{Calibration, Classified};

/// Texts out of scope are to be this share, as in a stream of real requests.
pub const OUTSIDE: f64 = 0.18;

/// The scores of a text, its class if it has one, and how much it counts.
#[derive(Clone, Debug)]
pub struct Scored {
    /// A score a class.
    pub scores: Vec<f32>,
    /// The right one.
    pub class: Option<usize>,
    /// A text out of scope may stand for several.
    pub weight: f64,
}

impl Scored {
    fn classified(&self, calibration: Calibration) -> Classified<usize> {
        Classified::from_scores(self.scores.iter().copied().enumerate(), calibration)
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Judgement {
    /// Share of the texts with a class whose first guess is right.
    pub accuracy: f64,
    /// Expected calibration error over ten bins, of the texts with a class (Naeini et al. 2015).
    pub error: f64,
    /// Share of the answers that are right; a text without a class has no right answer.
    pub precision: f64,
    /// Share of the texts with a class that get an answer.
    pub answered: f64,
}

/// Judges scores under a calibration.
pub fn judge(texts: &[Scored], calibration: Calibration) -> Judgement {
    let (mut inside, mut right, mut answers, mut right_answers, mut answered) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for text in texts {
        let said = text.classified(calibration);
        let hit = f64::from(Some(said.guesses[0].class) == text.class);
        if text.class.is_some() {
            inside += 1.0;
            right += hit;
            answered += f64::from(said.answer.is_some());
        }
        if said.answer.is_some() {
            answers += text.weight;
            right_answers += hit * text.weight;
        }
    }
    let error = bins(texts, calibration).iter().map(|(_, sure, hits)| (sure - hits).abs()).sum::<f64>() / inside;
    Judgement { accuracy: right / inside, error, precision: right_answers / f64::max(answers, 1.0), answered: answered / inside }
}

/// The temperature and the score of "none" that make held-out texts most likely, and the threshold from which answers have a precision.
pub fn calibration(texts: &[Scored], precision: f64) -> Calibration {
    let calibration = likeliest(texts);
    Calibration { least: threshold(texts, calibration, precision), ..calibration }
}

/// The temperature and the score of "none" that make texts most likely. Without a text that has no class, there is no "none".
pub fn likeliest(texts: &[Scored]) -> Calibration {
    let outside = texts.iter().any(|text| text.class.is_none());
    let nones: Vec<f32> = if outside { (0..60).map(|at| -1.5 + 0.05 * at as f32).collect() } else { vec![-100.0] };
    let mut best = (f64::INFINITY, Calibration { temperature: 1.0, none: -100.0, least: 0.0 });
    for at in 0..60 {
        let temperature = 0.03 * 1.06f32.powi(at);
        for &none in &nones {
            let calibration = Calibration { temperature, none, least: 0.0 };
            let loss = texts.iter().map(|text| text.weight * loss(text, calibration)).sum();
            if loss < best.0 {
                best = (loss, calibration);
            }
        }
    }
    best.1
}

/// The lowest threshold above which every other has the precision as well.
pub fn threshold(texts: &[Scored], calibration: Calibration, precision: f64) -> f32 {
    let reached = |least| judge(texts, Calibration { least, ..calibration }).precision >= precision;
    (0..100).map(|at| 0.99 - 0.01 * at as f32).take_while(|least| reached(*least)).last().unwrap_or(0.99)
}

/// How much a text without a class counts, so that they are [`OUTSIDE`] of all.
pub fn outside_weight(classes: impl Iterator<Item = Option<usize>>) -> f64 {
    let (mut inside, mut outside) = (0.0, 0.0);
    classes.for_each(|class| *if class.is_some() { &mut inside } else { &mut outside } += 1.0);
    OUTSIDE / (1.0 - OUTSIDE) * inside / f64::max(outside, 1.0)
}

/// Prints where a calibration errs, when `VERBOSE` is set: for each bin how many texts with a class, how sure on average, how often right.
pub fn tell_bins(texts: &[Scored], calibration: Calibration) {
    if std::env::var_os("VERBOSE").is_none() {
        return;
    }
    for (at, (count, sure, hits)) in bins(texts, calibration).iter().enumerate().filter(|(_, bin)| bin.0 > 0.0) {
        println!("  from .{at}: {count} texts, sure {:.3}, right {:.3}", sure / count, hits / count);
    }
}

/// Ten bins of confidence: texts with a class, the sum of the confidences, how many are right.
fn bins(texts: &[Scored], calibration: Calibration) -> [(f64, f64, f64); 10] {
    let mut bins = [(0.0f64, 0.0f64, 0.0f64); 10];
    for text in texts.iter().filter(|text| text.class.is_some()) {
        let first = text.classified(calibration).guesses[0];
        let bin = &mut bins[((first.probability * 10.0) as usize).min(9)];
        let hit = f64::from(Some(first.class) == text.class);
        (bin.0, bin.1, bin.2) = (bin.0 + 1.0, bin.1 + f64::from(first.probability), bin.2 + hit);
    }
    bins
}

fn loss(text: &Scored, calibration: Calibration) -> f64 {
    let (guesses, none) = maya_edge::edge::linear::probabilities(text.scores.iter().copied().enumerate(), calibration);
    -f64::from(text.class.map_or(none, |class| guesses[class].probability).max(1e-9)).ln()
}
