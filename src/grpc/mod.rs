//! The gRPC side: the chat service, health, reflection, and the server that carries them.
//!
//! It turns streams into calls of the hub and the hub's answers into streams; it decides nothing
//! about the room. Everything that a client can be told by a status stands in [`status`].

mod bucket;
mod connection;
mod conversation;
mod denials;
mod door;
mod gate;
mod guest;
mod intake;
mod listener;
mod nursery;
mod outlet;
mod partial;
mod pass;
mod response;
pub mod server;
mod service;
mod services;
mod socket;
pub mod status;
mod turns;
mod wicket;

pub use bucket::Bucket;
pub use door::network;
pub use listener::Listener;
pub use partial::SMALL;
pub use server::{Limits, Serving};
pub use socket::Socket;
pub use wicket::{Entrant, Talk, Wicket};
