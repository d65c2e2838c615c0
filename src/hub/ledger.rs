//! The books: where every delivery went. Promise 6 of the design, kept as four sums.
//!
//! They are written once for each message and once for each batch that a reader writes, never for
//! each delivery.

use super::sync::atomic::{AtomicU64, Ordering};
use crate::chat::{Settlement, invariant::Account};

/// The running sums.
#[derive(Debug, Default)]
pub struct Ledger {
    audience: AtomicU64,
    sent: AtomicU64,
    lagged: AtomicU64,
    gone: AtomicU64,
    evicted: AtomicU64,
}

/// The sums at one moment. While somebody has yet to read something, the audience is larger than
/// the rest together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// All deliveries so far, by what became of them.
    pub account: Account,
    /// Participants evicted so far, as far as their streams have ended.
    pub evicted: u64,
}

impl Ledger {
    pub(super) fn owe(&self, audience: u64) {
        self.audience.fetch_add(audience, Ordering::Relaxed);
    }

    pub(super) fn sent(&self, deliveries: u64) {
        self.sent.fetch_add(deliveries, Ordering::Release);
    }

    /// Books what a participant that is gone was owed and did not read.
    pub(super) fn settle(&self, settlement: Settlement, delivered: u64) {
        debug_assert!(delivered <= settlement.owed, "{delivered} delivered of {settlement:?}");
        let unread = settlement.owed.saturating_sub(delivered);
        if settlement.was_evicted {
            self.lagged.fetch_add(unread, Ordering::Release);
            self.evicted.fetch_add(1, Ordering::Relaxed);
        } else {
            self.gone.fetch_add(unread, Ordering::Release);
        }
    }

    /// The audience is read last. A delivery is owed before it is made, so what is owed is never
    /// less than the rest, in whatever moment it is read.
    pub(super) fn books(&self) -> Books {
        let read = |sum: &AtomicU64| sum.load(Ordering::Acquire);
        let (delivered, lagged, gone) = (read(&self.sent), read(&self.lagged), read(&self.gone));
        let account = Account { audience: read(&self.audience), delivered, lagged, gone };
        Books { account, evicted: read(&self.evicted) }
    }
}
