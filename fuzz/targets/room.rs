//! A server in memory, in virtual time: a room, and a desk at which connections are brought in.

use axum::{Router, extract::ConnectInfo};
use chittychat::{
    chat::{Participant, Rules, invariant},
    console,
    grpc::{Limits, Listener, Serving},
    hub::{Bounds, Hub},
    keys::Access,
    supervise::Companion as _,
};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::DuplexStream,
    runtime::Builder,
    sync::{mpsc, oneshot},
};
use tower_service::Service as _;

/// How much lies in a pipe.
pub(super) const PIPE: usize = 64 << 10;
/// How long the last ones get to go.
const DEADLINE: Duration = Duration::from_secs(60);

/// Where everybody is.
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4242);
/// Where the HTTP port says that it is.
pub(super) const HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);

/// A server.
pub(super) struct Room;

/// Where connections are brought.
pub(super) struct Desk {
    chat: mpsc::Sender<DuplexStream>,
    console: Router,
}

struct Brought(mpsc::Receiver<DuplexStream>);

impl Listener for Brought {
    type Socket = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        match self.0.recv().await {
            Some(socket) => Ok((socket, PEER)),
            None => std::future::pending().await,
        }
    }
}

impl Desk {
    /// Brings the server's end of a connection.
    pub(super) async fn bring(&self, socket: DuplexStream) {
        self.chat.send(socket).await.expect("the server accepts");
    }

    /// Brings the server's end of a connection to the HTTP port, with the console's routes behind it.
    pub(super) fn bring_page(&self, socket: DuplexStream) {
        let router = self.console.clone();
        let service = service_fn(move |mut request: http::Request<_>| {
            request.extensions_mut().insert(ConnectInfo(PEER));
            router.clone().call(request)
        });
        let serving = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
        tokio::spawn(serving.with_upgrades());
    }
}

impl Room {
    /// Makes a server, lets `visit` do what it does with it, and takes the server down. What went out is
    /// then what was owed, and nobody is there.
    pub(super) fn visited(visit: impl AsyncFnOnce(&Desk)) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(async {
            let server = Participant::server("", 0);
            let hub = Hub::new(Rules::default(), Bounds::default(), server);
            let (chat, brought) = mpsc::channel(1);
            let (drain, drained) = oneshot::channel::<()>();
            let serving = Serving::new(hub.clone(), limits(), Brought(brought));
            let options = console::Options {
                listen: HTTP,
                server: HTTP,
                chat: true,
                trace_url: String::new(),
                connections: 8,
            };
            let (console, mut telling) =
                console::start(hub.clone(), Access::default(), serving.wicket(), options);
            let telling = tokio::spawn(async move { telling.run().await });
            let serving = tokio::spawn(serving.run(async { drained.await.unwrap_or_default() }));
            visit(&Desk { chat, console }).await;
            hub.close();
            drop(drain);
            let emptied = tokio::time::timeout(DEADLINE, hub.emptied()).await;
            assert!(emptied.is_ok(), "somebody is still there");
            serving.abort();
            let _ = serving.await;
            hub.finish();
            let told = tokio::time::timeout(DEADLINE, telling).await.expect("all has been told");
            assert_eq!(told.expect("no panic"), Ok(()));
            assert_eq!(invariant::conservation(&hub.books().account), Ok(()));
            assert_eq!(hub.present(), 0);
        });
    }
}

/// So little that all of it is reached.
fn limits() -> Limits {
    Limits {
        frame_bytes: 4096,
        header_bytes: 4096,
        streams_per_connection: 16,
        pending_streams: 8,
        service_streams: 4,
        connections: 8,
        idle_timeout: Duration::from_secs(10),
        ..Limits::default()
    }
}
