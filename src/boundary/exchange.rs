//! What is read of a caller and given to it, and what is asked of Cerebras in between.

use super::arrival::{Arrival, Attempt, Failure, failure};
use super::task::Brought;
use super::{Answered, Call};
use crate::protocol::headers::Lines;
use crate::telemetry::trace::Ended;

/// What comes next of a stream.
#[derive(Debug)]
pub enum Chunk {
    /// Some bytes.
    More(Vec<u8>),
    /// Its end, and how it failed, if it did.
    End(Option<Failure>),
}

/// A body that could not be read to its end.
#[derive(Debug)]
pub struct BrokenBody;

impl Call {
    /// Reads the body; `None` when it is larger than `limit` bytes.
    ///
    /// # Errors
    /// A body that breaks off, or whose compression is broken.
    pub async fn read(&self, limit: u32, gzip: bool) -> Result<Option<Vec<u8>>, BrokenBody> {
        self.js.read(self.inbox.slot(), limit, gzip);
        let Brought { text, bytes } = self.inbox.next().await;
        match text.as_str() {
            "body" => Ok(Some(bytes)),
            "large" => Ok(None),
            _ => Err(BrokenBody),
        }
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// A body that breaks off.
    pub async fn piece(&self) -> Result<Option<Vec<u8>>, BrokenBody> {
        self.js.piece(self.inbox.slot());
        let Brought { text, bytes } = self.inbox.next().await;
        match text.as_str() {
            "more" => Ok(Some(bytes)),
            "end" => Ok(None),
            _ => Err(BrokenBody),
        }
    }

    /// Makes one attempt upstream. Without a body of its own it sends what the attempt before it sent, or else the caller's bytes.
    pub async fn send(&self, attempt: Attempt<'_>) -> Arrival {
        let Attempt { method, url, headers, body, streaming, first_byte_ms, until_ms } = attempt;
        #[expect(clippy::cast_precision_loss, reason = "a time in ms is far below 2^53")]
        let until_ms = until_ms as f64;
        self.js.send(self.inbox.slot(), method, url, headers.text(), body, streaming, first_byte_ms, until_ms);
        self.attempted(Arrival::read(self.inbox.next().await))
    }

    /// Makes one attempt upstream with a question of the gateway's own. What [`Self::send`] was given and has brought stays as it is.
    /// Without a body it sends what the inquiry before it sent.
    pub async fn inquire(&self, attempt: Attempt<'_>) -> Arrival {
        let Attempt { url, headers, body, first_byte_ms, until_ms, .. } = attempt;
        #[expect(clippy::cast_precision_loss, reason = "a time in ms: exact for 285,000 years")]
        let until_ms = until_ms as f64;
        self.js.inquire(self.inbox.slot(), url, headers.text(), body, first_byte_ms, until_ms);
        self.attempted(Arrival::read(self.inbox.next().await))
    }

    fn attempted(&self, arrival: Arrival) -> Arrival {
        self.observe(|seen| {
            seen.attempt(arrival.now_ms, arrival.elapsed_ms, arrival.is_stream);
            if let Some(trace) = &mut seen.trace {
                let failure = arrival.failure.map(Failure::name);
                trace.attempt_ended(Ended { now_ms: arrival.now_ms, status: arrival.status, failure, is_stream: arrival.is_stream });
            }
        });
        arrival
    }

    /// Answers with a body of the gateway's own; `None` for none.
    pub fn respond(&self, status: u16, headers: &Lines, body: Option<Vec<u8>>) -> Answered {
        self.observe(|seen| seen.answered_status = status);
        self.js.respond(status, headers.text(), body);
        Answered(())
    }

    /// Answers with the passing headers of the last attempt, and its body byte for byte or another in its place.
    pub fn pass(&self, status: u16, headers: &Lines, body: Option<Vec<u8>>) -> Answered {
        self.observe(|seen| seen.answered_status = status);
        self.js.pass(status, headers.text(), body, 0);
        Answered(())
    }

    /// Answers with a failure that so many attempts came after, and with the passing headers that belong to it.
    pub fn pass_earlier(&self, status: u16, headers: &Lines, body: Vec<u8>, back: u8) -> Answered {
        self.observe(|seen| seen.answered_status = status);
        self.js.pass(status, headers.text(), Some(body), back);
        Answered(())
    }

    /// Answers with the stream of the last attempt, pumped by the runtime, and waits for the end of the pump: the arrival holds the
    /// stream's bytes and how it failed, if it did. The caller's stream stays open until [`Self::end`].
    pub async fn relay(&self, status: u16, headers: &Lines) -> (Answered, Arrival) {
        self.observe(|seen| seen.answered_status = status);
        self.js.relay(self.inbox.slot(), status, headers.text());
        let arrival = Arrival::read(self.inbox.next().await);
        self.observe(|seen| seen.stream_ended(arrival.now_ms));
        (Answered(()), arrival)
    }

    /// Answers with a stream whose bytes [`Self::chunk`] gives. It stays open until [`Self::end`].
    pub fn begin(&self, status: u16, headers: &Lines) -> Answered {
        self.observe(|seen| seen.answered_status = status);
        self.js.begin(status, headers.text());
        Answered(())
    }

    /// Answers with a stream of the gateway's own, whose bytes [`Self::write`] gives. It stays open until [`Self::end`].
    pub fn open_stream(&self, status: u16, headers: &Lines) -> Answered {
        self.observe(|seen| seen.answered_status = status);
        self.js.open(status, headers.text());
        Answered(())
    }

    /// Gives the caller some bytes, and tells whether it is still there to take them.
    pub async fn write(&self, bytes: Vec<u8>) -> bool {
        self.js.write(self.inbox.slot(), bytes);
        self.inbox.next().await.text == "given"
    }

    /// Gives the caller some bytes, if there are any, and waits for the next of the stream of the last attempt.
    pub async fn chunk(&self, given: Vec<u8>) -> Chunk {
        self.js.chunk(self.inbox.slot(), Some(given).filter(|given| !given.is_empty()));
        let Brought { text, bytes } = self.inbox.next().await;
        let mut lines = text.split('\n');
        let (ending, said) = (lines.next().unwrap_or_default(), lines.next());
        if said == Some("more") {
            return Chunk::More(bytes);
        }
        if let Some(now_ms) = lines.next().and_then(|now| now.parse().ok()) {
            self.observe(|seen| seen.stream_ended(now_ms));
        }
        Chunk::End(failure(ending))
    }

    /// Gives up what is still to come of the stream of the last attempt.
    pub fn abandon(&self) {
        self.js.abandon();
    }

    /// Ends the caller's stream, behind a last frame when there is one: in good order, or by a `cut` of the connection.
    pub async fn end(&self, frame: Option<Vec<u8>>, cut: bool) {
        self.js.end(self.inbox.slot(), frame, cut);
        self.inbox.next().await;
    }
}
