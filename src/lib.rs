//! Chitty-Chat.
pub mod causality;
pub mod chat;
pub mod client;
pub mod commands;
pub mod config;
pub mod grpc;
pub mod http;
pub mod hub;
pub mod shutdown;
pub mod telemetry;
pub mod wire;
