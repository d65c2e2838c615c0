//! What one participant, one connection and one address may ask for: whatever is over a limit is
//! refused with a status that says which limit it was, and is counted. For connections see `door`.

use crate::support::{Listener, Peer, Scrape, World, joined_by, within};
use bytes::Bytes;
use chittychat::wire::pb::NoticeCode;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tonic::{Code, Status, transport::Endpoint};

const REJECTED: &str = "chittychat_messages_rejected_total";
const REFUSED: &str = "chittychat_requests_refused_total";

fn once(reason: &str) -> Vec<(String, f64)> {
    vec![(reason.to_owned(), 1.0)]
}

/// Opens a stream from this address of the machine.
async fn open_from(ip: &str, server: SocketAddr, name: &str) -> Peer {
    let endpoint = Endpoint::from_shared(format!("http://{server}")).expect("it is a URI");
    let endpoint = endpoint.local_address(Some(ip.parse().expect("an address")));
    let channel = within("a connection", endpoint.connect()).await.expect("there is room");
    Peer::open_on(channel, name).await.expect("the server takes streams")
}

#[tokio::test]
async fn an_address_has_its_share_of_participants() {
    let limit = ("CHITTYCHAT__LIMITS__PARTICIPANTS_PER_ADDRESS", "3");
    let mut world = World::start_with(&[limit]).await;
    let casper = world.join("Casper").await;
    let mut ditte = Peer::open(world.server.address, "Ditte").await;
    let before = world.now();
    ditte.connect();
    let words = "too many participants come from your address; 3 are allowed";
    ditte.refused(NoticeCode::ConnectRefused, Code::ResourceExhausted, words).await;
    let scrape = Scrape::of(&world.server).await;
    assert_eq!(scrape.counted(REJECTED), once("address_full"));
    // The refused message was an event of the server, and so was the notice.
    assert!(scrape.get("chittychat_lamport_time") >= (before + 2) as f64);

    let mut elsewhere = open_from("127.0.0.2", world.server.address, "Ditte").await;
    elsewhere.connect();
    joined_by(&elsewhere.delivery().await, "Ditte");
    world.hear_join("Ditte").await;
    let mut casper = casper;
    joined_by(&casper.delivery().await, "Ditte");
    // Who goes makes room, however they go.
    drop(casper.cancel());
    world.hear_leave("Casper").await;
    let eskil = world.join("Eskil").await;
    eskil.leave().await;
    world.hear_leave("Eskil").await;
    drop(elsewhere);
    world.hear_leave("Ditte").await;
    let log = world.finish().await;
    let told = log.iter().filter(|line| line.contains(words)).count();
    assert_eq!(told, 1, "{log:#?}");
}

#[tokio::test]
async fn a_burst_is_let_through_and_what_is_over_it_is_not() {
    let rate = ("CHITTYCHAT__LIMITS__MESSAGES_PER_SECOND", "1");
    let burst = ("CHITTYCHAT__LIMITS__MESSAGE_BURST", "20");
    let mut world = World::start_with(&[rate, burst]).await;
    let mut casper = world.join("Casper").await;
    (0..200).for_each(|number| casper.say(&format!("{number}")));
    // The Connect was one of the twenty.
    for number in 0..19 {
        world.anton.hears("Casper", &format!("{number}")).await;
        world.bjarke.hears("Casper", &format!("{number}")).await;
    }
    casper.notice(NoticeCode::RateLimited, "1 a second are allowed").await;
    let scrape = Scrape::of(&world.server).await;
    assert!(scrape.get(&format!("{REJECTED}{{reason=\"too_fast\"}}")) >= 1.0);
    drop(casper);
    // A few more may have got through while all that took its time.
    while !world.anton.delivery().await.text.contains("has left") {}
    while !world.bjarke.delivery().await.text.contains("has left") {}
    world.exchange().await;
    world.finish().await;
}

/// Sends a request with a header of this many bytes, and returns the HTTP status and gRPC's.
async fn with_header(
    requests: &mut h2::client::SendRequest<Bytes>,
    bytes: usize,
) -> (u16, Option<Status>) {
    let request = http::Request::post("http://chat/proto.ChittyChatService/SendMessage")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("x-much", "x".repeat(bytes))
        .body(())
        .expect("a request");
    let (response, _sending) = requests.send_request(request, false).expect("it can be sent");
    let response = within("an answer", response).await.expect("there is an answer");
    (response.status().as_u16(), Status::from_header_map(response.headers()))
}

#[tokio::test]
async fn headers_over_the_bound_are_refused_with_a_status() {
    let mut world = World::start().await;
    let socket = TcpStream::connect(world.server.address).await.expect("a connection");
    let (mut requests, driver) = h2::client::handshake(socket).await.expect("HTTP/2");
    tokio::spawn(async move { driver.await.unwrap_or_default() });
    let (http, status) = with_header(&mut requests, 9000).await;
    let status = status.expect("a gRPC status");
    assert_eq!((http, status.code()), (200, Code::ResourceExhausted), "{status:?}");
    let is_told = status.message().starts_with("the headers have 9") // and some hundred bytes
        && status.message().ends_with("bytes; 8192 are allowed");
    assert!(is_told, "{status:?}");
    let scrape = Scrape::of(&world.server).await;
    assert_eq!(scrape.counted(REFUSED), once("headers"));
    // Far beyond it HTTP/2 itself answers.
    assert_eq!(with_header(&mut requests, 40_000).await.0, 431);
    world.exchange().await;
    world.finish().await;
}

#[tokio::test]
async fn streams_over_the_bound_of_their_connection_are_refused_with_a_status() {
    let limit = ("CHITTYCHAT__LIMITS__STREAMS_PER_CONNECTION", "2");
    let mut world = World::start_with(&[limit]).await;
    let channel = crate::support::channel(world.server.address).await.expect("a connection");
    let join = async |world: &mut World, name: &str| {
        let mut peer = Peer::open_on(channel.clone(), name).await.expect("there is room");
        peer.connect();
        joined_by(&peer.delivery().await, name);
        world.hear_join(name).await;
        peer
    };
    let casper = join(&mut world, "Casper").await;
    let mut ditte = join(&mut world, "Ditte").await;
    let mut casper = casper;
    joined_by(&casper.delivery().await, "Ditte");
    let refused = Peer::open_on(channel.clone(), "Eskil").await.expect_err("there is no room");
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    let words = "this connection has 2 streams, and more are not allowed; open another connection";
    assert_eq!(refused.message(), words);
    let scrape = Scrape::of(&world.server).await;
    assert_eq!(scrape.counted(REFUSED), once("streams"));
    casper.leave().await;
    world.hear_leave("Casper").await;
    crate::support::left_by(&ditte.delivery().await, "Casper");
    let eskil = join(&mut world, "Eskil").await;
    joined_by(&ditte.delivery().await, "Eskil");
    drop((ditte, eskil));
    for _ in 0..2 {
        world.anton.delivery().await;
        world.bjarke.delivery().await;
    }
    world.finish().await;
}
