//! What the server counts, exactly, after conversations of which everything is known; and its log,
//! which holds nobody up.

use crate::support::{Listener, Peer, Scrape, Server, World, left_by, message};
use chittychat::telemetry::metrics::TABLE;
use chittychat::wire::pb::{self, MessageType, NoticeCode};
use tonic::Code;

const RECEIVED: &str = "chittychat_messages_received_total";
const REJECTED: &str = "chittychat_messages_rejected_total";
const DELIVERIES: &str = "chittychat_deliveries_total";
const CLOSED: &str = "chittychat_streams_closed_total";

/// What a family has counted is this and nothing else. Values stand in the order of their labels.
fn has_counted(scrape: &Scrape, family: &str, expected: &[(&str, f64)]) {
    let expected: Vec<_> = expected.iter().map(|(label, n)| ((*label).to_owned(), *n)).collect();
    assert_eq!(scrape.counted(family), expected, "{family}");
}

/// Asks until everything owed is accounted for.
async fn balanced(server: &Server) -> Scrape {
    Scrape::until(server, "the books balance", |scrape| scrape.outstanding() == 0.0).await
}

#[tokio::test]
async fn a_conversation_is_counted_to_the_last_delivery() {
    let mut world = World::start().await;
    let mut casper = world.join("Casper").await;
    for _ in 0..10 {
        world.anton.say("hello");
    }
    for _ in 0..10 {
        world.bjarke.hears("Anton", "hello").await;
    }
    world.anton.say("");
    world.anton.notice(NoticeCode::BadText, "the text is empty").await;
    for _ in 0..10 {
        casper.hears("Anton", "hello").await;
    }
    casper.leave().await;
    world.hear_leave("Casper").await;

    let scrape = balanced(&world.server).await;
    assert_eq!(scrape.get("chittychat_connected_clients"), 2.0);
    let received = [("connect", 3.0), ("disconnect", 1.0), ("publish", 10.0), ("unfit", 1.0)];
    has_counted(&scrape, RECEIVED, &received);
    has_counted(&scrape, REJECTED, &[("text", 1.0)]);
    has_counted(&scrape, CLOSED, &[("disconnected", 1.0)]);
    // Joins 1 + 2 + 3, publishes 10 x 2, a notice, and a leave to two. An Ack is owed to nobody.
    assert_eq!(scrape.get("chittychat_audience_total"), 29.0);
    has_counted(&scrape, DELIVERIES, &[("sent", 29.0)]);
    assert_eq!(scrape.get("chittychat_evictions_total"), 0.0);
    assert_eq!(scrape.get("chittychat_log_lines_dropped_total"), 0.0);

    // Three joins, ten publishes, one leave; the notice is not fanned out.
    assert_eq!(scrape.get("chittychat_fanout_recipients_count"), 14.0);
    assert_eq!(scrape.get("chittychat_fanout_recipients_sum"), 28.0);
    assert_eq!(scrape.get("chittychat_fanout_recipients_bucket{le=\"1\"}"), 1.0);
    assert_eq!(scrape.get("chittychat_fanout_recipients_bucket{le=\"2\"}"), 13.0);
    assert_eq!(scrape.get("chittychat_fanout_duration_seconds_count"), 15.0);
    assert_eq!(scrape.get("chittychat_lamport_jump_count"), 15.0);
    let latencies = scrape.get("chittychat_delivery_latency_seconds_count");
    assert!((3.0..=29.0).contains(&latencies), "each has a sample, none more than deliveries");
    // The leave was told last.
    assert_eq!(scrape.get("chittychat_lamport_time"), world.now() as f64);
    world.finish().await;
}

#[tokio::test]
async fn what_is_owed_is_sent_lagged_or_gone_once_everybody_has_left() {
    const MESSAGES: u32 = 40;
    let is_leave = |delivery: &pb::Message| delivery.r#type() == MessageType::Disconnect;
    let variables = [("CHITTYCHAT__ROOM__CAPACITY", "16"), ("CHITTYCHAT__ROOM__MAX_LAG", "16")];
    let mut world = World::start_with(&variables).await;
    let (connection, frozen) = world.join_frozen("Frozen").await;
    let mut left = false;
    for _ in 0..MESSAGES {
        world.anton.say("keep up");
        while is_leave(&world.bjarke.delivery().await) {
            left = true;
        }
    }
    if !left {
        left_by(&world.bjarke.delivery().await, "Frozen");
    }
    left_by(&world.anton.delivery().await, "Frozen");
    drop((frozen, connection));
    // The others are cut off in the middle of it.
    let mut casper = world.join("Casper").await;
    casper.say("good bye");
    world.anton.hears("Casper", "good bye").await;
    let World { server, anton, bjarke } = world;
    drop((casper, bjarke, anton));

    let empty = |scrape: &Scrape| {
        scrape.get("chittychat_connected_clients") == 0.0 && scrape.outstanding() == 0.0
    };
    let scrape = Scrape::until(&server, "everybody has left", empty).await;
    assert!(scrape.get("chittychat_deliveries_total{outcome=\"lagged\"}") >= 10.0);
    has_counted(&scrape, CLOSED, &[("evicted", 1.0), ("lost", 3.0)]);
    has_counted(&scrape, RECEIVED, &[("connect", 4.0), ("publish", f64::from(MESSAGES + 1))]);
}

/// Somebody's mistake, and the reason that it is counted under.
fn mistakes() -> Vec<(pb::Message, &'static str, Code)> {
    let publish = |time| message(MessageType::Publish, "Ditte", "x", time);
    let connect = |name: &str, time| message(MessageType::Connect, name, "connect message", time);
    let unknown = pb::Message { r#type: 77, ..publish(9) };
    let nobodys = pb::Message { client_reference: None, ..connect("Ditte", 9) };
    vec![
        (publish(9), "not_connected", Code::FailedPrecondition),
        (unknown, "unknown_type", Code::InvalidArgument),
        (nobodys, "missing_reference", Code::InvalidArgument),
        (connect("", 9), "bad_reference", Code::InvalidArgument),
        (connect("Anton", 9), "already_present", Code::AlreadyExists),
        (connect("Ditte", -5), "negative_time", Code::InvalidArgument),
        (connect("Ditte", i64::MAX), "clock_jump", Code::InvalidArgument),
    ]
}

async fn ends(peer: &mut Peer, code: Code) {
    loop {
        if let crate::support::Heard::End(status) = peer.heard().await {
            assert_eq!(status.code(), code, "{status:?}");
            return;
        }
    }
}

#[tokio::test]
async fn what_is_rejected_is_counted_by_its_reason() {
    let mut world = World::start().await;
    let mut expected = Vec::new();
    for (mistake, reason, code) in mistakes() {
        let mut stranger = Peer::open(world.server.address, "Ditte").await;
        stranger.send(mistake);
        ends(&mut stranger, code).await;
        expected.push((reason, 1.0));
    }
    // One who is present breaks the rules, one with a time, and one says nothing and goes.
    let impostor = message(MessageType::Publish, "Anton", "I am a fool", 9);
    let from_afar = message(MessageType::Publish, "Casper", "from afar", i64::MAX);
    let faults = [(impostor, Code::PermissionDenied), (from_afar, Code::InvalidArgument)];
    for (mistake, code) in faults {
        let mut casper = world.join("Casper").await;
        casper.send(mistake);
        ends(&mut casper, code).await;
        world.hear_leave("Casper").await;
    }
    drop(Peer::open(world.server.address, "Nobody").await);
    expected.iter_mut().filter(|(it, _)| *it == "clock_jump").for_each(|(_, n)| *n += 1.0);
    expected.push(("impersonation", 1.0));
    expected.sort_by_key(|(reason, _)| *reason);

    let never = format!("{CLOSED}{{reason=\"never_connected\"}}");
    let gone = |scrape: &Scrape| scrape.get(&never) == 1.0;
    let scrape = Scrape::until(&world.server, "a stranger has gone", gone).await;
    has_counted(&scrape, REJECTED, &expected);
    has_counted(&scrape, RECEIVED, &[("connect", 4.0), ("unfit", 9.0)]);
    has_counted(&scrape, CLOSED, &[("never_connected", 1.0), ("refused", 7.0), ("violated", 2.0)]);
    world.finish().await;
}

#[tokio::test]
async fn what_is_scraped_is_what_the_table_says() {
    let world = World::start().await;
    let scrape = Scrape::of(&world.server).await;
    let declared: Vec<_> = scrape.types.iter().map(|(name, kind)| (&**name, &**kind)).collect();
    let mut table: Vec<_> = TABLE.iter().map(|metric| (metric.name, metric.kind.name())).collect();
    table.sort_unstable();
    assert_eq!(declared, table);
    for metric in TABLE {
        let (label, values) = metric.label.unwrap_or_default();
        for value in values {
            scrape.get(&format!("{}{{{label}=\"{value}\"}}", metric.name));
        }
    }
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(scrape.get(&format!("chittychat_build_info{{version=\"{version}\"}}")), 1.0);
    assert!(scrape.get("process_resident_memory_bytes") > 1e6);
    // The system counts in hundredths of a second, and a scrape takes less than one.
    let is_used = |scrape: &Scrape| scrape.get("process_cpu_seconds_total") > 0.0;
    Scrape::until(&world.server, "CPU time is used, and told in fractions", is_used).await;
    assert!(scrape.get("tokio_workers") >= 1.0);
    assert!(scrape.get("tokio_worker_busy_seconds_total") > 0.0);
    world.finish().await;
}

#[tokio::test]
async fn two_scrapes_have_their_series_in_the_same_order() {
    let world = World::start().await;
    let names = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
    };
    let (_, first) = world.server.get("/metrics").await;
    let (_, second) = world.server.get("/metrics").await;
    let heads = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
    assert_eq!(heads(&first), 2 * TABLE.len());
    assert_eq!(names(&first), names(&second));
    world.finish().await;
}

#[tokio::test]
async fn a_line_of_the_json_log_is_one_flat_object() {
    let variables = [("CHITTYCHAT__LOG__FORMAT", "json"), ("CHITTYCHAT_LOG", "chittychat=debug")];
    let mut world = World::start_with(&variables).await;
    world.exchange().await;
    let log = world.finish().await;
    let lines: Vec<serde_json::Map<_, _>> =
        log.iter().map(|line| serde_json::from_str(line).expect("an object a line")).collect();
    for line in &lines {
        for field in ["timestamp", "level", "target", "message"] {
            assert!(line[field].is_string(), "{field} in {line:?}");
        }
        let is_flat = |value: &serde_json::Value| !value.is_object() && !value.is_array();
        assert!(line.values().all(is_flat), "{line:?}");
    }
    let find = |message: &str| {
        lines.iter().find(|line| line["message"] == message).unwrap_or_else(|| panic!("{lines:#?}"))
    };
    let started = lines.iter().find(|line| {
        line["message"].as_str().is_some_and(|it| it.starts_with("Started server at address"))
    });
    assert!(!started.unwrap().contains_key("participant"));
    let connected = find("Client Anton 127.0.0.1:40 has connected");
    assert_eq!(connected["participant"], "Anton 127.0.0.1:40");
    assert_eq!((&connected["level"], &connected["lamport_time"]), (&"INFO".into(), &3.into()));
    let sent = find("Sent message to client: Bjarke 127.0.0.1:40");
    assert_eq!(sent["target"], "chittychat::delivery");
    assert_eq!(sent["participant"], "Bjarke 127.0.0.1:40");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_nobody_reads_stops_no_conversation() {
    const MESSAGES: usize = 20_000;
    const AT_A_TIME: usize = 500;
    let debug = [("CHITTYCHAT_LOG", "info,chittychat::delivery=debug")];
    let mut server = Server::start_unread(&debug).await;
    let (mut anton, mut bjarke) =
        (Peer::open(server.address, "Anton").await, Peer::open(server.address, "Bjarke").await);
    anton.connect();
    anton.delivery().await;
    bjarke.connect();
    bjarke.delivery().await;
    for _ in 0..MESSAGES / AT_A_TIME {
        (0..AT_A_TIME).for_each(|_| anton.say("is anybody reading this?"));
        for _ in 0..AT_A_TIME {
            bjarke.hears("Anton", "is anybody reading this?").await;
        }
    }
    // Two lines for each message are far more than a pipe and the buffer hold.
    let dropped = |scrape: &Scrape| scrape.get("chittychat_log_lines_dropped_total") > 0.0;
    let scrape = Scrape::until(&server, "lines are dropped", dropped).await;
    has_counted(&scrape, RECEIVED, &[("connect", 2.0), ("publish", MESSAGES as f64)]);
    bjarke.leave().await;
    anton.delivery().await;
    left_by(&anton.delivery().await, "Bjarke");

    // It stops as well, though its last lines are for nobody.
    server.process.signal(nix::sys::signal::Signal::SIGTERM);
    anton.refused(NoticeCode::ShuttingDown, Code::Unavailable, "connect again later").await;
    assert_eq!(server.process.exit_code().await, 0);
}
