//! The body of a response: a list of steps, so that every way of going wrong is just another list.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::state::Call;

/// What a body does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Sends this as one chunk.
    Data(Bytes),
    /// Waits.
    Wait(Duration),
    /// Breaks the connection.
    Cut,
    /// Waits until the client goes away.
    Stall,
}

/// The connection is to be broken.
#[derive(Debug)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the connection is cut on request")
    }
}

impl std::error::Error for Broken {}

/// A response body.
pub struct StepBody {
    steps: VecDeque<Step>,
    waiting: Option<Pin<Box<Sleep>>>,
    length: Option<u64>,
    call: Option<Call>,
}

impl StepBody {
    /// A body that is sent at once, with a content-length.
    pub fn whole(bytes: Bytes) -> Self {
        let length = Some(bytes.len() as u64);
        let steps = if bytes.is_empty() { VecDeque::new() } else { VecDeque::from([Step::Data(bytes)]) };
        Self { steps, waiting: None, length, call: None }
    }

    /// A body of steps.
    pub fn of(steps: Vec<Step>) -> Self {
        Self { steps: steps.into(), waiting: None, length: None, call: None }
    }

    /// The call that ends with this body.
    pub fn ending(mut self, call: Call) -> Self {
        self.call = Some(call);
        self.finish_when_done();
        self
    }

    fn finish_when_done(&mut self) {
        if self.steps.is_empty()
            && let Some(call) = self.call.take()
        {
            call.finish();
        }
    }
}

impl Body for StepBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            if let Some(sleep) = &mut self.waiting {
                std::task::ready!(sleep.as_mut().poll(context));
                self.waiting = None;
            }
            if self.steps.front() == Some(&Step::Stall) {
                return Poll::Pending;
            }
            let step = self.steps.pop_front();
            self.finish_when_done();
            match step {
                None | Some(Step::Stall) => return Poll::Ready(None),
                Some(Step::Data(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Step::Wait(time)) => self.waiting = Some(Box::pin(tokio::time::sleep(time))),
                Some(Step::Cut) => return Poll::Ready(Some(Err(Broken))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty() && self.waiting.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.length {
            // What is left, as the trait wants it; such a body is one step.
            Some(length) if !self.steps.is_empty() => SizeHint::with_exact(length),
            Some(_) => SizeHint::with_exact(0),
            None => SizeHint::default(),
        }
    }
}
