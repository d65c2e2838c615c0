//! A thread that wakes the generator when the next message is due.
//!
//! It exists because a poll's own timeout counts in milliseconds, and a message that leaves a
//! millisecond late would be counted against the server. It does not send: it wakes the one thread
//! that does, so there is nothing to share and nothing to lock.

use mio::Waker;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// The fewest nanoseconds between two wake-ups. What falls due meanwhile is sent together.
const SHORTEST: f64 = 100_000.0;
/// The longest sleep, so that a pacer that is not wanted any more ends soon.
const LONGEST: Duration = Duration::from_millis(50);

/// Wakes until it is dropped.
#[derive(Debug)]
pub(super) struct Pacer {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pacer {
    /// Wakes at `start` and then whenever `nanoseconds` have gone by.
    pub(super) fn start(waker: Arc<Waker>, start: Instant, nanoseconds: f64) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let until = is_over.clone();
        let gap = nanoseconds.max(SHORTEST);
        let thread = thread::spawn(move || {
            let mut wakes = 0.0;
            while !until.load(Ordering::Relaxed) {
                let elapsed = start.elapsed();
                let due = Duration::from_nanos((wakes * gap) as u64);
                if elapsed < due {
                    thread::sleep((due - elapsed).min(LONGEST));
                    continue;
                }
                if waker.wake().is_err() {
                    return;
                }
                // If the machine was slow, what was missed is due by now: one wake-up serves it.
                wakes = (elapsed.as_nanos() as f64 / gap).floor() + 1.0;
            }
        });
        Self { is_over, thread: Some(thread) }
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // A thread that panicked has nothing to add.
        _ = self.thread.take().map(JoinHandle::join);
    }
}
