//! One participant of the crowd: its place in the room, its clock, and what it has heard.
//!
//! It is no client as `client` has one: it comes back from nothing, and whatever it does not expect
//! ends the run. But its Lamport clock goes as a participant's does.

use super::{
    checker::{Account, Mark, Violation},
    fields,
    framing::Garbage,
    plain,
    plan::{Plan, Protocol},
    tally::Tally,
};
use crate::chat::{LamportTime, Participant, Text, TraceContext};
use crate::wire::participant::{Outgoing, Stamped, to_pb};
use crate::wire::prefixed::{self, NoMessage};
use prost::Message as _;
use std::io;

/// What a delivery means, as the wire numbers it.
const CONNECT: u64 = 0;
const DISCONNECT: u64 = 1;
const PUBLISH: u64 = 2;
const ACK: u64 = 3;
const NOTICE: u64 = 4;
/// The most that a message of ours counts for in a window.
pub(super) const MESSAGE_BYTES: usize = 1024;
/// The largest delivery that is taken. A newcomer's list of who is present may have 1 MiB.
const MAX_MESSAGE: usize = 4 << 20;
/// What a participant keeps for messages that come in pieces.
const PIECES_BYTES: usize = 4096;

/// What ends a run before its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("{0}: {1}")]
    Violation(String, Violation),
    #[error("{0} was told by the server: {1:?}")]
    Notice(String, String),
    #[error("{0} got a delivery that is no message of the protocol")]
    Senseless(String),
    #[error("the server ended the stream of {0}")]
    Ended(String),
    #[error("the server reset the stream of {0} with HTTP/2 error {1}")]
    Reset(String, u32),
    #[error("the server closed the connection of {0}{1}")]
    Closed(String, String),
    #[error("this is no server of the protocol: {0}")]
    Garbage(#[from] Garbage),
    #[error("a connection failed: {0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Stuck(String),
}

impl From<NoMessage> for Fault {
    fn from(fault: NoMessage) -> Self {
        Self::Garbage(fault.into())
    }
}

/// How far somebody has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Away,
    Joining,
    Present,
    Leaving,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Person {
    who: Participant,
    protocol: Protocol,
    subject: String,
    /// How far it has come.
    pub stage: Stage,
    /// Its connection and its stream on it.
    pub connection: usize,
    pub stream: u32,
    /// What it may send.
    pub window: i64,
    /// What it has been sent since the server was last allowed more.
    pub taken: u32,
    /// How many messages it is to publish, and has not yet been able to.
    pub due: u64,
    /// What it has heard, and is owed.
    pub account: Account,
    clock: u64,
    seen: u64,
    partial: Vec<u8>,
}

impl Person {
    /// The participant of this number who comes for the n-th time. It has a new name each time, so
    /// that a server which is slow to forget somebody does not refuse the next.
    pub(super) fn new(plan: &Plan, number: usize, visit: u32) -> Result<Self, Fault> {
        let name = format!("bench-{:04x}-{number}", plan.run);
        let port = i32::try_from(visit % 65_536).unwrap_or_default();
        let own = u16::try_from(number).ok().filter(|_| number < plan.publishers);
        Ok(Self {
            who: Participant::new(&name, "127.0.0.1", port).map_err(|fault| {
                Fault::Stuck(format!("a name of the run is not legal: {fault}"))
            })?,
            protocol: plan.protocol,
            subject: plan.subject(),
            stage: Stage::Away,
            connection: number / plan.per_connection,
            stream: 0,
            window: 0,
            taken: 0,
            due: 0,
            account: Account::new(own, plan.publishers),
            clock: 0,
            seen: 0,
            partial: Vec::new(),
        })
    }

    /// Who it is, for a sentence.
    pub(super) fn name(&self) -> String {
        self.who.to_string()
    }

    /// A message of this participant, stamped and encoded.
    pub(super) fn say(&mut self, what: &Outgoing) -> Vec<u8> {
        self.clock += 1;
        let [time, seen] = [self.clock, self.seen].map(|time| LamportTime::ZERO.after(time));
        let what = what.clone();
        let stamped = Stamped { what, time, seen, trace: TraceContext::default() };
        let mut framed = Vec::with_capacity(MESSAGE_BYTES / 4);
        prefixed::put(&mut framed, &to_pb(&stamped, &self.who).encode_to_vec());
        framed
    }

    /// The next message of the run.
    pub(super) fn publish(&mut self, mark: Mark, padding: &str) -> Result<Vec<u8>, Fault> {
        let text = format!("{mark}{padding}");
        match self.protocol {
            Protocol::Grpc => {}
            Protocol::Nats => return Ok(plain::publish_nats(&self.subject, &text)),
            Protocol::Tcp => return Ok(plain::publish_tcp(&text)),
        }
        let text = Text::new(&text)
            .map_err(|fault| Fault::Stuck(format!("a text of the run is not legal: {fault}")))?;
        Ok(self.say(&Outgoing::Publish(text)))
    }

    /// Bytes of its stream.
    pub(super) fn take(&mut self, bytes: &[u8], tally: &mut Tally) -> Result<(), Fault> {
        let mut partial = std::mem::take(&mut self.partial);
        let taken =
            prefixed::take(MAX_MESSAGE, &mut partial, bytes, |message| self.hear(message, tally));
        if partial.is_empty() && partial.capacity() > PIECES_BYTES {
            partial = Vec::new();
        }
        self.partial = partial;
        taken
    }

    /// A delivery.
    fn hear(&mut self, message: &[u8], tally: &mut Tally) -> Result<(), Fault> {
        let sighting = fields::walk(message).ok_or_else(|| Fault::Senseless(self.name()))?;
        self.clock = self.clock.max(sighting.time).saturating_add(1);
        self.seen = sighting.time;
        self.account.delivered(&sighting).map_err(|violation| self.violated(violation))?;
        tally.deliveries += 1;
        match sighting.kind {
            PUBLISH => self.hear_text(sighting.text, tally)?,
            CONNECT => {
                tally.joins += 1;
                // The first join that somebody hears of is its own.
                self.welcome(tally);
            }
            // An ACK is followed by the end of the stream, which is what is waited for.
            DISCONNECT | ACK => {}
            NOTICE => {
                let text = String::from_utf8_lossy(sighting.text).into_owned();
                return Err(Fault::Notice(self.name(), text));
            }
            _ => return Err(Fault::Senseless(self.name())),
        }
        Ok(())
    }

    /// A text, whatever protocol it came by.
    fn hear_text(&mut self, text: &[u8], tally: &mut Tally) -> Result<(), Fault> {
        match Mark::read(text).filter(|mark| mark.run == tally.run) {
            Some(mark) => {
                let heard = self.account.heard(mark, &tally.sent);
                heard.map_err(|violation| self.violated(violation))?;
                tally.heard(mark);
                tally.to_publishers += u64::from(self.account.is_publishers());
            }
            None => tally.foreign += 1,
        }
        Ok(())
    }

    /// A delivery of a protocol that has nothing but texts.
    pub(super) fn hear_plain(&mut self, text: &[u8], tally: &mut Tally) -> Result<(), Fault> {
        tally.deliveries += 1;
        self.hear_text(text, tally)
    }

    /// It is in, if it was not before.
    pub(super) fn welcome(&mut self, tally: &mut Tally) {
        if self.stage == Stage::Joining {
            self.stage = Stage::Present;
            tally.joining -= 1;
            tally.present += 1;
            self.account.joined(&tally.sent);
        }
    }

    /// Names somebody in a violation.
    pub(super) fn violated(&self, violation: Violation) -> Fault {
        Fault::Violation(self.name(), violation)
    }
}
