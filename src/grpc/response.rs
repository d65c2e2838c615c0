//! The body of the response: the frames of a conversation, and its status at the end.
//!
//! All frames that are ready are written into one DATA frame, up to [`FULL`] bytes. Its memory is
//! made for what goes into it and is gone when that has been sent, so a participant that hears nothing
//! holds no buffer, however large the last message was.

use super::{conversation::Conversation, gate::Gated};
use crate::wire::Frame as Message;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio_stream::Stream as _;
use tonic::Status;

/// A DATA frame holds no more messages once it has this many bytes. HTTP/2's frames are 16 KiB unless
/// a client wants larger ones.
const FULL: usize = 15_000;
/// What stands before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Response {
    conversation: Gated<Conversation>,
    /// What there is left to say, once the conversation has ended.
    end: Option<Status>,
    is_over: bool,
}

impl Response {
    pub(super) fn new(conversation: Conversation) -> Self {
        Self { conversation: Gated::new(conversation), end: None, is_over: false }
    }

    /// Writes what is ready into one buffer.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        let mut data = BytesMut::new();
        while self.end.is_none() && data.len() < FULL {
            match Pin::new(&mut self.conversation).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => write(&message, &mut data),
                Poll::Ready(Some(Err(status))) => self.end = Some(status),
                Poll::Ready(None) => self.end = Some(Status::ok("")),
                Poll::Pending if data.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(data.freeze())
    }
}

/// Puts a message behind others, with its prefix.
fn write(message: &Message, data: &mut BytesMut) {
    data.reserve(PREFIX + message.size_hint());
    let start = data.len();
    data.put_bytes(0, PREFIX);
    message.write(data);
    // No message of the room is as long as four bytes can say.
    let length = u32::try_from(data.len() - start - PREFIX).unwrap_or(u32::MAX);
    data[start + 1..start + PREFIX].copy_from_slice(&length.to_be_bytes());
}

impl Body for Response {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.is_over {
            return Poll::Ready(None);
        }
        let data = ready!(this.poll_data(cx));
        if !data.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        this.is_over = true;
        let mut trailers = HeaderMap::new();
        let status = this.end.take().unwrap_or_else(|| Status::ok(""));
        // A text that is no header's is percent-encoded by tonic, so this does not fail.
        let added = status.add_header(&mut trailers);
        Poll::Ready(Some(added.map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }
}
