//! The console: what a page is told, who is told it, and how one chats from it.
//!
//! The binary itself, over real sockets, with pages made by hand; and the real page in a real browser.
//!
//! - `support`: a page's two sockets, and the picture that follows from what it is told;
//! - `files`: the page's files, and what a browser is told about them;
//! - `events`: what happened, from any place on, and what is missing;
//! - `same`: that the live events are those of the journal, over random conversations;
//! - `chat`: a participant over a WebSocket, by the same rules as any other;
//! - `guarded`: who is shown what;
//! - `browser`: the page in Chromium (feature `browser`);
//! - `table`: names and words that pose as something else, from `tests/names`.

#![cfg(unix)]
#![allow(clippy::unwrap_used, unreachable_pub)]

#[cfg(feature = "browser")]
mod browser;
mod chat;
mod events;
mod files;
mod guarded;
#[allow(dead_code, unused_imports)]
#[path = "../server/support/mod.rs"]
mod peers;
mod same;
mod support;
#[cfg(feature = "browser")]
#[allow(dead_code)]
#[path = "../names/table.rs"]
mod table;
