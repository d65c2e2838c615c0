//! `chittychat serve`: the server.
//!
//! Building and running are apart. [`Server::start`] binds both ports and starts every part, so that
//! whoever calls it, this command, the demo or a test, knows the addresses before the first request.
//! [`Server::drain`] takes it down in the order that operators rely on: first it says that it is not
//! ready, then it lets nobody in, then it tells those who are there, and all within a deadline.

mod files;
mod limits;
mod memory;
mod reload;
mod run;

pub use run::{Args, run};

use super::{Failure, guard};
use crate::chat::{Lag, Participant, Rules};
use crate::config::{self, Settings};
use crate::console;
use crate::grpc::{Serving, Wicket, server::Health};
use crate::http;
use crate::hub::{Bounds, ClockLimits, Hub, keep_journal, keep_log, sweep};
use crate::journal;
use crate::keys::{self, Access};
use crate::supervise::{Anew, Supervisor, Task};
use crate::telemetry::{Spans, metrics::upkeep};
use futures_util::future::join_all;
use std::{io, mem, net::SocketAddr, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    task::{AbortHandle, JoinHandle},
    time::{Instant, timeout_at},
};

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
    access: Access,
    wicket: Wicket,
    supervisor: Supervisor,
    serving: JoinHandle<()>,
    /// Those that have something left to write when the room is closed.
    writers: Vec<JoinHandle<()>>,
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
        let granted = limits::judge(settings)?;
        let access = guard::access(settings)?;
        let listener = bind(settings.grpc.listen, "grpc.listen").await?;
        let http_listener = bind(settings.http.listen, "http.listen").await?;
        let http_address = local_address(&http_listener)?;
        let address = local_address(&listener)?;

        let hub = new_hub(settings, address, spans);
        limits::tell(settings, granted);
        let serving = Serving::new(hub.clone(), limits::of(settings, granted.chat), listener)
            .guarded_by(access.clone());
        let (health, wicket) = (serving.health(), serving.wicket());
        health.set(false).await;
        let (drain, drained) = oneshot::channel();
        let supervisor = Supervisor::default();
        // Before anybody can come in, so that it reads of everybody.
        let mut writers = vec![supervisor.keep(Task::Scribe, keep_log(hub.clone()))];
        if let Some(bounds) = journal_bounds(settings) {
            let chronicle = keep_journal(hub.clone(), bounds)
                .map_err(|error| Failure::Failed(format!("{error} (journal.file)")))?;
            writers.push(supervisor.keep(Task::Journal, chronicle));
        }
        let serving = supervisor.essential(Task::Grpc, async move {
            // A dropped sender drains as well.
            let drained = async { drained.await.unwrap_or_default() };
            serving.run(drained).await.map_err(|error| error.to_string())
        });
        let ready = watch::Sender::new(false);
        let port = http::Port::new(granted.http, wicket.clone(), hub.metrics().clone());
        let mut router = http::router(ready.subscribe(), hub.clone(), supervisor.clone());
        if settings.console.serve {
            let options = console_options(settings, granted.http, http_address, address);
            let (pages, teller) =
                console::start(hub.clone(), access.clone(), wicket.clone(), options);
            router = mem::take(&mut router).merge(pages);
            writers.push(supervisor.keep(Task::Console, teller));
        }
        let answering = supervisor.essential(Task::Http, async move {
            port.serve(http_listener, router).await;
            Ok(())
        });
        let [sweeper, upkeep, watch] = companions(&supervisor, &hub, &access);
        let companions = [sweeper, upkeep, watch, answering.abort_handle()];
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
            access,
            wicket,
            supervisor,
            serving,
            writers,
            companions,
        })
    }

    /// Waits until a part has ended without which the server is none.
    pub async fn failed(&self) {
        self.supervisor.ended().await;
    }

    /// Reads the files of certificates and tokens again.
    ///
    /// # Errors
    /// If there is no thread to read them.
    async fn reload_keys(&self) -> Result<(), String> {
        // What has become of each is in the log.
        keys::reload(&self.access, self.hub.metrics()).await.map(drop)
    }

    /// Puts the limits of these settings into force, for whatever comes in after this.
    ///
    /// # Errors
    /// If they let strangers hold more than they may.
    fn set_limits(&self, settings: &Settings) -> Result<(), Failure> {
        let granted = limits::judge(settings)?;
        self.wicket.set_limits(limits::of(settings, granted.chat));
        Ok(())
    }

    /// Takes the server down. Returns whether everybody was gone before the deadline.
    pub async fn drain(self, deadline: Duration) -> bool {
        let Self { hub, ready, health, drain, mut serving, writers, companions, .. } = self;
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
        let _ = timeout_at(end, join_all(writers)).await;
        companions.iter().for_each(AbortHandle::abort);
        emptied
    }
}

fn console_options(
    settings: &Settings,
    connections: usize,
    listen: SocketAddr,
    server: SocketAddr,
) -> console::Options {
    let config::Console { chat, trace_url, .. } = settings.console.clone();
    console::Options { listen, server, chat, trace_url, connections }
}

fn new_hub(settings: &Settings, address: SocketAddr, spans: Spans) -> Hub {
    let rules = Rules { max_participants: settings.limits.participants };
    let config::Clock { max_jump, ceiling } = settings.clock;
    let clock = ClockLimits { max_jump, ceiling, ..ClockLimits::default() };
    let bounds = Bounds {
        capacity: Lag { entries: settings.room.capacity, bytes: settings.room.max_lag_bytes },
        max_lag: Lag {
            entries: settings.room.max_lag_entries(),
            bytes: settings.room.max_lag_bytes,
        },
        wake_window: settings.room.wake_window,
    };
    let server = Participant::server(&address.ip().to_string(), address.port());
    Hub::with_clock(rules, bounds, clock, server, spans)
}

/// What runs for as long as the server does, and has nothing to finish.
fn companions(supervisor: &Supervisor, hub: &Hub, access: &Access) -> [AbortHandle; 3] {
    let sweeping = hub.clone();
    let sweeper = Anew(move || {
        let hub = sweeping.clone();
        async move {
            sweep(hub).await;
            Ok(())
        }
    });
    let metrics = hub.metrics().clone();
    let keeping = Anew(move || {
        let metrics = metrics.clone();
        async move {
            upkeep(metrics).await;
            Ok(())
        }
    });
    let (access, metrics) = (access.clone(), hub.metrics().clone());
    let watching = Anew(move || keys::watch(access.clone(), metrics.clone()));
    [
        supervisor.keep(Task::Sweeper, sweeper).abort_handle(),
        supervisor.keep(Task::Upkeep, keeping).abort_handle(),
        supervisor.keep(Task::Keys, watching).abort_handle(),
    ]
}

/// Where the journal is, if there is to be one.
fn journal_bounds(settings: &Settings) -> Option<journal::Bounds> {
    let config::Journal { file, max_bytes, files } = settings.journal.clone();
    let bounds = journal::Bounds { file, max_bytes, files };
    Some(bounds).filter(|bounds| !bounds.file.as_os_str().is_empty())
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
