//! Messages that only a broken or hostile client sends. They end its stream, with a status that says
//! what is allowed, and after a notice unless it is the time that was wrong.

use crate::support::{Listener, Peer, World, channel, joined_by, left_by, message, reference};
use chittychat::wire::pb::{self, MessageType, NoticeCode};
use std::sync::Arc;
use tokio::sync::Barrier;
use tonic::Code;

/// How many ask for the same reference at the same moment.
const RIVALS: usize = 50;

/// Somebody who is present sends this, and is out.
async fn ends_the_stay(mistake: pb::Message, code: Code, words: &str) {
    let mut world = World::start().await;
    let mut casper = world.join("Casper").await;
    casper.send(mistake);
    casper.refused(NoticeCode::ProtocolViolation, code, words).await;
    world.hear_leave("Casper").await;
    let log = world.finish().await;
    let named = |line: &&String| line.contains("Lost client: Casper 127.0.0.1:40");
    assert_eq!(log.iter().filter(named).count(), 1, "{log:#?}");
}

/// Somebody who is not present sends this first, and does not get in. Nobody else is told.
async fn ends_before_it_began(mistake: pb::Message, notice: NoticeCode, code: Code, words: &str) {
    let world = World::start().await;
    let mut stranger = Peer::open(world.server.address, "Casper").await;
    stranger.send(mistake);
    stranger.refused(notice, code, words).await;
    let log = world.finish().await;
    let told = |line: &String| line.contains("Refused message") && line.contains(words);
    assert!(log.iter().any(told), "{log:#?}");
}

#[tokio::test]
async fn type_77_does_not_exist() {
    let mistake = pb::Message { r#type: 77, ..message(MessageType::Publish, "Casper", "x", 9) };
    let words = "allowed are CONNECT (0), DISCONNECT (1) and PUBLISH (2)";
    ends_the_stay(mistake, Code::InvalidArgument, words).await;
}

#[tokio::test]
async fn an_ack_is_not_for_participants_to_send() {
    let mistake = message(MessageType::Ack, "Casper", "x", 9);
    let words = "type 3 is not one that a participant sends; allowed are CONNECT (0)";
    ends_the_stay(mistake, Code::InvalidArgument, words).await;
}

#[tokio::test]
async fn a_second_connect_ends_the_stay() {
    let mistake = message(MessageType::Connect, "Casper", "connect message", 9);
    let words = "after CONNECT come PUBLISH and DISCONNECT";
    ends_the_stay(mistake, Code::InvalidArgument, words).await;
}

#[tokio::test]
async fn every_message_carries_its_senders_reference() {
    let mut mistake = message(MessageType::Publish, "Casper", "x", 9);
    mistake.client_reference = None;
    let words = "every message must carry the sender's own";
    ends_the_stay(mistake.clone(), Code::InvalidArgument, words).await;
    mistake.r#type = MessageType::Connect.into();
    let notice = NoticeCode::ProtocolViolation;
    ends_before_it_began(mistake, notice, Code::InvalidArgument, words).await;
}

#[tokio::test]
async fn nobody_speaks_or_leaves_for_somebody_else() {
    let words = "send your own";
    for kind in [MessageType::Publish, MessageType::Disconnect] {
        let mistake = message(kind, "Anton", "I am a fool", 9);
        ends_the_stay(mistake, Code::PermissionDenied, words).await;
    }
    let port = pb::ClientReference { client_port: 41, ..reference("Casper") };
    let mut mistake = message(MessageType::Publish, "Casper", "x", 9);
    mistake.client_reference = Some(port);
    ends_the_stay(mistake, Code::PermissionDenied, words).await;
}

#[tokio::test]
async fn connect_comes_first() {
    let words = "the first message of a stream must be a CONNECT with a client_reference";
    for kind in [MessageType::Publish, MessageType::Disconnect] {
        let mistake = message(kind, "Casper", "x", 9);
        let notice = NoticeCode::ProtocolViolation;
        ends_before_it_began(mistake, notice, Code::FailedPrecondition, words).await;
    }
}

#[tokio::test]
async fn an_unfit_name_does_not_get_in() {
    let long = "n".repeat(65);
    let names = [
        ("", "the name is empty; 1 to 64 characters are allowed"),
        (&long, "the name has 65 characters; 1 to 64 are allowed"),
        ("\u{1b}[31mred", r"the control character \u{1b}; of these only tab is allowed"),
        ("two\nlines", r"the control character \u{a}; of these only tab is allowed"),
    ];
    for (name, words) in names {
        let mistake = message(MessageType::Connect, name, "connect message", 9);
        let notice = NoticeCode::ConnectRefused;
        ends_before_it_began(mistake, notice, Code::InvalidArgument, words).await;
    }
}

#[tokio::test]
async fn a_negative_time_is_refused_and_is_no_event() {
    is_not_witnessed(-5, "a Lamport time is never negative").await;
}

#[tokio::test]
async fn a_time_at_the_end_of_the_range_is_refused_and_is_no_event() {
    is_not_witnessed(i64::MAX, "lies too far ahead of the server's clock").await;
}

/// A message with this time ends its stream with a status and no notice, and moves no clock: neither
/// from somebody who is present nor from a stranger.
async fn is_not_witnessed(time: i64, words: &str) {
    let mut world = World::start().await;
    let mut casper = world.join("Casper").await;
    // The join went to three, the last of whom was the newcomer.
    let before = casper.latest;
    casper.send(message(MessageType::Publish, "Casper", "from afar", time));
    casper.ended_with(Code::InvalidArgument, words).await;
    let left = world.hear_leave("Casper").await;
    assert_eq!(left, before + 1, "the leave alone is an event");

    let before = world.now();
    let mut stranger = Peer::open(world.server.address, "Ditte").await;
    stranger.send(message(MessageType::Connect, "Ditte", "connect message", time));
    stranger.ended_with(Code::InvalidArgument, words).await;
    // What the server does next has the next time: it witnesses 0 and ticks.
    world.anton.send(message(MessageType::Publish, "Anton", "what time is it?", 0));
    let heard = world.bjarke.hears("Anton", "what time is it?").await;
    assert_eq!(heard.accepted_time, before + 1);
    world.finish().await;
}

#[tokio::test]
async fn the_last_time_of_an_int32_is_a_time_like_any_other() {
    let mut world = World::start().await;
    let time = i64::from(i32::MAX);
    world.anton.send(message(MessageType::Publish, "Anton", "from afar", time));
    let heard = world.bjarke.hears("Anton", "from afar").await;
    let times = (heard.origin_time, heard.accepted_time, heard.time);
    assert_eq!(times, (time, time + 1, time + 2));
    world.finish().await;
}

/// One of many that ask for the same reference: returns the stream if it got in.
async fn contend(world: &World, start: Arc<Barrier>) -> impl Future<Output = Option<Peer>> + use<> {
    let mut rival = Peer::open(world.server.address, "Casper").await;
    async move {
        start.wait().await;
        rival.connect();
        let first = rival.delivery().await;
        if first.r#type() == MessageType::Connect {
            return Some(rival);
        }
        let words = "is present already; choose another name or port";
        assert_eq!(first.notice_code(), NoticeCode::ConnectRefused, "{first:?}");
        assert!(first.text.contains(words), "{first:?}");
        rival.ended_with(Code::AlreadyExists, words).await;
        None
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_with_one_reference_exactly_one_gets_in() {
    let mut world = World::start().await;
    let start = Arc::new(Barrier::new(RIVALS));
    let mut rivals = Vec::new();
    for _ in 0..RIVALS {
        rivals.push(tokio::spawn(contend(&world, start.clone()).await));
    }
    let mut winners = Vec::new();
    for rival in rivals {
        winners.extend(rival.await.expect("a rival that loses is told so"));
    }
    assert_eq!(winners.len(), 1);
    world.hear_join("Casper").await;
    world.exchange().await;
    let mut winner = winners.remove(0);
    winner.hears("Anton", "are you there?").await;
    winner.hears("Bjarke", "yes").await;
    winner.leave().await;
    world.hear_leave("Casper").await;
    world.finish().await;
}

#[tokio::test]
async fn a_full_room_takes_nobody_until_somebody_leaves() {
    let world = World::start_with(&[("CHITTYCHAT__LIMITS__PARTICIPANTS", "2")]).await;
    let World { server, anton, mut bjarke } = world;
    let channel = channel(server.address).await.expect("the server takes connections");
    let mut casper = Peer::open_on(channel.clone(), "Casper").await.expect("a stream");
    casper.connect();
    let words = "the room is full; 2 participants are allowed";
    casper.refused(NoticeCode::ConnectRefused, Code::ResourceExhausted, words).await;

    anton.leave().await;
    left_by(&bjarke.delivery().await, "Anton");
    let mut anton = Peer::open_on(channel, "Anton").await.expect("a stream");
    anton.connect();
    joined_by(&bjarke.delivery().await, "Anton");
    joined_by(&anton.delivery().await, "Anton");
    World { server, anton, bjarke }.finish().await;
}
