//! What goes out: an entry encoded once, and what stamps it for each recipient.
//!
//! Protobuf takes fields in any order, so what all recipients share is encoded when the entry is
//! accepted, and each recipient's own `time` is written behind it, ten bytes at most. The newcomer's
//! list of who is present goes in between. Nothing is encoded twice, and nothing is allocated for a
//! delivery.
//!
//! The trace context is shared too, unless the entry is traced here: then each delivery is a span of
//! its own and its message brings the `traceparent` that names it, written behind like `time`.

use super::{Batch, pb};
use crate::chat::{
    Delivery, Departure, Entry, Fault, LamportTime, NoticeCode, Part, Participant, TraceContext,
    What,
};
use bytes::{BufMut as _, Bytes};
use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint},
};
use std::time::Instant;

/// The field number of `time`.
const TIME: u32 = 3;
/// The field number of `traceparent`.
const TRACEPARENT: u32 = 100;

/// A `traceparent`, which has one length.
pub type Traceparent = [u8; 55];

/// Where the recipients of an entry get their trace context from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tracing {
    /// The entry is not traced here: what its author sent is passed on to all.
    #[default]
    PassedOn,
    /// One span stands for all deliveries of the fan-out.
    Together(Traceparent),
    /// Each delivery is a span, and each message says which.
    Each,
}

/// An entry, and the part of its message that is the same for all recipients.
#[derive(Debug)]
pub struct EncodedEntry {
    /// The entry.
    pub entry: Entry,
    /// When it was encoded, which is when it was accepted: that is one step.
    pub accepted_at: Instant,
    /// How its deliveries are traced.
    pub tracing: Tracing,
    shared: Box<[u8]>,
}

impl EncodedEntry {
    /// Encodes an entry. `server` is whose words its notices are.
    #[must_use]
    pub fn new(entry: Entry, tracing: Tracing, server: &Participant) -> Self {
        let mut message = to_pb(&entry, server);
        match tracing {
            Tracing::PassedOn => {}
            Tracing::Together(parent) => {
                message.traceparent = String::from_utf8_lossy(&parent).into_owned();
            }
            Tracing::Each => message.traceparent.clear(),
        }
        let shared = message.encode_to_vec().into_boxed_slice();
        Self { entry, accepted_at: Instant::now(), tracing, shared }
    }

    /// Whether a delivery of this entry is a span of its own. The answer to a Disconnect is no part of
    /// the fan-out, so it is one whenever the entry is traced.
    #[must_use]
    pub fn has_own_span(&self, part: Part) -> bool {
        match self.tracing {
            Tracing::PassedOn => false,
            Tracing::Together(_) => part == Part::Ack,
            Tracing::Each => true,
        }
    }

    /// The trace context of what the server did, if that is traced.
    #[must_use]
    pub fn traced(&self) -> Option<&TraceContext> {
        (self.tracing != Tracing::PassedOn).then(|| self.entry.what.trace())
    }

    /// How many bytes the shared part has: what the entry counts for in the log.
    #[must_use]
    pub fn shared_bytes(&self) -> usize {
        self.shared.len()
    }
}

/// The encoded list of who is present, by [`Roll`](super::Roll), in pieces that newcomers share; empty
/// on all but a newcomer's own join.
#[derive(Debug, Default)]
pub struct Roster(pub(super) Vec<Bytes>);

/// A list shorter than this is copied: a piece of its own would cost more.
const COPIED: usize = 1024;

impl EncodedEntry {
    /// How many bytes of a batch a delivery takes, about: an Ack or a newcomer's list is not counted.
    #[must_use]
    pub fn size_hint(&self) -> usize {
        const OWN: usize = 5 + 1 + 5;
        self.shared.len() + OWN
    }

    /// Writes the message of one delivery. Of two `traceparent`s a reader would take the last, but only
    /// an entry that [has a span of its own](Self::has_own_span) for it leaves room for one.
    pub fn write(
        &self,
        delivery: &Delivery,
        roster: Roster,
        traceparent: Option<&Traceparent>,
        batch: &mut Batch,
    ) {
        let own = Own::new(delivery.time, traceparent);
        if delivery.part == Part::Ack {
            let ack = ack(self).encode_to_vec();
            batch.begin(ack.len() + own.bytes().len());
            batch.put(&ack);
        } else {
            let listed: usize = roster.0.iter().map(Bytes::len).sum();
            batch.begin(self.shared.len() + listed + own.bytes().len());
            batch.put(&self.shared);
            for piece in roster.0 {
                if listed < COPIED {
                    batch.put(&piece);
                } else {
                    batch.put_shared(piece);
                }
            }
        }
        batch.put(own.bytes());
    }

    /// The message of a refusal for somebody who never came in, and so has no cursor.
    #[must_use]
    pub fn delivery_to_stranger(&self) -> Delivery {
        Delivery { time: self.entry.fan.base, part: Part::Shared }
    }
}

/// What only one recipient gets: the end of its message.
struct Own {
    buffer: [u8; Self::MOST],
    length: usize,
}

impl Own {
    /// A key of two bytes, a length, a traceparent; a key, and ten bytes of a number.
    const MOST: usize = 2 + 1 + size_of::<Traceparent>() + 1 + 10;

    fn new(time: LamportTime, traceparent: Option<&Traceparent>) -> Self {
        let mut buffer = [0; Self::MOST];
        let mut left = &mut buffer[..];
        if let Some(traceparent) = traceparent {
            encode_key(TRACEPARENT, WireType::LengthDelimited, &mut left);
            encode_varint(traceparent.len() as u64, &mut left);
            left.put_slice(traceparent);
        }
        encode_key(TIME, WireType::Varint, &mut left);
        encode_varint(time.to_wire().unsigned_abs(), &mut left);
        let length = Self::MOST - left.len();
        Self { buffer, length }
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

/// The message that all recipients of an entry share: everything but `time`.
fn to_pb(entry: &Entry, server: &Participant) -> pb::Message {
    let trace = entry.what.trace();
    let base = pb::Message {
        accepted_time: entry.accepted.to_wire(),
        traceparent: trace.parent.to_string(),
        tracestate: trace.state.to_string(),
        ..Default::default()
    };
    match &entry.what {
        What::Join { who, sent, .. } => pb::Message {
            text: format!("{who} has joined the chat at Lamport time {}", entry.accepted),
            ..told(base, pb::MessageType::Connect, who, *sent)
        },
        What::Publish { who, text, sent, .. } => pb::Message {
            text: text.as_str().to_owned(),
            ..told(base, pb::MessageType::Publish, who, *sent)
        },
        What::Leave { who, left, sent, .. } => pb::Message {
            text: format!("{who} has left the chat at Lamport time {left}"),
            ..told(base, pb::MessageType::Disconnect, who, *sent)
        },
        What::Refusal { fault, .. } => notice(base, fault.to_string(), fault.notice_code(), server),
        What::Close { .. } => {
            notice(base, Fault::Closing.to_string(), NoticeCode::ShuttingDown, server)
        }
    }
}

fn told(
    base: pb::Message,
    kind: pb::MessageType,
    who: &Participant,
    sent: LamportTime,
) -> pb::Message {
    pb::Message {
        r#type: kind.into(),
        client_reference: Some(to_reference(who)),
        origin_time: sent.to_wire(),
        ..base
    }
}

fn notice(base: pb::Message, text: String, code: NoticeCode, server: &Participant) -> pb::Message {
    let code = match code {
        NoticeCode::BadText => pb::NoticeCode::BadText,
        NoticeCode::RateLimited => pb::NoticeCode::RateLimited,
        NoticeCode::ProtocolViolation => pb::NoticeCode::ProtocolViolation,
        NoticeCode::ConnectRefused => pb::NoticeCode::ConnectRefused,
        NoticeCode::ShuttingDown => pb::NoticeCode::ShuttingDown,
    };
    pb::Message {
        text,
        r#type: pb::MessageType::Notice.into(),
        client_reference: Some(to_reference(server)),
        notice_code: code.into(),
        ..base
    }
}

/// The answer to a Disconnect, which is told to nobody else. If the entry is traced, the answer is a
/// span apart from the fan-out's, and its message says which.
fn ack(encoded: &EncodedEntry) -> pb::Message {
    let EncodedEntry { entry, tracing, .. } = encoded;
    let trace = entry.what.trace();
    let is_passed_on = *tracing == Tracing::PassedOn;
    let sent = match &entry.what {
        What::Leave { sent, departure: Departure::Disconnected, .. } => *sent,
        _ => LamportTime::ZERO,
    };
    pb::Message {
        r#type: pb::MessageType::Ack.into(),
        accepted_time: entry.accepted.to_wire(),
        origin_time: sent.to_wire(),
        traceparent: if is_passed_on { trace.parent.to_string() } else { String::new() },
        tracestate: trace.state.to_string(),
        ..Default::default()
    }
}

/// A participant as the wire names it.
#[must_use]
pub fn to_reference(who: &Participant) -> pb::ClientReference {
    pb::ClientReference {
        client_address: who.address().to_owned(),
        client_port: who.port().into(),
        client_name: who.name().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Act, ClockBound, Draft, Outcome, Room, Rules};
    use crate::wire::Roll;

    fn decode(
        encoded: &EncodedEntry,
        delivery: &Delivery,
        roster: Roster,
        traceparent: Option<&Traceparent>,
    ) -> pb::Message {
        let mut batch = Batch::new(1);
        encoded.write(delivery, roster, traceparent, &mut batch);
        let bytes = std::iter::from_fn(|| batch.take()).collect::<Vec<_>>().concat();
        let (prefix, message) = bytes.split_at(5);
        let length = u32::try_from(message.len()).expect("it is short").to_be_bytes();
        assert_eq!(prefix, [&[0], &length[..]].concat());
        pb::Message::decode(message).expect("what we encode decodes")
    }

    #[test]
    fn a_message_is_the_shared_part_with_the_recipients_own_time() {
        let who = Participant::new("Anton", "127.0.0.1", 20).expect("a legal reference");
        let server = Participant::server("", 0);
        let mut room = Room::new(Rules::default());
        let mut entries = Vec::new();
        let draft = Draft {
            sent: LamportTime::ZERO.after(2),
            seen: LamportTime::ZERO,
            trace: TraceContext { parent: "as it came".into(), state: "vendor=1".into() },
            act: Ok(Act::Connect(who.clone())),
        };
        let Outcome::Joined(mut welcome) = room.accept(None, draft, ClockBound::OPEN, &mut entries)
        else {
            panic!("an empty room takes anybody")
        };
        let entry = entries.remove(0);
        let delivery =
            welcome.cursor.stamp(&entry).delivery.expect("a join is told to the newcomer");
        let traced = EncodedEntry::new(entry.clone(), Tracing::Each, &server);
        let mut roll = Roll::default();
        roll.read(&entry.what);
        let encoded = EncodedEntry::new(entry, Tracing::PassedOn, &server);
        let message = decode(&encoded, &delivery, roll.roster(), None);
        assert_eq!(message.text, "Anton 127.0.0.1:20 has joined the chat at Lamport time 3");
        assert_eq!((message.time, message.accepted_time, message.origin_time), (4, 3, 2));
        assert_eq!(message.client_reference, Some(to_reference(&who)));
        assert_eq!(message.participants, [to_reference(&who)]);
        assert_eq!((&*message.traceparent, &*message.tracestate), ("as it came", "vendor=1"));
        let own = decode(&traced, &delivery, Roster::default(), Some(&[b'7'; 55]));
        assert_eq!((own.traceparent, &*own.tracestate), ("7".repeat(55), "vendor=1"));
    }
}
