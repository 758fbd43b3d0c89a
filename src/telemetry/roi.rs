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
    let minutes = pieces.saturating_mul(by_hand.saturating_sub(review));
    let labour = u64::try_from(u128::from(minutes).saturating_mul(u128::from(wage)).div_euclid(u128::from(MINUTES))).unwrap_or(u64::MAX);
    let models = number("/cost_micro_dollars");
    let unpriced = number("/unpriced");
    let cost = models.saturating_add(fixed);
    let net = i128::from(labour).saturating_sub(i128::from(cost));
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
        "labour": {"minutes_saved": minutes, "saved_micro_dollars": labour},
        "cost_micro_dollars": cost,
        // A cost that is not known whole makes no net.
        "net_micro_dollars": (unpriced == 0).then(|| i64::try_from(net).unwrap_or(i64::MAX)),
        "return_ratio": ratio.filter(|_| unpriced == 0),
    });
    if let Value::Object(report) = report { report } else { Map::new() }
}
