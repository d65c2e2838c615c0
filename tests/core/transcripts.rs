//! The two conversations in the appendices of the original's report, with every Lamport time as it
//! stands there. The lines are ours (the original misspelt one and wrote "Time" both ways).

use crate::world::World;
use chittychat::causality::{Event, Kind, Subject};
use chittychat::chat::LamportTime;
use chittychat::telemetry::lines::ServerLine;

const FIRST: &str = include_str!("../fixtures/first-conversation.txt");
const SECOND: &str = include_str!("../fixtures/second-conversation.txt");

#[test]
fn the_first_conversation() {
    let mut world = World::new(&[("Client1", 40), ("Client2", 20)], 1000);
    let say = |world: &mut World, step: fn(&mut World)| {
        step(world);
        world.settle_down();
    };
    say(&mut world, |world| world.connect(0));
    say(&mut world, |world| world.connect(1));
    say(&mut world, |world| world.publish(0, "Hello"));
    say(&mut world, |world| world.publish(1, "Hi"));
    say(&mut world, |world| world.disconnect(0));
    say(&mut world, |world| world.disconnect(1));
    assert_eq!(shown(&world), FIRST);
}

#[test]
fn the_second_conversation() {
    let mut world = World::new(&[("Anton", 20), ("Bjarke", 40), ("Oliver", 60)], 1000);
    let steps: [fn(&mut World); 9] = [
        |world| world.connect(0),
        |world| world.connect(1),
        |world| world.connect(2),
        |world| world.publish(2, "Hi"),
        |world| world.publish(1, "Good Morning"),
        |world| world.publish(0, "Hello"),
        |world| world.disconnect(0),
        |world| world.disconnect(1),
        |world| world.disconnect(2),
    ];
    for step in steps {
        step(&mut world);
        world.settle_down();
    }
    assert_eq!(shown(&world), SECOND);
}

/// All nodes' lines, one node after the other.
fn shown(world: &World) -> String {
    let mut shown = String::from("Server\n");
    for event in &world.server_events {
        shown += &format!("[Lamport time: {}] {}\n", event.time, ServerLine(event));
    }
    for person in &world.people {
        shown += &format!("\n{}\n", person.who.name());
        for line in person.events.iter().filter_map(|event| participant_line(world, event)) {
            shown += &format!("{line}\n");
        }
    }
    shown
}

/// What the original's client prints of an event, if anything.
fn participant_line(world: &World, event: &Event) -> Option<String> {
    let time = event.time;
    match event.kind {
        Kind::Opened => Some(format!("[Lamport time: {time}] Connected to server")),
        Kind::Sent(Subject::Connect) => {
            Some(format!("[Lamport time: {time}] Sent connect message to server"))
        }
        Kind::Sent(_) | Kind::Lost => None,
        Kind::Received(_) => {
            let (_, delivered) = event.cause.as_ref()?;
            let (name, text) = told(world, *delivered)?;
            Some(format!("[Lamport time: {time}, Name: {name}] {text}"))
        }
    }
}

/// Name and text of what the server sent at this time, or nothing if it was an Ack.
fn told(world: &World, delivered: LamportTime) -> Option<(String, String)> {
    let sent = world.server_events.iter().find(|event| event.time == delivered)?;
    let accepted = sent.message?;
    let cause = world.server_events.iter().find(|event| event.time == accepted)?;
    let who = cause.peer.clone()?;
    let name = who.split(' ').next()?.to_owned();
    match sent.kind {
        Kind::Sent(Subject::Join) => {
            Some((name, format!("{who} has joined the chat at Lamport time {accepted}")))
        }
        Kind::Sent(Subject::Leave) => {
            // "Has left" is the time of the Ack, the tick after the receive.
            Some((name, format!("{who} has left the chat at Lamport time {}", accepted.after(1))))
        }
        Kind::Sent(Subject::Publish) => Some((name, sent.detail.as_deref()?.to_owned())),
        _ => None,
    }
}
