//! Whatever holds something for others is known to the sum of what strangers may make the server hold.
//!
//! A queue, a map or a channel that somebody adds is found by its type and has to be entered here, with the
//! part of `serve --print-config`'s sum that it counts in, or the reason why strangers cannot fill it. It is no
//! proof of the sizes: those are bounded where the queue is, and tests/attack measures what comes of it.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

/// What is looked for, in whatever runs in the server.
const KINDS: [&str; 12] = [
    "VecDeque<",
    "BTreeMap<",
    "BTreeSet<",
    "BinaryHeap<",
    "HashMap<",
    "Slab<",
    "channel(",
    "channel::<",
    "sync_channel(",
    "JoinSet::new",
    "Vec<Member",
    "Vec<Handler",
];

/// Where it is looked for.
const WHERE: [&str; 13] = [
    "src/causality/live.rs",
    "src/causality/live/life.rs",
    "src/chat/log.rs",
    "src/chat/room.rs",
    "src/console",
    "src/grpc",
    "src/http",
    "src/hub",
    "src/journal",
    "src/keys",
    "src/supervise.rs",
    "src/telemetry",
    "src/wire",
];

/// What is there: the file, how many, and the part of the sum, or behind a dash why there is none.
const KNOWN: [(&str, usize, &str); 29] = [
    ("src/causality/live.rs", 1, "who pages are told of"),
    ("src/causality/live/life.rs", 1, "what pages are told"),
    ("src/chat/log.rs", 1, "entries of the log"),
    ("src/chat/room.rs", 3, "who is present"),
    ("src/console/chat.rs", 2, "HTTP connections"),
    ("src/console/events.rs", 1, "who pages are told of"),
    ("src/console/pages.rs", 1, "HTTP connections"),
    ("src/console/pulse.rs", 1, "who is present"),
    ("src/console/ring.rs", 2, "what pages are told"),
    ("src/console/teller.rs", 2, "who is present"),
    ("src/console/waits.rs", 3, "what pages are told"),
    ("src/grpc/connection.rs", 3, "connections"),
    ("src/grpc/denials.rs", 1, "- at most 4,096 addresses, of which nothing else is known"),
    ("src/grpc/door.rs", 3, "connections"),
    ("src/grpc/guest.rs", 1, "streams with nobody on them"),
    ("src/grpc/nursery.rs", 1, "streams with nobody on them"),
    ("src/grpc/server.rs", 1, "connections"),
    ("src/grpc/turns.rs", 3, "connections"),
    ("src/http/port.rs", 1, "HTTP connections"),
    ("src/hub/clock_limits.rs", 1, "participants' streams"),
    ("src/hub/mod.rs", 1, "who is present"),
    ("src/hub/waiters.rs", 2, "participants' streams"),
    ("src/journal/book.rs", 2, "the journal"),
    ("src/journal/read.rs", 1, "- what `verify` reads, and no server"),
    ("src/keys/grants.rs", 2, "participants' streams"),
    ("src/keys/revoked.rs", 1, "- the operator's own lists"),
    ("src/supervise.rs", 3, "- one for each of a closed set of tasks"),
    ("src/telemetry/log_queue.rs", 1, "log lines"),
    ("src/wire/batch.rs", 1, "participants' streams"),
];

/// How many are in each file below a path.
fn found(path: &Path, found_in: &mut BTreeMap<String, usize>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("the folder is there") {
            found(&entry.expect("a folder can be listed").path(), found_in);
        }
        return;
    }
    let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("a file of ours");
    let name = name.to_str().expect("it is text").to_owned();
    if !name.ends_with(".rs") || name.ends_with("tests.rs") || name.ends_with("interleavings.rs") {
        return;
    }
    let content = fs::read_to_string(path).expect("a source file is text");
    let code = content.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let is_code = |line: &&str| !line.starts_with("//") && !line.starts_with("use ");
    let lines = code.lines().map(str::trim_start).filter(is_code);
    let number =
        lines.map(|line| KINDS.iter().map(|kind| line.matches(kind).count()).sum::<usize>());
    let number = number.sum();
    if number > 0 {
        found_in.insert(name, number);
    }
}

#[test]
fn every_queue_counts_in_a_part_of_the_sum() {
    let mut found_in = BTreeMap::new();
    for place in WHERE {
        found(&Path::new(env!("CARGO_MANIFEST_DIR")).join(place), &mut found_in);
    }
    let known: BTreeMap<_, _> =
        KNOWN.iter().map(|(file, number, _)| ((*file).to_owned(), *number)).collect();
    assert_eq!(
        found_in, known,
        "something holds things that the sum of limits.memory may not know: enter it in tests/queues.rs"
    );
    let print = Command::new(env!("CARGO_BIN_EXE_chittychat"))
        .args(["serve", "--print-config", "--journal", "events.jsonl"])
        .output()
        .expect("the program runs");
    let print = String::from_utf8(print.stdout).expect("it is text");
    for (file, _, part) in KNOWN {
        let is_known = part.starts_with('-') || print.contains(&format!("  {part}  "));
        assert!(is_known || print.contains(&format!("  {part}\n")), "{file}: {part} in\n{print}");
    }
}
