//! The demo, as whoever tries the program first sees it.

use super::support::Process;
use nix::sys::signal::Signal;
use std::collections::BTreeMap;

const PICTURE: &str = include_str!("../../docs/images/demo.svg");

/// The node and time of a line such as `  server [Lamport time:  3] Client …`.
fn event(line: &str) -> Option<(&str, u64)> {
    let (node, rest) = line.split_once(" [Lamport time:")?;
    let (time, _) = rest.split_once(']')?;
    Some((node.trim(), time.trim().parse().ok()?))
}

#[tokio::test]
async fn it_shows_the_conversation_with_the_times_of_the_report() {
    let mut demo = Process::start(&["demo", "--once", "--listen", "127.0.0.1:0"], &[]);
    assert_eq!(demo.exit_code().await, 0);
    let lines = demo.out.so_far();
    let mut times: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (node, time) in lines.iter().filter_map(|line| event(line)) {
        times.entry(node).or_default().push(time);
    }
    assert_eq!(times["Anton"], [1, 2, 5, 7, 10, 16, 22, 23, 24, 29]);
    assert_eq!(times["Bjarke"], [1, 2, 8, 11, 17, 18, 26, 30, 31, 34]);
    assert_eq!(times["Oliver"], [1, 2, 12, 13, 21, 27, 31, 35, 36, 39]);
    let server: Vec<_> =
        (3..=38).filter(|time| ![12, 13, 17, 18, 22, 23, 31, 35, 36].contains(time)).collect();
    assert_eq!(times["server"], server);

    let events: usize = times.values().map(Vec::len).sum();
    let verdict = format!("The clock condition held over {events} events of 4 nodes");
    assert!(lines.last().is_some_and(|line| line.starts_with(&verdict)), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains('\u{1b}')), "no colours on a pipe");
    assert_eq!(demo.err.so_far(), Vec::<String>::new());
}

#[tokio::test]
async fn the_picture_in_the_readme_is_what_it_shows() {
    let mut demo = Process::start(&["demo", "--once", "--listen", "127.0.0.1:0"], &[]);
    assert_eq!(demo.exit_code().await, 0);
    let pictured: Vec<_> =
        PICTURE.lines().filter(|line| line.starts_with("<text")).map(text).collect();
    let shown = demo.out.so_far();
    assert_eq!(pictured.len(), shown.len(), "draw it again: see docs/images/terminal.py");
    // The first line names the port, which was a free one here.
    for (pictured, shown) in pictured.iter().zip(&shown).skip(1) {
        assert_eq!(pictured, shown, "draw it again: see docs/images/terminal.py");
    }
}

/// The text of an element of the picture, without its tags.
fn text(element: &str) -> String {
    let mut text = String::new();
    let mut is_tag = false;
    for c in element.chars() {
        match c {
            '<' => is_tag = true,
            '>' => is_tag = false,
            c if !is_tag => text.push(c),
            _ => {}
        }
    }
    text.replace("&#x27;", "'").replace("&quot;", "\"").replace("&amp;", "&")
}

#[tokio::test]
async fn it_then_keeps_the_server_for_whoever_wants_to_join() {
    let mut demo = Process::start(&["demo", "--listen", "127.0.0.1:0"], &[]);
    let invitation = demo.out.wait_for(&["The server goes on at "]).await;
    let (_, rest) = invitation.split_once(" goes on at ").expect("as waited for");
    let (address, _) = rest.split_once(". ").expect("a sentence");
    let mut visitor = Process::start(&["join", "--server", address, "--name", "Visitor"], &[]);
    visitor.out.wait_for(&["Visitor 127.0.0.1:0 has joined the chat at Lamport time 39"]).await;
    demo.out.wait_for(&["[Lamport time: 39]", "Client Visitor 127.0.0.1:0 has connected"]).await;
    visitor.tell("exit");
    assert_eq!(visitor.exit_code().await, 0);
    demo.signal(Signal::SIGINT);
    assert_eq!(demo.exit_code().await, 0);
}
