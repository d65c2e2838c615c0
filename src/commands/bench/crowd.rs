//! The crowd: all participants and their connections, in one thread.
//!
//! One poll, one buffer, plain vectors: no task, channel or lock for a participant, because whatever
//! the generator costs is missing to the server beside it. The price is that the generator has one
//! processor at most; the report says how much of it was used.

use super::{
    connection::{Connection, Heard, READ_BYTES, REST_BYTES, Readiness},
    framing::WINDOW,
    person::{Fault, MESSAGE_BYTES, Person, Stage},
    plan::{Plan, Protocol, padding},
    tally::Tally,
};
use crate::wire::participant::Outgoing;
use mio::{Events, Poll, Token, Waker};
use std::{
    io::{self, ErrorKind},
    sync::Arc,
    time::Duration,
};

/// The token of the waker; connections have their number.
const WAKER: Token = Token(usize::MAX);
/// How many events are taken at once.
const EVENTS: usize = 1024;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Crowd {
    plan: Plan,
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    buffer: Vec<u8>,
    connections: Vec<Connection>,
    /// Everybody, present or not.
    pub people: Vec<Person>,
    /// What is counted.
    pub tally: Tally,
    /// Who has left, and is to come back.
    pub gone: Vec<usize>,
    /// Connections to be looked at, and whether there was word that they are closed.
    ready: Vec<Ready>,
    padding: String,
    /// The messages of one frame; only its memory lasts.
    batch: Vec<u8>,
    /// How many messages are due and could not be sent yet.
    pub unsent: u64,
    visits: u32,
}

#[derive(Clone, Copy, Debug)]
struct Ready {
    connection: usize,
    is_writable: bool,
    may_be_closed: bool,
}

impl Crowd {
    /// A crowd of nobody.
    ///
    /// # Errors
    /// If the system has no poll for it.
    pub(super) fn new(plan: &Plan) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        Ok(Self {
            poll,
            waker,
            events: Events::with_capacity(EVENTS),
            buffer: vec![0; READ_BYTES + REST_BYTES],
            connections: Vec::new(),
            people: Vec::new(),
            tally: Tally::new(plan).map_err(io::Error::other)?,
            gone: Vec::new(),
            ready: Vec::new(),
            padding: padding(plan.text_bytes),
            batch: Vec::new(),
            unsent: 0,
            visits: 0,
            plan: plan.clone(),
        })
    }

    /// What wakes [`Crowd::turn`].
    pub(super) fn waker(&self) -> Arc<Waker> {
        self.waker.clone()
    }

    /// How many connections there are.
    pub(super) fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Lets somebody come in: the next in number, or one who has left.
    pub(super) fn admit(&mut self, number: usize) -> Result<(), Fault> {
        let person = Person::new(&self.plan, number, self.visits)?;
        self.visits = self.visits.wrapping_add(1);
        let at = person.connection;
        if at == self.connections.len() || self.plan.per_connection == 1 {
            let registry = self.poll.registry();
            let connection = Connection::open(&self.plan, Token(at), registry)?;
            if at == self.connections.len() {
                self.connections.push(connection);
            } else {
                self.connections[at] = connection;
            }
        }
        if number == self.people.len() {
            self.people.push(person);
        } else {
            self.people[number] = person;
        }
        let (person, connection) = (&mut self.people[number], &mut self.connections[at]);
        (person.stream, person.window) = connection.stream(number, &self.plan.authority);
        if self.plan.protocol == Protocol::Grpc {
            let connect = person.say(&Outgoing::Connect);
            person.window -= connection.send(person.stream, &connect, false);
        }
        person.stage = Stage::Joining;
        self.tally.joining += 1;
        Ok(connection.flush()?)
    }

    /// Has somebody leave, if there is room to say so.
    pub(super) fn dismiss(&mut self, number: usize) -> Result<bool, Fault> {
        let person = &mut self.people[number];
        let connection = &mut self.connections[person.connection];
        if person.stage != Stage::Present || connection.room() < MESSAGE_BYTES {
            return Ok(false);
        }
        let disconnect = person.say(&Outgoing::Disconnect);
        connection.send(person.stream, &disconnect, true);
        person.stage = Stage::Leaving;
        self.tally.present -= 1;
        self.tally.leaving += 1;
        connection.flush()?;
        Ok(true)
    }

    /// Publishes what this publisher is due to, as far as the windows and the socket allow.
    fn publish(&mut self, number: usize) -> Result<(), Fault> {
        let person = &mut self.people[number];
        let connection = &mut self.connections[person.connection];
        loop {
            let before = person.due;
            self.tally.look();
            // Messages that are due together share a frame, as those of a busy client do: servers
            // take many small frames in a row for an attack.
            loop {
                let window = usize::try_from(person.window).unwrap_or(0);
                let room = window.min(connection.room());
                self.batch.clear();
                while person.due > 0 && self.batch.len() + MESSAGE_BYTES <= room {
                    let mark = self.tally.next_of(number);
                    self.batch.extend(person.publish(mark, &self.padding)?);
                    person.due -= 1;
                    self.unsent -= 1;
                }
                if self.batch.is_empty() {
                    break;
                }
                person.window -= connection.send(person.stream, &self.batch, false);
            }
            connection.flush()?;
            if person.due == 0 || person.due == before {
                return Ok(());
            }
        }
    }

    /// Has somebody publish one more message, as soon as [`Crowd::publish_all`] is called.
    pub(super) fn owe(&mut self, publisher: usize) {
        self.people[publisher].due += 1;
        self.unsent += 1;
    }

    /// Publishes what anybody is due to.
    pub(super) fn publish_all(&mut self) -> Result<(), Fault> {
        if self.unsent == 0 {
            return Ok(());
        }
        for number in 0..self.plan.publishers {
            if self.people[number].due > 0 {
                self.publish(number)?;
            }
        }
        Ok(())
    }

    /// Waits for something to happen, and deals with it.
    pub(super) fn turn(&mut self, timeout: Duration) -> Result<(), Fault> {
        let timeout = if self.ready.is_empty() { timeout } else { Duration::ZERO };
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        let mut ready = std::mem::take(&mut self.ready);
        let events = self.events.iter().filter(|event| event.token() != WAKER);
        ready.extend(events.map(|event| Ready {
            connection: event.token().0,
            is_writable: event.is_writable(),
            may_be_closed: event.is_read_closed() || event.is_error(),
        }));
        for event in ready.drain(..) {
            self.attend(event)?;
        }
        // What was put down meanwhile, for the next turn, goes on with the old memory.
        ready.append(&mut self.ready);
        self.ready = ready;
        // A window may have opened, or a socket may take more.
        self.publish_all()
    }

    /// Deals with one connection.
    fn attend(&mut self, event: Ready) -> Result<(), Fault> {
        let Ready { connection: at, is_writable, may_be_closed } = event;
        let Self { connections, people, tally, gone, buffer, .. } = self;
        let connection = &mut connections[at];
        if is_writable {
            connection.writable()?;
        }
        let readiness =
            connection.read(buffer, may_be_closed, |connection, number, stream, heard| {
                let person = &mut people[number];
                match heard {
                    Heard::Arrival => {
                        tally.look();
                        Ok(())
                    }
                    // Somebody who left and came back on the same connection has another stream now.
                    _ if person.stream != stream || person.connection != at => Ok(()),
                    Heard::Data(bytes, length) => {
                        person.taken += length;
                        if person.taken > WINDOW / 2 {
                            connection.allow(stream, std::mem::take(&mut person.taken));
                        }
                        person.take(bytes, tally)
                    }
                    Heard::Text(text) => person.hear_plain(text, tally),
                    Heard::Welcome => {
                        person.welcome(tally);
                        Ok(())
                    }
                    Heard::Window(more) => {
                        person.window += more;
                        Ok(())
                    }
                    Heard::End(code) => ended(person, number, code, tally, gone),
                }
            })?;
        connection.flush()?;
        match readiness {
            Readiness::Drained => {}
            Readiness::More => self.ready.push(Ready { is_writable: false, ..event }),
            Readiness::Closed => {
                for &number in connection.participants() {
                    let person = &mut people[number];
                    match person.stage {
                        Stage::Away => {}
                        Stage::Leaving => ended(person, number, None, tally, gone)?,
                        _ => return Err(Fault::Closed(person.name(), connection.farewell())),
                    }
                }
            }
        }
        Ok(())
    }
}

/// Somebody's stream is over, as it must be for one who is leaving, and for no other.
fn ended(
    person: &mut Person,
    number: usize,
    code: Option<u32>,
    tally: &mut Tally,
    gone: &mut Vec<usize>,
) -> Result<(), Fault> {
    match (person.stage, code) {
        (Stage::Away, _) => {}
        (Stage::Leaving, _) => {
            person.stage = Stage::Away;
            tally.leaving -= 1;
            gone.push(number);
        }
        (_, Some(code)) => return Err(Fault::Reset(person.name(), code)),
        (_, None) => return Err(Fault::Ended(person.name())),
    }
    Ok(())
}
