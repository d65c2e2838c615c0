//! Chitty-Chat.
pub mod chat;
pub mod config;
