//! What is taken out of the trail, and what stands against it: how long entries are kept, legal holds, erasure, pruning.
//! Must stay true: each is an entry before anything is taken out; a hold stands against erasure and pruning; a shorter
//! retention and the release of a hold need a second person; every proof goes on.

mod api;
pub mod erase;
pub mod hold;
pub mod prune;
pub mod sql;
pub mod term;
pub mod web;
mod web_subject;

pub use api::api_doc;

use crate::core::fault::Fault;
use crate::db::DbError;

crate::acts! {
    /// See how long entries are kept, holds and erasures.
    Read = "retention.read" on crate::policy::On,
    /// Propose another retention; in force at once unless it is shorter.
    Propose = "retention.propose" on crate::policy::On,
    /// Approve a shorter one.
    Approve = "retention.approve" on crate::policy::On,
    /// Place a legal hold.
    Place = "hold.place" on crate::policy::On,
    /// Release it.
    Release = "hold.release" on crate::policy::On,
    /// Erase what the trail holds sealed about somebody.
    Erase = "subject.erased" on crate::policy::On,
    /// Prune entries that were kept for as long as they must be.
    Prune = "log.pruned" on crate::policy::On,
}

/// What a verb of this slice can be refused with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nobody and nothing of this name.
    #[error("there is no such subject, hold or retention")]
    NotFound,
    /// The days lie outside of what can be set.
    #[error("the days are not between the fewest and the most that can be set")]
    Days,
    /// A legal hold stands against it.
    #[error("a legal hold stands against it")]
    Held,
    /// The person must be disabled first.
    #[error("the person is active; disable the account first")]
    Active,
    /// Somebody else must do this.
    #[error("somebody else must do this")]
    Own,
    /// The state does not allow it (any more).
    #[error("the state does not allow it")]
    State,
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

/// What lies sealed beside a hold or a retention: why.
async fn seal(db: &crate::db::Db, place: &crate::vault::Place<'_>, reason: &str) -> Result<Vec<u8>, DbError> {
    Ok(db.vault().seal("system", place, reason.as_bytes()).await?)
}

/// The reason again; none when it does not open.
async fn reason(db: &crate::db::Db, place: &crate::vault::Place<'_>, sealed: &[u8]) -> Result<Option<String>, Fault> {
    match db.vault().unseal_text(place, sealed).await {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.is_gone() => Ok(None),
        Err(error) => Err(Fault::with("open a reason", error)),
    }
}
