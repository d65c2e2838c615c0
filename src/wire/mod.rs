//! The protobuf edge: the only place, with `grpc`, that knows the generated types.
//!
//! Everything that comes in is turned into the core's types once, by [`from_pb`]; everything that
//! goes out is encoded once, by [`encoded`], however many receive it. The generated code stands in a
//! module of its own with the lints off and is re-exported as [`pb`].

mod batch;
mod codec;
pub mod encoded;
pub mod from_pb;
pub mod json;
pub mod original;
pub mod participant;
pub mod prefixed;
mod roll;

/// The types that prost generates from `proto/chittychat.proto`, and tonic's client.
pub mod pb {
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used)]
    tonic::include_proto!("proto");
}

pub use batch::Batch;
pub use codec::{Inbound, RoomDecoder, decode};
pub use encoded::{EncodedEntry, Traceparent, Tracing};
pub use roll::Roll;

/// The full name of the service, as health checks and reflection know it.
pub const SERVICE: &str = "proto.ChittyChatService";

/// The protocol as a serialised `FileDescriptorSet`, comments included, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
