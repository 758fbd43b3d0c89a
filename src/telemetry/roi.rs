//! A report of return on investment: what was counted, against assumptions that the reader states or takes over. Every assumption stands in the
//! report with its value, so that nobody takes one for a measurement.

use serde_json::{Map, Value, json};

/// An assumption: its parameter, its unit, what it is when nobody says otherwise, and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Assumption {
    /// The parameter of the query.
    pub name: &'static str,
    unit: &'static str,
    usual: u64,
    means: &'static str,
}

/// All of them.
pub const ASSUMPTIONS: [Assumption; 4] = [
    Assumption {
        name: "minutes_by_hand",
        unit: "minutes",
        usual: 30,
        means: "A person writes a post for one platform in so many minutes.",
    },
    Assumption {
        name: "minutes_of_review",
        unit: "minutes",
        usual: 5,
        means: "A person reads and corrects a post of the gateway in so many minutes.",
    },
    Assumption {
        name: "hourly_wage_micro_dollars",
        unit: "micro-dollars",
        usual: 40_000_000,
        means: "An hour of that person costs so much.",
    },
    Assumption {
        name: "fixed_cost_micro_dollars",
        unit: "micro-dollars",
        usual: 0,
        means: "The gateway itself costs so much in this time, beside what models cost.",
    },
];

const MINUTES: u64 = 60;

/// The report on sums as `/v1/analytics` tells them, with the values of [`ASSUMPTIONS`] that the reader has stated.
pub fn report(totals: &Value, stated: [Option<u64>; 4]) -> Map<String, Value> {
    let number = |path: &str| totals.pointer(path).and_then(Value::as_u64).unwrap_or_default();
    let values: [u64; 4] = std::array::from_fn(|place| {
        let usual = ASSUMPTIONS.get(place).map_or(0, |assumption| assumption.usual);
        stated.get(place).copied().flatten().unwrap_or(usual)
    });
    let [by_hand, review, wage, fixed] = values;
    let posts = number("/quality/posts");
    let pieces = posts.saturating_sub(number("/quality/degraded"));
    // Degraded posts are left out: a person has to write those.
    // Below 0 where reviewing takes longer than writing: that is a loss, and is told as one.
    let of_piece = i128::from(by_hand).saturating_sub(i128::from(review));
    let minutes = i128::from(pieces).saturating_mul(of_piece);
    let labour = minutes.saturating_mul(i128::from(wage)).div_euclid(i128::from(MINUTES));
    let models = number("/cost_micro_dollars");
    let unpriced = number("/unpriced");
    let cost = models.saturating_add(fixed);
    let net = labour.saturating_sub(i128::from(cost));
    #[expect(clippy::cast_precision_loss, reason = "sums far below 2^53")]
    let ratio = (cost > 0).then(|| (net as f64 / cost as f64 * 100.0).round() / 100.0);
    let assumptions: Map<String, Value> = ASSUMPTIONS
        .iter()
        .zip(stated)
        .zip(values)
        .map(|((Assumption { name, unit, usual, means }, stated), value)| {
            let told = json!({"value": value, "unit": unit, "default": usual, "stated": stated.is_some(), "means": means, "is": "an assumption, not a measurement"});
            ((*name).to_owned(), told)
        })
        .collect();
    let report = json!({
        "assumptions": assumptions,
        "counted": {
            "posts": posts,
            "pieces": pieces,
            "models_micro_dollars": models,
            "unpriced": unpriced,
            "saved_micro_dollars": totals.get("saved_micro_dollars"),
        },
        "labour": {"minutes_saved": told(minutes), "saved_micro_dollars": told(labour)},
        "cost_micro_dollars": cost,
        // A cost that is not known whole makes no net.
        "net_micro_dollars": (unpriced == 0).then(|| told(net)),
        "return_ratio": ratio.filter(|_| unpriced == 0),
    });
    if let Value::Object(report) = report { report } else { Map::new() }
}

/// A sum as JSON has it; one that is beyond is the largest or the smallest.
fn told(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}
