//! The server's pen: entries of the log in, lines of the journal out.
//!
//! Like [`Replay`](crate::causality::Replay) it keeps the list of who is present from the joins and
//! leaves that it reads. Unlike it, it does not give an event for each recipient but one line for a
//! fan-out, and it names everybody by number, so that two hostile references that look alike when
//! they are shown stay two. A participant's number is that of its seat, and the server's is 0.

use super::{
    Line, VERSION, Who,
    line::{trace_id, words},
};
use crate::causality::{Kind, Subject};
use crate::chat::{Departure, Entry, LamportTime, Participant, Seat, TraceContext, What};
use std::{borrow::Cow, sync::Arc};

/// The number of the server.
pub(super) const SERVER: u32 = 0;

/// See the module's text.
#[derive(Debug)]
pub struct ServerPen {
    /// Everybody present, in join order, which is the order of their numbers.
    present: Vec<(u32, Arc<Participant>)>,
}

/// The number of a seat. Seats are numbered from 0, and more than 2^32 joins are not told apart.
fn number(seat: Seat) -> u32 {
    u32::try_from(seat.number()).unwrap_or(u32::MAX).saturating_add(1)
}

/// What the lines of one entry have in common.
struct Common<'a> {
    message: LamportTime,
    trace: Option<&'a TraceContext>,
    wall_us: u64,
}

impl ServerPen {
    /// A pen that begins at a place in the log where these are present, in join order.
    #[must_use]
    pub fn resume(present: impl IntoIterator<Item = (Seat, Arc<Participant>)>) -> Self {
        Self { present: present.into_iter().map(|(seat, who)| (number(seat), who)).collect() }
    }

    /// What stands at the top of each file: whose journal it is, and who is present.
    pub fn head(&self, run: &str, part: u32, wall_us: u64, out: &mut Vec<u8>) {
        header(run, part, SERVER, wall_us, out);
        let server = Line { id: Some(SERVER), server: Some(true), ..line("node") };
        server.write(out);
        self.attendance(out);
    }

    /// Who is present: after the top of a file, and after a gap.
    pub fn attendance(&self, out: &mut Vec<u8>) {
        for (id, who) in &self.present {
            node(*id, who, out);
        }
        let who = Who::runs(self.present.iter().map(|(id, _)| *id));
        Line { who, ..line("present") }.write(out);
    }

    /// Writes the lines of the next entry. `trace` is the trace that it belongs to, if it is traced.
    pub fn write(
        &mut self,
        entry: &Entry,
        trace: Option<&TraceContext>,
        wall_us: u64,
        out: &mut Vec<u8>,
    ) {
        let common = Common { message: entry.accepted, trace, wall_us };
        match &entry.what {
            What::Join { seat, who, sent, .. } => {
                let id = number(*seat);
                node(id, who, out);
                self.present.push((id, Arc::clone(who)));
                common.receive(Subject::Connect, Some(Who::One(id)), *sent, None, None, out);
                self.fan(&common, entry, Subject::Join, Some(id), None, out);
            }
            What::Publish { seat, text, sent, seen, .. } => {
                let id = number(*seat);
                let text = Some(text.as_str());
                common.receive(Subject::Publish, Some(Who::One(id)), *sent, Some(*seen), text, out);
                self.fan(&common, entry, Subject::Publish, Some(id), Some(id), out);
            }
            What::Leave { seat, left, sent, departure, .. } => {
                let id = number(*seat);
                self.present.retain(|(present, _)| *present != id);
                let who = Some(Who::One(id));
                if *departure == Departure::Disconnected {
                    common.receive(Subject::Disconnect, who.clone(), *sent, None, None, out);
                    common.one(Kind::Sent(Subject::Ack), *left, who, None, out);
                } else {
                    common.one(Kind::Lost, *left, who, Some(&departure.to_string()), out);
                }
                self.fan(&common, entry, Subject::Leave, Some(id), None, out);
            }
            What::Refusal { seat, who, sent, fault, .. } => {
                let seated = seat.map(|seat| Who::One(number(seat)));
                let who = seated.or_else(|| who.as_deref().map(Who::stranger));
                let why = fault.to_string();
                if let Some(sent) = sent {
                    common.receive(Subject::Unfit, who.clone(), *sent, None, Some(&why), out);
                }
                common.one(Kind::Sent(Subject::Notice), entry.fan.base, who, Some(&why), out);
            }
            What::Close { left, .. } => {
                self.fan(&common, entry, Subject::Notice, None, None, out);
                let who = Who::runs(self.present.drain(..).map(|(id, _)| id));
                let why = Departure::Closed.to_string();
                let lost = common.event(Kind::Lost, *left);
                Line { who, text: Some(Cow::Owned(why)), ..lost }.write(out);
            }
        }
    }

    /// The one line of a fan-out, unless nobody is told.
    fn fan(
        &self,
        common: &Common<'_>,
        entry: &Entry,
        subject: Subject,
        about: Option<u32>,
        author: Option<u32>,
        out: &mut Vec<u8>,
    ) {
        if entry.fan.audience == 0 {
            return;
        }
        let ids = self.present.iter().map(|(id, _)| *id).filter(|id| Some(*id) != author);
        let ids: Vec<_> = ids.collect();
        let in_order = entry.fan.places().filter_map(|place| ids.get(place as usize).copied());
        let who = Who::runs(in_order);
        let line = common.event(Kind::Sent(subject), entry.fan.base);
        Line { who, about: about.map(Who::One), ..line }.write(out);
    }
}

impl Common<'_> {
    fn event(&self, kind: Kind, time: LamportTime) -> Line<'_> {
        let (word, of) = words(kind);
        Line {
            kind: Cow::Borrowed(word),
            of: of.map(Cow::Borrowed),
            time: Some(time.ticks()),
            message: Some(self.message.ticks()),
            wall_us: Some(self.wall_us),
            trace: trace_id(self.trace).map(Cow::Borrowed),
            ..Line::default()
        }
    }

    fn receive(
        &self,
        subject: Subject,
        who: Option<Who>,
        sent: LamportTime,
        seen: Option<LamportTime>,
        text: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        let stamped = |time: LamportTime| (time > LamportTime::ZERO).then(|| time.ticks());
        Line {
            who: who.into_iter().collect(),
            cause: stamped(sent),
            seen: seen.and_then(stamped),
            text: text.map(Cow::Borrowed),
            ..self.event(Kind::Received(subject), self.message)
        }
        .write(out);
    }

    fn one(
        &self,
        kind: Kind,
        time: LamportTime,
        who: Option<Who>,
        why: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        let text = why.map(Cow::Borrowed);
        Line { who: who.into_iter().collect(), text, ..self.event(kind, time) }.write(out);
    }
}

pub(super) fn line(kind: &'static str) -> Line<'static> {
    Line { kind: Cow::Borrowed(kind), ..Line::default() }
}

/// The first line of every file.
pub(super) fn header(run: &str, part: u32, at: u32, wall_us: u64, out: &mut Vec<u8>) {
    let program = concat!("chittychat ", env!("CARGO_PKG_VERSION"));
    Line {
        version: Some(VERSION),
        program: Some(Cow::Borrowed(program)),
        run: Some(Cow::Borrowed(run)),
        part: Some(part),
        at: Some(at),
        wall_us: Some(wall_us),
        ..line("journal")
    }
    .write(out);
}

/// The line that explains a number.
pub(super) fn node(id: u32, who: &Participant, out: &mut Vec<u8>) {
    Line {
        id: Some(id),
        name: Some(Cow::Borrowed(who.name())),
        address: Some(Cow::Borrowed(who.address())),
        port: Some(who.port()),
        ..line("node")
    }
    .write(out);
}
