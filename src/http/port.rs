//! The HTTP port's connections: how many there are, and how long they may take.
//!
//! It has the bounds of the chat's port, with a number of its own and files of its own, so that neither port
//! can use up the other's. A connection on which no request is under way holds its place only until somebody
//! needs it: if all places are taken, the one that has waited longest without asking goes, and the newcomer is
//! let in. So half a request, however often it is sent, keeps no probe out, and nor does an answer that nobody
//! takes. What lasts, an event stream or a WebSocket, has bounds of its own that leave places over. A request's head has
//! `limits.idle_timeout` to come, and so has whoever is to take an answer, from the last byte it took.

use super::patient::Patient;
use crate::grpc::{Bucket, Wicket, network};
use crate::telemetry::metrics::Metrics;
use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, Response, StatusCode, header::CONTENT_TYPE},
};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, yield_now},
    time::{Instant, sleep, timeout},
};
use tower_service::Service as _;

/// The bytes of a request's head, and of what is written ahead on a connection.
const BUFFER: usize = 16 << 10;
/// How long to wait after a connection could not be accepted.
const BETWEEN_FAILURES: Duration = Duration::from_millis(50);

/// How HTTP/2 begins.
const PREFACE: [u8; 14] = *b"PRI * HTTP/2.0";
/// The answer to that.
const NOT_HTTP2: &[u8] =
    b"HTTP/1.1 505 HTTP Version Not Supported\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Who may connect. Clones are the same.
#[derive(Clone, Debug)]
pub struct Port {
    connections: usize,
    book: Arc<Mutex<Book>>,
    wicket: Wicket,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Book {
    visitors: BTreeMap<u64, Visitor>,
    next: u64,
    attempts: Bucket,
}

/// A connection.
#[derive(Debug)]
struct Visitor {
    address: IpAddr,
    state: State,
    /// Aborting it is how the connection is cut.
    task: Option<AbortHandle>,
}

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No request is under way.
    Waiting,
    /// One is since then, or its answer is being taken.
    Asking(Instant),
    /// Its answer lasts, or it has become something else than HTTP. These are bounded elsewhere.
    Lasting,
}

/// A connection's place, for as long as its socket is kept.
#[derive(Debug)]
pub(super) struct Place {
    port: Port,
    number: u64,
}

/// A request under way, for as long as its answer is kept.
#[derive(Debug)]
struct Asking(Port, u64);

impl Port {
    /// A port for so many connections, whose other limits are those of the chat's port.
    #[must_use]
    pub fn new(connections: usize, wicket: Wicket, metrics: Arc<Metrics>) -> Self {
        Self { connections, book: Arc::default(), wicket, metrics }
    }

    /// Serves these routes to whoever connects, for as long as it is polled. Connections that are open then go
    /// on, because there may be answers to be finished.
    pub async fn serve(self, listener: TcpListener, router: Router) {
        loop {
            let (socket, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                // Out of files, most likely: no use to ask again at once.
                Err(error) => {
                    tracing::warn!("cannot accept a connection over HTTP: {error}");
                    sleep(BETWEEN_FAILURES).await;
                    continue;
                }
            };
            match self.enter(peer.ip()) {
                Ok(place) => {
                    let number = place.number;
                    let it = self.clone().connection(place, socket, peer, router.clone());
                    let task = tokio::spawn(it).abort_handle();
                    self.lock().visitors.entry(number).and_modify(|it| it.task = Some(task));
                    // Whoever had to go for it goes now.
                    yield_now().await;
                }
                Err(reason) => {
                    self.metrics.http_connection_refused(reason);
                    // With a reset, which leaves nothing behind; if it cannot be, it is closed.
                    let _ = socket.set_zero_linger();
                }
            }
        }
    }

    /// A place for somebody from there, or why there is none.
    fn enter(&self, peer: IpAddr) -> Result<Place, &'static str> {
        let (address, limits) = (network(peer), self.wicket.limits());
        let (attempts, most) =
            (limits.attempts_per_second, limits.connections_per_address as usize);
        let mut book = self.lock();
        if !book.attempts.admits_at(Instant::now(), attempts, attempts) {
            return Err("too_fast");
        }
        let from_here = || book.visitors.values().filter(|it| it.address == address).count();
        if most > 0 && from_here() >= most {
            book.make_room(|visitor| visitor.address == address).ok_or("too_many_from_address")?;
        } else if book.visitors.len() >= self.connections {
            book.make_room(|_| true).ok_or("too_many")?;
        }
        let number = book.next;
        book.next += 1;
        book.visitors.insert(number, Visitor { address, state: State::Waiting, task: None });
        self.metrics.http_connections(book.visitors.len());
        Ok(Place { port: self.clone(), number })
    }

    /// Serves one connection until it ends, or has become something else than HTTP.
    async fn connection(self, place: Place, socket: TcpStream, peer: SocketAddr, router: Router) {
        let (number, patience) = (place.number, self.wicket.limits().idle_timeout);
        match timeout(patience, speaks_http2(&socket)).await {
            Ok(false) => {}
            Ok(true) => return refuse_http2(socket, patience).await,
            // Nothing has come in the time that a whole head has.
            Err(_) => return,
        }
        let socket = Patient::new(socket, patience, place);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let asking = Asking::new(self.clone(), number);
            let answer = router.clone().call(request);
            async move {
                let answer = answer.await?;
                if lasts(&answer) {
                    asking.lasts();
                }
                // The closure keeps it for as long as there is a body.
                let body = |body: Body| Body::new(body.map_frame(move |frame| asking.of(frame)));
                Ok::<_, Infallible>(answer.map(body))
            }
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience)
            .max_buf_size(BUFFER)
            .serve_connection(TokioIo::new(socket), service)
            .with_upgrades();
        // Why a connection ended is nobody's concern here: it is the other end's doing.
        let _ = served.await;
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether somebody begins with HTTP/2, which is spoken on the chat's port. Waits until something has come.
async fn speaks_http2(socket: &TcpStream) -> bool {
    let mut start = [0; PREFACE.len()];
    socket.peek(&mut start).await.is_ok() && start == PREFACE
}

/// Says what is spoken here, in words that are no HTTP/2: so a client of the chat knows that it is wrong. What
/// it has sent is read, because a connection that is closed with something unread takes the answer back.
async fn refuse_http2(mut socket: TcpStream, patience: Duration) {
    let refusing = async {
        socket.write_all(NOT_HTTP2).await?;
        socket.shutdown().await?;
        let mut rest = [0; 1024];
        for _ in 0..BUFFER / rest.len() {
            if socket.read(&mut rest).await? == 0 {
                break;
            }
        }
        std::io::Result::Ok(())
    };
    // Whoever is gone, or goes on, need not be told.
    let _ = timeout(patience, refusing).await;
}

/// Whether an answer may last for any time: what happens as it happens, or a WebSocket.
fn lasts(answer: &Response<Body>) -> bool {
    let kind = answer.headers().get(CONTENT_TYPE);
    answer.status() == StatusCode::SWITCHING_PROTOCOLS
        || kind.is_some_and(|kind| kind == "text/event-stream")
}

impl Book {
    /// Cuts the connection among these that has waited longest without asking; or if there is none, the one
    /// that has taken longest over an answer. Nothing if there is none.
    fn make_room(&mut self, is_one: impl Fn(&Visitor) -> bool) -> Option<()> {
        let those = || self.visitors.iter().filter(|(_, visitor)| is_one(visitor));
        let waiting = those().find(|(_, visitor)| visitor.state == State::Waiting);
        let asking = those().filter_map(|(number, visitor)| match visitor.state {
            State::Asking(since) => Some((since, number)),
            _ => None,
        });
        let number = waiting.map(|(number, _)| number).or(asking.min().map(|(_, number)| number));
        let number = *number?;
        self.visitors.remove(&number)?.task.inspect(AbortHandle::abort);
        Some(())
    }
}

impl Asking {
    fn new(port: Port, number: u64) -> Self {
        let asking = Self(port, number);
        asking.is(State::Asking(Instant::now()));
        asking
    }

    fn lasts(&self) {
        self.is(State::Lasting);
    }

    /// Is kept with the body that this is of.
    fn of<T>(&self, frame: T) -> T {
        frame
    }

    fn is(&self, state: State) {
        self.0.lock().visitors.entry(self.1).and_modify(|visitor| visitor.state = state);
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut book = self.0.lock();
        let Some(visitor) = book.visitors.get_mut(&self.1) else { return };
        // What has become something else than HTTP has no body, and lasts.
        if matches!(visitor.state, State::Asking(_)) {
            visitor.state = State::Waiting;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut book = self.port.lock();
        // If it was cut it has been taken out already.
        book.visitors.remove(&self.number);
        self.port.metrics.http_connections(book.visitors.len());
    }
}
