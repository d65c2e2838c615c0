//! What became of each delivery: whether it arrived, and if not, why not.
//!
//! It arrived if its recipient recorded that, or said later what it had seen. What is missing at the end
//! of a stay was unread when that ended; what is missing in the middle was lost. Where a record has a
//! gap nothing is said.

use super::{
    event::{Kind, Subject},
    fact::{Evidence, Fact},
    graph::{Graph, Node},
};

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was received.
    Delivered,
    /// It was not, though a later one was, which was sent at the time `later`.
    Missing {
        /// When the later one was sent.
        later: u64,
    },
    /// It was unread when its recipient was evicted.
    Evicted,
    /// It was unread when its recipient left or was lost.
    Gone,
    /// No record says.
    Unknown,
}

/// How a stay ended, as the server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    Left,
    Lost,
    Evicted,
}

/// See the module's text.
#[derive(Debug)]
pub struct Fates {
    /// For each node, the times of the sends that it received, in order.
    received: Vec<Vec<u64>>,
    /// How each person's stay ended.
    ends: Vec<End>,
    /// When what each person is known to have received last was sent.
    latest: Vec<u64>,
}

impl Fates {
    /// The fates of all deliveries of a graph.
    #[must_use]
    pub fn of(graph: &Graph) -> Self {
        let received = graph.nodes.iter().map(received).collect();
        let count = graph.node_of.len();
        let mut fates = Self { received, ends: vec![End::Open; count], latest: vec![0; count] };
        if let Some(server) = graph.server() {
            fates.read_ends(graph, server);
            for_each_delivery(graph, server, |_, time, person| {
                if fates.is_received(graph, time, person) {
                    let latest = &mut fates.latest[person as usize];
                    *latest = (*latest).max(time);
                }
            });
        }
        fates
    }

    /// What became of what was sent to somebody at a time.
    #[must_use]
    pub fn fate(&self, graph: &Graph, time: u64, person: u32) -> Fate {
        if self.is_received(graph, time, person) {
            return Fate::Delivered;
        }
        let node = graph.node_of(person).map(|node| &graph.nodes[node as usize]);
        if node.is_none_or(|node| is_in_gap(node, time)) {
            return Fate::Unknown;
        }
        let later = self.latest[person as usize];
        match self.ends[person as usize] {
            _ if time < later => Fate::Missing { later },
            End::Open => Fate::Unknown,
            End::Left | End::Lost => Fate::Gone,
            End::Evicted => Fate::Evicted,
        }
    }

    /// The same for whoever has no record of its own, which may have received more than is known: if the
    /// server lost it, nothing is known to have arrived after the last that it had seen.
    #[must_use]
    pub(super) fn fate_at_the_end(&self, graph: &Graph, time: u64, person: u32) -> Fate {
        match (self.fate(graph, time, person), self.ends.get(person as usize)) {
            (Fate::Unknown, Some(End::Evicted)) => Fate::Evicted,
            (Fate::Unknown, Some(End::Lost)) => Fate::Gone,
            (fate, _) => fate,
        }
    }

    fn is_received(&self, graph: &Graph, time: u64, person: u32) -> bool {
        let node = graph.node_of(person);
        node.is_some_and(|node| self.received[node as usize].binary_search(&time).is_ok())
    }

    fn read_ends(&mut self, graph: &Graph, server: &Node) {
        for fact in &server.facts {
            let end = match fact.kind {
                Kind::Received(Subject::Disconnect) => End::Left,
                Kind::Lost => {
                    let why = graph.pools.text(fact.text).unwrap_or_default();
                    if why.starts_with("evicted") { End::Evicted } else { End::Lost }
                }
                _ => continue,
            };
            for person in graph.pools.people(fact.people) {
                self.ends[person as usize] = end;
            }
        }
    }
}

/// The times of the sends that a node received, in order.
fn received(node: &Node) -> Vec<u64> {
    let receives = node.facts.iter().filter(|fact| matches!(fact.kind, Kind::Received(_)));
    let mut received: Vec<_> = receives.map(|fact| fact.cause).filter(|cause| *cause > 0).collect();
    received.sort_unstable();
    received
}

/// Calls `each` for everything that the server sent: the fact, its time, and to whom.
pub(super) fn for_each_delivery(
    graph: &Graph,
    server: &Node,
    mut each: impl FnMut(&Fact, u64, u32),
) {
    for fact in &server.facts {
        if matches!(fact.kind, Kind::Sent(_)) {
            for (time, person) in (fact.time..).zip(graph.pools.people(fact.people)) {
                each(fact, time, person);
            }
        }
    }
}

/// True if the record of a node may lack the receive of what was sent to it at this time.
fn is_in_gap(node: &Node, sent: u64) -> bool {
    let record = &node.record;
    let causes = |facts: &[Fact], is_last: bool| {
        let mut causes = facts.iter().map(|fact| fact.cause).filter(|cause| *cause > 0);
        if is_last { causes.next_back() } else { causes.next() }
    };
    if !record.is_own {
        // Of what was seen all is placed up to the last; of what came later nothing is known.
        let last = causes(&node.facts, true).unwrap_or_default();
        return sent > last || node.facts.iter().all(|fact| fact.evidence != Evidence::Placed);
    }
    if record.is_sampled {
        return true;
    }
    if !record.is_whole && record.gaps.is_empty() && !record.names_causes {
        // A log of a participant leaves out what it sent, but nothing that it received.
        return causes(&node.facts, false).is_none();
    }
    let is_before_start = || sent < causes(&node.facts, false).unwrap_or(u64::MAX);
    if !record.from_start && is_before_start() {
        return true;
    }
    record.gaps.iter().any(|gap| {
        let (before, after) = node.facts.split_at((gap.before as usize).min(node.facts.len()));
        let (from, to) = (causes(before, true), causes(after, false));
        sent > from.unwrap_or_default() && sent < to.unwrap_or(u64::MAX)
    })
}
