//! Where everybody stands in the log, for whoever wants to show it.
//!
//! It is a look from outside, as the sweeper takes one: each reader reports once for each batch that it
//! writes, so what is said here is right to within a batch. It costs the room's lock for as long as it
//! takes to go through those who are present, and nothing else.

use super::Hub;
use crate::chat::Seat;
use std::time::Instant;

/// Where a participant stands.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Whose place it is.
    pub seat: Seat,
    /// How many entries of the log it has read, or had no need to.
    pub read: u64,
    /// When the oldest entry was accepted that it has not read; nothing if it has read all.
    pub oldest_unread: Option<Instant>,
}

impl Hub {
    /// How many entries the log has had, and where everybody present stands, by seat.
    #[must_use]
    pub fn standings(&self) -> (u64, Vec<Standing>) {
        let state = self.lock();
        let head = state.log.head().entries;
        let standing = |(seat, progress): (&Seat, &std::sync::Arc<super::Progress>)| {
            let at = progress.get();
            let unread = (at.entries < head).then(|| state.log.segment(at).ok()?);
            let oldest = unread.flatten().and_then(|segment| segment.get(at));
            let oldest_unread = oldest.map(|(entry, _)| entry.accepted_at);
            Standing { seat: *seat, read: at.entries, oldest_unread }
        };
        (head, state.progress.iter().map(standing).collect())
    }
}
