//! What a hang-up does to a server: its settings and its keys are read again, and it goes on.
//!
//! What can be put into force while people talk is; of what cannot it says that it waits for a restart. If
//! anything is refused, all settings stay as they are.

use super::{Server, limits::CHANGEABLE};
use crate::config::{Loaded, Settings, Sources};
use crate::supervise::blocking;
use crate::telemetry::log::{self, Log};

/// See the module's text.
#[derive(Debug)]
pub(super) struct Reload {
    sources: Sources,
    /// What was read last.
    loaded: Loaded,
}

impl Reload {
    pub(super) fn new(sources: Sources, loaded: Loaded) -> Self {
        Self { sources, loaded }
    }

    /// Reads everything again, puts into force what can be, and says what has come of it.
    pub(super) async fn read_again(&mut self, server: &Server, log: &Log) {
        tracing::info!("Reading settings, certificates and tokens again on SIGHUP");
        if let Err(why) = self.settings(server, log).await {
            tracing::error!("What was in force stays in force: {why}");
        }
        if let Err(why) = server.reload_keys().await {
            tracing::error!("What was in force stays in force: {why}");
        }
    }

    async fn settings(&mut self, server: &Server, log: &Log) -> Result<(), String> {
        let sources = self.sources.clone();
        let loaded = blocking(move || Settings::load(&sources)).await;
        let loaded = loaded.map_err(|error| format!("no thread to read settings: {error}"))?;
        let loaded = loaded.map_err(|error| error.to_string().replace('\n', "; "))?;
        let changes = loaded.changes(&self.loaded);
        let filter = log::filter(&loaded.settings.log.filter)?;
        server.set_limits(&loaded.settings).map_err(|failure| failure.to_string())?;
        log.refilter(&filter)?;
        // The variable may go over it, and does so for as long as the process runs.
        let is_filtered = filter == loaded.settings.log.filter;
        self.loaded = loaded;
        tell(&changes, |key| (key == "log.filter" && is_filtered) || CHANGEABLE.contains(&key));
        Ok(())
    }
}

/// Says which settings have changed, and which of those wait.
fn tell(changes: &[&str], is_in_force: impl Fn(&str) -> bool) {
    let (in_force, waiting): (Vec<_>, Vec<_>) = changes.iter().partition(|key| is_in_force(key));
    let listed = |keys: Vec<&&str>| keys.into_iter().copied().collect::<Vec<_>>().join(", ");
    let in_force = match in_force.len() {
        0 => "no new setting is in force".to_owned(),
        _ => format!("in force: {}", listed(in_force)),
    };
    let waiting = match waiting.len() {
        0 => String::new(),
        _ => format!("; these wait for a restart: {}", listed(waiting)),
    };
    tracing::info!("Read settings again; {in_force}{waiting}");
}
