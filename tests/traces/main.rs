//! Message traces from outside: what reaches a collector over a real socket, and what the chat does
//! when the collector is not there.
//!
//! - `collector`: an OTLP collector in this process;
//! - `paths`: whose spans a message has, and how they hang together;
//! - `crowd`: the clock condition over the spans of a conversation of twenty;
//! - `third_party`: the same spans at a collector that somebody else wrote (feature `collector`);
//! - `outage`: no endpoint, no collector, one that never answers, one that is flooded.

#![cfg(unix)]
#![allow(clippy::unwrap_used, unreachable_pub)]

mod collector;
mod crowd;
mod outage;
mod paths;
#[allow(dead_code, unused_imports)]
#[path = "../server/support/mod.rs"]
mod support;
#[cfg(feature = "collector")]
mod third_party;
