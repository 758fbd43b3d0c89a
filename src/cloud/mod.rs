//! Cerebras: which model, how often, and the call itself.

pub mod answer;
pub mod attempts;
pub mod call;
pub mod chain;
pub mod deadline;
pub mod exchange;
pub mod fit;
pub mod health;
pub mod inquire;
pub mod inquiry;
pub mod models;
pub mod route;
