//! What is in force, as a TOML file that explains itself.
//!
//! The print is a file again: loaded, it gives the same settings. A setting that follows another is
//! therefore a comment, since writing its value down would pin it.

use super::{
    layers::InForce,
    table::{self, SETTINGS, Standard},
};
use std::{collections::BTreeMap, fmt::Write as _};

/// The settings by section, the source of each behind it.
pub(super) fn to_toml(in_force: &BTreeMap<&'static str, InForce>) -> String {
    let lines: Vec<_> = SETTINGS
        .iter()
        .filter_map(|setting| {
            let (section, name) = table::parts(setting.key);
            let (line, source) = match (in_force.get(setting.key), &setting.standard) {
                (Some(InForce { value, origin }), _) => {
                    (format!("{name} = {value}"), origin.to_string())
                }
                (None, Standard::SameAs(other)) => {
                    let followed = &in_force.get(other)?.value;
                    (format!("# {name} = {followed}"), format!("default: as {other}"))
                }
                (None, Standard::Text(_)) => return None,
            };
            Some((section, line, source))
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
