//! Reading, searching, proving and exporting the audit trail, and taking over a new origin after a fault.
//! Must stay true: reading and exporting are entries too, recorded before anything is shown; nothing here changes an entry,
//! and an export holds exactly what its checkpoint covers.

mod dossier;
pub mod export;
pub mod filter;
pub mod origin;
pub mod read;
pub mod rows;
pub mod sql;
mod tar;
#[cfg(test)]
mod tests;
pub mod web;
mod web_entry;
mod web_export;
mod web_log;
mod zip;

use std::path::PathBuf;

use crate::core::fault::Fault;
use crate::db::DbError;
use crate::db::signer::SignError;

crate::acts! {
    /// Read the trail.
    Read = "trail.read" on crate::policy::On,
    /// Export it.
    Export = "trail.export" on crate::policy::On,
    /// Open sealed values in an export of it.
    Open = "trail.open" on crate::policy::On,
    /// Take over a new origin.
    NewOrigin = "trail.new_origin" on crate::policy::On,
}

/// What a verb of this slice can be refused with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No entry of this place.
    #[error("there is no such entry")]
    NotFound,
    /// No checkpoint covers what was asked for yet.
    #[error("no signed checkpoint covers this yet; try again in a second")]
    NoCheckpoint,
    /// An export goes to a folder of its own.
    #[error("`{0}` is not an empty folder; give a new or an empty one")]
    NotEmpty(PathBuf),
    /// The parts of the trail agree: there is nothing to take over.
    #[error("the trail holds together; a new origin is only for one that does not")]
    NoFault,
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

impl From<SignError> for Error {
    fn from(error: SignError) -> Self {
        Self::Fault(Fault::with("sign a checkpoint", error))
    }
}
