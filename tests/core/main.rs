//! The core from outside, without a network: what it promises, for any order of events.
//!
//! - `world`: participants, a room and the messages between them, moved one step at a time;
//! - `transcripts`: the two conversations of the original's report, time by time;
//! - `promises`: the six promises, over arbitrary interleavings;
//! - `rules`: who is refused, with what, and what becomes of the clock.

#![allow(clippy::unwrap_used, unreachable_pub)]

mod promises;
mod rules;
mod transcripts;
mod world;
