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

use super::{guest::Guest, server::Limits};
use crate::hub::Hub;
use crate::keys::Denied;
use crate::telemetry::metrics::Metrics;
use slab::Slab;
use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use tokio::time::Instant;

/// The most time between two looks around.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// The least time between two log lines about the door, however many it turns away.
const BETWEEN_LINES: Duration = Duration::from_secs(10);
/// How many requests a second that show nothing which holds have a log line each.
const DENIALS: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);
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
    pub(super) limits: Limits,
    pub(super) metrics: Arc<Metrics>,
    book: Mutex<Book>,
}

#[derive(Debug)]
struct Book {
    guests: Slab<Weak<Guest>>,
    addresses: BTreeMap<IpAddr, Crowd>,
    attempts: Bucket,
    denials: Bucket,
    unsaid: Unsaid,
    said: Option<Instant>,
}

/// Those who come from one address.
#[derive(Debug, Default)]
struct Crowd {
    connections: u32,
    participants: u32,
}

/// A token bucket that holds what a second brings.
#[derive(Debug)]
struct Bucket {
    per_second: u32,
    /// When it will be full again.
    full_at: Instant,
}

/// What happened at the door since the last line about it.
#[derive(Debug, Default)]
struct Unsaid {
    too_many: u64,
    too_many_from_address: u64,
    too_fast: u64,
    cut: u64,
    denied: u64,
}

impl Door {
    pub(super) fn new(limits: Limits, metrics: Arc<Metrics>) -> Arc<Self> {
        let full_at = Instant::now();
        let attempts = Bucket { per_second: limits.attempts_per_second, full_at };
        let denials = Bucket { per_second: DENIALS, full_at };
        let book = Mutex::new(Book {
            guests: Slab::new(),
            addresses: BTreeMap::new(),
            attempts,
            denials,
            unsaid: Unsaid::default(),
            said: None,
        });
        Arc::new(Self { limits, metrics, book })
    }

    /// Somebody is at the door. In with the connection, for as long as the guest is kept; or not.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Result<Arc<Guest>, Refusal> {
        let address = network(peer);
        let mut book = self.lock();
        if let Err(refusal) = book.judge(&self.limits, address) {
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
    /// of its own, unless there are so many that somebody means to fill the log.
    pub(super) fn denied(&self, peer: SocketAddr, denied: Denied) {
        self.metrics.denied(denied.label());
        let mut book = self.lock();
        if book.denials.admits_at(Instant::now()) {
            drop(book);
            tracing::info!("Refused a request from {peer}: {denied}");
        } else {
            book.unsaid.denied += 1;
        }
    }

    /// One more participant wants in from this address. False if there are as many as there may be.
    pub(super) fn admits_participant(&self, address: IpAddr) -> bool {
        let most = self.limits.participants_per_address;
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

    /// How often somebody is to [look around](Self::look_around).
    pub(super) fn between_looks(&self) -> Duration {
        BETWEEN_LOOKS.min(self.limits.idle_timeout / 4)
    }

    /// Cuts the connections that are of no use, and says in the log what happened at the door.
    pub(super) fn look_around(&self, hub: &Hub) {
        let now = Instant::now();
        // Without the lock: a guest of whom this was the last trace takes it when it goes.
        let guests: Vec<_> = self.lock().guests.iter().filter_map(|(_, it)| it.upgrade()).collect();
        let timeout = self.limits.idle_timeout;
        let cut = guests.iter().filter(|guest| guest.end_if_idle(hub, now, timeout)).count() as u64;
        self.metrics.connections_timed_out(cut);
        let mut book = self.lock();
        book.unsaid.cut += cut;
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
        if !self.attempts.admits_at(Instant::now()) {
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

impl Bucket {
    fn admits_at(&mut self, now: Instant) -> bool {
        if self.per_second == 0 {
            return true;
        }
        let full_at = self.full_at.max(now) + SECOND / self.per_second;
        let is_admitted = full_at <= now + SECOND;
        if is_admitted {
            self.full_at = full_at;
        }
        is_admitted
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
        self.too_many + self.too_many_from_address + self.too_fast + self.cut + self.denied > 0
    }
}

impl fmt::Display for Unsaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { too_many, too_many_from_address, too_fast, cut, denied } = self;
        write!(
            f,
            "{too_many} connections refused as too many, {too_many_from_address} as too many from \
             one address, {too_fast} as too fast; {cut} cut because nothing came of them; {denied} more \
             requests refused for what they showed"
        )
    }
}

/// Whom an address is counted with: itself, or its network, if any number of others is to be had there.
fn network(address: IpAddr) -> IpAddr {
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
        let mut limits = Limits {
            frame_bytes: 65_536,
            header_bytes: 16_384,
            streams_per_connection: 10,
            messages_per_second: 0,
            message_burst: 0,
            participants_per_address: 0,
            connections: 100,
            connections_per_address: 0,
            attempts_per_second: 0,
            idle_timeout: SECOND,
            keepalive_interval: SECOND,
            keepalive_timeout: SECOND,
        };
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

    #[test]
    fn a_second_brings_so_many_attempts_and_saves_up_no_more() {
        let start = Instant::now();
        let mut attempts = Bucket { per_second: 4, full_at: start };
        let mut admitted = |at| (0..10).filter(|_| attempts.admits_at(start + at)).count();
        assert_eq!(admitted(Duration::ZERO), 4);
        assert_eq!(admitted(Duration::from_millis(249)), 0);
        assert_eq!(admitted(Duration::from_millis(250)), 1);
        assert_eq!(admitted(Duration::from_secs(100)), 4);
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
