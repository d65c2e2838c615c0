//! The rules of the room, walked through the log of one server by a model of its own.
//!
//! The model is a list of who is present and a counter. For every entry it says whether there may be
//! such an entry, whether its times are those of the clock rules, and who is owed what from it. It is
//! slow and plain, which is the point of it.

use super::{
    Tally, broken,
    facts::{Facts, StreamFacts},
    table::{Meaning, meaning},
};
use crate::speech::origin;
use chittychat::chat::{
    Departure, Entry, Lag, LamportTime, Participant, Seat, What, invariant::Violation,
};
use chittychat::wire::pb::{self, NoticeCode};
use std::collections::BTreeMap;
use tonic::Code;

/// What a stream is owed, and what became of it, according to the log.
#[derive(Debug, Default)]
pub struct Story {
    /// In its order.
    pub dues: Vec<Due>,
    /// How many of its messages were taken in.
    pub heard: usize,
    /// When and how it left, if it was in.
    pub left: Option<(u64, usize, Departure)>,
    /// The status that it is to end with, if it was refused.
    pub code: Option<Code>,
    pub joined: Option<usize>,
}

/// One delivery that is owed.
#[derive(Debug)]
pub struct Due {
    /// From which entry of the log.
    pub entry: usize,
    pub time: LamportTime,
    pub form: Form,
}

/// What is delivered of an entry.
#[derive(Debug)]
pub enum Form {
    /// The entry's message.
    Shared,
    /// The newcomer's own join, with who is present.
    Welcome(Vec<pb::ClientReference>),
    Ack,
    Notice(NoticeCode),
}

pub type Stories = BTreeMap<usize, Story>;

/// Walks through a log.
///
/// # Errors
/// With the first rule that is broken.
pub fn walk(facts: &Facts<'_>, life: usize, tally: &mut Tally) -> Result<Stories, Violation> {
    let mut model = Model {
        facts,
        life,
        now: LamportTime::ZERO,
        present: Vec::new(),
        seats: 0,
        is_closed: false,
        stories: Stories::new(),
        tally,
    };
    let life = &facts.lives[life - 1];
    for (index, (at, encoded)) in life.entries.iter().enumerate() {
        model.read(index, *at, &encoded.entry)?;
    }
    if life.books.is_some() && !(model.is_closed || model.present.is_empty()) {
        return broken("stopping is told to everybody", format!("{:?} are present", model.present));
    }
    Ok(model.stories)
}

struct Model<'a, 'b> {
    facts: &'a Facts<'a>,
    life: usize,
    now: LamportTime,
    /// Who is present, in join order, and on which stream.
    present: Vec<(Seat, usize)>,
    seats: u64,
    is_closed: bool,
    stories: Stories,
    tally: &'b mut Tally,
}

impl<'a> Model<'a, '_> {
    fn read(&mut self, index: usize, at: u64, entry: &Entry) -> Result<(), Violation> {
        match &entry.what {
            What::Join { seat, who, sent, .. } => {
                self.witness(entry, *sent, false)?;
                self.join(index, entry, *seat, who)
            }
            What::Publish { seat, who, text, sent, .. } => {
                self.witness(entry, *sent, true)?;
                let (stream, said) = self.hear(entry)?;
                let rank = self.rank(*seat, stream.id)?;
                if said != Meaning::Publish(text.as_str()) || **who != stream.it.who {
                    return broken("words are whose they are", format!("{entry:?} is {said:?}"));
                }
                let mut ring = self.present.clone();
                ring.rotate_left(rank);
                self.owe(index, entry, &ring[1..])
            }
            What::Leave { seat, who, left, sent, departure, .. } => {
                self.leave(index, at, entry, (*seat, who, *left, *sent, departure))
            }
            What::Refusal { seat, sent, .. } => {
                match sent {
                    Some(sent) => self.witness(entry, *sent, seat.is_some())?,
                    // What cannot be read has no time; that its sender is told is the event.
                    None if entry.accepted == entry.fan.base && !is_traced(entry) => {}
                    None => return broken("clock rules", format!("{entry:?}")),
                }
                self.refuse((index, at), entry, *seat)
            }
            What::Close { left, .. } => self.close(index, at, entry, *left),
        }
    }

    /// Clock rule: a receive passes the own clock and the message's time, unless that lies too far
    /// ahead: above what physical time accounts for, or, of one who is present, above the largest jump.
    fn witness(
        &mut self,
        entry: &Entry,
        sent: LamportTime,
        is_present: bool,
    ) -> Result<(), Violation> {
        let jump = if is_present { self.facts.plan.max_jump } else { u64::MAX };
        if sent > self.now.after(jump) || sent.ticks() >= 1 << 53 {
            return broken("a clock jump is not witnessed", format!("{entry:?} at {}", self.now));
        }
        self.now = self.now.max(sent);
        self.is_next(entry.accepted, entry)?;
        self.now = entry.accepted;
        Ok(())
    }

    fn is_next(&self, time: LamportTime, entry: &Entry) -> Result<(), Violation> {
        if time == self.now.after(1) {
            return Ok(());
        }
        broken("clock rules", format!("after {} comes {time}, in {entry:?}", self.now))
    }

    /// Which message of whom this is: the next of its stream, or something is lost or doubled.
    fn hear(&mut self, entry: &Entry) -> Result<(&'a StreamFacts<'a>, Meaning<'a>), Violation> {
        let origin = origin(&entry.what.trace().parent);
        let known = origin.and_then(|(id, message)| {
            let stream = self.facts.streams.get(id)?;
            Some((stream, message, meaning(self.facts.plan, stream, message)?))
        });
        let Some((stream, message, said)) = known else {
            return broken("nobody puts words into a mouth", format!("nobody sent {entry:?}"));
        };
        let heard = &mut self.stories.entry(stream.id).or_default().heard;
        if message != *heard {
            let evidence = format!("message {message} of stream {} after {heard}", stream.id);
            return broken("what is sent arrives once and in order", evidence);
        }
        *heard += 1;
        Ok((stream, said))
    }

    /// The next message of somebody who is present, if it cannot be told by its trace.
    fn hear_next(&mut self, id: usize) -> Option<Meaning<'a>> {
        let story = self.stories.entry(id).or_default();
        let said = meaning(self.facts.plan, &self.facts.streams[id], story.heard);
        story.heard += 1;
        said
    }

    fn rank(&self, seat: Seat, stream: usize) -> Result<usize, Violation> {
        match self.present.iter().position(|present| *present == (seat, stream)) {
            Some(rank) => Ok(rank),
            None => broken("only who is present is heard", format!("{seat} on stream {stream}")),
        }
    }

    /// Takes the times of a fan-out, one for each of these, and owes each of them the entry.
    fn owe(&mut self, index: usize, entry: &Entry, to: &[(Seat, usize)]) -> Result<(), Violation> {
        self.is_next(entry.fan.base, entry)?;
        if entry.fan.audience as usize != to.len() {
            return broken("everybody else is told", format!("{} of {entry:?}", to.len()));
        }
        for (_, stream) in to {
            self.now = self.now.after(1);
            let due = Due { entry: index, time: self.now, form: Form::Shared };
            self.stories.entry(*stream).or_default().dues.push(due);
        }
        Ok(())
    }

    fn is_present(&self, who: &Participant) -> bool {
        self.present.iter().any(|(_, stream)| self.facts.streams[*stream].it.who == *who)
    }

    fn is_full(&self) -> bool {
        self.present.len() >= self.facts.plan.max_participants
    }

    fn join(
        &mut self,
        index: usize,
        entry: &Entry,
        seat: Seat,
        who: &Participant,
    ) -> Result<(), Violation> {
        let (stream, said) = self.hear(entry)?;
        if said != Meaning::Connect || *who != stream.it.who {
            return broken("only a Connect lets in", format!("{entry:?} is {said:?}"));
        }
        if self.is_closed || self.is_full() || self.is_present(who) {
            return broken("who may not come in is refused", format!("{entry:?}"));
        }
        if seat.to_string() != self.seats.to_string() {
            return broken("seats are numbered in join order", format!("{entry:?}"));
        }
        self.seats += 1;
        self.present.push((seat, stream.id));
        let to = self.present.clone();
        self.owe(index, entry, &to)?;
        let reference = |(_, id): &(Seat, usize)| {
            chittychat::wire::encoded::to_reference(&self.facts.streams[*id].it.who)
        };
        let roster = self.present.iter().map(reference).collect();
        let story = self.stories.entry(stream.id).or_default();
        story.joined = Some(index);
        story.dues.last_mut().expect("the newcomer is told").form = Form::Welcome(roster);
        Ok(())
    }

    fn leave(
        &mut self,
        index: usize,
        at: u64,
        entry: &Entry,
        (seat, who, left, sent, departure): (
            Seat,
            &Participant,
            LamportTime,
            LamportTime,
            &Departure,
        ),
    ) -> Result<(), Violation> {
        let Some(rank) = self.present.iter().position(|(present, _)| *present == seat) else {
            return broken("a leave is announced once", format!("{entry:?}"));
        };
        let (_, id) = self.present[rank];
        if *departure == Departure::Disconnected {
            self.witness(entry, sent, true)?;
            let (stream, said) = self.hear(entry)?;
            if stream.id != id || said != Meaning::Disconnect {
                return broken("only one's own Disconnect is one's leave", format!("{entry:?}"));
            }
        }
        self.is_next(left, entry)?;
        self.now = left;
        self.may_leave(id, (index, at), entry, departure)?;
        if *who != self.facts.streams[id].it.who {
            return broken("who left is who came", format!("{entry:?}"));
        }
        let story = self.stories.entry(id).or_default();
        if *departure == Departure::Disconnected {
            story.dues.push(Due { entry: index, time: left, form: Form::Ack });
        }
        story.left = Some((at, index, departure.clone()));
        self.present.rotate_left(rank);
        let ring: Vec<_> = self.present[1..].to_vec();
        self.present.remove(0);
        self.present.sort_unstable();
        self.owe(index, entry, &ring)
    }

    /// Whether there is a reason for somebody to leave in this way.
    fn may_leave(
        &mut self,
        id: usize,
        (index, at): (usize, u64),
        entry: &Entry,
        departure: &Departure,
    ) -> Result<(), Violation> {
        match departure {
            Departure::Violated(_) => {
                // Either its notice has just been written, or it is one without a notice.
                let story = self.stories.entry(id).or_default();
                if story.code.is_some() {
                    return Ok(());
                }
                match self.hear_next(id) {
                    Some(Meaning::Silent(code)) => {
                        self.stories.entry(id).or_default().code = Some(code);
                        Ok(())
                    }
                    said => broken("only a fault ends a stay", format!("{entry:?} is {said:?}")),
                }
            }
            Departure::Evicted(Lag { entries, .. }) => {
                self.tally.evicted += 1;
                let bound = self.facts.plan.max_lag.min(self.facts.plan.capacity);
                let got = &self.facts.streams[id].got;
                // What came in the same millisecond may have been read after the eviction.
                let got = got.iter().filter(|got| got.at < at).count();
                let story = self.stories.entry(id).or_default();
                let latest = got.checked_sub(1).and_then(|last| story.dues.get(last));
                let latest = latest.map_or(0, |due| due.entry as u64);
                if *entries <= bound || latest >= index as u64 - entries {
                    let evidence =
                        format!("{entry:?}; stream {id} got as far as {latest} of {index}");
                    return broken("only who lags is evicted", evidence);
                }
                Ok(())
            }
            Departure::Lost => {
                self.tally.lost += 1;
                Ok(())
            }
            Departure::Disconnected => Ok(()),
            Departure::Closed => broken("a closing is one entry", format!("{entry:?}")),
        }
    }

    fn refuse(
        &mut self,
        (index, at): (usize, u64),
        entry: &Entry,
        seat: Option<Seat>,
    ) -> Result<(), Violation> {
        self.tally.refused += 1;
        let member = seat.and_then(|seat| self.present.iter().find(|(it, _)| *it == seat).copied());
        let (id, said) = if is_traced(entry) {
            let (stream, said) = self.hear(entry)?;
            (stream.id, Some(said))
        } else if let Some(id) = member.map_or_else(|| self.stranger(entry), |(_, id)| Some(id)) {
            (id, self.hear_next(id))
        } else {
            // A stranger who never learnt of it, and said nothing that tells who it is.
            self.is_next(entry.fan.base, entry)?;
            self.now = entry.fan.base;
            return Ok(());
        };
        if seat.is_some() && member.is_none_or(|(_, member)| member != id) {
            return broken("only who is present is heard", format!("{entry:?}"));
        }
        let is_member = member.is_some();
        let (code, ending) = match said {
            Some(Meaning::Forgiven(code)) if is_member => (code, None),
            Some(Meaning::Ended(code, ending)) => (code, Some(ending)),
            Some(Meaning::Connect) if !is_member => self.bar(id, at, entry)?,
            said => return broken("what is fit is not refused", format!("{entry:?} is {said:?}")),
        };
        self.is_next(entry.fan.base, entry)?;
        self.now = entry.fan.base;
        let story = self.stories.entry(id).or_default();
        story.dues.push(Due { entry: index, time: entry.fan.base, form: Form::Notice(code) });
        story.code = ending;
        Ok(())
    }

    /// What keeps somebody out, if anything does.
    fn bar(
        &self,
        id: usize,
        at: u64,
        entry: &Entry,
    ) -> Result<(NoticeCode, Option<Code>), Violation> {
        // Nobody is told that an empty room closes.
        let told = self.facts.lives[self.life - 1].told.filter(|_| self.present.is_empty());
        if self.is_closed || told.is_some_and(|told| at >= told) {
            Ok((NoticeCode::ShuttingDown, Some(Code::Unavailable)))
        } else if self.is_present(&self.facts.streams[id].it.who) {
            Ok((NoticeCode::ConnectRefused, Some(Code::AlreadyExists)))
        } else if self.is_full() {
            Ok((NoticeCode::ConnectRefused, Some(Code::ResourceExhausted)))
        } else {
            broken("who may come in is let in", format!("{entry:?}"))
        }
    }

    /// The stream of a stranger of whom nothing could be read, if it got the notice.
    fn stranger(&self, entry: &Entry) -> Option<usize> {
        let accepted = entry.accepted.to_wire();
        let is_it = |stream: &&StreamFacts<'_>| {
            stream.it.life == self.life
                && stream.got.len() == 1
                && stream.got[0].message.accepted_time == accepted
        };
        self.facts.streams.iter().find(is_it).map(|stream| stream.id)
    }

    fn close(
        &mut self,
        index: usize,
        at: u64,
        entry: &Entry,
        left: LamportTime,
    ) -> Result<(), Violation> {
        let to = std::mem::take(&mut self.present);
        self.owe(index, entry, &to)?;
        self.is_next(left, entry)?;
        self.now = self.now.after(to.len() as u64);
        self.is_closed = true;
        for (_, id) in to {
            let story = self.stories.entry(id).or_default();
            story.dues.last_mut().expect("it is told").form =
                Form::Notice(NoticeCode::ShuttingDown);
            story.left = Some((at, index, Departure::Closed));
            story.code = Some(Code::Unavailable);
        }
        Ok(())
    }
}

/// Whether its message could be read, and so can be told by its trace.
fn is_traced(entry: &Entry) -> bool {
    !entry.what.trace().parent.is_empty()
}
