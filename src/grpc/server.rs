//! The server: all services on one listener, with keep-alive, until it is told to drain.
//!
//! Building and running are apart: [`Serving::new`] takes a listener that is bound already, so its
//! address is known before the first request, and [`Serving::run`] ends when `drain` does and the
//! last stream with it. That can take for ever (an idle connection suffices), so the caller puts a
//! deadline around it.

use super::connection::{Doorbell, Drain, Together};
use super::door::Door;
use super::guest::{Guest, Parting};
use super::listener::Listener;
use super::outlet::Outlet;
use super::service::{ForGuest, Services};
use super::services::Others;
use super::socket::Socket;
use super::turns::Turns;
use super::wicket::Wicket;
use crate::hub::Hub;
use crate::keys::{Access, Certified, HandshakeFault, Tls};
use crate::wire::SERVICE;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{error::Error, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    select,
    task::JoinSet,
    time::{self, MissedTickBehavior},
};
use tonic_health::{ServingStatus, server::HealthReporter};

/// How many streams more than [`Limits::streams_per_connection`] HTTP/2 is told of. Clients silently
/// wait with what is over HTTP/2's bound; over ours they are refused, with a status that says so.
const STREAMS_TO_REFUSE: u32 = 100;

/// How much larger HTTP/2's bound on the headers of a request is than [`Limits::header_bytes`]. What is
/// over ours is refused with a status; what is over HTTP/2's, with a bare 431.
const HEADERS_TO_REFUSE: u32 = 2;

/// How many bytes a client may send ahead on one stream, and on all streams of its connection.
///
/// What comes for the chat is taken in as it comes, whatever its sender reads: see
/// [`intake`](super::intake). What is left to be bounded by these is what waits for the services beside it.
pub const STREAM_WINDOW: u32 = 64 << 10;
/// See [`STREAM_WINDOW`].
pub const CONNECTION_WINDOW: u32 = 256 << 10;

/// How many bytes of a stream may wait for their connection. Beyond that they stay in the room's log,
/// where all streams share them. It holds one full DATA frame. With hyper's 400 KiB, a thousand streams
/// on one connection cost 600 MiB in a burst and three times the CPU: see docs/performance.md.
pub const SEND_BUFFER: usize = 16 << 10;

/// How long to wait after a connection could not be accepted.
const BETWEEN_FAILURES: Duration = Duration::from_millis(50);

/// What a stranger may send, and for how long it may be silent.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most bytes of one incoming message.
    pub frame_bytes: usize,
    /// The most bytes of a request's headers, counted as HTTP/2 counts them.
    pub header_bytes: u32,
    /// How many requests may be under way on one connection. Many participants may share one.
    pub streams_per_connection: u32,
    /// How many messages a participant may publish in a second; 0 for any number.
    pub messages_per_second: u32,
    /// How many of them may come at once; 0 for as many as in a second.
    pub message_burst: u32,
    /// How many participants may be present from one address; 0 for any number.
    pub participants_per_address: u32,
    /// How many connections there may be.
    pub connections: usize,
    /// How many of them may come from one address; 0 for any number.
    pub connections_per_address: u32,
    /// How many connections may be opened in a second; 0 for any number.
    pub attempts_per_second: u32,
    /// How many participants may come in within a second; 0 for any number.
    pub joins_per_second: u32,
    /// How many of them may come from one address; 0 for any number.
    pub joins_per_second_per_address: u32,
    /// How many may come in at once; 0 for as many as in a second.
    pub join_burst: u32,
    /// How many streams may be open on which nobody has connected yet. Of more, the oldest goes.
    pub pending_streams: usize,
    /// How many health watches and reflection streams may be open.
    pub service_streams: u32,
    /// How many bytes the messages of more than [`SMALL`](super::SMALL) may have together that are on their
    /// way in.
    pub inbound_bytes: usize,
    /// How long a connection may be there on which no participant is present and no other request is
    /// under way.
    pub idle_timeout: Duration,
    /// How long a connection may be silent before it is pinged.
    pub keepalive_interval: Duration,
    /// How long the answer to a ping may take.
    pub keepalive_timeout: Duration,
}

impl Default for Limits {
    /// What holds unless an operator says otherwise.
    fn default() -> Self {
        Self {
            frame_bytes: 65_536,
            header_bytes: 8192,
            streams_per_connection: 16_384,
            messages_per_second: 0,
            message_burst: 0,
            participants_per_address: 0,
            connections: 16_640,
            connections_per_address: 0,
            attempts_per_second: 0,
            joins_per_second: 0,
            joins_per_second_per_address: 0,
            join_burst: 0,
            pending_streams: 4096,
            service_streams: 64,
            inbound_bytes: 16 << 20,
            idle_timeout: Duration::from_secs(10),
            keepalive_interval: Duration::from_secs(10),
            keepalive_timeout: Duration::from_secs(20),
        }
    }
}

/// A server that is ready to run.
#[derive(Debug)]
pub struct Serving<L = TcpListener> {
    hub: Hub,
    listener: L,
    access: Access,
    health: HealthReporter,
    door: Arc<Door>,
}

impl<L: Listener> Serving<L> {
    /// A server on a bound listener. Its health is "not serving" until somebody says otherwise.
    #[must_use]
    pub fn new(hub: Hub, limits: Limits, listener: L) -> Self {
        let (access, health) = (Access::default(), HealthReporter::new());
        let door = Door::new(limits, Arc::clone(hub.metrics()));
        Self { hub, listener, access, health, door }
    }

    /// The same, for those alone who may come in. Without this, everybody may.
    #[must_use]
    pub fn guarded_by(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// Another way into the same room, through the same door.
    #[must_use]
    pub fn wicket(&self) -> Wicket {
        Wicket::new(self.hub.clone(), Arc::clone(&self.door))
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
        let Self { hub, mut listener, access, door, .. } = self;
        let mut looks = time::interval(door.between_looks());
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (draining, turns) = (Arc::<Drain>::default(), Arc::<Turns>::default());
        let mut connections = JoinSet::new();
        let mut drain = pin!(drain);
        loop {
            // In this order, so that the same happenings always have the same outcome.
            select! {
                biased;
                () = &mut drain => break,
                Some(_) = connections.join_next() => {}
                _ = looks.tick() => door.look_around(&hub),
                accepted = listener.accept() => match accepted {
                    Ok((socket, peer)) => match (door.enter(peer.ip()), access.tls()) {
                        (Err(_), _) => L::refuse(socket),
                        (Ok(guest), None) => {
                            let services = services.to(&guest, peer, Certified::Unasked);
                            let it = connection(socket, services, &draining, &turns);
                            guest.is_served_by(connections.spawn(it));
                        }
                        (Ok(guest), Some(tls)) => {
                            let shared = (services.clone(), draining.clone(), turns.clone());
                            let it = encrypted(tls, socket, (guest.clone(), peer), shared);
                            guest.is_served_by(connections.spawn(it));
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
        let others = Others::new(self.health.clone())?;
        Ok(Services::new(self.hub.clone(), self.access.clone(), others))
    }
}

/// Shakes hands and serves one connection. It is a task of its own from its first byte on, so that
/// nobody waits for a stranger's handshake. The connection counts as one meanwhile.
async fn encrypted<S: Socket>(
    tls: Arc<Tls>,
    socket: S,
    (guest, peer): (Arc<Guest>, SocketAddr),
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
            let services = services.to(&guest, peer, certified);
            connection(stream, services, &drain, &turns).await;
        }
        Err(fault) => tracing::debug!("no TLS handshake with {peer}: {fault}"),
    }
}

/// Serves one connection, in one task with its streams.
fn connection<S: Socket>(
    socket: S,
    services: ForGuest,
    drain: &Arc<Drain>,
    turns: &Arc<Turns>,
) -> impl Future<Output = ()> + use<S> {
    let (guest, flow) = (Arc::clone(&services.guest), services.flow.clone());
    let (limits, nursery) = (guest.limits(), services.nursery.clone());
    let doorbell = Doorbell::new(Arc::clone(turns));
    let socket = Outlet::new(socket, &flow, doorbell.writable());
    let connection = http2::Builder::new(nursery.clone())
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.keepalive_interval)
        .keep_alive_timeout(limits.keepalive_timeout)
        .max_concurrent_streams(limits.streams_per_connection.saturating_add(STREAMS_TO_REFUSE))
        .max_header_list_size(limits.header_bytes.saturating_mul(HEADERS_TO_REFUSE))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .serve_connection(TokioIo::new(socket), services);
    let connection = Parting::new(connection, |it| it.graceful_shutdown(), guest);
    Together::new(connection, Parting::shut_down, nursery, Arc::clone(drain), flow, doorbell)
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
