//! A token bucket for spans: how many may be made in a second, whoever causes them.
//!
//! It differs from a common rate limiter in that it gives credit. A message is admitted while there
//! is a token left, and what it turns out to cost is charged once that is known; so a message is
//! traced whole or not at all, and whoever comes next waits until the debt is paid. No lock and no
//! waiting: one atomic number, the time at which the bucket will be full again.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

const SECOND: u64 = 1_000_000_000;

/// See the module's text. It holds what a second brings.
#[derive(Debug)]
pub(super) struct Bucket {
    start: Instant,
    /// Nanoseconds that one span costs.
    price: u64,
    /// When all debts are paid and the bucket is full, in nanoseconds from `start`.
    full_at: AtomicU64,
}

impl Bucket {
    pub(super) fn new(spans_per_second: u32) -> Self {
        let price = SECOND / u64::from(spans_per_second.max(1));
        Self { start: Instant::now(), price, full_at: AtomicU64::new(0) }
    }

    /// Whether a token is left.
    pub(super) fn admits(&self) -> bool {
        self.admits_at(self.now())
    }

    /// Takes tokens, into debt if need be.
    pub(super) fn charge(&self, spans: u32) {
        self.charge_at(self.now(), spans);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn admits_at(&self, now: u64) -> bool {
        self.full_at.load(Ordering::Relaxed).saturating_add(self.price)
            <= now.saturating_add(SECOND)
    }

    fn charge_at(&self, now: u64, spans: u32) {
        let cost = self.price.saturating_mul(spans.into());
        let pay = |full_at: u64| Some(full_at.max(now).saturating_add(cost));
        // The closure always gives a number, so this does not fail.
        let _ = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_brings_what_was_promised() {
        let bucket = Bucket::new(10);
        let spent = (0..100).take_while(|_| bucket.admits_at(0)).map(|_| bucket.charge_at(0, 1));
        assert_eq!(spent.count(), 10);
        assert!(!bucket.admits_at(SECOND / 10 - 1));
        assert!(bucket.admits_at(SECOND / 10));
        bucket.charge_at(100 * SECOND, 10);
        assert!(!bucket.admits_at(100 * SECOND), "idling saves up no more than a second's worth");
    }

    #[test]
    fn a_debt_is_paid_before_anything_else() {
        let bucket = Bucket::new(10);
        assert!(bucket.admits_at(0));
        bucket.charge_at(0, 25);
        assert!(!bucket.admits_at(SECOND));
        assert!(bucket.admits_at(SECOND * 16 / 10));
    }
}
