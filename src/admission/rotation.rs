//! A key's id may have several digests while a rotation overlaps: the newest is the key, the others are on their way out.

use super::change::KeyBody;
use super::record::KeyRecord;
use crate::error::Error;

/// Which of a key's records is the newest; none when there is none.
pub fn current(records: &[&KeyRecord]) -> Option<usize> {
    records.iter().enumerate().max_by_key(|(_, record)| record.created_ms).map(|(at, _)| at)
}

/// Until when a key before the newest is still accepted, in ms since 1970; none when none is.
pub fn overlap_until_ms(records: &[&KeyRecord], now_ms: u64) -> Option<u64> {
    let current = current(records)?;
    let others = records.iter().enumerate().filter(|(at, _)| *at != current).map(|(_, record)| record);
    others.filter(|record| record.revoked_ms.is_none()).filter_map(|record| record.expires_ms).filter(|until_ms| *until_ms > now_ms).max()
}

/// The records after a change, in their order. What is on its way out changes with the newest, but never lasts longer than it would have.
///
/// # Errors
/// 400 naming the field that cannot be so.
pub fn changed(records: &[&KeyRecord], body: &KeyBody, now_ms: u64) -> Result<Vec<KeyRecord>, Error> {
    let current = current(records);
    let apply = |(at, record): (usize, &&KeyRecord)| {
        let mut changed = body.applied((*record).clone(), now_ms)?;
        if current != Some(at) {
            changed.expires_ms = earlier(record.expires_ms, changed.expires_ms);
        }
        Ok(changed)
    };
    records.iter().enumerate().map(apply).collect()
}

/// A key's records after a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// That of the new key.
    pub fresh: KeyRecord,
    /// Those before it, in their order.
    pub ending: Vec<KeyRecord>,
    /// Until when one of them is accepted, in ms since 1970; none when none is.
    pub overlap_until_ms: Option<u64>,
}

/// Rotates a key: a new record, while those before it last `overlap_ms` more at the most. None when there is nothing to rotate.
pub fn rotated(records: &[&KeyRecord], now_ms: u64, overlap_ms: u64) -> Option<Rotated> {
    let newest = records.get(current(records)?)?;
    // The clock may not have moved since the last: the newest is told by its time.
    let created_ms = now_ms.max(newest.created_ms.saturating_add(1));
    let fresh = KeyRecord { created_ms, ..(*newest).clone() };
    let until_ms = Some(now_ms.saturating_add(overlap_ms));
    let end = |record: &&KeyRecord| KeyRecord { expires_ms: earlier(record.expires_ms, until_ms), ..(*record).clone() };
    let ending: Vec<KeyRecord> = records.iter().map(end).collect();
    let overlap_until_ms = ending.iter().filter_map(|record| record.expires_ms).filter(|until_ms| *until_ms > now_ms).max();
    Some(Rotated { fresh, ending, overlap_until_ms })
}

fn earlier(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
