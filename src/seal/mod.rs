//! Seals: an assessment at one point in time, with every artifact it rests on, kept whole until its date, handed to an assessor
//! as one archive that is checked without this program.
//! Must stay true: a seal never changes, whatever becomes of what it was made of; what it names is not deleted before its date;
//! whoever was let in to see one seal sees that one, until the end they were given.

pub mod affirm;
pub mod bundle;
pub mod document;
pub mod dod;
pub mod grant;
mod make;
mod name;
pub mod oscal;
mod oscal_plan;
mod paper;
mod read;
mod report;
mod samples;
pub mod snapshot;
pub mod sql;
mod trend;
pub mod web;
mod web_affirm;
mod web_api;
mod web_bundle;
mod web_documents;
mod web_grant;
mod web_list;

use sha2::{Digest as _, Sha256};

use crate::core::fault::Fault;
use crate::core::id::{AssessmentId, PersonId, SealId};
use crate::core::text::TextError;
use crate::db::{Db, DbError};
use crate::policy::{On, Resource};
use crate::{assess, plans, repeat, trail};

pub use make::{Sealing, make};
pub use samples::demo_samples;
pub use web_api::api_doc;

/// Artifacts of one seal.
pub const ARTIFACTS_MAX: usize = 10_000;
/// Years for which what a seal names is kept, from the status date on (32 CFR 170.17(c)(4)).
pub const RETAIN_YEARS: i64 = 6;
/// Days that a status date may lie back.
pub const BACK_DAYS_MAX: i64 = 366;
/// Seals that are listed.
pub const LISTED_MAX: i64 = 200;
/// Artifacts of one page.
pub const PAGE_ARTIFACTS_MAX: i64 = 200;

crate::acts! {
    /// Seal an assessment as it is.
    Make = "assessment.seal" on On,
    /// See a seal.
    Read = "seal.read" on Window,
    /// Get the archive.
    Download = "seal.download" on Window,
    /// Let an assessor see it for a time.
    Grant = "seal.grant" on On,
    /// End that.
    Revoke = "seal.revoke" on On,
    /// Affirm a sealed status.
    Affirm = "affirmation.sign" on On,
    /// Remind of an affirmation that is due.
    Remind = "affirmation.remind" on On,
}

/// A seal as somebody asks for it; an outsider may be outside of what they were given.
#[derive(Clone, Debug)]
pub struct Window {
    /// Which; none for the list of those they may see.
    pub seal: Option<SealId>,
    /// It was not given to whoever asks, or not any more.
    pub outside: bool,
}

impl Resource for Window {
    fn on(&self) -> On {
        On { id: self.seal.as_ref().map(ToString::to_string), outside_window: self.outside, ..On::any("seal") }
    }
}

crate::row! {
    /// A seal without its body, with what it was made of and the place of its entry.
    #[derive(Clone, Debug)]
    pub struct Sealed {
        /// Id.
        pub id: SealId,
        /// Of which assessment.
        pub assessment_id: AssessmentId,
        /// What that is called.
        pub assessment: String,
        /// Of which system.
        pub system: String,
        /// The CMMC status date, as in 2026-01-15.
        pub status_date: String,
        /// SHA-256 of `seal.json`, in hex.
        pub digest: String,
        /// SHA-256 of `CMMCAssessmentArtifacts.log`, in hex.
        pub log_digest: String,
        /// Artifacts.
        pub files: i64,
        /// Their bytes.
        pub bytes: i64,
        /// SHA-256 over the sums of its documents, in hex; none for a seal made before there were any.
        pub documents: Option<String>,
        /// The score of what was verified.
        pub verified: Option<i64>,
        /// The score of what was claimed.
        pub projected: Option<i64>,
        /// Who sealed it.
        pub sealed_by: PersonId,
        /// The name they are shown by.
        pub by_name: String,
        /// When.
        pub made_at: i64,
        /// Until when what it names is kept.
        pub retain_until: i64,
        /// Where the chain has its entry; none while that is not linked.
        pub entry_log: Option<i64>,
        /// The place there.
        pub entry_seq: Option<i64>,
    }
}

crate::row! {
    /// An artifact of a seal.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Artifact {
        /// Its place in the seal, from 1.
        pub place: i64,
        /// Its path in the archive: plain ASCII, no other has it.
        pub file: String,
        /// SHA-256 of its bytes, in hex.
        pub sha256: String,
        /// Bytes.
        pub size: i64,
    }
}

/// What a verb of this slice can be refused with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
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
    /// The assessment changed while it was read.
    #[error("the assessment changed while it was read; seal it again")]
    Changed,
    /// It rests on no file at all.
    #[error("the assessment rests on no file; link evidence first")]
    Nothing,
    /// The sealed score allows no status that could be affirmed.
    #[error("the sealed score allows no status")]
    NoStatus,
    /// It rests on more files than one seal holds.
    #[error("the assessment rests on more than {ARTIFACTS_MAX} files")]
    TooMany,
    /// A stored file is not there, or not of its size.
    #[error("the file of evidence `{0}` is not as it was uploaded; restore it from a backup first")]
    Damaged(String),
    /// The state does not allow it (any more).
    #[error("the state does not allow it")]
    State,
    /// There is no such thing.
    #[error("there is no such thing")]
    NotFound,
    /// The assessment.
    #[error(transparent)]
    Assess(#[from] assess::Error),
    /// The plan of action.
    #[error(transparent)]
    Plans(#[from] plans::Error),
    /// The trail.
    #[error(transparent)]
    Trail(#[from] trail::Error),
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

/// The seal of this id.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &Db, id: &SealId) -> Result<Option<Sealed>, Error> {
    Ok(db.query(sql::SEAL).bind(id).optional().await?)
}

/// Seals, newest first: of one assessment, or of all.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, of: Option<&AssessmentId>) -> Result<Vec<Sealed>, Error> {
    let query = match of {
        Some(assessment) => db.query(sql::SEALS_OF).bind(assessment),
        None => db.query(sql::SEALS),
    };
    Ok(query.bind(LISTED_MAX).all().await?)
}

/// At most `most` artifacts behind a place.
///
/// # Errors
/// When the database fails.
pub async fn artifacts(db: &Db, id: &SealId, after: i64, most: i64) -> Result<Vec<Artifact>, Error> {
    Ok(db.query(sql::ARTIFACTS).bind(id).bind(after).bind(most).all().await?)
}

/// `seal.json`, byte for byte as it was sealed.
///
/// # Errors
/// When the database fails, or holds another one.
pub async fn body(db: &Db, seal: &Sealed) -> Result<Vec<u8>, Error> {
    let row: Option<(Vec<u8>,)> = db.query(sql::BODY).bind(&seal.id).optional().await?;
    let (body,) = row.ok_or(Error::NotFound)?;
    if hex::encode(Sha256::digest(&body)) != seal.digest {
        return Err(altered(seal));
    }
    Ok(body)
}

/// What is said when the database holds something else than was sealed.
fn altered(seal: &Sealed) -> Error {
    Fault::new(format!("seal `{}` is not as it was made: it was altered in the database", seal.id)).into()
}
