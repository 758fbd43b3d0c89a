//! What must be exact and must last, in one Durable Object a tenant: limits, spending, usage, idempotent answers and the audit.
//!
//! [`window`], [`limits`], [`budget`], [`price`], [`calendar`] and [`audit`] decide. [`books`] holds what is in memory and carries out
//! messages, each in one turn with one write; `reserve`, `notes`, `journal`, `usage`, `registry`, `documents`,
//! `persons` and `upkeep` are its parts.
//! [`storage`] is what it asks of SQLite, and [`object`] its face in the Durable Object. [`outbox`] is the Worker's side: what ledgers are
//! to hear once answers have gone out.

/// The Durable Objects' binding.
pub const LEDGER: &str = "LEDGER";

pub mod audit;
pub mod books;
pub mod budget;
pub mod calendar;
pub mod documents;
pub mod feedback;
mod journal;
pub mod limits;
pub mod message;
mod notes;
pub mod object;
pub mod outbox;
mod persons;
pub mod price;
mod registry;
mod reserve;
pub mod schema;
pub mod storage;
pub mod terms;
mod upkeep;
mod usage;
pub mod window;
