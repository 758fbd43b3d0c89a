//! What the gateway tells of itself.

pub mod analytics;
pub mod archive;
pub mod draw;
pub mod message;
pub mod meter;
pub mod object;
pub mod observation;
pub mod point;
pub mod prometheus;
pub mod register;
pub mod request_log;
pub mod roi;
pub mod series;
pub mod settings;
pub mod sketch;
pub mod strangers;
pub mod timing;
pub mod trace;
pub mod tracer;
