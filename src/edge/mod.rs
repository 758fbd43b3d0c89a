//! What the Worker understands by itself, without asking a model elsewhere. Pure; tables are laid out and hashed when the Worker is built.

pub mod centroids;
pub mod embedding;
pub mod features;
pub mod intents;
pub mod linear;
pub mod ngrams;
pub mod tables;
pub mod wordpiece;
