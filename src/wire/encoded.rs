//! What goes out: an entry encoded once, and the frames that stamp it for each recipient.
//!
//! Protobuf takes fields in any order, so what all recipients share is encoded when the entry is
//! accepted, and each recipient's own `time` is written behind it, ten bytes at most. The newcomer's
//! list of who is present goes in between. Nothing is encoded twice, and nothing is allocated for a
//! delivery.
//!
//! The trace context is shared too, unless the entry is traced here: then each delivery is a span of
//! its own and its frame brings the `traceparent` that names it, written behind like `time`.

use super::pb;
use crate::chat::{
    Delivery, Departure, Entry, Fault, LamportTime, NoticeCode, Part, Participant, TraceContext,
    What,
};
use bytes::BufMut;
use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint},
};
use std::{sync::Arc, time::Instant};

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
    /// Each delivery is a span, and each frame says which.
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

/// One delivery, ready to be written.
#[derive(Debug)]
pub struct Frame {
    entry: Arc<EncodedEntry>,
    delivery: Delivery,
    roster: Roster,
    traceparent: Option<Traceparent>,
}

/// The encoded list of who is present, by [`Roll`](super::Roll); empty on all but a newcomer's own join.
#[derive(Debug, Default)]
pub struct Roster(pub(super) Box<[u8]>);

impl Frame {
    /// The frame of one delivery.
    #[must_use]
    pub fn new(entry: Arc<EncodedEntry>, delivery: Delivery, roster: Roster) -> Self {
        Self { entry, delivery, roster, traceparent: None }
    }

    /// The same frame with a trace context of its own. Of two `traceparent`s a reader would take the
    /// last, but only an entry that is traced for [`Each`](Tracing::Each) leaves room for one.
    #[must_use]
    pub fn traced(self, traceparent: Option<Traceparent>) -> Self {
        Self { traceparent, ..self }
    }

    /// The frame of a refusal for somebody who never came in, and so has no cursor.
    #[must_use]
    pub fn to_stranger(entry: Arc<EncodedEntry>) -> Self {
        let delivery = Delivery { time: entry.entry.fan.base, part: Part::Shared };
        Self::new(entry, delivery, Roster::default())
    }

    /// What is delivered, and at what time.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// How much room [`Self::write`] is to be given. An Ack, which is not encoded yet, may need a
    /// little more.
    #[must_use]
    pub fn size_hint(&self) -> usize {
        const OWN: usize = 1 + 10 + 2 + 1 + size_of::<Traceparent>();
        self.entry.shared.len() + self.roster.0.len() + OWN
    }

    /// Writes the message.
    pub fn write(&self, buffer: &mut impl BufMut) {
        if self.delivery.part == Part::Ack {
            buffer.put_slice(&ack(&self.entry).encode_to_vec());
        } else {
            buffer.put_slice(&self.entry.shared);
            buffer.put_slice(&self.roster.0);
        }
        if let Some(traceparent) = &self.traceparent {
            encode_key(TRACEPARENT, WireType::LengthDelimited, buffer);
            encode_varint(traceparent.len() as u64, buffer);
            buffer.put_slice(traceparent);
        }
        encode_key(TIME, WireType::Varint, buffer);
        encode_varint(self.delivery.time.to_wire().unsigned_abs(), buffer);
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
/// span apart from the fan-out's, and its frame says which.
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
    use crate::chat::{Act, Draft, Outcome, Room, Rules};
    use crate::wire::Roll;

    fn decode(frame: &Frame) -> pb::Message {
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        pb::Message::decode(&*bytes).expect("what we encode decodes")
    }

    #[test]
    fn a_frame_is_the_shared_part_with_the_recipients_own_time() {
        let who = Participant::new("Anton", "127.0.0.1", 20).expect("a legal reference");
        let server = Participant::new("server", "", 0).expect("a legal reference");
        let mut room = Room::new(Rules::default());
        let mut entries = Vec::new();
        let draft = Draft {
            sent: LamportTime::ZERO.after(2),
            seen: LamportTime::ZERO,
            trace: TraceContext { parent: "as it came".into(), state: "vendor=1".into() },
            act: Ok(Act::Connect(who.clone())),
        };
        let Outcome::Joined(mut welcome) = room.accept(None, draft, &mut entries) else {
            panic!("an empty room takes anybody")
        };
        let entry = entries.remove(0);
        let delivery =
            welcome.cursor.stamp(&entry).delivery.expect("a join is told to the newcomer");
        let traced = EncodedEntry::new(entry.clone(), Tracing::Each, &server);
        let own =
            Frame::new(Arc::new(traced), delivery, Roster::default()).traced(Some([b'7'; 55]));
        let mut roll = Roll::default();
        roll.read(&entry.what);
        let encoded = Arc::new(EncodedEntry::new(entry, Tracing::PassedOn, &server));
        let message = decode(&Frame::new(encoded, delivery, roll.roster()));
        assert_eq!(message.text, "Anton 127.0.0.1:20 has joined the chat at Lamport time 3");
        assert_eq!((message.time, message.accepted_time, message.origin_time), (4, 3, 2));
        assert_eq!(message.client_reference, Some(to_reference(&who)));
        assert_eq!(message.participants, [to_reference(&who)]);
        assert_eq!((&*message.traceparent, &*message.tracestate), ("as it came", "vendor=1"));
        let own = decode(&own);
        assert_eq!((own.traceparent, &*own.tracestate), ("7".repeat(55), "vendor=1"));
    }
}
