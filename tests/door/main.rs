//! The door of the server: TLS, certificates of participants, tokens, and who comes in with what.
//!
//! The binary itself, over real sockets, with certificates that are made for each test.
//!
//! - `papers`: an authority that issues certificates, and the clients that show them;
//! - `tls`: what is encrypted and how, and files that cannot be used;
//! - `certificates`: who is let in by certificate, who is not, and what those hear;
//! - `media`: what is no gRPC;
//! - `narrow`: a connection that takes a few bytes at a time;
//! - `tokens`: the same by token, and by both;
//! - `price`: what a refusal costs, and that nobody else pays for it;
//! - `reload`: new files under a running server;
//! - `revoked`: who is in, and loses what it came in with;
//! - `page`: the commands of docs/security.md, as they stand there (feature `openssl`);
//! - `commands`: `join`, `healthcheck` and `token`, and what `serve` warns of.

#![cfg(unix)]
#![allow(clippy::unwrap_used, unreachable_pub)]

mod certificates;
mod commands;
mod media;
mod narrow;
#[cfg(feature = "openssl")]
mod page;
mod papers;
mod price;
mod reload;
mod revoked;
#[allow(dead_code, unused_imports)]
#[path = "../server/support/mod.rs"]
mod support;
mod tls;
mod tokens;
