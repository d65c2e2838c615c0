//! What everything adds up to that somebody outside can make the server hold.
//!
//! It is a sum: so many connections, streams and pages, each with the most that one of them may hold, and
//! what is there once. Nothing in it is multiplied with anything else but its own number, because what one
//! may hold is bounded for each and what grows with the room is shared. The sizes are upper bounds of what
//! was measured or is written down where it is bounded; docs/limits.md says which. What the system holds
//! for sockets is its own affair, and not in here.

use super::files::Granted;
use crate::config::Settings;
use crate::console;
use crate::grpc;
use crate::journal;
use crate::telemetry;
use std::fmt::{self, Write as _};

/// The program, its threads' stacks as far as they are used, and what its allocator keeps back.
const PROCESS: u64 = 24 << 20;
/// A connection to the chat's port: HTTP/2's state and tables, half a header, and what is read at once.
const CONNECTION: u64 = 40 << 10;
/// What TLS adds to one: a record each way, and half a handshake.
const TLS: u64 = 96 << 10;
/// A stream: its handler, and what it has for HTTP/2, which takes a frame beyond its bound.
const STREAM: u64 = (8 << 10) + grpc::SMALL as u64 + 3 * grpc::server::SEND_BUFFER as u64;
/// A stream of another service: what it may send ahead, once more as much for small frames.
const SERVICE: u64 =
    (16 << 10) + grpc::server::STREAM_WINDOW as u64 + grpc::server::CONNECTION_WINDOW as u64 / 2;
/// A connection to the HTTP port, but for a page's messages.
const HTTP: u64 = 64 << 10;
/// The reference of somebody, at its longest, and where it is kept.
const REFERENCE: u64 = 3 << 10;
/// What is around an entry of the log.
const ENTRY: u64 = 384;
/// What is read in one turn of a connection, in frames of a byte each; for each thread that reads.
const TURN: u64 = 768 << 10;

/// One part of the sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// What it is.
    pub(super) name: &'static str,
    /// How many there may be, and by which setting.
    count: u64,
    setting: &'static str,
    /// What one of them may hold.
    each: u64,
}

/// The whole sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sum(pub(super) Vec<Part>);

impl Part {
    fn bytes(&self) -> u64 {
        self.count.saturating_mul(self.each)
    }
}

impl Sum {
    /// The sum for these settings, with as many connections as there are files for.
    pub(super) fn of(settings: &Settings, granted: Granted) -> Self {
        let (limits, room) = (&settings.limits, &settings.room);
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let part = |name, count, setting, each| Part { name, count, setting, each };
        let participants = count(limits.participants);
        let connection = CONNECTION
            + 2 * u64::from(limits.header_bytes)
            + if settings.grpc.tls.cert_and_key().is_some() { TLS } else { 0 };
        let page =
            HTTP + count(limits.frame_bytes).saturating_mul(console::FRAMES_TO_REFUSE as u64);
        let mut parts = vec![
            part("the process", 1, "", PROCESS),
            part("reading", threads(), "", TURN),
            part("log lines", 1, "", telemetry::log::LOG_QUEUE_BYTES as u64),
            part("spans", 1, "", telemetry::export::QUEUE_BYTES),
            part("entries of the log", room.capacity, "room.capacity", ENTRY),
            // As they came, and as they are sent.
            part("bytes of the log", room.max_lag_bytes, "room.max_lag_bytes", 2),
            part("who is present", participants, "limits.participants", REFERENCE),
            part("connections", count(granted.chat), "limits.connections", connection),
            part("participants' streams", participants, "limits.participants", STREAM),
            part(
                "streams with nobody on them",
                count(limits.pending_streams),
                "limits.pending_streams",
                STREAM,
            ),
            part(
                "large messages coming in",
                count(limits.inbound_bytes),
                "limits.inbound_bytes",
                1,
            ),
            part(
                "other services' streams",
                limits.service_streams.into(),
                "limits.service_streams",
                SERVICE,
            ),
            part("HTTP connections", count(granted.http), "limits.http_connections", page),
        ];
        if !settings.journal.file.as_os_str().is_empty() {
            parts.push(part("the journal", 1, "journal.file", journal::QUEUE_BYTES as u64));
        }
        if settings.console.serve {
            parts.push(part("what pages are told", 1, "console.serve", console::RING_BYTES as u64));
            // Who the ring speaks of, and the list of them on its way to some pages.
            let lists = 1 + console::INTRODUCTIONS as u64;
            parts.push(part(
                "who pages are told of",
                participants,
                "limits.participants",
                lists * REFERENCE,
            ));
        }
        Self(parts)
    }

    /// All of it.
    pub(super) fn bytes(&self) -> u64 {
        self.0.iter().map(Part::bytes).fold(0, u64::saturating_add)
    }

    /// Nothing if it keeps to `limits.memory`; else what is to be changed.
    pub(super) fn fault(&self, memory: u64) -> Option<String> {
        let bytes = self.bytes();
        (bytes > memory).then(|| {
            let mut largest: Vec<_> = self.0.iter().filter(|part| !part.setting.is_empty()).collect();
            largest.sort_by_key(|part| std::cmp::Reverse(part.bytes()));
            let mut text = format!(
                "`limits.memory` is {memory} ({}), and what strangers may make the server hold adds up to \
                 {bytes} ({}): raise it, or lower ",
                Size(memory),
                Size(bytes)
            );
            for (place, part) in largest.iter().take(3).enumerate() {
                let gap = ["", ", ", " or "][place];
                // Writing to a string does not fail.
                let _ = write!(text, "{gap}`{}` ({} for {})", part.setting, Size(part.bytes()), part.name);
            }
            text
        })
    }
}

/// The sum as comments of a settings file.
impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# What strangers may make the server hold, at most (limits.memory is the bound):"
        )?;
        for part in &self.0 {
            let Part { name, count, setting, each } = part;
            let from = match (setting.is_empty(), count) {
                (true, 1) => String::new(),
                (true, count) => format!("{count} x {}", Size(*each)),
                (false, _) => format!("{count} x {} ({setting})", Size(*each)),
            };
            let line = format!("# {:>10}  {name:<28}  {from}", Size(part.bytes()).to_string());
            writeln!(f, "{}", line.trim_end())?;
        }
        writeln!(f, "# {:>10}  in all", Size(self.bytes()).to_string())
    }
}

/// Bytes as people read them.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes @ 0..1024 => write!(f, "{bytes} B"),
            bytes @ 1024..1_048_576 => write!(f, "{:.1} KiB", bytes as f64 / 1024.0),
            bytes => write!(f, "{:.1} MiB", bytes as f64 / 1_048_576.0),
        }
    }
}

fn threads() -> u64 {
    std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64)
}
