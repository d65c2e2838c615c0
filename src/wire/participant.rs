//! The protocol as a participant speaks it: what it sends, and what it takes from any server.
//!
//! It takes what the original's server sends as well: fields above 100 may be absent, and nothing
//! about the text is promised. So whoever shows a [`Delivered`] to a person must escape it.

use super::{encoded::to_reference, pb};
use crate::chat::{LamportTime, Participant, Text};

/// What a participant may send.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// Let me in.
    Connect,
    /// Tell everyone else.
    Publish(Text),
    /// I am leaving.
    Disconnect,
}

/// Puts a message of a participant on the wire. `seen` is the time of the last delivery that it
/// had witnessed before.
#[must_use]
pub fn to_pb(
    what: &Outgoing,
    who: &Participant,
    time: LamportTime,
    seen: LamportTime,
) -> pb::Message {
    let (kind, text) = match what {
        Outgoing::Connect => (pb::MessageType::Connect, "connect message"),
        Outgoing::Publish(text) => (pb::MessageType::Publish, text.as_str()),
        Outgoing::Disconnect => (pb::MessageType::Disconnect, "disconnect message"),
    };
    pb::Message {
        text: text.to_owned(),
        r#type: kind.into(),
        time: time.to_wire(),
        client_reference: Some(to_reference(who)),
        seen: seen.to_wire(),
        ..Default::default()
    }
}

/// What a server delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// What it is about.
    pub kind: DeliveredKind,
    /// The server's time of this send.
    pub time: LamportTime,
    /// The message's id, if the server gives one.
    pub accepted: Option<LamportTime>,
    /// The name of the one whose words these are; empty if the server does not say. Not escaped.
    pub name: String,
    /// The whole reference as it is displayed, if the server gave one that is legal.
    pub who: Option<Participant>,
    /// What is said. Not escaped.
    pub text: String,
    /// On one's own join: how many are present, if the server says.
    pub present: usize,
}

/// What a delivery is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveredKind {
    /// Somebody joined.
    Join,
    /// Somebody left.
    Leave,
    /// Somebody said something.
    Publish,
    /// Our leave is taken.
    Ack,
    /// The server speaks to us alone.
    Notice,
}

/// Reads what a server sent.
///
/// # Errors
/// With a sentence if the time is negative or the type unknown: such a server cannot be followed.
pub fn from_pb(message: pb::Message) -> Result<Delivered, String> {
    let time = LamportTime::from_wire(message.time)
        .ok_or_else(|| format!("the server sent the negative time {}", message.time))?;
    let kind = match pb::MessageType::try_from(message.r#type) {
        Ok(pb::MessageType::Connect) => DeliveredKind::Join,
        Ok(pb::MessageType::Disconnect) => DeliveredKind::Leave,
        Ok(pb::MessageType::Publish) => DeliveredKind::Publish,
        Ok(pb::MessageType::Ack) => DeliveredKind::Ack,
        Ok(pb::MessageType::Notice) => DeliveredKind::Notice,
        Err(_) => {
            return Err(format!("the server sent the unknown type {}", message.r#type));
        }
    };
    let reference = message.client_reference.unwrap_or_default();
    let pb::ClientReference { client_name, client_address, client_port } = reference;
    Ok(Delivered {
        kind,
        time,
        accepted: LamportTime::from_wire(message.accepted_time)
            .filter(|id| *id > LamportTime::ZERO),
        who: Participant::new(&client_name, &client_address, client_port).ok(),
        name: client_name,
        text: message.text,
        present: message.participants.len(),
    })
}
