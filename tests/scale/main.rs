//! Ten thousand who listen, five thousand who come at once: what that costs the server, and whether
//! anybody else notices.
//!
//! The load is `chittychat bench`, which checks every delivery. Beside it three probes ask, one after
//! the other and all the time, what an orchestrator, a newcomer and Prometheus ask.
//!
//! Only in release, and on a machine that has nothing else to do: `cargo test --release --features
//! scale --test scale -- --test-threads 1 --nocapture`.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, unreachable_pub, clippy::print_stdout)]

mod probes;
#[allow(dead_code, unused_imports)]
#[path = "../server/support/mod.rs"]
mod support;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use probes::Probes;
use serde_json::Value;
use std::time::Duration;
use support::{Process, Server};
use tokio::time::timeout;

/// How long a probe may wait, whatever goes on besides.
const PROMPT: Duration = Duration::from_millis(100);
/// How long a load may take. It is the end of hope, no measure.
const LOAD: Duration = Duration::from_secs(300);
/// The most that an idle participant on a connection of its own may keep resident, in bytes.
const PARTICIPANT: u64 = 30 << 10;
/// The most that a server with ten thousand of them may.
const TEN_THOUSAND: u64 = 300 << 20;

/// A server that may hold as many connections as the system lets it.
async fn server() -> Server {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    Server::start(&[]).await
}

/// A load that ends well.
async fn loaded(server: &Server, arguments: &[&str]) -> Value {
    let (address, pid) = (server.address.to_string(), server.process.pid().to_string());
    let common = ["bench", "--server", &address, "--pid", &pid, "--format", "json"];
    let mut bench = Process::start(&[&common[..], arguments].concat(), &[]);
    let code = timeout(LOAD, bench.exit_code()).await.expect("the load ends");
    println!("{}", arguments.join(" "));
    let json = bench.out.so_far().join("\n");
    assert_eq!(code, 0, "{json}\n{:?}", bench.err.so_far());
    serde_json::from_str(&json).expect("it is JSON")
}

/// The same, with the probes beside it, which wait for nothing long.
async fn probed(server: &Server, arguments: &[&str]) -> Value {
    let probes = Probes::start(server);
    let report = loaded(server, arguments).await;
    let waited = probes.end().await;
    for (what, times) in &waited {
        println!("  {what}: {times}");
    }
    for (what, times) in waited {
        assert!(times.p99() <= PROMPT, "{what} took {times}");
    }
    report
}

/// What a participant costs, in bytes, and the server in all, once everybody is in.
fn resident(report: &Value) -> (u64, u64) {
    let (joining, participants) = (&report["joining"], report["participants"].as_u64().unwrap());
    let [before, after] = ["rss_before_bytes", "rss_after_bytes"]
        .map(|key| joining["server_process"][key].as_u64().unwrap());
    let each = (after - before) / participants;
    println!("  in after {} s, {} MiB, {each} bytes each", joining["seconds"], after >> 20);
    (each, after)
}

#[tokio::test]
async fn a_thousand_listen_and_cost_what_their_connections_do() {
    let mut server = server().await;
    let load = ["--participants", "1000", "--rate", "1", "--duration", "3s"];
    let (each, _) = resident(&loaded(&server, &load).await);
    assert!(each <= PARTICIPANT, "{each} bytes each");
    assert_eq!(server.stop().await, 0);
}

#[tokio::test]
async fn ten_thousand_listen() {
    let mut server = server().await;
    // Neither a storm nor the coming and going of probes: what is asked is what those cost who are there.
    let load = ["--participants", "10000", "--join-rate", "250", "--rate", "1", "--duration", "5s"];
    let report = loaded(&server, &load).await;
    assert!(report["joining"]["deliveries"].as_u64() >= Some(10_000 * 10_001 / 2), "50 million");
    let (each, all) = resident(&report);
    assert!(each <= PARTICIPANT, "{each} bytes each");
    assert!(all <= TEN_THOUSAND, "{all} bytes in all");
    assert_eq!(server.stop().await, 0);
}

#[tokio::test]
async fn ten_thousand_come_at_once_and_nobody_else_waits() {
    let mut server = server().await;
    let load = ["--participants", "10000", "--rate", "1", "--duration", "5s"];
    let report = probed(&server, &load).await;
    assert!(report["joining"]["deliveries"].as_u64() >= Some(10_000 * 10_001 / 2), "50 million");
    resident(&report);
    assert_eq!(server.stop().await, 0);
}

#[tokio::test]
async fn five_thousand_come_speak_and_go_and_nobody_else_waits() {
    let mut server = server().await;
    let load =
        ["--participants", "5000", "--publishers", "50", "--rate", "20", "--duration", "20s"];
    let report = probed(&server, &load).await;
    assert!(report["joining"]["deliveries"].as_u64() >= Some(5_000 * 5_001 / 2), "12.5 million");
    resident(&report);
    assert!(report["deliveries"].as_u64() >= Some(400 * 4_999));
    println!("  p99 of the deliveries {} us", report["latency_us"]["p99"]);
    assert_eq!(server.stop().await, 0);
}
