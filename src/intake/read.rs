//! Reading: what a list shows, one field at a time for a purpose, and the account of who read what.
//! Must stay true: a field is opened only after its entry is committed, and the entry names record, field and purpose.

use zeroize::Zeroizing;

use super::{Error, NOTES, PAGE_MAX, PHONE, PURPOSES, Record, TEXTS, gone_or, number_ix, person_ix, sql, value_row};
use crate::core::clock::SECOND;
use crate::core::id::{DisclosureId, IntakeId, NoteId, PersonId};
use crate::db::{Db, DbError, Detail};
use crate::http::templates::both_times;
use crate::notices::Notice;
use crate::policy::{Act, Permit};
use crate::vault::{OpenError, Place};

/// An act takes no longer.
const MERGING_FOR: i64 = 5 * SECOND;
/// Sorts after every record's id.
const LAST: &str = "itk_g";

crate::row! {
    struct Latest { version: i64, sealed: Option<Vec<u8>> }
}

crate::row! {
    /// One version of an answer, without what it says.
    #[derive(Clone, Debug)]
    pub struct Version {
        /// The field.
        pub field: String,
        /// The version of the record that it made.
        pub version: i64,
        /// What it says.
        pub sealed: Option<Vec<u8>>,
        /// Who corrected it; none when the patient said it.
        pub person: Option<String>,
        /// When.
        pub made_at: i64,
    }
}

crate::row! {
    /// Somebody read something of a record.
    #[derive(Clone, Debug)]
    pub struct Disclosure {
        /// `reveal`, `break_glass`, or the format of an export.
        pub kind: String,
        /// Fields, with spaces between.
        pub fields: String,
        /// One of [`PURPOSES`].
        pub purpose: String,
        /// Who.
        pub person: String,
        /// When.
        pub made_at: i64,
        /// The log of its entry.
        pub entry_log: Option<i64>,
        /// The place there.
        pub entry_seq: Option<i64>,
    }
}

crate::row! {
    /// A note.
    #[derive(Clone, Debug)]
    pub struct Note {
        /// Id.
        pub id: NoteId,
        /// What it says.
        pub sealed: Option<Vec<u8>>,
        /// Who wrote it.
        pub person: String,
        /// When.
        pub made_at: i64,
    }
}

/// Which records are looked for.
#[derive(Clone, Debug, Default)]
pub enum Look {
    /// All.
    #[default]
    All,
    /// Those in a state.
    State(String),
    /// Those of a number.
    Number(String),
    /// Those of a person, by name and date of birth.
    Person(String, String),
}

/// The record of this id.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, id: &IntakeId) -> Result<Option<Record>, Error> {
    Ok(db.query(sql::BY_ID).bind(id).optional().await?)
}

/// One page of records, newest first, and whether more follow.
///
/// # Errors
/// When the database fails.
pub async fn page(db: &Db, look: &Look, after: Option<&IntakeId>) -> Result<(Vec<Record>, bool), Error> {
    let (start, fetch) = (after.map_or(LAST, IntakeId::as_str), i64::try_from(PAGE_MAX + 1).unwrap_or(i64::MAX));
    let query = match look {
        Look::All => db.query(sql::PAGE).bind(start).bind(fetch),
        Look::State(state) => db.query(sql::PAGE_OF_STATE).bind(start).bind(fetch).bind(state.as_str()),
        Look::Number(e164) => db.query(sql::OF_NUMBER).bind(number_ix(db, e164)).bind(start).bind(fetch),
        Look::Person(name, birth) => db.query(sql::OF_PERSON).bind(person_ix(db, name, birth)).bind(start).bind(fetch),
    };
    let mut records: Vec<Record> = query.all().await?;
    let more = records.len() > PAGE_MAX;
    records.truncate(PAGE_MAX);
    Ok((records, more))
}

/// The version and the sealed bytes of the newest answer to a field.
pub(super) async fn latest(db: &Db, id: &IntakeId, field: &str) -> Result<Option<(i64, Vec<u8>)>, Error> {
    let row: Option<Latest> = db.query(sql::LATEST_VALUE).bind(id).bind(field).optional().await?;
    Ok(row.and_then(|row| Some((row.version, row.sealed?))))
}

/// Opens an answer.
pub(super) async fn open_value(db: &Db, id: &IntakeId, field: &str, version: i64, sealed: &[u8]) -> Result<Zeroizing<String>, OpenError> {
    let row = value_row(id, field, version);
    db.vault().unseal_padded(&Place { table: "intake_value", row: &row, column: "sealed" }, sealed).await
}

/// Every version of every answer, newest first, at most two hundred.
///
/// # Errors
/// When the database fails.
pub async fn versions(db: &Db, id: &IntakeId) -> Result<Vec<Version>, Error> {
    Ok(db.query(sql::VALUES).bind(id).all().await?)
}

/// What somebody reads, and what for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// A field of the flow, or [`PHONE`].
    pub field: &'a str,
    /// A version of it; none for the newest.
    pub version: Option<i64>,
    /// One of [`PURPOSES`].
    pub purpose: &'a str,
    /// In their words.
    pub note: &'a str,
}

/// Enters that a field is read, and gives it. `kind` is `reveal` or `break_glass`; `alarms` leave with the entry.
///
/// # Errors
/// [`Error::NotFound`] for a field that has no answer, [`Error::Gone`] for what was shredded.
pub async fn reveal<A: Act>(
    db: &Db,
    permit: Permit<A>,
    record: &Record,
    by: &PersonId,
    wanted: Wanted<'_>,
    kind: &'static str,
    alarms: Vec<Notice>,
) -> Result<Zeroizing<String>, Error> {
    debug_assert!(PURPOSES.contains(&wanted.purpose));
    if !record.is_there() {
        return Err(Error::Gone);
    }
    let text = value(db, record, wanted).await?;
    told(db, permit, record, by, wanted, kind, alarms, |detail| detail).await?;
    Ok(text)
}

/// Enters that something of a record is read, unless it was destroyed in this moment; `more` is what else the entry says.
#[expect(clippy::too_many_arguments, reason = "each is a part of the entry")]
pub(super) async fn told<A: Act>(
    db: &Db,
    permit: Permit<A>,
    record: &Record,
    by: &PersonId,
    wanted: Wanted<'_>,
    kind: &'static str,
    alarms: Vec<Notice>,
    more: impl FnOnce(Detail) -> Detail,
) -> Result<(), Error> {
    let id = DisclosureId::new(db.clock(), db.rng());
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    // Whoever destroys it waits here too: what was destroyed first is told no more.
    tx.query(sql::LOCK_HOLDS).execute().await?;
    let erased: i64 = tx.query(sql::IS_ERASED).bind(&record.id).scalar().await?;
    if erased > 0 {
        return Err(Error::Gone);
    }
    let insert = tx.write(sql::INSERT_DISCLOSURE).bind(&id).bind(&record.id).bind(kind).bind(wanted.field).bind(wanted.purpose);
    insert.bind(by).bind(now).execute().await?;
    for alarm in alarms {
        alarm.insert(&mut tx).await?;
    }
    let detail = more(Detail::ok().with("field", wanted.field).with("purpose", wanted.purpose).with("disclosure", id.as_str()));
    let detail = if wanted.note.is_empty() { detail } else { detail.personal("note", wanted.note) };
    tx.commit(permit, if let Some(version) = wanted.version { detail.with("version", version) } else { detail }).await?;
    Ok(())
}

/// Enters that somebody tried to read without the right, and there was nothing; `alarms` leave with the entry. Otherwise numbers
/// could be tried, to learn which have a record.
///
/// # Errors
/// When the database fails.
pub async fn in_vain<A: Act>(db: &Db, permit: Permit<A>, number: &str, purpose: &'static str, note: &str, alarms: Vec<Notice>) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    for alarm in alarms {
        alarm.insert(&mut tx).await?;
    }
    let detail = Detail::failed("nothing_found").with("purpose", purpose).personal("number", number);
    tx.commit(permit, if note.is_empty() { detail } else { detail.personal("note", note) }).await?;
    Ok(())
}

pub(super) async fn value(db: &Db, record: &Record, wanted: Wanted<'_>) -> Result<Zeroizing<String>, Error> {
    if wanted.field == PHONE {
        return record.number(db).await?.map(Zeroizing::new).ok_or(Error::NotFound);
    }
    if wanted.field == NOTES {
        let all = notes(db, record).await?;
        let text = all.iter().map(|(note, text)| format!("{}: {text}", note.person)).collect::<Vec<_>>().join("\n\n");
        return if all.is_empty() { Err(Error::NotFound) } else { Ok(Zeroizing::new(text)) };
    }
    if wanted.field == TEXTS && wanted.version.is_none() {
        return texts(db, record).await;
    }
    let found = match wanted.version {
        None => latest(db, &record.id, wanted.field).await?,
        Some(version) => {
            let all = versions(db, &record.id).await?;
            all.into_iter().find(|v| v.field == wanted.field && v.version == version).and_then(|v| Some((v.version, v.sealed?)))
        }
    };
    let (version, sealed) = found.ok_or(Error::NotFound)?;
    gone_or(open_value(db, &record.id, wanted.field, version, &sealed).await)?.ok_or(Error::Gone)
}

crate::row! {
    struct Text { version: i64, sealed: Option<Vec<u8>>, made_at: i64 }
}

/// What was texted after the conversation, oldest first, each with its time.
async fn texts(db: &Db, record: &Record) -> Result<Zeroizing<String>, Error> {
    let all: Vec<Text> = db.query(sql::TEXTS_OF).bind(&record.id).all().await?;
    let mut out = Zeroizing::new(String::new());
    for text in &all {
        let Some(sealed) = &text.sealed else { return Err(Error::Gone) };
        let said = gone_or(open_value(db, &record.id, TEXTS, text.version, sealed).await)?.ok_or(Error::Gone)?;
        if !out.is_empty() {
            out.push_str("\n\n");
        }
        out.push_str(&both_times(text.made_at, "UTC").0);
        out.push_str(": ");
        out.push_str(&said);
    }
    if all.is_empty() { Err(Error::NotFound) } else { Ok(out) }
}

/// Who read what of a record, of those that went into it, and of the one it went into since, newest first: fields and exports, at most two hundred of each.
///
/// # Errors
/// When the database fails.
pub async fn disclosures(db: &Db, record: &Record) -> Result<Vec<Disclosure>, Error> {
    let mut group: Vec<Record> = vec![record.clone()];
    group.extend(db.query(sql::MERGED).bind(&record.id).all::<Record>().await?);
    let mut all = Vec::new();
    for one in &group {
        told_of(db, one, 0, &mut all).await?;
    }
    if let (Some(into), Some(since)) = (&record.merged_into, record.merged_at)
        && let Some(into) = find(db, into).await?
    {
        told_of(db, &into, since, &mut all).await?;
    }
    all.sort_by_key(|d| std::cmp::Reverse(d.made_at));
    Ok(all)
}

async fn told_of(db: &Db, record: &Record, since: i64, all: &mut Vec<Disclosure>) -> Result<(), Error> {
    let read: Vec<Disclosure> = db.query(sql::DISCLOSURES).bind(&record.id).all().await?;
    all.extend(read.into_iter().filter(|d| d.made_at >= since));
    let Some(ended) = record.ended_at else { return Ok(()) };
    // An export that began while it went into another may hold it: rather one too many than one too few.
    let merged = record.merged_at.map(|at| at + MERGING_FOR);
    let until = record.erased_at.into_iter().chain(merged).min().unwrap_or(i64::MAX);
    let exports: Vec<Disclosure> = db.query(sql::EXPORTS_OF).bind(ended).bind(record.flow.as_str()).bind(until).all().await?;
    all.extend(exports.into_iter().filter(|d| d.made_at >= since));
    Ok(())
}

/// Notes of a record with what they say, newest first; those that were shredded are left out.
///
/// # Errors
/// When a database fails.
pub async fn notes(db: &Db, record: &Record) -> Result<Vec<(Note, String)>, Error> {
    let rows: Vec<Note> = db.query(sql::NOTES).bind(&record.id).all().await?;
    let mut out = Vec::with_capacity(rows.len());
    for note in rows {
        let Some(sealed) = &note.sealed else { continue };
        let place = Place { table: "intake_note", row: note.id.as_str(), column: "sealed" };
        match db.vault().unseal_padded(&place, sealed).await {
            Ok(text) => out.push((note.clone(), text.as_str().to_owned())),
            Err(OpenError::Erased) => {}
            Err(error) => return Err(DbError::from(error).into()),
        }
    }
    Ok(out)
}
