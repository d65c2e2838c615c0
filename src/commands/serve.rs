//! `chittychat serve`: the server.
//!
//! Building and running are apart. [`Server::start`] binds both ports and starts every part, so that
//! whoever calls it, this command, the demo or a test, knows the addresses before the first request.
//! [`Server::drain`] takes it down in the order that operators rely on: first it says that it is not
//! ready, then it lets nobody in, then it tells those who are there, and all within a deadline.

mod files;

use super::{Failure, guard};
use crate::chat::{Lag, Participant, Rules};
use crate::config::{self, Flag, LogFormat, Settings, Sources};
use crate::console;
use crate::grpc::{Limits, Serving, server::Health};
use crate::http;
use crate::hub::{Bounds, Hub, keep_journal, keep_log, sweep};
use crate::journal;
use crate::keys;
use crate::shutdown::Signals;
use crate::telemetry::{
    self, Spans,
    export::{self, Service},
    lifecycle,
    metrics::upkeep,
    names,
    spans::Policy,
};
use std::{
    io::{self, Write as _},
    mem,
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    task::{AbortHandle, JoinHandle},
    time::{Instant, timeout_at},
};
use tracing::Instrument as _;

/// How long, after the last participant's stream has ended, connections may take to close. What still
/// holds one open then is an idle connection or a health watch, which nobody needs to wait for.
const LINGER: Duration = Duration::from_secs(1);

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// The room.
    pub hub: Hub,
    /// Where participants connect.
    pub address: SocketAddr,
    /// Where probes ask.
    pub http_address: SocketAddr,
    ready: watch::Sender<bool>,
    health: Health,
    drain: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    scribe: JoinHandle<()>,
    chronicle: JoinHandle<()>,
    teller: Option<JoinHandle<()>>,
    companions: [AbortHandle; 4],
}

impl Server {
    /// Binds both ports and serves, untraced.
    ///
    /// # Errors
    /// If a file that a setting names cannot be used, or a port cannot be bound.
    pub async fn start(settings: &Settings) -> Result<Self, Failure> {
        Self::start_traced(settings, Spans::off()).await
    }

    /// Binds both ports and serves. Sending the last spans is left to the caller.
    ///
    /// # Errors
    /// If a file that a setting names cannot be used, or a port cannot be bound.
    pub async fn start_traced(settings: &Settings, spans: Spans) -> Result<Self, Failure> {
        let access = guard::access(settings)?;
        let listener = bind(settings.grpc.listen, "grpc.listen").await?;
        let http_listener = bind(settings.http.listen, "http.listen").await?;
        let http_address = local_address(&http_listener)?;
        let address = local_address(&listener)?;

        let hub = new_hub(settings, address, spans);
        let serving = Serving::new(hub.clone(), limits(settings, files::granted()), listener)
            .guarded_by(access.clone());
        let (health, wicket) = (serving.health(), serving.wicket());
        health.set(false).await;
        let (drain, drained) = oneshot::channel();
        // Before anybody can come in, so that it reads of everybody.
        let scribe = tokio::spawn(keep_log(hub.clone()));
        let chronicle = chronicle(settings, &hub)?;
        let serving = tokio::spawn(async move {
            // A dropped sender drains as well.
            let drained = async { drained.await.unwrap_or_default() };
            if let Err(error) = serving.run(drained).await {
                tracing::error!("the gRPC server failed: {error}");
            }
        });
        let ready = watch::Sender::new(false);
        let mut router = http::router(ready.subscribe(), hub.clone());
        let teller = settings.console.serve.then(|| {
            let options = console_options(settings, http_address, address);
            let (pages, teller) = console::start(hub.clone(), access.clone(), wicket, options);
            router = mem::take(&mut router).merge(pages);
            tokio::spawn(teller)
        });
        let companions = [
            tokio::spawn(sweep(hub.clone())).abort_handle(),
            tokio::spawn(upkeep(hub.metrics().clone())).abort_handle(),
            tokio::spawn(keys::watch(access.clone(), hub.metrics().clone())).abort_handle(),
            tokio::spawn(async move {
                let router = router.into_make_service_with_connect_info::<SocketAddr>();
                if let Err(error) = axum::serve(http_listener, router).await {
                    tracing::error!("the HTTP server failed: {error}");
                }
            })
            .abort_handle(),
        ];
        tracing::info!(
            "Started server at address: {} and at port: {}",
            address.ip(),
            address.port()
        );
        tracing::info!(
            "Serving probes at address: {} and at port: {}",
            http_address.ip(),
            http_address.port()
        );
        guard::tell(address, &access);
        health.set(true).await;
        ready.send_replace(true);
        Ok(Self {
            hub,
            address,
            http_address,
            ready,
            health,
            drain,
            serving,
            scribe,
            chronicle,
            teller,
            companions,
        })
    }

    /// Waits until the gRPC server ends by itself, which it does only if it fails.
    pub async fn failed(&mut self) {
        // A panic of the task ends it too.
        let _ = (&mut self.serving).await;
    }

    /// Takes the server down. Returns whether everybody was gone before the deadline.
    pub async fn drain(self, deadline: Duration) -> bool {
        let Self {
            hub,
            ready,
            health,
            drain,
            mut serving,
            scribe,
            chronicle,
            teller,
            companions,
            ..
        } = self;
        let end = Instant::now() + deadline;
        ready.send_replace(false);
        health.set(false).await;
        hub.close();
        // The server may have failed, and then nobody receives this.
        let _ = drain.send(());
        let emptied = timeout_at(end, hub.emptied()).await.is_ok();
        if emptied {
            let linger = end.min(Instant::now() + LINGER);
            // Connections that are open after that are cut.
            let _ = timeout_at(linger, &mut serving).await;
        }
        serving.abort();
        hub.finish();
        // All have the leaves still to tell; that is part of the deadline, but of its own too.
        let end = end.max(Instant::now() + LINGER);
        let teller = async { if let Some(teller) = teller { teller.await } else { Ok(()) } };
        let _ = timeout_at(end, async { (scribe.await, chronicle.await, teller.await) }).await;
        companions.iter().for_each(AbortHandle::abort);
        emptied
    }
}

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
    let print_config = args.print_config;
    let loaded =
        Settings::load(&args.sources()).map_err(|error| Failure::Usage(error.to_string()))?;
    if print_config {
        return io::stdout().write_all(loaded.to_toml().as_bytes()).map_err(Failure::output);
    }
    let settings = loaded.settings;
    let format = match settings.log.format {
        LogFormat::Text => telemetry::Format::Text,
        LogFormat::Json => telemetry::Format::Json,
    };
    let spans = spans(&settings)?;
    // Kept to the end: dropping it writes the lines that are still to be written.
    let _log = telemetry::log::start_from_environment(format, &spans).map_err(Failure::Usage)?;
    let mut signals = Signals::listen().map_err(Failure::signals)?;
    let starting = Server::start_traced(&settings, spans.clone());
    let mut server = starting.instrument(lifecycle::start(&spans)).await?;
    let signal = tokio::select! {
        signal = signals.next() => signal,
        () = server.failed() => {
            spans.shut_down(LINGER).await;
            return Err(Failure::Failed("the server failed".into()));
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

fn console_options(
    settings: &Settings,
    listen: SocketAddr,
    server: SocketAddr,
) -> console::Options {
    let config::Console { chat, trace_url, .. } = settings.console.clone();
    console::Options { listen, server, chat, trace_url }
}

fn new_hub(settings: &Settings, address: SocketAddr, spans: Spans) -> Hub {
    let rules =
        Rules { max_jump: settings.clock.max_jump, max_participants: settings.limits.participants };
    let bounds = Bounds {
        capacity: Lag { entries: settings.room.capacity, bytes: settings.room.max_lag_bytes },
        max_lag: Lag {
            entries: settings.room.max_lag_entries(),
            bytes: settings.room.max_lag_bytes,
        },
        wake_window: settings.room.wake_window,
    };
    let server = Participant::server(&address.ip().to_string(), address.port());
    Hub::traced(rules, bounds, server, spans)
}

/// `files` is how many connections there are files for.
fn limits(settings: &Settings, files: usize) -> Limits {
    let limits = &settings.limits;
    if limits.connections > files {
        tracing::warn!(
            "at most {files} connections at once, and not {} (limits.connections): the system grants \
             no more open files; raise `ulimit -Hn`",
            limits.connections
        );
    }
    Limits {
        frame_bytes: limits.frame_bytes,
        header_bytes: limits.header_bytes,
        streams_per_connection: limits.streams_per_connection,
        messages_per_second: limits.messages_per_second,
        message_burst: limits.message_burst,
        participants_per_address: limits.participants_per_address,
        connections: limits.connections.min(files),
        connections_per_address: limits.connections_per_address,
        attempts_per_second: limits.attempts_per_second,
        joins_per_second: limits.joins_per_second,
        joins_per_second_per_address: limits.joins_per_second_per_address,
        join_burst: limits.join_burst,
        pending_streams: limits.pending_streams,
        service_streams: limits.service_streams,
        idle_timeout: limits.idle_timeout,
        keepalive_interval: settings.keepalive.interval,
        keepalive_timeout: settings.keepalive.timeout,
    }
}

/// Begins the journal, if there is to be one.
fn chronicle(settings: &Settings, hub: &Hub) -> Result<JoinHandle<()>, Failure> {
    let of_journal = &settings.journal;
    if of_journal.file.as_os_str().is_empty() {
        return Ok(tokio::spawn(std::future::ready(())));
    }
    let bounds = journal::Bounds {
        file: of_journal.file.clone(),
        max_bytes: of_journal.max_bytes,
        files: of_journal.files,
    };
    let keeping = keep_journal(hub.clone(), bounds)
        .map_err(|error| Failure::Failed(format!("{error} (journal.file)")))?;
    Ok(tokio::spawn(keeping))
}

async fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "; is a server running already? choose another port, or 0 for a free one"
            }
            _ => "",
        };
        Failure::Failed(format!("cannot listen on {address} ({setting}): {error}{advice}"))
    })
}

fn local_address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener
        .local_addr()
        .map_err(|error| Failure::Failed(format!("a port has no address: {error}")))
}
