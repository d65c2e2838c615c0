//! Events of participants that left no record: what the server knows of them.
//!
//! The server received a message that was stamped, so it was sent at that time: the send is *implied*.
//! And if it says which delivery its sender had seen last, then all deliveries up to that one were
//! received before it: they are *placed*. Their times follow from the rules, which give the least time
//! that a receive can have; if a later send has none that is larger, no clock can have been kept.

use super::{
    event::Kind,
    fact::{Evidence, Fact, Piece, Pools},
    graph::Node,
};

/// Gives nodes without a record of their own the events that the server's record implies.
pub(super) fn implied(
    mut nodes: Vec<Node>,
    mut pools: Pools,
    node_of: &[u32],
) -> (Vec<Node>, Pools) {
    let Some((server, others)) = nodes.split_first_mut() else { return (nodes, pools) };
    let to_server = node_of.iter().position(|node| *node == 0);
    let server_person = to_server.and_then(|person| u32::try_from(person).ok());
    let from_server: Piece =
        server_person.map(|person| pools.keep_people([(person, person)])).unwrap_or_default();
    let mut made: Vec<Vec<Fact>> = others.iter().map(|_| Vec::new()).collect();
    // For each node, up to which fact of the server its deliveries have been placed.
    let mut placed = vec![0; others.len()];
    let mut latest = vec![0; others.len()];
    for (f, fact) in server.facts.iter().enumerate() {
        let Kind::Received(subject) = fact.kind else { continue };
        let Some(person) = pools.people(fact.people).next() else { continue };
        let node = node_of.get(person as usize).and_then(|node| (*node as usize).checked_sub(1));
        let Some(node) = node.filter(|node| others.get(*node).is_some_and(|it| !it.record.is_own))
        else {
            continue;
        };
        if fact.cause == 0 {
            continue;
        }
        let upto = server.facts[..f].partition_point(|told| told.time <= fact.seen);
        for told in &server.facts[placed[node].min(upto)..upto] {
            let Kind::Sent(about) = told.kind else { continue };
            let Some(place) = place_of(&pools, told.people, person) else { continue };
            let cause = told.time + u64::from(place);
            // The fact at the edge is looked at twice.
            if cause <= fact.seen && cause > latest[node] {
                latest[node] = cause;
                let own = made[node].last().map_or(0, Fact::last);
                made[node].push(Fact {
                    evidence: Evidence::Placed,
                    cause,
                    people: from_server,
                    count: 1,
                    kind: Kind::Received(about),
                    time: own.max(cause) + 1,
                    seen: 0,
                    ..*told
                });
            }
        }
        placed[node] = placed[node].max(upto.saturating_sub(1));
        made[node].push(Fact {
            evidence: Evidence::Implied,
            kind: Kind::Sent(subject),
            time: fact.cause,
            cause: 0,
            people: from_server,
            ..*fact
        });
    }
    for (node, facts) in others.iter_mut().zip(made) {
        if !facts.is_empty() {
            let (identity, record) = (node.identity.clone(), node.record.clone());
            *node = Node::new(identity, node.life, facts, record);
        }
    }
    (nodes, pools)
}

/// The place of somebody among people.
fn place_of(pools: &Pools, people: Piece, person: u32) -> Option<u32> {
    let mut before = 0;
    for (first, last) in pools.runs(people) {
        if (*first..=*last).contains(&person) {
            return Some(before + (person - first));
        }
        before += last - first + 1;
    }
    None
}
