//! Settings: what an operator may set, where each value came from, and what is wrong with it.
//!
//! Four layers, each over the one before: defaults, a TOML file, the environment, flags of the
//! command line. The result is typed, whole and within its ranges, or it is not there: every
//! mistake in every layer is reported at once, with its key and its source, before a port is opened.
//! A value that a higher layer covers is judged all the same, because a mistake that waits for
//! somebody to remove a flag is worse than one found today.
//!
//! This module opens one file and reads nothing else. The environment and the flags are arguments,
//! so a test needs no process of its own. Nothing is reloaded: settings hold until the server ends.
//!
//! Everything that is known about a setting stands in one place, the table in `table.rs`: its key,
//! kind, range, default and meaning. The layers are judged by it, an unknown key is one that it does
//! not hold, and [`settings_table`] prints it for the documentation. The structs below only give the
//! judged values their Rust types; a test proves that the two agree. The `config` crate would layer
//! as well, but it lets `1.9`, `true` and `"yes"` pass for whole numbers, and a table in one layer
//! silently swallows a bad value in another.
//!
//! Reading order: this file (what comes out), `table` (what there is), [`Sources`] and [`Origin`]
//! (what goes in), `layers` (one over the other), `print` (what is in force, as TOML), `nearest`
//! (what a mistyped key was meant to be), [`ConfigError`].

mod error;
mod layers;
mod nearest;
mod print;
mod sources;
mod table;
#[cfg(test)]
mod tests;

pub use error::{ConfigError, Problem};
pub use sources::{FILE_NAME, FILTER_VARIABLE, Flag, Origin, Sources};
pub use table::settings_table;

use layers::{InForce, Layers};
use serde::Deserialize;
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

/// Everything that an operator may set, judged. The ranges are in [`settings_table`].
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The port of the chat.
    pub grpc: Grpc,
    /// The port of metrics, probes and the console.
    pub http: Http,
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
    /// The form of the server's own log lines.
    pub log: Log,
}

/// The port of the chat.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Grpc {
    /// Address and port to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
}

/// The port of metrics, probes and the console.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Address and port to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
}

/// How much the room keeps, and for whom.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Room {
    /// How many entries the log keeps.
    pub capacity: u64,
    /// How many entries a participant may lie behind, if that was set; never more than
    /// [`capacity`](Self::capacity). [`Room::max_lag_entries`] is what holds.
    pub max_lag: Option<u64>,
    /// How many bytes of entries a participant may lie behind.
    pub max_lag_bytes: u64,
}

impl Room {
    /// How many entries a participant may lie behind: what was set, or else the capacity of the log.
    #[must_use]
    pub fn max_lag_entries(&self) -> u64 {
        self.max_lag.unwrap_or(self.capacity)
    }
}

/// What the server's Lamport clock puts up with.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// How far ahead of the server's clock a message may lie, in ticks.
    pub max_jump: u64,
}

/// How a dead connection is noticed.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
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
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    /// How long open streams get to end before they are cut.
    #[serde(with = "humantime_serde")]
    pub deadline: Duration,
}

/// What one participant, and all together, may ask for.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// How many participants may be present at once.
    pub participants: usize,
    /// How many messages one participant may send in a second; 0 is no limit.
    pub messages_per_second: u32,
    /// The size of the largest message that is read, in bytes.
    pub frame_bytes: usize,
}

/// The form of the server's own log lines. Which of them are written is no setting but the filter
/// in the variable [`FILTER_VARIABLE`].
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Text or JSON.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line, for machines.
    Json,
}

impl Settings {
    /// Reads the layers, each over the one before, and judges the whole.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is no TOML, or if anything in any layer is refused.
    pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
        let mut layers = Layers::of_defaults();
        if let Some((table, origin)) = sources.read_file()? {
            layers.lay_file(&table, &origin);
        }
        layers.lay_environment(&sources.environment);
        layers.lay_flags(&sources.flags);
        let in_force = layers.settle()?;
        Ok(Loaded { settings: typed(&in_force), in_force })
    }
}

impl Default for Settings {
    /// The defaults alone.
    fn default() -> Self {
        typed(&Layers::of_defaults().in_force)
    }
}

/// Settings together with where each of them came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is in force.
    pub settings: Settings,
    in_force: BTreeMap<&'static str, InForce>,
}

impl Loaded {
    /// Where the value of a key such as `room.capacity` came from. None if there is no such key, or
    /// if it is not set and follows another.
    #[must_use]
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.in_force.get(key).map(|value| &value.origin)
    }

    /// What is in force as a TOML file, with the source of each line in a comment behind it. Loaded
    /// as a file, it gives the same settings.
    #[must_use]
    pub fn to_toml(&self) -> String {
        print::to_toml(&self.in_force)
    }
}

/// Gives judged values their Rust types.
fn typed(in_force: &BTreeMap<&'static str, InForce>) -> Settings {
    let mut sections = BTreeMap::<&str, toml::Table>::new();
    for (key, InForce { value, .. }) in in_force {
        let (section, name) = table::parts(key);
        let values = sections.entry(section).or_default();
        values.insert(name.to_owned(), value.clone());
    }
    sections
        .into_iter()
        .map(|(section, values)| (section.to_owned(), values.into()))
        .collect::<toml::Table>()
        .try_into()
        .expect("the table of settings lets nothing through that the types do not hold")
}
