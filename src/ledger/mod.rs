//! What must be exact and must last, in one Durable Object a tenant: limits, spending, usage, idempotent answers and the audit.

/// The Durable Objects' binding.
pub const LEDGER: &str = "LEDGER";

pub mod message;
pub mod outbox;
pub mod price;
pub mod terms;
