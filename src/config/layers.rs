//! One layer over the other: every value of every source is judged, and the latest good one holds.
//!
//! Merging and typing are the library's. What is done here is what it does not do: it says neither
//! which variable or flag a value came from nor that nobody reads a key.

use super::{
    Settings,
    error::{ConfigError, Problem, one_line},
    nearest::nearest,
    sources::{FILTER_VARIABLE, Flag, Origin, PREFIX},
    table::{self, Kind, SETTINGS, Setting, Standard},
};
use ::config::{Config, Environment, Map, Source, Value, ValueKind};
use std::collections::BTreeMap;

/// The source of each value in force.
pub(super) type Origins = BTreeMap<&'static str, Origin>;

/// What was laid down so far, and what was wrong with it.
#[derive(Debug, Default)]
pub(super) struct Layers {
    layers: Vec<Layer>,
    origins: Origins,
    problems: Vec<Problem>,
}

/// What a source says, read once: to be judged, and to be merged.
#[derive(Clone, Debug)]
struct Layer(Map<String, Value>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ::config::ConfigError> {
        Ok(self.0.clone())
    }
}

impl Layers {
    /// The lowest layer.
    pub(super) fn of_defaults() -> Self {
        let mut layers = Self::default();
        for setting in SETTINGS {
            if let Standard::Text(text) = setting.standard {
                layers.lay(Map::from([(setting.key.to_owned(), text.into())]), Origin::Default);
            }
        }
        layers
    }

    /// Lays down what the environment holds, one variable at a time, so that each value keeps the
    /// name it came under.
    pub(super) fn lay_environment(
        &mut self,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), ConfigError> {
        for (name, value) in environment {
            let Some(rest) = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('_'))
            else {
                continue;
            };
            // The library makes no difference between capitals and small letters, nor between a dot
            // and two underscores. If all of them passed, two variables could set one key.
            let is_ours = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            if rest.starts_with('_') && rest.chars().all(is_ours) {
                let variable = Environment::with_prefix(PREFIX)
                    .prefix_separator("__")
                    .separator("__")
                    .source(Some(Map::from([(name.clone(), value.clone())])));
                let values = variable.collect().map_err(ConfigError::unmerged)?;
                self.lay(values, Origin::Environment(name.clone()));
            } else if name != FILTER_VARIABLE {
                let nearest = nearest(rest).map(Setting::variable);
                self.problems.push(Problem::UnknownVariable { name: name.clone(), nearest });
            }
        }
        Ok(())
    }

    /// Lays down what the command line gave, one flag at a time.
    pub(super) fn lay_flags(&mut self, flags: &[Flag]) {
        for Flag { key, value, name } in flags {
            let values = Map::from([(key.clone(), value.as_str().into())]);
            self.lay(values, Origin::Flag(name.clone()));
        }
    }

    /// Lays down what one source says.
    pub(super) fn lay(&mut self, values: Map<String, Value>, origin: Origin) {
        self.judge_below("", &values, &origin);
        self.layers.push(Layer(values));
    }

    /// Judges a table, in the order of its keys. The depth is bounded by the parser's.
    fn judge_below(&mut self, path: &str, values: &Map<String, Value>, origin: &Origin) {
        for (name, value) in values.iter().collect::<BTreeMap<_, _>>() {
            let key = joined(path, name, origin);
            match &value.kind {
                ValueKind::Table(below) if below.is_empty() && table::first_of(&key).is_some() => {}
                ValueKind::Table(below) if !below.is_empty() && table::find(&key).is_none() => {
                    self.judge_below(&key, below, origin);
                }
                _ => self.judge(key, value, origin.clone()),
            }
        }
    }

    fn judge(&mut self, key: String, value: &Value, origin: Origin) {
        let wanted = match (table::find(&key), table::first_of(&key)) {
            (Some(setting), _) if setting.kind.admits(&value.kind, origin.is_file()) => {
                self.origins.insert(setting.key, origin);
                return;
            }
            (Some(setting), _) => setting.kind.wanted(),
            (None, Some(first)) => format!("a section with settings such as `{}`", first.key),
            (None, None) => {
                let nearest = nearest(&key).map(|setting| setting.key);
                self.problems.push(Problem::UnknownKey { key, origin, nearest });
                return;
            }
        };
        let value = shown(value, &origin);
        self.problems.push(Problem::Value { key, origin, value, wanted });
    }

    /// The merged settings and the source of each. They are held against each other only here,
    /// where each is right by itself, because one may stand in a lower layer than the other.
    pub(super) fn settle(self) -> Result<(Settings, Origins), ConfigError> {
        ConfigError::refused(self.problems)?;
        let builder = Config::builder().add_source(self.layers);
        let merged = builder.build().map_err(ConfigError::unmerged)?;
        let excesses = SETTINGS.iter().filter_map(|low| excess(low, &merged, &self.origins));
        let alone = SETTINGS.iter().filter_map(|one| alone(one, &merged, &self.origins));
        ConfigError::refused(excesses.chain(alone).collect())?;
        let settings = serde_path_to_error::deserialize(merged).map_err(ConfigError::unmerged)?;
        Ok((settings, self.origins))
    }
}

/// What is wrong with a setting that exceeds the one that bounds it.
fn excess(low: &Setting, merged: &Config, origins: &Origins) -> Option<Problem> {
    let (Standard::SameAs(high), Kind::Count(range)) = (&low.standard, &low.kind) else {
        return None;
    };
    let origin = origins.get(low.key)?.clone();
    let (value, most) = (merged.get_int(low.key).ok()?, merged.get_int(high).ok()?);
    (value > most).then(|| Problem::Value {
        key: low.key.to_owned(),
        origin,
        value: value.to_string(),
        wanted: format!(
            "a whole number from {} to {most}, which is `{high}` ({}),",
            range.start(),
            origins[high]
        ),
    })
}

/// What is wrong with a setting that is set without the one it needs.
fn alone(one: &Setting, merged: &Config, origins: &Origins) -> Option<Problem> {
    let Kind::File(Some(other)) = one.kind else { return None };
    let is_set = |key| merged.get_string(key).is_ok_and(|path| !path.is_empty());
    let origin = origins.get(one.key)?.clone();
    (is_set(one.key) && !is_set(other)).then_some(Problem::Alone { key: one.key, origin, other })
}

/// The path of a name below another. A name that TOML would quote is quoted, or `"room.capacity"`
/// at the top of a file would pass for `capacity` in `[room]`. Elsewhere a name is a path already.
fn joined(path: &str, name: &str, origin: &Origin) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let is_quoted = origin.is_file() && (name.is_empty() || !name.chars().all(is_bare));
    let name = if is_quoted { format!("{name:?}") } else { name.to_owned() };
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// A value as its source gives it.
fn shown(value: &Value, origin: &Origin) -> String {
    let text = value.to_string();
    if origin.is_file() {
        let written = value.clone().try_deserialize::<toml::Value>();
        one_line(written.map_or(text, |written| written.to_string()).trim_end())
    } else if text.is_empty() {
        "empty".to_owned()
    } else {
        one_line(&text)
    }
}
