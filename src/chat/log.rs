//! The room's bounded, append-only order, and how far behind it a reader is.
//!
//! It is a ring: when it is full the oldest entry goes, whoever has yet to read it. So its memory is
//! bounded by its capacity and never by its slowest reader, and a reader that was overtaken finds
//! that out by asking. It keeps no list of readers, encodes nothing and wakes nobody.
//!
//! Its entries stand in segments of [`SEGMENT`], and readers are given a segment and not an entry. To
//! hand out entries would cost each delivery two counts on memory that all readers write to, and each
//! reader the lock of whoever appends; a segment costs that once for all its entries. The price is that
//! a reader keeps the whole segment alive in which it stands.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, OnceLock},
};

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

/// How many entries stand in one segment.
const SEGMENT: usize = 64;

/// A stretch of the log: so many entries, of which the later ones may still be to come.
///
/// Whoever holds one reads on in it without asking anybody, also what is appended after it was handed
/// out. It keeps its own entries and no others.
#[derive(Debug)]
pub struct Segment<T> {
    /// The place of its first entry.
    start: Position,
    /// Each entry, and how many bytes there are up to its end since the log began.
    entries: Box<[OnceLock<(T, u64)>]>,
}

impl<T> Segment<T> {
    fn new(start: Position) -> Arc<Self> {
        let entries = std::iter::repeat_with(OnceLock::new).take(SEGMENT).collect();
        Arc::new(Self { start, entries })
    }

    /// The entry at a place and the place behind it, if it is in this segment and has been appended.
    #[must_use]
    pub fn get(&self, at: Position) -> Option<(&T, Position)> {
        let index = usize::try_from(at.entries.checked_sub(self.start.entries)?).ok()?;
        let (entry, bytes) = self.entries.get(index)?.get()?;
        Some((entry, Position { entries: at.entries + 1, bytes: *bytes }))
    }

    fn is_in(&self, at: Position) -> bool {
        (self.start.entries..self.start.entries + SEGMENT as u64).contains(&at.entries)
    }
}

/// The log. `T` is what it keeps of an entry.
#[derive(Debug)]
pub struct Log<T> {
    /// Without a gap. The first has the tail in it, and the last is where the head is, or will be.
    segments: VecDeque<Arc<Segment<T>>>,
    tail: Position,
    head: Position,
    capacity: Lag,
}

impl<T> Log<T> {
    /// A log that keeps at most `capacity` entries and bytes, and always the latest entry. What it has
    /// dropped is freed with the segment that it stands in.
    #[must_use]
    pub fn new(capacity: Lag) -> Self {
        Self {
            segments: VecDeque::new(),
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
        let entries = self.head.entries.checked_sub(1)?;
        let segment = self.segments.back()?;
        segment.get(Position { entries, ..self.head }).map(|(entry, _)| entry)
    }

    /// Appends an entry of `bytes` bytes, and drops as many of the oldest as its bounds demand.
    pub fn append(&mut self, entry: T, bytes: usize) {
        let (at, after) = (self.head, self.head.bytes + bytes as u64);
        let index = match self.segments.back().filter(|last| last.is_in(at)) {
            Some(last) => (at.entries - last.start.entries) as usize % SEGMENT,
            None => {
                self.segments.push_back(Segment::new(at));
                0
            }
        };
        if let Some(last) = self.segments.back() {
            // Nobody else appends, and the head passes each place once.
            let taken = last.entries[index].set((entry, after)).is_err();
            debug_assert!(!taken, "two entries at {at:?}");
        }
        self.head = Position { entries: at.entries + 1, bytes: after };
        self.trim();
    }

    fn trim(&mut self) {
        while self.head.entries - self.tail.entries > 1
            && self.tail.lag(self.head).exceeds(self.capacity)
        {
            let Some(first) = self.segments.front() else { return };
            let Some((_, after)) = first.get(self.tail) else { return };
            self.tail = after;
            if !first.is_in(after) {
                self.segments.pop_front();
            }
        }
    }

    /// The segment that has the entry at `from`, or will have it.
    ///
    /// # Errors
    /// [`Overtaken`] if that entry has been dropped already.
    pub fn segment(&self, from: Position) -> Result<Option<&Arc<Segment<T>>>, Overtaken> {
        if !(self.tail.entries..=self.head.entries).contains(&from.entries) {
            return Err(Overtaken { lag: from.lag(self.head) });
        }
        let Some(first) = self.segments.front() else { return Ok(None) };
        let index = (from.entries - first.start.entries) as usize / SEGMENT;
        Ok(self.segments.get(index))
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

    fn read_all(log: &Log<u32>, mut from: Position) -> Result<Vec<u32>, Overtaken> {
        let mut entries = Vec::new();
        loop {
            let segment = log.segment(from)?;
            let Some((entry, after)) = segment.and_then(|segment| segment.get(from)) else {
                assert_eq!(from, log.head());
                return Ok(entries);
            };
            entries.push(*entry);
            from = after;
        }
    }

    #[test]
    fn entries_come_back_in_order_across_segments() {
        let mut log = Log::new(Lag { entries: 1000, bytes: 10_000 });
        assert_eq!(read_all(&log, Position::default()), Ok(vec![]));
        let all: Vec<u32> = (0..3 * SEGMENT as u32 + 5).collect();
        all.iter().for_each(|n| log.append(*n, 7));
        assert_eq!(read_all(&log, Position::default()), Ok(all.clone()));
        let last =
            Position { entries: 3 * SEGMENT as u64 + 4, bytes: 7 * (3 * SEGMENT as u64 + 4) };
        assert_eq!(read_all(&log, last), Ok(vec![all[all.len() - 1]]));
        assert_eq!(last.lag(log.head()), Lag { entries: 1, bytes: 7 });
        assert_eq!(read_all(&log, log.head()), Ok(vec![]));
        assert_eq!(log.latest(), all.last());
    }

    #[test]
    fn a_segment_shows_what_is_appended_after_it_was_handed_out() {
        let mut log = Log::new(Lag { entries: 10, bytes: 1000 });
        log.append('a', 1);
        let segment = log.segment(log.head()).expect("nothing was dropped").cloned();
        let (segment, place) = (segment.expect("there is one"), log.head());
        assert_eq!(segment.get(place), None);
        log.append('b', 2);
        assert_eq!(segment.get(place), Some((&'b', log.head())));
        assert_eq!(segment.get(log.head()), None);
    }

    #[test]
    fn what_is_dropped_is_freed_with_its_segment() {
        let mut log = Log::new(Lag { entries: 3, bytes: u64::MAX });
        (0..10 * SEGMENT).for_each(|n| log.append(n, 1));
        assert_eq!(log.segments.len(), 1);
        log.append(0, 1);
        log.append(0, 1);
        assert_eq!(log.segments.len(), 2, "the last two and one of before");
        log.append(0, 1);
        assert_eq!(log.segments.len(), 1);
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
