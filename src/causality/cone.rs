//! Cones: what happened before an event, and what after it; and why.
//!
//! A cone is one place for each node. In the past of an event lies the beginning of each node's line,
//! up to a last event; in its future the end, from a first event on. So a cone takes no more room than
//! there are nodes, and asking whether an event lies in it is one comparison. Making one walks over
//! each event in it once.

use super::graph::{At, Graph};
use std::collections::VecDeque;

/// The past or the future of an event, that event not included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cone {
    /// For each node: of a past the number of events in it; of a future the place of the first.
    bounds: Vec<u32>,
    is_past: bool,
}

impl Cone {
    /// True if the event lies in the cone.
    #[must_use]
    pub fn contains(&self, at: At) -> bool {
        let bound = self.bounds.get(at.node as usize).copied();
        bound.is_some_and(|bound| if self.is_past { at.place < bound } else { at.place >= bound })
    }

    /// For each node, the number of its events that lie in this past; for a past, a vector clock.
    #[must_use]
    pub fn bounds(&self) -> &[u32] {
        &self.bounds
    }
}

/// How two events lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// They are one event.
    Same,
    /// The first happened before the second.
    Before,
    /// The second happened before the first.
    After,
    /// Neither can have known of the other.
    Concurrent,
}

impl Graph {
    /// Everything that happened before an event.
    #[must_use]
    pub fn past(&self, of: At) -> Cone {
        let mut bounds = vec![0; self.nodes.len()];
        // Nodes whose bound was raised, and from where to where it has yet to be looked through.
        let mut work = VecDeque::from([(of.node, 0, of.place)]);
        bounds[of.node as usize] = of.place;
        // A receive has its cause even if nothing else came before it.
        let own_cause = self.cause(of);
        let raise = |at: At, bounds: &mut Vec<u32>, work: &mut VecDeque<_>| {
            let bound = &mut bounds[at.node as usize];
            if at.place >= *bound {
                work.push_back((at.node, *bound, at.place + 1));
                *bound = at.place + 1;
            }
        };
        if let Some(cause) = own_cause {
            raise(cause, &mut bounds, &mut work);
        }
        while let Some((node, from, to)) = work.pop_front() {
            for cause in self.causes_in(node, from, to) {
                raise(cause, &mut bounds, &mut work);
            }
        }
        Cone { bounds, is_past: true }
    }

    fn causes_in(&self, node: u32, from: u32, to: u32) -> impl Iterator<Item = At> {
        let it = &self.nodes[node as usize];
        let facts = if from < to {
            let last = it.fact_at(to - 1).0;
            it.fact_at(from).0..last + 1
        } else {
            0..0
        };
        facts.filter_map(|fact| it.causes[fact])
    }

    /// Everything that happened after an event.
    #[must_use]
    pub fn future(&self, of: At) -> Cone {
        let mut bounds: Vec<_> = self.nodes.iter().map(super::graph::Node::events).collect();
        let end = bounds[of.node as usize];
        bounds[of.node as usize] = (of.place + 1).min(end);
        let mut work = VecDeque::from([(of.node, of.place, end)]);
        while let Some((node, from, to)) = work.pop_front() {
            for (_, received) in self.sent(node, from..to) {
                let bound = &mut bounds[received.node as usize];
                if received.place < *bound {
                    work.push_back((received.node, received.place, *bound));
                    *bound = received.place;
                }
            }
        }
        Cone { bounds, is_past: false }
    }

    /// How two events lie to each other.
    #[must_use]
    pub fn relation(&self, a: At, b: At) -> Relation {
        if a == b {
            Relation::Same
        } else if self.past(b).contains(a) {
            Relation::Before
        } else if self.past(a).contains(b) {
            Relation::After
        } else {
            Relation::Concurrent
        }
    }

    /// Why one event happened before another: a chain from the first to the second over as few messages
    /// as there can be, each as its send and its receive. Between these the way goes along a node's
    /// line. Nothing if it did not happen before.
    #[must_use]
    pub fn chain(&self, from: At, to: At) -> Option<Vec<At>> {
        if from.node == to.node && from.place < to.place {
            return Some(vec![from, to]);
        }
        let mut bounds: Vec<_> = self.nodes.iter().map(super::graph::Node::events).collect();
        // Every message that brought news to a node, and the one before it on the way.
        let mut news: Vec<((At, At), Option<usize>)> = Vec::new();
        let end = bounds[from.node as usize];
        bounds[from.node as usize] = from.place;
        let mut work = VecDeque::from([(from.node, from.place, end, None)]);
        while let Some((node, start, end, by)) = work.pop_front() {
            for message in self.sent(node, start..end) {
                let received = message.1;
                let bound = &mut bounds[received.node as usize];
                if received.place >= *bound {
                    continue;
                }
                news.push((*message, by));
                let this = news.len() - 1;
                if received.node == to.node && received.place <= to.place {
                    return Some(way(from, to, &news, this));
                }
                work.push_back((received.node, received.place, *bound, Some(this)));
                *bound = received.place;
            }
        }
        None
    }
}

/// The way from one event to another, read from its last message backwards.
fn way(from: At, to: At, news: &[((At, At), Option<usize>)], last: usize) -> Vec<At> {
    let mut backwards = vec![to];
    let mut next = Some(last);
    while let Some(this) = next {
        let ((sent, received), by) = news[this];
        backwards.extend([received, sent]);
        next = by;
    }
    backwards.push(from);
    backwards.reverse();
    backwards.dedup();
    backwards
}
