//! A book: gathers lines into pages, and hands the pages to the thread that writes them.
//!
//! Between the two is a channel of [`PAGES`] pages. A server's reader of the log waits for room there,
//! which costs nobody anything: it falls behind, and if the log overtakes it, the journal has a gap. A
//! participant does not wait: what finds no room is left out. A page that cannot be written is left out
//! too, reported (the first of a row of them) and counted. Whatever was left out, the next page begins
//! with what stands at the top of a file and with a `gap` line, so that a reader needs nothing of what
//! it did not get.

use super::{
    Bounds, Line, OpenError,
    files::{Disk as _, Files},
    keeper::{Keeper, Notes, Page},
    server_pen::line,
};
use std::{process, sync::Arc, thread};
use tokio::sync::{mpsc, oneshot};

/// The size at which a page is handed on, in bytes.
pub(super) const PAGE: usize = 32 << 10;
/// The most pages that wait to be written.
pub(super) const PAGES: usize = 64;

/// See the module's text.
#[derive(Debug)]
pub struct Book {
    pages: mpsc::Sender<Page>,
    done: oneshot::Receiver<()>,
    page: Page,
    /// Bytes of the current file, what is still in `page` included.
    in_file: u64,
    max_bytes: u64,
    run: String,
    part: u32,
    notes: Arc<Notes>,
}

impl Book {
    /// Opens the journal and writes the top of its first file, which `head` gives for a run and a part.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn open(
        bounds: Bounds,
        wall_us: u64,
        head: impl FnOnce(&str, u32, &mut Vec<u8>),
    ) -> Result<Self, OpenError> {
        let (file, max_bytes) = (bounds.file.clone(), bounds.max_bytes);
        let run = format!("{wall_us:x}-{:x}", process::id());
        let mut top = Vec::new();
        head(&run, 0, &mut top);
        let begun = Files::open(bounds)
            .and_then(|mut files| files.write(&top).map(|()| files))
            .map_err(|error| OpenError { file: file.clone(), error });
        let (pages, taken) = mpsc::channel(PAGES);
        let (finished, done) = oneshot::channel();
        let notes = Arc::new(Notes::default());
        let keeper = Keeper::new(begun?, Arc::clone(&notes));
        thread::Builder::new()
            .name("journal".into())
            .spawn(move || {
                keeper.keep(taken);
                // Nobody may wait for it.
                let _ = finished.send(());
            })
            .map_err(|error| OpenError { file, error })?;
        let in_file = top.len() as u64;
        Ok(Self { pages, done, page: Page::default(), in_file, max_bytes, run, part: 0, notes })
    }

    /// To be called before the lines of an entry are added: begins the next file if this one is full,
    /// and says what was left out, if anything was. `head` gives the top of a file.
    pub fn prepare(&mut self, head: impl FnOnce(&str, u32, &mut Vec<u8>)) {
        if !self.page.lines.is_empty() {
            return;
        }
        let left_out = self.notes.left_out();
        if self.notes.take_wants_file() || self.in_file >= self.max_bytes {
            self.part += 1;
            self.page.begins_file = true;
            self.in_file = 0;
        } else if left_out == 0 && !self.page.begins_file {
            return;
        }
        head(&self.run, self.part, &mut self.page.lines);
        if left_out > 0 {
            self.page.mends = left_out;
            Line { entries: Some(left_out), ..line("gap") }.write(&mut self.page.lines);
        }
        self.in_file += self.page.lines.len() as u64;
    }

    /// Takes the lines of one entry, or of one event. True if the page is full and should be turned.
    pub fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let before = self.page.lines.len();
        write(&mut self.page.lines);
        self.page.entries += 1;
        self.in_file += (self.page.lines.len() - before) as u64;
        self.page.lines.len() >= PAGE || self.in_file >= self.max_bytes
    }

    /// Notes that entries were missed. The page before them must have been turned.
    pub fn miss(&self, entries: u64) {
        self.notes.miss(entries);
    }

    /// Hands the page on, and waits for room.
    pub async fn turn(&mut self) {
        if !self.page.lines.is_empty() {
            let page = std::mem::take(&mut self.page);
            // The thread outlives its own panics.
            let _ = self.pages.send(page).await;
        }
    }

    /// Hands the page on, or leaves it out if there is no room.
    pub fn turn_now(&mut self) {
        if self.page.lines.is_empty() {
            return;
        }
        let page = std::mem::take(&mut self.page);
        if let Err(error) = self.pages.try_send(page) {
            let page = error.into_inner();
            self.page.begins_file = page.begins_file;
            self.miss(page.entries);
        }
    }

    /// Leaves out the page at hand, in which something has gone wrong with an entry.
    pub fn spoil(&mut self) {
        let page = std::mem::take(&mut self.page);
        self.page.begins_file = page.begins_file;
        self.miss(page.entries + 1);
    }

    /// Has the thread look where its file is, and begins the next if the thread has asked for that. To be
    /// called about once a second while there is nothing to write.
    pub fn look(&mut self, head: impl FnOnce(&str, u32, &mut Vec<u8>)) {
        if self.notes.wants_file() {
            self.prepare(head);
            self.turn_now();
        } else {
            // If there is no room, there is something to write, and then it looks as well.
            let _ = self.pages.try_send(Page::default());
        }
    }

    /// Writes that the journal ends here because the process does, and waits until all is written.
    pub async fn close(mut self) {
        line("end").write(&mut self.page.lines);
        self.turn().await;
        let Self { pages, done, .. } = self;
        drop(pages);
        // A thread that panicked has been reported.
        let _ = done.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn top(run: &str, part: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("top {} {part}\n", run.len()).as_bytes());
    }

    #[tokio::test]
    async fn a_full_file_is_turned_between_entries() {
        let folder = tempfile::tempdir().expect("a folder for a test");
        let file = folder.path().join("j");
        let bounds = Bounds { file: file.clone(), max_bytes: 40, files: 2 };
        let mut book = Book::open(bounds, 1, top).expect("it can be written");
        for _ in 0..2 {
            book.prepare(top);
            let is_full = book.add(|out| out.extend_from_slice(&[b'x'; 40]));
            assert!(is_full);
            book.turn().await;
        }
        book.close().await;
        let read = |path| fs::read_to_string(path).expect("it is there");
        assert_eq!(read(folder.path().join("j.1")).matches("top").count(), 1);
        let last = read(file);
        assert!(last.starts_with("top ") && last.contains(" 1\n"), "{last}");
        assert!(last.ends_with("x{\"kind\":\"end\"}\n"), "{last}");
    }

    #[tokio::test]
    async fn what_finds_no_room_is_a_gap() {
        let folder = tempfile::tempdir().expect("a folder for a test");
        let file = folder.path().join("j");
        let bounds = Bounds { file: file.clone(), max_bytes: 1 << 30, files: 2 };
        let mut book = Book::open(bounds, 1, top).expect("it can be written");
        book.miss(7);
        book.prepare(top);
        book.add(|out| out.push(b'\n'));
        book.turn_now();
        book.close().await;
        let text = fs::read_to_string(file).expect("it is there");
        assert!(text.contains("{\"kind\":\"gap\",\"entries\":7}\n"), "{text}");
        assert_eq!(text.matches("top").count(), 2, "after a gap all is said again: {text}");
    }

    #[test]
    fn where_nothing_can_be_written_there_is_no_journal() {
        let bounds = Bounds { file: "/nowhere/at/all".into(), max_bytes: 40, files: 2 };
        let error = Book::open(bounds, 1, top).expect_err("there is no such folder");
        let sentence = error.to_string();
        assert!(sentence.starts_with("cannot write the journal /nowhere/at/all: "), "{sentence}");
    }
}
