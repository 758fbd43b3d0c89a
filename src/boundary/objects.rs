//! Durable Objects: a tenant's ledger, its store of batches and campaigns, and the archive of telemetry; and the calls that a store makes.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Call;
use super::task::Brought;
use crate::admission::record::Region;
use crate::ledger::message::Message;
use crate::protocol::json::typed;
use crate::telemetry::message::Message as Told;

/// How long a caller waits for the word on a reservation, in ms: beyond, the ledger counts as one that cannot be reached.
const RESERVED_WITHIN_MS: u32 = 5_000;
/// How long everything else that a ledger is asked may take, in ms: the longest that is given to work after an answer.
const TOLD_WITHIN_MS: u32 = 30_000;

/// A ledger could not be reached.
#[derive(Clone, Copy, Debug)]
pub struct LedgerFailure;

impl Call {
    /// Asks the ledger of a tenant. May follow an answer.
    ///
    /// # Errors
    /// The ledger could not be reached, is too slow, or its reply cannot be read.
    pub async fn ledger<R: DeserializeOwned>(
        &self,
        tenant: &str,
        region: Option<Region>,
        message: &Message,
        bytes: Vec<u8>,
    ) -> Result<(R, Vec<u8>), LedgerFailure> {
        let text = serde_json::to_string(message).map_err(|_| LedgerFailure)?;
        let within_ms = if matches!(message, Message::Reserve(_)) { RESERVED_WITHIN_MS } else { TOLD_WITHIN_MS };
        self.js.ledger(self.inbox.slot(), tenant, region.map(Region::jurisdiction), &text, bytes, within_ms);
        self.replied().await
    }

    /// Asks the archive of telemetry. May follow an answer.
    ///
    /// # Errors
    /// The archive could not be reached, is too slow, or its reply cannot be read.
    pub async fn telemetry<R: DeserializeOwned>(&self, message: &Told, bytes: Vec<u8>) -> Result<R, LedgerFailure> {
        let text = serde_json::to_string(message).map_err(|_| LedgerFailure)?;
        self.js.telemetry(self.inbox.slot(), &text, bytes, TOLD_WITHIN_MS);
        self.replied().await.map(|(reply, _)| reply)
    }

    /// Asks the store of a tenant, with a message that is JSON. May follow an answer.
    ///
    /// # Errors
    /// The store could not be reached, is too slow, or its reply cannot be read.
    pub async fn store(
        &self,
        tenant: &str,
        region: Option<Region>,
        message: &str,
        bytes: Vec<u8>,
    ) -> Result<(Value, Vec<u8>), LedgerFailure> {
        self.js.store(self.inbox.slot(), tenant, region.map(Region::jurisdiction), message, bytes, TOLD_WITHIN_MS);
        self.replied().await
    }

    async fn replied<R: DeserializeOwned>(&self) -> Result<(R, Vec<u8>), LedgerFailure> {
        let Brought { text, bytes } = self.inbox.next().await;
        let reply = text.strip_prefix("said\n").ok_or(LedgerFailure)?;
        Ok((typed::read(reply).map_err(|_| LedgerFailure)?, bytes))
    }
}

/// A call of [`Call::line`] that has ended.
#[derive(Debug)]
pub struct Landed {
    /// Its number.
    pub line: u64,
    /// HTTP status.
    pub status: u16,
    /// Headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Call {
    /// Makes a call of the gateway's own with a key, in the background of a job.
    pub fn line(&self, number: u64, path: &str, id: &str, body: Vec<u8>, key: &str) {
        #[expect(clippy::cast_precision_loss, reason = "a line's number is far below 2^53")]
        self.js.line(number as f64, path, id, body, key);
    }

    /// Waits until a call of [`Self::line`] has ended, and gives all that have.
    pub async fn landed(&self) -> Vec<Landed> {
        self.js.landed(self.inbox.slot());
        let Brought { text, bytes } = self.inbox.next().await;
        let told: Value = typed::read(&text).unwrap_or_default();
        let mut rest = bytes.as_slice();
        let landed = told.as_array().into_iter().flatten().map(|told| {
            let number = |at: usize| told.get(at).and_then(Value::as_u64).unwrap_or_default();
            let (body, behind) = rest.split_at_checked(usize::try_from(number(2)).unwrap_or(usize::MAX)).unwrap_or((rest, &[]));
            rest = behind;
            let text = |header: &Value, at: usize| header.get(at).and_then(Value::as_str).unwrap_or_default().to_owned();
            let headers = told.get(3).and_then(Value::as_array).into_iter().flatten();
            Landed {
                line: number(0),
                status: u16::try_from(number(1)).unwrap_or_default(),
                headers: headers.map(|header| (text(header, 0), text(header, 1))).collect(),
                body: body.to_vec(),
            }
        });
        landed.collect()
    }
}
