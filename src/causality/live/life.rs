//! A participant as it is known from the server's side, while it is there.
//!
//! Deliveries wait in `pending` from when they were sent until it is settled where they were received:
//! by a later message that says what its sender had seen, or else by what a clock that was kept allows.
//! Until then each has the earliest time that it can have.

use super::{Happening, Matter, News, SERVER, happening};
use crate::causality::event::{Kind, Subject};
use crate::causality::fact::Evidence;
use crate::chat::Seat;
use std::collections::VecDeque;

/// The most deliveries that stay open. Of who listens and never says a word, the oldest are settled as
/// they were assumed.
const MOST_PENDING: usize = 256;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) id: u32,
    seat: Seat,
    /// How many messages it has published.
    pub(super) messages: u64,
    /// True once it has said what it had seen: then nothing else came before its messages.
    says_what_it_saw: bool,
    /// The time of the last event whose place is settled.
    own: u64,
    /// Deliveries that are not settled, each with the time that it was told to have.
    pending: VecDeque<Happening>,
}

impl Life {
    pub(super) fn new(id: u32, seat: Seat) -> Self {
        Self { id, seat, messages: 0, says_what_it_saw: false, own: 0, pending: VecDeque::new() }
    }

    /// Its Lamport time now, as far as that is known.
    pub(super) fn now(&self) -> u64 {
        self.pending.back().map_or(self.own, |last| last.time)
    }

    /// The server sent it something.
    pub(super) fn is_sent(
        &mut self,
        time: u64,
        subject: Subject,
        matter: &Matter,
        tell: &mut impl FnMut(News),
    ) {
        let received = Happening {
            cause: Some((SERVER, time)),
            peer: Some(SERVER),
            evidence: Evidence::Assumed,
            seat: Some(self.seat),
            ..happening(self.id, self.now().max(time) + 1, Kind::Received(subject), matter)
        };
        if self.pending.len() == MOST_PENDING {
            self.own = self.pending.pop_front().map_or(self.own, |oldest| oldest.time);
        }
        self.pending.push_back(received.clone());
        tell(News::Event(received));
    }

    /// It sent something: at `sent` by its own clock (0 if it did not say), having seen what the server
    /// sent at `seen` (0 likewise), and the server received it at `received`. Returns when it was sent, if
    /// that can be told.
    pub(super) fn sends(
        &mut self,
        subject: Subject,
        (sent, seen, received): (u64, u64, u64),
        matter: &Matter,
        tell: &mut impl FnMut(News),
    ) -> Option<u64> {
        self.messages += u64::from(subject == Subject::Publish);
        let latest = if sent > 0 { sent } else { received.saturating_sub(1) };
        if seen > 0 {
            self.says_what_it_saw = true;
            self.settle(tell, Evidence::Placed, |cause, _| cause <= seen);
        } else if !self.says_what_it_saw {
            self.settle(tell, Evidence::Assumed, |_, time| time < latest);
        }
        if subject == Subject::Connect && self.own + 2 <= latest {
            let opened = if sent > 0 { sent - 1 } else { self.own + 1 };
            self.own = opened;
            let evidence = Evidence::Assumed;
            let opening =
                happening(self.id, opened, Kind::Opened, &Matter { text: None, ..matter.clone() });
            tell(News::Event(Happening { evidence, ..opening }));
        }
        let (sent, evidence) = match sent {
            0 => (self.own + 1, Evidence::Assumed),
            _ => (sent, Evidence::Implied),
        };
        if sent > latest {
            return None;
        }
        self.own = self.own.max(sent);
        let event = happening(self.id, sent, Kind::Sent(subject), matter);
        tell(News::Event(Happening { peer: Some(SERVER), evidence, ..event }));
        self.push_on(tell);
        Some(sent)
    }

    /// Settles the oldest deliveries for as long as `is_in` says so of their cause and their time.
    fn settle(
        &mut self,
        tell: &mut impl FnMut(News),
        evidence: Evidence,
        is_in: impl Fn(u64, u64) -> bool,
    ) {
        while let Some(next) = self.pending.front() {
            let cause = next.cause.map_or(0, |(_, time)| time);
            let time = self.own.max(cause) + 1;
            if !is_in(cause, time) {
                break;
            }
            self.own = time;
            let Some(next) = self.pending.pop_front() else { break };
            if (time, evidence) != (next.time, next.evidence) {
                tell(News::Event(Happening { time, evidence, ..next }));
            }
        }
    }

    /// What is still open comes after what was settled last.
    fn push_on(&mut self, tell: &mut impl FnMut(News)) {
        let mut own = self.own;
        for next in &mut self.pending {
            let time = own.max(next.cause.map_or(0, |(_, time)| time)) + 1;
            if time != next.time {
                next.time = time;
                tell(News::Event(next.clone()));
            }
            own = time;
        }
    }

    /// What is open stays as it was told: something that would settle it may be missing.
    pub(super) fn leave_open(&mut self) {
        self.own = self.now();
        self.pending.clear();
    }

    /// The server lost it: of what is open nobody knows whether it arrived.
    pub(super) fn give_up(&mut self, tell: &mut impl FnMut(News)) {
        self.pending.drain(..).for_each(|open| tell(News::Missing(open)));
    }
}
