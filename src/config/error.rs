//! What can be wrong with settings, in words for the person who set them.
//!
//! Each problem names the key, the source and what would be right. The texts quote what strangers
//! wrote, so every quoted part goes through [`one_line`].

use super::{sources::Origin, table::SETTINGS};
use std::{fmt, io, path::PathBuf};

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {reason}", one_line(&path.display().to_string()))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The file is no TOML.
    #[error("{}, line {line}: {reason}", one_line(&path.display().to_string()))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line of the mistake, from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// The layers cannot be merged, or the types refuse what the table of settings lets through. No
    /// operator is to blame for that; tests are there to find it first.
    #[error("cannot merge the settings: {reason}")]
    Unmerged {
        /// What the library says, with the path of the key.
        reason: String,
    },
    /// Some of what was set is refused: one line for each problem.
    #[error("{}", listed(problems))]
    Refused {
        /// Every problem of every source, the lowest layer first.
        problems: Vec<Problem>,
    },
}

impl ConfigError {
    /// What is wrong with a file that the library cannot parse. TOML itself is asked for the line,
    /// which the library does not know of a number that is too large.
    pub(super) fn malformed(path: PathBuf, text: &str, error: &::config::ConfigError) -> Self {
        let precise = text.parse::<toml::Table>().err();
        let start = precise.as_ref().and_then(|error| Some(error.span()?.start));
        let before = text.get(..start.unwrap_or(0)).unwrap_or_default();
        let reason = precise.map_or(error.to_string(), |error| error.message().to_owned());
        let line = before.matches('\n').count() + 1;
        Self::Malformed { path, line, reason: one_line(&reason) }
    }

    /// Refuses what has problems.
    pub(super) fn refused(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self::Refused { problems }) }
    }

    pub(super) fn unmerged(reason: impl fmt::Display) -> Self {
        Self::Unmerged { reason: one_line(&reason.to_string()) }
    }
}

/// One thing that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// There is no such setting.
    UnknownKey {
        /// The path of the key.
        key: String,
        /// Who set it.
        origin: Origin,
        /// The key that was most likely meant.
        nearest: Option<&'static str>,
    },
    /// A variable that begins as ours do but cannot be a setting.
    UnknownVariable {
        /// Its name.
        name: String,
        /// The variable that was most likely meant.
        nearest: Option<String>,
    },
    /// The value is of the wrong kind or out of its range.
    Value {
        /// The path of the key.
        key: String,
        /// Who set it.
        origin: Origin,
        /// The value, as it was written.
        value: String,
        /// What is allowed.
        wanted: String,
    },
    /// The setting is of no use without another.
    Alone {
        /// The path of the key.
        key: &'static str,
        /// Who set it.
        origin: Origin,
        /// The key that is missing.
        other: &'static str,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey { key, origin, nearest } => {
                let (key, place) = (one_line(key), origin.place());
                write!(f, "unknown setting `{key}` {place}")?;
                nearest.map_or(Ok(()), |key| write!(f, "; did you mean `{key}`?"))
            }
            Self::UnknownVariable { name, nearest } => {
                write!(f, "unknown variable `{}` in the environment", one_line(name))?;
                match nearest {
                    Some(meant) => write!(
                        f,
                        "; did you mean `{meant}`, with two underscores between the levels?"
                    ),
                    None if is_service_link(name) => f.write_str(
                        "; kubernetes sets it for a service called chittychat unless the pod has `enableServiceLinks: false`",
                    ),
                    None => Ok(()),
                }
            }
            Self::Value { key, origin, value, wanted } => {
                let place = origin.place();
                write!(f, "`{key}` is {value} {place}; {wanted} is wanted")
            }
            Self::Alone { key, origin, other } => {
                let place = origin.place();
                write!(f, "`{key}` is set {place}, and `{other}` is not; one needs the other")
            }
        }
    }
}

/// True of the variables that Kubernetes gives to every pod beside a service with our name.
fn is_service_link(name: &str) -> bool {
    name.starts_with("CHITTYCHAT_SERVICE_") || name.starts_with("CHITTYCHAT_PORT")
}

/// A line for each problem. If one of them leaves the reader without a hint, the known keys follow,
/// once.
fn listed(problems: &[Problem]) -> String {
    let mut lines: Vec<_> = problems.iter().map(Problem::to_string).collect();
    let is_without_hint = |problem: &Problem| match problem {
        Problem::UnknownKey { nearest, .. } => nearest.is_none(),
        Problem::UnknownVariable { name, nearest } => nearest.is_none() && !is_service_link(name),
        Problem::Value { .. } | Problem::Alone { .. } => false,
    };
    if problems.iter().any(is_without_hint) {
        let keys: Vec<_> = SETTINGS.iter().map(|setting| setting.key).collect();
        lines.push(format!("the known settings are {}", keys.join(", ")));
    }
    lines.join("\n")
}

/// A text on one line, with every character escaped that cannot be seen. Quotes and backslashes
/// stay: a path or a TOML value is easier to find as it was written.
pub(super) fn one_line(text: &str) -> String {
    text.chars().fold(String::new(), |mut shown, c| {
        match c {
            '"' | '\'' | '\\' => shown.push(c),
            c => shown.extend(c.escape_debug()),
        }
        shown
    })
}
