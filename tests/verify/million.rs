//! A million events and more, for a quiet machine:
//! `cargo test --release --features scale --test verify million -- --nocapture`.
//!
//! A hundred participants and their server say ten thousand things. Every receive is a line of its own, as
//! the journals of participants have it: more than a million lines, which are twice as many events.

use crate::support::output;
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const PARTICIPANTS: usize = 100;
const MESSAGES: usize = 10_000;
const TEXT: &str = "words of an ordinary length, as they are said every day";

/// The journals, and the clocks that their times come from.
struct World {
    files: Vec<BufWriter<File>>,
    server: u64,
    clocks: Vec<u64>,
    seen: Vec<u64>,
}

impl World {
    fn open(folder: &Path) -> (Self, Vec<PathBuf>) {
        let paths: Vec<_> = (0..=PARTICIPANTS).map(|id| folder.join(id.to_string())).collect();
        let files = paths.iter().map(|path| BufWriter::new(File::create(path).unwrap())).collect();
        let none = vec![0; PARTICIPANTS + 1];
        let mut world = Self { files, server: 0, clocks: none.clone(), seen: none };
        for id in 0..=PARTICIPANTS {
            let at = usize::from(id > 0);
            let head = json!({"kind": "journal", "version": 1, "run": id.to_string(), "part": 0, "at": at});
            world.line(id, &head);
            world.line(id, &json!({"kind": "node", "id": 0, "server": true}));
            if id > 0 {
                world.line(id, &node(1, id));
            }
        }
        (world, paths)
    }

    fn line(&mut self, file: usize, line: &Value) {
        writeln!(self.files[file], "{line}").unwrap();
    }

    /// The server receives something, and tells these, who receive it at once.
    fn fan_out(&mut self, from: usize, [of, told]: [&str; 2], to: &[usize], text: Option<&str>) {
        let (cause, seen) = (self.clocks[from], self.seen[from]);
        self.server = self.server.max(cause) + 1;
        let id = self.server;
        self.line(
            0,
            &json!({"kind": "receive", "of": of, "time": id, "who": [from], "cause": cause,
            "seen": seen, "message": id, "text": text}),
        );
        let who = chittychat::journal::Who::runs(to.iter().map(|id| u32::try_from(*id).unwrap()));
        let first = id + 1;
        self.line(
            0,
            &json!({"kind": "send", "of": told, "time": first, "who": who, "message": id,
            "about": from}),
        );
        let about = json!({"name": format!("p{from}"), "address": "", "port": 1});
        for &one in to {
            self.server += 1;
            self.clocks[one] = self.clocks[one].max(self.server) + 1;
            self.seen[one] = self.server;
            let receive = json!({"kind": "receive", "of": told, "time": self.clocks[one], "who": [0],
                "cause": self.server, "message": id, "about": about, "text": text});
            self.line(one, &receive);
        }
    }
}

fn node(id: usize, participant: usize) -> Value {
    json!({"kind": "node", "id": id, "name": format!("p{participant}"), "address": "", "port": 1})
}

#[test]
fn a_million_events_are_read_and_checked_in_three_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let (mut world, files) = World::open(folder.path());
    for id in 1..=PARTICIPANTS {
        world.line(0, &node(id, id));
        world.line(id, &json!({"kind": "opened", "time": 1}));
        world.line(id, &json!({"kind": "send", "of": "connect", "time": 2, "who": [0]}));
        world.clocks[id] = 2;
        let present: Vec<_> = (1..=id).collect();
        world.fan_out(id, ["connect", "join"], &present, None);
    }
    for message in 0..MESSAGES {
        let id = message % PARTICIPANTS + 1;
        world.clocks[id] += 1;
        let (time, seen) = (world.clocks[id], world.seen[id]);
        world.line(
            id,
            &json!({"kind": "send", "of": "publish", "time": time, "who": [0], "seen": seen,
            "text": TEXT}),
        );
        let ring: Vec<_> = (id + 1..=PARTICIPANTS).chain(1..id).collect();
        world.fan_out(id, ["publish", "publish"], &ring, Some(TEXT));
    }
    drop(world);
    let bytes: u64 = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    let start = Instant::now();
    let output = output(&["--strict", "--format", "json"], &files);
    let took = start.elapsed();
    let who = nix::sys::resource::UsageWho::RUSAGE_CHILDREN;
    let peak = nix::sys::resource::getrusage(who).unwrap().max_rss() / 1024;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let events = report["events"].as_u64().unwrap();
    println!("{events} events in {bytes} bytes: {took:?}, {peak} MiB at most");
    assert!(output.status.success() && events > 2_000_000, "{report:#}");
    assert!(took < Duration::from_secs(3) && peak < 1024);
}
