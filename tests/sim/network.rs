//! The network that is not there: turmoil's sockets, as the server accepts and as participants dial.
//!
//! HTTP/2 over them is real, on both sides. A participant's socket can be frozen, which is what a
//! process that the system has stopped looks like from outside: the connection stands, and nobody
//! answers.

use chittychat::grpc::Listener;
use hyper_util::rt::TokioIo;
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::codegen::{Service, http::Uri};
use turmoil::net::{TcpListener, TcpStream};

/// The server's host.
pub const SERVER: &str = "server";
/// The server's port.
pub const PORT: u16 = 8_080;

/// Turmoil's listener, as the server wants it.
pub struct Door(pub TcpListener);

impl Listener for Door {
    type Socket = Socket;

    async fn accept(&mut self) -> io::Result<(Socket, SocketAddr)> {
        let (stream, peer) = self.0.accept().await?;
        // The server is not frozen: it is one process with all its connections.
        Ok((Socket { stream, freezer: Freezer::default() }, peer))
    }
}

/// Whether a process is stopped, and who waits for it to go on.
#[derive(Clone, Default)]
pub struct Freezer(Arc<Frozen>);

#[derive(Default)]
struct Frozen {
    is_on: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl Freezer {
    pub fn freeze(&self) {
        self.0.is_on.store(true, Ordering::SeqCst);
    }

    pub fn thaw(&self) {
        self.0.is_on.store(false, Ordering::SeqCst);
        self.0.waiting.lock().unwrap().drain(..).for_each(Waker::wake);
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.0.is_on.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        self.0.waiting.lock().unwrap().push(cx.waker().clone());
        Poll::Pending
    }
}

/// A socket, which a freezer may hold.
pub struct Socket {
    stream: TcpStream,
    freezer: Freezer,
}

impl chittychat::grpc::Socket for Socket {}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        std::task::ready!(self.freezer.poll(cx));
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        std::task::ready!(self.freezer.poll(cx));
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Dials the server, whatever address it is asked for.
#[derive(Clone)]
pub struct Dialler(pub Freezer);

impl Service<Uri> for Dialler {
    type Response = TokioIo<Socket>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Socket>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let freezer = self.0.clone();
        Box::pin(async move {
            let stream = TcpStream::connect((SERVER, PORT)).await?;
            Ok(TokioIo::new(Socket { stream, freezer }))
        })
    }
}
