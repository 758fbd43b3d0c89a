//! May a call be made? Every limit and budget is looked at before anything is taken.

use serde_json::json;

use super::books::{Books, Reservation};
use super::budget::{self, Figures, TENANT};
use super::limits::{self, Claim, Refusal};
use super::message::{Event, Idempotency, Reserve, Spending, Word};
use super::storage::{Failure, Storage, cells};
use super::terms::{Measure, Per, Terms};
use crate::cloud::models::MicroDollars;

/// Owners, each with its terms.
type Owned = Vec<(String, Terms)>;

/// A word, and the bytes that come along with it.
type Given = (Word, Option<Vec<u8>>);

impl<S: Storage> Books<S> {
    /// The word on a call, and the bytes of the answer when it was given before.
    pub(super) fn reserve(&mut self, call: Reserve) -> Result<Given, Failure> {
        self.end_leases()?;
        let Some(owned) = self.terms_of(&call)? else { return Ok((self.refuse(&call, Word::Revoked)?, None)) };
        if let Some(same) = &call.idempotency
            && let Some((word, bytes)) = self.seen(same)?
        {
            let word = if matches!(word, Word::Answered { .. }) { word } else { self.refuse(&call, word)? };
            return Ok((word, bytes));
        }
        let word = self.decide(&call, &owned)?;
        let word = if matches!(word, Word::Granted { .. }) { word } else { self.refuse(&call, word)? };
        Ok((word, None))
    }

    /// The terms that hold for a call; none when its key is not valid.
    fn terms_of(&mut self, call: &Reserve) -> Result<Option<Owned>, Failure> {
        let mut owned = Owned::new();
        if call.managed {
            let Some(record) = self.valid_key(&call.key)? else { return Ok(None) };
            owned.push((call.key.clone(), Terms { limits: record.limits.clone(), budget: record.budget }));
        }
        owned.extend(call.terms.iter().cloned());
        owned.push((TENANT.to_owned(), Terms { limits: self.tenant.limits.clone(), budget: self.tenant.budget }));
        Ok(Some(owned))
    }

    /// What became of the same call earlier, if it came.
    fn seen(&self, same: &Idempotency) -> Result<Option<Given>, Failure> {
        if let Some(body) = self.open.body_of(&same.key) {
            return Ok(Some((if body == same.body { Word::InFlight } else { Word::OtherBody }, None)));
        }
        let sql = "SELECT body, status, content_type FROM answers WHERE call = ?1 AND until_ms > ?2";
        let rows = self.storage.query(sql, &cells![&same.key, self.now_ms])?;
        let Some(row) = rows.first() else { return Ok(None) };
        // What an earlier version has kept has no id.
        let (body, id) = row.text(0).split_once(' ').unwrap_or((row.text(0), ""));
        if body != same.body {
            return Ok(Some((Word::OtherBody, None)));
        }
        let mut bytes = Vec::new();
        let sql = "SELECT bytes FROM answer_parts WHERE call = ?1 AND part = ?2";
        let mut part = 0_u64;
        while let Some(more) = self.storage.bytes(sql, &cells![&same.key, part])? {
            bytes.extend_from_slice(&more);
            part = part.saturating_add(1);
        }
        let status = u16::try_from(row.number(1)).unwrap_or_default();
        let word = Word::Answered { status, content_type: row.text(2).to_owned(), id: id.to_owned() };
        Ok(Some((word, Some(bytes))))
    }

    fn decide(&mut self, call: &Reserve, owned: &Owned) -> Result<Word, Failure> {
        let money = owned.iter().any(|(_, terms)| {
            terms.budget.as_ref().is_some_and(budget::is_hard) || terms.limits.iter().any(|limit| limit.measure == Measure::MicroDollars)
        });
        if money && call.cost.is_none() {
            return Ok(Word::Unpriced);
        }
        let cost = call.cost.unwrap_or_default();
        if let Some(spending) = self.spent_beyond(owned, cost)? {
            return Ok(Word::Spent(spending));
        }
        let per_user = owned.iter().any(|(_, terms)| terms.limits.iter().any(|limit| limit.per == Per::User));
        let mut alias = if per_user { self.alias(call.user.as_deref())? } else { String::new() };
        let claims = claims(call, owned, &alias);
        for claim in &claims {
            self.need_window(&claim.counter)?;
        }
        if let Some(Refusal { by, after_ms }) = limits::weigh(&claims, &mut self.windows, self.now_ms) {
            let limits = limits::standings(&claims, &mut self.windows, self.now_ms);
            return Ok(Word::Limited { limits, by, after_ms });
        }
        // With nothing to keep to, and nothing to find again, nothing is written.
        let budgets = owned.iter().any(|(_, terms)| terms.budget.is_some());
        if !claims.is_empty() || budgets || call.idempotency.is_some() {
            if !per_user {
                alias = self.alias(call.kept_user())?;
            }
            self.hold(call, owned, &claims, alias)?;
        }
        let limits = limits::standings(&claims, &mut self.windows, self.now_ms);
        Ok(Word::Granted { limits, soft: self.soft(owned)? })
    }

    /// The hard budget that a cost would pass; the one that holds the longest.
    fn spent_beyond(&mut self, owned: &Owned, cost: MicroDollars) -> Result<Option<Spending>, Failure> {
        let mut longest: Option<Spending> = None;
        for (owner, terms) in owned {
            if let Some(budget) = &terms.budget
                && let Some(spending) = budget::refusal(owner, budget, self.figures(owner)?, cost, self.now_ms)
                && longest.as_ref().is_none_or(|known| spending.reset_ms > known.reset_ms)
            {
                longest = Some(spending);
            }
        }
        Ok(longest)
    }

    /// The first soft threshold that is reached, in the order key, given terms, tenant.
    fn soft(&mut self, owned: &Owned) -> Result<Option<Spending>, Failure> {
        for (owner, terms) in owned {
            if let Some(budget) = &terms.budget
                && let Some(spending) = budget::warning(owner, budget, self.figures(owner)?, self.now_ms)
            {
                return Ok(Some(spending));
            }
        }
        Ok(None)
    }

    /// What an owner has spent and reserved today and this month.
    pub(super) fn figures(&mut self, owner: &str) -> Result<Figures, Failure> {
        self.need_spent(owner)?;
        Ok(Figures::of([self.spent.get(owner), self.open.reserved(owner)], self.now_ms))
    }

    fn hold(&mut self, call: &Reserve, owned: &Owned, claims: &[Claim], alias: String) -> Result<(), Failure> {
        let taken = limits::take(claims, &mut self.windows, self.now_ms);
        for (hold, total) in &taken {
            self.keep_slot(&hold.0, hold.1, *total, &alias);
        }
        let mut owners = Self::usual_owners(&call.key);
        for (owner, terms) in owned {
            if terms.budget.is_some() && !owners.contains(owner) {
                owners.push(owner.clone());
            }
        }
        let reservation = Reservation {
            at_ms: self.now_ms,
            until_ms: self.now_ms.saturating_add(call.lease_ms),
            key: call.key.clone(),
            // A reservation that is lost is counted under it.
            alias: if call.unkept { String::new() } else { alias },
            model: call.model.clone(),
            cost: call.cost.unwrap_or_default().0,
            owners,
            held: taken.into_iter().map(|(hold, _)| hold).collect(),
            call: call.idempotency.clone(),
        };
        let record = serde_json::to_string(&reservation)?;
        self.batch.add("INSERT OR REPLACE INTO reservations (id, record) VALUES (?1, ?2)", cells![&call.id, record]);
        self.open.insert(call.id.clone(), reservation);
        Ok(())
    }

    /// Writes a refusal into the audit.
    fn refuse(&mut self, call: &Reserve, word: Word) -> Result<Word, Failure> {
        let code = match &word {
            Word::Granted { .. } | Word::Answered { .. } => return Ok(word),
            Word::Limited { .. } => "limited",
            Word::Spent(_) => "spent",
            Word::Unpriced => "unpriced",
            Word::Revoked => "revoked",
            Word::InFlight => "in_flight",
            Word::OtherBody => "other_body",
        };
        let details = json!({"code": code, "key": call.key, "model": call.model});
        self.append(&Event { what: "refused".to_owned(), who: call.key.clone(), user: call.kept_user().map(str::to_owned), details })?;
        Ok(word)
    }
}

/// What a call asks of every limit that holds for it.
fn claims(call: &Reserve, owned: &Owned, alias: &str) -> Vec<Claim> {
    let mut claims = Vec::new();
    for (owner, terms) in owned {
        for limit in &terms.limits {
            let value = match limit.per {
                Per::Owner => "",
                Per::Key => &call.key,
                Per::User => alias,
                Per::Model => &call.model,
            };
            let amount = match limit.measure {
                Measure::Requests => 1,
                Measure::Tokens => call.tokens,
                Measure::MicroDollars => call.cost.unwrap_or_default().0,
            };
            claims.push(Claim { counter: limits::counter(owner, limit, value), limit: *limit, amount });
        }
    }
    claims
}
