//! What the gateway tells of itself.

pub mod register;
pub mod series;
pub mod sketch;
pub mod timing;
