//! The happened-before graph: for each node its events in order, and for each receive the send that
//! caused it.
//!
//! Nothing else is kept, since nothing else is needed: an event happened before another if one can go
//! from the first to the second along the lines of nodes and along messages. An event is named by its
//! node and its *place* there, from 0. A fan-out takes as many places as it has recipients and is still
//! one fact. What the graph can be asked stands in [`cone`](super::cone) and
//! [`check`](mod@super::check).

use super::{
    event::{Kind, Subject},
    fact::{Fact, Identity, NOBODY, Pools},
};
use std::ops::Range;

/// An event: the place that it has at its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// The node.
    pub node: u32,
    /// How many events the node had before.
    pub place: u32,
}

/// A node and its events.
#[derive(Debug)]
pub struct Node {
    /// Who it is.
    pub identity: Identity,
    /// Which of those who were this one after the other; 0 if there was one.
    pub life: u32,
    /// What happened there, in order.
    pub facts: Vec<Fact>,
    /// What the record of it is worth.
    pub record: Record,
    /// The place of each fact's first event, and behind them the number of all.
    pub(super) places: Vec<u32>,
    /// For each fact, the send that caused it.
    pub(super) causes: Vec<Option<At>>,
    /// The facts in the order of their times, if that is another.
    by_time: Option<Vec<u32>>,
}

/// What the record of a node is worth.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// True if the node itself recorded its events; otherwise they are known from others.
    pub is_own: bool,
    /// True if that record has all events in the order in which they happened.
    pub is_whole: bool,
    /// True if the record is a choice of events, as traces are.
    pub is_sampled: bool,
    /// True if it begins with the node's first event.
    pub from_start: bool,
    /// True if nothing happened after it.
    pub to_end: bool,
    /// True if a receive without a cause had none; false if the record does not say.
    pub names_causes: bool,
    /// Before which facts something is missing.
    pub gaps: Vec<Gap>,
}

/// A place where events are missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gap {
    /// The fact that comes next.
    pub before: u32,
    /// Who was present then, if that is known.
    pub present: Option<Vec<u32>>,
}

/// See the module's text.
#[derive(Debug)]
pub struct Graph {
    /// The nodes. The server, if there is one, is the first.
    pub nodes: Vec<Node>,
    /// Names of the inputs.
    pub files: Vec<String>,
    /// Where people and texts are kept.
    pub pools: Pools,
    /// The node of each person that facts name.
    pub(super) node_of: Vec<u32>,
    /// Every message: its send, and its receive.
    pub(super) messages: Vec<(At, At)>,
    /// Pairs of facts that claim one place of one node.
    pub(super) conflicts: Vec<(u32, Fact, Fact)>,
}

impl Node {
    /// A node with these events.
    #[must_use]
    pub fn new(identity: Identity, life: u32, facts: Vec<Fact>, record: Record) -> Self {
        let mut places = Vec::with_capacity(facts.len() + 1);
        let mut place = 0_u32;
        for fact in &facts {
            places.push(place);
            place = place.saturating_add(fact.count);
        }
        places.push(place);
        let rises = facts.windows(2).all(|pair| pair[0].last() < pair[1].time);
        let by_time = (!rises).then(|| {
            let count = u32::try_from(facts.len()).unwrap_or(u32::MAX);
            let mut order: Vec<u32> = (0..count).collect();
            order.sort_by_key(|fact| facts[*fact as usize].time);
            order
        });
        let causes = vec![None; facts.len()];
        Self { identity, life, facts, record, places, causes, by_time }
    }

    /// How many events there are.
    #[must_use]
    pub fn events(&self) -> u32 {
        self.places.last().copied().unwrap_or_default()
    }

    /// The fact that an event belongs to, and which of its events it is.
    #[must_use]
    pub fn fact_at(&self, place: u32) -> (usize, u32) {
        let fact = self.places.partition_point(|start| *start <= place).saturating_sub(1);
        (fact, place - self.places[fact])
    }

    /// The place of the first event of a fact.
    #[must_use]
    pub fn place_of(&self, fact: usize) -> u32 {
        self.places[fact]
    }

    /// The fact with an event at this Lamport time.
    #[must_use]
    pub fn fact_with(&self, time: u64) -> Option<usize> {
        let is_before = |fact: &Fact| fact.time <= time;
        let found = match &self.by_time {
            None => self.facts.partition_point(is_before).checked_sub(1)?,
            Some(order) => {
                let place = order.partition_point(|fact| is_before(&self.facts[*fact as usize]));
                *order.get(place.checked_sub(1)?)? as usize
            }
        };
        (time <= self.facts[found].last()).then_some(found)
    }

    /// True if what happened at this time would stand in the record.
    #[must_use]
    pub fn covers(&self, time: u64) -> bool {
        let record = &self.record;
        let (Some(first), Some(last)) = (self.facts.first(), self.facts.last()) else {
            return false;
        };
        if !record.is_own || !record.is_whole {
            return false;
        }
        let next = self.facts.partition_point(|fact| fact.time <= time);
        let is_in_gap = record.gaps.iter().any(|gap| gap.before as usize == next);
        (record.from_start || time >= first.time)
            && (record.to_end || time <= last.last())
            && !is_in_gap
    }
}

impl Graph {
    /// A graph of these nodes. `node_of` says for each person that a fact names which node it is.
    #[must_use]
    pub fn new(nodes: Vec<Node>, pools: Pools, node_of: Vec<u32>, files: Vec<String>) -> Self {
        let (messages, conflicts) = (Vec::new(), Vec::new());
        let mut graph = Self { nodes, files, pools, node_of, messages, conflicts };
        graph.join_messages();
        graph
    }

    /// Finds the send of each receive.
    fn join_messages(&mut self) {
        let mut messages = Vec::new();
        for n in 0..self.nodes.len() {
            for f in 0..self.nodes[n].facts.len() {
                let fact = self.nodes[n].facts[f];
                let Kind::Received(_) = fact.kind else { continue };
                if fact.cause == 0 {
                    continue;
                }
                let cause = self.sender(&fact).and_then(|from| self.find(from, fact.cause));
                let cause = cause.filter(|at| at.node as usize != n);
                if let Some(sent) = cause {
                    let node = u32::try_from(n).unwrap_or(NOBODY);
                    messages.push((sent, At { node, place: self.nodes[n].place_of(f) }));
                }
                self.nodes[n].causes[f] = cause;
            }
        }
        messages.sort_unstable();
        self.messages = messages;
    }

    /// The node that sent what was received.
    #[must_use]
    pub fn sender(&self, fact: &Fact) -> Option<u32> {
        self.pools.people(fact.people).next().and_then(|person| self.node_of(person))
    }

    /// The node that a person is.
    #[must_use]
    pub fn node_of(&self, person: u32) -> Option<u32> {
        self.node_of.get(person as usize).copied().filter(|node| *node != NOBODY)
    }

    /// The event of a node at a Lamport time. If there are several, which there should not be, one.
    #[must_use]
    pub fn find(&self, node: u32, time: u64) -> Option<At> {
        let it = self.nodes.get(node as usize)?;
        let fact = it.fact_with(time)?;
        let within = u32::try_from(time - it.facts[fact].time).ok()?;
        Some(At { node, place: it.places[fact] + within })
    }

    /// The Lamport time of an event.
    #[must_use]
    pub fn time(&self, at: At) -> u64 {
        let node = &self.nodes[at.node as usize];
        let (fact, within) = node.fact_at(at.place);
        node.facts[fact].time + u64::from(within)
    }

    /// The fact that an event belongs to.
    #[must_use]
    pub fn fact(&self, at: At) -> &Fact {
        let node = &self.nodes[at.node as usize];
        &node.facts[node.fact_at(at.place).0]
    }

    /// The send that caused a receive.
    #[must_use]
    pub fn cause(&self, at: At) -> Option<At> {
        let node = &self.nodes[at.node as usize];
        node.causes[node.fact_at(at.place).0]
    }

    /// The messages that were sent by a node from one place to before another, with their receives.
    #[must_use]
    pub fn sent(&self, node: u32, places: Range<u32>) -> &[(At, At)] {
        let bound = |place| {
            let at = At { node, place };
            self.messages.partition_point(|(sent, _)| *sent < at)
        };
        &self.messages[bound(places.start)..bound(places.end)]
    }

    /// What a node is called: as it is displayed, and if several were called so, which of them.
    #[must_use]
    pub fn name(&self, node: u32) -> String {
        let it = &self.nodes[node as usize];
        match it.life {
            0 => it.identity.to_string(),
            life => format!("{} #{life}", it.identity),
        }
    }

    /// How many events there are in all.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.nodes.iter().map(|node| u64::from(node.events())).sum()
    }

    /// The server, if it has any event of its own record.
    #[must_use]
    pub fn server(&self) -> Option<&Node> {
        self.nodes.first().filter(|node| node.identity == Identity::Server && node.record.is_own)
    }

    /// The recipient of a delivery.
    #[must_use]
    pub fn recipient(&self, at: At) -> Option<u32> {
        let node = &self.nodes[at.node as usize];
        let (fact, within) = node.fact_at(at.place);
        let fact = &node.facts[fact];
        let is_send = matches!(fact.kind, Kind::Sent(_));
        let person = is_send.then(|| self.pools.person(fact.people, within))??;
        self.node_of(person)
    }
}

/// True of what the server tells several.
#[must_use]
pub(super) fn is_told(subject: Subject) -> bool {
    matches!(subject, Subject::Join | Subject::Publish | Subject::Leave | Subject::Notice)
}
