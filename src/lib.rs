//! Chitty-Chat: a chat in which every node is a Lamport process.
//!
//! Participants hold one bidirectional gRPC stream each; the server stamps everything with its own
//! Lamport clock and fans it out. The library exists for the program `chittychat` and its tests.
//!
//! # Reading order
//!
//! 1. [`chat`]: the core. Clock, room, log, cursor, and the promises they keep. Pure.
//! 2. [`wire`]: protobuf in and out; an entry is encoded once, however many receive it.
//! 3. [`hub`]: the core at run time. One critical section, one log, many readers.
//! 4. [`grpc`]: a participant's stream; health, reflection, statuses. [`keys`]: who may open one.
//! 5. [`causality`]: events and what caused them, worked out from the log.
//! 6. [`journal`]: the same events as lines of a file, written and read.
//! 7. [`client`]: the participant's side.
//! 8. [`console`]: the room as a live page in a browser.
//! 9. [`commands`]: where it is all put together; with [`config`], [`shutdown`], [`supervise`],
//!    [`telemetry`] and [`http`].
//!
//! # The layer rule
//!
//! Imports go one way, and `tests/tidy.rs` says so. `chat` names nothing of ours; `causality` and
//! `wire` name `chat`; `journal` names those two that are pure; `hub` stands on those; `keys` names
//! `chat` and `telemetry`; `grpc` and `http` stand on `hub`, and `console` on `grpc`; `client` never names the server's side,
//! nor the other way round; `commands` names everything.

pub mod causality;
pub mod chat;
pub mod client;
pub mod commands;
pub mod config;
pub mod console;
pub mod grpc;
pub mod http;
pub mod hub;
pub mod journal;
pub mod keys;
pub mod shutdown;
pub mod supervise;
pub mod telemetry;
pub mod wire;
