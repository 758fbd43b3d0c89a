//! What a call costs. Prices are micro-dollars for a million tokens, so the product is in millionths of a micro-dollar; it is rounded
//! once, at the end, over prompt and answer together.

use crate::cloud::models::{MicroDollars, Model};
use crate::protocol::usage::Usage;

/// A million, by which a product of price and tokens is divided.
const MILLION: u128 = 1_000_000;

/// Price and tokens multiplied, in millionths of a micro-dollar. A price that nothing is needed of may be unknown.
fn millionths(price: Option<MicroDollars>, tokens: u64) -> Option<u128> {
    match price {
        _ if tokens == 0 => Some(0),
        // Below 2^128, being a product of two numbers below 2^64.
        Some(MicroDollars(price)) => u128::from(price).checked_mul(u128::from(tokens)),
        None => None,
    }
}

fn both(row: Option<&Model>, usage: Usage) -> Option<u128> {
    let prompt = millionths(row.and_then(|row| row.input_micro_dollars_per_million), usage.prompt_tokens)?;
    let answer = millionths(row.and_then(|row| row.output_micro_dollars_per_million), usage.completion_tokens)?;
    prompt.checked_add(answer)
}

fn money(micro_dollars: u128) -> MicroDollars {
    MicroDollars(u64::try_from(micro_dollars).unwrap_or(u64::MAX))
}

/// What a call cost that used so much, rounded half up to the micro-dollar; none when a price that is needed is unknown.
pub fn cost(row: Option<&Model>, usage: Usage) -> Option<MicroDollars> {
    let half = MILLION.div_euclid(2);
    both(row, usage).map(|sum| money(sum.saturating_add(half).div_euclid(MILLION)))
}

/// The most that a call can cost that uses at most so much: rounded up, and so never below [`cost`].
pub fn at_most(row: Option<&Model>, usage: Usage) -> Option<MicroDollars> {
    both(row, usage).map(|sum| money(sum.div_ceil(MILLION)))
}
