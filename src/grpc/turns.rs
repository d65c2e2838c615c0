//! Whose turn it is to be told what is new: so many connections at once, the others in a line.
//!
//! A message to ten thousand gives ten thousand tasks something to do. If all were made ready at once,
//! whoever connects, joins or asks for the server's health would stand behind them, at each step
//! anew. So no more than [`AT_ONCE`] connections are woken with something to deliver; whoever has had
//! a turn hands it on. A connection that has never had one is new: it waits for nobody. From its first
//! turn on what it sends waits in the line as well, because thousands who say goodbye at once are no
//! better than one who speaks to thousands.
//!
//! Whoever has just joined is sent the list of all who are present, which is more than a client takes in
//! one turn. Behind thousands each time, it would be told at last who was there a while ago. So until it
//! has heard everything once, it stands in a line of its own, whose turn comes first; but for
//! [`HEAD_START`] turns at most, since whoever reads slowly enough never hears everything.
//!
//! With [`FEW`] connections there is no line: the last of them comes soon enough without one.
//!
//! A turn is one poll of the connection's task, whatever came of it: nobody's slow socket holds a turn,
//! and a connection that has more to deliver than fits into one goes to the end of the line.

use futures_util::task::AtomicWaker;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
};

/// How many connections may have a turn at once. Enough to keep every processor busy, and few enough
/// for another task to come soon.
const AT_ONCE: usize = 8;
/// How many turns a connection has at most before it counts as one of the listeners. A list of 1 MiB, which
/// is the longest, takes sixteen through a window of 64 KiB, which is the least that clients have.
const HEAD_START: u8 = 32;
/// Up to so many connections nobody waits long for anybody.
const FEW: usize = 256;

/// Where a task stands.
const IDLE: u8 = 0;
const IN_LINE: u8 = 1;
const HAS_TURN: u8 = 2;
const GONE: u8 = 3;

/// A task that takes turns, and how it is woken.
#[derive(Debug)]
pub(super) struct Place {
    /// Changes while the line is locked, and only then.
    stands: AtomicU8,
    /// How many turns it has left as a newcomer. Changed by the task alone.
    head_start: AtomicU8,
    pub(super) task: AtomicWaker,
}

impl Default for Place {
    fn default() -> Self {
        let (stands, head_start) = (AtomicU8::new(IDLE), AtomicU8::new(HEAD_START));
        Self { stands, head_start, task: AtomicWaker::new() }
    }
}

impl Place {
    /// It has heard everything, and is a newcomer no longer.
    pub(super) fn has_heard_all(&self) {
        self.head_start.store(0, Ordering::Relaxed);
    }

    /// One turn less as a newcomer.
    fn age(&self) {
        let left = self.head_start.load(Ordering::Relaxed);
        if left > 0 {
            self.head_start.store(left - 1, Ordering::Relaxed);
        }
    }

    /// Whether it stands before those who have heard everything.
    pub(super) fn is_new(&self) -> bool {
        self.head_start.load(Ordering::Relaxed) > 0
    }

    fn is(&self, what: u8) -> bool {
        self.stands.load(Ordering::SeqCst) == what
    }
}

/// The line. See the module's text.
#[derive(Debug)]
pub(super) struct Turns {
    /// How many tasks there are.
    tasks: AtomicUsize,
    line: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    free: usize,
    newcomers: VecDeque<Arc<Place>>,
    waiting: VecDeque<Arc<Place>>,
}

impl Line {
    fn of(&mut self, place: &Place) -> &mut VecDeque<Arc<Place>> {
        if place.is_new() { &mut self.newcomers } else { &mut self.waiting }
    }

    /// Whose turn it is next.
    fn next(&mut self) -> Option<Arc<Place>> {
        loop {
            let next = self.newcomers.pop_front().or_else(|| self.waiting.pop_front())?;
            if !next.is(GONE) {
                return Some(next);
            }
        }
    }
}

impl Default for Turns {
    fn default() -> Self {
        let line = Line { free: AT_ONCE, newcomers: VecDeque::new(), waiting: VecDeque::new() };
        Self { tasks: AtomicUsize::new(0), line: Mutex::new(line) }
    }
}

impl Turns {
    /// One more task. It ends with [`Self::leave`].
    pub(super) fn enter(&self) -> Arc<Place> {
        self.tasks.fetch_add(1, Ordering::Relaxed);
        Arc::default()
    }

    /// Sees to it that the task is woken when there is a turn for it, unless that is so already.
    pub(super) fn ask(&self, place: &Arc<Place>) {
        if self.tasks.load(Ordering::Relaxed) <= FEW {
            place.task.wake();
            return;
        }
        let mut line = self.lock();
        if !place.is(IDLE) {
            return;
        }
        if line.free == 0 {
            place.stands.store(IN_LINE, Ordering::SeqCst);
            line.of(place).push_back(Arc::clone(place));
            return;
        }
        line.free -= 1;
        place.stands.store(HAS_TURN, Ordering::SeqCst);
        drop(line);
        place.task.wake();
    }

    /// The task has been polled: its turn, if it had one, is handed on. To be called before the task
    /// looks for the last time whether it has more to do. True if it had one.
    pub(super) fn hand_on(&self, place: &Place) -> bool {
        // Nobody but the task itself takes this away.
        let had_turn = place.is(HAS_TURN);
        if had_turn {
            place.age();
            self.end(self.lock(), place, IDLE);
        }
        had_turn
    }

    /// The task will not be polled any more.
    pub(super) fn leave(&self, place: &Place) {
        self.tasks.fetch_sub(1, Ordering::Relaxed);
        let line = self.lock();
        if place.is(HAS_TURN) {
            self.end(line, place, GONE);
        } else {
            place.stands.store(GONE, Ordering::SeqCst);
        }
    }

    fn end(&self, mut line: MutexGuard<'_, Line>, place: &Place, stands: u8) {
        place.stands.store(stands, Ordering::SeqCst);
        match line.next() {
            Some(next) => {
                next.stands.store(HAS_TURN, Ordering::SeqCst);
                drop(line);
                next.task.wake();
            }
            None => line.free += 1,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many of a crowd, who have heard everything.
    fn places(turns: &Turns, count: usize) -> Vec<Arc<Place>> {
        turns.tasks.store(FEW, Ordering::Relaxed);
        let places: Vec<_> = std::iter::repeat_with(|| turns.enter()).take(count).collect();
        places.iter().for_each(|place| place.has_heard_all());
        places
    }

    fn having(places: &[Arc<Place>]) -> Vec<usize> {
        (0..places.len()).filter(|at| places[*at].is(HAS_TURN)).collect()
    }

    #[test]
    fn so_many_have_a_turn_and_the_rest_come_in_their_order() {
        let turns = Turns::default();
        let places = places(&turns, AT_ONCE + 3);
        places.iter().for_each(|place| turns.ask(place));
        places.iter().for_each(|place| turns.ask(place));
        assert_eq!(having(&places), Vec::from_iter(0..AT_ONCE));
        // Whoever has more to do is behind those who wait.
        assert!(turns.hand_on(&places[0]) && !turns.hand_on(&places[0]));
        turns.ask(&places[0]);
        assert_eq!(having(&places), Vec::from_iter(1..=AT_ONCE));
        for place in &places[1..] {
            assert!(turns.hand_on(place), "those in the line have moved up");
        }
        assert_eq!(having(&places), [0], "its time has come");
        turns.hand_on(&places[0]);
        assert_eq!(turns.lock().free, AT_ONCE);
    }

    #[test]
    fn whoever_goes_hands_on_and_is_not_waited_for() {
        let turns = Turns::default();
        let places = places(&turns, AT_ONCE + 2);
        places.iter().for_each(|place| turns.ask(place));
        turns.leave(&places[AT_ONCE]);
        turns.leave(&places[0]);
        assert_eq!(having(&places[AT_ONCE..]), [1], "the one behind the one who is gone");
        turns.tasks.fetch_add(2, Ordering::Relaxed);
        for place in &places {
            turns.leave(place);
            turns.tasks.fetch_add(1, Ordering::Relaxed);
            turns.ask(place);
        }
        let line = turns.lock();
        assert_eq!((line.free, line.waiting.len()), (AT_ONCE, 0));
    }

    #[test]
    fn whoever_is_being_told_who_is_there_comes_first_but_not_for_ever() {
        let turns = Turns::default();
        let places = places(&turns, AT_ONCE + 2);
        places.iter().for_each(|place| turns.ask(place));
        let newcomer = turns.enter();
        let mut had = 0;
        loop {
            turns.ask(&newcomer);
            let busy = having(&places)[0];
            turns.hand_on(&places[busy]);
            turns.ask(&places[busy]);
            if !newcomer.is(HAS_TURN) {
                break;
            }
            turns.hand_on(&newcomer);
            had += 1;
        }
        assert_eq!(had, HEAD_START);
        assert!(newcomer.is(IN_LINE), "it is one of many now");
    }

    #[test]
    fn among_few_there_is_no_line() {
        let turns = Turns::default();
        let few: Vec<_> = std::iter::repeat_with(|| turns.enter()).take(FEW).collect();
        few.iter().for_each(|place| turns.ask(place));
        assert_eq!(having(&few), [0; 0]);
        assert_eq!(turns.lock().waiting.len(), 0);
        let one_more = turns.enter();
        turns.ask(&one_more);
        assert!(one_more.is(HAS_TURN));
    }
}
