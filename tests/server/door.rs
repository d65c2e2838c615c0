//! The door: connections that are one too many are turned away, and those that nothing comes of are
//! cut; whoever is in the room notices neither.

use crate::support::{
    Connection, Heard, Listener, Peer, Process, Scrape, Server, World, joined_by, left_by, within,
};
use chittychat::wire::pb::MessageType;
use std::{io, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};
use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const CONNECTIONS: &str = "chittychat_connections";
const REFUSED: &str = "chittychat_connections_refused_total";
const TIMED_OUT: &str = "chittychat_connections_timed_out_total";
/// Short enough for a test, and long enough for somebody to join within it.
const SOON: (&str, &str) = ("CHITTYCHAT__LIMITS__IDLE_TIMEOUT", "1s");
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// A connection from this address of the machine, which the server may have reset already.
async fn try_from(ip: &str, server: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(ip.parse().unwrap(), 0)).expect("all of 127.0.0.0/8 is ours");
    within("a connection", socket.connect(server)).await
}

/// A connection from this address of the machine.
async fn from(ip: &str, server: SocketAddr) -> TcpStream {
    try_from(ip, server).await.expect("there is room")
}

/// Whether the server lets in who comes from this address.
async fn lets_in(ip: &str, server: SocketAddr) -> bool {
    match try_from(ip, server).await {
        Ok(mut socket) => is_let_in(&mut socket).await,
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error:?}");
            false
        }
    }
}

/// Whether the server has let a connection in: it greets with its settings, or hangs up.
async fn is_let_in(socket: &mut TcpStream) -> bool {
    // Whoever is turned away may learn of it here already.
    let _ = socket.write_all(PREFACE).await;
    match within("the server greets", socket.read_u8()).await {
        Ok(_) => true,
        Err(error) => {
            let kinds = [io::ErrorKind::ConnectionReset, io::ErrorKind::UnexpectedEof];
            assert!(kinds.contains(&error.kind()), "{error:?}");
            false
        }
    }
}

/// Reads until the server hangs up.
async fn hung_up(mut socket: TcpStream) {
    let mut rest = Vec::new();
    // With a reset, if not all that was sent had been read.
    let _ = within("the server hangs up", socket.read_to_end(&mut rest)).await;
}

#[tokio::test]
async fn connections_over_the_bound_are_turned_away_at_once_and_told_of_in_one_line() {
    const MANY: usize = 200;
    let mut world = World::start_with(&[("CHITTYCHAT__LIMITS__CONNECTIONS", "3")]).await;
    let address = world.server.address;
    let mut third = from("127.0.0.1", address).await;
    assert!(is_let_in(&mut third).await);
    for _ in 0..MANY {
        // Another address does not help: the bound is on all together.
        assert!(!lets_in("127.0.0.2", address).await);
    }
    world.exchange().await;
    let scrape = Scrape::of(&world.server).await;
    assert_eq!(scrape.counted(REFUSED), [("too_many".to_owned(), MANY as f64)]);
    assert_eq!(scrape.get(CONNECTIONS), 3.0);
    drop(third);
    Scrape::until(&world.server, "room", |scrape| scrape.get(CONNECTIONS) == 2.0).await;
    let casper = world.join("Casper").await;
    casper.leave().await;
    world.hear_leave("Casper").await;
    world.server.process.err.wait_for(&["at the door", "as too many, 0 as"]).await;
    let log = world.finish().await;
    let lines = log.iter().filter(|line| line.contains("at the door")).count();
    assert!(lines <= MANY / 40, "{lines} lines about {MANY} connections");
}

#[tokio::test]
async fn an_address_has_its_share_of_connections() {
    let world = World::start_with(&[("CHITTYCHAT__LIMITS__CONNECTIONS_PER_ADDRESS", "3")]).await;
    let address = world.server.address;
    let mut third = from("127.0.0.1", address).await;
    assert!(is_let_in(&mut third).await);
    assert!(!lets_in("127.0.0.1", address).await);
    let mut elsewhere = from("127.0.0.2", address).await;
    assert!(is_let_in(&mut elsewhere).await, "another address has a share of its own");
    let scrape = Scrape::of(&world.server).await;
    assert_eq!(scrape.counted(REFUSED), [("too_many_from_address".to_owned(), 1.0)]);
    drop(third);
    Scrape::until(&world.server, "room", |scrape| scrape.get(CONNECTIONS) == 3.0).await;
    assert!(lets_in("127.0.0.1", address).await);
    world.finish().await;
}

#[tokio::test]
async fn attempts_beyond_so_many_a_second_are_turned_away_and_later_ones_are_not() {
    const MANY: usize = 300;
    let mut world = World::start_with(&[("CHITTYCHAT__LIMITS__ATTEMPTS_PER_SECOND", "20")]).await;
    let mut refused = 0;
    for _ in 0..MANY {
        refused += usize::from(!lets_in("127.0.0.1", world.server.address).await);
    }
    assert!(refused > 0, "none of {MANY} was turned away");
    world.exchange().await;
    let scrape = Scrape::of(&world.server).await;
    assert_eq!(scrape.counted(REFUSED), [("too_fast".to_owned(), refused as f64)]);
    // Whoever asks again gets in.
    let again = async { while !lets_in("127.0.0.1", world.server.address).await {} };
    within("another attempt succeeds", again).await;
    world.finish().await;
}

#[tokio::test]
async fn whoever_is_turned_away_comes_in_when_there_is_room() {
    let mut world = World::start_with(&[("CHITTYCHAT__LIMITS__CONNECTIONS", "3")]).await;
    let casper = world.join("Casper").await;
    let address = format!("http://{}", world.server.address);
    let join = ["join", "--plain", "--server", &address, "--name", "Ditte"];
    let ditte = Process::start(&join, &[]);
    Scrape::until(&world.server, "a refusal", |scrape| scrape.sum(REFUSED) > 0.0).await;
    casper.leave().await;
    world.hear_leave("Casper").await;
    world.hear_join("Ditte").await;
    drop(ditte);
    world.hear_leave("Ditte").await;
    world.finish().await;
}

/// Sends a byte at a time, for ever, until the server hangs up.
async fn trickle(mut socket: TcpStream) {
    let trickling = async {
        // A frame of a type that HTTP/2 does not know, so the server waits for the end of it.
        let endless = b"\x00\x40\x00\x20\x00\x00\x00\x00\x00";
        for byte in PREFACE.iter().chain(endless).chain(std::iter::repeat(&0)) {
            if socket.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    within("the server hangs up", trickling).await;
}

#[tokio::test]
async fn a_connection_that_nothing_comes_of_is_cut() {
    let mut world = World::start_with(&[SOON]).await;
    let address = world.server.address;
    let silent = from("127.0.0.1", address).await;
    let mut greeted = from("127.0.0.1", address).await;
    assert!(is_let_in(&mut greeted).await);
    let trickling = from("127.0.0.1", address).await;
    // A stream on which nobody connects, on a connection that answers pings.
    let (connection, mut stranger) = world.stranger("Casper").await;
    tokio::join!(hung_up(silent), hung_up(greeted), trickle(trickling));
    let Heard::End(_) = stranger.heard().await else { panic!("nobody spoke to it") };
    drop(connection);
    let cut = |scrape: &Scrape| scrape.get(TIMED_OUT) == 4.0 && scrape.get(CONNECTIONS) == 2.0;
    Scrape::until(&world.server, "all four are cut", cut).await;
    world.exchange().await;
    let log = world.finish().await;
    assert!(log.iter().any(|line| line.contains("cut because nothing came of them")), "{log:#?}");
}

#[tokio::test]
async fn a_connection_that_is_of_use_is_not_cut() {
    let world = World::start_with(&[SOON]).await;
    let endpoint = Channel::from_shared(format!("http://{}", world.server.address)).unwrap();
    let mut client = HealthClient::new(endpoint.connect().await.unwrap());
    let mut watch = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 1);
    // Longer than that is idle: another connection comes and is cut meanwhile, twice.
    for _ in 0..2 {
        hung_up(from("127.0.0.1", world.server.address).await).await;
    }
    // A connection is heard to end a moment before it is given back.
    let given_back = |scrape: &Scrape| scrape.get(CONNECTIONS) <= 3.0;
    let scrape = Scrape::until(&world.server, "both are given back", given_back).await;
    assert_eq!((scrape.get(TIMED_OUT), scrape.get(CONNECTIONS)), (2.0, 3.0));
    world.finish().await;
}

#[tokio::test]
async fn whoever_leaves_and_stays_connected_is_cut_and_can_come_back() {
    let mut world = World::start_with(&[SOON]).await;
    let channel = crate::support::channel(world.server.address).await.unwrap();
    for _ in 0..2 {
        let mut casper = Peer::open_on(channel.clone(), "Casper").await.unwrap();
        casper.connect();
        joined_by(&casper.delivery().await, "Casper");
        world.hear_join("Casper").await;
        casper.leave().await;
        world.hear_leave("Casper").await;
        Scrape::until(&world.server, "it is cut", |it| it.get(CONNECTIONS) == 2.0).await;
    }
    world.finish().await;
}

#[tokio::test]
async fn whoever_was_evicted_and_reads_nothing_loses_its_connection() {
    let capacity = ("CHITTYCHAT__ROOM__CAPACITY", "100");
    let mut world = World::start_with(&[SOON, capacity]).await;
    let (mut connection, laggard) = world.join_frozen("Laggard").await;
    for number in 0.. {
        world.anton.say(&format!("{number}"));
        if world.bjarke.delivery().await.r#type() == MessageType::Disconnect {
            break;
        }
    }
    // What was said last may be behind the leave.
    left_by(&world.anton.delivery().await, "Laggard");
    world.bjarke.delivery().await;
    connection.closed().await;
    let cut = |scrape: &Scrape| scrape.get(TIMED_OUT) == 1.0 && scrape.get(CONNECTIONS) == 2.0;
    let scrape = Scrape::until(&world.server, "it is cut", cut).await;
    assert_eq!(scrape.get("chittychat_evictions_total"), 1.0);
    drop(laggard);
    world.finish().await;
}

#[tokio::test]
async fn whoever_broke_the_protocol_or_was_refused_and_reads_nothing_loses_its_connection() {
    let mut world = World::start_with(&[SOON]).await;
    let (_connection, mut casper) = world.join_frozen("Casper").await;
    casper.connect().await;
    world.hear_leave("Casper").await;
    let connection = Connection::open(world.server.address, 16).await;
    let mut impostor = connection.stream("Anton").await;
    impostor.connect().await;
    let cut = |scrape: &Scrape| scrape.get(TIMED_OUT) == 2.0 && scrape.get(CONNECTIONS) == 2.0;
    let scrape = Scrape::until(&world.server, "both are cut", cut).await;
    let rejected = scrape.counted("chittychat_messages_rejected_total");
    let once = |reason: &str| (reason.to_owned(), 1.0);
    assert_eq!(rejected, [once("already_present"), once("second_connect")]);
    drop((casper, impostor));
    world.finish().await;
}

#[tokio::test]
async fn files_are_asked_for_and_some_are_kept_for_others() {
    use nix::sys::resource::{Resource, getrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let mut server = Server::start(&[("CHITTYCHAT__LIMITS__CONNECTIONS", "1000000")]).await;
    let scrape = Scrape::of(&server).await;
    assert_eq!(scrape.get("process_max_fds"), hard as f64);
    if hard < 1_000_000 {
        // Some files are for what is no connection, and the HTTP port has its own.
        let most = format!("at most {} connections at once", hard - 40 - 256);
        server.process.err.wait_for(&[&most, "limits.connections"]).await;
    }
    assert_eq!(server.stop().await, 0);
}
