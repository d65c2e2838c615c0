//! The load generator against the server, both as processes: what it counts, checks and prints.

use super::support::{Process, Server};

/// A run against this server, and its standard output.
async fn run(server: &Server, arguments: &[&str]) -> (i32, String) {
    let address = server.address.to_string();
    let common = ["bench", "--server", &address, "--participants", "20"];
    let mut bench = Process::start(&[&common[..], arguments].concat(), &[]);
    let code = bench.exit_code().await;
    assert_eq!(bench.err.so_far(), Vec::<String>::new(), "quiet where nobody watches");
    (code, bench.out.so_far().join("\n"))
}

/// A run that ends well, read from its JSON.
async fn measured(server: &Server, arguments: &[&str]) -> serde_json::Value {
    let (code, json) = run(server, &[arguments, &["--format", "json"]].concat()).await;
    assert_eq!(code, 0, "{json}");
    serde_json::from_str(&json).expect("it is JSON")
}

#[tokio::test]
async fn a_burst_is_delivered_and_measured() {
    let mut server = Server::start(&[]).await;
    let pid = server.process.pid().to_string();
    let (code, text) = run(&server, &["--burst", "200", "--pid", &pid]).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("sent       200 messages, 3800 deliveries in "), "{text}");
    assert!(text.contains("checked    nothing lost, doubled or out of order"), "{text}");
    #[cfg(target_os = "linux")]
    assert!(text.contains("\nserver     ") && text.contains("\ngenerator  "), "{text}");

    let shared = ["--burst", "200", "--publishers", "20", "--connections", "shared"];
    let report = measured(&server, &shared).await;
    assert_eq!((&report["deliveries"], &report["connections"]), (&3800.into(), &1.into()));
    assert_eq!(server.stop().await, 0);
    assert_eq!(server.process.err.count(&["Lost client"]), 0, "everybody leaves politely");
}

#[tokio::test]
async fn an_open_loop_counts_from_the_intended_times() {
    let server = Server::start(&[]).await;
    let report = measured(&server, &["--rate", "100", "--duration", "1s"]).await;
    assert_eq!((&report["messages"], &report["deliveries"]), (&100.into(), &1900.into()));
    assert_eq!(report["violation"], serde_json::Value::Null);
    let latency = &report["latency_us"];
    assert!(
        latency["p50"].as_f64() > Some(0.0) && latency["max"].as_f64() >= latency["p999"].as_f64()
    );

    let churning = ["--rate", "200", "--duration", "1s", "--churn", "20", "--publishers", "3"];
    for how in ["each", "7"] {
        let report = measured(&server, &[&churning[..], &["--connections", how]].concat()).await;
        assert_eq!(report["messages"], 200);
        assert!(report["leaves"].as_u64() > Some(0), "{report}");
    }
}

#[tokio::test]
async fn with_a_wake_window_nothing_is_lost_and_nobody_waits_longer() {
    let server = Server::start(&[("CHITTYCHAT__ROOM__WAKE_WINDOW", "20ms")]).await;
    // Alone, a message is the first after a pause. Of those that follow it within the window, one is
    // on its way at a time: each has to wait for the window's end.
    let report = measured(&server, &["--burst", "20", "--in-flight", "1"]).await;
    assert_eq!(report["deliveries"], 380);
    assert!(report["seconds"].as_f64() >= Some(19.0 * 0.020), "{report}");
    let report = measured(&server, &["--rate", "500", "--duration", "1s"]).await;
    assert_eq!(report["deliveries"], 9500);
    let churning = ["--in-flight", "8", "--duration", "1s", "--publishers", "2", "--churn", "20"];
    assert_eq!(measured(&server, &churning).await["violation"], serde_json::Value::Null);
}

#[tokio::test]
async fn one_at_a_time_and_texts_of_any_size() {
    let server = Server::start(&[]).await;
    for bytes in ["16", "128", "464"] {
        let arguments = ["--burst", "20", "--in-flight", "1", "--text-bytes", bytes];
        assert_eq!(measured(&server, &arguments).await["deliveries"], 380);
    }
}

#[tokio::test]
async fn a_closed_loop_goes_on_for_its_time_while_people_come_and_go() {
    let server = Server::start(&[]).await;
    let loads = ["--in-flight", "8", "--duration", "1s", "--publishers", "2"];
    let report = measured(&server, &[&loads[..], &["--churn", "20"]].concat()).await;
    let count = |name: &str| report[name].as_u64().expect("it is a number");
    assert!(count("messages") > 100, "as many as go: {report}");
    assert!(count("leaves") > 0 && count("deliveries") > 10 * count("messages"), "{report}");
    assert_eq!(report["violation"], serde_json::Value::Null);
    assert_eq!(report["joining"]["deliveries"], 20 * 21 / 2, "each join is told to all");
    let report = measured(&server, &["--burst", "1", "--join-rate", "50"]).await;
    assert!(report["joining"]["seconds"].as_f64() >= Some(20.0 / 50.0), "{report}");
}

#[tokio::test]
async fn a_server_that_refuses_messages_fails_the_run() {
    let server = Server::start(&[("CHITTYCHAT__LIMITS__MESSAGES_PER_SECOND", "5")]).await;
    let address = server.address.to_string();
    let arguments = ["bench", "--server", &address, "--participants", "3", "--burst", "50"];
    let mut bench = Process::start(&arguments, &[]);
    assert_eq!(bench.exit_code().await, 1);
    bench.err.wait_for(&["error: ", " was told by the server: "]).await;
    assert_eq!(bench.out.count(&["violation"]), 1, "what was measured is printed all the same");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    for arguments in [
        &["--server", "192.0.2.1:80"][..],
        &["--participants", "20001"],
        &["--participants", "1"],
        &["--join-rate", "0"],
        &["--duration", "11min"],
        &["--rate", "1000001"],
        &["--text-bytes", "465"],
        &["--publishers", "101"],
        &["--burst", "1", "--rate", "1"],
        &["--connections", "some"],
        &["--pid", "4294967295"],
        &["--in-flight", "2", "--duration", "1s"],
        &["--in-flight", "2", "--rate", "1"],
        &["--protocol", "nats", "--connections", "shared"],
        &["--protocol", "tcp", "--churn", "1"],
    ] {
        let mut bench = Process::start(&[&["bench"][..], arguments].concat(), &[]);
        assert_eq!(bench.exit_code().await, 2, "{arguments:?}");
    }
}
