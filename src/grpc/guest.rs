//! A connection that was let in: what is on it, and whether it is still of use.
//!
//! The connection, each request on it and each participant hold on to it, and give back what they
//! took when they are dropped, however that comes about. It judges one connection; what holds for all
//! of them together is the [`Door`]'s.

use super::{door::Door, server::Limits};
use crate::chat::{Act, Fault, Seat};
use crate::hub::Hub;
use crate::keys::Denied;
use crate::wire::Inbound;
use futures_util::task::AtomicWaker;
use std::{
    collections::BTreeSet,
    mem,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{task::AbortHandle, time::Instant};

/// See the module's text.
#[derive(Debug)]
pub(super) struct Guest {
    door: Arc<Door>,
    /// The address, or the network, that it is counted with.
    address: IpAddr,
    key: usize,
    using: Mutex<Using>,
    task: OnceLock<AbortHandle>,
    is_to_go: AtomicBool,
    /// Wakes the connection for it to go.
    connection: AtomicWaker,
}

/// A connection that takes no new stream once its guest is to go, and tells the client so.
///
/// A client that is about to ask something again is thereby not cut off in the middle of it: what it
/// has sent before it hears of this is answered, and for what comes later it opens a connection.
#[derive(Debug)]
pub(super) struct Parting<C> {
    connection: C,
    shut_down: fn(Pin<&mut C>),
    guest: Arc<Guest>,
    is_known: bool,
    is_told: bool,
}

#[derive(Debug)]
struct Using {
    /// Requests under way, all of them.
    streams: u32,
    /// Those of them that are not the chat's.
    others: u32,
    /// Seats taken on this connection whose streams have not ended.
    seats: BTreeSet<Seat>,
    /// When it was last seen to be of use.
    last: Instant,
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Pass {
    guest: Arc<Guest>,
    is_other: bool,
}

/// A participant's place among those from its address.
#[derive(Debug)]
pub(super) struct Chair {
    guest: Arc<Guest>,
    seat: Option<Seat>,
}

impl Guest {
    /// For the door, which has counted it.
    pub(super) fn new(door: Arc<Door>, address: IpAddr, key: usize) -> Self {
        let last = Instant::now();
        let using = Mutex::new(Using { streams: 0, others: 0, seats: BTreeSet::new(), last });
        let (task, is_to_go) = (OnceLock::new(), AtomicBool::new(false));
        let connection = AtomicWaker::new();
        Self { door, address, key, using, task, is_to_go, connection }
    }

    /// Says which task the connection is: aborting it is how it is cut, if it does not go.
    pub(super) fn is_served_by(&self, task: AbortHandle) {
        // There is one task for a connection, so this comes once.
        let _ = self.task.set(task);
    }

    /// What it may do.
    pub(super) fn limits(&self) -> &Limits {
        &self.door.limits
    }

    /// One more request, unless there are as many as there may be. `is_other` if it is not the chat's.
    pub(super) fn pass(self: &Arc<Self>, is_other: bool) -> Option<Pass> {
        let mut using = self.lock();
        if using.streams >= self.door.limits.streams_per_connection {
            return None;
        }
        using.streams += 1;
        using.others += u32::from(is_other);
        drop(using);
        Some(Pass { guest: Arc::clone(self), is_other })
    }

    /// Takes a chair for whoever asks to be let into the room. If there is none, that becomes what is
    /// wrong with the message: the room is to see it all the same, because it is an event.
    pub(super) fn offer_chair(self: &Arc<Self>, received: &mut Inbound) -> Option<Chair> {
        let draft =
            received.as_mut().ok().filter(|draft| matches!(draft.act, Ok(Act::Connect(_))))?;
        if self.door.admits_participant(self.address) {
            return Some(Chair { guest: Arc::clone(self), seat: None });
        }
        let participants = self.door.limits.participants_per_address;
        draft.act = Err(Fault::AddressFull { participants });
        None
    }

    /// Notes that a request from there was refused for what it showed.
    pub(super) fn denied(&self, peer: SocketAddr, denied: Denied) {
        self.door.denied(peer, denied);
    }

    /// Notes that a request was refused, and why.
    pub(super) fn request_refused(&self, reason: &'static str) {
        self.door.metrics.request_refused(reason);
    }

    /// Ends the connection if it has been of no use for so long: tells it to go, and cuts it if it is
    /// still here the next time. True if it was told.
    pub(super) fn end_if_idle(&self, hub: &Hub, now: Instant, timeout: Duration) -> bool {
        let mut using = self.lock();
        if using.others > 0 || hub.is_any_present(&using.seats) {
            using.last = now;
            return false;
        }
        // Between two looks it may have been used and left again, which is why that is noted too.
        let is_idle = now.saturating_duration_since(using.last) >= timeout;
        drop(using);
        if !is_idle {
            return false;
        }
        if self.is_to_go.swap(true, Ordering::SeqCst) {
            // Whoever reads nothing does not hear that either.
            self.task.get().inspect(|task| task.abort());
            return false;
        }
        self.connection.wake();
        true
    }

    fn lock(&self) -> MutexGuard<'_, Using> {
        self.using.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Future + Unpin> Parting<C> {
    /// `shut_down` tells the connection to take no new stream and to end with its last.
    pub(super) fn new(connection: C, shut_down: fn(Pin<&mut C>), guest: Arc<Guest>) -> Self {
        Self { connection, shut_down, guest, is_known: false, is_told: false }
    }

    /// The same, for whatever reason.
    pub(super) fn shut_down(self: Pin<&mut Self>) {
        let this = self.get_mut();
        if !mem::replace(&mut this.is_told, true) {
            (this.shut_down)(Pin::new(&mut this.connection));
        }
    }
}

impl<C: Future + Unpin> Future for Parting<C> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        // Its waker is always the same.
        if !mem::replace(&mut self.is_known, true) {
            self.guest.connection.register(cx.waker());
        }
        if self.guest.is_to_go.load(Ordering::SeqCst) {
            self.as_mut().shut_down();
        }
        Pin::new(&mut self.connection).poll(cx)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.door.left(self.address, self.key);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut using = self.guest.lock();
        using.streams -= 1;
        if self.is_other {
            using.others -= 1;
            using.last = Instant::now();
        }
    }
}

impl Chair {
    /// Its holder is in the room, and sits here.
    pub(super) fn taken(&mut self, seat: Seat) {
        self.guest.lock().seats.insert(seat);
        self.seat = Some(seat);
    }
}

impl Drop for Chair {
    fn drop(&mut self) {
        self.guest.door.participant_left(self.guest.address);
        if let Some(seat) = self.seat {
            let mut using = self.guest.lock();
            using.seats.remove(&seat);
            using.last = Instant::now();
        }
    }
}
