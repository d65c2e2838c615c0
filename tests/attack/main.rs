//! Attacks on the real server with the settings that are shipped, beside two who chat. Each prints its
//! figures in a line, and fails if the server holds too much memory, if a delivery takes too long, if
//! anybody who reads is put out, or if nobody new gets in.
//!
//! - `trial`: one attack, and what came of it;
//! - `shipped`: the settings that are shipped;
//! - `bystanders`: the two who chat;
//! - `memory`: what the server holds, and a bound on it;
//! - `http2`: streams and frames;
//! - `websockets`: frames that count as nothing, messages that never end;
//! - `halves`: requests that are begun and never ended;
//! - `frames`: tiny frames, headers without end;
//! - `companions`: health and reflection on all connections;
//! - `web`: the HTTP port;
//! - `comings`: storms of joins, floods of messages, jumps of clocks;
//! - `strangers`: wrong tokens, and what is not gRPC;
//! - `together`: everything at once.
//!
//! `cargo test --release --features attack --test attack -- --test-threads 1 --nocapture`. How long each
//! attack goes on is in `ATTACK_SECONDS` (5 unless that is set). `ATTACK_SERVER` names another binary to be
//! attacked, such as one of before a change. The bound on memory wants root, and is otherwise a figure that
//! is checked.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, unreachable_pub, clippy::print_stdout)]

mod bystanders;
mod comings;
mod companions;
mod frames;
mod halves;
mod http2;
mod memory;
mod shipped;
mod strangers;
#[allow(dead_code, unused_imports)]
#[path = "../server/support/mod.rs"]
mod support;
mod together;
mod trial;
mod web;
mod websockets;
