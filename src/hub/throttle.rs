//! How often readers are woken, at most: once in a window, if the operator has set one.
//!
//! A wake-up costs much the same whether a reader finds one entry or ten, so whoever has more messages
//! than processors may trade latency for work: the first message after a pause wakes readers at once,
//! what follows within the window is found together at its end. Without a window nothing here is in
//! the way.
//!
//! The end of a window is told by a thread of its own, because the runtime's timers count in
//! milliseconds, and a window is rather a fraction of one. It is no queue: the log is. It never wakes
//! by itself, only for something that was appended.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// See the module's text.
#[derive(Debug)]
pub(super) struct Throttle {
    window: Duration,
    wakes: Mutex<Wakes>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Wakes {
    last: Option<Instant>,
    /// Something was appended since, and readers are to be woken when the window ends.
    is_due: bool,
    is_over: bool,
}

impl Throttle {
    pub(super) fn new(window: Duration) -> Self {
        Self { window, wakes: Mutex::default(), changed: Condvar::new() }
    }

    /// True if there is a window, and [`Self::wait`] has to be called.
    pub(super) fn is_on(&self) -> bool {
        !self.window.is_zero()
    }

    /// To be asked after something was appended. True if readers are to be woken now; if not, the one
    /// who waits does it when the window ends.
    pub(super) fn is_now(&self) -> bool {
        if !self.is_on() {
            return true;
        }
        let now = Instant::now();
        let mut wakes = self.lock();
        if wakes.is_over {
            return true;
        }
        if wakes.is_due {
            return false;
        }
        if wakes.last.is_none_or(|last| now.duration_since(last) >= self.window) {
            wakes.last = Some(now);
            return true;
        }
        wakes.is_due = true;
        self.changed.notify_one();
        false
    }

    /// Blocks until readers are to be woken. False once it is over.
    pub(super) fn wait(&self) -> bool {
        let idle = |wakes: &mut Wakes| !wakes.is_due && !wakes.is_over;
        let woken = self.changed.wait_while(self.lock(), idle);
        let mut wakes = woken.unwrap_or_else(PoisonError::into_inner);
        while !wakes.is_over {
            let passed = wakes.last.map_or(self.window, |last| last.elapsed());
            let Some(left) = self.window.checked_sub(passed).filter(|left| !left.is_zero()) else {
                (wakes.last, wakes.is_due) = (Some(Instant::now()), false);
                return true;
            };
            let waited = self.changed.wait_timeout(wakes, left);
            wakes = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// Ends the waiting. Whatever is appended from then on wakes at once.
    pub(super) fn end(&self) {
        self.lock().is_over = true;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Wakes> {
        self.wakes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wakes_at_once_and_the_rest_together_when_the_window_ends() {
        let window = Duration::from_millis(20);
        let throttle = Throttle::new(window);
        let begun = Instant::now();
        assert!(throttle.is_now());
        // If this thread is held up for the whole window, the next one rightly wakes at once again.
        let are_now = [throttle.is_now(), throttle.is_now()];
        assert!(are_now == [false, false] || begun.elapsed() >= window);
        if are_now == [false, false] {
            assert!(throttle.wait());
            assert!(begun.elapsed() >= window);
        }
    }

    #[test]
    fn without_a_window_every_message_wakes() {
        let throttle = Throttle::new(Duration::ZERO);
        assert!(!throttle.is_on());
        assert!((0..3).all(|_| throttle.is_now()));
    }

    #[test]
    fn whoever_waits_is_let_go_at_the_end() {
        let throttle = Throttle::new(Duration::from_secs(3600));
        assert!(throttle.is_now() && !throttle.is_now());
        throttle.end();
        assert!(!throttle.wait());
        assert!(throttle.is_now() && throttle.is_now(), "nobody is left to wake later");
    }
}
