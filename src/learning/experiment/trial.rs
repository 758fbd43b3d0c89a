//! A running experiment: what was seen of its arms, the shares that follow, and when an arm or all of it ends.

use super::definition::{Assignment, Definition, Guard, Metric};
use super::posterior::{Belief, Posterior, chances};
use super::ratio::SampleRatio;
use super::sequence::{Interval, difference};
use super::tally::{Estimate, Part, Recent, Tally};

/// How many values an arm needs before its share follows them, with Thompson sampling.
const FIRST_VALUES: f64 = 10.0;
/// Shares that would move by less than this stay: each move moves subjects.
const LEAST_MOVE: f64 = 0.01;
/// By how much more than the control an arm may fail, when no guard says otherwise.
const MORE_ERRORS: f64 = 0.05;

/// What a subject has brought to an arm, by metric.
pub type Parts = Vec<(Metric, Part)>;

/// What stands under a metric, new where nothing does.
fn under<T: Default>(list: &mut Vec<(Metric, T)>, metric: Metric) -> Option<&mut T> {
    let place = list.iter().position(|(other, _)| *other == metric).unwrap_or_else(|| {
        list.push((metric, T::default()));
        list.len().saturating_sub(1)
    });
    list.get_mut(place).map(|(_, value)| value)
}

/// Why an arm gets no more subjects: a guard found it to be worse.
#[derive(Clone, Debug, PartialEq)]
pub struct Halted {
    /// The guard's metric.
    pub metric: Metric,
    /// When, in ms since 1970.
    pub at_ms: u64,
}

/// What was seen of an arm.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// How many calls it answered.
    pub calls: u64,
    /// How many subjects it has had.
    pub subjects: u64,
    /// By metric.
    pub tallies: Vec<(Metric, Tally)>,
    /// Of the goal, the older the less.
    pub recent: Recent,
    /// Why it gets no more subjects.
    pub halted: Option<Halted>,
}

impl Seen {
    /// What was seen of a metric.
    pub fn tally(&self, metric: Metric) -> Option<&Tally> {
        self.tallies.iter().find(|(other, _)| *other == metric).map(|(_, tally)| tally)
    }
}

/// How an experiment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// One arm is better than all others.
    Winner,
    /// Guards have halted all arms but one.
    Guards,
    /// It has had as many subjects as it may.
    MostSubjects,
    /// Somebody has said so.
    Asked,
}

impl Reason {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Winner => "winner",
            Self::Guards => "guards",
            Self::MostSubjects => "most_subjects",
            Self::Asked => "asked",
        }
    }
}

/// The end of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Why.
    pub reason: Reason,
    /// The place of the arm that answers from now on.
    pub arm: usize,
    /// When, in ms since 1970.
    pub at_ms: u64,
}

/// A running experiment, or one that has ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trial {
    /// Which run of its id this is: what was seen in another one counts no longer.
    pub run: u64,
    /// What its subjects draw their arms with.
    pub key: String,
    /// When it began, in ms since 1970.
    pub began_ms: u64,
    /// When shares were last looked at, in ms since 1970.
    pub renewed_ms: u64,
    /// How many subjects it has had; who has met two arms is one.
    pub subjects: u64,
    /// The arms' shares; their sum is 1.
    pub shares: Vec<f64>,
    /// The arms.
    pub arms: Vec<Seen>,
    /// Whether subjects came as they should have.
    pub ratio: SampleRatio,
    /// The end.
    pub ended: Option<Ended>,
}

impl Trial {
    /// Begins a run, whose subjects draw their arms with a key of its own.
    pub fn begin(definition: &Definition, run: u64, key: String, now_ms: u64) -> Self {
        Self {
            run,
            key,
            began_ms: now_ms,
            renewed_ms: now_ms,
            subjects: 0,
            shares: definition.weights(),
            arms: definition.arms.iter().map(|_| Seen::default()).collect(),
            ratio: SampleRatio::of(definition.arms.len()),
            ended: None,
        }
    }

    /// Counts a call, whose subject is new to the arm, or to the experiment, for which the shares were these then.
    pub fn count(&mut self, arm: usize, new_to_arm: bool, first_with: Option<&[f64]>) {
        if let Some(seen) = self.arms.get_mut(arm) {
            seen.calls = seen.calls.saturating_add(1);
            seen.subjects = seen.subjects.saturating_add(u64::from(new_to_arm));
        }
        if let Some(shares) = first_with {
            self.subjects = self.subjects.saturating_add(1);
            self.ratio.count(arm, shares);
        }
    }

    /// Takes a value of a subject in an arm: `after` in place of `before`, none of which may be there yet. What is nobody's business, such as a
    /// value that is no number, changes nothing.
    pub fn observe(&mut self, definition: &Definition, arm: usize, own: &mut Parts, change: &Change, now_ms: u64) {
        let Some(seen) = self.arms.get_mut(arm) else { return };
        let Change { metric, weight, answered_ms, .. } = *change;
        let told = |value: Option<f64>| value.filter(|value| value.is_finite());
        let (before, after) = (told(change.before), told(change.after));
        let (Some(part), Some(tally)) = (under(own, metric), under(&mut seen.tallies, metric)) else { return };
        let then = *part;
        *part = part.with(count(after) - count(before), weight, after.unwrap_or_default() - before.unwrap_or_default());
        tally.replace(then, *part);
        if metric == definition.goal {
            let half_life_ms = definition.half_life_ms();
            seen.recent = seen.recent.at(now_ms, half_life_ms);
            seen.recent.replace((before, after), weight, now_ms.saturating_sub(answered_ms), half_life_ms);
        }
    }

    /// Takes out what a subject has brought to an arm. What is discounted goes answer by answer, with [`Self::withdraw`].
    pub fn forget(&mut self, arm: usize, own: &Parts) {
        let Some(seen) = self.arms.get_mut(arm) else { return };
        seen.subjects = seen.subjects.saturating_sub(1);
        for (metric, part) in own {
            if let Some(tally) = under(&mut seen.tallies, *metric) {
                tally.replace(*part, Part::default());
            }
        }
    }

    /// Takes the value of an answer out of what is discounted.
    pub fn withdraw(&mut self, definition: &Definition, arm: usize, change: &Change, now_ms: u64) {
        let Some(seen) = self.arms.get_mut(arm).filter(|_| change.metric == definition.goal) else { return };
        let half_life_ms = definition.half_life_ms();
        seen.recent = seen.recent.at(now_ms, half_life_ms);
        seen.recent.replace((change.before, None), change.weight, now_ms.saturating_sub(change.answered_ms), half_life_ms);
    }

    /// Looks at guards, the end and the shares, when it is time to. Returns whether calls are to be answered another way from now on.
    pub fn renew(&mut self, definition: &Definition, now_ms: u64) -> bool {
        let due = now_ms.saturating_sub(self.renewed_ms) >= definition.renew.0;
        if self.ended.is_some() || !due {
            return false;
        }
        self.renewed_ms = now_ms;
        let before = (self.shares.clone(), self.ended.clone());
        self.halt(definition, now_ms);
        self.end(definition, now_ms);
        if self.ended.is_none() {
            self.share(definition, now_ms);
        }
        before != (self.shares.clone(), self.ended.clone())
    }

    /// Goes on with a definition that says the same of arms and goal, with its split if that is another.
    pub fn adopt(&mut self, before: &Definition, definition: &Definition, now_ms: u64) {
        if definition.assignment == Assignment::Fixed && before.weights() != definition.weights() {
            self.share(definition, now_ms);
        }
    }

    /// Ends it by somebody's word.
    pub fn stop(&mut self, arm: usize, now_ms: u64) {
        self.ended = Some(Ended { reason: Reason::Asked, arm, at_ms: now_ms });
    }

    fn halt(&mut self, definition: &Definition, now_ms: u64) {
        let control = definition.control();
        for place in (0..self.arms.len()).filter(|place| *place != control) {
            let struck = definition.guards.iter().find(|guard| self.is_worse(definition, place, guard)).map(|guard| guard.metric);
            let metric = struck.or_else(|| self.fails(definition, place).then_some(Metric::ErrorRate));
            if let (Some(metric), Some(seen)) = (metric, self.arms.get_mut(place))
                && seen.halted.is_none()
            {
                seen.halted = Some(Halted { metric, at_ms: now_ms });
            }
        }
    }

    /// Whether an arm is worse than the control by more than is tolerated.
    fn is_worse(&self, definition: &Definition, place: usize, guard: &Guard) -> bool {
        let Some((one, control)) = self.both(definition, place, definition.control(), guard.metric) else { return false };
        let chance = chance_of_guards(definition);
        if guard.metric.less_is_better() {
            difference(&one, 1.0 + guard.tolerance, &control, chance).low > 0.0
        } else {
            difference(&one, (1.0 - guard.tolerance).max(0.0), &control, chance).high < 0.0
        }
    }

    /// Whether an arm fails, where nobody has said how much it may: a model that is gone must not keep its subjects until somebody looks.
    fn fails(&self, definition: &Definition, place: usize) -> bool {
        if definition.watches_errors() {
            return false;
        }
        let both = self.both(definition, place, definition.control(), Metric::ErrorRate);
        both.is_some_and(|(one, control)| difference(&one, 1.0, &control, chance_of_guards(definition)).low > MORE_ERRORS)
    }

    /// The gain of an arm over the control in a guard's metric.
    pub fn guarded(&self, definition: &Definition, place: usize, guard: &Guard) -> Option<Interval> {
        self.gain(definition, (place, definition.control()), guard.metric, chance_of_guards(definition))
    }

    /// The gain of an arm over another in the goal; none while one has too few subjects.
    pub fn lift(&self, definition: &Definition, place: usize, other: usize) -> Option<Interval> {
        let arms = count_of(self.arms.len());
        self.gain(definition, (place, other), definition.goal, definition.stop.chance / (arms * (arms - 1.0) / 2.0).max(1.0))
    }

    fn gain(&self, definition: &Definition, (one, other): (usize, usize), metric: Metric, chance: f64) -> Option<Interval> {
        let (one, other) = self.both(definition, one, other, metric)?;
        let Interval { low, high } = difference(&one, 1.0, &other, chance);
        Some(if metric.less_is_better() { Interval { low: -high, high: -low } } else { Interval { low, high } })
    }

    fn both(&self, definition: &Definition, one: usize, other: usize, metric: Metric) -> Option<(Estimate, Estimate)> {
        self.estimate(definition, one, metric).zip(self.estimate(definition, other, metric))
    }

    /// The mean of an arm, once it has enough subjects.
    pub fn estimate(&self, definition: &Definition, place: usize, metric: Metric) -> Option<Estimate> {
        let estimate = self.arms.get(place)?.tally(metric)?.estimate(metric.is_rate())?;
        #[expect(clippy::cast_precision_loss, reason = "a million at the most")]
        let least = definition.stop.least_subjects as f64;
        (estimate.subjects >= least).then_some(estimate)
    }

    /// The places of the arms that get subjects.
    fn live(&self) -> Vec<usize> {
        self.arms.iter().enumerate().filter(|(_, arm)| arm.halted.is_none()).map(|(place, _)| place).collect()
    }

    /// The arm that is better than all others that get subjects.
    pub fn winner(&self, definition: &Definition) -> Option<usize> {
        let live = self.live();
        let better = |place: usize, other: usize| self.lift(definition, place, other).is_some_and(|gain| gain.low > 0.0);
        let beats_all = |place: &usize| live.iter().filter(|other| *other != place).all(|other| better(*place, *other));
        live.iter().copied().find(|place| live.len() > 1 && beats_all(place))
    }

    fn end(&mut self, definition: &Definition, now_ms: u64) {
        let ended = |reason, arm| Some(Ended { reason, arm, at_ms: now_ms });
        if definition.stop.at_winner
            // Where subjects are lost, those who are left are no fair sample.
            && !self.ratio.is_mismatch()
            && let Some(arm) = self.winner(definition)
        {
            self.ended = ended(Reason::Winner, arm);
        } else if self.live().len() < 2 {
            self.ended = ended(Reason::Guards, definition.control());
        } else if self.subjects >= definition.stop.most_subjects {
            self.ended = ended(Reason::MostSubjects, definition.control());
        }
    }

    /// What is believed of each arm now.
    pub fn posteriors(&self, definition: &Definition, now_ms: u64) -> Vec<Posterior> {
        let seen: Vec<Belief> = self.arms.iter().map(|arm| belief(definition, arm, now_ms)).collect();
        if definition.goal.is_rate() { Posterior::of_rates(&seen) } else { Posterior::of_means(&seen) }
    }

    /// The chance of each arm to be the best of those that get subjects.
    pub fn chances(&self, definition: &Definition, now_ms: u64) -> Vec<f64> {
        let posteriors = self.posteriors(definition, now_ms);
        let live = self.live();
        let theirs: Vec<Posterior> = live.iter().filter_map(|place| posteriors.get(*place).copied()).collect();
        let mut found = vec![0.0; self.arms.len()];
        for (place, chance) in live.iter().zip(chances(&theirs, definition.goal.less_is_better())) {
            if let Some(slot) = found.get_mut(*place) {
                *slot = chance;
            }
        }
        found
    }

    fn share(&mut self, definition: &Definition, now_ms: u64) {
        let live = self.live();
        let wanted = match definition.assignment {
            Assignment::Fixed => definition.weights(),
            Assignment::Thompson => self.by_chance(definition, &live, now_ms),
        };
        let kept = |(place, share): (usize, f64)| if live.contains(&place) { share } else { 0.0 };
        let wanted: Vec<f64> = wanted.into_iter().enumerate().map(kept).collect();
        let whole: f64 = wanted.iter().sum();
        let wanted: Vec<f64> = wanted.into_iter().map(|share| if whole > 0.0 { share / whole } else { share }).collect();
        let moves = |(share, wanted): (&f64, &f64)| (share - wanted).abs() >= LEAST_MOVE || (*wanted == 0.0) != (*share == 0.0);
        if definition.assignment == Assignment::Fixed || self.shares.iter().zip(&wanted).any(moves) {
            self.shares = wanted;
        }
    }

    /// Shares as often as each arm is likely to be the best. An arm of which next to nothing is known keeps its first share: no values are no
    /// bad ones, and no good ones either.
    fn by_chance(&self, definition: &Definition, live: &[usize], now_ms: u64) -> Vec<f64> {
        let first = definition.weights();
        let at = |list: &[f64], place: usize| list.get(place).copied().unwrap_or_default();
        let is_known = |place: &usize| {
            let values = self.arms.get(*place).and_then(|arm| arm.tally(definition.goal)).map_or(0.0, |tally| tally.total.values);
            values >= FIRST_VALUES
        };
        let known: Vec<usize> = live.iter().copied().filter(is_known).collect();
        let of_live: f64 = live.iter().map(|place| at(&first, *place)).sum();
        let theirs: f64 = known.iter().map(|place| at(&first, *place)).sum::<f64>() / of_live;
        let chances = self.chances(definition, now_ms);
        let whole: f64 = known.iter().map(|place| at(&chances, *place)).sum();
        let left = (theirs - definition.floor * count_of(known.len())).max(0.0);
        let share = |place: usize| {
            if !known.contains(&place) {
                at(&first, place) / of_live
            } else if whole > 0.0 {
                definition.floor + left * at(&chances, place) / whole
            } else {
                theirs / count_of(known.len())
            }
        };
        (0..self.arms.len()).map(share).collect()
    }
}

/// What the values of the goal come to in an arm. With a fixed split, of sums that a person who is erased leaves exactly; with Thompson sampling,
/// of what still counts. A subject's values are alike, and are worth less than as many strangers'.
fn belief(definition: &Definition, arm: &Seen, now_ms: u64) -> Belief {
    let is_rate = definition.goal.is_rate();
    let tally = arm.tally(definition.goal);
    let estimate = tally.and_then(|tally| tally.estimate(is_rate));
    if definition.assignment == Assignment::Fixed {
        let Some((tally, mean)) = tally.and_then(|tally| Some((tally, tally.mean()?))) else { return Belief::default() };
        let Some(Estimate { error, worth, .. }) = estimate else { return Belief { mean, worth: tally.total.values, variance: 0.0 } };
        let variance = if is_rate { mean * (1.0 - mean) } else { error * worth };
        return Belief { mean, worth: if error > 0.0 { (variance / error).min(worth) } else { worth }, variance };
    }
    let recent = arm.recent.at(now_ms, definition.half_life_ms());
    let Some(mean) = recent.mean() else { return Belief::default() };
    let variance = if is_rate { mean * (1.0 - mean) } else { (recent.squares / recent.weight - mean * mean).max(0.0) };
    // The variance of a value among those of its subject, over that of one of a stranger (Kish's design effect).
    let alike = estimate.map_or(1.0, |estimate| if variance > 0.0 { (estimate.error * estimate.worth / variance).max(1.0) } else { 1.0 });
    Belief { mean, worth: recent.worth() / alike, variance }
}

/// The chance of an error of each guard in each arm, so that all have what was promised together.
fn chance_of_guards(definition: &Definition) -> f64 {
    let guards = definition.guards.len().saturating_add(usize::from(!definition.watches_errors()));
    definition.stop.chance / count_of(guards.saturating_mul(definition.arms.len().saturating_sub(1)))
}

/// A value in place of another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Of which metric.
    pub metric: Metric,
    /// What was told of the same answer before.
    pub before: Option<f64>,
    /// What is told now.
    pub after: Option<f64>,
    /// What a value of the answer weighs.
    pub weight: f64,
    /// When it was given, in ms since 1970.
    pub answered_ms: u64,
}

fn count(value: Option<f64>) -> f64 {
    if value.is_some() { 1.0 } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "eight at the most")]
fn count_of(things: usize) -> f64 {
    things.max(1) as f64
}
