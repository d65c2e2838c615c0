//! Lines on their way to standard error, and the thread that writes them.
//!
//! Whoever has a line hands it over and goes on. What waits is bounded in lines and in bytes; what finds
//! no room is dropped and counted, and so is what cannot be written, whyever: standard error may be
//! closed, its reader gone, its disk full. So every line is written, or counted, or still waits.
//!
//! Lines wait in blocks, so that many of them are written at once and memory is taken a block at a time.

use crate::supervise::{Task, undying};
use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};
use tracing_subscriber::fmt::MakeWriter;

/// The most bytes that the log holds: what waits, and what is being written.
pub const LOG_QUEUE_BYTES: usize = 4 << 20;
/// The most lines that wait to be written.
const LINES: usize = 16_384;
/// The size of a block. A longer line has one of its own.
const BLOCK: usize = 32 << 10;
/// How long the end waits for what is still to be written.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a standard error that would rather not wait is left alone.
const BETWEEN_TRIES: Duration = Duration::from_millis(5);

/// Counts the lines that were not written. There is one log in a process, so there is one of these.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// How many lines of this process's log were not written so far.
#[must_use]
pub fn dropped_lines() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// The side that hands lines over. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct LogQueue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// There is something to write, or nothing will follow.
    filled: Condvar,
    /// All of it has been written, or given up.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    blocks: VecDeque<Vec<u8>>,
    lines: usize,
    /// Bytes that blocks have taken, the one that is being written included.
    bytes: usize,
    is_writing: bool,
    is_over: bool,
}

/// Keeps the lines written. Dropping it waits for what is still to be written, for a second at most.
#[derive(Debug)]
pub(super) struct Flush(Arc<Shared>);

impl Drop for Flush {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.is_over = true;
        self.0.filled.notify_one();
        let is_busy = |waiting: &mut Waiting| waiting.is_writing || !waiting.blocks.is_empty();
        // Whatever is left then is for nobody.
        drop(self.0.emptied.wait_timeout_while(waiting, PATIENCE, is_busy));
    }
}

/// Starts the thread that writes what is handed over.
///
/// # Errors
/// If there is no thread to be had.
pub(super) fn start(sink: impl Write + Send + 'static) -> io::Result<(LogQueue, Flush)> {
    let shared = Arc::new(Shared::default());
    let mut writer = Writer { shared: Arc::clone(&shared), sink, is_torn: false };
    let write = move || undying(Task::Log, || writer.write_all());
    thread::Builder::new().name("log".into()).spawn(write)?;
    Ok((LogQueue(Arc::clone(&shared)), Flush(shared)))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a line over, or leaves it out.
    fn take(&self, line: &[u8]) {
        let mut waiting = self.lock();
        if waiting.take(line) {
            if !waiting.is_writing {
                self.filled.notify_one();
            }
        } else {
            DROPPED.fetch_add(lines_in(line) as u64, Ordering::Relaxed);
        }
    }
}

impl Waiting {
    /// False if there is no room.
    fn take(&mut self, line: &[u8]) -> bool {
        if self.lines >= LINES {
            return false;
        }
        let room = |block: &Vec<u8>| block.capacity() - block.len();
        if self.blocks.back().is_none_or(|block| room(block) < line.len()) {
            let block = Vec::with_capacity(BLOCK.max(line.len()));
            if self.bytes + block.capacity() > LOG_QUEUE_BYTES {
                return false;
            }
            self.bytes += block.capacity();
            self.blocks.push_back(block);
        }
        self.lines += lines_in(line);
        self.blocks.back_mut().expect("there is one with room").extend_from_slice(line);
        true
    }
}

impl<'a> MakeWriter<'a> for LogQueue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// A line comes in one piece.
impl Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.take(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The thread's side.
struct Writer<W> {
    shared: Arc<Shared>,
    sink: W,
    /// True if half a line has been written.
    is_torn: bool,
}

impl<W: Write> Writer<W> {
    /// Writes blocks until there are no more.
    fn write_all(&mut self) {
        while let Some(block) = self.next() {
            self.write(&block);
            let mut waiting = self.shared.lock();
            waiting.bytes -= block.capacity();
            waiting.is_writing = false;
            self.shared.emptied.notify_all();
        }
    }

    /// Waits for the next block. None if nothing will follow.
    fn next(&mut self) -> Option<Vec<u8>> {
        let idle = |waiting: &mut Waiting| waiting.blocks.is_empty() && !waiting.is_over;
        let waiting = self.shared.filled.wait_while(self.shared.lock(), idle);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let block = waiting.blocks.pop_front()?;
        waiting.is_writing = true;
        waiting.lines -= lines_in(&block);
        Some(block)
    }

    /// Writes a block as far as that goes, and counts the lines that are left of it.
    fn write(&mut self, block: &[u8]) {
        let mut left = block;
        if self.is_torn && self.sink.write_all(b"\n").is_ok() {
            self.is_torn = false;
        }
        while !left.is_empty() {
            match self.sink.write(left) {
                Ok(written @ 1..) => {
                    self.is_torn = left[written - 1] != b'\n';
                    left = &left[written..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    thread::sleep(BETWEEN_TRIES);
                }
                Ok(0) | Err(_) => {
                    DROPPED.fetch_add(lines_in(left) as u64, Ordering::Relaxed);
                    return;
                }
            }
        }
    }
}

/// What is handed over ends with the end of a line, and may be several.
fn lines_in(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// A standard error that takes so many bytes at a time when it is let, and fails otherwise.
    struct Sink {
        lets: mpsc::Receiver<io::Result<usize>>,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let most = self.lets.recv().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
            self.taken.lock().unwrap_or_else(PoisonError::into_inner).extend(&bytes[..most]);
            Ok(most)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// One test, because the lines that were dropped are the process's.
    #[test]
    fn every_line_is_written_or_counted_and_what_waits_is_bounded() {
        let (lets, taken) = (mpsc::channel(), Arc::default());
        let sink = Sink { lets: lets.1, taken: Arc::clone(&taken) };
        let (mut queue, flush) = start(sink).expect("there is a thread");
        let dropped = dropped_lines();

        // Half of the first line gets through, and then the disk is full.
        let mut hand = |line: &str| queue.write_all(line.as_bytes()).expect("it never fails");
        hand("one\n");
        lets.0.send(Ok(2)).expect("it listens");
        lets.0.send(Err(io::ErrorKind::StorageFull.into())).expect("it listens");
        let start = std::time::Instant::now();
        while dropped_lines() == dropped {
            assert!(start.elapsed() < Duration::from_secs(60), "it is counted");
            thread::yield_now();
        }
        assert_eq!(dropped_lines() - dropped, 1);

        // Nothing gets through: what waits has its bound in bytes, for long lines...
        let long = format!("{}\n", "x".repeat(1 << 20));
        for _ in 0..10 {
            hand(&long);
        }
        let is_bounded = queue.0.lock().bytes <= LOG_QUEUE_BYTES;
        assert!(is_bounded, "{:?}", queue.0.lock().bytes);
        let refused = dropped_lines() - dropped;
        assert!((7..=9).contains(&refused), "{refused} of eleven");

        // ... and then all that was let in is written, on a line of its own.
        drop(lets.0);
        drop(flush);
        let taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(taken.starts_with(b"on\nxxx"));
        assert_eq!(lines_in(&taken) as u64 - 1 + refused, 11, "each once");
    }

    #[test]
    fn short_lines_have_a_bound_of_their_own() {
        let mut waiting = Waiting::default();
        let let_in = (0..2 * LINES).filter(|_| waiting.take(b"x\n")).count();
        assert_eq!(let_in, LINES);
        assert!(waiting.bytes <= LOG_QUEUE_BYTES);
    }
}
