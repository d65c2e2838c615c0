//! Health, reflection and probes, and every way in which the server stops.

use crate::support::{
    Connection, Listener, Peer, Process, Server, World, channel, joined_by, within,
};
use chittychat::wire::{SERVICE, pb::NoticeCode};
use nix::sys::signal::Signal;
use prost::Message as _;
use std::{net::TcpListener, time::Duration};
use tokio::{net::TcpSocket, net::TcpStream, time::Instant};
use tonic::{Code, Streaming, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_client::HealthClient,
};

/// The deadline of those tests in which somebody does not go.
const SHORT: (&str, &str) = ("CHITTYCHAT__SHUTDOWN__DEADLINE", "2s");
/// What a process may take beyond its deadline: to notice the signal, and to exit.
const MARGIN: Duration = Duration::from_secs(3);
/// A deadline that no test waits for.
const LONG: (&str, &str) = ("CHITTYCHAT__SHUTDOWN__DEADLINE", "10m");

fn about(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

async fn health(server: &Server) -> HealthClient<Channel> {
    HealthClient::new(channel(server.address).await.expect("the server takes connections"))
}

async fn next_health(watch: &mut Streaming<HealthCheckResponse>) -> ServingStatus {
    let answer = within("news of the health", watch.message()).await;
    answer.expect("the watch goes on").expect("the watch goes on").status()
}

#[tokio::test]
async fn health_is_known_of_the_server_and_of_the_chat_and_of_nothing_else() {
    let world = World::start().await;
    let mut health = health(&world.server).await;
    for service in ["", SERVICE] {
        let answer = health.check(about(service)).await.expect("an answer");
        assert_eq!(answer.get_ref().status(), ServingStatus::Serving, "{service:?}");
    }
    let unknown = health.check(about("proto.Nobody")).await.expect_err("there is no such service");
    assert_eq!(unknown.code(), Code::NotFound);
    world.finish().await;
}

#[tokio::test]
async fn whoever_watches_the_health_sees_the_drain() {
    let world = World::start().await;
    let mut watches = Vec::new();
    for service in ["", SERVICE] {
        let answer = health(&world.server).await.watch(about(service)).await;
        let mut watch = answer.expect("a watch").into_inner();
        assert_eq!(next_health(&mut watch).await, ServingStatus::Serving, "{service:?}");
        watches.push(watch);
    }
    let seen = tokio::spawn(async move {
        let mut seen = Vec::new();
        for watch in &mut watches {
            seen.push(next_health(watch).await);
        }
        seen
    });
    world.finish().await;
    let seen = within("both watches see it", seen).await.expect("both watches see it");
    assert_eq!(seen, [ServingStatus::NotServing; 2]);
}

/// What a tool would ask a reflection service, in one of its two versions: the services there are,
/// and the file of one of them.
macro_rules! reflected {
    ($version:ident, $server:expr) => {{
        use tonic_reflection::pb::$version::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        };
        let questions = [
            MessageRequest::ListServices(String::new()),
            MessageRequest::FileContainingSymbol(SERVICE.to_owned()),
        ];
        let questions = questions.map(|question| ServerReflectionRequest {
            host: String::new(),
            message_request: Some(question),
        });
        let channel = channel($server.address).await.expect("the server takes connections");
        let questions = tokio_stream::iter(questions);
        let call = ServerReflectionClient::new(channel).server_reflection_info(questions).await;
        let mut answers = call.expect("an answer").into_inner();
        let mut services = Vec::new();
        let mut files = Vec::new();
        while let Some(answer) = within("an answer", answers.message()).await.expect("an answer") {
            match answer.message_response.expect("it says something") {
                MessageResponse::ListServicesResponse(list) => {
                    services.extend(list.service.into_iter().map(|service| service.name));
                }
                MessageResponse::FileDescriptorResponse(answer) => {
                    files.extend(answer.file_descriptor_proto);
                }
                other => panic!("not what was asked for: {other:?}"),
            }
        }
        (services, files)
    }};
}

/// The services are all there, and the file of the chat explains itself.
fn explains_itself((services, files): (Vec<String>, Vec<Vec<u8>>)) {
    for service in [SERVICE, "grpc.health.v1.Health"] {
        assert!(services.iter().any(|name| name == service), "{service}: {services:?}");
    }
    let [file] = &files[..] else { panic!("one file was asked for: {}", files.len()) };
    let file = prost_types::FileDescriptorProto::decode(&file[..]).expect("a file descriptor");
    let methods = file.service.iter().flat_map(|service| &service.method);
    assert_eq!(methods.map(|method| method.name()).collect::<Vec<_>>(), ["SendMessage"]);
    let source = file.source_code_info.expect("comments are part of it");
    let comments: Vec<_> =
        source.location.iter().map(|location| location.leading_comments().trim()).collect();
    for words in ["The first message must be a CONNECT", "1 to 128 characters on a PUBLISH"] {
        assert!(comments.iter().any(|comment| comment.contains(words)));
    }
}

#[tokio::test]
async fn reflection_lists_the_services_and_explains_the_chat() {
    let world = World::start().await;
    explains_itself(reflected!(v1, world.server));
    explains_itself(reflected!(v1alpha, world.server));
    world.finish().await;
}

#[tokio::test]
async fn probes_say_live_throughout_and_ready_until_the_drain() {
    let mut world = World::start_with(&[LONG]).await;
    assert_eq!(world.server.get("/livez").await, (200, "live\n".to_owned()));
    assert_eq!(world.server.get("/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(world.server.get("/nothing").await.0, 404);
    let frozen = world.join_frozen("Frozen").await;
    world.server.process.signal(Signal::SIGTERM);
    stopping(&mut world.anton).await;
    assert_eq!(world.server.get("/livez").await, (200, "live\n".to_owned()));
    assert_eq!(world.server.get("/readyz").await, (503, "not ready\n".to_owned()));
    drop(frozen);
    assert_eq!(world.server.process.exit_code().await, 0);
}

/// A participant is told that the server stops, and then its stream ends.
async fn stopping(peer: &mut impl Listener) {
    peer.refused(NoticeCode::ShuttingDown, Code::Unavailable, "connect again later").await;
}

#[tokio::test]
async fn everybody_is_told_and_the_server_stops_long_before_its_deadline() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut world = World::start_with(&[LONG]).await;
        let mut casper = world.join("Casper").await;
        casper.half_close();
        let (_connection, mut raw) = world.join_raw("Ditte").await;
        joined_by(&casper.delivery().await, "Ditte");
        let mut silent = Peer::open(world.server.address, "Silent").await;
        world.server.process.signal(signal);
        stopping(&mut world.anton).await;
        stopping(&mut world.bjarke).await;
        stopping(&mut casper).await;
        stopping(&mut raw).await;
        // Who never said a word is no participant: the end, and no notice.
        silent.ended_with(Code::Unavailable, "connect again later").await;
        assert_eq!(world.server.process.exit_code().await, 0);
        let lost = ["Lost client: ", "(the server stopped)"];
        assert_eq!(world.server.process.err.count(&lost), 4);
    }
}

#[tokio::test]
async fn nobody_gets_in_during_the_drain() {
    let mut world = World::start_with(&[LONG]).await;
    let (connection, _frozen) = world.join_frozen("Frozen").await;
    let open = channel(world.server.address).await.expect("the server takes connections");
    let mut early = Peer::open_on(open.clone(), "Early").await.expect("the server takes streams");
    world.server.process.signal(Signal::SIGTERM);
    stopping(&mut world.anton).await;
    stopping(&mut world.bjarke).await;
    // On a stream that was open before, on a connection that was, and on a new one.
    early.connect();
    early.ended_with(Code::Unavailable, "connect again later").await;
    for channel in [Ok(open), channel(world.server.address).await] {
        // The connection may be closed before there is a stream on it; the log has the last word.
        let Ok(channel) = channel else { continue };
        let Ok(mut late) = Peer::open_on(channel, "Late").await else { continue };
        late.connect();
        late.ended_with(Code::Unavailable, "").await;
    }
    drop(connection);
    assert_eq!(world.server.process.exit_code().await, 0);
    for name in ["Early", "Late"] {
        let came_in = format!("Client {name} 127.0.0.1:40 has connected");
        assert_eq!(world.server.process.err.count(&[&came_in]), 0);
    }
}

#[tokio::test]
async fn neither_a_frozen_client_nor_an_idle_connection_outlasts_the_deadline() {
    let mut world = World::start_with(&[SHORT]).await;
    let _frozen = world.join_frozen("Frozen").await;
    let _idle = TcpStream::connect(world.server.address).await.expect("a connection");
    let _idle_probe = TcpStream::connect(world.server.http_address).await.expect("a connection");
    let start = Instant::now();
    world.server.process.signal(Signal::SIGTERM);
    stopping(&mut world.anton).await;
    stopping(&mut world.bjarke).await;
    assert_eq!(world.server.process.exit_code().await, 0);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(2) + MARGIN, "it took {took:?}");
    assert_eq!(world.server.process.err.count(&["some participants did not go"]), 1);
}

#[tokio::test]
async fn connections_that_hold_no_participant_are_not_waited_for() {
    let mut server = Server::start(&[LONG]).await;
    let _idle = TcpStream::connect(server.address).await.expect("a connection");
    let _quiet = Connection::open(server.address, 65_535).await;
    let watch = health(&server).await.watch(about("")).await.expect("a watch");
    assert_eq!(server.stop().await, 0);
    drop(watch);
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut world = World::start_with(&[LONG]).await;
    let _frozen = world.join_frozen("Frozen").await;
    world.server.process.signal(Signal::SIGINT);
    stopping(&mut world.anton).await;
    world.server.process.signal(Signal::SIGINT);
    assert_eq!(world.server.process.exit_code().await, 130);
}

#[tokio::test]
async fn a_port_in_use_is_a_sentence_and_exit_code_1() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    for (flag, other, setting) in
        [("--listen", "--http-listen", "grpc.listen"), ("--http-listen", "--listen", "http.listen")]
    {
        let arguments = ["serve", flag, &address, other, "127.0.0.1:0"];
        let mut process = Process::start(&arguments, &[]);
        assert_eq!(process.exit_code().await, 1);
        let said = process.err.so_far();
        let [line] = &said[..] else { panic!("one sentence and nothing else: {said:?}") };
        let sentence = format!("error: cannot listen on {address} ({setting}): ");
        assert!(line.starts_with(&sentence), "{line}");
        assert!(line.contains("choose another port, or 0 for a free one"), "{line}");
    }
}

/// The exit code of a health check, and what it says.
async fn healthcheck(arguments: &[&str]) -> (i32, Vec<String>) {
    let mut process = Process::start(&[&["healthcheck"], arguments].concat(), &[]);
    (process.exit_code().await, process.err.so_far())
}

#[tokio::test]
async fn the_health_check_is_an_exit_code_and_on_failure_a_sentence() {
    let world = World::start().await;
    let address = world.server.address.to_string();
    let healthy = (0, Vec::new());
    assert_eq!(healthcheck(&["--server", &address]).await, healthy);
    assert_eq!(healthcheck(&["--server", &address, "--service", SERVICE]).await, healthy);
    let (code, said) = healthcheck(&["--server", &address, "--service", "proto.Nobody"]).await;
    assert_eq!((code, said), (1, vec![format!("error: {address} has no such service")]));
    world.finish().await;

    // A port that is taken, and on which nobody listens.
    let closed = TcpSocket::new_v4().expect("a socket");
    closed.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    let address = closed.local_addr().expect("an address").to_string();
    let (code, said) = healthcheck(&["--server", &address]).await;
    assert_eq!((code, said.len()), (1, 1), "{said:?}");
    assert!(said[0].starts_with(&format!("error: cannot reach {address}: ")), "{said:?}");

    // One on which somebody listens and does not answer.
    let mute = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = mute.local_addr().expect("an address").to_string();
    let (code, said) = healthcheck(&["--server", &address, "--timeout", "100ms"]).await;
    let sentence = format!("error: {address} did not answer within 100ms");
    assert_eq!((code, said), (1, vec![sentence]));
}
