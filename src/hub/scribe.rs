//! The scribe: writes the server's log lines, as one more reader of the log.
//!
//! So the lines stand in the order of their Lamport times, and writing them delays no message. Having
//! written, it rests for [`BETWEEN_LOOKS`], so that a quick room wakes it and the thread behind it a
//! few hundred times a second and not with each message. If
//! the lines cannot be written as fast as messages come, the scribe is overtaken like anybody else:
//! it says how much it missed and goes on from where the room is. It does likewise if it failed on the way.
//!
//! Comings, goings and refused messages are what strangers can have for nothing. So many a second have a line
//! each, and the others are counted: a class that comes in at once is written down, a storm is not.

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
/// How many comings and goings do, and how many at once.
const COMINGS: u32 = 20;
const COMINGS_AT_ONCE: u32 = 300;
/// For how long the others are counted before their number is told.
const SECOND: Duration = Duration::from_secs(1);

/// Which of the lines are written that strangers can cause.
#[derive(Debug)]
struct Cheap {
    since: Instant,
    refusals: u32,
    /// How many comings and goings may have a line now.
    comings: u32,
    unsaid_refusals: u64,
    unsaid_comings: u64,
}

/// See the module's text.
#[derive(Debug)]
pub struct Scribe {
    hub: Hub,
    reader: Reader,
    replay: Replay,
    with_deliveries: bool,
    cheap: Cheap,
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
    Scribe { hub, reader, replay, with_deliveries, cheap: Cheap::new(), has_run: false }
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
            let next = match self.cheap.has_unsaid() {
                false => self.reader.next().await,
                true => match timeout_at(self.cheap.since + SECOND, self.reader.next()).await {
                    Ok(next) => next,
                    Err(_) => {
                        self.cheap.begin_anew();
                        continue;
                    }
                },
            };
            let Some(next) = next else { break };
            match next {
                Ok(entry) => {
                    self.look_at_filter();
                    let (trace, cheap) = (entry.traced(), &mut self.cheap);
                    self.replay.read(&entry.entry, &mut |event| cheap.log(&event, trace));
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
        self.cheap.begin_anew();
        Ok(())
    }
}

impl Cheap {
    fn new() -> Self {
        let (since, comings) = (Instant::now(), COMINGS_AT_ONCE);
        Self { since, refusals: REFUSALS, comings, unsaid_refusals: 0, unsaid_comings: 0 }
    }

    /// Writes an event's line, unless it is one of too many.
    fn log(&mut self, event: &Event, trace: Option<&TraceContext>) {
        let (left, unsaid) = match event.kind {
            Kind::Received(Subject::Unfit) => (&mut self.refusals, &mut self.unsaid_refusals),
            Kind::Received(Subject::Connect | Subject::Disconnect)
            | Kind::Sent(Subject::Ack)
            | Kind::Lost => (&mut self.comings, &mut self.unsaid_comings),
            _ => return lines::log(event, trace),
        };
        match left.checked_sub(1) {
            Some(fewer) => {
                *left = fewer;
                lines::log(event, trace);
            }
            None => *unsaid += 1,
        }
        if self.since.elapsed() >= SECOND {
            self.begin_anew();
        }
    }

    fn has_unsaid(&self) -> bool {
        self.unsaid_refusals + self.unsaid_comings > 0
    }

    /// Says how many had no line, and lets as many have one as the time since has brought.
    fn begin_anew(&mut self) {
        if self.has_unsaid() {
            let Self { unsaid_refusals, unsaid_comings, .. } = self;
            tracing::warn!(
                "{unsaid_comings} more comings and goings and {unsaid_refusals} more refused messages, \
                 which have no line each"
            );
        }
        let seconds = u32::try_from(self.since.elapsed().as_secs()).unwrap_or(u32::MAX);
        let brought = COMINGS.saturating_mul(seconds);
        let comings = self.comings.saturating_add(brought).min(COMINGS_AT_ONCE);
        *self = Self { comings, ..Self::new() };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::LamportTime;

    fn event(kind: Kind) -> Event {
        Event::new("server".into(), LamportTime::ZERO, kind)
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_have_a_line_and_the_others_are_counted() {
        let mut cheap = Cheap::new();
        let mut unsaid = |kind: Kind, times: u64| {
            (0..times).for_each(|_| cheap.log(&event(kind), None));
            (cheap.unsaid_comings, cheap.unsaid_refusals)
        };
        assert_eq!(unsaid(Kind::Received(Subject::Connect), 300), (0, 0));
        assert_eq!(unsaid(Kind::Lost, 7), (7, 0));
        assert_eq!(unsaid(Kind::Received(Subject::Unfit), 25), (7, 5));
        assert_eq!(unsaid(Kind::Received(Subject::Publish), 1000), (7, 5), "they have a line each");
        time::sleep(SECOND).await;
        // The one that finds that a second is over is the last of it.
        assert_eq!(unsaid(Kind::Lost, 1), (0, 0));
        assert_eq!(unsaid(Kind::Lost, 21), (1, 0));
        time::sleep(60 * SECOND).await;
        assert_eq!(unsaid(Kind::Lost, 301), (0, 0));
        assert_eq!(unsaid(Kind::Lost, 1), (1, 0));
    }
}
