//! Answers that were given, without their words, and what people said of them: what experience the gateway has with a tenant's posts.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::books::{Books, value};
use super::message::{Called, Event, Given};
use super::storage::{Failure, Row, Storage, cells};
use super::terms::Span;
use crate::content::platform::Platform;
use crate::content::score::score;
use crate::learning::experiment::definition::Metric;
use crate::learning::feedback::{Feedback, changed, mean};
use crate::learning::score_model::{Learnt, Post};
use crate::protocol::json::typed;

/// How long an answer is remembered, in ms: 30 days, or less where usage is kept shorter.
const GIVEN_MS: u64 = 30 * 86_400_000;
/// The most answers that are remembered: the oldest go.
const MOST_GIVEN: u64 = 500_000;
/// The most answers of which is kept what was said, and the most of those that are approved, which are examples of a brand: the oldest go,
/// and with them what they taught. They are counted apart, so that thumbs never drive out an example.
const MOST_FEEDBACK: u64 = 20_000;
const MOST_APPROVED: u64 = 5_000;
/// How often something may be said of one answer.
const MOST_REVISIONS: u64 = 100;
/// How many rows are read at once when all is learnt anew.
const RELEARNT_AT_ONCE: u64 = 2_000;
/// What is read of a row to learn from it, or to take out what it taught: not its texts, which may be long.
const LESSON: &str = "what, json_remove(said, '$.text', '$.edited_text', '$.instruction')";
/// Rows that are examples, and those that are not: as the indexes have them.
const APPROVED: &str = "said ->> '$.approved' = 1";
const UNAPPROVED: &str = "COALESCE(said ->> '$.approved', 0) = 0";
/// The call that an answer with two ids belongs to: as the index has it.
const CALL: &str = "what ->> '$.call'";
/// The most rows in an export.
const MOST_EXPORTED: u64 = 10_000;

/// What is remembered of an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct What {
    /// The model that gave it; empty when it was none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// What was asked for, such as `posts`; empty for a completion.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub task: String,
    /// The brand.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub brand: String,
    /// The experiment that it is a part of.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub experiment: String,
    /// The arm that it was given by.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub arm: String,
    /// How the experiment calls the answer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub exposure: String,
    /// The score that it was given with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// What the score rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post: Option<Post>,
    /// Names the call when its answer has an id in its body, too: what is remembered under both ids is one answer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub call: String,
}

impl What {
    /// Of an answer by an arm, as `experiment:arm`, that the experiment calls by a name; both empty outside of one.
    pub fn part((variant, exposure): (String, String)) -> Self {
        let (experiment, arm) = variant.split_once(':').unwrap_or_default();
        Self { experiment: experiment.to_owned(), arm: arm.to_owned(), exposure, ..Self::default() }
    }

    /// An answer to a call of a time, in ms since 1970, by the id in its body, unless that is empty, and by the one that it came with.
    pub fn under(self, own_id: &str, id: &str, at_ms: u64) -> Vec<(String, Self)> {
        if own_id.is_empty() || own_id == id {
            return vec![(id.to_owned(), self)];
        }
        // Neither id does for a name: callers may give the one again, and what stands between here and Cerebras the other.
        let what = Self { call: format!("{id} {at_ms}"), ..self };
        vec![(own_id.to_owned(), what.clone()), (id.to_owned(), what)]
    }

    fn read(text: &str) -> Self {
        // What another version wrote teaches nothing.
        typed::read(text).unwrap_or_default()
    }

    /// With what a text that was published in the answer's place is: its figures say nothing of the text that nobody saw. By the rules that
    /// the platform has published; an operator's own are not known here.
    fn rewritten(mut self, text: Option<&str>) -> Self {
        if let (Some(post), Some(text)) = (&mut self.post, text)
            && let Some(platform) = Platform::parse(&post.platform)
        {
            *post = Post::of(platform, &score(&platform.published(), text).effects);
        }
        self
    }
}

impl<S: Storage> Books<S> {
    /// Remembers the answer to a completion. [`Self::write_given`] has to follow.
    pub(super) fn remember(&mut self, called: &Called, alias: &str) -> Result<(), Failure> {
        let Some(id) = called.answer.as_ref().filter(|_| called.status == 200) else { return Ok(()) };
        let part = What::part((called.variant.clone(), called.exposure.clone()));
        let what = What { model: called.model.clone(), ..part }.under(&called.own_id, id, called.at_ms);
        for (id, what) in what {
            self.given.push(json!([id, called.at_ms, alias, serde_json::to_string(&what)?]));
        }
        Ok(())
    }

    /// Remembers answers of the content engine.
    pub(super) fn remember_posts(&mut self, given: &Given) -> Result<(), Failure> {
        let alias = self.alias(given.user.as_deref())?;
        for (id, what) in &given.answers {
            self.given.push(json!([id, given.at_ms, alias, serde_json::to_string(what)?]));
        }
        Ok(())
    }

    /// Writes what is to be remembered, in one statement.
    pub(super) fn write_given(&mut self) {
        if self.given.is_empty() {
            return;
        }
        let given = Value::Array(std::mem::take(&mut self.given)).to_string();
        self.stale_from(self.now_ms.saturating_add(self.given_ms()));
        self.batch.add(
            // Notes are told at least once, and a caller's id may come twice: the first answer under an id stays the one that it means.
            "INSERT OR IGNORE INTO given (id, at_ms, alias, what) \
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1)",
            cells![given],
        );
    }

    /// How long answers are remembered, in ms.
    pub(super) fn given_ms(&self) -> u64 {
        self.tenant.retention.usage.map_or(GIVEN_MS, |Span(ms)| ms.min(GIVEN_MS))
    }

    /// Forgets answers that are old.
    pub(super) fn tidy_given(&mut self) -> Result<(), Failure> {
        self.batch.add("DELETE FROM given WHERE at_ms <= ?1", cells![self.now_ms.saturating_sub(self.given_ms())]);
        self.batch
            .add("DELETE FROM given WHERE at_ms < (SELECT at_ms FROM given ORDER BY at_ms DESC LIMIT 1 OFFSET ?1)", cells![MOST_GIVEN]);
        if let Some(Span(ms)) = self.tenant.retention.usage {
            let mut learnt = self.learnt()?;
            if self.drop_feedback(&mut learnt, "changed_ms <= ?1", self.now_ms.saturating_sub(ms), "")? {
                self.keep_fact("learnt", serde_json::to_string(&learnt)?);
            }
        }
        Ok(())
    }

    /// Removes rows of feedback, and takes what they taught out of what was learnt: so it always rests on the rows that there are, and no
    /// answer teaches twice. One row, which this message writes, stays. Whether there were any.
    fn drop_feedback(&mut self, learnt: &mut Learnt, which: &str, bound: u64, stays: &str) -> Result<bool, Failure> {
        let which = format!("{which} AND id <> ?2");
        let rows = self.storage.query(&format!("SELECT {LESSON} FROM feedback WHERE {which}"), &cells![bound, stays])?;
        for row in &rows {
            let (what, said) = (What::read(row.text(0)), typed::read::<Feedback>(row.text(1)).unwrap_or_default());
            learnt.rate(&what.model, said.rated(), None);
            if let Some(post) = &what.post {
                learnt.see(post, said.engagement.as_ref(), None);
            }
        }
        if !rows.is_empty() {
            self.batch.add(format!("DELETE FROM feedback WHERE {which}"), cells![bound, stays]);
        }
        Ok(!rows.is_empty())
    }

    /// Drops the oldest rows beyond as many as are kept, of examples and of others, to have room for one that this message writes.
    fn drop_oldest(&mut self, learnt: &mut Learnt, id: &str) -> Result<(), Failure> {
        for (kind, most) in [(UNAPPROVED, MOST_FEEDBACK), (APPROVED, MOST_APPROVED)] {
            let sql = format!("SELECT changed_ms FROM feedback WHERE {kind} ORDER BY changed_ms DESC LIMIT 1 OFFSET ?1");
            if let Some(first) = self.storage.query(&sql, &cells![most.saturating_sub(2)])?.first() {
                self.drop_feedback(learnt, &format!("changed_ms < ?1 AND {kind}"), first.number(0), id)?;
            }
        }
        Ok(())
    }

    /// When the first row of feedback is to go, in ms since 1970, if the tenant lets none become older than it says.
    pub(super) fn feedback_stale_ms(&self, oldest_ms: Option<u64>) -> Option<u64> {
        let Span(ms) = self.tenant.retention.usage?;
        oldest_ms.map(|oldest_ms| oldest_ms.saturating_add(ms))
    }

    /// Hears what is said of an answer. Reply: `{"ok": true, "new": …, "answer": {…}}`, or `{"error": code}`, with the field that is wrong
    /// and why where that is what is said.
    pub(super) fn feedback(&mut self, id: &str, holder: Option<&str>, said: Feedback) -> Result<Value, Failure> {
        let Some((row, new)) = self.answer(id)? else { return Ok(json!({"error": "unknown_answer"})) };
        let id = row.text(5);
        let alias = row.text(1).to_owned();
        // To the holder of a token there are no answers but its own.
        if let Some(holder) = holder
            && (alias.is_empty() || self.alias(Some(holder))? != alias)
        {
            return Ok(json!({"error": "unknown_answer"}));
        }
        let before: Feedback = typed::read(row.text(3)).unwrap_or_default();
        let revision = row.number(4).saturating_add(1);
        let after = match before.clone().later(said) {
            Ok(after) => after,
            Err(error) => return Ok(json!({"error": "wrong_value", "param": error.param, "message": error.message})),
        };
        let earlier = What::read(row.text(2));
        let text = after.edited_text.as_deref().filter(|_| after.edited_text != before.edited_text);
        let what = earlier.clone().rewritten(text);
        let mut copy = false;
        if after != before {
            if revision > MOST_REVISIONS {
                return Ok(json!({"error": "too_many_revisions"}));
            }
            self.batch.add(
                "INSERT OR REPLACE INTO feedback (id, at_ms, changed_ms, alias, revisions, what, said) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                cells![id, row.number(0), self.now_ms, &alias, revision, serde_json::to_string(&what)?, serde_json::to_string(&after)?],
            );
            if let Some(stale_ms) = self.feedback_stale_ms(Some(self.now_ms)) {
                self.stale_from(stale_ms);
            }
            let mut learnt = self.learnt()?;
            learnt.rate(&what.model, before.rated(), after.rated());
            if let (Some(old), Some(post)) = (&earlier.post, &what.post) {
                learnt.see_anew((old, before.engagement.as_ref()), (post, after.engagement.as_ref()));
            }
            if new || after.approved != before.approved {
                self.drop_oldest(&mut learnt, id)?;
            }
            self.keep_fact("learnt", serde_json::to_string(&learnt)?);
            if !what.exposure.is_empty() {
                let told = self.told_of_exposure(id, &what.exposure, &before, &after)?;
                if !told.is_empty() {
                    self.reward(None, &what.exposure, &told)?;
                    copy = self.conclude_experiments()?;
                }
            }
        }
        let gained = after.gained(&before, row.number(0), self.now_ms);
        Ok(json!({"ok": true, "new": new, "copy": copy, "gained": gained, "answer": told(id, row.number(0), self.now_ms, &what, &after)}))
    }

    /// An answer by an id, and whether nothing was said of it so far, by whichever of its ids: time, alias, what it is, what was said, how
    /// often, and the id under which that stands.
    fn answer(&self, id: &str) -> Result<Option<(Row, bool)>, Failure> {
        let said = |which: &str, id: &str| {
            let sql = format!("SELECT at_ms, alias, what, said, revisions, id FROM feedback WHERE {which} = ?1 LIMIT 1");
            Ok::<_, Failure>(self.storage.query(&sql, &cells![id])?.pop())
        };
        if let Some(row) = said("id", id)? {
            return Ok(Some((row, false)));
        }
        let given = "SELECT at_ms, alias, what, '{}', 0, id FROM given WHERE id = ?1";
        let Some(row) = self.storage.query(given, &cells![id])?.pop() else { return Ok(None) };
        let call = What::read(row.text(2)).call;
        let by_another = if call.is_empty() { None } else { said(CALL, &call)? };
        let new = by_another.is_none();
        Ok(Some((by_another.unwrap_or(row), new)))
    }

    /// What an experiment is to hear of an answer: what has changed alone, for something else may have been told of it in the meantime. The
    /// posts of an order are one answer to it, so it hears the mean over those of which the value is known.
    fn told_of_exposure(&self, id: &str, exposure: &str, before: &Feedback, after: &Feedback) -> Result<Vec<(Metric, f64)>, Failure> {
        let changed = changed(before, after);
        if changed.is_empty() {
            return Ok(changed);
        }
        let sql = "SELECT json_remove(said, '$.text', '$.edited_text', '$.instruction') FROM feedback \
                   WHERE what ->> '$.exposure' = ?1 AND id <> ?2";
        let rows = self.storage.query(sql, &cells![exposure, id])?;
        let others: Vec<Feedback> = rows.iter().map(|row| typed::read(row.text(0)).unwrap_or_default()).collect();
        Ok(mean(changed, &others))
    }

    /// What feedback has taught of scores.
    pub(super) fn learnt(&self) -> Result<Learnt, Failure> {
        let rows = self.storage.query("SELECT value FROM facts WHERE name = 'learnt'", &[])?;
        // Without a row nothing was learnt, so that nothing is left of anybody.
        let nothing = || Learnt { exact: true, ..Learnt::default() };
        Ok(rows.first().map_or_else(nothing, |row| typed::read(row.text(0)).unwrap_or_default()))
    }

    /// Answers of which something was said, the last first; of a brand, those that may serve as its examples.
    pub(super) fn said(&self, brand: Option<&str>, limit: u64) -> Result<Value, Failure> {
        let rows = match brand {
            None => {
                let sql = "SELECT id, at_ms, changed_ms, what, said FROM feedback ORDER BY changed_ms DESC, id LIMIT ?1";
                self.storage.query(sql, &cells![limit])?
            }
            Some(brand) => {
                let sql = "SELECT id, at_ms, changed_ms, what, said FROM feedback WHERE said ->> '$.approved' = 1 AND \
                           COALESCE(said ->> '$.brand', what ->> '$.brand') = ?2 ORDER BY changed_ms DESC, id LIMIT ?1";
                self.storage.query(sql, &cells![limit, brand])?
            }
        };
        Ok(rows.iter().map(row_told).collect())
    }

    /// What was learnt: `{"answers", "feedback", "score": {…}, "models": [{"model", "ratings", "mean"}], "examples": [{"brand", "approved"}]}`.
    pub(super) fn learned(&self) -> Result<Value, Failure> {
        let count = |sql: &str| self.storage.query(sql, &[]).map(|rows| rows.first().map_or(0, |row| row.number(0)));
        let approved = "SELECT COALESCE(said ->> '$.brand', what ->> '$.brand'), COUNT(*) FROM feedback \
                        WHERE said ->> '$.approved' = 1 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 100";
        let examples = self.storage.query(approved, &[])?;
        let learnt = self.learnt()?;
        Ok(json!({
            "answers": count("SELECT COUNT(*) FROM given")?,
            "feedback": count("SELECT COUNT(*) FROM feedback")?,
            "score": learnt.told(),
            "models": learnt.models_told(),
            "examples": examples.iter().map(|row| json!({"brand": row.maybe_text(0), "approved": row.number(1)})).collect::<Value>(),
        }))
    }

    /// Forgets all that was learnt, and what it was learnt from. Reply: `{"ok": true, "removed": …}`.
    pub(super) fn unlearn(&mut self, who: String) -> Result<Value, Failure> {
        let rows = self.storage.query("SELECT COUNT(*) FROM feedback", &[])?;
        let removed = rows.first().map_or(0, |row| row.number(0));
        self.batch.add("DELETE FROM feedback", Vec::new());
        self.batch.add("DELETE FROM facts WHERE name = 'learnt'", Vec::new());
        self.append(&Event { what: "learned_reset".to_owned(), who, user: None, details: json!({"removed": removed}) })?;
        Ok(json!({"ok": true, "removed": removed}))
    }

    /// Forgets a person's answers and what was said of them, and learns anew from the others'.
    pub(super) fn forget_feedback(&mut self, alias: &str) -> Result<(), Failure> {
        self.batch.add("DELETE FROM given WHERE alias = ?1", cells![alias]);
        let theirs = "SELECT COUNT(*) FROM feedback WHERE alias = ?1";
        let none = self.storage.query(theirs, &cells![alias])?.first().is_none_or(|row| row.number(0) == 0);
        // What an earlier version has learnt may rest on rows that are gone, and they may have been the person's.
        if none && self.learnt()?.exact {
            return Ok(());
        }
        self.batch.add("DELETE FROM feedback WHERE alias = ?1", cells![alias]);
        let learnt = self.relearnt(alias)?;
        self.keep_fact("learnt", serde_json::to_string(&learnt)?);
        Ok(())
    }

    /// What all rows teach but a person's.
    fn relearnt(&self, alias: &str) -> Result<Learnt, Failure> {
        let sql = format!(
            "SELECT {LESSON}, changed_ms, id FROM feedback WHERE alias <> ?1 AND (changed_ms, id) > (?2, ?3) \
             ORDER BY changed_ms, id LIMIT ?4"
        );
        let mut learnt = Learnt { exact: true, ..Learnt::default() };
        let mut behind = (0, String::new());
        loop {
            let rows = self.storage.query(&sql, &cells![alias, behind.0, &behind.1, RELEARNT_AT_ONCE])?;
            let Some(last) = rows.last() else { return Ok(learnt) };
            behind = (last.number(2), last.text(3).to_owned());
            for row in &rows {
                let (what, said) = (What::read(row.text(0)), typed::read::<Feedback>(row.text(1)).unwrap_or_default());
                learnt.rate(&what.model, None, said.rated());
                if let Some(post) = &what.post {
                    learnt.see(post, None, said.engagement.as_ref());
                }
            }
        }
    }

    /// A person's answers, and what was said of them.
    pub(super) fn feedback_of(&self, alias: &str) -> Result<(Value, Value), Failure> {
        let sql = "SELECT id, at_ms, at_ms, what, '{}' FROM given WHERE alias = ?1 ORDER BY at_ms LIMIT ?2";
        let given = self.storage.query(sql, &cells![alias, MOST_EXPORTED])?;
        let sql = "SELECT id, at_ms, changed_ms, what, said FROM feedback WHERE alias = ?1 ORDER BY at_ms LIMIT ?2";
        let said = self.storage.query(sql, &cells![alias, MOST_EXPORTED])?;
        Ok((given.iter().map(row_told).collect(), said.iter().map(row_told).collect()))
    }
}

fn row_told(row: &Row) -> Value {
    json!({
        "id": row.text(0), "at_ms": row.number(1), "changed_ms": row.number(2), "answer": value(row.text(3)), "said": value(row.text(4)),
    })
}

fn told(id: &str, at_ms: u64, changed_ms: u64, what: &What, said: &Feedback) -> Value {
    json!({"id": id, "at_ms": at_ms, "changed_ms": changed_ms, "answer": what, "said": said})
}
