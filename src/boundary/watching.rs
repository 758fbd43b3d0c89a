//! What operators are told: lines in the log, data points, and messages to a collector.

use serde_json::Value;

use super::Call;
use super::task::Brought;
use crate::protocol::headers::Lines;
use crate::telemetry::point::Point;

/// How long a collector of telemetry may take, in ms (OpenTelemetry's own default).
const EXPORTED_WITHIN_MS: u32 = 10_000;

/// What a collector of telemetry has answered.
#[derive(Debug)]
pub struct Exported {
    /// HTTP status; none when there is no answer.
    pub status: Option<u16>,
    /// Its `Retry-After`; empty when there is none.
    pub retry_after: String,
    /// When it came, in ms since 1970.
    pub now_ms: u64,
    /// The body.
    pub body: Vec<u8>,
}

impl Call {
    /// One line for the operator's log.
    pub fn print(&self, line: &str) {
        self.js.print(line);
    }

    /// One line for the operator about something that failed behind an answer. Takes fixed words only: no text of a request.
    pub fn log_failure(&self, what: &'static str, doing: &'static str) {
        self.js.log(&format!("{{\"level\":\"error\",\"failed\":\"{what}\",\"doing\":\"{doing}\"}}"));
    }

    /// As [`Self::log_failure`], with how many of something failed.
    pub fn log_failure_of(&self, what: &'static str, doing: &'static str, count: u64) {
        self.js.log(&format!("{{\"level\":\"error\",\"failed\":\"{what}\",\"doing\":\"{doing}\",\"count\":{count}}}"));
    }

    /// As [`Self::log_failure`], with what another program says of it: its text, which is no text of a request.
    pub fn log_failure_told(&self, what: &'static str, doing: &'static str, told: &str) {
        let told = Value::from(told);
        self.js.log(&format!("{{\"level\":\"error\",\"failed\":\"{what}\",\"doing\":\"{doing}\",\"told\":{told}}}"));
    }

    /// Writes a data point of Workers Analytics Engine, which is bound.
    pub fn point(&self, point: &Point) {
        self.js.point(&point.index, &point.blobs, &point.doubles);
    }

    /// Sends a message in JSON to a collector of telemetry. May follow an answer.
    pub async fn export(&self, url: &str, headers: &Lines, body: &str) -> Exported {
        self.js.export(self.inbox.slot(), url, headers.text(), body, EXPORTED_WITHIN_MS);
        let Brought { text, bytes } = self.inbox.next().await;
        let mut lines = text.split('\n');
        let mut line = || lines.next().unwrap_or_default();
        Exported { status: line().parse().ok(), retry_after: line().to_owned(), now_ms: line().parse().unwrap_or_default(), body: bytes }
    }
}
