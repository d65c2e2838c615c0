//! The faults between the server and the machine: files that are not what they were, disks that are full,
//! signals, and threads that are not to be had. Beside each of them two people talk, who must not notice.
//!
//! - `program`: the server, or a participant, started in a way of its own;
//! - `journal`: what may become of the journal's file;
//! - `log`: a log that nobody takes, and filters;
//! - `signals`: what each means to a server and to a participant, and `serve --check-config`;
//! - `threads`: a system that has no more of them (Linux).

#![cfg(unix)]
#![allow(clippy::unwrap_used, unreachable_pub)]

mod journal;
mod log;
mod program;
mod signals;
#[allow(dead_code, unused_imports)]
#[path = "../server/support/mod.rs"]
mod support;
#[cfg(target_os = "linux")]
mod threads;
