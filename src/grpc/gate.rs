//! Asking only who has something to say.
//!
//! The task of a connection is woken for many reasons, and asks everything it holds each time: hyper
//! polls the body of a response when a frame of it has left, and a stream polled for a delivery
//! would ask what the participant has sent, through seven layers and the lock of the connection, to
//! learn that nothing has come. Behind a gate each is asked when its own waker has been used. It is no
//! buffer: what is there waits where it was.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};
use tokio_stream::Stream;

/// What stands before somebody who is to be polled. See the module's text.
#[derive(Debug)]
pub(super) struct Gate {
    signal: Arc<Signal>,
    /// The signal as a waker.
    waker: Waker,
    /// Whom the signal wakes, to compare with.
    woken: Option<Waker>,
}

/// A stream behind a gate.
#[derive(Debug)]
pub(super) struct Gated<S> {
    inner: S,
    gate: Gate,
}

#[derive(Debug)]
struct Signal {
    is_set: AtomicBool,
    woken: Mutex<Option<Waker>>,
}

impl Signal {
    fn woken(&self) -> MutexGuard<'_, Option<Waker>> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_set.store(true, Ordering::Release);
        if let Some(waker) = &*self.woken() {
            waker.wake_by_ref();
        }
    }
}

impl Gate {
    pub(super) fn new() -> Self {
        // Set, because there is always a first time.
        let signal = Arc::new(Signal { is_set: AtomicBool::new(true), woken: Mutex::new(None) });
        let waker = Waker::from(Arc::clone(&signal));
        Self { signal, waker, woken: None }
    }

    /// The waker to poll with, if there is a reason to poll. If there is none, the reason will wake
    /// whoever asked here last.
    pub(super) fn enter(&mut self, cx: &Context<'_>) -> Option<&Waker> {
        // Before the signal is looked at: whoever sets it after that wakes the right one.
        if !self.woken.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            self.woken = Some(cx.waker().clone());
            *self.signal.woken() = self.woken.clone();
        }
        let signal = &self.signal.is_set;
        let is_set = signal.load(Ordering::Acquire) && signal.swap(false, Ordering::Acquire);
        is_set.then_some(&self.waker)
    }

    /// Whoever uses this opens it.
    pub(super) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// There is more, and nobody is going to say so.
    pub(super) fn stay_open(&self) {
        self.signal.is_set.store(true, Ordering::Release);
    }
}

impl<S> Gated<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, gate: Gate::new() }
    }
}

impl<S: Stream + Unpin> Stream for Gated<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let Self { inner, gate } = self.get_mut();
        let Some(waker) = gate.enter(cx) else {
            return Poll::Pending;
        };
        let polled = Pin::new(inner).poll_next(&mut Context::from_waker(waker));
        if polled.is_ready() {
            gate.stay_open();
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt as _, task::noop_waker};
    use std::sync::atomic::AtomicU32;
    use tokio::sync::mpsc;
    use tokio_stream::wrappers::ReceiverStream;

    #[derive(Debug, Default)]
    struct Wakes(AtomicU32);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn it_is_asked_once_for_each_time_that_something_has_come() {
        let (sender, receiver) = mpsc::channel(8);
        let mut asked = 0;
        let mut messages = ReceiverStream::new(receiver);
        let counted = futures_util::stream::poll_fn(|cx| {
            asked += 1;
            messages.poll_next_unpin(cx)
        });
        let mut gated = Gated::new(counted);
        let (first, second) = (Arc::<Wakes>::default(), Arc::<Wakes>::default());
        let wakes = |it: &Arc<Wakes>| it.0.load(Ordering::SeqCst);
        let (one, two) = (Waker::from(Arc::clone(&first)), Waker::from(Arc::clone(&second)));
        let other = noop_waker();
        let mut poll = |waker: &Waker| gated.poll_next_unpin(&mut Context::from_waker(waker));
        assert_eq!(poll(&one), Poll::Pending);
        assert_eq!(poll(&other), Poll::Pending, "not asked, but the waker is another now");
        assert_eq!(poll(&two), Poll::Pending);
        sender.try_send(1).expect("there is room");
        sender.try_send(2).expect("there is room");
        assert_eq!((wakes(&first), wakes(&second)), (0, 1), "the last who asked is woken");
        assert_eq!(poll(&two), Poll::Ready(Some(1)));
        assert_eq!(poll(&two), Poll::Ready(Some(2)));
        assert_eq!(poll(&two), Poll::Pending);
        assert_eq!(poll(&two), Poll::Pending);
        sender.try_send(3).expect("there is room");
        assert_eq!(poll(&two), Poll::Ready(Some(3)));
        drop(sender);
        assert_eq!(poll(&two), Poll::Ready(None));
        // Once at first, once for each message, once to learn that there is no more, once at the end.
        assert_eq!(asked, 6);
    }
}
