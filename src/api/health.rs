//! `/admin/health`: how the models of the table are.

use serde_json::{Value, json};

use super::{administration, tell};
use crate::Gateway;
use crate::boundary::{Answered, Call};
use crate::cloud::health::breaker::Passage;
use crate::cloud::health::quota::KINDS;
use crate::cloud::health::{Settings, Watch};
use crate::error::Error;

/// Answers with what this isolate has seen, and those that have told.
///
/// # Errors
/// Those of admission.
pub async fn answer(gateway: &Gateway, call: &Call) -> Result<Answered, Error> {
    administration::admit(gateway, call).await?;
    let config = gateway.config()?;
    gateway.hear_health(call).await;
    let now_ms = call.head.now_ms;
    let data: Vec<Value> = config.models.rows().map(|(id, _)| shown(id, &gateway.health.watch(id), now_ms, &config.health)).collect();
    Ok(tell(gateway, call, 200, &json!({"object": "list", "data": data})))
}

fn shown(model: &str, watch: &Watch, now_ms: u64, settings: &Settings) -> Value {
    let phase = watch.breaker().phase();
    let state = match (phase.until_ms, watch.breaker().passage(now_ms)) {
        (None, _) => "closed",
        (Some(until_ms), Passage::Open { .. }) if now_ms < until_ms => "open",
        (Some(_), _) => "half_open",
    };
    let counts = watch.breaker().counts(now_ms, settings);
    let limits = watch.quota().buckets.iter().zip(KINDS).filter(|(bucket, _)| bucket.as_of_ms != 0);
    let limits: Vec<Value> = limits
        .map(|(bucket, (of, window, window_ms))| {
            json!({
                "of": of.name(),
                "window": window,
                "limit": bucket.limit,
                "left": bucket.left(now_ms, window_ms),
                "as_of_ms": bucket.as_of_ms,
                "reset_ms": bucket.reset_ms,
            })
        })
        .collect();
    let refused_until_ms = watch.quota().refusal.map(|refusal| refusal.until_ms).filter(|until_ms| now_ms < *until_ms);
    json!({
        "model": model,
        "state": state,
        "since_ms": phase.since_ms,
        "until_ms": phase.until_ms,
        "openings": phase.openings,
        "calls": counts.calls,
        "failures": counts.failures,
        "slow": counts.slow,
        "limits": limits,
        "refused_until_ms": refused_until_ms,
    })
}
