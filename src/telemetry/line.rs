//! One line of JSON for a request: what a log has of it. Words of the gateway's own, numbers and names of the configuration; no text of a request
//! or an answer, no id of an end user.

use serde_json::json;

use super::observation::Observation;

/// The line of a request that came at `arrived_ms`, ms since 1970.
pub fn line(arrived_ms: u64, endpoint: &str, seen: &Observation, traceparent: Option<&str>) -> String {
    let labels = seen.labels(endpoint);
    let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "level": if seen.error.is_some() { "error" } else { "info" },
        "event": "request",
        "at_ms": arrived_ms,
        "endpoint": endpoint,
        "tenant": known(&labels.tenant),
        "model": known(&labels.model),
        "variant": known(&labels.variant),
        "source": known(&labels.source),
        "status": (seen.status > 0).then_some(seen.status),
        "error": seen.error,
        "latency_ms": seen.latency_ms(arrived_ms),
        "first_byte_ms": seen.first_byte_at_ms.map(|at_ms| at_ms.saturating_sub(arrived_ms)),
        "upstream_ms": seen.upstream_ms,
        "calls": seen.calls,
        "prompt_tokens": seen.usage.prompt_tokens,
        "completion_tokens": seen.usage.completion_tokens,
        "cost_micro_dollars": (seen.unpriced == 0).then_some(seen.cost),
        "saved_micro_dollars": seen.saved_by_cache.0.saturating_add(seen.saved_by_routing.0),
        "posts": seen.pieces.len(),
        "trace_id": traceparent.and_then(|parent| parent.get(3..35)),
    })
    .to_string()
}

/// The columns of a data point for Workers Analytics Engine: the index, the blobs as lines, and the doubles.
#[expect(clippy::cast_precision_loss, reason = "times, tokens and money far below 2^53")]
pub fn point(arrived_ms: u64, endpoint: &str, seen: &Observation) -> (String, String, Vec<f64>) {
    let labels = seen.labels(endpoint);
    let status = seen.status.to_string();
    let error = seen.error.as_deref().unwrap_or_default();
    let blobs = [endpoint, &labels.model, &labels.source, error, &status, &labels.variant].join("\n");
    let first_byte = seen.first_byte_at_ms.map(|at_ms| at_ms.saturating_sub(arrived_ms));
    let doubles = [
        1,
        seen.latency_ms(arrived_ms),
        first_byte.unwrap_or_default(),
        seen.upstream_ms.unwrap_or_default(),
        seen.usage.prompt_tokens,
        seen.usage.completion_tokens,
        seen.cost.0,
        seen.saved_by_cache.0,
        seen.saved_by_routing.0,
        seen.calls,
    ];
    (labels.tenant, blobs, doubles.into_iter().map(|number| number as f64).collect())
}
