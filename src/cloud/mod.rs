//! Cerebras: which model, how often, and the call itself.

pub mod answer;
pub mod attempts;
pub mod call;
pub mod fit;
pub mod inquire;
pub mod inquiry;
pub mod models;
