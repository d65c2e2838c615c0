//! The body of the response: the messages of a conversation, and its status at the end.
//!
//! All messages that are ready are written into one DATA frame, up to [`FULL`] bytes. Its memory is
//! made for what goes into it and is gone when that has been sent, so a participant that hears nothing
//! holds no buffer, however large the last message was.

use super::{conversation::Conversation, gate::Gate, outlet::Cork};
use crate::hub::Left;
use crate::wire::Batch;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tonic::Status;

/// A batch takes no more messages once it has this many bytes. HTTP/2's frames are 16 KiB unless a
/// client wants larger ones.
const FULL: usize = 15_000;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Response {
    conversation: Conversation,
    gate: Gate,
    batch: Batch,
    cork: Arc<Cork>,
    /// Whether the conversation had more than went into the batch.
    left: Left,
    /// What there is left to say, once the conversation has ended.
    end: Option<Status>,
    is_over: bool,
}

impl Response {
    /// The conversation's other half wakes the gate.
    pub(super) fn new(conversation: Conversation, gate: Gate, cork: Arc<Cork>) -> Self {
        let batch = Batch::new(FULL);
        Self { conversation, gate, batch, cork, left: Left::Nothing, end: None, is_over: false }
    }

    /// The next piece of the body; nothing after the last.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.batch.is_empty() && self.end.is_none() {
            let Some(waker) = self.gate.enter(cx) else {
                return Poll::Pending;
            };
            let mut cx = Context::from_waker(waker);
            match ready!(self.conversation.poll_batch(&mut self.batch, &mut cx)) {
                Ok(left) => self.left = left,
                Err(status) => (self.left, self.end) = (Left::Nothing, Some(status)),
            }
            if self.left == Left::Some {
                self.gate.stay_open();
            }
        }
        let piece = self.batch.take();
        self.cork.more_follows(self.left == Left::Some || !self.batch.is_empty());
        Poll::Ready(piece)
    }
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
        if let Some(data) = ready!(this.poll_data(cx)) {
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
