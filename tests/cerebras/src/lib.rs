//! A faithful local Cerebras API, for tests, demonstrations and benchmarks.
//!
//! It speaks the real API's closed schema, both of its error envelopes, its streams and its headers. Its text is made up, but
//! always the same for the same request. Any request may ask for a fault, see [`faults`].

pub mod answer;
pub mod body;
pub mod cache;
pub mod catalogue;
pub mod completion;
pub mod errors;
pub mod faults;
pub mod generate;
pub mod headers;
pub mod limits;
pub mod pattern;
pub mod prose;
pub mod render;
pub mod request;
pub mod rules;
pub mod schema;
pub mod script;
pub mod seed;
pub mod server;
pub mod shape;
pub mod state;
pub mod stats;
pub mod stream;
pub mod strict;
pub mod tokens;
pub mod tools;
pub mod topics;

#[cfg(test)]
#[path = "checks_tests.rs"]
mod checks_tests;
