//! The page's tables are the server's. What it makes of them is tested in a browser: `tests/console`.

use chittychat::chat::{imitation, unseen};

/// What stands in the page's script behind `const NAME = `, without blanks.
fn page(name: &str) -> String {
    let script = include_str!("../../src/console/page/glyphs.js");
    let (_, rest) = script.split_once(&format!("const {name} = ")).expect("the page has it");
    let (value, _) = rest.split_once(";\n").expect("it ends");
    value.replace('\n', "").replace("  ", "").replace(",]", "]").replace(", ", ",")
}

#[test]
fn the_page_judges_characters_as_the_server_does() {
    let tables: [(&str, &[(u32, u32)]); 6] = [
        ("UNSEEN", &unseen::UNSEEN),
        ("ODD_BLANKS", &unseen::ODD_BLANKS),
        ("PICTURES", &unseen::PICTURES),
        ("VIRAMAS", &unseen::VIRAMAS),
        ("JOINING_ON", &unseen::JOINING_ON),
        ("JOINING_BACK", &unseen::JOINING_BACK),
    ];
    for (name, table) in tables {
        let ranges = table.iter().map(|(first, last)| format!("[{first:#x},{last:#x}]"));
        assert_eq!(page(name), format!("[{}]", ranges.collect::<Vec<_>>().join(",")), "{name}");
    }
    assert_eq!(page("TAG_FLAGS"), format!("{:?}", unseen::TAG_FLAGS).replace(", ", ","));
}

#[test]
fn the_page_knows_the_servers_sentences() {
    assert_eq!(page("LOOKALIKES"), format!("\"{}\"", imitation::LOOKALIKES));
    let sentences = imitation::SENTENCES.map(|sentence| format!("\"{sentence}\""));
    assert_eq!(page("SENTENCES"), format!("[{}]", sentences.join(",")));
}
