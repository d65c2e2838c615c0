//! What happened in a run, as it was seen where it happened: by the server in its log, and by every
//! participant at its own end of its stream.
//!
//! Nothing is judged here. The text form is the history of the run: the same seed must give the same
//! bytes.

use crate::plan::Offence;
use chittychat::{
    causality::Event,
    chat::{LamportTime, Participant},
    hub::Books,
    wire::{EncodedEntry, pb},
};
use std::{
    cell::RefCell,
    fmt::{self, Write as _},
    rc::Rc,
    sync::Arc,
};
use tonic::Code;

/// One thing that was seen, and when, in milliseconds of virtual time.
#[derive(Debug)]
pub struct Record {
    pub at: u64,
    pub what: Seen,
}

/// See [`Record`].
#[derive(Debug)]
pub enum Seen {
    /// A server began: its so-maniest life.
    Began(usize),
    /// The server of this life appended this to its log.
    Entered(usize, Arc<EncodedEntry>),
    /// The server of this life stopped in good order, with these books.
    Stopped(usize, Books),
    /// A stream was opened.
    Opened(usize, Event),
    /// The next message was sent on a stream.
    Sent(usize, Sent),
    /// A message was received on a stream.
    Got(usize, Box<pb::Message>, Event),
    /// A stream ended, as the participant saw it.
    Ended(usize, Ending),
    /// Something happened to the world.
    Happened(String),
}

/// A message as it was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub what: Said,
    /// The sender's time of the send.
    pub time: LamportTime,
    pub event: Event,
}

/// What a message said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Connect,
    Text(String),
    Disconnect,
    Offence(Offence),
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With OK.
    Closed,
    /// With a status, the server's or one that the client's own side made up.
    Status { code: Code, text: String },
    /// The participant let go of it.
    LetGo,
}

/// A stream, from its opening on.
#[derive(Debug)]
pub struct Stream {
    /// The person, by its number in the plan.
    pub person: usize,
    /// Who it says that it is.
    pub who: Participant,
    /// The process, as a node.
    pub node: Arc<str>,
    /// The server that it was opened to.
    pub life: usize,
    pub opened: u64,
    /// Until when nothing was read on it, if anything kept it from being read.
    pub dozed_until: u64,
    /// Whether its process was stopped for longer than a keep-alive may have to wait.
    pub hung: bool,
    /// Whether the request ended without a word.
    pub is_silent: bool,
}

/// Everything of a run.
#[derive(Debug, Default)]
pub struct Chronicle {
    pub records: Vec<Record>,
    pub streams: Vec<Stream>,
    /// How many servers there have been.
    pub lives: usize,
    /// Nobody comes any more.
    pub is_over: bool,
}

/// The chronicle while the run goes on. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Pen(pub Rc<RefCell<Chronicle>>);

impl Pen {
    /// Writes down what is seen on the host that runs just now.
    pub fn write(&self, what: Seen) {
        self.write_at(now(), what);
    }

    pub fn write_at(&self, at: u64, what: Seen) {
        self.0.borrow_mut().records.push(Record { at, what });
    }

    pub fn is_over(&self) -> bool {
        self.0.borrow().is_over
    }
}

/// The virtual time of the host that runs just now, in milliseconds.
pub fn now() -> u64 {
    let now = turmoil::sim_elapsed().expect("only hosts write");
    u64::try_from(now.as_millis()).unwrap()
}

impl Chronicle {
    /// The history as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for record in &self.records {
            writeln!(text, "{record}").unwrap();
        }
        text
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>7} ", self.at)?;
        match &self.what {
            Seen::Began(life) => write!(f, "server {life} began"),
            Seen::Entered(life, encoded) => {
                let entry = &encoded.entry;
                write!(f, "server {life} at {}, {:?}: {:?}", entry.accepted, entry.fan, entry.what)
            }
            Seen::Stopped(life, books) => write!(f, "server {life} stopped: {books:?}"),
            Seen::Opened(stream, event) => {
                write!(f, "stream {stream} opened by {} at {}", event.node, event.time)
            }
            Seen::Sent(stream, sent) => {
                let Sent { what, time, event } = sent;
                write!(f, "stream {stream} {} sent at {time}: {what:?}", event.node)
            }
            Seen::Got(stream, message, event) => {
                write!(f, "stream {stream} {} got at {}: {message:?}", event.node, event.time)
            }
            Seen::Ended(stream, ending) => write!(f, "stream {stream} ended: {ending:?}"),
            Seen::Happened(what) => f.write_str(what),
        }
    }
}
