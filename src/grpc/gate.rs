//! A stream that is polled only when its own waker has been used.
//!
//! The task of a connection is woken for many reasons, and asks everything it holds each time: hyper
//! polls the body of a response when a frame of it has left, and a conversation polled for a delivery
//! would ask what the participant has sent, through seven layers and the lock of the connection, to
//! learn that nothing has come. Behind a gate each is asked when it has something to say. It is no
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

/// See the module's text.
#[derive(Debug)]
pub(super) struct Gated<S> {
    inner: S,
    signal: Arc<Signal>,
    /// The signal as a waker.
    waker: Waker,
    /// Whom the signal wakes, to compare with.
    woken: Option<Waker>,
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

impl<S> Gated<S> {
    pub(super) fn new(inner: S) -> Self {
        // Set, because there is always a first time.
        let signal = Arc::new(Signal { is_set: AtomicBool::new(true), woken: Mutex::new(None) });
        let waker = Waker::from(Arc::clone(&signal));
        Self { inner, signal, waker, woken: None }
    }
}

impl<S: Stream + Unpin> Stream for Gated<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.get_mut();
        // Before the signal is looked at: whoever sets it after that wakes the right one.
        if !this.woken.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            this.woken = Some(cx.waker().clone());
            *this.signal.woken() = this.woken.clone();
        }
        let signal = &this.signal.is_set;
        if !signal.load(Ordering::Acquire) || !signal.swap(false, Ordering::Acquire) {
            return Poll::Pending;
        }
        let polled = Pin::new(&mut this.inner).poll_next(&mut Context::from_waker(&this.waker));
        if polled.is_ready() {
            // There may be more, and nobody is going to say so.
            this.signal.is_set.store(true, Ordering::Release);
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
