//! What has happened lately, ready to be sent: written once, read by every page.
//!
//! It keeps chunks, each what one turn of the [teller](super::teller) brought, as the bytes of one
//! server-sent event. It is bounded in events and in bytes, and drops the oldest chunk when it is full,
//! whoever has yet to read it. A page that comes later needs the names of whoever the kept chunks speak
//! of, so those stay for as long as anything names them.

use super::record::Batch;
use axum::body::Bytes;
use std::{
    collections::{BTreeMap, VecDeque},
    fmt, process,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::sync::watch;

/// The most events that are kept.
pub(super) const MOST_EVENTS: usize = 100_000;
/// The most bytes that they may have.
pub const MOST_BYTES: usize = 32 << 20;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Ring {
    /// Tells this ring from those of other runs of the server: numbers are of one of them.
    boot: String,
    kept: Mutex<Kept>,
    /// The number of the next record; it changes when there is something new.
    head: watch::Sender<u64>,
    /// Who is present, and where they stand, as the latest event about it.
    pub(super) people: watch::Sender<Bytes>,
    /// Rates and latencies, likewise.
    pub(super) gauges: watch::Sender<Bytes>,
}

#[derive(Debug, Default)]
struct Kept {
    chunks: VecDeque<Chunk>,
    nodes: BTreeMap<u32, Node>,
    /// The number of the next record.
    next: u64,
    events: usize,
    bytes: usize,
    is_over: bool,
}

/// What one turn brought.
#[derive(Debug)]
struct Chunk {
    /// The number of its first record.
    first: u64,
    events: usize,
    event: Bytes,
}

#[derive(Debug)]
struct Node {
    record: String,
    /// The number of the last record that names it, and of the one that introduced it.
    named: u64,
    introduced: u64,
    is_present: bool,
}

/// What a page is to be sent next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This, and then to go on from there.
    Chunk(Bytes, u64),
    /// The page is so many records too late: what is left begins here, and whoever is named in it was
    /// introduced by what was dropped.
    Dropped { missed: u64, first: u64, nodes: Bytes },
    /// Nothing yet.
    Wait,
    /// Nothing any more.
    Over,
}

impl Ring {
    pub(super) fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            boot: format!("{:x}-{:x}", since.as_micros(), process::id()),
            kept: Mutex::default(),
            head: watch::Sender::new(0),
            people: watch::Sender::default(),
            gauges: watch::Sender::default(),
        }
    }

    /// What tells this ring from others.
    pub(super) fn boot(&self) -> &str {
        &self.boot
    }

    /// How many pages follow it.
    pub(super) fn followers(&self) -> usize {
        self.head.receiver_count()
    }

    /// Wakes whoever holds it when there is something new.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// Takes in what one turn brought.
    pub(super) fn push(&self, batch: Batch) {
        if batch.records == 0 {
            return;
        }
        let mut kept = self.lock();
        let first = kept.next;
        kept.next += batch.records;
        let last = kept.next - 1;
        let event = event("records", Some(last), format_args!("[{}]", batch.json));
        for (id, record) in batch.nodes {
            let node = Node { record, named: last, introduced: last, is_present: true };
            kept.nodes.insert(id, node);
        }
        for id in batch.named {
            kept.nodes.entry(id).and_modify(|node| node.named = last);
        }
        for id in batch.left {
            kept.nodes.entry(id).and_modify(|node| node.is_present = false);
        }
        kept.events += batch.events;
        kept.bytes += event.len();
        kept.chunks.push_back(Chunk { first, events: batch.events, event });
        kept.trim();
        let next = kept.next;
        drop(kept);
        self.head.send_replace(next);
    }

    /// Nothing will follow.
    pub(super) fn finish(&self) {
        let mut kept = self.lock();
        kept.is_over = true;
        let next = kept.next;
        drop(kept);
        self.head.send_replace(next);
    }

    /// What is to be sent to a page that has everything before `from`.
    pub(super) fn next(&self, from: u64) -> Next {
        let kept = self.lock();
        let first = kept.chunks.front().map_or(kept.next, |chunk| chunk.first);
        if from < first {
            return Next::Dropped { missed: first - from, first, nodes: kept.nodes_before(first) };
        }
        let index = kept.chunks.partition_point(|chunk| chunk.first < from);
        match kept.chunks.get(index) {
            Some(chunk) => {
                let after = kept.chunks.get(index + 1).map_or(kept.next, |chunk| chunk.first);
                Next::Chunk(chunk.event.clone(), after)
            }
            None if kept.is_over => Next::Over,
            None => Next::Wait,
        }
    }

    /// Where a page that knows nothing begins, and whom it has to know of before that.
    pub(super) fn begin(&self) -> (u64, Bytes) {
        let kept = self.lock();
        let first = kept.chunks.front().map_or(kept.next, |chunk| chunk.first);
        (first, kept.nodes_before(first))
    }

    /// True if a chunk begins with this record, or will: then a page that has all before it can go on.
    pub(super) fn begins_at(&self, from: u64) -> bool {
        let kept = self.lock();
        from == kept.next || kept.chunks.binary_search_by_key(&from, |chunk| chunk.first).is_ok()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn trim(&mut self) {
        while self.chunks.len() > 1 && (self.events > MOST_EVENTS || self.bytes > MOST_BYTES) {
            let Some(chunk) = self.chunks.pop_front() else { return };
            self.events -= chunk.events;
            self.bytes -= chunk.event.len();
            let first = self.chunks.front().map_or(self.next, |chunk| chunk.first);
            self.nodes.retain(|_, node| node.is_present || node.named >= first);
        }
    }

    /// The event that introduces everybody who was introduced before this record. It has no number: it is
    /// no part of what can be asked for again.
    fn nodes_before(&self, first: u64) -> Bytes {
        let known = self.nodes.values().filter(|node| node.introduced < first);
        let records: Vec<_> = known.map(|node| node.record.as_str()).collect();
        if records.is_empty() {
            return Bytes::new();
        }
        event("records", None, format_args!("[{}]", records.join(",")))
    }
}

/// An event of the stream, whose form is the HTML standard's. Without an id it is no part of what can be asked
/// for again.
pub(super) fn event(name: &str, id: Option<u64>, data: impl fmt::Display) -> Bytes {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("event: {name}\n{id}data: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(events: usize, node: Option<u32>, named: &[u32]) -> Batch {
        let mut batch = Batch { records: 1, events, named: named.to_vec(), ..Batch::default() };
        batch.json = "0".repeat(events);
        batch.nodes.extend(node.map(|id| (id, format!("node {id}"))));
        batch
    }

    fn read(ring: &Ring, mut from: u64) -> usize {
        let mut chunks = 0;
        while let Next::Chunk(_, next) = ring.next(from) {
            assert!(next > from);
            (from, chunks) = (next, chunks + 1);
        }
        assert_eq!(ring.next(from), Next::Wait);
        chunks
    }

    #[test]
    fn a_page_reads_what_is_kept_and_what_comes() {
        let ring = Ring::new();
        assert_eq!((ring.begin(), read(&ring, 0)), ((0, Bytes::new()), 0));
        ring.push(Batch::default());
        assert_eq!(ring.next(0), Next::Wait, "nothing is no chunk");
        (0..5).for_each(|_| ring.push(batch(3, None, &[])));
        assert_eq!(read(&ring, 0), 5);
        assert_eq!(read(&ring, 3), 2);
        assert!(ring.begins_at(3) && ring.begins_at(5) && !ring.begins_at(6));
        ring.finish();
        assert_eq!(ring.next(5), Next::Over);
    }

    #[test]
    fn what_is_dropped_is_counted_and_who_is_still_named_is_introduced_again() {
        let ring = Ring::new();
        ring.push(batch(1, Some(1), &[1]));
        ring.push(batch(1, Some(2), &[2]));
        let mut leave = batch(1, None, &[1, 2]);
        leave.left.extend([1, 2]);
        ring.push(leave);
        ring.push(batch(MOST_EVENTS, None, &[2]));
        let Next::Dropped { missed, first, nodes } = ring.next(0) else { panic!("it is too late") };
        assert_eq!((missed, first), (3, 3));
        // The first left, and nothing that is kept names it.
        assert_eq!(nodes, "event: records\ndata: [node 2]\n\n");
        assert_eq!(ring.begin(), (3, nodes));
        assert_eq!(read(&ring, 3), 1);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let ring = Ring::new();
        let mut large = batch(1, None, &[]);
        large.json = "x".repeat(MOST_BYTES / 2);
        (0..4).for_each(|_| {
            ring.push(Batch {
                json: large.json.clone(),
                records: 1,
                events: 1,
                ..Batch::default()
            });
        });
        assert_eq!(ring.begin().0, 3, "one of a little over half the bytes");
    }
}
