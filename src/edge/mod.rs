//! What the Worker understands by itself, without asking a model elsewhere: what somebody wants, sentiment, language, personal data,
//! safety, measures.
//!
//! Everything here decides: a function of its arguments, without runtime, clock or randomness. Data lies in `models/` as it is read, and
//! tables are laid out and hashed when the Worker is built, so that nothing has to be made when an isolate starts.

mod bag;
pub mod centroids;
pub mod embedding;
pub mod features;
pub mod intents;
pub mod language;
pub mod linear;
pub mod measures;
pub mod ngrams;
pub mod pii;
pub mod safety;
pub mod sentiment;
pub mod tables;
pub mod task;
pub mod wordpiece;
