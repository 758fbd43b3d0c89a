//! Campaigns: a brief, platforms and a timeline; a strategy for it; a post for every platform at every time; all of them told apart.
//!
//! * [`plan`]: the body of `POST /v1/campaigns`, and the order for each post
//! * [`strategy`]: what a model is asked for a theme each time, and what stands in for its answer
//! * [`course`]: how a campaign goes on: who works on what, what it may cost, how it ends
//! * [`alike`]: posts that say the same

pub mod alike;
pub mod course;
pub mod plan;
pub mod strategy;
