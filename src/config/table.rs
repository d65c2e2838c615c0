//! The settings there are: the one place that knows a key, its kind, range, default and meaning.
//!
//! Judging a value, naming the known keys, printing what is in force and the documentation all read
//! this table. It judges one value at a time; that one setting may not exceed another is a word in
//! the table too ([`Standard::SameAs`]), but it takes all layers to see it, so `layers` does.

use std::{fmt::Write as _, net::SocketAddr, ops::RangeInclusive, time::Duration};
use toml::Value;

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

/// Every setting; those of one section stand together.
pub(super) static SETTINGS: &[Setting] = &[
    Setting {
        key: "grpc.listen",
        kind: Kind::Address,
        standard: Standard::Text("127.0.0.1:8080"),
        meaning: "where the chat listens; port 0 takes any free port",
    },
    Setting {
        key: "http.listen",
        kind: Kind::Address,
        standard: Standard::Text("127.0.0.1:8081"),
        meaning: "where metrics, probes and the console listen; port 0 takes any free port",
    },
    Setting {
        key: "room.capacity",
        kind: Kind::Count(16..=16_777_216),
        standard: Standard::Text("65536"),
        meaning: "entries that the room's log keeps",
    },
    Setting {
        key: "room.max_lag",
        kind: Kind::Count(1..=16_777_216),
        standard: Standard::SameAs("room.capacity"),
        meaning: "entries that a participant may lie behind before it is evicted",
    },
    Setting {
        key: "room.max_lag_bytes",
        kind: Kind::Count(65_536..=1 << 30),
        standard: Standard::Text("16777216"),
        meaning: "bytes of entries that a participant may lie behind before it is evicted",
    },
    Setting {
        key: "clock.max_jump",
        kind: Kind::Count(1..=1 << 62),
        standard: Standard::Text("4294967296"),
        meaning: "ticks that a message may lie ahead of the server's Lamport clock",
    },
    Setting {
        key: "keepalive.interval",
        kind: Kind::Span(KEEPALIVE),
        standard: Standard::Text("10s"),
        meaning: "silence on a connection before the server asks whether it lives",
    },
    Setting {
        key: "keepalive.timeout",
        kind: Kind::Span(KEEPALIVE),
        standard: Standard::Text("10s"),
        meaning: "wait for the answer before the connection counts as lost",
    },
    Setting {
        key: "shutdown.deadline",
        kind: Kind::Span(SHUTDOWN),
        standard: Standard::Text("10s"),
        meaning: "time that open streams get to end before they are cut",
    },
    Setting {
        key: "limits.participants",
        kind: Kind::Count(1..=1_000_000),
        standard: Standard::Text("16384"),
        meaning: "participants that may be present at once",
    },
    Setting {
        key: "limits.messages_per_second",
        kind: Kind::Count(0..=1_000_000),
        standard: Standard::Text("0"),
        meaning: "messages that one participant may send in a second; 0 is no limit",
    },
    Setting {
        key: "limits.frame_bytes",
        kind: Kind::Count(4096..=4_194_304),
        standard: Standard::Text("65536"),
        meaning: "bytes of the largest message that the server reads",
    },
    Setting {
        key: "log.format",
        kind: Kind::Choice(&["text", "json"]),
        standard: Standard::Text("text"),
        meaning: "form of the server's log lines",
    },
];

/// The setting of a key.
pub(super) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// The first setting of a section.
pub(super) fn first_of(section: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| parts(setting.key).0 == section)
}

/// Section and name of a key.
pub(super) fn parts(key: &'static str) -> (&'static str, &'static str) {
    key.split_once('.').unwrap_or(("", key))
}

/// Every setting as a Markdown table: key, default, what is allowed, and what it means.
#[must_use]
pub fn settings_table() -> String {
    let mut table = String::from("| key | default | allowed | meaning |\n|---|---|---|---|\n");
    for setting in SETTINGS {
        let default = match setting.standard {
            Standard::Text(text) => format!("`{text}`"),
            Standard::SameAs(other) => format!("as `{other}`"),
        };
        let allowed = setting.allowed();
        // Writing to a string does not fail.
        let _ =
            writeln!(table, "| `{}` | {default} | {allowed} | {} |", setting.key, setting.meaning);
    }
    table
}

impl Setting {
    /// The environment variable that sets it.
    pub(super) fn variable(&self) -> String {
        format!("CHITTYCHAT__{}", self.key.replace('.', "__").to_uppercase())
    }

    /// What is allowed, for the documentation.
    fn allowed(&self) -> String {
        match (&self.kind, &self.standard) {
            (Kind::Count(range), Standard::SameAs(other)) => {
                format!("{} to `{other}`", range.start())
            }
            (Kind::Count(range), _) => format!("{} to {}", range.start(), range.end()),
            (Kind::Span(range), _) => bounds(range),
            (Kind::Address, _) => "IP address and port".to_owned(),
            (Kind::Choice(words), _) => either(words),
        }
    }
}

impl Kind {
    /// Reads a value as the environment or a flag gives it. The result is in the form that a file
    /// has; none if it is not allowed.
    pub(super) fn read_text(&self, text: &str) -> Option<Value> {
        match self {
            Self::Address => {
                let address = text.parse::<SocketAddr>().ok()?;
                Some(address.to_string().into())
            }
            Self::Count(range) => {
                let count = text.parse().ok()?;
                range.contains(&count).then_some(Value::Integer(count))
            }
            Self::Span(range) => {
                let span = humantime::parse_duration(text).ok()?;
                range.contains(&span).then(|| shown(span).into())
            }
            Self::Choice(words) => words.contains(&text).then(|| text.into()),
        }
    }

    /// Reads a value of a file. A number must be a number there, and no text with one in it.
    pub(super) fn read_toml(&self, value: &Value) -> Option<Value> {
        match (self, value) {
            (Self::Count(range), Value::Integer(count)) => {
                range.contains(count).then(|| value.clone())
            }
            (Self::Count(_), _) => None,
            (_, Value::String(text)) => self.read_text(text),
            _ => None,
        }
    }

    /// What would have been right, for whoever got it wrong.
    pub(super) fn wanted(&self) -> String {
        match self {
            Self::Address => "an IP address and port such as 127.0.0.1:8080".to_owned(),
            Self::Count(range) => {
                format!("a whole number from {} to {}", range.start(), range.end())
            }
            Self::Span(range) => {
                format!("a duration such as 10s or 500ms, {},", bounds(range))
            }
            Self::Choice(words) => either(words),
        }
    }
}

fn shown(span: Duration) -> String {
    humantime::format_duration(span).to_string()
}

fn bounds(range: &RangeInclusive<Duration>) -> String {
    format!("{} to {}", shown(*range.start()), shown(*range.end()))
}

fn either(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(" or ")
}
