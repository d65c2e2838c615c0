//! Reading the log at run time: a portion at a time, and waiting at its end.
//!
//! A reader takes the lock once for each portion of entries and not at all while there is nothing
//! new. It holds a portion, never the log: however long nobody polls it, it keeps no more than
//! [`PORTION`] entries alive.

use super::{Hub, waiters::SlotId};
use crate::chat::{Position, log::Overtaken};
use crate::wire::EncodedEntry;
use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
};

/// The most entries that a reader takes at once.
const PORTION: usize = 32;

/// A place in the log, and the entries that were taken from there.
#[derive(Debug)]
pub struct Reader {
    hub: Hub,
    /// The place after the entries in `portion`.
    taken: Position,
    portion: VecDeque<Arc<EncodedEntry>>,
    slot: SlotId,
}

impl Reader {
    pub(super) fn new(hub: Hub, from: Position) -> Self {
        let slot = hub.shared.readers.enrol();
        Self { hub, taken: from, portion: VecDeque::new(), slot }
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Up to where the log has been read, the portion in hand included.
    pub(super) fn taken(&self) -> Position {
        self.taken
    }

    /// True if there is no entry to be handed out: the next call would wait.
    pub(super) fn is_at_log_end(&self) -> bool {
        self.portion.is_empty() && !self.has_more()
    }

    /// True if the next entry has to come from the log.
    pub(super) fn is_at_portion_end(&self) -> bool {
        self.portion.is_empty()
    }

    /// The next entry; nothing once the log is finished.
    pub(super) fn poll_entry(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        if self.portion.is_empty() {
            if !self.has_more() {
                self.hub.shared.readers.park(self.slot, cx.waker());
                let is_finished = self.hub.shared.is_finished.load(Ordering::Acquire);
                if !self.has_more() {
                    return if is_finished { Poll::Ready(None) } else { Poll::Pending };
                }
            }
            let state = self.hub.lock();
            match state.log.read(self.taken, PORTION, &mut self.portion) {
                Ok(taken) => self.taken = taken,
                Err(overtaken) => return Poll::Ready(Some(Err(overtaken))),
            }
        }
        Poll::Ready(self.portion.pop_front().map(Ok))
    }

    /// The next entry; nothing once the log is finished.
    ///
    /// # Errors
    /// If the log has dropped it.
    pub async fn next(&mut self) -> Next {
        poll_fn(|cx| Poll::Ready(ready!(self.poll_entry(cx)))).await
    }

    /// True if the log has what has not been taken from it.
    fn has_more(&self) -> bool {
        self.hub.shared.head.load(Ordering::Acquire) > self.taken.entries
    }
}

type Next = Option<Result<Arc<EncodedEntry>, Overtaken>>;

impl Drop for Reader {
    fn drop(&mut self) {
        self.hub.shared.readers.leave(self.slot);
    }
}
