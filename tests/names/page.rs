//! The tables of docs/names.md are those that are tested.

use crate::table::{ADMITTED, REFUSED, SAID};
use chittychat::chat::unseen::is_unseen;

fn is_documented(title: &str, rows: impl Iterator<Item = String>) {
    let table = rows.fold(format!("{title}\n"), |table, row| table + &row + "\n");
    let page = include_str!("../../docs/names.md");
    assert!(page.contains(&table), "docs/names.md is to hold this table:\n{table}");
}

/// A text as a Rust string has it, so that what is hidden in it can be read.
fn written(text: &str) -> String {
    let is_odd = |c| is_unseen(c) || (!c.is_ascii() && c.is_whitespace());
    let written = format!("{text:?}");
    let seen = written.chars().map(|c| match c {
        c if is_odd(c) => c.escape_unicode().to_string(),
        c => c.to_string(),
    });
    format!("`{}`", seen.collect::<String>())
}

#[test]
fn every_name_of_the_table_is_documented() {
    let title =
        "| name | in a reference | in brackets | before words on a terminal |\n|---|---|---|---|";
    let row = ADMITTED.iter().map(|row| {
        let name = written(row.name);
        format!("| {name} | `{}` | `{}` | `{}` |", row.shown, row.bracketed, row.spoken)
    });
    is_documented(title, row);
    let row = REFUSED.iter().map(|(name, why)| format!("| {} | {why} |", written(name)));
    is_documented("| name | why it is refused |\n|---|---|", row);
}

#[test]
fn every_text_of_the_table_is_documented() {
    let row = SAID.iter().map(|(text, shown)| format!("| {} | `{shown}` |", written(text)));
    is_documented("| text | as it is shown |\n|---|---|", row);
}
