//! What the alarm does: ends leases, removes what is stale, and what is older than the tenant lets it become.

use super::books::Books;
use super::calendar::day_of;
use super::experiments::TOLD_WITHIN_MS;
use super::storage::{Failure, Storage, cells};
use super::terms::Span;

/// What was spent is asked for by month; older days than these are not needed.
const SPENT_DAYS: u64 = 62;

impl<S: Storage> Books<S> {
    pub(super) fn tidy(&mut self) -> Result<(), Failure> {
        self.end_leases()?;
        let now_ms = self.now_ms;
        let stale = self.next_stale_ms.is_some_and(|stale_ms| stale_ms <= now_ms);
        if stale {
            self.cleaned_ms = now_ms;
            self.batch.add("DELETE FROM slots WHERE until_ms <= ?1", cells![now_ms]);
            let sql = "DELETE FROM answer_parts WHERE call IN (SELECT call FROM answers WHERE until_ms <= ?1)";
            self.batch.add(sql, cells![now_ms]);
            self.batch.add("DELETE FROM answers WHERE until_ms <= ?1", cells![now_ms]);
            self.tidy_given()?;
            self.tidy_experiments();
            self.batch.add("DELETE FROM spent WHERE day < ?1", cells![day_of(now_ms).saturating_sub(SPENT_DAYS)]);
            self.windows.retain(|_, window| window.used(now_ms) > 0);
        }
        let retention = self.tenant.retention;
        let mut removed = false;
        if let (Some(Span(ms)), Some(oldest_ms)) = (retention.audit, self.oldest_entry_ms)
            && oldest_ms.saturating_add(ms) <= now_ms
        {
            self.shorten(now_ms.saturating_sub(ms))?;
            removed = true;
        }
        if let (Some(Span(ms)), Some(oldest_day)) = (retention.usage, self.oldest_usage_day) {
            // A day goes when all of it is old enough.
            let stays = day_of(now_ms.saturating_sub(ms));
            if oldest_day < stays {
                self.batch.add("DELETE FROM usage WHERE day < ?1", cells![stays]);
                removed = true;
            }
        }
        if stale || removed {
            // Persons of whom nothing else is known, such as those whose calls were kept nowhere and whose limits are free again. A union has
            // five terms at the most in the runtime's SQLite.
            self.batch.add(
                // In two parts: the runtime's SQLite takes five of a UNION.
                "DELETE FROM persons WHERE alias NOT IN (SELECT alias FROM usage UNION SELECT alias FROM audit UNION \
                 SELECT alias FROM slots UNION SELECT alias FROM answers UNION SELECT json_extract(record, '$.alias') FROM reservations) \
                 AND alias NOT IN (SELECT alias FROM given UNION SELECT alias FROM feedback UNION SELECT alias FROM experiment_subjects)",
                Vec::new(),
            );
            self.aliases.clear();
        }
        if stale || removed {
            // What is left is read from the database, so what goes has to go first; it is one turn, and so one transaction, all the same.
            self.storage.write(&self.batch, None)?;
            self.batch.0.clear();
            self.look_for_the_oldest()?;
        }
        Ok(())
    }

    /// Finds out what the next alarm has to wait for.
    pub(super) fn look_for_the_oldest(&mut self) -> Result<(), Failure> {
        let sql = "SELECT (SELECT at_ms FROM audit ORDER BY number LIMIT 1), (SELECT MIN(day) FROM usage), \
                   (SELECT MIN(until_ms) FROM slots), (SELECT MIN(until_ms) FROM answers), (SELECT MIN(at_ms) FROM given), \
                   (SELECT MIN(changed_ms) FROM feedback), (SELECT MIN(at_ms) FROM experiment_answers)";
        if let Some(row) = self.storage.query(sql, &[])?.first() {
            self.oldest_entry_ms = row.maybe_number(0);
            self.oldest_usage_day = row.maybe_number(1);
            let given = row.maybe_number(4).map(|at_ms| at_ms.saturating_add(self.given_ms()));
            let feedback = self.feedback_stale_ms(row.maybe_number(5));
            let in_experiments = row.maybe_number(6).map(|at_ms| at_ms.saturating_add(TOLD_WITHIN_MS));
            self.next_stale_ms = [row.maybe_number(2), row.maybe_number(3), given, feedback, in_experiments].into_iter().flatten().min();
        }
        Ok(())
    }
}
