//! The door of the server: TLS, certificates of participants, tokens, and who comes in with what.
//!
//! The binary itself, over real sockets, with certificates that are made for each test.
//!
//! - `papers`: an authority that issues certificates, and the clients that show them;
//! - `tls`: what is encrypted and how, and files that cannot be used;
//! - `certificates`: who is let in by certificate, who is not, and what those hear;
//! - `tokens`: the same by token, and by both;
//! - `reload`: new files under a running server;
//! - `commands`: `join`, `healthcheck` and `token`, and what `serve` warns of.

#![cfg(unix)]
#![allow(clippy::unwrap_used, unreachable_pub)]
// Each test binary uses its own part of what they share.
#![allow(dead_code, unused_imports)]

mod certificates;
mod commands;
mod papers;
mod reload;
#[path = "../server/support/mod.rs"]
mod support;
mod tls;
mod tokens;
