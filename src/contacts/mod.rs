//! Contacts: who may be written to, and why; lists, consents, opt-outs, blocks.
//! Must stay true: a number is one contact; whether a number may be written to hangs on the number, not on a contact, so that
//! no import, merge or new contact undoes an opt-out; name, number and fields lie sealed under the number's own key.

pub mod api;
pub mod card;
mod consent;
mod export;
pub mod import;
mod keep;
mod list;
mod look;
mod samples;
pub mod segment;
pub mod sql;
pub mod web;
mod web_edit;
mod web_import;
mod web_list;
mod web_segment;

pub use consent::{Consent, Halt, NewConsent, Source, Stopped, WORDING_CHARS_MAX, consents, lift, lift_opt_out, of_number, record, stop, stopped, stops};
pub use keep::{Made, create, edit, find, merge};
pub use list::{List, add, create as create_list, list, lists, lists_of, remove};
pub use look::{Filter, Happened, Page, by_index, history, page};
pub use samples::demo_samples;
pub use web_segment::api_doc as segments_api_doc;

use crate::core::fault::Fault;
use crate::core::id::{ContactId, ListId, StopId};
use crate::core::number::Number;
use crate::db::{Db, DbError, Tx};
use crate::policy::{Act, On, Resource};
use crate::repeat;
use crate::store::StoreError;
use crate::vault::{OpenError, Place};
use card::Card;

/// Contacts of one page, and of one answer of the API.
pub const PAGE_MAX: usize = 50;
/// Lists there may be.
pub const LISTS_MAX: i64 = 500;
/// Characters of a list's name.
pub const LIST_NAME_CHARS_MAX: usize = 100;

crate::acts! {
    /// Make a contact.
    Create = "contact.create" on On,
    /// Change one.
    Edit = "contact.edit" on On,
    /// Make one of two that are the same person.
    Merge = "contact.merge" on On,
    /// See contacts.
    See = "contact.list" on On,
    /// Export contacts.
    Export = "contact.export" on On,
    /// Record a consent, or that it was withdrawn.
    RecordConsent = "contact.consent" on On,
    /// Make a list.
    MakeList = "list.create" on On,
    /// Make a segment.
    MakeSegment = "segment.create" on On,
    /// Put a contact on a list.
    AddTo = "list.add" on On,
    /// Take a contact off a list.
    RemoveFrom = "list.remove" on On,
    /// Stop messages to a number: it opted out, or is blocked.
    Stop = "number.stop" on On,
    /// Take in a file of contacts.
    Stage = "import.stage" on On,
    /// Read it into a list.
    Begin = "import.begin" on On,
    /// Stop reading it.
    Cancel = "import.cancel" on On,
    /// Take some of its rows over.
    Batch = "import.batch" on On,
    /// Record how it ended.
    End = "import.end" on On,
    /// Let messages go to a number again.
    Lift = "number.lift" on On,
}

crate::row! {
    /// A contact as stored.
    #[derive(Clone, Debug)]
    pub struct Contact {
        /// Id.
        pub id: ContactId,
        /// The blind index of the number.
        pub number_ix: String,
        /// The number as it may be shown to those who need not know it.
        pub masked: String,
        /// The country of the number, two letters.
        pub region: String,
        /// Number, name and the rest.
        pub sealed: Vec<u8>,
        /// Rises with every change.
        pub version: i64,
        /// When made.
        pub made_at: i64,
        /// When changed.
        pub changed_at: i64,
        /// The contact that took its place.
        pub merged_into: Option<ContactId>,
        /// Messages are stopped: it opted out.
        pub opted_out: i64,
        /// Messages are stopped: it is blocked.
        pub blocked: i64,
    }
}

impl Contact {
    /// The key that seals what concerns the number.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("num_{}", self.number_ix)
    }

    /// What lies sealed; none once the number was erased.
    ///
    /// # Errors
    /// When a database fails, or the row was altered.
    pub async fn card(&self, db: &Db) -> Result<Option<Card>, Error> {
        match db.vault().unseal(&place(&self.id), &self.sealed).await {
            Ok(plain) => Ok(Some(serde_json::from_slice(&plain).map_err(|e| Fault::with("read a contact", e))?)),
            Err(OpenError::Erased) => Ok(None),
            Err(error) => Err(DbError::from(error).into()),
        }
    }
}

impl Resource for Contact {
    fn on(&self) -> On {
        On { subject: Some(self.subject()), ..On::one("contact", &self.id) }
    }
}

/// What a verb of this slice can be refused with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The number is another contact's.
    #[error("there is a contact with this number already")]
    Exists(ContactId),
    /// Somebody else changed it meanwhile, or its state does not allow it.
    #[error("it was changed meanwhile")]
    State,
    /// There is no such thing (any more).
    #[error("there is no such thing")]
    NotFound,
    /// The name is taken.
    #[error("the name is taken")]
    Name,
    /// There are as many as there may be.
    #[error("there are too many")]
    TooMany,
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

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Db(error.into())
    }
}

/// The blind index of a number: the same for contacts and messages, so that both share the number's key.
#[must_use]
pub fn index_of(db: &Db, e164: &str) -> String {
    db.vault().blind("message.number", e164)
}

/// The blind index of a name, whatever its case.
fn name_index(db: &Db, name: &str) -> Option<String> {
    let folded = crate::core::text::fold(name.trim());
    (!folded.is_empty()).then(|| db.vault().blind("contact.name", &folded))
}

fn place(id: &ContactId) -> Place<'_> {
    Place { table: "contact", row: id.as_str(), column: "sealed" }
}

/// May nothing be sent to this number? To be asked in the transaction that sends: it waits for whoever is just stopping the
/// number, and whoever stops it later waits for this one, so that the order is decided.
///
/// # Errors
/// When the database fails.
pub async fn is_stopped<A: Act>(tx: &mut Tx<A>, number_ix: &str) -> Result<bool, StoreError> {
    tx.query(sql::LOCK_NUMBER).bind(number_ix).execute().await?;
    let stops: i64 = tx.query(sql::STOPS).bind(number_ix).scalar().await?;
    Ok(stops > 0)
}

/// Is this stop in force, and the only one of its number? To be asked as [`is_stopped`] is.
///
/// # Errors
/// When the database fails.
pub async fn is_only_stop<A: Act>(tx: &mut Tx<A>, number_ix: &str, stop: &StopId) -> Result<bool, StoreError> {
    tx.query(sql::LOCK_NUMBER).bind(number_ix).execute().await?;
    let sum: i64 = tx.query(sql::ONLY_STOP).bind(number_ix).bind(stop).scalar().await?;
    Ok(sum == 1)
}

/// A number as it is shown: in international form.
#[must_use]
pub fn shown(e164: &str) -> String {
    Number::parse_of(e164, None, crate::core::number::Kinds { voip: true }).map_or_else(|_| e164.to_owned(), |n| n.international())
}

fn list_subject(id: &ListId) -> On {
    On::one("list", id)
}
