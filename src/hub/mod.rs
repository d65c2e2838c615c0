//! The room at run time: one critical section, one shared log, and the streams that read it.
//!
//! A stream hands in what it received and gets no delivery back: everything that anybody is told
//! comes out of the log, through a [`Reader`], at the reader's own pace. So nothing here waits for a
//! participant, and a slow one costs nobody anything.
//!
//! The invariant that all the rest stands on: stamping and appending are one critical section
//! ([`Hub::change`]). Whoever reads the log therefore reads Lamport times in order.
//!
//! It knows nothing of gRPC, and it decides nothing: that is [`crate::chat::Room`]'s.

mod chronicle;
mod clock_limits;
#[cfg(all(test, feature = "shuttle"))]
mod interleavings;
mod ledger;
mod metered;
mod progress;
mod reader;
mod scribe;
mod seated;
mod standing;
mod sweeper;
mod sync;
#[cfg(all(test, not(feature = "shuttle")))]
mod tests;
mod throttle;
mod trace;
mod visit;
mod waiters;

pub use chronicle::{Chronicle, keep_journal};
pub use clock_limits::{ClockLimits, SLACK, WallClock};
pub use ledger::{Books, Ledger};
pub use reader::Reader;
pub use scribe::{Scribe, keep_log};
pub use seated::{Left, Seated};
pub use standing::Standing;
pub use sweeper::sweep;
pub use visit::Visit;

use crate::chat::{
    ClockBound, Departure, Entry, Fault, Lag, LamportTime, Log, Outcome, Participant, Position,
    Room, Rules, Seat, What,
};
use crate::supervise::{Task, undying};
use crate::telemetry::{Spans, metrics::Metrics};
use crate::wire::{Batch, EncodedEntry, Inbound, Roll, encoded::Roster};
use clock_limits::ClockUse;
use progress::Progress;
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
    thread,
    time::{Duration, Instant},
};
use sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use throttle::Throttle;
use tokio::sync::watch;
use trace::Taking;
use waiters::Waiters;

/// How much is kept, and how far behind a participant may fall.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// What the log keeps.
    pub capacity: Lag,
    /// What a participant may have left unread. More than the capacity is never unread: the log
    /// has dropped it.
    pub max_lag: Lag,
    /// The least time between two wake-ups of all readers; zero is none.
    pub wake_window: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        let bound = Lag { entries: 65_536, bytes: 16 << 20 };
        Self { capacity: bound, max_lag: bound, wake_window: Duration::ZERO }
    }
}

/// A handle on the room at run time. Clones are the same room.
#[derive(Clone, Debug)]
pub struct Hub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Entries appended so far: what a reader looks at before it takes the lock.
    head: AtomicU64,
    /// Readers that wait for the next entry.
    readers: Waiters,
    throttle: Arc<Throttle>,
    /// Streams that wait for nothing but the closing.
    strangers: Waiters,
    is_closing: AtomicBool,
    is_finished: AtomicBool,
    /// How many streams there are.
    visits: watch::Sender<usize>,
    ledger: Ledger,
    metrics: Arc<Metrics>,
    /// The furthest that anybody lagged when the sweeper last looked, in entries.
    furthest: AtomicU64,
    max_lag: Lag,
    server: Participant,
    spans: Spans,
}

#[derive(Debug)]
struct State {
    room: Room,
    clock_use: ClockUse,
    log: Log<Arc<EncodedEntry>>,
    /// Who is present, for newcomers.
    roll: Roll,
    /// Where each seated reader stands, for the sweeper.
    progress: BTreeMap<Seat, Arc<Progress>>,
    /// The entries of the change under way; kept to spare an allocation for each.
    scratch: Vec<Entry>,
}

impl State {
    /// What the time of a message is to be held to.
    fn clock_bound(&mut self, from: Option<Seat>, inbound: &Inbound) -> ClockBound {
        let Self { room, clock_use, .. } = self;
        inbound.as_ref().map_or(ClockBound::CLOSED, |draft| clock_use.bound(room, from, draft))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.throttle.end();
    }
}

/// What became of what a stream handed in.
#[derive(Debug)]
pub enum Reply {
    /// A newcomer is in; from now on the stream reads for this seat.
    Joined(Seated),
    /// The log has it.
    Logged,
    /// The stream never had a seat, and ends: first with the notice, if there is one.
    Refused {
        /// What its sender is told.
        notice: Option<Batch>,
        /// What was wrong.
        fault: Fault,
    },
    /// The seat is gone already; its reader has the reason.
    Gone,
}

impl Hub {
    /// An empty, open room that is not traced. `server` is whose words its notices are.
    #[must_use]
    pub fn new(rules: Rules, bounds: Bounds, server: Participant) -> Self {
        Self::traced(rules, bounds, server, Spans::off())
    }

    /// An empty, open room whose messages are traced with `spans`.
    #[must_use]
    pub fn traced(rules: Rules, bounds: Bounds, server: Participant, spans: Spans) -> Self {
        Self::with_clock(rules, bounds, ClockLimits::default(), server, spans)
    }

    /// The same, and this is what is set for its clock.
    #[must_use]
    pub fn with_clock(
        rules: Rules,
        bounds: Bounds,
        clock: ClockLimits,
        server: Participant,
        spans: Spans,
    ) -> Self {
        let state = State {
            room: Room::new(rules),
            clock_use: ClockUse::new(clock),
            log: Log::new(bounds.capacity),
            roll: Roll::default(),
            progress: BTreeMap::new(),
            scratch: Vec::new(),
        };
        let shared = Shared {
            state: Mutex::new(state),
            head: AtomicU64::new(0),
            readers: Waiters::default(),
            throttle: Arc::new(Throttle::new(bounds.wake_window)),
            strangers: Waiters::default(),
            is_closing: AtomicBool::new(false),
            is_finished: AtomicBool::new(false),
            visits: watch::Sender::new(0),
            ledger: Ledger::default(),
            metrics: Arc::default(),
            furthest: AtomicU64::new(0),
            max_lag: bounds.max_lag,
            server,
            spans,
        };
        let hub = Self { shared: Arc::new(shared) };
        if hub.shared.throttle.is_on() {
            hub.wake_when_windows_end();
        }
        hub
    }

    /// Starts the thread that wakes readers when a window ends. It ends with the room. If there is no
    /// thread to be had, every message wakes them.
    fn wake_when_windows_end(&self) {
        let throttle = Arc::clone(&self.shared.throttle);
        let shared = Arc::downgrade(&self.shared);
        let waking = move || {
            undying(Task::WakeUps, || {
                while throttle.wait() {
                    if let Some(shared) = shared.upgrade() {
                        shared.readers.wake_all();
                    }
                }
            });
        };
        if let Err(error) = thread::Builder::new().name("wake-ups".into()).spawn(waking) {
            tracing::warn!(
                "every message wakes its readers at once, since no thread waits: {error}"
            );
            self.shared.throttle.end();
        }
    }

    /// Takes in what a stream received: from the holder of a seat, or from a stranger.
    pub fn receive(&self, from: Option<Seat>, mut inbound: Inbound) -> Reply {
        let handed_in = Instant::now();
        let mut taking = Taking::begin(&self.shared.spans, &mut inbound);
        let mut state = self.lock();
        let start = state.log.head();
        let bound = state.clock_bound(from, &inbound);
        let outcome = self.change(&mut state, taking.as_mut(), |room, out| match inbound {
            Ok(draft) => room.accept(from, draft, bound, out),
            Err(fault) => room.refuse(from, fault, out),
        });
        let reply = self.answer(state, start, outcome);
        if self.shared.throttle.is_now() {
            self.shared.readers.wake_all();
        }
        self.shared.metrics.fanned_out(handed_in);
        if let Some(taking) = taking {
            taking.end();
        }
        reply
    }

    /// What an outcome means for the stream; what was appended stands at `start`. Lets go of the
    /// room as soon as it can: nobody is to wait for what is made for one.
    fn answer(&self, mut state: MutexGuard<'_, State>, start: Position, outcome: Outcome) -> Reply {
        match outcome {
            Outcome::Joined(welcome) => {
                let progress = Arc::new(Progress::at(start));
                state.progress.insert(welcome.cursor.seat(), Arc::clone(&progress));
                let roster = state.roll.roster();
                drop(state);
                let reader = Reader::new(self.clone(), start);
                Reply::Joined(Seated::new(reader, welcome, roster, progress))
            }
            Outcome::Logged => Reply::Logged,
            Outcome::Refused { fault } => {
                // What was just appended is the refusal, unless the fault is a silent one.
                let refusal = state.log.latest().filter(|_| !fault.is_silent()).cloned();
                drop(state);
                self.shared.metrics.stranger_refused(&fault);
                let notice = refusal.map(|entry| self.notice_to_stranger(&entry));
                Reply::Refused { notice, fault }
            }
            Outcome::Gone => Reply::Gone,
        }
    }

    fn notice_to_stranger(&self, entry: &EncodedEntry) -> Batch {
        self.shared.ledger.sent(1);
        let who = match &entry.entry.what {
            What::Refusal { who, .. } => who.as_deref(),
            _ => None,
        };
        let delivery = entry.delivery_to_stranger();
        let traceparent = self.deliver(entry, &delivery, who);
        let mut batch = Batch::new(1);
        entry.write(&delivery, Roster::default(), traceparent.as_ref(), &mut batch);
        batch
    }

    /// Notes that a stream has been opened, for as long as the visit is kept.
    #[must_use]
    pub fn visit(&self) -> Visit {
        Visit::new(self.clone())
    }

    /// Closes the room: everybody is told and everybody leaves. Does it once.
    pub fn close(&self) {
        if self.shared.is_closing.swap(true, Ordering::SeqCst) {
            return;
        }
        self.change(&mut self.lock(), None, Room::close);
        self.shared.readers.wake_all();
        self.shared.strangers.wake_all();
    }

    /// Ends the log: readers that come to its end see that nothing will follow.
    pub fn finish(&self) {
        self.shared.is_finished.store(true, Ordering::SeqCst);
        self.shared.readers.wake_all();
    }

    /// True once the room is closed.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.shared.is_closing.load(Ordering::SeqCst)
    }

    /// Waits until there is no stream any more.
    pub async fn emptied(&self) {
        // The sender lives in `self`, so waiting does not fail.
        let _ = self.shared.visits.subscribe().wait_for(|visits| *visits == 0).await;
    }

    /// A reader from here on, and who is present here, in join order.
    #[must_use]
    pub fn read_on(&self) -> (Reader, Vec<(Seat, Arc<Participant>)>) {
        let state = self.lock();
        let present = state.room.seats().map(|(seat, who)| (seat, Arc::clone(who))).collect();
        (Reader::new(self.clone(), state.log.head()), present)
    }

    /// The room's Lamport time.
    #[must_use]
    pub fn now(&self) -> LamportTime {
        self.lock().room.now()
    }

    /// How many are present.
    #[must_use]
    pub fn present(&self) -> usize {
        self.lock().room.present().len()
    }

    /// Those of these seats whose holders are not present any more.
    #[must_use]
    pub fn absent(&self, seats: &[Seat]) -> Vec<Seat> {
        // Most connections that ask have none, or one.
        if seats.is_empty() {
            return Vec::new();
        }
        let state = self.lock();
        seats.iter().copied().filter(|seat| !state.room.holds(*seat)).collect()
    }

    /// Where all deliveries went so far.
    #[must_use]
    pub fn books(&self) -> Books {
        self.shared.ledger.books()
    }

    /// Takes out whoever is further behind than is allowed.
    fn evict_laggards(&self) {
        let mut state = self.lock();
        let head = state.log.head();
        let lags = state.progress.iter().map(|(seat, progress)| (*seat, progress.get().lag(head)));
        let mut furthest = 0;
        let lags = lags.inspect(|(_, lag)| furthest = lag.entries.max(furthest));
        let laggards: Vec<_> = lags.filter(|(_, lag)| lag.exceeds(self.shared.max_lag)).collect();
        self.shared.furthest.store(furthest, Ordering::Relaxed);
        if laggards.is_empty() {
            return;
        }
        for (seat, lag) in laggards {
            self.take_out(&mut state, seat, Departure::Evicted(lag));
        }
        drop(state);
        self.shared.readers.wake_all();
    }

    /// Takes out a participant that the log has overtaken.
    fn evict(&self, seat: Seat, lag: Lag) {
        self.take_out(&mut self.lock(), seat, Departure::Evicted(lag));
        self.shared.readers.wake_all();
    }

    /// Has the leave announced of whoever still sits here, now that the stream is gone or is to go.
    pub fn part(&self, seat: Seat) {
        self.take_out(&mut self.lock(), seat, Departure::Lost);
        self.shared.readers.wake_all();
    }

    /// Takes out whoever sits here, if anybody still does, and closes the books of the seat.
    fn take_out(&self, state: &mut State, seat: Seat, departure: Departure) {
        self.change(state, None, |room, out| room.remove(seat, departure, out));
        let settlement = state.room.settle(seat);
        let delivered = state.progress.remove(&seat).and_then(|progress| progress.close());
        if let (Some(settlement), Some(delivered)) = (settlement, delivered) {
            self.shared.ledger.settle(settlement, delivered);
        }
    }

    /// The critical section: lets the room change, and appends what follows from it to the log.
    /// `taking` is the message that is taken in, if that is what happens and it is traced.
    fn change<R>(
        &self,
        state: &mut State,
        mut taking: Option<&mut Taking>,
        act: impl FnOnce(&mut Room, &mut Vec<Entry>) -> R,
    ) -> R {
        let State { room, clock_use, log, roll, scratch, .. } = state;
        let before = room.now();
        let result = act(room, scratch);
        let mut is_traced = taking.as_mut().is_some_and(|taking| taking.note(scratch));
        for mut entry in scratch.drain(..) {
            roll.read(&entry.what);
            if let What::Leave { seat, .. } = &entry.what {
                clock_use.forget(*seat);
            }
            self.shared.ledger.owe(u64::from(entry.fan.audience));
            self.shared.metrics.appended(before, &entry);
            // Only the first entry is about the message itself.
            let is_traced = std::mem::take(&mut is_traced);
            let spans = &self.shared.spans;
            let tracing = trace::prepare(spans, &mut entry, is_traced, taking.as_deref());
            let entry = Arc::new(EncodedEntry::new(entry, tracing, &self.shared.server));
            let bytes = entry.shared_bytes();
            log.append(entry, bytes);
        }
        // Before anybody is woken: see `waiters`.
        self.shared.head.store(log.head().entries, Ordering::SeqCst);
        result
    }

    /// A panic elsewhere while the lock was held is a bug there; it must not become everybody's.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
