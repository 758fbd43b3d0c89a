//! The content engine: what a post may be on each platform, how it is counted, cut, split, checked, spoken and written down.
//!
//! Everything in this folder decides, but where a file says otherwise: functions of their arguments, without runtime, clock or randomness.

pub mod count;
pub mod emoji;
pub mod entities;
pub mod export;
pub mod facts;
pub mod fit;
pub mod gsm;
pub mod platform;
pub mod sentences;
pub mod speech;
pub mod threads;
pub mod tracking;
pub mod wording;
