//! The content engine: what a post may be on each platform, how it is counted, cut, split, checked, spoken and written down; what is asked of
//! it, what a model is asked for it, and what becomes of the answer.
//!
//! Everything in this folder decides, but where a file says otherwise: functions of their arguments, without runtime, clock or randomness.

pub mod brand;
pub mod campaign;
pub mod compose;
pub mod composed;
pub mod count;
pub mod draft;
pub mod emoji;
pub mod entities;
pub mod export;
pub mod facts;
pub mod film;
pub mod fit;
pub mod gsm;
pub mod history;
pub mod order;
pub mod patterns;
pub mod person;
pub mod pictures;
pub mod platform;
pub mod prompt;
pub mod score;
pub mod sentences;
pub mod speech;
pub mod threads;
pub mod tracking;
pub mod wording;
