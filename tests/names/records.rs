//! Whoever comes in under an odd name or says odd things stands in every record as that, and all records
//! of one conversation agree.

use crate::{
    support::{Listener as _, Peer, Process, Server, joined_by},
    table::{ADMITTED, REFUSED, SAID},
};
use chittychat::chat::unseen::{Seen, characters};
use chittychat::wire::pb::NoticeCode;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;
use tonic::Code;

/// A conversation of everybody in the table, with somebody who listens to it, and what they recorded.
struct Recorded {
    _folder: TempDir,
    /// The server's log and its journal, the listener's lines and its journal.
    files: [PathBuf; 4],
}

impl Recorded {
    fn text(&self, file: usize) -> String {
        fs::read_to_string(&self.files[file]).unwrap()
    }
}

async fn enters(server: &Server, name: &str) -> Peer {
    let mut peer = Peer::open(server.address, name).await;
    peer.connect();
    joined_by(&peer.delivery().await, name);
    peer
}

async fn conversation() -> Recorded {
    let folder = TempDir::new().unwrap();
    let files = ["s.log", "s.journal", "l.log", "l.journal"].map(|name| folder.path().join(name));
    let paths = files.each_ref().map(|path| path.to_str().unwrap());
    let log = [("CHITTYCHAT_LOG", "info,chittychat::delivery=debug")];
    let mut server = Server::start_with(&["--journal", paths[1]], &log).await;
    let address = server.address.to_string();
    let join = ["join", "--plain", "--server", &address, "--name", "Listener", "--port", "7"];
    let mut listener = Process::start(&[&join[..], &["--journal", paths[3]]].concat(), &[]);
    listener.out.wait_for(&["Listener 127.0.0.1:7 has joined"]).await;

    for row in &ADMITTED {
        let mut peer = enters(&server, row.name).await;
        peer.say("hi");
        let told = format!("Name: {}] {} 127.0.0.1:40 has", row.bracketed, row.shown);
        listener.out.wait_for(&[&format!("{told} joined the chat at")]).await;
        listener.out.wait_for(&[&format!("Name: {}] hi", row.bracketed)]).await;
        peer.leave().await;
        listener.out.wait_for(&[&format!("{told} left the chat at")]).await;
    }
    for (name, why) in REFUSED {
        let mut peer = Peer::open(server.address, name).await;
        peer.connect();
        peer.refused(NoticeCode::ConnectRefused, Code::InvalidArgument, why).await;
    }
    let mut bo = enters(&server, "Bo").await;
    for (text, shown) in SAID {
        bo.say(text);
        let line = format!(", Name: Bo] {shown}");
        let is_there = |lines: &[String]| lines.iter().any(|heard| heard.ends_with(&line));
        listener.out.wait_until(&line, is_there).await;
    }
    bo.leave().await;
    listener.out.wait_for(&["Name: Bo] Bo 127.0.0.1:40 has left the chat at"]).await;
    listener.tell("exit");
    assert_eq!(listener.exit_code().await, 0);
    assert_eq!(server.stop().await, 0);
    fs::write(&files[0], server.process.err.so_far().join("\n") + "\n").unwrap();
    fs::write(&files[2], listener.out.so_far().join("\n") + "\n").unwrap();
    Recorded { _folder: folder, files }
}

fn run(command: &[&str], files: &[&Path]) -> (Option<i32>, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_chittychat"));
    let output = program.args(command).args(files).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), said + &String::from_utf8_lossy(&output.stderr))
}

/// Nothing in it acts, or is there unseen.
fn is_open(what: &str, text: &str) {
    for line in text.lines() {
        let hidden = characters(line).find(|seen| matches!(seen, Seen::Nothing(_)));
        assert_eq!(hidden, None, "{what}: {line:?}");
    }
}

#[tokio::test]
async fn names_and_words_are_what_they_are_in_every_record() {
    let recorded = conversation().await;
    let log = recorded.text(0);
    for row in &ADMITTED {
        for (before, after) in [("Client ", " has connected"), ("Client ", " disconnected")] {
            let line = format!("] {before}{} 127.0.0.1:40{after}", row.shown);
            assert!(log.lines().any(|it| it.ends_with(&line)), "{line}\n{log}");
        }
        let name = serde_json::to_string(row.name).unwrap();
        let node = format!("\"name\":{name},\"address\"");
        assert!(recorded.text(1).contains(&node) && recorded.text(3).contains(&node), "{node}");
    }
    is_open("the server's log", &log);
    is_open("the listener's lines", &recorded.text(2));

    // Each alone, each process's two together, and all together.
    let [server_log, server_journal, lines, journal] = recorded.files.each_ref().map(|it| &**it);
    let sets: [&[&Path]; 7] = [
        &[server_log],
        &[server_journal],
        &[lines],
        &[journal],
        &[server_log, server_journal],
        &[lines, journal],
        &[server_log, server_journal, lines, journal],
    ];
    for files in sets {
        let (code, said) = run(&["verify"], files);
        assert_eq!(code, Some(0), "{files:?}\n{said}");
    }
    for form in ["svg", "mermaid", "shiviz"] {
        let (code, drawn) = run(&["diagram", "--format", form], &[server_journal, journal]);
        assert_eq!(code, Some(0), "{drawn}");
        is_open(form, &drawn);
        for name in ["Zoe\u{308}", "李雷", "\u{410}nton", "\u{1f469}\u{200d}\u{1f4bb}"] {
            assert!(drawn.contains(name), "no {name} in {form}");
        }
        // A leave that is imitated is in quotation marks.
        let imitated = "has left the chat at Lamport time";
        let mut said = drawn.match_indices(imitated).peekable();
        assert!(form == "svg" || said.peek().is_some(), "{form}");
        for (at, _) in said {
            let line = &drawn[..at];
            let before = &line[line.rfind(['\n', '>']).unwrap_or_default()..];
            assert!(before.contains('“'), "{form}: {before}");
        }
    }
}

#[tokio::test]
async fn the_json_log_says_who_it_was() {
    let mut server = Server::start(&[("CHITTYCHAT__LOG__FORMAT", "json")]).await;
    for row in &ADMITTED {
        let peer = enters(&server, row.name).await;
        peer.leave().await;
        let who = format!("{} 127.0.0.1:40", row.shown);
        let who = format!("\"participant\":{}", serde_json::to_string(&who).unwrap());
        server.process.err.wait_for(&["has connected", &who]).await;
    }
    assert_eq!(server.stop().await, 0);
    is_open("the log", &server.process.err.so_far().join("\n"));
}
