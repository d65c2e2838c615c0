//! Settings: what an operator may set, where each value came from, and what is wrong with it.
//!
//! Four layers, each over the one before: defaults, a TOML file, the environment, flags of the
//! command line. The `config` crate reads and merges them and serde gives them their types. The
//! result is whole and within its ranges, or it is not there: what is wrong in any layer is reported
//! at once, with its key and its source, before a port is opened. A value that a higher layer covers
//! is judged all the same, because a mistake that waits for somebody to remove a flag is worse than
//! one found today.
//!
//! This module opens one file and reads nothing else. The environment and the flags are arguments,
//! so a test needs no process of its own. Settings that have been loaded never change; whoever wants new
//! ones loads them again, and asks [`Loaded::changes`] what is new about them.
//!
//! Everything that is known about a setting stands in one place, `table`. The layers are judged by
//! it one at a time and before they are merged: the `config` crate lets `1.9`, `true` and `"yes"`
//! pass for whole numbers, and merging loses whatever a higher layer covers.
//!
//! Reading order: [`Settings`] (what comes out), `table` (what there is), [`Sources`] and [`Origin`]
//! (what goes in), `layers` (one over the other), `print` (what is in force, as TOML), `nearest`
//! (what a mistyped key was meant to be), [`ConfigError`].

mod error;
mod layers;
mod nearest;
mod print;
mod settings;
mod sources;
mod table;
#[cfg(test)]
mod tests;

pub use error::{ConfigError, Problem};
pub use settings::{
    Auth, Clock, Console, Grpc, Http, Journal, Keepalive, Limits, Log, LogFormat, Room, Settings,
    Shutdown, Tls, Trace,
};
pub use sources::{FILE_NAME, FILTER_VARIABLE, Flag, Origin, Sources};
pub use table::settings_table;

use layers::{Layers, Origins};

/// Settings together with where each of them came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is in force.
    pub settings: Settings,
    /// The same, in the form that a file has.
    values: toml::Table,
    origins: Origins,
}

impl Settings {
    /// Reads the layers, each over the one before, and judges the whole.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is no TOML, or if anything in any layer is refused.
    pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
        let mut layers = Layers::of_defaults();
        let (file, origin) = sources.read_file()?;
        layers.lay(file, origin);
        layers.lay_environment(&sources.environment)?;
        layers.lay_flags(&sources.flags);
        let (settings, origins) = layers.settle()?;
        let values = toml::Table::try_from(&settings).map_err(ConfigError::unmerged)?;
        Ok(Loaded { settings, values, origins })
    }
}

impl Default for Settings {
    /// The defaults alone.
    fn default() -> Self {
        let (settings, _) = Layers::of_defaults().settle().expect("a default is what it allows");
        settings
    }
}

impl Loaded {
    /// Where the value of a key such as `room.capacity` came from. None if there is no such key, or
    /// if it is not set and follows another.
    #[must_use]
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.origins.get(key)
    }

    /// The keys whose value is another one than in these, in the order of the table.
    #[must_use]
    pub fn changes(&self, since: &Self) -> Vec<&'static str> {
        let value = |loaded: &Self, key: &str| {
            let mut value = toml::Value::Table(loaded.values.clone());
            for name in key.split('.') {
                value = value.get(name)?.clone();
            }
            Some(value)
        };
        let keys = table::SETTINGS.iter().map(|setting| setting.key);
        keys.filter(|key| value(self, key) != value(since, key)).collect()
    }

    /// What is in force as a TOML file, with the source of each line in a comment behind it. Loaded
    /// as a file, it gives the same settings.
    #[must_use]
    pub fn to_toml(&self) -> String {
        print::to_toml(&self.values, &self.origins)
    }
}
