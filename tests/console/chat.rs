//! A participant in a page: the same rules, the same refusals, the same books as for any other.

use crate::{
    peers::{Listener as _, Peer, Scrape, World, joined_by},
    support::{Talker, author},
};
use serde_json::{Value, json};
use std::time::SystemTime;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_page_talks_with_participants_and_hears_them() {
    let mut world = World::start().await;
    let mut casper = Talker::join(world.server.http_address, "Casper").await;
    world.hear_join("Casper").await;
    casper.say("Hej from a page").await;
    let heard = world.anton.hears("Casper", "Hej from a page").await;
    assert_eq!(heard.origin_time, casper.clock);
    world.bjarke.hears("Casper", "Hej from a page").await;
    world.anton.say("Hej page");
    world.bjarke.hears("Anton", "Hej page").await;
    let told = casper.hears("Anton", "Hej page").await;
    assert_eq!(told["type"], "PUBLISH");
    assert!(told["accepted_time"].as_i64() < told["time"].as_i64(), "{told}");

    let leave = casper.stamped("DISCONNECT", "disconnect message");
    casper.send(&leave).await;
    assert_eq!(casper.next().await.unwrap()["type"], "ACK");
    assert_eq!(casper.ended_with().await, ("OK".to_owned(), String::new()));
    world.hear_leave("Casper").await;
    world.finish().await;
}

#[tokio::test]
async fn a_newcomer_hears_who_is_there() {
    let mut world = World::start().await;
    let mut casper = Talker::open(world.server.http_address, "Casper").await;
    let connect = casper.stamped("CONNECT", "connect message");
    casper.send(&connect).await;
    let welcome = casper.next().await.unwrap();
    let present = welcome["participants"].as_array().unwrap();
    let names: Vec<_> = present.iter().map(|it| it["client_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Anton", "Bjarke", "Casper"]);
    assert!(welcome["text"].as_str().unwrap().contains("has joined the chat at Lamport time"));
    world.hear_join("Casper").await;
    drop(casper);
    world.hear_leave("Casper").await;
    world.finish().await;
}

#[tokio::test]
async fn what_a_person_may_do_wrong_is_told_and_the_session_goes_on() {
    let mut world = World::start().await;
    let mut casper = Talker::join(world.server.http_address, "Casper").await;
    world.hear_join("Casper").await;
    for text in ["", "x\u{1b}", &"ø".repeat(129)] {
        casper.say(text).await;
        let notice = casper.next().await.unwrap();
        assert_eq!(
            (&notice["type"], &notice["notice_code"], author(&notice)),
            (&json!("NOTICE"), &json!("BAD_TEXT"), "server")
        );
    }
    casper.say(&"ø".repeat(128)).await;
    world.anton.hears("Casper", &"ø".repeat(128)).await;
    world.bjarke.hears("Casper", &"ø".repeat(128)).await;
    drop(casper);
    world.hear_leave("Casper").await;
    world.finish().await;
}

/// What breaks the protocol, with what it is answered.
fn violations(casper: &mut Talker) -> Vec<(Message, &'static str, &'static str)> {
    let text = |value: &Value| Message::text(value.to_string());
    let with = |casper: &mut Talker, key: &str, value: Value| {
        let mut message = casper.stamped("PUBLISH", "text");
        message[key] = value;
        Message::text(message.to_string())
    };
    let invalid = "INVALID_ARGUMENT";
    vec![
        (Message::text("no JSON"), invalid, "expected"),
        (Message::binary(vec![8, 1]), invalid, "a frame is a text, and no bytes"),
        (with(casper, "type", json!("SHOUT")), invalid, "no type is called \"SHOUT\""),
        (with(casper, "type", json!("ACK")), invalid, "type"),
        (with(casper, "time", json!(-1)), invalid, "negative"),
        (with(casper, "time", json!(1_i64 << 61)), invalid, "ahead"),
        (with(casper, "volume", json!(11)), invalid, "unknown field `volume`"),
        (with(casper, "client_reference", Value::Null), invalid, "reference"),
        (text(&casper.stamped("CONNECT", "again")), invalid, "connect"),
        (Message::text("x".repeat(70_000)), invalid, "65536"),
        (
            with(
                casper,
                "client_reference",
                json!({"client_name": "Anton", "client_address": "127.0.0.1", "client_port": 40}),
            ),
            "PERMISSION_DENIED",
            "",
        ),
    ]
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_the_session_and_is_announced_once() {
    let mut world = World::start().await;
    let count = violations(&mut Talker::open(world.server.http_address, "nobody").await).len();
    for n in 0..count {
        let mut casper = Talker::join(world.server.http_address, "Casper").await;
        world.hear_join("Casper").await;
        let (frame, code, why) = violations(&mut casper).swap_remove(n);
        casper.send_frame(frame).await;
        let (ended, sentence) = casper.ended_with().await;
        assert!(
            ended == code && sentence.contains(why),
            "{n}: {ended} {sentence}, not {code} {why}"
        );
        world.hear_leave("Casper").await;
    }
    world.finish().await;
}

#[tokio::test]
async fn who_may_not_come_in_hears_why() {
    let world = World::start().await;
    let mut second = Talker::open(world.server.http_address, "Anton").await;
    let connect = second.stamped("CONNECT", "connect message");
    second.send(&connect).await;
    let (code, _) = second.ended_with().await;
    assert_eq!(code, "ALREADY_EXISTS");
    let mut early = Talker::open(world.server.http_address, "Early").await;
    early.say("before connecting").await;
    let (code, _) = early.ended_with().await;
    assert_eq!(code, "FAILED_PRECONDITION");
    let hello = json!({"tokens": 1});
    let mut odd = Talker::try_open(world.server.http_address, "Odd", hello, None).await.unwrap();
    let (code, why) = odd.ended_with().await;
    assert_eq!(code, "INVALID_ARGUMENT");
    assert!(why.starts_with("the first frame is {\"token\":"), "{why}");
    world.finish().await;
}

#[tokio::test]
async fn a_page_is_counted_limited_and_measured_like_any_participant() {
    let variables = [
        ("CHITTYCHAT__LIMITS__MESSAGES_PER_SECOND", "1"),
        // Its Connect is one of them.
        ("CHITTYCHAT__LIMITS__MESSAGE_BURST", "3"),
        ("CHITTYCHAT__LIMITS__PARTICIPANTS_PER_ADDRESS", "3"),
        ("CHITTYCHAT__LIMITS__CONNECTIONS", "4"),
    ];
    let mut world = World::start_with(&variables).await;
    let mut casper = Talker::join(world.server.http_address, "Casper").await;
    world.hear_join("Casper").await;
    let connected = |scrape: &Scrape| scrape.get("chittychat_connected_clients") == 3.0;
    Scrape::until(&world.server, "three are connected", connected).await;
    for text in ["one", "two"] {
        casper.say(text).await;
        world.anton.hears("Casper", text).await;
        world.bjarke.hears("Casper", text).await;
    }
    casper.say("three").await;
    assert_eq!(casper.next().await.unwrap()["notice_code"], "RATE_LIMITED");
    let mut fourth = Talker::open(world.server.http_address, "Fourth").await;
    let connect = fourth.stamped("CONNECT", "connect message");
    fourth.send(&connect).await;
    assert_eq!(fourth.ended_with().await.0, "RESOURCE_EXHAUSTED");
    let scrape = Scrape::of(&world.server).await;
    assert_eq!(scrape.get("chittychat_messages_received_total{type=\"publish\"}"), 2.0);
    assert_eq!(scrape.get("chittychat_messages_rejected_total{reason=\"too_fast\"}"), 1.0);
    drop(casper);
    world.hear_leave("Casper").await;
}

#[tokio::test]
async fn a_page_that_says_nothing_is_shown_out() {
    let variables = [("CHITTYCHAT__LIMITS__IDLE_TIMEOUT", "200ms")];
    let world = World::start_with(&variables).await;
    let mut idle = Talker::open(world.server.http_address, "Idle").await;
    assert_eq!(idle.ended_with().await.0, "DEADLINE_EXCEEDED", "it has said hello, and no more");
    drop(world);
}

#[tokio::test]
async fn a_server_that_stops_says_so_to_pages_too() {
    let mut world = World::start().await;
    let mut casper = Talker::join(world.server.http_address, "Casper").await;
    world.hear_join("Casper").await;
    world.server.process.signal(nix::sys::signal::Signal::SIGTERM);
    let notice = casper.next().await.unwrap();
    assert_eq!(notice["notice_code"], "SHUTTING_DOWN");
    assert_eq!(casper.ended_with().await.0, "UNAVAILABLE");
    assert_eq!(world.server.process.exit_code().await, 0);
}

#[tokio::test]
async fn pages_hear_each_other() {
    let world = World::start().await;
    let mut casper = Talker::join(world.server.http_address, "Casper").await;
    let mut dagmar = Talker::join(world.server.http_address, "Dagmar").await;
    assert_eq!(author(&casper.next().await.unwrap()), "Dagmar");
    dagmar.say("from tab to tab").await;
    casper.hears("Dagmar", "from tab to tab").await;
    let mut world = world;
    for peer in [&mut world.anton, &mut world.bjarke] {
        joined_by(&peer.delivery().await, "Casper");
        joined_by(&peer.delivery().await, "Dagmar");
        peer.hears("Dagmar", "from tab to tab").await;
    }
}

/// What JavaScript tells apart.
const SAFE: i64 = 1 << 53;

#[tokio::test]
async fn a_page_comes_in_after_the_clock_was_pushed_and_tells_all_times_apart() {
    let mut world = World::start().await;
    let physical = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros();
    let mut hostile = Peer::open(world.server.address, "Hostile").await;
    hostile.clock = i64::try_from(physical).unwrap() - 1;
    hostile.connect();
    world.hear_join("Hostile").await;
    let mut casper = Talker::join(world.server.http_address, "Casper").await;
    world.hear_join("Casper").await;
    let mut latest = casper.clock;
    assert!(u128::try_from(latest).unwrap() > physical, "it was pushed: {latest}");
    for text in ["one", "two", "three"] {
        casper.say(text).await;
        let heard = world.anton.hears("Casper", text).await;
        assert_eq!(heard.origin_time, casper.clock, "to the tick");
        world.bjarke.hears("Casper", text).await;
        world.anton.say(text);
        let told = casper.hears("Anton", text).await["time"].as_i64().unwrap();
        world.bjarke.hears("Anton", text).await;
        assert!(latest < told && told < SAFE, "{told} after {latest}");
        latest = told;
    }
    drop(casper);
    world.hear_leave("Casper").await;
    drop(hostile);
    world.hear_leave("Hostile").await;
    world.finish().await;
}
