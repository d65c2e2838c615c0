//! The chronicle, sorted: what each stream sent and got, and what each server wrote into its log.

use crate::chronicle::{Chronicle, Ending, Said, Seen, Sent, Stream};
use crate::plan::{Happening, Plan};
use chittychat::{
    hub::Books,
    wire::{EncodedEntry, pb},
};
use std::sync::Arc;

/// See the module's text.
pub struct Facts<'a> {
    pub plan: &'a Plan,
    pub chronicle: &'a Chronicle,
    pub streams: Vec<StreamFacts<'a>>,
    pub lives: Vec<Life<'a>>,
}

/// One stream, from the participant's end.
pub struct StreamFacts<'a> {
    pub id: usize,
    pub it: &'a Stream,
    pub sent: Vec<(u64, &'a Sent)>,
    pub got: Vec<Got<'a>>,
    pub ending: Option<(u64, &'a Ending)>,
    /// When the process ended that had it open, if it did.
    pub crashed: Option<u64>,
    /// Whether anything kept it from working as it should: from here on it may have lost something.
    pub is_harmed: bool,
    /// Whether it may take its time to read what it is sent.
    pub is_slow: bool,
}

/// One delivery, as it was received.
pub struct Got<'a> {
    pub at: u64,
    pub message: &'a pb::Message,
}

/// One server, from its start to its end.
#[derive(Default)]
pub struct Life<'a> {
    /// What it appended to its log, and when that was seen.
    pub entries: Vec<(u64, &'a Arc<EncodedEntry>)>,
    /// When it began to stop, if it stopped in good order.
    pub closing: Option<u64>,
    /// When it was told to stop, whether or not it came to that.
    pub told: Option<u64>,
    pub books: Option<Books>,
}

impl StreamFacts<'_> {
    /// When the participant's side of it was over, as far as it was.
    pub fn over(&self) -> Option<u64> {
        self.crashed.or(self.ending.map(|(at, _)| at))
    }

    /// What was said as the so-maniest message.
    pub fn said(&self, message: usize) -> Option<&Said> {
        self.sent.get(message).map(|(_, sent)| &sent.what)
    }
}

impl<'a> Facts<'a> {
    pub fn gather(plan: &'a Plan, chronicle: &'a Chronicle) -> Self {
        let mut lives: Vec<_> =
            std::iter::repeat_with(Life::default).take(chronicle.lives).collect();
        let streams = (0..).zip(&chronicle.streams).map(|(id, it)| StreamFacts {
            id,
            it,
            sent: Vec::new(),
            got: Vec::new(),
            ending: None,
            crashed: None,
            is_harmed: false,
            is_slow: false,
        });
        let mut streams: Vec<_> = streams.collect();
        for record in &chronicle.records {
            let at = record.at;
            match &record.what {
                Seen::Entered(life, entry) => lives[life - 1].entries.push((at, entry)),
                Seen::Stopped(life, books) => lives[life - 1].books = Some(*books),
                Seen::Sent(stream, sent) => streams[*stream].sent.push((at, sent)),
                Seen::Got(stream, message, _) => streams[*stream].got.push(Got { at, message }),
                Seen::Ended(stream, ending) => streams[*stream].ending = Some((at, ending)),
                Seen::Began(_) | Seen::Opened(..) | Seen::Happened(_) => {}
            }
        }
        close(plan, chronicle, &mut lives);
        for stream in &mut streams {
            stream.crashed = crash(plan, stream);
            stream.is_harmed = is_harmed(plan, stream);
            let closing = lives.get(stream.it.life - 1).and_then(|life| life.closing);
            let window = plan.people[stream.it.person].window;
            stream.is_slow =
                window < 65_535 || closing.is_some_and(|closing| stream.it.dozed_until >= closing);
        }
        Self { plan, chronicle, streams, lives }
    }
}

/// Says of each server that was told to stop when that was.
fn close(plan: &Plan, chronicle: &Chronicle, lives: &mut [Life<'_>]) {
    let began = chronicle.records.iter().filter_map(|record| match record.what {
        Seen::Began(_) => Some(record.at),
        _ => None,
    });
    let began: Vec<_> = began.collect();
    for (number, life) in lives.iter_mut().enumerate() {
        let next = began.get(number + 1).copied().unwrap_or(u64::MAX);
        life.told = plan.drains().find(|at| (began[number]..next).contains(at));
        life.closing = life.told.filter(|_| life.books.is_some());
    }
}

/// When this stream's process ended under it, if it did.
fn crash(plan: &Plan, stream: &StreamFacts<'_>) -> Option<u64> {
    let crash = Happening::Crash(stream.it.person);
    let reboot = Happening::Reboot(stream.it.person);
    let mut ends = plan.happenings.iter().filter(|(_, it)| *it == crash || *it == reboot);
    let crashed = ends.find(|(at, _)| *at >= stream.it.opened).map(|(at, _)| *at);
    crashed.filter(|_| stream.ending.is_none())
}

fn is_harmed(plan: &Plan, stream: &StreamFacts<'_>) -> bool {
    let over = stream.over().unwrap_or(u64::MAX);
    // The connection was there a little before the stream was, and what was under way when something
    // ended may have met it on the way.
    let opened = stream.it.opened.saturating_sub(5_000);
    let mut harms = plan.disturbances(stream.it.person).into_iter();
    stream.it.hung
        || stream.crashed.is_some()
        || harms.any(|(from, to)| from <= over && to >= opened)
}
