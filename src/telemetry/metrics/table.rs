//! The table of metrics: every name, type, unit, label and meaning, and no other place has any.
//!
//! Handles are made from its rows, the scrape is sorted by it, and `docs/metrics.md` is printed from
//! it; a test holds the three together. It measures nothing itself.
//!
//! Names follow Prometheus: base units at the end, `_total` on counters. Label values are closed
//! sets that stand here in full, so a stranger can invent none, and each has its series from the
//! start: a rate over a series that springs up with its first event misses that event. No name and
//! no address of a participant is ever a label.

use std::fmt::Write as _;

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name, exactly as it is scraped.
    pub name: &'static str,
    /// What it does over time.
    pub kind: Kind,
    /// What one of it is.
    pub unit: &'static str,
    /// Its label, and all values that the label takes.
    pub label: Option<(&'static str, &'static [&'static str])>,
    /// What it says, in a sentence.
    pub help: &'static str,
}

/// The types of metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A whole number that only rises.
    Counter,
    /// A number with a fraction that only rises. The exporter counts in whole numbers, so such a one
    /// is kept as a gauge and declared as the counter it is.
    FractionalCounter,
    /// A number that rises and falls.
    Gauge,
    /// Samples, sorted into these bounds.
    Histogram(&'static [f64]),
}

impl Kind {
    /// The type as Prometheus names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter | Self::FractionalCounter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

impl Metric {
    const fn new(kind: Kind, name: &'static str, unit: &'static str, help: &'static str) -> Self {
        Self { name, kind, unit, label: None, help }
    }

    const fn by(self, label: &'static str, values: &'static [&'static str]) -> Self {
        Self { label: Some((label, values)), ..self }
    }
}

/// Makes a constant of each row, for the handles to be made from, and the table of them all.
macro_rules! table {
    ($($row:ident = $metric:expr;)*) => {
        $(pub(super) const $row: Metric = $metric;)*
        /// All rows, in the order in which they are shown.
        pub static TABLE: &[Metric] = &[$($row),*];
    };
}

/// What a message was. What could not be accepted, whatever it wanted to be, is unfit.
const TYPES: &[&str] = &["connect", "publish", "disconnect", "unfit"];
/// One for each `chat::Fault`.
const REASONS: &[&str] = &[
    "text",
    "too_fast",
    "flooding",
    "joins_too_fast",
    "not_connected",
    "second_connect",
    "unknown_type",
    "missing_reference",
    "bad_reference",
    "impersonation",
    "not_your_name",
    "already_present",
    "room_full",
    "address_full",
    "closing",
    "undecodable",
    "oversized",
    "negative_time",
    "clock_jump",
];
/// One for each `keys::Denied`.
const DENIALS: &[&str] = &[
    "no_certificate",
    "unknown_issuer",
    "expired_certificate",
    "early_certificate",
    "unusable_certificate",
    "revoked_certificate",
    "unknown_revocation",
    "nameless_certificate",
    "no_token",
    "malformed_token",
    "unknown_token",
    "different_names",
];
/// One for each `keys::Withdrawn`.
const REVOKED: &[&str] = &["withdrawn_token", "revoked_certificate"];
const HANDSHAKES: &[&str] = &["done", "timed_out", "broken", "not_http2"];
const RELOADS: &[&str] = &["loaded", "refused"];
/// One for each `grpc::door::Refusal`.
const TURNED_AWAY: &[&str] = &["too_many", "too_many_from_address", "too_fast"];
/// What `grpc::service` refuses by itself.
const BEFOREHAND: &[&str] = &["headers", "streams", "pending", "services", "inbound", "not_grpc"];
/// One for each `supervise::Task`.
const TASKS: &[&str] = &[
    "grpc", "http", "sweeper", "scribe", "log", "journal", "keys", "upkeep", "console", "wake_ups",
];
const OUTCOMES: &[&str] = &["sent", "lagged", "gone"];
/// One for each `chat::Departure`, and the two ends of a stream on which nobody came in.
const ENDS: &[&str] = &[
    "disconnected",
    "lost",
    "violated",
    "evicted",
    "server_stopped",
    "refused",
    "never_connected",
];

const AUDIENCES: &[f64] =
    &[0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4, 2e4];
const ACCEPTANCE: &[f64] =
    &[1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 1e-2, 1e-1, 1.0];
const LATENCIES: &[f64] =
    &[1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 0.1, 0.5, 1.0, 5.0];
const JUMPS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 100.0, 1e3, 1e4, 1e6, 1e8, 2_147_483_647.0];

table! {
    CONNECTED_CLIENTS = Metric::new(Kind::Gauge, "chittychat_connected_clients", "participants",
        "Participants that are present.");
    CONNECTIONS = Metric::new(Kind::Gauge, "chittychat_connections", "connections",
        "Connections to the chat's port that are open.");
    CONNECTIONS_REFUSED = Metric::new(Kind::Counter, "chittychat_connections_refused_total",
        "connections", "Connections that were closed when they had just been accepted, by reason: one \
        too many in all (limits.connections), from one address (limits.connections_per_address) or \
        in a second (limits.attempts_per_second).").by("reason", TURNED_AWAY);
    CONNECTIONS_TIMED_OUT = Metric::new(Kind::Counter, "chittychat_connections_timed_out_total",
        "connections", "Connections that were cut because for limits.idle_timeout no participant was \
        present on them and no other request was under way.");
    HTTP_CONNECTIONS = Metric::new(Kind::Gauge, "chittychat_http_connections", "connections",
        "Connections to the HTTP port that are open.");
    HTTP_CONNECTIONS_REFUSED = Metric::new(Kind::Counter,
        "chittychat_http_connections_refused_total", "connections", "Connections to the HTTP port that \
        were closed when they had just been accepted, by reason: one too many in all \
        (limits.http_connections), from one address (limits.connections_per_address) or in a second \
        (limits.attempts_per_second).").by("reason", TURNED_AWAY);
    REQUESTS_REFUSED = Metric::new(Kind::Counter, "chittychat_requests_refused_total", "requests",
        "Requests that were refused before they were answered, by reason: headers that are too \
        large (limits.header_bytes), one stream too many on a connection \
        (limits.streams_per_connection), one too many with nobody on them (limits.pending_streams; the \
        oldest is reset), one too many of another service's (limits.service_streams), or no room for a \
        large message on its way in (limits.inbound_bytes); and what is no gRPC: another method than \
        POST, or another content-type than application/grpc.")
        .by("reason", BEFOREHAND);
    MESSAGES_RECEIVED = Metric::new(Kind::Counter, "chittychat_messages_received_total", "messages",
        "Messages received, by what they were. Whatever was refused is unfit.").by("type", TYPES);
    MESSAGES_REJECTED = Metric::new(Kind::Counter, "chittychat_messages_rejected_total", "messages",
        "Messages refused, by reason. Together they are the unfit ones received.")
        .by("reason", REASONS);
    AUDIENCE = Metric::new(Kind::Counter, "chittychat_audience_total", "deliveries",
        "Deliveries owed: the recipients of every message when it was accepted. Once everybody has \
        read or gone it equals all chittychat_deliveries_total together, and it is never less.");
    DELIVERIES = Metric::new(Kind::Counter, "chittychat_deliveries_total", "deliveries",
        "What became of deliveries owed: sent (handed to the transport), lagged (unread by somebody \
        evicted) or gone (unread by somebody who left). Booked once for each batch written, and at \
        the end of the stream.").by("outcome", OUTCOMES);
    STREAMS_CLOSED = Metric::new(Kind::Counter, "chittychat_streams_closed_total", "streams",
        "Streams that ended, by how. One with a participant counts when that has left the room; one \
        on which nobody came in ends as refused, or as never_connected.").by("reason", ENDS);
    EVICTIONS = Metric::new(Kind::Counter, "chittychat_evictions_total", "participants",
        "Participants taken out because they lagged too far behind the log.");
    LAG_MAX = Metric::new(Kind::Gauge, "chittychat_lag_entries_max", "entries",
        "The most entries that any participant has yet to read, as the sweeper last saw it (every \
        100 ms).");
    FANOUT_RECIPIENTS = Metric::new(Kind::Histogram(AUDIENCES), "chittychat_fanout_recipients",
        "recipients", "How many recipients a join, a publish, a leave or the closing of the room had.");
    FANOUT_DURATION = Metric::new(Kind::Histogram(ACCEPTANCE), "chittychat_fanout_duration_seconds",
        "seconds", "From handing a received message to the room until every waiting recipient was \
        woken: waiting for the room, stamping, encoding, appending, waking. Delivery comes after \
        that, and is chittychat_delivery_latency_seconds.");
    DELIVERY_LATENCY = Metric::new(Kind::Histogram(LATENCIES),
        "chittychat_delivery_latency_seconds", "seconds", "From acceptance of a message until one \
        recipient's frame was handed to the transport. A sample: for each participant at most one a \
        second, the last message of a batch. Its count is no count of deliveries.");
    LAMPORT_TIME = Metric::new(Kind::Gauge, "chittychat_lamport_time", "ticks",
        "The Lamport time of the server's latest event. Peers of the original's schema end at \
        2147483647.");
    LAMPORT_JUMP = Metric::new(Kind::Histogram(JUMPS), "chittychat_lamport_jump", "ticks",
        "How far a received message moved the server's Lamport clock: 1 if the sender's clock was \
        not ahead.");
    DENIALS_MADE = Metric::new(Kind::Counter, "chittychat_denials_total", "requests",
        "Requests refused because of what their sender showed or did not show, by reason. Nothing \
        that came with them was read.").by("reason", DENIALS);
    STREAMS_REVOKED = Metric::new(Kind::Counter, "chittychat_streams_revoked_total", "streams",
        "Streams that were ended because what they were let in for holds no more, by reason: their \
        token was struck out (auth.tokens), or their certificate revoked (grpc.tls.crl).")
        .by("reason", REVOKED);
    TLS_HANDSHAKES = Metric::new(Kind::Counter, "chittychat_tls_handshakes_total", "handshakes",
        "TLS handshakes, by how they ended. A participant without a certificate that holds finishes \
        its handshake, and is then refused by request.").by("outcome", HANDSHAKES);
    KEY_RELOADS = Metric::new(Kind::Counter, "chittychat_key_reloads_total", "files",
        "Times that new certificates or new tokens were found, by whether they could be put into \
        force.").by("outcome", RELOADS);
    CERTIFICATE_EXPIRY = Metric::new(Kind::Gauge, "chittychat_tls_certificate_expiry_time_seconds",
        "seconds", "When the server's certificate ends, since 1970; 0 if it has none.");
    TASK_FAILURES = Metric::new(Kind::Counter, "chittychat_task_failures_total", "failures",
        "Times that a background task failed. While one is down, /readyz names it.")
        .by("task", TASKS);
    LOG_LINES_DROPPED = Metric::new(Kind::Counter, "chittychat_log_lines_dropped_total", "lines",
        "Log lines that were not written, because standard error took them too slowly or not at all.");
    JOURNAL_MISSED = Metric::new(Kind::Counter, "chittychat_journal_missed_total", "entries",
        "Entries that are missing from the journal, because the log overtook it or it could not be \
        written.");
    SPANS_DROPPED = Metric::new(Kind::Counter, "chittychat_spans_dropped_total", "spans",
        "Spans that were made and did not reach the collector.");
    SPANS_LIMITED = Metric::new(Kind::Counter, "chittychat_spans_limited_total", "messages",
        "Messages that were to be traced and were not, because the spans of the second were used up.");
    CONTEXTS_MALFORMED = Metric::new(Kind::Counter, "chittychat_trace_contexts_malformed_total",
        "messages", "Messages whose trace context was ignored, because it was malformed.");
    BUILD_INFO = Metric::new(Kind::Gauge, "chittychat_build_info", "",
        "Always 1; the label says which version runs.").by("version", &[env!("CARGO_PKG_VERSION")]);
    CPU = Metric::new(Kind::FractionalCounter, "process_cpu_seconds_total", "seconds",
        "User and system CPU time that the process has used.");
    OPEN_FDS = Metric::new(Kind::Gauge, "process_open_fds", "descriptors",
        "File descriptors that are open.");
    MAX_FDS = Metric::new(Kind::Gauge, "process_max_fds", "descriptors",
        "File descriptors that may be open; 0 is no limit.");
    RESIDENT = Metric::new(Kind::Gauge, "process_resident_memory_bytes", "bytes",
        "Memory that is resident.");
    VIRTUAL = Metric::new(Kind::Gauge, "process_virtual_memory_bytes", "bytes", "Virtual memory.");
    VIRTUAL_MAX = Metric::new(Kind::Gauge, "process_virtual_memory_max_bytes", "bytes",
        "Virtual memory that there may be; 0 is no limit.");
    START_TIME = Metric::new(Kind::Gauge, "process_start_time_seconds", "seconds",
        "When the process started, since 1970.");
    THREADS = Metric::new(Kind::Gauge, "process_threads", "threads", "Threads of the process.");
    WORKERS = Metric::new(Kind::Gauge, "tokio_workers", "threads",
        "Worker threads of the runtime.");
    ALIVE_TASKS = Metric::new(Kind::Gauge, "tokio_alive_tasks", "tasks",
        "Tasks of the runtime that have not ended.");
    QUEUE_DEPTH = Metric::new(Kind::Gauge, "tokio_global_queue_depth", "tasks",
        "Tasks that wait in the runtime's global queue.");
    BUSY = Metric::new(Kind::FractionalCounter, "tokio_worker_busy_seconds_total", "seconds",
        "Time that the runtime's workers were busy, all together.");
}

/// The table as Markdown, as `docs/metrics.md` holds it.
#[must_use]
pub fn metrics_table() -> String {
    let mut print =
        String::from("| name | type | unit | labels | meaning |\n|---|---|---|---|---|\n");
    for Metric { name, kind, unit, label, help } in TABLE {
        let label = match label {
            Some((label, _)) if *name == BUILD_INFO.name => format!("`{label}`"),
            Some((label, values)) => format!("`{label}`: `{}`", values.join("`, `")),
            None => String::new(),
        };
        // Writing to a string does not fail.
        let _ = writeln!(print, "| `{name}` | {} | {unit} | {label} | {help} |", kind.name());
    }
    print
}
