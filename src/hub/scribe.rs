//! The scribe: writes the server's log lines, as one more reader of the log.
//!
//! So the lines stand in the order of their Lamport times, and writing them delays no message. Having
//! written, it rests for [`BETWEEN_LOOKS`], so that a quick room wakes it and the thread behind it a
//! few hundred times a second and not with each message. If
//! the lines cannot be written as fast as messages come, the scribe is overtaken like anybody else:
//! it says how much it missed and goes on from where the room is. It does likewise if it failed on the way.

use super::{Hub, Reader};
use crate::causality::Replay;
use crate::supervise::Companion;
use crate::telemetry::lines;
use std::time::Duration;
use tokio::time;

/// How long a line may wait for others, to be written with them.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// See the module's text.
#[derive(Debug)]
pub struct Scribe {
    hub: Hub,
    reader: Reader,
    replay: Replay,
    with_deliveries: bool,
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
    Scribe { hub, reader, replay, with_deliveries, has_run: false }
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
        while let Some(next) = self.reader.next().await {
            match next {
                Ok(entry) => {
                    self.look_at_filter();
                    let trace = entry.traced();
                    self.replay.read(&entry.entry, &mut |event| lines::log(&event, trace));
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
        Ok(())
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
