//! What the Worker can tell of a text by itself, without a call: sentiment, language, personal data, safety, measures.
//!
//! Everything here decides: a function of its arguments, without runtime, clock or randomness. Data lies in `models/` as it is read,
//! so that nothing has to be built when an isolate starts.

pub mod language;
pub mod measures;
pub mod pii;
pub mod safety;
pub mod sentiment;
