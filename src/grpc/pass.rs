//! A request under way: what it is at the moment, and how it is cut.
//!
//! A stream begins as a stranger's. It becomes a participant's once somebody has connected on it, or a
//! service's once its request is there; and it is over once nothing follows on it, even if whoever is to
//! read that does not. Only participants and services keep a connection in use. Nothing here has a timer:
//! the [`Door`](super::door::Door) looks around and says who is late.

use super::guest::Guest;
use crate::chat::Seat;
use futures_util::task::AtomicWaker;
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Waker},
};

/// What a request under way is.
#[derive(Debug)]
pub(super) enum Role {
    /// Nobody has connected on it, and no request has come. The number is its place in line.
    Stranger(u64),
    /// A participant's, with the seat it has taken.
    Seated(Seat),
    /// A request to another service that has come, and is answered.
    Served,
    /// One of the services' streams, which may last for any time.
    Lasting,
    /// Nothing more comes of it. The number is its place in line.
    Over(u64),
}

impl Role {
    /// True if it keeps its connection in use.
    pub(super) fn is_of_use(&self) -> bool {
        matches!(self, Self::Seated(_) | Self::Served | Self::Lasting)
    }

    /// The seat of a participant's.
    pub(super) fn seat(&self) -> Option<Seat> {
        match self {
            Self::Seated(seat) => Some(*seat),
            _ => None,
        }
    }
}

/// How a request's handler hears that it is to end. Clones of the pointer are the same.
#[derive(Debug, Default)]
pub(super) struct Cut {
    state: AtomicU8,
    handler: AtomicWaker,
}

const LATE: u8 = 1;
const NOW: u8 = 2;

impl Cut {
    /// It has had its time: it is told, and ends now if it has been told before.
    pub(super) fn is_late(&self) {
        let is_told = self.state.load(Ordering::SeqCst) >= LATE;
        self.state.store(if is_told { NOW } else { LATE }, Ordering::SeqCst);
        self.handler.wake();
    }

    /// It ends, told or not.
    pub(super) fn now(&self) {
        self.state.store(NOW, Ordering::SeqCst);
        self.handler.wake();
    }
}

/// A request's place among those under way, for as long as it is kept.
#[derive(Debug)]
pub(super) struct Pass {
    guest: Arc<Guest>,
    key: usize,
    cut: Arc<Cut>,
}

/// What ends a request's handler: ready when it is to be cut.
#[derive(Debug)]
pub(super) struct Overseer(Arc<Cut>, Option<Waker>);

impl Pass {
    /// For the guest, who has counted it.
    pub(super) fn new(guest: Arc<Guest>, key: usize, cut: Arc<Cut>) -> Self {
        Self { guest, key, cut }
    }

    /// A participant sits here from now on.
    pub(super) fn taken_by(&self, seat: Seat) {
        self.guest.request_is(self.key, Role::Seated(seat));
    }

    /// The request has come, and is answered.
    pub(super) fn is_served(&self) {
        self.guest.request_is(self.key, Role::Served);
    }

    /// The request has come, and its answer may last. False if as many do as may.
    pub(super) fn lasts(&self) -> bool {
        let may = self.guest.door().admits_service();
        if may {
            self.guest.request_is(self.key, Role::Lasting);
        }
        may
    }

    /// Notes that the request was refused, and why.
    pub(super) fn refused(&self, reason: &'static str) {
        self.guest.request_refused(reason);
    }

    /// Nothing more comes of it.
    pub(super) fn is_over(&self) {
        self.guest.request_is_over(self.key);
    }

    /// True once it has had its time.
    pub(super) fn is_late(&self) -> bool {
        self.cut.state.load(Ordering::SeqCst) >= LATE
    }

    /// Ready when it is to be cut. Whoever polls it is woken for that, and when it is late. `known` is whom
    /// it wakes already: it is polled for every delivery.
    pub(super) fn poll_cut(&self, known: &mut Option<Waker>, cx: &mut Context<'_>) -> Poll<()> {
        self.cut.poll(known, cx)
    }

    /// The same, for whoever does not hold the pass.
    pub(super) fn overseer(&self) -> Overseer {
        Overseer(Arc::clone(&self.cut), None)
    }
}

impl Cut {
    fn poll(&self, known: &mut Option<Waker>, cx: &mut Context<'_>) -> Poll<()> {
        if !known.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            self.handler.register(cx.waker());
            *known = Some(cx.waker().clone());
        }
        if self.state.load(Ordering::SeqCst) >= NOW { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Future for Overseer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self(cut, known) = self.get_mut();
        cut.poll(known, cx)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.guest.request_left(self.key);
    }
}
