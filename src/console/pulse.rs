//! The pulse: who stands where, and how fast everything goes, told at intervals.
//!
//! What is told is a state and no history: a page that misses one is told the next. Nothing is looked up
//! while no page follows.

use super::ring::{self, Ring};
use crate::causality::live::Live;
use crate::chat::Seat;
use crate::hub::{Hub, Standing};
use crate::journal::wall_us;
use axum::body::Bytes;
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// How often it is told who stands where.
const EVERY: Duration = Duration::from_millis(500);
/// How many of those times pass between two times of telling the rates.
const BEATS_A_GAUGE: u32 = 2;
/// The most people who are told of, those first who are furthest behind.
const MOST_PEOPLE: usize = 200;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Pulse {
    next: Instant,
    beats: u32,
    /// When the rates were told last, and what had been counted then.
    counted: Option<(Instant, Counted)>,
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    entries: u64,
    deliveries: u64,
}

#[derive(Serialize)]
struct People {
    head: u64,
    present: usize,
    people: Vec<Person>,
}

#[derive(Serialize)]
struct Person {
    id: u32,
    clock: u64,
    messages: u64,
    lag: u64,
    age_ms: Option<u64>,
}

#[derive(Serialize)]
struct Gauges {
    at_ms: u64,
    present: usize,
    lamport: u64,
    messages_per_s: f64,
    deliveries_per_s: f64,
    latency_mean_us: Option<u64>,
    latency_max_us: Option<u64>,
}

impl Pulse {
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now + EVERY, beats: 0, counted: None }
    }

    /// When there is something to be told again.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Tells what there is to be told, if it is time for that.
    pub(super) fn beat(&mut self, hub: &Hub, live: &Live, ring: &Ring) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + EVERY;
        if ring.followers() == 0 {
            self.counted = None;
            return;
        }
        let (head, standings) = hub.standings();
        ring.people.send_replace(people(head, &standings, live));
        self.beats = (self.beats + 1) % BEATS_A_GAUGE;
        if self.beats > 0 && self.counted.is_some() {
            return;
        }
        let counted = Counted { entries: head, deliveries: hub.books().account.delivered };
        let before = self.counted.replace((now, counted));
        // Whatever was sampled before that is of a time that nobody asked about.
        let latency = hub.metrics().latest_latencies().take();
        let Some((then, before)) = before else { return };
        let seconds = (now - then).as_secs_f64();
        let rate =
            |now: u64, then: u64| (now.saturating_sub(then) as f64 / seconds * 10.0).round() / 10.0;
        let gauges = Gauges {
            at_ms: wall_us() / 1000,
            present: standings.len(),
            lamport: hub.now().ticks(),
            messages_per_s: rate(counted.entries, before.entries),
            deliveries_per_s: rate(counted.deliveries, before.deliveries),
            latency_mean_us: latency.map(|recent| recent.mean_us),
            latency_max_us: latency.map(|recent| recent.max_us),
        };
        ring.gauges.send_replace(event("gauges", &gauges));
    }
}

fn people(head: u64, standings: &[Standing], live: &Live) -> Bytes {
    let by_seat: BTreeMap<Seat, &Standing> = standings.iter().map(|it| (it.seat, it)).collect();
    let mut people: Vec<_> = live
        .standing()
        .filter_map(|(seat, id, clock, messages)| {
            let standing = by_seat.get(&seat)?;
            let age = standing.oldest_unread.map(|since| since.elapsed().as_millis());
            let age_ms = age.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX));
            let lag = head.saturating_sub(standing.read);
            Some(Person { id, clock, messages, lag, age_ms })
        })
        .collect();
    // Stable: among equals in join order.
    people.sort_by_key(|person| std::cmp::Reverse(person.lag));
    people.truncate(MOST_PEOPLE);
    event("people", &People { head, present: standings.len(), people })
}

fn event(name: &str, data: &impl Serialize) -> Bytes {
    // Nothing here is a map with keys that are no text, so this does not fail.
    let data = serde_json::to_string(data).unwrap_or_default();
    ring::event(name, None, data)
}
