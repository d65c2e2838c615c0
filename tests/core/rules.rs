//! Who is refused, with what, and what becomes of the clock.

use chittychat::chat::{
    Act, ClockBound, Departure, Draft, Entry, Fault, LamportTime, Outcome, Participant, Room,
    Rules, Seat, Text, TraceContext, What, message::TextFault,
};

fn who(name: &str) -> Participant {
    Participant::new(name, "127.0.0.1", 1).unwrap()
}

fn draft(sent: i64, act: Result<Act, Fault>) -> Draft {
    let sent = LamportTime::from_wire(sent).unwrap();
    Draft { sent, seen: LamportTime::ZERO, trace: TraceContext::default(), act }
}

/// A room with one participant, and the entries since.
struct Fixture {
    room: Room,
    anton: Seat,
    bound: ClockBound,
    out: Vec<Entry>,
}

fn fixture(rules: Rules) -> Fixture {
    let mut room = Room::new(rules);
    let mut out = Vec::new();
    let connect = draft(2, Ok(Act::Connect(who("Anton"))));
    let Outcome::Joined(welcome) = room.accept(None, connect, ClockBound::OPEN, &mut out) else {
        panic!("an empty room takes anybody")
    };
    out.clear();
    Fixture { room, anton: welcome.cursor.seat(), bound: ClockBound::OPEN, out }
}

impl Fixture {
    fn now(&self) -> i64 {
        self.room.now().to_wire()
    }

    fn stranger(&mut self, act: Result<Act, Fault>) -> Fault {
        match self.room.accept(None, draft(2, act), self.bound, &mut self.out) {
            Outcome::Refused { fault } => fault,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    /// What Anton's message leads to: the fault of the notice, and whether he is gone.
    fn anton(&mut self, sent: i64, act: Result<Act, Fault>) -> (Option<Fault>, bool) {
        let outcome =
            self.room.accept(Some(self.anton), draft(sent, act), self.bound, &mut self.out);
        assert!(matches!(outcome, Outcome::Logged));
        let mut told = None;
        for entry in &self.out {
            if let What::Refusal { fault, seat, .. } = &entry.what {
                assert_eq!(*seat, Some(self.anton));
                told = Some(fault.clone());
            }
        }
        (told, self.room.present().len() == 0)
    }
}

#[test]
fn a_refused_message_is_an_event_all_the_same() {
    let mut f = fixture(Rules::default());
    assert_eq!(f.now(), 4);
    let bad_text = Act::Publish(who("Anton"), Err(TextFault::Empty));
    assert_eq!(f.anton(9, Ok(bad_text)), (Some(Fault::Text(TextFault::Empty)), false));
    assert_eq!(f.out[0].accepted.to_wire(), 10, "witnessed");
    assert_eq!(f.out[0].fan.base.to_wire(), 11, "the notice is an event of its own");
    assert_eq!(f.now(), 11);
}

#[test]
fn what_a_program_does_wrong_ends_its_stay_after_a_notice() {
    let cases = [
        (Ok(Act::Connect(who("Anton"))), Fault::SecondConnect),
        (Ok(Act::Publish(who("Bjarke"), Text::new("x"))), Fault::Impersonation),
        (Ok(Act::Disconnect(who("Bjarke"))), Fault::Impersonation),
        (Err(Fault::UnknownType(77)), Fault::UnknownType(77)),
        (Err(Fault::MissingReference), Fault::MissingReference),
    ];
    for (act, fault) in cases {
        let mut f = fixture(Rules::default());
        assert_eq!(f.anton(9, act), (Some(fault.clone()), true));
        let What::Leave { departure, .. } = &f.out[1].what else { panic!("{:?}", f.out) };
        assert_eq!(*departure, Departure::Violated(fault));
        assert_eq!(f.out[1].fan.audience, 0, "nobody remains to be told");
    }
}

#[test]
fn times_without_meaning_are_not_witnessed() {
    let mut f = fixture(Rules::default());
    f.bound = ClockBound { jump: 100, ..ClockBound::OPEN };
    let say = || Ok(Act::Publish(who("Anton"), Text::new("x")));
    assert_eq!(f.anton(104, say()), (None, false), "just within the jump");
    assert_eq!(f.now(), 105);
    f.out.clear();
    assert_eq!(f.anton(206, say()), (None, true), "gone without a notice");
    assert_eq!(f.now(), 106, "only the leave is an event");

    let mut f = fixture(Rules::default());
    let outcome = f.room.refuse(Some(f.anton), Fault::NegativeTime(-5), &mut f.out);
    assert!(matches!(outcome, Outcome::Logged));
    assert_eq!(f.out.len(), 1);
    assert_eq!(f.now(), 5);
    let outcome = f.room.refuse(None, Fault::NegativeTime(-5), &mut f.out);
    assert!(matches!(outcome, Outcome::Refused { fault: Fault::NegativeTime(-5) }));
    assert_eq!((f.out.len(), f.now()), (1, 5), "a stranger's is no event at all");
}

#[test]
fn a_refused_connect_is_told_to_nobody_else() {
    let mut f = fixture(Rules { max_participants: 1 });
    assert_eq!(f.stranger(Ok(Act::Connect(who("Anton")))), Fault::AlreadyPresent);
    assert_eq!(f.stranger(Ok(Act::Connect(who("Bjarke")))), Fault::RoomFull { participants: 1 });
    assert_eq!(f.stranger(Ok(Act::Publish(who("Bjarke"), Text::new("x")))), Fault::NotConnected);
    assert_eq!(f.stranger(Ok(Act::Disconnect(who("Bjarke")))), Fault::NotConnected);
    assert_eq!(f.stranger(Err(Fault::MissingReference)), Fault::MissingReference);
    assert!(f.out.iter().all(|entry| matches!(entry.what, What::Refusal { seat: None, .. })));
}

#[test]
fn a_reference_is_free_again_once_its_holder_has_left() {
    let mut f = fixture(Rules::default());
    assert_eq!(f.anton(9, Ok(Act::Disconnect(who("Anton")))), (None, true));
    let again = draft(2, Ok(Act::Connect(who("Anton"))));
    let Outcome::Joined(welcome) = f.room.accept(None, again, f.bound, &mut f.out) else {
        panic!("the reference is free")
    };
    assert!(welcome.cursor.seat() > f.anton, "a seat is never given twice");
}

#[test]
fn a_leave_is_announced_once_however_often_it_is_reported() {
    let mut f = fixture(Rules::default());
    f.room.remove(f.anton, Departure::Lost, &mut f.out);
    f.room.remove(f.anton, Departure::Lost, &mut f.out);
    assert_eq!(f.out.len(), 1);
    let late = draft(9, Ok(Act::Publish(who("Anton"), Text::new("x"))));
    assert!(matches!(f.room.accept(Some(f.anton), late, f.bound, &mut f.out), Outcome::Gone));
    assert_eq!(f.out.len(), 1);
    assert!(f.room.settle(f.anton).is_some());
    assert_eq!(f.room.settle(f.anton), None, "books are closed once");
}

#[test]
fn a_closed_room_lets_nobody_in() {
    let mut f = fixture(Rules::default());
    f.room.close(&mut f.out);
    assert_eq!(f.room.present().len(), 0);
    assert_eq!(f.stranger(Ok(Act::Connect(who("Bjarke")))), Fault::Closing);
}
