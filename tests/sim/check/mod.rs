//! Holds everything that was seen in a run against what the room promises.
//!
//! - `facts`: the chronicle, sorted by stream and by server;
//! - `table`: what is to become of everything that can be sent;
//! - `room`: the rules of the room, walked through its log by a model that shares no code with it;
//! - `streams`: what each participant got, in which form, and how its stream ended;
//! - `promises`: the six promises, by the predicates that all of the project's checks share.
//!
//! The model and the product agree on one thing from the start: the log. Everything that follows from
//! it (who is owed what, at which time, in which words) is worked out here anew.

mod facts;
mod promises;
mod room;
mod streams;
mod table;

use crate::chronicle::Chronicle;
use crate::plan::Plan;
use chittychat::chat::invariant::Violation;
use facts::Facts;

/// How much was held over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events of all nodes.
    pub events: u64,
    /// Messages that participants received.
    pub deliveries: u64,
    /// Streams that were opened.
    pub streams: u64,
    /// Streams whose connection was not harmed: on these everything must have gone well.
    pub unharmed: u64,
    /// Participants that were evicted.
    pub evicted: u64,
    /// Participants that were lost.
    pub lost: u64,
    /// Messages that were refused.
    pub refused: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.deliveries += other.deliveries;
        self.streams += other.streams;
        self.unharmed += other.unharmed;
        self.evicted += other.evicted;
        self.lost += other.lost;
        self.refused += other.refused;
    }
}

/// Checks a run.
///
/// # Errors
/// With the first promise or rule that is broken.
pub fn check(plan: &Plan, chronicle: &Chronicle) -> Result<Tally, Violation> {
    let facts = Facts::gather(plan, chronicle);
    let mut tally = Tally::default();
    let mut stories = Vec::new();
    for life in 1..=facts.lives.len() {
        stories.push(room::walk(&facts, life, &mut tally)?);
    }
    for stream in &facts.streams {
        let story = stories.get(stream.it.life - 1).and_then(|it| it.get(&stream.id));
        streams::check(&facts, stream, story, &mut tally)?;
    }
    promises::check(&facts, &stories, &mut tally)?;
    Ok(tally)
}

/// A rule that is broken, with what shows it.
fn broken<T>(rule: &'static str, evidence: impl Into<String>) -> Result<T, Violation> {
    Err(Violation { promise: rule, evidence: evidence.into() })
}
