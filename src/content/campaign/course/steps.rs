//! The steps of a campaign: work is claimed and brought back, paid for, tried again, and comes to its end.

use super::{
    AGAIN_MS, AT_ONCE, Counts, Course, LONGEST_MS, Landed, Landing, Lease, MOST_WORKERS, News, Phase, Room, SENT_MS, Slot, State, Status,
    TRIES, Task,
};

impl Course {
    /// Begins: the queue gets its first message.
    pub fn begin(&mut self, now_ms: u64) {
        self.created_ms = now_ms;
        self.news.push(News::Status);
        self.nudge(now_ms);
    }

    /// What is held for work that is under way, in micro-dollars.
    pub fn held(&self) -> u64 {
        let leases = self.slots.iter().filter_map(|slot| slot.lease.as_ref()).chain(&self.desk);
        leases.fold(0, |sum, lease| sum.saturating_add(lease.held))
    }

    fn room(&self, most: u64) -> Room {
        let Some(budget) = self.budget else { return Room::Enough };
        let held = self.held();
        if self.spent.saturating_add(held).saturating_add(most) <= budget {
            Room::Enough
        } else if held > 0 {
            // What is under way mostly costs less than is held for it.
            Room::Later
        } else {
            Room::Never
        }
    }

    /// Takes work: at most so many slots, under the lease's name, for so long.
    pub fn claim(&mut self, now_ms: u64, lease: &str, lease_ms: u64, room: u64) -> Task {
        self.go_on(now_ms);
        if self.status.is_final() {
            return Task::Stop;
        }
        if self.paused_ms > now_ms || room == 0 {
            return Task::Rest;
        }
        if self.status == Status::Queued {
            self.status = Status::Running;
            self.started_ms = Some(now_ms);
            self.news.push(News::Status);
        }
        let taken = |held| Some(Lease { id: lease.to_owned(), until_ms: now_ms.saturating_add(lease_ms), held });
        let task = match self.phase {
            Phase::Planning | Phase::Reviewing if self.desk.is_some() => Task::Rest,
            // Tries before may have cost something.
            Phase::Planning if !matches!(self.room(self.holds.0), Room::Enough) => {
                self.stop(now_ms, "budget", "The budget was spent on tries of the strategy. Allow more.");
                Task::Stop
            }
            Phase::Planning => {
                self.desk_tries = self.desk_tries.saturating_add(1);
                self.desk = taken(self.holds.0);
                Task::Plan
            }
            Phase::Reviewing => {
                self.desk_tries = self.desk_tries.saturating_add(1);
                self.desk = taken(0);
                Task::Review
            }
            Phase::Writing => {
                let mut given = Vec::new();
                for place in 0..self.slots.len() {
                    let open = |slot: &&Slot| slot.state == State::Waiting && slot.lease.is_none() && slot.not_before_ms <= now_ms;
                    if u64::try_from(given.len()).is_ok_and(|given| given >= room)
                        || self.slots.get(place).as_ref().is_none_or(|slot| !open(slot))
                    {
                        continue;
                    }
                    match self.room(self.holds.1) {
                        Room::Enough => {}
                        Room::Later => break,
                        Room::Never => {
                            self.give_up(place, State::Skipped, "budget");
                            continue;
                        }
                    }
                    let held = if self.budget.is_some() { self.holds.1 } else { 0 };
                    if let Some(slot) = self.slots.get_mut(place) {
                        slot.tries = slot.tries.saturating_add(1);
                        slot.lease = taken(held);
                        given.push(place);
                    }
                }
                self.go_on(now_ms);
                if given.is_empty() && self.phase == Phase::Reviewing {
                    // The last ones had no room in the budget.
                    return self.claim(now_ms, lease, lease_ms, room);
                }
                if given.is_empty() { Task::Rest } else { Task::Write(given) }
            }
        };
        if task != Task::Rest {
            // Somebody is at work, and comes back for what is left.
            self.sent_ms = self.sent_ms.max(now_ms.saturating_add(SENT_MS));
        }
        self.go_on(now_ms);
        if self.status.is_final() { Task::Stop } else { task }
    }

    fn pay(&mut self, place: Option<usize>, held: u64, cost: Option<u64>) {
        let cost = match cost {
            Some(cost) => cost,
            None if self.budget.is_some() => held,
            None => {
                self.unpriced = true;
                0
            }
        };
        self.spent = self.spent.saturating_add(cost);
        if let Some(slot) = place.and_then(|place| self.slots.get_mut(place)) {
            slot.spent = slot.spent.saturating_add(cost);
        }
    }

    /// A slot ends without a new post; the one that it has stays.
    fn give_up(&mut self, place: usize, state: State, code: &str) {
        let Some(slot) = self.slots.get_mut(place) else { return };
        slot.unlike = None;
        if slot.written {
            slot.state = State::Ready;
            return;
        }
        slot.state = state;
        slot.code = Some(code.to_owned());
        self.news.push(News::SlotFailed(place));
    }

    /// Takes back a piece of work: whether its post is the slot's from now on.
    pub fn bring(&mut self, now_ms: u64, landing: Landing) -> bool {
        let Landing { slot: place, lease, landed } = landing;
        let Some(slot) = self.slots.get_mut(place) else { return false };
        let Some(lease) = slot.lease.take_if(|held| held.id == lease) else { return false };
        let open = slot.state == State::Waiting;
        match landed {
            Landed::Done { cost, degraded } => {
                if open {
                    (slot.state, slot.code, slot.rewritten) = (State::Ready, degraded, slot.unlike.is_some());
                    (slot.unlike, slot.written) = (None, true);
                    self.news.push(News::Post(place));
                }
                self.pay(Some(place), lease.held, cost);
                return open;
            }
            Landed::Failed { code, again, cost } => {
                let tries = slot.tries;
                self.pay(Some(place), lease.held, cost);
                if open {
                    if again && tries < TRIES {
                        self.try_again(now_ms, place);
                    } else {
                        self.give_up(place, State::Failed, &code);
                    }
                }
            }
            Landed::Wait { ms, cost } => {
                // It must not run out of tries by waiting.
                slot.tries = slot.tries.saturating_sub(1);
                self.pay(Some(place), lease.held, Some(cost));
                self.wait(now_ms, ms);
            }
            Landed::Refused => {
                slot.tries = slot.tries.saturating_sub(1);
                self.stop(
                    now_ms,
                    "key_not_accepted",
                    "The key that made the campaign is no longer accepted: it was revoked, has expired or was replaced.",
                );
            }
        }
        false
    }

    fn try_again(&mut self, now_ms: u64, place: usize) {
        let Some(slot) = self.slots.get_mut(place) else { return };
        let wait_ms = AGAIN_MS.saturating_mul(4_u64.saturating_pow(u32::from(slot.tries.saturating_sub(1))));
        slot.not_before_ms = now_ms.saturating_add(wait_ms);
        self.sent_ms = self.sent_ms.min(slot.not_before_ms);
    }

    fn wait(&mut self, now_ms: u64, ms: u64) {
        self.paused_ms = self.paused_ms.max(now_ms.saturating_add(ms));
        self.sent_ms = self.sent_ms.min(self.paused_ms);
    }

    /// What came of the strategy.
    pub fn planned(&mut self, now_ms: u64, lease: &str, landed: Landed) -> bool {
        if self.status.is_final() || self.phase != Phase::Planning {
            return false;
        }
        let Some(held) = self.desk.take_if(|desk| desk.id == lease) else { return false };
        let mut done = false;
        match landed {
            Landed::Done { cost, .. } => {
                self.pay(None, held.held, cost);
                self.phase = Phase::Writing;
                self.writing_ms = Some(now_ms);
                self.desk_tries = 0;
                self.news.push(News::Strategy);
                self.sent_ms = 0;
                done = true;
            }
            Landed::Failed { code, again, cost } => {
                self.pay(None, held.held, cost);
                if again && self.desk_tries < TRIES {
                    self.wait(now_ms, AGAIN_MS);
                } else {
                    self.stop(now_ms, &code, "The strategy was refused, as every post would be. See `code`.");
                }
            }
            Landed::Wait { ms, cost } => {
                self.pay(None, held.held, Some(cost));
                self.desk_tries = self.desk_tries.saturating_sub(1);
                self.wait(now_ms, ms);
            }
            Landed::Refused => {
                self.stop(now_ms, "key_not_accepted", "The key that made the campaign is no longer accepted.");
            }
        }
        self.go_on(now_ms);
        done
    }

    /// Which posts say what an earlier one says. The first time they are written anew.
    pub fn reviewed(&mut self, now_ms: u64, lease: &str, alike: &[(usize, usize)]) {
        if self.status.is_final() || self.phase != Phase::Reviewing || self.desk.take_if(|desk| desk.id == lease).is_none() {
            return;
        }
        self.desk_tries = 0;
        if self.revised || alike.is_empty() {
            for (place, of) in alike {
                if let Some(slot) = self.slots.get_mut(*place) {
                    slot.duplicate_of = Some(*of);
                }
            }
            self.end(now_ms, Status::Completed);
            return;
        }
        self.revised = true;
        for (place, of) in alike {
            if let Some(slot) = self.slots.get_mut(*place).filter(|slot| slot.state == State::Ready) {
                (slot.state, slot.tries, slot.not_before_ms, slot.unlike) = (State::Waiting, 0, 0, Some(*of));
            }
        }
        self.phase = Phase::Writing;
        self.sent_ms = 0;
        self.go_on(now_ms);
    }

    fn end(&mut self, now_ms: u64, status: Status) {
        let rest = if status == Status::Cancelled { State::Cancelled } else { State::Failed };
        let code = self.error.as_ref().map_or_else(|| status.name().to_owned(), |(code, _)| code.clone());
        for place in 0..self.slots.len() {
            if self.slots.get(place).is_some_and(|slot| slot.state == State::Waiting) {
                self.give_up(place, rest, &code);
            }
        }
        self.status = status;
        self.ended_ms = Some(now_ms);
        self.news.push(News::Status);
    }

    /// Ends it before its end. What is under way is no longer waited for; what it costs is.
    pub fn cancel(&mut self, now_ms: u64) {
        if !self.status.is_final() {
            self.end(now_ms, Status::Cancelled);
        }
    }

    /// Ends it because it cannot go on.
    pub fn stop(&mut self, now_ms: u64, code: &str, message: &str) {
        if !self.status.is_final() {
            self.error = Some((code.to_owned(), message.to_owned()));
            self.end(now_ms, Status::Failed);
        }
    }

    /// Does what is due: takes back what nobody has brought, and sends for workers.
    pub fn go_on(&mut self, now_ms: u64) {
        let late = |lease: &mut Lease| lease.until_ms <= now_ms;
        if let Some(lease) = self.desk.take_if(late) {
            self.pay(None, lease.held, Some(lease.held));
        }
        for place in 0..self.slots.len() {
            let Some(slot) = self.slots.get_mut(place) else { continue };
            let lost = slot.lease.take_if(late);
            let (open, tries) = (slot.state == State::Waiting, slot.tries);
            if let Some(lease) = lost {
                self.pay(Some(place), lease.held, Some(lease.held));
                if open && tries >= TRIES {
                    self.give_up(place, State::Failed, "worker_lost");
                } else if open {
                    self.sent_ms = 0;
                }
            }
        }
        if self.status.is_final() {
            return;
        }
        if now_ms >= self.created_ms.saturating_add(LONGEST_MS) {
            self.stop(now_ms, "campaign_expired", "The campaign was not done within a day. What was written is kept.");
            return;
        }
        if self.desk.is_none() && self.desk_tries >= TRIES && self.paused_ms <= now_ms {
            self.stop(now_ms, "worker_lost", "Whoever worked on the campaign was lost each time. Make it once more.");
            return;
        }
        if self.phase == Phase::Writing && self.slots.iter().all(|slot| slot.state != State::Waiting) {
            let written = self.slots.iter().filter(|slot| slot.state == State::Ready).count();
            match written {
                0 => {
                    let code = self.slots.iter().find_map(|slot| slot.code.clone()).unwrap_or_default();
                    let message = format!("None of the posts could be written; the first for `{code}`.");
                    self.error = Some(("nothing_written".to_owned(), message));
                    self.end(now_ms, Status::Failed);
                    return;
                }
                1 => return self.end(now_ms, Status::Completed),
                _ => {
                    self.phase = Phase::Reviewing;
                    self.sent_ms = 0;
                }
            }
        }
        self.nudge(now_ms);
    }

    /// When there is something to do that nobody does, in ms since 1970.
    fn ready_ms(&self) -> Option<u64> {
        let ready = match self.phase {
            Phase::Planning | Phase::Reviewing => self.desk.is_none().then_some(0),
            Phase::Writing => self.waiting().map(|slot| slot.not_before_ms).min(),
        };
        ready.map(|ready| ready.max(self.paused_ms))
    }

    fn waiting(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.state == State::Waiting && slot.lease.is_none())
    }

    fn nudge(&mut self, now_ms: u64) {
        if self.sent_ms > now_ms || self.ready_ms().is_none_or(|ready| ready > now_ms) {
            return;
        }
        let ready = u64::try_from(self.waiting().filter(|slot| slot.not_before_ms <= now_ms).count()).unwrap_or(u64::MAX);
        let workers = if self.phase == Phase::Writing { ready.div_ceil(AT_ONCE).clamp(1, MOST_WORKERS) } else { 1 };
        self.messages = self.messages.saturating_add(workers);
        self.sent_ms = now_ms.saturating_add(SENT_MS);
    }

    /// When [`Self::go_on`] has something to do, in ms since 1970; none when it has nothing more to do.
    pub fn due_ms(&self) -> Option<u64> {
        let leases = self.slots.iter().filter_map(|slot| slot.lease.as_ref()).chain(&self.desk).map(|lease| lease.until_ms);
        if self.status.is_final() {
            return leases.min();
        }
        let work = self.ready_ms().map(|ready| ready.max(self.sent_ms));
        leases.chain(work).chain([self.created_ms.saturating_add(LONGEST_MS)]).min()
    }

    /// How many slots are in which state.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for slot in &self.slots {
            let count = match slot.state {
                State::Ready => &mut counts.ready,
                State::Failed => &mut counts.failed,
                State::Skipped => &mut counts.skipped,
                State::Cancelled => &mut counts.cancelled,
                State::Waiting if slot.lease.is_some() => &mut counts.running,
                State::Waiting => &mut counts.queued,
            };
            *count = count.saturating_add(1);
            if slot.state == State::Ready {
                counts.duplicates = counts.duplicates.saturating_add(u64::from(slot.duplicate_of.is_some()));
                counts.degraded = counts.degraded.saturating_add(u64::from(slot.code.is_some()));
            }
        }
        counts
    }

    /// How long it will take still, in ms, if it goes on as it has gone until now; none while nothing is written.
    pub fn left_ms(&self, now_ms: u64) -> Option<u64> {
        if self.status.is_final() {
            return Some(0);
        }
        let counts = self.counts();
        let left = counts.queued.saturating_add(counts.running);
        let done = u64::try_from(self.slots.len()).unwrap_or(u64::MAX).saturating_sub(left);
        let since_ms = now_ms.saturating_sub(self.writing_ms?);
        let paused_ms = self.paused_ms.saturating_sub(now_ms);
        since_ms.saturating_mul(left).checked_div(done).map(|ms| ms.saturating_add(paused_ms))
    }
}
