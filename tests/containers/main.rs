//! The containers as they are shipped: the real image, the real compose file, third parties' tools.
//!
//! One test, because there is one stack and the scenes change it: each takes it as the one before has
//! left it. It needs Docker with Compose, and grpcurl, so it stands behind the feature `containers`:
//! `cargo test --features containers --test containers -- --nocapture`. Grafana is left out; that its
//! questions have answers is asked of Prometheus.
//!
//! - `stack`: Docker, and waiting for what one can see;
//! - `prometheus`: what Prometheus knows;
//! - `page`: the page for operators, run.

#![allow(clippy::unwrap_used, clippy::print_stderr, unreachable_pub)]

mod page;
mod prometheus;
mod stack;

use serde_json::Value;
use stack::{Stack, docker, until};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    time::{Duration, Instant},
};

/// The bots.
const BOTS: [&str; 3] = ["anton", "bjarke", "oliver"];
/// How long a stack may take to become what it is to be.
const PATIENCE: Duration = Duration::from_secs(90);

type Scene = fn(&Stack);

#[test]
fn the_stack_is_as_promised() {
    let scenes: [(&str, Scene); 11] = [
        ("the image is small and confined", image),
        ("the compose file gives away nothing", confinement),
        ("up from nothing", up),
        ("what Prometheus knows", prometheus::knows),
        ("what the collector of traces has", traces),
        ("the console", console),
        ("the page for operators", page::runs),
        ("a participant lost is counted", loss),
        ("a server stopped drains", drain),
        ("a second time", again),
        ("memory", memory),
    ];
    let stack = Stack::none();
    for (name, scene) in scenes {
        let start = Instant::now();
        eprintln!("{name} …");
        scene(&stack);
        eprintln!("{name}: {:.1} s", start.elapsed().as_secs_f32());
    }
}

fn image(stack: &Stack) {
    stack.compose(&["build", "server"]);
    let inspected = docker(&["image", "inspect", "chittychat"]);
    let inspected: Value = serde_json::from_str(&inspected).unwrap();
    let image = &inspected[0];
    let bytes = image["Size"].as_u64().unwrap();
    eprintln!("  {:.1} MB", bytes as f64 / 1e6);
    assert!(bytes < 40_000_000, "{bytes} bytes");
    assert_eq!(image["Config"]["User"], "65532:65532");
    assert!(image["Config"]["Healthcheck"].is_null(), "the participants would inherit it");
    for label in ["title", "description", "licenses", "version", "revision"] {
        let label = format!("org.opencontainers.image.{label}");
        assert!(image["Config"]["Labels"][&label].is_string(), "{label}");
    }
    let shell =
        stack::run("docker", &["run", "--rm", "--network=none", "--entrypoint=sh", "chittychat"]);
    assert!(!shell.ok, "there is a shell: {}", shell.all);
    let help = docker(&["run", "--rm", "--network=none", "chittychat", "--version"]);
    assert!(help.starts_with("chittychat "), "{help}");
    bill_of_materials();
}

/// The image holds the list of what the program is made of, which is what the lock file says.
fn bill_of_materials() {
    let container = docker(&["create", "chittychat"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sbom.json");
    let source = format!("{}:/chittychat.cdx.json", container.trim());
    docker(&["cp", &source, file.to_str().unwrap()]);
    docker(&["rm", container.trim()]);
    let sbom: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!((&sbom["bomFormat"], &sbom["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    assert_eq!(sbom["metadata"]["component"]["name"], "chittychat");
    let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
    let components = sbom["components"].as_array().unwrap();
    for component in components {
        let [name, version] = ["name", "version"].map(|key| component[key].as_str().unwrap());
        let locked = format!("name = \"{name}\"\nversion = \"{version}\"\n");
        assert!(lock.contains(&locked), "{name} {version} is not what is built");
        assert!(component["licenses"].is_array(), "{name} has no licence");
    }
    let has = |name: &str| components.iter().any(|it| it["name"] == name);
    assert!(["tonic", "hyper", "ring"].into_iter().all(has), "something is missing");
    assert!(!has("criterion"), "what only tests it is no part of it");
    eprintln!("  made of {} crates", components.len());
}

fn confinement(stack: &Stack) {
    // Profiles bring in the services that are started on demand.
    let file = stack.compose(&["--profile", "*", "config", "--format", "json"]);
    let file: Value = serde_json::from_str(&file).unwrap();
    let mut memory = 0;
    for (name, service) in file["services"].as_object().unwrap() {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"][0], "ALL", "{name}");
        assert_eq!(service["security_opt"][0], "no-new-privileges:true", "{name}");
        let image = service["image"].as_str().unwrap();
        assert!(image == "chittychat" || image.contains(':'), "{name} may be anything: {image}");
        for port in service["ports"].as_array().unwrap_or(&Vec::new()) {
            assert_eq!(port["host_ip"], "127.0.0.1", "{name}");
        }
        let limit = service["mem_limit"].as_str().and_then(|limit| limit.parse::<u64>().ok());
        memory += limit.unwrap_or_else(|| panic!("{name} has no limit of memory"));
    }
    eprintln!("  {} MiB at most", memory >> 20);
    assert!(memory < 1 << 30, "{memory} bytes");
}

/// From nothing to a room with three people in it.
fn up(stack: &Stack) {
    stack.down();
    let start = Instant::now();
    stack.up();
    eprintln!("  healthy after {:.1} s", start.elapsed().as_secs_f32());
    is_inhabited(stack);
}

/// Everybody is there, and in one room: each has seen the last of them join.
fn is_inhabited(stack: &Stack) {
    until("three people in one room", PATIENCE, || {
        let server = stack.log("server");
        let mut joined = server.lines().filter(|line| line.ends_with("has connected"));
        let last = joined.next_back()?.split("Client ").nth(1)?.split(" has").next()?;
        let joined = format!("{last} has joined");
        BOTS.iter().all(|bot| stack.log(bot).contains(&joined)).then_some(())
    });
}

/// The collector prints every span that it receives.
fn traces(stack: &Stack) {
    until("the whole path of a message, with its times", PATIENCE, || {
        let spans = stack.log("jaeger");
        let path =
            ["chittychat-client", "publish", "chittychat-server", "process", "deliver", "receive"];
        let times = ["lamport.time", "lamport.node", "lamport.cause.time", "lamport.cause.node"];
        path.iter().chain(&times).all(|word| spans.contains(word)).then_some(())
    });
}

/// The room as a live picture: all three are in it, and one looks on without being able to chat, since
/// the server listens to other machines than its own.
fn console(_: &Stack) {
    let get = |path| prometheus::get("127.0.0.1:8081", path).unwrap();
    assert!(get("/").contains("<title>Chitty-Chat console</title>"));
    let info: Value = serde_json::from_str(&get("/console/info")).unwrap();
    assert_eq!(info["trace_url"], "http://127.0.0.1:16686/trace/{trace}");
    assert_eq!(info["chat"], false, "{info}");
    let events = prometheus::ask("127.0.0.1:8081", "/console/events").unwrap();
    let mut missing: Vec<_> =
        ["Anton", "Bjarke", "Oliver"].map(|it| format!("\"name\":\"{it}\"")).to_vec();
    // Whoever is present is introduced first; the state of things is told for ever.
    for line in BufReader::new(events).lines().take(1000) {
        let line = line.expect("the stream goes on");
        missing.retain(|name| !line.contains(name));
        if missing.is_empty() {
            return;
        }
    }
    panic!("nothing was heard of {missing:?}");
}

fn loss(stack: &Stack) {
    is_inhabited(stack);
    let closed = "sum(chittychat_streams_closed_total)";
    prometheus::until_value("chittychat_connected_clients", |value| value == 3.0);
    let before = prometheus::value(closed).unwrap();
    stack.compose(&["kill", "oliver"]);
    prometheus::until_value("chittychat_connected_clients", |value| value == 2.0);
    prometheus::until_value(closed, |value| value >= before + 1.0);
    stack.up();
    prometheus::until_value("chittychat_connected_clients", |value| value == 3.0);
}

fn drain(stack: &Stack) {
    stack.recreate();
    is_inhabited(stack);
    let start = Instant::now();
    stack.compose(&["stop", "server"]);
    let took = start.elapsed();
    eprintln!("  stopped after {:.1} s", took.as_secs_f32());
    assert!(took < Duration::from_secs(10), "past the deadline: {took:?}");
    assert_eq!(stack.exit_code("server"), "0");
    assert!(stack.log("server").contains("Stopped server"));
    let all_say = |what: &str| {
        until(what, PATIENCE, || {
            BOTS.iter().all(|bot| stack.log(bot).contains(what)).then_some(())
        });
    };
    all_say("the server is stopping; connect again later");
    all_say("Away: ");
    stack.up();
    all_say("Back in the room");
}

/// Down and up again: nothing that the first time left behind is in the way.
fn again(stack: &Stack) {
    stack.compose(&["down"]);
    stack.up();
    is_inhabited(stack);
    stack.compose(&["up", "--wait", "-d", "server", "prometheus", BOTS[0], BOTS[1], BOTS[2]]);
    let health = stack.compose(&["ps", "--format", "{{.Health}}", "server"]);
    assert_eq!(health.trim(), "healthy");
    prometheus::knows(stack);
}

fn memory(stack: &Stack) {
    let containers = stack.compose(&["ps", "--quiet"]);
    let mut arguments = vec!["stats", "--no-stream", "--format", "  {{.MemUsage}} {{.Name}}"];
    arguments.extend(containers.lines());
    eprint!("{}", docker(&arguments));
}
