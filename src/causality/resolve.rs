//! Makes a graph of a history: works out which tracks and which stays in the room are one process.
//!
//! A server's journal knows stays; a participant's knows connections. They are told to be one by the
//! join: the participant received the news of its own join with the message's id, and no two joins at a
//! server share an id. Where a participant left no record, one stay after the other is taken for the
//! same process as long as its clock goes on; a clock that starts again is another life of it.

use super::{
    event::{Kind, Subject},
    fact::{Fact, Identity, NOBODY, Pools},
    graph::{Graph, Node, Record},
    history::{History, Medium, Track},
    infer, place,
};
use std::{collections::BTreeMap, fmt};

/// Why there is no one history of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwoServers {
    /// An input of the one, and an input of the other.
    pub files: [String; 2],
}

impl fmt::Display for TwoServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [one, other] = &self.files;
        write!(f, "{one} and {other} are of two runs of a server; check one run at a time")
    }
}

/// A stay in the room, as the server knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stay {
    pub(super) person: u32,
    /// The id of the join.
    pub(super) join: u64,
    /// The participant's time of the Connect, and of the last that the server received in this stay.
    pub(super) sent: u64,
    pub(super) last: u64,
}

impl History {
    /// The graph of what is recorded.
    ///
    /// # Errors
    /// If it is the record of two runs of a server: their Lamport times are no one clock's.
    pub fn graph(mut self) -> Result<Graph, TwoServers> {
        infer::causes(&mut self);
        // Somebody is always sent to, or received from.
        self.person(&Identity::Server);
        let mut by_identity: BTreeMap<Identity, Vec<Track>> = BTreeMap::new();
        for track in std::mem::take(&mut self.tracks) {
            by_identity.entry(track.identity.clone()).or_default().push(track);
        }
        let mut conflicts = Vec::new();
        let mut nodes = Vec::new();
        let servers = by_identity.remove(&Identity::Server).unwrap_or_default();
        let server = self.server(servers, &mut conflicts)?;
        let stays = stays(&server, &self.pools);
        nodes.push(server);
        let mut node_of = vec![NOBODY; self.people.len()];
        let mut plain = BTreeMap::new();
        for (person, it) in self.people.iter().enumerate() {
            if it.identity == Identity::Server {
                node_of[person] = 0;
            }
            if !it.is_stay {
                plain.insert(&it.identity, person);
            }
        }
        let mut of_identity: BTreeMap<&Identity, Vec<Stay>> = BTreeMap::new();
        for stay in stays {
            of_identity.entry(&self.people[stay.person as usize].identity).or_default().push(stay);
        }
        // In the order in which they came in; those who never did come last.
        let mut order: Vec<Identity> = self.people.iter().map(|it| it.identity.clone()).collect();
        let mut known = std::collections::BTreeSet::new();
        order.retain(|identity| *identity != Identity::Server && known.insert(identity.clone()));
        for identity in order {
            let tracks = by_identity.remove(&identity).unwrap_or_default();
            let stays = of_identity.remove(&identity).unwrap_or_default();
            let lives = lives(tracks, &stays);
            let first = nodes.len();
            let several = lives.len() > 1;
            for (life, (tracks, stays)) in lives.into_iter().enumerate() {
                let node = number(nodes.len());
                stays.iter().for_each(|stay| node_of[stay.person as usize] = node);
                let life = if several { number(life + 1) } else { 0 };
                nodes.push(merge(identity.clone(), life, tracks, node, &mut conflicts));
            }
            // Whom a record names without saying which stay it was: the first life.
            if let Some(person) = plain.get(&identity).filter(|_| first < nodes.len()) {
                node_of[*person] = number(first);
            }
        }
        let (nodes, pools) = place::implied(nodes, self.pools, &node_of);
        let mut graph = Graph::new(nodes, pools, node_of, self.files);
        graph.conflicts = conflicts;
        Ok(graph)
    }

    fn server(
        &self,
        tracks: Vec<Track>,
        conflicts: &mut Vec<(u32, Fact, Fact)>,
    ) -> Result<Node, TwoServers> {
        let file = |track: &Track| {
            let source = track.facts.first().map_or(0, |fact| fact.source.file);
            self.files.get(source as usize).cloned().unwrap_or_default()
        };
        let mut journals = tracks.iter().filter(|track| track.medium == Medium::Journal);
        if let (Some(one), Some(other)) = (journals.next(), journals.next()) {
            return Err(TwoServers { files: [file(one), file(other)] });
        }
        Ok(merge(Identity::Server, 0, tracks, 0, conflicts))
    }
}

/// The stays that the server tells of, in the order of their joins.
fn stays(server: &Node, pools: &Pools) -> Vec<Stay> {
    let mut stays: Vec<Stay> = Vec::new();
    let mut of_person: BTreeMap<u32, usize> = BTreeMap::new();
    for fact in &server.facts {
        let Kind::Received(subject) = fact.kind else { continue };
        let Some(person) = pools.people(fact.people).next() else { continue };
        match of_person.get(&person) {
            Some(stay) => stays[*stay].last = stays[*stay].last.max(fact.cause),
            None => {
                let join = if subject == Subject::Connect { fact.time } else { 0 };
                of_person.insert(person, stays.len());
                stays.push(Stay { person, join, sent: fact.cause, last: fact.cause });
            }
        }
    }
    stays
}

type Life = (Vec<Track>, Vec<Stay>);

/// Who was who: each process with its tracks and its stays.
fn lives(tracks: Vec<Track>, stays: &[Stay]) -> Vec<Life> {
    let (mut lives, others): (Vec<Life>, Vec<Track>) = {
        let (journals, others): (Vec<_>, Vec<_>) =
            tracks.into_iter().partition(|track| track.medium == Medium::Journal);
        (journals.into_iter().map(|track| (vec![track], Vec::new())).collect(), others)
    };
    for track in others {
        match &mut lives[..] {
            [] => lives.push((vec![track], Vec::new())),
            // Logs and spans do not name their run. The first that received what it received has it, or
            // the first of which there is no such record yet.
            all => {
                let knows = |life: &Life| track.facts.iter().any(|fact| holds(life, fact));
                let lacks = |life: &Life| life.0.iter().all(|other| other.medium != track.medium);
                match all.iter().position(knows).or_else(|| all.iter().position(lacks)) {
                    Some(place) => all[place].0.push(track),
                    None => lives.push((vec![track], Vec::new())),
                }
            }
        }
    }
    let recorded = lives.len();
    for stay in stays {
        let by_join = lives[..recorded].iter().position(|life| heard_own_join(life, stay));
        let by_send = || lives[..recorded].iter().position(|life| sent_connect(life, stay));
        let goes_on = || {
            let is_before = |life: &Life| {
                life.1.last().is_some_and(|last| last.last < stay.sent || stay.sent == 0)
            };
            lives[recorded..].iter().rposition(is_before).map(|place| recorded + place)
        };
        match by_join.or_else(by_send).or_else(goes_on) {
            Some(place) => lives[place].1.push(*stay),
            None => lives.push((Vec::new(), vec![*stay])),
        }
    }
    lives
}

fn holds((tracks, _): &Life, fact: &Fact) -> bool {
    let is_receive = matches!(fact.kind, Kind::Received(_)) && fact.cause > 0;
    let is_it = |one: &Fact| (one.time, one.kind, one.cause) == (fact.time, fact.kind, fact.cause);
    is_receive && tracks.iter().any(|track| track.facts.iter().any(is_it))
}

fn heard_own_join((tracks, _): &Life, stay: &Stay) -> bool {
    let mut facts = tracks.iter().flat_map(|track| &track.facts);
    stay.join > 0
        && facts.any(|fact| fact.kind == Kind::Received(Subject::Join) && fact.message == stay.join)
}

fn sent_connect((tracks, stays): &Life, stay: &Stay) -> bool {
    let mut facts = tracks.iter().flat_map(|track| &track.facts);
    stays.iter().all(|other| other.sent != stay.sent)
        && facts.any(|fact| matches!(fact.kind, Kind::Sent(_)) && fact.time == stay.sent)
}

/// One node of all that is recorded of it. What two records say alike counts once.
fn merge(
    identity: Identity,
    life: u32,
    mut tracks: Vec<Track>,
    node: u32,
    conflicts: &mut Vec<(u32, Fact, Fact)>,
) -> Node {
    tracks.sort_by_key(|track| track.medium);
    let mut tracks = tracks.into_iter();
    let Some(mut main) = tracks.next() else {
        return Node::new(identity, life, Vec::new(), Record::default());
    };
    if main.medium == Medium::Trace {
        main.facts.sort_by_key(|fact| fact.time);
        main.facts.dedup_by(|later, fact| is_same(later, fact));
    }
    for other in tracks {
        add(&mut main, other, node, conflicts);
    }
    let record = Record {
        is_own: true,
        is_whole: main.medium != Medium::Trace && !main.is_partial,
        is_sampled: main.medium == Medium::Trace,
        from_start: main.from_start,
        to_end: main.to_end,
        names_causes: main.medium == Medium::Journal,
        gaps: main.gaps,
    };
    Node::new(identity, life, main.facts, record)
}

/// Adds what a second record of a node says and the first does not.
fn add(main: &mut Track, other: Track, node: u32, conflicts: &mut Vec<(u32, Fact, Fact)>) {
    let mut by_time: BTreeMap<u64, Fact> =
        main.facts.iter().map(|fact| (fact.time, *fact)).collect();
    let mut extra = Vec::new();
    for fact in other.facts {
        let there = by_time.range(..=fact.time).next_back().map(|(_, fact)| *fact);
        match there.filter(|there| fact.time <= there.last()) {
            Some(there) if is_same(&fact, &there) => {}
            Some(there) => conflicts.push((node, there, fact)),
            None => {
                by_time.insert(fact.time, fact);
                extra.push(fact);
            }
        }
    }
    if !extra.is_empty() {
        main.facts.extend(extra);
        main.facts.sort_by_key(|fact| fact.time);
        // Places have moved, so where the gaps are is not known any more; nor is the end.
        main.is_partial |= !main.gaps.is_empty();
        main.gaps.clear();
    }
}

/// True if two records of one time of one node mean one event. A span or a log line says less.
fn is_same(fact: &Fact, there: &Fact) -> bool {
    let agrees = |a: u64, b: u64| a == 0 || b == 0 || a == b;
    fact.kind == there.kind
        && fact.last() <= there.last().max(fact.time)
        && agrees(fact.cause, there.cause)
        && agrees(fact.message, there.message)
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(NOBODY)
}
