//! One layer over the other: every value of every source is judged, and the latest good one holds.
//!
//! A layer is taken apart into keys and values before it is laid down. So a table and a plain value
//! of the same name in two layers cannot hide each other, and each value keeps its own source.

use super::{
    error::{ConfigError, Problem, one_line},
    nearest::nearest,
    sources::{FILTER_VARIABLE, Flag, Origin, PREFIX},
    table::{self, Kind, SETTINGS, Standard},
};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// A judged value, and where it came from.
#[derive(Clone, Debug)]
pub(super) struct InForce {
    /// In the form that a file has.
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// What was laid down so far, and what was wrong with it.
#[derive(Debug)]
pub(super) struct Layers {
    pub(super) in_force: BTreeMap<&'static str, InForce>,
    problems: Vec<Problem>,
}

/// A value as its source gives it.
#[derive(Clone, Copy)]
enum Given<'a> {
    Text(&'a str),
    Toml(&'a Value),
}

impl Given<'_> {
    fn read(self, kind: &Kind) -> Option<Value> {
        match self {
            Self::Text(text) => kind.read_text(text),
            Self::Toml(value) => kind.read_toml(value),
        }
    }

    fn shown(self) -> String {
        match self {
            Self::Text("") => "empty".to_owned(),
            Self::Text(text) => one_line(text),
            Self::Toml(value) => one_line(value.to_string().trim_end()),
        }
    }
}

impl Layers {
    /// The lowest layer.
    pub(super) fn of_defaults() -> Self {
        let mut layers = Self { in_force: BTreeMap::new(), problems: Vec::new() };
        for setting in SETTINGS {
            if let Standard::Text(text) = setting.standard {
                layers.lay(setting.key, Given::Text(text), Origin::Default);
            }
        }
        layers
    }

    /// Lays down what a file holds.
    pub(super) fn lay_file(&mut self, file: &Table, origin: &Origin) {
        self.lay_below("", file, origin);
    }

    /// Lays down a table of a file. The depth is bounded by the parser's.
    fn lay_below(&mut self, path: &str, table: &Table, origin: &Origin) {
        for (name, value) in table {
            let key = joined(path, name);
            match value {
                Value::Table(below) if below.is_empty() && table::first_of(&key).is_some() => {}
                Value::Table(below) if !below.is_empty() && table::find(&key).is_none() => {
                    self.lay_below(&key, below, origin);
                }
                value => self.lay(&key, Given::Toml(value), origin.clone()),
            }
        }
    }

    /// Lays down what the environment holds.
    pub(super) fn lay_environment(&mut self, environment: &BTreeMap<String, String>) {
        for (name, value) in environment {
            let Some(rest) = name.strip_prefix(PREFIX) else {
                continue;
            };
            if name == FILTER_VARIABLE {
                continue;
            }
            // Variables are written in capitals. If others passed, two could set one key.
            let is_capital = !rest.contains(char::is_lowercase);
            match rest.strip_prefix('_').filter(|_| is_capital) {
                Some(levels) => {
                    let key = levels.to_lowercase().replace("__", ".");
                    let origin = Origin::Environment(name.clone());
                    self.lay(&key, Given::Text(value), origin);
                }
                None => self.problems.push(Problem::UnknownVariable {
                    name: name.clone(),
                    nearest: nearest(rest).map(|setting| setting.variable()),
                }),
            }
        }
    }

    /// Lays down what the command line gave.
    pub(super) fn lay_flags(&mut self, flags: &[Flag]) {
        for flag in flags {
            let origin = Origin::Flag(flag.name.clone());
            self.lay(&flag.key, Given::Text(&flag.value), origin);
        }
    }

    fn lay(&mut self, key: &str, given: Given<'_>, origin: Origin) {
        let wanted = match (table::find(key), table::first_of(key)) {
            (Some(setting), _) => match given.read(&setting.kind) {
                Some(value) => {
                    self.in_force.insert(setting.key, InForce { value, origin });
                    return;
                }
                None => setting.kind.wanted(),
            },
            (None, Some(first)) => format!("a section with settings such as `{}`", first.key),
            (None, None) => {
                self.problems.push(Problem::UnknownKey {
                    key: key.to_owned(),
                    origin,
                    nearest: nearest(key).map(|setting| setting.key),
                });
                return;
            }
        };
        self.problems.push(Problem::Value {
            key: key.to_owned(),
            origin,
            value: given.shown(),
            wanted,
        });
    }

    /// What is in force, now that all layers lie. Settings are held against each other only here,
    /// because one may stand in a lower layer than the other.
    pub(super) fn settle(mut self) -> Result<BTreeMap<&'static str, InForce>, ConfigError> {
        for setting in SETTINGS {
            if let (Standard::SameAs(other), Kind::Count(range)) =
                (&setting.standard, &setting.kind)
            {
                self.hold_against(setting.key, other, *range.start());
            }
        }
        if self.problems.is_empty() {
            Ok(self.in_force)
        } else {
            Err(ConfigError::Refused { problems: self.problems })
        }
    }

    fn hold_against(&mut self, key: &'static str, other: &'static str, least: i64) {
        // If the bound itself was refused, what stands for it is a value that nobody wanted.
        let is_bound_refused = self
            .problems
            .iter()
            .any(|problem| matches!(problem, Problem::Value { key, .. } if key == other));
        let (Some(low), Some(high)) = (self.in_force.get(key), self.in_force.get(other)) else {
            return;
        };
        if !is_bound_refused && low.value.as_integer() > high.value.as_integer() {
            self.problems.push(Problem::Value {
                key: key.to_owned(),
                origin: low.origin.clone(),
                value: low.value.to_string(),
                wanted: format!(
                    "a whole number from {least} to {}, which is `{other}` ({}),",
                    high.value, high.origin
                ),
            });
        }
    }
}

/// The path of a name below another. A name that TOML would quote is quoted, or `"room.capacity"`
/// at the top of a file would pass for `capacity` in `[room]`.
fn joined(path: &str, name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let name = if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        format!("{name:?}")
    };
    if path.is_empty() { name } else { format!("{path}.{name}") }
}
