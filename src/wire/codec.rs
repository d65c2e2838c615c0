//! What comes in, decoded: drafts for the room.
//!
//! It differs from tonic's own prost codec in one way. A message that does not decode is a value here,
//! not a broken stream, because its sender is to be told in a notice before the stream ends. What goes
//! out needs no codec: an [entry](super::EncodedEntry) writes itself.

use super::{from_pb, pb};
use crate::chat::{Draft, Fault};
use bytes::Buf;
use prost::Message as _;
use tonic::{
    Status,
    codec::{BufferSettings, DecodeBuf, Decoder},
};

/// What came in: a draft, or what makes it none.
pub type Inbound = Result<Draft, Fault>;

/// One message, without its prefix.
pub fn decode(message: impl Buf) -> Inbound {
    match pb::Message::decode(message) {
        Ok(message) => from_pb::draft(message),
        Err(error) => Err(Fault::Undecodable(error.to_string().into())),
    }
}

/// The decoder. See the module's text.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoomDecoder;

impl Decoder for RoomDecoder {
    type Item = Inbound;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Inbound>, Status> {
        Ok(Some(decode(buffer)))
    }

    /// A small buffer, because a participant holds it for as long as it is present: tonic's default
    /// is 8 KiB. The second number is about encoding.
    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(512, 512)
    }
}
