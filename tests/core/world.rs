//! A world in which nothing happens by itself: a message is sent in one step, arrives in a later one,
//! and what the room says about it is read in yet another. So every order that a network can produce
//! is a list of steps.

use chittychat::causality::{Event, Kind, Replay, Subject, replay::node};
use chittychat::chat::{
    Act, ClockBound, Cursor, Departure, Draft, Entry, Fault, Lag, LamportClock, LamportTime, Log,
    Outcome, Participant, Position, Room, Rules, Seat, Settlement, Text, TraceContext, What,
    invariant::{Account, Deed, Node, Receipt},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// The room, everybody who may come to it, and everything that has happened.
pub struct World {
    pub room: Room,
    log: Log<Arc<Entry>>,
    replay: Replay,
    pub server_events: Vec<Event>,
    pub people: Vec<Person>,
    /// Who each accepted message is owed to, worked out here and not by the room.
    pub owed: Vec<(Arc<Entry>, Vec<Seat>)>,
    pub sessions: BTreeMap<Seat, Session>,
}

/// A participant's process.
pub struct Person {
    pub who: Participant,
    clock: LamportClock,
    seen: LamportTime,
    pub events: Vec<Event>,
    /// Sent and not yet arrived.
    outbox: VecDeque<Draft>,
    /// Published and received, in this participant's order; a publish by its place in `sends` until
    /// it is accepted.
    pub deeds: Vec<PendingDeed>,
    pub seat: Option<Seat>,
    /// True from asking to be let in until the stream ends.
    pub is_out: bool,
}

pub enum PendingDeed {
    Published { sent: LamportTime },
    Received(LamportTime),
}

/// One stream, from join to end.
pub struct Session {
    cursor: Cursor,
    position: Position,
    pub receipts: Vec<Receipt>,
    pub has_ended: bool,
    pub settlement: Option<Settlement>,
}

impl World {
    pub fn new(names: &[(&str, i32)], capacity: u64) -> Self {
        let people = names.iter().map(|(name, port)| Person {
            who: Participant::new(name, "127.0.0.1", *port).unwrap(),
            clock: LamportClock::default(),
            seen: LamportTime::ZERO,
            events: Vec::new(),
            outbox: VecDeque::new(),
            deeds: Vec::new(),
            seat: None,
            is_out: true,
        });
        Self {
            room: Room::new(Rules::default()),
            log: Log::new(Lag { entries: capacity, bytes: u64::MAX }),
            replay: Replay::resume([], true),
            server_events: Vec::new(),
            people: people.collect(),
            owed: Vec::new(),
            sessions: BTreeMap::new(),
        }
    }

    /// Opens a stream and sends Connect on it, if the participant has none.
    pub fn connect(&mut self, person: usize) {
        let it = &mut self.people[person];
        if it.is_out {
            it.is_out = false;
            let opened = it.clock.tick();
            it.events.push(Event::new(node(&it.who), opened, Kind::Opened));
            let who = it.who.clone();
            self.send(person, Subject::Connect, Ok(Act::Connect(who)));
        }
    }

    pub fn publish(&mut self, person: usize, text: &str) {
        let it = &mut self.people[person];
        if !it.is_out {
            let act = Act::Publish(it.who.clone(), Text::new(text));
            let sent = self.send(person, Subject::Publish, Ok(act));
            self.people[person].deeds.push(PendingDeed::Published { sent });
        }
    }

    pub fn disconnect(&mut self, person: usize) {
        let it = &self.people[person];
        if !it.is_out {
            let act = Act::Disconnect(it.who.clone());
            self.send(person, Subject::Disconnect, Ok(act));
        }
    }

    /// Sends something that the room must refuse.
    pub fn offend(&mut self, person: usize, fault: Fault) {
        if !self.people[person].is_out {
            self.send(person, Subject::Unfit, Err(fault));
        }
    }

    fn send(&mut self, person: usize, subject: Subject, act: Result<Act, Fault>) -> LamportTime {
        let it = &mut self.people[person];
        let sent = it.clock.tick();
        it.events.push(Event::new(node(&it.who), sent, Kind::Sent(subject)));
        let draft = Draft { sent, seen: it.seen, trace: TraceContext::default(), act };
        it.outbox.push_back(draft);
        sent
    }

    /// Lets the oldest message that this participant has under way arrive.
    pub fn arrive(&mut self, person: usize) {
        let Some(draft) = self.people[person].outbox.pop_front() else { return };
        let from = self.people[person].seat;
        let start = self.log.head();
        let mut out = Vec::new();
        let outcome = self.room.accept(from, draft, ClockBound::OPEN, &mut out);
        self.append(out);
        match outcome {
            Outcome::Joined(welcome) => {
                let seat = welcome.cursor.seat();
                self.people[person].seat = Some(seat);
                let session = Session {
                    cursor: welcome.cursor,
                    position: start,
                    receipts: Vec::new(),
                    has_ended: false,
                    settlement: None,
                };
                self.sessions.insert(seat, session);
            }
            Outcome::Refused { .. } => self.forget_stream(person),
            Outcome::Logged | Outcome::Gone => {}
        }
    }

    /// Lets the participant read the next entry of the log.
    pub fn read(&mut self, person: usize) -> bool {
        let Some(seat) = self.people[person].seat else { return false };
        let session = self.sessions.get_mut(&seat).unwrap();
        let segment = match self.log.segment(session.position) {
            Ok(segment) => segment,
            Err(overtaken) => {
                self.lose(person, Departure::Evicted(overtaken.lag));
                return true;
            }
        };
        let Some((entry, after)) = segment.and_then(|segment| segment.get(session.position)) else {
            return false;
        };
        let entry = entry.clone();
        session.position = after;
        let step = session.cursor.stamp(&entry);
        if let Some(delivery) = step.delivery {
            let it = &mut self.people[person];
            let time = it.clock.witness(delivery.time, ClockBound::OPEN).unwrap();
            it.seen = delivery.time;
            let mut event = Event::new(node(&it.who), time, Kind::Received(Subject::Publish));
            event.cause = Some(("server".into(), delivery.time));
            event.message = Some(entry.accepted);
            it.events.push(event);
            it.deeds.push(PendingDeed::Received(entry.accepted));
            let published = match &entry.what {
                What::Publish { who, sent, .. } => Some((node(who), *sent)),
                _ => None,
            };
            if delivery.part != chittychat::chat::Part::Ack {
                let receipt = Receipt { time: delivery.time, accepted: entry.accepted, published };
                session.receipts.push(receipt);
            }
        }
        if step.end.is_some() {
            self.end_stream(person);
        }
        true
    }

    /// Ends a participant's stream from outside: the server notices, and the rest is lost.
    pub fn lose(&mut self, person: usize, departure: Departure) {
        if let Some(seat) = self.people[person].seat {
            let mut out = Vec::new();
            self.room.remove(seat, departure, &mut out);
            self.append(out);
            self.end_stream(person);
        }
    }

    pub fn close(&mut self) {
        let mut out = Vec::new();
        self.room.close(&mut out);
        self.append(out);
    }

    /// Lets everything arrive and everybody read to the end.
    pub fn settle_down(&mut self) {
        let mut is_moving = true;
        while is_moving {
            is_moving = false;
            for person in 0..self.people.len() {
                while !self.people[person].outbox.is_empty() {
                    self.arrive(person);
                    is_moving = true;
                }
                while self.read(person) {
                    is_moving = true;
                }
            }
        }
    }

    /// The stream is gone: what was under way on it is lost, and the books of the seat are closed.
    fn end_stream(&mut self, person: usize) {
        if let Some(seat) = self.people[person].seat {
            let session = self.sessions.get_mut(&seat).unwrap();
            session.has_ended = true;
            session.settlement = self.room.settle(seat);
        }
        self.forget_stream(person);
    }

    fn forget_stream(&mut self, person: usize) {
        let it = &mut self.people[person];
        it.seat = None;
        it.is_out = true;
        it.outbox.clear();
    }

    fn append(&mut self, out: Vec<Entry>) {
        for entry in out {
            let entry = Arc::new(entry);
            let events = &mut self.server_events;
            self.replay.read(&entry, &mut |event| events.push(event));
            let owed_to = self.owed_to(&entry);
            self.owed.push((Arc::clone(&entry), owed_to));
            self.log.append(entry, 1);
        }
    }

    /// Who is owed an entry, worked out from the joins and leaves before it.
    fn owed_to(&self, entry: &Entry) -> Vec<Seat> {
        let mut present = Vec::new();
        for what in self.owed.iter().map(|(entry, _)| &entry.what).chain([&entry.what]) {
            match what {
                What::Join { seat, .. } => present.push(*seat),
                What::Leave { seat, .. } => present.retain(|s| s != seat),
                What::Close { .. } | What::Publish { .. } | What::Refusal { .. } => {}
            }
        }
        match &entry.what {
            What::Publish { seat, .. } => present.retain(|s| s != seat),
            What::Refusal { seat, .. } => present = seat.iter().copied().collect(),
            What::Join { .. } | What::Leave { .. } | What::Close { .. } => {}
        }
        present
    }

    /// Where the deliveries of an entry went, from what everybody got.
    pub fn account(&self, entry: &Entry, owed_to: &[Seat]) -> Account {
        let mut account = Account { audience: entry.fan.audience.into(), ..Account::default() };
        for seat in owed_to {
            let session = &self.sessions[seat];
            if session.receipts.iter().any(|receipt| receipt.accepted == entry.accepted) {
                account.delivered += 1;
            } else if session.settlement.is_some_and(|it| it.was_evicted) {
                account.lagged += 1;
            } else if session.has_ended {
                account.gone += 1;
            }
        }
        account
    }

    /// What each participant published and received, with the ids that the room gave.
    pub fn deeds(&self) -> BTreeMap<Node, Vec<Deed>> {
        let accepted: BTreeMap<(Node, LamportTime), LamportTime> = self
            .owed
            .iter()
            .filter_map(|(entry, _)| match &entry.what {
                What::Publish { who, sent, .. } => Some(((node(who), *sent), entry.accepted)),
                _ => None,
            })
            .collect();
        let deeds_of = |person: &Person| {
            let name = node(&person.who);
            let deeds = person.deeds.iter().filter_map(|deed| match deed {
                PendingDeed::Received(message) => Some(Deed::Received(*message)),
                PendingDeed::Published { sent } => {
                    accepted.get(&(name.clone(), *sent)).map(|id| Deed::Published(*id))
                }
            });
            (name.clone(), deeds.collect())
        };
        self.people.iter().map(deeds_of).collect()
    }
}
