//! Events that nobody recorded and that must have happened: a picture needs them, a proof must not.
//!
//! The original's clients do not say what they have seen, and without a record of theirs nothing tells
//! when they received what. But each delivery was received some time after it was sent, in order, and a
//! clock that was kept gives it a least time. So a receive is assumed as early as it can have been: before
//! the participant's next message if that leaves the message its time, and otherwise after it. A message of
//! which the server's log knows the arrival alone is assumed right after what came before it. All of it is
//! marked as [`Evidence::Assumed`]; [`check`](mod@super::check) is never shown such a graph.

use super::{
    event::{Kind, Subject},
    fact::{Evidence, Fact, Piece, Pools},
    fate::{Fate, Fates},
    graph::{Graph, Node},
};
use std::{
    collections::{BTreeSet, VecDeque},
    ops::RangeInclusive,
};

/// Adds what can be assumed about these Lamport times to a graph.
#[must_use]
pub fn assume(graph: Graph, within: &RangeInclusive<u64>) -> Graph {
    let Some(server) = graph.server() else { return graph };
    let fates = Fates::of(&graph);
    let mut lives: Vec<Life> = graph.nodes.iter().map(Life::of).collect();
    let mut causes = Vec::new();
    for (f, fact) in server.facts.iter().enumerate().take_while(|(_, it)| it.time <= *within.end())
    {
        match fact.kind {
            Kind::Received(subject) => {
                let Some(node) = graph.sender(fact).filter(|node| *node != 0) else { continue };
                let sent = lives[node as usize].sends(fact, subject);
                causes.extend(sent.map(|sent| (f, sent)));
            }
            Kind::Sent(subject) => {
                for (time, person) in (fact.time..).zip(graph.pools.people(fact.people)) {
                    let Some(node) = graph.node_of(person) else { continue };
                    let fate = fates.fate_at_the_end(&graph, time, person);
                    lives[node as usize].is_sent(fact, subject, (time, fate));
                }
            }
            Kind::Opened | Kind::Lost => {}
        }
    }
    put_in(graph, lives, causes, within)
}

/// What is known of a participant's life so far, in the server's order.
struct Life {
    /// True if the node left no record, so that all of it is to be assumed; otherwise the last is.
    is_unrecorded: bool,
    /// True if it is known from log lines, which have none for the Ack.
    logs_no_ack: bool,
    /// True if its messages say what it had seen: then nothing else came before them.
    says_what_it_saw: bool,
    /// Times that are taken.
    taken: BTreeSet<u64>,
    /// Its time now.
    own: u64,
    /// What was sent to it and has not arrived.
    pending: VecDeque<Fact>,
    made: Vec<Fact>,
}

impl Life {
    fn of(node: &Node) -> Self {
        let is_placed = |fact: &Fact| fact.evidence == Evidence::Placed;
        Self {
            is_unrecorded: !node.record.is_own,
            logs_no_ack: node.record.is_own && !node.record.names_causes && !node.record.is_sampled,
            says_what_it_saw: node.facts.iter().any(is_placed),
            taken: node.facts.iter().map(|fact| fact.time).collect(),
            own: 0,
            pending: VecDeque::new(),
            made: Vec::new(),
        }
    }

    fn make(&mut self, kind: Kind, time: u64, of: &Fact) {
        let evidence = Evidence::Assumed;
        self.taken.insert(time);
        self.made.push(Fact { kind, evidence, time, count: 1, seen: 0, ..*of });
        self.own = time;
    }

    /// The server sent it something, and this is what is known to have become of it.
    fn is_sent(&mut self, fact: &Fact, subject: Subject, (time, fate): (u64, Fate)) {
        let is_unknown = self.is_unrecorded && fate == Fate::Unknown;
        let is_unlogged = self.logs_no_ack && subject == Subject::Ack && fate != Fate::Delivered;
        if is_unknown || is_unlogged {
            self.pending.push_back(Fact { kind: Kind::Received(subject), cause: time, ..*fact });
        }
    }

    /// The server received something from it. Returns the time of the send, if that was not known.
    fn sends(&mut self, fact: &Fact, subject: Subject) -> Option<u64> {
        if !self.is_unrecorded {
            self.own = self.own.max(fact.cause);
            return None;
        }
        let is_connect = subject == Subject::Connect;
        // A Connect has the opening of its stream right before it.
        let room = if is_connect { 2 } else { 1 };
        let latest = if fact.cause > 0 { fact.cause } else { fact.time.saturating_sub(1) };
        if is_connect || !self.says_what_it_saw {
            self.receive_until(latest.saturating_sub(room - 1));
        }
        if is_connect && self.own + room <= latest {
            let opened = if fact.cause > 0 { fact.cause - 1 } else { self.free(self.own) };
            if !self.taken.contains(&opened) {
                self.make(Kind::Opened, opened, &Fact::new(Kind::Opened, opened));
            }
        }
        if fact.cause > 0 {
            self.own = self.own.max(fact.cause);
            return None;
        }
        let sent = self.free(self.own);
        if sent > latest {
            return None;
        }
        self.make(Kind::Sent(subject), sent, &Fact { cause: 0, ..*fact });
        Some(sent)
    }

    /// The next time that is not taken. A clock never gives one twice.
    fn free(&self, after: u64) -> u64 {
        let mut time = after.saturating_add(1);
        while self.taken.contains(&time) && time < u64::MAX {
            time += 1;
        }
        time
    }

    /// Receives what has been sent to it, as long as that can have been before a time.
    fn receive_until(&mut self, end: u64) {
        while let Some(next) = self.pending.front().copied() {
            let time = self.free(self.own.max(next.cause));
            if time >= end {
                break;
            }
            self.pending.pop_front();
            self.make(next.kind, time, &next);
        }
    }
}

fn put_in(
    graph: Graph,
    lives: Vec<Life>,
    causes: Vec<(usize, u64)>,
    within: &RangeInclusive<u64>,
) -> Graph {
    let Graph { nodes, files, mut pools, node_of, conflicts, .. } = graph;
    let from_server = server_in(&mut pools, &node_of);
    let mut all = Vec::with_capacity(nodes.len());
    for (n, (node, mut life)) in nodes.into_iter().zip(lives).enumerate() {
        let Node { identity, life: number, mut facts, record, .. } = node;
        if n == 0 {
            causes.iter().for_each(|(fact, cause)| facts[*fact].cause = *cause);
        } else {
            life.own = life.own.max(facts.last().map_or(0, Fact::last));
            life.receive_until(u64::MAX);
        }
        life.made.retain(|fact| within.contains(&fact.time));
        if !life.made.is_empty() {
            facts.extend(life.made.into_iter().map(|fact| Fact { people: from_server, ..fact }));
            facts.sort_by_key(|fact| fact.time);
        }
        all.push(Node::new(identity, number, facts, record));
    }
    let mut graph = Graph::new(all, pools, node_of, files);
    graph.conflicts = conflicts;
    graph
}

/// The server, as facts name people.
fn server_in(pools: &mut Pools, node_of: &[u32]) -> Piece {
    let server = node_of.iter().position(|node| *node == 0);
    let server = server.and_then(|person| u32::try_from(person).ok());
    server.map(|person| pools.keep_people([(person, person)])).unwrap_or_default()
}
