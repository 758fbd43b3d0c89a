//! The campaigns of a tenant's store. A course is a row, its texts are rows beside it, sealed; what happens to it is decided by
//! `content::campaign::course`, and written in the same turn.

use serde_json::{Value, json};

use super::message::Asked;
use crate::admission::record::Region;
use crate::batches::message::Work;
use crate::batches::store::{Store, done, refused, said};
use crate::content::campaign::course::{Course, News, Task};
use crate::ledger::books::Reply;
use crate::ledger::storage::{Cell, Failure, Storage, cells};
use crate::protocol::json::typed;

/// The tables of campaigns.
pub const TABLES: [&str; 3] = [
    // `due_ms` is when something has to be done, its removal included.
    "CREATE TABLE IF NOT EXISTS campaigns (id TEXT PRIMARY KEY, created_ms INTEGER NOT NULL, open INTEGER NOT NULL, due_ms INTEGER NOT NULL, \
     course TEXT NOT NULL) WITHOUT ROWID",
    // The plan, the strategy and, by the numbers of their slots, posts.
    "CREATE TABLE IF NOT EXISTS campaign_texts (campaign TEXT NOT NULL, name TEXT NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (campaign, name))",
    "CREATE TABLE IF NOT EXISTS campaign_events (campaign TEXT NOT NULL, seq INTEGER NOT NULL, event TEXT NOT NULL, data TEXT NOT NULL, \
     PRIMARY KEY (campaign, seq)) WITHOUT ROWID",
];

/// When a campaign that has ended is removed, in ms since 1970.
fn removed_ms(course: &Course) -> u64 {
    course.ended_ms.unwrap_or(course.created_ms).saturating_add(course.kept_ms)
}

/// How many events a reply carries.
const REPLY_EVENTS: u64 = 100;

impl<S: Storage> Store<S> {
    pub(crate) fn campaign(&mut self, asked: Asked, bytes: &[u8]) -> Result<Reply, Failure> {
        let now_ms = self.now_ms;
        Ok(match asked {
            Asked::Create { course } => {
                let mut course = Course::read(&course).ok_or_else(|| Failure("no course of a campaign".to_owned()))?;
                if let Some(known) = self.course(&course.id)? {
                    return self.shown_campaign(&known, false, Some("exists"));
                }
                course.begin(now_ms);
                let sql = "INSERT INTO campaigns (id, created_ms, open, due_ms, course) VALUES (?1, ?2, 1, 0, '')";
                self.batch.add(sql, cells![&course.id, now_ms]);
                self.put_text(&course.id, "plan", bytes);
                self.keep_course(&mut course)?;
                self.flush()?;
                self.shown_campaign(&course, false, None)?
            }
            Asked::Show { id, posts } => match self.course(&id)? {
                Some(course) => self.shown_campaign(&course, posts, None)?,
                None => said(refused("unknown")),
            },
            Asked::List { after, limit } => self.list_campaigns(after, limit)?,
            Asked::Events { id, after } => self.events(&id, after)?,
            Asked::Delete { id } => {
                let Some(mut course) = self.course(&id)? else { return Ok(said(refused("unknown"))) };
                if course.status.is_final() {
                    self.remove_campaign(&id);
                    return Ok(said(json!({"deleted": true})));
                }
                course.cancel(now_ms);
                self.keep_course(&mut course)?;
                self.flush()?;
                self.shown_campaign(&course, true, None)?
            }
            Asked::Claim { id, lease_ms, room, landings } => {
                let Some(mut course) = self.course(&id)? else { return Ok(said(json!({"task": "stop"}))) };
                let mut from = 0_usize;
                for (landing, sealed) in landings {
                    let to = from.saturating_add(sealed);
                    let piece = bytes.get(from..to).ok_or_else(|| Failure("a post is cut short".to_owned()))?;
                    from = to;
                    let slot = landing.slot.to_string();
                    if course.bring(now_ms, landing) {
                        self.put_text(&id, &slot, piece);
                    }
                }
                let lease = self.new_id("");
                let task = course.claim(now_ms, &lease, lease_ms, room);
                self.keep_course(&mut course)?;
                self.flush()?;
                self.told_task(&course, &task, &lease)?
            }
            Asked::Planned { id, lease, landed } => {
                let Some(mut course) = self.course(&id)? else { return Ok(said(done())) };
                if course.planned(now_ms, &lease, landed) {
                    self.put_text(&id, "strategy", bytes);
                }
                self.keep_course(&mut course)?;
                said(done())
            }
            Asked::Reviewed { id, lease, alike } => {
                let Some(mut course) = self.course(&id)? else { return Ok(said(done())) };
                course.reviewed(now_ms, &lease, &alike);
                self.keep_course(&mut course)?;
                said(done())
            }
            Asked::Stop { id, code, message } => {
                let Some(mut course) = self.course(&id)? else { return Ok(said(done())) };
                course.stop(now_ms, &code, &message);
                self.keep_course(&mut course)?;
                said(done())
            }
        })
    }

    fn course(&self, id: &str) -> Result<Option<Course>, Failure> {
        let rows = self.storage.query("SELECT course FROM campaigns WHERE id = ?1", &cells![id])?;
        let Some(row) = rows.first() else { return Ok(None) };
        let course = Course::read(&typed::read(row.text(0))?);
        course.map(Some).ok_or_else(|| Failure("a campaign is of another version".to_owned()))
    }

    fn put_text(&mut self, id: &str, name: &str, bytes: &[u8]) {
        let sql = "INSERT INTO campaign_texts (campaign, name, bytes) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET bytes = excluded.bytes";
        self.batch.add(sql, cells![id, name, bytes.to_vec()]);
    }

    /// Writes how a campaign is and what has happened, and sends for workers.
    fn keep_course(&mut self, course: &mut Course) -> Result<(), Failure> {
        let ended = course.status.is_final();
        let mut news = std::mem::take(&mut course.news);
        if news.iter().any(|news| matches!(news, News::Post(_) | News::SlotFailed(_))) {
            // Before the last word, if that was spoken.
            let at = news.iter().position(|news| *news == News::Status && ended).unwrap_or(news.len());
            news.insert(at, News::Progress);
        }
        if !news.is_empty() {
            let rows = self.storage.query("SELECT MAX(seq) FROM campaign_events WHERE campaign = ?1", &cells![&course.id])?;
            let mut seq = rows.first().and_then(|row| row.maybe_number(0)).unwrap_or_default();
            for news in news {
                seq = seq.saturating_add(1);
                let (event, data) = self.told_news(course, news);
                let sql = "INSERT INTO campaign_events (campaign, seq, event, data) VALUES (?1, ?2, ?3, ?4)";
                self.batch.add(sql, cells![&course.id, seq, event, data.to_string()]);
            }
        }
        let region = course.region.as_deref().and_then(Region::named);
        for _ in 0..std::mem::take(&mut course.messages) {
            let work = Work { tenant: course.tenant.clone(), region, batch: course.id.clone(), part: 1 };
            self.send_work(&work, 0);
        }
        let removed_ms = removed_ms(course);
        let due_ms = course.due_ms().map_or(removed_ms, |due| if ended { due.min(removed_ms) } else { due });
        let sql = "UPDATE campaigns SET open = ?2, due_ms = ?3, course = ?4 WHERE id = ?1";
        self.batch.add(sql, cells![&course.id, u64::from(!ended), due_ms, course.written().to_string()]);
        Ok(())
    }

    fn told_news(&self, course: &Course, news: News) -> (&'static str, Value) {
        match news {
            News::Status => {
                let error = course.error.as_ref().map(|(code, message)| json!({"code": code, "message": message}));
                ("status", json!({"status": course.status.name(), "error": error}))
            }
            News::Strategy => ("strategy", json!({})),
            News::Post(slot) => {
                let rewritten = course.slots.get(slot).is_some_and(|slot| slot.rewritten);
                ("post", json!({"slot": slot, "rewritten": rewritten}))
            }
            News::SlotFailed(slot) => {
                let ended = course.slots.get(slot);
                let (state, code) = ended.map_or(("failed", None), |slot| (slot.state.name(), slot.code.clone()));
                ("slot_failed", json!({"slot": slot, "status": state, "code": code}))
            }
            News::Progress => {
                let counts = course.counts();
                let left = counts.queued.saturating_add(counts.running);
                let total = u64::try_from(course.slots.len()).unwrap_or(u64::MAX);
                (
                    "progress",
                    json!({
                        "phase": course.phase.name(), "done": total.saturating_sub(left), "of": total, "ready": counts.ready,
                        "eta_ms": course.left_ms(self.now_ms), "spent_micro_dollars": course.spent,
                    }),
                )
            }
        }
    }

    /// A campaign as JSON, with names and sizes of the texts that lie beside.
    fn shown_campaign(&self, course: &Course, posts: bool, error: Option<&str>) -> Result<Reply, Failure> {
        let sql = "SELECT name FROM campaign_texts WHERE campaign = ?1 AND (?2 = 1 OR name IN ('plan', 'strategy')) ORDER BY name";
        let rows = self.storage.query(sql, &cells![&course.id, u64::from(posts)])?;
        let names: Vec<String> = rows.iter().map(|row| row.text(0).to_owned()).collect();
        let (texts, bytes) = self.texts(&course.id, &names)?;
        let left_ms = course.left_ms(self.now_ms);
        Ok(Reply { bytes: Some(bytes), ..said(json!({"course": course.written(), "texts": texts, "left_ms": left_ms, "known": error})) })
    }

    /// Texts of a campaign: their names and sizes, and the bytes of all.
    fn texts(&self, id: &str, names: &[String]) -> Result<(Vec<Value>, Vec<u8>), Failure> {
        let (mut texts, mut bytes) = (Vec::new(), Vec::new());
        for name in names {
            let text = self.blob("SELECT bytes FROM campaign_texts WHERE campaign = ?1 AND name = ?2", &cells![id, name])?;
            if !text.is_empty() {
                texts.push(json!([name, text.len()]));
                bytes.extend(text);
            }
        }
        Ok((texts, bytes))
    }

    fn list_campaigns(&self, after: Option<String>, limit: u64) -> Result<Reply, Failure> {
        let sql = "SELECT id FROM campaigns WHERE ?1 IS NULL OR (created_ms, id) < (SELECT created_ms, id FROM campaigns WHERE id = ?1) \
                   ORDER BY created_ms DESC, id DESC LIMIT ?2";
        let rows = self.storage.query(sql, &cells![after, limit.saturating_add(1)])?;
        let kept = usize::try_from(limit).unwrap_or(usize::MAX);
        let (mut campaigns, mut bytes) = (Vec::new(), Vec::new());
        for row in rows.iter().take(kept) {
            let Some(course) = self.course(row.text(0))? else { continue };
            let (texts, of_it) = self.texts(&course.id, &["plan".to_owned()])?;
            bytes.extend(of_it);
            campaigns.push(json!({"course": course.written(), "texts": texts, "left_ms": course.left_ms(self.now_ms)}));
        }
        Ok(Reply { bytes: Some(bytes), ..said(json!({"campaigns": campaigns, "more": rows.len() > kept})) })
    }

    fn events(&self, id: &str, after: u64) -> Result<Reply, Failure> {
        let Some(course) = self.course(id)? else { return Ok(said(refused("unknown"))) };
        let sql = "SELECT seq, event, data FROM campaign_events WHERE campaign = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
        let rows = self.storage.query(sql, &cells![id, after, REPLY_EVENTS])?;
        let (mut events, mut names) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in &rows {
            let data: Value = typed::read(row.text(2))?;
            let name = match row.text(1) {
                "strategy" => Some("strategy".to_owned()),
                "post" => data.get("slot").map(Value::to_string),
                _ => None,
            };
            names.extend(name.filter(|name| !names.contains(name)));
            events.push(json!([row.number(0), row.text(1), data]));
        }
        let (texts, bytes) = self.texts(id, &names)?;
        let more = u64::try_from(rows.len()).is_ok_and(|rows| rows >= REPLY_EVENTS);
        let ended = course.status.is_final() && !more;
        Ok(Reply { bytes: Some(bytes), ..said(json!({"events": events, "texts": texts, "ended": ended, "more": more})) })
    }

    fn told_task(&self, course: &Course, task: &Task, lease: &str) -> Result<Reply, Failure> {
        let (name, slots) = match task {
            Task::Plan => ("plan", &[][..]),
            Task::Write(slots) => ("write", slots.as_slice()),
            Task::Review => ("review", &[][..]),
            Task::Rest => ("rest", &[][..]),
            Task::Stop => ("stop", &[][..]),
        };
        let given: Vec<Value> = slots
            .iter()
            .filter_map(|place| course.slots.get(*place).map(|slot| json!({"slot": place, "tries": slot.tries, "unlike": slot.unlike})))
            .collect();
        let mut names: Vec<String> = Vec::new();
        for place in slots {
            let unlike = course.slots.get(*place).and_then(|slot| slot.unlike).map(|place| place.to_string());
            names.extend(unlike.filter(|name| !names.contains(name)));
        }
        if *task == Task::Review {
            let ready = course.slots.iter().enumerate().filter(|(_, slot)| slot.written);
            names.extend(ready.map(|(place, _)| place.to_string()));
        }
        if matches!(task, Task::Write(_)) {
            names.push("strategy".to_owned());
        }
        let (texts, bytes) = self.texts(&course.id, &names)?;
        let told = json!({"task": name, "lease": lease, "slots": given, "texts": texts, "hold": course.budget.map(|_| course.holds.1)});
        Ok(Reply { bytes: Some(bytes), ..said(told) })
    }

    /// Goes on with what is due, and removes what has been kept long enough.
    pub(crate) fn campaigns_due(&mut self) -> Result<(), Failure> {
        for row in self.storage.query("SELECT id FROM campaigns WHERE due_ms <= ?1", &cells![self.now_ms])? {
            let Some(mut course) = self.course(row.text(0))? else { continue };
            if course.status.is_final() && removed_ms(&course) <= self.now_ms {
                self.remove_campaign(&course.id);
                continue;
            }
            course.go_on(self.now_ms);
            self.keep_course(&mut course)?;
        }
        Ok(())
    }

    fn remove_campaign(&mut self, id: &str) {
        for sql in [
            "DELETE FROM campaigns WHERE id = ?1",
            "DELETE FROM campaign_texts WHERE campaign = ?1",
            "DELETE FROM campaign_events WHERE campaign = ?1",
        ] {
            self.batch.add(sql, vec![Cell::from(id)]);
        }
    }

    /// How many campaigns are open.
    pub(crate) fn open_campaigns(&self) -> Result<u64, Failure> {
        Ok(self.storage.query("SELECT COUNT(*) FROM campaigns WHERE open = 1", &[])?.first().map_or(0, |row| row.number(0)))
    }

    /// Removes the texts of all campaigns, and ends those that are open; or removes all of them. How many posts there were.
    pub(crate) fn erase_campaigns(&mut self, all: bool) -> Result<u64, Failure> {
        let sql = "SELECT COUNT(*) FROM campaign_texts WHERE name NOT IN ('plan', 'strategy')";
        let posts = self.storage.query(sql, &[])?.first().map_or(0, |row| row.number(0));
        for row in self.storage.query("SELECT id FROM campaigns", &[])? {
            let Some(mut course) = self.course(row.text(0))? else { continue };
            if all {
                self.remove_campaign(&course.id);
                continue;
            }
            course.stop(self.now_ms, "data_erased", "The tenant's stored data was erased.");
            for slot in &mut course.slots {
                slot.written = false;
            }
            self.keep_course(&mut course)?;
        }
        self.batch.add("DELETE FROM campaign_texts", Vec::new());
        Ok(posts)
    }
}
