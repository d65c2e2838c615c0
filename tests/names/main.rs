//! Names and words that pose as something else, on every surface: who is let in, and how what strangers
//! wrote is shown.
//!
//! - `table`: the names and the texts; the terminal and the page are tested with them in
//!   `tests/participant` and `tests/console`;
//! - `records`: the room, its two logs, a participant's lines, journals, what is verified of them and drawn;
//! - `page`: that docs/names.md has these tables;
//! - `twins`: that the page judges by the same tables as the server.

#![cfg(unix)]
#![allow(clippy::unwrap_used, unreachable_pub)]

mod page;
mod records;
#[allow(dead_code, unused_imports)]
#[path = "../server/support/mod.rs"]
mod support;
#[allow(dead_code)]
mod table;
mod twins;
