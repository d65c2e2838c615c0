//! The settings there are: the one place that knows a key, its kind, range, default and meaning.
//!
//! Judging a value, naming the known keys, printing what is in force and the documentation all read
//! this table. It judges one value at a time; that one setting may not exceed another is a word in
//! the table too ([`Standard::SameAs`]), but it takes all layers to see it, so `layers` does.

use super::sources::PREFIX;
use ::config::ValueKind;
use Kind::{Address, Choice, Count, File, Filter, Link, Place, Ratio, Span, Switch};
use Standard::{SameAs, Text};
use std::{
    fmt::{self, Write as _},
    net::SocketAddr,
    ops::RangeInclusive,
    time::Duration,
};
use tracing_subscriber::EnvFilter;

/// One setting.
#[derive(Debug)]
pub(super) struct Setting {
    /// Section and name, with a dot between.
    pub(super) key: &'static str,
    pub(super) kind: Kind,
    pub(super) standard: Standard,
    /// A phrase for the documentation.
    pub(super) meaning: &'static str,
}

/// What a value may be.
#[derive(Debug)]
pub(super) enum Kind {
    /// An IP address and a port.
    Address,
    /// A whole number.
    Count(RangeInclusive<i64>),
    /// A duration with its unit: a bare number is refused, because nobody can say what it counts.
    Span(RangeInclusive<Duration>),
    /// One of some words.
    Choice(&'static [&'static str]),
    /// A part of the whole, 0 to 1.
    Ratio,
    /// Yes or no.
    Switch,
    /// The path of a file, which is of no use without the file that another setting names. Empty is
    /// none. What the file holds is not judged here.
    File(Option<&'static str>),
    /// A file, or nothing.
    Place,
    /// What the log lets through, in the form of tracing-subscriber.
    Filter,
    /// Where something is to be seen, with this word in it for which; or nothing.
    Link(&'static str),
}

/// What holds if nobody says anything.
#[derive(Debug)]
pub(super) enum Standard {
    /// This value, written as in the environment.
    Text(&'static str),
    /// The value of another setting, which this one may not exceed either.
    SameAs(&'static str),
}

const KEEPALIVE: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);
const SHUTDOWN: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(600);

const IDLE: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);
const WAKE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_millis(100);

/// Every setting; those of one section stand together.
pub(super) static SETTINGS: &[Setting] = &[
    setting("grpc.listen", Address, Text("127.0.0.1:8080"))
        .means("where the chat listens; port 0 takes any free port"),
    setting("grpc.tls.cert", File(Some("grpc.tls.key")), Text(""))
        .means("the server's certificate and those that lead to a trusted one (PEM); with it, participants connect over TLS"),
    setting("grpc.tls.key", File(Some("grpc.tls.cert")), Text(""))
        .means("the private key of that certificate (PEM)"),
    setting("grpc.tls.client_ca", File(Some("grpc.tls.cert")), Text("")).means(
        "certificates of those who issue certificates to participants (PEM); with it, each must show one, and has its name",
    ),
    setting("grpc.tls.crl", File(Some("grpc.tls.client_ca")), Text("")).means(
        "lists of the certificates that those have revoked (PEM); whoever shows one is refused, and streams that hold one end",
    ),
    setting("http.listen", Address, Text("127.0.0.1:8081"))
        .means("where probes and Prometheus ask over HTTP; port 0 takes any free port"),
    setting("console.serve", Switch, Text("true"))
        .means("whether the HTTP port serves the console, a live page of the room, at /"),
    setting("console.chat", Switch, Text("true")).means(
        "whether one may join and chat from that page, where http.listen is this machine's own or auth.tokens is set",
    ),
    setting("console.trace_url", Link("{trace}"), Text(""))
        .means("where that page's links to traces lead, such as `http://localhost:16686/trace/{trace}`; empty is nowhere"),
    setting("auth.tokens", File(None), Text(""))
        .means("names and hashes of tokens, as `chittychat token` prints them; with it, each participant must send one, and has its name"),
    setting("room.capacity", Count(16..=16_777_216), Text("65536"))
        .means("entries that the room's log keeps"),
    setting("room.max_lag", Count(1..=16_777_216), SameAs("room.capacity"))
        .means("entries that a participant may lie behind before it is evicted"),
    setting("room.max_lag_bytes", Count(65_536..=1 << 30), Text("16777216"))
        .means("bytes of entries that a participant may lie behind before it is evicted"),
    setting("room.wake_window", Span(WAKE), Text("0s")).means(
        "least time between two wake-ups of those who listen, which saves work and costs latency",
    ),
    setting("clock.max_jump", Count(1..=1 << 62), Text("4294967296"))
        .means("ticks that a participant's message may lie ahead of the server's Lamport clock, and all its messages of a second together"),
    setting("clock.ceiling", Count(0..=1 << 62), Text("0"))
        .means("Lamport time above which nobody may push the server's clock, below the one tick a microsecond since 1970 that bounds it anyhow; 0 is none"),
    setting("keepalive.interval", Span(KEEPALIVE), Text("10s"))
        .means("silence on a connection before the server asks whether it lives"),
    setting("keepalive.timeout", Span(KEEPALIVE), Text("20s"))
        .means("wait for the answer before the connection counts as lost"),
    setting("shutdown.deadline", Span(SHUTDOWN), Text("10s"))
        .means("time that open streams get to end before they are cut"),
    setting("limits.participants", Count(1..=1_000_000), Text("16384"))
        .means("participants that may be present at once"),
    setting("limits.participants_per_address", Count(0..=1_000_000), Text("0")).means(
        "participants that may be present from one address (of IPv6: one /64); 0 is no limit",
    ),
    setting("limits.connections", Count(1..=1_000_000), Text("16640"))
        .means("connections that may be open at once, as far as the system grants the files for them"),
    setting("limits.connections_per_address", Count(0..=1_000_000), Text("0")).means(
        "connections that may be open from one address (of IPv6: one /64); 0 is no limit",
    ),
    setting("limits.attempts_per_second", Count(0..=1_000_000), Text("0"))
        .means("connections that may be opened in a second, by all together; 0 is no limit"),
    setting("limits.http_connections", Count(1..=1_000_000), Text("256"))
        .means("connections that may be open at once on the HTTP port"),
    setting("limits.joins_per_second", Count(0..=1_000_000), Text("0"))
        .means("participants that may come in within a second, all together; 0 is no limit"),
    setting("limits.joins_per_second_per_address", Count(0..=1_000_000), Text("0")).means(
        "participants that may come in within a second from one address (of IPv6: one /64); 0 is no limit",
    ),
    setting("limits.join_burst", Count(0..=1_000_000), Text("0")).means(
        "participants that may come in at once, where there is a limit; 0 is as many as in a second",
    ),
    setting("limits.idle_timeout", Span(IDLE), Text("10s")).means(
        "time that a connection may be open with no participant present on it and no other request under way",
    ),
    setting("limits.streams_per_connection", Count(1..=1_000_000), Text("16384"))
        .means("requests that may be under way on one connection, each participant's being one"),
    setting("limits.pending_streams", Count(1..=1_000_000), Text("4096")).means(
        "streams that may be open with nobody connected on them yet; of more, the oldest is reset",
    ),
    setting("limits.service_streams", Count(1..=1_000_000), Text("64"))
        .means("health watches and reflection streams that may be open at once"),
    setting("limits.header_bytes", Count(1024..=1_048_576), Text("8192"))
        .means("bytes of a request's headers, counted as HTTP/2 does: 32 more for each"),
    setting("limits.messages_per_second", Count(0..=1_000_000), Text("0"))
        .means("messages that one participant may send in a second; 0 is no limit"),
    setting("limits.message_burst", Count(0..=1_000_000), Text("0")).means(
        "messages that one participant may send at once, if there is a limit; 0 is as many as in a second",
    ),
    setting("limits.frame_bytes", Count(4096..=4_194_304), Text("65536"))
        .means("bytes of the largest message that the server reads"),
    setting("limits.inbound_bytes", Count(65_536..=1 << 40), Text("16777216")).means(
        "bytes that the messages of more than 4096 bytes may have together which are on their way in",
    ),
    setting("limits.memory", Count(33_554_432..=1 << 46), Text("6442450944")).means(
        "bytes that everything which somebody outside can make the server hold may add up to (see limits.md)",
    ),
    setting("trace.ratio", Ratio, Text("1.0"))
        .means("part of the messages whose trace begins here that is traced"),
    setting("trace.spans_per_second", Count(1..=1_000_000), Text("1000"))
        .means("spans that the server makes in a second, whoever causes them"),
    setting("trace.max_deliver_spans", Count(0..=1000), Text("16"))
        .means("largest audience whose recipients have a span each; a larger one shares a span"),
    setting("trace.message_text", Switch, Text("false")).means("whether spans say what was said"),
    setting("journal.file", Place, Text(""))
        .means("where every event is written down (see journal.md); empty is nowhere"),
    setting("journal.max_bytes", Count(65_536..=1 << 40), Text("67108864"))
        .means("size at which a file of the journal is put aside and the next begun"),
    setting("journal.files", Count(1..=1000), Text("4"))
        .means("files of the journal that are kept, the current one included"),
    setting("log.format", Choice(&["text", "json"]), Text("text"))
        .means("form of the server's log lines"),
    setting("log.filter", Filter, Text("info")).means(
        "which lines the server's log has, such as `info,chittychat::delivery=debug`; the variable `CHITTYCHAT_LOG` goes over it",
    ),
];

const fn setting(key: &'static str, kind: Kind, standard: Standard) -> Setting {
    Setting { key, kind, standard, meaning: "" }
}

/// The setting of a key.
pub(super) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// The first setting of a section.
pub(super) fn first_of(section: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.section() == section)
}

/// Every setting as a Markdown table: key, default, what is allowed, and what it means.
#[must_use]
pub fn settings_table() -> String {
    let mut table = String::from("| key | default | allowed | meaning |\n|---|---|---|---|\n");
    for setting in SETTINGS {
        let Setting { key, kind, standard, meaning } = setting;
        let (default, allowed) = match (standard, kind) {
            (SameAs(key), Count(low)) => {
                (format!("as `{key}`"), format!("{} to `{key}`", low.start()))
            }
            (SameAs(key), _) => (format!("as `{key}`"), kind.to_string()),
            (Text(""), _) => ("none".to_owned(), kind.to_string()),
            (Text(text), _) => (format!("`{text}`"), kind.to_string()),
        };
        // Writing to a string does not fail.
        let _ = writeln!(table, "| `{key}` | {default} | {allowed} | {meaning} |");
    }
    table
}

impl Setting {
    const fn means(self, meaning: &'static str) -> Self {
        Self { meaning, ..self }
    }

    /// The section that it stands in, such as `grpc.tls`.
    pub(super) fn section(&self) -> &'static str {
        self.key.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// Its name within its section.
    pub(super) fn name(&self) -> &'static str {
        self.key.rsplit_once('.').map_or(self.key, |(_, name)| name)
    }

    /// The environment variable that sets it.
    pub(super) fn variable(&self) -> String {
        format!("{PREFIX}__{}", self.key.replace('.', "__").to_uppercase())
    }
}

impl Kind {
    /// Whether a value is allowed. In a file a number must be a number; elsewhere all is text.
    pub(super) fn admits(&self, value: &ValueKind, is_file: bool) -> bool {
        match (self, value) {
            (Count(range), ValueKind::I64(count)) => range.contains(count),
            (Count(range), ValueKind::String(text)) => {
                !is_file && text.parse().is_ok_and(|count| range.contains(&count))
            }
            (Address, ValueKind::String(text)) => text.parse::<SocketAddr>().is_ok(),
            (Span(range), ValueKind::String(text)) => {
                humantime::parse_duration(text).is_ok_and(|span| range.contains(&span))
            }
            (Choice(words), ValueKind::String(text)) => words.contains(&text.as_str()),
            (Ratio, ValueKind::Float(ratio)) => (0.0..=1.0).contains(ratio),
            (Ratio, ValueKind::I64(ratio)) => (0..=1).contains(ratio),
            (Ratio, ValueKind::String(text)) => {
                !is_file && text.parse().is_ok_and(|ratio: f64| (0.0..=1.0).contains(&ratio))
            }
            (File(_), ValueKind::String(text)) => !text.contains('\0'),
            (Link(word), ValueKind::String(text)) => text.is_empty() || is_link(text, word),
            (Filter, ValueKind::String(text)) => {
                !text.trim().is_empty() && EnvFilter::try_new(text).is_ok()
            }
            (Place, ValueKind::String(_)) | (Switch, ValueKind::Boolean(_)) => true,
            (Switch, ValueKind::String(text)) => !is_file && ["true", "false"].contains(&&**text),
            _ => false,
        }
    }

    /// What would have been right, for whoever got it wrong.
    pub(super) fn wanted(&self) -> String {
        match self {
            Address => format!("an {self} such as 127.0.0.1:8080"),
            Count(_) => format!("a whole number from {self}"),
            Span(_) => format!("a duration such as 10s or 500ms, {self},"),
            Ratio => format!("a number from {self}"),
            File(_) => format!("a {self}"),
            Filter => format!("a {self} such as info"),
            Choice(_) | Link(_) | Switch | Place => self.to_string(),
        }
    }
}

/// Whether a text is the address of a page, with a word in it. A browser is going to be sent there, so
/// nothing else will do: not `javascript:`, for one.
fn is_link(text: &str, word: &str) -> bool {
    let is_web = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
    is_web && text.contains(word) && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// What is allowed, for the documentation.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address => f.write_str("IP address and port"),
            Count(range) => write!(f, "{} to {}", range.start(), range.end()),
            Span(range) => {
                let [least, most] = [*range.start(), *range.end()].map(humantime::format_duration);
                write!(f, "{least} to {most}")
            }
            Choice(words) => write!(f, "`{}`", words.join("` or `")),
            Ratio => f.write_str("0 to 1"),
            Switch => f.write_str("`true` or `false`"),
            File(Some(other)) => write!(f, "path of a file, with `{other}`"),
            File(None) => f.write_str("path of a file"),
            Filter => f.write_str("log filter"),
            Place => f.write_str("the path of a file, or nothing"),
            Link(word) => write!(f, "`http://…` or `https://…` with `{word}` in it, or nothing"),
        }
    }
}
