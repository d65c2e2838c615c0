//! Ten thousand who listen, five thousand who come at once: what that costs the server, and whether
//! anybody else notices.
//!
//! The load is `chittychat bench`, which checks every delivery. Beside it three probes ask, one after
//! the other and all the time, what an orchestrator, a newcomer and Prometheus ask; the longest that
//! any of them waited is what counts. It is told from the time at which an answer was asked for.
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

/// The longest that a probe may wait, whatever goes on besides.
const PROMPT: Duration = Duration::from_millis(100);
/// How long a load may take. It is the end of hope, no measure.
const LOAD: Duration = Duration::from_secs(300);
/// The most that an idle participant on a connection of its own may keep resident, in bytes.
const PARTICIPANT: u64 = 26 << 10;
/// The most that a server with ten thousand of them may.
const TEN_THOUSAND: u64 = 300 << 20;

/// A server that may hold as many connections as the system lets it.
async fn server() -> Server {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    Server::start(&[]).await
}

/// A load that ends well, and the probes beside it.
async fn loaded(server: &Server, arguments: &[&str]) -> Value {
    let (address, pid) = (server.address.to_string(), server.process.pid().to_string());
    let common = ["bench", "--server", &address, "--pid", &pid, "--format", "json"];
    let probes = Probes::start(server);
    let mut bench = Process::start(&[&common[..], arguments].concat(), &[]);
    let code = timeout(LOAD, bench.exit_code()).await.expect("the load ends");
    let waited = probes.end().await;
    println!("{}", arguments.join(" "));
    for (what, times) in &waited {
        println!("  {what}: {times}");
    }
    let json = bench.out.so_far().join("\n");
    assert_eq!(code, 0, "{json}\n{:?}", bench.err.so_far());
    for (what, times) in waited {
        assert!(times.longest <= PROMPT, "{what} took {times}");
    }
    serde_json::from_str(&json).expect("it is JSON")
}

#[tokio::test]
async fn ten_thousand_listen_and_cost_next_to_nothing() {
    let mut server = server().await;
    let before = server.resident_bytes();
    let load = ["--participants", "10000", "--rate", "1", "--duration", "10s"];
    let report = loaded(&server, &load).await;
    let joining = &report["joining"];
    assert_eq!(joining["deliveries"], 10_000 * 10_001 / 2);
    let after = joining["server_process"]["rss_after_bytes"].as_u64().unwrap();
    let each = (after - before) / 10_000;
    println!("  joined in {} s, {} MiB, {each} bytes each", joining["seconds"], after >> 20);
    assert!(each <= PARTICIPANT, "{each} bytes each");
    assert!(after <= TEN_THOUSAND, "{after} bytes in all");
    assert_eq!(server.stop().await, 0);
}

#[tokio::test]
async fn five_thousand_come_speak_and_go_and_nobody_else_waits() {
    let mut server = server().await;
    let load =
        ["--participants", "5000", "--publishers", "50", "--rate", "20", "--duration", "20s"];
    let report = loaded(&server, &load).await;
    let joining = &report["joining"];
    assert_eq!(joining["deliveries"], 5_000 * 5_001 / 2, "12.5 million");
    assert_eq!(report["deliveries"], 400 * 4_999);
    let latency = &report["latency_us"];
    println!("  joined in {} s; p99 {} us", joining["seconds"], latency["p99"]);
    assert_eq!(server.stop().await, 0);
}
