//! What `/metrics` answers, read as Prometheus reads it: strictly.

use super::{Server, within};
use std::collections::{BTreeMap, BTreeSet};

/// One scrape: every series with its value, and every family with its type.
#[derive(Clone, Debug, Default)]
pub struct Scrape {
    /// By name and labels, as written.
    pub series: BTreeMap<String, f64>,
    /// The type of each family.
    pub types: BTreeMap<String, String>,
}

impl Scrape {
    /// Asks a server.
    pub async fn of(server: &Server) -> Self {
        let (status, body) = server.get("/metrics").await;
        assert_eq!(status, 200, "{body}");
        Self::parse(&body)
    }

    /// Asks a server again and again until what it answers is as it should be.
    pub async fn until(server: &Server, what: &str, is_so: impl Fn(&Self) -> bool) -> Self {
        let mut last = Self::default();
        let asking = async {
            while last.series.is_empty() || !is_so(&last) {
                last = Self::of(server).await;
            }
        };
        within(what, asking).await;
        last
    }

    /// Reads the text format, and fails where it is not that.
    pub fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line ends too");
        let mut scrape = Self::default();
        let mut helped = BTreeSet::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, _) = rest.split_once(' ').expect("a help has a text");
                assert!(helped.insert(name.to_owned()), "helped twice: {line}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type has a name");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                let before = scrape.types.insert(name.to_owned(), kind.to_owned());
                assert_eq!(before, None, "declared twice: {line}");
            } else {
                scrape.sample(line);
            }
        }
        assert_eq!(helped, scrape.types.keys().cloned().collect());
        scrape
    }

    fn sample(&mut self, line: &str) {
        let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
        let value = value.parse().unwrap_or_else(|_| panic!("not a number: {line}"));
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let is_name = |name: &str| {
            name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !name.starts_with(|c: char| c.is_ascii_digit())
        };
        assert!(is_name(name), "{line}");
        let labels = labels.strip_suffix('}').expect("the labels end");
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            let (label, value) = label.split_once('=').expect("a label has a value");
            let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            let quoted = quoted.expect("a label's value is quoted");
            assert!(is_name(label) && !quoted.contains(['"', '\\']), "{line}");
        }
        // The family is declared before, as a histogram if this is a part of one.
        let parts = ["_bucket", "_sum", "_count"].iter().filter_map(|part| name.strip_suffix(part));
        let of_histogram =
            |family: &str| self.types.get(family).is_some_and(|it| it == "histogram");
        let is_declared = self.types.contains_key(name) || parts.into_iter().any(of_histogram);
        assert!(is_declared, "not declared: {line}");
        let before = self.series.insert(series.to_owned(), value);
        assert_eq!(before, None, "twice: {line}");
    }

    /// The value of a series.
    pub fn get(&self, series: &str) -> f64 {
        let value = self.series.get(series);
        *value.unwrap_or_else(|| panic!("no {series} in {:#?}", self.series))
    }

    /// The sum of a family over its label.
    pub fn sum(&self, family: &str) -> f64 {
        let begin = format!("{family}{{");
        let of_family = self.series.iter().filter(|(series, _)| series.starts_with(&begin));
        of_family.map(|(_, value)| value).sum()
    }

    /// A family's values other than zero, by the value of its label.
    pub fn counted(&self, family: &str) -> Vec<(String, f64)> {
        let begin = format!("{family}{{");
        let value_of = |rest: &str| rest.split('"').nth(1).unwrap_or_default().to_owned();
        let of_family = self
            .series
            .iter()
            .filter_map(|(series, value)| Some((value_of(series.strip_prefix(&begin)?), *value)));
        of_family.filter(|(_, value)| *value != 0.0).collect()
    }

    /// Deliveries that are owed and not accounted for yet.
    pub fn outstanding(&self) -> f64 {
        self.get("chittychat_audience_total") - self.sum("chittychat_deliveries_total")
    }
}
