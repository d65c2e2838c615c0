//! The teller: reads the log, works out what happened, and puts it into the ring.
//!
//! It takes turns of [`TURN`], and in each tells of so many events and no more. Under a load that no page
//! could show it falls behind; then it leaves out what is between, says how much that was, and goes on
//! from where the room is. So what it costs the server is bounded whatever the load, and so is the delay
//! of what it tells. Twice a second it says who stands where, if anybody wants to know.

use super::pulse::Pulse;
use super::record::{About, Batch, Wait};
use super::ring::Ring;
use super::waits::Waits;
use crate::causality::live::{Happening, Live, News};
use crate::chat::{Participant, Seat};
use crate::hub::{Hub, Reader, Standing};
use crate::journal::{trace_id, wall_us};
use crate::supervise::Companion;
use crate::wire::EncodedEntry;
use futures_util::FutureExt as _;
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout_at};

/// How long a turn takes at least. What happens within one is sent together.
const TURN: Duration = Duration::from_millis(20);
/// The events of a turn after which it takes no further entry.
const EVENTS_A_TURN: usize = 200;
/// How many entries it may be behind at the end of a turn.
const MOST_BEHIND: u64 = 1024;
/// The largest audience whose recipients are told of one by one.
pub(super) const MOST_SINGLY: u32 = 32;

const TOO_MUCH: &str = "more happened than is shown live; the journal has all of it";

/// See the module's text.
#[derive(Debug)]
pub(super) struct Teller {
    hub: Hub,
    ring: Arc<Ring>,
    reader: Reader,
    live: Live,
    waits: Waits,
    pulse: Pulse,
    /// What is told next.
    batch: Batch,
    /// True once it has run: if it is begun again then, it has failed.
    has_run: bool,
}

impl Companion for Teller {
    /// Tells until the log is finished.
    async fn run(&mut self) -> Result<(), String> {
        if std::mem::replace(&mut self.has_run, true) {
            self.recover();
        }
        while self.turn().await {
            sleep(TURN).await;
        }
        self.ring.push(std::mem::take(&mut self.batch));
        self.ring.finish();
        Ok(())
    }
}

/// What the log gave, or why it gives nothing.
type Read = Option<Result<Arc<EncodedEntry>, crate::chat::log::Overtaken>>;

impl Teller {
    /// A teller of everything from this call on.
    pub(super) fn new(hub: Hub, ring: Arc<Ring>, server: SocketAddr) -> Self {
        let (reader, present) = hub.read_on();
        let mut batch = Batch::default();
        batch.node(0, &Participant::server(&server.ip().to_string(), server.port()));
        let live = Live::resume(present, MOST_SINGLY, &mut |news| introduce(&mut batch, &news));
        let pulse = Pulse::new(Instant::now());
        let waits = Waits::default();
        Self { hub, ring, reader, live, waits, pulse, batch, has_run: false }
    }

    /// Goes on after a failure. What was to be told next may be half written.
    fn recover(&mut self) {
        self.batch = Batch::default();
        self.skip();
    }

    /// One turn. False after the last.
    async fn turn(&mut self) -> bool {
        let mut is_going_on = true;
        // Unread deliveries have to be looked after, and whoever is present too.
        let end = if self.waits.is_open() { Instant::now() } else { self.pulse.next() };
        let mut fresh = Vec::new();
        if let Ok(read) = timeout_at(end, self.reader.next()).await {
            is_going_on = self.take(read, &mut fresh);
            while is_going_on && self.batch.events + fresh.len() < EVENTS_A_TURN {
                let Some(read) = self.reader.next().now_or_never() else { break };
                is_going_on = self.take(read, &mut fresh);
            }
        }
        if !fresh.is_empty() || self.waits.is_open() {
            self.tell(fresh);
        }
        if self.reader.unread() > MOST_BEHIND {
            self.skip();
        }
        let batch = std::mem::take(&mut self.batch);
        self.ring.push(batch);
        self.pulse.beat(&self.hub, &self.live, &self.ring);
        is_going_on
    }

    /// Takes in what the log gave. False if nothing will follow.
    fn take(&mut self, read: Read, fresh: &mut Vec<Fresh>) -> bool {
        match read {
            Some(Ok(entry)) => {
                // Nothing else reads with this reader, so the entry is the one before its place.
                let number = self.reader.read_so_far().saturating_sub(1);
                let wall_us = wall_us().saturating_sub(micros(entry.accepted_at.elapsed()));
                let about = Arc::new(Source { number, wall_us, entry });
                self.live.read(&about.entry.entry, &mut |news| {
                    fresh.push(Fresh { news, about: Arc::clone(&about) });
                });
                true
            }
            Some(Err(_)) => {
                self.tell(std::mem::take(fresh));
                self.skip();
                true
            }
            None => false,
        }
    }

    /// Puts into words what has been taken in, and what has been read of it meanwhile.
    fn tell(&mut self, fresh: Vec<Fresh>) {
        // Where everybody stands is asked if it matters to anything, which in a large room it seldom does.
        let matters = |fresh: &Fresh| matches!(&fresh.news, News::Event(it) if it.seat.is_some());
        let standings = match self.waits.is_open() || fresh.iter().any(matters) {
            true => self.hub.standings().1,
            false => Vec::new(),
        };
        let standings: BTreeMap<Seat, Standing> =
            standings.into_iter().map(|standing| (standing.seat, standing)).collect();
        self.waits.look(&standings, &mut self.batch);
        for Fresh { news, about } in fresh {
            match news {
                News::Event(it) => {
                    let about = self.about(&it, &about, &standings);
                    self.batch.event(&it, &about);
                }
                News::Missing(it) => {
                    let about = About { is_missing: true, ..About::default() };
                    self.batch.event(&it, &about);
                }
                News::Node { .. } | News::Ended { .. } => introduce(&mut self.batch, &news),
            }
        }
    }

    fn about<'a>(
        &mut self,
        it: &Happening,
        source: &'a Source,
        standings: &BTreeMap<Seat, Standing>,
    ) -> About<'a> {
        // An older message, of which something more is known now.
        if it.message != source.entry.entry.accepted.ticks() {
            it.seat.inspect(|seat| self.waits.retold(*seat, it));
            return About::default();
        }
        let trace = trace_id(source.entry.traced());
        let wait = it.seat.map_or(Wait::Unknown, |seat| {
            // Whoever is gone by now has read it, or nobody can tell.
            let Some(standing) = standings.get(&seat) else { return Wait::Unknown };
            let of = (source.number, source.entry.accepted_at);
            self.waits.judge((seat, standing.read), of, it)
        });
        About { wall_us: Some(source.wall_us), trace, wait, is_missing: false }
    }

    /// Leaves out what is between here and the end of the log.
    fn skip(&mut self) {
        let before = self.reader.read_so_far();
        let (reader, present) = self.hub.read_on();
        self.batch.gap(reader.read_so_far().saturating_sub(before), TOO_MUCH);
        self.reader = reader;
        let batch = &mut self.batch;
        self.live.go_on(present, &mut |news| introduce(batch, &news));
    }
}

/// Something that was taken in, and what it comes from.
struct Fresh {
    news: News,
    about: Arc<Source>,
}

struct Source {
    /// The number of the entry in the log.
    number: u64,
    wall_us: u64,
    entry: Arc<EncodedEntry>,
}

/// Says who came, or went.
fn introduce(batch: &mut Batch, news: &News) {
    match news {
        News::Node { id, who } => batch.node(*id, who),
        News::Ended { id, time, departure } => batch.ended(*id, *time, departure),
        // There are none where nothing is read.
        News::Event(_) | News::Missing(_) => {}
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
