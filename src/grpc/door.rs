//! The door: which connections are let in before HTTP/2 begins, and which are shown out again
//! because nothing comes of them.
//!
//! Three bounds hold here: connections in all, connections from one address, and attempts in a
//! second. Whatever is over one of them is closed at once. The door goes on accepting while it turns
//! away: what is not accepted waits in the system's own line, the good behind the bad and none of
//! them told, whereas to accept and close costs some microseconds of one task, and whoever is
//! refused knows it.
//!
//! A connection that is in may stay for as long as it is of use: while a participant of the room is
//! on it, or a request to another service is under way. One that is of no use for
//! [`Limits::idle_timeout`] is told to go, and cut if it does not. That is one rule for many cases: silence, bytes that trickle, a
//! preface with nothing behind it, a stream on which nobody connects, and whoever was evicted or
//! refused and does not even read that. It asks the room and not the stream, because a stream whose
//! client reads nothing is never polled again and learns nothing. Nothing has a timer of its own:
//! somebody looks around, four times in that time.
//!
//! Requests are let in elsewhere, by what they show. That one was refused is told here, with the rest of what
//! strangers could fill the log with: so many a second have a line each, and the others are counted.
//!
//! What is counted by address is as bounded as the connections are: an address is known while there
//! is a connection from it. It is no firewall: a flood of packets is the system's affair.

use super::{
    bucket::Bucket,
    denials::{Denials, LetIn},
    guest::Guest,
    pass::{Cut, Role},
    server::Limits,
};
use crate::chat::Fault;
use crate::hub::Hub;
use crate::keys::{Denied, Identity};
use crate::telemetry::{audit, metrics::Metrics};
use slab::Slab;
use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::Instant;

/// The most time between two looks around.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// The least time between two log lines about the door, however many it turns away.
const BETWEEN_LINES: Duration = Duration::from_secs(10);
/// How many requests a second that show nothing which holds have a log line each.
const DENIALS: u32 = 20;
/// The bits of an IPv6 address that say which network it is in: the rest is the client's to choose.
const NETWORK_BITS: u32 = 64;

/// Why a connection is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There are as many connections as there may be.
    Full,
    /// As many come from this address.
    AddressFull,
    /// As many were opened within a second.
    TooFast,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Door {
    limits: RwLock<Arc<Limits>>,
    pub(super) metrics: Arc<Metrics>,
    /// The bytes of large messages on their way in.
    inbound: AtomicUsize,
    book: Mutex<Book>,
}

#[derive(Debug)]
struct Book {
    guests: Slab<Weak<Guest>>,
    addresses: BTreeMap<IpAddr, Crowd>,
    /// Streams on which nobody has connected, in the order in which they were opened.
    strangers: BTreeMap<u64, Arc<Cut>>,
    next_stranger: u64,
    /// Streams of other services that may last.
    services: u32,
    attempts: Bucket,
    joins: Bucket,
    denials: Denials,
    denial_lines: Bucket,
    let_in: LetIn,
    unsaid: Unsaid,
    said: Option<Instant>,
}

/// Those who come from one address.
#[derive(Debug, Default)]
struct Crowd {
    connections: u32,
    participants: u32,
    joins: Bucket,
}

/// What happened at the door since the last line about it.
#[derive(Debug, Default)]
struct Unsaid {
    too_many: u64,
    too_many_from_address: u64,
    too_fast: u64,
    cut: u64,
    denied: u64,
    joins: u64,
    strangers: u64,
}

impl Door {
    pub(super) fn new(limits: Limits, metrics: Arc<Metrics>) -> Arc<Self> {
        let book = Mutex::new(Book {
            guests: Slab::new(),
            addresses: BTreeMap::new(),
            strangers: BTreeMap::new(),
            next_stranger: 0,
            services: 0,
            attempts: Bucket::default(),
            joins: Bucket::default(),
            denials: Denials::default(),
            denial_lines: Bucket::default(),
            let_in: LetIn::default(),
            unsaid: Unsaid::default(),
            said: None,
        });
        let (limits, inbound) = (RwLock::new(Arc::new(limits)), AtomicUsize::new(0));
        Arc::new(Self { limits, metrics, inbound, book })
    }

    /// What holds at the moment.
    pub(super) fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Other limits hold from now on, for whatever comes in after this.
    pub(super) fn set_limits(&self, limits: Limits) {
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(limits);
    }

    /// Somebody is at the door. In with the connection, for as long as the guest is kept; or not.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Result<Arc<Guest>, Refusal> {
        let address = network(peer);
        let limits = self.limits();
        let mut book = self.lock();
        if let Err(refusal) = book.judge(&limits, address) {
            book.unsaid.count(refusal);
            drop(book);
            self.metrics.connection_refused(refusal.label());
            return Err(refusal);
        }
        book.addresses.entry(address).or_default().connections += 1;
        let entry = book.guests.vacant_entry();
        let guest = Arc::new(Guest::new(Arc::clone(self), address, entry.key()));
        entry.insert(Arc::downgrade(&guest));
        self.metrics.connections(book.guests.len());
        Ok(guest)
    }

    /// A connection is gone.
    pub(super) fn left(&self, address: IpAddr, key: usize) {
        let mut book = self.lock();
        book.guests.remove(key);
        self.metrics.connections(book.guests.len());
        let Some(crowd) = book.addresses.get_mut(&address) else { return };
        crowd.connections -= 1;
        if crowd.connections == 0 {
            book.addresses.remove(&address);
        }
    }

    /// Counts that a request from there was refused for what it showed, and tells the operator: each in a line
    /// of its own, unless there are so many that somebody means to fill the log. False if there were too many
    /// from that address.
    pub(super) fn denied(&self, peer: SocketAddr, denied: Denied) -> bool {
        self.metrics.denied(denied.label());
        let now = Instant::now();
        let mut book = self.lock();
        let is_within = book.denials.admit(network(peer.ip()), now);
        if book.denial_lines.admits_at(now, DENIALS, DENIALS) {
            drop(book);
            audit::refused(peer, denied.by(), denied.label(), denied);
        } else {
            book.unsaid.denied += 1;
        }
        is_within
    }

    /// Writes down that somebody came in under this name, if they had to show anything for it.
    pub(super) fn let_in(&self, identity: &Identity, name: &str) {
        if identity.is_proved() && self.lock().let_in.has_line(Instant::now()) {
            identity.note_let_in(name);
        }
    }

    /// One more participant wants in from this address. False if there are as many as there may be.
    pub(super) fn admits_participant(&self, address: IpAddr) -> bool {
        let most = self.limits().participants_per_address;
        let mut book = self.lock();
        // Whoever asks has a connection, so the address is there.
        let crowd = book.addresses.entry(address).or_default();
        let is_admitted = most == 0 || crowd.participants < most;
        crowd.participants += u32::from(is_admitted);
        is_admitted
    }

    /// A participant that was admitted is gone, or did not come in after all.
    pub(super) fn participant_left(&self, address: IpAddr) {
        if let Some(crowd) = self.lock().addresses.get_mut(&address) {
            crowd.participants -= 1;
        }
    }

    /// Somebody wants in from this address. An error if more do than may come in within a second, all
    /// together or from there: the room never hears of it, so that a storm of them is nobody's entry to read.
    pub(super) fn admits_join(&self, address: IpAddr) -> Result<(), Fault> {
        let limits = self.limits();
        let (all, here) = (limits.joins_per_second, limits.joins_per_second_per_address);
        if all == 0 && here == 0 {
            return Ok(());
        }
        let now = Instant::now();
        let mut book = self.lock();
        let crowd = book.addresses.entry(address).or_default();
        let per_second = if !crowd.joins.admits_at(now, here, limits.join_burst) {
            here
        } else if !book.joins.admits_at(now, all, limits.join_burst) {
            all
        } else {
            return Ok(());
        };
        book.unsaid.joins += 1;
        Err(Fault::JoinsTooFast { per_second })
    }

    /// A stream was opened on which nobody has connected yet, or nothing more comes of one: its place in line.
    /// If there are more than may be, the one goes that has been there longest; whoever means to connect
    /// does so at once, and whoever reads hears at once why a stay has ended.
    pub(super) fn stranger(&self, cut: &Arc<Cut>) -> u64 {
        let most = self.limits().pending_streams;
        let mut book = self.lock();
        let ticket = book.next_stranger;
        book.next_stranger += 1;
        book.strangers.insert(ticket, Arc::clone(cut));
        let longest = (book.strangers.len() > most).then(|| book.strangers.pop_first()).flatten();
        if let Some((_, cut)) = longest {
            book.unsaid.strangers += 1;
            drop(book);
            cut.now();
            self.metrics.request_refused("pending");
        }
        ticket
    }

    /// One more stream of another service, which may last. False if there are as many as there may be.
    pub(super) fn admits_service(&self) -> bool {
        let most = self.limits().service_streams;
        let mut book = self.lock();
        let is_admitted = book.services < most;
        book.services += u32::from(is_admitted);
        is_admitted
    }

    /// Takes so many bytes for a message on its way in. False if there are not as many left.
    pub(super) fn takes_inbound(&self, bytes: usize) -> bool {
        let most = self.limits().inbound_bytes;
        let take = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= most);
        self.inbound.fetch_update(Relaxed, Relaxed, take).is_ok()
    }

    /// They are not needed any more.
    pub(super) fn gives_inbound_back(&self, bytes: usize) {
        self.inbound.fetch_sub(bytes, Relaxed);
    }

    /// A request is no longer this.
    pub(super) fn ended(&self, role: Role) {
        match role {
            Role::Stranger(ticket) | Role::Over(ticket) => {
                self.lock().strangers.remove(&ticket);
            }
            Role::Lasting => self.lock().services -= 1,
            Role::Seated(_) | Role::Served => {}
        }
    }

    /// How often somebody is to [look around](Self::look_around).
    pub(super) fn between_looks(&self) -> Duration {
        BETWEEN_LOOKS.min(self.limits().idle_timeout / 4)
    }

    /// Cuts the connections that are of no use, and says in the log what happened at the door.
    pub(super) fn look_around(&self, hub: &Hub) {
        let now = Instant::now();
        // Without the lock: a guest of whom this was the last trace takes it when it goes.
        let guests: Vec<_> = self.lock().guests.iter().filter_map(|(_, it)| it.upgrade()).collect();
        let timeout = self.limits().idle_timeout;
        let cut = guests.iter().filter(|guest| guest.end_if_idle(hub, now, timeout)).count() as u64;
        self.metrics.connections_timed_out(cut);
        let mut book = self.lock();
        book.unsaid.cut += cut;
        book.let_in.tell_others();
        if book.said.is_some_and(|said| now.duration_since(said) < BETWEEN_LINES) {
            return;
        }
        let unsaid = std::mem::take(&mut book.unsaid);
        if unsaid.is_something() {
            book.said = Some(now);
            drop(book);
            tracing::warn!("at the door since the last such line: {unsaid}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn judge(&mut self, limits: &Limits, address: IpAddr) -> Result<(), Refusal> {
        // First, because a refused attempt is one too.
        let attempts = limits.attempts_per_second;
        if !self.attempts.admits_at(Instant::now(), attempts, attempts) {
            return Err(Refusal::TooFast);
        }
        if self.guests.len() >= limits.connections {
            return Err(Refusal::Full);
        }
        let from_here = self.addresses.get(&address).map_or(0, |crowd| crowd.connections);
        let most = limits.connections_per_address;
        if most > 0 && from_here >= most {
            return Err(Refusal::AddressFull);
        }
        Ok(())
    }
}

impl Refusal {
    fn label(self) -> &'static str {
        match self {
            Self::Full => "too_many",
            Self::AddressFull => "too_many_from_address",
            Self::TooFast => "too_fast",
        }
    }
}

impl Unsaid {
    fn count(&mut self, refusal: Refusal) {
        *match refusal {
            Refusal::Full => &mut self.too_many,
            Refusal::AddressFull => &mut self.too_many_from_address,
            Refusal::TooFast => &mut self.too_fast,
        } += 1;
    }

    fn is_something(&self) -> bool {
        let Self { too_many, too_many_from_address, too_fast, cut, denied, joins, strangers } =
            self;
        too_many + too_many_from_address + too_fast + cut + denied + joins + strangers > 0
    }
}

impl fmt::Display for Unsaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { too_many, too_many_from_address, too_fast, cut, denied, joins, strangers } =
            self;
        write!(
            f,
            "{too_many} connections refused as too many, {too_many_from_address} as too many from \
             one address, {too_fast} as too fast; {cut} cut because nothing came of them; {denied} more \
             requests refused for what they showed"
        )?;
        if *joins > 0 {
            write!(f, "; {joins} kept out because too many came in at once")?;
        }
        if *strangers > 0 {
            write!(
                f,
                "; {strangers} streams reset because too many were open with nobody on them"
            )?;
        }
        Ok(())
    }
}

/// Whom an address is counted with: itself, or its network, if any number of others is to be had there.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << NETWORK_BITS)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(change: impl FnOnce(&mut Limits)) -> Arc<Door> {
        let mut limits = Limits { connections: 100, ..Limits::default() };
        change(&mut limits);
        Door::new(limits, Arc::default())
    }

    fn ip(address: &str) -> IpAddr {
        address.parse().expect("an address")
    }

    #[tokio::test]
    async fn so_many_are_let_in_and_whoever_goes_makes_room() {
        let door = door(|limits| limits.connections = 2);
        let first = door.enter(ip("10.0.0.1")).expect("there is room");
        let _second = door.enter(ip("10.0.0.2")).expect("there is room");
        assert_eq!(door.enter(ip("10.0.0.3")).map(drop), Err(Refusal::Full));
        drop(first);
        let third = door.enter(ip("10.0.0.3")).expect("there is room again");
        drop(third);
        let known: Vec<_> = door.lock().addresses.keys().copied().collect();
        assert_eq!(known, [ip("10.0.0.2")], "nobody is remembered who is gone");
    }

    #[tokio::test]
    async fn an_address_has_its_own_bound_and_a_network_of_ipv6_is_one_address() {
        let door = door(|limits| limits.connections_per_address = 1);
        let _v4 = door.enter(ip("10.0.0.1")).expect("the first from there");
        // The same one, on a socket that speaks both.
        let mapped = door.enter(ip("::ffff:10.0.0.1"));
        assert_eq!(mapped.map(drop), Err(Refusal::AddressFull));
        let _v6 = door.enter(ip("2001:db8::1")).expect("the first from there");
        let neighbour = door.enter(ip("2001:db8::2:0:0:1"));
        assert_eq!(neighbour.map(drop), Err(Refusal::AddressFull));
        let _other = door.enter(ip("2001:db8:0:1::1")).expect("another network");
    }

    #[tokio::test]
    async fn participants_are_counted_by_address_too() {
        let door = door(|limits| limits.participants_per_address = 1);
        let (here, there) = (ip("10.0.0.1"), ip("10.0.0.2"));
        let _guests = [door.enter(here), door.enter(there)];
        assert!(door.admits_participant(here) && door.admits_participant(there));
        assert!(!door.admits_participant(here));
        door.participant_left(here);
        assert!(door.admits_participant(here));
    }

    #[tokio::test]
    async fn so_many_come_in_within_a_second_from_one_address_and_from_all() {
        let door = door(|limits| {
            (limits.joins_per_second, limits.joins_per_second_per_address) = (3, 2);
        });
        let (here, there) = (ip("10.0.0.1"), ip("10.0.0.2"));
        let _guests = [door.enter(here), door.enter(there)];
        assert!(door.admits_join(here).is_ok() && door.admits_join(here).is_ok());
        assert_eq!(door.admits_join(here), Err(Fault::JoinsTooFast { per_second: 2 }));
        assert!(door.admits_join(there).is_ok());
        assert_eq!(door.admits_join(there), Err(Fault::JoinsTooFast { per_second: 3 }));
    }

    #[tokio::test]
    async fn of_too_many_strangers_the_one_goes_that_has_waited_longest() {
        let door = door(|limits| limits.pending_streams = 2);
        let guest = door.enter(ip("10.0.0.1")).expect("there is room");
        let passes: Vec<_> = (0..4).map(|_| guest.pass().expect("there is room")).collect();
        let late: Vec<_> = passes.iter().map(|pass| pass.is_late()).collect();
        assert_eq!(late, [true, true, false, false]);
        drop(passes);
        assert!(door.lock().strangers.is_empty(), "nobody is remembered who is gone");
    }

    #[test]
    fn a_line_says_what_happened() {
        let mut unsaid = Unsaid::default();
        assert!(!unsaid.is_something());
        unsaid.count(Refusal::Full);
        unsaid.count(Refusal::TooFast);
        unsaid.count(Refusal::TooFast);
        (unsaid.cut, unsaid.denied) = (5, 7);
        assert_eq!(
            unsaid.to_string(),
            "1 connections refused as too many, 0 as too many from one address, 2 as too fast; 5 cut \
             because nothing came of them; 7 more requests refused for what they showed"
        );
    }
}
