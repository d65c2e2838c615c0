//! A socket that can be told that more follows.
//!
//! HTTP/2 hands over one frame at a time, of 16 KiB at most, and the kernel sends each on its way: with a
//! header, an acknowledgement, and a turn of the receiver. Told that more follows, it gathers frames into
//! as much as the network takes at once, and its part of a burst costs half. Whoever says so has to
//! [push](Socket::push) in the end, or the last bytes wait for a fifth of a second.
//!
//! It is no buffer: nothing is copied that would not have been, and how much the kernel holds has the
//! same bound as before. Only Linux can be told; elsewhere every write is on its way at once.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// See the module's text. Without methods of its own a socket is one that cannot be told.
pub trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Writes, with more to follow soon. Who waits for room is woken as by
    /// [`poll_write_vectored`](AsyncWrite::poll_write_vectored).
    ///
    /// # Errors
    /// As that.
    fn poll_write_more(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, slices)
    }

    /// Nothing follows for now: what was held back is to leave.
    ///
    /// # Errors
    /// If the socket is broken.
    fn push(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket for TcpStream {
    #[cfg(target_os = "linux")]
    fn poll_write_more(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
        use tokio::io::Interest;

        let nothing_else = SendAncillaryBuffer::default;
        let send = || sendmsg(&*self, slices, &mut nothing_else(), SendFlags::MORE);
        loop {
            std::task::ready!(self.poll_write_ready(cx))?;
            match self.try_io(Interest::WRITABLE, || send().map_err(io::Error::from)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
        }
    }

    #[cfg(target_os = "linux")]
    fn push(&self) -> io::Result<()> {
        // To say anew that nothing is to be delayed sends what has been.
        self.set_nodelay(true)
    }
}

/// Encrypted, it cannot be told: what is written goes through the session's records first.
impl<S: Socket> Socket for tokio_rustls::server::TlsStream<S> {}

/// A pipe in memory, for servers that no network leads to.
impl Socket for tokio::io::DuplexStream {}
