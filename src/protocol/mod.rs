//! The wire: what requests, answers, streams and headers look like. Pure, and names nothing above itself.

pub mod answer;
pub mod base64url;
pub mod headers;
pub mod json;
pub mod request;
pub mod sse;
pub mod usage;
