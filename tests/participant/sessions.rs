//! Joining, coming back and leaving, one update at a time.

use crate::room::{Guest, nowhere, say, serve, who};
use chittychat::{
    causality::{Kind, Subject},
    chat::LamportTime,
    client::{Command, Process, SessionError, Update, session::MAX_PENDING},
    wire::participant::{Delivered, DeliveredKind},
};
use std::time::Duration;

const SAID: Kind = Kind::Sent(Subject::Publish);

/// The first conversation of the original's report, from the participants' side.
#[tokio::test]
async fn the_first_conversation_has_the_reports_times() {
    let server = serve(None).await;
    let mut one = Guest::start(server.address, who("Client1", 40));
    assert_eq!(one.event(Kind::Opened).await, (1, None));
    assert_eq!(one.event(Kind::Sent(Subject::Connect)).await, (2, None));
    assert_eq!(one.received(Subject::Join).await, (5, Some(4)));

    let mut two = Guest::start(server.address, who("Client2", 20));
    assert_eq!(two.event(Kind::Opened).await, (1, None));
    assert_eq!(one.received(Subject::Join).await, (7, Some(6)));
    assert_eq!(two.received(Subject::Join).await, (8, Some(7)));

    one.tell(say("Hello")).await;
    assert_eq!(one.event(SAID).await, (8, None));
    assert_eq!(two.received(Subject::Publish).await, (11, Some(10)));
    two.tell(say("Hi")).await;
    assert_eq!(two.event(SAID).await, (12, None));
    assert_eq!(one.received(Subject::Publish).await, (15, Some(14)));

    one.tell(Command::Leave).await;
    assert_eq!(one.received(Subject::Ack).await, (19, Some(18)));
    assert_eq!(two.received(Subject::Leave).await, (20, Some(19)));
    assert!(one.end().await.unwrap().was_acknowledged);
    two.tell(Command::Leave).await;
    assert_eq!(two.received(Subject::Ack).await, (24, Some(23)));
    assert!(two.end().await.unwrap().was_acknowledged);
}

#[tokio::test]
async fn what_is_said_before_the_join_is_said_after_it() {
    let server = serve(None).await;
    let mut listener = Guest::start(server.address, who("Listener", 1));
    listener.joined().await;

    let speaker = Guest::start(server.address, who("Speaker", 2));
    for text in ["one", "two", "three"] {
        speaker.tell(say(text)).await;
    }
    speaker.tell(Command::Finish).await;
    for text in ["one", "two", "three"] {
        assert_eq!(listener.heard().await, text);
    }
    listener.received(Subject::Leave).await;
    let farewell = speaker.end().await.unwrap();
    assert!(farewell.was_acknowledged);
    assert_eq!(farewell.unsaid, 0);
}

#[tokio::test]
async fn a_server_that_comes_later_gets_what_was_said_meanwhile() {
    let address = nowhere().await;
    let mut guest = Guest::start(address, who("Anton", 20));
    assert!(guest.away().await.starts_with(&format!("cannot reach {address}: ")));
    for number in 0..=MAX_PENDING {
        guest.tell(say(&number.to_string())).await;
    }
    let refused = guest
        .until(|update| match update {
            Update::Unsaid(text) => Some(text.as_str().to_owned()),
            _ => None,
        })
        .await;
    assert_eq!(refused, MAX_PENDING.to_string(), "one more than there is room for");

    let _server = serve(Some(address)).await;
    assert!(guest.joined().await, "it was away before");
    for _ in 0..MAX_PENDING {
        guest.event(SAID).await;
    }
    guest.tell(Command::Leave).await;
    assert_eq!(guest.end().await.unwrap().unsaid, 0);
}

#[tokio::test]
async fn a_restarted_server_sees_no_time_twice() {
    let server = serve(None).await;
    let address = server.address;
    let mut guest = Guest::start(address, who("Anton", 20));
    guest.joined().await;
    guest.tell(say("before")).await;
    let (before, _) = guest.event(SAID).await;

    server.drain(Duration::from_secs(5)).await;
    assert!(guest.away().await.contains("the server is stopping"));
    let _server = serve(Some(address)).await;
    let (opened, _) = guest.event(Kind::Opened).await;
    assert!(opened > before, "{opened} after {before}");
    assert!(guest.joined().await);
    guest.tell(Command::Leave).await;
    assert!(guest.end().await.unwrap().was_acknowledged);
}

#[tokio::test]
async fn a_name_that_is_taken_ends_a_first_join_and_delays_a_return() {
    let server = serve(None).await;
    let mut early = Guest::start(server.address, who("Anton", 20));
    early.joined().await;
    early.tell(Command::Leave).await;
    let process = early.end().await.unwrap().process;

    let mut holder = Guest::start(server.address, who("Anton", 20));
    holder.joined().await;
    let stranger = Guest::start(server.address, who("Anton", 20)).end().await;
    let Err(SessionError::Refused { why, .. }) = stranger else {
        panic!("a taken name was to be refused: {stranger:?}")
    };
    assert!(why.contains("present already"), "{why}");

    let mut back = Guest::go_on(server.address, who("Anton", 20), process);
    assert!(back.away().await.contains("present already"));
    holder.tell(Command::Leave).await;
    holder.end().await.unwrap();
    assert!(back.joined().await);
    back.tell(Command::Leave).await;
    back.end().await.unwrap();
}

/// A clock that the server does not take is no reason to give up: it is brought again, and carried on.
#[tokio::test]
async fn a_clock_that_is_refused_is_brought_again_and_carried_on() {
    let server = serve(None).await;
    let who = who("Anton", 20);
    let mut process = Process::new(&who);
    let from_the_future = LamportTime::ZERO.after(1 << 60);
    let delivered = Delivered {
        kind: DeliveredKind::Ack,
        time: from_the_future,
        accepted: None,
        name: "server".into(),
        who: None,
        text: String::new(),
        present: Box::default(),
    };
    process.receive(&delivered).unwrap();
    let mut guest = Guest::go_on(server.address, who, process);
    let mut latest = from_the_future.to_wire();
    for _ in 0..2 {
        let (opened, _) = guest.event(Kind::Opened).await;
        assert!(opened > latest, "{opened} after {latest}");
        latest = opened;
        let why = guest.away().await;
        let refused =
            format!("the server refused our clock: time {} lies too far ahead", opened + 1);
        assert!(why.contains(&refused), "{why}");
    }
    guest.tell(Command::Leave).await;
    assert!(!guest.end().await.unwrap().process.has_been_present());
}

#[tokio::test]
async fn leaving_while_the_server_is_away_ends_at_once() {
    let address = nowhere().await;
    let mut guest = Guest::start(address, who("Anton", 20));
    guest.away().await;
    guest.tell(say("never heard")).await;
    guest.tell(Command::Leave).await;
    let farewell = guest.end().await.unwrap();
    assert_eq!((farewell.unsaid, farewell.was_acknowledged), (1, false));
    assert!(farewell.away.is_some());
}

#[tokio::test]
async fn a_name_that_does_not_resolve_ends_the_first_attempt() {
    // Two dots in a row are no host name, so no name server is asked.
    let ended = Guest::start("no..such.host:8080", who("Anton", 20)).end().await;
    let Err(SessionError::Unreachable { server, .. }) = ended else {
        panic!("the name was not to resolve: {ended:?}")
    };
    assert_eq!(server, "no..such.host:8080");
}

#[tokio::test]
async fn another_kind_of_server_is_named_as_such() {
    let server = serve(None).await;
    let ended = Guest::start(server.http_address, who("Anton", 20)).end().await;
    assert!(matches!(ended, Err(SessionError::NotAChat { .. })), "{ended:?}");
}

/// Time is virtual here: it passes as soon as nothing but time is waited for.
#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up_and_tried_again() {
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut guest = Guest::start(mute.local_addr().unwrap(), who("Anton", 20));
    for _ in 0..3 {
        assert!(guest.away().await.contains("does not answer"));
    }
    guest.tell(Command::Leave).await;
    assert!(!guest.end().await.unwrap().process.has_been_present());
}

/// The commands of a view that is gone are over: that is a wish to leave.
#[tokio::test]
async fn a_session_whose_view_is_gone_leaves() {
    let server = serve(None).await;
    let mut witness = Guest::start(server.address, who("Bjarke", 40));
    witness.joined().await;
    let who = who("Anton", 20);
    let config = chittychat::client::Config::new(&server.address.to_string(), who.clone()).unwrap();
    let (commands, taken) = tokio::sync::mpsc::channel(1);
    let (updates, shown) = tokio::sync::mpsc::channel(1);
    drop((commands, shown));
    let farewell = chittychat::client::run(config, Process::new(&who), taken, updates).await;
    assert!(farewell.unwrap().was_acknowledged);
    witness.received(Subject::Leave).await;
}
