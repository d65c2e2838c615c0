//! How long deliveries wait in the log before their recipients' streams take them.
//!
//! Nobody notes that for a delivery: a stream reports how far it has read, once for each batch, and no
//! more. So somebody looks from outside, at every turn, and what has been passed since the look before has
//! waited at most until now. What is still unread is told as such, and told again once it is read.

use super::record::{About, Batch, Wait};
use crate::causality::live::Happening;
use crate::chat::Seat;
use crate::hub::Standing;
use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

/// The most deliveries of one participant whose reading is waited for. Of a laggard's, the rest is never
/// told to have been read.
const MOST_OPEN: usize = 256;

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Waits {
    open: BTreeMap<Seat, VecDeque<Open>>,
}

/// A delivery that has not been read.
#[derive(Debug)]
struct Open {
    /// The number of its entry in the log.
    entry: u64,
    accepted_at: Instant,
    it: Happening,
}

impl Waits {
    /// True if something is waited for.
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// How long a new delivery to somebody has waited by now: unread, if it is not read, and then it is
    /// kept in mind. `read` is how many entries its recipient has read.
    pub(super) fn judge(
        &mut self,
        (seat, read): (Seat, u64),
        (entry, accepted_at): (u64, Instant),
        it: &Happening,
    ) -> Wait {
        if read > entry {
            return since(accepted_at);
        }
        let open = self.open.entry(seat).or_default();
        if open.len() < MOST_OPEN {
            open.push_back(Open { entry, accepted_at, it: it.clone() });
        }
        Wait::Unread
    }

    /// A delivery is told again: what is known of it is this from now on.
    pub(super) fn retold(&mut self, seat: Seat, it: &Happening) {
        let open = self.open.get_mut(&seat).into_iter().flatten();
        if let Some(open) = open.into_iter().find(|open| open.it.cause == it.cause) {
            open.it = it.clone();
        }
    }

    /// Tells of what has been read by now. Of those who are gone nothing is waited for.
    pub(super) fn look(&mut self, standings: &BTreeMap<Seat, Standing>, batch: &mut Batch) {
        self.open.retain(|seat, open| {
            let Some(standing) = standings.get(seat) else { return false };
            while let Some(first) = open.front().filter(|first| first.entry < standing.read) {
                let wait = since(first.accepted_at);
                batch.event(&first.it, &About { wait, ..About::default() });
                open.pop_front();
            }
            !open.is_empty()
        });
    }
}

fn since(accepted_at: Instant) -> Wait {
    let ms = accepted_at.elapsed().as_millis();
    // What was read within the millisecond has waited for less than one.
    Wait::Ms(u64::try_from(ms).unwrap_or(u64::MAX).saturating_add(1))
}
