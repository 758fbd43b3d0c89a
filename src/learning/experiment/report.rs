//! What is told of an experiment.

use serde_json::{Map, Value, json};

use super::definition::Definition;
use super::posterior::Posterior;
use super::sequence::Interval;
use super::trial::Trial;

/// All there is to tell of an experiment, at a time in ms since 1970.
pub fn report(definition: &Definition, trial: &Trial, now_ms: u64) -> Value {
    let control = definition.control();
    let name = |place: usize| definition.arms.get(place).map(|arm| arm.name.as_str());
    let posteriors = trial.posteriors(definition, now_ms);
    let chances = trial.chances(definition, now_ms);
    let arms: Vec<Value> = trial
        .arms
        .iter()
        .enumerate()
        .map(|(place, seen)| {
            let mut metrics = Map::new();
            for (metric, tally) in &seen.tallies {
                let (values, subjects) = (tally.total.values.round(), tally.subjects.round());
                metrics
                    .insert(metric.name().to_owned(), json!({"values": values, "subjects": subjects, "mean": tally.mean().map(precise)}));
            }
            json!({
                "name": name(place),
                "share": trial.shares.get(place).copied().map(precise),
                "subjects": seen.subjects,
                "calls": seen.calls,
                "metrics": metrics,
                "posterior": posteriors.get(place).map(posterior),
                "probability_best": chances.get(place).copied().map(precise),
                "lift": if place == control { Value::Null } else { lift(definition, trial, place) },
                "guards": if place == control { Value::Null } else { guards(definition, trial, place) },
                "halted": seen.halted.as_ref().map(|halted| json!({"metric": halted.metric, "at_ms": halted.at_ms})),
            })
        })
        .collect();
    let ended = trial.ended.as_ref().map(|ended| json!({"reason": ended.reason.name(), "arm": name(ended.arm), "at_ms": ended.at_ms}));
    let ratio = &trial.ratio;
    json!({
        "status": if ended.is_some() { "ended" } else { "running" },
        "run": trial.run,
        "began_ms": trial.began_ms,
        "ended": ended,
        "control": name(control),
        "subjects": trial.subjects,
        "arms": arms,
        "sample_ratio": {
            "observed": ratio.observed,
            "expected": ratio.expected.iter().copied().map(precise).collect::<Vec<f64>>(),
            "p_value": precise(ratio.p_value()),
            "mismatch": ratio.is_mismatch(),
        },
    })
}

fn posterior(posterior: &Posterior) -> Value {
    let (low, high) = posterior.interval();
    let mut told = match posterior {
        Posterior::Beta { a, b } => json!({"kind": "beta", "alpha": precise(*a), "beta": precise(*b)}),
        Posterior::Normal { .. } => json!({"kind": "normal", "deviation": precise(posterior.deviation())}),
    };
    if let Some(told) = told.as_object_mut() {
        told.insert("mean".to_owned(), json!(precise(posterior.mean())));
        told.insert("interval".to_owned(), json!([precise(low), precise(high)]));
    }
    told
}

/// The gain over the control, which is above 0 when it is better, whatever the metric.
fn lift(definition: &Definition, trial: &Trial, place: usize) -> Value {
    let mean = |place: usize| trial.arms.get(place)?.tally(definition.goal)?.mean();
    let Some((theirs, control)) = mean(place).zip(mean(definition.control())) else { return Value::Null };
    let gain = definition.goal.gain() * (theirs - control);
    let interval = trial.lift(definition, place, definition.control());
    json!({
        "gain": precise(gain),
        "interval": interval.map(ends),
        "relative": (control != 0.0).then(|| precise(gain / control.abs())),
        "certain": interval.is_some_and(|Interval { low, high }| low > 0.0 || high < 0.0),
    })
}

fn guards(definition: &Definition, trial: &Trial, place: usize) -> Value {
    let told = definition.guards.iter().map(|guard| {
        let gain = trial.guarded(definition, place, guard);
        json!({"metric": guard.metric, "tolerance": guard.tolerance, "interval": gain.map(ends)})
    });
    told.collect()
}

fn ends(interval: Interval) -> [f64; 2] {
    [precise(interval.low), precise(interval.high)]
}

/// A figure with six significant digits: more would be noise.
fn precise(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return 0.0;
    }
    let scale = 10_f64.powf(5.0 - number.abs().log10().floor());
    // A number too close to 0 to be scaled is as good as 0.
    if scale.is_finite() { (number * scale).round() / scale } else { 0.0 }
}
