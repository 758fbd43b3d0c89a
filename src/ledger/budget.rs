//! Whether a budget by the calendar (UTC) allows a call.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::calendar::{begins_ms, day_of, month_of};
use super::message::Spending;
use super::terms::{Budget, Ceiling};
use crate::cloud::models::MicroDollars;

/// Micro-dollars by day.
pub type ByDay = BTreeMap<u64, u64>;

/// The owner whose budget is the tenant's own.
pub const TENANT: &str = "tenant";

/// What is spent and reserved of one owner's day and month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// In micro-dollars, today.
    pub day: u64,
    /// In micro-dollars, this month.
    pub month: u64,
}

impl Figures {
    /// From what was spent and what is reserved, by day.
    pub fn of(parts: [Option<&ByDay>; 2], now_ms: u64) -> Self {
        let today = day_of(now_ms);
        let (first, next) = month_of(today);
        let mut figures = Self::default();
        for by_day in parts.into_iter().flatten() {
            figures.day = figures.day.saturating_add(by_day.get(&today).copied().unwrap_or_default());
            figures.month = by_day.range(first..next).fold(figures.month, |sum, (_, amount)| sum.saturating_add(*amount));
        }
        figures
    }
}

/// Month and day: ceiling, what is spent, and when the period ends, in ms from now.
fn periods(budget: &Budget, figures: Figures, now_ms: u64) -> [(&'static str, Option<Ceiling>, u64, u64); 2] {
    let today = day_of(now_ms);
    let until = |day: u64| begins_ms(day).saturating_sub(now_ms);
    [("month", budget.month, figures.month, until(month_of(today).1)), ("day", budget.day, figures.day, until(today.saturating_add(1)))]
}

/// How a budget stands: what is spent and reserved in this day and this month, also where nothing bounds it.
pub fn standing(owner: &str, budget: Option<Budget>, figures: Figures, now_ms: u64) -> [Value; 2] {
    periods(&budget.unwrap_or_default(), figures, now_ms).map(|(period, ceiling, spent, reset_ms)| {
        json!({
            "owner": owner,
            "period": period,
            "spent_micro_dollars": spent,
            "soft_micro_dollars": ceiling.and_then(|ceiling| ceiling.soft_micro_dollars),
            "hard_micro_dollars": ceiling.and_then(|ceiling| ceiling.hard_micro_dollars),
            "until_ms": now_ms.saturating_add(reset_ms),
        })
    })
}

/// The hard threshold that a call of a cost would pass: the month's before the day's, because it holds longer.
pub fn refusal(owner: &str, budget: &Budget, figures: Figures, cost: MicroDollars, now_ms: u64) -> Option<Spending> {
    periods(budget, figures, now_ms).into_iter().find_map(|(period, ceiling, spent, reset_ms)| {
        let hard = ceiling?.hard_micro_dollars?;
        let passed = spent.saturating_add(cost.0) > hard.0;
        passed.then(|| Spending {
            period: period.to_owned(),
            owner: owner.to_owned(),
            spent: MicroDollars(spent),
            threshold: hard,
            reset_ms,
        })
    })
}

/// The soft threshold that is reached: the month's before the day's. The figures have the call in them.
pub fn warning(owner: &str, budget: &Budget, figures: Figures, now_ms: u64) -> Option<Spending> {
    periods(budget, figures, now_ms).into_iter().find_map(|(period, ceiling, spent, reset_ms)| {
        let soft = ceiling?.soft_micro_dollars?;
        let reached = spent >= soft.0;
        reached.then(|| Spending {
            period: period.to_owned(),
            owner: owner.to_owned(),
            spent: MicroDollars(spent),
            threshold: soft,
            reset_ms,
        })
    })
}

/// Whether a budget has a hard threshold.
pub fn is_hard(budget: &Budget) -> bool {
    [budget.day, budget.month].into_iter().flatten().any(|ceiling| ceiling.hard_micro_dollars.is_some())
}
