//! Experiments in the books: definitions are documents, and beside each stands its trial. A subject has a row for each arm that it has met, so
//! that its part can be taken out again; an answer that was counted has one, so that what is told of it later finds its way.

use serde_json::{Value, json};

use super::audit::hexadecimal;
use super::books::{Books, value};
use super::calendar::DAY_MS;
use super::message::{Event, Exposure, Outcome};
use super::storage::{Failure, Row, Storage, cells};
use crate::learning::experiment::assignment::Draw;
use crate::learning::experiment::definition::{Definition, KIND, MOST_EXPERIMENTS, Metric};
use crate::learning::experiment::layout;
use crate::learning::experiment::report::report;
use crate::learning::experiment::tally::weight;
use crate::learning::experiment::trial::{Change, Parts, Reason, Trial};
use crate::protocol::json::typed;

/// How long after an answer something may be told of it, in ms.
pub const TOLD_WITHIN_MS: u64 = 30 * DAY_MS;
/// The most answers of which something may be told: the oldest go.
const MOST_ANSWERS: u64 = 500_000;
/// Bytes of a run's key.
const KEY_BYTES: usize = 16;

/// What a message works on: read once, written once at its end. A message is about few experiments and at most a hundred subjects.
#[derive(Debug, Default)]
pub(super) struct Bench {
    trials: Vec<(String, Definition, Trial)>,
    subjects: Vec<Subject>,
}

/// What a subject has brought to an arm.
#[derive(Debug)]
struct Subject {
    experiment: String,
    name: String,
    arm: usize,
    alias: String,
    parts: Parts,
}

impl Bench {
    fn trial(&mut self, id: &str) -> Option<(&Definition, &mut Trial)> {
        self.trials.iter_mut().find(|(other, ..)| other == id).map(|(_, definition, trial)| (&*definition, trial))
    }

    fn keep(&mut self, subject: Subject) {
        let same = |other: &Subject| other.experiment == subject.experiment && other.name == subject.name && other.arm == subject.arm;
        self.subjects.retain(|other| !same(other));
        self.subjects.push(subject);
    }
}

impl<S: Storage> Books<S> {
    /// Writes an experiment down. What was seen stays when it says something of the new definition; else another run begins. Reply:
    /// `{"ok": true, "new": …, "begun": …}`, or the error of a document.
    pub(super) fn put_experiment(&mut self, id: &str, body: &Value, who: String) -> Result<Value, Failure> {
        let definition: Definition = typed::read(&body.to_string())?;
        let known = self.bench(id)?;
        let mut reply = self.put_document(KIND, id, body, MOST_EXPERIMENTS, who)?;
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

    /// The experiments, or the one of an id, as they are shown: `[{"id", "object", "changed_ms", "definition", "results"}]`.
    pub(super) fn experiments(&self, id: Option<&str>) -> Result<Value, Failure> {
        let shown = |(row, definition, trial): (&Row, Definition, Trial)| {
            json!({
                "id": row.text(0),
                "object": KIND,
                "changed_ms": row.number(3),
                "definition": value(row.text(1)),
                "results": report(&definition, &trial, self.now_ms),
            })
        };
        Ok(self.stored(id)?.iter().filter_map(|row| read(row).map(|(definition, trial)| shown((row, definition, trial)))).collect())
    }

    /// What isolates have to know of experiments: definitions, and what a subject's arm follows from.
    pub(super) fn experiment_copies(&self) -> Result<Value, Failure> {
        let copied = |row: &Row| {
            let (_, trial) = read(row)?;
            Some(json!({
                "name": row.text(0), "body": value(row.text(1)), "run": trial.run, "key": trial.key, "shares": trial.shares,
                "ended": trial.ended.map(|ended| ended.arm),
            }))
        };
        Ok(self.stored(None)?.iter().filter_map(copied).collect())
    }

    fn stored(&self, id: Option<&str>) -> Result<Vec<Row>, Failure> {
        let sql = "SELECT name, body, trial, changed_ms, key FROM documents JOIN experiments ON name = id \
                   WHERE kind = ?1 AND (?2 IS NULL OR name = ?2) ORDER BY name";
        self.storage.query(sql, &cells![KIND, id])
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
        let running = |(_, trial): (&Definition, &mut Trial)| trial.key == *run && trial.ended.is_none() && *arm < trial.arms.len();
        // Notes are told again when the reply to them was lost.
        if !self.lab.trial(experiment).is_some_and(running) || !self.answered_by(answer)?.is_empty() {
            return Ok(());
        }
        let alias = self.alias(user.as_deref())?;
        let known = self.arms_of(experiment, subject)?;
        let first = known.is_empty();
        let own = known.into_iter().find(|(other, _)| other == arm).map(|(_, parts)| parts);
        let new = own.is_none();
        let mut parts = own.unwrap_or_default();
        let mut told = values.clone();
        let (now_ms, weight) = (self.now_ms, weight(*arm, shares));
        let Some((definition, trial)) = self.lab.trial(experiment) else { return Ok(()) };
        trial.count(*arm, new, first.then_some(shares));
        told.extend(definition.silent().map(|metric| (metric, 0.0)));
        for (metric, value) in &told {
            let change = Change { metric: *metric, before: None, after: Some(*value), weight, answered_ms: now_ms };
            trial.observe(definition, *arm, &mut parts, &change, now_ms);
        }
        let told = serde_json::to_string(&layout::told_written(weight, &told))?;
        self.batch.add(
            "INSERT OR REPLACE INTO experiment_answers (answer, experiment, subject, arm, alias, at_ms, told) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            cells![answer, experiment, subject, place_of(*arm), &alias, now_ms, told],
        );
        self.lab.keep(Subject { experiment: experiment.clone(), name: subject.clone(), arm: *arm, alias, parts });
        self.stale_from(now_ms.saturating_add(TOLD_WITHIN_MS));
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
        let rows = self.answered_by(answer)?;
        let Some(row) = rows.first().filter(|row| experiment.is_none_or(|experiment| experiment == row.text(0))) else {
            return Ok(false);
        };
        let (experiment, subject, arm, answered_ms) = (row.text(0), row.text(1), arm_of(row, 2), row.number(5));
        let (weight, mut told) = layout::told_read(&numbers(row, 4)?);
        self.take_to_bench(experiment)?;
        let own = self.arms_of(experiment, subject)?.into_iter().find(|(other, _)| *other == arm);
        let Some((_, mut parts)) = own else { return Ok(false) };
        let now_ms = self.now_ms;
        let Some((definition, trial)) = self.lab.trial(experiment) else { return Ok(false) };
        for (metric, value) in values {
            let before = told.iter().position(|(other, _)| other == metric).map(|place| told.swap_remove(place).1);
            told.push((*metric, *value));
            let change = Change { metric: *metric, before, after: Some(*value), weight, answered_ms };
            trial.observe(definition, arm, &mut parts, &change, now_ms);
        }
        let (experiment, name, alias) = (experiment.to_owned(), subject.to_owned(), row.text(3).to_owned());
        self.lab.keep(Subject { experiment, name, arm, alias, parts });
        let told = serde_json::to_string(&layout::told_written(weight, &told))?;
        self.batch.add("UPDATE experiment_answers SET told = ?2 WHERE answer = ?1", cells![answer, told]);
        Ok(true)
    }

    /// Looks at what was seen, and writes it. Whether isolates have to know something else from now on.
    pub(super) fn conclude_experiments(&mut self) -> Result<bool, Failure> {
        let Bench { trials, subjects } = std::mem::take(&mut self.lab);
        let mut copy = false;
        for (id, definition, mut trial) in trials {
            if trial.renew(&definition, self.now_ms) {
                copy = true;
                self.tell_end(&id, &definition, &trial)?;
            }
            self.keep_trial(&id, &trial)?;
        }
        for Subject { experiment, name, arm, alias, parts } in subjects {
            let parts = serde_json::to_string(&layout::parts_written(&parts))?;
            // Who was known by name stays so, when a call names the same subject in another way.
            self.batch.add(
                "INSERT INTO experiment_subjects (experiment, subject, arm, alias, parts) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE \
                 SET parts = excluded.parts, alias = CASE excluded.alias WHEN '' THEN alias ELSE excluded.alias END",
                cells![experiment, name, place_of(arm), alias, parts],
            );
        }
        Ok(copy)
    }

    /// Takes out what an end user has brought to experiments, whichever way calls have named them. Returns how many rows of subjects there were.
    pub(super) fn forget_in_experiments(&mut self, user: &str, alias: &str) -> Result<u64, Failure> {
        let mut removed = 0_u64;
        for (id, subject) in self.subject_names(user)? {
            self.take_to_bench(&id)?;
            let now_ms = self.now_ms;
            let answers = self.storage.query(
                "SELECT arm, told, at_ms FROM experiment_answers WHERE experiment = ?1 AND (subject = ?2 OR alias <> '' AND alias = ?3)",
                &cells![&id, &subject, alias],
            )?;
            let subjects = self.storage.query(
                "SELECT arm, parts FROM experiment_subjects WHERE experiment = ?1 AND (subject = ?2 OR alias <> '' AND alias = ?3)",
                &cells![&id, &subject, alias],
            )?;
            let Some((definition, trial)) = self.lab.trial(&id) else { continue };
            for row in &answers {
                let (weight, told) = layout::told_read(&numbers(row, 1)?);
                for (metric, value) in told {
                    let change = Change { metric, before: Some(value), after: None, weight, answered_ms: row.number(2) };
                    trial.withdraw(definition, arm_of(row, 0), &change, now_ms);
                }
            }
            for row in &subjects {
                trial.forget(arm_of(row, 0), &layout::parts_read(&numbers(row, 1)?));
            }
            trial.subjects = trial.subjects.saturating_sub(u64::from(!subjects.is_empty()));
            removed = removed.saturating_add(u64::try_from(subjects.len()).unwrap_or(u64::MAX));
            for table in ["experiment_answers", "experiment_subjects"] {
                self.batch.add(
                    format!("DELETE FROM {table} WHERE experiment = ?1 AND (subject = ?2 OR alias <> '' AND alias = ?3)"),
                    cells![&id, &subject, alias],
                );
            }
        }
        for (id, _, trial) in std::mem::take(&mut self.lab).trials {
            self.keep_trial(&id, &trial)?;
        }
        Ok(removed)
    }

    /// What is known of an end user in experiments: `[{"experiment", "arm", "values"}]`.
    pub(super) fn experiments_of(&mut self, user: &str, alias: &str) -> Result<Vec<Value>, Failure> {
        let mut told = Vec::new();
        for (id, subject) in self.subject_names(user)? {
            let rows = self.storage.query(
                "SELECT arm, parts FROM experiment_subjects WHERE experiment = ?1 AND (subject = ?2 OR alias <> '' AND alias = ?3) ORDER BY arm",
                &cells![&id, &subject, alias],
            )?;
            for row in &rows {
                let definition = self.bench(&id)?.map(|(definition, _)| definition);
                let arm = definition.and_then(|definition| definition.arms.get(arm_of(row, 0)).map(|arm| arm.name.clone()));
                let parts = layout::parts_read(&numbers(row, 1)?);
                let values: Vec<Value> =
                    parts.iter().map(|(metric, part)| json!({"metric": metric, "values": part.values, "sum": part.sum})).collect();
                told.push(json!({"experiment": id, "arm": arm, "values": values}));
            }
        }
        Ok(told)
    }

    /// How a person is called in each experiment, who names them as their calls did.
    fn subject_names(&self, user: &str) -> Result<Vec<(String, String)>, Failure> {
        let rows = self.storage.query("SELECT id, key FROM experiments ORDER BY id", &[])?;
        Ok(rows.iter().map(|row| (row.text(0).to_owned(), Draw::of(row.text(1), user).name())).collect())
    }

    /// The answer of a name, while something may be told of it: experiment, subject, arm, alias, what was told, when it was given.
    fn answered_by(&self, answer: &str) -> Result<Vec<Row>, Failure> {
        let sql = "SELECT experiment, subject, arm, alias, told, at_ms FROM experiment_answers WHERE answer = ?1 AND at_ms > ?2";
        self.storage.query(sql, &cells![answer, self.now_ms.saturating_sub(TOLD_WITHIN_MS)])
    }

    /// Removes answers of which nothing may be told any more, and the oldest of too many.
    pub(super) fn tidy_experiments(&mut self) {
        let stale = self.now_ms.saturating_sub(TOLD_WITHIN_MS);
        self.batch.add("DELETE FROM experiment_answers WHERE at_ms <= ?1", cells![stale]);
        self.batch.add(
            "DELETE FROM experiment_answers WHERE at_ms < (SELECT at_ms FROM experiment_answers ORDER BY at_ms DESC LIMIT 1 OFFSET ?1)",
            cells![MOST_ANSWERS],
        );
    }

    fn take_to_bench(&mut self, id: &str) -> Result<(), Failure> {
        if self.lab.trial(id).is_none()
            && let Some((definition, trial)) = self.bench(id)?
        {
            self.lab.trials.push((id.to_owned(), definition, trial));
        }
        Ok(())
    }

    /// An experiment as it is stored.
    fn bench(&self, id: &str) -> Result<Option<(Definition, Trial)>, Failure> {
        Ok(self.stored(Some(id))?.first().and_then(read))
    }

    /// What a subject has brought, by arm: as this message has it, else as it is stored.
    fn arms_of(&self, experiment: &str, subject: &str) -> Result<Vec<(usize, Parts)>, Failure> {
        let theirs = self.lab.subjects.iter().filter(|one| one.experiment == experiment && one.name == subject);
        let mut arms: Vec<(usize, Parts)> = theirs.map(|one| (one.arm, one.parts.clone())).collect();
        let sql = "SELECT arm, parts FROM experiment_subjects WHERE experiment = ?1 AND subject = ?2";
        for row in self.storage.query(sql, &cells![experiment, subject])? {
            let arm = arm_of(&row, 0);
            if !arms.iter().any(|(other, _)| *other == arm) {
                arms.push((arm, layout::parts_read(&numbers(&row, 1)?)));
            }
        }
        Ok(arms)
    }

    fn keep_trial(&mut self, id: &str, trial: &Trial) -> Result<(), Failure> {
        let numbers = serde_json::to_string(&layout::written(trial))?;
        self.batch.add("INSERT OR REPLACE INTO experiments (id, key, trial) VALUES (?1, ?2, ?3)", cells![id, &trial.key, numbers]);
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
        let details = json!({"name": id, "arm": arm, "reason": ended.reason.name()});
        self.append(&Event { what: "experiment_ended".to_owned(), who: String::new(), user: None, details }).map(drop)
    }
}

/// A definition and its trial; none when another version has written them: notes of calls must not fail for it.
fn read(row: &Row) -> Option<(Definition, Trial)> {
    let trial: Vec<f64> = typed::read(row.text(2)).ok()?;
    typed::read(row.text(1)).ok().zip(layout::read(row.text(4), &trial))
}

fn numbers(row: &Row, column: usize) -> Result<Vec<f64>, Failure> {
    Ok(typed::read(row.text(column))?)
}

fn arm_of(row: &Row, column: usize) -> usize {
    usize::try_from(row.number(column)).unwrap_or(usize::MAX)
}

fn place_of(arm: usize) -> u64 {
    u64::try_from(arm).unwrap_or(u64::MAX)
}
