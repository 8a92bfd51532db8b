//! Reading, searching, proving and exporting the audit trail, and taking over a new origin after a fault.
//! Must stay true: reading and exporting are entries too, recorded before anything is shown; nothing here changes an entry,
//! and an export holds exactly what its checkpoint covers.

pub mod activity;
pub mod clock;
mod dossier;
pub mod export;
pub mod filter;
pub mod insights;
pub mod origin;
pub mod read;
pub mod review;
pub mod review_cover;
pub mod review_remind;
mod review_sample;
pub mod rows;
pub mod sql;
mod statement;
mod tar;
#[cfg(test)]
mod tests;
pub mod view;
pub mod web;
mod web_api;
mod web_entry;
mod web_export;
mod web_insights;
mod web_log;
mod web_review;
mod web_review_api;
mod web_review_new;
mod web_view;

pub use web_api::api_doc;

use std::path::PathBuf;

use crate::core::fault::Fault;
use crate::db::DbError;
use crate::db::signer::SignError;

crate::acts! {
    /// Read the trail.
    Read = "trail.read" on crate::policy::On,
    /// Export it.
    Export = "trail.export" on crate::policy::On,
    /// Sign a range of it off.
    Review = "trail.review" on crate::policy::On,
    /// Remind of a review that is due.
    Remind = "trail.remind" on crate::policy::On,
    /// Open sealed values in an export of it.
    Open = "trail.open" on crate::policy::On,
    /// Keep filters under a name.
    SaveView = "view.save" on crate::policy::On,
    /// Delete such a view.
    DeleteView = "view.delete" on crate::policy::On,
    /// Go on after the clock stood before the trail.
    Clock = "trail.clock" on crate::policy::On,
    /// Take over a new origin.
    NewOrigin = "trail.new_origin" on crate::policy::On,
}

/// What a verb of this slice can be refused with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No entry of this place.
    #[error("there is no such entry")]
    NotFound,
    /// The entry was pruned: it was kept for as long as entries are.
    #[error("the entry was pruned")]
    Pruned,
    /// No checkpoint covers what was asked for yet.
    #[error("no signed checkpoint covers this yet; try again in a second")]
    NoCheckpoint,
    /// Nobody keeps more views than are allowed.
    #[error("there are too many views; delete one first")]
    TooMany,
    /// A review needs a range of entries that are there, of a bounded length.
    #[error("the range is not one that can be reviewed")]
    Range,
    /// Nobody signs off what is theirs alone.
    #[error("every entry of the range is the reviewer's own act")]
    OwnAlone,
    /// Entries were altered beside their leaves: that is an incident and nothing else.
    #[error("entries of the range were altered in the database; only an incident can be signed off")]
    Differs,
    /// The review that was to be corrected is not there, or was corrected already.
    #[error("the review was corrected already, or is not there")]
    Corrected,
    /// An export goes to a folder of its own.
    #[error("`{0}` is not an empty folder; give a new or an empty one")]
    NotEmpty(PathBuf),
    /// The parts of the trail agree: there is nothing to take over.
    #[error("the trail holds together; a new origin is only for one that does not")]
    NoFault,
    /// The clock stands right: there is nothing to go on from.
    #[error("the clock stands right, and did; there is nothing to go on from")]
    ClockRight,
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
