//! The server from outside: the binary itself, over real sockets, and whatever may be done to it.
//! What is measured is read from `/proc`, and loopback has many addresses: so `bounds`, `crowd`, `door`
//! and `limits` are for Linux.
//!
//! - `commands`: the command line, and what a mistake in it is answered with;
//! - `support`: processes, peers, and a room with two participants whom nothing may harm;
//! - `losses`: the ways in which a participant goes without a word;
//! - `violations`: messages that end their sender's stream, each with its status;
//! - `garbage`: bytes that are no message, and no HTTP/2 either;
//! - `manners`: what a person may do wrong, and stays;
//! - `bounds`: a reader that never reads;
//! - `door`: connections that are too many, and those that nothing comes of;
//! - `clocks`: somebody hostile pushes the room's clock, and the server is restarted;
//! - `limits`: what one participant, one connection and one address may ask for;
//! - `memory`: what strangers may make the server hold, as a sum;
//! - `metrics`: what is counted, exactly, and the log that must not hold anybody up;
//! - `lifecycle`: health, reflection, probes, and every way to stop;
//! - `crowd`: a thousand participants;
//! - `transcripts`: the report's two conversations, through real processes;
//! - `legacy`: peers generated from the original's own schema, in both directions;
//! - `bench`: the load generator;
//! - `probe`: the fault list that any server can be tried with, against ours and flawed ones;
//! - `demo`: what whoever tries the program first sees.

#![cfg(unix)]
#![allow(clippy::unwrap_used, unreachable_pub)]

mod bench;
#[cfg(target_os = "linux")]
mod bounds;
mod clocks;
mod commands;
#[cfg(target_os = "linux")]
mod crowd;
mod demo;
#[cfg(target_os = "linux")]
mod door;
mod garbage;
mod legacy;
mod lifecycle;
#[cfg(target_os = "linux")]
mod limits;
mod losses;
mod manners;
mod memory;
mod metrics;
mod probe;
mod support;
mod transcripts;
mod violations;
