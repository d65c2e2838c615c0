//! What is known of a reader from outside: where it stands, and how much it has been given.
//!
//! The reader reports once for each batch that it writes, so others are right to within one
//! batch. The books of a seat are closed once: by the end of its stream or, if it is evicted before
//! that, then. A stream whose connection takes no more bytes can outlast its eviction by any time,
//! and what it was owed must not be missing from the books for as long.

use super::{
    Ledger,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};
use crate::chat::Position;
use std::sync::PoisonError;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Progress {
    entries: AtomicU64,
    bytes: AtomicU64,
    /// Deliveries that the ledger knows of; nothing once the books are closed.
    booked: Mutex<Option<u64>>,
}

impl Progress {
    pub(super) fn at(position: Position) -> Self {
        let progress = Self {
            entries: AtomicU64::default(),
            bytes: AtomicU64::default(),
            booked: Mutex::new(Some(0)),
        };
        progress.set(position);
        progress
    }

    pub(super) fn set(&self, position: Position) {
        self.entries.store(position.entries, Ordering::Relaxed);
        self.bytes.store(position.bytes, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Position {
        Position {
            entries: self.entries.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// Books deliveries. What comes after the closing has been booked as unread: a reader that was
    /// evicted with a segment in its hands may still pass that on.
    pub(super) fn book(&self, ledger: &Ledger, deliveries: u64) {
        if let Some(booked) = &mut *self.lock() {
            *booked += deliveries;
            ledger.sent(deliveries);
        }
    }

    /// Closes the books, and returns what was delivered until now. Answers once.
    pub(super) fn close(&self) -> Option<u64> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<u64>> {
        self.booked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
