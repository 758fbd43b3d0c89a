//! What a call costs, in whole micro-dollars.

use crate::cloud::models::{MicroDollars, Model};
use crate::protocol::usage::Usage;

/// Prices are per so many tokens.
const PER: u128 = 1_000_000;

fn parts(model: Option<&Model>, usage: Usage) -> Option<u128> {
    let model = model?;
    let (input, output) = (model.input_micro_dollars_per_million?, model.output_micro_dollars_per_million?);
    let of = |tokens: u64, price: MicroDollars| u128::from(tokens).saturating_mul(price.0.into());
    Some(of(usage.prompt_tokens, input).saturating_add(of(usage.completion_tokens, output)))
}

fn whole(parts: u128) -> MicroDollars {
    MicroDollars(u64::try_from(parts / PER).unwrap_or(u64::MAX))
}

/// What a call has cost, rounded to the nearest micro-dollar, a half upwards; none when a price is unknown.
pub fn cost(model: Option<&Model>, usage: Usage) -> Option<MicroDollars> {
    parts(model, usage).map(|parts| whole(parts.saturating_add(PER / 2)))
}

/// What a call can cost at the most, rounded up.
pub fn at_most(model: Option<&Model>, usage: Usage) -> Option<MicroDollars> {
    parts(model, usage).map(|parts| whole(parts.saturating_add(PER.saturating_sub(1))))
}
