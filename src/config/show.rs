//! What `config show` and the settings page tell: each setting, its value, its source and its meaning.
//! Must stay true: what is hidden is masked here, before anything else sees it.

use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

/// What stands in place of a secret.
pub(super) const MASK: &str = "********";

/// Where a value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    Flag,
    /// This variable of the environment.
    Env(String),
    /// This configuration file.
    File(PathBuf),
    /// Nobody set it.
    Default,
    /// This credential of the service manager.
    Credential(PathBuf),
    /// This file of the key folder.
    KeyFolder(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("the command line"),
            Self::Env(variable) => write!(f, "the environment variable `{variable}`"),
            Self::File(path) => write!(f, "the file `{}`", path.display()),
            Self::Default => f.write_str("the default"),
            Self::Credential(path) => write!(f, "the credential `{}`", path.display()),
            Self::KeyFolder(path) => write!(f, "the key folder's `{}`", path.display()),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One setting in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its dotted name.
    pub key: &'static str,
    /// Its value, masked when secret, empty when not set.
    pub value: String,
    /// Where the value is from.
    pub source: Source,
    /// What it means.
    pub meaning: &'static str,
}
