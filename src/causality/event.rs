//! The event record: one thing that one node did, sent or received.
//!
//! Its identity is (node, Lamport time), since a node never uses a time twice. A receive names its
//! cause, the send at the other end. That is all it takes to rebuild happened-before; the rest is
//! there for people to read. The record holds no wall clock: whoever writes it down adds one.

use crate::chat::{
    LamportTime,
    invariant::{self, Node},
};
use std::sync::Arc;

/// The server's name as a node.
pub const SERVER: &str = "server";

/// One event of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Where it happened: `server`, or a participant as it is displayed.
    pub node: Node,
    /// Its Lamport time there.
    pub time: LamportTime,
    /// What kind of event it is.
    pub kind: Kind,
    /// On a receive: the send that caused it, if the sender stamped it.
    pub cause: Option<(Node, LamportTime)>,
    /// The other end of a send or a receive, if it has a name.
    pub peer: Option<Node>,
    /// The message's id: the server's Lamport time of accepting it.
    pub message: Option<LamportTime>,
    /// What was said, or why something was refused or lost. Not escaped.
    pub detail: Option<Arc<str>>,
}

/// The kinds of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A participant opened its stream: local.
    Opened,
    /// A message left the node.
    Sent(Subject),
    /// A message reached the node.
    Received(Subject),
    /// The server noticed that a participant is gone: local.
    Lost,
}

/// What a message was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// To the server: let me in.
    Connect,
    /// Somebody says something.
    Publish,
    /// To the server: I am leaving.
    Disconnect,
    /// From the server: somebody came.
    Join,
    /// From the server: somebody went.
    Leave,
    /// From the server: your leave is taken.
    Ack,
    /// From the server, to one participant.
    Notice,
    /// To the server: something that was refused.
    Unfit,
}

impl Event {
    /// An event of which nothing but place, time and kind is known.
    #[must_use]
    pub fn new(node: Node, time: LamportTime, kind: Kind) -> Self {
        Self { node, time, kind, cause: None, peer: None, message: None, detail: None }
    }

    /// The event as the clock condition sees it.
    #[must_use]
    pub fn occurrence(&self) -> invariant::Event {
        invariant::Event { node: self.node.clone(), time: self.time, cause: self.cause.clone() }
    }
}
