//! Experiments in the books: definitions are documents, and beside each stands its trial. A subject has a row for each arm that it has met, so
//! that its part can be taken out again; an answer that was counted has one, so that what is told of it later finds its way.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::audit::hexadecimal;
use super::books::{Books, value};
use super::calendar::DAY_MS;
use super::message::{Event, Exposure, Outcome};
use super::storage::{Failure, Storage, cells};
use crate::learning::experiment::definition::{Definition, KIND, MOST_EXPERIMENTS, Metric};
use crate::learning::experiment::trial::{Change, Parts, Reason, Trial};
use crate::protocol::json::typed;

/// How long after an answer something may be told of it, in ms.
pub const TOLD_WITHIN_MS: u64 = 30 * DAY_MS;
/// Bytes of a run's key.
const KEY_BYTES: usize = 16;

/// What a message works on: read once, written once at its end.
#[derive(Debug, Default)]
pub(super) struct Bench {
    trials: BTreeMap<String, (Definition, Trial)>,
    subjects: BTreeMap<(String, String, usize), Subject>,
}

#[derive(Debug, Default)]
struct Subject {
    alias: String,
    parts: Parts,
}

impl<S: Storage> Books<S> {
    /// Writes an experiment down. What was seen stays when it says something of the new definition; else another run begins. Reply:
    /// `{"ok": true, "new": …, "begun": …}`, or the error of a document.
    pub(super) fn put_experiment(&mut self, id: &str, definition: Definition, who: String) -> Result<Value, Failure> {
        let known = self.bench(id)?;
        let body = serde_json::to_value(&definition)?;
        let mut reply = self.put_document(KIND, id, &body, MOST_EXPERIMENTS, who)?;
        if reply.get("error").is_some() {
            return Ok(reply);
        }
        let (trial, begun) = match known {
            Some((before, mut trial)) if definition.continues(&before) => {
                trial.adopt(&before, &definition, self.now_ms);
                (trial, false)
            }
            known => {
                let run = known.map_or(1, |(_, trial)| trial.run.saturating_add(1));
                self.forget_subjects(id);
                let key = hexadecimal(&self.storage.random(KEY_BYTES));
                (Trial::begin(&definition, run, key, self.now_ms), true)
            }
        };
        self.keep_trial(id, &trial)?;
        if let Some(reply) = reply.as_object_mut() {
            reply.insert("begun".to_owned(), json!(begun));
        }
        Ok(reply)
    }

    /// The experiments, or the one of an id, with all that was seen: `[{"name", "changed_ms", "body", "trial"}]`.
    pub(super) fn experiments(&self, id: Option<&str>) -> Result<Value, Failure> {
        let sql = "SELECT name, changed_ms, body, trial FROM documents JOIN experiments ON name = id \
                   WHERE kind = ?1 AND (?2 IS NULL OR name = ?2) ORDER BY name";
        let rows = self.storage.query(sql, &cells![KIND, id])?;
        let told = |row: &super::storage::Row| json!({"name": row.text(0), "changed_ms": row.number(1), "body": value(row.text(2)), "trial": value(row.text(3))});
        Ok(rows.iter().map(told).collect())
    }

    /// What isolates have to know of experiments: definitions, and what a subject's arm follows from.
    pub(super) fn experiment_copies(&self) -> Result<Value, Failure> {
        let all = self.experiments(None)?;
        let copied = all.as_array().into_iter().flatten().map(|one| {
            let of = |field: &str| one.get("trial").and_then(|trial| trial.get(field)).cloned().unwrap_or_default();
            json!({
                "name": one.get("name"), "body": one.get("body"),
                "run": of("run"), "key": of("key"), "shares": of("shares"), "ended": of("ended"),
            })
        });
        Ok(copied.collect())
    }

    /// Ends an experiment: with an arm, or with the one that is better than all others, or with the control. Reply: `{"ok": true}`, or
    /// `{"error": "unknown_experiment" | "unknown_arm" | "ended"}`.
    pub(super) fn stop_experiment(&mut self, id: &str, arm: Option<&str>, who: String) -> Result<Value, Failure> {
        let Some((definition, mut trial)) = self.bench(id)? else { return Ok(json!({"error": "unknown_experiment"})) };
        if trial.ended.is_some() {
            return Ok(json!({"error": "ended"}));
        }
        let named = arm.map(|arm| definition.place(arm));
        let Some(place) = named.unwrap_or_else(|| Some(trial.winner(&definition).unwrap_or_else(|| definition.control()))) else {
            return Ok(json!({"error": "unknown_arm"}));
        };
        trial.stop(place, self.now_ms);
        self.keep_trial(id, &trial)?;
        let arm = definition.arms.get(place).map(|arm| arm.name.clone());
        self.append(&Event { what: "experiment_stopped".to_owned(), who, user: None, details: json!({"name": id, "arm": arm}) })?;
        Ok(json!({"ok": true}))
    }

    /// Removes an experiment with all that was seen. Reply: that of a document.
    pub(super) fn delete_experiment(&mut self, id: &str, who: String) -> Result<Value, Failure> {
        self.batch.add("DELETE FROM experiments WHERE id = ?1", cells![id]);
        self.forget_subjects(id);
        self.delete_document(KIND, id, who)
    }

    /// Counts a call. One of an earlier run, or of an experiment that has ended, counts no longer.
    pub(super) fn expose(&mut self, exposure: &Exposure) -> Result<(), Failure> {
        let Exposure { experiment, run, arm, subject, user, shares, answer, values } = exposure;
        self.take_to_bench(experiment)?;
        let alias = self.alias(user.as_deref())?;
        let known = self.arms_of(experiment, subject)?;
        let mut own = known.get(arm).cloned();
        let now_ms = self.now_ms;
        let Some((definition, trial)) = self.lab.trials.get_mut(experiment) else { return Ok(()) };
        if trial.run != *run || trial.ended.is_some() || *arm >= trial.arms.len() {
            return Ok(());
        }
        trial.count(*arm, own.is_none(), known.is_empty().then_some(shares));
        let parts = own.get_or_insert_default();
        let mut told: BTreeMap<Metric, f64> = values.iter().copied().collect();
        if definition.goal.counts_silence() {
            told.insert(definition.goal, 0.0);
        }
        for (metric, value) in &told {
            let change = Change { metric: *metric, before: None, after: Some(*value) };
            trial.observe(definition, *arm, parts, &change, now_ms);
        }
        let subject_key = (experiment.clone(), subject.clone(), *arm);
        self.lab.subjects.insert(subject_key, Subject { alias: alias.clone(), parts: parts.clone() });
        self.batch.add(
            "INSERT OR REPLACE INTO experiment_answers (answer, experiment, subject, arm, alias, at_ms, told) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            cells![answer, experiment, subject, place_of(*arm), alias, now_ms, serde_json::to_string(&told)?],
        );
        Ok(())
    }

    /// Takes what is told of an answer. Told again, it stands in place of what was told before. Reply: `{"ok": true, "copy": …}`, or
    /// `{"error": "unknown_answer"}`.
    pub(super) fn take_outcome(&mut self, outcome: &Outcome) -> Result<Value, Failure> {
        let found = self.reward(Some(&outcome.experiment), &outcome.answer, &outcome.values)?;
        let copy = self.conclude_experiments()?;
        Ok(if found { json!({"ok": true, "copy": copy}) } else { json!({"error": "unknown_answer"}) })
    }

    /// Credits the arm that gave an answer with what is told of it; whether there was such an answer. [`Self::conclude_experiments`] has to
    /// follow.
    pub(super) fn reward(&mut self, experiment: Option<&str>, answer: &str, values: &[(Metric, f64)]) -> Result<bool, Failure> {
        let sql = "SELECT experiment, subject, arm, alias, told FROM experiment_answers WHERE answer = ?1 AND at_ms > ?2";
        let rows = self.storage.query(sql, &cells![answer, self.now_ms.saturating_sub(TOLD_WITHIN_MS)])?;
        let Some(row) = rows.first().filter(|row| experiment.is_none_or(|experiment| experiment == row.text(0))) else {
            return Ok(false);
        };
        let (experiment, subject, arm) =
            (row.text(0).to_owned(), row.text(1).to_owned(), usize::try_from(row.number(2)).unwrap_or(usize::MAX));
        let mut told: BTreeMap<Metric, f64> = typed::read(row.text(4))?;
        self.take_to_bench(&experiment)?;
        let mut parts = self.arms_of(&experiment, &subject)?.remove(&arm).unwrap_or_default();
        let now_ms = self.now_ms;
        let Some((definition, trial)) = self.lab.trials.get_mut(&experiment) else { return Ok(false) };
        for (metric, value) in values {
            let before = told.insert(*metric, *value);
            let change = Change { metric: *metric, before, after: Some(*value) };
            trial.observe(definition, arm, &mut parts, &change, now_ms);
        }
        self.lab.subjects.insert((experiment, subject, arm), Subject { alias: row.text(3).to_owned(), parts });
        self.batch.add("UPDATE experiment_answers SET told = ?2 WHERE answer = ?1", cells![answer, serde_json::to_string(&told)?]);
        Ok(true)
    }

    /// Looks at what was seen, and writes it. Whether isolates have to know something else from now on.
    pub(super) fn conclude_experiments(&mut self) -> Result<bool, Failure> {
        let Bench { trials, subjects } = std::mem::take(&mut self.lab);
        let mut copy = false;
        for (id, (definition, mut trial)) in trials {
            if trial.renew(&definition, self.now_ms) {
                copy = true;
                self.tell_end(&id, &definition, &trial)?;
                let stale = self.now_ms.saturating_sub(TOLD_WITHIN_MS);
                self.batch.add("DELETE FROM experiment_answers WHERE experiment = ?1 AND at_ms <= ?2", cells![&id, stale]);
            }
            self.keep_trial(&id, &trial)?;
        }
        for ((experiment, subject, arm), Subject { alias, parts }) in subjects {
            let parts = serde_json::to_string(&parts)?;
            self.batch.add(
                "INSERT OR REPLACE INTO experiment_subjects (experiment, subject, arm, alias, parts) VALUES (?1, ?2, ?3, ?4, ?5)",
                cells![experiment, subject, place_of(arm), alias, parts],
            );
        }
        Ok(copy)
    }

    /// Takes out what an end user has brought to experiments. Returns how many rows of subjects there were.
    pub(super) fn forget_in_experiments(&mut self, alias: &str) -> Result<u64, Failure> {
        let sql = "SELECT experiment, arm, parts FROM experiment_subjects WHERE alias = ?1";
        let rows = self.storage.query(sql, &cells![alias])?;
        for row in &rows {
            self.take_to_bench(row.text(0))?;
            let parts: Parts = typed::read(row.text(2))?;
            if let Some((_, trial)) = self.lab.trials.get_mut(row.text(0)) {
                trial.forget(usize::try_from(row.number(1)).unwrap_or(usize::MAX), &parts);
            }
        }
        self.batch.add("DELETE FROM experiment_subjects WHERE alias = ?1", cells![alias]);
        self.batch.add("DELETE FROM experiment_answers WHERE alias = ?1", cells![alias]);
        for (id, (_, trial)) in std::mem::take(&mut self.lab).trials {
            self.keep_trial(&id, &trial)?;
        }
        Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
    }

    /// What is known of an end user in experiments: `[{"experiment", "arm", "values"}]`.
    pub(super) fn experiments_of(&mut self, alias: &str) -> Result<Vec<Value>, Failure> {
        let sql = "SELECT experiment, arm, parts FROM experiment_subjects WHERE alias = ?1 ORDER BY experiment, arm";
        let rows = self.storage.query(sql, &cells![alias])?;
        let mut told = Vec::with_capacity(rows.len());
        for row in &rows {
            let definition = self.bench(row.text(0))?.map(|(definition, _)| definition);
            let arm = definition.and_then(|definition| {
                definition.arms.get(usize::try_from(row.number(1)).unwrap_or(usize::MAX)).map(|arm| arm.name.clone())
            });
            told.push(json!({"experiment": row.text(0), "arm": arm, "values": value(row.text(2))}));
        }
        Ok(told)
    }

    fn take_to_bench(&mut self, id: &str) -> Result<(), Failure> {
        if !self.lab.trials.contains_key(id)
            && let Some(bench) = self.bench(id)?
        {
            self.lab.trials.insert(id.to_owned(), bench);
        }
        Ok(())
    }

    /// An experiment as it is stored; none when another version has written it: notes of calls must not fail for it.
    fn bench(&self, id: &str) -> Result<Option<(Definition, Trial)>, Failure> {
        let sql = "SELECT body, trial FROM documents JOIN experiments ON name = id WHERE kind = ?1 AND name = ?2";
        let rows = self.storage.query(sql, &cells![KIND, id])?;
        Ok(rows.first().and_then(|row| typed::read(row.text(0)).ok().zip(typed::read(row.text(1)).ok())))
    }

    /// What a subject has brought, by arm: as this message has it, else as it is stored.
    fn arms_of(&self, experiment: &str, subject: &str) -> Result<BTreeMap<usize, Parts>, Failure> {
        let sql = "SELECT arm, parts FROM experiment_subjects WHERE experiment = ?1 AND subject = ?2";
        let mut arms = BTreeMap::new();
        for row in self.storage.query(sql, &cells![experiment, subject])? {
            arms.insert(usize::try_from(row.number(0)).unwrap_or(usize::MAX), typed::read(row.text(1))?);
        }
        let (from, to) = ((experiment.to_owned(), subject.to_owned(), 0), (experiment.to_owned(), subject.to_owned(), usize::MAX));
        for ((.., arm), Subject { parts, .. }) in self.lab.subjects.range(from..=to) {
            arms.insert(*arm, parts.clone());
        }
        Ok(arms)
    }

    fn keep_trial(&mut self, id: &str, trial: &Trial) -> Result<(), Failure> {
        let trial = serde_json::to_string(trial)?;
        let sql = "INSERT INTO experiments (id, trial) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET trial = excluded.trial";
        self.batch.add(sql, cells![id, trial]);
        Ok(())
    }

    fn forget_subjects(&mut self, id: &str) {
        self.batch.add("DELETE FROM experiment_subjects WHERE experiment = ?1", cells![id]);
        self.batch.add("DELETE FROM experiment_answers WHERE experiment = ?1", cells![id]);
    }

    /// The audit hears of an end that nobody has asked for.
    fn tell_end(&mut self, id: &str, definition: &Definition, trial: &Trial) -> Result<(), Failure> {
        let Some(ended) = trial.ended.as_ref().filter(|ended| ended.reason != Reason::Asked) else { return Ok(()) };
        let arm = definition.arms.get(ended.arm).map(|arm| arm.name.as_str());
        let details = json!({"name": id, "arm": arm, "reason": ended.reason});
        self.append(&Event { what: "experiment_ended".to_owned(), who: String::new(), user: None, details }).map(drop)
    }
}

fn place_of(arm: usize) -> u64 {
    u64::try_from(arm).unwrap_or(u64::MAX)
}
