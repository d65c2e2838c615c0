//! What one recipient sees, in its order: the times on its stream, each author's messages, the ids, and
//! causes before effects.
//!
//! The server's record says in which order it was sent; the record of a participant in which order it
//! arrived. Both are held against the promises, and both are counted.

use super::{Ledger, Promise};
use crate::causality::{
    cone::Relation,
    event::{Kind, Subject},
    fact::{Evidence, Fact},
    graph::{At, Graph, Node},
};
use std::collections::BTreeMap;

pub(super) fn check(graph: &Graph, ledger: &mut Ledger) {
    if let Some(server) = graph.server() {
        as_sent(graph, server, ledger);
        as_accepted(graph, server, ledger);
    }
    for (number, node) in (0_u32..).zip(&graph.nodes).skip(1) {
        if node.record.is_own {
            as_received(graph, number, node, ledger);
        }
        publishes(graph, number, node, ledger);
    }
    for promise in
        [Promise::RecipientOrder, Promise::SenderFifo, Promise::TotalOrder, Promise::CausalDelivery]
    {
        ledger.why_not(promise, "no record tells what was delivered");
    }
}

/// Promises 2 and 4 as the server sent: for each stay, times and ids strictly rise.
fn as_sent(graph: &Graph, server: &Node, ledger: &mut Ledger) {
    // The fact and time that each person was sent last.
    let mut latest: Vec<Option<(usize, u64)>> = vec![None; graph.node_of.len()];
    let mut deliveries = 0;
    for (f, fact) in server.facts.iter().enumerate() {
        let Kind::Sent(_) = fact.kind else { continue };
        for (time, person) in (fact.time..).zip(graph.pools.people(fact.people)) {
            deliveries += 1;
            let Some(last) = latest.get_mut(person as usize) else { continue };
            let before = last.replace((f, time));
            let Some((g, earlier)) = before else { continue };
            let other = &server.facts[g];
            let who = || graph.node_of(person).map(|node| graph.name(node)).unwrap_or_default();
            let lines = || vec![other.source, fact.source];
            if earlier >= time {
                ledger.found(Promise::RecipientOrder, (graph, 0, time), lines(), || {
                    format!("sends {} a delivery at {time} after one at {earlier}", who())
                });
            }
            let is_out_of_order = other.message >= fact.message && fact.message > 0;
            let is_one_message = other.message == fact.message && other.kind != fact.kind;
            if is_out_of_order && !is_one_message {
                ledger.found(Promise::TotalOrder, (graph, 0, time), lines(), || {
                    format!(
                        "sends {} message {} after message {}",
                        who(),
                        fact.message,
                        other.message
                    )
                });
            }
        }
    }
    ledger.held(Promise::RecipientOrder, deliveries);
    if server.facts.iter().any(|fact| fact.message > 0) {
        ledger.held(Promise::TotalOrder, deliveries);
    }
}

/// Promise 3 as the server accepted: each participant's messages came in sending order.
fn as_accepted(graph: &Graph, server: &Node, ledger: &mut Ledger) {
    let mut latest: BTreeMap<u32, &Fact> = BTreeMap::new();
    for fact in &server.facts {
        let Kind::Received(Subject::Publish) = fact.kind else { continue };
        let Some(author) = graph.sender(fact).filter(|_| fact.cause > 0) else { continue };
        ledger.held(Promise::SenderFifo, 1);
        let Some(before) = latest.insert(author, fact) else { continue };
        if before.cause >= fact.cause {
            let lines = vec![before.source, fact.source];
            ledger.found(Promise::SenderFifo, (graph, 0, fact.time), lines, || {
                format!(
                    "accepts at {} what {} sent at {}, after what it sent at {}",
                    fact.time,
                    graph.name(author),
                    fact.cause,
                    before.cause
                )
            });
        }
    }
}

/// Promises 2, 3, 4 and 5 as a participant received.
fn as_received(graph: &Graph, number: u32, node: &Node, ledger: &mut Ledger) {
    let mut last: Option<(usize, &Fact)> = None;
    let mut latest: Option<(usize, &Fact)> = None;
    let mut of_author: BTreeMap<u32, (u64, &Fact)> = BTreeMap::new();
    for (f, fact) in node.facts.iter().enumerate() {
        if fact.kind == Kind::Opened {
            (last, latest) = (None, None);
        }
        let Kind::Received(subject) = fact.kind else { continue };
        let at = (graph, number, fact.time);
        if fact.cause > 0 {
            ledger.held(Promise::RecipientOrder, 1);
            if let Some((_, before)) =
                last.replace((f, fact)).filter(|(_, it)| it.cause >= fact.cause)
            {
                let lines = vec![before.source, fact.source];
                ledger.found(Promise::RecipientOrder, at, lines, || {
                    let (at, sent, before) = (fact.time, fact.cause, before.cause);
                    format!("receives at {at} a delivery stamped {sent} after one stamped {before}")
                });
            }
        }
        if fact.message == 0 {
            continue;
        }
        ledger.held(Promise::TotalOrder, 1);
        let before = latest.replace((f, fact));
        if let Some((g, before)) = before.filter(|(_, it)| it.message >= fact.message) {
            let lines = vec![before.source, fact.source];
            ledger.found(Promise::TotalOrder, at, lines.clone(), || {
                format!("receives message {} after message {}", fact.message, before.message)
            });
            if let Some(why) = effect_before_cause(graph, node, (f, g)) {
                ledger.found(Promise::CausalDelivery, at, lines, || why);
            }
        }
        if subject == Subject::Publish {
            of_one_author(graph, number, fact, &mut of_author, ledger);
        }
    }
}

/// Promise 3 at a recipient.
fn of_one_author<'a>(
    graph: &Graph,
    number: u32,
    fact: &'a Fact,
    of_author: &mut BTreeMap<u32, (u64, &'a Fact)>,
    ledger: &mut Ledger,
) {
    let accepted = accepted(graph, fact.message);
    let Some((author, sent)) = accepted.and_then(|it| Some((graph.sender(it)?, it.cause))) else {
        return;
    };
    if sent == 0 {
        return;
    }
    ledger.held(Promise::SenderFifo, 1);
    let before = of_author.insert(author, (sent, fact));
    if let Some((earlier, before)) = before.filter(|(earlier, _)| *earlier >= sent) {
        let lines = vec![before.source, fact.source];
        ledger.found(Promise::SenderFifo, (graph, number, fact.time), lines, || {
            let author = graph.name(author);
            format!("receives what {author} sent at {sent} after what it sent at {earlier}")
        });
    }
}

/// The server's receive of a message.
fn accepted(graph: &Graph, message: u64) -> Option<&Fact> {
    let server = graph.server()?;
    let fact = &server.facts[server.fact_with(message)?];
    matches!(fact.kind, Kind::Received(_)).then_some(fact)
}

/// What a participant sent, as the server received it.
fn send_of(graph: &Graph, message: u64) -> Option<At> {
    let server = graph.server()?;
    server.causes[server.fact_with(message)?]
}

/// Says so if what was received second had caused what was received first.
fn effect_before_cause(
    graph: &Graph,
    node: &Node,
    (second, first): (usize, usize),
) -> Option<String> {
    let (cause, effect) = (node.facts[second].message, node.facts[first].message);
    let (a, b) = (send_of(graph, cause)?, send_of(graph, effect)?);
    (graph.relation(a, b) == Relation::Before)
        .then(|| format!("receives message {effect} before message {cause}, which caused it"))
}

/// Promise 5 at its root: whatever a participant had sent or received before it published has a smaller
/// id than what it published.
fn publishes(graph: &Graph, number: u32, node: &Node, ledger: &mut Ledger) {
    let mut known: Option<&Fact> = None;
    let mut known_id = 0;
    for (f, fact) in node.facts.iter().enumerate() {
        match fact.kind {
            Kind::Received(Subject::Publish | Subject::Join | Subject::Leave)
                if fact.message > known_id =>
            {
                (known, known_id) = (Some(fact), fact.message);
            }
            Kind::Sent(Subject::Publish) => {
                let place = node.place_of(f);
                let sent = graph.sent(number, place..place + 1).first();
                let id = sent.map_or(0, |(_, received)| graph.time(*received));
                if id == 0 {
                    continue;
                }
                ledger.held(Promise::CausalDelivery, 1);
                if let Some(cause) = known.filter(|_| known_id >= id) {
                    let lines = vec![cause.source, fact.source];
                    ledger.found(Promise::CausalDelivery, (graph, number, fact.time), lines, || {
                        format!(
                            "sent message {id} at {} when it knew message {known_id} already, which is \
                             delivered after it",
                            fact.time
                        )
                    });
                }
                if id > known_id && fact.evidence == Evidence::Recorded {
                    (known, known_id) = (Some(fact), id);
                }
            }
            _ => {}
        }
    }
}
