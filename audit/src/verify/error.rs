//! Why something was not accepted: one sentence fragment, for a person to read.
//! All refusals come to the same exit code, so there are no kinds to tell apart.

use std::fmt;

/// A refusal. Its text names what is wrong, lower case, without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
