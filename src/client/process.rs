//! One participant as a Lamport process: its clock, and the times that it puts on things.
//!
//! No stream, no waiting, no words kept: whoever talks to a server calls this once for every event,
//! in the order in which they happen, and gets the event's record back. A process outlives the
//! connections it speaks through, so that a participant that comes back reuses no time.

use crate::causality::{Event, Kind, Subject, event::SERVER, replay};
use crate::chat::{
    ClockBound, LamportClock, LamportTime, Participant, TraceContext, clock::ClockJump,
    invariant::Node,
};
use crate::wire::participant::{Delivered, DeliveredKind, Outgoing, Stamped};

/// The clock of one participant, and what it has seen.
#[derive(Clone, Debug)]
pub struct Process {
    me: Node,
    server: Node,
    clock: LamportClock,
    /// The time of the last delivery that was witnessed.
    seen: LamportTime,
    has_been_present: bool,
}

impl Process {
    /// A process at the start of its history.
    #[must_use]
    pub fn new(who: &Participant) -> Self {
        Self {
            me: replay::node(who),
            server: SERVER.into(),
            clock: LamportClock::default(),
            seen: LamportTime::ZERO,
            has_been_present: false,
        }
    }

    /// The time of the latest event.
    #[must_use]
    pub fn now(&self) -> LamportTime {
        self.clock.now()
    }

    /// True once the process has been in the room, over whatever connection.
    #[must_use]
    pub fn has_been_present(&self) -> bool {
        self.has_been_present
    }

    /// A stream was opened.
    pub fn open(&mut self) -> Event {
        Event::new(self.me.clone(), self.clock.tick(), Kind::Opened)
    }

    /// A message is sent: gives it its times. Whoever traces it gives it its trace.
    pub fn send(&mut self, what: Outgoing) -> (Stamped, Event) {
        let (subject, detail) = match &what {
            Outgoing::Connect => (Subject::Connect, None),
            Outgoing::Publish(text) => (Subject::Publish, Some(text.as_str().into())),
            Outgoing::Disconnect => (Subject::Disconnect, None),
        };
        let time = self.clock.tick();
        let event = Event {
            peer: Some(self.server.clone()),
            detail,
            ..Event::new(self.me.clone(), time, Kind::Sent(subject))
        };
        let seen = self.seen;
        (Stamped { what, time, seen, trace: TraceContext::default() }, event)
    }

    /// A delivery was received.
    ///
    /// # Errors
    /// If its time lies past the horizon that every clock keeps to. The clock stands still then.
    pub fn receive(&mut self, delivered: &Delivered) -> Result<Event, ClockJump> {
        // The server is the one peer that is trusted with the clock: it may be any distance ahead.
        let time = self.clock.witness(delivered.time, ClockBound::OPEN)?;
        self.seen = delivered.time;
        let (subject, is_presence) = match delivered.kind {
            DeliveredKind::Join => (Subject::Join, true),
            DeliveredKind::Leave => (Subject::Leave, true),
            DeliveredKind::Publish => (Subject::Publish, true),
            DeliveredKind::Ack => (Subject::Ack, false),
            DeliveredKind::Notice => (Subject::Notice, false),
        };
        // Only who is present is told what others do. A server may tell somebody else's message
        // before one's own join, so any of them counts.
        self.has_been_present |= is_presence;
        let stamped = delivered.time > LamportTime::ZERO;
        let about = delivered.who.as_ref().map(replay::node);
        let detail = match subject {
            Subject::Join | Subject::Leave => {
                about.or_else(|| Some(delivered.text.as_str().into()))
            }
            Subject::Ack => None,
            _ => Some(delivered.text.as_str().into()),
        };
        Ok(Event {
            cause: stamped.then(|| (self.server.clone(), delivered.time)),
            peer: Some(self.server.clone()),
            message: delivered.accepted,
            detail,
            ..Event::new(self.me.clone(), time, Kind::Received(subject))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Text;

    fn at(time: u64) -> LamportTime {
        LamportTime::ZERO.after(time)
    }

    fn anton() -> Process {
        Process::new(&Participant::new("Anton", "127.0.0.1", 20).expect("a legal reference"))
    }

    fn delivered(kind: DeliveredKind, time: u64) -> Delivered {
        Delivered {
            kind,
            time: at(time),
            accepted: None,
            name: "Bjarke".into(),
            who: None,
            text: "Hi".into(),
            present: Box::default(),
        }
    }

    #[test]
    fn the_first_events_are_those_of_the_original() {
        let mut process = anton();
        assert_eq!(process.open().time, at(1));
        let (connect, event) = process.send(Outgoing::Connect);
        assert_eq!((connect.time, connect.seen, event.time), (at(2), at(0), at(2)));
        let join = process.receive(&delivered(DeliveredKind::Join, 4));
        let join = join.expect("an ordinary time");
        assert_eq!(join.time, at(5));
        assert_eq!(join.cause, Some((SERVER.into(), at(4))));
        assert_eq!(&*join.node, "Anton 127.0.0.1:20");
    }

    #[test]
    fn what_was_seen_is_the_last_delivery_and_not_the_own_clock() {
        let mut process = anton();
        process.receive(&delivered(DeliveredKind::Join, 40)).expect("an ordinary time");
        process.receive(&delivered(DeliveredKind::Publish, 43)).expect("an ordinary time");
        let text = Text::new("Hello").expect("a legal text");
        let (publish, _) = process.send(Outgoing::Publish(text));
        assert_eq!((publish.time, publish.seen), (at(45), at(43)));
    }

    #[test]
    fn the_ack_is_witnessed_and_is_no_sign_of_presence() {
        let mut process = anton();
        let ack = process.receive(&delivered(DeliveredKind::Ack, 18)).expect("an ordinary time");
        assert_eq!((ack.time, ack.kind), (at(19), Kind::Received(Subject::Ack)));
        assert!(!process.has_been_present());
    }

    #[test]
    fn a_time_past_the_horizon_is_no_event() {
        let mut process = anton();
        process.open();
        assert!(process.receive(&delivered(DeliveredKind::Join, u64::MAX / 2)).is_err());
        assert_eq!(process.now(), at(1));
    }
}
