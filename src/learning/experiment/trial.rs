//! A running experiment: what was seen of its arms, the shares that follow, and when an arm or all of it ends.

use super::definition::{Assignment, Definition, Metric};
use super::posterior::{Posterior, chances};
use super::ratio::SampleRatio;
use super::sequence::{Interval, Shares, difference};
use super::tally::{Estimate, Part, Recent, Tally};

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
    /// The arms' shares; their sum is 1.
    pub shares: Vec<f64>,
    /// The arms.
    pub arms: Vec<Seen>,
    /// Whether somebody has changed a fixed split, which is none from then on.
    pub moved: bool,
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
            shares: definition.weights(),
            arms: definition.arms.iter().map(|_| Seen::default()).collect(),
            moved: false,
            ratio: SampleRatio::of(definition.arms.len()),
            ended: None,
        }
    }

    /// How many subjects it has had.
    pub fn subjects(&self) -> u64 {
        self.arms.iter().map(|arm| arm.subjects).fold(0, u64::saturating_add)
    }

    /// Counts a call, whose subject is new to the arm, or to the experiment, for which the shares were these then.
    pub fn count(&mut self, arm: usize, new_to_arm: bool, first_with: Option<&[f64]>) {
        if let Some(seen) = self.arms.get_mut(arm) {
            seen.calls = seen.calls.saturating_add(1);
            seen.subjects = seen.subjects.saturating_add(u64::from(new_to_arm));
        }
        if let Some(shares) = first_with {
            self.ratio.count(arm, shares);
        }
    }

    /// Takes a value of a subject in an arm: `after` in place of `before`, none of which may be there yet. What is nobody's business, such as a
    /// value that is no number, changes nothing.
    pub fn observe(&mut self, definition: &Definition, arm: usize, own: &mut Parts, change: &Change, now_ms: u64) {
        let Some(seen) = self.arms.get_mut(arm) else { return };
        let Change { metric, before, after } = *change;
        let told = |value: Option<f64>| value.filter(|value| value.is_finite());
        let (before, after) = (told(before), told(after));
        let values = count(after) - count(before);
        let sum = after.unwrap_or_default() - before.unwrap_or_default();
        let square = |value: Option<f64>| value.map_or(0.0, |value| value * value);
        let (Some(part), Some(tally)) = (under(own, metric), under(&mut seen.tallies, metric)) else { return };
        let then = *part;
        part.values = (part.values + values).max(0.0);
        part.sum += sum;
        tally.replace(then, *part);
        if metric == definition.goal {
            seen.recent = seen.recent.at(now_ms, definition.half_life_ms());
            seen.recent.add(values, sum, square(after) - square(before));
        }
    }

    /// Takes out what a subject has brought to an arm. What is discounted anyway fades.
    pub fn forget(&mut self, arm: usize, own: &Parts) {
        let Some(seen) = self.arms.get_mut(arm) else { return };
        seen.subjects = seen.subjects.saturating_sub(1);
        for (metric, part) in own {
            if let Some(tally) = under(&mut seen.tallies, *metric) {
                tally.replace(*part, Part::default());
            }
        }
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

    /// Goes on with a definition that says the same of arms and goal. A split that is changed is no fixed one any more.
    pub fn adopt(&mut self, before: &Definition, definition: &Definition, now_ms: u64) {
        if definition.assignment == Assignment::Fixed && before.weights() != definition.weights() {
            self.moved = true;
            self.share(definition, now_ms);
        }
    }

    /// Ends it by somebody's word.
    pub fn stop(&mut self, arm: usize, now_ms: u64) {
        self.ended = Some(Ended { reason: Reason::Asked, arm, at_ms: now_ms });
    }

    fn halt(&mut self, definition: &Definition, now_ms: u64) {
        let control = definition.control();
        for guard in &definition.guards {
            for place in 0..self.arms.len() {
                let worse = place != control && self.is_worse(definition, place, guard.metric, guard.tolerance);
                if let Some(seen) = self.arms.get_mut(place).filter(|seen| worse && seen.halted.is_none()) {
                    seen.halted = Some(Halted { metric: guard.metric, at_ms: now_ms });
                }
            }
        }
    }

    /// Whether an arm is worse than the control by more than is tolerated, with all guards' chance of an error together.
    fn is_worse(&self, definition: &Definition, place: usize, metric: Metric, tolerance: f64) -> bool {
        let Some(of_control) = self.estimate(definition, definition.control(), metric) else { return false };
        self.guarded(definition, place, metric).is_some_and(|gain| gain.high < -tolerance * of_control.mean.abs())
    }

    /// The gain of an arm over the control in a guard's metric.
    pub fn guarded(&self, definition: &Definition, place: usize, metric: Metric) -> Option<Interval> {
        // Whoever a guard halts must not decide how wide its sequence is: each arm has its own.
        let chance = definition.stop.chance / count_of(definition.guards.len());
        self.gain(definition, (place, definition.control()), metric, Shares::Adaptive, chance)
    }

    /// The gain of an arm over another in the goal; none while one has too few subjects.
    pub fn lift(&self, definition: &Definition, place: usize, other: usize) -> Option<Interval> {
        // Guards and people change a split, too; then it is fixed no longer.
        let shares = if self.moved || self.arms.iter().any(|arm| arm.halted.is_some()) { Shares::Adaptive } else { definition.shares() };
        self.gain(definition, (place, other), definition.goal, shares, definition.stop.chance)
    }

    fn gain(&self, definition: &Definition, (one, other): (usize, usize), metric: Metric, shares: Shares, chance: f64) -> Option<Interval> {
        let (one, other) = (self.estimate(definition, one, metric)?, self.estimate(definition, other, metric)?);
        let Interval { low, high } = difference(shares, &one, &other, count_of(self.arms.len()), chance);
        Some(if metric.less_is_better() { Interval { low: -high, high: -low } } else { Interval { low, high } })
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
            && let Some(arm) = self.winner(definition)
        {
            self.ended = ended(Reason::Winner, arm);
        } else if self.live().len() < 2 {
            self.ended = ended(Reason::Guards, definition.control());
        } else if self.subjects() >= definition.stop.most_subjects {
            self.ended = ended(Reason::MostSubjects, definition.control());
        }
    }

    /// What is believed of each arm now.
    pub fn posteriors(&self, definition: &Definition, now_ms: u64) -> Vec<Posterior> {
        let seen: Vec<Recent> = self.arms.iter().map(|arm| arm.recent.at(now_ms, definition.half_life_ms())).collect();
        if definition.goal.is_rate() { seen.iter().map(Posterior::of_rate).collect() } else { Posterior::of_means(&seen) }
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
            Assignment::Thompson => {
                let left = 1.0 - definition.floor * count_of(live.len());
                self.chances(definition, now_ms).into_iter().map(|chance| definition.floor + left * chance).collect()
            }
        };
        let kept = |(place, share): (usize, f64)| if live.contains(&place) { share } else { 0.0 };
        let wanted: Vec<f64> = wanted.into_iter().enumerate().map(kept).collect();
        let whole: f64 = wanted.iter().sum();
        self.shares = wanted.into_iter().map(|share| if whole > 0.0 { share / whole } else { share }).collect();
    }
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
}

fn count(value: Option<f64>) -> f64 {
    if value.is_some() { 1.0 } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "eight at the most")]
fn count_of(things: usize) -> f64 {
    things.max(1) as f64
}
