//! Names and texts that would rather be something else: each is one label, one alias, one line.

use crate::{
    picture,
    support::{conversation, drawn, journal},
};

const HOSTILE: [&str; 9] = [
    "</text><script>alert(1)</script>",
    "\" onload=\"alert(1)",
    "]]></style><image href='http://example.org/'/>",
    "&#x3c;b&#x3e; &lt; %% end",
    "\u{202e}drowssap\u{2066}\u{200f}",
    "x\nparticipant n9 as Mallory\r\n    n9->>n0: hi; end",
    "\u{1b}[2J\u{7}\u{9b}31m\u{0}",
    "{\"server\":9}\n[99] nothing happened\u{2028}",
    "\u{fffe}\u{feff}\u{ad}\u{e0041}",
];

fn piled() -> String {
    format!("Z{}", "\u{301}".repeat(127))
}

fn hostile() -> Vec<String> {
    HOSTILE.iter().map(|text| (*text).to_owned()).chain([piled()]).collect()
}

/// Nothing that acts or cannot be seen, whatever it is in.
fn is_tame(text: &str) {
    let acts = |c: char| chittychat::chat::escape::acts(c) && c != '\n';
    assert!(!text.chars().any(|c| acts(c) || "\u{fffe}\u{ad}\u{e0041}".contains(c)), "{text:?}");
    assert!(!text.contains(&"\u{301}".repeat(3)), "marks pile up");
}

#[test]
fn a_picture_has_no_element_and_no_attribute_but_ours() {
    for word in hostile() {
        let (_folder, files) = journal(&conversation(&word, "Bjarke", &word));
        let svg = drawn(&[], &files);
        picture::is_ours(&svg);
        picture::is_legible(&svg);
        is_tame(&svg);
        // It is shown all the same: as a name, and as what was said.
        let (words, _) = picture::words(&svg);
        let begins: String = word.chars().take(1).collect();
        let is_shown =
            |text: &str| text.contains(&begins) || text.contains(r"\u{") || text.contains('…');
        assert!(words.iter().any(|(text, _)| text.starts_with('“') && is_shown(text)), "{words:?}");
    }
}

#[test]
fn two_who_are_called_alike_or_nothing_stay_two() {
    let (_folder, files) = journal(&conversation("a", "a", "hi"));
    let svg = drawn(&[], &files);
    picture::is_legible(&svg);
    assert!(picture::words(&svg).0.iter().any(|(text, _)| text == "127.0.0.1:40"));
    let shiviz = drawn(&["--format", "shiviz"], &files);
    assert!(shiviz.contains("\"a_127.0.0.1:20\":") && shiviz.contains("\"a_127.0.0.1:40\":"));
}

#[test]
fn a_sequence_diagram_has_no_line_but_ours() {
    let plain = {
        let (_folder, files) = journal(&conversation("Anton", "Bjarke", "Hello"));
        drawn(&["--format", "mermaid"], &files)
    };
    for word in hostile() {
        let (_folder, files) = journal(&conversation(&word, "Bjarke", &word));
        let mermaid = drawn(&["--format", "mermaid"], &files);
        is_tame(&mermaid);
        assert_eq!(mermaid.lines().count(), plain.lines().count(), "{mermaid}");
        for (line, like) in mermaid.lines().zip(plain.lines()) {
            // Up to the first word of a stranger's, a line is as it is with a harmless one.
            let keyword = |line: &str| {
                let end = line.find([':', '“']).or_else(|| line.find(" as ")).unwrap_or(line.len());
                line[..end].to_owned()
            };
            assert_eq!(keyword(line), keyword(like));
            // A character code ends in the only semicolon that may be there.
            let codes = line.matches(';').count();
            let pieces = line.split('#').skip(1);
            let are_codes = pieces.clone().all(|piece| {
                piece.split_once(';').is_some_and(|(code, _)| code.parse::<u32>().is_ok())
            });
            assert!(are_codes && pieces.count() == codes, "{line}");
            assert!(!line.contains(['<', '"', '%', '`']) && !line.contains("end"), "{line}");
        }
    }
}

#[test]
fn a_log_for_shiviz_has_two_lines_an_event() {
    for word in hostile() {
        let (_folder, files) = journal(&conversation(&word, "Bjarke", &word));
        let log = drawn(&["--format", "shiviz"], &files);
        is_tame(&log);
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(lines.len() % 2, 0);
        for pair in lines.chunks(2) {
            let (host, clock) = pair[0].split_once(' ').unwrap();
            let clock: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(clock).unwrap();
            // The first is the server or one of two; each knows itself.
            assert!(clock[host].as_u64().unwrap() > 0 && clock.len() <= 3, "{pair:?}");
            assert!(pair[1].starts_with('['), "{pair:?}");
        }
    }
}
