//! Experiments: arms that answer the same calls in different ways, and which of them does best.
//!
//! * [`definition`]: an experiment as it is written down
//! * [`assignment`]: which arm a subject is in, the same wherever it is asked
//! * [`tally`]: sums from which means and their errors follow, by subject
//! * [`posterior`]: what is believed of an arm, and the chance that it is best; [`distributions`] has the functions
//! * [`sequence`]: intervals that hold at all times at once, so that who looks every minute is not fooled
//! * [`ratio`]: whether subjects came to the arms as they should have
//! * [`variation`]: a request as an arm wants it
//! * [`known`]: what an isolate remembers of experiments
//! * [`layout`]: a trial as it is stored
//! * [`trial`]: a running experiment: exposures, observations, weights, guards, the end; [`report`] tells of it
//!
//! All of it is pure. Sums are `f64`: whole numbers in them are exact up to 2^53.

pub mod assignment;
pub mod definition;
pub mod distributions;
pub mod known;
pub mod layout;
pub mod posterior;
pub mod ratio;
pub mod report;
pub mod sequence;
pub mod tally;
pub mod trial;
pub mod variation;
