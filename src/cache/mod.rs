//! The KV cache: what may be answered from it, under which key, and how an entry becomes an answer again.

pub mod entry;
pub mod key;
pub mod replay;
pub mod steering;
