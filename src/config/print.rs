//! What is in force, as a TOML file that explains itself.
//!
//! The print is a file again: loaded, it gives the same settings. A setting that follows another is
//! therefore a comment, since writing its value down would pin it.

use super::layers::Origins;
use super::table::{SETTINGS, Standard};
use std::fmt::Write as _;

/// The settings by section, the source of each behind it.
pub(super) fn to_toml(values: &toml::Table, origins: &Origins) -> String {
    let value = |key: &str| {
        let mut path = key.split('.');
        let first = values.get(path.next()?)?;
        path.try_fold(first, |section, name| section.get(name))
    };
    let lines: Vec<_> = SETTINGS
        .iter()
        .filter_map(|setting| {
            let (section, name) = (setting.section(), setting.name());
            let (mark, key, source) = match (origins.get(setting.key), &setting.standard) {
                (Some(origin), _) => ("", setting.key, origin.to_string()),
                (None, Standard::SameAs(other)) => ("# ", *other, format!("default: as {other}")),
                (None, Standard::Text(_)) => return None,
            };
            Some((section, format!("{mark}{name} = {}", value(key)?), source))
        })
        .collect();
    let width = lines.iter().map(|(_, line, _)| line.chars().count()).max().unwrap_or(0);
    let mut print = String::new();
    let mut current = "";
    for (section, line, source) in &lines {
        if *section != current {
            let gap = if current.is_empty() { "" } else { "\n" };
            // Writing to a string does not fail, here and below.
            let _ = writeln!(print, "{gap}[{section}]");
            current = section;
        }
        let _ = writeln!(print, "{line:width$}  # {source}");
    }
    print
}
