//! The two conversations of the original's report, as they stand in the README and in docs/diagram.md.
//!
//! What is drawn is compared byte for byte. Whoever changes how diagrams look draws them again, looks at
//! them, and commits them: `CHITTYCHAT_DRAW=1 cargo test --test diagram golden`.

use crate::{picture, support};
use std::{env, fs, path::Path, path::PathBuf};

#[track_caller]
fn golden(name: &str, arguments: &[&str], files: &[PathBuf]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images").join(name);
    let drawn = support::drawn(arguments, files);
    if env::var_os("CHITTYCHAT_DRAW").is_some() {
        fs::write(&path, &drawn).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap();
    assert!(kept == drawn, "{name} is drawn otherwise: see the top of tests/diagram/golden.rs");
    drawn
}

#[test]
fn the_first_conversation_is_drawn_as_it_is_kept() {
    let svg = golden("first-conversation.svg", &[], &support::first());
    picture::is_ours(&svg);
    picture::is_legible(&svg);
    let (title, description) = picture::title_and_description(&svg);
    assert_eq!(title, "Space-time diagram of a conversation");
    let who =
        "3 processes, from left to right: Client1 127.0.0.1:40, server, Client2 127.0.0.1:20.";
    assert!(description.starts_with(who), "{description}");
    // Every event of the report, and the two Acks that its clients do not log.
    assert_eq!((picture::count(&svg, "full"), picture::count(&svg, "hollow")), (28 + 3, 2 + 1));
}

#[test]
fn the_second_conversation_is_drawn_as_it_is_kept() {
    let svg = golden("second-conversation.svg", &[], &support::second());
    picture::is_ours(&svg);
    picture::is_legible(&svg);
    // What the report calls Client 1's log is the server's: Anton's side is worked out, times and all.
    let anton = picture::titles(&svg, "hollow");
    let said = "Anton 127.0.0.1:20 at 23: sends a message to server: “Hello” (not recorded";
    assert!(anton.iter().any(|title| title.starts_with(said)), "{anton:#?}");
    let heard = "a message, sent by server at 25, received by Bjarke 127.0.0.1:40 at 26";
    assert!(picture::titles(&svg, "said").iter().any(|title| title == heard));
}

#[test]
fn the_first_conversation_as_text_is_kept_too() {
    let mermaid = golden("first-conversation.mmd", &["--format", "mermaid"], &support::first());
    assert!(mermaid.starts_with("sequenceDiagram\n"));
    let shiviz = golden("first-conversation.shiviz", &["--format", "shiviz"], &support::first());
    assert!(shiviz.contains("[15] receives a message from server: “Hi”\n"), "{shiviz}");
}
