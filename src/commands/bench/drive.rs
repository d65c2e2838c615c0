//! A run from its first join to its last leave: come in, send, wait until all is heard, leave.
//!
//! Only what stands between the first message and the last delivery is measured. That everybody's
//! join is told to everybody is over by then.

use super::{
    crowd::Crowd,
    pacer::Pacer,
    person::{Fault, Stage},
    plan::{Load, MAX_BURST, Plan, Protocol, Schedule},
    progress::Progress,
    report::{Joining, Report},
    usage::Usage,
};
use std::{
    thread,
    time::{Duration, Instant},
};

/// How many may be on their way in at once; a listener has room for that many.
const COMING_IN: usize = 64;
/// How long nothing at all may come before a run counts as stuck.
const STUCK: Duration = Duration::from_secs(10);
/// How long the polite end may take. Whoever has not left by then is cut off.
const LEAVING: Duration = Duration::from_secs(5);
/// How long a turn may wait for an event.
const TURN: Duration = Duration::from_millis(10);
/// How long the sockets are left to fill between two turns of a burst. What is read at once costs
/// less, and nobody asks for the latency of a burst.
const GATHERING: Duration = Duration::from_micros(500);

/// A run that was driven to its end, or to its first fault.
#[derive(Debug)]
pub(super) struct Outcome {
    /// What was measured.
    pub report: Report,
    /// What ended it, if it was not the plan.
    pub fault: Option<Fault>,
}

/// Drives a run.
///
/// # Errors
/// If it did not come so far that anything could be measured.
pub(super) fn drive(plan: &Plan) -> Result<Outcome, Fault> {
    let mut progress = Progress::new();
    let mut crowd = Crowd::new(plan)?;
    let own = std::process::id();
    let usage = |of: Option<u32>| of.and_then(Usage::of);
    let (start, empty) = (Instant::now(), usage(plan.pid));
    come_in(plan, &mut crowd, &mut progress)?;
    let seconds = start.elapsed().as_secs_f64();
    let spent = usage(plan.pid).zip(empty);
    let spent = spent.map(|(full, empty)| full.since(&empty, crowd.tally.deliveries));
    let joining = Joining::new(seconds, crowd.tally.deliveries, spent);
    let before = (usage(plan.pid), usage(Some(own)));
    let mut run = Run::start(plan, &mut crowd);
    let fault = run.drive(&mut progress).err();
    let (leaves, seconds) = (run.leaves, run.seconds());
    let after = (usage(plan.pid), usage(Some(own)));

    let mut report = Report::new(plan, &crowd, joining, seconds, leaves);
    let deliveries = crowd.tally.deliveries;
    let spent = |before: Option<Usage>, after: Option<Usage>| {
        after.zip(before).map(|(after, before)| after.since(&before, deliveries))
    };
    report.server_process = spent(before.0, after.0);
    report.generator_process = spent(before.1, after.1);
    report.violation = fault.as_ref().map(ToString::to_string);
    if fault.is_none() {
        // The run is over; what goes wrong from here on is nobody's measurement.
        _ = leave(plan, &mut crowd, &mut progress);
    }
    Ok(Outcome { report, fault })
}

/// Lets everybody in, and waits until everybody has heard of everybody.
fn come_in(plan: &Plan, crowd: &mut Crowd, progress: &mut Progress) -> Result<(), Fault> {
    let all = plan.participants;
    // The n-th of all hears of its own join and of all later ones.
    let joins = match plan.protocol {
        Protocol::Grpc => all as u64 * (all as u64 + 1) / 2,
        Protocol::Nats | Protocol::Tcp => 0,
    };
    let (mut patience, start) = (Patience::new(), Instant::now());
    while crowd.tally.present < all || crowd.tally.joins < joins {
        let due =
            plan.join_rate.map_or(all, |rate| (rate * start.elapsed().as_secs_f64()) as usize);
        while crowd.people.len() < all.min(due) && crowd.tally.joining < COMING_IN {
            crowd.admit(crowd.people.len())?;
        }
        crowd.turn(TURN)?;
        let tally = &crowd.tally;
        progress.show(|| format!("{} of {all} participants are in", tally.present));
        if crowd.people.len() < all && tally.joining == 0 {
            patience.renew();
        }
        if patience.is_over(tally.deliveries) {
            return Err(Fault::Stuck(format!(
                "nothing came for {STUCK:?}, when {} of {all} participants were in, and {} of \
                 {joins} announcements of joins had come",
                tally.present, tally.joins
            )));
        }
    }
    Ok(())
}

/// Has everybody say goodbye, where there is a word for it.
fn leave(plan: &Plan, crowd: &mut Crowd, progress: &mut Progress) -> Result<(), Fault> {
    if plan.protocol != Protocol::Grpc {
        return Ok(());
    }
    let start = Instant::now();
    let mut next = 0;
    while crowd.tally.present + crowd.tally.leaving > 0 && start.elapsed() < LEAVING {
        while next < crowd.people.len()
            && (crowd.people[next].stage != Stage::Present || crowd.dismiss(next)?)
        {
            next += 1;
        }
        crowd.turn(TURN)?;
        progress.show(|| format!("{} participants are still there", crowd.tally.present));
    }
    Ok(())
}

/// Notices that nothing comes any more.
#[derive(Debug)]
struct Patience {
    deliveries: u64,
    since: Instant,
}

impl Patience {
    fn new() -> Self {
        Self { deliveries: 0, since: Instant::now() }
    }

    /// Whether it is long ago that this number was another.
    fn is_over(&mut self, deliveries: u64) -> bool {
        if self.deliveries != deliveries {
            *self = Self { deliveries, since: Instant::now() };
        }
        self.since.elapsed() >= STUCK
    }

    /// Nothing is awaited now.
    fn renew(&mut self) {
        self.since = Instant::now();
    }
}

/// The measured part.
#[derive(Debug)]
struct Run<'a> {
    plan: &'a Plan,
    crowd: &'a mut Crowd,
    _pacer: Option<Pacer>,
    patience: Patience,
    /// How many messages have become due.
    released: u64,
    /// How many have left on purpose, and who is the next to.
    leaves: u64,
    next_to_leave: usize,
    /// When all accounts were last looked at, and the run's end.
    audited: u64,
    end: u64,
}

impl<'a> Run<'a> {
    fn start(plan: &'a Plan, crowd: &'a mut Crowd) -> Self {
        let start = crowd.tally.start();
        let pacer = match crowd.tally.schedule {
            Schedule::Every { nanoseconds } => {
                Some(Pacer::start(crowd.waker(), start, nanoseconds))
            }
            _ => None,
        };
        Self {
            plan,
            crowd,
            _pacer: pacer,
            patience: Patience::new(),
            released: 0,
            leaves: 0,
            next_to_leave: plan.publishers,
            audited: 0,
            end: 0,
        }
    }

    /// How long it took, to the last delivery.
    fn seconds(&self) -> f64 {
        self.end as f64 / 1e9
    }

    fn drive(&mut self, progress: &mut Progress) -> Result<(), Fault> {
        let outcome = self.load(progress);
        let now = self.crowd.tally.look();
        // What ended badly ended now; else with the last delivery. An open loop has its duration.
        let planned = match self.plan.load {
            Load::Rate { duration, .. } => u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX),
            Load::Burst { .. } | Load::Closed { .. } => 0,
        };
        self.end = if outcome.is_err() { now } else { self.crowd.tally.last.max(planned) };
        outcome
    }

    fn load(&mut self, progress: &mut Progress) -> Result<(), Fault> {
        loop {
            let now = self.crowd.tally.look();
            let is_released = self.release(now);
            self.crowd.publish_all()?;
            let is_sent = is_released && self.crowd.unsent == 0;
            self.churn(now, is_sent)?;
            if is_sent && self.is_heard(now)? {
                return Ok(());
            }
            let is_awaited = is_sent || !matches!(self.plan.load, Load::Rate { .. });
            if !is_awaited {
                self.patience.renew();
            }
            if self.patience.is_over(self.crowd.tally.deliveries) {
                self.audit()?;
                return Err(Fault::Stuck(format!("nothing came for {STUCK:?}")));
            }
            let released = self.released;
            let heard = self.crowd.tally.deliveries;
            progress.show(|| match self.plan.load.messages() {
                Some(all) => format!("{released} of {all} messages, {heard} deliveries"),
                None => format!("{released} messages, {heard} deliveries"),
            });
            if matches!(self.crowd.tally.schedule, Schedule::AtOnce) {
                thread::sleep(GATHERING);
            }
            self.crowd.turn(TURN)?;
        }
    }

    /// Makes those messages due whose time has come, or for which there is room now. True once there
    /// are no more to come.
    fn release(&mut self, now: u64) -> bool {
        let tally = &self.crowd.tally;
        let limit = match self.plan.load {
            Load::Rate { .. } => tally.schedule.due(now),
            Load::Burst { in_flight, .. } => {
                let recipients = self.plan.participants as u64 - 1;
                in_flight.saturating_add(tally.messages / recipients)
            }
            Load::Closed { duration, .. } if u128::from(now) >= duration.as_nanos() => return true,
            // Others come and go; a publisher hears whatever the other publishers say.
            Load::Closed { in_flight, .. } => {
                in_flight.saturating_add(tally.to_publishers / (self.plan.publishers as u64 - 1))
            }
        };
        let messages = self.plan.load.messages().unwrap_or(MAX_BURST);
        for message in self.released..limit.min(messages) {
            if let Schedule::Released(times) = &mut self.crowd.tally.schedule {
                times.push(now);
            }
            self.crowd.owe(self.plan.publisher_of(message));
            self.released = message + 1;
        }
        self.released == messages
    }

    /// Has people leave at their rate, and those who have left come back.
    fn churn(&mut self, now: u64, is_sent: bool) -> Result<(), Fault> {
        while let Some(number) = self.crowd.gone.pop() {
            self.crowd.admit(number)?;
        }
        let due = (now as f64 / 1e9 * self.plan.churn) as u64;
        let mut candidates = self.plan.participants - self.plan.publishers;
        while !is_sent && self.leaves < due && candidates > 0 {
            candidates -= 1;
            if self.crowd.dismiss(self.next_to_leave)? {
                self.leaves += 1;
            }
            self.next_to_leave += 1;
            if self.next_to_leave == self.plan.participants {
                self.next_to_leave = self.plan.publishers;
            }
        }
        Ok(())
    }

    /// Whether everything that was sent has come to everybody.
    fn is_heard(&mut self, now: u64) -> Result<bool, Fault> {
        if self.plan.churn > 0.0 {
            // Nobody can say how many deliveries there are to be, so the accounts are looked at.
            let is_early = now - self.audited < TURN.as_nanos() as u64;
            let is_moving = self.crowd.tally.joining + self.crowd.tally.leaving > 0;
            if is_early || is_moving {
                return Ok(false);
            }
            self.audited = now;
            return Ok(self.audit().is_ok());
        }
        if self.crowd.tally.messages < self.released * (self.plan.participants as u64 - 1) {
            return Ok(false);
        }
        self.audit()?;
        Ok(true)
    }

    /// Looks for somebody present to whom something is owed.
    fn audit(&self) -> Result<(), Fault> {
        for person in self.crowd.people.iter().filter(|person| person.stage == Stage::Present) {
            let settled = person.account.settled(&self.crowd.tally.sent);
            settled.map_err(|violation| person.violated(violation))?;
        }
        Ok(())
    }
}
