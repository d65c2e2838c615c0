//! The two conversations of the original's report, from its own log lines.

use crate::support::{fixture, output, save, verify};
use std::{fs, path::PathBuf};

fn logs(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| fixture(&format!("report/{name}.log"))).collect()
}

const FIRST: [&str; 3] = ["first-server", "first-client1", "first-client2"];
const SECOND: [&str; 4] = ["second-server", "second-client1", "second-client2", "second-client3"];

#[test]
fn the_first_conversation_keeps_every_promise() {
    for arguments in [&[][..], &["--strict"]] {
        let verdict = verify(arguments, &logs(&FIRST));
        verdict.is_clean();
        // Fourteen at the server, seven at each client: what was typed is a send.
        verdict.held("clock condition", 28);
        verdict.held("conservation", 6);
        verdict.held("publish reaches everyone", 2);
        verdict.held("join told to all", 2);
        verdict.held("leave told to all", 2);
        verdict.held("sender FIFO", 4);
    }
}

#[test]
fn the_second_conversation_keeps_every_promise() {
    // What the report calls Client 1's log is the server's once more. What two records say alike is one.
    for arguments in [&[][..], &["--strict"]] {
        let verdict = verify(arguments, &logs(&SECOND));
        verdict.is_clean();
        verdict.held("publish reaches everyone", 3);
        verdict.held("join told to all", 3);
        verdict.held("leave told to all", 3);
    }
}

#[test]
fn the_server_alone_says_less_and_says_so() {
    let verdict = verify(&[], &logs(&["second-server"]));
    verdict.is_clean();
    verdict.held("recipient order", 18);
    verdict.not_checked("conservation", "no participant left a record");
    verdict.not_checked("at most 128 characters", "no record says what was said");
    verdict.not_checked("exact rules", "--strict");
}

#[test]
fn clients_alone_are_not_held_against_a_server_that_is_not_there() {
    let verdict = verify(&[], &logs(&["first-client1", "first-client2"]));
    verdict.is_clean();
    verdict.not_checked("conservation", "no record of a server");
    verdict.not_checked("join told to all", "no record of a server");
    verdict.held("at most 128 characters", 4);
}

#[test]
fn a_wrong_time_in_a_log_is_found_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let log = fs::read_to_string(fixture("report/first-client2.log")).unwrap();
    let spoilt =
        log.replace("[Lamport Time: 11, Name: Client1]", "[Lamport Time: 10, Name: Client1]");
    assert_ne!(log, spoilt);
    let spoilt = save(folder.path(), "client2.log", &spoilt);
    let mut files = logs(&["first-server", "first-client1"]);
    files.push(spoilt.clone());
    let verdict = verify(&[], &files);
    assert_eq!(verdict.code, 1);
    let broken = verdict.of("clock condition");
    assert_eq!((&broken["node"], &broken["time"]), (&"Client2 127.0.0.1:20".into(), &10.into()));
    let lines = broken["lines"].to_string();
    assert!(lines.contains(&format!("{}:7", spoilt.display())), "{broken:#}");

    let printed = output(&["--format", "junit"], &files);
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(
        printed.contains("name=\"clock condition\"><failure message=\"(Client2 127.0.0.1:20, 10) ")
    );
}
