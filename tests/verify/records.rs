//! Records that are not whole, and what is no record.

use crate::support::{Journal, fixture, output, save, verify};
use serde_json::json;
use std::path::PathBuf;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn half_a_line_at_the_end_is_what_a_crash_leaves() {
    let folder = folder();
    let mut journal = Journal::load("server");
    journal.0.pop();
    let mut text = journal.text();
    text.truncate(text.len() - 20);
    let file = save(folder.path(), "server", &text);
    verify(&[], std::slice::from_ref(&file)).is_clean();

    // In the middle it is none.
    let lines: Vec<_> = text.lines().collect();
    let spoilt = [&lines[..6], &["{\"kind\":\"se"], &lines[6..]].concat().join("\n");
    let file = save(folder.path(), "spoilt", &spoilt);
    let verdict = verify(&[], std::slice::from_ref(&file));
    assert_eq!(verdict.code, 2);
    assert!(verdict.error.contains(&format!("{}:7: this is no line", file.display())));

    // But where the journal begins anew after it, something could not be written.
    let head: Vec<_> = lines[..3].to_vec();
    let gap = "{\"kind\":\"gap\",\"entries\":1}";
    let mended = [&lines[..6], &["{\"kind\":\"se"], &head, &[gap], &lines[6..]].concat().join("\n");
    let file = save(folder.path(), "mended", &mended);
    assert_ne!(verify(&[], &[file]).code, 2);
}

#[test]
fn a_gap_is_not_taken_for_a_breach() {
    let folder = folder();
    let anton = Journal::load("anton").save(folder.path(), "anton");
    let oliver = Journal::load("oliver").save(folder.path(), "oliver");
    let mut bjarke = Journal::load("bjarke");
    // Two receives in a row, and a line that says so in their place.
    let place = bjarke.at(11);
    bjarke.0.splice(place..place + 2, [json!({"kind": "gap", "entries": 2})]);
    let bjarke = bjarke.save(folder.path(), "bjarke");
    let server = Journal::load("server").save(folder.path(), "server");
    let verdict = verify(&["--strict"], &[server, anton, bjarke, oliver]);
    verdict.is_clean();
    verdict.held("conservation", 15);
    assert!(verdict.of("conservation")["note"].as_str().unwrap().contains("of 2 more no record"));
}

#[test]
fn after_a_gap_the_server_says_who_is_present() {
    let folder = folder();
    let mut server = Journal::load("server");
    let place = server.at(14);
    let head = server.0[..3].to_vec();
    assert_eq!(head[2]["kind"], "present");
    let nodes = server.0.iter().filter(|line| line["kind"] == "node" && line["id"] != 0).cloned();
    let mut lines: Vec<_> = head[..2].to_vec();
    lines.extend(nodes.collect::<Vec<_>>());
    lines.push(json!({"kind": "present", "who": [[1, 3]]}));
    lines.push(json!({"kind": "gap", "entries": 1}));
    // Oliver's first message is missing, and with it nothing else.
    let fan = server.0[place + 1].clone();
    assert_eq!((&server.0[place]["of"], &fan["of"]), (&"publish".into(), &"publish".into()));
    server.0.splice(place..place + 2, lines);
    let file = server.save(folder.path(), "server");
    let verdict = verify(&["--strict"], &[file]);
    verdict.is_clean();
    verdict.held("publish reaches everyone", 3);
}

#[test]
fn without_a_beginning_nobody_knows_who_is_present() {
    let folder = folder();
    let mut server = Journal::load("server");
    server.0[0]["part"] = json!(4);
    let nodes = server.0.iter().filter(|line| line["kind"] == "node").cloned();
    let place = server.at(14);
    let mut lines = vec![server.0[0].clone()];
    lines.extend(nodes.collect::<Vec<_>>());
    lines.extend_from_slice(&server.0[place..]);
    let file = Journal(lines.clone()).save(folder.path(), "server.1");
    verify(&[], &[file])
        .not_checked("publish reaches everyone", "the beginning of the server's record");
    let place = lines.iter().position(|line| line["time"] == 14).unwrap();
    lines.insert(place, json!({"kind": "present", "who": [[1, 3]]}));
    let file = Journal(lines).save(folder.path(), "server.2");
    let verdict = verify(&["--strict"], &[file]);
    verdict.is_clean();
    verdict.held("publish reaches everyone", 4);
}

#[test]
fn what_did_not_happen_is_not_said_to_hold() {
    let folder = folder();
    let mut server = Journal::load("server");
    let place = server.at(14);
    server.0.truncate(place);
    let file = server.save(folder.path(), "server");
    let verdict = verify(&[], &[file]);
    verdict.is_clean();
    verdict.held("join told to all", 3);
    verdict.not_checked("leave told to all", "nothing of the kind is recorded");
}

#[test]
fn what_cannot_be_read_is_named_with_its_line() {
    let folder = folder();
    let with = |spoil: fn(&mut Journal)| {
        let mut journal = Journal::load("anton");
        spoil(&mut journal);
        journal.text()
    };
    let cases = [
        ("2023/10/29 18:32:06 [Lamport time: x] Client A 1:2 has connected\n".to_owned(), 1),
        ("2023/10/29 18:32:06 [Lamport time: 3] The cat sat on the mat\n".to_owned(), 1),
        ("nothing of the kind\n".to_owned(), 1),
        (String::new(), 1),
        ("{\"resourceSpans\":7}\n".to_owned(), 1),
        ("{\"data\":[{\"spans\":[{}]}]}".to_owned(), 1),
        ("{\"some\":\"thing\"}\n".to_owned(), 1),
        (with(|journal| journal.0[0]["version"] = json!(2)), 1),
        (with(|journal| journal.0[3]["time"] = json!(0)), 4),
        (with(|journal| journal.0[4]["who"] = json!([9])), 5),
        (with(|journal| journal.0[4]["of"] = json!("nonsense")), 5),
        (with(|journal| journal.0[5]["time"] = json!("five")), 6),
    ];
    for (text, line) in cases {
        let file = save(folder.path(), "file", &text);
        let verdict = verify(&[], std::slice::from_ref(&file));
        let place = format!("{}:{line}: ", file.display());
        assert!(verdict.code == 2 && verdict.error.contains(&place), "{text}{}", verdict.error);
    }
    let verdict = verify(&[], &[PathBuf::from("/nowhere/at/all")]);
    assert!(verdict.code == 2 && verdict.error.contains("cannot read /nowhere/at/all: "));
    let output = output(&[], &[]);
    assert_eq!(output.status.code(), Some(2), "something must be given");
}

#[test]
fn two_runs_of_a_server_are_two_histories() {
    let folder = folder();
    let mut other = Journal::load("server");
    other.0[0]["run"] = json!("another");
    let other = other.save(folder.path(), "other");
    let verdict = verify(&[], &[fixture("journal/server.jsonl"), other]);
    assert!(
        verdict.code == 2 && verdict.error.contains("two runs of a server"),
        "{}",
        verdict.error
    );
}

#[test]
fn a_stranger_with_the_name_of_somebody_present_is_another() {
    let folder = folder();
    let mut server = Journal::load("server");
    // Somebody called Anton is refused, after everything else.
    let last = server.0.iter().filter_map(|line| line["time"].as_u64()).max().unwrap();
    let anton = json!({"name": "Anton", "address": "127.0.0.1", "port": 20});
    let place = server.0.len() - 1;
    let refused = json!({"kind": "receive", "of": "unfit", "time": last + 1, "who": [anton], "cause": 2,
        "message": last + 1, "text": "present already"});
    let notice = json!({"kind": "send", "of": "notice", "time": last + 2, "who": [anton],
        "message": last + 1, "text": "present already"});
    server.0.splice(place..place, [refused, notice]);
    let server = server.save(folder.path(), "server");
    let mut files = vec![server];
    files.extend(
        ["anton", "bjarke", "oliver"].map(|name| fixture(&format!("journal/{name}.jsonl"))),
    );
    verify(&["--strict"], &files).is_clean();
}
