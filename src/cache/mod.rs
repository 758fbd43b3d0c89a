//! The KV cache: what may be answered from it, under which key, and how an entry becomes an answer again.

/// The KV namespace of cached answers.
pub const CACHE: &str = "CACHE";

pub mod entry;
pub mod key;
pub mod normal;
pub mod replay;
pub mod seal;
pub mod steering;
pub mod visit;
