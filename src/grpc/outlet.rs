//! A socket that writes one buffer with the call for one buffer, and wakes whom it is told to when it
//! takes more.
//!
//! HTTP/2 hands its frames over as a list of slices, which the kernel takes apart at a cost for each
//! call. A delivery to one participant is a list of one, and is most of what a chat writes: it goes
//! out with `send`. Longer lists go out as they are.
//!
//! The task of a connection is woken when there is something to read, or room to write. The second is
//! not urgent, so it has a waker of its own: see [`turns`](super::turns).

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, Waker},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// See the module's text.
#[derive(Debug)]
pub(super) struct Outlet<S> {
    socket: S,
    /// Whom to wake when the socket takes more.
    writable: Waker,
}

impl<S> Outlet<S> {
    pub(super) fn new(socket: S, writable: Waker) -> Self {
        Self { socket, writable }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Outlet<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Outlet<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { socket, writable } = self.get_mut();
        Pin::new(socket).poll_write(&mut Context::from_waker(writable), bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [bytes] = slices {
            return self.poll_write(cx, bytes);
        }
        let Self { socket, writable } = self.get_mut();
        Pin::new(socket).poll_write_vectored(&mut Context::from_waker(writable), slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
