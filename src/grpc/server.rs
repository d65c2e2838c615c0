//! The server: all services on one listener, with keep-alive, until it is told to drain.
//!
//! Building and running are apart: [`Serving::new`] takes a listener that is bound already, so its
//! address is known before the first request, and [`Serving::run`] ends when `drain` does and the
//! last stream with it. That can take for ever (an idle connection suffices), so the caller puts a
//! deadline around it.

use super::connection::{Doorbell, Drain, Nursery, Together};
use super::listener::Listener;
use super::outlet::Outlet;
use super::service::Services;
use super::turns::Turns;
use crate::hub::Hub;
use crate::keys::{Access, Certified, HandshakeFault, Tls};
use crate::wire::{DESCRIPTORS, SERVICE};
use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{error::Error, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    select,
    task::JoinSet,
    time,
};
use tonic::service::Routes;
use tonic_health::{
    ServingStatus,
    pb::{FILE_DESCRIPTOR_SET as HEALTH_DESCRIPTORS, health_server::HealthServer},
    server::{HealthReporter, HealthService},
};
use tonic_reflection::server::Builder as Reflection;

/// How many streams one connection may hold. Many participants may share one; what they may do
/// together is bounded by the room.
const STREAMS_PER_CONNECTION: u32 = 16_384;

/// How many bytes a client may send ahead on one stream, and on all streams of its connection.
///
/// They bound the memory that one who sends faster than it is read can take. And flow control has to
/// act before HTTP/2's guard against small frames does: h2 charges each unread DATA frame under 256
/// bytes the bytes it lacks, allows half the connection's window of that, and then ends the connection.
/// A participant's messages are small, and stock clients put each into a frame of its own, so one
/// stream at its limit (some 650 frames of 100 bytes) must stay far below that budget.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// How many bytes of a stream may wait for their connection. Beyond that they stay in the room's log,
/// where all streams share them. It holds one full DATA frame. With hyper's 400 KiB, a thousand streams
/// on one connection cost 600 MiB in a burst and three times the CPU: see docs/performance.md.
const SEND_BUFFER: usize = 16 << 10;

/// How long to wait after a connection could not be accepted.
const BETWEEN_FAILURES: Duration = Duration::from_millis(50);

/// What a stranger may send, and for how long it may be silent.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most bytes of one incoming message.
    pub frame_bytes: usize,
    /// How many messages a participant may publish in a second; 0 for any number.
    pub messages_per_second: u32,
    /// How long a connection may be silent before it is pinged.
    pub keepalive_interval: Duration,
    /// How long the answer to a ping may take.
    pub keepalive_timeout: Duration,
}

/// A server that is ready to run.
#[derive(Debug)]
pub struct Serving<L = TcpListener> {
    hub: Hub,
    limits: Limits,
    listener: L,
    access: Access,
    health: HealthReporter,
}

impl<L: Listener> Serving<L> {
    /// A server on a bound listener. Its health is "not serving" until somebody says otherwise.
    #[must_use]
    pub fn new(hub: Hub, limits: Limits, listener: L) -> Self {
        let access = Access::default();
        Self { hub, limits, listener, access, health: HealthReporter::new() }
    }

    /// The same, for those alone who may come in. Without this, everybody may.
    #[must_use]
    pub fn guarded_by(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// What the health service answers from.
    #[must_use]
    pub fn health(&self) -> Health {
        Health(self.health.clone())
    }

    /// Serves until `drain` ends and every connection after it. Dropping it cuts off what is left.
    ///
    /// # Errors
    /// If a descriptor set is not one.
    pub async fn run(
        self,
        drain: impl Future<Output = ()>,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let services = self.services()?;
        let Self { limits, mut listener, access, .. } = self;
        let (draining, turns) = (Arc::<Drain>::default(), Arc::<Turns>::default());
        let mut connections = JoinSet::new();
        let mut drain = pin!(drain);
        loop {
            // In this order, so that the same happenings always have the same outcome.
            select! {
                biased;
                () = &mut drain => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((socket, peer)) => match access.tls() {
                        None => {
                            let services = services.to(peer, Certified::Unasked);
                            let it = connection(socket, &limits, services, &draining, &turns);
                            connections.spawn(it);
                        }
                        Some(tls) => {
                            let shared = (services.clone(), draining.clone(), turns.clone());
                            connections.spawn(encrypted(tls, (socket, peer), limits, shared));
                        }
                    },
                    // Out of files, most likely: no use to ask again at once.
                    Err(error) => {
                        tracing::warn!("cannot accept a connection: {error}");
                        time::sleep(BETWEEN_FAILURES).await;
                    }
                },
            }
        }
        // From here on the system turns new connections away.
        drop(listener);
        draining.start();
        while connections.join_next().await.is_some() {}
        Ok(())
    }

    fn services(&self) -> Result<Services, Box<dyn Error + Send + Sync>> {
        let reflection = || {
            Reflection::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(HEALTH_DESCRIPTORS)
        };
        let health = HealthService::from_health_reporter(self.health.clone());
        let others = Routes::new(HealthServer::new(health))
            // grpcurl up to 1.8 asks in v1alpha, later tools in v1.
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?)
            .prepare();
        Ok(Services::new(self.hub.clone(), self.limits, self.access.clone(), others))
    }
}

/// Shakes hands and serves one connection. It is a task of its own from its first byte on, so that
/// nobody waits for a stranger's handshake.
async fn encrypted<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    tls: Arc<Tls>,
    (socket, peer): (S, SocketAddr),
    limits: Limits,
    (services, drain, turns): (Services, Arc<Drain>, Arc<Turns>),
) {
    let accepted = tls.accept(socket).await;
    // It is in force for this handshake, and kept by nobody for longer.
    drop(tls);
    services.metrics().handshake(match &accepted {
        Ok(_) => "done",
        Err(HandshakeFault::TimedOut) => "timed_out",
        Err(HandshakeFault::Broken(_)) => "broken",
        Err(HandshakeFault::NotHttp2) => "not_http2",
    });
    match accepted {
        Ok((stream, certified)) => {
            connection(stream, &limits, services.to(peer, certified), &drain, &turns).await;
        }
        Err(fault) => tracing::debug!("no TLS handshake with {peer}: {fault}"),
    }
}

/// Serves one connection, in one task with its streams.
fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    socket: S,
    limits: &Limits,
    services: Services,
    drain: &Arc<Drain>,
    turns: &Arc<Turns>,
) -> impl Future<Output = ()> + use<S> {
    let doorbell = Doorbell::new(Arc::clone(turns));
    let socket = Outlet::new(socket, doorbell.writable());
    let nursery = Nursery::default();
    let connection = http2::Builder::new(nursery.clone())
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.keepalive_interval)
        .keep_alive_timeout(limits.keepalive_timeout)
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .serve_connection(TokioIo::new(socket), services);
    Together::new(connection, |it| it.graceful_shutdown(), nursery, Arc::clone(drain), doorbell)
}

/// A handle on what the health service answers, for the server as a whole and for the chat.
#[derive(Clone, Debug)]
pub struct Health(HealthReporter);

impl Health {
    /// Says whether requests are to be sent here.
    pub async fn set(&self, is_ready: bool) {
        let status = if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in ["", SERVICE] {
            self.0.set_service_status(service, status).await;
        }
    }
}
