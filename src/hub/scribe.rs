//! The scribe: writes the server's log lines, as one more reader of the log.
//!
//! So the lines stand in the order of their Lamport times, and writing them delays no message. Having
//! written, it rests for [`BETWEEN_LOOKS`], so that a quick room wakes it and the thread behind it a
//! few hundred times a second and not with each message. If
//! the lines cannot be written as fast as messages come, the scribe is overtaken like anybody else:
//! it says how much it missed and goes on from where the room is.

use super::Hub;
use crate::causality::Replay;
use crate::telemetry::lines;
use std::time::Duration;
use tokio::time;

/// How long a line may wait for others, to be written with them.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Writes log lines until the log is finished: of everything from this call on, whenever the future
/// is first polled.
pub fn keep_log(hub: Hub) -> impl Future<Output = ()> {
    let with_deliveries = tracing::enabled!(target: lines::DELIVERY, tracing::Level::DEBUG);
    let begin = move || {
        let (reader, present) = hub.read_on();
        (reader, Replay::resume(present, with_deliveries))
    };
    let (mut reader, mut replay) = begin();
    async move {
        while let Some(next) = reader.next().await {
            match next {
                Ok(entry) => {
                    let trace = entry.traced();
                    replay.read(&entry.entry, &mut |event| lines::log(&event, trace));
                    if reader.is_at_log_end() {
                        time::sleep(BETWEEN_LOOKS).await;
                    }
                }
                Err(overtaken) => {
                    tracing::warn!("the log lines of {} were not written", overtaken.lag);
                    (reader, replay) = begin();
                }
            }
        }
    }
}
