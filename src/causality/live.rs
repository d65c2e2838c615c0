//! Events as they happen: what a picture that is still growing needs to know of each entry of the log.
//!
//! The server's own events follow from the log, as for a [`Replay`](super::Replay). What happened at the
//! participants does not, and a live picture cannot wait for their journals. So each participant has a
//! [`Life`] here: what it is known to have sent, what it has said it had seen, and what it must have
//! received at the earliest. By the same rules as [`place`](super::place) and [`mod@super::assume`], but
//! piece by piece: a receive is told at once where it can have been at the earliest, and told again, with
//! the same cause, when more is known of it.
//!
//! It keeps what is open and nothing else: no graph, no history. Whoever wants those keeps what is told.

mod life;

use super::event::{Kind, Subject};
use super::fact::Evidence;
use crate::chat::{Departure, Entry, LamportTime, Participant, Seat, What};
use life::Life;
use std::{collections::BTreeMap, sync::Arc};

/// The number of the server.
pub const SERVER: u32 = 0;

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A participant has this number from now on. Numbers are given in join order, and once.
    Node {
        /// The number.
        id: u32,
        /// Who it is.
        who: Arc<Participant>,
    },
    /// Something happened.
    Event(Happening),
    /// Of a delivery that was told of nothing is known to have arrived, and nothing will be.
    Missing(Happening),
    /// A participant's line ends.
    Ended {
        /// Whose.
        id: u32,
        /// When the server said so.
        time: u64,
        /// How.
        departure: Departure,
    },
}

/// An event with numbers for nodes. A receive at a participant is known by its cause: what is told later
/// of the same one replaces what was told before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// Where.
    pub node: u32,
    /// Its Lamport time there; of a fan-out that is one event, the first.
    pub time: u64,
    /// What kind of event.
    pub kind: Kind,
    /// On a receive: the send, if it was stamped.
    pub cause: Option<(u32, u64)>,
    /// The other end, if that has a number.
    pub peer: Option<u32>,
    /// The message's id: when the server accepted it.
    pub message: u64,
    /// Who speaks, joins or leaves, if that has a number.
    pub author: Option<u32>,
    /// What was said, or why something was refused.
    pub text: Option<Arc<str>>,
    /// How it is known.
    pub evidence: Evidence,
    /// How many times it takes: more than one for a fan-out to many that is told as one.
    pub count: u32,
    /// On a receive at a participant: the seat that it has.
    pub seat: Option<Seat>,
}

/// What all happenings of one entry share.
#[derive(Clone, Debug)]
struct Matter {
    message: u64,
    author: Option<u32>,
    text: Option<Arc<str>>,
}

/// See the module's text.
#[derive(Debug)]
pub struct Live {
    /// Who is present. Seats are given in join order, so this is it.
    present: BTreeMap<Seat, Life>,
    next: u32,
    /// The largest audience whose recipients are told of one by one.
    most_singly: u32,
    /// The server's time of the latest entry.
    latest: u64,
}

impl Live {
    /// From a place in the log where `present` are present, in join order. They get numbers from 1 on, and
    /// are told of first.
    #[must_use]
    pub fn resume(
        present: impl IntoIterator<Item = (Seat, Arc<Participant>)>,
        most_singly: u32,
        tell: &mut impl FnMut(News),
    ) -> Self {
        let mut live = Self { present: BTreeMap::new(), next: SERVER + 1, most_singly, latest: 0 };
        for (seat, who) in present {
            live.sit_down(seat, who, tell);
        }
        live
    }

    /// Everybody present: seat, number, own Lamport time as far as it is known, and messages sent.
    pub fn standing(&self) -> impl Iterator<Item = (Seat, u32, u64, u64)> {
        self.present.iter().map(|(seat, life)| (*seat, life.id, life.now(), life.messages))
    }

    /// Goes on from another place in the log, where `present` are present: whoever was present before
    /// keeps its number. What was open is left as it was told.
    pub fn go_on(
        &mut self,
        present: impl IntoIterator<Item = (Seat, Arc<Participant>)>,
        tell: &mut impl FnMut(News),
    ) {
        let time = self.latest;
        let mut before = std::mem::take(&mut self.present);
        for (seat, who) in present {
            match before.remove(&seat) {
                Some(mut life) => {
                    life.leave_open();
                    self.present.insert(seat, life);
                }
                None => {
                    self.sit_down(seat, who, tell);
                }
            }
        }
        // How they went is missing too.
        let gone = before.into_values().map(|life| life.id);
        gone.for_each(|id| tell(News::Ended { id, time, departure: Departure::Lost }));
    }

    /// Takes in the next entry of the log.
    pub fn read(&mut self, entry: &Entry, tell: &mut impl FnMut(News)) {
        let message = entry.accepted.ticks();
        self.latest = message;
        match &entry.what {
            What::Join { seat, who, sent, .. } => {
                let id = self.sit_down(*seat, Arc::clone(who), tell);
                let matter = Matter { message, author: Some(id), text: None };
                self.receive(*seat, Subject::Connect, (*sent, LamportTime::ZERO), &matter, tell);
                self.fan_out(entry, Subject::Join, None, &matter, tell);
            }
            What::Publish { seat, text, sent, seen, .. } => {
                let text = Some(text.as_str().into());
                let matter = Matter { message, author: self.id(*seat), text };
                self.receive(*seat, Subject::Publish, (*sent, *seen), &matter, tell);
                self.fan_out(entry, Subject::Publish, Some(*seat), &matter, tell);
            }
            What::Leave { seat, left, sent, departure, .. } => {
                let matter = Matter { message, author: self.id(*seat), text: None };
                self.leave(*seat, (*left, *sent), departure, &matter, tell);
                self.fan_out(entry, Subject::Leave, None, &matter, tell);
            }
            What::Refusal { seat, who, sent, fault, .. } => {
                let author = seat.and_then(|seat| self.id(seat));
                let name = who.as_deref().filter(|_| author.is_none());
                let text = match name {
                    Some(who) => format!("{who}: {fault}"),
                    None => fault.to_string(),
                };
                let matter = Matter { message, author, text: Some(text.into()) };
                self.refuse(*seat, *sent, entry.fan.base, &matter, tell);
            }
            What::Close { left, .. } => {
                let text = Some(Departure::Closed.to_string().into());
                let matter = Matter { message, author: None, text };
                self.fan_out(entry, Subject::Notice, None, &matter, tell);
                for (place, life) in (0..).zip(std::mem::take(&mut self.present).into_values()) {
                    let time = left.after(place).ticks();
                    lose(life, time, &Departure::Closed, &matter, tell);
                }
            }
        }
    }

    /// What these have read may have arrived; of the rest of a stay that ends now nothing is known.
    fn leave(
        &mut self,
        seat: Seat,
        (left, sent): (LamportTime, LamportTime),
        departure: &Departure,
        matter: &Matter,
        tell: &mut impl FnMut(News),
    ) {
        let is_orderly = *departure == Departure::Disconnected;
        if is_orderly {
            self.receive(seat, Subject::Disconnect, (sent, LamportTime::ZERO), matter, tell);
        }
        let Some(mut life) = self.present.remove(&seat) else { return };
        if !is_orderly {
            lose(life, left.ticks(), departure, matter, tell);
            return;
        }
        self::send(life.id, left.ticks(), Subject::Ack, matter, tell);
        life.is_sent(left.ticks(), Subject::Ack, matter, tell);
        let (id, departure) = (life.id, departure.clone());
        tell(News::Ended { id, time: left.ticks(), departure });
    }

    fn refuse(
        &mut self,
        seat: Option<Seat>,
        sent: Option<LamportTime>,
        notice: LamportTime,
        matter: &Matter,
        tell: &mut impl FnMut(News),
    ) {
        let life = seat.and_then(|seat| self.present.get(&seat).map(|life| (seat, life.id)));
        let Some((seat, id)) = life else {
            // A stranger: it has no line.
            if sent.is_some() {
                let kind = Kind::Received(Subject::Unfit);
                tell(News::Event(happening(SERVER, matter.message, kind, matter)));
            }
            let kind = Kind::Sent(Subject::Notice);
            return tell(News::Event(happening(SERVER, notice.ticks(), kind, matter)));
        };
        if let Some(sent) = sent {
            self.receive(seat, Subject::Unfit, (sent, LamportTime::ZERO), matter, tell);
        }
        self::send(id, notice.ticks(), Subject::Notice, matter, tell);
        if let Some(life) = self.present.get_mut(&seat) {
            life.is_sent(notice.ticks(), Subject::Notice, matter, tell);
        }
    }

    /// The server received something: what that says of its sender, and then the receive itself.
    fn receive(
        &mut self,
        seat: Seat,
        subject: Subject,
        (sent, seen): (LamportTime, LamportTime),
        matter: &Matter,
        tell: &mut impl FnMut(News),
    ) {
        let received = matter.message;
        let life = self.present.get_mut(&seat);
        let id = life.as_ref().map(|life| life.id);
        let sent = life.and_then(|life| {
            life.sends(subject, (sent.ticks(), seen.ticks(), received), matter, tell)
        });
        tell(News::Event(Happening {
            cause: id.zip(sent),
            peer: id,
            ..happening(SERVER, received, Kind::Received(subject), matter)
        }));
    }

    /// The deliveries of an entry: one by one, or as one if they are many.
    fn fan_out(
        &mut self,
        entry: &Entry,
        subject: Subject,
        author: Option<Seat>,
        matter: &Matter,
        tell: &mut impl FnMut(News),
    ) {
        let (base, audience) = (entry.fan.base.ticks(), entry.fan.audience);
        if audience > self.most_singly {
            let kind = Kind::Sent(subject);
            let fan = happening(SERVER, base, kind, matter);
            return tell(News::Event(Happening { count: audience, ..fan }));
        }
        let others = self.present.iter_mut().filter(|(seat, _)| Some(**seat) != author);
        let mut others: Vec<_> = others.map(|(_, life)| life).collect();
        for place in entry.fan.places() {
            let Some(life) = others.get_mut(place as usize) else { continue };
            let time = entry.fan.time_of(place).ticks();
            self::send(life.id, time, subject, matter, tell);
            life.is_sent(time, subject, matter, tell);
        }
    }

    fn id(&self, seat: Seat) -> Option<u32> {
        self.present.get(&seat).map(|life| life.id)
    }

    fn sit_down(&mut self, seat: Seat, who: Arc<Participant>, tell: &mut impl FnMut(News)) -> u32 {
        let id = self.next;
        self.next = self.next.saturating_add(1);
        self.present.insert(seat, Life::new(id, seat));
        tell(News::Node { id, who });
        id
    }
}

/// The server noticed that somebody is gone.
fn lose(
    mut life: Life,
    time: u64,
    departure: &Departure,
    matter: &Matter,
    tell: &mut impl FnMut(News),
) {
    let id = life.id;
    life.give_up(tell);
    let text = Some(departure.to_string().into());
    let lost = happening(SERVER, time, Kind::Lost, matter);
    tell(News::Event(Happening { peer: Some(id), author: Some(id), text, ..lost }));
    tell(News::Ended { id, time, departure: departure.clone() });
}

/// The server sent something to one.
fn send(to: u32, time: u64, subject: Subject, matter: &Matter, tell: &mut impl FnMut(News)) {
    let sent = happening(SERVER, time, Kind::Sent(subject), matter);
    tell(News::Event(Happening { peer: Some(to), ..sent }));
}

fn happening(node: u32, time: u64, kind: Kind, matter: &Matter) -> Happening {
    Happening {
        node,
        time,
        kind,
        cause: None,
        peer: None,
        message: matter.message,
        author: matter.author,
        text: matter.text.clone(),
        evidence: Evidence::Recorded,
        count: 1,
        seat: None,
    }
}

#[cfg(test)]
mod tests;
