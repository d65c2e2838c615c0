//! Conservation: everybody to whom a message was owed got it, or lagged, or was gone.
//!
//! Whether somebody got it is known if it left a record, or if it said later what it had seen. What is
//! missing at the end of a stay was unread when that ended; what is missing in the middle was lost.

use super::{Ledger, Promise};
use crate::causality::{
    event::{Kind, Subject},
    fact::{Evidence, Fact},
    graph::{Graph, Node, is_told},
};

/// What became of deliveries.
#[derive(Default)]
struct Account {
    delivered: u64,
    lagged: u64,
    gone: u64,
    unknown: u64,
}

/// How a stay ended, as the server says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Gone,
    Lagged,
}

pub(super) fn check(graph: &Graph, ledger: &mut Ledger) {
    let Some(server) = graph.server() else {
        ledger.why_not(Promise::Conservation, "there is no record of a server");
        return;
    };
    let received: Vec<Vec<u64>> = graph.nodes.iter().map(received).collect();
    let ends = ends(graph, server);
    // What each person is known to have received last.
    let mut latest = vec![0_u64; graph.node_of.len()];
    for_each_delivery(graph, server, |_, time, person| {
        if is_received(graph, &received, person, time) {
            latest[person as usize] = latest[person as usize].max(time);
        }
    });
    let mut account = Account::default();
    for_each_delivery(graph, server, |fact, time, person| {
        let Kind::Sent(subject) = fact.kind else { return };
        if !is_told(subject) {
            return;
        }
        if is_received(graph, &received, person, time) {
            account.delivered += 1;
            return;
        }
        let Some(node) = graph.node_of(person).map(|node| &graph.nodes[node as usize]) else {
            account.unknown += 1;
            return;
        };
        if is_in_gap(node, time) {
            account.unknown += 1;
        } else if time < latest[person as usize] {
            let name = graph.node_of(person).map(|node| graph.name(node)).unwrap_or_default();
            ledger.found(Promise::Conservation, (graph, 0, time), vec![fact.source], || {
                format!(
                    "message {} was sent to {name} at {time} and never received, though {name} received \
                     what was sent at {}",
                    fact.message, latest[person as usize]
                )
            });
        } else {
            match ends[person as usize] {
                End::Lagged => account.lagged += 1,
                End::Gone => account.gone += 1,
                End::Open => account.unknown += 1,
            }
        }
    });
    let Account { delivered, lagged, gone, unknown } = account;
    ledger.held(Promise::Conservation, delivered + lagged + gone);
    let unknown = match unknown {
        0 => String::new(),
        unknown => format!("; of {unknown} more no record says what became of them"),
    };
    ledger.note(
        Promise::Conservation,
        format!("{delivered} delivered, {lagged} lagged, {gone} gone{unknown}"),
    );
    ledger.why_not(
        Promise::Conservation,
        "no participant left a record, and none said what it had seen",
    );
}

/// The times of the sends that a node received, in order.
fn received(node: &Node) -> Vec<u64> {
    let receives = node.facts.iter().filter(|fact| matches!(fact.kind, Kind::Received(_)));
    let mut received: Vec<_> = receives.map(|fact| fact.cause).filter(|cause| *cause > 0).collect();
    received.sort_unstable();
    received
}

fn is_received(graph: &Graph, received: &[Vec<u64>], person: u32, time: u64) -> bool {
    let node = graph.node_of(person);
    node.is_some_and(|node| received[node as usize].binary_search(&time).is_ok())
}

fn for_each_delivery(graph: &Graph, server: &Node, mut each: impl FnMut(&Fact, u64, u32)) {
    for fact in &server.facts {
        if matches!(fact.kind, Kind::Sent(_)) {
            for (time, person) in (fact.time..).zip(graph.pools.people(fact.people)) {
                each(fact, time, person);
            }
        }
    }
}

fn ends(graph: &Graph, server: &Node) -> Vec<End> {
    let mut ends = vec![End::Open; graph.node_of.len()];
    for fact in &server.facts {
        let end = match fact.kind {
            Kind::Received(Subject::Disconnect) => End::Gone,
            Kind::Lost => {
                let why = graph.pools.text(fact.text).unwrap_or_default();
                if why.starts_with("evicted") { End::Lagged } else { End::Gone }
            }
            _ => continue,
        };
        for person in graph.pools.people(fact.people) {
            ends[person as usize] = end;
        }
    }
    ends
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
