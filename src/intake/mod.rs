//! Intakes: what patients say by text message or by a form, sealed from the first message; read with a purpose, kept for a
//! time, and destroyed.
//! Must stay true: every answer lies under the record's own key before its step is committed; an entry says what was done and
//! never what was said; a record that was destroyed cannot be read with yesterday's database.

pub mod api;
pub mod begin;
pub mod change;
mod chart;
pub mod end;
pub mod export;
mod export_page;
mod export_sheet;
pub mod files;
pub mod form;
pub mod hear;
pub mod merge;
pub mod read;
mod samples;
mod sheets;
pub mod sql;
pub mod web;
mod web_act;
mod web_export;
mod web_files;
mod web_form;
mod web_merge;
mod web_print;

pub use samples::demo_samples;
use serde::{Deserialize, Serialize};
pub use web_act::ALARM;

use crate::core::clock::Micros;
use crate::core::fault::Fault;
use crate::core::id::{IntakeId, PersonId};
use crate::core::text::{fold, initials};
use crate::db::{Db, DbError};
use crate::flow::talk::State as Talk;
use crate::policy::{On, Resource};
use crate::store::StoreError;
use crate::vault::{OpenError, Place};

/// Records of one page.
pub const PAGE_MAX: usize = 50;
/// Characters of a reason and of a note.
pub const NOTE_CHARS_MAX: usize = 2000;
/// What a record's number is called beside the fields of its flow.
pub const PHONE: &str = "phone";
/// What its notes are called.
pub const NOTES: &str = "notes";
/// What texts are called that came after the conversation.
pub const TEXTS: &str = "texts";
/// What is said of files in the account of a record.
pub const FILES: &str = "files";
/// What a field may be read for.
pub const PURPOSES: [&str; 6] = ["treatment", "payment", "operations", "patient_request", "legal_duty", "other"];

crate::acts! {
    /// Take a step of a conversation.
    Step = "intake.step" on On,
    /// Shred what is over.
    Expire = "intake.expire" on On,
    /// Fill in the form of a link.
    Submit = "intake.submit" on On,
    /// See which records there are.
    List = "intake.list" on On,
    /// Read one field.
    Reveal = "intake.reveal" on On,
    /// Read one field without the role for it.
    BreakGlass = "intake.break_glass" on On,
    /// Correct a field.
    Correct = "intake.correct" on On,
    /// Make one record of two.
    Merge = "intake.merge" on On,
    /// Add a file to a record.
    Attach = "intake.attach" on On,
    /// Add a file by the form of a link, or by a message.
    AttachSent = "intake.attach_sent" on On,
    /// Print a whole record.
    Print = "intake.print" on On,
    /// Write a note.
    Note = "intake.note" on On,
    /// Destroy a record.
    Erase = "intake.erase" on On,
    /// See who read what.
    Disclosures = "intake.disclosures" on On,
    /// Export records for a spreadsheet.
    Export = "intake.export" on On,
    /// Export records as they are.
    ExportMachine = "intake.export_machine" on On,
    /// Export records into a spreadsheet at Google.
    ExportSheet = "intake.export_sheet" on On,
    /// Record what an export held.
    Exported = "intake.exported" on On,
}

/// The states of a record that is there.
pub const STATES: [&str; 3] = ["open", "complete", "handover"];

crate::row! {
    /// A record as stored.
    #[derive(Clone, Debug)]
    pub struct Record {
        /// Id; also whose key seals it.
        pub id: IntakeId,
        /// The flow's name.
        pub flow: String,
        /// The flow's version when it began.
        pub flow_version: i64,
        /// The language it is held in.
        pub language: String,
        /// `sms`, `whatsapp` or `web`.
        pub channel: String,
        /// `open`, `complete` or `handover`; `merged` into another; after its end `declined`,
        /// `cancelled`, `deleted`, `expired` or `erased`.
        pub state: String,
        /// The number.
        pub number_sealed: Option<Vec<u8>>,
        /// Where the conversation stands.
        pub talk_sealed: Option<Vec<u8>>,
        /// What a list shows.
        pub brief_sealed: Option<Vec<u8>>,
        /// The version of the text that was agreed to.
        pub consent_version: Option<String>,
        /// When.
        pub consent_at: Option<i64>,
        /// Rises with every change.
        pub version: i64,
        /// When it began.
        pub made_at: i64,
        /// When it changed.
        pub changed_at: i64,
        /// When it is shredded.
        pub expires_at: i64,
        /// When the last answer came, or a person took over.
        pub ended_at: Option<i64>,
        /// Until when a text is heard after the end.
        pub listens_until: Option<i64>,
        /// Why it was shredded.
        pub reason: Option<String>,
        /// When it was shredded.
        pub erased_at: Option<i64>,
        /// The record it went into.
        pub merged_into: Option<IntakeId>,
        /// When.
        pub merged_at: Option<i64>,
    }
}

/// What a list shows of somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brief {
    /// Two letters at most.
    pub initials: String,
    /// The year of birth.
    pub born: Option<i16>,
}

impl Brief {
    /// With what an answer to a question of this kind says.
    #[must_use]
    pub fn with(mut self, kind: crate::flow::Kind, value: &str) -> Self {
        match kind {
            crate::flow::Kind::Name => self.initials = initials(value),
            crate::flow::Kind::Birth => self.born = value.get(..4).and_then(|year| year.parse().ok()),
            crate::flow::Kind::Text => {}
        }
        self
    }

    /// The ten years of age that somebody is in at `now`, such as `40–49`.
    #[must_use]
    pub fn band(&self, now: Micros) -> Option<String> {
        let age = day(now).year() - self.born?;
        let from = age.max(0) / 10 * 10;
        Some(if from >= 90 { "90+".into() } else { format!("{from}–{}", from + 9) })
    }
}

/// The day of an instant, in UTC.
#[must_use]
pub fn day(at: Micros) -> jiff::civil::Date {
    jiff::Timestamp::from_microsecond(at).map_or(jiff::civil::Date::ZERO, |t| jiff::tz::Offset::UTC.to_datetime(t).date())
}

impl Record {
    /// Is anything left of it?
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.erased_at.is_none()
    }

    /// What a list shows; nothing once it was shredded.
    ///
    /// # Errors
    /// When a database fails, or the row was altered.
    pub async fn brief(&self, db: &Db) -> Result<Brief, Error> {
        Ok(opened(db, &self.id, "brief", self.brief_sealed.as_deref()).await?.unwrap_or_default())
    }

    /// Where the conversation stands; none once it was shredded.
    ///
    /// # Errors
    /// As [`Record::brief`].
    pub async fn talk(&self, db: &Db) -> Result<Option<Talk>, Error> {
        opened(db, &self.id, "talk", self.talk_sealed.as_deref()).await
    }

    /// The number; none when there is none, or it was shredded.
    ///
    /// # Errors
    /// As [`Record::brief`].
    pub async fn number(&self, db: &Db) -> Result<Option<String>, Error> {
        let Some(sealed) = &self.number_sealed else { return Ok(None) };
        Ok(gone_or(db.vault().unseal_padded(&place(&self.id, "number"), sealed).await)?.map(|text| text.as_str().to_owned()))
    }
}

/// None for what was erased.
fn gone_or<T>(opened: Result<T, OpenError>) -> Result<Option<T>, Error> {
    match opened {
        Ok(value) => Ok(Some(value)),
        Err(OpenError::Erased) => Ok(None),
        Err(error) => Err(DbError::from(error).into()),
    }
}

async fn opened<T: for<'de> Deserialize<'de>>(db: &Db, id: &IntakeId, column: &str, sealed: Option<&[u8]>) -> Result<Option<T>, Error> {
    let Some(sealed) = sealed else { return Ok(None) };
    let Some(text) = gone_or(db.vault().unseal_padded(&place(id, column), sealed).await)? else { return Ok(None) };
    Ok(Some(serde_json::from_str(&text).map_err(|e| Fault::with("read what is sealed of an intake", e))?))
}

/// Seals something of a record's own row.
async fn seal(db: &Db, id: &IntakeId, column: &str, value: &impl Serialize) -> Result<Vec<u8>, Error> {
    let text = zeroize::Zeroizing::new(serde_json::to_vec(value).map_err(|e| Fault::with("write what is sealed of an intake", e))?);
    Ok(db.vault().seal_padded(id.as_str(), &place(id, column), &text).await.map_err(DbError::from)?)
}

impl Resource for Record {
    fn on(&self) -> On {
        On::one("intake", &self.id)
    }
}

/// What all intakes are to the policy.
#[must_use]
pub fn intakes() -> On {
    On::any("intake")
}

fn place<'a>(id: &'a IntakeId, column: &'a str) -> Place<'a> {
    Place { table: "intake_record", row: id.as_str(), column }
}

/// The row of a value, as its place names it.
fn value_row(id: &IntakeId, field: &str, version: i64) -> String {
    format!("{id}/{field}/{version}")
}

/// Seals an answer for its place.
async fn seal_value(db: &Db, id: &IntakeId, field: &str, version: i64, value: &str) -> Result<Vec<u8>, Error> {
    let row = value_row(id, field, version);
    let place = Place { table: "intake_value", row: &row, column: "sealed" };
    Ok(db.vault().seal_padded(id.as_str(), &place, value.as_bytes()).await.map_err(DbError::from)?)
}

/// The blind index of a number, for this slice alone.
#[must_use]
pub fn number_ix(db: &Db, e164: &str) -> String {
    db.vault().blind_apart("intake.number", e164)
}

/// The same for one day: it counts what a number begins and says nothing the day after.
fn sender_ix(db: &Db, e164: &str, now: Micros) -> String {
    db.vault().blind_apart("intake.sender", &format!("{} {e164}", day(now)))
}

/// The blind index of a person: name, whatever its case and spaces, and date of birth. Of a date alone there is none.
#[must_use]
pub fn person_ix(db: &Db, name: &str, birth: &str) -> String {
    let name = fold(name).split_whitespace().collect::<Vec<_>>().join(" ");
    db.vault().blind_apart("intake.person", &format!("{name}\n{birth}"))
}

fn link_ix(db: &Db, token: &str) -> String {
    db.vault().blind_apart("intake.link", token)
}

/// Who acts as a person, or nobody.
fn by(person: Option<&PersonId>) -> Option<String> {
    person.map(ToString::to_string)
}

/// What a verb of this slice can be refused with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such record or field.
    #[error("there is no such record or field")]
    NotFound,
    /// Somebody else changed it meanwhile.
    #[error("it was changed meanwhile")]
    Changed,
    /// It was destroyed.
    #[error("it was destroyed")]
    Gone,
    /// It went into another record: whatever is done is done to that one.
    #[error("it went into another record")]
    Merged,
    /// These two cannot become one.
    #[error("the two records cannot become one")]
    Unlike,
    /// No more files are taken.
    #[error("no more files are taken")]
    Full,
    /// The file is larger than what is taken.
    #[error("the file is too large")]
    TooLarge,
    /// The file is of no kind that is taken.
    #[error("the file is no image and no PDF")]
    Kind,
    /// A legal hold stands against it.
    #[error("a legal hold stands against it")]
    Held,
    /// The event was taken before.
    #[error("the event was taken before")]
    Known,
    /// An answer is none: the field, and the key of the text that says why.
    #[error("an answer cannot be taken")]
    Answer(String, &'static str),
    /// A spreadsheet was not written.
    #[error(transparent)]
    Sheets(sheets::SheetsError),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Kind;

    #[test]
    fn a_list_shows_initials_and_ten_years() {
        let brief = Brief::default().with(Kind::Name, "Ruth van Abernathy").with(Kind::Birth, "1984-03-27").with(Kind::Text, "asthma");
        assert_eq!(brief, Brief { initials: "RA".into(), born: Some(1984) });
        let now = 1_795_303_800_000_000;
        assert_eq!(brief.band(now).as_deref(), Some("40–49"));
        assert_eq!(Brief { born: Some(1901), ..brief.clone() }.band(now).as_deref(), Some("90+"));
        assert_eq!(Brief { born: Some(2026), ..brief }.band(now).as_deref(), Some("0–9"));
        assert_eq!(Brief::default().band(now), None);
    }
}
