//! The chat goes on whatever becomes of its traces, and the traces are bounded whatever is sent.

use super::{
    collector::Collector,
    support::{Listener as _, World},
};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// What the server gets to stop in. A collector is given ten seconds to answer, so to stop in much
/// less is not to have waited for it.
const DEADLINE: (&str, &str) = ("CHITTYCHAT__SHUTDOWN__DEADLINE", "2s");
const SOON: Duration = Duration::from_secs(8);

/// A world whose spans go to `endpoint` is none the worse for it, and its log counts them.
async fn suffers(endpoint: &str) {
    let endpoint = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint);
    let small = ("OTEL_BSP_MAX_QUEUE_SIZE", "16");
    let delay = ("OTEL_BSP_SCHEDULE_DELAY", "50");
    let mut world = World::start_with(&[endpoint, small, delay, DEADLINE]).await;
    for _ in 0..50 {
        world.exchange().await;
    }
    let stopping = Instant::now();
    let log = world.finish().await;
    assert!(stopping.elapsed() < SOON, "it took {:?} to stop", stopping.elapsed());
    let last = log.iter().find(|line| line.contains("spans were dropped in all"));
    let last = last.unwrap_or_else(|| panic!("no line counts them: {log:#?}"));
    let words: Vec<_> = last.split(' ').collect();
    let count = words.iter().position(|word| *word == "spans").unwrap() - 1;
    // Two messages an exchange, each with a process and a deliver, and the joins before.
    assert!(words[count].parse::<u32>().unwrap() > 200, "{last}");
    let complaints = log.iter().filter(|line| line.contains("spans were dropped:")).count();
    assert!(complaints <= 1, "once a minute: {log:#?}");
    assert!(!log.iter().any(|line| line.contains("BatchSpanProcessor")), "{log:#?}");
}

#[tokio::test]
async fn a_collector_that_is_not_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    suffers(&endpoint).await;
}

#[tokio::test]
async fn a_collector_that_never_answers() {
    // The system accepts for it; nobody ever reads.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    suffers(&format!("http://{}", listener.local_addr().unwrap())).await;
}

#[tokio::test]
async fn without_an_endpoint_nothing_is_traced() {
    let collector = Collector::start().await;
    let [endpoint, delay] = collector.variables();
    for variables in [&[][..], &[endpoint, delay, ("OTEL_SDK_DISABLED", "true")]] {
        let mut world = World::start_with(variables).await;
        world.anton.say("Hello");
        assert_eq!(world.bjarke.hears("Anton", "Hello").await.traceparent, "");
        world.finish().await;
    }
    let mut world = World::start_with(&[endpoint, delay, ("CHITTYCHAT__TRACE__RATIO", "0")]).await;
    world.anton.say("Hello");
    assert_eq!(world.bjarke.hears("Anton", "Hello").await.traceparent, "");
    world.finish().await;
    let seen = collector.so_far();
    assert!(!seen.iter().any(|span| span.has("messaging.system")), "{seen:#?}");
}

#[tokio::test]
async fn an_endpoint_that_makes_no_sense_is_refused_before_anything_starts() {
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4317")];
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];
    let mut server = super::support::Process::start(&arguments, &variables);
    assert_eq!(server.exit_code().await, 2);
    server.err.wait_for(&["traces cannot be sent to https://collector:4317"]).await;
}

#[tokio::test]
async fn nobody_can_buy_more_spans_than_a_second_brings() {
    let collector = Collector::start().await;
    let [endpoint, delay] = collector.variables();
    let rate = ("CHITTYCHAT__TRACE__SPANS_PER_SECOND", "4");
    let started = Instant::now();
    let mut world = World::start_with(&[endpoint, delay, rate]).await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut traced = 0;
    for number in 0..200 {
        let text = format!("text {number}");
        let mut publish = world.anton.stamped(chittychat::wire::pb::MessageType::Publish, &text);
        publish.traceparent = traceparent.into();
        world.anton.send(publish);
        let heard = world.bjarke.hears("Anton", &text).await;
        // What is not traced here is passed on as it came.
        traced += usize::from(heard.traceparent != traceparent);
    }
    let seconds = usize::try_from(started.elapsed().as_secs()).unwrap() + 1;
    // A message is two spans here, and the last may be on credit.
    assert!(traced <= 2 * (seconds + 1) + 1, "{traced} in {seconds} s");
    world.finish().await;
}
