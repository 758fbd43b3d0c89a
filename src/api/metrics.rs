//! `/metrics`: everything counted so far, for Prometheus.

use super::{add_common, administration, analytics};
use crate::Gateway;
use crate::boundary::{Answered, Call};
use crate::error::Error;
use crate::protocol::headers::Lines;
use crate::telemetry::message::Message;
use crate::telemetry::prometheus::CONTENT_TYPE;

/// Answers who administers.
///
/// # Errors
/// Those of administration, and 503 when the archive cannot be reached.
pub async fn answer(gateway: &Gateway, call: &Call) -> Result<Answered, Error> {
    administration::admit(gateway, call).await?;
    let page: String = analytics::ask(gateway, call, &Message::Metrics).await?;
    let mut lines = Lines::default();
    lines.add("content-type", CONTENT_TYPE);
    add_common(gateway, call, None, &mut lines);
    Ok(call.respond(200, &lines, (call.head.method() != "HEAD").then(|| page.into_bytes())))
}
