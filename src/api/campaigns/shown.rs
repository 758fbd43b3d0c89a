//! A campaign as callers read it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Known;
use crate::content::campaign::course::{Counts, Slot, State, Status};
use crate::content::campaign::plan::instant;
use crate::content::export::Planned;
use crate::content::platform::Platform;
use crate::ledger::calendar::{day_of, written};

/// What is said of why a slot has no post.
const fn reason(state: State) -> &'static str {
    match state {
        State::Skipped => "The budget had no room for this post.",
        State::Cancelled => "The campaign was ended before this post was written.",
        _ => "The post could not be written; `code` says why.",
    }
}

fn status(slot: &Slot) -> &'static str {
    if slot.state == State::Waiting && slot.lease.is_some() { "running" } else { slot.state.name() }
}

fn slot(known: &Known, place: usize, slot: &Slot, (platform, at_ms): (Platform, u64)) -> Value {
    let post = known.texts.get(&place.to_string()).filter(|_| slot.written);
    let failed = matches!(slot.state, State::Failed | State::Skipped | State::Cancelled);
    let theme = known.plan.as_ref().and_then(|plan| known.texts.get("strategy")?.get("themes")?.get(plan.time_of(place))?.get("theme"));
    json!({
        "slot": place,
        "platform": platform.name(),
        "at": instant(at_ms),
        "status": status(slot),
        "theme": theme,
        "post": post,
        "tries": slot.tries,
        "rewritten": slot.rewritten,
        "duplicate_of": slot.duplicate_of,
        "error": failed.then(|| json!({"code": slot.code, "message": reason(slot.state)})),
        "spent_micro_dollars": slot.spent,
    })
}

/// Posts by platform and date.
fn posts(known: &Known) -> Value {
    let mut platforms: Map<String, Value> = Map::new();
    let slots = known.plan.as_ref().map(|plan| plan.slots()).unwrap_or_default();
    for (place, (of, planned)) in known.course.slots.iter().zip(slots).enumerate() {
        let dates = platforms.entry(planned.0.name()).or_insert_with(|| Value::Object(Map::new()));
        let Some(dates) = dates.as_object_mut() else { continue };
        let list = dates.entry(written(day_of(planned.1))).or_insert_with(|| Value::Array(Vec::new()));
        if let Some(list) = list.as_array_mut() {
            list.push(slot(known, place, of, planned));
        }
    }
    Value::Object(platforms)
}

fn counts(counts: &Counts, total: usize) -> Value {
    json!({
        "total": total, "ready": counts.ready, "failed": counts.failed, "skipped": counts.skipped, "cancelled": counts.cancelled,
        "queued": counts.queued, "running": counts.running, "duplicates": counts.duplicates, "degraded": counts.degraded,
    })
}

/// A campaign; `whole` is whether its strategy and its posts are told, too.
pub(super) fn campaign(known: &Known, whole: bool) -> Value {
    let Known { course, plan, texts, left_ms } = known;
    let seconds = |ms: Option<u64>| ms.map(|ms| ms / 1000);
    let mut told = json!({
        "id": course.id,
        "object": "campaign",
        "status": course.status.name(),
        "phase": (course.status == Status::Running).then(|| course.phase.name()),
        "name": plan.as_ref().map(|plan| plan.name.as_str()),
        "brief": plan.as_ref().map(|plan| plan.brief.as_str()),
        "platforms": plan.as_ref().map(|plan| plan.order.platforms.iter().map(|platform| platform.name()).collect::<Vec<_>>()),
        "timeline": plan.as_ref().map(|plan| plan.times.iter().map(|at| instant(*at)).collect::<Vec<_>>()),
        "created_at": course.created_ms / 1000,
        "started_at": seconds(course.started_ms),
        "ended_at": seconds(course.ended_ms),
        "expires_at": seconds(course.ended_ms.map(|ended| ended.saturating_add(course.kept_ms))),
        "counts": counts(&course.counts(), course.slots.len()),
        "eta_ms": left_ms,
        "budget_micro_dollars": course.budget,
        // What has no known price is not nothing.
        "spent_micro_dollars": (!course.unpriced).then_some(course.spent),
        "reserved_micro_dollars": course.held(),
        "error": course.error.as_ref().map(|(code, message)| json!({"code": code, "message": message})),
    });
    if let (true, Some(fields)) = (whole, told.as_object_mut()) {
        fields.insert("strategy".to_owned(), texts.get("strategy").cloned().unwrap_or(Value::Null));
        fields.insert("posts".to_owned(), posts(known));
    }
    told
}

/// What an event says: with the platform and the time of its slot, and the text that belongs to it.
pub(super) fn event(known: &Known, name: &str, data: &Value, texts: &BTreeMap<String, Value>) -> Value {
    let mut told = data.clone();
    let Some(fields) = told.as_object_mut() else { return told };
    fields.insert("type".to_owned(), name.into());
    if let Some(place) = data.get("slot").and_then(Value::as_u64).and_then(|place| usize::try_from(place).ok()) {
        let slots = known.plan.as_ref().map(|plan| plan.slots()).unwrap_or_default();
        if let Some((platform, at_ms)) = slots.get(place) {
            fields.insert("platform".to_owned(), platform.name().into());
            fields.insert("at".to_owned(), instant(*at_ms).into());
        }
        if name == "post" {
            fields.insert("post".to_owned(), texts.get(&place.to_string()).cloned().unwrap_or(Value::Null));
        }
    }
    if let ("strategy", Some(Value::Object(strategy))) = (name, texts.get("strategy")) {
        fields.extend(strategy.clone());
    }
    told
}

/// Slots for an export; for a calendar those alone that have a post, for a table all of them.
pub(super) fn planned(known: &Known, ready_alone: bool) -> Vec<Planned> {
    let slots = known.plan.as_ref().map(|plan| plan.slots()).unwrap_or_default();
    let each = known.course.slots.iter().zip(slots).enumerate().filter_map(|(place, (slot, (platform, at_ms)))| {
        let post = known.texts.get(&place.to_string()).filter(|_| slot.written);
        if ready_alone && post.is_none() {
            return None;
        }
        let text = post.and_then(|post| post.get("text")).and_then(Value::as_str).unwrap_or_default();
        let length = post.and_then(|post| post.get("length")).and_then(Value::as_u64).unwrap_or_default();
        let status = if slot.duplicate_of.is_some() { "duplicate" } else { status(slot) };
        Some(Planned {
            id: format!("{}-{place}", known.course.id),
            platform,
            at_ms,
            text: text.to_owned(),
            length: usize::try_from(length).unwrap_or(usize::MAX),
            status: status.to_owned(),
        })
    });
    each.collect()
}
