//! Reading the log at run time: a segment at a time, and waiting at its end.
//!
//! A reader takes the lock once for each segment and not at all within one, nor while there is nothing
//! new. It holds a segment, never the log: however long nobody polls it, it keeps no more entries alive
//! than stand in one.

use super::{Hub, sync::atomic::Ordering, waiters::Slot};
use crate::chat::{
    Position,
    log::{Overtaken, Segment},
};
use crate::wire::EncodedEntry;
use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// A place in the log, and the segment that it is in.
#[derive(Debug)]
pub struct Reader {
    hub: Hub,
    /// The place of the next entry.
    at: Position,
    segment: Option<Arc<Segment<Arc<EncodedEntry>>>>,
    slot: Slot,
}

impl Reader {
    pub(super) fn new(hub: Hub, from: Position) -> Self {
        let slot = hub.shared.readers.enrol();
        Self { hub, at: from, segment: None, slot }
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Up to where the log has been read.
    pub(super) fn at(&self) -> Position {
        self.at
    }

    /// How many entries of the log stand before this place.
    #[must_use]
    pub fn read_so_far(&self) -> u64 {
        self.at.entries
    }

    /// How many entries there are to be read.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.hub.shared.head.load(Ordering::SeqCst).saturating_sub(self.at.entries)
    }

    /// True if the next call would wait.
    pub(super) fn is_at_log_end(&self) -> bool {
        self.unread() == 0
    }

    /// Ready when there is an entry to [take](Self::take), or when nothing will follow, or with how
    /// far the log has overtaken this reader.
    pub(super) fn poll_ready(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(), Overtaken>>> {
        if self.in_hand().is_some() {
            return Poll::Ready(Some(Ok(())));
        }
        if self.unread() == 0 {
            self.slot.park(cx.waker());
            let is_finished = self.hub.shared.is_finished.load(Ordering::SeqCst);
            if self.unread() == 0 {
                return if is_finished { Poll::Ready(None) } else { Poll::Pending };
            }
        }
        let state = self.hub.lock();
        Poll::Ready(Some(state.log.segment(self.at).map(|segment| {
            self.segment = segment.cloned();
        })))
    }

    /// The next entry, and the place behind it, if it is in the segment in hand.
    fn in_hand(&self) -> Option<(&Arc<EncodedEntry>, Position)> {
        self.segment.as_ref()?.get(self.at)
    }

    /// The next entry, if [`Self::poll_ready`] has said that there is one.
    pub(super) fn take(&mut self) -> Option<&Arc<EncodedEntry>> {
        let (entry, after) = self.segment.as_ref()?.get(self.at)?;
        self.at = after;
        Some(entry)
    }

    /// The next entry; nothing once the log is finished.
    ///
    /// # Errors
    /// If the log has dropped it.
    pub async fn next(&mut self) -> Option<Result<Arc<EncodedEntry>, Overtaken>> {
        poll_fn(|cx| {
            Poll::Ready(match ready!(self.poll_ready(cx)) {
                Some(Ok(())) => self.take().cloned().map(Ok),
                Some(Err(overtaken)) => Some(Err(overtaken)),
                None => None,
            })
        })
        .await
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.hub.shared.readers.leave(&self.slot);
    }
}
