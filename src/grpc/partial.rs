//! Messages that are on their way in, and what they may hold meanwhile, all together.
//!
//! A message is put together before it is read, and whoever sends half of one holds that much for as long as
//! it likes. What people say fits into [`SMALL`] bytes, which each stream has to itself; a larger message
//! takes its size out of what all streams share, when its length is announced and before a byte of it is
//! kept, and gives it back when it is whole.

use super::door::Door;
use super::guest::Guest;
use bytes::{Buf as _, Bytes};
use http_body::{Body, Frame, SizeHint};
use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tonic::Status;

/// The bytes of a message for which nothing is taken: more than any name and text can have.
pub const SMALL: usize = 4 << 10;
/// What stands before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// A request's body. See the module's text.
#[derive(Debug)]
pub(super) struct Partial<B> {
    body: B,
    guest: Arc<Guest>,
    /// The largest message that is read. Nothing is kept of a larger one.
    most: usize,
    prefix: [u8; PREFIX],
    /// How much of the prefix is there.
    prefixed: usize,
    /// How much of the message is still to come.
    missing: usize,
    /// What was taken for it.
    taken: usize,
}

impl<B> Partial<B> {
    pub(super) fn new(body: B, guest: Arc<Guest>, most: usize) -> Self {
        Self { body, guest, most, prefix: [0; PREFIX], prefixed: 0, missing: 0, taken: 0 }
    }

    fn door(&self) -> &Door {
        self.guest.door()
    }

    /// Follows what has come from message to message.
    fn follow(&mut self, mut data: &[u8]) -> Result<(), Status> {
        while !data.is_empty() {
            if self.prefixed < PREFIX {
                let bytes = data.len().min(PREFIX - self.prefixed);
                data.copy_to_slice(&mut self.prefix[self.prefixed..self.prefixed + bytes]);
                self.prefixed += bytes;
                if self.prefixed == PREFIX {
                    self.announced()?;
                }
                continue;
            }
            let bytes = data.len().min(self.missing);
            data.advance(bytes);
            self.missing -= bytes;
            self.end_if_whole();
        }
        Ok(())
    }

    fn announced(&mut self) -> Result<(), Status> {
        let [_, a, b, c, d] = self.prefix;
        self.missing = u32::from_be_bytes([a, b, c, d]) as usize;
        if (SMALL + 1..=self.most).contains(&self.missing) {
            if !self.door().takes_inbound(self.missing) {
                self.guest.request_refused("inbound");
                let bytes = self.missing;
                return Err(Status::resource_exhausted(format!(
                    "there is no room for a message of {bytes} bytes at the moment; up to {SMALL} there always is"
                )));
            }
            self.taken = self.missing;
        }
        self.end_if_whole();
        Ok(())
    }

    fn end_if_whole(&mut self) {
        if self.missing == 0 {
            self.prefixed = 0;
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        let taken = mem::take(&mut self.taken);
        if taken > 0 {
            self.door().gives_inbound_back(taken);
        }
    }
}

impl<B> Body for Partial<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        let Some(frame) = ready!(Pin::new(&mut this.body).poll_frame(cx)) else {
            return Poll::Ready(None);
        };
        let frame = frame.map_err(Into::into)?;
        if let Some(data) = frame.data_ref() {
            this.follow(data)?;
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Partial<B> {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::Limits;
    use http_body_util::Empty;

    fn body(door: &Arc<Door>) -> Partial<Empty<Bytes>> {
        let guest = door.enter([10, 0, 0, 1].into()).expect("there is room");
        Partial::new(Empty::new(), guest, 65_536)
    }

    fn message(bytes: usize) -> Vec<u8> {
        let [a, b, c, d] = u32::try_from(bytes).expect("a length").to_be_bytes();
        [vec![0, a, b, c, d], vec![7; bytes]].concat()
    }

    #[tokio::test]
    async fn a_large_message_takes_its_size_until_it_is_whole() {
        let limits = Limits { inbound_bytes: 70_000, ..Limits::default() };
        let door = Door::new(limits, Arc::default());
        let (mut first, mut second) = (body(&door), body(&door));
        // Byte by byte, because it may come so.
        for byte in &message(60_000)[..100] {
            first.follow(&[*byte]).expect("there is room");
        }
        let refused = second.follow(&message(SMALL + 10_000)[..5]).expect_err("there is none");
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
        let mut third = body(&door);
        third.follow(&message(SMALL)[..5]).expect("for a small one there always is");
        first.follow(&message(60_000)[100..]).expect("the rest of it");
        let both = [message(9000), message(0), message(65_000)].concat();
        third.follow(&[message(SMALL), both].concat()[5..]).expect("one after the other");
        first.follow(&message(65_000)[..9]).expect("there is room again");
        drop(first);
        assert!(door.takes_inbound(70_000), "nothing is kept of who is gone");
    }
}
