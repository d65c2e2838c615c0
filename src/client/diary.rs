//! A participant's journal while it runs: every event of its process, written down as it happens.
//!
//! The session does not wait for it. Lines gather for [`BETWEEN_TURNS`] and go to a thread; if the disk
//! is slower than the chat, the journal has a gap and says so.

use crate::causality::{Event, Kind, Subject};
use crate::chat::{LamportTime, Participant, TraceContext};
use crate::journal::{Book, Bounds, OpenError, ParticipantPen, wall_us};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{task::AbortHandle, time};

/// How long lines may wait for others, to be written with them.
const BETWEEN_TURNS: Duration = Duration::from_millis(20);
/// How many turns there are between two looks where the file is: a second's.
const TURNS_TO_A_LOOK: u32 = 50;
/// The size at which a file is put aside, in bytes.
const MAX_BYTES: u64 = 64 << 20;
/// How many files are kept.
const FILES: u32 = 4;

/// A handle on a journal, or on none. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Diary(Option<Arc<Open>>);

#[derive(Debug)]
struct Open {
    pen: ParticipantPen,
    book: Mutex<Option<Book>>,
    turning: AbortHandle,
}

impl Diary {
    /// Begins a journal in this file. To be called where there is a runtime.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn open(file: PathBuf, me: Participant) -> Result<Self, OpenError> {
        let pen = ParticipantPen::new(me);
        let bounds = Bounds { file, max_bytes: MAX_BYTES, files: FILES };
        let now = wall_us();
        let book = Book::open(bounds, now, |run, part, out| pen.head(run, part, now, out))?;
        let open = Arc::new_cyclic(|this: &std::sync::Weak<Open>| {
            let this = this.clone();
            let turning = tokio::spawn(async move {
                for turn in (1..=TURNS_TO_A_LOOK).cycle() {
                    time::sleep(BETWEEN_TURNS).await;
                    let Some(open) = this.upgrade() else { return };
                    if let Some(book) = &mut *open.lock() {
                        book.turn_now();
                        if turn == TURNS_TO_A_LOOK {
                            let now = wall_us();
                            book.look(|run, part, out| open.pen.head(run, part, now, out));
                        }
                    }
                }
            });
            Open { pen, book: Mutex::new(Some(book)), turning: turning.abort_handle() }
        });
        Ok(Self(Some(open)))
    }

    /// Writes an event down. `about` is whose words were received; `seen` is what a message that is
    /// sent says it has seen.
    pub fn note(
        &self,
        event: &Event,
        about: Option<&Participant>,
        seen: Option<LamportTime>,
        trace: Option<&TraceContext>,
    ) {
        let Some(open) = &self.0 else { return };
        let is_told =
            matches!(event.kind, Kind::Received(Subject::Join | Subject::Leave | Subject::Publish));
        let about = about.filter(|_| is_told);
        let now = wall_us();
        if let Some(book) = &mut *open.lock() {
            book.prepare(|run, part, out| open.pen.head(run, part, now, out));
            if book.add(|out| open.pen.write(event, (about, seen), trace, now, out)) {
                book.turn_now();
            }
        }
    }

    /// Writes that the process ends, and waits until all is written.
    pub async fn close(&self) {
        let Some(open) = &self.0 else { return };
        open.turning.abort();
        let book = open.lock().take();
        if let Some(book) = book {
            book.close().await;
        }
    }
}

impl Open {
    fn lock(&self) -> MutexGuard<'_, Option<Book>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
