//! The settings as Rust types: what the rest of the program is handed.
//!
//! No ranges and no defaults are here; they are in `table`, and a test proves that the two agree.

use serde::{Deserialize, Serialize};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// Everything that an operator may set, judged. The ranges are in
/// [`settings_table`](super::settings_table).
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The port of the chat.
    pub grpc: Grpc,
    /// The port that Prometheus and probes ask over HTTP.
    pub http: Http,
    /// The live page.
    pub console: Console,
    /// How participants prove who they are.
    pub auth: Auth,
    /// How much the room keeps, and for whom.
    pub room: Room,
    /// What the server's Lamport clock puts up with.
    pub clock: Clock,
    /// How a dead connection is noticed.
    pub keepalive: Keepalive,
    /// How long the end may take.
    pub shutdown: Shutdown,
    /// What one participant, and all together, may ask for.
    pub limits: Limits,
    /// How much is traced, once there is somewhere to send it.
    pub trace: Trace,
    /// Where events are written down.
    pub journal: Journal,
    /// The server's own log lines.
    pub log: Log,
}

/// The port of the chat.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Grpc {
    /// Address and port to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
    /// How connections are encrypted.
    pub tls: Tls,
}

/// How connections are encrypted. A relative path is one below the working directory.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate; empty for none. [`Tls::cert_and_key`] is what holds.
    pub cert: PathBuf,
    /// Its key; empty for none.
    pub key: PathBuf,
    /// Who issues certificates to participants; empty if they need none.
    pub client_ca: PathBuf,
    /// The certificates that those have revoked; empty if nobody says so.
    pub crl: PathBuf,
}

impl Tls {
    /// The files of the certificate and its key, if connections are encrypted.
    #[must_use]
    pub fn cert_and_key(&self) -> Option<(&Path, &Path)> {
        Some((set(&self.cert)?, set(&self.key)?))
    }

    /// The file of those who issue certificates to participants, if these need one.
    #[must_use]
    pub fn client_ca(&self) -> Option<&Path> {
        set(&self.client_ca)
    }

    /// The file of the certificates that those have revoked, if there is one.
    #[must_use]
    pub fn crl(&self) -> Option<&Path> {
        set(&self.crl)
    }
}

/// How participants prove who they are.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// The hashes of tokens; empty if participants need none.
    pub tokens: PathBuf,
}

impl Auth {
    /// The file of the hashes of tokens, if participants need one.
    #[must_use]
    pub fn tokens(&self) -> Option<&Path> {
        set(&self.tokens)
    }
}

/// A path that was set.
fn set(path: &Path) -> Option<&Path> {
    Some(path).filter(|path| !path.as_os_str().is_empty())
}

/// The port that Prometheus and probes ask over HTTP.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Address and port to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
}

/// The live page on the HTTP port.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Console {
    /// Whether there is one.
    pub serve: bool,
    /// Whether one may chat from it, where that is safe.
    pub chat: bool,
    /// Where traces are to be seen, with `{trace}` for the id of one; empty if nowhere.
    pub trace_url: String,
}

/// How much the room keeps, and for whom.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Room {
    /// How many entries the log keeps.
    pub capacity: u64,
    /// How many entries a participant may lie behind, if that was set; never more than
    /// [`capacity`](Self::capacity). [`Room::max_lag_entries`] is what holds.
    pub max_lag: Option<u64>,
    /// How many bytes of entries a participant may lie behind.
    pub max_lag_bytes: u64,
    /// The least time between two wake-ups of those who listen; zero is none.
    #[serde(with = "humantime_serde")]
    pub wake_window: Duration,
}

impl Room {
    /// How many entries a participant may lie behind: what was set, or else the capacity of the log.
    #[must_use]
    pub fn max_lag_entries(&self) -> u64 {
        self.max_lag.unwrap_or(self.capacity)
    }
}

/// What the server's Lamport clock puts up with.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// How far ahead of the server's clock a participant's message may lie, in ticks, and all of its
    /// messages of a second.
    pub max_jump: u64,
    /// The time that nobody may push the clock above, if it is less than one tick a microsecond since
    /// 1970; zero is that.
    pub ceiling: u64,
}

/// How a dead connection is noticed.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Keepalive {
    /// How long a connection may be silent before the server asks whether it lives.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// How long the answer may take before the connection counts as lost.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
}

/// How long the end may take.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    /// How long open streams get to end before they are cut.
    #[serde(with = "humantime_serde")]
    pub deadline: Duration,
}

/// What one participant, and all together, may ask for.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// How many participants may be present at once.
    pub participants: usize,
    /// How many of them may come from one address; 0 is no limit.
    pub participants_per_address: u32,
    /// How many connections may be open at once.
    pub connections: usize,
    /// How many of them may come from one address; 0 is no limit.
    pub connections_per_address: u32,
    /// How many connections may be opened in a second; 0 is no limit.
    pub attempts_per_second: u32,
    /// How many connections may be open at once on the HTTP port.
    pub http_connections: usize,
    /// How many participants may come in within a second; 0 is no limit.
    pub joins_per_second: u32,
    /// How many of them may come from one address; 0 is no limit.
    pub joins_per_second_per_address: u32,
    /// How many may come in at once; 0 is as many as in a second.
    pub join_burst: u32,
    /// How long a connection may be open with no participant present on it and no other request
    /// under way.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// How many requests may be under way on one connection.
    pub streams_per_connection: u32,
    /// How many streams may be open with nobody connected on them yet.
    pub pending_streams: usize,
    /// How many health watches and reflection streams may be open at once.
    pub service_streams: u32,
    /// The size of a request's headers, in bytes.
    pub header_bytes: u32,
    /// How many messages one participant may send in a second; 0 is no limit.
    pub messages_per_second: u32,
    /// How many of them may come at once; 0 is as many as in a second.
    pub message_burst: u32,
    /// The size of the largest message that is read, in bytes.
    pub frame_bytes: usize,
    /// What the messages of more than 4 KiB may have together that are on their way in, in bytes.
    pub inbound_bytes: usize,
    /// What everything that somebody outside can make the server hold may add up to, in bytes.
    pub memory: u64,
}

/// How much is traced. Where the spans go is no setting but in the standard `OTEL_…` variables.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// Of the messages whose trace begins at the server, this part is traced.
    pub ratio: f64,
    /// How many spans are made in a second at most.
    pub spans_per_second: u32,
    /// The largest audience that gets a span for each recipient.
    pub max_deliver_spans: u32,
    /// Whether spans say what was said.
    pub message_text: bool,
}

/// Where every event is written down, and how much of that is kept.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// The file that is written; empty is none.
    pub file: PathBuf,
    /// The size at which a file is put aside, in bytes.
    pub max_bytes: u64,
    /// How many files are kept, the current one included.
    pub files: u32,
}

/// The server's own log lines. The variable [`FILTER_VARIABLE`](super::FILTER_VARIABLE) goes over the
/// filter.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Text or JSON.
    pub format: LogFormat,
    /// Which lines are written.
    pub filter: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line, for machines.
    Json,
}
