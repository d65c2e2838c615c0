//! A participant's pen: its own events in, lines of its journal out.
//!
//! The server is number 0 there, the participant number 1, and whoever a delivery is about is named in
//! full, since a participant knows no seats.

use super::{
    Line, Who,
    line::{trace_id, words},
    server_pen::{SERVER, header, line, node},
};
use crate::causality::{Event, Kind, Subject};
use crate::chat::{LamportTime, Participant, TraceContext};
use std::borrow::Cow;

/// The number of the participant whose journal it is.
const ME: u32 = 1;

/// See the module's text.
#[derive(Debug)]
pub struct ParticipantPen {
    me: Participant,
}

impl ParticipantPen {
    /// A pen of this participant.
    #[must_use]
    pub fn new(me: Participant) -> Self {
        Self { me }
    }

    /// What stands at the top of each file: whose journal it is.
    pub fn head(&self, run: &str, part: u32, wall_us: u64, out: &mut Vec<u8>) {
        header(run, part, ME, wall_us, out);
        Line { id: Some(SERVER), server: Some(true), ..line("node") }.write(out);
        node(ME, &self.me, out);
    }

    /// Writes the line of an event. `about` is who a join or a leave is about, or who said a message;
    /// `seen` is what a message that is sent says it has seen.
    pub fn write(
        &self,
        event: &Event,
        (about, seen): (Option<&Participant>, Option<LamportTime>),
        trace: Option<&TraceContext>,
        wall_us: u64,
        out: &mut Vec<u8>,
    ) {
        let (word, of) = words(event.kind);
        let is_said = matches!(
            event.kind,
            Kind::Sent(Subject::Publish) | Kind::Received(Subject::Publish | Subject::Notice)
        );
        let text = event.detail.as_deref().filter(|_| is_said);
        let server = event.peer.is_some().then_some(Who::One(SERVER));
        let about =
            about.map(|who| if *who == self.me { Who::One(ME) } else { Who::stranger(who) });
        Line {
            kind: Cow::Borrowed(word),
            of: of.map(Cow::Borrowed),
            time: Some(event.time.ticks()),
            who: server.into_iter().collect(),
            cause: event.cause.as_ref().map(|(_, sent)| sent.ticks()),
            seen: seen.filter(|seen| *seen > LamportTime::ZERO).map(LamportTime::ticks),
            message: event.message.map(LamportTime::ticks),
            about,
            text: text.map(Cow::Borrowed),
            wall_us: Some(wall_us),
            trace: trace_id(trace).map(Cow::Borrowed),
            ..Line::default()
        }
        .write(out);
    }
}
