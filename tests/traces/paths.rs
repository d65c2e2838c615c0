//! Whose spans a message has, and how they hang together.

use super::{
    collector::{Collector, Seen},
    support::{Listener as _, Peer, Process, Server, World, joined_by, message},
};
use chittychat::{
    commands::serve,
    config::Settings,
    wire::{from_pb::malformed_trace_contexts, pb::MessageType},
};
use nix::sys::signal::Signal;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

const SERVER: &str = "chittychat-server";
const CLIENT: &str = "chittychat-client";

/// A `join` that sends its spans where the variables say.
fn join(server: &Server, variables: &[(&str, &str)], name: &str) -> Process {
    let address = server.address.to_string();
    let arguments = ["join", "--server", &address, "--name", name, "--port", "40"];
    Process::start(&arguments, variables)
}

/// The spans of a trace, the given step of it, in the order of their Lamport times.
fn steps<'a>(spans: &'a [Seen], name: &str) -> Vec<&'a Seen> {
    let mut steps: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    steps.sort_by_key(|span| span.number("lamport.time"));
    steps
}

#[tokio::test]
async fn one_publish_to_two_recipients_is_one_trace_of_six_spans() {
    let collector = Collector::start().await;
    converse(&collector.variables()).await;
    // Whoever has exited has sent all its spans.
    let all = collector.so_far();
    is_one_trace_of_six_spans(&all);

    // Joins, leaves, start and stop, and the streams.
    for (name, count) in [("connect", 3), ("disconnect", 3), ("start", 1), ("stop", 1)] {
        assert_eq!(all.iter().filter(|span| span.name == name).count(), count, "{name}");
    }
    for (name, left) in [("stream opened", [1, 2, 3]), ("stream closed", [0, 1, 2])] {
        let streams = all.iter().filter(|span| span.name == name);
        let mut streams: Vec<_> = streams.map(|span| span.number("chittychat.streams")).collect();
        streams.sort_unstable();
        assert_eq!(streams, left, "{name}");
    }
}

/// Three join, Oliver says one thing, and all leave; then the server stops.
pub async fn converse(variables: &[(&str, &str)]) {
    let mut server = Server::start(variables).await;
    let mut anton = join(&server, variables, "Anton");
    anton.out.wait_for(&["Anton 127.0.0.1:40 has joined"]).await;
    let mut bjarke = join(&server, variables, "Bjarke");
    anton.out.wait_for(&["Bjarke 127.0.0.1:40 has joined"]).await;
    let mut oliver = join(&server, variables, "Oliver");
    for all in [&anton, &bjarke, &oliver] {
        all.out.wait_for(&["Oliver 127.0.0.1:40 has joined"]).await;
    }
    oliver.tell("Hi there");
    anton.out.wait_for(&["Hi there"]).await;
    bjarke.out.wait_for(&["Hi there"]).await;
    for one in [&mut anton, &mut bjarke, &mut oliver] {
        one.tell("exit");
        assert_eq!(one.exit_code().await, 0);
    }
    assert_eq!(server.stop().await, 0);
}

/// Checks the spans of what Oliver said.
pub fn is_one_trace_of_six_spans(all: &[Seen]) {
    let [publish] = &steps(all, "publish")[..] else { panic!("one publish: {all:#?}") };
    let spans: Vec<_> = all.iter().filter(|span| span.trace == publish.trace).cloned().collect();
    assert_eq!(spans.len(), 6, "{spans:#?}");
    let process = steps(&spans, "process")[0];
    let (delivers, receives) = (steps(&spans, "deliver"), steps(&spans, "receive"));
    assert_eq!((delivers.len(), receives.len()), (2, 2));

    // As in the report's second conversation: Oliver says it at 13 and it reaches the server at 14.
    let facts = |span: &Seen| {
        let time = span.number("lamport.time");
        (span.kind, span.text("lamport.node").to_owned(), time)
    };
    let oliver = "Oliver 127.0.0.1:40".to_owned();
    assert_eq!(facts(publish), (SpanKind::Producer, oliver, 13));
    assert_eq!(publish.parent, "");
    assert_eq!(facts(process), (SpanKind::Consumer, "server".into(), 14));
    assert_eq!(process.parent, publish.id);
    assert_eq!(process.number("lamport.cause.time"), 13);
    assert_eq!(process.text("lamport.cause.node"), "Oliver 127.0.0.1:40");
    for (deliver, time) in delivers.iter().zip([15, 16]) {
        assert_eq!(facts(deliver), (SpanKind::Producer, "server".into(), time));
        assert_eq!(deliver.parent, process.id);
        let to_it = receives.iter().find(|receive| receive.parent == deliver.id).unwrap();
        assert_eq!(to_it.kind, SpanKind::Consumer);
        assert_eq!(to_it.text("lamport.node"), deliver.text("chittychat.peer"));
        assert_eq!(to_it.text("lamport.cause.node"), "server");
        assert_eq!(to_it.number("lamport.cause.time"), time);
        assert!(to_it.number("lamport.time") > time);
    }
    for (span, (service, event)) in [
        (publish, (CLIENT, "send")),
        (&process, (SERVER, "receive")),
        (&delivers[0], (SERVER, "send")),
        (&receives[0], (CLIENT, "receive")),
    ] {
        assert_eq!((span.text("service.name"), span.text("lamport.event")), (service, event));
        assert_eq!(span.text("chittychat.message.type"), "publish");
        assert_eq!(span.text("messaging.operation.name"), span.name);
        assert_eq!(span.text("rpc.method"), "proto.ChittyChatService/SendMessage");
    }
    assert_eq!(publish.text("service.instance.id"), "Oliver 127.0.0.1:40");
    let told = |span: &Seen| format!("{:?}", span.attributes).contains("Hi there");
    assert!(!all.iter().any(told), "what was said is nobody's business");
}

#[tokio::test]
async fn a_publish_without_a_trace_starts_one_at_the_server() {
    let collector = Collector::start().await;
    let [endpoint, delay] = collector.variables();
    let text = ("CHITTYCHAT__TRACE__MESSAGE_TEXT", "true");
    let mut world = World::start_with(&[endpoint, delay, text]).await;
    world.anton.say("Hello");
    let heard = world.bjarke.hears("Anton", "Hello").await;
    let trace = heard.traceparent.split('-').nth(1).unwrap().to_owned();
    let spans = collector.wait_for(2, |span| span.trace == trace).await;
    let (process, deliver) = (steps(&spans, "process")[0], steps(&spans, "deliver")[0]);
    assert_eq!((&*process.parent, &deliver.parent), ("", &process.id));
    assert_eq!(heard.traceparent, deliver.traceparent());
    assert_eq!(process.text("chittychat.message.text"), "Hello");
    world.finish().await;
}

#[tokio::test]
async fn a_sampled_context_is_continued_and_an_unsampled_one_is_passed_on_as_it_is() {
    let collector = Collector::start().await;
    let mut world = World::start_with(&collector.variables()).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    for (flags, is_traced) in [("00", false), ("01", true)] {
        let traceparent = format!("00-{trace}-b7ad6b7169203331-{flags}");
        let mut publish = world.anton.stamped(MessageType::Publish, "Hello");
        publish.traceparent.clone_from(&traceparent);
        publish.tracestate = "vendor=1".into();
        world.anton.send(publish);
        let heard = world.bjarke.hears("Anton", "Hello").await;
        assert_eq!(heard.traceparent.split('-').nth(1), Some(trace));
        assert_eq!(heard.traceparent != traceparent, is_traced, "{}", heard.traceparent);
        assert_eq!(heard.tracestate, "vendor=1");
    }
    world.finish().await;
    let spans = collector.so_far();
    let spans: Vec<_> = spans.into_iter().filter(|span| span.trace == trace).collect();
    assert_eq!(spans.len(), 2, "a process and a deliver: {spans:#?}");
    assert_eq!(steps(&spans, "process")[0].parent, "b7ad6b7169203331");
}

#[tokio::test]
async fn a_malformed_context_is_ignored_and_counted() {
    let mut settings = Settings::default();
    settings.grpc.listen.set_port(0);
    settings.http.listen.set_port(0);
    let server = serve::Server::start(&settings).await.unwrap();
    let mut anton = Peer::open(server.address, "Anton").await;
    anton.connect();
    joined_by(&anton.delivery().await, "Anton");
    let mut bjarke = Peer::open(server.address, "Bjarke").await;
    bjarke.connect();
    joined_by(&bjarke.delivery().await, "Bjarke");

    let before = malformed_trace_contexts();
    let mut publish = anton.stamped(MessageType::Publish, "Hello");
    publish.traceparent = "00-00000000000000000000000000000000-b7ad6b7169203331-01".into();
    publish.tracestate = "vendor=1".into();
    anton.send(publish);
    let heard = bjarke.hears("Anton", "Hello").await;
    assert_eq!((&*heard.traceparent, &*heard.tracestate), ("", ""));
    assert!(malformed_trace_contexts() > before);
    server.drain(settings.shutdown.deadline).await;
}

#[tokio::test]
async fn a_large_audience_shares_one_span() {
    let collector = Collector::start().await;
    let [endpoint, delay] = collector.variables();
    let most = ("CHITTYCHAT__TRACE__MAX_DELIVER_SPANS", "1");
    let mut world = World::start_with(&[endpoint, delay, most]).await;
    let mut oliver = world.join("Oliver").await;
    world.anton.say("Hello");
    let heard = world.bjarke.hears("Anton", "Hello").await;
    assert_eq!(oliver.hears("Anton", "Hello").await.traceparent, heard.traceparent);
    let trace = heard.traceparent.split('-').nth(1).unwrap().to_owned();
    oliver.leave().await;
    world.hear_leave("Oliver").await;
    world.finish().await;

    let spans = collector.so_far();
    let ours: Vec<_> = spans.iter().filter(|span| span.trace == trace).cloned().collect();
    assert_eq!(ours.len(), 2, "{ours:#?}");
    let deliver = steps(&ours, "deliver")[0];
    assert_eq!(heard.traceparent, deliver.traceparent());
    assert_eq!(deliver.number("messaging.batch.message_count"), 2);
    let times = (deliver.number("lamport.time"), deliver.number("lamport.time.last"));
    assert_eq!(times, (heard.time.min(times.0), times.0 + 1));
    // The answer to a Disconnect goes to one, and has a span of its own.
    let is_ack = |span: &&Seen| span.has("lamport.time") && span.attributes.values().any(is_ack);
    assert_eq!(spans.iter().filter(is_ack).count(), 1);
}

fn is_ack(value: &opentelemetry_proto::tonic::common::v1::any_value::Value) -> bool {
    format!("{value:?}") == r#"StringValue("ack")"#
}

#[tokio::test]
async fn refusals_losses_and_the_closing_are_traced() {
    let collector = Collector::start().await;
    let mut world = World::start_with(&collector.variables()).await;
    world.anton.say("");
    let notice = world.anton.delivery().await;
    let oliver = world.join("Oliver").await;
    oliver.cancel();
    let left = world.hear_leave("Oliver").await;
    world.anton.send(message(MessageType::Publish, "Anton", "", -1));
    let _ = world.anton.end().await;
    let closed = world.bjarke.delivery().await;
    world.server.process.signal(Signal::SIGTERM);
    let shutting_down = world.bjarke.delivery().await;
    assert_eq!(world.server.process.exit_code().await, 0);

    let spans = collector.so_far();
    let named = |traceparent: &str| {
        let deliver = spans.iter().find(|span| span.traceparent() == traceparent).unwrap();
        let cause = spans.iter().find(|span| span.id == deliver.parent).unwrap();
        (deliver, cause)
    };
    let (told, refused) = named(&notice.traceparent);
    assert_eq!((&*told.name, told.text("chittychat.message.type")), ("deliver", "notice"));
    assert_eq!((&*refused.name, refused.text("error.type")), ("process", "bad_text"));
    assert!(refused.is_error);
    let lost = steps(&spans, "lose")[0];
    assert_eq!((lost.number("lamport.time"), lost.text("lamport.event")), (left, "local"));
    // A time that is no time is not witnessed: the message is no event, and its sender is lost.
    let (_, violation) = named(&closed.traceparent);
    assert_eq!(violation.name, "lose");
    assert_eq!(named(&shutting_down.traceparent).1.name, "close");
}

#[tokio::test]
async fn the_lines_of_the_json_log_name_trace_and_span() {
    let collector = Collector::start().await;
    let arguments = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--http-listen",
        "127.0.0.1:0",
        "--log-format",
        "json",
    ];
    let mut server = Process::start(&arguments, &collector.variables());
    let line = server.err.wait_for(&["Started server at address: "]).await;
    let (_, port) = line.split_once("and at port: ").unwrap();
    let port: u16 = port.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
    let mut anton = Peer::open(([127, 0, 0, 1], port).into(), "Anton").await;
    anton.connect();
    let heard = anton.delivery().await;
    let trace = heard.traceparent.split('-').nth(1).unwrap();
    let line = server.err.wait_for(&["has connected"]).await;
    assert!(line.contains(&format!("\"trace_id\":\"{trace}\"")), "{line}");
    let spans = collector.wait_for(2, |span| span.trace == trace).await;
    let span = &steps(&spans, "process")[0].id;
    assert!(line.contains(&format!("\"span_id\":\"{span}\"")), "{line}");
    anton.leave().await;
    server.signal(Signal::SIGTERM);
    assert_eq!(server.exit_code().await, 0);
}
