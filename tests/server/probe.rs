//! The probe, as a process: against our server, against a correct one that is not ours, and against
//! servers with one flaw each, which it must find.

mod flawed;

use crate::support::{Process, Server};
use flawed::{Flawed, Flaws};
use futures_util::future;
use std::{collections::BTreeSet, net::SocketAddr};

/// What a run said, read from its JSON.
struct Table {
    code: i32,
    cases: Vec<(String, String, String)>,
    error: String,
}

impl Table {
    /// The names of the cases with this verdict.
    fn with(&self, verdict: &str) -> Vec<&str> {
        let these = self.cases.iter().filter(|(_, its, _)| its == verdict);
        these.map(|(name, _, _)| name.as_str()).collect()
    }

    fn evidence(&self, case: &str) -> &str {
        let found = self.cases.iter().find(|(name, _, _)| name == case);
        found.map(|(_, _, evidence)| evidence.as_str()).expect("the case was run")
    }
}

async fn probe(address: SocketAddr, arguments: &[&str]) -> (i32, String, String) {
    let address = address.to_string();
    let mut probe = Process::start(&[&["probe", &address], arguments].concat(), &[]);
    let code = probe.exit_code().await;
    (code, probe.out.so_far().join("\n"), probe.err.so_far().join("\n"))
}

async fn table(address: SocketAddr, timeout: &str, only: &[&str]) -> Table {
    let only = only.iter().flat_map(|case| ["--only", *case]);
    let arguments: Vec<_> =
        ["--format", "json", "--timeout", timeout].into_iter().chain(only).collect();
    let (code, json, error) = probe(address, &arguments).await;
    let report: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    let text = |row: &serde_json::Value, field: &str| row[field].as_str().expect(field).to_owned();
    let rows = report["cases"].as_array().expect("a list").iter();
    let cases: Vec<_> =
        rows.map(|row| (text(row, "name"), text(row, "verdict"), text(row, "evidence"))).collect();
    let table = Table { code, cases, error };
    for verdict in ["survived", "failed", "unclear", "gone"] {
        assert_eq!(report[verdict], table.with(verdict).len(), "{json}");
    }
    table
}

/// The names that `--list` prints.
async fn all_cases() -> BTreeSet<String> {
    let mut list = Process::start(&["probe", "--list"], &[]);
    assert_eq!(list.exit_code().await, 0);
    let names: BTreeSet<_> = list
        .out
        .so_far()
        .iter()
        .filter_map(|line| {
            line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name.to_owned())
        })
        .collect();
    assert_eq!(names.len(), 21);
    names
}

/// A flawless sheet, with the whole of every case.
async fn clean_sheet(address: SocketAddr) {
    let table = table(address, "20s", &[]).await;
    assert_eq!(table.with("survived").len(), 21, "{:#?}", table.cases);
    assert_eq!((table.code, table.error.as_str()), (0, ""));
}

#[tokio::test]
async fn our_server_survives_everything_and_what_is_left_of_it() {
    let mut server = Server::start(&[]).await;
    clean_sheet(server.address).await;
    // What is left of a run, the clock above all, is no obstacle to the next.
    let again = ["zero-time", "concurrent-publishers", "largest-time"];
    let table = table(server.address, "20s", &again).await;
    assert_eq!(table.with("survived"), again, "{:#?}", table.cases);
    assert_eq!(server.stop().await, 0);
    let log = server.process.err.so_far();
    assert!(!log.iter().any(|line| line.contains("panicked")), "{log:#?}");
}

#[tokio::test]
async fn a_correct_server_that_is_not_ours_survives_everything() {
    let server = Flawed::start(SOUND).await;
    clean_sheet(server.address).await;
}

/// A server with a flaw, and what the probe is to say of it.
struct Flawful {
    flaws: Flaws,
    failed: &'static [&'static str],
    survived: &'static [&'static str],
    evidence: &'static str,
}

const SOUND: Flaws = Flaws::none();

const FLAWFUL: [Flawful; 12] = [
    Flawful {
        flaws: Flaws { believes_everything: true, ..SOUND },
        failed: &[
            "oversized-message",
            "empty-message",
            "missing-reference",
            "unknown-type",
            "publish-before-connect",
            "impersonation",
            "long-text",
            "control-characters",
            "largest-time",
        ],
        survived: &["vanish", "zero-time", "two-byte-text"],
        evidence: "heard it: type 2, a text of 4195328 bytes",
    },
    Flawful {
        flaws: Flaws { counts_bytes: true, ..SOUND },
        failed: &["two-byte-text"],
        survived: &["long-text"],
        evidence: "the text was not passed on",
    },
    Flawful {
        flaws: Flaws { hides_losses: true, ..SOUND },
        failed: &["leave-on-loss"],
        survived: &["vanish", "reset", "join-announced"],
        evidence: "is not told that casper-",
    },
    Flawful {
        flaws: Flaws { hides_own_join: true, ..SOUND },
        failed: &["join-announced"],
        survived: &["leave-on-loss"],
        evidence: "the newcomer is not told that it has joined",
    },
    Flawful {
        flaws: Flaws { forgets_half_closed: true, ..SOUND },
        failed: &["half-close"],
        survived: &["vanish"],
        evidence: "nobody is told that it left",
    },
    Flawful {
        flaws: Flaws { mixes_up_twins: true, ..SOUND },
        failed: &["duplicate-reference"],
        survived: &["impersonation"],
        evidence: "while its twin was there, casper-",
    },
    Flawful {
        flaws: Flaws { waits_for_readers: true, ..SOUND },
        failed: &["never-reading"],
        survived: &["two-byte-text"],
        evidence: " of 4000, and then nothing came within 5s",
    },
    Flawful {
        flaws: Flaws { seats: 30, ..SOUND },
        failed: &["join-storm"],
        survived: &["concurrent-publishers"],
        evidence: " of 50 newcomers hear nothing",
    },
    Flawful {
        flaws: Flaws { stops_at_failed_send: true, ..SOUND },
        failed: &["vanish"],
        survived: &[],
        evidence: "did not hear what",
    },
    Flawful {
        flaws: Flaws { stops_at_failed_send: true, ..SOUND },
        failed: &["reset"],
        survived: &[],
        evidence: "did not hear what",
    },
    Flawful {
        flaws: Flaws { lets_its_clock_fall: true, ..SOUND },
        failed: &["zero-time", "negative-time"],
        survived: &["largest-time"],
        // Which time it fell to depends on who of the two came in first.
        evidence: " after time ",
    },
    Flawful {
        flaws: Flaws { has_no_clock: true, ..SOUND },
        failed: &["concurrent-publishers"],
        survived: &["unknown-type"],
        evidence: " after time ",
    },
];

/// The flaw is found, what is sound is not blamed, and it costs an exit code of 1.
async fn is_found(flawful: &Flawful) {
    let Flawful { flaws, failed, survived, evidence } = *flawful;
    let server = Flawed::start(flaws).await;
    let table = table(server.address, "5s", &[failed, survived].concat()).await;
    let found: BTreeSet<_> = table.with("failed").into_iter().collect();
    assert_eq!(found, failed.iter().copied().collect(), "{flaws:?}: {:#?}", table.cases);
    assert_eq!(table.with("survived").len(), survived.len(), "{flaws:?}: {:#?}", table.cases);
    assert!(table.evidence(failed[0]).contains(evidence), "{flaws:?}: {:#?}", table.cases);
    assert!(failed.iter().all(|name| table.error.contains(name)), "{}", table.error);
    assert_eq!(table.code, 1);
}

#[tokio::test]
async fn every_flaw_is_found_by_its_own_cases() {
    // A few at a time: most of it is waiting for what does not come.
    for some in FLAWFUL.chunks(4) {
        future::join_all(some.iter().map(is_found)).await;
    }
}

#[tokio::test]
async fn every_case_finds_a_flaw() {
    let found = FLAWFUL.iter().flat_map(|flawful| flawful.failed).map(|name| (*name).to_owned());
    assert_eq!(found.collect::<BTreeSet<_>>(), all_cases().await);
}

#[tokio::test]
async fn a_server_that_dies_is_named_once_and_then_gone() {
    let server = Flawed::start(Flaws { dies_without_reference: true, ..SOUND }).await;
    let only = ["vanish", "missing-reference", "long-text", "largest-time"];
    let table = table(server.address, "5s", &only).await;
    assert_eq!(table.code, 1);
    let verdicts: Vec<_> = table.cases.iter().map(|(_, verdict, _)| verdict.as_str()).collect();
    assert_eq!(verdicts, ["survived", "failed", "gone", "gone"], "{:#?}", table.cases);
    let evidence = table.evidence("missing-reference");
    assert!(evidence.contains("the server is gone: no connection"), "{evidence}");
    let (code, out, error) = probe(server.address, &[]).await;
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(error.contains("cannot be probed: no connection"), "{error}");
}

#[tokio::test]
async fn the_forms_are_text_and_junit_too() {
    let server = Flawed::start(Flaws { counts_bytes: true, ..SOUND }).await;
    let only = ["--only", "two-byte-text", "--only", "control-characters", "--timeout", "5s"];
    let (code, text, _) = probe(server.address, &only).await;
    assert_eq!(code, 1);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], format!("{}, 2 cases", server.address));
    assert!(lines[1].starts_with("failed    two-byte-text"), "{text}");
    assert!(lines[2].contains("a correct server: They are passed on as they are"), "{text}");
    assert!(lines[3].starts_with("survived  control-characters"), "{text}");
    assert_eq!(lines[4], "1 survived, 1 failed, 0 unclear, 0 gone");

    let (code, xml, _) = probe(server.address, &[&only[..], &["--format", "junit"]].concat()).await;
    assert_eq!(code, 1);
    let document = roxmltree::Document::parse(&xml).expect("it is XML");
    let with =
        |tag: &'static str| document.descendants().filter(move |node| node.has_tag_name(tag));
    let names: Vec<_> = with("testcase").filter_map(|node| node.attribute("name")).collect();
    assert_eq!(names, ["two-byte-text", "control-characters"]);
    assert_eq!(with("failure").count(), 1);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let names = all_cases().await;
    let refused = async |arguments: &[&str]| {
        let mut probe = Process::start(&[&["probe"][..], arguments].concat(), &[]);
        assert_eq!(probe.exit_code().await, 2, "{arguments:?}");
        probe.err.so_far().join("\n")
    };
    let error = refused(&["127.0.0.1:1", "--only", "vanishing"]).await;
    for name in &names {
        assert!(error.contains(name.as_str()), "{name} in {error}");
    }
    let error = refused(&["192.0.2.1:80"]).await;
    assert!(error.contains("192.0.2.1:80 is not on this machine"), "{error}");
    assert!(error.contains("--allow-remote"), "{error}");
    assert!(refused(&["https://127.0.0.1:1"]).await.contains("probe speaks plain text alone"));
    assert!(refused(&["127.0.0.1:1", "--timeout", "61s"]).await.contains("from 100ms to 60s"));
    assert!(refused(&[]).await.contains("<URL>"));
}

/// A port that takes connections and answers nothing, and one that speaks something else.
#[tokio::test]
async fn what_is_no_server_of_the_protocol_cannot_be_probed() {
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = mute.local_addr().expect("a bound port");
    let (code, _, error) = probe(address, &["--timeout", "300ms"]).await;
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("cannot be probed: "), "{error}");

    let server = Server::start(&[]).await;
    let (code, _, error) = probe(server.http_address, &["--timeout", "1s"]).await;
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("cannot be probed: "), "{error}");
}
