//! One connection and all its streams, in one task.
//!
//! Hyper would give each stream a task of its own, and a delivery would then wake two: the stream's,
//! which encodes, and the connection's, which writes; on two processors, with the connection's state
//! carried from one to the other. Here the connection's task polls its streams first and the
//! connection after them, so that what they have to say leaves in the same turn. It is an executor
//! for one connection, no more; HTTP/2 itself is hyper's.
//!
//! A turn ends when nobody has rung meanwhile. What streams and connection say to each other during a
//! turn rings too, and costs a look and no wake-up: see [`Bell`].

use super::nursery::Nursery;
use super::outlet::Flow;
use super::turns::{Place, Turns};
use slab::Slab;
use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// How often streams and connection are polled in one turn before other tasks get theirs.
const ROUNDS_IN_A_ROW: usize = 8;

/// What wakes a connection's task, and says on whose behalf: each stream has one, and so has the
/// connection itself.
#[derive(Debug)]
struct Bell {
    is_rung: AtomicBool,
    rest: Arc<Rest>,
    /// Whoever rings has something to be delivered, which waits for its turn.
    is_patient: bool,
}

/// Whether a connection's task rests, and how it is woken.
#[derive(Debug)]
struct Rest {
    /// The task is at work and will look at its bells again before it rests.
    is_awake: AtomicBool,
    /// It has had a turn, so it is nobody who has just come.
    is_settled: AtomicBool,
    place: Arc<Place>,
    turns: Arc<Turns>,
}

impl Bell {
    /// A bell that has been rung: there is always a first time.
    fn new(rest: &Arc<Rest>, is_patient: bool) -> Arc<Self> {
        let (is_rung, rest) = (AtomicBool::new(true), Arc::clone(rest));
        Arc::new(Self { is_rung, rest, is_patient })
    }

    fn is_rung(&self) -> bool {
        self.is_rung.load(Ordering::SeqCst)
    }

    fn ring(&self, is_patient: bool) {
        // In this order, while the task does the reverse: either it sees the ring, or we see it rest.
        self.is_rung.store(true, Ordering::SeqCst);
        if self.rest.is_awake.load(Ordering::SeqCst) {
            return;
        }
        if is_patient || self.rest.is_settled.load(Ordering::Relaxed) {
            self.rest.turns.ask(&self.rest.place);
        } else {
            self.rest.place.task.wake();
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring(self.is_patient);
    }
}

/// Rings the connection's bell when its socket takes more: that is no more urgent than what it is for.
#[derive(Debug)]
struct Writable(Arc<Bell>);

impl Wake for Writable {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.ring(true);
    }
}

/// The bell of a connection, made before the connection is.
#[derive(Debug)]
pub(super) struct Doorbell(Arc<Bell>);

impl Doorbell {
    /// Deliveries on this connection will take their turns among these.
    pub(super) fn new(turns: Arc<Turns>) -> Self {
        let (is_awake, is_settled) = (AtomicBool::new(false), AtomicBool::new(false));
        let place = turns.enter();
        let rest = Rest { is_awake, is_settled, place, turns };
        Self(Bell::new(&Arc::new(rest), false))
    }

    /// What is to be woken when the socket takes more.
    pub(super) fn writable(&self) -> Waker {
        Waker::from(Arc::new(Writable(Arc::clone(&self.0))))
    }
}

/// Tells all connections to drain: to take no new stream, and to end with their last.
#[derive(Debug, Default)]
pub(super) struct Drain {
    is_on: AtomicBool,
    bells: Mutex<Slab<Arc<Bell>>>,
}

impl Drain {
    /// Tells them, and those that come later too.
    pub(super) fn start(&self) {
        self.is_on.store(true, Ordering::SeqCst);
        for (_, bell) in &*self.lock() {
            bell.wake_by_ref();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slab<Arc<Bell>>> {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A future that is polled when its own bell has been rung.
struct Member<F: ?Sized> {
    future: Pin<Box<F>>,
    bell: Arc<Bell>,
    waker: Waker,
}

impl<F: Future + ?Sized> Member<F> {
    fn new(future: Pin<Box<F>>, bell: Arc<Bell>) -> Self {
        let waker = Waker::from(Arc::clone(&bell));
        Self { future, bell, waker }
    }

    /// Polls it if it has been rung for.
    fn answer(&mut self) -> Option<Poll<F::Output>> {
        let is_rung = self.bell.is_rung() && self.bell.is_rung.swap(false, Ordering::SeqCst);
        is_rung.then(|| self.future.as_mut().poll(&mut Context::from_waker(&self.waker)))
    }
}

/// A connection that also polls the streams which it has put into its nursery.
pub(super) struct Together<C> {
    shut_down: fn(Pin<&mut C>),
    /// Nothing once it has ended; its streams learn of that by themselves and end too.
    connection: Option<Member<C>>,
    streams: Vec<Member<dyn Future<Output = ()> + Send>>,
    nursery: Nursery,
    rest: Arc<Rest>,
    flow: Flow,
    drain: Arc<Drain>,
    slot: usize,
    is_draining: bool,
}

impl<C: Future> Together<C> {
    /// `connection` must have been given this nursery; `shut_down` tells it to take no new stream and
    /// to end with its last.
    pub(super) fn new(
        connection: C,
        shut_down: fn(Pin<&mut C>),
        nursery: Nursery,
        drain: Arc<Drain>,
        flow: Flow,
        Doorbell(bell): Doorbell,
    ) -> Self {
        let rest = Arc::clone(&bell.rest);
        let connection = Member::new(Box::pin(connection), bell);
        let slot = drain.lock().insert(Arc::clone(&connection.bell));
        let (connection, streams) = (Some(connection), Vec::new());
        Self {
            shut_down,
            connection,
            streams,
            nursery,
            rest,
            flow,
            drain,
            slot,
            is_draining: false,
        }
    }

    /// Polls whatever has been rung for: the streams, and then the connection, which sends what they
    /// had to say.
    fn round(&mut self) {
        self.streams.retain_mut(|stream| !stream.answer().is_some_and(|polled| polled.is_ready()));
        self.attend();
    }

    /// Polls the connection if it has been rung for, and takes in the streams that it opens.
    fn attend(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        if !self.is_draining && self.drain.is_on.load(Ordering::SeqCst) {
            self.is_draining = true;
            (self.shut_down)(connection.future.as_mut());
        }
        self.flow.intake.renew();
        // Why a connection failed is told by its streams, each to whom it concerns.
        match connection.answer() {
            None => return,
            Some(Poll::Ready(_)) => self.connection = None,
            Some(Poll::Pending) if self.flow.intake.was_put_off() => connection.bell.ring(false),
            Some(Poll::Pending) => {}
        }
        let mut opened = self.nursery.lock();
        let opened = opened.handlers.drain(..);
        self.streams.extend(opened.map(|it| Member::new(it, Bell::new(&self.rest, true))));
    }

    /// Has the connection send what was held back for more that does not come in this turn.
    fn flush(&mut self) {
        if let Some(connection) = &self.connection {
            connection.bell.is_rung.store(true, Ordering::SeqCst);
            self.attend();
        }
    }

    fn has_more(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(|connection| connection.bell.is_rung())
            || self.streams.iter().any(|stream| stream.bell.is_rung())
    }
}

impl<C: Future> Future for Together<C> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let rest = Arc::clone(&this.rest);
        rest.place.task.register(cx.waker());
        rest.is_awake.store(true, Ordering::SeqCst);
        this.round();
        let mut rounds = 1;
        while this.has_more() && rounds < ROUNDS_IN_A_ROW {
            this.round();
            rounds += 1;
        }
        if this.flow.cork.pull() {
            this.flush();
        }
        if this.connection.is_none() && this.streams.is_empty() {
            return Poll::Ready(());
        }
        if this.flow.cork.was_out() {
            rest.place.has_heard_all();
        }
        if rest.turns.hand_on(&rest.place) {
            rest.is_settled.store(true, Ordering::Relaxed);
        }
        rest.is_awake.store(false, Ordering::SeqCst);
        if this.has_more() {
            rest.turns.ask(&rest.place);
        }
        Poll::Pending
    }
}

impl<C> Drop for Together<C> {
    fn drop(&mut self) {
        self.drain.lock().remove(self.slot);
        self.rest.turns.leave(&self.rest.place);
    }
}

impl<C> fmt::Debug for Together<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Together").field("streams", &self.streams.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::nursery::Handler;
    use hyper::rt::Executor as _;
    use std::{future::poll_fn, sync::atomic::AtomicU32};
    use tokio::sync::Notify;

    /// A connection that opens these streams when it is first polled, and ends when it is drained.
    struct Opening {
        handlers: Vec<Handler>,
        nursery: Nursery,
        is_drained: bool,
    }

    impl Future for Opening {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            for handler in std::mem::take(&mut self.handlers) {
                self.nursery.execute(handler);
            }
            if self.is_drained { Poll::Ready(()) } else { Poll::Pending }
        }
    }

    fn together(handlers: Vec<Handler>, drain: &Arc<Drain>) -> Together<Opening> {
        let nursery = Nursery::default();
        let opening = Opening { handlers, nursery: nursery.clone(), is_drained: false };
        let shut_down = |mut opening: Pin<&mut Opening>| opening.is_drained = true;
        let doorbell = Doorbell::new(Arc::default());
        Together::new(opening, shut_down, nursery, Arc::clone(drain), Flow::default(), doorbell)
    }

    #[tokio::test]
    async fn a_connection_ends_when_it_is_drained_and_its_last_stream_has_ended() {
        let (drain, word) = (Arc::<Drain>::default(), Arc::<Notify>::default());
        let heard = Arc::clone(&word);
        let handler = Box::pin(async move { heard.notified().await });
        let mut task = tokio::spawn(together(vec![handler], &drain));
        drain.start();
        let early = poll_fn(|cx| Poll::Ready(Pin::new(&mut task).poll(cx).is_ready())).await;
        assert!(!early, "its stream has not ended");
        word.notify_one();
        task.await.expect("no panic");
        assert!(drain.lock().is_empty(), "it has left nothing behind");
    }

    #[tokio::test]
    async fn a_panic_ends_one_stream_and_no_other() {
        let (drain, word) = (Arc::<Drain>::default(), Arc::<Notify>::default());
        let (heard, ended) = (Arc::clone(&word), Arc::<AtomicU32>::default());
        let counter = Arc::clone(&ended);
        let panicking = Box::pin(async { panic!("on purpose") });
        let steady = Box::pin(async move {
            heard.notified().await;
            counter.fetch_add(1, Ordering::SeqCst);
        });
        let task = tokio::spawn(together(vec![panicking, steady], &drain));
        word.notify_one();
        drain.start();
        task.await.expect("the panic went no further");
        assert_eq!(ended.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_stream_that_is_opened_while_the_last_bytes_leave_is_served() {
        let (flow, nursery) = (Flow::default(), Nursery::default());
        flow.cork.more_follows(true);
        flow.cork.hold();
        let (opening, mut polls) = (nursery.clone(), 0);
        let (served, mut is_served) = tokio::sync::oneshot::channel();
        let mut handler = Some(async move { served.send(()).expect("the test waits") });
        // It is polled once for itself, and once more to send what was held back.
        let connection = poll_fn(move |_: &mut Context<'_>| {
            polls += 1;
            if polls == 2 {
                opening.execute(handler.take().expect("it is opened once"));
            }
            Poll::<()>::Pending
        });
        let doorbell = Doorbell::new(Arc::default());
        let mut together =
            Together::new(connection, |_| {}, nursery, Arc::default(), flow, doorbell);
        for _ in 0..2 {
            let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut together).poll(cx))).await;
            assert!(polled.is_pending());
        }
        assert_eq!(is_served.try_recv(), Ok(()));
    }

    #[tokio::test]
    async fn whoever_has_heard_everything_is_a_newcomer_no_longer() {
        let (flow, doorbell) = (Flow::default(), Doorbell::new(Arc::default()));
        let cork = Arc::clone(&flow.cork);
        let place = Arc::clone(&doorbell.0.rest.place);
        let (idle, nursery) = (std::future::pending::<()>(), Nursery::default());
        let mut together = Together::new(idle, |_| {}, nursery, Arc::default(), flow, doorbell);
        // The first half of a list, and the second.
        for more_follows in [true, false] {
            cork.more_follows(more_follows);
            let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut together).poll(cx))).await;
            assert!(polled.is_pending());
            assert_eq!(place.is_new(), more_follows);
        }
    }

    #[test]
    fn a_ring_wakes_a_resting_task_and_not_one_at_work() {
        struct Wakes(AtomicU32);
        impl Wake for Wakes {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let wakes = Arc::new(Wakes(AtomicU32::new(0)));
        let drain = Arc::<Drain>::default();
        // It rings its own bell while it is polled, once.
        let mut is_first = true;
        let echo = poll_fn(move |cx: &mut Context<'_>| {
            if std::mem::take(&mut is_first) {
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        });
        let mut together = together(vec![Box::pin(echo)], &drain);
        let waker = Waker::from(Arc::clone(&wakes));
        let polled = Pin::new(&mut together).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        assert_eq!(wakes.0.load(Ordering::SeqCst), 0, "it was at work and looked again itself");
        drain.start();
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
    }
}
