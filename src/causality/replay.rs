//! Works out the server's events from the log.
//!
//! An entry takes a run of times without saying who gets which; a replay keeps the list of who is
//! present, from the joins and leaves that it reads, and so can name every recipient. It is what the
//! log lines, the demo and any recording are made of, far from the path that messages take.

use super::event::{Event, Kind, SERVER, Subject};
use crate::chat::{
    Delivery, Departure, Entry, LamportTime, Part, Participant, Seat, What, invariant::Node,
};
use std::sync::Arc;

/// A reading of the log from its first entry on.
#[derive(Debug)]
pub struct Replay {
    server: Node,
    /// Everybody present, in join order.
    present: Vec<(Seat, Node)>,
    with_deliveries: bool,
}

/// The name of a participant as a node.
#[must_use]
pub fn node(who: &Participant) -> Node {
    who.to_string().into()
}

/// The event of one delivery, as the server sees it.
#[must_use]
pub fn delivery(entry: &Entry, delivery: &Delivery, to: Option<Node>) -> Event {
    let (subject, detail) = match &entry.what {
        _ if delivery.part == Part::Ack => (Subject::Ack, None),
        What::Join { who, .. } => (Subject::Join, Some(node(who))),
        What::Publish { text, .. } => (Subject::Publish, Some(text.as_str().into())),
        What::Leave { who, .. } => (Subject::Leave, Some(node(who))),
        What::Refusal { fault, .. } => (Subject::Notice, Some(fault.to_string().into())),
        What::Close { .. } => (Subject::Notice, Some(Departure::Closed.to_string().into())),
    };
    Event {
        peer: to,
        message: Some(entry.accepted),
        detail,
        ..Event::new(SERVER.into(), delivery.time, Kind::Sent(subject))
    }
}

/// The event of the first delivery of a fan-out, to whomever it goes.
#[must_use]
pub fn first_delivery(entry: &Entry) -> Event {
    delivery(entry, &Delivery { time: entry.fan.base, part: Part::Shared }, None)
}

impl Replay {
    /// A replay from a place in the log where `present` are present, in join order. It gives the
    /// deliveries as well, one event for each recipient, or leaves them out.
    #[must_use]
    pub fn resume(
        present: impl IntoIterator<Item = (Seat, Arc<Participant>)>,
        with_deliveries: bool,
    ) -> Self {
        let present = present.into_iter().map(|(seat, who)| (seat, node(&who))).collect();
        Self { server: SERVER.into(), present, with_deliveries }
    }

    /// From now on gives the deliveries as well, or leaves them out.
    pub fn tell_deliveries(&mut self, with_deliveries: bool) {
        self.with_deliveries = with_deliveries;
    }

    /// Gives the events of the next entry to `emit`, in the order of their times.
    pub fn read(&mut self, entry: &Entry, emit: &mut impl FnMut(Event)) {
        let accepted = entry.accepted;
        match &entry.what {
            What::Join { seat, who, sent, .. } => {
                let who = node(who);
                emit(self.receive(entry, Subject::Connect, Some(&who), *sent));
                self.present.push((*seat, who.clone()));
                self.deliveries(entry, None, (Subject::Join, who), emit);
            }
            What::Publish { seat, who, text, sent, .. } => {
                let mut event = self.receive(entry, Subject::Publish, Some(&node(who)), *sent);
                event.detail = Some(text.as_str().into());
                emit(event);
                let text = text.as_str().into();
                self.deliveries(entry, Some(*seat), (Subject::Publish, text), emit);
            }
            What::Leave { seat, who, left, sent, departure, .. } => {
                let who = node(who);
                self.present.retain(|(present, _)| present != seat);
                if *departure == Departure::Disconnected {
                    emit(self.receive(entry, Subject::Disconnect, Some(&who), *sent));
                    emit(self.send(Subject::Ack, (*left, accepted), Some(&who), None));
                } else {
                    emit(self.lost(*left, &who, departure));
                }
                self.deliveries(entry, None, (Subject::Leave, who), emit);
            }
            What::Refusal { who, sent, fault, .. } => {
                let who = who.as_deref().map(node);
                let reason: Arc<str> = fault.to_string().into();
                if let Some(sent) = sent {
                    let mut event = self.receive(entry, Subject::Unfit, who.as_ref(), *sent);
                    event.detail = Some(reason.clone());
                    emit(event);
                }
                let times = (entry.fan.base, accepted);
                emit(self.send(Subject::Notice, times, who.as_ref(), Some(reason)));
            }
            What::Close { left, .. } => {
                let reason: Arc<str> = Departure::Closed.to_string().into();
                self.deliveries(entry, None, (Subject::Notice, reason), emit);
                let present = std::mem::take(&mut self.present);
                for (place, (_, who)) in (0..).zip(&present) {
                    emit(self.lost(left.after(place), who, &Departure::Closed));
                }
            }
        }
    }

    fn deliveries(
        &self,
        entry: &Entry,
        author: Option<Seat>,
        (subject, detail): (Subject, Arc<str>),
        emit: &mut impl FnMut(Event),
    ) {
        if !self.with_deliveries {
            return;
        }
        let recipients: Vec<_> =
            self.present.iter().filter(|(seat, _)| Some(*seat) != author).collect();
        for place in entry.fan.places() {
            if let Some((_, who)) = recipients.get(place as usize) {
                let times = (entry.fan.time_of(place), entry.accepted);
                emit(self.send(subject, times, Some(who), Some(detail.clone())));
            }
        }
    }

    fn receive(
        &self,
        entry: &Entry,
        what: Subject,
        who: Option<&Node>,
        sent: LamportTime,
    ) -> Event {
        let stamped = sent > LamportTime::ZERO;
        Event {
            cause: who.filter(|_| stamped).map(|who| (who.clone(), sent)),
            peer: who.cloned(),
            message: Some(entry.accepted),
            ..Event::new(self.server.clone(), entry.accepted, Kind::Received(what))
        }
    }

    fn send(
        &self,
        subject: Subject,
        (time, accepted): (LamportTime, LamportTime),
        who: Option<&Node>,
        detail: Option<Arc<str>>,
    ) -> Event {
        Event {
            peer: who.cloned(),
            message: Some(accepted),
            detail,
            ..Event::new(self.server.clone(), time, Kind::Sent(subject))
        }
    }

    fn lost(&self, time: LamportTime, who: &Node, why: &Departure) -> Event {
        Event {
            peer: Some(who.clone()),
            message: Some(time),
            detail: Some(why.to_string().into()),
            ..Event::new(self.server.clone(), time, Kind::Lost)
        }
    }
}
