//! Chitty-Chat.
pub mod causality;
pub mod chat;
pub mod client;
pub mod commands;
pub mod telemetry;
pub mod wire;
