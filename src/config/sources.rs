//! Where settings come from, and how a source is named to people.
//!
//! Only the file is read here, and not judged: what a key means is for `layers` and `table`.

use super::error::{ConfigError, one_line};
use ::config::{File, FileFormat, Map, Source as _, Value};
use std::{collections::BTreeMap, fmt, fs, io::ErrorKind, path::PathBuf};

/// The file that is read from the working directory, if it is there and no other was named.
pub const FILE_NAME: &str = "chittychat.toml";

/// The variable that goes over `log.filter`. It is no setting, and the only variable of ours that is
/// none.
pub const FILTER_VARIABLE: &str = "CHITTYCHAT_LOG";

/// How every variable of ours begins, with an underscore behind it. What begins so and is unknown is
/// refused, since it is most likely a setting that somebody believes to be in force.
pub(super) const PREFIX: &str = "CHITTYCHAT";

/// What settings are read from, the lowest layer first. The defaults lie below all of it.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A file that somebody named: it must be there.
    pub file: Option<PathBuf>,
    /// Where to look for [`FILE_NAME`] if no file was named; empty for the working directory.
    pub directory: PathBuf,
    /// The environment. Variables of others are passed over.
    pub environment: BTreeMap<String, String>,
    /// The flags that were given; of two for one key the later holds.
    pub flags: Vec<Flag>,
}

/// A setting given on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The key, such as `grpc.listen`.
    pub key: String,
    /// The value, written as in the environment.
    pub value: String,
    /// The flag as it is typed, such as `--listen`.
    pub name: String,
}

impl Flag {
    /// A flag that sets a key.
    pub fn new(key: impl Into<String>, value: impl fmt::Display, name: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.to_string(), name: name.into() }
    }
}

impl Sources {
    /// The sources of this process: its environment, its working directory, and what its command
    /// line gave. A variable that is no Unicode is taken with replacement characters in it, so that
    /// it is refused by name if it is ours and does no harm if it is not.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>, flags: Vec<Flag>) -> Self {
        let environment = std::env::vars_os()
            .map(|(name, value)| {
                let name = name.to_string_lossy().into_owned();
                (name, value.to_string_lossy().into_owned())
            })
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        Self { file, directory: PathBuf::new(), environment, flags }
    }

    /// What the file holds: nothing if it may be missing and is. Its text is read here, not by the
    /// library, which tries other names for a missing file and replaces what is no Unicode.
    pub(super) fn read_file(&self) -> Result<(Map<String, Value>, Origin), ConfigError> {
        let path = self.file.clone().unwrap_or_else(|| self.directory.join(FILE_NAME));
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(why) if self.file.is_none() && why.kind() == ErrorKind::NotFound => String::new(),
            Err(reason) => return Err(ConfigError::Unreadable { path, reason }),
        };
        match File::from_str(&text, FileFormat::Toml).collect() {
            Ok(values) => Ok((values, Origin::File(path))),
            Err(error) => Err(ConfigError::malformed(path, &text, &error)),
        }
    }
}

/// Where a value came from. Shown as in the comments of
/// [`Loaded::to_toml`](super::Loaded::to_toml).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The file at this path.
    File(PathBuf),
    /// The environment variable of this name.
    Environment(String),
    /// The flag of this name.
    Flag(String),
}

impl Origin {
    pub(super) fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// The source as the end of "it is 10 ...".
    pub(super) fn place(&self) -> String {
        match self {
            Self::Default => "by default".to_owned(),
            Self::File(_) => format!("in {self}"),
            Self::Environment(name) => format!("in the environment ({})", one_line(name)),
            Self::Flag(_) => format!("in the {self}"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => f.write_str(&one_line(&path.display().to_string())),
            Self::Environment(name) => write!(f, "environment {}", one_line(name)),
            Self::Flag(name) => write!(f, "flag {}", one_line(name)),
        }
    }
}
