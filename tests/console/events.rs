//! What a page is told: everything, from any place on; and what is missing, where something is.

use crate::{
    peers::{Listener as _, Peer, Server, World, within},
    support::{Page, Picture, get, status_of},
};
use chittychat::wire::pb::MessageType;
use serde_json::{Value, json};

/// The events of a picture that a message left behind, as (node, time, kind, subject, evidence).
fn shown(picture: &Picture) -> Vec<(String, u64, String, String, String)> {
    let events = picture.events.values().chain(picture.receives.values());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut shown: Vec<_> = events
        .map(|event| {
            let node = picture.nodes[&event["n"].as_u64().unwrap()].clone();
            let time = event["t"].as_u64().unwrap();
            (node, time, text(&event["k"]), text(&event["s"]), text(&event["e"]))
        })
        .collect();
    shown.sort();
    shown
}

#[tokio::test]
async fn a_conversation_is_told_as_it_happens() {
    let server = Server::start(&[]).await;
    let mut page = Page::open(server.http_address).await;
    assert_eq!(page.next().await.unwrap().name, "boot");
    let mut anton = Peer::open(server.address, "Anton").await;
    anton.connect();
    anton.delivery().await;
    anton.say("Hej");
    let picture = page.until_so("Anton speaks", |picture| picture.said() == 1).await;
    let event = |node: &str, time, kind: &str, subject: &str, evidence: &str| {
        (node.to_owned(), time, kind.to_owned(), subject.to_owned(), evidence.to_owned())
    };
    // Anton opens at 1 and connects at 2; the server receives at 3 and tells him at 4; he hears it at 5 and
    // speaks at 6, having seen 4: so that is where he was.
    assert_eq!(
        shown(&picture),
        [
            event("Anton", 1, "opened", "", "assumed"),
            event("Anton", 2, "send", "connect", "implied"),
            event("Anton", 5, "receive", "join", "placed"),
            event("Anton", 6, "send", "publish", "implied"),
            event("server", 3, "receive", "connect", "own"),
            event("server", 4, "send", "join", "own"),
            event("server", 7, "receive", "publish", "own"),
        ]
    );
    let said = &picture.events[&(0, 7)];
    assert_eq!((&said["x"], &said["c"], &said["m"]), (&json!("Hej"), &json!([1, 6]), &json!(7)));
    assert!(picture.receives[&(1, 4)]["q"].is_u64(), "it was read: {:?}", picture.receives);
}

#[tokio::test]
async fn who_does_not_say_what_it_saw_is_placed_where_it_can_have_been_at_the_earliest() {
    let server = Server::start(&[]).await;
    let mut page = Page::open(server.http_address).await;
    let mut anton = Peer::open(server.address, "Anton").await;
    anton.connect();
    anton.delivery().await;
    let silent = |mut message: chittychat::wire::pb::Message| {
        message.seen = 0;
        message
    };
    let first = silent(anton.stamped(MessageType::Publish, "one"));
    anton.send(first);
    let picture = page.until_so("one message", |picture| picture.said() == 1).await;
    assert_eq!(picture.receives[&(1, 4)]["e"], "assumed");
    assert_eq!(picture.receives[&(1, 4)]["t"], 5);
}

#[tokio::test]
async fn a_page_that_comes_later_is_told_everything_and_one_that_comes_back_the_rest() {
    let mut world = World::start().await;
    let mut early = Page::open(world.server.http_address).await;
    world.exchange().await;
    early.until_so("an exchange", |picture| picture.said() == 2).await;
    let next = early.last.unwrap() + 1;
    let mut late = Page::open(world.server.http_address).await;
    late.until_so("the same", |picture| picture.said() == 2).await;
    assert_eq!(late.records, early.records);

    world.exchange().await;
    early.until_so("another", |picture| picture.said() == 4).await;
    let path = format!("/console/events?from={next}");
    let mut back = Page::open_at(world.server.http_address, &path, &[]).await;
    let boot = back.next().await.unwrap();
    assert_eq!((boot.name.as_str(), &boot.data), ("boot", &boot_of(&world).await));
    let records = back.next().await.unwrap();
    assert_eq!(records.name, "records", "no reset, and nobody is introduced again: {records:?}");
    let reading = async {
        while back.last < early.last {
            back.next().await.unwrap();
        }
    };
    within("the rest is told", reading).await;
    let rest = &early.records[early.records.len() - back.records.len()..];
    assert_eq!(back.records, rest);
    world.finish().await;
}

async fn boot_of(world: &World) -> Value {
    Page::open(world.server.http_address).await.next().await.unwrap().data
}

#[tokio::test]
async fn a_number_of_another_run_begins_anew() {
    let world = World::start().await;
    let path = "/console/events?from=4000000000";
    let mut page = Page::open_at(world.server.http_address, path, &[]).await;
    assert_eq!(page.next().await.unwrap().name, "boot");
    let reset = page.next().await.unwrap();
    assert_eq!((reset.name.as_str(), reset.id), ("reset", None), "{reset:?}");
    page.until_so("everybody", |picture| picture.id("Bjarke").is_some()).await;
    for query in ["?from=", "?from=-1", "?from=x", "?since=1"] {
        let (status, _, body) =
            get(world.server.http_address, &format!("/console/events{query}"), &[]).await;
        assert_eq!(status, 400, "{query}");
        assert_eq!(body, "the only parameter is from, the number of a record, as in ?from=42\n");
    }
    world.finish().await;
}

#[tokio::test]
async fn leaves_and_losses_end_a_line_and_each_is_told_as_what_it_was() {
    let mut world = World::start().await;
    let mut page = Page::open(world.server.http_address).await;
    let leaver = world.join("Leaver").await;
    leaver.leave().await;
    world.hear_leave("Leaver").await;
    let lost = world.join("Lost").await;
    drop(lost.cancel());
    world.hear_leave("Lost").await;
    let picture = page.until_so("both gone", |picture| picture.left.len() == 2).await;
    let how = |name| picture.left[&picture.id(name).unwrap()].as_str();
    assert_eq!((how("Leaver"), how("Lost")), ("left", "lost"));
    let is_ack = |event: &&Value| event["s"] == "ack" && event["e"] == "assumed";
    assert_eq!(picture.receives.values().filter(is_ack).count(), 1);
    world.finish().await;
    // The room closes: that ends everybody's line, and then the stream.
    let reading = async { while page.next().await.is_some() {} };
    within("the stream ends", reading).await;
    assert_eq!(Picture::of(&page.records).left.len(), 4);
}

/// So many who have joined, and have read no further than their own join.
async fn crowd(server: &Server, size: usize) -> Vec<Peer> {
    let mut crowd = Vec::new();
    for number in 0..size {
        let mut peer = Peer::open(server.address, &format!("P{number}")).await;
        peer.connect();
        peer.delivery().await;
        crowd.push(peer);
    }
    crowd
}

#[tokio::test]
async fn a_large_audience_is_one_event() {
    let server = Server::start(&[]).await;
    let mut crowd = crowd(&server, 40).await;
    let mut page = Page::open(server.http_address).await;
    crowd[0].say("to many");
    let picture = page.until_so("it is said", |picture| picture.said() == 1).await;
    let fans: Vec<_> =
        picture.events.values().filter(|event| event.get("f").is_some()).cloned().collect();
    // Eight joins were told to more than 32, and the message to 39.
    assert_eq!(fans.len(), 9);
    assert_eq!(fans[8]["f"], 39);
    let publish = |event: &&Value| event["s"] == "publish";
    assert_eq!(picture.receives.values().filter(publish).count(), 0);
}

#[tokio::test]
async fn more_than_can_be_shown_is_left_out_and_counted() {
    let server = Server::start(&[]).await;
    let mut page = Page::open(server.http_address).await;
    // With so many who hear it each message is so many events that a slow machine, too, has more of them
    // in a second than are told.
    let mut crowd = crowd(&server, 20).await;
    let messages = 5_000;
    for _ in 0..messages {
        crowd[0].say("much");
    }
    // Each is told or counted, sooner or later.
    let (mut said, mut missed, mut seen) = (0_u64, 0_u64, 0);
    let reading = async {
        while said + missed < messages {
            page.next().await.expect("the stream goes on");
            for record in &page.records[seen..] {
                let is_publish = record["k"] == "receive" && record["s"] == "publish";
                said += u64::from(record["n"] == 0 && is_publish);
                missed += record["missed"].as_u64().unwrap_or(0);
            }
            seen = page.records.len();
        }
    };
    within("each message is told or counted", reading).await;
    assert_eq!(said + missed, messages, "what is not told is counted once");
    assert!(missed > 0, "all {said} were told");
}

#[tokio::test]
async fn the_state_of_things_is_told_twice_a_second() {
    let mut world = World::start_with(&[("CHITTYCHAT__ROOM__MAX_LAG", "60000")]).await;
    let mut page = Page::open(world.server.http_address).await;
    let frozen = world.join_frozen("Frozen").await;
    for _ in 0..5 {
        world.exchange().await;
    }
    // The first in the list is furthest behind: what Frozen took was for a connection that takes nothing.
    let reading = async {
        loop {
            let told = page.until("people").await;
            if told.data["head"] == 13 && told.data["people"][2]["lag"] == 0 {
                return told;
            }
        }
    };
    let told = within("two of three have read everything", reading).await;
    let people = told.data["people"].as_array().unwrap();
    let name =
        |person: &Value| Picture::of(&page.records).nodes[&person["id"].as_u64().unwrap()].clone();
    assert_eq!(people.iter().map(name).collect::<Vec<_>>(), ["Frozen", "Anton", "Bjarke"]);
    let of = |key: &str| people.iter().map(|it| it[key].clone()).collect::<Vec<_>>();
    assert!(people[0]["lag"].as_u64() > Some(5), "of eleven: {told:?}");
    assert_eq!(of("lag")[1..], [0, 0]);
    assert_eq!(of("clock")[1..], [world.anton.clock, world.bjarke.clock]);
    assert_eq!(of("messages"), [0, 5, 5]);
    assert!(people[0]["age_ms"].is_u64() && people[1]["age_ms"].is_null(), "{told:?}");
    assert_eq!(told.data["present"], 3);
    let gauges = page.until("gauges").await;
    assert_eq!(gauges.data["present"], 3);
    assert!(gauges.data["messages_per_s"].is_f64(), "{gauges:?}");
    drop(frozen);
    world.hear_leave("Frozen").await;
    world.finish().await;
}

#[tokio::test]
async fn so_many_pages_and_no_more() {
    let server = Server::start(&[]).await;
    let mut pages = Vec::new();
    for _ in 0..64 {
        pages.push(Page::open(server.http_address).await);
    }
    let (status, _, body) = get(server.http_address, "/console/events", &[]).await;
    assert_eq!((status, body.as_str()), (503, "64 pages are open, and more are not allowed\n"));
    // Whoever goes makes room, once the server has noticed.
    pages.pop();
    let asking = async { while status_of(server.http_address, "/console/events").await != 200 {} };
    within("there is room", asking).await;
}
