//! What was used: a row for each day, model, key and end user, added to with every call, and summed up when it is asked for.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::books::{Books, value};
use super::budget::{self, TENANT};
use super::calendar::{read, written};
use super::message::UsageQuery;
use super::storage::{Cell, Failure, Row, Storage, cells};

/// At most so many rows are replied; more are said to be there.
const MOST_ROWS: usize = 10_000;

/// The sums that a query makes, in the order that [`sums`] reads.
const SUMS: &str = "SUM(requests), SUM(hits), SUM(failed), SUM(lost), SUM(prompt_tokens), SUM(completion_tokens), SUM(estimated), \
                    SUM(cost), SUM(unpriced), SUM(saved), SUM(saved_unpriced), json_group_array(DISTINCT model) FILTER (WHERE unpriced > 0)";

/// What is added to a row. Money is in micro-dollars.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub requests: u64,
    pub hits: u64,
    pub failed: u64,
    pub lost: u64,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    /// Requests whose usage is an estimate.
    pub estimated: u64,
    pub cost: u64,
    /// Requests whose cost is unknown.
    pub unpriced: u64,
    pub saved: u64,
    /// Hits of which nobody knows what they saved.
    pub saved_unpriced: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        for (sum, more) in [
            (&mut self.requests, other.requests),
            (&mut self.hits, other.hits),
            (&mut self.failed, other.failed),
            (&mut self.lost, other.lost),
            (&mut self.prompt_tokens, other.prompt_tokens),
            (&mut self.completion_tokens, other.completion_tokens),
            (&mut self.estimated, other.estimated),
            (&mut self.cost, other.cost),
            (&mut self.unpriced, other.unpriced),
            (&mut self.saved, other.saved),
            (&mut self.saved_unpriced, other.saved_unpriced),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}

/// What the calls of one message add up to, so that many calls are a few writes.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// By day, model, key and end user.
    tallies: BTreeMap<(u64, String, String, String), Tally>,
    /// Micro-dollars by owner and day.
    spent: BTreeMap<(String, u64), u64>,
}

impl<S: Storage> Books<S> {
    /// Adds to the row of a day, model, key and end user. [`Self::write_sums`] has to follow.
    pub(super) fn tally(&mut self, day: u64, model: &str, key: &str, alias: &str, tally: Tally) {
        self.oldest_usage_day = Some(self.oldest_usage_day.map_or(day, |known| known.min(day)));
        let row = (day, model.to_owned(), key.to_owned(), alias.to_owned());
        self.sums.tallies.entry(row).or_default().add(tally);
    }

    /// Adds to what owners have spent on a day. [`Self::write_sums`] has to follow.
    pub(super) fn spend(&mut self, owners: &[String], day: u64, cost: u64) {
        for owner in owners {
            if let Some(days) = self.spent.get_mut(owner) {
                let spent = days.entry(day).or_default();
                *spent = spent.saturating_add(cost);
            }
            let sum = self.sums.spent.entry((owner.clone(), day)).or_default();
            *sum = sum.saturating_add(cost);
        }
    }

    /// Writes what calls have added up to.
    pub(super) fn write_sums(&mut self) {
        let Sums { tallies, spent } = std::mem::take(&mut self.sums);
        for ((owner, day), cost) in spent {
            self.batch.add(
                "INSERT INTO spent (owner, day, amount) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
                cells![owner, day, cost],
            );
        }
        for ((day, model, key, alias), tally) in tallies {
            self.write_tally(day, &model, &key, &alias, tally);
        }
    }

    fn write_tally(&mut self, day: u64, model: &str, key: &str, alias: &str, tally: Tally) {
        self.batch.add(
            "INSERT INTO usage (day, model, key, alias, requests, hits, failed, lost, prompt_tokens, completion_tokens, estimated, cost, \
             unpriced, saved, saved_unpriced) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) \
             ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, hits = hits + excluded.hits, \
             failed = failed + excluded.failed, lost = lost + excluded.lost, prompt_tokens = prompt_tokens + excluded.prompt_tokens, \
             completion_tokens = completion_tokens + excluded.completion_tokens, estimated = estimated + excluded.estimated, \
             cost = cost + excluded.cost, unpriced = unpriced + excluded.unpriced, saved = saved + excluded.saved, \
             saved_unpriced = saved_unpriced + excluded.saved_unpriced",
            cells![
                day,
                model,
                key,
                alias,
                tally.requests,
                tally.hits,
                tally.failed,
                tally.lost,
                tally.prompt_tokens,
                tally.completion_tokens,
                tally.estimated,
                tally.cost,
                tally.unpriced,
                tally.saved,
                tally.saved_unpriced
            ],
        );
    }

    /// Counts an end user's rows among those that are nobody's, so that the sums stay as they are.
    pub(super) fn fold_usage(&mut self, alias: &str) {
        self.batch.add(
            "INSERT INTO usage (day, model, key, alias, requests, hits, failed, lost, prompt_tokens, completion_tokens, estimated, cost, \
             unpriced, saved, saved_unpriced) SELECT day, model, key, '', requests, hits, failed, lost, prompt_tokens, completion_tokens, \
             estimated, cost, unpriced, saved, saved_unpriced FROM usage WHERE alias = ?1 \
             ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, hits = hits + excluded.hits, \
             failed = failed + excluded.failed, lost = lost + excluded.lost, prompt_tokens = prompt_tokens + excluded.prompt_tokens, \
             completion_tokens = completion_tokens + excluded.completion_tokens, estimated = estimated + excluded.estimated, \
             cost = cost + excluded.cost, unpriced = unpriced + excluded.unpriced, saved = saved + excluded.saved, \
             saved_unpriced = saved_unpriced + excluded.saved_unpriced",
            cells![alias],
        );
        self.batch.add("DELETE FROM usage WHERE alias = ?1", cells![alias]);
    }

    /// The usage that is asked for: `{"rows": […], "total": {…}, "truncated": bool, "budgets": […]}`, or
    /// `{"error": name of the wrong parameter}`.
    pub(super) fn usage(&mut self, query: &UsageQuery) -> Result<Value, Failure> {
        let mut conditions = String::from("1");
        let mut cells: Vec<Cell> = Vec::new();
        let mut filter = |condition: &str, cell| {
            cells.push(cell);
            conditions.push_str(&format!(" AND {condition} ?{}", cells.len()));
        };
        for (name, text, condition) in [("from", &query.from, "day >="), ("to", &query.to, "day <=")] {
            if let Some(text) = text {
                let Some(day) = read(text) else { return Ok(json!({"error": name})) };
                filter(condition, day.into());
            }
        }
        if let Some(key) = &query.key {
            filter("key =", key.into());
        }
        if let Some(model) = &query.model {
            filter("model =", model.into());
        }
        if let Some(user) = &query.user {
            filter("user =", user.into());
        }
        let mut columns: Vec<&str> = Vec::new();
        for by in &query.by {
            let Some(column) = ["day", "model", "key", "user"].into_iter().find(|column| by == column) else {
                return Ok(json!({"error": "by"}));
            };
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        let from = format!("FROM usage LEFT JOIN persons ON persons.alias = usage.alias WHERE {conditions}");
        let total = self.storage.query(&format!("SELECT {SUMS} {from}"), &cells)?;
        let mut rows = Vec::new();
        if !columns.is_empty() {
            let names = columns.join(", ");
            let most = MOST_ROWS.saturating_add(1);
            let sql = format!("SELECT {SUMS}, {names} {from} GROUP BY {names} ORDER BY {names} LIMIT {most}");
            rows = self.storage.query(&sql, &cells)?;
        }
        let truncated = rows.len() > MOST_ROWS;
        rows.truncate(MOST_ROWS);
        let rows: Vec<Value> = rows.iter().map(|row| shown(row, &columns)).collect();
        let total = total.first().map(|row| shown(row, &[]));
        Ok(json!({"rows": rows, "total": total, "truncated": truncated, "budgets": self.budgets(query)?}))
    }

    /// How the tenant's budget stands, and that of a key that is asked for. Who asks of one end user is told of none.
    fn budgets(&mut self, query: &UsageQuery) -> Result<Vec<Value>, Failure> {
        if query.user.is_some() {
            return Ok(Vec::new());
        }
        let mut standings = Vec::from(budget::standing(TENANT, self.tenant.budget, self.figures(TENANT)?, self.now_ms));
        if let Some(key) = &query.key
            && let Some(record) = self.valid_key(key)?
        {
            let budget = record.budget;
            standings.extend(budget::standing(key, budget, self.figures(key)?, self.now_ms));
        }
        Ok(standings)
    }

    /// The rows of an end user, by alias.
    pub(super) fn usage_of(&self, alias: &str) -> Result<Vec<Value>, Failure> {
        let columns = ["day", "model", "key"];
        let sql = format!("SELECT {SUMS}, day, model, key FROM usage WHERE alias = ?1 GROUP BY day, model, key ORDER BY day, model, key");
        Ok(self.storage.query(&sql, &cells![alias])?.iter().map(|row| shown(row, &columns)).collect())
    }
}

/// A row as it is replied. What was paid is null when nobody knows it of any request, and else the sum of those of which it is known;
/// so is what was saved.
fn shown(row: &Row, columns: &[&str]) -> Value {
    let (requests, unpriced, hits, saved_unpriced) = (row.number(0), row.number(8), row.number(1), row.number(10));
    let known = |all: u64, unknown: u64, sum: u64| (all == 0 || unknown < all).then_some(sum);
    let mut shown = Map::new();
    for (at, column) in columns.iter().enumerate() {
        let at = at.saturating_add(12);
        let value = match *column {
            "day" => json!(written(row.number(at))),
            _ => json!(row.maybe_text(at)),
        };
        shown.insert((*column).to_owned(), value);
    }
    for (name, value) in [
        ("requests", json!(requests)),
        ("hits", json!(hits)),
        ("failed", json!(row.number(2))),
        ("lost", json!(row.number(3))),
        ("prompt_tokens", json!(row.number(4))),
        ("completion_tokens", json!(row.number(5))),
        ("estimated_requests", json!(row.number(6))),
        ("cost_micro_dollars", json!(known(requests, unpriced, row.number(7)))),
        ("unpriced_requests", json!(unpriced)),
        ("unpriced_models", value(row.maybe_text(11).unwrap_or("[]"))),
        ("saved_micro_dollars", json!(known(hits, saved_unpriced, row.number(9)))),
        ("saved_unpriced_hits", json!(saved_unpriced)),
    ] {
        shown.insert(name.to_owned(), value);
    }
    Value::Object(shown)
}
