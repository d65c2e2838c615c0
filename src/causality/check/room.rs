//! What the room owes: who is told of a message, of a join, of a leave; and how long a text may be.
//!
//! Read from the server's record alone, in one pass that keeps the list of who is present. After a gap it
//! goes on with who was present then, if the record says so, and else not at all.

use super::{Ledger, Promise};
use crate::causality::{
    event::{Kind, Subject},
    fact::{Fact, NOBODY, Source},
    graph::{Gap, Graph, Node},
};

/// The most characters of a text: the assignment's number.
const MAX_TEXT: usize = 128;

pub(super) fn check(graph: &Graph, ledger: &mut Ledger) {
    texts(graph, ledger);
    let promises = [Promise::PublishReachesAll, Promise::JoinToldToAll, Promise::LeaveToldToAll];
    let mut why_not = |why| promises.iter().for_each(|promise| ledger.why_not(*promise, why));
    let Some(server) = graph.server() else {
        why_not("there is no record of a server");
        return;
    };
    if server.record.is_sampled {
        why_not("of the server there are only spans, which may leave deliveries out");
        return;
    }
    if !server.record.is_whole {
        why_not(
            "the server's record has no deliveries (CHITTYCHAT_LOG=info,chittychat::delivery=debug)",
        );
        return;
    }
    let is_known = |gap: &Gap| gap.present.is_some();
    if !server.record.from_start && !server.record.gaps.iter().any(is_known) {
        why_not("who was present is not known: the beginning of the server's record is missing");
    }
    let mut room =
        Room { graph, present: server.record.from_start.then(Vec::new), owed: None, ledger };
    room.walk(server);
}

/// Promise: a text has 1 to 128 characters.
fn texts(graph: &Graph, ledger: &mut Ledger) {
    for (number, node) in (0_u32..).zip(&graph.nodes) {
        for fact in &node.facts {
            let (Kind::Sent(Subject::Publish) | Kind::Received(Subject::Publish)) = fact.kind
            else {
                continue;
            };
            let Some(text) = graph.pools.text(fact.text) else { continue };
            ledger.held(Promise::TextLength, 1);
            let chars = text.chars().count();
            if chars > MAX_TEXT {
                let at = (graph, number, fact.time);
                ledger.found(Promise::TextLength, at, vec![fact.source], || {
                    format!("passes on a text of {chars} characters; {MAX_TEXT} are allowed")
                });
            }
        }
    }
    ledger.why_not(Promise::TextLength, "no record says what was said");
}

/// What everybody is yet to be told of.
struct Owed {
    promise: Promise,
    subject: Subject,
    /// The event that it follows from.
    time: u64,
    message: u64,
    source: Source,
    /// Who is to be told, in the order of the ring.
    to: Vec<u32>,
    /// Who has been told.
    told: Vec<u32>,
    lines: Vec<Source>,
}

struct Room<'a, 'b> {
    graph: &'a Graph,
    /// Who is present, in join order; nothing if that is not known.
    present: Option<Vec<u32>>,
    owed: Option<Owed>,
    ledger: &'b mut Ledger,
}

impl Room<'_, '_> {
    fn walk(&mut self, server: &Node) {
        let mut gaps = server.record.gaps.iter().peekable();
        for (f, fact) in server.facts.iter().enumerate() {
            while let Some(gap) = gaps.next_if(|gap| gap.before as usize == f) {
                self.owed = None;
                self.present.clone_from(&gap.present);
            }
            match fact.kind {
                Kind::Received(subject) => {
                    self.settle();
                    self.received(subject, fact);
                }
                Kind::Lost => {
                    self.settle();
                    self.lost(fact);
                }
                Kind::Sent(Subject::Join | Subject::Publish | Subject::Leave) => self.told(fact),
                Kind::Opened | Kind::Sent(_) => {}
            }
        }
        // What is still owed at the end may have been told after it.
        let is_told = self.owed.as_ref().is_some_and(|owed| owed.told.len() >= owed.to.len());
        if is_told || server.record.to_end {
            self.settle();
        }
    }

    fn received(&mut self, subject: Subject, fact: &Fact) {
        let person = self.graph.pools.people(fact.people).next();
        let (Some(present), Some(person)) = (&mut self.present, person) else { return };
        let rank = present.iter().position(|one| *one == person);
        match (subject, rank) {
            (Subject::Connect, None) => {
                present.push(person);
                let to = present.clone();
                self.owe(Promise::JoinToldToAll, Subject::Join, fact, to);
            }
            (Subject::Publish, Some(rank)) => {
                let others = ring(present, Some(rank), rank);
                self.owe(Promise::PublishReachesAll, Subject::Publish, fact, others);
            }
            (Subject::Disconnect, Some(rank)) => {
                present.remove(rank);
                let to = ring(present, None, rank);
                self.owe(Promise::LeaveToldToAll, Subject::Leave, fact, to);
            }
            (Subject::Publish, None) => self.stray(Promise::PublishReachesAll, fact, "a message"),
            (Subject::Disconnect, None) => self.stray(Promise::LeaveToldToAll, fact, "the leave"),
            _ => {}
        }
    }

    /// Something came from somebody who is not present.
    fn stray(&mut self, promise: Promise, fact: &Fact, what: &str) {
        let graph = self.graph;
        self.ledger.found(promise, (graph, 0, fact.time), vec![fact.source], || {
            let who = graph.sender(fact).map(|node| graph.name(node)).unwrap_or_default();
            format!("takes {what} of {who}, who is not present")
        });
    }

    fn lost(&mut self, fact: &Fact) {
        let Some(present) = &mut self.present else { return };
        let mut rank = 0;
        for person in self.graph.pools.people(fact.people) {
            match present.iter().position(|one| *one == person) {
                Some(found) => {
                    rank = found;
                    present.remove(found);
                }
                None => {
                    let graph = self.graph;
                    let at = (graph, 0, fact.time);
                    self.ledger.found(Promise::LeaveToldToAll, at, vec![fact.source], || {
                        "loses somebody who is not present".to_owned()
                    });
                    return;
                }
            }
        }
        let to = ring(present, None, rank);
        self.owe(Promise::LeaveToldToAll, Subject::Leave, fact, to);
    }

    fn owe(&mut self, promise: Promise, subject: Subject, fact: &Fact, to: Vec<u32>) {
        self.owed = Some(Owed {
            promise,
            subject,
            time: fact.time,
            message: fact.message,
            source: fact.source,
            to,
            told: Vec::new(),
            lines: Vec::new(),
        });
    }

    /// A fan-out, or a part of one.
    fn told(&mut self, fact: &Fact) {
        if self.present.is_none() {
            return;
        }
        let agrees = |owed: &Owed| {
            let is_it = owed.message == 0 || fact.message == 0 || owed.message == fact.message;
            Kind::Sent(owed.subject) == fact.kind && is_it
        };
        if let Some(owed) = self.owed.as_mut().filter(|owed| agrees(owed)) {
            owed.told.extend(self.graph.pools.people(fact.people));
            owed.lines.push(fact.source);
            return;
        }
        let (promise, what) = match fact.kind {
            Kind::Sent(Subject::Join) => (Promise::JoinToldToAll, "a join"),
            Kind::Sent(Subject::Leave) => (Promise::LeaveToldToAll, "a leave"),
            _ => (Promise::PublishReachesAll, "a message"),
        };
        let graph = self.graph;
        self.ledger.found(promise, (graph, 0, fact.time), vec![fact.source], || {
            let about = (fact.about != NOBODY).then(|| graph.node_of(fact.about)).flatten();
            let about = about.map(|node| format!(" of {}", graph.name(node))).unwrap_or_default();
            format!("tells of {what}{about} that did not happen before")
        });
    }

    /// Judges what was owed, now that something else happens.
    fn settle(&mut self) {
        let Some(Owed { promise, time, source, to, told, lines, .. }) = self.owed.take() else {
            return;
        };
        self.ledger.held(promise, 1);
        if to == told {
            return;
        }
        let graph = self.graph;
        let lines: Vec<_> = lines.into_iter().chain([source]).collect();
        let (mut expected, mut got) = (to.clone(), told.clone());
        expected.sort_unstable();
        got.sort_unstable();
        let names = |people: &[u32]| {
            let names = people.iter().filter_map(|person| graph.node_of(*person));
            let shown: Vec<_> = names.take(5).map(|node| graph.name(node)).collect();
            let more = if people.len() > 5 { ", …" } else { "" };
            format!("{}{more}", shown.join(", "))
        };
        if expected == got {
            if self.ledger.strict {
                self.ledger.found(Promise::ExactRules, (graph, 0, time), lines, || {
                    let (told, to) = (names(&told), names(&to));
                    format!("is told to {told}, in this order; the ring has {to}")
                });
            }
            return;
        }
        self.ledger.found(promise, (graph, 0, time), lines, || {
            let missing: Vec<_> = without(&expected, &got);
            let extra: Vec<_> = without(&got, &expected);
            let mut what = format!("is told to {} instead of {}", got.len(), expected.len());
            if !missing.is_empty() {
                what += &format!("; not to {}", names(&missing));
            }
            if !extra.is_empty() {
                what += &format!("; but to {}, who should not have got it", names(&extra));
            }
            what
        });
    }
}

/// Those present but the one who is left out, in a ring that starts after it.
fn ring(present: &[u32], without: Option<usize>, first: usize) -> Vec<u32> {
    let skip = usize::from(without.is_some());
    present[first + skip..].iter().chain(&present[..first]).copied().collect()
}

/// What is in the one sorted list and, as often, not in the other.
fn without(list: &[u32], other: &[u32]) -> Vec<u32> {
    let mut other = other.iter().peekable();
    let mut rest = Vec::new();
    for one in list {
        while other.next_if(|next| *next < one).is_some() {}
        if other.next_if_eq(&one).is_none() {
            rest.push(*one);
        }
    }
    rest
}
