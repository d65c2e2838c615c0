//! How a process is told to stop.
//!
//! The first signal asks it to finish what it is doing; the second means at once. What finishing is,
//! and how long it may take, is for the command to say.

use std::{io, process};

/// The exit code after a second signal: that of a shell whose program was interrupted.
pub const INTERRUPTED: i32 = 130;

/// The signals that ask a process to stop: Ctrl-C and, on Unix, SIGTERM.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// Takes over the signals, which from then on do not end the process by themselves.
    ///
    /// # Errors
    /// If the system does not allow it.
    #[cfg(unix)]
    pub fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { terminate, interrupt })
    }

    /// Waits for the next signal and returns its name.
    #[cfg(unix)]
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "Ctrl-C",
        }
    }

    /// Takes over the signals, which from then on do not end the process by themselves.
    ///
    /// # Errors
    /// If the system does not allow it.
    #[cfg(not(unix))]
    pub fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next signal and returns its name.
    #[cfg(not(unix))]
    pub async fn next(&mut self) -> &'static str {
        // Without the ability to listen there is no signal to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }

    /// Runs `work` to its end, unless another signal comes: then the process exits at once.
    pub async fn or_exit<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            done = work => done,
            _ = self.next() => process::exit(INTERRUPTED),
        }
    }
}
