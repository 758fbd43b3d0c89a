//! From an answer and the faults that were asked for to the steps of its body.

use std::time::Duration;

use bytes::Bytes;

use crate::body::Step;
use crate::errors;
use crate::faults::{Ending, Faults};

/// Before a cut, what was written needs a moment to leave the server's buffers.
const LEAVING: Duration = Duration::from_millis(3);

/// What is neither JSON nor events.
pub const GARBAGE: &[u8] = b"\x00\xff\xfe<<<\x80 not what you asked for \xc3\x28 }}]\r\r\n:";

fn first_wait(faults: &Faults) -> Vec<Step> {
    if faults.first_byte > 0 { vec![Step::Wait(Duration::from_millis(faults.first_byte))] } else { Vec::new() }
}

/// The steps of an answer that isn't streamed; `None` if it is simply sent.
pub fn whole(body: &Bytes, faults: &Faults) -> Option<Vec<Step>> {
    let mut steps = first_wait(faults);
    match faults.ending {
        Some(Ending::CutHeaders) => steps.extend([Step::Wait(LEAVING), Step::Cut]),
        Some(Ending::Cut(_)) => steps.extend([Step::Data(body.slice(..body.len() / 2)), Step::Wait(LEAVING), Step::Cut]),
        _ if steps.is_empty() => return None,
        _ => steps.push(Step::Data(body.clone())),
    }
    Some(steps)
}

/// The steps of a stream.
pub fn stream(events: Vec<Bytes>, faults: &Faults) -> Vec<Step> {
    let mut steps = first_wait(faults);
    let mut kept = events;
    let mut after = Vec::new();
    match faults.ending {
        None => {}
        Some(Ending::CutHeaders) => {
            kept.clear();
            after.extend([Step::Wait(LEAVING), Step::Cut]);
        }
        Some(Ending::Cut(count)) => {
            kept.truncate(count);
            after.extend([Step::Wait(LEAVING), Step::Cut]);
        }
        Some(Ending::Close(count)) => kept.truncate(count),
        Some(Ending::Half(count)) => {
            let half = kept.get(count).map(|event| event.slice(..event.len() / 2));
            kept.truncate(count);
            kept.extend(half);
        }
        Some(Ending::HalfBytes(bytes)) => kept = first_bytes(kept, bytes),
        Some(Ending::Error(count)) => {
            kept.truncate(count);
            kept.push(errors::stream_frame(true));
        }
        Some(Ending::FlatError(count)) => {
            kept.truncate(count);
            kept.push(errors::stream_frame(false));
        }
        Some(Ending::Hang(count)) => {
            kept.truncate(count);
            after.push(Step::Stall);
        }
    }
    for (number, event) in kept.into_iter().enumerate() {
        if number > 0 && faults.chunk > 0 {
            steps.push(Step::Wait(Duration::from_millis(faults.chunk)));
        }
        steps.push(Step::Data(event));
    }
    steps.extend(after);
    steps
}

fn first_bytes(events: Vec<Bytes>, bytes: usize) -> Vec<Bytes> {
    let mut left = bytes;
    let mut kept = Vec::new();
    for event in events {
        let part = event.slice(..event.len().min(left));
        left -= part.len();
        if !part.is_empty() {
            kept.push(part);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fault: &str) -> Vec<Step> {
        let mut faults = Faults::default();
        faults.read_header(fault).unwrap();
        stream(["aaaa", "bbbb", "cccc"].map(Bytes::from).to_vec(), &faults)
    }

    fn data(text: &'static str) -> Step {
        Step::Data(Bytes::from(text))
    }

    fn wait(milliseconds: u64) -> Step {
        Step::Wait(Duration::from_millis(milliseconds))
    }

    #[test]
    fn endings_of_streams() {
        assert_eq!(of(""), [data("aaaa"), data("bbbb"), data("cccc")]);
        assert_eq!(of("close=1"), [data("aaaa")]);
        assert_eq!(of("close=0"), []);
        assert_eq!(of("half=1"), [data("aaaa"), data("bb")]);
        assert_eq!(of("half-bytes=6"), [data("aaaa"), data("bb")]);
        assert_eq!(of("cut=2"), [data("aaaa"), data("bbbb"), Step::Wait(LEAVING), Step::Cut]);
        assert_eq!(of("cut-headers"), [Step::Wait(LEAVING), Step::Cut]);
        assert_eq!(of("hang=1"), [data("aaaa"), Step::Stall]);
        assert_eq!(of("error=1"), [data("aaaa"), Step::Data(errors::stream_frame(true))]);
        assert_eq!(of("flat-error=0"), [Step::Data(errors::stream_frame(false))]);
    }

    #[test]
    fn waits() {
        assert_eq!(of("chunk=5, close=2"), [data("aaaa"), wait(5), data("bbbb")]);
        assert_eq!(of("first-byte=9, close=1"), [wait(9), data("aaaa")]);
    }

    #[test]
    fn whole_answers() {
        let body = Bytes::from("{\"a\":1}");
        let steps = |fault: &str| {
            let mut faults = Faults::default();
            faults.read_header(fault).unwrap();
            whole(&body, &faults)
        };
        assert_eq!(steps(""), None);
        assert_eq!(steps("close=1"), None);
        assert_eq!(steps("cut=5"), Some(vec![data("{\"a"), Step::Wait(LEAVING), Step::Cut]));
        assert_eq!(steps("first-byte=4"), Some(vec![wait(4), data("{\"a\":1}")]));
    }
}
