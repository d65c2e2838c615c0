//! A history: what several records say, before it is worked out how they belong together.
//!
//! Whoever reads records fills it: people, texts and tracks. A *track* is what one record says of one
//! process. [`History::graph`](super::resolve) makes a graph of it.

use super::{
    fact::{Fact, Identity, NOBODY, Piece, Pools},
    graph::Gap,
};
use std::collections::BTreeMap;

/// What kind of record a track comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Medium {
    /// A journal: all events in order, each receive with its cause.
    Journal,
    /// Log lines: no causes, and of a participant's own messages at most the words.
    Text,
    /// Spans: causes, but neither all events nor their order.
    Trace,
}

/// What one record says of one process.
#[derive(Debug)]
pub struct Track {
    /// Who it is.
    pub identity: Identity,
    /// What kind of record it is.
    pub medium: Medium,
    /// Which run of the process, if the record says so.
    pub run: String,
    /// Which part of the run's record was read last.
    pub part: u32,
    /// What happened, in order.
    pub facts: Vec<Fact>,
    /// Where something is missing.
    pub gaps: Vec<Gap>,
    /// True if it begins with the first event of the process.
    pub from_start: bool,
    /// True if nothing happened after it.
    pub to_end: bool,
    /// True if events are left out that are no gap: deliveries that nobody logs.
    pub is_partial: bool,
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct History {
    /// Names of the inputs.
    pub files: Vec<String>,
    /// What was recorded.
    pub tracks: Vec<Track>,
    /// Where people and texts are kept.
    pub pools: Pools,
    /// Who each person is that facts name. Somebody who comes back to a server is another person there.
    pub(super) people: Vec<Person>,
    by_identity: BTreeMap<Identity, u32>,
    by_seat: BTreeMap<(String, u32), u32>,
}

/// Somebody whom facts name.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) identity: Identity,
    /// True if this is one stay in a server's room.
    pub(super) is_stay: bool,
}

impl History {
    /// Adds an input, and returns its number.
    pub fn file(&mut self, name: impl Into<String>) -> u32 {
        self.files.push(name.into());
        number(self.files.len() - 1)
    }

    /// The number of somebody who is known by identity alone.
    pub fn person(&mut self, identity: &Identity) -> u32 {
        if let Some(known) = self.by_identity.get(identity) {
            return *known;
        }
        let person = self.add(identity.clone(), false);
        self.by_identity.insert(identity.clone(), person);
        person
    }

    /// The number of a stay in the room of a run of a server: there the stay has the number `seat`.
    pub fn stay(&mut self, run: &str, seat: u32, identity: &Identity) -> u32 {
        let key = (run.to_owned(), seat);
        if let Some(known) = self.by_seat.get(&key) {
            return *known;
        }
        let person = self.add(identity.clone(), true);
        self.by_seat.insert(key, person);
        person
    }

    /// The number of a new stay, in a record that does not number them.
    pub fn new_stay(&mut self, identity: &Identity) -> u32 {
        self.add(identity.clone(), true)
    }

    fn add(&mut self, identity: Identity, is_stay: bool) -> u32 {
        self.people.push(Person { identity, is_stay });
        number(self.people.len() - 1)
    }

    /// One person, as facts name people.
    pub fn one(&mut self, person: u32) -> Piece {
        self.pools.keep_people([(person, person)])
    }

    /// The track of a run of a process in a medium; a new one if there is none.
    pub fn track(&mut self, identity: &Identity, medium: Medium, run: &str) -> usize {
        let is_it = |track: &Track| {
            track.medium == medium && track.run == run && track.identity == *identity
        };
        self.tracks.iter().position(is_it).unwrap_or_else(|| {
            self.tracks.push(Track {
                identity: identity.clone(),
                medium,
                run: run.to_owned(),
                part: 0,
                facts: Vec::new(),
                gaps: Vec::new(),
                from_start: false,
                to_end: false,
                is_partial: false,
            });
            self.tracks.len() - 1
        })
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(NOBODY)
}
