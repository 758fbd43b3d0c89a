//! What warnings and measures cost. Their quality is not measured here: there is no free set of offensive texts to measure it on.

use std::path::Path;

use maya_edge::edge::{measures, safety};

pub fn run(_: Option<&Path>) -> Vec<(&'static str, f64, &'static str)> {
    let text = "We are opening a second shop next to the river, and everyone is invited to the party that we give on Saturday evening at eight, with music, cake and a surprise.";
    vec![
        ("safety.offences_micros", super::micros(|| safety::offences(text).len()), "µs a call"),
        ("safety.injections_micros", super::micros(|| safety::injections(text).len()), "µs a call"),
        ("measures.micros", super::micros(|| measures::measure(text, Some("en")).words), "µs a call"),
    ]
}
