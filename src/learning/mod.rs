//! What is learnt from what became of answers: pure; the tenant's ledger keeps what it needs.

pub mod examples;
pub mod feedback;
pub mod regression;
pub mod score_model;
