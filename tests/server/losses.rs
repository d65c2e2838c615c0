//! The ways in which a participant goes without a word. Whichever it is, the others are told once,
//! and talk on.

use crate::support::{Listener, Peer, Process, World, left_by};
use chittychat::wire::pb::MessageType;
use h2::Reason;
use nix::sys::signal::Signal;

/// A participant as a process of its own, in the room and heard there.
async fn join_process(world: &mut World, name: &str) -> Process {
    let address = world.server.address.to_string();
    let mut process =
        Process::start(&["join", "--server", &address, "--name", name, "--plain"], &[]);
    tokio::select! {
        () = world.hear_join(name) => {}
        code = process.exit_code() => {
            panic!("it did not join, exit code {code}: {:?}", process.err.so_far())
        }
    }
    process.tell("here I am");
    world.anton.hears(name, "here I am").await;
    world.bjarke.hears(name, "here I am").await;
    process
}

/// The log says once that this participant was lost.
fn was_lost_once(log: &[String], name: &str) {
    let lost = |line: &&String| line.contains(&format!("Lost client: {name} "));
    assert_eq!(log.iter().filter(lost).count(), 1, "{log:#?}");
}

#[tokio::test]
async fn a_killed_client_is_announced_as_having_left() {
    let mut world = World::start().await;
    let process = join_process(&mut world, "Casper").await;
    process.signal(Signal::SIGKILL);
    world.hear_leave("Casper").await;
    was_lost_once(&world.finish().await, "Casper");
}

#[tokio::test]
async fn a_stopped_client_is_lost_by_keep_alive() {
    let mut world = World::start_with(&[
        ("CHITTYCHAT__KEEPALIVE__INTERVAL", "200ms"),
        // Time enough for those who are awake, on a busy machine too.
        ("CHITTYCHAT__KEEPALIVE__TIMEOUT", "1s"),
    ])
    .await;
    let process = join_process(&mut world, "Casper").await;
    process.signal(Signal::SIGSTOP);
    world.hear_leave("Casper").await;
    was_lost_once(&world.finish().await, "Casper");
}

#[tokio::test]
async fn a_cancelled_call_is_announced_though_its_connection_lives() {
    let mut world = World::start().await;
    let connection = world.join("Casper").await.cancel();
    world.hear_leave("Casper").await;
    world.exchange().await;
    // The same connection and the same reference are good for another stay.
    let again = Peer::open_on(connection, "Casper").await;
    let mut again = again.expect("the connection lives");
    again.connect();
    world.hear_join("Casper").await;
    assert_eq!(again.delivery().await.r#type(), MessageType::Connect);
    again.leave().await;
    world.hear_leave("Casper").await;
    was_lost_once(&world.finish().await, "Casper");
}

#[tokio::test]
async fn a_half_closed_participant_keeps_listening() {
    let mut world = World::start().await;
    let mut casper = world.join("Casper").await;
    casper.say("I have nothing more to say");
    casper.half_close();
    world.anton.hears("Casper", "I have nothing more to say").await;
    world.bjarke.hears("Casper", "I have nothing more to say").await;
    world.exchange().await;
    casper.hears("Anton", "are you there?").await;
    casper.hears("Bjarke", "yes").await;
    drop(casper);
    world.hear_leave("Casper").await;
    was_lost_once(&world.finish().await, "Casper");
}

#[tokio::test]
async fn a_reset_stream_is_announced_whatever_its_reason() {
    let mut world = World::start().await;
    let reasons = [Reason::CANCEL, Reason::NO_ERROR, Reason::PROTOCOL_ERROR, Reason::from(77)];
    for (number, reason) in (1..).zip(reasons) {
        let name = format!("Casper{number}");
        let (_connection, mut casper) = world.join_raw(&name).await;
        casper.reset(reason);
        world.hear_leave(&name).await;
        world.exchange().await;
    }
    let log = world.finish().await;
    (1..=reasons.len()).for_each(|number| was_lost_once(&log, &format!("Casper{number}")));
}

#[tokio::test]
async fn a_cut_connection_takes_everybody_on_it_and_nobody_else() {
    let mut world = World::start().await;
    let (connection, _casper) = world.join_raw("Casper").await;
    let mut ditte = connection.stream("Ditte").await;
    ditte.connect().await;
    world.hear_join("Ditte").await;
    drop(connection);
    // Which of the two goes first is the server's to say, and the same for all.
    let first = world.anton.delivery().await;
    let first = first.client_reference.map_or(String::new(), |who| who.client_name);
    assert!(["Casper", "Ditte"].contains(&first.as_str()), "{first}");
    let second = if first == "Casper" { "Ditte" } else { "Casper" };
    left_by(&world.bjarke.delivery().await, &first);
    world.hear_leave(second).await;
    let log = world.finish().await;
    was_lost_once(&log, "Casper");
    was_lost_once(&log, "Ditte");
}

#[tokio::test]
async fn a_stranger_that_goes_is_nobodys_business() {
    let mut world = World::start().await;
    let before = world.now();
    let (connection, mut stranger) = world.stranger("Casper").await;
    stranger.reset(Reason::CANCEL);
    drop(connection);
    world.anton.say("did anybody come?");
    let heard = world.bjarke.hears("Anton", "did anybody come?").await;
    assert_eq!(heard.accepted_time, before.max(world.anton.clock) + 1, "nothing was an event");
    assert!(world.finish().await.iter().all(|line| !line.contains("Casper")));
}
