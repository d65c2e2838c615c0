//! The server: all services on one listener, with keep-alive, until it is told to drain.
//!
//! Building and running are apart: [`Serving::new`] takes a listener that is bound already, so its
//! address is known before the first request, and [`Serving::run`] ends when `drain` does and the
//! last stream with it. That can take for ever (an idle connection suffices), so the caller puts a
//! deadline around it.

use super::service::ChatService;
use crate::hub::Hub;
use crate::wire::{DESCRIPTORS, SERVICE};
use std::{error::Error, io, net::SocketAddr, time::Duration};
use tokio::net::TcpListener;
use tonic::transport::{Server, server::TcpIncoming};
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
pub struct Serving {
    hub: Hub,
    limits: Limits,
    listener: TcpListener,
    health: HealthReporter,
}

impl Serving {
    /// A server on a bound listener. Its health is "not serving" until somebody says otherwise.
    #[must_use]
    pub fn new(hub: Hub, limits: Limits, listener: TcpListener) -> Self {
        Self { hub, limits, listener, health: HealthReporter::new() }
    }

    /// The address that the server listens on.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What the health service answers from.
    #[must_use]
    pub fn health(&self) -> Health {
        Health(self.health.clone())
    }

    /// Serves until `drain` ends and every connection after it.
    ///
    /// # Errors
    /// If the listener fails, or a descriptor set is not one.
    pub async fn run(
        self,
        drain: impl Future<Output = ()>,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let Self { hub, limits, listener, health } = self;
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let reflection = || {
            Reflection::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(HEALTH_DESCRIPTORS)
        };
        Server::builder()
            .http2_keepalive_interval(Some(limits.keepalive_interval))
            .http2_keepalive_timeout(Some(limits.keepalive_timeout))
            .max_concurrent_streams(Some(STREAMS_PER_CONNECTION))
            .initial_stream_window_size(Some(STREAM_WINDOW))
            .initial_connection_window_size(Some(CONNECTION_WINDOW))
            .add_service(HealthServer::new(HealthService::from_health_reporter(health)))
            // grpcurl up to 1.8 asks in v1alpha, later tools in v1.
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?)
            .add_service(ChatService::server(hub, limits))
            .serve_with_incoming_shutdown(incoming, drain)
            .await?;
        Ok(())
    }
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
