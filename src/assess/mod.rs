//! Systems and their assessments: what was found of each objective, what that rests on, and the score that follows.
//! Must stay true: a finding and the work on it are two things; nothing is complete without evidence or a recorded interview or
//! test; nobody overwrites what they have not seen.

mod comment;
pub mod derive;
pub mod framework;
pub mod history;
pub mod lines;
pub mod naming;
pub mod proof;
mod samples;
pub mod section;
pub mod sql;
pub mod ssp;
pub mod state;
pub mod system;
pub mod web;
mod web_api;
mod web_api_write;
mod web_bulk;
mod web_desk;
mod web_files;
mod web_list;
mod web_objective;
mod web_proof;
mod web_requirement;
mod web_score;
pub(crate) mod web_ssp;
mod web_uses;
mod web_window;
pub mod window;

use crate::core::fault::Fault;
use crate::core::id::AssessmentId;
use crate::core::text::TextError;
use crate::db::DbError;
use crate::policy::On;
use crate::repeat;

pub use crate::evidence::Method;
pub use comment::{COMMENT_CHARS_MAX, Comment, MENTION, comment, comments};
pub use samples::demo_samples;
pub use web_api::api_doc;
pub use web_requirement::refusal_text;

/// Characters of a note, a justification, a description.
pub const TEXT_CHARS_MAX: usize = 4000;
/// Characters of a name.
pub const NAME_CHARS_MAX: usize = 120;

crate::acts! {
    /// Keep the wording of a catalogue.
    Import = "catalog.import" on On,
    /// See systems and assessments.
    Read = "assess.read" on On,
    /// Describe a system.
    CreateSystem = "system.create" on On,
    /// Change what is said of it.
    EditSystem = "system.edit" on On,
    /// Begin an assessment.
    CreateAssessment = "assessment.create" on On,
    /// Change many objectives at once.
    Bulk = "assessment.bulk" on On,
    /// Export the statuses of all.
    Export = "assessment.export" on On,
    /// Change one.
    Assess = "objective.assess" on On,
    /// Link evidence to it.
    Link = "objective.link" on On,
    /// Take a link away.
    Unlink = "objective.unlink" on On,
    /// Record an interview, a test or an examination without a file.
    Record = "objective.record" on On,
    /// Confirm what somebody else recorded so.
    Confirm = "objective.confirm" on On,
    /// Withdraw such a record.
    Withdraw = "objective.withdraw" on On,
    /// Say something about it.
    Remark = "objective.comment" on On,
    /// Say from when to when its evidence must be.
    SetWindow = "assessment.window" on On,
    /// Give the objectives of a requirement to somebody.
    Assign = "requirement.assign" on On,
    /// Say that a requirement is met in part.
    MeetInPart = "requirement.partial" on On,
    /// Write a section of the system security plan.
    WriteSection = "ssp.write" on On,
}

/// How far the work on an objective is. It says nothing about the finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nobody began.
    #[default]
    NotStarted,
    /// Somebody works on it.
    InProgress,
    /// What it rests on is there.
    EvidenceCollected,
    /// Somebody looked at that.
    Reviewed,
    /// Done; not without evidence or a record.
    Complete,
}

impl Stage {
    /// All, in their order.
    pub const ALL: [Self; 5] = [Self::NotStarted, Self::InProgress, Self::EvidenceCollected, Self::Reviewed, Self::Complete];

    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::InProgress => "in_progress",
            Self::EvidenceCollected => "evidence_collected",
            Self::Reviewed => "reviewed",
            Self::Complete => "complete",
        }
    }
}

/// What was found of an objective (32 CFR 170.24(b)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It is met.
    Met,
    /// It is not.
    NotMet,
    /// It does not apply, for a reason that is given.
    NotApplicable,
    /// It cannot be met, for a reason that the system security plan describes; counts as met.
    EnduringException,
    /// A temporary deficiency that an operational plan of action holds; counts as met.
    OperationalPlan,
}

impl Finding {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Met, Self::NotMet, Self::NotApplicable, Self::EnduringException, Self::OperationalPlan];

    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "not_met",
            Self::NotApplicable => "not_applicable",
            Self::EnduringException => "enduring_exception",
            Self::OperationalPlan => "operational_plan",
        }
    }

    /// Must it be said why?
    #[must_use]
    pub const fn needs_because(self) -> bool {
        !matches!(self, Self::Met)
    }
}

macro_rules! from_name {
    ($($t:ident),*) => { $(
        impl std::str::FromStr for $t {
            type Err = ();
            fn from_str(name: &str) -> Result<Self, ()> {
                Self::ALL.into_iter().find(|x| x.name() == name).ok_or(())
            }
        }
    )* };
}
from_name!(Stage, Finding);

/// The thing that acts on one objective, or one requirement, are done to.
#[must_use]
pub fn part(kind: &'static str, assessment: &AssessmentId, part: &str) -> On {
    On::one(kind, format!("{assessment}/{part}"))
}

/// What a verb of this slice can be refused with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A text that cannot stay as it is.
    #[error("`{field}` {error}")]
    Text {
        /// Which field.
        field: &'static str,
        /// What is wrong.
        error: TextError,
    },
    /// A field that does not fit, with the code of the text that says why.
    #[error("`{field}`: {code}")]
    Field {
        /// Which.
        field: &'static str,
        /// The text is `error-<code>`.
        code: &'static str,
    },
    /// Somebody else changed it meanwhile.
    #[error("somebody else changed it meanwhile")]
    Changed,
    /// Nothing is complete without evidence or a record.
    #[error("nothing is complete without evidence or a recorded interview or test")]
    Unproven,
    /// The last thing a complete objective rests on stays.
    #[error("a complete objective keeps what it rests on; set the work back first")]
    LastProof,
    /// It is there already, or gone already.
    #[error("the state does not allow it")]
    State,
    /// There is no such thing.
    #[error("there is no such thing")]
    NotFound,
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
