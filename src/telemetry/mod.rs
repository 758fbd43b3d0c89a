//! What the gateway tells of itself.

pub mod analytics;
pub mod archive;
pub mod feedback;
pub mod line;
pub mod message;
pub mod meter;
pub mod object;
pub mod observation;
pub mod prometheus;
pub mod register;
pub mod roi;
pub mod series;
pub mod sketch;
pub mod spans;
pub mod timing;
