//! One thing that the room accepted, and the run of Lamport times that telling it takes.
//!
//! An entry is written once and read by every cursor. It says nothing about any single recipient:
//! who receives it, and at what time, follows from the joins and leaves before it in the log. That
//! is what makes accepting a message cost the same for ten participants and for ten thousand.

use super::{Fault, LamportTime, Participant, Seat, Text, TraceContext, log::Lag};
use std::{fmt, sync::Arc};

/// An accepted message, or a thing that the room itself decided.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The server's receive tick, the same for all recipients: the id of the message and its place
    /// in the total order. Where nothing was received, the tick of the decision.
    pub accepted: LamportTime,
    /// What happened.
    pub what: What,
    /// The times of the deliveries.
    pub fan: FanOut,
}

/// What an entry tells.
#[derive(Clone, Debug)]
pub enum What {
    /// A participant came in. Told to everybody, the newcomer included and last.
    Join {
        /// The seat it took.
        seat: Seat,
        /// Who it is.
        who: Arc<Participant>,
        /// The participant's own time of the Connect.
        sent: LamportTime,
        /// The trace that the Connect belongs to.
        trace: TraceContext,
    },
    /// A participant said something. Told to everybody else.
    Publish {
        /// The author's seat.
        seat: Seat,
        /// The author.
        who: Arc<Participant>,
        /// What was said.
        text: Text,
        /// The author's own time of the send.
        sent: LamportTime,
        /// The latest delivery that the author had witnessed before.
        seen: LamportTime,
        /// The trace that the message belongs to.
        trace: TraceContext,
    },
    /// A participant is gone. Told to all who remain.
    Leave {
        /// The seat it had.
        seat: Seat,
        /// Who it was.
        who: Arc<Participant>,
        /// The time of "has left". After a Disconnect this is also the stamp of the Ack.
        left: LamportTime,
        /// The participant's own time of the Disconnect; zero if there was none.
        sent: LamportTime,
        /// How it went.
        departure: Departure,
        /// The trace that the Disconnect belongs to.
        trace: TraceContext,
    },
    /// Something was refused. Told to its sender alone.
    Refusal {
        /// The sender's seat, or nothing if the sender never came in.
        seat: Option<Seat>,
        /// Who the sender is, or claimed to be, as far as that could be read.
        who: Option<Arc<Participant>>,
        /// The sender's own time of the send, if the receive was an event.
        sent: Option<LamportTime>,
        /// What was wrong.
        fault: Fault,
        /// The trace that the refused message belongs to.
        trace: TraceContext,
    },
    /// The room closed. Everybody is told, and everybody is gone with it: nobody remains to be told
    /// who left.
    Close {
        /// The first of the times of "has left", one for each participant in join order.
        left: LamportTime,
        /// The trace of the closing.
        trace: TraceContext,
    },
}

impl What {
    /// The trace that this belongs to.
    #[must_use]
    pub fn trace(&self) -> &TraceContext {
        match self {
            Self::Join { trace, .. }
            | Self::Publish { trace, .. }
            | Self::Leave { trace, .. }
            | Self::Refusal { trace, .. }
            | Self::Close { trace, .. } => trace,
        }
    }

    /// The same, to be set by whoever starts a trace where there was none.
    pub fn trace_mut(&mut self) -> &mut TraceContext {
        match self {
            Self::Join { trace, .. }
            | Self::Publish { trace, .. }
            | Self::Leave { trace, .. }
            | Self::Refusal { trace, .. }
            | Self::Close { trace, .. } => trace,
        }
    }
}

/// How a participant went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It said Disconnect.
    Disconnected,
    /// Its stream ended without one.
    Lost,
    /// It broke the protocol.
    Violated(Fault),
    /// It fell too far behind the log.
    Evicted(Lag),
    /// The server stopped.
    Closed,
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disconnected => f.write_str("disconnected"),
            Self::Lost => f.write_str("the stream ended without a disconnect message"),
            Self::Violated(fault) => fault.fmt(f),
            Self::Evicted(lag) => write!(f, "evicted, {lag} behind"),
            Self::Closed => f.write_str("the server stopped"),
        }
    }
}

/// A contiguous run of Lamport times, one for each recipient, in join order.
///
/// The order is a ring that starts after the author: first those who joined after it, then those
/// who joined before it. Nobody is always first, and it is the order in which the original's logs
/// have their times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FanOut {
    /// The first time of the run.
    pub base: LamportTime,
    /// How many recipients there are, and so how many times.
    pub audience: u32,
    /// How many recipients joined before the one who is served first.
    pub first: u32,
}

impl FanOut {
    /// The time of the recipient that has `earlier` recipients before it in join order.
    #[must_use]
    pub fn time_of(&self, earlier: u32) -> LamportTime {
        debug_assert!(earlier < self.audience, "recipient {earlier} of {}", self.audience);
        let place = if earlier >= self.first {
            earlier - self.first
        } else {
            earlier + self.audience - self.first
        };
        self.base.after(u64::from(place))
    }

    /// The join-order places of the recipients, in the order of their times.
    pub fn places(&self) -> impl Iterator<Item = u32> {
        (self.first..self.audience).chain(0..self.first.min(self.audience))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fan_out_is_a_ring_that_starts_after_the_author() {
        let base = LamportTime::ZERO.after(10);
        for audience in 0..6 {
            for first in 0..=audience {
                let fan = FanOut { base, audience, first };
                let in_order: Vec<_> = fan.places().map(|place| fan.time_of(place)).collect();
                let run: Vec<_> = (0..u64::from(audience)).map(|i| base.after(i)).collect();
                assert_eq!(in_order, run, "{fan:?}");
            }
        }
    }
}
