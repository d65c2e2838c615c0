//! A participant's place in the room at run time: its reader, its cursor, and the guard that has
//! its leave announced.
//!
//! Dropping it is what "the stream ended" means here. Whatever ended it, a reset, a keep-alive, a
//! panic in a handler, the value is dropped, and the room is told once.

use super::{Progress, Reader};
use crate::chat::{Cursor, Departure, Part, Participant, Seat, Welcome};
use crate::wire::{Frame, encoded::Roster};
use std::{
    sync::Arc,
    task::{Context, Poll, ready},
};

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
    delivered: u64,
    /// How many of `delivered` the ledger knows of.
    booked: u64,
}

impl Seated {
    pub(super) fn new(reader: Reader, welcome: Welcome, progress: Arc<Progress>) -> Self {
        let Welcome { cursor, who, present } = welcome;
        let roster = Roster::new(&present);
        Self { reader, cursor, who, progress, roster, end: None, delivered: 0, booked: 0 }
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
                    Part::Welcome => std::mem::take(&mut self.roster),
                    Part::Shared | Part::Ack => Roster::default(),
                };
                // The Ack is not part of any audience.
                self.delivered += u64::from(delivery.part != Part::Ack);
                let traceparent = self.reader.hub().deliver(&entry, &delivery, Some(&self.who));
                let frame = Frame::new(entry, delivery, roster).traced(traceparent);
                return Poll::Ready(Ok(frame));
            }
        }
    }

    fn book(&mut self) {
        let news = self.delivered - self.booked;
        if news > 0 {
            self.reader.hub().shared.ledger.sent(news);
            self.booked = self.delivered;
        }
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        self.book();
        self.reader.hub().part(self.seat(), self.delivered);
    }
}
