//! The room: who is present, what is accepted, and what each accepted thing becomes in the log.
//!
//! A room is one Lamport process. It does no waiting and holds no streams. Each call takes what one
//! peer sent, or what became of one peer, moves the clock, and appends to `out` the entries that
//! follow from it: one as a rule, two when a refusal also ends the participant's stay. The caller
//! must append them to the log before it makes the next call, in one critical section, because the
//! times in them are the order of the log.

use super::{
    Act, ClockBound, Cursor, Departure, Draft, Entry, FanOut, Fault, LamportClock, LamportTime,
    Participant, Seat, Text, TraceContext, What,
};
use std::{collections::BTreeMap, sync::Arc};

/// What a room allows.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How many may be present at once.
    pub max_participants: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self { max_participants: 16_384 }
    }
}

/// What became of a draft, for the stream that it came in on. Whatever concerns a participant that
/// is present is in the log as well.
#[derive(Debug)]
pub enum Outcome {
    /// A newcomer is in. Its cursor reads from the join entry on.
    Joined(Welcome),
    /// It is in the log; the participant's own cursor will come upon anything it is to be told.
    Logged,
    /// The sender never came in and does not now. Its stream ends.
    Refused {
        /// What was wrong. Unless it is a silent fault, the refusal is in the log, and its notice
        /// is for the sender.
        fault: Fault,
    },
    /// The sender is not present any more: its cursor has the reason. Nothing happened.
    Gone,
}

/// What a newcomer gets.
#[derive(Debug)]
pub struct Welcome {
    /// Its cursor.
    pub cursor: Cursor,
    /// Who it is.
    pub who: Arc<Participant>,
}

/// What a participant that has left was owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Deliveries from its join to its leave, the answer to its Disconnect not counted.
    pub owed: u64,
    /// True if it was evicted: what it did not read has lagged. Otherwise that is gone.
    pub was_evicted: bool,
}

#[derive(Debug)]
struct Member {
    seat: Seat,
    who: Arc<Participant>,
    /// Fan-outs before the join, and own messages since: what the member is not owed.
    not_owed: u64,
    /// Notices to this member alone.
    notices: u64,
}

/// The room. See the module's text.
#[derive(Debug)]
pub struct Room {
    clock: LamportClock,
    rules: Rules,
    /// Everybody present, in join order.
    members: Vec<Member>,
    taken: BTreeMap<Arc<Participant>, Seat>,
    next_seat: u64,
    /// What was owed to participants that have left, until somebody settles it.
    departed: BTreeMap<Seat, Settlement>,
    /// Messages that have an audience so far: joins, publishes, leaves, the closing.
    fan_outs: u64,
    is_open: bool,
}

impl Room {
    /// An empty, open room whose clock stands at zero.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            clock: LamportClock::default(),
            rules,
            members: Vec::new(),
            taken: BTreeMap::new(),
            next_seat: 0,
            departed: BTreeMap::new(),
            fan_outs: 0,
            is_open: true,
        }
    }

    /// The Lamport time of the room's latest event.
    #[must_use]
    pub fn now(&self) -> LamportTime {
        self.clock.now()
    }

    /// Everybody present, in join order.
    pub fn present(&self) -> impl ExactSizeIterator<Item = &Arc<Participant>> {
        self.members.iter().map(|member| &member.who)
    }

    /// Everybody present with their seats, in join order.
    pub fn seats(&self) -> impl Iterator<Item = (Seat, &Arc<Participant>)> {
        self.members.iter().map(|member| (member.seat, &member.who))
    }

    /// Whether the holder of this seat is present.
    #[must_use]
    pub fn holds(&self, seat: Seat) -> bool {
        self.rank(seat).is_some()
    }

    /// Receives a draft from the holder of a seat, or from somebody who has none yet. `bound` is how
    /// far ahead of the room's clock its time may lie.
    pub fn accept(
        &mut self,
        from: Option<Seat>,
        draft: Draft,
        bound: ClockBound,
        out: &mut Vec<Entry>,
    ) -> Outcome {
        if from.is_some_and(|seat| self.rank(seat).is_none()) {
            return Outcome::Gone;
        }
        let Draft { sent, seen, trace, act } = draft;
        let accepted = match self.clock.witness(sent, bound) {
            Ok(time) => time,
            Err(jump) => return self.refuse(from, Fault::ClockJump(jump), out),
        };
        match self.judge(from, act) {
            Ok(Verdict::Join(who)) => self.join(Arc::new(who), accepted, sent, trace, out),
            Ok(Verdict::Publish(rank, text)) => {
                self.publish(rank, accepted, text, (sent, seen), trace, out)
            }
            Ok(Verdict::Disconnect(rank)) => {
                let left = self.clock.tick();
                let gone = (Departure::Disconnected, sent, trace);
                self.leave(rank, accepted, left, gone, out);
                Outcome::Logged
            }
            Err((who, fault)) => {
                self.turn_down(from, who, Some((accepted, sent)), (fault, trace), out)
            }
        }
    }

    /// Refuses what could not be read as a draft: no clock moves for its receipt.
    pub fn refuse(&mut self, from: Option<Seat>, fault: Fault, out: &mut Vec<Entry>) -> Outcome {
        if from.is_some_and(|seat| self.rank(seat).is_none()) {
            return Outcome::Gone;
        }
        if !fault.is_silent() {
            let untraced = (fault, TraceContext::default());
            return self.turn_down(from, None, None, untraced, out);
        }
        match from {
            Some(seat) => {
                self.remove(seat, Departure::Violated(fault), out);
                Outcome::Logged
            }
            None => Outcome::Refused { fault },
        }
    }

    /// Takes a participant out that did not disconnect, and has that announced. Does nothing if it
    /// is not present: however often a loss is reported, it is told once.
    pub fn remove(&mut self, seat: Seat, departure: Departure, out: &mut Vec<Entry>) {
        if let Some(rank) = self.rank(seat) {
            let left = self.clock.tick();
            let gone = (departure, LamportTime::ZERO, TraceContext::default());
            self.leave(rank, left, left, gone, out);
        }
    }

    /// Closes the room: everybody is told, everybody leaves, and nobody comes in any more.
    pub fn close(&mut self, out: &mut Vec<Entry>) {
        self.is_open = false;
        if self.members.is_empty() {
            return;
        }
        let fan = self.fan_out(self.members.len(), 0);
        let left = self.clock.tick_run(self.members.len() as u64);
        let trace = TraceContext::default();
        out.push(Entry { accepted: fan.base, what: What::Close { left, trace }, fan });
        let fan_outs = self.fan_outs;
        self.departed.extend(self.members.drain(..).map(|member| {
            (member.seat, Settlement { owed: member.owed(fan_outs), was_evicted: false })
        }));
        self.taken.clear();
    }

    /// What a participant that has left was owed. Answers once for each seat. With what its cursor
    /// delivered this closes the books: promise 6, conservation.
    pub fn settle(&mut self, seat: Seat) -> Option<Settlement> {
        self.departed.remove(&seat)
    }

    /// Says what is to be done with an act, or who did it and what is wrong with it.
    fn judge(&self, from: Option<Seat>, act: Result<Act, Fault>) -> Result<Verdict, Refused> {
        let rank = from.and_then(|seat| self.rank(seat));
        match (rank, act) {
            (_, Err(fault)) => Err((None, fault)),
            (None, Ok(Act::Connect(who))) => match self.bar(&who) {
                Some(fault) => Err((Some(Arc::new(who)), fault)),
                None => Ok(Verdict::Join(who)),
            },
            (None, Ok(Act::Publish(who, _) | Act::Disconnect(who))) => {
                Err((Some(Arc::new(who)), Fault::NotConnected))
            }
            (Some(_), Ok(Act::Connect(_))) => Err((None, Fault::SecondConnect)),
            (Some(rank), Ok(Act::Publish(who, _) | Act::Disconnect(who)))
                if who != *self.members[rank].who =>
            {
                Err((None, Fault::Impersonation))
            }
            (Some(rank), Ok(Act::Publish(_, Ok(text)))) => Ok(Verdict::Publish(rank, text)),
            (Some(_), Ok(Act::Publish(_, Err(fault)))) => Err((None, Fault::Text(fault))),
            (Some(rank), Ok(Act::Disconnect(_))) => Ok(Verdict::Disconnect(rank)),
        }
    }

    /// What keeps a newcomer out, if anything.
    fn bar(&self, who: &Participant) -> Option<Fault> {
        if !self.is_open {
            Some(Fault::Closing)
        } else if self.taken.contains_key(who) {
            Some(Fault::AlreadyPresent)
        } else if self.members.len() >= self.rules.max_participants {
            Some(Fault::RoomFull { participants: self.rules.max_participants })
        } else {
            None
        }
    }

    fn join(
        &mut self,
        who: Arc<Participant>,
        accepted: LamportTime,
        sent: LamportTime,
        trace: TraceContext,
        out: &mut Vec<Entry>,
    ) -> Outcome {
        let seat = Seat(self.next_seat);
        self.next_seat += 1;
        let cursor = Cursor::new(seat, count(self.members.len()));
        let not_owed = self.fan_outs;
        self.members.push(Member { seat, who: Arc::clone(&who), not_owed, notices: 0 });
        self.taken.insert(Arc::clone(&who), seat);
        // The ring starts after the newcomer, who is last: so at the first to join.
        let fan = self.fan_out(self.members.len(), 0);
        let what = What::Join { seat, who: Arc::clone(&who), sent, trace };
        out.push(Entry { accepted, what, fan });
        Outcome::Joined(Welcome { cursor, who })
    }

    fn publish(
        &mut self,
        rank: usize,
        accepted: LamportTime,
        text: Text,
        (sent, seen): (LamportTime, LamportTime),
        trace: TraceContext,
        out: &mut Vec<Entry>,
    ) -> Outcome {
        let fan = self.fan_out(self.members.len() - 1, rank);
        let author = &mut self.members[rank];
        author.not_owed += 1;
        let (seat, who) = (author.seat, Arc::clone(&author.who));
        let what = What::Publish { seat, who, text, sent, seen, trace };
        out.push(Entry { accepted, what, fan });
        Outcome::Logged
    }

    fn leave(
        &mut self,
        rank: usize,
        accepted: LamportTime,
        left: LamportTime,
        (departure, sent, trace): (Departure, LamportTime, TraceContext),
        out: &mut Vec<Entry>,
    ) {
        let member = self.members.remove(rank);
        let was_evicted = matches!(departure, Departure::Evicted(_));
        let settlement = Settlement { owed: member.owed(self.fan_outs), was_evicted };
        self.departed.insert(member.seat, settlement);
        let Member { seat, who, .. } = member;
        self.taken.remove(&who);
        let fan = self.fan_out(self.members.len(), rank);
        let what = What::Leave { seat, who, left, sent, departure, trace };
        out.push(Entry { accepted, what, fan });
    }

    /// Tells a sender that it was refused, and ends its stay if that is not forgiven.
    fn turn_down(
        &mut self,
        from: Option<Seat>,
        who: Option<Arc<Participant>>,
        received: Option<(LamportTime, LamportTime)>,
        (fault, trace): (Fault, TraceContext),
        out: &mut Vec<Entry>,
    ) -> Outcome {
        let time = self.clock.tick();
        let (accepted, sent) = received.map_or((time, None), |(at, sent)| (at, Some(sent)));
        let member = from.and_then(|seat| self.rank(seat)).map(|rank| &mut self.members[rank]);
        let who = member.map_or(who, |member| {
            member.notices += 1;
            Some(Arc::clone(&member.who))
        });
        let what = What::Refusal { seat: from, who, sent, fault: fault.clone(), trace };
        let fan = FanOut { base: time, audience: 1, first: 0 };
        out.push(Entry { accepted, what, fan });
        match from {
            None => Outcome::Refused { fault },
            Some(seat) => {
                if !fault.is_forgiven() {
                    self.remove(seat, Departure::Violated(fault), out);
                }
                Outcome::Logged
            }
        }
    }

    /// Takes the times for telling something to `audience` participants.
    fn fan_out(&mut self, audience: usize, first: usize) -> FanOut {
        self.fan_outs += 1;
        let base = self.clock.tick_run(audience as u64);
        FanOut { base, audience: count(audience), first: count(first) }
    }

    /// How many that are present joined before the holder of this seat.
    fn rank(&self, seat: Seat) -> Option<usize> {
        self.members.binary_search_by_key(&seat, |member| member.seat).ok()
    }
}

impl Member {
    /// What this member has been owed of `fan_outs` messages, and of its own notices.
    fn owed(&self, fan_outs: u64) -> u64 {
        fan_outs - self.not_owed + self.notices
    }
}

type Refused = (Option<Arc<Participant>>, Fault);

enum Verdict {
    Join(Participant),
    Publish(usize, Text),
    Disconnect(usize),
}

fn count(participants: usize) -> u32 {
    u32::try_from(participants).unwrap_or(u32::MAX)
}
