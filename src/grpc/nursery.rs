//! Where the streams of a connection come from: hyper hands over a handler for each, and a stream may have a
//! companion that is polled with it.
//!
//! It is the executor that hyper is given, and runs nothing: the connection's task takes out what was put in,
//! and polls it. See [`connection`](super::connection).

use futures_util::FutureExt as _;
use hyper::rt::Executor;
use std::{
    fmt,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

pub(super) type Handler = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Takes in the streams that a connection opens. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Nursery {
    opened: Arc<Mutex<Opened>>,
}

#[derive(Default)]
pub(super) struct Opened {
    pub(super) handlers: Vec<Handler>,
    /// What is to be polled together with the next handler.
    companion: Option<Handler>,
}

impl Nursery {
    pub(super) fn lock(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `companion` polled before the handler of the stream whose request is being answered, in the same
    /// turns. The stream is cut when it is ready. To be called from within the service, since hyper
    /// hands over the handler as soon as that returns.
    pub(super) fn accompany(&self, companion: impl Future<Output = ()> + Send + 'static) {
        self.lock().companion = Some(Box::pin(companion));
    }
}

/// A handler and what is polled with it.
struct Accompanied {
    companion: Handler,
    handler: Handler,
}

impl Future for Accompanied {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Whichever is ready first, with it goes the other.
        if self.companion.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        self.handler.as_mut().poll(cx)
    }
}

impl fmt::Debug for Nursery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nursery").finish_non_exhaustive()
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Nursery {
    fn execute(&self, handler: F) {
        let mut opened = self.lock();
        let handler: Handler = match opened.companion.take() {
            Some(companion) => unharmed(Accompanied { companion, handler: Box::pin(handler) }),
            None => unharmed(handler),
        };
        opened.handlers.push(handler);
    }
}

/// A panic in one handler ends that one's stream. The others do not share its state, nor does the
/// connection, whose own lock is not held while a handler runs.
fn unharmed(handler: impl Future<Output = ()> + Send + 'static) -> Handler {
    Box::pin(AssertUnwindSafe(handler).catch_unwind().map(drop))
}
