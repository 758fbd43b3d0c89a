//! What must be exact and must last, in one Durable Object a tenant: limits, spending, usage, idempotent answers and the audit.

pub mod message;
pub mod terms;
