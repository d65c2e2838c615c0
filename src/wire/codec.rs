//! The server's side of the gRPC codec: drafts in, frames out.
//!
//! It differs from tonic's own prost codec in two ways. A message that does not decode is a value
//! here, not a broken stream, because its sender is to be told in a notice before the stream ends.
//! And what is encoded is not a message but a [`Frame`]: bytes that all recipients share, and a few
//! of this recipient's own.

use super::{encoded::Frame, from_pb, pb};
use crate::chat::{Draft, Fault};
use prost::Message as _;
use tonic::{
    Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// What came in: a draft, or what makes it none.
pub type Inbound = Result<Draft, Fault>;

/// Small buffers, because a participant holds one for as long as it is present (tonic's default of
/// 8 KiB each way is 11 KiB a head); and a DATA frame is closed at 16 kB, so that a burst fills few.
fn buffers() -> BufferSettings {
    BufferSettings::new(512, 16_000)
}

/// The codec. See the module's text.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoomCodec;

impl Codec for RoomCodec {
    type Encode = Frame;
    type Decode = Inbound;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RoomCodec {
    type Item = Frame;
    type Error = Status;

    fn encode(&mut self, frame: Frame, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        frame.write(buffer);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        buffers()
    }
}

impl Decoder for RoomCodec {
    type Item = Inbound;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Inbound>, Status> {
        Ok(Some(match pb::Message::decode(buffer) {
            Ok(message) => from_pb::draft(message),
            Err(error) => Err(Fault::Undecodable(error.to_string().into())),
        }))
    }

    fn buffer_settings(&self) -> BufferSettings {
        buffers()
    }
}
