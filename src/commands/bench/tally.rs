//! What is counted and timed while a run goes on: once for the whole crowd, which one thread drives.

use super::{
    checker::Mark,
    plan::{Plan, Schedule},
};
use hdrhistogram::Histogram;
use std::time::Instant;

/// The longest time that a histogram tells apart from longer ones, in nanoseconds: an hour.
const LONGEST: u64 = 3_600_000_000_000;

/// See the module's text. Times are nanoseconds after the start.
#[derive(Debug)]
pub(super) struct Tally {
    /// The number of the run.
    pub run: u16,
    /// How many messages of the run each publisher has sent.
    pub sent: Vec<u32>,
    /// When messages were to be sent.
    pub schedule: Schedule,
    /// Deliveries of any kind.
    pub deliveries: u64,
    /// Deliveries of messages of the run.
    pub messages: u64,
    /// The same, as far as they went to publishers, which never leave.
    pub to_publishers: u64,
    /// Deliveries that tell of a join.
    pub joins: u64,
    /// Deliveries of what other people said.
    pub foreign: u64,
    /// How many are in, and how many are on their way in or out.
    pub present: usize,
    pub joining: usize,
    pub leaving: usize,
    /// From the intended time of a message to its delivery.
    pub latency: Histogram<u64>,
    /// From the intended time of a message to its sending: what is the generator's own fault.
    pub lateness: Histogram<u64>,
    /// When the last message was delivered.
    pub last: u64,
    start: Instant,
    now: u64,
}

impl Tally {
    /// Nothing counted yet.
    ///
    /// # Errors
    /// If there is no memory for the histograms.
    pub(super) fn new(plan: &Plan) -> Result<Self, hdrhistogram::CreationError> {
        let latency = Histogram::new_with_bounds(1, LONGEST, 3)?;
        Ok(Self {
            run: plan.run,
            sent: vec![0; plan.publishers],
            schedule: Schedule::of(plan.load),
            deliveries: 0,
            messages: 0,
            to_publishers: 0,
            joins: 0,
            foreign: 0,
            present: 0,
            joining: 0,
            leaving: 0,
            lateness: latency.clone(),
            latency,
            last: 0,
            start: Instant::now(),
            now: 0,
        })
    }

    /// What came before is not counted; the clock starts.
    pub(super) fn start(&mut self) -> Instant {
        self.deliveries = 0;
        self.foreign = 0;
        self.start = Instant::now();
        self.start
    }

    /// Looks at the clock.
    pub(super) fn look(&mut self) -> u64 {
        self.now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.now
    }

    /// A message has been delivered, by the time last looked at.
    pub(super) fn heard(&mut self, mark: Mark) {
        let latency = self.now.saturating_sub(self.schedule.intended(self.number(mark)));
        self.latency.saturating_record(latency.max(1));
        self.messages += 1;
        self.last = self.now;
    }

    /// The mark of a publisher's next message, which is being sent.
    pub(super) fn next_of(&mut self, publisher: usize) -> Mark {
        let sequence = self.sent[publisher];
        self.sent[publisher] += 1;
        let publisher = u16::try_from(publisher).unwrap_or(u16::MAX);
        let mark = Mark { run: self.run, publisher, sequence };
        let lateness = self.now.saturating_sub(self.schedule.intended(self.number(mark)));
        self.lateness.saturating_record(lateness.max(1));
        mark
    }

    /// Which message of all this is: the publishers take turns.
    fn number(&self, mark: Mark) -> u64 {
        u64::from(mark.sequence) * self.sent.len() as u64 + u64::from(mark.publisher)
    }
}
