//! The scribe: writes the server's log lines, as one more reader of the log.
//!
//! So the lines stand in the order of their Lamport times, and writing them delays no message. Having
//! written, it rests for [`BETWEEN_LOOKS`], so that a quick room wakes it and the thread behind it a
//! few hundred times a second and not with each message. If
//! the lines cannot be written as fast as messages come, the scribe is overtaken like anybody else:
//! it says how much it missed and goes on from where the room is. It does likewise if it failed on the way.
//!
//! Refused messages are what strangers can have for nothing. [`REFUSALS`] a second have a line each, and
//! the others are counted.

use super::{Hub, Reader};
use crate::causality::{Event, Kind, Replay, Subject};
use crate::chat::TraceContext;
use crate::supervise::Companion;
use crate::telemetry::lines;
use std::time::Duration;
use tokio::time::{self, Instant, timeout_at};

/// How long a line may wait for others, to be written with them.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// How many refused messages a second have a line each.
const REFUSALS: u32 = 20;
/// For how long they are counted before their number is told.
const SECOND: Duration = Duration::from_secs(1);

/// Which refused messages have a line.
#[derive(Debug)]
struct Refusals {
    since: Instant,
    told: u32,
    untold: u64,
}

/// See the module's text.
#[derive(Debug)]
pub struct Scribe {
    hub: Hub,
    reader: Reader,
    replay: Replay,
    with_deliveries: bool,
    refusals: Refusals,
    /// True once it has run: if it is begun again then, it has failed.
    has_run: bool,
}

/// Writes log lines until the log is finished: of everything from this call on, whenever it is first
/// run.
#[must_use]
pub fn keep_log(hub: Hub) -> Scribe {
    let with_deliveries = wants_deliveries();
    let (reader, present) = hub.read_on();
    let replay = Replay::resume(present, with_deliveries);
    let refusals = Refusals { since: Instant::now(), told: 0, untold: 0 };
    Scribe { hub, reader, replay, with_deliveries, refusals, has_run: false }
}

/// Whether the log's filter asks for a line for each delivery. It may change while the server runs.
fn wants_deliveries() -> bool {
    tracing::enabled!(target: lines::DELIVERY, tracing::Level::DEBUG)
}

impl Companion for Scribe {
    async fn run(&mut self) -> Result<(), String> {
        if std::mem::replace(&mut self.has_run, true) {
            self.recover();
        }
        loop {
            let next = match self.refusals.untold {
                0 => self.reader.next().await,
                _ => match timeout_at(self.refusals.since + SECOND, self.reader.next()).await {
                    Ok(next) => next,
                    Err(_) => {
                        self.refusals.begin_anew();
                        continue;
                    }
                },
            };
            let Some(next) = next else { break };
            match next {
                Ok(entry) => {
                    self.look_at_filter();
                    let (trace, refusals) = (entry.traced(), &mut self.refusals);
                    self.replay.read(&entry.entry, &mut |event| refusals.log(&event, trace));
                    if self.reader.is_at_log_end() {
                        time::sleep(BETWEEN_LOOKS).await;
                    }
                }
                Err(overtaken) => {
                    tracing::warn!("the log lines of {} were not written", overtaken.lag);
                    self.go_on();
                }
            }
        }
        self.refusals.begin_anew();
        Ok(())
    }
}

impl Refusals {
    /// Writes an event's line, unless it is one of too many.
    fn log(&mut self, event: &Event, trace: Option<&TraceContext>) {
        if event.kind == Kind::Received(Subject::Unfit) {
            if self.since.elapsed() >= SECOND {
                self.begin_anew();
            }
            if self.told >= REFUSALS {
                self.untold += 1;
                return;
            }
            self.told += 1;
        }
        lines::log(event, trace);
    }

    /// Says how many had no line, and begins to count anew.
    fn begin_anew(&mut self) {
        if self.untold > 0 {
            tracing::warn!("refused {} more messages, which have no line each", self.untold);
        }
        *self = Self { since: Instant::now(), told: 0, untold: 0 };
    }
}

impl Scribe {
    /// Goes on from where the room is.
    fn go_on(&mut self) {
        let (reader, present) = self.hub.read_on();
        (self.reader, self.replay) = (reader, Replay::resume(present, self.with_deliveries));
    }

    /// Goes on after a failure.
    fn recover(&mut self) {
        let before = self.reader.read_so_far();
        self.go_on();
        let missed = self.reader.read_so_far().saturating_sub(before);
        tracing::warn!("the log lines of {} entries were not all written", missed + 1);
    }

    fn look_at_filter(&mut self) {
        let with_deliveries = wants_deliveries();
        if with_deliveries != self.with_deliveries {
            self.with_deliveries = with_deliveries;
            self.replay.tell_deliveries(with_deliveries);
        }
    }
}
