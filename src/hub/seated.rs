//! A participant's place in the room at run time: its reader, its cursor, and the guard that has
//! its leave announced.
//!
//! Dropping it is what "the stream ended" means here. Whatever ended it, a reset, a keep-alive, a
//! panic in a handler, the value is dropped, and the room is told once.

use super::{Reader, progress::Progress};
use crate::chat::{Cursor, Departure, Part, Participant, Seat, Welcome};
use crate::wire::{Batch, encoded::Roster};
use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// The least time between two samples of one participant's latency. Under load a sample for each
/// batch would be one for each message and recipient.
const BETWEEN_SAMPLES: Duration = Duration::from_secs(1);

/// Whether a reader has come to the end of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It has, and will be woken when there is more.
    Nothing,
    /// It has not, or has not looked: nobody is going to wake it.
    Some,
}

/// A taken seat. See the module's text.
#[derive(Debug)]
pub struct Seated {
    reader: Reader,
    cursor: Cursor,
    who: Arc<Participant>,
    progress: Arc<Progress>,
    /// For the newcomer's own join, until that is delivered.
    roster: Roster,
    /// Why nothing follows, once the cursor has come to its end.
    end: Option<Departure>,
    /// Deliveries that the ledger does not know of yet.
    unbooked: u64,
    /// When the message was accepted that was written last, until that is booked.
    latest: Option<Instant>,
    /// When the message was accepted whose latency was sampled last.
    sampled: Option<Instant>,
}

impl Seated {
    pub(super) fn new(
        reader: Reader,
        welcome: Welcome,
        roster: Roster,
        progress: Arc<Progress>,
    ) -> Self {
        let Welcome { cursor, who } = welcome;
        let (end, latest, sampled) = (None, None, None);
        Self { reader, cursor, who, progress, roster, end, unbooked: 0, latest, sampled }
    }

    /// The seat's number.
    #[must_use]
    pub fn seat(&self) -> Seat {
        self.cursor.seat()
    }

    /// Who sits here.
    #[must_use]
    pub fn who(&self) -> &Participant {
        &self.who
    }

    /// Puts what there is for this participant into `batch`, until that is full.
    ///
    /// Ready with what is left to read, once something is in the batch; or, with nothing in it, with the
    /// reason why nothing follows.
    pub fn poll_batch(
        &mut self,
        batch: &mut Batch,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Left, Departure>> {
        let left = loop {
            if self.end.is_some() || batch.is_full() {
                break Left::Some;
            }
            match self.reader.poll_ready(cx) {
                Poll::Ready(Some(Ok(()))) => self.deliver(batch),
                Poll::Ready(Some(Err(overtaken))) => {
                    self.reader.hub().evict(self.seat(), overtaken.lag);
                    self.end = Some(Departure::Evicted(overtaken.lag));
                }
                Poll::Ready(None) => self.end = Some(Departure::Closed),
                Poll::Pending => break Left::Nothing,
            }
        };
        self.progress.set(self.reader.at());
        self.book();
        match self.end.take_if(|_| batch.is_empty()) {
            Some(departure) => Poll::Ready(Err(departure)),
            None if batch.is_empty() => Poll::Pending,
            None => Poll::Ready(Ok(left)),
        }
    }

    /// Takes in the next entry, and writes what it is to this participant.
    fn deliver(&mut self, batch: &mut Batch) {
        let unread = if batch.is_empty() { self.reader.unread() } else { 0 };
        let Some(entry) = self.reader.take() else { return };
        if unread > 1 {
            batch.expect(unread, entry.size_hint());
        }
        let step = self.cursor.stamp(&entry.entry);
        self.end = step.end;
        let Some(delivery) = step.delivery else { return };
        let roster = match delivery.part {
            Part::Welcome => mem::take(&mut self.roster),
            Part::Shared | Part::Ack => Roster::default(),
        };
        // The Ack is not part of any audience.
        self.unbooked += u64::from(delivery.part != Part::Ack);
        self.latest = Some(entry.accepted_at);
        if entry.has_own_span(delivery.part) {
            let entry = Arc::clone(entry);
            let traceparent = self.reader.hub().deliver(&entry, &delivery, Some(&self.who));
            entry.write(&delivery, roster, traceparent.as_ref(), batch);
        } else {
            entry.write(&delivery, roster, None, batch);
        }
    }

    /// Books what has been written since the last time, and measures the latency of the latest of it,
    /// unless the last sample is too recent. That is told from the times of acceptance, so passing one
    /// over does not cost a look at the clock.
    fn book(&mut self) {
        let news = mem::take(&mut self.unbooked);
        if news > 0 {
            self.progress.book(&self.reader.hub().shared.ledger, news);
        }
        let Some(accepted_at) = self.latest.take() else { return };
        let next = self.sampled.map(|sampled| sampled + BETWEEN_SAMPLES);
        if next.is_none_or(|next| accepted_at >= next) {
            self.sampled = Some(accepted_at);
            self.reader.hub().shared.metrics.handed_over(accepted_at);
        }
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        self.book();
        self.reader.hub().part(self.seat());
    }
}
