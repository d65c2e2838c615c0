//! Spans as a record: what the attributes of docs/tracing.md say, from wherever spans are read.
//!
//! Spans come in any order, and not all of them come. Of several runs of the server only the last is
//! taken, since a collector keeps what a server said before it was started again; and a participant
//! whose clock begins anew at a Connect is another life of it.

use crate::causality::{Fact, History, Identity, Kind, Medium, Source, Subject};
use crate::journal::line::subject_of;
use crate::telemetry::names;
use std::collections::{BTreeMap, BTreeSet};

/// An attribute's value, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
}

/// A span as it was read.
#[derive(Debug, Default)]
pub(super) struct Span {
    pub(super) id: (String, String),
    pub(super) name: String,
    /// When it began, in microseconds since 1970.
    pub(super) wall_us: u64,
    pub(super) attributes: BTreeMap<String, Value>,
    pub(super) source: Source,
}

/// All spans that were read.
#[derive(Debug, Default)]
pub(super) struct Spans {
    known: BTreeSet<(String, String)>,
    /// When servers were started.
    starts: Vec<u64>,
    spans: Vec<Happening>,
}

/// What a span stands for.
#[derive(Debug)]
struct Happening {
    node: Identity,
    peer: Option<Identity>,
    wall_us: u64,
    text: Option<String>,
    fact: Fact,
}

impl Span {
    fn text(&self, key: &str) -> Option<&str> {
        match self.attributes.get(key)? {
            Value::Text(text) => Some(text),
            Value::Number(_) => None,
        }
    }

    fn number(&self, key: &str) -> Option<u64> {
        match self.attributes.get(key)? {
            Value::Number(number) => u64::try_from(*number).ok(),
            Value::Text(text) => text.parse().ok(),
        }
    }
}

impl Spans {
    /// Takes a span in. One that comes twice, and one that is no event, counts for nothing.
    ///
    /// # Errors
    /// If it has a Lamport time and what goes with that makes no sense.
    pub(super) fn add(&mut self, span: &Span) -> Result<(), String> {
        if !self.known.insert(span.id.clone()) {
            return Ok(());
        }
        let Some(time) = span.number(names::LAMPORT_TIME) else {
            // The server's own lifecycle has no Lamport time.
            if span.name == "start" && !span.attributes.contains_key(names::MESSAGING_SYSTEM) {
                self.starts.push(span.wall_us);
            }
            return Ok(());
        };
        let wrong = |key: &str| format!("the span {} has no fit {key}", span.id.1);
        let node = span.text(names::LAMPORT_NODE).and_then(identity);
        let node = node.ok_or_else(|| wrong(names::LAMPORT_NODE))?;
        let word = span.text(names::MESSAGE_TYPE).unwrap_or_default();
        let subject = subject_of(word);
        let kind = match (span.text(names::LAMPORT_EVENT), subject) {
            (Some("send"), Some(subject)) => Kind::Sent(subject),
            (Some("receive"), Some(subject)) => Kind::Received(subject),
            (Some("local"), _) if word == "lost" => Kind::Lost,
            (Some("local"), _) => Kind::Opened,
            _ => return Err(wrong(names::LAMPORT_EVENT)),
        };
        let last = span.number(names::LAMPORT_TIME_LAST).unwrap_or(time).max(time);
        let count = u32::try_from(last - time + 1).map_err(|_| wrong(names::LAMPORT_TIME_LAST))?;
        let peer = span.text(names::PEER).or_else(|| span.text(names::LAMPORT_CAUSE_NODE));
        self.spans.push(Happening {
            node,
            peer: peer.and_then(identity),
            wall_us: span.wall_us,
            text: span.text(names::MESSAGE_TEXT).map(str::to_owned),
            fact: Fact {
                count,
                cause: span.number(names::LAMPORT_CAUSE_TIME).unwrap_or_default(),
                message: span.number(names::MESSAGING_ID).unwrap_or_default(),
                source: span.source,
                ..Fact::new(kind, time)
            },
        });
        Ok(())
    }

    /// Puts what the spans stand for into a history. Returns what is to be said about it.
    pub(super) fn put_into(self, history: &mut History) -> Option<String> {
        let Self { starts, mut spans, .. } = self;
        let read = spans.len();
        let start = starts.into_iter().max().unwrap_or_default();
        spans.retain(|it| it.wall_us >= start);
        let left_out = read - spans.len();
        spans.sort_by_key(|it| (it.fact.time, it.wall_us));
        let mut by_node: BTreeMap<Identity, Vec<Happening>> = BTreeMap::new();
        for it in spans {
            by_node.entry(it.node.clone()).or_default().push(it);
        }
        for (node, happenings) in by_node {
            if node == Identity::Server {
                server(history, happenings);
            } else {
                participant(history, &node, happenings);
            }
        }
        (left_out > 0).then(|| {
            format!("{left_out} spans are older than the last start of the server, and left out")
        })
    }
}

fn identity(shown: &str) -> Option<Identity> {
    if shown == "server" { Some(Identity::Server) } else { Identity::shown(shown) }
}

/// The server's spans, in the order of their times: each Connect begins a stay.
fn server(history: &mut History, happenings: Vec<Happening>) {
    let track = history.track(&Identity::Server, Medium::Trace, "");
    let mut present: BTreeMap<Identity, u32> = BTreeMap::new();
    for Happening { peer, text, mut fact, .. } in happenings {
        if let Some(peer) = peer {
            let begins = fact.kind == Kind::Received(Subject::Connect);
            let stay = match present.get(&peer).filter(|_| !begins) {
                Some(stay) => *stay,
                None => history.new_stay(&peer),
            };
            present.insert(peer, stay);
            fact.people = history.one(stay);
        }
        if let Some(text) = text {
            fact.text = history.pools.keep_text(&text);
        }
        history.tracks[track].facts.push(fact);
    }
}

/// A participant's spans, by lives: a Connect that is not later than what came before it begins one.
fn participant(history: &mut History, node: &Identity, mut happenings: Vec<Happening>) {
    happenings.sort_by_key(|it| it.wall_us);
    let mut connects: Vec<(u64, u64)> = happenings
        .iter()
        .filter(|it| it.fact.kind == Kind::Sent(Subject::Connect))
        .map(|it| (it.wall_us, it.fact.time))
        .collect();
    connects.dedup();
    let mut begins = Vec::new();
    let mut latest = 0;
    for (wall_us, time) in connects {
        if time <= latest {
            begins.push(wall_us);
        }
        latest = time;
    }
    let server = history.person(&Identity::Server);
    for Happening { wall_us, text, mut fact, .. } in happenings {
        let life = begins.iter().filter(|begin| **begin <= wall_us).count();
        let track = history.track(node, Medium::Trace, &life.to_string());
        fact.people = history.one(server);
        if let Some(text) = text {
            fact.text = history.pools.keep_text(&text);
        }
        history.tracks[track].facts.push(fact);
    }
}
