//! What went wrong inside, for the log only. A `Fault` never reaches a client: the boundary shows a reference instead.

use std::error::Error as StdError;

/// An internal failure: what was being done, and why it failed.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct Fault {
    context: String,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Fault {
    /// A failure without a deeper cause.
    pub fn new(context: impl Into<String>) -> Self {
        Self { context: context.into(), source: None }
    }

    /// A failure with its cause.
    pub fn with(context: impl Into<String>, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { context: context.into(), source: Some(source.into()) }
    }

    /// The first cause of this kind.
    #[must_use]
    pub fn caused_by<E: StdError + 'static>(&self) -> Option<&E> {
        let mut next: Option<&(dyn StdError + 'static)> = self.source();
        while let Some(cause) = next {
            if let Some(found) = cause.downcast_ref() {
                return Some(found);
            }
            next = cause.source();
        }
        None
    }

    /// The whole chain on one line, for the log.
    #[must_use]
    pub fn chain(&self) -> String {
        chain_of(self)
    }
}

/// An error and its causes on one line, for the log.
#[must_use]
pub fn chain_of(error: &(dyn StdError + 'static)) -> String {
    let mut out = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        out.push_str(": ");
        out.push_str(&cause.to_string());
        next = cause.source();
    }
    out
}

/// Adds what was being done to an error on its way up.
pub trait Context<T> {
    /// Turns the error into a [`Fault`] that says what was being done.
    ///
    /// # Errors
    /// The same error, wrapped.
    fn context(self, what: &'static str) -> Result<T, Fault>;
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> Context<T> for Result<T, E> {
    fn context(self, what: &'static str) -> Result<T, Fault> {
        self.map_err(|e| Fault::with(what, e))
    }
}
