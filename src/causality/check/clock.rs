//! The clock condition, and the exact rules behind it.

use super::{Ledger, Promise};
use crate::causality::{
    event::{Kind, Subject},
    fact::{Evidence, Fact},
    graph::{Graph, Node},
};

pub(super) fn check(graph: &Graph, ledger: &mut Ledger) {
    for (number, node) in (0_u32..).zip(&graph.nodes) {
        ledger.held(Promise::ClockCondition, u64::from(node.events()));
        own_times(graph, number, node, ledger);
        causes(graph, number, node, ledger);
        if ledger.strict {
            rules(graph, number, node, ledger);
        }
    }
    for (node, one, other) in &graph.conflicts {
        let lines = vec![one.source, other.source];
        ledger.found(Promise::ClockCondition, (graph, *node, other.time), lines, || {
            format!("two events have the time {}: {:?} and {:?}", other.time, one.kind, other.kind)
        });
    }
    let why = if ledger.strict {
        "no record has all events of its process in order"
    } else {
        "the exact rules are asked for with --strict"
    };
    ledger.why_not(Promise::ExactRules, why);
}

/// Each node's own times strictly rise.
fn own_times(graph: &Graph, number: u32, node: &Node, ledger: &mut Ledger) {
    for pair in node.facts.windows(2) {
        let (before, fact) = (&pair[0], &pair[1]);
        if before.last() < fact.time {
            continue;
        }
        let at = (graph, number, fact.time);
        let lines = vec![before.source, fact.source];
        ledger.found(Promise::ClockCondition, at, lines, || match before.evidence {
            Evidence::Placed => format!(
                "sends at {}, and says that by then it had received what was sent to it at {}, which \
                 was at {} or later",
                fact.time, before.cause, before.time
            ),
            _ if before.last() == fact.time => {
                format!("{} is the time of two events", fact.time)
            }
            _ => format!("{} comes after {}", fact.time, before.last()),
        });
    }
}

/// Each receive is later than its cause, and its cause is an event.
fn causes(graph: &Graph, number: u32, node: &Node, ledger: &mut Ledger) {
    for (f, fact) in node.facts.iter().enumerate() {
        let Kind::Received(subject) = fact.kind else { continue };
        let (sent, time) = (fact.cause, fact.time);
        if sent == 0 {
            continue;
        }
        let from = graph.sender(fact);
        let at = (graph, number, time);
        let from_name = || from.map_or_else(|| "somebody".to_owned(), |from| graph.name(from));
        let cause = node.causes[f];
        let source = cause.map(|cause| graph.fact(cause).source);
        if sent >= time {
            let lines = [Some(fact.source), source].into_iter().flatten().collect();
            ledger.found(Promise::ClockCondition, at, lines, || {
                format!("receives at {time} what {} sent at {sent}", from_name())
            });
            continue;
        }
        let Some(cause) = cause else {
            let is_known = from.is_some_and(|from| graph.nodes[from as usize].covers(sent));
            if is_known {
                ledger.found_missing(Promise::ClockCondition, at, vec![fact.source], 2, || {
                    format!(
                        "receives at {time} what {} is said to have sent at {sent}, which is no \
                             event there",
                        from_name()
                    )
                });
            }
            continue;
        };
        let cause_fact = *graph.fact(cause);
        if let Some(wrong) = mismatch(graph, number, subject, &cause_fact, cause) {
            let lines = vec![fact.source, cause_fact.source];
            ledger.found(Promise::ClockCondition, at, lines, || {
                format!("receives at {time} what {} sent at {sent}, but that {wrong}", from_name())
            });
        }
    }
}

/// Why this send cannot be the cause of a receive of such a message at this node, if so.
fn mismatch(
    graph: &Graph,
    node: u32,
    subject: Subject,
    cause: &Fact,
    at: crate::causality::graph::At,
) -> Option<String> {
    let Kind::Sent(sent) = cause.kind else { return Some("is not a send".to_owned()) };
    if sent != subject && subject != Subject::Unfit {
        return Some(format!("was another message ({sent:?}, not {subject:?})"));
    }
    match graph.recipient(at) {
        Some(recipient) if recipient != node => {
            Some(format!("was sent to {}", graph.name(recipient)))
        }
        _ => None,
    }
}

/// Every time is the one that the rules give: one more than the node's last, or than that and the
/// message's.
fn rules(graph: &Graph, number: u32, node: &Node, ledger: &mut Ledger) {
    let record = &node.record;
    let is_whole = record.is_own && record.is_whole;
    let knows_all =
        graph.server().is_some_and(|it| it.record.is_whole && it.record.gaps.is_empty());
    let mut before: Option<&Fact> = None;
    for (f, fact) in node.facts.iter().enumerate() {
        let is_after_gap = record.gaps.iter().any(|gap| gap.before as usize == f);
        let own = match before {
            Some(before) => Some(before.last()),
            None if record.from_start => Some(0),
            None => None,
        };
        before = Some(fact);
        // Without a record of its own only what says how much it had seen has a time that is known, and
        // only if the server missed nothing of it.
        let is_told = knows_all && fact.evidence != Evidence::Recorded && fact.seen > 0;
        let is_known = is_whole || is_told;
        let is_receive = matches!(fact.kind, Kind::Received(_));
        let is_caused = !is_receive || fact.cause > 0 || record.names_causes;
        let Some(own) = own.filter(|_| is_known && is_caused && !is_after_gap) else { continue };
        let expected = if is_receive { own.max(fact.cause) + 1 } else { own + 1 };
        ledger.held(Promise::ExactRules, u64::from(fact.count));
        if fact.time != expected {
            let lines = vec![fact.source];
            ledger.found(Promise::ExactRules, (graph, number, fact.time), lines, || {
                let why = if is_receive && fact.cause >= own {
                    format!("the message's {}", fact.cause)
                } else {
                    format!("its own {own}")
                };
                format!("has {} where the rules give {expected}, one more than {why}", fact.time)
            });
        }
    }
}
