//! A sliding window: how much fell into the last so many ms, in bounded memory and never too little.
//!
//! Time is cut into slots, at most [`SLOTS`] to a window. What falls into a slot counts until the slot's last ms is a whole window
//! old. So it may count up to one slot too long, and never too short: no span of the window's length ever holds more than was let in.

use std::collections::VecDeque;

/// Into how many slots a window is cut; one that is shorter in ms has a slot for each.
pub const SLOTS: u64 = 4096;

/// Whether an amount fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It does now.
    Now,
    /// It does after so many ms, if nothing else comes.
    After(u64),
    /// It never does.
    Never,
}

/// What fell into the last `length_ms`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    length_ms: u64,
    slot_ms: u64,
    /// Number and amount of each slot that still counts, the oldest first.
    slots: VecDeque<(u64, u64)>,
    used: u64,
}

impl Window {
    /// An empty window of a length in ms.
    pub fn new(length_ms: u64) -> Self {
        let length_ms = length_ms.max(1);
        Self { length_ms, slot_ms: length_ms.div_ceil(SLOTS), slots: VecDeque::new(), used: 0 }
    }

    /// The number of the slot that a time in ms falls into.
    pub fn slot_of(&self, at_ms: u64) -> u64 {
        at_ms.checked_div(self.slot_ms).unwrap_or(at_ms)
    }

    /// The first ms in which a slot no longer counts.
    pub fn until_ms(&self, slot: u64) -> u64 {
        slot.saturating_add(1).saturating_mul(self.slot_ms).saturating_sub(1).saturating_add(self.length_ms)
    }

    /// How many slots are held.
    pub fn held(&self) -> usize {
        self.slots.len()
    }

    /// How much is used at a time in ms. What counts no longer is let go.
    pub fn used(&mut self, now_ms: u64) -> u64 {
        while let Some(&(slot, amount)) = self.slots.front() {
            if self.until_ms(slot) > now_ms {
                break;
            }
            self.slots.pop_front();
            self.used = self.used.saturating_sub(amount);
        }
        self.used
    }

    /// When all of it is free again, in ms from now.
    pub fn reset_ms(&mut self, now_ms: u64) -> u64 {
        self.used(now_ms);
        let last = self.slots.iter().rev().find(|(_, amount)| *amount > 0);
        last.map_or(0, |(slot, _)| self.until_ms(*slot).saturating_sub(now_ms))
    }

    /// Whether an amount fits beneath a limit. Nothing fits beneath a limit of zero.
    pub fn fits(&mut self, amount: u64, limit: u64, now_ms: u64) -> Fit {
        if limit == 0 || amount > limit {
            return Fit::Never;
        }
        let excess = self.used(now_ms).saturating_add(amount).saturating_sub(limit);
        if excess == 0 {
            return Fit::Now;
        }
        let mut freed = 0_u64;
        let enough = self.slots.iter().find(|(_, amount)| {
            freed = freed.saturating_add(*amount);
            freed >= excess
        });
        enough.map_or(Fit::Never, |(slot, _)| Fit::After(self.until_ms(*slot).saturating_sub(now_ms)))
    }

    /// Adds an amount at a time. Returns the slot and what is now in it.
    pub fn take(&mut self, amount: u64, now_ms: u64) -> (u64, u64) {
        let slot = self.slot_of(now_ms);
        let before = self.slots.iter().rev().find(|(number, _)| *number <= slot).filter(|(number, _)| *number == slot);
        let total = before.map_or(0, |(_, amount)| *amount).saturating_add(amount);
        self.put(slot, total);
        (slot, total)
    }

    /// Puts a real amount in the place of an estimate that was taken in a slot. Returns what is now in it; none when the slot counts
    /// no longer, and then nothing is to be corrected.
    pub fn adjust(&mut self, slot: u64, estimate: u64, real: u64) -> Option<u64> {
        let at = self.slots.binary_search_by_key(&slot, |(number, _)| *number).ok()?;
        let total = self.slots.get(at)?.1.saturating_sub(estimate).saturating_add(real);
        self.put(slot, total);
        Some(total)
    }

    /// Sets what is in a slot.
    pub fn put(&mut self, slot: u64, amount: u64) {
        match self.slots.binary_search_by_key(&slot, |(number, _)| *number) {
            Ok(at) => {
                if let Some((_, held)) = self.slots.get_mut(at) {
                    self.used = self.used.saturating_sub(*held).saturating_add(amount);
                    *held = amount;
                }
            }
            Err(at) => {
                self.slots.insert(at, (slot, amount));
                self.used = self.used.saturating_add(amount);
            }
        }
    }
}
