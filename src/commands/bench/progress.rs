//! What whoever waits at a terminal sees: one line on standard error, now and then.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

/// How often the line is written anew.
const EVERY: Duration = Duration::from_millis(200);

/// A line that is written over itself; nothing at all where nobody watches.
#[derive(Debug)]
pub(super) struct Progress {
    is_watched: bool,
    written: Option<Instant>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { is_watched: io::stderr().is_terminal(), written: None }
    }

    /// Shows what `line` says, if it is time for that.
    pub(super) fn show(&mut self, line: impl FnOnce() -> String) {
        if self.is_watched && self.written.is_none_or(|last| last.elapsed() >= EVERY) {
            self.written = Some(Instant::now());
            // Progress that cannot be shown is no reason to stop.
            let _ = write!(io::stderr(), "\r{}\x1b[K", line());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.written.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
