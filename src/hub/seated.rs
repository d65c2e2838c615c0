//! A participant's place in the room at run time: its reader, its cursor, and the guard that has
//! its leave announced.
//!
//! Dropping it is what "the stream ended" means here. Whatever ended it, a reset, a keep-alive, a
//! panic in a handler, the value is dropped, and the room is told once.

use super::{Reader, progress::Progress};
use crate::chat::{Cursor, Departure, Part, Participant, Seat, Welcome};
use crate::wire::{Frame, encoded::Roster};
use std::{
    mem,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

/// The least time between two samples of one participant's latency. Under load a sample for each
/// portion would be one for each message and recipient.
const BETWEEN_SAMPLES: Duration = Duration::from_secs(1);

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
        let (end, sampled) = (None, None);
        Self { reader, cursor, who, progress, roster, end, unbooked: 0, sampled }
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

    /// The next frame for this participant, or why there is none after the last.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, Departure>> {
        loop {
            if let Some(departure) = self.end.take() {
                return Poll::Ready(Err(departure));
            }
            if self.reader.is_at_portion_end() {
                self.progress.set(self.reader.taken());
                self.book();
            }
            let entry = match ready!(self.reader.poll_entry(cx)) {
                Some(Ok(entry)) => entry,
                Some(Err(overtaken)) => {
                    self.reader.hub().evict(self.seat(), overtaken.lag);
                    return Poll::Ready(Err(Departure::Evicted(overtaken.lag)));
                }
                None => return Poll::Ready(Err(Departure::Closed)),
            };
            let step = self.cursor.stamp(&entry.entry);
            self.end = step.end;
            if let Some(delivery) = step.delivery {
                let roster = match delivery.part {
                    Part::Welcome => mem::take(&mut self.roster),
                    Part::Shared | Part::Ack => Roster::default(),
                };
                // The Ack is not part of any audience.
                self.unbooked += u64::from(delivery.part != Part::Ack);
                if self.reader.is_at_portion_end() {
                    self.sample(entry.accepted_at);
                }
                let traceparent = self.reader.hub().deliver(&entry, &delivery, Some(&self.who));
                let frame = Frame::new(entry, delivery, roster).traced(traceparent);
                return Poll::Ready(Ok(frame));
            }
        }
    }

    /// Measures the latency of this delivery, unless the last sample is too recent. That is told
    /// from the times of acceptance, so passing one over does not cost a look at the clock.
    fn sample(&mut self, accepted_at: Instant) {
        let next = self.sampled.map(|sampled| sampled + BETWEEN_SAMPLES);
        if next.is_none_or(|next| accepted_at >= next) {
            self.sampled = Some(accepted_at);
            self.reader.hub().shared.metrics.handed_over(accepted_at);
        }
    }

    fn book(&mut self) {
        let news = mem::take(&mut self.unbooked);
        if news > 0 {
            self.progress.book(&self.reader.hub().shared.ledger, news);
        }
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        self.book();
        self.reader.hub().part(self.seat());
    }
}
