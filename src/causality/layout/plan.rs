//! Makes a layout of a graph: chooses events, finds the ends of their messages, and then gives everybody
//! a seat. Until then a column is the number of a node.

use super::{
    Arrow, Column, Dot, End, Ending, Layout, MOST_COLUMNS, MOST_EVENTS, Rows, TooMuch, Window,
};
use crate::causality::{
    event::{Kind, Subject},
    fact::{Identity, NOBODY},
    fate::{Fate, Fates},
    graph::{At, Graph},
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn layout(graph: &Graph, window: &Window) -> Result<Layout, TooMuch> {
    let chosen = Chosen::of(graph, window);
    let (events, nodes) = chosen.count();
    if events > MOST_EVENTS || nodes > MOST_COLUMNS {
        return Err(TooMuch { events, nodes });
    }
    let mut plan = Plan::of(&chosen);
    plan.draw_messages(&chosen);
    let layout = plan.seat(graph, window);
    let nodes = layout.columns.len();
    // Those who received nothing have a column as well.
    if nodes > MOST_COLUMNS { Err(TooMuch { events, nodes }) } else { Ok(layout) }
}

/// Which events are to be drawn.
struct Chosen<'a> {
    graph: &'a Graph,
    window: &'a Window,
    /// Ids of the messages that were sent to those who were chosen.
    messages: BTreeSet<u64>,
}

impl<'a> Chosen<'a> {
    fn of(graph: &'a Graph, window: &'a Window) -> Self {
        let mut chosen = Self { graph, window, messages: BTreeSet::new() };
        if window.only.is_some() {
            let mut messages = BTreeSet::new();
            chosen.each(|at| {
                let fact = graph.fact(at);
                let is_sent = at.node == 0 && matches!(fact.kind, Kind::Sent(_));
                if is_sent && chosen.concerns_the_chosen(at) {
                    messages.insert(fact.message);
                }
            });
            chosen.messages = messages;
        }
        chosen
    }

    fn has_node(&self, node: u32) -> bool {
        node == 0 || self.window.only.as_ref().is_none_or(|only| only.contains(&node))
    }

    /// True of an event of the server whose other end was chosen.
    fn concerns_the_chosen(&self, at: At) -> bool {
        let peer = match self.graph.fact(at).kind {
            Kind::Sent(_) => self.graph.recipient(at),
            _ => self.graph.sender(self.graph.fact(at)),
        };
        peer.is_some_and(|peer| self.has_node(peer))
    }

    fn has(&self, at: At) -> bool {
        if at.node != 0 || self.window.only.is_none() {
            return true;
        }
        let fact = self.graph.fact(at);
        // What somebody else said is drawn where it came in, if the chosen were told.
        let is_told = matches!(fact.kind, Kind::Received(_)) && self.messages.contains(&fact.time);
        is_told || self.concerns_the_chosen(at)
    }

    /// Every event of a chosen node in the window.
    fn each(&self, mut each: impl FnMut(At)) {
        let window = self.window;
        for (node, it) in (0..).zip(&self.graph.nodes).filter(|(node, _)| self.has_node(*node)) {
            for (f, fact) in it.facts.iter().enumerate() {
                let (first, last) = (fact.time.max(window.from), fact.last().min(window.to));
                for time in first..=last {
                    let within = u32::try_from(time - fact.time).unwrap_or(u32::MAX);
                    each(At { node, place: it.place_of(f) + within });
                }
            }
        }
    }

    /// How many events there are to be drawn, and of how many nodes.
    fn count(&self) -> (u64, usize) {
        let mut of_nodes = vec![0_u64; self.graph.nodes.len()];
        self.each(|at| of_nodes[at.node as usize] += u64::from(self.has(at)));
        (of_nodes.iter().sum(), of_nodes.iter().filter(|count| **count > 0).count())
    }
}

/// Events and messages before anybody has a seat.
struct Plan {
    rows: Rows,
    dots: Vec<Dot>,
    of_event: BTreeMap<At, usize>,
    arrows: Vec<Arrow>,
}

impl Plan {
    fn of(chosen: &Chosen<'_>) -> Self {
        let graph = chosen.graph;
        let mut found = Vec::new();
        chosen.each(|at| {
            if chosen.has(at) {
                found.push(at);
            }
        });
        let mut times: Vec<_> = found.iter().map(|at| graph.time(*at)).collect();
        times.sort_unstable();
        times.dedup();
        let rows = Rows(times);
        let dot = |at: At| {
            let row = rows.of(graph.time(at)).unwrap_or_default();
            Dot { at, column: at.node as usize, row, evidence: graph.fact(at).evidence }
        };
        let dots: Vec<_> = found.into_iter().map(dot).collect();
        let of_event = dots.iter().enumerate().map(|(number, dot)| (dot.at, number)).collect();
        Self { rows, dots, of_event, arrows: Vec::new() }
    }

    fn draw_messages(&mut self, chosen: &Chosen<'_>) {
        let graph = chosen.graph;
        let fates = Fates::of(graph);
        for (number, dot) in self.dots.iter().enumerate() {
            let (sent, from, to) = match graph.fact(dot.at).kind {
                Kind::Received(_) => {
                    let Some(sent) = graph.cause(dot.at) else { continue };
                    (sent, self.end(chosen, sent), End::Dot(number))
                }
                Kind::Sent(_) => {
                    let received = graph.sent(dot.at.node, dot.at.place..dot.at.place + 1).first();
                    let to = match received {
                        // It is drawn from its other end.
                        Some((_, at)) if self.of_event.contains_key(at) => continue,
                        Some((_, at)) => self.end(chosen, *at),
                        None => match unreceived(graph, &fates, dot.at) {
                            Some((node, fate)) => End::Lost(node as usize, fate),
                            None => continue,
                        },
                    };
                    (dot.at, End::Dot(number), to)
                }
                Kind::Opened | Kind::Lost => continue,
            };
            let Kind::Sent(subject) = graph.fact(sent).kind else { continue };
            let mut outside = [from, to].into_iter().filter_map(End::outside);
            if outside.all(|node| u32::try_from(node).is_ok_and(|node| chosen.has_node(node))) {
                let author = author(graph, sent);
                self.arrows.push(Arrow { sent, from, to, subject, author });
            }
        }
        self.arrows.sort_by_key(|arrow| (graph.time(arrow.sent), arrow.sent));
    }

    /// The end of a message at an event that is drawn, or at one outside of the window.
    fn end(&self, chosen: &Chosen<'_>, at: At) -> End {
        let node = at.node as usize;
        match self.of_event.get(&at) {
            Some(dot) => End::Dot(*dot),
            None if chosen.graph.time(at) > chosen.window.to => End::Below(node),
            None => End::Above(node),
        }
    }

    /// Gives every node that is drawn its column.
    fn seat(mut self, graph: &Graph, window: &Window) -> Layout {
        let ends = self.arrows.iter().flat_map(|arrow| [arrow.from, arrow.to]);
        let mut nodes: BTreeSet<usize> = ends.filter_map(End::outside).collect();
        nodes.extend(self.dots.iter().map(|dot| dot.column));
        let is_server = |node: &u32| graph.nodes[*node as usize].identity == Identity::Server;
        let order: Vec<u32> = in_join_order(graph)
            .into_iter()
            .filter(|node| nodes.contains(&(*node as usize)) && !is_server(node))
            .collect();
        let mut seats: Vec<_> = order
            .iter()
            .enumerate()
            .map(|(rank, node)| (window.seating.place(rank, order.len()), *node))
            .collect();
        seats.extend(nodes.contains(&0).then_some((0, 0)).filter(|(_, node)| is_server(node)));
        seats.sort_unstable();
        let columns: BTreeMap<usize, usize> =
            seats.iter().enumerate().map(|(column, (_, node))| (*node as usize, column)).collect();
        let of = |node: usize| columns.get(&node).copied().unwrap_or_default();
        self.dots.iter_mut().for_each(|dot| dot.column = of(dot.column));
        for arrow in &mut self.arrows {
            arrow.from = arrow.from.moved(of);
            arrow.to = arrow.to.moved(of);
        }
        let columns = seats.iter().map(|(place, node)| {
            let (begins, ends) = span(graph, *node, &self.rows);
            Column { node: *node, place: *place, begins, ends }
        });
        Layout { columns: columns.collect(), rows: self.rows, dots: self.dots, arrows: self.arrows }
    }
}

impl End {
    fn moved(self, of: impl Fn(usize) -> usize) -> Self {
        match self {
            Self::Dot(dot) => Self::Dot(dot),
            Self::Above(node) => Self::Above(of(node)),
            Self::Below(node) => Self::Below(of(node)),
            Self::Lost(node, fate) => Self::Lost(of(node), fate),
        }
    }
}

/// To whom something was sent that nobody is known to have received, and what became of it; nothing if
/// there is no telling.
fn unreceived(graph: &Graph, fates: &Fates, at: At) -> Option<(u32, Fate)> {
    let (fact, server) = (graph.fact(at), graph.server()?);
    if at.node != 0 {
        // A log does not say which message of a participant it was that the server received; a journal does.
        return server.record.names_causes.then_some((0, Fate::Unknown));
    }
    let within = u32::try_from(graph.time(at) - fact.time).ok()?;
    let person = graph.pools.person(fact.people, within)?;
    let node = graph.node_of(person)?;
    match fates.fate_at_the_end(graph, graph.time(at), person) {
        // Two deliveries that claim one time: the other one was received.
        Fate::Delivered => None,
        fate => Some((node, fate)),
    }
}

/// Who speaks, joins or leaves in a message.
fn author(graph: &Graph, sent: At) -> Option<u32> {
    let fact = graph.fact(sent);
    if sent.node != 0 {
        return Some(sent.node);
    }
    let named = (fact.about != NOBODY).then(|| graph.node_of(fact.about)).flatten();
    named.or_else(|| {
        let server = graph.server()?;
        let accepted = &server.facts[server.fact_with(fact.message)?];
        matches!(accepted.kind, Kind::Received(_)).then(|| graph.sender(accepted)).flatten()
    })
}

/// All nodes in the order in which the server let them in, and behind them those who never came in.
fn in_join_order(graph: &Graph) -> Vec<u32> {
    let facts = graph.server().into_iter().flat_map(|server| &server.facts);
    let joins = facts.filter(|fact| fact.kind == Kind::Received(Subject::Connect));
    let joined = joins.filter_map(|fact| graph.sender(fact));
    let all = 0..u32::try_from(graph.nodes.len()).unwrap_or(u32::MAX);
    let mut known = vec![false; graph.nodes.len()];
    let mut is_new = |node: &u32| !std::mem::replace(&mut known[*node as usize], true);
    joined.chain(all).filter(|node| is_new(node)).collect()
}

/// Where a node's line begins and ends.
fn span(graph: &Graph, node: u32, rows: &Rows) -> (Option<usize>, Option<(usize, Ending)>) {
    let it = &graph.nodes[node as usize];
    let (Some(first), Some(last)) = (it.facts.first(), it.facts.last()) else {
        return (None, None);
    };
    if it.identity == Identity::Server {
        return (None, None);
    }
    let starts = matches!(first.kind, Kind::Opened | Kind::Sent(Subject::Connect));
    let begins = starts.then(|| rows.of(first.time)).flatten();
    let has_left =
        matches!(last.kind, Kind::Sent(Subject::Disconnect) | Kind::Received(Subject::Ack));
    let left = || Some((rows.of(last.time).filter(|_| has_left)?, Ending::Left));
    // Somebody who came back after that was not lost for good.
    let lost = || {
        let time = lost(graph, node).filter(|time| *time > last.cause)?;
        Some((rows.of(time)?, Ending::Lost))
    };
    (begins, left().or_else(lost))
}

/// When the server noticed for the last time that somebody was gone.
fn lost(graph: &Graph, node: u32) -> Option<u64> {
    let losses = graph.server()?.facts.iter().rev().filter(|fact| fact.kind == Kind::Lost);
    losses
        .filter_map(|fact| {
            let mut people = (fact.time..).zip(graph.pools.people(fact.people));
            people.find(|(_, one)| graph.node_of(*one) == Some(node)).map(|(time, _)| time)
        })
        .next()
}
