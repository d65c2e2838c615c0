//! Chitty-Chat.
pub mod causality;
pub mod chat;
pub mod telemetry;
pub mod wire;
