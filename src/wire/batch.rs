//! Messages on their way out: one behind the other, each with gRPC's prefix, ready to be sent together.
//!
//! One batch becomes as few DATA frames as it can. What goes in is copied into one buffer, but for what
//! many recipients share and is long: that stands between as a piece of its own, and is not copied at
//! all. It knows nothing of HTTP/2, and it never shrinks what it is given: it is full or it is not.

use bytes::{BufMut as _, Bytes, BytesMut};
use std::collections::VecDeque;

/// What stands before a message: whether it is compressed (it is not), and its length.
const PREFIX: usize = 5;

/// See the module's text.
#[derive(Debug)]
pub struct Batch {
    /// Pieces that are closed, in order.
    pieces: VecDeque<Bytes>,
    /// What is behind them.
    open: BytesMut,
    bytes: usize,
    full: usize,
}

impl Batch {
    /// An empty batch that is full once it has `full` bytes. The last message may go beyond that.
    #[must_use]
    pub fn new(full: usize) -> Self {
        Self { pieces: VecDeque::new(), open: BytesMut::new(), bytes: 0, full }
    }

    /// True if there is nothing to be sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// True if it is to be sent before more is put in.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes >= self.full
    }

    /// Makes room for `messages` of some `bytes` each, as far as they fit, in one step.
    pub fn expect(&mut self, messages: u64, bytes: usize) {
        let left = self.full.saturating_sub(self.bytes);
        let messages = usize::try_from(messages).unwrap_or(usize::MAX);
        // One message begins below the bound, and another may be a little longer than this one.
        self.open.reserve(messages.saturating_mul(bytes).min(left.saturating_add(2 * bytes)));
    }

    /// Begins a message of exactly `bytes` bytes, which the caller then puts in.
    pub(super) fn begin(&mut self, bytes: usize) {
        self.bytes += PREFIX + bytes;
        self.open.reserve(PREFIX + bytes);
        // No message of the room is as long as four bytes can say.
        let [a, b, c, d] = u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
        self.open.put_slice(&[0, a, b, c, d]);
    }

    /// The next bytes of the message.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.open.put_slice(bytes);
    }

    /// The next bytes of the message, which others have too.
    pub(super) fn put_shared(&mut self, bytes: Bytes) {
        if !self.open.is_empty() {
            self.pieces.push_back(self.open.split().freeze());
        }
        self.pieces.push_back(bytes);
    }

    /// Messages that somebody else has written.
    pub fn append(&mut self, other: Batch) {
        self.bytes += other.bytes;
        for piece in other.pieces {
            self.put_shared(piece);
        }
        self.open.extend_from_slice(&other.open);
    }

    /// The next piece to be sent, if there is one.
    pub fn take(&mut self) -> Option<Bytes> {
        let piece = self.pieces.pop_front().or_else(|| {
            // Not split off: the buffer goes with what is in it, and an idle batch holds none.
            (!self.open.is_empty()).then(|| std::mem::take(&mut self.open).freeze())
        })?;
        self.bytes -= piece.len();
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut batch: Batch) -> (usize, Vec<u8>) {
        let pieces: Vec<_> = std::iter::from_fn(|| batch.take()).collect();
        assert!(batch.is_empty());
        (pieces.len(), pieces.concat())
    }

    #[test]
    fn messages_stand_behind_each_other_and_leave_together() {
        let mut batch = Batch::new(12);
        assert!(batch.is_empty() && !batch.is_full());
        batch.expect(3, 2);
        batch.begin(2);
        batch.put(b"hi");
        assert!(!batch.is_full());
        batch.begin(1);
        batch.put(b"!");
        assert!(batch.is_full(), "thirteen bytes");
        assert_eq!(all(batch), (1, b"\0\0\0\0\x02hi\0\0\0\0\x01!".to_vec()));
    }

    #[test]
    fn what_is_shared_is_a_piece_of_its_own_in_its_place() {
        let mut batch = Batch::new(100);
        batch.begin(6);
        batch.put(b"ab");
        batch.put_shared(Bytes::from_static(b"cd"));
        batch.put(b"ef");
        let mut before = Batch::new(1);
        before.begin(1);
        before.put(b"x");
        before.append(batch);
        assert_eq!(all(before), (4, b"\0\0\0\0\x01x\0\0\0\0\x06abcdef".to_vec()));
    }
}
