//! The chronicle: writes the server's journal, as one more reader of the log.
//!
//! Like the scribe it delays no message. It hands pages to a thread, and if that has no room it waits;
//! if it waits so long that the log overtakes it, the journal says how much it misses, and goes on from
//! where the room is.

use super::Hub;
use crate::journal::{Book, Bounds, OpenError, ServerPen, wall_us};
use futures_util::FutureExt as _;
use std::time::Duration;
use tokio::time;

/// How long lines may wait for others, to be written with them.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Writes the journal until the log is finished: of everything from this call on, whenever the future
/// is first polled.
///
/// # Errors
/// If the journal cannot be begun.
pub fn keep_journal(hub: Hub, bounds: Bounds) -> Result<impl Future<Output = ()>, OpenError> {
    let (mut reader, present) = hub.read_on();
    let mut pen = ServerPen::resume(present);
    let now = wall_us();
    let mut book = Book::open(bounds, now, |run, part, out| pen.head(run, part, now, out))?;
    Ok(async move {
        loop {
            let next = match reader.next().now_or_never() {
                Some(next) => next,
                None => {
                    book.turn().await;
                    time::sleep(BETWEEN_LOOKS).await;
                    reader.next().await
                }
            };
            match next {
                Some(Ok(entry)) => {
                    let now = wall_us();
                    book.prepare(|run, part, out| pen.head(run, part, now, out));
                    if book.add(|out| pen.write(&entry.entry, entry.traced(), now, out)) {
                        book.turn().await;
                    }
                }
                Some(Err(overtaken)) => {
                    book.turn().await;
                    book.miss(overtaken.lag.entries);
                    tracing::warn!("the journal misses {}", overtaken.lag);
                    let (next, present) = hub.read_on();
                    (reader, pen) = (next, ServerPen::resume(present));
                }
                None => break,
            }
        }
        // Says what is missing at the very end, if anything is.
        let now = wall_us();
        book.prepare(|run, part, out| pen.head(run, part, now, out));
        book.close().await;
    })
}
