//! Plans of action and milestones of an assessment (32 CFR 170.21), the clock of its conditional status, and operational plans of
//! action of a system, which are something else: for what fails after it was in place, and without a deadline.
//! Must stay true: nothing that the regulation keeps off a plan gets on one, and each refusal cites it; one close-out, in time;
//! nothing on a plan counts as met.

pub mod clock;
pub mod item;
pub mod operational;
mod samples;
pub mod sql;
pub mod web;
mod web_api;
mod web_operational;
mod web_plan;
mod web_plan_page;

use crate::catalog::poam::Refusal;
use crate::core::fault::Fault;
use crate::core::text::TextError;
use crate::db::DbError;
use crate::policy::On;
use crate::{assess, repeat};

pub use samples::demo_samples;
pub use web_api::api_doc;

/// Characters of a text.
pub const TEXT_CHARS_MAX: usize = 4000;
/// Items of one plan, and operational plans of one system.
pub const EACH_MAX: i64 = 500;
/// Milestones of one item.
pub const MILESTONES_MAX: usize = 50;

crate::acts! {
    /// Put a requirement on the plan.
    Add = "plan.add" on On,
    /// Change an item.
    Edit = "plan.edit" on On,
    /// Take one off.
    Remove = "plan.remove" on On,
    /// Export the plan.
    Export = "plan.export" on On,
    /// Say since when the status is conditional.
    Begin = "plan.begin" on On,
    /// Close the plan out.
    CloseOut = "plan.close_out" on On,
    /// Write an operational plan.
    AddOperational = "operational.add" on On,
    /// Change one.
    EditOperational = "operational.edit" on On,
    /// Say that what it was for is mended.
    Resolve = "operational.resolve" on On,
}

/// What a verb of this slice can be refused with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The regulation does not allow it.
    #[error("`{}` by {}", .0.code, .0.citation)]
    Illegal(Refusal),
    /// What the regulation asks for is not there: the text is `error-<code>`, about this requirement.
    #[error("`{code}` ({requirement}) by {citation}")]
    Unfit {
        /// The text.
        code: &'static str,
        /// About which requirement; empty when about the whole.
        requirement: String,
        /// The place in the Code of Federal Regulations.
        citation: &'static str,
    },
    /// A field that does not fit, with the code of the text that says why.
    #[error("`{field}`: {code}")]
    Field {
        /// Which.
        field: &'static str,
        /// The text is `error-<code>`.
        code: &'static str,
    },
    /// A text that cannot stay as it is.
    #[error("`{field}` {error}")]
    Text {
        /// Which field.
        field: &'static str,
        /// What is wrong.
        error: TextError,
    },
    /// Somebody else changed it meanwhile.
    #[error("somebody else changed it meanwhile")]
    Changed,
    /// The state does not allow it (any more).
    #[error("the state does not allow it")]
    State,
    /// There is no such thing.
    #[error("there is no such thing")]
    NotFound,
    /// The assessment.
    #[error(transparent)]
    Assess(#[from] assess::Error),
    /// The request came before.
    #[error(transparent)]
    Repeat(#[from] repeat::Error),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Something inside.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<crate::store::StoreError> for Error {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Db(error.into())
    }
}

/// A text that must be there.
fn said(field: &'static str, text: &str) -> Result<String, Error> {
    crate::core::text::Paragraph::parse(text, TEXT_CHARS_MAX).map_err(|error| Error::Text { field, error })
}

/// A text that may be empty.
fn optional(field: &'static str, text: &str) -> Result<String, Error> {
    match said(field, text) {
        Err(Error::Text { error: TextError::Empty, .. }) => Ok(String::new()),
        other => other,
    }
}
