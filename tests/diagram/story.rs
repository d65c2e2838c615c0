//! What a diagram tells: who lost what, what lies in a window, and what happened before what.

use crate::{
    picture,
    support::{conversation, drawn, first, fixture, journal, refused},
};
use std::{collections::BTreeMap, path::PathBuf};

/// Bjarke said something, is evicted with one message unread, and Anton is told.
const EVICTED: &str = r#"{"kind":"receive","of":"publish","time":13,"who":[2],"cause":12,"seen":10,"message":13,"text":"yes","wall_us":1}
{"kind":"send","of":"publish","time":14,"who":[1],"message":13,"about":2,"wall_us":1}
{"kind":"receive","of":"publish","time":17,"who":[1],"cause":16,"seen":14,"message":17,"text":"there?","wall_us":1}
{"kind":"send","of":"publish","time":18,"who":[2],"message":17,"about":1,"wall_us":1}
{"kind":"lost","time":19,"who":[2],"message":19,"text":"evicted: it lagged","wall_us":1}
{"kind":"send","of":"leave","time":20,"who":[1],"message":19,"about":2,"wall_us":1}
"#;

fn evicted() -> (tempfile::TempDir, Vec<PathBuf>) {
    journal(&(conversation("Anton", "Bjarke", "Hello") + EVICTED))
}

#[test]
fn a_lost_message_ends_in_a_cross() {
    let (_folder, files) = evicted();
    let svg = drawn(&[], &files);
    let said = picture::titles(&svg, "said");
    let lost = "a message, sent by server at 18, unread by Bjarke 127.0.0.1:40, which was evicted";
    assert!(said.iter().any(|title| title == lost), "{said:#?}");
    let (_, description) = picture::title_and_description(&svg);
    assert!(description.ends_with("of which 1 never arrived."), "{description}");
    let (words, _) = picture::words(&svg);
    let has = |word: &str| words.iter().any(|(text, _)| text == word);
    assert!(has("Bjarke is lost") && has("never arrived"), "{words:?}");
    let mermaid = drawn(&["--format", "mermaid"], &files);
    assert!(mermaid.contains("-xn2: 18, lost: “there#63;”\n"), "{mermaid}");
}

#[test]
fn who_left_no_record_is_hollow_and_the_legend_says_so() {
    let (_folder, files) = journal(&conversation("Anton", "Bjarke", "Hello"));
    let svg = drawn(&[], &files);
    let hollow = picture::titles(&svg, "hollow");
    // Anton's `seen` places two receives. Bjarke said nothing: his are assumed.
    assert!(
        hollow.contains(
            &"Anton 127.0.0.1:20 at 7: receives a join from server (as the server's record says)"
                .into()
        ),
        "{hollow:#?}"
    );
    assert!(
        hollow.iter().any(|title| title.starts_with(
            "Bjarke 127.0.0.1:40 at 11: receives a message from server: “Hello” (not recorded"
        )),
        "{hollow:#?}"
    );
    let legend = "not recorded by its own process, but worked out";
    assert!(picture::words(&svg).0.iter().any(|(text, _)| text == legend));

    let journals: Vec<_> = ["server", "anton", "bjarke", "oliver"]
        .map(|name| fixture(&format!("journal/{name}.jsonl")))
        .into();
    let svg = drawn(&[], &journals);
    assert!(picture::titles(&svg, "hollow").is_empty());
    assert!(picture::words(&svg).0.iter().all(|(text, _)| text != legend));
}

#[test]
fn a_window_shows_what_lies_in_it_and_what_crosses_its_edge() {
    let svg = drawn(&["--from", "9", "--to", "13"], &first());
    let (_, description) = picture::title_and_description(&svg);
    assert!(description.contains("from Lamport time 9 to 13."), "{description}");
    // “Hello” comes in from 8.
    let edge = picture::titles(&svg, "beyond");
    assert_eq!(edge, ["a message, sent by Client1 127.0.0.1:40 at 8, received by server at 9"]);
    picture::is_legible(&svg);
}

#[test]
fn a_choice_shows_the_server_beside_it_and_what_it_was_told() {
    let svg = drawn(&["--only", "Client2"], &first());
    let (_, description) = picture::title_and_description(&svg);
    assert!(description.starts_with("2 processes, from left to right: Client2"), "{description}");
    let (words, _) = picture::words(&svg);
    assert!(words.iter().all(|(text, _)| text != "Client1"), "{words:?}");
    // What Client1 said is there where the server took it in.
    let full = picture::titles(&svg, "full");
    assert!(
        full.iter().any(|title| title.starts_with("server at 9: receives a message from Client1"))
    );
    let all = drawn(&["--only", "Client1 127.0.0.1:40", "--only", "Client2"], &first());
    assert_eq!(all, drawn(&[], &first()));
}

#[test]
fn what_cannot_be_drawn_is_refused_with_a_reason() {
    let (code, why) = refused(&["--only", "Mallory\u{1b}"], &first());
    assert_eq!(code, 2);
    assert!(
        why.contains("there is no \"Mallory\\u{1b}\" in this; there are server, Client1"),
        "{why}"
    );
    let (code, why) = refused(&["--from", "9", "--to", "8"], &first());
    assert_eq!((code, &*why), (2, "error: --from 9 is later than --to 8\n"));
    let (code, why) = refused(&["--from", "99"], &first());
    assert!(why.contains("nothing happened from 99 on; the times here are 1 to 23"), "{why}");
    assert_eq!(code, 2);
    let (code, why) = refused(&[], &[fixture("no-such-file")]);
    assert_eq!(code, 2);
    assert!(why.contains("cannot read"), "{why}");
    let (code, why) = refused(&["--output", "/nowhere/at/all.svg"], &first());
    assert_eq!(code, 1);
    assert!(why.contains("cannot write /nowhere/at/all.svg"), "{why}");
}

#[test]
fn more_than_a_diagram_holds_is_refused_until_a_part_is_chosen() {
    let mut lines = conversation("Anton", "Bjarke", "Hello");
    for message in 0..3_000 {
        let (sent, time) = (20 + 10 * message, 21 + 10 * message);
        let to = time + 1;
        lines += &format!(
            "{{\"kind\":\"receive\",\"of\":\"publish\",\"time\":{time},\"who\":[1],\"cause\":{sent},\"message\":{time},\"text\":\"x\",\"wall_us\":1}}\n\
             {{\"kind\":\"send\",\"of\":\"publish\",\"time\":{to},\"who\":[2],\"message\":{time},\"about\":1,\"wall_us\":1}}\n"
        );
    }
    let (_folder, files) = journal(&lines);
    let (code, why) = refused(&[], &files);
    assert_eq!(code, 2);
    assert!(why.contains("more than a diagram holds, which is 5000 events of 64 nodes"), "{why}");
    assert!(why.contains("--from and --to, the times here being 2 to 30012"), "{why}");
    let svg = drawn(&["--from", "20000", "--to", "20100"], &files);
    picture::is_legible(&svg);
    // Ten messages: sent, received, sent on, received.
    assert_eq!(picture::count(&svg, "events"), 1);
    assert_eq!(picture::titles(&svg, "dot").len(), 41);
}

#[test]
fn vector_clocks_are_rebuilt_from_the_messages() {
    let log = drawn(&["--format", "shiviz"], &first());
    let mut events = BTreeMap::new();
    for pair in log.lines().collect::<Vec<_>>().chunks(2) {
        let (host, clock) = pair[0].split_once(' ').unwrap();
        let clock: BTreeMap<String, u64> = serde_json::from_str(clock).unwrap();
        let time: u64 = pair[1][1..].split_once(']').unwrap().0.parse().unwrap();
        events.insert((host.to_owned(), time), clock);
    }
    let (one, two, server) = ("Client1_127.0.0.1:40", "Client2_127.0.0.1:20", "server");
    let before = |a: (&str, u64), b: (&str, u64)| {
        let (a, b) = (&events[&(a.0.to_owned(), a.1)], &events[&(b.0.to_owned(), b.1)]);
        a != b && a.iter().all(|(host, count)| b.get(host).is_some_and(|other| count <= other))
    };
    // “Hello” leaves Client1 at 8, is taken in at 9, and reaches Client2 at 11.
    assert!(before((one, 8), (server, 9)) && before((server, 9), (two, 11)));
    assert!(before((one, 8), (two, 12)));
    // Client2 opens its stream when Client1 is there already, and knows nothing of that.
    assert!(!before((one, 2), (two, 1)) && !before((two, 1), (one, 2)));
    // The first event of each has counted itself alone.
    assert_eq!(events[&(two.to_owned(), 1)], BTreeMap::from([(two.to_owned(), 1)]));
    // As many as the picture has.
    assert_eq!(events.len(), picture::titles(&drawn(&[], &first()), "dot").len());
}
