//! What a process is told by signals.
//!
//! The first signal to stop asks it to finish what it is doing; the second means at once. What finishing
//! is, and how long it may take, is for the command to say. A hang-up asks a server to read its files
//! again, as it does with many servers, and a participant to leave, since its terminal is gone; one that
//! is started with hang-ups ignored (`nohup`) stays. What means nothing here ends nothing: SIGUSR1,
//! SIGUSR2, and SIGXFSZ, which is how a system says that a file has reached a limit of the process, and
//! which would keep the write from saying so itself.

use std::{io, process};

/// The exit code after a second signal: that of a shell whose program was interrupted.
pub const INTERRUPTED: i32 = 130;

/// What a hang-up (SIGHUP) means to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HangUp {
    /// To stop, unless the process was started with it ignored.
    Stops,
    /// To read files again.
    Reloads,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// To stop. It has this name.
    Stop(&'static str),
    /// To read files again.
    Reload,
    /// Nothing. It has this name.
    Nothing(&'static str),
}

/// The signals that a process is told anything with.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    unix: unix::Signals,
}

impl Signals {
    /// Takes over the signals, which from then on do not end the process by themselves.
    ///
    /// # Errors
    /// If the system does not allow it.
    #[cfg(unix)]
    pub fn listen(hang_up: HangUp) -> io::Result<Self> {
        Ok(Self { unix: unix::Signals::listen(hang_up)? })
    }

    /// Waits for the next signal and returns what it asks for.
    #[cfg(unix)]
    pub async fn request(&mut self) -> Request {
        self.unix.request().await
    }

    /// Takes over the signals, which from then on do not end the process by themselves.
    ///
    /// # Errors
    /// If the system does not allow it.
    #[cfg(not(unix))]
    pub fn listen(_: HangUp) -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next signal and returns what it asks for.
    #[cfg(not(unix))]
    pub async fn request(&mut self) -> Request {
        // Without the ability to listen there is no signal to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Request::Stop("Ctrl-C")
    }

    /// Waits for the next signal to stop and returns its name.
    pub async fn next(&mut self) -> &'static str {
        loop {
            if let Request::Stop(name) = self.request().await {
                return name;
            }
        }
    }

    /// Runs `work` to its end, unless another signal to stop comes: then the process exits at once.
    pub async fn or_exit<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            done = work => done,
            _ = self.next() => process::exit(INTERRUPTED),
        }
    }
}

#[cfg(unix)]
mod unix {
    use super::{HangUp, Request};
    use std::io;
    use tokio::signal::unix::{Signal, SignalKind, signal};

    #[derive(Debug)]
    pub(super) struct Signals {
        terminate: Signal,
        interrupt: Signal,
        hang_up: Option<Signal>,
        hung_up: Request,
        user: [Signal; 2],
        /// Never waited for: that it is taken over is enough.
        _file_size: Signal,
    }

    impl Signals {
        pub(super) fn listen(hang_up: HangUp) -> io::Result<Self> {
            let (hung_up, is_wanted) = match hang_up {
                HangUp::Stops => (Request::Stop("SIGHUP"), !ignores_hang_ups()),
                HangUp::Reloads => (Request::Reload, true),
            };
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                hang_up: is_wanted.then(|| signal(SignalKind::hangup())).transpose()?,
                hung_up,
                user: [signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?],
                _file_size: signal(SignalKind::from_raw(nix::libc::SIGXFSZ))?,
            })
        }

        pub(super) async fn request(&mut self) -> Request {
            let Self { terminate, interrupt, hang_up, hung_up, user: [first, second], .. } = self;
            let hang_up = async {
                match hang_up {
                    Some(hang_up) => hang_up.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = terminate.recv() => Request::Stop("SIGTERM"),
                _ = interrupt.recv() => Request::Stop("Ctrl-C"),
                _ = hang_up => *hung_up,
                _ = first.recv() => Request::Nothing("SIGUSR1"),
                _ = second.recv() => Request::Nothing("SIGUSR2"),
            }
        }
    }

    /// Whether the process was started with hang-ups ignored, as far as the system says: it is the first
    /// bit of a mask.
    fn ignores_hang_ups() -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask & 1 != 0)
    }
}
