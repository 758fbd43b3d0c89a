//! What the gateway tells of itself.

pub mod timing;
