//! What the gateway learns from what its answers lead to.

pub mod experiment;
