//! Whether a call fits beneath all limits that hold for it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::message::Standing;
use super::terms::{Limit, Measure, Per};
use super::window::{Fit, Window};

/// Windows by the names of their counters.
pub type Windows = HashMap<String, Window>;

/// What a call asks of one limit.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The name of what counts; limits that count the same share it.
    pub counter: String,
    /// The limit.
    pub limit: Limit,
    /// How much the call may use of it.
    pub amount: u64,
}

/// What a reservation holds of a counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold(pub String, pub u64, pub u64);

/// A limit that refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which of the claims.
    pub by: usize,
    /// When the call would fit, in ms from now; none when it never can.
    pub after_ms: Option<u64>,
}

fn per_name(per: Per) -> &'static str {
    match per {
        Per::Owner => "owner",
        Per::Key => "key",
        Per::User => "user",
        Per::Model => "model",
    }
}

/// The name of a counter: `measure|window in ms|per|length of owner:owner|value`. The length keeps an owner and a value from running
/// into each other, whatever is in them.
pub fn counter(owner: &str, limit: &Limit, value: &str) -> String {
    format!("{}|{}|{}|{}:{owner}|{value}", limit.measure.name(), limit.window.0, per_name(limit.per), owner.len())
}

/// What a counter's name tells: its measure, the length of its window in ms, for whom it counts apart, and its owner with the value.
pub fn parts(counter: &str) -> Option<(&str, u64, &str, &str)> {
    let mut parts = counter.splitn(4, '|');
    Some((parts.next()?, parts.next()?.parse().ok()?, parts.next()?, parts.next()?))
}

/// Checks every claim; all of them must have their window. The refusal is the one that lasts the longest.
pub fn weigh(claims: &[Claim], windows: &mut Windows, now_ms: u64) -> Option<Refusal> {
    let mut refusal: Option<Refusal> = None;
    for (by, claim) in claims.iter().enumerate() {
        let fit = windows.get_mut(&claim.counter).map_or(Fit::Never, |window| window.fits(claim.amount, claim.limit.amount, now_ms));
        let after_ms = match fit {
            Fit::Now => continue,
            Fit::After(ms) => Some(ms),
            Fit::Never => None,
        };
        let longer = refusal.is_none_or(|known| match (known.after_ms, after_ms) {
            (Some(known), Some(ms)) => ms > known,
            (known, ms) => known.is_some() && ms.is_none(),
        });
        if longer {
            refusal = Some(Refusal { by, after_ms });
        }
    }
    refusal
}

/// Takes what is claimed: of each counter once, and the most that a claim on it asks. Returns what is held, and what each slot has now.
pub fn take(claims: &[Claim], windows: &mut Windows, now_ms: u64) -> Vec<(Hold, u64)> {
    let mut taken: Vec<(Hold, u64)> = Vec::with_capacity(claims.len());
    for claim in claims {
        if taken.iter().any(|(Hold(counter, ..), _)| *counter == claim.counter) {
            continue;
        }
        if let Some(window) = windows.get_mut(&claim.counter) {
            let (slot, total) = window.take(claim.amount, now_ms);
            taken.push((Hold(claim.counter.clone(), slot, claim.amount), total));
        }
    }
    taken
}

/// What is left beneath each limit.
pub fn standings(claims: &[Claim], windows: &mut Windows, now_ms: u64) -> Vec<Standing> {
    let mut standings = Vec::with_capacity(claims.len());
    for claim in claims {
        let (used, reset_ms) = windows.get_mut(&claim.counter).map_or((0, 0), |window| (window.used(now_ms), window.reset_ms(now_ms)));
        standings.push(Standing {
            measure: claim.limit.measure.name().to_owned(),
            amount: claim.limit.amount,
            window_ms: claim.limit.window.0,
            per: per_name(claim.limit.per).to_owned(),
            left: claim.limit.amount.saturating_sub(used),
            reset_ms,
        });
    }
    standings
}

/// What a reservation's hold becomes when the call has been answered: the real amount. An unknown cost leaves the estimate.
pub fn settled(hold: &Hold, tokens: u64, cost: Option<u64>) -> u64 {
    match parts(&hold.0) {
        Some((name, ..)) if name == Measure::Tokens.name() => tokens,
        Some((name, ..)) if name == Measure::MicroDollars.name() => cost.unwrap_or(hold.2),
        _ => hold.2,
    }
}
