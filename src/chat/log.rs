//! The room's bounded, append-only order, and how far behind it a reader is.
//!
//! It is a ring: when it is full the oldest entry goes, whoever has yet to read it. So its memory is
//! bounded by its capacity and never by its slowest reader, and a reader that was overtaken finds
//! that out by asking. It keeps no list of readers, encodes nothing and wakes nobody.

use std::{collections::VecDeque, fmt};

/// A place in the log: everything appended before it, in entries and in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Entries before this place since the log began.
    pub entries: u64,
    /// Bytes of those entries.
    pub bytes: u64,
}

impl Position {
    /// How far a reader at this place is behind `head`.
    #[must_use]
    pub fn lag(&self, head: Position) -> Lag {
        Lag {
            entries: head.entries.saturating_sub(self.entries),
            bytes: head.bytes.saturating_sub(self.bytes),
        }
    }
}

/// What a reader has yet to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Entries unread.
    pub entries: u64,
    /// Bytes unread.
    pub bytes: u64,
}

impl Lag {
    /// True if the lag is over either bound.
    #[must_use]
    pub fn exceeds(&self, bound: Lag) -> bool {
        self.entries > bound.entries || self.bytes > bound.bytes
    }
}

impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries and {} bytes", self.entries, self.bytes)
    }
}

/// The log. `T` is what it keeps of an entry, cheap to clone.
#[derive(Debug)]
pub struct Log<T> {
    ring: VecDeque<(T, usize)>,
    tail: Position,
    head: Position,
    capacity: Lag,
}

impl<T: Clone> Log<T> {
    /// A log that keeps at most `capacity` entries and bytes, and always the latest entry.
    #[must_use]
    pub fn new(capacity: Lag) -> Self {
        Self {
            ring: VecDeque::new(),
            tail: Position::default(),
            head: Position::default(),
            capacity,
        }
    }

    /// The place after the latest entry: where the next one will stand.
    #[must_use]
    pub fn head(&self) -> Position {
        self.head
    }

    /// The latest entry, if there has been any.
    #[must_use]
    pub fn latest(&self) -> Option<&T> {
        self.ring.back().map(|(entry, _)| entry)
    }

    /// Appends an entry of `bytes` bytes, and drops as many of the oldest as its bounds demand.
    pub fn append(&mut self, entry: T, bytes: usize) {
        self.ring.push_back((entry, bytes));
        self.head.entries += 1;
        self.head.bytes += bytes as u64;
        while self.ring.len() > 1 && self.tail.lag(self.head).exceeds(self.capacity) {
            if let Some((_, bytes)) = self.ring.pop_front() {
                self.tail.entries += 1;
                self.tail.bytes += bytes as u64;
            }
        }
    }

    /// Copies up to `most` entries from `from` on to `into`, and returns the place after the last.
    ///
    /// # Errors
    /// [`Overtaken`] if the entry at `from` has been dropped already.
    pub fn read(
        &self,
        from: Position,
        most: usize,
        into: &mut impl Extend<T>,
    ) -> Result<Position, Overtaken> {
        let behind = self.tail.entries..=self.head.entries;
        if !behind.contains(&from.entries) {
            return Err(Overtaken { lag: from.lag(self.head) });
        }
        let start = usize::try_from(from.entries - self.tail.entries).unwrap_or(usize::MAX);
        let mut to = from;
        into.extend(self.ring.iter().skip(start).take(most).map(|(entry, bytes)| {
            to.entries += 1;
            to.bytes += *bytes as u64;
            entry.clone()
        }));
        Ok(to)
    }
}

/// The log has dropped what the reader wanted next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overtaken {
    /// How far behind the reader is.
    pub lag: Lag,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(log: &Log<u32>, from: Position) -> Result<Vec<u32>, Overtaken> {
        let mut entries = Vec::new();
        log.read(from, usize::MAX, &mut entries).map(|_| entries)
    }

    #[test]
    fn entries_come_back_in_order_and_in_portions() {
        let mut log = Log::new(Lag { entries: 10, bytes: 1000 });
        (0..5).for_each(|n| log.append(n, 7));
        let mut first = Vec::new();
        let next = log.read(Position::default(), 2, &mut first).expect("nothing was dropped");
        assert_eq!(first, [0, 1]);
        assert_eq!(next, Position { entries: 2, bytes: 14 });
        assert_eq!(read_all(&log, next), Ok(vec![2, 3, 4]));
        assert_eq!(next.lag(log.head()), Lag { entries: 3, bytes: 21 });
        assert_eq!(read_all(&log, log.head()), Ok(vec![]));
    }

    #[test]
    fn the_oldest_goes_when_either_bound_is_passed() {
        let mut by_count = Log::new(Lag { entries: 3, bytes: 1000 });
        (0..5).for_each(|n| by_count.append(n, 1));
        let overtaken = read_all(&by_count, Position { entries: 1, bytes: 1 });
        assert_eq!(overtaken, Err(Overtaken { lag: Lag { entries: 4, bytes: 4 } }));
        assert_eq!(read_all(&by_count, Position { entries: 2, bytes: 2 }), Ok(vec![2, 3, 4]));

        let mut by_bytes = Log::new(Lag { entries: 100, bytes: 10 });
        (0..5).for_each(|n| by_bytes.append(n, 4));
        assert!(read_all(&by_bytes, Position { entries: 2, bytes: 8 }).is_err());
        assert_eq!(read_all(&by_bytes, Position { entries: 3, bytes: 12 }), Ok(vec![3, 4]));
    }

    #[test]
    fn one_entry_larger_than_the_bound_is_kept_until_the_next() {
        let mut log = Log::new(Lag { entries: 4, bytes: 10 });
        log.append(0, 50);
        assert_eq!(read_all(&log, Position::default()), Ok(vec![0]));
        log.append(1, 1);
        assert!(read_all(&log, Position::default()).is_err());
    }
}
