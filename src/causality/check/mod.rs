//! The promises, held against a graph of what was recorded.
//!
//! Each promise ends in one of three ways: it *held*, and over how many; it is *broken*, and there is a
//! smallest counterexample, named by node and Lamport time, with the lines that it was read from; or it
//! was *not checked*, and there is a reason. Nothing is ever said to hold over nothing.
//!
//! The promises are those of [`invariant`](crate::chat::invariant), which states each as a predicate
//! over what one recipient got. Here they are asked of a million events at once, of records that may
//! have gaps, and each counterexample is to lead somebody to a line.

mod books;
mod clock;
mod room;
mod streams;

use super::{fact::Source, graph::Graph};

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// Cause before effect, and each node's own times strictly rise.
    ClockCondition,
    /// The times on one stream strictly rise.
    RecipientOrder,
    /// One participant's messages reach everybody in sending order.
    SenderFifo,
    /// Everybody sees messages in the order of their ids.
    TotalOrder,
    /// Nobody receives an effect before its cause.
    CausalDelivery,
    /// Who was owed a message got it, lagged, or was gone.
    Conservation,
    /// What is published is sent to everybody present but its author.
    PublishReachesAll,
    /// A join is told to everybody, the newcomer included.
    JoinToldToAll,
    /// A leave is told to everybody who remains.
    LeaveToldToAll,
    /// A text has 1 to 128 characters.
    TextLength,
    /// Every time is the one that the rules give, and fan-outs go round the ring.
    ExactRules,
}

/// All promises, in the order in which they are reported.
pub const PROMISES: [Promise; 11] = [
    Promise::ClockCondition,
    Promise::RecipientOrder,
    Promise::SenderFifo,
    Promise::TotalOrder,
    Promise::CausalDelivery,
    Promise::Conservation,
    Promise::PublishReachesAll,
    Promise::JoinToldToAll,
    Promise::LeaveToldToAll,
    Promise::TextLength,
    Promise::ExactRules,
];

impl Promise {
    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ClockCondition => "clock condition",
            Self::RecipientOrder => "recipient order",
            Self::SenderFifo => "sender FIFO",
            Self::TotalOrder => "total order",
            Self::CausalDelivery => "causal delivery",
            Self::Conservation => "conservation",
            Self::PublishReachesAll => "publish reaches everyone",
            Self::JoinToldToAll => "join told to all",
            Self::LeaveToldToAll => "leave told to all",
            Self::TextLength => "at most 128 characters",
            Self::ExactRules => "exact rules",
        }
    }

    /// What it is counted in.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::ClockCondition | Self::ExactRules => "events",
            Self::RecipientOrder | Self::TotalOrder | Self::Conservation => "deliveries",
            Self::SenderFifo | Self::CausalDelivery | Self::PublishReachesAll => "messages",
            Self::JoinToldToAll => "joins",
            Self::LeaveToldToAll => "leaves",
            Self::TextLength => "texts",
        }
    }

    fn place(self) -> usize {
        PROMISES.iter().position(|one| *one == self).unwrap_or_default()
    }
}

/// A counterexample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The node of the event that breaks the promise, by name.
    pub node: String,
    /// The Lamport time of it.
    pub time: u64,
    /// What is wrong, in a sentence without a full stop. Escaped.
    pub what: String,
    /// The lines that it was read from.
    pub lines: Vec<Source>,
    /// How many lines one has to believe to see it: those, and those that are not there.
    weight: usize,
}

/// What became of a promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It held over this many.
    Held {
        /// How many.
        over: u64,
        /// More about that.
        note: String,
    },
    /// It did not.
    Broken {
        /// The counterexample with the fewest lines and of these the earliest.
        smallest: Finding,
        /// How many there are.
        findings: u64,
    },
    /// It could not be asked.
    NotChecked {
        /// Why not.
        why: String,
    },
}

/// The outcome of every promise.
#[derive(Clone, Debug)]
pub struct Report {
    /// In the order of [`PROMISES`].
    pub outcomes: Vec<(Promise, Outcome)>,
}

impl Report {
    /// True if a promise is broken.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.outcomes.iter().any(|(_, outcome)| matches!(outcome, Outcome::Broken { .. }))
    }

    /// The outcome of one promise.
    #[must_use]
    pub fn of(&self, promise: Promise) -> &Outcome {
        &self.outcomes[promise.place()].1
    }
}

/// Checks everything that can be checked.
#[must_use]
pub fn check(graph: &Graph, strict: bool) -> Report {
    let mut ledger = Ledger::new(strict);
    clock::check(graph, &mut ledger);
    streams::check(graph, &mut ledger);
    books::check(graph, &mut ledger);
    room::check(graph, &mut ledger);
    ledger.report()
}

/// What has been found so far.
struct Ledger {
    strict: bool,
    rows: Vec<Row>,
}

#[derive(Clone, Default)]
struct Row {
    held: u64,
    findings: u64,
    smallest: Option<Finding>,
    why_not: String,
    note: String,
}

impl Ledger {
    fn new(strict: bool) -> Self {
        Self { strict, rows: vec![Row::default(); PROMISES.len()] }
    }

    fn held(&mut self, promise: Promise, over: u64) {
        self.rows[promise.place()].held += over;
    }

    /// Why a promise is not checked, if in the end it was not. The first reason counts.
    fn why_not(&mut self, promise: Promise, why: &str) {
        let row = &mut self.rows[promise.place()];
        if row.why_not.is_empty() {
            row.why_not = why.to_owned();
        }
    }

    fn note(&mut self, promise: Promise, note: String) {
        self.rows[promise.place()].note = note;
    }

    /// Notes a counterexample; the sentence is only made if it may be shown.
    fn found(
        &mut self,
        promise: Promise,
        at: (&Graph, u32, u64),
        lines: Vec<Source>,
        what: impl FnOnce() -> String,
    ) {
        self.found_missing(promise, at, lines, 0, what);
    }

    /// Notes a counterexample that rests on `missing` lines which are not there. What is there and wrong
    /// comes first: the rest often follows from it.
    fn found_missing(
        &mut self,
        promise: Promise,
        (graph, node, time): (&Graph, u32, u64),
        mut lines: Vec<Source>,
        missing: usize,
        what: impl FnOnce() -> String,
    ) {
        let row = &mut self.rows[promise.place()];
        row.findings += 1;
        lines.retain(|line| *line != Source::default());
        lines.sort_unstable();
        lines.dedup();
        let weight = lines.len() + missing;
        let is_smaller = row
            .smallest
            .as_ref()
            .is_none_or(|smallest| (weight, time) < (smallest.weight, smallest.time));
        if is_smaller {
            let node = graph.name(node);
            row.smallest = Some(Finding { node, time, what: what(), lines, weight });
        }
    }

    fn report(self) -> Report {
        let outcome = |row: Row| match row.smallest {
            Some(smallest) => Outcome::Broken { smallest, findings: row.findings },
            None if row.held > 0 => Outcome::Held { over: row.held, note: row.note },
            None if row.why_not.is_empty() => {
                Outcome::NotChecked { why: "nothing of the kind is recorded".to_owned() }
            }
            None => Outcome::NotChecked { why: row.why_not },
        };
        let outcomes = PROMISES.into_iter().zip(self.rows.into_iter().map(outcome)).collect();
        Report { outcomes }
    }
}
