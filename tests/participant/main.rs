//! A participant against the real server, over loopback.
//!
//! - `room`: a server in this process, and a session whose updates a test waits for;
//! - `sessions`: joining, coming back and leaving, one update at a time;
//! - `plain`: the program on a pipe, its lines, its exit codes and its manners towards signals;
//! - `terminal`: the program on a pseudo-terminal, as a person sees it;
//! - `table`: names and words that pose as something else, from `tests/names`.

#![allow(clippy::unwrap_used, unreachable_pub)]

mod plain;
mod room;
mod sessions;
#[allow(dead_code)]
#[path = "../names/table.rs"]
mod table;
#[cfg(unix)]
mod terminal;
