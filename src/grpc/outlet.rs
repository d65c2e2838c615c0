//! The way out of a connection: each buffer with the call that fits it, and whoever waits for room woken
//! apart from whoever waits for something to read.
//!
//! HTTP/2 hands its frames over as a list of slices, which the kernel takes apart at a cost for each
//! call. A delivery to one participant is a list of one, and is most of what a chat writes: it goes
//! out with `send`. Longer lists go out as they are. While a [`Cork`] is in, more is known to follow, and
//! the [socket](super::socket) is told so.
//!
//! The task of a connection is woken when there is something to read, or room to write. The second is
//! not urgent, so it has a waker of its own: see [`turns`](super::turns).

use super::{intake::Intake, socket::Socket};
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Whether more follows on a connection, and whether anything is held back for it. All who look at it
/// are in the connection's one task.
#[derive(Debug, Default)]
pub(super) struct Cork {
    is_in: AtomicBool,
    is_holding: AtomicBool,
    was_out: AtomicBool,
}

impl Cork {
    /// Says whether more follows, soon and in any case.
    pub(super) fn more_follows(&self, more_follows: bool) {
        self.is_in.store(more_follows, Relaxed);
        if !more_follows {
            self.was_out.store(true, Relaxed);
        }
    }

    /// Whether all that there was to say has been said, at some time or other.
    pub(super) fn was_out(&self) -> bool {
        self.was_out.load(Relaxed)
    }

    /// Something is held back for what follows.
    pub(super) fn hold(&self) {
        self.is_holding.store(true, Relaxed);
    }

    /// Nothing follows after all. True if something has been held back, which leaves with the next
    /// flush.
    pub(super) fn pull(&self) -> bool {
        self.is_in.store(false, Relaxed);
        self.is_holding.load(Relaxed)
    }
}

/// What a connection's task, its streams and its socket tell each other about what comes and goes. Clones
/// are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    pub(super) cork: Arc<Cork>,
    pub(super) intake: Arc<Intake>,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Outlet<S> {
    socket: S,
    cork: Arc<Cork>,
    intake: Arc<Intake>,
    /// Whom to wake when the socket takes more.
    writable: Waker,
}

impl<S> Outlet<S> {
    pub(super) fn new(socket: S, flow: &Flow, writable: Waker) -> Self {
        let Flow { cork, intake } = flow.clone();
        Self { socket, cork, intake, writable }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Outlet<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Whoever is put off is asked again in the next round, so nothing has to wake it.
        if !self.intake.may_read() {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.socket).poll_read(cx, buffer);
        self.intake.read(buffer.filled().len() - before);
        polled
    }
}

impl<S: Socket> AsyncWrite for Outlet<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { socket, cork, writable, .. } = self.get_mut();
        let (socket, cx) = (Pin::new(socket), &mut Context::from_waker(writable));
        if cork.is_in.load(Relaxed) {
            cork.hold();
            return socket.poll_write_more(cx, slices);
        }
        // A write to which nothing follows takes along what was held back, unless it is cut short; then
        // there is another.
        cork.is_holding.store(false, Relaxed);
        match slices {
            [bytes] => socket.poll_write(cx, bytes),
            _ => socket.poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { socket, cork, .. } = self.get_mut();
        if !cork.is_in.load(Relaxed) && cork.is_holding.swap(false, Relaxed) {
            socket.push()?;
        }
        Pin::new(socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
