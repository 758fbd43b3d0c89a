//! What was seen of an experiment, as it is stored: a row of numbers. Derived code for reading it took ten times the room in the bundle.

use super::definition::Metric;
use super::ratio::SampleRatio;
use super::tally::{Part, Recent, Tally};
use super::trial::{Ended, Halted, Parts, Reason, Seen, Trial};

/// The first number, which tells what the others mean.
const LAYOUT: f64 = 2.0;
/// Reasons of an end by their numbers; 0 is none.
const REASONS: [Reason; 4] = [Reason::Winner, Reason::Guards, Reason::MostSubjects, Reason::Asked];

#[expect(clippy::cast_precision_loss, reason = "times in ms, counts and places are below 2^53")]
fn number(whole: u64) -> f64 {
    whole as f64
}

fn place(of: usize) -> f64 {
    number(u64::try_from(of).unwrap_or_default())
}

fn code(metric: Metric) -> f64 {
    place(Metric::ALL.iter().position(|other| *other == metric).unwrap_or_default())
}

/// A trial as numbers, but for its key.
pub fn written(trial: &Trial) -> Vec<f64> {
    let mut out = vec![LAYOUT, number(trial.run), number(trial.began_ms), number(trial.renewed_ms), number(trial.subjects)];
    match &trial.ended {
        Some(Ended { reason, arm, at_ms }) => {
            let reason = REASONS.iter().position(|other| other == reason).map_or(0, |at| at.saturating_add(1));
            out.extend([place(reason), place(*arm), number(*at_ms)]);
        }
        None => out.extend([0.0; 3]),
    }
    out.push(place(trial.arms.len()));
    for list in [&trial.shares, &trial.ratio.observed, &trial.ratio.expected] {
        out.extend(list);
    }
    out.extend([trial.ratio.won, trial.ratio.most]);
    for Seen { calls, subjects, tallies, recent, halted } in &trial.arms {
        out.extend([number(*calls), number(*subjects)]);
        out.extend(halted.as_ref().map_or([0.0; 2], |halted| [code(halted.metric) + 1.0, number(halted.at_ms)]));
        out.extend([number(recent.at_ms), recent.weight, recent.evidence, recent.sum, recent.squares]);
        out.push(place(tallies.len()));
        for (metric, tally) in tallies {
            let Tally { subjects, total, weights_squared, crossed, sums_squared } = *tally;
            out.extend([code(*metric), subjects]);
            out.extend(part_written(&total));
            out.extend([weights_squared, crossed, sums_squared]);
        }
    }
    out
}

/// Numbers, one after the other.
struct Row<'a>(std::slice::Iter<'a, f64>);

impl Row<'_> {
    fn real(&mut self) -> Option<f64> {
        self.0.next().copied()
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is out of bounds becomes the bound")]
    fn whole(&mut self) -> Option<u64> {
        self.real().map(|number| number as u64)
    }

    fn place(&mut self) -> Option<usize> {
        usize::try_from(self.whole()?).ok()
    }

    fn metric(&mut self) -> Option<Metric> {
        Metric::ALL.get(self.place()?).copied()
    }

    fn part(&mut self) -> Option<Part> {
        Some(Part { values: self.real()?, weight: self.real()?, evidence: self.real()?, sum: self.real()? })
    }

    fn list(&mut self, of: usize) -> Option<Vec<f64>> {
        (0..of).map(|_| self.real()).collect()
    }
}

/// A trial of its key and numbers; none when they are of another layout.
pub fn read(key: &str, numbers: &[f64]) -> Option<Trial> {
    let mut row = Row(numbers.iter());
    if row.real()? != LAYOUT {
        return None;
    }
    let (run, began_ms, renewed_ms, subjects) = (row.whole()?, row.whole()?, row.whole()?, row.whole()?);
    let (reason, arm, at_ms) = (row.place()?, row.place()?, row.whole()?);
    let ended = reason.checked_sub(1).and_then(|at| REASONS.get(at)).map(|reason| Ended { reason: *reason, arm, at_ms });
    let arms = row.place()?;
    let (shares, observed, expected) = (row.list(arms)?, row.list(arms)?, row.list(arms)?);
    let ratio = SampleRatio { observed, expected, won: row.real()?, most: row.real()? };
    let mut seen = Vec::with_capacity(arms);
    for _ in 0..arms {
        let (calls, subjects) = (row.whole()?, row.whole()?);
        let (halting, at_ms) = (row.place()?, row.whole()?);
        let halted = halting.checked_sub(1).and_then(|at| Metric::ALL.get(at)).map(|metric| Halted { metric: *metric, at_ms });
        let recent = Recent { at_ms: row.whole()?, weight: row.real()?, evidence: row.real()?, sum: row.real()?, squares: row.real()? };
        let mut tallies = Vec::new();
        for _ in 0..row.place()? {
            let metric = row.metric()?;
            let tally = Tally {
                subjects: row.real()?,
                total: row.part()?,
                weights_squared: row.real()?,
                crossed: row.real()?,
                sums_squared: row.real()?,
            };
            tallies.push((metric, tally));
        }
        seen.push(Seen { calls, subjects, tallies, recent, halted });
    }
    Some(Trial { run, key: key.to_owned(), began_ms, renewed_ms, subjects, shares, arms: seen, ratio, ended })
}

fn part_written(part: &Part) -> [f64; 4] {
    [part.values, part.weight, part.evidence, part.sum]
}

/// What a subject has brought, as numbers.
pub fn parts_written(parts: &Parts) -> Vec<f64> {
    let mut out = Vec::new();
    for (metric, part) in parts {
        out.push(code(*metric));
        out.extend(part_written(part));
    }
    out
}

/// What a subject has brought, of its numbers.
pub fn parts_read(numbers: &[f64]) -> Parts {
    let mut row = Row(numbers.iter());
    let mut parts = Parts::new();
    while let (Some(metric), Some(part)) = (row.metric(), row.part()) {
        parts.push((metric, part));
    }
    parts
}

/// What was told of an answer, and what its values weigh, as numbers.
pub fn told_written(weight: f64, told: &[(Metric, f64)]) -> Vec<f64> {
    std::iter::once(weight).chain(told.iter().flat_map(|(metric, value)| [code(*metric), *value])).collect()
}

/// What the values of an answer weigh, and what was told of it, of its numbers.
pub fn told_read(numbers: &[f64]) -> (f64, Vec<(Metric, f64)>) {
    let mut row = Row(numbers.iter());
    let weight = row.real().unwrap_or(1.0);
    let mut told = Vec::new();
    while let (Some(metric), Some(value)) = (row.metric(), row.real()) {
        told.push((metric, value));
    }
    (weight, told)
}
