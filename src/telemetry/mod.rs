//! What an operator sees: the log, its formats, the sentences for the server's events, the metrics.
//!
//! Nothing here decides anything. Names and texts of strangers are escaped on the way in, by
//! `Participant`'s own `Display` and by [`crate::chat::escape`], so a line of the log is one line.

pub mod lines;
pub mod log;
pub mod metrics;

pub use log::{Format, stamp};
