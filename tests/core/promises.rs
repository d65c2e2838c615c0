//! The six promises, over arbitrary interleavings of everything that can happen to up to twenty
//! participants. The predicates are the ones that every other checker of the project uses.

use crate::world::World;
use chittychat::chat::{
    Departure, Fault, LamportTime, What, invariant,
    invariant::{Receipt, Violation},
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Move {
    Connect(usize),
    Publish(usize),
    Disconnect(usize),
    Offend(usize, bool),
    Arrive(usize),
    Read(usize),
    ReadAll(usize),
    Lose(usize),
    Evict(usize),
}

fn moves() -> impl Strategy<Value = (usize, u64, Vec<Move>)> {
    (1..=20usize, 4..64u64).prop_flat_map(|(people, capacity)| {
        let one = move || 0..people;
        let step = prop_oneof![
            4 => one().prop_map(Move::Connect),
            6 => one().prop_map(Move::Publish),
            1 => one().prop_map(Move::Disconnect),
            1 => (one(), any::<bool>()).prop_map(|(person, forgiven)| Move::Offend(person, forgiven)),
            12 => one().prop_map(Move::Arrive),
            8 => one().prop_map(Move::Read),
            4 => one().prop_map(Move::ReadAll),
            1 => one().prop_map(Move::Lose),
            1 => one().prop_map(Move::Evict),
        ];
        (Just(people), Just(capacity), prop::collection::vec(step, 0..400))
    })
}

fn play(people: usize, capacity: u64, moves: &[Move]) -> World {
    let names: Vec<_> = (0..people).map(|n| (format!("P{n}"), 1)).collect();
    let names: Vec<_> = names.iter().map(|(name, port)| (name.as_str(), *port)).collect();
    let mut world = World::new(&names, capacity);
    for step in moves {
        match *step {
            Move::Connect(person) => world.connect(person),
            Move::Publish(person) => world.publish(person, "text"),
            Move::Disconnect(person) => world.disconnect(person),
            Move::Offend(person, true) => world.offend(person, Fault::TooFast { per_second: 1 }),
            Move::Offend(person, false) => world.offend(person, Fault::UnknownType(77)),
            Move::Arrive(person) => world.arrive(person),
            Move::Read(person) => _ = world.read(person),
            Move::ReadAll(person) => while world.read(person) {},
            Move::Lose(person) => world.lose(person, Departure::Lost),
            Move::Evict(person) => {
                let lag = chittychat::chat::Lag { entries: 1, bytes: 1 };
                world.lose(person, Departure::Evicted(lag));
            }
        }
    }
    world.settle_down();
    world.close();
    world.settle_down();
    world
}

fn check(world: &World) -> Result<(), Violation> {
    let of_people = world.people.iter().flat_map(|person| &person.events);
    let events: Vec<_> =
        world.server_events.iter().chain(of_people).map(|event| event.occurrence()).collect();
    assert_eq!(invariant::clock_condition(&events)?, events.len());
    for session in world.sessions.values() {
        invariant::recipient_order(&session.receipts)?;
        invariant::sender_fifo(&session.receipts)?;
        invariant::total_order(&session.receipts)?;
    }
    invariant::causal_delivery(&world.deeds())?;
    for (entry, owed_to) in &world.owed {
        invariant::conservation(&world.account(entry, owed_to))?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_six_promises_hold((people, capacity, moves) in moves()) {
        let world = play(people, capacity, &moves);
        if let Err(violation) = check(&world) {
            prop_assert!(false, "{violation}");
        }
    }

    /// What the room says a participant was owed is what everybody else's view adds up to.
    #[test]
    fn the_rooms_own_books_agree((people, capacity, moves) in moves()) {
        let world = play(people, capacity, &moves);
        for (seat, session) in &world.sessions {
            let owed = world.owed.iter().filter(|(_, owed_to)| owed_to.contains(seat)).count();
            let settlement = session.settlement.expect("every session has ended");
            prop_assert_eq!(settlement.owed, owed as u64);
        }
    }

    /// The run of times that a message takes goes to its recipients, each once, in ring order.
    #[test]
    fn every_delivery_has_its_own_time((people, capacity, moves) in moves()) {
        let world = play(people, capacity, &moves);
        for (entry, owed_to) in &world.owed {
            prop_assert_eq!(entry.fan.audience as usize, owed_to.len());
            let author = match &entry.what {
                What::Publish { seat, .. } | What::Leave { seat, .. } => Some(*seat),
                _ => None,
            };
            let after = owed_to.iter().filter(|seat| author.is_some_and(|author| **seat > author));
            let before = owed_to.iter().filter(|seat| author.is_none_or(|author| **seat < author));
            for (place, seat) in (0..).zip(after.chain(before)) {
                let got: Option<&Receipt> = world.sessions[seat]
                    .receipts
                    .iter()
                    .find(|receipt| receipt.accepted == entry.accepted);
                let time = got.map(|receipt| receipt.time);
                prop_assert!(time.is_none_or(|time| time == entry.fan.base.after(place)));
            }
        }
    }
}

#[test]
fn the_closing_is_told_to_everybody_and_nobody_is_told_of_anybody() {
    let mut world = World::new(&[("A", 1), ("B", 2), ("C", 3)], 100);
    (0..3).for_each(|person| world.connect(person));
    world.settle_down();
    let told =
        |world: &World| world.sessions.values().map(|s| s.receipts.len()).collect::<Vec<_>>();
    assert_eq!(told(&world), [3, 2, 1]);
    world.close();
    world.settle_down();
    assert_eq!(told(&world), [4, 3, 2]);
    let stamps: Vec<_> = world.sessions.values().map(|s| s.receipts.last().unwrap().time).collect();
    assert_eq!(stamps, [12, 13, 14].map(|time| LamportTime::ZERO.after(time)));
    check(&world).unwrap();
}
