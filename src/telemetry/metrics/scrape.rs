//! The exporter's text put in order.
//!
//! The exporter writes families, and series within a family, in the order of a hash map, which is
//! another one at each scrape: Prometheus does not mind, a person who reads it does. And it knows no
//! counter of fractions: those are gauges to it, and get their right type here.

use super::table::{Kind, TABLE};

/// The same text, families in the order of the table and series by their labels.
pub(super) fn tidy(text: &str) -> String {
    let mut families: Vec<_> = text
        .split_terminator("\n\n")
        .filter(|family| !family.is_empty())
        .map(|family| (TABLE.iter().position(|metric| declares(family, metric.name)), family))
        .collect();
    families.sort_unstable();
    families.into_iter().map(|(place, family)| in_order(place, family)).collect()
}

fn declares(family: &str, name: &str) -> bool {
    family.strip_prefix("# HELP ").and_then(|rest| rest.split(' ').next()) == Some(name)
}

fn in_order(place: Option<usize>, family: &str) -> String {
    let kind = place.map(|place| TABLE[place].kind);
    let (mut heads, mut series): (Vec<_>, Vec<_>) =
        family.lines().map(str::to_owned).partition(|line| line.starts_with('#'));
    // The buckets of a histogram are in order, which is not that of their letters.
    if !matches!(kind, Some(Kind::Histogram(_))) {
        series.sort_unstable();
    }
    if kind == Some(Kind::FractionalCounter) {
        for head in heads.iter_mut().filter(|head| head.starts_with("# TYPE ")) {
            *head = head.replace(" gauge", " counter");
        }
    }
    heads.append(&mut series);
    heads.push(String::new());
    heads.join("\n")
}
