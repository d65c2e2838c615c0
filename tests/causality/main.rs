//! The happened-before graph, held against the definition.
//!
//! Graphs are drawn at random: some nodes, each of whose events is a send, a run of sends or a receive of
//! something that was sent before. What the graph says of two events is compared with what one finds by
//! following every edge.

#![allow(clippy::unwrap_used)]

use chittychat::causality::{
    At, Fact, Graph, Identity, Kind, Node, Pools, Record, Relation, Subject,
};
use proptest::prelude::*;

/// What happens next: at which node, and what.
#[derive(Clone, Copy, Debug)]
struct Step {
    node: usize,
    /// How many sends at once; none is a receive.
    sends: u32,
    /// Which of all that was sent so far is received.
    which: usize,
}

fn steps() -> impl Strategy<Value = (usize, Vec<Step>)> {
    (2..5_usize).prop_flat_map(|nodes| {
        let step = (0..nodes, 0..4_u32, any::<usize>());
        let step = step.prop_map(|(node, sends, which)| Step { node, sends, which });
        (Just(nodes), prop::collection::vec(step, 1..24))
    })
}

/// The graph of these steps, and all edges between its events.
fn graph(nodes: usize, steps: &[Step]) -> (Graph, Vec<(At, At)>) {
    let mut pools = Pools::default();
    let number = |n: usize| u32::try_from(n).unwrap();
    let people: Vec<_> = (0..nodes).map(|n| pools.keep_people([(number(n), number(n))])).collect();
    let mut facts: Vec<Vec<Fact>> = vec![Vec::new(); nodes];
    let mut clocks = vec![0_u64; nodes];
    let mut sent: Vec<(usize, u64)> = Vec::new();
    for step in steps {
        let clock = &mut clocks[step.node];
        let from_others: Vec<_> =
            sent.iter().filter(|(from, _)| *from != step.node).copied().collect();
        let fact = if step.sends > 0 || from_others.is_empty() {
            let count = step.sends.max(1);
            let time = *clock + 1;
            *clock += u64::from(count);
            sent.extend((0..u64::from(count)).map(|place| (step.node, time + place)));
            Fact { count, ..Fact::new(Kind::Sent(Subject::Publish), time) }
        } else {
            let (from, cause) = from_others[step.which % from_others.len()];
            *clock = (*clock).max(cause) + 1;
            let kind = Kind::Received(Subject::Publish);
            Fact { cause, people: people[from], ..Fact::new(kind, *clock) }
        };
        facts[step.node].push(fact);
    }
    let identity = |n: usize| match n {
        0 => Identity::Server,
        n => Identity::Participant { name: format!("p{n}").into(), address: "".into(), port: 0 },
    };
    let nodes: Vec<_> = facts
        .into_iter()
        .enumerate()
        .map(|(n, facts)| Node::new(identity(n), 0, facts, Record::default()))
        .collect();
    let node_of = (0..nodes.len()).map(number).collect();
    let graph = Graph::new(nodes, pools, node_of, Vec::new());
    let mut edges = Vec::new();
    for at in events(&graph) {
        if at.place > 0 {
            edges.push((At { place: at.place - 1, ..at }, at));
        }
        edges.extend(graph.cause(at).map(|cause| (cause, at)));
    }
    (graph, edges)
}

fn events(graph: &Graph) -> Vec<At> {
    let of = |(n, node): (u32, &Node)| (0..node.events()).map(move |place| At { node: n, place });
    (0..).zip(&graph.nodes).flat_map(of).collect()
}

/// Everything that can be reached from an event.
fn reached(from: At, edges: &[(At, At)]) -> Vec<At> {
    let mut reached = Vec::new();
    let mut work = vec![from];
    while let Some(at) = work.pop() {
        for (_, to) in edges.iter().filter(|(from, _)| *from == at) {
            if !reached.contains(to) {
                reached.push(*to);
                work.push(*to);
            }
        }
    }
    reached
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn cones_are_what_can_be_reached((nodes, steps) in steps()) {
        let (graph, edges) = graph(nodes, &steps);
        let all = events(&graph);
        for &at in &all {
            let after = reached(at, &edges);
            let (past, future) = (graph.past(at), graph.future(at));
            for &other in &all {
                prop_assert_eq!(future.contains(other), after.contains(&other), "{:?} {:?}", at, other);
                let is_before = reached(other, &edges).contains(&at);
                prop_assert_eq!(past.contains(other), is_before, "{:?} {:?}", other, at);
                let relation = match (at == other, is_before, after.contains(&other)) {
                    (true, ..) => Relation::Same,
                    (_, true, _) => Relation::After,
                    (_, _, true) => Relation::Before,
                    _ => Relation::Concurrent,
                };
                prop_assert_eq!(graph.relation(at, other), relation);
            }
        }
    }

    #[test]
    fn a_chain_leads_from_the_one_to_the_other((nodes, steps) in steps()) {
        let (graph, edges) = graph(nodes, &steps);
        let all = events(&graph);
        for &from in &all {
            let after = reached(from, &edges);
            for &to in &all {
                let chain = graph.chain(from, to);
                prop_assert_eq!(chain.is_some(), after.contains(&to));
                let Some(chain) = chain else { continue };
                prop_assert_eq!((chain.first(), chain.last()), (Some(&from), Some(&to)));
                for pair in chain.windows(2) {
                    let along_a_line = pair[0].node == pair[1].node && pair[0].place < pair[1].place;
                    prop_assert!(along_a_line || graph.cause(pair[1]) == Some(pair[0]), "{:?}", chain);
                }
            }
        }
    }

    #[test]
    fn an_event_is_found_by_its_time((nodes, steps) in steps()) {
        let (graph, _) = graph(nodes, &steps);
        for at in events(&graph) {
            prop_assert_eq!(graph.find(at.node, graph.time(at)), Some(at));
        }
        prop_assert_eq!(graph.find(0, 1_000_000), None);
    }
}

#[test]
fn a_cycle_is_walked_once() {
    // Two receives that claim to be each other's cause: no clocks, and no end to it if one went on.
    let mut pools = Pools::default();
    let people = [pools.keep_people([(0, 0)]), pools.keep_people([(1, 1)])];
    let kind = Kind::Received(Subject::Publish);
    let node = |cause, from: usize, identity| {
        let fact = Fact { cause, people: people[from], ..Fact::new(kind, 5) };
        Node::new(identity, 0, vec![fact], Record::default())
    };
    let name = Identity::Participant { name: "a".into(), address: "".into(), port: 0 };
    let nodes = vec![node(5, 1, Identity::Server), node(5, 0, name)];
    let graph = Graph::new(nodes, pools, vec![0, 1], Vec::new());
    let at = At { node: 0, place: 0 };
    assert!(graph.past(at).contains(At { node: 1, place: 0 }));
    assert!(graph.future(at).contains(At { node: 1, place: 0 }));
    assert_eq!(graph.chain(at, At { node: 1, place: 0 }).unwrap().len(), 2);
}
