//! What others ask of the server while it is loaded: its health, to be let in, its metrics.
//!
//! Each probe asks, waits for the answer, rests a little and asks again. The runtime has threads of
//! its own, so that a probe does not wait for another.

use crate::support::{Listener as _, Peer, Server};
use chittychat::wire::pb::MessageType;
use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime::{Builder, Runtime},
    task::JoinHandle,
    time::sleep,
};
use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// The rest between two questions.
const REST: Duration = Duration::from_millis(50);

/// How long answers took.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// What all but one in a hundred stayed under. The very longest is printed and not judged: on a
    /// shared machine it may be the machine's.
    pub fn p99(&self) -> Duration {
        self.0[(self.0.len() * 99).div_ceil(100) - 1]
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, longest] = [self.0[self.0.len() / 2], self.0[self.0.len() - 1]];
        let asked = self.0.len();
        write!(f, "p50 {p50:.1?}, p99 {:.1?}, longest {longest:.1?} of {asked}", self.p99())
    }
}

/// The probes at work.
pub struct Probes {
    runtime: Runtime,
    is_over: Arc<AtomicBool>,
    probes: Vec<(&'static str, JoinHandle<Times>)>,
}

impl Probes {
    /// Starts to ask.
    pub fn start(server: &Server) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
        let is_over = Arc::<AtomicBool>::default();
        let (chat, http) = (server.address, server.http_address);
        let health = runtime.spawn(asked(Arc::clone(&is_over), move || health(chat)));
        let join = runtime.spawn(asked(Arc::clone(&is_over), move || join(chat)));
        let metrics = runtime.spawn(asked(Arc::clone(&is_over), move || metrics(http)));
        let probes = vec![("health", health), ("join", join), ("metrics", metrics)];
        Self { runtime, is_over, probes }
    }

    /// Ends them, and says how long each had to wait.
    pub async fn end(self) -> Vec<(&'static str, Times)> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut waited = Vec::new();
        for (what, probe) in self.probes {
            waited.push((what, probe.await.expect("it got its answers")));
        }
        self.runtime.shutdown_background();
        waited
    }
}

async fn asked<F: Future<Output = Duration>>(
    is_over: Arc<AtomicBool>,
    ask: impl Fn() -> F,
) -> Times {
    let mut times = vec![ask().await];
    while !is_over.load(Ordering::Relaxed) {
        sleep(REST).await;
        times.push(ask().await);
    }
    times.sort_unstable();
    Times(times)
}

/// A connection of its own, as a probe of Kubernetes has.
async fn health(address: SocketAddr) -> Duration {
    let begun = Instant::now();
    let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
    let mut client = HealthClient::new(endpoint.connect().await.unwrap());
    let answer = client.check(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(answer.status, 1, "it serves");
    begun.elapsed()
}

/// From the connection to one's own join, with the list of all who are present.
async fn join(address: SocketAddr) -> Duration {
    let begun = Instant::now();
    let mut peer = Peer::open(address, "Newcomer").await;
    peer.connect();
    let welcome = peer.delivery().await;
    let took = begun.elapsed();
    assert_eq!(welcome.client_reference.unwrap().client_name, "Newcomer");
    // Others come and go and speak meanwhile.
    let farewell = peer.stamped(MessageType::Disconnect, "disconnect message");
    peer.send(farewell);
    while peer.delivery().await.r#type() != MessageType::Ack {}
    took
}

async fn metrics(address: SocketAddr) -> Duration {
    let begun = Instant::now();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n";
    socket.write_all(request).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    begun.elapsed()
}
