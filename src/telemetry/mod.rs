//! What an operator sees: the log, its formats, the sentences for the server's events, metrics, traces.
//!
//! Reading order: [`log`], [`lines`] and [`audit`]; [`metrics`]; [`names`] (what spans say), [`spans`] (the spans
//! of messages, and which messages have any), [`lifecycle`] (the other spans), [`export`] (where
//! spans go).
//!
//! Nothing here decides anything. Names and texts of strangers are escaped on the way in, by
//! `Participant`'s own `Display` and by [`crate::chat::escape`], so a line of the log is one line.

pub mod audit;
mod bucket;
pub mod export;
pub mod lifecycle;
pub mod lines;
pub mod log;
mod log_queue;
pub mod metrics;
pub mod names;
pub mod spans;

pub use log::{Format, stamp};
pub use spans::Spans;
