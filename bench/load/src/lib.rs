//! What the two programs of the benchmark share: HTTP/1.1 over a blocking socket, CPU time from /proc, and percentiles.

pub mod args;
pub mod canned;
pub mod cpu;
pub mod stats;
pub mod store;
pub mod wire;
