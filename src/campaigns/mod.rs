//! Campaigns at work: the store holds them, the queue brings workers, and each post is a call through the gateway's own door. What follows
//! from what is decided in `content::campaign`.
//!
//! * [`message`]: what a Worker and a store say to each other of campaigns
//! * [`record`]: a course as JSON
//! * [`store`]: the campaigns of a tenant's store: tables, messages, what is due
//! * [`run`]: a worker: strategy, posts, the look at all of them

pub mod message;
pub mod record;
pub mod run;
pub mod store;

/// What ids of campaigns begin with, in messages of the queue too.
pub const PREFIX: &str = "campaign_";
