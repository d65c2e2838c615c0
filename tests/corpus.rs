//! What fuzzing has found worth keeping, once more: each file of `fuzz/corpus`, through its target.
//!
//! It finds nothing new. A file that once broke something stands there too, and breaks it again if the
//! mending is undone. How to fuzz is in docs/testing.md.

#![allow(unreachable_pub, reason = "the targets are shared with programs of other crates")]
#![allow(clippy::print_stdout, reason = "it is shown if the test fails")]

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::{fs, path::Path};

/// Runs a target on all that is kept for it, which is not nothing.
fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files = 0;
    for entry in fs::read_dir(&folder).expect("a corpus") {
        let path = entry.expect("a folder can be listed").path();
        // The output of a test is shown if it fails: the last file named is the one that broke it.
        println!("{}", path.display());
        target(&fs::read(&path).expect("a file"));
        files += 1;
    }
    assert!(files > 0, "nothing in {}", folder.display());
}

#[test]
fn messages() {
    replay("messages", targets::messages::run);
}

#[test]
fn settings() {
    replay("settings", targets::settings::run);
}

#[test]
fn journals() {
    replay("journal", targets::journal::run);
}

#[test]
fn records() {
    replay("records", targets::records::run);
}

#[test]
fn http2() {
    replay("http2", targets::http2::run);
}

#[test]
fn websockets() {
    replay("websocket", targets::websocket::run);
}
