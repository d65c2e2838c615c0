//! Where connections come from: a port of this machine, or whatever a test puts in its place.
//!
//! The simulation runs the server over a network that is not there, in time that is not there either.
//! It is no transport of its own: what comes out is read and written by HTTP/2 like any socket.

use super::socket::Socket;
use std::{io, net::SocketAddr};
use tokio::net::{TcpListener, TcpStream};

/// See the module's text.
pub trait Listener: Send + 'static {
    /// One connection, ready to be used.
    type Socket: Socket;

    /// The next connection, and who is at its other end. May be cancelled without losing one.
    ///
    /// # Errors
    /// If one could not be accepted. Others still may be.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Socket, SocketAddr)>> + Send;

    /// Turns a connection away that was accepted and is one too many.
    fn refuse(socket: Self::Socket) {
        drop(socket);
    }
}

impl Listener for TcpListener {
    type Socket = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let (socket, peer) = Self::accept(self).await?;
        // A socket that refuses this is broken, and says so when it is read.
        let _ = socket.set_nodelay(true);
        Ok((socket, peer))
    }

    /// With a reset: the client knows at once that nobody is there for it (a gRPC client reports
    /// UNAVAILABLE and tries again later), and the system keeps nothing of the connection, where an
    /// orderly close would leave it in TIME_WAIT for a minute, for each one of a flood.
    fn refuse(socket: TcpStream) {
        // If it cannot be reset, it is closed.
        let _ = socket.set_zero_linger();
    }
}
