//! `chittychat serve` as a command: its arguments, its signals, its end.

use super::{LINGER, Server, journal_bounds, limits, memory::Sum, reload::Reload};
use crate::commands::{Failure, guard};
use crate::config::{Flag, LogFormat, Settings, Sources};
use crate::journal;
use crate::shutdown::{HangUp, Request, Signals};
use crate::telemetry::{
    self, Spans,
    export::{self, Service},
    lifecycle, log, names,
    spans::Policy,
};
use std::{
    io::{self, Write as _},
    path::PathBuf,
};
use tokio::time::Instant;
use tracing::Instrument as _;

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Every setting can also stand in the file, or in the environment: room.capacity is \
    CHITTYCHAT__ROOM__CAPACITY there. Flags go over the environment, the environment over the file."
)]
pub struct Args {
    /// Settings file (TOML); without it, chittychat.toml is read if it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where participants connect (gRPC) [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Where probes and Prometheus ask (HTTP) [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS:PORT")]
    http_listen: Option<String>,
    /// Write every event to FILE, for `chittychat verify` [default: none]
    #[arg(long, value_name = "FILE")]
    journal: Option<String>,
    /// How log lines look: text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Print the settings in force, with the source of each, and exit
    #[arg(long)]
    print_config: bool,
    /// Say whether it would start with these settings and the files that they name, and exit
    #[arg(long, conflicts_with = "print_config")]
    check_config: bool,
}

impl Args {
    fn sources(self) -> Sources {
        let flags = [
            ("grpc.listen", self.listen, "--listen"),
            ("http.listen", self.http_listen, "--http-listen"),
            ("journal.file", self.journal, "--journal"),
            ("log.format", self.log_format, "--log-format"),
        ];
        let given = flags
            .into_iter()
            .filter_map(|(key, value, flag)| value.map(|value| Flag::new(key, value, flag)));
        Sources::of_process(self.config, given.collect())
    }
}

/// Serves until a signal, and then drains.
///
/// # Errors
/// If a setting is refused, a file that one names cannot be used, the log cannot be started, a port cannot be bound, or the server fails.
pub async fn run(args: Args) -> Result<(), Failure> {
    let Args { print_config, check_config, .. } = args;
    let sources = args.sources();
    let loaded = Settings::load(&sources).map_err(|error| Failure::Usage(error.to_string()))?;
    if print_config {
        let sum = Sum::of(&loaded.settings, limits::granted(&loaded.settings));
        let print = format!("{}\n{sum}", loaded.to_toml());
        return io::stdout().write_all(print.as_bytes()).map_err(Failure::output);
    }
    let settings = loaded.settings.clone();
    let filter = log::filter(&settings.log.filter).map_err(Failure::Usage)?;
    let spans = spans(&settings)?;
    if check_config {
        return check(&settings);
    }
    let format = match settings.log.format {
        LogFormat::Text => telemetry::Format::Text,
        LogFormat::Json => telemetry::Format::Json,
    };
    // Kept to the end: dropping it writes the lines that are still to be written.
    let log = log::start(format, &filter, &spans).map_err(Failure::Usage)?;
    let mut signals = Signals::listen(HangUp::Reloads).map_err(Failure::signals)?;
    let starting = Server::start_traced(&settings, spans.clone());
    let server = starting.instrument(lifecycle::start(&spans)).await?;
    let mut reload = Reload::new(sources, loaded);
    let signal = loop {
        let request = tokio::select! {
            request = signals.request() => request,
            () = server.failed() => {
                spans.shut_down(LINGER).await;
                return Err(Failure::Failed("the server failed".into()));
            }
        };
        match request {
            Request::Stop(signal) => break signal,
            Request::Reload => reload.read_again(&server, &log).await,
            Request::Nothing(signal) => tracing::info!("{signal} asks for nothing here"),
        }
    };
    let deadline = settings.shutdown.deadline;
    tracing::info!("Stopping on {signal}: participants have {deadline:?} to go");
    let end = Instant::now() + deadline;
    let drained = server.drain(deadline).instrument(lifecycle::stop(&spans));
    let is_empty = signals.or_exit(drained).await;
    // Like the scribe's last lines: part of the deadline, but with a little time of their own.
    let left = end.saturating_duration_since(Instant::now()).max(LINGER);
    signals.or_exit(spans.shut_down(left)).await;
    if is_empty {
        tracing::info!("Stopped server");
    } else {
        tracing::warn!("stopped server at its deadline; some participants did not go");
    }
    Ok(())
}

/// Says whether a server could start with these settings: with the files that they name, that is. Ports
/// are left alone, and so is the lock of the journal, because whoever asks may have a server running
/// that is to be told of new settings.
fn check(settings: &Settings) -> Result<(), Failure> {
    limits::judge(settings)?;
    guard::access(settings)?;
    if let Some(bounds) = journal_bounds(settings) {
        journal::check(&bounds)
            .map_err(|error| Failure::Usage(format!("{error} (journal.file)")))?;
    }
    io::stdout().write_all(b"ok\n").map_err(Failure::output)
}

/// Where spans go, by the standard variables, and how many, by the settings.
fn spans(settings: &Settings) -> Result<Spans, Failure> {
    let trace = &settings.trace;
    let policy = Policy {
        ratio: trace.ratio,
        spans_per_second: trace.spans_per_second,
        max_deliver_spans: trace.max_deliver_spans,
        message_text: trace.message_text,
    };
    let service = Service { name: names::SERVER, instance: None };
    export::from_environment(service, policy).map_err(Failure::Usage)
}
