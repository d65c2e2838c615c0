//! The keeper: the thread that writes the pages of a [`Book`](super::Book).
//!
//! It survives whatever the disk does. A page that cannot be written is left out, reported (the first of a
//! row of them) and counted, and it waits for one that begins anew and says what is missing. If the file
//! has been moved away, or removed, or may grow no further, then it asks for a page that begins a file; what
//! comes before that still goes to the file that was moved, and is left out if that has no name any more.
//! A panic costs the page at which it happened.

use super::files::{Disk, Whereabouts};
use crate::supervise::{Task, undying};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio::sync::mpsc;

static MISSED: AtomicU64 = AtomicU64::new(0);

/// How many entries the journals of this process have missed: overtaken, or not written.
#[must_use]
pub fn missed() -> u64 {
    MISSED.load(Ordering::Relaxed)
}

/// Lines for the thread; without any, it is to look where its file is.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// True if these are the first lines of a file.
    pub(super) begins_file: bool,
    /// How many entries are missing before this page, if it says so.
    pub(super) mends: u64,
    pub(super) lines: Vec<u8>,
    pub(super) entries: u64,
}

/// What the two sides tell each other.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Entries left out, of which the journal does not say so yet.
    left_out: AtomicU64,
    wants_file: AtomicBool,
}

impl Notes {
    /// Entries were missed.
    pub(super) fn miss(&self, entries: u64) {
        self.left_out.fetch_add(entries, Ordering::Relaxed);
        MISSED.fetch_add(entries, Ordering::Relaxed);
    }

    pub(super) fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    /// True if the next page is to begin a file. Whoever takes it writes that page.
    pub(super) fn take_wants_file(&self) -> bool {
        self.wants_file.swap(false, Ordering::Relaxed)
    }

    pub(super) fn wants_file(&self) -> bool {
        self.wants_file.load(Ordering::Relaxed)
    }
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Keeper<D> {
    disk: D,
    notes: Arc<Notes>,
    /// True while pages are left out: until one comes that says so.
    is_broken: bool,
    /// True if a new file is to be begun.
    turn: bool,
    /// True while a page that begins a file is on its way.
    has_asked: bool,
    /// The entries of the page at hand.
    at_hand: u64,
}

impl<D: Disk> Keeper<D> {
    pub(super) fn new(disk: D, notes: Arc<Notes>) -> Self {
        Self { disk, notes, is_broken: false, turn: false, has_asked: false, at_hand: 0 }
    }

    /// Writes pages until there are no more.
    pub(super) fn keep(mut self, mut pages: mpsc::Receiver<Page>) {
        undying(Task::Journal, || {
            if self.at_hand > 0 {
                self.leave_out(None);
            }
            while let Some(page) = pages.blocking_recv() {
                self.take(&page);
            }
        });
        if let Err(error) = self.disk.sync() {
            tracing::warn!("the journal may not all be on the disk: {error}");
        }
    }

    fn take(&mut self, page: &Page) {
        self.look();
        if page.lines.is_empty() {
            return;
        }
        self.at_hand = page.entries.max(1);
        self.turn |= page.begins_file;
        self.has_asked &= !page.begins_file;
        if self.is_broken && page.mends == 0 {
            return self.leave_out(None);
        }
        match self.write(page) {
            Ok(()) => {
                if self.is_broken {
                    tracing::warn!("the journal is written again; it misses {}", page.mends);
                }
                (self.is_broken, self.at_hand) = (false, 0);
                // What is noted meanwhile stays noted.
                let mend = |left_out: u64| Some(left_out.saturating_sub(page.mends));
                let noted = &self.notes.left_out;
                let _ = noted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, mend);
            }
            Err(error) => {
                if error.kind() == io::ErrorKind::FileTooLarge {
                    self.ask();
                }
                self.leave_out(Some(error));
            }
        }
    }

    /// Looks where the file is.
    fn look(&mut self) {
        if self.turn || self.has_asked {
            return;
        }
        let what = match self.disk.whereabouts() {
            Whereabouts::InPlace => return,
            Whereabouts::Moved => "moved away",
            Whereabouts::Removed => "removed",
        };
        tracing::warn!("the file of the journal was {what}; the next is begun in its place");
        self.ask();
    }

    /// Asks for a page that begins a file.
    fn ask(&mut self) {
        self.has_asked = true;
        self.notes.wants_file.store(true, Ordering::Relaxed);
    }

    fn write(&mut self, page: &Page) -> io::Result<()> {
        if self.turn {
            self.disk.turn()?;
            self.turn = false;
        } else if self.has_asked && self.disk.whereabouts() == Whereabouts::Removed {
            return Err(io::Error::other("its file was removed"));
        }
        self.disk.write(&page.lines)
    }

    /// Leaves out the page at hand.
    fn leave_out(&mut self, error: Option<io::Error>) {
        if let Some(error) = error.filter(|_| !self.is_broken) {
            tracing::error!("the journal has a gap, since it cannot be written: {error}");
        }
        self.is_broken = true;
        self.notes.miss(std::mem::take(&mut self.at_hand));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// What a disk does next.
    #[derive(Clone, Copy, Debug)]
    enum Fate {
        Takes,
        Fails(io::ErrorKind),
        Panics,
    }

    /// A disk that does as it is told, and then takes what it is given.
    #[derive(Debug, Default)]
    struct Faulty {
        fates: Vec<Fate>,
        is_removed: bool,
        fails_to_sync: bool,
        kept: Arc<Mutex<Vec<String>>>,
    }

    impl Disk for Faulty {
        fn whereabouts(&self) -> Whereabouts {
            if self.is_removed { Whereabouts::Removed } else { Whereabouts::InPlace }
        }

        fn turn(&mut self) -> io::Result<()> {
            self.is_removed = false;
            self.kept.lock().unwrap_or_else(|it| it.into_inner()).push("turned".into());
            Ok(())
        }

        fn write(&mut self, lines: &[u8]) -> io::Result<()> {
            match self.fates.pop().unwrap_or(Fate::Takes) {
                Fate::Takes => {
                    let text = String::from_utf8_lossy(lines).into_owned();
                    self.kept.lock().unwrap_or_else(|it| it.into_inner()).push(text);
                    Ok(())
                }
                Fate::Fails(kind) => Err(kind.into()),
                Fate::Panics => panic!("the disk has gone mad"),
            }
        }

        fn sync(&self) -> io::Result<()> {
            if self.fails_to_sync { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
        }
    }

    fn page(text: &str, mends: u64) -> Page {
        Page { begins_file: false, mends, lines: text.into(), entries: 2 }
    }

    /// What a disk has kept of these pages, and how many entries are still to be said to be missing.
    fn keep(disk: Faulty, given: Vec<Page>) -> (Vec<String>, u64) {
        let (kept, notes) = (Arc::clone(&disk.kept), Arc::new(Notes::default()));
        let (pages, taken) = mpsc::channel(given.len());
        given.into_iter().for_each(|page| pages.try_send(page).expect("there is room"));
        drop(pages);
        Keeper::new(disk, Arc::clone(&notes)).keep(taken);
        let kept = kept.lock().unwrap_or_else(|it| it.into_inner()).clone();
        (kept, notes.left_out())
    }

    #[test]
    fn after_any_fault_there_is_nothing_until_a_page_says_what_is_missing() {
        use io::ErrorKind::{FileTooLarge, Other, StorageFull, WriteZero};
        let faults = [FileTooLarge, StorageFull, WriteZero, Other].map(Fate::Fails);
        for fault in faults.into_iter().chain([Fate::Panics]) {
            let disk = Faulty { fates: vec![fault, Fate::Takes], ..Faulty::default() };
            let pages = vec![page("a", 0), page("lost", 0), page("lost too", 0), page("b", 4)];
            let (kept, left_out) = keep(disk, pages);
            assert_eq!(kept, ["a", "b"], "{fault:?}");
            assert_eq!(left_out, 0, "{fault:?}: all of it has been said");
        }
    }

    #[test]
    fn what_would_go_to_a_removed_file_is_missed() {
        let disk = Faulty { is_removed: true, ..Faulty::default() };
        let anew = Page { begins_file: true, ..page("b", 2) };
        let (kept, left_out) = keep(disk, vec![page("lost", 0), anew]);
        assert_eq!((kept, left_out), (vec!["turned".to_owned(), "b".to_owned()], 0));
    }

    #[test]
    fn a_disk_that_fails_at_the_very_end_ends_nothing_else() {
        let disk = Faulty { fails_to_sync: true, ..Faulty::default() };
        assert_eq!(keep(disk, vec![page("a", 0)]), (vec!["a".to_owned()], 0));
    }
}
