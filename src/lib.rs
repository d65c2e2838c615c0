//! Chitty-Chat.
pub mod chat;
