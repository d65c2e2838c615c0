//! A server in memory, in virtual time: a room, and a desk at which connections are brought in.

use chittychat::{
    chat::{Participant, Rules, invariant},
    grpc::{Limits, Listener, Serving},
    hub::{Bounds, Hub},
};
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    io::DuplexStream,
    runtime::Builder,
    sync::{mpsc, oneshot},
};

/// How long the last ones get to go.
const DEADLINE: Duration = Duration::from_secs(60);

/// A server.
pub(super) struct Room;

/// Where connections are brought.
pub(super) struct Desk(mpsc::Sender<DuplexStream>);

struct Brought(mpsc::Receiver<DuplexStream>);

impl Listener for Brought {
    type Socket = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        match self.0.recv().await {
            Some(socket) => Ok((socket, SocketAddr::from(([192, 0, 2, 1], 4242)))),
            None => std::future::pending().await,
        }
    }
}

impl Desk {
    /// Brings the server's end of a connection.
    pub(super) async fn bring(&self, socket: DuplexStream) {
        self.0.send(socket).await.expect("the server accepts");
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
            let (desk, brought) = mpsc::channel(1);
            let (drain, drained) = oneshot::channel::<()>();
            let serving = Serving::new(hub.clone(), limits(), Brought(brought));
            let serving = tokio::spawn(serving.run(async { drained.await.unwrap_or_default() }));
            visit(&Desk(desk)).await;
            hub.close();
            drop(drain);
            let emptied = tokio::time::timeout(DEADLINE, hub.emptied()).await;
            assert!(emptied.is_ok(), "somebody is still there");
            serving.abort();
            let _ = serving.await;
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
