//! The chronicle: writes the server's journal, as one more reader of the log.
//!
//! Like the scribe it delays no message. It hands pages to a thread, and if that has no room it waits;
//! if it waits so long that the log overtakes it, the journal says how much it misses, and goes on from
//! where the room is. It does likewise if it failed on the way.

use super::{Hub, Reader};
use crate::journal::{Book, Bounds, OpenError, ServerPen, wall_us};
use crate::supervise::Companion;
use futures_util::FutureExt as _;
use std::time::Duration;
use tokio::time;

/// How long lines may wait for others, to be written with them.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
/// How often the file is looked after while nothing happens.
const IDLE_LOOK: Duration = Duration::from_secs(1);

/// See the module's text.
#[derive(Debug)]
pub struct Chronicle {
    hub: Hub,
    reader: Reader,
    pen: ServerPen,
    /// None once it is closed.
    book: Option<Book>,
    /// True once it has run: if it is begun again then, it has failed.
    has_run: bool,
}

/// Begins the journal: of everything from this call on, whenever it is first run, until the log is
/// finished.
///
/// # Errors
/// If the journal cannot be begun.
pub fn keep_journal(hub: Hub, bounds: Bounds) -> Result<Chronicle, OpenError> {
    let (reader, present) = hub.read_on();
    let pen = ServerPen::resume(present);
    let now = wall_us();
    let book = Book::open(bounds, now, |run, part, out| pen.head(run, part, now, out))?;
    Ok(Chronicle { hub, reader, pen, book: Some(book), has_run: false })
}

impl Companion for Chronicle {
    async fn run(&mut self) -> Result<(), String> {
        if std::mem::replace(&mut self.has_run, true) {
            self.recover();
        }
        while let Some(book) = &mut self.book {
            let next = match self.reader.next().now_or_never() {
                Some(next) => next,
                None => {
                    book.turn().await;
                    time::sleep(BETWEEN_LOOKS).await;
                    match time::timeout(IDLE_LOOK, self.reader.next()).await {
                        Ok(next) => next,
                        Err(_) => {
                            let (now, pen) = (wall_us(), &self.pen);
                            book.look(|run, part, out| pen.head(run, part, now, out));
                            continue;
                        }
                    }
                }
            };
            match next {
                Some(Ok(entry)) => {
                    let (now, pen) = (wall_us(), &mut self.pen);
                    book.prepare(|run, part, out| pen.head(run, part, now, out));
                    if book.add(|out| pen.write(&entry.entry, entry.traced(), now, out)) {
                        book.turn().await;
                    }
                }
                Some(Err(overtaken)) => {
                    book.turn().await;
                    book.miss(overtaken.lag.entries);
                    tracing::warn!("the journal misses {}", overtaken.lag);
                    self.go_on();
                }
                None => self.close().await,
            }
        }
        Ok(())
    }
}

impl Chronicle {
    /// Goes on from where the room is.
    fn go_on(&mut self) {
        let (reader, present) = self.hub.read_on();
        (self.reader, self.pen) = (reader, ServerPen::resume(present));
    }

    /// Goes on after a failure: what was being written down then is missing as well.
    fn recover(&mut self) {
        let before = self.reader.read_so_far();
        self.go_on();
        if let Some(book) = &mut self.book {
            book.spoil();
            book.miss(self.reader.read_so_far().saturating_sub(before));
        }
    }

    /// Says what is missing at the very end, if anything is, and closes the book.
    async fn close(&mut self) {
        if let Some(mut book) = self.book.take() {
            let (now, pen) = (wall_us(), &self.pen);
            book.prepare(|run, part, out| pen.head(run, part, now, out));
            book.close().await;
        }
    }
}
