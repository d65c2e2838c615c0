//! What the server does for each message and each delivery, one operation at a time: measured in time
//! by `time.rs` (criterion), and in instructions by `count.rs` (callgrind, against a budget).
//!
//! The operations are those of the library, called as the server calls them; there is no network here.
//! Each stands in a function of its own that is not inlined and repeats it, so that callgrind can be
//! told to count there and nowhere else.

use chittychat::chat::{
    Act, ClockBound, Cursor, Delivery, Draft, Entry, Lag, LamportTime, Outcome, Participant, Room,
    Rules, Seat, Text, TraceContext,
};
use chittychat::hub::{Bounds, Hub, Reply, Seated};
use chittychat::wire::encoded::Roster;
use chittychat::wire::participant::{Outgoing, Stamped, to_pb};
use chittychat::wire::{Batch, EncodedEntry, Tracing, from_pb, pb};
use prost::Message as _;
use std::{
    hint::black_box,
    task::{Context, Poll, Waker},
};

/// How many are present: the audience of a message is one less.
const PRESENT: usize = 100;
/// The bytes of a text.
const TEXT_BYTES: usize = 64;

/// What an operation is to cost besides, to show that the budget notices.
pub(super) type Planted = fn();

/// A room with people in it who listen when they are asked to.
pub(super) struct World {
    hub: Hub,
    seats: Vec<Seated>,
}

impl World {
    /// Everybody is in, and has read of every join; the log has room for `messages`.
    pub(super) fn new(messages: u32) -> Self {
        let bound = Lag { entries: u64::from(messages) + 1024, bytes: u64::MAX };
        let bounds = Bounds { capacity: bound, max_lag: bound, ..Bounds::default() };
        let hub = Hub::new(Rules::default(), bounds, who(0));
        let join = |number| match hub.receive(None, Ok(draft(Act::Connect(who(number))))) {
            Reply::Joined(seated) => seated,
            other => panic!("{number} was not let in: {other:?}"),
        };
        let mut seats: Vec<_> = (1..=PRESENT).map(join).collect();
        for seated in &mut seats {
            deliver(seated, &mut Batch::new(usize::MAX), || {});
        }
        Self { hub, seats }
    }

    /// The seat of somebody who speaks.
    pub(super) fn speaker(&self) -> Seat {
        self.seats[0].seat()
    }

    /// Has them say this much.
    pub(super) fn say(&self, messages: u32) {
        accept(&self.hub, self.speaker(), drafts(messages), || {});
    }

    /// The room.
    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Somebody who listens.
    pub(super) fn listener(&mut self) -> &mut Seated {
        &mut self.seats[PRESENT / 2]
    }
}

fn who(number: usize) -> Participant {
    let port = i32::try_from(number).expect("a small number");
    Participant::new(&format!("participant-{number}"), "127.0.0.1", port).expect("it is legal")
}

fn draft(act: Act) -> Draft {
    let trace = TraceContext::default();
    Draft { sent: LamportTime::ZERO, seen: LamportTime::ZERO, trace, act: Ok(act) }
}

/// What a speaker sends.
pub(super) fn drafts(count: u32) -> Vec<Draft> {
    let text = || Text::new(&"x".repeat(TEXT_BYTES));
    let publish = |_| draft(Act::Publish(who(1), text()));
    (0..count).map(publish).collect()
}

/// The same as it comes over the wire.
pub(super) fn messages(count: u32) -> Vec<Vec<u8>> {
    let text = Text::new(&"x".repeat(TEXT_BYTES)).expect("it is legal");
    let (time, seen, trace) = (LamportTime::ZERO, LamportTime::ZERO, TraceContext::default());
    let one = Stamped { what: Outgoing::Publish(text), time, seen, trace };
    vec![to_pb(&one, &who(1)).encode_to_vec(); count as usize]
}

/// Takes messages in: stamped by the room, encoded, appended to the log.
#[inline(never)]
pub(super) fn accept(hub: &Hub, speaker: Seat, drafts: Vec<Draft>, planted: Planted) {
    for draft in drafts {
        black_box(hub.receive(Some(speaker), Ok(draft)));
        planted();
    }
}

/// What somebody who listens reads: entries, each with the cursor that comes upon it next.
pub(super) fn entries(count: u32) -> (Cursor, Vec<Entry>) {
    let (mut room, mut out) = (Room::new(Rules::default()), Vec::new());
    let mut join = |number| match room.accept(
        None,
        draft(Act::Connect(who(number))),
        ClockBound::OPEN,
        &mut out,
    ) {
        Outcome::Joined(welcome) => welcome.cursor,
        other => panic!("{number} was not let in: {other:?}"),
    };
    let cursors: Vec<_> = (1..=PRESENT).map(&mut join).collect();
    let speaker = cursors[0].seat();
    let joins = out.len();
    for draft in drafts(count) {
        room.accept(Some(speaker), draft, ClockBound::OPEN, &mut out);
    }
    let mut cursor = cursors[PRESENT / 2].clone();
    for entry in &out[PRESENT / 2..joins] {
        cursor.stamp(entry);
    }
    (cursor, out.split_off(joins))
}

/// Works out when each of these was sent to this recipient.
#[inline(never)]
pub(super) fn stamp(cursor: &mut Cursor, entries: &[Entry], planted: Planted) -> Vec<Delivery> {
    let mut deliveries = Vec::with_capacity(entries.len());
    for entry in entries {
        deliveries.extend(cursor.stamp(entry).delivery);
        planted();
    }
    deliveries
}

/// Entries as they stand in the log.
pub(super) fn kept(entries: Vec<Entry>) -> Vec<EncodedEntry> {
    let server = who(0);
    let encode = |entry| EncodedEntry::new(entry, Tracing::PassedOn, &server);
    entries.into_iter().map(encode).collect()
}

/// Writes deliveries, each behind the other.
#[inline(never)]
pub(super) fn encode(
    entries: &[EncodedEntry],
    deliveries: &[Delivery],
    batch: &mut Batch,
    planted: Planted,
) {
    for (entry, delivery) in entries.iter().zip(deliveries) {
        entry.write(delivery, Roster::default(), None, batch);
        planted();
    }
}

/// Has a listener read what is new to it, as its stream does: found in the log, stamped, written. What
/// is planted is planted once for each batch.
#[inline(never)]
pub(super) fn deliver(listener: &mut Seated, batch: &mut Batch, planted: Planted) {
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(left) = listener.poll_batch(batch, &mut cx) {
        left.expect("nobody is taken out");
        while let Some(bytes) = batch.take() {
            black_box(bytes);
        }
        planted();
    }
}

/// Reads messages, up to what the room takes.
#[inline(never)]
pub(super) fn decode(messages: &[Vec<u8>], planted: Planted) {
    for message in messages {
        let message = pb::Message::decode(&message[..]).expect("it is whole");
        black_box(from_pb::draft(message)).expect("it is legal");
        planted();
    }
}
