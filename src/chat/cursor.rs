//! One reader's place among the participants, and from it the Lamport time of each delivery.
//!
//! The room gives a message a run of consecutive times and does not say which recipient gets which.
//! A cursor knows, because it reads every join and every leave in the same order as everybody else:
//! all it has to remember is how many participants joined before it and are still here. That count,
//! and the run in the entry, make the time. No two cursors need to agree on anything at run time.
//!
//! A cursor does not know where it stands in the log; whoever reads the log for it keeps that.

use super::{Departure, Entry, LamportTime, Seat, What};

/// One participant's reading of the log, from its own join to its own leave.
#[derive(Clone, Debug)]
pub struct Cursor {
    seat: Seat,
    /// Participants present that joined before this one.
    earlier: u32,
    latest: LamportTime,
}

/// What an entry means to one participant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// What it is to be sent, if anything.
    pub delivery: Option<Delivery>,
    /// Why there is nothing after this entry, if so.
    pub end: Option<Departure>,
}

/// A message, stamped and addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The server's Lamport time of this send to this recipient.
    pub time: LamportTime,
    /// Which form of the entry the recipient gets.
    pub part: Part,
}

/// The forms that an entry takes for its recipients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What everybody gets.
    Shared,
    /// The newcomer's own join: the same, and the list of who is present.
    Welcome,
    /// The answer to a Disconnect.
    Ack,
}

impl Cursor {
    pub(super) fn new(seat: Seat, earlier: u32) -> Self {
        Self { seat, earlier, latest: LamportTime::ZERO }
    }

    /// The seat that this cursor reads for.
    #[must_use]
    pub fn seat(&self) -> Seat {
        self.seat
    }

    /// Takes in the next entry of the log. Entries must be given in log order without a gap, from
    /// the cursor's own join on: a missed join or leave would falsify every later time.
    pub fn stamp(&mut self, entry: &Entry) -> Step {
        let me = self.seat;
        let (time, part) = match &entry.what {
            What::Join { seat, .. } if *seat == me => {
                (entry.fan.time_of(self.earlier), Part::Welcome)
            }
            What::Join { .. } => (entry.fan.time_of(self.earlier), Part::Shared),
            What::Publish { seat, .. } if *seat == me => return Step::default(),
            What::Publish { seat, .. } => {
                let earlier = self.earlier - u32::from(*seat < me);
                (entry.fan.time_of(earlier), Part::Shared)
            }
            What::Leave { seat, left, departure, .. } if *seat == me => {
                let acked = *departure == Departure::Disconnected;
                let delivery = acked.then(|| self.deliver(*left, Part::Ack));
                return Step { delivery, end: Some(departure.clone()) };
            }
            What::Leave { seat, .. } => {
                self.earlier -= u32::from(*seat < me);
                (entry.fan.time_of(self.earlier), Part::Shared)
            }
            What::Refusal { seat, .. } if *seat == Some(me) => (entry.fan.base, Part::Shared),
            What::Refusal { .. } => return Step::default(),
            What::Close { .. } => {
                let delivery = self.deliver(entry.fan.time_of(self.earlier), Part::Shared);
                return Step { delivery: Some(delivery), end: Some(Departure::Closed) };
            }
        };
        Step { delivery: Some(self.deliver(time, part)), end: None }
    }

    fn deliver(&mut self, time: LamportTime, part: Part) -> Delivery {
        debug_assert!(time > self.latest, "recipient order: {time} after {}", self.latest);
        self.latest = time;
        Delivery { time, part }
    }
}
