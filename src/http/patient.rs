//! A socket that does not wait for ever for its other end to take something.
//!
//! Whoever asks and reads nothing holds an answer, and a place. So a write that has to wait may do so for so
//! long, from the last byte that was taken. There is a timer only while one waits.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// See the module's text. `P` is kept for as long as the socket is.
#[derive(Debug)]
pub(super) struct Patient<S, P> {
    socket: S,
    patience: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
    _place: P,
}

impl<S, P> Patient<S, P> {
    pub(super) fn new(socket: S, patience: Duration, place: P) -> Self {
        Self { socket, patience, waiting: None, _place: place }
    }

    /// What a write that ended so means: an error, if it has waited for too long.
    fn judge<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(patience)));
        waiting.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin, P: Unpin> AsyncRead for Patient<S, P> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin, P: Unpin> AsyncWrite for Patient<S, P> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.judge(cx, written)
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    #[tokio::test(start_paused = true)]
    async fn a_write_waits_so_long_from_the_last_byte_that_was_taken() {
        let (ours, mut theirs) = duplex(10);
        let mut patient = Patient::new(ours, Duration::from_secs(10), ());
        let writing = tokio::spawn(async move { patient.write_all(&[0; 40]).await });
        for _ in 0..2 {
            sleep(Duration::from_secs(9)).await;
            theirs.read_exact(&mut [0; 10]).await.expect("ten bytes are there");
        }
        let begun = tokio::time::Instant::now();
        let error = writing.await.expect("no panic").expect_err("nobody reads any more");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed().as_secs(), 10);
    }
}
