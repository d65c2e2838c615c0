//! A connection that was let in: what is on it, and whether it is still of use.
//!
//! The connection, each request on it and each participant hold on to it, and give back what they
//! took when they are dropped, however that comes about. It judges one connection; what holds for all
//! of them together is the [`Door`]'s.

use super::{
    bucket::Bucket,
    denials::{ON_CONNECTION, UNHEEDED},
    door::Door,
    pass::{Cut, Pass, Role},
    server::Limits,
};
use crate::chat::{Act, Fault, Seat};
use crate::hub::Hub;
use crate::keys::{Denied, Identity};
use crate::wire::Inbound;
use futures_util::task::AtomicWaker;
use slab::Slab;
use std::{
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
    requests: Slab<Request>,
    /// When it was last seen to be of use.
    last: Instant,
    /// What was refused on it.
    denials: Bucket,
    /// How much beyond what may be.
    unheeded: u32,
}

/// A request under way.
#[derive(Debug)]
struct Request {
    role: Role,
    /// Since when it has this role.
    since: Instant,
    cut: Arc<Cut>,
}

/// A participant's place among those from its address.
#[derive(Debug)]
pub(super) struct Chair {
    guest: Arc<Guest>,
}

impl Guest {
    /// For the door, which has counted it.
    pub(super) fn new(door: Arc<Door>, address: IpAddr, key: usize) -> Self {
        let (requests, denials) = (Slab::new(), Bucket::default());
        let using = Using { requests, last: Instant::now(), denials, unheeded: 0 };
        let using = Mutex::new(using);
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
    pub(super) fn limits(&self) -> Arc<Limits> {
        self.door.limits()
    }

    /// What holds for all connections together.
    pub(super) fn door(&self) -> &Door {
        &self.door
    }

    /// One more request, unless there are as many as there may be on this connection.
    pub(super) fn pass(self: &Arc<Self>) -> Option<Pass> {
        let most = self.door.limits().streams_per_connection;
        let mut using = self.lock();
        if using.requests.len() >= most as usize {
            return None;
        }
        let cut = Arc::<Cut>::default();
        let ticket = self.door.stranger(&cut);
        let request =
            Request { role: Role::Stranger(ticket), since: Instant::now(), cut: Arc::clone(&cut) };
        let key = using.requests.insert(request);
        drop(using);
        Some(Pass::new(Arc::clone(self), key, cut))
    }

    /// Nothing more comes of a request. Its stream is in line with those on which nobody has connected.
    pub(super) fn request_is_over(&self, key: usize) {
        let cut = Arc::clone(&self.lock().requests[key].cut);
        self.request_is(key, Role::Over(self.door.stranger(&cut)));
    }

    /// A request is something else from now on.
    pub(super) fn request_is(&self, key: usize, role: Role) {
        let mut using = self.lock();
        let now = Instant::now();
        let request = &mut using.requests[key];
        let before = mem::replace(&mut request.role, role);
        request.since = now;
        if before.is_of_use() {
            using.last = now;
        }
        drop(using);
        self.door.ended(before);
    }

    /// A request is gone.
    pub(super) fn request_left(&self, key: usize) {
        let mut using = self.lock();
        let request = using.requests.remove(key);
        if request.role.is_of_use() {
            using.last = Instant::now();
        }
        drop(using);
        self.door.ended(request.role);
    }

    /// Takes a chair for whoever asks to be let into the room. If there is none, that becomes what is
    /// wrong with the message: the room is to see it all the same, because it is an event.
    pub(super) fn offer_chair(self: &Arc<Self>, received: &mut Inbound) -> Option<Chair> {
        let draft =
            received.as_mut().ok().filter(|draft| matches!(draft.act, Ok(Act::Connect(_))))?;
        if self.door.admits_participant(self.address) {
            return Some(Chair { guest: Arc::clone(self) });
        }
        let participants = self.door.limits().participants_per_address;
        draft.act = Err(Fault::AddressFull { participants });
        None
    }

    /// Whether one more may come in from here, as fast as others do.
    pub(super) fn admits_join(&self) -> Result<(), Fault> {
        self.door.admits_join(self.address)
    }

    /// Notes that a request from there was refused for what it showed. False if there were too many: then the
    /// connection is told to go, and cut if it goes on.
    pub(super) fn denied(&self, peer: SocketAddr, denied: Denied) -> bool {
        let is_within = self.door.denied(peer, denied);
        let mut using = self.lock();
        if ON_CONNECTION.admits(&mut using.denials, Instant::now()) && is_within {
            return true;
        }
        using.unheeded = using.unheeded.saturating_add(1);
        // Proxies put strangers and participants on one connection.
        let has_seats = using.requests.iter().any(|(_, request)| request.role.seat().is_some());
        let is_to_be_cut = using.unheeded > UNHEEDED && !has_seats;
        drop(using);
        if is_to_be_cut {
            self.cut();
        } else if !self.is_to_go.swap(true, Ordering::SeqCst) {
            self.connection.wake();
        }
        false
    }

    /// Notes that somebody came in under this name.
    pub(super) fn let_in(&self, identity: &Identity, name: &str) {
        self.door.let_in(identity, name);
    }

    /// Notes that a request was refused, and why.
    pub(super) fn request_refused(&self, reason: &'static str) {
        self.door.metrics.request_refused(reason);
    }

    /// Ends what is of no use any more: streams on which nobody has connected for `timeout`, those whose
    /// participants are gone and who do not go themselves, and the whole connection if nothing on it has
    /// been of use for so long. It is told to go, and cut if it is still here the next time. True if it
    /// was told.
    pub(super) fn end_if_idle(&self, hub: &Hub, now: Instant, timeout: Duration) -> bool {
        let mut using = self.lock();
        let gone = using.end_idle_requests(hub, &self.door, now, timeout);
        let is_of_use = using.requests.iter().any(|(_, request)| request.role.is_of_use());
        if is_of_use {
            using.last = now;
        }
        // Between two looks it may have been used and left again, which is why that is noted too.
        let is_idle = now.saturating_duration_since(using.last) >= timeout;
        drop(using);
        gone.into_iter().for_each(|role| self.door.ended(role));
        if is_of_use || !is_idle {
            return false;
        }
        if self.is_to_go.swap(true, Ordering::SeqCst) {
            // Whoever reads nothing does not hear that either.
            self.cut();
            return false;
        }
        self.connection.wake();
        true
    }

    /// Ends the connection at once.
    pub(super) fn cut(&self) {
        self.task.get().inspect(|task| task.abort());
    }

    fn lock(&self) -> MutexGuard<'_, Using> {
        self.using.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Using {
    /// Ends the requests that are of no use any more, and returns what those were whose participants are gone.
    fn end_idle_requests(
        &mut self,
        hub: &Hub,
        door: &Door,
        now: Instant,
        timeout: Duration,
    ) -> Vec<Role> {
        let seats: Vec<Seat> =
            self.requests.iter().filter_map(|(_, request)| request.role.seat()).collect();
        let absent = hub.absent(&seats);
        let mut gone = Vec::new();
        for (_, request) in &mut self.requests {
            let has_had_its_time = now.saturating_duration_since(request.since) >= timeout;
            match request.role {
                Role::Stranger(_) if has_had_its_time => request.cut.is_late(),
                // Who reads has heard why within that; for who does not, nothing is kept any longer.
                Role::Over(_) if has_had_its_time => request.cut.now(),
                Role::Seated(seat) if absent.contains(&seat) => {
                    let over = Role::Over(door.stranger(&request.cut));
                    gone.push(mem::replace(&mut request.role, over));
                    request.since = now;
                }
                _ => {}
            }
        }
        gone
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

impl Drop for Chair {
    fn drop(&mut self) {
        self.guest.door.participant_left(self.guest.address);
    }
}
