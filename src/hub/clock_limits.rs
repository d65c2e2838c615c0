//! How far ahead of the room's clock a message may lie: what physical time accounts for, and rates.
//!
//! Nothing that counts its events honestly is ahead of one tick a microsecond since 1970, so that is the
//! ceiling: a hybrid logical clock's rule (Kulkarni and others, 2014), and with it a participant that comes
//! back is let in whatever the server's own clock says, which after a restart is 0. Below the ceiling a
//! participant that is present may move the clock by `max_jump` a second.
//!
//! The server's own ticks may outrun the ceiling for a while, or the wall clock may be wrong. Those who are
//! there are then above it without having done anything. An honest one is ahead of the server by no more
//! than its own events that have not arrived yet, so above the ceiling that much is left to everybody:
//! the *slack*. It is small, and taken together it is less than what the ceiling rises by.
//!
//! The room keeps no rates and reads no wall clock, so this stands before it. With [`Hub::receive`] it
//! shares the critical section, since what is judged is a distance to the room's clock.
//!
//! [`Hub::receive`]: super::Hub::receive

use crate::chat::{ClockBound, Draft, Fault, LamportTime, Room, Seat};
use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::Instant;

/// The farthest ahead that one message may lie above the ceiling. A participant is ahead by a tick or two
/// as a rule, and by two more for each attempt to come back that did not reach the server.
pub const SLACK: u64 = 1_024;
/// What all messages together may lie ahead above the ceiling in a second. With [`OWN_SLACK`] for 16,384
/// participants it is less than the 1,000,000 by which the ceiling rises, which therefore catches up.
const SLACK_A_SECOND: u64 = 524_288;
/// The same, where the ceiling does not rise because it has been set: it takes 2^30 ticks twelve days.
const SLACK_A_SECOND_IF_SET: u64 = 1_024;
/// What a participant may lie ahead in a second when others have used all of that up: enough for eight
/// messages, each ahead by a receipt and a send.
const OWN_SLACK: u64 = 16;
/// 2026-01-01T00:00:00Z in microseconds. This rule is younger than that, so a wall clock that says less has
/// not been set.
const EARLIEST: u64 = 1_767_225_600_000_000;
/// What a wall clock is believed at most: JavaScript tells times apart up to 2^53, and 2^43 are left for the
/// server's own ticks.
const LATEST: u64 = (1 << 53) - (1 << 43);

/// Tells the time since 1970. The system's wall clock, unless a test has one of its own.
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> Duration + Send + Sync>);

impl WallClock {
    /// A clock that says what `read` says.
    pub fn new(read: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// One tick a microsecond: the latest time that anything can have come to by counting.
    fn ticks(&self) -> u64 {
        u64::try_from(self.0().as_micros()).unwrap_or(u64::MAX).clamp(EARLIEST, LATEST)
    }
}

impl Default for WallClock {
    fn default() -> Self {
        // Before 1970 is as good as 1970: not set.
        Self::new(|| SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default())
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}

/// What is set for the room's clock.
#[derive(Clone, Debug)]
pub struct ClockLimits {
    /// How far ahead a participant's message may lie, and all of a participant's messages of a second.
    pub max_jump: u64,
    /// A ceiling below that of physical time; zero is none.
    pub ceiling: u64,
    /// Where physical time comes from.
    pub wall: WallClock,
}

impl Default for ClockLimits {
    fn default() -> Self {
        Self { max_jump: 1 << 32, ceiling: 0, wall: WallClock::default() }
    }
}

/// The limits, and how much of them has been used up.
#[derive(Debug)]
pub(super) struct ClockUse {
    limits: ClockLimits,
    start: Instant,
    slack: Bucket,
    /// Of participants that have moved the clock.
    by_seat: BTreeMap<Seat, SeatUse>,
}

#[derive(Debug, Default)]
struct SeatUse {
    jumps: Bucket,
    slack: Bucket,
}

impl ClockUse {
    pub(super) fn new(limits: ClockLimits) -> Self {
        let (slack, by_seat) = (Bucket::default(), BTreeMap::new());
        Self { limits, start: Instant::now(), slack, by_seat }
    }

    /// What this draft's time is to be held to, which is used up if the time keeps to it.
    #[inline]
    pub(super) fn bound(&mut self, room: &Room, from: Option<Seat>, draft: &Draft) -> ClockBound {
        // Most messages: in a room that talks, its clock is ahead of everybody's.
        if draft.sent <= room.now() || from.is_some_and(|seat| !room.holds(seat)) {
            return ClockBound::CLOSED;
        }
        self.use_up(room.now(), from, draft)
    }

    fn use_up(&mut self, own: LamportTime, from: Option<Seat>, draft: &Draft) -> ClockBound {
        let ahead = draft.sent.ticks().saturating_sub(own.ticks());
        let now = self.start.elapsed();
        let ClockLimits { max_jump, ceiling: set, ref wall } = self.limits;
        let physical = wall.ticks();
        let is_set = set != 0 && set < physical;
        let ceiling = LamportTime::ZERO.after(if is_set { set } else { physical });
        let a_second = if is_set { SLACK_A_SECOND_IF_SET } else { SLACK_A_SECOND };
        let shared = self.slack.left(a_second, now);
        let mut one = from.map(|seat| self.by_seat.entry(seat).or_default());
        let (own_slack, jump) = one.as_mut().map_or((0, u64::MAX), |one| {
            (one.slack.left(OWN_SLACK, now), one.jumps.left(max_jump, now))
        });
        let slack = SLACK.min(max_jump).min(shared.max(own_slack));
        // What is refused for its sender's haste is an event, but it must not be a way to move the clock.
        let is_hasty = draft.act.as_ref().is_err_and(Fault::is_haste);
        let bound =
            ClockBound { ceiling, jump: if is_hasty { jump.min(slack) } else { jump }, slack };
        if bound.check(own, draft.sent).is_ok() {
            let takes_slack = is_hasty || draft.sent > ceiling;
            if takes_slack && ahead <= shared {
                self.slack.take(ahead);
            }
            if let Some(one) = one {
                one.jumps.take(ahead);
                one.slack.take(if takes_slack && ahead > shared { ahead } else { 0 });
            }
        }
        bound
    }

    /// Nobody sits here any more.
    pub(super) fn forget(&mut self, seat: Seat) {
        self.by_seat.remove(&seat);
    }

    /// Of how many participants something is noted.
    #[cfg(all(test, not(feature = "shuttle")))]
    pub(super) fn seats(&self) -> usize {
        self.by_seat.len()
    }
}

/// A token bucket that holds what a second brings. It counts in billionths of a tick, so that no moment is
/// too short to bring something.
#[derive(Debug, Default)]
struct Bucket {
    taken: u128,
    at: Duration,
}

const WHOLE: u128 = 1_000_000_000;

impl Bucket {
    /// How many ticks may be taken, if a second brings so many.
    fn left(&mut self, a_second: u64, now: Duration) -> u64 {
        let since = now.saturating_sub(self.at).as_nanos();
        self.at = self.at.max(now);
        self.taken = self.taken.saturating_sub(since.saturating_mul(a_second.into()));
        let left = (u128::from(a_second) * WHOLE).saturating_sub(self.taken) / WHOLE;
        u64::try_from(left).unwrap_or(u64::MAX)
    }

    fn take(&mut self, ticks: u64) {
        self.taken += u128::from(ticks) * WHOLE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Act, Outcome, Participant, Rules, Text, TraceContext};
    use std::sync::atomic::{AtomicU64, Ordering};

    /// A room, its limits, and a wall clock that says what the test wants.
    struct World {
        room: Room,
        clock_use: ClockUse,
        wall: Arc<AtomicU64>,
    }

    /// 2027, about.
    const NOW: u64 = 1_800_000_000_000_000;

    fn world(max_jump: u64, ceiling: u64) -> World {
        let wall = Arc::new(AtomicU64::new(NOW));
        let read = Arc::clone(&wall);
        let read = WallClock::new(move || Duration::from_micros(read.load(Ordering::SeqCst)));
        let clock_use = ClockUse::new(ClockLimits { max_jump, ceiling, wall: read });
        World { room: Room::new(Rules::default()), clock_use, wall }
    }

    fn who(name: &str) -> Participant {
        Participant::new(name, "127.0.0.1", 1).expect("a legal reference")
    }

    impl World {
        /// The outcome, and whether the time was witnessed.
        fn hand_in(
            &mut self,
            from: Option<Seat>,
            time: u64,
            act: Result<Act, Fault>,
        ) -> (Outcome, bool) {
            let sent = LamportTime::ZERO.after(time);
            let (seen, trace) = (LamportTime::ZERO, TraceContext::default());
            let draft = Draft { sent, seen, trace, act };
            let bound = self.clock_use.bound(&self.room, from, &draft);
            let is_within = bound.check(self.room.now(), sent).is_ok();
            (self.room.accept(from, draft, bound, &mut Vec::new()), is_within)
        }

        fn join(&mut self, name: &str, time: u64) -> Option<Seat> {
            match self.hand_in(None, time, Ok(Act::Connect(who(name)))).0 {
                Outcome::Joined(welcome) => Some(welcome.cursor.seat()),
                Outcome::Refused { fault: Fault::ClockJump(_) } => None,
                other => panic!("{name}: {other:?}"),
            }
        }

        /// Whether a text so far ahead of the room's clock is witnessed.
        fn say(&mut self, seat: Seat, ahead: u64) -> bool {
            let Some((_, who)) = self.room.seats().find(|(other, _)| *other == seat) else {
                return false;
            };
            let say = Act::Publish(Participant::clone(who), Text::new("x"));
            let time = self.now() + ahead;
            self.hand_in(Some(seat), time, Ok(say)).1
        }

        fn now(&self) -> u64 {
            self.room.now().ticks()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_back_is_let_in_up_to_physical_time() {
        let mut world = world(1000, 0);
        assert_eq!(world.join("A", NOW + 1), None, "the clock stands at 0");
        assert!(world.join("A", NOW).is_some());
        // What the server itself has given out is above it by then.
        let own = world.now();
        assert!(own > NOW && world.join("B", own + 3).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_participant_has_so_much_a_message_and_so_much_a_second() {
        let mut world = world(1000, 0);
        let seat = world.join("A", 2).expect("it is let in");
        assert!(world.say(seat, 600) && world.say(seat, 400));
        assert!(world.say(seat, 0), "what is not ahead is never refused");
        tokio::time::advance(Duration::from_millis(500)).await;
        assert!(world.say(seat, 500), "half a second's worth");
        let other = world.join("B", 2).expect("it is let in");
        assert!(!world.say(seat, 1) && !world.room.holds(seat), "which is used up");
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(!world.say(other, 1001), "a minute saves up no more");
    }

    #[tokio::test(start_paused = true)]
    async fn above_the_ceiling_everybody_has_a_little_whatever_others_take() {
        let mut world = world(1 << 32, 0);
        world.join("A", NOW).expect("it is let in");
        let hostile: Vec<_> = (0..3).filter_map(|n| world.join(&format!("H{n}"), 2)).collect();
        let honest = world.join("Honest", 2).expect("newcomers are let in");
        let begun = world.now();
        for attempt in 0..511 {
            assert!(world.say(hostile[attempt % 2], SLACK), "{attempt}");
        }
        assert!(!world.say(hostile[0], SLACK + 1) && !world.room.holds(hostile[0]));
        assert!(world.say(hostile[1], SLACK), "what a second brings to all");
        assert!(world.say(hostile[1], OWN_SLACK) && !world.say(hostile[1], 1));
        assert!((0..8).all(|_| world.say(honest, 2)), "an honest one talks on");
        assert!(world.now() - begun < 530_000, "{}", world.now() - begun);
        assert!(world.join("Newcomer", 2).is_some());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(world.say(honest, 2) && world.say(hostile[2], SLACK));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wall_clock_that_steps_back_or_was_never_set_locks_nobody_out() {
        let mut world = world(1 << 32, 0);
        let seat = world.join("A", NOW).expect("it is let in");
        for wall in [NOW - 3_600_000_000, 0] {
            world.wall.store(wall, Ordering::SeqCst);
            assert!(world.say(seat, 2), "who is there talks on");
            assert!(world.join(&format!("New{wall}"), 2).is_some(), "newcomers are let in");
            let back = world.now() + 4;
            assert!(world.join(&format!("Back{wall}"), back).is_some(), "as is who was lost");
        }
        // After a restart: whatever anybody can have counted, and been pushed to by 2026.
        let mut world = self::world(1 << 32, 0);
        world.wall.store(0, Ordering::SeqCst);
        assert!(world.join("A", 3 << 32).is_some() && world.join("B", EARLIEST).is_some());
        assert_eq!(world.join("C", NOW), None);
        world.wall.store(u64::MAX, Ordering::SeqCst);
        assert_eq!(world.join("C", LATEST + 1), None, "a page could not tell it apart");
    }

    #[tokio::test(start_paused = true)]
    async fn a_ceiling_that_is_set_does_not_rise_and_neither_does_what_is_above_it() {
        let mut world = world(1 << 32, 1 << 30);
        assert_eq!(world.join("A", (1 << 30) + 1), None);
        let seat = world.join("A", 1 << 30).expect("the ceiling itself");
        let mut others = (0..).map(|n| format!("B{n}"));
        for _ in 0..60 {
            let hostile = world.join(&others.next().expect("endless"), 2).expect("it is let in");
            (0..100).take_while(|_| world.say(hostile, SLACK)).for_each(drop);
            assert!((0..8).all(|_| world.say(seat, 2)));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let above = world.now() - (1 << 30);
        assert!(above < 100_000, "{above} in a minute");
    }

    #[tokio::test(start_paused = true)]
    async fn haste_does_not_move_the_clock() {
        let mut world = world(1 << 32, 0);
        let seat = world.join("A", 2).expect("it is let in");
        let hasty = || Err(Fault::TooFast { per_second: 1 });
        let begun = world.now();
        let mut attempts = 0;
        while world.room.holds(seat) && attempts < 2000 {
            world.hand_in(Some(seat), world.now() + SLACK, hasty());
            attempts += 1;
        }
        assert!(world.now() - begun < 530_000, "{} by {attempts}", world.now() - begun);
        let seat = world.join("A", 2).expect("it is let in");
        assert!(!world.hand_in(Some(seat), world.now() + SLACK + 1, hasty()).1);
        // Nor does the message for which its sender is shown out.
        let seat = world.join("A", 2).expect("it is let in");
        let flooding = Err(Fault::Flooding { per_second: 1 });
        assert!(!world.hand_in(Some(seat), world.now() + SLACK + 1, flooding).1);
    }
}
