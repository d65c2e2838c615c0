//! What is told of a few conversations, word by word. That it agrees with what is drawn of a journal is
//! shown over random ones, in tests/console.

use super::*;
use crate::chat::{Act, ClockBound, Draft, Outcome, Room, Rules, Text, TraceContext};

/// A room, and what is told of it.
struct Stage {
    room: Room,
    live: Live,
    told: Vec<News>,
}

impl Stage {
    fn new(most_singly: u32) -> Self {
        let live = Live::resume([], most_singly, &mut |_| {});
        Self { room: Room::new(Rules::default()), live, told: Vec::new() }
    }

    fn hand_in(&mut self, from: Option<Seat>, sent: u64, seen: u64, act: Act) -> Option<Seat> {
        let time = |ticks| LamportTime::ZERO.after(ticks);
        let trace = TraceContext::default();
        let draft = Draft { sent: time(sent), seen: time(seen), trace, act: Ok(act) };
        let mut entries = Vec::new();
        let outcome = self.room.accept(from, draft, ClockBound::OPEN, &mut entries);
        entries.iter().for_each(|entry| self.live.read(entry, &mut |news| self.told.push(news)));
        match outcome {
            Outcome::Joined(welcome) => Some(welcome.cursor.seat()),
            _ => None,
        }
    }

    fn join(&mut self, name: &str) -> Seat {
        self.hand_in(None, 2, 0, Act::Connect(who(name))).expect("it is let in")
    }

    fn say(&mut self, seat: Seat, name: &str, sent: u64, seen: u64) {
        let act = Act::Publish(who(name), Ok(Text::new("text").expect("legal")));
        self.hand_in(Some(seat), sent, seen, act);
    }

    fn remove(&mut self, seat: Seat, departure: Departure) {
        let mut entries = Vec::new();
        self.room.remove(seat, departure, &mut entries);
        entries.iter().for_each(|entry| self.live.read(entry, &mut |news| self.told.push(news)));
    }

    /// What was told since the last time, in short.
    fn told(&mut self) -> Vec<String> {
        let short = |news: &News| match news {
            News::Node { id, who } => format!("{id} is {}", who.name()),
            News::Event(it) => event(it),
            News::Missing(it) => format!("missing: {}", event(it)),
            News::Ended { id, time, departure } => format!("{id} ends at {time}: {departure}"),
        };
        std::mem::take(&mut self.told).iter().map(short).collect()
    }
}

fn event(it: &Happening) -> String {
    let Happening { node, time, kind, cause, evidence, count, .. } = it;
    let cause = cause.map(|(node, time)| format!(" of {node}@{time}")).unwrap_or_default();
    let many = if *count > 1 { format!(" x{count}") } else { String::new() };
    format!("{node}@{time} {kind:?}{cause} {evidence:?}{many}")
}

fn who(name: &str) -> Participant {
    Participant::new(name, "::1", 1).expect("legal")
}

#[test]
fn a_delivery_is_told_at_once_and_again_when_it_is_settled() {
    let mut stage = Stage::new(32);
    let anton = stage.join("A");
    assert_eq!(
        stage.told(),
        [
            "1 is A",
            "1@1 Opened Assumed",
            "1@2 Sent(Connect) Implied",
            "0@3 Received(Connect) of 1@2 Recorded",
            "0@4 Sent(Join) Recorded",
            "1@5 Received(Join) of 0@4 Assumed",
        ]
    );
    stage.say(anton, "A", 6, 4);
    assert_eq!(
        stage.told(),
        [
            "1@5 Received(Join) of 0@4 Placed",
            "1@6 Sent(Publish) Implied",
            "0@7 Received(Publish) of 1@6 Recorded",
        ]
    );
}

#[test]
fn what_a_sender_had_not_seen_comes_after_its_message() {
    let mut stage = Stage::new(32);
    let (anton, bjarke) = (stage.join("A"), stage.join("B"));
    stage.say(bjarke, "B", 8, 7);
    stage.told();
    // Anton has seen his own join alone, and speaks at a time that is later than all the rest.
    stage.say(anton, "A", 40, 4);
    assert_eq!(
        stage.told(),
        [
            "1@5 Received(Join) of 0@4 Placed",
            "1@40 Sent(Publish) Implied",
            "1@41 Received(Join) of 0@6 Assumed",
            "1@42 Received(Publish) of 0@10 Assumed",
            "0@41 Received(Publish) of 1@40 Recorded",
            "0@42 Sent(Publish) Recorded",
            "2@43 Received(Publish) of 0@42 Assumed",
        ]
    );
}

#[test]
fn of_whoever_is_lost_nothing_open_is_known_to_have_arrived() {
    let mut stage = Stage::new(32);
    let (_, bjarke) = (stage.join("A"), stage.join("B"));
    stage.told();
    stage.remove(bjarke, Departure::Lost);
    let told = stage.told();
    assert_eq!(told[0], "missing: 2@8 Received(Join) of 0@7 Assumed");
    assert_eq!(told[1], "0@8 Lost Recorded");
    assert!(told[2].starts_with("2 ends at 8: "), "{told:?}");
    assert_eq!(told[3..], ["0@9 Sent(Leave) Recorded", "1@10 Received(Leave) of 0@9 Assumed"]);
}

#[test]
fn a_large_audience_is_told_as_one() {
    let mut stage = Stage::new(2);
    let seats: Vec<_> = ["A", "B", "C", "D"].map(|name| stage.join(name)).to_vec();
    stage.told();
    stage.say(seats[0], "A", 30, 0);
    let told = stage.told();
    assert_eq!(
        told[told.len() - 2..],
        ["0@31 Received(Publish) of 1@30 Recorded", "0@32 Sent(Publish) Recorded x3"]
    );
}

#[test]
fn behind_a_gap_everybody_keeps_a_number() {
    let mut stage = Stage::new(32);
    let (_, bjarke) = (stage.join("A"), stage.join("B"));
    let casper = Arc::new(who("C"));
    let mut present: Vec<_> =
        stage.room.seats().map(|(seat, who)| (seat, Arc::clone(who))).collect();
    // Anton is gone and Casper has come, and nobody has read how.
    let casper_seat = stage.join("C");
    stage.live = {
        let mut before = Stage::new(32);
        before.join("A");
        before.join("B");
        before.live
    };
    stage.told();
    present.retain(|(seat, _)| *seat == bjarke);
    present.push((casper_seat, casper));
    let mut told = Vec::new();
    stage.live.go_on(present, &mut |news| told.push(news));
    stage.told = told;
    assert_eq!(stage.told()[0], "3 is C");
    let numbers: Vec<_> = stage.live.standing().map(|(_, id, ..)| id).collect();
    assert_eq!(numbers, [2, 3]);
}
