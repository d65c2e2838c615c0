//! Causality: what happened at which node, when by its Lamport clock, and because of what.
//!
//! Pure like the core: events in, answers out. It knows nothing of gRPC and reads no clock. The
//! server's events need not be recorded as they happen, since they all follow from the log:
//! [`Replay`] works them out, whoever asks for them and at whatever pace.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod event;
pub mod replay;

pub use event::{Event, Kind, Subject};
pub use replay::Replay;
