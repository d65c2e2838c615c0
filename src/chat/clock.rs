//! The Lamport clock: a counter that never runs backwards and never repeats.
//!
//! The rules are those of Lamport, *Time, Clocks, and the Ordering of Events in a Distributed
//! System* (1978): IR1, a process advances its clock between any two of its events; IR2, a receiver
//! sets its clock past the timestamp of what it received. It is not a vector clock: from
//! `L(a) < L(b)` nobody may conclude that `a` happened before `b`.
//!
//! Two differences from the textbook, both for safety against strangers. A receiver bounds how far
//! one message may move it, since otherwise a single hostile message could use the clock up; what the
//! bound is, whoever calls says ([`ClockBound`]), because it depends on physical time and on rates, and
//! there are none here. And no time past [`LamportTime::HORIZON`] is ever witnessed, which leaves a node
//! as many ticks of its own as it can take in centuries: ticking cannot overflow.

use std::fmt;

/// One reading of a Lamport clock. Zero is the time before the first event.
///
/// The range is that of a non-negative `int64`, since that is what the wire carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LamportTime(u64);

impl LamportTime {
    /// The time before the first event; also what a message without a time counts as.
    pub const ZERO: Self = Self(0);
    /// The latest time that any node witnesses: 2^62. See the module's text.
    pub const HORIZON: Self = Self(1 << 62);

    /// The time as the wire carries it, or `None` if it is negative.
    #[must_use]
    pub fn from_wire(time: i64) -> Option<Self> {
        u64::try_from(time).ok().map(Self)
    }

    /// The time as the wire and telemetry carry it.
    #[must_use]
    pub fn to_wire(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    /// The time as a number: ticks since the time before the first event.
    #[must_use]
    pub fn ticks(self) -> u64 {
        self.0
    }

    /// The time `ticks` later.
    #[must_use]
    pub fn after(self, ticks: u64) -> Self {
        Self(self.0.saturating_add(ticks))
    }
}

impl fmt::Display for LamportTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How far ahead of a clock a time may lie for the clock to witness it. What is not ahead always is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockBound {
    /// The latest time that physical time accounts for.
    pub ceiling: LamportTime,
    /// The farthest ahead.
    pub jump: u64,
    /// The farthest ahead of a time above the ceiling.
    pub slack: u64,
}

impl ClockBound {
    /// Nothing ahead is witnessed.
    pub const CLOSED: Self = Self { ceiling: LamportTime::ZERO, jump: 0, slack: 0 };
    /// Everything up to the horizon is: for a sender that is trusted with the clock.
    pub const OPEN: Self = Self { ceiling: LamportTime::HORIZON, jump: u64::MAX, slack: u64::MAX };

    /// Whether a clock that stands at `own` witnesses `seen`.
    ///
    /// # Errors
    /// If it lies too far ahead.
    pub fn check(self, own: LamportTime, seen: LamportTime) -> Result<(), ClockJump> {
        let ahead = seen.0.saturating_sub(own.0);
        let is_too_far = ahead > self.jump || (seen > self.ceiling && ahead > self.slack);
        if is_too_far || seen > LamportTime::HORIZON {
            return Err(ClockJump { seen, own, bound: self });
        }
        Ok(())
    }
}

/// A time that lies too far ahead of the clock that was to witness it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockJump {
    /// The time that was refused.
    pub seen: LamportTime,
    /// The clock that refused it.
    pub own: LamportTime,
    /// What would have been witnessed.
    pub bound: ClockBound,
}

/// What every sentence about a refused time holds, and no other sentence of a server's: so the refused
/// can tell that it is their clock.
pub const TOO_FAR_AHEAD: &str = "lies too far ahead of the server's clock";

impl fmt::Display for ClockJump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seen, own, bound: ClockBound { ceiling, jump, slack } } = self;
        write!(f, "time {seen} {TOO_FAR_AHEAD} {own}; ")?;
        if seen.0.saturating_sub(own.0) > *jump {
            write!(f, "at most {jump} ahead is allowed")
        } else {
            write!(f, "above {ceiling} at most {slack} ahead is allowed")
        }
    }
}

/// The clock of one node.
#[derive(Clone, Debug, Default)]
pub struct LamportClock {
    now: LamportTime,
}

impl LamportClock {
    /// A clock that goes on from an earlier one, so that a node that comes back reuses no time.
    #[must_use]
    pub fn carried_on(from: LamportTime) -> Self {
        Self { now: from }
    }

    /// The time of the node's latest event.
    #[must_use]
    pub fn now(&self) -> LamportTime {
        self.now
    }

    /// Advances for a local event or a send, and returns the event's time.
    pub fn tick(&mut self) -> LamportTime {
        self.tick_run(1)
    }

    /// Advances for `events` events in a row and returns the time of the first; the others follow
    /// it without a gap. With no events the clock stands still.
    pub fn tick_run(&mut self, events: u64) -> LamportTime {
        let first = self.now.after(1);
        self.now = self.now.after(events);
        first
    }

    /// Advances past both this clock and `seen`, and returns the time of the receive.
    ///
    /// # Errors
    /// If `seen` lies farther ahead than `bound` allows, or past [`LamportTime::HORIZON`]. The clock
    /// stands still then: the receive is not an event of this node.
    pub fn witness(
        &mut self,
        seen: LamportTime,
        bound: ClockBound,
    ) -> Result<LamportTime, ClockJump> {
        bound.check(self.now, seen)?;
        self.now = self.now.max(seen).after(1);
        Ok(self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: i64) -> LamportTime {
        LamportTime::from_wire(time).expect("a test's time is not negative")
    }

    #[test]
    fn a_receive_passes_both_clocks() {
        let mut clock = LamportClock::default();
        assert_eq!(clock.witness(at(2), ClockBound::OPEN), Ok(at(3)));
        assert_eq!(
            clock.witness(at(2), ClockBound::CLOSED),
            Ok(at(4)),
            "an old time is an event too"
        );
        assert_eq!(clock.witness(at(4), ClockBound::CLOSED), Ok(at(5)));
    }

    #[test]
    fn a_run_is_contiguous_and_an_empty_run_is_no_event() {
        let mut clock = LamportClock::carried_on(at(10));
        assert_eq!(clock.tick_run(3), at(11));
        assert_eq!(clock.now(), at(13));
        clock.tick_run(0);
        assert_eq!(clock.now(), at(13));
        assert_eq!(clock.tick(), at(14));
    }

    #[test]
    fn a_jump_is_bounded_and_leaves_the_clock_alone() {
        let mut clock = LamportClock::carried_on(at(5));
        let bound = ClockBound { jump: 10, ..ClockBound::OPEN };
        assert_eq!(clock.witness(at(15), bound), Ok(at(16)));
        let jump = clock.witness(at(27), bound).expect_err("eleven ahead of sixteen");
        assert_eq!((jump.seen, jump.own), (at(27), at(16)));
        assert_eq!(
            jump.to_string(),
            "time 27 lies too far ahead of the server's clock 16; at most 10 ahead is allowed"
        );
        assert_eq!(clock.now(), at(16));
    }

    #[test]
    fn above_the_ceiling_only_a_little_ahead_is_witnessed() {
        let bound = ClockBound { ceiling: at(100), jump: 1000, slack: 3 };
        let mut clock = LamportClock::carried_on(at(5));
        let jump = clock.witness(at(101), bound).expect_err("one above the ceiling");
        assert_eq!(
            jump.to_string(),
            "time 101 lies too far ahead of the server's clock 5; above 100 at most 3 ahead is allowed"
        );
        assert_eq!(clock.witness(at(100), bound), Ok(at(101)), "the ceiling itself");
        assert_eq!(clock.witness(at(104), bound), Ok(at(105)), "three ahead");
        assert!(clock.witness(at(109), bound).is_err(), "four ahead");
        assert_eq!(clock.witness(at(105), bound), Ok(at(106)), "not ahead at all");
    }

    #[test]
    fn no_time_near_the_end_of_the_range_is_witnessed() {
        let mut clock = LamportClock::default();
        assert!(clock.witness(at(i64::MAX), ClockBound::OPEN).is_err());
        assert!(clock.witness(LamportTime::HORIZON.after(1), ClockBound::OPEN).is_err());
        let last =
            clock.witness(LamportTime::HORIZON, ClockBound::OPEN).expect("the horizon itself");
        assert_eq!(last.to_wire(), (1 << 62) + 1);
    }

    #[test]
    fn negative_times_have_no_value() {
        assert_eq!(LamportTime::from_wire(-1), None);
        assert_eq!(LamportTime::from_wire(i64::MIN), None);
        assert_eq!(LamportTime::from_wire(0), Some(LamportTime::ZERO));
    }
}
